"""Labels as people store them: whole numbers from 0 or from 1, one-hot rows, or names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import DataError
from bdtui.engine.inputs.stored_arrays import ArrayFile, shape_words
from bdtui.engine.inputs.stored_images import first_line
from bdtui.engine.machine.quoted_text import quoted

_VALUES_AT_ONCE = 2**20
_MOST_SHOWN = 5


@dataclass(frozen=True)
class FoundLabels:
    """The classes of images.

    Attributes:
        classes: from 0, int64, shape (N,).
        first: the number of the first class in the file, 0 or 1; None where classes are not told by numbers.
        reading: what was understood, for a person; empty where labels count from 0.
    """

    classes: NDArray[np.int64]
    first: int | None = None
    reading: str = ""


def read_labels(
    file: ArrayFile, name: str, images: int, classes: int, class_names: Sequence[str] = (), first: int | None = None
) -> FoundLabels:
    """Read the labels of images.

    Args:
        file: holds them.
        name: of the array: N or N×1 whole numbers or names, or N×classes one-hot.
        images: how many there are, N.
        classes: how many the model has.
        class_names: of the model's classes, in order; empty where they are not known.
        first: number of the first class in other files of the run; None where that is not known. It decides where
            these labels alone do not.

    Raises:
        DataError: they are no such labels.
    """
    where = f"{file.path}: {name!r}"
    shape, dtype = file.header(name)
    expected = f"expected {images} whole numbers from 0 to {classes - 1}"
    texts = dtype.kind in "SUO"
    if dtype.kind not in "uifbSUO":
        raise DataError(f"{where} is of type {dtype}; {expected}")
    if texts and not class_names:
        raise DataError(
            f"{where} is of type {dtype}; {expected}, or add --class-names FILE with the names of the classes"
        )
    one_hot = len(shape) == 2 and shape[1] == classes and classes > 1 and not texts
    if shape not in ((images,), (images, 1)) and not (one_hot and shape[0] == images):
        raise DataError(
            f"{where} has shape {shape_words(shape) or 'of one number'} for {images} images; "
            f"{expected}, or one-hot rows of {classes}"
        )
    rows = max(1, _VALUES_AT_ONCE // (shape[1] if one_hot else 1))
    try:
        blocks = file.blocks(name, rows)
        if texts:
            return FoundLabels(_from_names(blocks, where, class_names))
        if one_hot:
            return FoundLabels(_from_one_hot(blocks, where))
        values = np.concatenate([np.asarray(block).reshape(-1) for block in blocks])
    except (OSError, RuntimeError) as problem:
        raise DataError(f"{where} cannot be read ({first_line(problem)}); {expected}") from problem
    return _from_numbers(values, where, classes, expected, first)


def _from_numbers(
    values: NDArray[Any], where: str, classes: int, expected: str, known_first: int | None
) -> FoundLabels:
    numbers = values.astype(np.float64)
    for bad, what in (
        (~np.isfinite(numbers), "not a finite number"),
        (numbers != np.floor(numbers), "not a whole number"),
    ):
        if bad.any():
            _refuse(where, numbers, bad, what, expected)
    lowest, highest = numbers.min(), numbers.max()
    if highest == classes and (lowest == 1 or (lowest > 1 and known_first is None)):
        # There is no class of that number where the first is 0.
        first, reading = 1, f"labels count from 1 (they go from {lowest:g} to {classes}); 1 is taken off each"
    elif known_first == 1 and lowest >= 1:
        first, reading = 1, "labels are taken to count from 1, as those of the clean images do; 1 is taken off each"
    else:
        first, reading = 0, "labels count from 0, those of the clean images from 1" if known_first == 1 else ""
    bad = (numbers < first) | (numbers >= classes + first)
    if bad.any():
        what = "out of range"
        if first == 0 and lowest >= 1 and highest == classes:
            what += " where the first class is 0, as in the clean images"
        _refuse(where, numbers, bad, what, expected)
    return FoundLabels(numbers.astype(np.int64) - first, first, reading)


def _refuse(where: str, numbers: NDArray[np.float64], bad: NDArray[np.bool_], what: str, expected: str) -> None:
    worst = int(np.argmax(bad))
    raise DataError(f"{where} of image {worst} is {numbers[worst]:g}, {what}; {expected}")


def _from_one_hot(blocks: Iterator[NDArray[Any]], where: str) -> NDArray[np.int64]:
    found: list[NDArray[np.int64]] = []
    start = 0
    for block in blocks:
        sound = (np.count_nonzero(block, axis=1) == 1) & (block.max(axis=1) == 1)
        if not sound.all():
            worst = start + int(np.argmin(sound))
            raise DataError(f"{where} of image {worst} is not one-hot; expected a single 1 among zeros")
        found.append(block.argmax(axis=1).astype(np.int64))
        start += len(block)
    return np.concatenate(found)


def _from_names(blocks: Iterator[NDArray[Any]], where: str, class_names: Sequence[str]) -> NDArray[np.int64]:
    numbers = {name: number for number, name in enumerate(class_names)}
    found: list[int] = []
    for block in blocks:
        for value in block.reshape(-1).tolist():
            name = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            number = numbers.get(name.strip()) if isinstance(name, str) else None
            if number is None:
                known = ", ".join(repr(known) for known in class_names[:_MOST_SHOWN])
                more = ", …" if len(class_names) > _MOST_SHOWN else ""
                raise DataError(
                    f"{where} of image {len(found)} is {quoted(str(name))}; expected one of the class names ({known}{more})"
                )
            found.append(number)
    return np.array(found, np.int64)
