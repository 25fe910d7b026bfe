"""Repairs of one network: the clean images in two parts, what suits them, and the bank that tells how much B lives on.

session = RepairSession(badnet.keras_model, clean_valid)
outcome = session.repair("shrink-distil")          # or session.repair("auto")
outcome.network.save("repaired.keras")
print(*outcome.repair.sentences)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import OptionError
from bdtui.engine.evaluation.whole_model import whole_model_rates
from bdtui.engine.events import RepairMeasured
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.network.class_scores import scoring_network
from bdtui.engine.network.goodnet import build_repaired_goodnet
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.repair.augmentation import Suitability, find_augmentation
from bdtui.engine.repair.checkpoints import NO_CHECKPOINTS, Checkpoints
from bdtui.engine.repair.clean_images import CleanImages, Parts, read_clean_images, split_images
from bdtui.engine.repair.following import Following
from bdtui.engine.repair.method import RepairedNetwork, RepairInput, RepairOptions, Watch, look_away, predicted
from bdtui.engine.repair.methods import AUTO, SCRATCH, find_method, needs_triggers, training_steps
from bdtui.engine.repair.result import ChosenBy, Repair
from bdtui.engine.repair.reversed_triggers import Reverse, Stamp, find_once
from bdtui.engine.repair.transfer import Transfer, TransferBank
from bdtui.engine.repair.what_to_say import say_what_came_of_it
from bdtui.engine.reporter import SILENT, Reporter

HELD_OUT = 1 / 7
"""Share of the clean images that nothing is trained on."""
MOST_HELD_OUT = 1000
DEFAULT_BUDGET = 1.0
"""Points of clean accuracy that a repair may cost."""
_BANK_COST = 300
"""Steps of training that take as long as finding what fools B, which the first repair waits for."""
_LOOKED_AT = 64
"""Held-out images on which a network is looked at while it is trained."""


@dataclass(frozen=True, eq=False)
class RepairOutcome:
    """A repaired network and what is known of it.

    Attributes:
        network: of B's architecture and names.
        repair: as plain values.
        transfer: of what fools B to it.
        right: which held-out images it gives their label, shape (N,).
    """

    network: keras.Model
    repair: Repair
    transfer: Transfer
    right: NDArray[np.bool_]

    @property
    def accuracy(self) -> float | None:
        """On the held-out images, in percent; None without them."""
        return 100 * float(self.right.mean()) if len(self.right) else None


class RepairSession:
    """A BadNet and clean images, ready for any repair. Nothing of poisoned or test images comes in here.

    Args:
        badnet: B, as it was opened; is left as it is.
        clean: clean validation images with labels.
        seed: of everything random.
        budget: points of clean accuracy that ``auto`` may lose on held-out images.
        options: what was asked for of the methods.
        reporter: receives progress; is asked whether to stop.
        checkpoints: where to keep how far a repair is.
        reverse: finds triggers on the images to train on, for methods that ask for them; None for nothing.

    Attributes:
        onlooker: is shown the network that is being trained now and then, for a person; nothing comes back from it.

    Raises:
        OptionError: the budget is out of range.
        DataError: there are no images, or one cannot be read.
        Interrupted: the reporter requested a stop.
    """

    def __init__(
        self,
        badnet: keras.Model,
        clean: LabelledImages | CleanImages,
        *,
        seed: int = 0,
        budget: float = DEFAULT_BUDGET,
        options: RepairOptions | None = None,
        reporter: Reporter = SILENT,
        checkpoints: Checkpoints = NO_CHECKPOINTS,
        reverse: Reverse | None = None,
    ) -> None:
        if not 0 <= budget <= 100:
            raise OptionError(f"a budget of {budget:g} points is out of range; expected 0 to 100")
        self.badnet = badnet
        self.seed, self.budget, self.options = seed, budget, options or RepairOptions()
        self.reporter, self.checkpoints = reporter, checkpoints
        images = clean if isinstance(clean, CleanImages) else read_clean_images(clean, reporter)
        self.parts: Parts = split_images(images, share_held_out(len(images)), seed)
        self.classes = scoring_network(badnet).classes
        self._reverse = reverse
        self._outcomes: dict[str, RepairOutcome] = {}
        self._finished: dict[str, Callable[[], RepairOutcome]] = {}
        self._earlier = 0.0
        self._watched: tuple[keras.Model, ScoreRunner] | None = None
        self.onlooker: Watch = look_away

    @cached_property
    def suitability(self) -> Suitability:
        """Which changes of images leave their class what it is."""
        runner = ScoreRunner(self.badnet, self.parts.fit.image_shape, self.reporter)
        asked = self.options.augmentation
        return find_augmentation(self.parts.fit, lambda pixels: runner.scores(pixels).argmax(axis=1), asked, self.seed)

    @cached_property
    def bank(self) -> TransferBank:
        """Changes that fool B."""
        return TransferBank(self.badnet, self.parts.fit, self.parts.held_out, self.seed, self.reporter)

    @cached_property
    def triggers(self) -> tuple[Stamp, ...]:
        """What was reversed on the images to train on; the held-out ones are not looked at."""
        if self._reverse is None:
            return ()
        of = [self.seed, *(np.asarray(weight) for weight in self.badnet.weights)]
        return find_once(self._reverse, self.parts.fit, self.checkpoints, of, self.reporter)

    @cached_property
    def badnet_transfer(self) -> Transfer:
        """How much of what fools B leads B astray."""
        return self.bank.measure(self.badnet)

    @cached_property
    def badnet_right(self) -> NDArray[np.bool_]:
        """Which held-out images B gives their label, shape (N,)."""
        return self._right(self.badnet)

    def fallen(self, outcome: RepairOutcome) -> tuple[float, float]:
        """By how many points held-out accuracy is below B's, and how far off chance may put that (a standard error)."""
        number = max(1, len(self.badnet_right))
        lost, won = (
            int(np.count_nonzero(ours & ~theirs))
            for ours, theirs in ((self.badnet_right, outcome.right), (outcome.right, self.badnet_right))
        )
        return 100 * (lost - won) / number, 100 * max(1, lost + won) ** 0.5 / number

    @cached_property
    def step_seconds(self) -> float:
        """About how long a training step of 64 images takes here: three times what B takes to classify them."""
        images = self.parts.fit.some(np.resize(np.arange(len(self.parts.fit)), 64))
        runner = ScoreRunner(self.badnet, images.image_shape, self.reporter)
        runner.scores(images.pixels)

        def seconds() -> float:
            began = time.monotonic()
            runner.scores(images.pixels)
            return time.monotonic() - began

        # The least: other work on the machine only adds to it.
        return 3 * min(seconds() for _ in range(5))

    def estimated_seconds(self, name: str) -> float:
        """About how long a repair by a method takes on this machine, with what it is told by default.

        Raises:
            OptionError: there is no such method.
        """
        return (training_steps([name]) + (0 if "bank" in vars(self) else _BANK_COST)) * self.step_seconds

    @property
    def reference(self) -> RepairOutcome | None:
        """The network that never saw B, if it was trained."""
        if SCRATCH not in self._outcomes and SCRATCH in self._finished:
            self._outcomes[SCRATCH] = self._finished[SCRATCH]()
        return self._outcomes.get(SCRATCH)

    def given(self, name: str, **options: Any) -> RepairInput:
        """What a method gets.

        Args:
            name: under which checkpoints are kept.
            options: that the method is to have in place of those that were asked for.
        """
        return RepairInput(
            self.badnet,
            self.parts.fit,
            self.parts.held_out,
            self.suitability.augmentation,
            self.seed,
            replace(self.options, **options),
            self.reporter,
            self.checkpoints,
            self._watch,
            name,
            self.triggers if needs_triggers(name) else (),
            self._count_earlier,
        )

    def repair(self, name: str) -> RepairOutcome:
        """Repair by a method, or by ``auto``; what a method made is not made again, but judged by all that is known by now.

        Raises:
            OptionError: there is no such method.
            InputError: the method cannot work with this network or these images.
            Interrupted: the reporter requested a stop.
        """
        if name == AUTO:
            from bdtui.engine.repair.auto import repair_automatically

            return repair_automatically(self)
        if name not in self._outcomes:
            method = find_method(name)
            make = self._finished.get(name) or partial(self.carry_out, name, lambda: method.run(self.given(name)))
            self._outcomes[name] = make()
        return self.judged(self._outcomes[name])

    def take_up(self, repair: Repair, load: Callable[[], keras.Model]) -> None:
        """Know a repair that was finished elsewhere, with the same images, seed and options, in place of making it again.

        Args:
            repair: what is known of it.
            load: gives its network; called when it is needed.
        """

        def outcome() -> RepairOutcome:
            network = load()
            return RepairOutcome(network, repair, self.bank.measure(network), self._right(network))

        self._finished.setdefault(repair.method, outcome)

    def carry_out(self, name: str, work: Callable[[], RepairedNetwork]) -> RepairOutcome:
        """Do some repair's work and judge what comes of it.

        Args:
            name: of the method.
            work: gives a `RepairedNetwork`.
        """
        began, self._earlier = time.monotonic(), 0.0
        repaired = work()
        transfer = self.bank.measure(repaired.network)
        right = self._right(repaired.network)
        drop = 100 * float(self.badnet_right.mean() - right.mean()) if len(right) else None
        kind = transfer.kind
        chosen_by = ChosenBy(
            len(self.parts.held_out), drop, transfer.by(kind), self.badnet_transfer.by(kind), kind=kind
        )
        repair = Repair(
            name,
            self.seed,
            time.monotonic() - began + self._earlier,
            repaired.steps,
            (*repaired.done, *self._about_training()) if repaired.steps else repaired.done,
            (),
            chosen_by,
            size_of_change(self.badnet, repaired.network),
        )
        return self.judged(RepairOutcome(repaired.network, repair, transfer, right))

    def _count_earlier(self, seconds: float) -> None:
        self._earlier += seconds

    def _about_training(self) -> tuple[str, ...]:
        """What holds for every method that trains."""
        mixed = ("Steps computed in bfloat16, weights kept in float32.",) if self.options.mixed_precision else ()
        return (self.suitability.sentence, *mixed)

    def judged(self, outcome: RepairOutcome) -> RepairOutcome:
        """An outcome with what can be said of it, by all that is known by now."""
        return say_what_came_of_it(self, outcome)

    def _right(self, network: keras.Model) -> NDArray[np.bool_]:
        images = self.parts.held_out
        return np.asarray(predicted(network, images.pixels, self.reporter) == images.labels)

    def _watch(self, network: keras.Model, method: str, step: int, steps: int) -> None:
        self.onlooker(network, method, step, steps)
        images = self.parts.held_out.spread(_LOOKED_AT)
        if not len(images):
            self.reporter.emit(RepairMeasured(method, step, steps, None, None))
            return
        if self._watched is None or self._watched[0] is not network:
            # Compiled once for a network, whose weights change.
            self._watched = (network, ScoreRunner(network, images.image_shape, self.reporter))
        runner = self._watched[1]
        accuracy = 100 * float(np.mean(runner.scores(images.pixels).argmax(axis=1) == images.labels))
        reference = None if self.reference is None else self.reference.transfer
        # The kind that fools B and hardly the reference; the largest share is often of a kind that fools any network.
        kind = None if reference is None else Following(reference, reference, self.badnet_transfer).kind
        transfer = self.bank.measure(runner, _LOOKED_AT).by(kind)
        self.reporter.emit(RepairMeasured(method, step, steps, accuracy, transfer))


def share_held_out(images: int) -> float:
    """The share of so many clean images that nothing is trained on."""
    return min(HELD_OUT, MOST_HELD_OUT / max(1, images))


def measured(
    outcome: RepairOutcome,
    badnet: keras.Model,
    data: Mapping[str, LabelledImages],
    classes: int,
    reporter: Reporter = SILENT,
) -> Repair:
    """A repair with its rates and those of G of B and it, on all image sets of a run. Measures; decides nothing.

    Args:
        outcome: of a session.
        badnet: B.
        data: image sets by role.
        classes: N.
        reporter: receives progress; is asked whether to stop.
    """
    goodnet = build_repaired_goodnet(badnet, outcome.network)
    found = {
        (which, part): whole_model_rates(network, data, part, classes, reporter)
        for which, network in (("repaired", outcome.network), ("goodnet", goodnet))
        for part in ("valid", "test")
    }
    return replace(
        outcome.repair,
        valid=found["repaired", "valid"],
        test=found["repaired", "test"],
        goodnet_valid=found["goodnet", "valid"],
        goodnet_test=found["goodnet", "test"],
    )


def size_of_change(badnet: keras.Model, repaired: keras.Model) -> float:
    """Length of the difference of all trainable weights, in terms of the length of B's."""
    changed = whole = 0.0
    for before, after in zip(badnet.weights, repaired.weights, strict=True):
        if before.dtype.startswith(("float", "bfloat")):
            first, second = (np.asarray(weight.value, np.float64) for weight in (before, after))
            changed += float(((first - second) ** 2).sum())
            whole += float((first**2).sum())
    return float(np.sqrt(changed / whole)) if whole else 0.0
