"""The networks that a run offers for use: what gates and the verdict choose from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bdtui.engine.rates import Rates
from bdtui.engine.repair.result import Repair
from bdtui.engine.reports.record import RunRecord


@dataclass(frozen=True)
class Candidate:
    """A network that was saved.

    Attributes:
        name: as a person calls it, e.g. ``B′ at X=4``.
        file: in the run's folder.
        valid: rates on the validation images, which may decide.
        test: rates on the test images, which only tell.
        is_goodnet: whether it is B and another network joined.
        repair: what it was made by; None for a network of a threshold.
    """

    name: str
    file: str
    valid: Rates
    test: Rates
    is_goodnet: bool
    repair: Repair | None = None

    @property
    def repaired_alone(self) -> Repair | None:
        """What made it, where B is no part of it any more; None for a GoodNet and for a network of a threshold."""
        return None if self.is_goodnet else self.repair

    @property
    def never_saw_badnet(self) -> bool:
        """Whether nothing of B went into it."""
        return self.repaired_alone is not None and self.repaired_alone.never_saw_badnet

    @property
    def speaks_for_itself(self) -> bool:
        """Whether it may be recommended without a poisoned image."""
        return self.never_saw_badnet or (self.repaired_alone is not None and self.repaired_alone.chosen_by.claims)


def held_out_accuracy(run: RunRecord, one: Candidate) -> float | None:
    """Of a repaired network on validation images, in percent: B's less what was lost on those held out; None where they are
    too few to show it."""
    before = run.baseline_valid.clean
    if before is None or one.repair is None or one.repair.chosen_by.clean_drop is None:
        return None
    return before.percent - one.repair.chosen_by.clean_drop if one.repair.chosen_by.shows_the_cost else None


def candidates(run: RunRecord) -> Iterator[Candidate]:
    """The networks of a run, in ascending order of the drop, of each threshold B′ first, and then the repaired ones."""
    for threshold in run.thresholds:
        if threshold.step is not None:
            place = f"at X={threshold.drop:g}"
            yield Candidate(f"B′ {place}", threshold.model, threshold.rates, threshold.pruned_test, False)
            yield Candidate(
                f"GoodNet {place}", threshold.goodnet, threshold.goodnet_valid, threshold.goodnet_test, True
            )
    for repair in run.repairs:
        name = f"network repaired by {repair.shown_name}"
        if repair.model:
            yield Candidate(name, repair.model, repair.valid, repair.test, False, repair)
        if repair.goodnet:
            yield Candidate(
                f"GoodNet of B and the {name}", repair.goodnet, repair.goodnet_valid, repair.goodnet_test, True, repair
            )
