"""Interactive exploration of a network: moves along the orders of its layers, and the rates they lead to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bdtui.engine.errors import InputError, OptionError
from bdtui.engine.evaluation.measurements import GOODNET, PRUNED, Evaluator
from bdtui.engine.event_values import Estimate, MeasuredPoint, Threshold
from bdtui.engine.events import Notice, PositionReached, PositionWished, Progress, ThresholdReached
from bdtui.engine.network.pruned_channels import PrunedChannels, along
from bdtui.engine.pruning.curve import find_threshold, known_steps
from bdtui.engine.pruning.moves import History, Move, Place, Position, Prune
from bdtui.engine.rates import NO_RATES, Rates
from bdtui.engine.reporter import Reporter


@dataclass(frozen=True)
class Ground:
    """A place, profiled.

    Attributes:
        place: of the layer and the ranking.
        evaluator: measures networks with channels of the layer pruned, and remembers what was measured.
        ranked: the order that the ranking gives.
        others: the orders that the other rankings give.
    """

    place: Place
    evaluator: Evaluator
    ranked: tuple[int, ...]
    others: tuple[tuple[int, ...], ...] = ()

    @cached_property
    def on_curve(self) -> frozenset[PrunedChannels]:
        """What is pruned at the steps of that order."""
        return frozenset(along(self.ranked))

    @cached_property
    def on_other_curves(self) -> frozenset[PrunedChannels]:
        """What is pruned at the steps of the other orders, and not on the curve."""
        return frozenset(pruned for order in self.others for pruned in along(order)) - self.on_curve


def _nowhere(place: Place) -> Ground:
    raise OptionError(f"{place.layer} by {place.ranking} is not open here; expected the layer and ranking that are")


class Exploration:
    """Moves along a pruning order, off it, and to other orders.

    Args:
        ground: of the place to begin at.
        order: the order to begin with, at step 0.
        thresholds: in ascending order of the drop, not reached yet, with the names of their files.
        reporter: receives where the person stands; is asked whether to stop.
        keep: is given the moves once they are made.
        ground_of: profiles another place, unless it is known.
        enter: is called when the person comes to another place, before the position there is emitted.

    Attributes:
        estimate_of: gives what reversed triggers do with some channels of a layer pruned, where they stand in for poisoned
            images; None where none do.
    """

    estimate_of: Callable[[str, PrunedChannels], Estimate | None]

    def __init__(
        self,
        ground: Ground,
        order: Sequence[int],
        thresholds: Sequence[Threshold],
        reporter: Reporter,
        keep: Callable[[Sequence[Move]], None] = lambda moves: None,
        ground_of: Callable[[Place], Ground] = _nowhere,
        enter: Callable[[Position], None] = lambda position: None,
    ) -> None:
        self._ground = ground
        self._ground_of = ground_of
        self._thresholds = thresholds
        self._reporter = reporter
        self._keep = keep
        self._enter = enter
        self._history = History.beginning_at(Position(tuple(order), place=ground.place))
        self.estimate_of = lambda layer, pruned: None
        self._announced: set[tuple[Place, float, PrunedChannels]] = set()
        self._measure(self.position.pruned, reporter)

    @property
    def position(self) -> Position:
        """Where the person stands; always measured."""
        return self._history.present

    def move(self, moves: Sequence[Move]) -> None:
        """Make several moves at once; only where they end is measured.

        Raises:
            InputError: there is no such channel, layer or ranking.
            Interrupted: the reporter requested a stop; the position is the one before.
        """
        wished = self._history
        made: list[Move] = []
        refused: InputError | None = None
        for move in moves:
            try:
                wished = wished.after(move, self._ranked)
                made.append(move)
            except InputError as problem:
                # Moves before the refused one are kept.
                refused = problem
                break
        self._go(wished, made)
        if refused is not None:
            raise refused

    def replay(self, moves: Sequence[Move]) -> None:
        """Make moves that were made and kept in an earlier session; thresholds reached on the way are no news.

        Raises:
            InputError: one of them leads nowhere.
            Interrupted: the reporter requested a stop.
        """
        history = self._history
        for move in moves:
            history = history.after(move, self._ranked)
        ground = self._at(history.present.place)
        ground.evaluator.rates("valid", history.present.pruned, self._reporter)
        self._stand(history, ground)
        self.mark_announced()
        self.emit_position()

    def know_more(self, ground: Ground) -> None:
        """Take up what has become known of the place where the person stands; of another place nothing is taken."""
        if ground.place == self._ground.place:
            self._ground = ground

    def go_to_next_threshold(self) -> None:
        """Prune on until a threshold is reached that was not; every step on the way is a move of its own.

        Raises:
            Interrupted: the reporter requested a stop; the position is the last one that was measured.
        """
        self._measure_way_here()
        waiting = next((reached for reached in self._present_thresholds() if not self._passed(reached)), None)
        if waiting is None:
            self._reporter.emit(Notice("all thresholds are reached"))
            return
        begun = self.position.step
        while self.position.step < len(self.position.order):
            self._reporter.checkpoint()
            self._reporter.emit(Progress("steps", self.position.step - begun, None, "steps"))
            self._go(self._history.moved(self.position.at(self.position.step + 1)), [Prune(1)])
            if any(self._passed(reached) for reached in self._present_thresholds() if reached.drop == waiting.drop):
                return
        self._reporter.emit(Notice(f"X={waiting.drop:g} is not reached by pruning in this order"))

    def measure_ahead(self, reporter: Reporter) -> bool:
        """Measure one pending item in the background; False when none is left.

        Those are steps that were jumped over, and the networks of reached thresholds on the test sets.

        Raises:
            Interrupted: ``reporter`` requested a stop.
        """
        for _, pruned in self._unmeasured_way_here():
            self._measure(pruned, reporter)
            self._emit_and_announce()
            return True
        for threshold in self._present_thresholds():
            if threshold.step is None or self._known(threshold.channels, "test", GOODNET) is not None:
                continue
            for part in ("valid", "test"):
                self._ground.evaluator.rates(part, threshold.channels, reporter)
                self._ground.evaluator.goodnet_rates(part, threshold.channels, reporter)
            self.emit_position()
            return True
        return False

    def mark_announced(self) -> None:
        """Count every threshold that is known as announced, as after an export or in an earlier session."""
        self._announced |= {
            self._key(threshold) for threshold in self._present_thresholds() if threshold.step is not None
        }

    def emit_position(self) -> None:
        """Emit where the person stands, and what is known of this layer but for the curves of other rankings."""
        self._emit_position(self._present_thresholds())

    def _emit_position(self, thresholds: Sequence[Threshold]) -> None:
        position = self.position
        measured = self._ground.evaluator.measured.items()
        path = along(position.order)
        # What a comparison measured of the other rankings would bury the curve that the person is on.
        elsewhere = self._ground.on_other_curves.difference(path)
        points = {
            each.pruned: self._point(each.pruned, rates, by_hand=each.pruned not in self._ground.on_curve)
            for each, rates in measured
            if (each.network, each.part) == (PRUNED, "valid") and each.pruned not in elsewhere
        }
        self._reporter.emit(
            PositionReached(
                order=position.order,
                step=position.step,
                present=points[position.pruned],
                path=tuple(points[pruned] for pruned in path if pruned in points),
                measured=tuple(points.values()),
                thresholds=tuple(thresholds),
                undoable=len(self._history.past),
                redoable=len(self._history.future),
            )
        )

    def _go(self, wished: History, made: Sequence[Move]) -> None:
        target = wished.present
        ground = self._at(target.place)
        if ground.evaluator.known_rates("valid", target.pruned) is None:
            self._reporter.emit(PositionWished(target.step))
            try:
                ground.evaluator.rates("valid", target.pruned, self._reporter)
            except BaseException:
                self.emit_position()
                raise
        moved = wished != self._history
        self._stand(wished, ground)
        if moved:
            # Before it is shown: whoever sees a step and leaves at once finds it again.
            self._keep(made)
        self._emit_and_announce()

    def _stand(self, history: History, ground: Ground) -> None:
        elsewhere = ground.place != self._ground.place
        self._history, self._ground = history, ground
        if elsewhere:
            self._enter(history.present)

    def _at(self, place: Place) -> Ground:
        """The ground of a place, profiled now if it must be.

        Raises:
            InputError: there is no such layer or ranking.
            Interrupted: the reporter requested a stop.
        """
        return self._ground if place == self._ground.place else self._ground_of(place)

    def _ranked(self, place: Place) -> Sequence[int]:
        return self._at(place).ranked

    def _emit_and_announce(self) -> None:
        """Emit the position, and of every threshold once that it is passed, and again where another way passes it."""
        thresholds = self._present_thresholds()
        self._emit_position(thresholds)
        for threshold in thresholds:
            if threshold.step is not None and self._passed(threshold) and self._key(threshold) not in self._announced:
                self._announced.add(self._key(threshold))
                rates = threshold.rates
                self._reporter.emit(
                    ThresholdReached(threshold.drop, threshold.step, rates.clean_accuracy, rates.attack_success_rate)
                )

    def _present_thresholds(self) -> list[Threshold]:
        """How the thresholds stand in the present order, as far as its steps are measured in a row."""
        order = self.position.order
        curve = list(known_steps(self._ground.evaluator, order))
        return [self._with_networks(find_threshold(curve, order, threshold)) for threshold in self._thresholds]

    def _with_networks(self, threshold: Threshold) -> Threshold:
        """A threshold with what is known of its networks beside the validation rates of B′."""
        if threshold.step is None:
            return threshold
        return replace(
            threshold,
            goodnet_valid=self._known(threshold.channels, "valid", GOODNET) or NO_RATES,
            pruned_test=self._known(threshold.channels, "test") or NO_RATES,
            goodnet_test=self._known(threshold.channels, "test", GOODNET) or NO_RATES,
        )

    def _passed(self, threshold: Threshold) -> bool:
        """Whether a threshold was reached on the way here."""
        return threshold.step is not None and threshold.step <= self.position.step

    def _unmeasured_way_here(self) -> list[tuple[int, PrunedChannels]]:
        """The steps up to here that were jumped over."""
        way = along(self.position.order)[: self.position.step + 1]
        return [(step, pruned) for step, pruned in enumerate(way) if self._known(pruned) is None]

    def _measure_way_here(self) -> None:
        jumped = self._unmeasured_way_here()
        for done, (step, pruned) in enumerate(jumped):
            self._reporter.checkpoint()
            self._reporter.emit(Progress("steps on the way", done, len(jumped), "steps"))
            self._ground.evaluator.measure_steps(self.position.order, step, self._reporter)
            self._measure(pruned, self._reporter)

    def _known(
        self, pruned: Sequence[int] | PrunedChannels, part: str = "valid", network: str = PRUNED
    ) -> Rates | None:
        return self._ground.evaluator.known_rates(part, pruned, network)

    def _measure(self, pruned: PrunedChannels, reporter: Reporter) -> None:
        self._ground.evaluator.rates("valid", pruned, reporter)

    def _point(self, pruned: PrunedChannels, rates: Rates, *, by_hand: bool) -> MeasuredPoint:
        step = len(pruned)
        return MeasuredPoint(
            step=step,
            fraction=step / len(self._ground.ranked),
            clean_accuracy=rates.clean_accuracy,
            attack_success_rate=rates.attack_success_rate,
            by_hand=by_hand,
            estimate=self.estimate_of(self._ground.place.layer, pruned),
        )

    def _key(self, threshold: Threshold) -> tuple[Place, float, PrunedChannels]:
        return self.position.place, threshold.drop, PrunedChannels.of(threshold.channels)
