"""What a run is asked to do: one record, filled by the command line, by a recipe, or by a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bdtui.engine.errors import ModelError, OptionError
from bdtui.engine.option import (
    CHANNELS,
    CHOICE,
    DEVIATION,
    DROPS,
    FLAG,
    MEAN,
    MEBIBYTES,
    NAMES,
    PERCENT,
    PLACE,
    TEXT,
    WHOLE_NUMBER,
    file_kind,
    flag_of,
    name_or_file_kind,
    option,
    options_of,
    words_kind,
)

DEFAULT_THRESHOLDS = (2.0, 4.0, 10.0)
DEFAULT_RANKING = "mean-activation"
BY_HAND = "by-hand"
"""What results.json calls an order that comes from no ranking."""

NEAR, ALL = "near", "all"
"""Layers to compare: those near the end of the network, or all."""

SAMPLE_MODEL = "bd_net.h5"
"""File name of the bundled BadNet."""

CLEAN_VALID, POISONED_VALID = "clean_valid", "poisoned_valid"
CLEAN_TEST, POISONED_TEST = "clean_test", "poisoned_test"
ROLES = (CLEAN_VALID, POISONED_VALID, CLEAN_TEST, POISONED_TEST)

BUILT_IN_ARCHITECTURES = ("deepid",)
LAYOUTS = ("auto", "nchw", "nhwc")
AUTO = "auto"
SCALES = (AUTO, "1", "255")
RAW, UNIT, BYTES, TF, TORCH, CAFFE = "raw", "unit", "bytes", "tf", "torch", "caffe"
PREPROCESSINGS = (AUTO, RAW, UNIT, BYTES, TF, TORCH, CAFFE)
"""The simple ones first: of equal ones ``auto`` takes the first."""
NEXT = "next"
"""The target of an all-to-all attack: the class after the true one."""
MEAN_STD = "mean-std"
"""How pixels are prepared where ``--mean`` and ``--std`` say it."""
BACKDOORED, UNCLEAR = "backdoored", "inconclusive"
FAIL_IF = (BACKDOORED, UNCLEAR)
"""Verdicts that a script can stop at."""
_MEANT_BY_SCALE = {AUTO: AUTO, "1": RAW, "255": UNIT}

NETWORK, IMAGES, RUN, DEMANDS = (
    "the network",
    "the images (HDF5 or .npz with labels, or a folder with one sub-folder a class)",
    "the run",
    "what a network has to meet (the verdict recommends one that does; --batch exits with 3 if none does)",
)
"""The groups of options in ``--help``."""


def _image_set(help: str, hint: str, *displaced_by: str) -> Any:
    kind = file_kind("an HDF5 file, an .npz file or a folder", "images", folders=True)
    return option(kind, help, IMAGES, "PATH", opens=True, hint=hint, displaced_by=("sample", *displaced_by))


@dataclass(frozen=True)
class RunSettings:
    """All that decides what a run does and computes.

    A new option is one more field: the command line, recipes, recent files, the load form and ``--resume`` read here
    what it is.
    """

    model: Path | None = option(
        file_kind(
            "a Keras model (.h5, .hdf5, .keras or a SavedModel folder of Keras 2)",
            "model",
            error=ModelError,
            folder_marks=("saved_model.pb",),
        ),
        "whole Keras model: .h5, .hdf5, .keras or a SavedModel folder",
        NETWORK,
        "MODEL",
        opens=True,
        hint=".h5, .keras or a SavedModel folder",
        displaced_by=("architecture", "sample"),
    )
    weights: Path | None = option(
        file_kind("the weights of a Keras model", "weights", "model", error=ModelError),
        "weights-only .h5, over MODEL or --architecture; by themselves if they fit deepid",
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
    clean_valid: Path | None = _image_set("clean validation images; required", "needed: HDF5, .npz or a folder")
    poisoned_valid: Path | None = _image_set(
        "triggered ones, labelled as the attacker wants", "with the attacker's labels", "trigger"
    )
    clean_test: Path | None = _image_set("clean test images", "for the final rates")
    poisoned_test: Path | None = _image_set("triggered test images", "for the final rates", "trigger")
    trigger: Path | None = option(
        file_kind("a PNG picture", "trigger"),
        "make the poisoned sets from the clean ones: lay this PNG over the images; its alpha blends",
        IMAGES,
        "FILE.png",
        opens=True,
        hint="a PNG, in place of poisoned images",
        displaced_by=(POISONED_VALID, POISONED_TEST, "sample"),
    )
    target: str | None = option(
        TEXT,
        "with --trigger: the class the attacker wants, by number or name; 'next' for the class after the true one",
        IMAGES,
        "CLASS",
        opens=True,
        hint="with trigger: a class, or next",
        reads_pixels=True,
        displaced_by=(POISONED_VALID, POISONED_TEST, "sample"),
    )
    trigger_at: tuple[int, int] | None = option(
        PLACE,
        "where the trigger's upper left pixel lies (default: as low and as far right as it fits)",
        IMAGES,
        "ROW,COL",
        opens=True,
        hint="ROW,COL; else bottom right",
        reads_pixels=True,
        displaced_by=(POISONED_VALID, POISONED_TEST, "sample"),
    )
    class_names: Path | None = option(
        file_kind("a text file with one class a line", "class_names"),
        "names of the classes, one a line in the order of the outputs",
        IMAGES,
        "FILE",
        opens=True,
        hint="one class a line",
    )
    layout: str = option(
        CHOICE,
        "axis order of 'data' (default: {default})",
        IMAGES,
        default="auto",
        choices=LAYOUTS,
        opens=True,
        reads_pixels=True,
    )
    preprocess: str = option(
        CHOICE,
        "how pixels are prepared: as stored, to 0…1, to 0…255, or as in keras.applications (default: {default}, what gives "
        "the best clean accuracy)",
        IMAGES,
        default=AUTO,
        choices=PREPROCESSINGS,
        opens=True,
        reads_pixels=True,
        displaced_by=("mean", "std", "scale"),
    )
    mean: tuple[float, ...] | None = option(
        MEAN,
        "in place of --preprocess: subtract this; of pixels in 0…1 if it and --std are at most 1, else in 0…255",
        IMAGES,
        "R,G,B",
        opens=True,
        hint="in place of preprocess: R,G,B",
        reads_pixels=True,
        displaced_by=("preprocess", "scale"),
    )
    std: tuple[float, ...] | None = option(
        DEVIATION,
        "in place of --preprocess: divide by this, after --mean",
        IMAGES,
        "R,G,B",
        opens=True,
        hint="with mean: R,G,B",
        reads_pixels=True,
        displaced_by=("preprocess", "scale"),
    )
    scale: str = option(
        CHOICE,
        "1: --preprocess raw, 255: --preprocess unit (default: {default})",
        IMAGES,
        default=AUTO,
        choices=SCALES,
        reads_pixels=True,
        displaced_by=("preprocess", "mean", "std"),
    )
    keys: str | None = option(
        TEXT,
        "names of images and labels in HDF5 or .npz (default: the usual ones)",
        IMAGES,
        "DATA,LABEL",
        opens=True,
        hint="data,label or as the file has them",
        reads_pixels=True,
    )
    skip_broken: bool = option(
        FLAG, "leave out pictures that cannot be read", IMAGES, default=False, opens=True, reads_pixels=True
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
    compare: tuple[str, ...] | None = option(
        NAMES,
        "then compare layers by every ranking: near (the last few; default when given bare), all, or names",
        RUN,
        "LAYERS",
        bare=(NEAR,),
        may_change=True,
    )
    repair: tuple[str, ...] | None = option(
        NAMES,
        "then repair the network: auto, none, or names ('list' names them)",
        RUN,
        "METHODS",
        may_change=True,
    )
    budget: float | None = option(
        PERCENT,
        "clean accuracy, in points, that --repair auto may cost on images held out (default: 1)",
        RUN,
        "POINTS",
        may_change=True,
    )
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
    max_asr: float | None = option(
        PERCENT,
        "at most this ASR in percent; without it the verdict wants 5, by the upper end of its interval",
        DEMANDS,
        "P",
        may_change=True,
    )
    min_accuracy: float | None = option(
        PERCENT,
        "at least this clean accuracy in percent; without it the verdict wants at most 4 points lost",
        DEMANDS,
        "P",
        may_change=True,
    )
    fail_if: tuple[str, ...] | None = option(
        words_kind(*FAIL_IF), "exit 3 at these verdicts: backdoored,inconclusive", DEMANDS, "VERDICTS", may_change=True
    )


@dataclass(frozen=True)
class Gates:
    """What a person demands, for a recommendation and for exit status 3.

    Attributes:
        max_asr: attack success that a network may have, in percent; None for no demand.
        min_accuracy: clean accuracy that it needs, in percent; None for no demand.
        fail_if: verdicts that are to fail, of `FAIL_IF`.
    """

    max_asr: float | None = None
    min_accuracy: float | None = None
    fail_if: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The demands that were made."""
        made = {name: value for name, value in asdict(self).items() if value not in (None, ())}
        return made | ({"fail_if": list(self.fail_if)} if self.fail_if else {})


NO_GATES = Gates()


def gates_of(settings: RunSettings) -> Gates:
    """What the settings demand of a network."""
    return Gates(settings.max_asr, settings.min_accuracy, settings.fail_if or ())


def asked_preprocessing(settings: RunSettings) -> str:
    """How pixels are to be prepared: one of `PREPROCESSINGS`, or `MEAN_STD`.

    Raises:
        OptionError: options contradict each other.
    """
    meant = _MEANT_BY_SCALE[settings.scale]
    chosen = {flag: name for flag, name in (("preprocess", settings.preprocess), ("scale", meant)) if name != AUTO}
    numbers = [flag for flag in ("mean", "std") if getattr(settings, flag) is not None]
    if numbers and chosen:
        raise OptionError(f"--{numbers[0]} was given together with --{next(iter(chosen))}; expected one of the two")
    if len(set(chosen.values())) > 1:
        raise OptionError(
            f"--scale {settings.scale} is the same as --preprocess {meant}, but --preprocess {settings.preprocess} was "
            "given as well; expected one of the two"
        )
    return MEAN_STD if numbers else next(iter(chosen.values()), AUTO)


def check_agreement(settings: RunSettings) -> None:
    """Raise `OptionError` where options contradict each other; opens no file."""
    asked_preprocessing(settings)
    given = [role for role in (POISONED_VALID, POISONED_TEST) if getattr(settings, role) is not None]
    if settings.trigger is not None and given:
        raise OptionError(
            f"--trigger makes the poisoned images from the clean ones, but {flag_of(given[0])} was given as well; expected "
            "one of the two"
        )


def spelled_out(settings: RunSettings) -> RunSettings:
    """The same settings without ``--scale``: what it means stands under ``--preprocess``."""
    meant = _MEANT_BY_SCALE[settings.scale]
    return replace(settings, scale=AUTO, preprocess=meant if settings.preprocess == AUTO else settings.preprocess)


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
    if settings.model is None and settings.weights is None:
        taken = settings.compare or ()
        if len(taken) == 1 and taken[0] not in (NEAR, ALL):
            # `--compare MODEL`: what was meant for bare took the model.
            raise OptionError(
                f"--compare took {taken[0]!r} for the layers to compare, and no model was given; expected MODEL before it, "
                f"or --compare {NEAR}"
            )
        raise MissingOption(
            "model" if settings.architecture is None else "weights",
            "no model was given",
            "MODEL, or --weights with their --architecture, or --sample",
        )
    if settings.clean_valid is None:
        raise MissingOption(CLEAN_VALID, "no clean validation images were given", "--clean-valid PATH")
    if settings.trigger is not None and settings.target is None:
        raise MissingOption("target", "a trigger was given without the class it leads to", "--target CLASS, or next")
    alone = next((name for name in ("target", "trigger_at") if getattr(settings, name) is not None), None)
    if settings.trigger is None and alone:
        raise MissingOption(
            "trigger", f"{flag_of(alone)} belongs to a trigger, and none was given", "--trigger FILE.png with it"
        )


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
