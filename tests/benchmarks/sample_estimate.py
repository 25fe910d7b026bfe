"""What reversed triggers say about the sample, beside what its true trigger does: ``make sample-estimate``.

    python -m tests.benchmarks.sample_estimate

Prints the tables in docs/detection.md: how much of the reversed triggers lies where the sunglasses are, and the true
attack success rate at six depths of pruning beside the estimate that is made without one poisoned image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.detect.detection import Detection
from bdtui.engine.detect.evidence import ReversedTrigger
from bdtui.engine.detect.examination import detect
from bdtui.engine.detect.pixel_range import CleanPictures
from bdtui.engine.detect.surrogate import surrogate_of
from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.event_values import Estimate
from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.inputs.model import open_model
from bdtui.engine.network.channels import find_source
from bdtui.engine.pruning.rankings import order_channels
from bdtui.sample_data.faces import render
from bdtui.sample_data.make import PEOPLE
from bdtui.sample_data.people import draw_shot, invent_people

SAMPLE = Path(str(files("bdtui.sample_data")))
_SHOTS = 300


@dataclass(frozen=True)
class Depth:
    """A step of pruning.

    Attributes:
        pruned: channels.
        true: the attack success rate on the poisoned validation images, in percent.
        estimate: without any.
    """

    pruned: int
    true: float
    estimate: Estimate

    @property
    def holds(self) -> bool:
        """Whether the truth lies between the two."""
        return self.estimate.low <= self.true <= self.estimate.high


def sunglasses() -> NDArray[np.float64]:
    """In what share of pictures the true trigger covers each pixel, shape (55, 47): faces move, and it with them.

    Each picture is taken twice, with and without, and with the same noise.
    """
    people = invent_people(PEOPLE, np.random.default_rng([7, 0]))
    random = np.random.default_rng(0)
    covered = []
    for turn in range(_SHOTS):
        person = people[turn % PEOPLE]
        shot = draw_shot(person, random)
        taken = [
            render(person, replace(shot, sunglasses=worn), np.random.default_rng(turn)).astype(int)
            for worn in (False, True)
        ]
        covered.append(np.abs(taken[1] - taken[0]).max(axis=2) > 8)
    return np.asarray(np.mean(covered, axis=0))


def precision(trigger: ReversedTrigger, true: NDArray[np.bool_]) -> float:
    """The share of a reversed mask that lies on the true trigger."""
    mask = trigger.mask[..., 0]
    return float(mask[true].sum() / mask.sum())


def find_sample() -> tuple[Detection, list[Depth]]:
    """What is found about the sample, and every step of pruning the layer that is pruned by default."""
    model = open_model(SAMPLE / "bd_net.h5")
    clean, poisoned = (
        open_dataset(SAMPLE / name, model.input_shape, model.classes) for name in ("cl/valid.h5", "bd/bd_valid.h5")
    )
    pictures = CleanPictures.of_set(clean)
    found = detect(model, pictures)
    surrogate = surrogate_of(found, pictures, clean)
    assert surrogate is not None
    source = find_source(model.network)
    session = PruningSession(model, source, {"clean_valid": clean, "poisoned_valid": poisoned})
    order = order_channels(session)
    layer = surrogate.of_layer(model, source)
    depths = []
    for step in range(len(order) + 1):
        session.measure_steps(order, step)
        true = session.rates("valid", order[:step]).attack_success_rate
        assert true is not None
        depths.append(Depth(step, true, layer.along(order, step)))
    return found, depths


def six(depths: Sequence[Depth]) -> list[Depth]:
    """Evenly spread over all channels, the first and the last left out."""
    return [depths[round(place)] for place in np.linspace(0, len(depths) - 1, 8)[1:-1]]


def main() -> None:
    """Print the tables."""
    found, depths = find_sample()
    first = found.suspects[0]
    print(f"{found.verdict}, target {found.target}, {found.seconds:.1f} s")
    print("| trigger reversed for class 0 | pixels | where sunglasses are in half of the pictures | in a quarter |")
    print("| --- | ---: | ---: | ---: |")
    worn = sunglasses()
    for name, trigger in (("small", first.trigger), ("strong", first.strong_trigger)):
        if trigger is not None:
            half, quarter = (100 * precision(trigger, worn >= share) for share in (0.5, 0.25))
            print(f"| {name} | {trigger.size:.0f} | {half:.0f} % | {quarter:.0f} % |")
    print("\n| channels pruned | true attack success rate | estimate | between |")
    print("| ---: | ---: | ---: | --- |")
    for depth in six(depths):
        between = "yes" if depth.holds else "no"
        print(
            f"| {depth.pruned} of {len(depths) - 1} | {depth.true:.1f} % "
            f"| {depth.estimate.low:.1f}–{depth.estimate.high:.1f} % | {between} |"
        )
    print(f"\nbetween at {sum(depth.holds for depth in depths)} of all {len(depths)} steps")


if __name__ == "__main__":
    main()
