"""Images without labels: a picture, folders of any shape, files of arrays."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from bdtui.engine.errors import DataError
from bdtui.engine.inputs.image_set import NamedImages
from bdtui.engine.inputs.unlabelled_images import open_unlabelled

SHAPE = (6, 5, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), np.uint8)
NAMES = ("a.png", "b.png", "deep/c.png", "deep/er/d.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, pixels in zip(NAMES, PIXELS, strict=True):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return tmp_path / "pictures"


def pixels_of(images: NamedImages) -> np.ndarray:
    return np.concatenate(list(images.batches(3)))


def test_a_folder_gives_its_pictures_whether_in_sub_folders_or_not(folder: Path) -> None:
    images = open_unlabelled(folder, SHAPE)
    assert images.names == NAMES
    np.testing.assert_array_equal(pixels_of(images), PIXELS)


def test_a_picture_stands_for_itself(folder: Path) -> None:
    images = open_unlabelled(folder / "b.png", SHAPE)
    assert (images.names, images.path) == (("b.png",), folder / "b.png")
    np.testing.assert_array_equal(pixels_of(images), PIXELS[1:2])


@pytest.mark.parametrize("name", ["data", "x", "arr_0", "whatever"])
def test_a_file_of_arrays_needs_no_labels(tmp_path: Path, name: str) -> None:
    np.savez(tmp_path / "images.npz", **{name: PIXELS})
    with h5py.File(tmp_path / "images.h5", "w") as file:
        file[name] = PIXELS
    for path in (tmp_path / "images.npz", tmp_path / "images.h5"):
        images = open_unlabelled(path, SHAPE)
        assert images.names == ("0", "1", "2", "3")
        np.testing.assert_array_equal(pixels_of(images), PIXELS)


def test_labels_that_are_there_are_not_looked_at(tmp_path: Path) -> None:
    np.savez(tmp_path / "images.npz", data=PIXELS, label=np.array([-1.5, np.nan, 3, 99]))
    np.testing.assert_array_equal(pixels_of(open_unlabelled(tmp_path / "images.npz", SHAPE)), PIXELS)


def test_keys_name_the_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "images.npz", first=PIXELS[::-1], second=PIXELS)
    np.testing.assert_array_equal(
        pixels_of(open_unlabelled(tmp_path / "images.npz", SHAPE, keys="second,none")), PIXELS
    )
    with pytest.raises(DataError, match=r"no images under the usual names .* or --keys DATA,LABEL"):
        open_unlabelled(tmp_path / "images.npz", SHAPE)


def test_what_holds_no_images_is_refused_with_a_sentence(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no image")
    (folder / "deep" / "broken.png").write_bytes(b"no picture")
    (tmp_path / "link.png").symlink_to(folder / "a.png")
    for path, expected in (
        (tmp_path / "empty", "holds no pictures; expected JPEG"),
        (tmp_path / "notes.txt", "is a text file, not images"),
        (tmp_path / "nothing.png", "no such file"),
        (folder, "'deep/broken.png' cannot be read"),
        (tmp_path / "link.png", "a link, which is not followed"),
    ):
        with pytest.raises(DataError, match=expected):
            open_unlabelled(path, SHAPE)
    assert len(open_unlabelled(folder, SHAPE, skip_broken=True).names) == 4
