"""The journal of an app session: the first move creates it, so that viewing alone writes no files.

A journal that cannot be kept never stands in the person's way: the app shows a notice once and goes on without.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import tomlkit  # noqa: F401 (now, while TensorFlow is loaded, and not at the first move, which a person waits for)

from bdtui.engine.errors import InputError
from bdtui.engine.evaluation.measurements import Measured, Measurement
from bdtui.engine.event_values import ComparedOrder
from bdtui.engine.events import Notice, SessionKept
from bdtui.engine.inputs.opening import OpenedInputs
from bdtui.engine.pruning.moves import ChooseLayer, ChooseRanking, Move
from bdtui.engine.rates import Rates
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.folder import discard_partials
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.journal_folder import open_run_folder
from bdtui.engine.runs.preparation import PreparedRun, identify_inputs, image_counts
from bdtui.engine.runs.suspect_triggers import SuspectTriggers
from bdtui.engine.settings import RunSettings


class _LayerRates(UserDict[Measurement, Rates]):
    """What was measured of one layer: in memory, and in the journal while there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.channels = 0
        self._journalled: Measured | None = None

    def __setitem__(self, measurement: Measurement, rates: Rates) -> None:
        if self._journalled is not None:
            self._journalled[measurement] = rates
        super().__setitem__(measurement, rates)

    def keep_in(self, journal: Journal | None, layer: str) -> None:
        """Keep all of it in a journal from now on, and know what that knows; None for in memory only."""
        self._journalled = None if journal is None else journal.measured(layer, self.channels)
        if self._journalled is not None:
            for measurement, rates in self.data.items():
                self._journalled.setdefault(measurement, rates)
            self.data = {**self._journalled, **self.data}


class SessionJournal:
    """Keeps what a person does with one opened network, from the first move or compared order on.

    Choosing layers and rankings alone is looking, and begins no journal; it is in the journal that a later move begins.

    Args:
        reporter: gets a notice when nothing can be kept.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._held = ExitStack()
        self._journal: Journal | None = None
        self._folder: Path | None = None
        self._inputs: OpenedInputs | None = None
        self._suspects: SuspectTriggers | None = None
        self._moves: list[Move] = []
        self._rates: dict[str, _LayerRates] = {}
        self._here: tuple[str, int] | None = None
        self.compared: list[ComparedOrder] = []
        """The layers and rankings that were compared, in the order in which they were measured."""

    @property
    def folder(self) -> Path | None:
        """Where the journal is; None before it is begun, and while it cannot be kept."""
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

    def attach(self, opened: PreparedRun) -> None:
        """Let the network that was opened know what the journal knows; moves begin at its layer and ranking."""
        self._inputs, self._suspects = opened.inputs, opened.suspects
        if self._journal is not None:
            identify_inputs(opened.inputs, self._journal, self._reporter)
            self.compared = self._journal.compared(*image_counts(opened))
        self.attach_layer(opened)
        self.stand_at(opened)

    def stand_at(self, prepared: PreparedRun) -> None:
        """Keep which layer the person works on."""
        self._here = prepared.evaluator.source.profiled.name, prepared.evaluator.channels
        if self._journal is not None:
            self._journal.stand_at(*self._here)

    def attach_layer(self, prepared: PreparedRun) -> None:
        """Let a layer that was just profiled know what was measured of it, and keep what will be."""
        evaluator = prepared.evaluator
        layer = evaluator.source.profiled.name
        if layer not in self._rates:
            self._rates[layer] = rates = _LayerRates()
            rates.channels = evaluator.channels
            rates.keep_in(self._journal, layer)
        evaluator.keep_measured_in(self._rates[layer])

    def keep_moves(self, moves: Sequence[Move], folder: Path) -> None:
        """Keep moves that were made; the first that prunes begins the journal in ``folder``, which holds no run."""
        self._moves += moves
        if self._journal is not None:
            self._journal.keep_moves(moves)
        elif not all(isinstance(move, ChooseLayer | ChooseRanking) for move in self._moves):
            self._begin(folder)

    def keep_compared(self, order: ComparedOrder, folder: Path) -> None:
        """Keep an order that was compared; the first begins the journal in ``folder``, which holds no run."""
        self.compared.append(order)
        if self._journal is not None:
            self._journal.keep_compared([order])
        else:
            self._begin(folder)

    def begun(self, folder: Path) -> tuple[Path, Journal]:
        """The folder and the journal, begun in ``folder``, which holds no run, where there is none yet."""
        if self._journal is None:
            self._begin(folder)
        assert self._journal is not None
        return self._folder or folder, self._journal

    def leave(self) -> None:
        """Let go of the folder; what is kept there stays. The next move begins a journal with all that was so far."""
        for layer, rates in self._rates.items():
            rates.keep_in(None, layer)
        if self._suspects is not None:
            self._suspects.keep_in(Journal(None))
        self._held.close()
        self._journal = self._folder = None

    def _begin(self, folder: Path) -> None:
        inputs = self._inputs
        assert inputs is not None
        try:
            self._journal = self._held.enter_context(open_run_folder(folder, inputs.settings, inputs.sha256))
        except InputError as problem:
            self._notify_loss(problem)
            self._journal = Journal(None)
            return
        self._folder = folder
        self._journal.on_loss = self._notify_loss
        identify_inputs(inputs, self._journal, self._reporter)
        for layer, rates in self._rates.items():
            rates.keep_in(self._journal, layer)
        if self._suspects is not None:
            self._suspects.keep_in(self._journal)
        if self._here is not None:
            self._journal.stand_at(*self._here)
        self._journal.keep_compared(self.compared)
        self._journal.keep_moves(self._moves)
        self._reporter.emit(SessionKept(str(folder)))

    def _notify_loss(self, problem: InputError) -> None:
        self._reporter.emit(Notice(f"autosave stopped: {problem}"))
