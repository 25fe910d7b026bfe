"""The reports of a run, each made from its record: while it ends, or again from its results.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bdtui.engine.machine.atomic_files import json_text
from bdtui.engine.reports.file_names import MODEL_CARD, PAGE, REPORT, SARIF
from bdtui.engine.reports.markdown import write_report_text
from bdtui.engine.reports.model_card import write_model_card
from bdtui.engine.reports.page.attached import attach
from bdtui.engine.reports.page.page import write_page
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.sarif import sarif_log
from bdtui.engine.reports.verdict import judge


def reports_of(run: RunRecord, folder: Path, sha256: Mapping[str, str]) -> dict[str, str]:
    """The texts of all reports of a run, by file name; of those that do not fit it none.

    Args:
        run: the run.
        folder: with its other files, of which any may be missing.
        sha256: of those files by name, as far as that is known.
    """
    reports = {REPORT: write_report_text(run), PAGE: write_page(run, attach(run, folder, sha256))}
    recommended = judge(run).recommended
    card = write_model_card(run, None if recommended is None else sha256.get(recommended))
    if card is not None:
        reports[MODEL_CARD] = card
    findings = sarif_log(run, Path.cwd())
    if findings is not None:
        reports[SARIF] = json_text(findings)
    return reports
