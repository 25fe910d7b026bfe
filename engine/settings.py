"""What a run is asked to do: one record, filled by the command line, by a recipe, or by a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bdtui.engine.errors import OptionError

DEFAULT_THRESHOLDS = (2.0, 4.0, 10.0)
DEFAULT_RANKING = "mean-activation"
BY_HAND = "by-hand"
"""What results.json calls an order that comes from no ranking."""

SAMPLE_MODEL = "bd_net.h5"
"""File name of the bundled BadNet."""

CLEAN_VALID, POISONED_VALID = "clean_valid", "poisoned_valid"
CLEAN_TEST, POISONED_TEST = "clean_test", "poisoned_test"
ROLES = (CLEAN_VALID, POISONED_VALID, CLEAN_TEST, POISONED_TEST)


@dataclass(frozen=True)
class RunSettings:
    """All that decides what a run does and computes.

    Attributes:
        model: whole model file.
        weights: weights-only file laid over ``model`` or ``architecture``.
        architecture: built-in name or Keras JSON file.
        clean_valid: clean validation images; without them nothing can be pruned.
        poisoned_valid: triggered validation images with the attacker's labels.
        clean_test: clean test images.
        poisoned_test: triggered test images with the attacker's labels.
        layout: ``auto``, ``nchw`` or ``nhwc``.
        scale: ``auto``, ``1`` or ``255``; pixels are divided by it.
        layer: name of the profiled layer; None for the default.
        ranking: name of the ranking.
        order: channels in pruning order, each once, as somebody made it by hand; None for what the ranking gives.
        thresholds: tolerated drops, percentage points.
        until_last_threshold: stop the curve at the largest threshold instead of at the last channel.
        sample: use the bundled BadNet and data in place of the files.
        device: ``auto``, ``cpu`` or ``gpu:N``.
        seed: of everything random.
        activation_memory: MiB of activations kept in memory before a file is used; None for a quarter of what is free.
    """

    model: Path | None = None
    weights: Path | None = None
    architecture: str | None = None
    clean_valid: Path | None = None
    poisoned_valid: Path | None = None
    clean_test: Path | None = None
    poisoned_test: Path | None = None
    layout: str = "auto"
    scale: str = "auto"
    layer: str | None = None
    ranking: str = DEFAULT_RANKING
    order: tuple[int, ...] | None = None
    thresholds: tuple[float, ...] = DEFAULT_THRESHOLDS
    until_last_threshold: bool = False
    sample: bool = False
    device: str = "auto"
    seed: int = 0
    activation_memory: int | None = None


def check_thresholds(drops: Sequence[float]) -> tuple[float, ...]:
    """The drops in ascending order, each once.

    Raises:
        OptionError: one is not a number above 0 and at most 100.
    """
    if not drops:
        raise OptionError("no threshold was given; expected percentage points above 0, up to 100")
    for drop in drops:
        if not 0 < drop <= 100:
            raise OptionError(f"threshold {drop:g} is not valid; expected percentage points above 0, up to 100")
    return tuple(sorted({float(drop) for drop in drops}))
