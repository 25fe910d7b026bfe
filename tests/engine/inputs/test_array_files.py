"""Arrays under the names and in the forms that people have open alike from HDF5 and .npz, and nothing in them runs."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bdtui.engine.errors import DataError, OptionError
from bdtui.engine.inputs import npz
from bdtui.engine.inputs.datasets import LabelledImages, open_dataset

SHAPE, CLASSES = (6, 4, 3), 5
IMAGES = np.random.default_rng(5).integers(0, 256, (23, *SHAPE), dtype=np.uint8)
LABELS = np.arange(23) % CLASSES
NAMES = ("ant", "bee", "cat", "dog", "eel")


def hdf5(path: Path, **arrays: Any) -> None:
    with h5py.File(path, "w") as file:
        for name, value in arrays.items():
            file[name] = value


FORMS: dict[str, Callable[..., None]] = {"hdf5": hdf5, "npz": np.savez, "packed npz": np.savez_compressed}


@pytest.fixture(params=FORMS.values(), ids=FORMS.keys())
def save(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Path]:
    """Writes arrays into a file of every form."""

    def write(**arrays: Any) -> Path:
        path = tmp_path / "set.npz"
        request.param(path, **arrays)
        return path

    return write


def opened(path: Path, shape: tuple[int | None, ...] = SHAPE, **how: Any) -> LabelledImages:
    return open_dataset(path, shape, CLASSES, **how)


def pixels_of(images: LabelledImages) -> np.ndarray:
    return np.concatenate(list(images.batches(10)))


def assert_same(images: LabelledImages, pixels: np.ndarray = IMAGES, labels: np.ndarray = LABELS) -> None:
    np.testing.assert_array_equal(pixels_of(images), pixels)
    np.testing.assert_array_equal(images.labels, labels)


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        *("data label", "data labels", "x_test y_test", "X_test Y_test", "x_train y_train", "X y", "images labels"),
        *("test_set_x test_set_y", "train_set_x train_set_y", "arr_0 arr_1", "test_images test_labels", "x_val y_val"),
    ],
)
def test_the_usual_names_are_found(save: Callable[..., Path], names: str) -> None:
    data, label = names.split()
    images = opened(save(**{label: LABELS, "list_classes": np.arange(3), data: IMAGES}))
    assert_same(images)
    assert images.readings == ()


@pytest.mark.parametrize(
    ("role", "parts", "taken"),
    [
        ("clean_valid", "train test", "test"),
        ("clean_valid", "train val test", "val"),
        ("clean_test", "train val test", "test"),
        ("poisoned_test", "train val", "val"),
    ],
)
def test_of_a_file_with_parts_train_is_the_last_that_is_taken_and_that_is_said(
    tmp_path: Path, role: str, parts: str, taken: str
) -> None:
    arrays = {}
    for part in parts.split():
        arrays |= {f"x_{part}": IMAGES if part == taken else IMAGES[::-1], f"y_{part}": LABELS}
    np.savez(tmp_path / "a.npz", **arrays)
    images = opened(tmp_path / "a.npz", role=role)
    assert_same(images)
    assert f"images are 'x_{taken}' with 'y_{taken}'; " in images.readings[0]
    assert f"'x_train' {'is' if parts.count(' ') == 1 else 'are'} not used" in images.readings[0]


def test_own_names_win_over_others(save: Callable[..., Path]) -> None:
    assert_same(opened(save(data=IMAGES, label=LABELS, x_test=IMAGES[::-1], y_test=LABELS)))


def test_what_is_ambiguous_is_asked_with_the_list_of_names_and_answered_by_keys(save: Callable[..., Path]) -> None:
    path = save(X=IMAGES, y=LABELS, images=IMAGES[::-1], labels=LABELS)
    with pytest.raises(
        DataError, match=r"may be the images \(the file holds .*'X' 23×6×4×3.*expected --keys DATA,LABEL"
    ):
        opened(path)
    assert_same(opened(path, keys="X,y"))
    assert_same(opened(path, keys=" images, labels"), IMAGES[::-1])


def test_unusual_names_are_listed_and_taken_by_keys(save: Callable[..., Path]) -> None:
    path = save(pics=IMAGES, classes=LABELS)
    with pytest.raises(
        DataError, match=r"under the usual names .*'classes' 23.*'pics' 23×6×4×3|'pics' 23×6×4×3.*'classes' 23"
    ):
        opened(path)
    assert_same(opened(path, keys="pics,classes"))
    with pytest.raises(DataError, match="'class' is missing"):
        opened(path, keys="pics,class")


def test_a_file_that_has_none_of_the_keys_is_read_by_its_usual_names(save: Callable[..., Path]) -> None:
    path = save(x=IMAGES, y=LABELS)
    images = opened(path, keys="pics,classes")
    assert_same(images)
    assert images.readings == (f"{path}: there is no 'pics' or 'classes' (--keys) in it; images are 'x' with 'y'",)


@pytest.mark.parametrize("keys", ["", "a", "a,", "a,b,c", ",b"])
def test_keys_are_two_names(tmp_path: Path, keys: str) -> None:
    np.savez(tmp_path / "a.npz", data=IMAGES, label=LABELS)
    with pytest.raises(OptionError, match="--keys DATA,LABEL"):
        opened(tmp_path / "a.npz", keys=keys)


def test_keys_lead_into_groups_of_a_file_and_not_out_of_it(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["faces/x"], file["faces/y"] = IMAGES, LABELS
        file["out"] = h5py.ExternalLink(str(tmp_path / "b.h5"), "/faces")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["faces/x"], file["faces/y"] = IMAGES, LABELS
    assert_same(opened(tmp_path / "a.h5", keys="faces/x,faces/y"))
    with pytest.raises(DataError, match="'out/x' is not in a group of this file"):
        opened(tmp_path / "a.h5", keys="out/x,faces/y")


# --- forms of pixels -----------------------------------------------------------------------------------------------


def test_the_npz_of_mnist_as_keras_has_it_opens_as_it_is(tmp_path: Path) -> None:
    digits = np.random.default_rng(1).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    labels = (np.arange(20) % 10).astype(np.uint8)
    np.savez_compressed(tmp_path / "mnist.npz", x_train=digits[::-1], y_train=labels, x_test=digits, y_test=labels)
    images = open_dataset(tmp_path / "mnist.npz", (28, 28, 1), 10)
    assert_same(images, digits[..., None], labels)
    assert (images.dtype, images.layout) == ("uint8", "nhwc")
    assert len(images.readings) == 1, "that x_test was taken, and nothing about axes"


def test_the_npz_of_cifar_with_labels_in_a_column_opens_as_it_is(save: Callable[..., Path]) -> None:
    assert_same(opened(save(x_test=IMAGES, y_test=LABELS[:, None].astype(np.uint8))))


@pytest.mark.parametrize("kind", ["u1", "i2", "i8", "f2", "f4", "f8", ">f8", "g"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_pixels_read_back_as_written_in_every_type_and_order(tmp_path: Path, kind: str, order: Any) -> None:
    arrays = {"data": IMAGES.astype(kind, order=order), "label": np.asarray(np.eye(CLASSES)[LABELS], order=order)}
    np.savez(tmp_path / "a.npz", **arrays)
    np.savez_compressed(tmp_path / "b.npz", **arrays)
    for name in ("a.npz", "b.npz"):
        assert_same(opened(tmp_path / name))


@pytest.mark.parametrize("batch_size", [1, 7, 23, 100])
def test_npz_batches_give_the_same_pixels_for_any_size(save: Callable[..., Path], batch_size: int) -> None:
    batches = list(opened(save(data=IMAGES, label=LABELS)).batches(batch_size))
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    np.testing.assert_array_equal(np.concatenate(batches), IMAGES)


def test_a_packed_array_that_memory_has_no_room_for_lies_in_an_unnamed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "a.npz", data=IMAGES, label=LABELS)
    monkeypatch.setattr(npz, "default_budget", lambda: 0)
    images = opened(tmp_path / "a.npz")
    assert type(images.stored.array.values).__name__ == "memmap"  # type: ignore[attr-defined]
    assert_same(images)


def test_an_npz_without_packing_is_read_in_place(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=IMAGES, label=LABELS)
    images = opened(tmp_path / "a.npz")
    assert isinstance(images.stored.array, npz.NpzArray)  # type: ignore[attr-defined]
    os.truncate(tmp_path / "a.npz", 400)
    with pytest.raises(DataError, match="changed while it was being read; expected 23"):
        pixels_of(images)


def test_the_image_with_the_bad_pixel_is_named(save: Callable[..., Path]) -> None:
    pixels = IMAGES.astype(np.float32)
    pixels[17, 2, 1, 0] = np.nan
    with pytest.raises(DataError, match="image 17 holds NaN"):
        pixels_of(opened(save(x=pixels, y=LABELS)))


# --- labels --------------------------------------------------------------------------------------------------------


def test_labels_from_1_are_noticed_and_said(save: Callable[..., Path]) -> None:
    images = opened(save(data=IMAGES, label=LABELS + 1))
    assert_same(images)
    assert images.first_label == 1
    assert "labels count from 1 (they go from 1 to 5); 1 is taken off each" in images.readings[0]


@pytest.mark.parametrize(
    ("first", "stored", "read", "said"),
    [
        (1, 3, 2, "as those of the clean images"),
        (0, 3, 3, None),
        (None, 3, 3, None),
        (1, 0, 0, "count from 0"),
        (None, 5, 4, "labels count from 1 (they go from 5 to 5); 1 is taken off each"),
    ],
)
def test_labels_that_do_not_tell_where_they_count_from_follow_the_clean_images(
    tmp_path: Path, first: int | None, stored: int, read: int, said: str | None
) -> None:
    np.savez(tmp_path / "a.npz", data=IMAGES, label=np.full(23, stored))
    images = opened(tmp_path / "a.npz", first_label=first)
    assert set(images.labels) == {read}
    assert bool(images.readings) == bool(said)
    assert said is None or said in images.readings[0]


def test_a_label_past_the_last_class_is_refused_where_the_clean_images_count_from_0(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=IMAGES, label=np.full(23, 5))
    with pytest.raises(
        DataError, match="is 5, out of range where the first class is 0, as in the clean images; expected"
    ):
        opened(tmp_path / "a.npz", first_label=0)


@pytest.mark.parametrize("texts", ["U", "S", "variable"])
def test_labels_can_be_names(tmp_path: Path, texts: str) -> None:
    names = [NAMES[label] for label in LABELS]
    path = tmp_path / "a.h5"
    if texts == "U":
        np.savez(path.with_suffix(".npz"), data=IMAGES, label=np.array(names))
        path = path.with_suffix(".npz")
    else:
        hdf5(path, data=IMAGES, label=names if texts == "variable" else np.array(names, "S"))
    assert_same(opened(path, class_names=NAMES))
    with pytest.raises(DataError, match="--class-names FILE"):
        opened(path)
    with pytest.raises(DataError, match=r"of image 4 is 'eel'; expected one of the class names \('ant', .*, …\)"):
        opened(path, class_names=(*NAMES[:4], "fox", "gnu"))


# --- hostile -------------------------------------------------------------------------------------------------------


def npy(array: Any) -> bytes:
    into = io.BytesIO()
    np.save(into, array, allow_pickle=True)
    return into.getvalue()


def header(text: str, content: bytes = b"") -> bytes:
    body = text.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(body)) + body + content


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch ran",)


SOUND = {"data": npy(IMAGES), "label": npy(LABELS)}
BAD_ARCHIVES: dict[str, tuple[dict[str, bytes], int, str]] = {
    "pickled images": ({"data": npy(np.array([Payload()] * 23))}, 0, "pickled objects, which could run code"),
    "pickled labels": ({"label": npy(np.array([Payload()] * 23))}, 0, "pickled objects, which could run code"),
    "a pickle in place of an array": ({"data": b"\x80\x04cos\nsystem\n."}, 0, "is not an array as numpy saves it"),
    "a header of code": ({"data": header("__import__('os').system('touch ran')\n")}, 0, "is not an array"),
    "a header nested deep": ({"data": header("[" * 9000 + "\n")}, 0, "is not an array"),
    "a header of 60 kB": ({"data": header("{" + " " * 60_000 + "}\n")}, 0, "is not an array"),
    "images that are not there": (
        {"data": header("{'descr': '|u1', 'fortran_order': False, 'shape': (10**15, 6, 4, 3), }\n".replace("10**15", "1" + "0" * 15))},
        0,
        "declares 72,000,000,000,000,000 bytes and stores 0",
    ),
    "negative lengths": (
        {"data": header("{'descr': '|u1', 'fortran_order': False, 'shape': (-23, -6, 4, 3), }\n", IMAGES.tobytes())},
        0,
        "lengths of 0 and more",
    ),
    "an array of records": ({"data": npy(np.zeros(23, [("a", "u1"), ("b", "f4")]))}, 0, "is of type"),
    "a truncated array": ({"data": npy(IMAGES)[:-100]}, 0, "declares 1,656 bytes and stores 1,556"),
    "zeros that unpack to a gigabyte and more": (
        {"data": header(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({2**24}, 6, 4, 3), }}\n", bytes(72 * 2**24))},
        zipfile.ZIP_DEFLATED,
        "unpacks to 1,207,",
    ),
    "bzip2": ({}, zipfile.ZIP_BZIP2, "packed in an unusual way"),
}  # fmt: skip


@pytest.mark.parametrize(("members", "method", "finding"), BAD_ARCHIVES.values(), ids=BAD_ARCHIVES.keys())
def test_a_hostile_archive_is_refused_and_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: dict[str, bytes], method: int, finding: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("a.npz", "w", method) as archive:
        for name, content in {**SOUND, **members}.items():
            archive.writestr(f"{name}.npy", content)
    with pytest.raises(DataError, match=finding):
        opened(tmp_path / "a.npz")
    assert not Path("ran").exists()


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", data=IMAGES, label=LABELS)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[600:640] = bytes(40)
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match="cannot be unpacked"):
        opened(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x03\x04" + bytes(1000), b"PK\x05\x06"])
def test_a_file_that_only_begins_as_an_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"truncated or corrupted|not an HDF5 file"):
        opened(tmp_path / "a.npz")


def test_a_vast_table_of_contents_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "a.npz", data=IMAGES, label=LABELS)
    monkeypatch.setattr(npz, "_LARGEST_DIRECTORY", 50)
    with pytest.raises(DataError, match="too large a table of contents"):
        opened(tmp_path / "a.npz")


def test_of_two_members_with_one_name_none_is_believed_before_its_header(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in (*SOUND.items(), ("data", npy(np.array([Payload()])))):
            archive.writestr(f"{name}.npy", content)
    with pytest.raises(DataError, match="pickled objects"):
        opened(tmp_path / "a.npz")


def test_an_archive_of_pictures_is_to_be_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pics.zip", "w") as archive:
        archive.writestr("cat/1.png", b"x")
    with pytest.raises(DataError, match=r"an archive without arrays; .* pictures unpacked into a folder"):
        opened(tmp_path / "pics.zip")


def test_a_single_picture_is_named_as_that(tmp_path: Path) -> None:
    (tmp_path / "cat.JPG").write_bytes(b"x")
    with pytest.raises(DataError, match="a single picture; expected a folder"):
        opened(tmp_path / "cat.JPG")


def test_a_single_array_says_how_to_save_two(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", IMAGES)
    with pytest.raises(DataError, match=r"a single array; expected images and labels in one file .*np\.savez"):
        opened(tmp_path / "a.npy")
