"""Images and labels read back as they were written, in every supported form."""

from __future__ import annotations

import hashlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from bdtui.engine.errors import DataError, InputError
from bdtui.engine.inputs.datasets import LabelledImages, open_dataset
from bdtui.engine.inputs.preprocessing import Preprocessing
from tests.networks import write_images

CLASSES = 5
SHAPE = (6, 4, 3)
IMAGES = np.random.default_rng(5).integers(0, 256, (23, *SHAPE), dtype=np.uint8)
LABELS = np.arange(23) % CLASSES

LABEL_FORMS = {
    "N": LABELS,
    "N×1": LABELS[:, None],
    "one-hot": np.eye(CLASSES)[LABELS],
    "one-hot of bytes": np.eye(CLASSES, dtype=np.uint8)[LABELS],
    "one-hot of truth values": np.eye(CLASSES, dtype=bool)[LABELS],
    "whole floats": LABELS.astype(np.float32),
    "whole floats, N×1": LABELS.astype(np.float64)[:, None],
    "bytes": LABELS.astype(np.uint8),
    "uint64": LABELS.astype(np.uint64),
    "big-endian": LABELS.astype(">i4"),
}


def pixels_of(images: LabelledImages, batch_size: int = 10) -> np.ndarray:
    return np.concatenate(list(images.batches(batch_size)))


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("asked", ["auto", "as it is"])
@pytest.mark.parametrize("kind", ["u1", "i2", "u4", "i8", "f2", "f4", "f8", ">f8"])
def test_pixels_read_back_as_written_in_every_type_and_layout(
    tmp_path: Path, layout: str, asked: str, kind: str
) -> None:
    stored = (IMAGES if layout == "nhwc" else np.moveaxis(IMAGES, -1, 1)).astype(kind)
    path = write_images(tmp_path / "data.h5", stored, LABELS)
    images = open_dataset(path, SHAPE, CLASSES, "auto" if asked == "auto" else layout)
    assert (images.layout, images.images, images.image_shape) == (layout, 23, SHAPE)
    assert images.dtype == str(np.dtype(kind))
    read = pixels_of(images)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, IMAGES)


@pytest.mark.parametrize("labels", LABEL_FORMS.values(), ids=LABEL_FORMS.keys())
def test_labels_read_back_as_written_in_every_form(tmp_path: Path, labels: np.ndarray) -> None:
    images = open_dataset(write_images(tmp_path / "data.h5", IMAGES, labels, true_label=labels), SHAPE, CLASSES)
    for read in (images.labels, images.true_labels):
        assert read is not None
        assert read.dtype == np.int64
        np.testing.assert_array_equal(read, LABELS)


@pytest.mark.parametrize("batch_size", [1, 7, 23, 24, 1000])
@pytest.mark.parametrize("storage", ["contiguous", "chunked", "packed"])
def test_batches_give_the_same_pixels_for_any_size(tmp_path: Path, batch_size: int, storage: str) -> None:
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        how = {"contiguous": {}, "chunked": {"chunks": (4, 3, 2, 3)}, "packed": {"compression": "gzip"}}[storage]
        file.create_dataset("data", data=np.moveaxis(IMAGES, -1, 1), **how)
        file["label"] = LABELS
    batches = list(open_dataset(path, SHAPE, CLASSES).batches(batch_size))
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    np.testing.assert_array_equal(np.concatenate(batches), IMAGES)


def test_pixels_are_divided_by_the_scale(tmp_path: Path) -> None:
    images = open_dataset(write_images(tmp_path / "data.h5", IMAGES, LABELS), SHAPE, CLASSES)
    np.testing.assert_array_equal(
        pixels_of(images.prepared(Preprocessing(255))), IMAGES.astype(np.float32) / np.float32(255)
    )


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    path = write_images(tmp_path / "data.h5", IMAGES, LABELS)
    assert open_dataset(path, SHAPE, CLASSES).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_true_labels_are_none_where_the_file_has_none(tmp_path: Path) -> None:
    assert open_dataset(write_images(tmp_path / "data.h5", IMAGES, LABELS), SHAPE, CLASSES).true_labels is None


@pytest.mark.parametrize(("layout", "found"), [("auto", "nhwc"), ("nhwc", "nhwc"), ("nchw", "nchw")])
@pytest.mark.parametrize("wanted", [(3, 3, 3), (None, None, 3)], ids=["fixed size", "any size"])
def test_channels_last_is_the_default_where_both_layouts_fit(
    tmp_path: Path, layout: str, found: str, wanted: tuple[int | None, ...]
) -> None:
    cubes = IMAGES[:, :3, :3]
    images = open_dataset(write_images(tmp_path / "data.h5", cubes, LABELS), wanted, CLASSES, layout)
    assert images.layout == found
    np.testing.assert_array_equal(pixels_of(images), cubes if found == "nhwc" else np.moveaxis(cubes, 1, -1))


@pytest.mark.parametrize(
    ("shape", "wanted", "layout"),
    [
        ((12,), (12,), "nhwc"),
        ((24, 3), (24, 3), "nhwc"),
        ((3, 24), (24, 3), "nchw"),
        ((4, 4, 4, 2), (4, 4, 4, 2), "nhwc"),
        ((2, 4, 5, 6), (4, 5, 6, 2), "nchw"),
        ((3, 9, 7), (None, None, 3), "nchw"),
        ((9, 7, 3), (None, None, 3), "nhwc"),
    ],
    ids=str,
)
def test_images_of_any_number_of_axes_are_read(
    tmp_path: Path, shape: tuple[int, ...], wanted: tuple[int | None, ...], layout: str
) -> None:
    stored = np.random.default_rng(1).normal(size=(8, *shape)).astype(np.float32)
    images = open_dataset(write_images(tmp_path / "data.h5", stored, LABELS[:8]), wanted, CLASSES)
    assert images.layout == layout
    np.testing.assert_array_equal(pixels_of(images), stored if layout == "nhwc" else np.moveaxis(stored, 1, -1))


def test_an_input_without_axes_fits_no_images(tmp_path: Path) -> None:
    path = write_images(tmp_path / "data.h5", IMAGES, LABELS)
    with pytest.raises(DataError, match="reads single numbers"):
        open_dataset(path, (), CLASSES)


def test_a_layout_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    path = write_images(tmp_path / "data.h5", IMAGES, LABELS)
    with pytest.raises(InputError, match="chwn"):
        open_dataset(path, SHAPE, CLASSES, "chwn")


@pytest.mark.parametrize("worst", [0, 9, 10, 22])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_the_image_with_the_bad_pixel_is_named(tmp_path: Path, worst: int, layout: str) -> None:
    stored = IMAGES.astype(np.float32)
    stored[worst:, 2, 1, 0] = np.nan
    path = write_images(tmp_path / "data.h5", stored if layout == "nhwc" else np.moveaxis(stored, -1, 1), LABELS)
    images = open_dataset(path, SHAPE, CLASSES)
    with pytest.raises(DataError, match=f"image {worst} holds NaN"):
        pixels_of(images)


def test_a_file_truncated_after_opening_is_a_clear_error(tmp_path: Path) -> None:
    path = write_images(tmp_path / "data.h5", IMAGES, LABELS)
    images = open_dataset(path, SHAPE, CLASSES)
    write_images(path, IMAGES[:12], LABELS[:12])
    with pytest.raises(DataError, match="expected 23"):
        pixels_of(images)
