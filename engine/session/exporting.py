"""Writes what a session holds into a folder: the curve, the networks, and what was found besides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bdtui.engine.events import Event, OrderCompared
from bdtui.engine.exports.formats import asked_formats
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.file_names import RESULTS
from bdtui.engine.runs.folder import holds_another_run
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.journal_folder import open_run_folder
from bdtui.engine.runs.preparation import PreparedRun
from bdtui.engine.runs.run import export_run, keep_in_journal
from bdtui.engine.session.findings import Findings
from bdtui.engine.session.moves_journal import SessionJournal
from bdtui.engine.session.requests import Export


def export_session(
    prepared: PreparedRun,
    request: Export,
    folder: Path,
    kept: SessionJournal,
    findings: Findings,
    reporter: Reporter,
) -> None:
    """Finish a run as the person left it, and write its files.

    Args:
        prepared: what is open, in the order in which channels were pruned.
        request: the further formats that were asked for.
        folder: where to.
        kept: the session's journal.
        findings: what was found besides the curve.
        reporter: receives progress.

    Raises:
        InputError: a format is not known, or the folder holds another run.
        OutputError: a file cannot be written.
        Interrupted: the reporter requested a stop.
    """
    asked_formats(request.formats)
    settings = replace(prepared.inputs.settings, formats=request.formats or None, compact=request.compact)
    prepared = replace(prepared, inputs=replace(prepared.inputs, settings=settings))
    with _journal_for(folder, prepared, kept, findings, reporter) as journal:
        export_run(prepared, folder, journal, reporter=_without_comparison(reporter))


@contextmanager
def _journal_for(
    folder: Path,
    prepared: PreparedRun,
    kept: SessionJournal,
    findings: Findings,
    reporter: Reporter,
) -> Iterator[Journal]:
    """The journal of a folder: the session's own, which ends with the export, or that of another folder."""
    own = kept.journal_of(folder)
    if own is not None:
        if (folder / RESULTS).exists():
            raise holds_another_run(folder)
        yield own
        kept.leave()
        return
    evaluator, inputs = prepared.evaluator, prepared.inputs
    with open_run_folder(folder, inputs.settings, inputs.sha256) as journal:
        measured = evaluator.measured
        keep_in_journal(prepared, journal, reporter)
        journal.keep_compared(kept.compared)
        prepared.suspects.keep_in(journal)
        findings.keep_in(folder, prepared, journal)
        try:
            yield journal
        finally:
            evaluator.keep_measured_in(measured)


def _without_comparison(reporter: Reporter) -> Reporter:
    """A reporter for an export: the comparison that a screen shows is not made again by it."""

    def emit(event: Event) -> None:
        if not isinstance(event, OrderCompared):
            reporter.emit(event)

    return Reporter(emit, lambda: reporter.stop_requested)
