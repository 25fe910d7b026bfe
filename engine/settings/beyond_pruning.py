"""What is asked for beyond pruning: detectors and repairs."""

from __future__ import annotations

from dataclasses import replace

from bdtui.engine.settings.run_settings import RunSettings
from bdtui.engine.settings.words import AUTO


def with_all_said(settings: RunSettings) -> RunSettings:
    """The same settings without ``--all``: what it means stands under ``--detect`` and ``--repair``."""
    if not settings.all:
        return settings
    return replace(settings, all=False, detect=settings.detect or (AUTO,), repair=settings.repair or (AUTO,))
