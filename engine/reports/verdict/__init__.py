"""The verdict of a run: a sentence a file, joined by `judge`."""

from __future__ import annotations

from bdtui.engine.reports.verdict.detection import SUSPECTED
from bdtui.engine.reports.verdict.evidence import INCONCLUSIVE, MEASURED, NO_SIGN, NOT_EXAMINED
from bdtui.engine.reports.verdict.verdict import judge, results_json

__all__ = ["INCONCLUSIVE", "MEASURED", "NOT_EXAMINED", "NO_SIGN", "SUSPECTED", "SUSPICIOUS", "judge", "results_json"]

SUSPICIOUS = (MEASURED, SUSPECTED)
"""Verdicts that say that there is a backdoor."""
