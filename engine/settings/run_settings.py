"""Every option of a run, declared once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bdtui.engine.errors import ModelError
from bdtui.engine.option import (
    CHANNELS,
    CHOICE,
    DEVIATION,
    DROPS,
    FLAG,
    MEAN,
    MEBIBYTES,
    METHODS,
    NAMES,
    PERCENT,
    PLACE,
    TEXT,
    WHOLE_NUMBER,
    file_kind,
    name_or_file_kind,
    option,
    words_kind,
)
from bdtui.engine.settings.words import (
    AUTO,
    BUILT_IN_ARCHITECTURES,
    DEFAULT_RANKING,
    DEFAULT_THRESHOLDS,
    FAIL_IF,
    FORMATS,
    LAYOUTS,
    NEAR,
    POISONED_TEST,
    POISONED_VALID,
    PREPROCESSINGS,
    SCALES,
)

NETWORK, IMAGES, RUN, JUDGE, DEMANDS = (
    "the network",
    "the images (HDF5 or .npz with labels, or a folder with one sub-folder a class)",
    "the run",
    "images to judge, in place of a run",
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
        "how pixels are prepared: as stored, to 0…1, to 0…255, or as in keras.applications (default: {default}, the "
        "simplest of those within a point of the best clean accuracy)",
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
        "then compare layers by every ranking: near (the last few; default when given bare), all (of layers with the same "
        "channels, as before and behind a pooling, the last), or names",
        RUN,
        "LAYERS",
        bare=(NEAR,),
        may_change=True,
    )
    detect: tuple[str, ...] | None = option(
        METHODS,
        "look for a backdoor without poisoned images: auto, none, or names ('list' names them)",
        RUN,
        "METHODS",
        may_change=True,
    )
    pool: Path | None = option(
        file_kind("an HDF5 file, an .npz file or a folder", "images", folders=True),
        "with --detect pool: images with labels that may be poisoned, such as training data (default: --clean-valid)",
        RUN,
        "PATH",
        may_change=True,
    )
    repair: tuple[str, ...] | None = option(
        METHODS,
        "then repair the network: auto, none, or names ('list' names them)",
        RUN,
        "METHODS",
        may_change=True,
    )
    formats: tuple[str, ...] | None = option(
        words_kind(*FORMATS),
        "write each network in these formats too, and hold it against the network on all validation images: "
        + ", ".join(FORMATS),
        RUN,
        "FORMATS",
        may_change=True,
    )
    compact: bool = option(
        FLAG,
        "leave the pruned channels out of B′ and G where the graph allows it, instead of setting them to zero",
        RUN,
        default=False,
        may_change=True,
    )
    all: bool = option(FLAG, "the same as --detect auto --repair auto", RUN, default=False, may_change=True)
    budget: float | None = option(
        PERCENT,
        "clean accuracy, in points, that --repair auto may cost on images held out (default: 1)",
        RUN,
        "POINTS",
        may_change=True,
    )
    mixed_precision: bool = option(
        FLAG,
        "repair in steps of bfloat16, for GPUs that have it; other rounding, so another network",
        RUN,
        default=False,
        may_change=True,
    )
    screen: Path | None = option(
        file_kind("a picture, a folder of pictures, an HDF5 file or an .npz file", "images", folders=True),
        "with --batch: which of these images carry a trigger? A picture, a folder, HDF5 or .npz; needs no labels, and "
        "--clean-valid or --sample beside it; writes screened.csv",
        JUDGE,
        "PATH",
    )
    screen_by: str | None = option(
        TEXT, "how (default: strip, or the GoodNet if one is given; 'list' names the ways)", JUDGE, "METHOD"
    )
    goodnet: Path | None = option(
        file_kind("a GoodNet of a run (goodnet_*.keras)", "model", error=ModelError),
        "flag the images on which this GoodNet of a run (goodnet_*.keras) answers N+1",
        JUDGE,
        "FILE",
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
