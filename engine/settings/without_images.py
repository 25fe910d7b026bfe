"""A run without any image: the network is examined, and nothing else can be done with it."""

from __future__ import annotations

from bdtui.engine.settings.beyond_pruning import with_all_said
from bdtui.engine.settings.run_settings import RunSettings
from bdtui.engine.settings.words import ROLES

_NOTHING = (None, ("none",))


def is_without_images(settings: RunSettings) -> bool:
    """Whether a run only looks for a backdoor, and is given no image to do so."""
    if settings.sample or settings.trigger or any(getattr(settings, role) is not None for role in ROLES):
        return False
    asked = with_all_said(settings)
    return asked.detect not in _NOTHING and asked.repair in _NOTHING and asked.compare is None
