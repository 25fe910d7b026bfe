"""A folder of pictures is read as Keras' loader reads it, each file once, and nothing outside of it is."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from bdtui.engine.errors import DataError, Interrupted
from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.events import Progress
from bdtui.engine.inputs import folder_images, pictures
from bdtui.engine.inputs.datasets import LabelledImages, open_dataset
from bdtui.engine.inputs.model import open_model
from bdtui.engine.network.channels import find_source
from bdtui.engine.reporter import Reporter
from tests.networks import CASES, build, write_images

CLASSES = ("Dog", "ant", "bee", "cat")
SIZE = (24, 32)
RANDOM = np.random.default_rng(4)


def picture(height: int = 24, width: int = 32, mode: str = "RGB", seed: int = 0) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def put(path: Path, image: Image.Image | None = None, **settings: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or picture(seed=len(str(path)))).save(path, **settings)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures of each class, of the size that the network reads."""
    for number, name in enumerate(CLASSES):
        for other in range(2):
            put(tmp_path / "pics" / name / f"{other}.png", picture(seed=10 * number + other))
    return tmp_path / "pics"


def opened(folder: Path, shape: tuple[int | None, ...] = (*SIZE, 3), classes: int = 4, **how: object) -> LabelledImages:
    return open_dataset(folder, shape, classes, **how)  # type: ignore[arg-type]


def pixels_of(images: LabelledImages) -> np.ndarray:
    return np.concatenate(list(images.batches(3)))


# --- as Keras does -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of every kind and size, in folders in folders."""
    folder = tmp_path_factory.mktemp("mixed") / "pics"
    for number in range(24):
        height, width = RANDOM.integers(10, 90, 2)
        suffix, mode = (("png", "RGB"), ("PNG", "RGBA"), ("bmp", "RGB"), ("png", "L"), ("gif", "P"), ("png", "LA"))[
            number % 6
        ]
        image = picture(height, width, seed=number)
        if mode.endswith("A"):
            image.putalpha(Image.fromarray(RANDOM.integers(0, 256, (height, width), dtype=np.uint8)))
        below = ("", "a-b", "a", "a/c")[number // 4 % 4]
        put(folder / CLASSES[number % 4] / below / f"{number}.{suffix}", image.convert(mode))
    return folder


@pytest.mark.parametrize("size", [(24, 32), (100, 70), (5, 5)], ids=str)
def test_pixels_order_and_classes_are_those_of_the_loader_of_keras(mixed: Path, size: tuple[int, int]) -> None:
    theirs = keras.utils.image_dataset_from_directory(
        mixed, image_size=size, shuffle=False, batch_size=100, verbose=False
    )
    ((pixels, labels),) = theirs
    ours = opened(mixed, (*size, 3))
    assert list(ours.class_names) == theirs.class_names == list(CLASSES)
    np.testing.assert_array_equal(ours.labels, labels)
    np.testing.assert_allclose(pixels_of(ours), pixels, atol=1e-3)
    assert (ours.layout, ours.dtype, ours.images) == ("nhwc", "uint8", 24)


def test_jpegs_are_decoded_as_libjpeg_does_exactly(tmp_path: Path) -> None:
    """TensorFlow's own default is a quicker transform, some levels off; asked for the exact one, it gives these pixels."""
    for number in range(3):
        put(tmp_path / "pics" / "cat" / f"{number}.jpg", picture(40, 50, seed=number), quality=90)
        put(tmp_path / "pics" / "dog" / f"{number}.jpeg", picture(40, 50, seed=number).convert("L"))
    images = opened(tmp_path / "pics", classes=2)
    exact = [
        tf.image.resize(tf.io.decode_jpeg(path.read_bytes(), 3, dct_method="INTEGER_ACCURATE"), SIZE)
        for path in sorted((tmp_path / "pics").rglob("*.jp*g"))
    ]
    np.testing.assert_allclose(pixels_of(images), np.stack(exact), atol=1e-3)
    ((theirs, _),) = keras.utils.image_dataset_from_directory(
        tmp_path / "pics", image_size=SIZE, shuffle=False, verbose=False
    )
    np.testing.assert_allclose(pixels_of(images), theirs, atol=8)


def test_a_picture_is_not_turned_by_its_exif_as_with_keras(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = put(tmp_path / "pics" / "cat" / "1.png", picture(seed=1), exif=exif)
    with Image.open(path) as stored:
        np.testing.assert_array_equal(pixels_of(opened(tmp_path / "pics", classes=1))[0], np.asarray(stored))


@pytest.mark.parametrize("deep", [False, True])
def test_grey_is_pillows_luminance_and_sixteen_bits_become_eight(tmp_path: Path, deep: bool) -> None:
    bright = RANDOM.integers(0, 65536, SIZE, dtype=np.uint16)
    image = Image.fromarray(bright) if deep else picture()
    put(tmp_path / "pics" / "cat" / "1.png", image)
    images = opened(tmp_path / "pics", (*SIZE, 1), 1)
    expected = bright >> 8 if deep else np.asarray(image.convert("L"))
    np.testing.assert_array_equal(pixels_of(images)[0, ..., 0], expected)
    assert [("turned to grey" in reading) for reading in images.readings] == [True] * (not deep)


def test_webp_opens_too(tmp_path: Path) -> None:
    image = picture()
    put(tmp_path / "pics" / "cat" / "1.WEBP", image, lossless=True)
    np.testing.assert_array_equal(pixels_of(opened(tmp_path / "pics", classes=1))[0], np.asarray(image))


@pytest.mark.parametrize(
    ("shape", "read"),
    [
        ((24 * 32,), lambda grey, colour: grey.reshape(-1)),
        ((24 * 32 * 3,), lambda grey, colour: colour.reshape(-1)),
        ((24, 32), lambda grey, colour: grey),
        ((3, 24, 32), lambda grey, colour: np.moveaxis(colour, -1, 0)),
        ((None, None, 3), lambda grey, colour: colour),
        ((24, 32, 4), lambda grey, colour: np.dstack([colour, np.full(SIZE, 255)])),
    ],
    ids=lambda value: None if callable(value) else str(value),
)
def test_networks_of_every_input_read_pictures(
    folder: Path, shape: tuple[int | None, ...], read: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> None:
    image = picture(seed=0)
    expected = read(np.asarray(image.convert("L")), np.asarray(image))
    images = opened(folder, shape)
    assert images.image_shape == expected.shape
    np.testing.assert_array_equal(pixels_of(images)[0], expected)


def test_pictures_of_several_sizes_become_those_of_kerass_loader_where_the_model_takes_any(mixed: Path) -> None:
    images = opened(mixed, (None, None, 3))
    assert images.image_shape == (256, 256, 3)
    assert any("256×256 is used" in reading for reading in images.readings)


@pytest.mark.parametrize("shape", [(24, 32, 5), (24, 3), (100,), (4, 24, 32, 3)], ids=str)
def test_a_model_that_reads_no_pictures_is_told_so(folder: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="the model expects"):
        opened(folder, shape)


# --- the same as a file of them ------------------------------------------------------------------------------------


def test_a_folder_gives_the_predictions_of_an_hdf5_file_of_the_same_images(tmp_path: Path) -> None:
    build(CASES["sequential"]).save(tmp_path / "net.keras")
    model = open_model(tmp_path / "net.keras")
    pixels = RANDOM.integers(0, 256, (40, 12, 12, 3), dtype=np.uint8)
    labels = np.sort(np.arange(40) % 5)
    for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        put(tmp_path / "pics" / f"class {label}" / f"{number:02}.png", Image.fromarray(image))
    of_folder = opened(tmp_path / "pics", model.input_shape, model.classes)
    of_file = open_dataset(write_images(tmp_path / "a.h5", pixels, labels), model.input_shape, model.classes)
    np.testing.assert_array_equal(of_folder.labels, labels)
    np.testing.assert_array_equal(pixels_of(of_folder), pixels_of(of_file))
    data = {"clean_valid": of_folder, "clean_test": of_file}
    session = PruningSession(model, find_source(model.network, "pool"), data)
    for pruned in ((), (0, 3), range(8)):
        folder, file = (session.predict(role, pruned) for role in data)
        np.testing.assert_array_equal(folder, file)


# --- once ----------------------------------------------------------------------------------------------------------


def test_every_file_is_read_and_decoded_once_however_often_its_pixels_are_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = {"read_picture_file": 0, "decode_picture": 0}

    def counting(name: str, original: Callable[..., object]) -> Callable[..., object]:
        def count(*given: object) -> object:
            counted[name] += 1
            return original(*given)

        return count

    for name in counted:
        monkeypatch.setattr(folder_images, name, counting(name, getattr(pictures, name)))
    images = opened(folder)
    first, second = pixels_of(images), pixels_of(images)
    np.testing.assert_array_equal(first, second)
    assert counted == {"read_picture_file": 8, "decode_picture": 8}


def test_pixels_that_memory_has_no_room_for_are_decoded_again(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = opened(mixed)
    monkeypatch.setattr(folder_images, "default_budget", lambda: 20_000)
    images = opened(mixed)
    pictures = images.stored.pictures  # type: ignore[attr-defined]
    assert {picture is None for picture in pictures} == {True, False}
    np.testing.assert_array_equal(pixels_of(images), pixels_of(kept))


def test_a_picture_that_changed_before_it_is_decoded_again_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_images, "default_budget", lambda: 0)
    images = opened(folder)
    put(folder / "bee" / "1.png", picture(seed=99))
    with pytest.raises(DataError, match=r"bee/1\.png: changed while it was being read"):
        pixels_of(images)


def test_the_hash_is_that_of_the_lines_of_sha256sum(mixed: Path) -> None:
    command = "find . -type f | sed 's:^./::' | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum"
    done = subprocess.run(["bash", "-c", command], cwd=mixed, capture_output=True, text=True, check=True)
    assert opened(mixed).sha256 == done.stdout.split()[0]


@pytest.mark.parametrize("change", ["other bytes", "another name", "another class", "one less"])
def test_the_hash_changes_with_anything_that_decides_the_images(folder: Path, change: str) -> None:
    before = opened(folder).sha256
    path = folder / "ant" / "0.png"
    if change == "other bytes":
        put(path, picture(seed=99))
    elif change == "one less":
        path.unlink()
    else:
        path.rename(folder / ("ant/9.png" if change == "another name" else "bee/9.png"))
    assert opened(folder).sha256 != before


def test_reading_reports_progress_and_can_be_stopped(folder: Path) -> None:
    seen: list[Progress] = []
    opened(folder, reporter=Reporter(seen.append))  # type: ignore[arg-type]
    assert (seen[-1].done, seen[-1].total, seen[-1].unit) == (8, 8, "pictures")
    with pytest.raises(Interrupted):
        opened(folder, reporter=Reporter(stop_requested=lambda: True))


# --- which folder is which class -----------------------------------------------------------------------------------


def test_class_names_say_another_order(folder: Path) -> None:
    names = ("cat", "bee", "horse", "ant", "Dog")
    images = opened(folder, classes=5, class_names=names)
    np.testing.assert_array_equal(images.labels, [4, 4, 3, 3, 1, 1, 0, 0])
    assert images.class_names == names


def test_folders_named_by_numbers_need_not_be_as_many_as_classes(tmp_path: Path) -> None:
    for name in ("0", "7", "12"):
        put(tmp_path / "pics" / name / "a.png")
    images = opened(tmp_path / "pics", classes=43)
    assert sorted(images.labels) == [0, 7, 12]
    assert any("taken for the numbers of classes" in reading for reading in images.readings)


def test_as_many_folders_as_classes_are_numbered_as_keras_does_and_that_is_said_where_it_differs(
    tmp_path: Path,
) -> None:
    for number in range(11):
        put(tmp_path / "pics" / str(number) / "a.png")
    images = opened(tmp_path / "pics", classes=11)
    assert images.class_names[:4] == ("0", "1", "10", "2")
    assert any("alphabetical order" in reading and "--class-names" in reading for reading in images.readings)


BAD_FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda f: f.mkdir(), "holds no sub-folders; expected one sub-folder a class"),
    "pictures at the top": (lambda f: put(f / "1.png"), "holds pictures but no sub-folders"),
    "no pictures": (
        lambda f: [put(f / n / "x.tif") for n in CLASSES],
        r"holds no pictures .*\('.*x.tif' is none\); expected JPEG, PNG",
    ),
    "the parts of a data set": (
        lambda f: [put(f / part / n / "1.png") for part in ("train", "test") for n in CLASSES],
        "holds the parts test, train; expected one sub-folder a class, as .*pics/test may have",
    ),
    "a folder too many above": (
        lambda f: [put(f / "archive" / n / "1.png") for n in CLASSES],
        "holds one sub-folder; .* as .*archive may have",
    ),
    "fewer classes": (
        lambda f: [put(f / n / "1.png") for n in CLASSES[:3]],
        r"3 sub-folders \('Dog', 'ant', 'bee'\) for a model of 4 classes; .*--class-names FILE",
    ),
    "more classes": (
        lambda f: [put(f / n / "1.png") for n in "abcdefg"],
        r"7 sub-folders \('a', .*, …\) for a model of 4",
    ),
    "one folder": (lambda f: put(f / "all" / "1.png"), "1 sub-folder .*clean and poisoned swapped"),
    "numbers past the last class": (lambda f: [put(f / n / "1.png") for n in "04"], "2 sub-folders"),
    "a number twice": (lambda f: [put(f / n / "1.png") for n in ("1", "01")], "2 sub-folders"),
}


@pytest.mark.parametrize(("make", "finding"), BAD_FOLDERS.values(), ids=BAD_FOLDERS.keys())
def test_a_folder_that_is_no_set_of_classes_is_refused_with_what_to_do(
    tmp_path: Path, make: Callable[[Path], object], finding: str
) -> None:
    make(tmp_path / "pics")
    with pytest.raises(DataError, match=finding):
        opened(tmp_path / "pics")


def test_parts_that_are_named_as_classes_are_classes(tmp_path: Path) -> None:
    for name in ("test", "train"):
        put(tmp_path / "pics" / name / "1.png")
    assert opened(tmp_path / "pics", classes=2, class_names=("train", "test")).labels.tolist() == [1, 0]


def test_a_folder_that_is_no_class_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"the sub-folder 'Dog' is none of the classes \('ant', 'bee', 'cat', 'dog'\)"):
        opened(folder, class_names=("ant", "bee", "cat", "dog"))


# --- what cannot be read -------------------------------------------------------------------------------------------


def bomb(path: Path) -> None:
    """A PNG of a few bytes that says it is of ten thousand million pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def truncated(path: Path) -> None:
    path.write_bytes(put(path).read_bytes()[:-200])


def as_socket(path: Path) -> None:
    os.chdir(path.parent)  # the path of a socket is bounded
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


def as_program(path: Path) -> None:
    """PostScript, which Pillow would hand to Ghostscript."""
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 24 32\n(mark) (w) file closefile\n")


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "an empty file": (Path.touch, "not JPEG, PNG"),
    "a text": (lambda path: path.write_text("hello"), "not JPEG, PNG"),
    "a truncated picture": (truncated, "truncated"),
    "a decompression bomb": (bomb, "more than 67,108,864 pixels"),
    "a program": (as_program, "not JPEG, PNG"),
    "a pipe": (os.mkfifo, "not a regular file"),
    "a socket": (as_socket, "No such device or address"),
    "a link to a picture elsewhere": (lambda path: path.symlink_to(put(path.parents[2] / "other.png")), "a link"),
    "a link to a device": (lambda path: path.symlink_to("/dev/zero"), "a link"),
    "a link to itself": (lambda path: path.symlink_to(path), "a link"),
    "a folder of pictures elsewhere": (
        lambda path: path.symlink_to(put(path.parents[2] / "others" / "1.png").parent),
        "a link",
    ),
}


@pytest.mark.parametrize(("make", "why"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_picture_is_named_and_can_be_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object], why: str
) -> None:
    monkeypatch.chdir(folder)
    sound = opened(folder)
    make(folder / "bee" / "7.png")
    with pytest.raises(DataError, match=rf"the picture 'bee/7.png' cannot be read \(.*{why}.*--skip-broken"):
        opened(folder)
    images = opened(folder, skip_broken=True)
    np.testing.assert_array_equal(pixels_of(images), pixels_of(sound))
    assert images.sha256 == sound.sha256
    assert len(images.readings) == 1
    assert "1 picture that cannot be read is left out (--skip-broken), the first is 'bee/7.png'" in images.readings[0]


def test_a_class_that_is_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "1.png")
    (folder / "eel").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="'eel' cannot be read"):
        opened(folder, classes=5)
    assert opened(folder, classes=5, skip_broken=True).images == 8


def test_all_broken_pictures_are_counted(folder: Path) -> None:
    for name in ("ant/1.png", "bee/0.png", "cat/1.png"):
        (folder / name).write_text("x")
    with pytest.raises(DataError, match=r"'ant/1.png' cannot be read .*nor can 2 more of 8"):
        opened(folder)
    assert opened(folder, skip_broken=True).images == 5
    for path in folder.rglob("*.png"):
        path.write_text("x")
    with pytest.raises(DataError, match="no picture can be read"):
        opened(folder, skip_broken=True)


def test_hidden_files_are_left_out_and_others_are_counted(folder: Path) -> None:
    sound = opened(folder)
    for name in ("ant/._0.png", ".hidden/x.png", "ant/.ipynb_checkpoints/x.png", "ant/notes.txt", "__MACOSX/x.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    images = opened(folder)
    assert images.sha256 == sound.sha256
    assert [reading.partition(": ")[2] for reading in images.readings] == [
        "1 file is no picture of a known kind and left out, the first is 'ant/notes.txt'"
    ]


def test_only_the_decoders_of_the_five_kinds_may_run(folder: Path) -> None:
    put(folder / "ant" / "0.tiff").rename(folder / "ant" / "0.png")
    with pytest.raises(DataError, match=r"'ant/0\.png' cannot be read .not JPEG"):
        opened(folder)


def test_names_that_are_no_utf8_are_read_and_named(folder: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder / "ant") + b"/\xff.png"))
    sound = put(folder / "ant" / "new.png").rename(odd)
    images = opened(folder)
    assert images.images == 9
    done = subprocess.run(
        ["bash", "-c", "find . -type f -print0 | sed -z 's:^./::' | LC_ALL=C sort -z | xargs -0 sha256sum"],
        cwd=folder,
        capture_output=True,
        check=True,
    )
    assert images.sha256 == hashlib.sha256(done.stdout).hexdigest()
    sound.write_text("x")
    with pytest.raises(DataError, match="cannot be read"):
        opened(folder)
