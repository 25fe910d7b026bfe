"""The network a person works on: opened, profiled, and pruned as they wish, move by move.

It fulfils requests one at a time and emits all that a screen shows. What nobody waits for (steps that were
jumped over, rates on the test sets) is measured in between, in small pieces.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import tensorflow as tf

from bdtui.engine.errors import DeviceLost, Interrupted, OptionError
from bdtui.engine.event_values import Threshold
from bdtui.engine.events import (
    ComparisonBegun,
    ComparisonEnded,
    EngineReady,
    Event,
    ExportPlanned,
    NothingOpen,
    Notice,
    PicturesTaken,
    PositionReached,
    Progress,
    SessionOpened,
    VerdictReached,
)
from bdtui.engine.inputs.opening import describe_layer
from bdtui.engine.inputs.thumbnails import take_pictures
from bdtui.engine.machine.device import prepare_backend
from bdtui.engine.machine.device_failures import explain_device_failures
from bdtui.engine.pruning.comparison import best_first
from bdtui.engine.pruning.curve import known_steps
from bdtui.engine.pruning.moves import Move, Position
from bdtui.engine.pruning.rankings import RANKINGS, check_ranking
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.file_names import RESULTS, RUN_FILES
from bdtui.engine.reports.saved_models import planned_thresholds
from bdtui.engine.reports.verdict import judge
from bdtui.engine.runs.compared_layers import layers_to_compare
from bdtui.engine.runs.comparison import (
    compare_order,
    known_places,
    only_progress,
    places_to_compare,
)
from bdtui.engine.runs.finish import run_record
from bdtui.engine.runs.folder import planned_folder, unused_folder
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.preparation import PreparedRun, prepare_run
from bdtui.engine.runs.profiled_layers import ProfiledLayers
from bdtui.engine.session.comparison import Comparison
from bdtui.engine.session.exploration import Exploration, Ground
from bdtui.engine.session.exporting import export_session
from bdtui.engine.session.findings import Findings
from bdtui.engine.session.gallery import Gallery
from bdtui.engine.session.ground import ground_of, profile_of
from bdtui.engine.session.jobs import Jobs
from bdtui.engine.session.moves_journal import SessionJournal
from bdtui.engine.session.requests import (
    Compare,
    Detect,
    Export,
    KeepScreened,
    NextThreshold,
    OfferRepairs,
    Open,
    RepairNetwork,
    Request,
    ScreenImages,
    ShowPictures,
    UseTrigger,
)
from bdtui.engine.session.reversing import Reversing
from bdtui.engine.settings import POISONED_VALID, RunSettings, check_thresholds

_REST_SECONDS, _LOOK_SECONDS = 0.4, 0.004
_PICTURES = 6
"""Of every image set, how many are shown."""


class Session:
    """Holds what is open and where the person stands.

    Args:
        reporter: receives every event; is asked whether to stop.
        settings: their device and seed are used; the rest comes with `Open`.
        out: where the first export goes; None for a new folder under ``bdtui-runs/``.

    Attributes:
        jobs: long work that is still to be done; the engine's thread takes it from here.
    """

    def __init__(self, reporter: Reporter, settings: RunSettings, out: Path | None = None) -> None:
        self._reporter = reporter
        self._out = out
        self._opening_events: list[Event] = []
        self._idle_failed = False
        self._judged: tuple[Threshold, ...] | None = None
        self._prepared: PreparedRun | None = None
        self._layers: ProfiledLayers | None = None
        self._exploration: Exploration | None = None
        self._gallery: Gallery | None = None
        self._comparison: Comparison | None = None
        self._findings: Findings | None = None
        self._reversing: Reversing | None = None
        self.jobs = Jobs(reporter)
        self._folder: Path | None = None
        self._kept = SessionJournal(reporter)
        device = prepare_backend(settings.device, settings.seed)
        reporter.emit(EngineReady(tf.__version__, keras.__version__, device))

    def fulfil(self, request: Request) -> None:
        """Do what was asked for; whatever goes wrong, what is open stays as it was.

        Raises:
            InputError: it cannot be done.
            Interrupted: the reporter requested a stop.
        """
        with self._explain_how_to_resume():
            match request:
                case Open():
                    self._open(request)
                case Compare():
                    self._compare(request.layers)
                case NextThreshold():
                    self._current_exploration().go_to_next_threshold()
                case Export():
                    self._export(request)
                case ShowPictures():
                    self._current_exploration()
                    assert self._gallery is not None
                    self._gallery.turn_to(request)
                    self._show_pictures(self._reporter)
                case Move():
                    self.move([request])
                case _:
                    self._look_beyond_pruning(request)

    def _look_beyond_pruning(self, request: Request) -> None:
        findings = self._current_findings()
        match request:
            case Detect():
                findings.detect(request)
            case UseTrigger():
                exploration = self._current_exploration()
                stand_in = findings.stand_in() if request.use else None
                exploration.estimate_of = stand_in or (lambda layer, pruned: None)
                exploration.emit_position()
            case ScreenImages():
                findings.screen(request.path)
            case KeepScreened():
                findings.keep_screened()
            case OfferRepairs():
                assert self._folder is not None
                findings.offer_repairs(self._kept.folder or self._folder)
            case RepairNetwork():
                findings.repair(request)
            case _:
                raise TypeError(f"{request!r} is not a request")

    def move(self, moves: Sequence[Move]) -> None:
        """Make several moves at once; only where they end is measured.

        Raises:
            InputError: nothing is open, or there is no such channel, layer or ranking.
            Interrupted: the reporter requested a stop; the position is the one before.
        """
        with self._explain_how_to_resume():
            exploration = self._current_exploration()
            exploration.move([self._current_layers().named_in_full(move) for move in moves])

    @contextmanager
    def _explain_how_to_resume(self) -> Iterator[None]:
        """Raise `DeviceLost` with the command that resumes the session where the GPU vanishes."""
        try:
            with explain_device_failures():
                yield
        except DeviceLost as lost:
            again = f"bdtui --resume --out {self._kept.folder}" if self._kept.folder else "bdtui"
            raise DeviceLost(f"{lost}; nothing more can be computed here; quit, then resume with {again}") from lost

    def idle(self, reporter: Reporter) -> bool:
        """Measure one pending item in the background; False when none is left.

        Raises:
            Interrupted: ``reporter`` requested a stop; nothing is lost but the piece at hand.
        """
        return self.catch_up(reporter) or self._in_background(lambda: self._compare_next(reporter))

    def catch_up(self, reporter: Reporter) -> bool:
        """Measure one pending item of where the person stands; False when none is left.

        Raises:
            Interrupted: ``reporter`` requested a stop; nothing is lost but the piece at hand.
        """
        return self._in_background(
            lambda: self._current_exploration().measure_ahead(reporter) or self._show_pictures(reporter, rested=False)
        )

    def _in_background(self, measure: Callable[[], bool]) -> bool:
        if self._exploration is None or self._idle_failed:
            return False
        try:
            with self._explain_how_to_resume():
                return measure()
        except Interrupted:
            raise
        except Exception:
            # It would fail again after every key.
            self._idle_failed = True
            self._end_comparison("comparison failed; see the log")
            raise

    def _show_pictures(self, reporter: Reporter, *, rested: bool = True) -> bool:
        """Show the page of images anew where the network has changed; False where it has not."""
        pruned = self._current_exploration().position.pruned
        if self._gallery is None or self._gallery.is_current(pruned):
            return False
        if not rested:
            _rest(reporter)
        self._gallery.show(pruned, reporter)
        return True

    def _begun(self) -> tuple[Path, Journal]:
        """The folder and the journal of the session, which this begins."""
        assert self._folder is not None
        return self._kept.begun(self._folder)

    def stop_comparing(self) -> None:
        """Measure no further layers and rankings; those that were measured are kept."""
        self._end_comparison("comparison stopped")

    def _open(self, request: Open) -> None:
        check_thresholds(request.settings.thresholds)
        check_ranking(request.settings.ranking)
        emitted: list[Event] = []

        def keep(event: Event) -> None:
            if not isinstance(event, Progress):
                emitted.append(event)

        reporter = self._reporter.also(keep)
        kept, moves = SessionJournal(self._reporter), []
        try:
            if request.resume_in is not None:
                moves = kept.go_on(request.resume_in, request.settings, request.expected_sha256)
            journal = None if kept.folder is None else kept.journal_of(kept.folder)
            prepared = prepare_run(request.settings, reporter, request.expected_sha256, journal=journal)
            kept.attach(prepared)
            # Its ranking may need reversed triggers, which take minutes in which a person may stop it.
            ground = ground_of(prepared, reporter)
            for role, images in prepared.inputs.data.items():
                reporter.emit(PicturesTaken(role, take_pictures(images, range(min(images.images, _PICTURES)))))
        except BaseException:
            kept.leave()
            self._emit_again()
            raise
        self._opening_events = emitted
        self._kept.leave()
        self._kept = kept
        self._gallery = None
        self._show(prepared, ground, moves)

    def _emit_again(self) -> None:
        """Emit once more what is open, after something else could not be opened."""
        if self._prepared is None or self._exploration is None or self._gallery is None:
            self._reporter.emit(NothingOpen())
            return
        self._gallery.turn_to(ShowPictures())
        for event in self._opening_events:
            if not isinstance(event, Notice):
                self._reporter.emit(event)
        self._reporter.emit(describe_layer(self._prepared.evaluator.source))
        self._reporter.emit(profile_of(self._prepared))
        self._exploration.emit_position()
        self._current_findings().emit_again()

    def _show(self, prepared: PreparedRun, ground: Ground, moves: Sequence[Move]) -> None:
        """Begin to explore a profiled network, where some moves lead to."""
        self._prepared, self._comparison, self._reversing = prepared, None, None
        self.jobs.drop()
        self._findings = Findings(self._opened, self._begun, self.jobs, self._judge_again, self._reporter)
        self._gallery = Gallery(prepared.evaluator)
        self._judged = None
        self._idle_failed = False
        self._layers = ProfiledLayers(prepared, self._kept.attach_layer)
        self._reporter.emit(profile_of(prepared))
        self._exploration = Exploration(
            ground,
            prepared.order,
            planned_thresholds(prepared.inputs.settings.thresholds, prepared.inputs.model),
            self._reporter.also(self._judge_position),
            self._keep_moves,
            lambda place: ground_of(self._current_layers().run_at(place, self._reporter), self._reporter),
            self._enter,
        )
        if moves:
            try:
                self._exploration.replay(moves)
            except BaseException:
                # Moves made now would be kept behind moves that were not made.
                self._kept.leave()
                self._prepared = self._exploration = self._layers = self._findings = None
                self._reporter.emit(NothingOpen())
                raise
        else:
            self._exploration.emit_position()
        self._reporter.emit(SessionOpened(self._opened().inputs.settings))
        self._plan_export()
        if self._kept.folder is not None:
            self._findings.restore()

    def _enter(self, position: Position) -> None:
        """Show the layer and the ranking that the person comes to."""
        before = self._opened()
        self._prepared = self._current_layers().run_at(position.place, self._reporter)
        self._kept.stand_at(self._prepared)
        self._judged = None
        self._idle_failed = False
        if self._prepared.evaluator is not before.evaluator:
            # Another layer does not turn the page.
            self._gallery = Gallery(self._prepared.evaluator, self._gallery.view if self._gallery else None)
            self._reporter.emit(describe_layer(self._prepared.evaluator.source))
        self._reporter.emit(profile_of(self._prepared))
        self._reporter.emit(SessionOpened(self._prepared.inputs.settings))

    def _judge_position(self, event: Event) -> None:
        """Say what follows from where the person stands, whenever more is known of the thresholds."""
        if isinstance(event, PositionReached) and event.thresholds != self._judged:
            self._judge(event.order, event.thresholds)

    def _judge(self, order: tuple[int, ...], thresholds: tuple[Threshold, ...]) -> None:
        prepared = self._opened().reordered(order)
        curve = list(known_steps(prepared.evaluator, order))
        compared = known_places(self._kept.compared, prepared).values()
        self._judged = thresholds
        found = self._current_findings()
        record = run_record(prepared, curve, thresholds, best_first(compared), found.repairs, found.detection)
        self._reporter.emit(VerdictReached(judge(record)))

    def _judge_again(self) -> None:
        """Say what follows from what was found besides the curve."""
        if self._judged is not None:
            self._judge(self._current_exploration().position.order, self._judged)

    def _compare(self, asked: Sequence[str]) -> None:
        """Begin to hold layers and rankings side by side; they are measured while nothing else is asked for."""
        opened = self._opened()
        layers = layers_to_compare(opened.inputs.model.network, asked, opened.evaluator.source.profiled.name)
        drops = check_thresholds(opened.inputs.settings.thresholds)
        places = places_to_compare(layers)
        self._idle_failed = False
        self._reversing = None
        self._comparison = Comparison(places, known_places(self._kept.compared, opened), self._reporter)
        poisoned = POISONED_VALID in opened.inputs.data
        self._reporter.emit(ComparisonBegun(drops, poisoned, len(places), opened.baseline_valid))
        self._comparison.emit_known()
        self._end_if_complete()

    def _compare_next(self, reporter: Reporter) -> bool:
        """Measure the next order; False when none is left."""
        if self._comparison is None:
            return False
        _rest(reporter)
        place, exploration, layers = self._comparison.next_place, self._current_exploration(), self._current_layers()
        needs_triggers = RANKINGS[place.ranking].needs_triggers
        if needs_triggers and self._reversing is None and not self._opened().suspects.is_found:
            # As a job: in the background, every key would begin it anew.
            self._reversing = Reversing(self._opened().suspects)
            self.jobs.add(self._reversing)
            return True
        # First, so that what the person works on stays among the layers that are kept.
        layers.run_at(exploration.position.place, reporter)
        prepared = layers.run_at(place, reporter)
        order = compare_order(prepared, place.ranking, only_progress(reporter))
        assert self._folder is not None
        self._kept.keep_compared(order, self._folder)
        self._comparison.add(place, order)
        if needs_triggers:
            exploration.know_more(ground_of(self._opened()))
        self._end_if_complete()
        return True

    def _end_if_complete(self) -> None:
        if self._comparison is not None and self._comparison.is_complete:
            self._end_comparison("comparison complete")

    def _end_comparison(self, sentence: str) -> None:
        ended, self._comparison = self._comparison, None
        if ended is None:
            return
        self._reporter.emit(ComparisonEnded(ended.conclusion(sentence)))
        self._judge_again()

    def _keep_moves(self, moves: Sequence[Move]) -> None:
        assert self._folder is not None
        self._kept.keep_moves(moves, self._folder)

    def _export(self, request: Export) -> None:
        exploration = self._current_exploration()
        prepared = self._opened().reordered(exploration.position.order)
        folder = request.out or self._folder
        assert folder is not None
        try:
            export_session(prepared, request, folder, self._kept, self._current_findings(), self._reporter)
        finally:
            exploration.mark_announced()
            exploration.emit_position()
            self._plan_export()

    def _plan_export(self) -> None:
        """Say where the next export would go: a folder that holds no run yet, but perhaps this session."""
        kept = self._kept.folder
        if kept is not None and not (kept / RESULTS).exists():
            self._folder = kept
        else:
            settings = self._opened().inputs.settings
            self._folder = unused_folder(self._out) if self._out else planned_folder(settings)
        self._reporter.emit(ExportPlanned(str(self._folder), RUN_FILES))

    def _opened(self) -> PreparedRun:
        if self._prepared is None:
            raise OptionError("nothing is open yet; expected a model and clean validation images first")
        return self._prepared

    def _current_layers(self) -> ProfiledLayers:
        self._opened()
        assert self._layers is not None
        return self._layers

    def _current_findings(self) -> Findings:
        self._opened()
        assert self._findings is not None
        return self._findings

    def _current_exploration(self) -> Exploration:
        self._opened()
        assert self._exploration is not None
        return self._exploration


def _rest(reporter: Reporter) -> None:
    """Wait until no key was pressed for a moment: while one is held, nobody looks at images or at a comparison.

    Raises:
        Interrupted: a request came.
    """
    end = time.monotonic() + _REST_SECONDS
    while time.monotonic() < end:
        reporter.checkpoint()
        time.sleep(_LOOK_SECONDS)
