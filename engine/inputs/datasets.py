"""Labelled images in HDF5 files, read in batches as the network wants them.

A file holds ``data`` and ``label``, and where the attack kept them, the poisoned images' ``true_label``.
Labels are read at once; pixels never are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import DataError, OptionError
from bdtui.engine.inputs.hdf5 import PackedChunks, explain_damage, open_hdf5, own_dataset
from bdtui.engine.inputs.preprocessing import AS_STORED, Preprocessing
from bdtui.engine.inputs.stored_images import (
    WHOLE_IMAGES,
    Hdf5Images,
    ReadImages,
    StoredImages,
    first_line,
)
from bdtui.engine.machine.files import file_sha256
from bdtui.engine.settings import LAYOUTS

_LARGEST_IMAGE = 2**26
"""Values of one image; a batch of eight has to fit into memory."""


@dataclass(frozen=True)
class LabelledImages:
    """An image set on disk that fits a model.

    Attributes:
        path: the HDF5 file.
        sha256: of the file's bytes, in hex.
        images: how many there are, N.
        layout: ``nchw`` (channel first) or ``nhwc`` (channel last) order of ``data``.
        dtype: of ``data`` in the file.
        image_shape: of one image as the model reads it, channel last.
        labels: the class each image is to get, int64, shape (N,); for poisoned images the attacker's class.
        true_labels: of poisoned images, int64, shape (N,); None where the file does not say.
        stored: the pixels, where they are kept.
        preprocessing: what is done to them before the network reads them.
    """

    path: Path
    sha256: str
    images: int
    layout: str
    dtype: str
    image_shape: tuple[int, ...]
    labels: NDArray[np.int64]
    true_labels: NDArray[np.int64] | None

    stored: StoredImages
    preprocessing: Preprocessing = AS_STORED

    def prepared(self, preprocessing: Preprocessing) -> LabelledImages:
        """The same images, with their pixels prepared in another way."""
        return replace(self, preprocessing=preprocessing)

    @contextmanager
    def reader(self) -> Iterator[ReadImages]:
        """A function that reads the images from one number up to another, from any thread.

        They come as the network reads them: channel last, float32, prepared.

        Raises:
            DataError: a pixel is not a finite number, or the images cannot be read. The function raises it too.
        """
        with self.stored.reader() as read_stored:
            yield lambda start, stop: self.preprocessing.apply(read_stored(start, stop))

    def batches(self, batch_size: int) -> Iterator[NDArray[np.float32]]:
        """Read the images in order, as `reader` does.

        Raises:
            DataError: a pixel is not a finite number, or the file cannot be read to its end.
        """
        with self.reader() as read:
            for start in range(0, self.images, batch_size):
                yield read(start, start + batch_size)


def open_dataset(
    path: str | Path, input_shape: tuple[int | None, ...], classes: int, layout: str = "auto"
) -> LabelledImages:
    """Open an image set and check that it fits a model.

    Args:
        path: HDF5 file with ``data`` (N×C×H×W or N×H×W×C, or with one, three or no spatial axes; any integer or
            float type) and ``label`` (N or N×1 whole numbers, or N×classes one-hot).
        input_shape: of one image as the model reads it, channel last, None where any size will do.
        classes: how many classes the model has; labels lie between 0 and ``classes - 1``.
        layout: ``nchw``, ``nhwc`` or ``auto``, which decides from the input shape.

    Raises:
        DataError: the file is missing, damaged, or does not hold such images and labels.
        OptionError: there is no such layout.
    """
    path = Path(path)
    if layout not in LAYOUTS:
        raise OptionError(f"layout {layout!r} is not valid; expected one of {', '.join(LAYOUTS)}")
    with open_hdf5(path, DataError) as file, explain_damage(path, DataError, WHOLE_IMAGES):
        data = own_dataset(file, "data", path, DataError)
        if data.dtype.kind not in "uif":
            raise DataError(f"{path}: 'data' is of type {data.dtype}; expected uint8, float32 or float64 pixels")
        if not input_shape:
            raise DataError(f"{path}: the model reads single numbers; expected a model of images or vectors")
        if data.ndim < 2:
            raise DataError(f"{path}: 'data' has shape {data.shape}; expected one image in each row")
        if not data.size:
            raise DataError(
                f"{path}: 'data' of shape {'×'.join(map(str, data.shape))} holds no images; expected at least one"
            )
        if data.size // data.shape[0] > _LARGEST_IMAGE:
            raise DataError(
                f"{path}: 'data' has images of shape {data.shape[1:]}; expected at most {_LARGEST_IMAGE:,} values"
            )
        found = _decide_layout(path, data.shape, input_shape, layout)
        labels = _read_labels(file, "label", path, data.shape[0], classes)
        true_labels = _read_labels(file, "true_label", path, data.shape[0], classes) if "true_label" in file else None
        shape = data.shape[1:] if found == "nhwc" else (*data.shape[2:], data.shape[1])
        dtype = str(data.dtype)
    stored = Hdf5Images(path, "data", len(labels), found, shape)
    return LabelledImages(path, file_sha256(path), len(labels), found, dtype, shape, labels, true_labels, stored)


def _decide_layout(path: Path, shape: tuple[int, ...], wanted: tuple[int | None, ...], layout: str) -> str:
    """The axis order in which images of the file's shape fit the model."""
    in_order = {"nhwc": shape[1:], "nchw": (*shape[2:], shape[1])}
    fitting = [
        name
        for name in ("nhwc", "nchw")
        if layout in ("auto", name)
        and len(in_order[name]) == len(wanted)
        and all(want in (None, have) for want, have in zip(wanted, in_order[name], strict=True))
    ]
    if not fitting:
        expected = " or ".join(
            "×".join(["N", *("any" if size is None else str(size) for size in sizes)])
            for name, sizes in (("nhwc", wanted), ("nchw", (wanted[-1], *wanted[:-1])))
            if layout in ("auto", name)
        )
        raise DataError(f"{path}: 'data' has shape {'×'.join(map(str, shape))}; the model expects {expected}")
    # Where all axes are of one length both fit; Keras' own order is the better guess, --layout the way to say otherwise.
    return fitting[0]


def _read_labels(file: h5py.File, key: str, path: Path, images: int, classes: int) -> NDArray[np.int64]:
    stored = own_dataset(file, key, path, DataError)
    expected = f"expected {images} whole numbers from 0 to {classes - 1}"
    if stored.dtype.kind not in "uifb":
        raise DataError(f"{path}: {key!r} is of type {stored.dtype}; {expected}")
    one_hot = stored.ndim == 2 and stored.shape[1] == classes and classes > 1
    if stored.shape not in ((images,), (images, 1)) and not (one_hot and stored.shape[0] == images):
        raise DataError(
            f"{path}: {key!r} has shape {'×'.join(map(str, stored.shape)) or 'of one number'} for {images} images; "
            f"{expected}, or one-hot rows of {classes}"
        )
    try:
        PackedChunks(stored, f"{path}: {key!r}", DataError).check(0, images)
        values = _from_one_hot(stored, path, key) if one_hot else np.asarray(stored[()]).reshape(images)
    except (OSError, RuntimeError) as problem:
        raise DataError(f"{path}: {key!r} cannot be read ({first_line(problem)}); {expected}") from problem
    numbers = values.astype(np.float64)
    for bad, what in (
        (~np.isfinite(numbers), "not a finite number"),
        (numbers != np.floor(numbers), "not a whole number"),
        ((numbers < 0) | (numbers >= classes), "out of range"),
    ):
        if bad.any():
            worst = int(np.argmax(bad))
            hint = " (labels that count from 1?)" if numbers.min() == 1 and numbers.max() == classes else ""
            raise DataError(f"{path}: {key!r} of image {worst} is {numbers[worst]:g}, {what}{hint}; {expected}")
    return numbers.astype(np.int64)


def _from_one_hot(stored: h5py.Dataset, path: Path, key: str) -> NDArray[np.int64]:
    found = np.empty(stored.shape[0], np.int64)
    rows = max(1, 2**20 // stored.shape[1])
    for start in range(0, len(found), rows):
        block = stored[start : start + rows]
        sound = (np.count_nonzero(block, axis=1) == 1) & (block.max(axis=1) == 1)
        if not sound.all():
            worst = start + int(np.argmin(sound))
            raise DataError(f"{path}: {key!r} of image {worst} is not one-hot; expected a single 1 among zeros")
        found[start : start + rows] = block.argmax(axis=1)
    return found
