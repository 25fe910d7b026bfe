"""The detection methods by name. A new method is a file and an entry here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bdtui.engine.detect.evidence import Evidence
from bdtui.engine.detect.method import IMAGES, LABELS, NOTHING, DetectionMethod
from bdtui.engine.errors import OptionError
from bdtui.engine.lazy_names import lazy_function

AUTO = "auto"
AUTO_DOES = "from what is free to what is dear, and a verdict with its error"
LAST_LAYER, MARGINS, SCAN, IMAGE_SCAN = "last-layer", "margins", "scan", "scan-images"
FUSED, INFORMATION, INVERSION = "fused-scan", "mutual-information", "inversion"

POOL = "pool"
POOL_DOES = (
    "which class of a labelled pool looks poisoned, and which images; needs --pool PATH, else takes --clean-valid (activation "
    "clustering, Chen et al. 2018; spectral signatures, Tran et al. 2018)"
)
"""Says something of images, not of the network: no part of ``auto``, nor of any verdict."""

_MANY = 64
"""Classes from which the free methods are those for many."""
_LEAST_IMAGES = 100
"""Labelled images that mutual information needs, ten a class at least."""


def _of(module: str, function: str) -> Callable[[], Callable[[Any], Evidence]]:
    return lazy_function(f"bdtui.engine.detect.{module}", function)


METHODS: dict[str, DetectionMethod] = {
    method.name: method
    for method in (
        DetectionMethod(
            LAST_LAYER,
            "a class whose weights in the last layer are larger than all others'",
            NOTHING,
            0,
            _of("last_layer", "find_by_last_layer"),
            "Fields et al. 2021 (trojan signatures)",
        ),
        DetectionMethod(
            SCAN,
            "how far a small push inside the network carries noise towards each class",
            NOTHING,
            0.5,
            _of("scan", "find_by_scan"),
        ),
        DetectionMethod(
            IMAGE_SCAN,
            "the same from clean images",
            IMAGES,
            0.5,
            _of("scan", "find_by_scan_of_images"),
        ),
        DetectionMethod(
            MARGINS,
            "how sure noise can make the network of each class",
            NOTHING,
            2,
            _of("margins", "find_by_margins"),
            "Wang et al. 2024 (MM-BD)",
        ),
        DetectionMethod(
            FUSED,
            "last layer and scans at several layers together, for hundreds of classes",
            NOTHING,
            1,
            _of("fused_scan", "find_by_fused_scan"),
        ),
        DetectionMethod(
            INFORMATION,
            "one stamp that fools the network, and whether its answers stay in order: all-to-all",
            LABELS,
            3,
            _of("mutual_information", "find_by_mutual_information"),
        ),
        DetectionMethod(
            INVERSION,
            "the smallest stamp that sends images to each class",
            IMAGES,
            7,
            _of("inversion", "find_by_inversion"),
            "Wang et al. 2019 (Neural Cleanse)",
        ),
    )
}
"""In the order in which they are listed."""


def find_method(name: str) -> DetectionMethod:
    """The method of a name.

    Raises:
        OptionError: there is none.
    """
    if name not in METHODS:
        raise OptionError(f"there is no detector {name!r}; expected {AUTO} or one of {', '.join((*METHODS, POOL))}")
    return METHODS[name]


def asked_methods(names: Sequence[str] | None) -> tuple[str, ...]:
    """The detectors that were asked for, each once; ``auto`` stands for itself, ``none`` for nothing.

    Raises:
        OptionError: there is no detector of one of the names.
    """
    asked = tuple(dict.fromkeys(name for name in names or () if name != "none"))
    check_methods(asked)
    return asked


MOST_PICTURES = 1_000
"""Images of a set that are looked at."""


def methods_to_run(asked: Sequence[str], classes: int, images: int) -> tuple[str, ...]:
    """The names of all methods that are run, each once, on a network of so many classes with a set of so many images.

    Raises:
        OptionError: there is no detector of one of the names.
    """
    check_methods(asked)
    asked = [name for name in asked if name != POOL]
    planned = planned_methods(classes, min(images, MOST_PICTURES), labels=True)
    return tuple(dict.fromkeys(name for each in asked for name in (planned if each == AUTO else (each,))))


def planned_methods(classes: int, clean: int = 0, *, labels: bool = False) -> tuple[str, ...]:
    """What ``auto`` runs on a network of so many classes, in order, from what is free to what is dear.

    Args:
        classes: of the network.
        clean: how many clean images there are.
        labels: whether their classes are known.
    """
    many = classes > _MANY
    planned = [LAST_LAYER, FUSED] if many else [LAST_LAYER, SCAN, MARGINS]
    if clean and not many:
        planned.append(IMAGE_SCAN)
        if labels and clean >= max(_LEAST_IMAGES, 10 * classes):
            planned.append(INFORMATION)
    return tuple([*planned, INVERSION] if clean else planned)


def check_without_images(names: Sequence[str]) -> None:
    """Raise `OptionError` where a method needs images, for an examination that has none; ``auto`` does without."""
    for name in names:
        if name == POOL:
            raise OptionError(f"detector {POOL} needs images with labels; add --clean-valid")
        if name != AUTO and (needs := find_method(name).needs) != NOTHING:
            raise OptionError(f"detector {name} needs {needs}; add --clean-valid")


def check_methods(names: Sequence[str]) -> None:
    """Raise `OptionError` where there is no method of one of the names; ``auto`` is one."""
    for name in names:
        if name not in (AUTO, POOL):
            find_method(name)
