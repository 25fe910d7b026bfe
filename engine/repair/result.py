"""What came of a repair, as plain values: for the record of a run, for reports and for tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bdtui.engine.event_values import Estimate, estimate_json
from bdtui.engine.rates import NO_RATES, Rates
from bdtui.engine.repair.methods import SCRATCH

FEW_HELD_OUT = 50
"""Held-out images below which nothing is claimed, and no repair is recommended."""


@dataclass(frozen=True)
class ChosenBy:
    """What is known of a repaired network without poisoned and without test images.

    Attributes:
        held_out: clean images that nothing was trained on.
        clean_drop: clean accuracy of B less that of the repaired network on them, in points; None without them.
        kind: of the changes that the transfers are of, ``shared``, ``box`` or ``warp``: that by which the repaired network follows B
            more than chance allows, else that which tells B from the reference best; without a reference that which fools
            the repaired network most. None where nothing was measured.
        transfer: how often such changes, which fool B, give the repaired network the same wrong class, in percent; None where
            that was not measured.
        badnet_transfer: the same for B itself.
        reference_transfer: the same for a network that never saw B; None where there is none.
        left: of what leads B astray and not that network, the share that leads the repaired one astray, in percent.
        claims: whether these figures speak for a backdoor, if there was one, to be gone.
        unseen_classes: of how many classes there is no clean image.
    """

    held_out: int
    clean_drop: float | None = None
    transfer: float | None = None
    badnet_transfer: float | None = None
    reference_transfer: float | None = None
    left: float | None = None
    claims: bool = False
    unseen_classes: int = 0
    kind: str | None = None

    @property
    def shows_the_cost(self) -> bool:
        """Whether what was held out can show what the repair costs; accuracy on what it was trained on shows nothing."""
        return self.held_out >= FEW_HELD_OUT and not self.unseen_classes

    @property
    def about_held_out(self) -> str:
        """How many images were held out, and what became of clean accuracy there: a sentence."""
        number = f"{self.held_out:,} clean {'image was' if self.held_out == 1 else 'images were'} held out"
        if self.clean_drop is None:
            return f"{number}."
        if not self.clean_drop:
            return f"{number}; clean accuracy is the same there."
        went = f"fell by {self.clean_drop:.2f}" if self.clean_drop > 0 else f"rose by {-self.clean_drop:.2f}"
        return f"{number}; clean accuracy {went} points there."

    def as_json(self) -> dict[str, Any]:
        """As results.json has it."""
        return {
            "clean_drop": self.clean_drop,
            "transfer_kind": self.kind,
            "transfer": self.transfer,
            "badnet_transfer": self.badnet_transfer,
            "reference_transfer": self.reference_transfer,
            "transfer_left": self.left,
            "held_out_images": self.held_out,
            "claims": self.claims,
            "unseen_classes": self.unseen_classes,
        }


@dataclass(frozen=True)
class Repair:
    """One repaired network; rates are empty until they are measured.

    Attributes:
        method: its name; for ``auto`` that of the method it chose, after a colon.
        seed: of everything random.
        seconds: that it took.
        steps: of training.
        done: what was done, a sentence each.
        sentences: what can be said of the result, for a person.
        chosen_by: what that rests on.
        change: length of the change of all weights, in terms of the length of B's.
        model: file name of the repaired network; None where it was not written.
        goodnet: file name of G of B and it.
        valid: rates of the repaired network on the validation sets.
        test: on the test sets.
        goodnet_valid: rates of G on the validation sets.
        goodnet_test: on the test sets.
        estimate: of the attack success of the repaired network, by triggers reversed from B; None without those.
    """

    method: str
    seed: int
    seconds: float
    steps: int
    done: tuple[str, ...]
    sentences: tuple[str, ...]
    chosen_by: ChosenBy
    change: float
    model: str | None = None
    goodnet: str | None = None
    valid: Rates = NO_RATES
    test: Rates = NO_RATES
    goodnet_valid: Rates = NO_RATES
    goodnet_test: Rates = NO_RATES
    estimate: Estimate | None = None

    @property
    def shown_name(self) -> str:
        """The method as a person reads it: ``auto (shrink-distil)``."""
        name, _, chosen = self.method.partition(":")
        return f"{name} ({chosen})" if chosen else name

    @property
    def never_saw_badnet(self) -> bool:
        """Whether nothing of B went into it, neither weights nor answers: then nothing that is hidden in B did."""
        return self.method == SCRATCH

    def as_json(self) -> dict[str, Any]:
        """An entry of ``repairs`` in results.json."""
        return {
            "method": self.method,
            "seed": self.seed,
            "seconds": self.seconds,
            "steps": self.steps,
            "model": self.model,
            "goodnet": self.goodnet,
            "chosen_by": self.chosen_by.as_json(),
            "change": self.change,
            "valid": self.valid.as_json(),
            "goodnet_valid": self.goodnet_valid.as_json(flags=True),
            "test": {"repaired": self.test.as_json(), "goodnet": self.goodnet_test.as_json(flags=True)},
            "done": list(self.done),
            "sentences": list(self.sentences),
            **estimate_json(self.estimate),
        }


def file_names(method: str) -> tuple[str, str]:
    """File names of a repaired network and of G of B and it."""
    word = method.partition(":")[0].replace("+", "-")
    return f"repaired_{word}.keras", f"goodnet_{word}.keras"
