"""What a repair method is: a name, what it needs and costs, and one function with typed input.

What a method may look at is in the input's type. Nothing of the poisoned or of the test images is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import OptionError
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.repair.augmentation import SHIFTS, Augmentation
from bdtui.engine.repair.checkpoints import NO_CHECKPOINTS, Checkpoints
from bdtui.engine.repair.clean_images import CleanImages
from bdtui.engine.repair.reversed_triggers import Stamp
from bdtui.engine.reporter import SILENT, Reporter


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) > 0


def _is_between(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, Real) and not isinstance(value, bool) and low <= float(value) <= high


_EXPECTED: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "steps": ("a whole number above 0", _is_count),
    "batch": ("a whole number above 1", lambda value: _is_count(value) and value > 1),
    "rate": ("a number above 0, up to 1", lambda value: _is_between(0, 1)(value) and value > 0),
    "start": ("a number from 0 to 1", _is_between(0, 1)),
    "teacher": ("a number from 0 to 100", _is_between(0, 100)),
    "tolerance": ("percentage points from 0 to 100", _is_between(0, 100)),
    "beat": ("seconds from 0 to a day", _is_between(0, 86_400)),
}


@dataclass(frozen=True)
class RepairOptions:
    """What can be set of a repair; None leaves it to the method.

    Attributes:
        augmentation: changes that leave a class what it is.
        steps: of training.
        batch: images in a step.
        rate: learning rate.
        start: share of B's weights that a student begins with, 0–1.
        teacher: weight of B's soft answers.
        tolerance: drop of clean accuracy, in points, up to which fine-pruning prunes.
        mixed_precision: whether steps compute in bfloat16; weights, and whatever is measured, stay float32.
        beat: seconds of work between two checkpoints.

    Raises:
        OptionError: a number is out of its range.
    """

    augmentation: Augmentation | None = None
    steps: int | None = None
    batch: int | None = None
    rate: float | None = None
    start: float | None = None
    teacher: float | None = None
    tolerance: float = 4.0
    mixed_precision: bool = False
    beat: float = 10.0

    def __post_init__(self) -> None:
        """Raise `OptionError` where a number is out of its range."""
        for option in fields(self):
            expected, holds = _EXPECTED.get(option.name, ("", lambda value: True))
            value = getattr(self, option.name)
            if not (holds(value) or (value is None and option.default is None)):
                raise OptionError(f"{option.name} {value!r} is not valid; expected {expected}")


class Watch(Protocol):
    """Looks at a network while it is repaired, for a person; decides nothing."""

    def __call__(self, network: keras.Model, method: str, step: int, steps: int) -> None:
        """Called some ten times, and at the end."""


def look_away(network: keras.Model, method: str, step: int, steps: int) -> None:
    """Watch nothing."""


@dataclass(frozen=True, eq=False)
class RepairInput:
    """All that a repair method may look at.

    Attributes:
        badnet: B, which is to stay as it is; one input, N scores or one unit for two classes.
        images: clean images to train on.
        held_out: clean images that must not be trained on: to choose by. May be empty.
        augmentation: changes of images that leave their class what it is.
        seed: of everything random.
        options: what was asked for.
        reporter: receives progress; is asked whether to stop.
        checkpoints: where to keep how far the work is.
        watch: is shown the network now and then.
        name: under which checkpoints are kept and progress is told.
        triggers: reversed on ``images``, for a method that asks for them; else empty.
        spent_before: is told the seconds of an earlier start that a checkpoint saves.
    """

    badnet: keras.Model
    images: CleanImages
    held_out: CleanImages
    augmentation: Augmentation = SHIFTS
    seed: int = 0
    options: RepairOptions = RepairOptions()
    reporter: Reporter = SILENT
    checkpoints: Checkpoints = NO_CHECKPOINTS
    watch: Watch = look_away
    name: str = "repair"
    triggers: tuple[Stamp, ...] = ()
    spent_before: Callable[[float], None] = lambda seconds: None

    def with_options(self, name: str | None = None, **options: Any) -> RepairInput:
        """The same, with other options; those that were asked for stay."""
        unset = {key: value for key, value in options.items() if getattr(self.options, key) is None}
        return replace(self, options=replace(self.options, **unset), name=name or self.name)


@dataclass(frozen=True, eq=False)
class RepairedNetwork:
    """What a method gives back.

    Attributes:
        network: of B's architecture, with B's names of layers, input and output; shares no variable with B.
        done: what was done, a sentence each.
        steps: of training.
    """

    network: keras.Model
    done: tuple[str, ...] = ()
    steps: int = 0


RepairFunction = Callable[[RepairInput], RepairedNetwork]


def predicted(model: keras.Model, pixels: NDArray[np.float32], reporter: Reporter = SILENT) -> NDArray[np.int64]:
    """Classes, shape (N,), that a network gives to images as it reads them: of equal scores the lower index."""
    if not len(pixels):
        return np.empty(0, np.int64)
    return np.asarray(ScoreRunner(model, pixels.shape[1:], reporter).scores(pixels).argmax(axis=1))
