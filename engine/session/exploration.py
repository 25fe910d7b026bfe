"""One profiled layer under a person's hands: the moves made on it, and everything measured on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bdtui.engine.errors import OptionError
from bdtui.engine.evaluation.rates import NO_RATES, Rates
from bdtui.engine.event_values import MeasuredPoint, ThresholdState
from bdtui.engine.events import Notice, PositionReached, PositionWished, Progress, ThresholdReached
from bdtui.engine.pruning.curve import has_dropped
from bdtui.engine.pruning.position import History, Move, Position, Prune
from bdtui.engine.pruning.rankings import order_channels
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.saved_models import file_names
from bdtui.engine.runs.preparation import PreparedRun
from bdtui.engine.settings import check_thresholds


class Bench:
    """Moves along a pruning order, and off it.

    Args:
        prepared: the opened and profiled network; the person begins at step 0 of its order.
        reporter: hears where the person stands; is asked whether to stop.
        keep: is given the moves once they are made.
    """

    def __init__(
        self,
        prepared: PreparedRun,
        reporter: Reporter,
        keep: Callable[[Sequence[Move]], None] = lambda moves: None,
    ) -> None:
        self.prepared = prepared
        self._session = prepared.session
        self._reporter = reporter
        self._keep = keep
        settings = prepared.inputs.settings
        self._drops = check_thresholds(settings.thresholds)
        self._ranking = order_channels(self._session, settings.ranking, settings.seed)
        self._ranked = set(_masks(self._ranking))
        self._history = History.beginning_at(Position(prepared.order))
        self._rates: dict[int, Rates] = {}
        self._points: dict[int, MeasuredPoint] = {}
        self._goodnets: dict[tuple[str, int], Rates] = {}
        self._announced: set[tuple[float, int]] = set()
        self._names = {drop: file_names(self._session, drop) for drop in self._drops}
        self._dropped: dict[int, frozenset[float]] = {}
        self._masks: tuple[tuple[int, ...], list[int]] = ((), [0])
        self._measure(self.position, reporter)

    @property
    def position(self) -> Position:
        """Where the person stands; always measured."""
        return self._history.present

    def move(self, moves: Sequence[Move]) -> None:
        """Make several moves at once; only where they end is measured.

        Raises:
            OptionError: there is no such channel.
            Interrupted: the reporter was told to stop; the position is the one before.
        """
        wished = self._history
        made: list[Move] = []
        refused: OptionError | None = None
        for move in moves:
            try:
                wished = wished.after(move, self._ranking)
                made.append(move)
            except OptionError as problem:
                # What was wished before it holds, as it would have if the person had been slower.
                refused = problem
                break
        moved = wished != self._history
        self._go(wished)
        if moved:
            self._keep(made)
        if refused is not None:
            raise refused

    def go_on(self, moves: Sequence[Move]) -> None:
        """Make moves again that were made and kept before; what was measured on the way is known.

        Raises:
            OptionError: one of them leads nowhere.
            Interrupted: the reporter was told to stop.
        """
        history = self._history
        for move in moves:
            history = history.after(move, self._ranking)
            self._recall(history.present.order)
        self._measure(history.present, self._reporter)
        self._history = history
        # What was reached before is no news.
        list(self._newly_reached())
        self.tell()

    def go_to_next_threshold(self) -> None:
        """Prune on until a threshold is reached that was not; every step on the way is a move of its own.

        Raises:
            Interrupted: the reporter was told to stop; the position is the last one that was measured.
        """
        self._measure_path(self.position, self._reporter)
        waiting = [drop for drop in self._drops if not self._passed(drop)]
        if not waiting:
            self._reporter.emit(Notice("all thresholds are reached"))
            return
        begun = self.position.step
        while self.position.step < len(self.position.order):
            self._reporter.checkpoint()
            self._reporter.emit(Progress("steps", self.position.step - begun, None, "steps"))
            self._go(self._history.moved(self.position.at(self.position.step + 1)))
            self._keep([Prune(1)])
            if self._passed(waiting[0]):
                return
        self._reporter.emit(Notice(f"X={waiting[0]:g} is not reached by pruning in this order"))

    def measure_ahead(self, reporter: Reporter) -> bool:
        """Measure one thing nobody waits for; False when there is none left.

        Those are steps that were jumped over, and the networks of reached thresholds on the test sets.

        Raises:
            Interrupted: ``reporter`` was told to stop.
        """
        position = self.position
        for step, mask in enumerate(self._masks_on_the_way()):
            if mask not in self._rates:
                self._measure(position.at(step), reporter)
                self.tell()
                self._announce_thresholds()
                return True
        for drop in self._drops:
            reached = self._step_of(drop)
            if reached is not None and self._measure_networks(position.at(reached), reporter):
                self.tell()
                return True
        return False

    def take_over(self) -> None:
        """Take over what an export has measured, and told, of this order."""
        self._recall(self.position.order)
        list(self._newly_reached())

    def tell(self) -> None:
        """Say where the person stands."""
        position = self.position
        masks = self._masks_of(position.order)
        self._reporter.emit(
            PositionReached(
                order=position.order,
                step=position.step,
                present=self._points[masks[position.step]],
                path=tuple(self._points[mask] for mask in masks if mask in self._points),
                measured=tuple(self._points.values()),
                thresholds=tuple(self._state(drop) for drop in self._drops),
                undoable=len(self._history.past),
                redoable=len(self._history.future),
            )
        )

    def _recall(self, order: tuple[int, ...]) -> None:
        """Take up what the session knows of the steps of an order."""
        for step, mask in enumerate(self._masks_of(order)):
            if mask not in self._rates and self._session.knows_rates("valid", order[:step]):
                self._measure(Position(order, step), self._reporter)

    def _go(self, wished: History) -> None:
        target = wished.present
        if _mask(target.silenced) not in self._rates:
            self._reporter.emit(PositionWished(target.step))
            try:
                self._measure(target, self._reporter)
            except BaseException:
                self.tell()
                raise
        self._history = wished
        self.tell()
        self._announce_thresholds()

    def _announce_thresholds(self) -> None:
        """Say of every threshold once that it is reached, and once again where another way reaches it."""
        for drop, step, point in self._newly_reached():
            self._reporter.emit(ThresholdReached(drop, step, point.clean_accuracy, point.attack_success_rate))

    def _newly_reached(self) -> Iterator[tuple[float, int, MeasuredPoint]]:
        for drop in self._drops:
            step = self._step_of(drop)
            if step is None:
                continue
            mask = _mask(self.position.order[:step])
            if (drop, mask) not in self._announced:
                self._announced.add((drop, mask))
                yield drop, step, self._points[mask]

    def _measure(self, position: Position, reporter: Reporter) -> None:
        mask = _mask(position.silenced)
        rates = self._session.rates("valid", position.silenced, reporter)
        shown = rates.as_json()
        self._rates[mask] = rates
        baseline, now = self._rates[0].clean, rates.clean
        self._dropped[mask] = frozenset(
            drop for drop in self._drops if baseline and now and has_dropped(baseline, now, drop)
        )
        self._points[mask] = MeasuredPoint(
            step=position.step,
            fraction=position.step / self._session.channels,
            clean_accuracy=shown["clean_accuracy"] or 0.0,
            attack_success_rate=shown["attack_success_rate"],
            by_hand=mask not in self._ranked,
        )

    def _measure_path(self, position: Position, reporter: Reporter) -> None:
        """Measure the steps up to a position that were jumped over."""
        unmeasured = [step for step, mask in enumerate(self._masks_on_the_way()) if mask not in self._rates]
        for done, step in enumerate(unmeasured):
            reporter.checkpoint()
            reporter.emit(Progress("steps on the way", done, len(unmeasured), "steps"))
            self._session.measure_steps(position.order, step, reporter)
            self._measure(position.at(step), reporter)

    def _measure_networks(self, position: Position, reporter: Reporter) -> bool:
        """Measure B′ and G of a threshold on all image sets; False where that was done before."""
        mask = _mask(position.silenced)
        if ("test", mask) in self._goodnets:
            return False
        for part in ("valid", "test"):
            self._session.rates(part, position.silenced, reporter)
            self._goodnets[part, mask] = self._session.goodnet_rates(part, position.silenced, reporter)
        return True

    def _step_of(self, drop: float) -> int | None:
        """The first step of this order at which a threshold is reached; None as far as steps are measured in a row."""
        for step, mask in enumerate(self._masks_of(self.position.order)):
            if mask not in self._dropped:
                return None
            if drop in self._dropped[mask]:
                return step
        return None

    def _masks_of(self, order: tuple[int, ...]) -> list[int]:
        """The sets of the first 0, 1, 2 … channels of an order; kept, since most moves keep the order."""
        if self._masks[0] != order:
            self._masks = order, _masks(order)
        return self._masks[1]

    def _masks_on_the_way(self) -> list[int]:
        return self._masks_of(self.position.order)[: self.position.step + 1]

    def _passed(self, drop: float) -> bool:
        """Whether a threshold was reached on the way here."""
        step = self._step_of(drop)
        return step is not None and step <= self.position.step

    def _state(self, drop: float) -> ThresholdState:
        step = self._step_of(drop)
        model, goodnet = self._names[drop]
        if step is None:
            return ThresholdState(drop, None, model, goodnet, {}, {}, {}, {})
        channels = self.position.order[:step]
        mask = _mask(channels)
        tested = self._session.knows_rates("test", channels)
        return ThresholdState(
            drop=drop,
            step=step,
            model=model,
            goodnet=goodnet,
            pruned_valid=self._rates[mask].as_json(),
            goodnet_valid=_flagged(self._goodnets.get(("valid", mask))),
            pruned_test=self._session.rates("test", channels).as_json() if tested else {},
            goodnet_test=_flagged(self._goodnets.get(("test", mask))),
        )


def _flagged(rates: Rates | None) -> dict[str, float | None]:
    """Rates of a GoodNet as a screen shows them; empty where they are not known or there is no such data."""
    return {} if rates is None or rates == NO_RATES else rates.as_json(flags=True)


def _mask(channels: Sequence[int]) -> int:
    """A set of channels as the bits of a number."""
    return sum(1 << channel for channel in channels)


def _masks(order: Sequence[int]) -> list[int]:
    """The sets of the first 0, 1, 2 … channels of an order."""
    masks = [0]
    for channel in order:
        masks.append(masks[-1] | 1 << channel)
    return masks
