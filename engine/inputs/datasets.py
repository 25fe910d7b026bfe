"""Labelled images of a file or a folder, read in batches as the network wants them.

Which kind of file it is, is decided by its content. Labels are read at once; pixels never are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import DataError, OptionError
from bdtui.engine.inputs.array_names import TRUE_LABEL, find_names, parse_keys
from bdtui.engine.inputs.folder_images import open_folder
from bdtui.engine.inputs.hdf5_arrays import open_hdf5_arrays
from bdtui.engine.inputs.image_set import reader_of
from bdtui.engine.inputs.labels import read_labels
from bdtui.engine.inputs.npz import open_npz
from bdtui.engine.inputs.picture_folder import SUFFIXES
from bdtui.engine.inputs.pixel_fit import fit_pixels
from bdtui.engine.inputs.preprocessing import AS_STORED, Preprocessing
from bdtui.engine.inputs.stored_arrays import ArrayFile, shape_words
from bdtui.engine.inputs.stored_images import ArrayImages, ReadImages, StoredImages
from bdtui.engine.machine.files import file_sha256, require_file
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.settings import CLEAN_VALID, LAYOUTS

_LARGEST_IMAGE = 2**26
"""Values of one image; a batch of eight has to fit into memory."""
_ZIP, _NPY = b"PK\x03\x04", b"\x93NUMPY"


@dataclass(frozen=True)
class LabelledImages:
    """An image set on disk that fits a model.

    Attributes:
        path: the file or the folder.
        sha256: of the file's bytes, in hex; of a folder, of the lines ``sha256  name`` of its pictures.
        images: how many there are, N.
        layout: ``nchw`` (channel first) or ``nhwc`` (channel last) order of the stored pixels.
        dtype: of the pixels as they are stored.
        image_shape: of one image as the model reads it, channel last.
        labels: the class each image is to get, int64, shape (N,); for poisoned images the attacker's class.
        true_labels: of poisoned images, int64, shape (N,); None where the file does not say.
        stored: the pixels, where they are kept.
        preprocessing: what is done to them before the network reads them.
        readings: what was understood that a person should know, a sentence each.
        class_names: of the model's classes, in order; empty where the set does not tell them.
        first_label: number of the first class in the file; None where classes are not told by numbers.
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
    readings: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    first_label: int | None = None

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
        with reader_of(self) as read:
            yield read

    def batches(self, batch_size: int) -> Iterator[NDArray[np.float32]]:
        """Read the images in order, as `reader` does.

        Raises:
            DataError: a pixel is not a finite number, or the file cannot be read to its end.
        """
        with self.reader() as read:
            for start in range(0, self.images, batch_size):
                yield read(start, start + batch_size)


def check_reading(
    path: Path, input_shape: Sequence[int | None], layout: str, keys: str | None
) -> tuple[str, str] | None:
    """The names that ``--keys`` gives, once it is known that images can be read as they are asked for; None without.

    Raises:
        DataError: the network reads no images.
        OptionError: there is no such layout, or the keys are not two names.
    """
    if layout not in LAYOUTS:
        raise OptionError(f"layout {layout!r} is not valid; expected one of {', '.join(LAYOUTS)}")
    names = None if keys is None else parse_keys(keys)
    if not input_shape:
        raise DataError(f"{path}: the model reads single numbers; expected a model of images or vectors")
    return names


def open_dataset(
    path: str | Path,
    input_shape: tuple[int | None, ...],
    classes: int,
    layout: str = "auto",
    *,
    keys: str | None = None,
    class_names: Sequence[str] = (),
    first_label: int | None = None,
    skip_broken: bool = False,
    role: str = CLEAN_VALID,
    reporter: Reporter = SILENT,
) -> LabelledImages:
    """Open an image set and check that it fits a model.

    Args:
        path: an HDF5 or ``.npz`` file with images (N×C×H×W or N×H×W×C, or with one, three or no spatial axes; any
            integer or float type) and labels (N or N×1 whole numbers or names, or N×classes one-hot), or a folder of
            pictures with one sub-folder a class.
        input_shape: of one image as the model reads it, channel last, None where any size will do.
        classes: how many classes the model has.
        layout: ``nchw``, ``nhwc`` or ``auto``, which decides from the input shape.
        keys: ``DATA,LABEL``, the names of images and labels in a file; None for the usual ones.
        class_names: of the model's classes, in order; empty where they are not known.
        first_label: number of the first class in other files of the run; decides where the labels alone do not.
        skip_broken: leave out pictures of a folder that cannot be read.
        role: of the set in the run; decides which part of a file with several is taken.
        reporter: receives the progress of reading pictures; may stop it.

    Raises:
        DataError: the file is missing, damaged, or does not hold such images and labels.
        OptionError: there is no such layout, or the keys are not two names.
        Interrupted: the reporter requested a stop.
    """
    path = Path(path)
    names = check_reading(path, input_shape, layout, keys)
    if os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises on names that are too long)
        return _open_folder(path, input_shape, classes, class_names, role, reporter, skip_broken=skip_broken)
    with open_arrays(path, reporter) as file:
        found = find_names(file, names, role.rpartition("_")[2])
        where = f"{path}: {found.data!r}"
        shape, dtype = header_of_images(where, file, found.data)
        fit = fit_pixels(where, shape, input_shape, layout)
        labels = read_labels(file, found.label, shape[0], classes, class_names, first_label)
        has_true = TRUE_LABEL in file.names()
        true = read_labels(file, TRUE_LABEL, shape[0], classes, class_names, labels.first) if has_true else None
        stored = ArrayImages(path, file.stored(found.data), fit)
    understood = [found.reading, fit.reading, labels.reading]
    if true and true.first != labels.first:
        understood.append(f"of the true classes, {true.reading or 'labels count from 0'}")
    return LabelledImages(
        path,
        file_sha256(path),
        shape[0],
        fit.layout,
        str(dtype),
        fit.image_shape,
        labels.classes,
        true.classes if true else None,
        stored,
        readings=tuple(f"{path}: {reading}" for reading in understood if reading),
        first_label=labels.first,
    )


def header_of_images(where: str, file: ArrayFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array of images.

    Raises:
        DataError: it holds none.
    """
    shape, dtype = file.header(name)
    if dtype.kind not in "uif":
        raise DataError(f"{where} is of type {dtype}; expected uint8, float32 or float64 pixels")
    if len(shape) < 2:
        raise DataError(f"{where} has shape {shape}; expected one image in each row")
    values = int(np.prod(shape[1:], dtype=object))
    if not shape[0] * values:
        raise DataError(f"{where} of shape {shape_words(shape)} holds no images; expected at least one")
    if values > _LARGEST_IMAGE:
        raise DataError(f"{where} has images of shape {shape[1:]}; expected at most {_LARGEST_IMAGE:,} values")
    return shape, dtype


def _open_folder(
    path: Path,
    input_shape: tuple[int | None, ...],
    classes: int,
    class_names: Sequence[str],
    role: str,
    reporter: Reporter,
    *,
    skip_broken: bool,
) -> LabelledImages:
    stage = f"{role.replace('_', ' ')}: reading"
    found = open_folder(path, input_shape, classes, class_names, reporter, skip_broken=skip_broken, stage=stage)
    return LabelledImages(
        path,
        found.sha256,
        len(found.labels),
        "nhwc",
        "uint8",
        found.stored.image_shape,
        found.labels,
        None,
        found.stored,
        readings=found.readings,
        class_names=found.class_names,
    )


def open_arrays(path: Path, reporter: Reporter) -> AbstractContextManager[ArrayFile]:
    """Open a file of arrays, whatever its name says."""
    require_file(path, DataError, "an HDF5 file, an .npz file or a folder")
    try:
        with path.open("rb") as file:
            beginning = file.read(len(_NPY))
    except OSError as problem:
        raise DataError(f"{path}: cannot be read ({problem.strerror}); expected a readable file") from problem
    if beginning.startswith(_NPY):
        raise DataError(
            f"{path}: holds a single array; expected images and labels in one file (in numpy: np.savez(file, data=…, label=…))"
        )
    if path.suffix.lower() in SUFFIXES:
        raise DataError(f"{path}: a single picture; expected a folder with one sub-folder a class")
    return open_npz(path, reporter) if beginning.startswith(_ZIP) else open_hdf5_arrays(path)
