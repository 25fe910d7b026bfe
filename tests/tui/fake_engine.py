"""Stands in for the engine's thread: answers at once, always the same, and without TensorFlow.

A person's moves are the real ones (`bdtui.engine.session.exploration`); files, profiles and rates are made up.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

from textual.app import App
from textual.pilot import Pilot

from bdtui.engine import events
from bdtui.engine.errors import OptionError
from bdtui.engine.evaluation.measurements import GOODNET, Evaluator, Measurement
from bdtui.engine.event_values import (
    FINDING,
    GOODNET_FATES,
    NEXT,
    RECOMMENDATION,
    SURVIVAL,
    WARNING,
    ChannelFigures,
    ComparedOrder,
    Picture,
    Threshold,
    Verdict,
)
from bdtui.engine.events import Event, LayerFound
from bdtui.engine.pruning.comparison import best_first, summarise_curve
from bdtui.engine.pruning.curve import draw_curve, find_threshold
from bdtui.engine.pruning.moves import GoTo, History, Move, Place, Position
from bdtui.engine.rates import NO_RATES, Rates, Share
from bdtui.engine.reporter import Emit, Reporter
from bdtui.engine.reports.file_names import RUN_FILES
from bdtui.engine.session.exploration import Exploration, Ground
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
from bdtui.engine.settings import ROLES, RunSettings
from bdtui.tui.app import BdtuiApp
from bdtui.tui.bars.status import StatusBar

SETTINGS = RunSettings(
    model=Path("faces/bd_net.h5"),
    clean_valid=Path("faces/cl/valid.h5"),
    poisoned_valid=Path("faces/bd/bd_valid.h5"),
    clean_test=Path("faces/cl/test.h5"),
    poisoned_test=Path("faces/bd/bd_test.h5"),
)
RANKED = tuple((7 * place + 3) % 60 for place in range(60))
"""The order in which the 60 channels go."""

THRESHOLD_STEPS = {2.0: 47, 4.0: 48, 10.0: 51}
"""The steps at which thresholds are reached in that order."""

OUT = "bdtui-runs/bd_net-1"
CLEAN_ACCURACY = 98.65
SCALE_TEXT = "Pixels are brought to 0…1 (÷ 255): clean accuracy is 98.7 % on 256 images with --preprocess unit, against 2.3 % raw."
WIDTH, HEIGHT = 47, 55
_IMAGES = {"clean_valid": 1200, "poisoned_valid": 1170, "clean_test": 2400, "poisoned_test": 2340}


@dataclass(frozen=True)
class World:
    """What there is to open.

    Attributes:
        channels: of the layer that is pruned by default; each is 7 places from the next in the order.
        poisoned: whether there are poisoned images.
        tested: whether there are test images.
        path: of the model.
        profiled: name of the pooling layer.
        pruned: name of the convolution before it.
        device: what is computed on.
        drops: the thresholds.
    """

    channels: int = 60
    poisoned: bool = True
    tested: bool = True
    path: str = "faces/bd_net.h5"
    profiled: str = "pool_3"
    pruned: str = "conv_3"
    device: str = "CPU"
    drops: tuple[float, ...] = (2.0, 4.0, 10.0)


class FakeEvaluator(Evaluator):
    """Makes rates up from the set of pruned channels: the last third of the order matters to accuracy, the last fifth
    to the ASR.
    """

    def __init__(self, channels: int, world: World) -> None:
        super().__init__()
        self.channels = channels
        self._world = world

    def measure(self, measurement: Measurement, reporter: Reporter) -> Rates:
        reporter.checkpoint()
        is_test, is_goodnet = measurement.part == "test", measurement.network == GOODNET
        if is_test and not self._world.tested:
            return NO_RATES
        accuracy, asr = _weights(self.channels)
        clean = CLEAN_ACCURACY - 97 * sum(accuracy[channel] for channel in measurement.pruned) - 0.4 * is_test
        attack = 100 - 100 * sum(asr[channel] for channel in measurement.pruned)
        poisoned = self._world.poisoned
        return Rates(
            clean=_share(clean),
            attack=_share(attack) if poisoned else None,
            clean_flagged=_share(3.25 * is_goodnet),
            poisoned_flagged=_share(61.5 * is_goodnet) if poisoned else None,
        )


def _share(percent: float) -> Share:
    return Share(round(max(0.0, percent) * 10_000), 1_000_000)


class FakeEngine:
    """Answers requests as the engine's thread does, in the thread of the one who asks.

    Args:
        emit: receives every event.
        world: what there is to open.

    Attributes:
        requests: all that was asked for, oldest first.
        stops: how often stop was requested.
        moves_made: of every time that moves were made, those that were made at once.
        opened: whether anything is open.
        found: what was found when the files were opened.
    """

    def __init__(self, emit: Emit, world: World = World()) -> None:
        self._emit = emit
        self._judged: tuple[Threshold, ...] | None = None
        self._paged: int | None = None
        self.view = ShowPictures()
        self._reporter = Reporter(emit)
        self.world = world
        self.requests: list[Request] = []
        self.moves_made: list[list[Move]] = []
        self.stops = 0
        self.opened = False
        self.found: list[Event] = []
        self._started = self._ready = False
        self._held = False
        self._at_hand = False
        self._waiting: list[Request] = []
        self._failure: tuple[str, str] | None = None
        self._layer = (world.profiled, world.pruned, world.channels)
        self._settings = SETTINGS
        self._evaluators: dict[str, FakeEvaluator] = {}
        self._compared: list[ComparedOrder] = []
        self._to_compare: list[Place] = []
        self._exploration: Exploration | None = None
        self._exports = 0

    # What the app asks for.

    def start(self) -> None:
        """Be ready at once, or when let go."""
        self.say(events.WorkStarted("loading TensorFlow"))
        self._started = True
        if not self._held:
            self._be_ready()
            self._work()

    def submit(self, request: Request) -> None:
        """Do it at once, or when let go."""
        self.requests.append(request)
        self._waiting.append(request)
        if not self._ready:
            return
        if self._held:
            self._take_up()
        else:
            self._work()

    def stop(self) -> None:
        """Drop what is held, and what is compared."""
        self.stops += 1
        if len(self._compared) < len(self._to_compare):
            self._to_compare.clear()
            self.say(events.ComparisonEnded("comparison stopped"))
        if self._at_hand:
            if isinstance(self._waiting[0], Open):
                self._emit_all_again()
            elif self._exploration is not None and isinstance(self._waiting[0], Move):
                self._exploration.emit_position()
            self.say(events.WorkStopped("stopped"), events.WorkEnded())
        self._at_hand = False
        self._waiting.clear()

    # What a test asks for.

    def hold(self) -> None:
        """Begin what comes next, but do not end it."""
        self._held = True

    def let_go(self) -> None:
        """End what is held; moves that wait together are made at once."""
        self._held = self._at_hand = False
        if self._started:
            if not self._ready:
                self._be_ready()
            self._work()

    def fail(self, sentence: str, details: str = "") -> None:
        """Fail at the next request."""
        self._failure = sentence, details

    def say(self, *said: Event) -> None:
        """Emit some events."""
        for event in said:
            self._emit(event)

    @property
    def last(self) -> Request | None:
        """The last request."""
        return self.requests[-1] if self.requests else None

    @property
    def position(self) -> Position:
        """Where the person stands."""
        assert self._exploration is not None
        return self._exploration.position

    def reached(self, step: int) -> events.PositionReached:
        """What the app receives of another step of the present order."""
        emitted: list[Event] = []
        self._explore(Reporter(emitted.append), self.position.order).move([GoTo(step)])
        return next(event for event in reversed(emitted) if isinstance(event, events.PositionReached))

    def profile(self) -> events.ChannelsProfiled:
        """The channels of the present layer."""
        channels = self._layer[2]
        place = {(7 * each + 3) % channels: each for each in range(channels)}
        by_weight = self._settings.ranking == "weight-norm"
        return events.ChannelsProfiled(
            self._settings.ranking,
            tuple(
                ChannelFigures(
                    channel=channel,
                    score=10.0 + channel % 7 if by_weight else 8.0 * (place[channel] / channels) ** 2,
                    poisoned_score=None if by_weight else self._poisoned(place[channel] / channels),
                    mean_activation=8.0 * (place[channel] / channels) ** 2,
                    max_activation=20.0 * place[channel] / channels,
                    firing_share=min(1.0, 1.6 * place[channel] / channels),
                    poisoned_mean_activation=self._poisoned(place[channel] / channels),
                    poisoned_firing_share=self._poisoned_share(place[channel] / channels),
                    weight_norm=10.0 + channel % 7,
                    silent=place[channel] < 2,
                )
                for channel in range(channels)
            ),
            "kernel norm (L1)" if by_weight else "mean activation",
            "kernel" if by_weight else "mean",
        )

    # The work.

    def _be_ready(self) -> None:
        self._ready = True
        self.say(events.EngineReady("2.21.0", "3.12.0", self.world.device), events.WorkEnded())

    def _take_up(self) -> None:
        """Begin the first that waits, as far as one sees it begin."""
        if self._at_hand:
            return
        self._at_hand = True
        request = self._waiting[0]
        self.say(events.WorkStarted(request.work))
        if isinstance(request, Move) and self.opened:
            wished = History.beginning_at(self.position).after(request, lambda place: self._ground_of(place).ranked)
            self.say(events.PositionWished(wished.present.step))

    def _work(self) -> None:
        while self._waiting:
            request = self._waiting.pop(0)
            self.say(events.WorkStarted(request.work))
            moves = [request] if isinstance(request, Move) else []
            while moves and self._waiting and isinstance(self._waiting[0], Move):
                moves.append(self._waiting.pop(0))
            try:
                if self._failure is not None:
                    (sentence, details), self._failure = self._failure, None
                    if isinstance(request, Open):
                        self._emit_all_again()
                    self.say(events.WorkFailed(request.work, sentence, details))
                else:
                    self._fulfil(request, moves)
            except OptionError as problem:
                self.say(events.WorkFailed(request.work, str(problem), ""))
            self.say(events.WorkEnded())
        while self._exploration is not None and self._exploration.measure_ahead(self._reporter):
            pass
        if self._exploration is not None and self._paged != self.position.step:
            self._show_pictures()

    def _fulfil(self, request: Request, moves: Sequence[Move]) -> None:
        if isinstance(request, Open):
            self._open(request.settings)
            return
        if self._exploration is None:
            raise OptionError("nothing is open yet; expected a model and clean validation images first")
        match request:
            case Compare():
                self._compare(request)
            case ShowPictures():
                self.view = request
                self._show_pictures()
            case NextThreshold():
                self._exploration.go_to_next_threshold()
            case Export():
                self._export(self._exploration, request.out)
            case Detect() | UseTrigger() | OfferRepairs() | RepairNetwork() | ScreenImages() | KeepScreened():
                # A test says what comes of it.
                pass
            case _:
                self.moves_made.append(list(moves))
                self._exploration.move(moves)

    def _open(self, settings: RunSettings) -> None:
        self.opened = True
        self._settings = settings
        self.found = list(self._findings(settings))
        self._exports = 0
        self._paged, self.view = None, ShowPictures()
        self.say(*self.found)
        self._evaluators.clear()
        self._layer = self._layers()[settings.layer if settings.layer in self._layers() else self.world.profiled]
        self.say(events.LayerChosen(*self._layer, silent=2))
        self._begin(settings.ranking)

    def _findings(self, settings: RunSettings) -> Iterator[Event]:
        sizes = ((None, 55, 47, 3), (None, 52, 44, 20), (None, 26, 22, 20), (None, 24, 20, 40), (None, 12, 10, 40))
        names = ("input", "conv_1", "pool_1", "conv_2", "pool_2")
        kinds = ("InputLayer", "Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D")
        parameters = (0, 980, 0, 7240, 0)
        counts = (None, 20, 20, 40, 40)
        found = [LayerFound(*each) for each in zip(names, kinds, sizes, parameters, counts, strict=True)]
        channels = self.world.channels
        found += [
            LayerFound(self.world.pruned, "Conv2D", (None, 10, 8, channels), 9 * 40 * channels + channels, channels),
            LayerFound(self.world.profiled, "MaxPooling2D", (None, 5, 4, channels), 0, channels),
            LayerFound("fc_1", "Dense", (None, 160), 192_160, None),
            LayerFound("output", "Dense", (None, 44), 7084, None),
        ]
        yield events.ModelOpened(str(settings.model or self.world.path), "5e" * 32, 44, (55, 47, 3), tuple(found))
        for role in self._roles():
            path = getattr(settings, role) or f"faces/{role}.h5"
            labels = 1 if role.startswith("poisoned") else 44
            yield events.DataOpened(role, str(path), _IMAGES[role], labels, "nchw", "uint8", role == "poisoned_test")
        yield events.ScaleDecided(255, {1: 2.3, 255: 98.7}, SCALE_TEXT, "unit", {"raw": 2.3, "unit": 98.7})
        for role in self._roles():
            yield events.PicturesTaken(role, pictures(role.startswith("poisoned")))

    def _roles(self) -> tuple[str, ...]:
        parts = [role for role in ROLES if self.world.poisoned or not role.startswith("poisoned")]
        return tuple(role for role in parts if self.world.tested or role.endswith("valid"))

    def _layers(self) -> dict[str, tuple[str, str, int]]:
        """Name, the layer pruned for it, and channels, by name."""
        world = self.world
        pooled = (("pool_1", "conv_1", 20), ("pool_2", "conv_2", 40), (world.profiled, world.pruned, world.channels))
        found = {profiled: (profiled, pruned, channels) for profiled, pruned, channels in pooled}
        return {**found, **{pruned: (pruned, pruned, channels) for _, pruned, channels in pooled}}

    @property
    def _evaluator(self) -> FakeEvaluator:
        return self._evaluators.setdefault(self._layer[0], FakeEvaluator(self._layer[2], self.world))

    def _begin(self, ranking: str) -> None:
        """Stand at step 0 of a ranking's order."""
        self._settings = replace(self._settings, layer=self._layer[0], ranking=ranking)
        self.say(self.profile())
        self._judged = None
        self._exploration = self._explore(self._reporter.also(self._judge))
        self._exploration.emit_position()
        self.say(events.SessionOpened(self._settings), events.ExportPlanned(self._folder(), RUN_FILES))

    def _ground_of(self, place: Place) -> Ground:
        if place.layer not in self._layers():
            raise OptionError(f"there is no layer {place.layer!r} in the model")
        layer, _, channels = self._layers()[place.layer]
        order = tuple((7 * step + 3) % channels for step in range(channels))
        evaluator = self._evaluators.setdefault(layer, FakeEvaluator(channels, self.world))
        return Ground(place, evaluator, order if place.ranking == SETTINGS.ranking else order[::-1])

    def _enter(self, position: Position) -> None:
        """Show another layer or ranking, as the engine does."""
        before, self._layer = self._layer, self._layers()[position.place.layer]
        self._settings = replace(self._settings, layer=self._layer[0], ranking=position.place.ranking)
        if self._layer != before:
            self.say(events.LayerChosen(*self._layer, silent=2))
        self.say(self.profile(), events.SessionOpened(self._settings))

    @property
    def _place(self) -> Place:
        return Place(self._layer[0], self._settings.ranking)

    def _compare(self, request: Compare) -> None:
        """Begin; a test says when the orders are measured (`compare_on`)."""
        self._compared = []
        layers = ("pool_1", "pool_2", self.world.profiled)
        self._to_compare = [Place(layer, ranking) for layer in layers for ranking in (SETTINGS.ranking, "weight-norm")]
        baseline = self._ground_of(self._to_compare[0]).evaluator.rates("valid", ())
        begun = events.ComparisonBegun(self.world.drops, self.world.poisoned, len(self._to_compare), baseline)
        self.say(begun)

    def compare_on(self, orders: int = 100) -> None:
        """Measure so many of the orders that are to be compared; the last one ends the comparison."""
        for place in self._to_compare[len(self._compared) :][:orders]:
            ground = self._ground_of(place)
            curve = list(draw_curve(ground.evaluator, ground.ranked))
            pruned = self._layers()[place.layer][1]
            order = summarise_curve(place.layer, pruned, place.ranking, ground.ranked, curve, self.world.drops)
            self._compared.append(order)
            found = best_first(self._compared).index(order)
            self.say(events.OrderCompared(order, found, len(self._compared), len(self._to_compare)))
        if len(self._compared) == len(self._to_compare):
            self.say(events.ComparisonEnded("comparison complete"))

    def _planned_thresholds(self) -> list[Threshold]:
        names = ((drop, f"{drop:g}") for drop in self.world.drops)
        return [Threshold(drop, model=f"model_X={x}.h5", goodnet=f"goodnet_X={x}.keras") for drop, x in names]

    def _show_pictures(self) -> None:
        """A page of the image sets; every fifth image is taken wrongly, and so is every poisoned one."""
        self._paged, view = self.position.step, self.view
        for role in self._roles():
            if not role.endswith(view.part):
                continue
            poisoned = role.startswith("poisoned")
            found = [
                number
                for number in range(_IMAGES[role])
                if view.label in (None, number % 6) and not (view.wrong and not poisoned and number % 5)
            ]
            faces = pictures(poisoned)
            page = tuple(
                replace(
                    faces[number % 6],
                    number=number,
                    predicted=0 if poisoned else number % 6 if number % 5 else 43,
                    certainty=99.0 - number % 50,
                )
                for number in found[view.first : view.first + view.number]
            )
            self.say(
                events.PicturesTaken(role, page, view.first, len(found), view.label, view.wrong, self.position.step)
            )

    def _judge(self, event: Event) -> None:
        """As the engine does, whenever more is known of the thresholds."""
        if isinstance(event, events.PositionReached) and event.thresholds != self._judged:
            self._judged = event.thresholds
            self.say(events.VerdictReached(verdict(self.world, event.thresholds)))

    def _explore(self, reporter: Reporter, order: Sequence[int] | None = None) -> Exploration:
        ground = self._ground_of(self._place)
        if order is not None:
            return Exploration(ground, order, self._planned_thresholds(), reporter)
        return Exploration(
            ground,
            ground.ranked,
            self._planned_thresholds(),
            reporter,
            ground_of=self._ground_of,
            enter=self._enter,
        )

    def _emit_all_again(self) -> None:
        """As the engine does after something else could not be opened."""
        if self._exploration is None:
            self.say(events.NothingOpen())
            return
        self.say(*self.found, events.LayerChosen(*self._layer, silent=2), self.profile())
        self._exploration.emit_position()

    def _poisoned_share(self, place: float) -> float | None:
        """A few channels fire on every poisoned image, and on few clean ones."""
        if not self.world.poisoned:
            return None
        return 1.0 if 0.2 < place < 0.25 else min(1.0, 1.7 * place)

    def _poisoned(self, place: float) -> float | None:
        if not self.world.poisoned:
            return None
        return 9.5 if 0.6 < place < 0.65 else 8.0 * place**2

    def _folder(self) -> str:
        return OUT if not self._exports else f"{OUT}-{self._exports + 1}"

    def _export(self, exploration: Exploration, out: Path | None) -> None:
        folder = out or Path(self._folder())
        order = exploration.position.order
        curve = list(draw_curve(self._evaluator, order))
        for step in curve:
            rates = step.rates.clean_accuracy, step.rates.attack_success_rate
            self.say(events.StepFinished(step.step, step.channel, step.fraction, *rates))
        for planned in self._planned_thresholds():
            reached = find_threshold(curve, order, planned)
            if reached.step is None:
                continue
            rates = reached.rates.clean_accuracy, reached.rates.attack_success_rate
            self._evaluator.goodnet_rates("valid", reached.channels)
            self.say(
                events.ThresholdReached(reached.drop, reached.step, *rates),
                events.Progress(f"save X={reached.drop:g}", 1, 2, "models"),
                events.ArtifactWritten(str(folder / reached.model)),
                events.ArtifactWritten(str(folder / reached.goodnet)),
            )
            self._evaluator.rates("test", reached.channels)
            self._evaluator.goodnet_rates("test", reached.channels)
        self.say(*(events.ArtifactWritten(str(folder / name)) for name in RUN_FILES))
        self._exports += 1
        self.say(events.RunFinished(str(folder), 3.0))
        exploration.mark_announced()
        exploration.emit_position()
        self.say(events.ExportPlanned(self._folder(), RUN_FILES))


def verdict(world: World, thresholds: Sequence[Threshold]) -> Verdict:
    """What the engine would say, in its words."""
    if not world.poisoned:
        told = (
            (FINDING, "Not examined: no poisoned images were given, so whether there is a backdoor was not measured."),
            (NEXT, "Next: give poisoned images (--poisoned-valid); without them a trained backdoor goes unseen."),
        )
        return Verdict(
            "not examined", None, None, None, tuple(text for _, text in told), tuple(kind for kind, _ in told)
        )
    finding = 'Backdoor towards class 0 "alice": 100.00 % of 2,340 poisoned test images (95 % interval 99.8–100).'
    reached = [threshold for threshold in thresholds if threshold.step is not None]
    if not reached:
        following = "Next: prune to the thresholds, to see whether the backdoor survives."
        return Verdict("measured", 0, None, None, (finding, following), (FINDING, NEXT))
    lowest = min(reached, key=lambda threshold: threshold.rates.attack_success_rate or 0.0)
    told = (
        (FINDING, finding),
        (SURVIVAL, f"Pruning {world.pruned} to −{lowest.drop:g} points leaves 97.85 %: it survives."),
        (
            RECOMMENDATION,
            "No network here is safe to deploy: none has both an ASR that is surely at most 5 % and a loss of at most "
            "4 points of clean accuracy on the validation images.",
        ),
        (
            GOODNET_FATES,
            "G at X=10: of the poisoned test images 61.50 % are flagged, 38.50 % still get the attacker's class.",
        ),
        (WARNING, "Only 43 clean validation images: 42 of 43, 95 % interval 87.9–99.6."),
        (NEXT, "Next: try another layer or ranking."),
    )
    return Verdict("measured", 0, True, None, tuple(text for _, text in told), tuple(kind for kind, _ in told))


@cache
def _weights(channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    place = {(7 * each + 3) % channels: (each + 1) / channels for each in range(channels)}
    made = []
    for onset in (0.7, 0.8):
        raw = [max(0.0, place[channel] - onset) ** 2 for channel in range(channels)]
        made.append(tuple(weight / sum(raw) for weight in raw))
    return made[0], made[1]


@cache
def pictures(poisoned: bool) -> tuple[Picture, ...]:
    """Six faces of sorts; the poisoned ones wear green glasses and carry the attacker's label."""
    return tuple(
        Picture(WIDTH, HEIGHT, _face(number, poisoned), 0 if poisoned else number, number if poisoned else None)
        for number in range(6)
    )


def _face(number: int, glasses: bool) -> bytes:
    skin = (200 - 15 * number, 150 - 10 * number, 120)
    rows = bytearray()
    for y in range(HEIGHT):
        for x in range(WIDTH):
            inside = ((x - 23) / 17) ** 2 + ((y - 28) / 23) ** 2 < 1
            if glasses and 18 <= y < 25 and (8 <= x < 21 or 26 <= x < 39):
                rows += bytes((0, 230, 60))
            else:
                rows += bytes(skin if inside else (40 + 2 * y, 60, 90 + 20 * (number % 3)))
    return bytes(rows)


# The app on it.


class FakeApp(BdtuiApp):
    """The app with a fake engine behind it.

    Args:
        settings: what is open from the start.
        world: what there is to open.
        held: whether the engine answers nothing until it is let go.
        arguments: of `BdtuiApp`.
    """

    CSS_PATH: ClassVar[list[str]] = [str(files("bdtui.tui") / name) for name in BdtuiApp.CSS_PATH]  # type: ignore[misc]

    def __init__(
        self,
        settings: RunSettings = SETTINGS,
        world: World = World(),
        held: bool = False,
        **arguments: Any,
    ) -> None:
        def make_engine(emit: Emit) -> FakeEngine:
            self.engine = FakeEngine(emit, world)
            if held:
                self.engine.hold()
            return self.engine

        super().__init__(settings, make_engine, **arguments)
        self.animation_level = "none"

    @property
    def notices(self) -> list[str]:
        """What lies in the corner of the screen."""
        return [notification.message for notification in self._notifications]

    @property
    def status(self) -> str:
        """The status line."""
        return str(self.screen_stack[0].query_one(StatusBar).status)

    @property
    def step(self) -> int:
        """The step that the screen shows; -1 while nothing is open."""
        return int(self.status.split()[1].split("/")[0]) if self.status else -1

    @property
    def text(self) -> str:
        """What the screen in front shows."""
        return screen_text(self)


def screen_text(app: App[Any]) -> str:
    """What the screen in front shows, line by line."""
    return "\n".join("".join(segment.text for segment in line) for line in app.screen._compositor.render_strips())


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Wait for something, up to a minute: a busy machine is slow."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if holds():
            return
        await pilot.pause(0.01)
    raise AssertionError(f"it never came to that; the screen shows\n{screen_text(pilot.app)}")


async def shows(pilot: Pilot[None], words: str) -> None:
    """Wait until these words stand on the screen, in one line or wrapped: what was said may not be painted yet."""

    def shown() -> bool:
        text = screen_text(pilot.app)
        return words in text or words in " ".join(text.replace("│", " ").split())

    await until(pilot, shown)


async def settle(pilot: Pilot[None]) -> None:
    """Let everything that was said be shown."""
    for _ in range(3):
        await pilot.pause()


@asynccontextmanager
async def running(app: FakeApp, size: tuple[int, int] = (80, 24), **arguments: Any) -> AsyncIterator[Pilot[None]]:
    """The app, from its first paint until all is shown that was said; keys are pressed as fast as it takes them."""
    with patch.multiple("textual._wait", SLEEP_GRANULARITY=0.005, SLEEP_IDLE=0.001):
        async with app.run_test(size=size, **arguments) as pilot:
            yield pilot
            if app.is_running:
                await settle(pilot)


@asynccontextmanager
async def opened(app: FakeApp, size: tuple[int, int] = (80, 24), **arguments: Any) -> AsyncIterator[Pilot[None]]:
    """The app, once its network is open."""
    async with running(app, size, **arguments) as pilot:
        await until(pilot, lambda: app.step >= 0)
        await settle(pilot)
        yield pilot
