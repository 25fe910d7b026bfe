"""The journal of an app session: the first move creates it, so that viewing alone writes no files.

A journal that cannot be kept never stands in the person's way: the app shows a notice once and goes on without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import tomlkit  # noqa: F401 (now, while TensorFlow is loaded, and not at the first move, which a person waits for)

from bdtui.engine.errors import InputError
from bdtui.engine.events import Notice, SessionKept
from bdtui.engine.pruning.moves import Move
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.folder import discard_partials
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.journal_folder import open_run_folder
from bdtui.engine.runs.preparation import PreparedRun
from bdtui.engine.runs.run import keep_in_journal
from bdtui.engine.settings import RunSettings


class SessionJournal:
    """Keeps what a person does with one opened network, from the first move on.

    Args:
        reporter: gets a notice when nothing can be kept.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._held = ExitStack()
        self._journal: Journal | None = None
        self._folder: Path | None = None
        self._moves: list[Move] = []

    @property
    def folder(self) -> Path | None:
        """Where the journal is; None before the first move, and while it cannot be kept."""
        return self._folder

    def journal_of(self, folder: Path) -> Journal | None:
        """The journal, if it lies in that folder."""
        return self._journal if folder == self._folder else None

    def go_on(self, folder: Path, settings: RunSettings, sha256: Mapping[str, str]) -> list[Move]:
        """Take up the session that a folder holds.

        Args:
            folder: of the session.
            settings: what was opened, should the folder have no journal.
            sha256: hashes of the inputs.

        Returns:
            The moves made there.

        Raises:
            InputError: the folder cannot be held or its journal is none.
        """
        self._journal = self._held.enter_context(open_run_folder(folder, settings, sha256, may_hold_run=True))
        discard_partials(folder)
        self._folder = folder
        self._journal.on_loss = self._notify_loss
        self._moves = self._journal.moves
        self._reporter.emit(SessionKept(str(folder)))
        return list(self._moves)

    def keep_moves(self, moves: Sequence[Move], folder: Path, prepared: PreparedRun) -> None:
        """Keep moves that were made; the first ones begin the journal in ``folder``, which holds no run."""
        self._moves += moves
        if self._journal is None:
            self._begin(folder, prepared)
        else:
            self._journal.keep_moves(moves)

    def begin_anew(self, prepared: PreparedRun) -> None:
        """Say that another layer or order is pruned now, from step 0."""
        self._moves.clear()
        if self._journal is not None:
            keep_in_journal(prepared, self._journal, self._reporter, anew=True)

    def attach(self, prepared: PreparedRun) -> None:
        """Let a network that was just profiled know what the journal knows, and keep what is measured of it."""
        if self._journal is not None:
            keep_in_journal(prepared, self._journal, self._reporter)

    def leave(self) -> None:
        """Let go of the folder; what is kept there stays. The next move begins a journal with all moves so far."""
        self._held.close()
        self._journal = self._folder = None

    def _begin(self, folder: Path, prepared: PreparedRun) -> None:
        inputs = prepared.inputs
        try:
            self._journal = self._held.enter_context(open_run_folder(folder, inputs.settings, inputs.sha256))
        except InputError as problem:
            self._notify_loss(problem)
            self._journal = Journal(None)
            return
        self._folder = folder
        self._journal.on_loss = self._notify_loss
        keep_in_journal(prepared, self._journal, self._reporter)
        self._journal.keep_moves(self._moves)
        self._reporter.emit(SessionKept(str(folder)))

    def _notify_loss(self, problem: InputError) -> None:
        self._reporter.emit(Notice(f"autosave stopped: {problem}"))
