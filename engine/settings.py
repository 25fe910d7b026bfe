"""What a run is asked to do: one record, filled by the command line, by a recipe, or by a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bdtui.engine.errors import ModelError, OptionError
from bdtui.engine.option import (
    CHANNELS,
    CHOICE,
    DROPS,
    FLAG,
    MEBIBYTES,
    TEXT,
    WHOLE_NUMBER,
    file_kind,
    name_or_file_kind,
    option,
    options_of,
)

DEFAULT_THRESHOLDS = (2.0, 4.0, 10.0)
DEFAULT_RANKING = "mean-activation"
BY_HAND = "by-hand"
"""What results.json calls an order that comes from no ranking."""

SAMPLE_MODEL = "bd_net.h5"
"""File name of the bundled BadNet."""

CLEAN_VALID, POISONED_VALID = "clean_valid", "poisoned_valid"
CLEAN_TEST, POISONED_TEST = "clean_test", "poisoned_test"
ROLES = (CLEAN_VALID, POISONED_VALID, CLEAN_TEST, POISONED_TEST)

BUILT_IN_ARCHITECTURES = ("deepid",)
LAYOUTS = ("auto", "nchw", "nhwc")
SCALES = ("auto", "1", "255")

NETWORK, IMAGES, RUN = "the network", "the images (HDF5 with 'data' and 'label')", "the run"
"""The groups of options in ``--help``."""


def _image_set(help: str, hint: str) -> Any:
    kind = file_kind("an HDF5 file", "images")
    return option(kind, help, IMAGES, "FILE", opens=True, hint=hint, displaced_by=("sample",))


@dataclass(frozen=True)
class RunSettings:
    """All that decides what a run does and computes.

    A new option is one more field: the command line, recipes, recent files, the load form and ``--resume`` read here
    what it is.
    """

    model: Path | None = option(
        file_kind("a Keras model (.h5, .hdf5 or .keras)", "model", error=ModelError),
        "whole Keras model: .h5, .hdf5 or .keras",
        NETWORK,
        "MODEL",
        opens=True,
        hint=".h5, .hdf5 or .keras",
        displaced_by=("architecture", "sample"),
    )
    weights: Path | None = option(
        file_kind("the weights of a Keras model", "weights", "model", error=ModelError),
        "weights-only .h5, over MODEL or --architecture",
        NETWORK,
        "FILE",
        opens=True,
        hint="only if a file of their own",
        displaced_by=("model", "sample"),
    )
    architecture: str | None = option(
        name_or_file_kind(BUILT_IN_ARCHITECTURES, "a Keras JSON file", "architecture", error=ModelError),
        "deepid (built in) or a Keras JSON file",
        NETWORK,
        "NAME_OR_JSON",
        opens=True,
        hint="deepid or a Keras .json",
        displaced_by=("model", "sample"),
    )
    output: str | None = option(
        TEXT,
        "which output of a model that has several",
        NETWORK,
        "NAME",
        opens=True,
        hint="only if there are several",
        displaced_by=("model", "architecture", "sample"),
    )
    clean_valid: Path | None = _image_set("clean validation images; required", "needed: HDF5, data and label")
    poisoned_valid: Path | None = _image_set(
        "triggered ones, labelled as the attacker wants", "with the attacker's labels"
    )
    clean_test: Path | None = _image_set("clean test images", "for the final rates")
    poisoned_test: Path | None = _image_set("triggered test images", "for the final rates")
    layout: str = option(
        CHOICE,
        "axis order of 'data' (default: {default})",
        IMAGES,
        default="auto",
        choices=LAYOUTS,
        opens=True,
        reads_pixels=True,
    )
    scale: str = option(
        CHOICE,
        "divide pixels by this (default: {default})",
        IMAGES,
        default="auto",
        choices=SCALES,
        opens=True,
        reads_pixels=True,
    )
    layer: str | None = option(
        TEXT,
        "where activations are read, e.g. pool_3 (default: deepest pooling)",
        RUN,
        "NAME",
        opens=True,
        hint="the deepest pooling",
    )
    ranking: str = option(
        TEXT, "pruning order (default: {default}; 'list' names them)", RUN, "NAME", default=DEFAULT_RANKING
    )
    order: tuple[int, ...] | None = option(
        CHANNELS,
        "channels in pruning order, each once, as somebody made it by hand; else what the ranking gives",
        displaced_by=("model", "weights", "architecture", "sample", "layer", "ranking"),
    )
    thresholds: tuple[float, ...] = option(
        DROPS,
        "save at the first step past each accuracy drop, in points (default: {default})",
        RUN,
        "X,X,…",
        default=DEFAULT_THRESHOLDS,
    )
    until_last_threshold: bool = option(FLAG, "stop the curve at the largest threshold", RUN, default=False)
    sample: bool = option(
        FLAG, "use the bundled BadNet and its images", IMAGES, default=False, displaced_by=("model", "architecture")
    )
    device: str = option(TEXT, "auto, cpu or gpu:N (default: {default})", RUN, "D", default="auto", may_change=True)
    seed: int = option(WHOLE_NUMBER, "of everything random (default: {default})", RUN, "N", default=0)
    activation_memory: int | None = option(
        MEBIBYTES,
        "memory limit for activations; the rest spills to disk (default: a quarter of what is free)",
        RUN,
        "MIB",
        may_change=True,
    )


class MissingOption(OptionError):
    """What a run cannot do without was not given.

    Attributes:
        option: the field to fill in.
        finding: the sentence without what is expected.
    """

    def __init__(self, option: str, finding: str, expected: str) -> None:
        super().__init__(f"{finding}; expected {expected}")
        self.option = option
        self.finding = finding


def check_given(settings: RunSettings) -> None:
    """Raise `MissingOption` where what a run needs was not given; opens no file."""
    if settings.sample:
        return
    if settings.model is None and (settings.architecture is None or settings.weights is None):
        raise MissingOption(
            "model" if settings.architecture is None else "weights",
            "no model was given",
            "MODEL, or --architecture with --weights, or --sample",
        )
    if settings.clean_valid is None:
        raise MissingOption(CLEAN_VALID, "no clean validation images were given", "--clean-valid FILE")


def files_in_place_of_sample(settings: RunSettings) -> list[str]:
    """The options given that cannot stand beside the sample: a network, or image sets, of one's own."""
    return [
        name
        for name, option in options_of(settings).items()
        if option.opens and "sample" in option.displaced_by and getattr(settings, name) is not None
    ]


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
