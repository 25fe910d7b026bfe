"""Whatever is handed over that cannot be worked with ends in one sentence, exit 2, and nothing written."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.reports.file_names import goodnet_name
from bdtui.tui.cli import main
from tests.networks import write_images

IMAGES = np.random.default_rng(3).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(20) % 5
WHAT_WOULD_DO = r"expected|expects N|that can be pruned|choose another|use one of|finish it with|\(see bdtui --help\)"
"""Every error says what was expected, in one of these forms."""

Refuse = Callable[..., str]


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fail, instead of waiting forever."""

    def too_long(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"still running after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def exit_status(*arguments: object) -> int:
    with within(10):
        try:
            return main([str(argument) for argument in arguments])
        except SystemExit as stop:
            return int(stop.code or 0)


def tiny(*before: layers.Layer) -> keras.Model:
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3), name="image"),
            *before,
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(5, activation="softmax", name="scores"),
        ]
    )


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model in every form, and images that fit it."""
    folder = tmp_path_factory.mktemp("sound")
    model = tiny()
    for name in ("model.h5", "model.keras"):
        model.save(folder / name)
    model.save_weights(folder / "model.weights.h5")
    (folder / "model.json").write_text(model.to_json())
    write_images(folder / "valid.h5", IMAGES, LABELS)
    return folder


@pytest.fixture
def refuse(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Refuse:
    """Run with bad input; hold the answer against what every refusal promises, and return its sentence."""

    def run(*arguments: object, finding: str, about: Path | None = None, out: Path | None = None) -> str:
        folder = out or tmp_path / "out"
        before = content_of(tmp_path)
        capfd.readouterr()
        status = exit_status("--batch", *arguments, "--out", folder)
        printed = capfd.readouterr()
        assert "Traceback" not in printed.err, printed.err
        assert status == 2, printed.err
        sentence = printed.err.strip().splitlines()[-1]
        assert [line for line in printed.err.splitlines() if line.startswith("bdtui:")] == [sentence]
        assert sentence.startswith("bdtui: error: ")
        assert printed.out == ""
        assert re.search(WHAT_WOULD_DO, sentence), sentence
        assert re.search(finding, sentence), sentence
        assert about is None or str(about) in sentence, sentence
        assert content_of(tmp_path) == before
        return sentence

    return run


@pytest.fixture
def refuse_data(refuse: Refuse, sound: Path) -> Refuse:
    def run(path: Path, *more: object, finding: str, model: Path | None = None) -> str:
        return refuse(model or sound / "model.h5", "--clean-valid", path, *more, finding=finding, about=path)

    return run


@pytest.fixture
def refuse_model(refuse: Refuse, sound: Path) -> Refuse:
    def run(path: Path, *more: object, finding: str, **settings: Any) -> str:
        return refuse(path, "--clean-valid", sound / "valid.h5", *more, finding=finding, about=path, **settings)

    return run


@pytest.fixture
def refuse_recipe(refuse: Refuse, sound: Path, tmp_path: Path) -> Refuse:
    """Refuse a recipe that would be sound but for the given lines."""

    def run(lines: str, *, finding: str) -> str:
        path = tmp_path / "recipe.toml"
        path.write_text(f"model = '{sound / 'model.h5'}'\nclean-valid = '{sound / 'valid.h5'}'\n{lines}\n")
        return refuse("--recipe", path, finding=finding)

    return run


def content_of(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def data_file(path: Path, write: Callable[[h5py.File], object]) -> Path:
    with h5py.File(path, "w") as file:
        write(file)
    return path


def edited(source: Path, path: Path, edit: Callable[[h5py.File], object]) -> Path:
    """A copy of an HDF5 file with something done to it."""
    shutil.copy(source, path)
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def put(file: h5py.File, data: Any = IMAGES, label: Any = LABELS) -> None:
    if data is not None:
        file["data"] = data
    if label is not None:
        file["label"] = label


def virtual(file: h5py.File, name: str, shape: tuple[int, ...], kind: str) -> None:
    layout = h5py.VirtualLayout(shape, kind)
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", shape)
    file.create_virtual_dataset(name, layout)


# --- files ---------------------------------------------------------------------------------------------------------

NO_HDF5 = {
    "missing": (lambda whole: None, "no such file"),
    "empty": (lambda whole: b"", "is empty"),
    "text": (lambda whole: b"hello", "is a text file"),
    "truncated": (lambda whole: whole[:-500], "truncated"),
    "cut to its signature": (lambda whole: whole[:8], "truncated"),
}


@pytest.mark.parametrize(("content", "finding"), NO_HDF5.values(), ids=NO_HDF5.keys())
@pytest.mark.parametrize("part", ["model", "weights", "clean-valid", "poisoned-test"])
def test_a_file_that_is_no_whole_hdf5_is_refused_by_name(
    refuse: Refuse, sound: Path, tmp_path: Path, part: str, content: Callable[[bytes], bytes | None], finding: str
) -> None:
    path = tmp_path / "given.h5"
    written = content((sound / "model.h5").read_bytes())
    if written is not None:
        path.write_bytes(written)
    given = {"model": sound / "model.h5", "clean-valid": sound / "valid.h5", part: path}
    model = given.pop("model")
    flags = [word for name, value in given.items() for word in (f"--{name}", value)]
    refuse(model, *flags, finding=finding, about=path)


@pytest.mark.parametrize("part", ["model", "weights", "clean-valid", "recipe"])
@pytest.mark.parametrize(
    "name",
    [pytest.param("", id="a folder"), pytest.param("x" * 300, id="a name too long"), pytest.param("pipe", id="a pipe")],
)
def test_what_is_no_plain_file_is_refused_and_never_waited_for(
    refuse: Refuse, sound: Path, tmp_path: Path, part: str, name: str
) -> None:
    path = tmp_path / name
    if name == "pipe":
        os.mkfifo(path)
    given: dict[str, Path] = {"clean-valid": sound / "valid.h5"}
    if part != "model":
        given[part] = path
    flags = [word for option, value in given.items() for word in (f"--{option}", value)]
    refuse(path if part == "model" else sound / "model.h5", *flags, finding=".", about=path)


@pytest.mark.parametrize("locked", ["file", "folder"])
def test_a_file_without_permission_is_refused(sound: Path, tmp_path: Path, locked: str, capfd: Any) -> None:
    folder = Path("/tmp") / f"bdtui-test-{os.getpid()}"
    folder.mkdir()
    try:
        path = Path(shutil.copy(sound / "model.h5", folder))
        (path if locked == "file" else folder).chmod(0)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            status = exit_status("--batch", path, "--clean-valid", path, "--out", folder / "out")
        finally:
            if root:
                os.seteuid(0)
        printed = capfd.readouterr().err
        assert status == 2, printed
        assert "Permission denied" in printed.splitlines()[-1]
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


# --- images and labels ---------------------------------------------------------------------------------------------

BAD_DATA: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "no data": (lambda f: put(f, None), r"'data' is missing \(the file holds 'label'\)"),
    "no label": (lambda f: put(f, label=None), "'label' is missing"),
    "nothing": (lambda f: None, "the file holds nothing"),
    "no images": (lambda f: put(f, IMAGES[:0], LABELS[:0]), "holds no images"),
    "images of no size": (lambda f: put(f, IMAGES[:, :0]), "20×0×8×3"),
    "two channels": (lambda f: put(f, IMAGES[..., :2]), "20×8×8×2; the model expects N×8×8×3 or N×3×8×8"),
    "other rank": (lambda f: put(f, IMAGES[0]), "8×8×3"),
    "one axis": (lambda f: put(f, LABELS), "shape"),
    "data one number": (lambda f: put(f, 7), "shape"),
    "data null space": (lambda f: put(f, h5py.Empty("f4")), "is empty"),
    "data a group": (lambda f: (put(f, None), f.create_group("data")), "is a group"),
    "data a named type": (lambda f: put(f, np.dtype("f4")), "'data'"),
    "data complex": (lambda f: put(f, IMAGES + 1j), "complex128"),
    "data text": (lambda f: put(f, np.full((20, 8, 8, 3), b"a")), r"\|S1"),
    "data truth values": (lambda f: put(f, IMAGES > 9), "bool"),
    "pixels past float32": (lambda f: put(f, np.full(IMAGES.shape, 1e300)), "NaN or infinite"),
    "damaged chunk": (
        lambda f: (
            put(f, None),
            f.create_dataset("data", IMAGES.shape, "u1", chunks=IMAGES.shape, compression="gzip").id.write_direct_chunk(
                (0, 0, 0, 0), b"garbage"
            ),
        ),
        "from number 0 on cannot be read",
    ),
    "data linked softly": (lambda f: (put(f, h5py.SoftLink("/x")), f.create_dataset("x", data=IMAGES)), "is a link"),
    "data linked to itself": (lambda f: put(f, h5py.SoftLink("/data")), "is a link"),
    "data in another file": (lambda f: put(f, h5py.ExternalLink("elsewhere.h5", "/data")), "is a link"),
    "data virtual": (lambda f: (put(f, None), virtual(f, "data", IMAGES.shape, "u1")), "in other files"),
    "data in a raw file": (
        lambda f: (
            put(f, None),
            f.create_dataset("data", IMAGES.shape, "u1", external=[("/etc/passwd", 0, IMAGES.size)]),
        ),
        "in other files",
    ),
    "label one number": (lambda f: put(f, label=3), "one number"),
    "label a group": (lambda f: (put(f, label=None), f.create_group("label")), "is a group"),
    "label in another file": (lambda f: put(f, label=h5py.ExternalLink("elsewhere.h5", "/label")), "is a link"),
    "label virtual": (lambda f: (put(f, label=None), virtual(f, "label", (20,), "i8")), "in other files"),
    "too few labels": (lambda f: put(f, label=LABELS[:19]), "has shape 19 for 20 images"),
    "two labels each": (lambda f: put(f, label=np.stack([LABELS, LABELS], 1)), "20×2"),
    "labels lying": (lambda f: put(f, label=LABELS[None]), "1×20"),
    "label too large": (lambda f: put(f, label=LABELS + 2), "image 3 is 5, out of range"),
    "label negative": (lambda f: put(f, label=LABELS - 1), "image 0 is -1, out of range"),
    "label past int64": (lambda f: put(f, label=LABELS.astype("u8") + 2**63), "out of range"),
    "label fractional": (lambda f: put(f, label=LABELS + 0.5), "image 0 is 0.5, not a whole number"),
    "label NaN": (lambda f: put(f, label=np.where(LABELS == 3, np.nan, LABELS)), "image 3 is nan"),
    "label infinite": (lambda f: put(f, label=np.where(LABELS == 2, np.inf, LABELS)), "image 2 is inf"),
    "label text": (lambda f: put(f, label=np.full(20, b"cat")), r"\|S3"),
    "label variable text": (lambda f: (put(f, label=None), f.create_dataset("label", data=["a"] * 20)), "object"),
    "label compound": (lambda f: put(f, label=np.zeros(20, [("a", "i4")])), "'label' is of type"),
    "one-hot with two ones": (lambda f: put(f, label=np.eye(5)[LABELS] + np.eye(5)[0]), "not one-hot"),
    "one-hot of NaN": (lambda f: put(f, label=np.where(np.eye(5)[LABELS] > 0, 1, np.nan)), "not one-hot"),
    "more labels declared than memory holds": (
        lambda f: (
            f.create_dataset("data", (10**13, 8, 8, 3), "u1", chunks=(64, 8, 8, 3)),
            f.create_dataset("label", (10**13,), "u1", chunks=(64,)),
        ),
        "declares",
    ),
    "true label out of range": (lambda f: (put(f), f.create_dataset("true_label", data=LABELS + 2)), "'true_label'"),
    "true label in another file": (
        lambda f: (put(f), f.__setitem__("true_label", h5py.ExternalLink("elsewhere.h5", "/label"))),
        "'true_label' is a link",
    ),
}


@pytest.mark.parametrize(("write", "finding"), BAD_DATA.values(), ids=BAD_DATA.keys())
def test_data_that_is_no_set_of_labelled_images_is_refused(
    refuse_data: Refuse, tmp_path: Path, write: Callable[[h5py.File], object], finding: str
) -> None:
    refuse_data(data_file(tmp_path / "data.h5", write), finding=finding)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_bad_pixel_in_the_last_poisoned_test_image_is_found_before_anything_is_written(
    refuse: Refuse, sound: Path, tmp_path: Path, value: float
) -> None:
    images = IMAGES.astype(np.float32)
    images[-1, -1, -1, -1] = value
    path = write_images(tmp_path / "poisoned.h5", images, LABELS)
    valid = sound / "valid.h5"
    given = ["--clean-valid", valid, "--poisoned-valid", valid, "--clean-test", valid, "--poisoned-test", path]
    refuse(sound / "model.h5", *given, "--scale", "1", finding="image 19 holds NaN or infinite", about=path)


@pytest.mark.parametrize(("layout", "images"), [("nchw", IMAGES), ("nhwc", np.moveaxis(IMAGES, -1, 1))])
def test_a_layout_that_does_not_fit_is_refused(
    refuse_data: Refuse, tmp_path: Path, layout: str, images: np.ndarray
) -> None:
    refuse_data(write_images(tmp_path / "data.h5", images, LABELS), "--layout", layout, finding="has shape 20×")


def any_size() -> keras.Model:
    start = keras.Input((None, None, 3))
    x = layers.MaxPooling2D(name="pool")(layers.Conv2D(4, 3, name="conv")(start))
    return keras.Model(start, layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize("scale", ["auto", "1"])
@pytest.mark.parametrize("height", [2, 0])
def test_images_too_small_for_the_convolutions_are_refused(
    refuse_data: Refuse, tmp_path: Path, height: int, scale: str
) -> None:
    any_size().save(tmp_path / "any.keras")
    path = write_images(tmp_path / "small.h5", IMAGES[:, :height, :2], LABELS)
    refuse_data(path, "--scale", scale, model=tmp_path / "any.keras", finding="×|, ")


def test_images_too_large_for_memory_are_refused(refuse_data: Refuse, tmp_path: Path) -> None:
    any_size().save(tmp_path / "any.keras")

    def write(file: h5py.File) -> None:
        file.create_dataset("data", (20, 10**6, 10**6, 3), "u1", chunks=(1, 64, 64, 3))
        put(file, None)

    refuse_data(data_file(tmp_path / "large.h5", write), model=tmp_path / "any.keras", finding="images")


def test_image_sets_of_two_sizes_are_refused(refuse: Refuse, sound: Path, tmp_path: Path) -> None:
    any_size().save(tmp_path / "any.keras")
    path = write_images(tmp_path / "other.h5", IMAGES[:, 1:], LABELS)
    given = ["--clean-valid", sound / "valid.h5", "--clean-test", path]
    refuse(tmp_path / "any.keras", *given, finding=r"of shape \(7, 8, 3\); expected \(8, 8, 3\)", about=path)


# --- networks ------------------------------------------------------------------------------------------------------


def functional(*, inputs: int = 1, outputs: int = 1) -> keras.Model:
    starts = [keras.Input((8, 8, 3)) for _ in range(inputs)]
    x = layers.Flatten()(layers.Conv2D(2, 3)(layers.Add()(starts) if inputs > 1 else starts[0]))
    return keras.Model(starts, [layers.Dense(5)(x) for _ in range(outputs)])


def ends_in(*last: layers.Layer, start: tuple[int | None, ...] = (8, 8, 3)) -> keras.Model:
    return keras.Sequential([keras.Input(start), *last])


class Subclassed(keras.Model):
    def build(self, shape: Any) -> None:
        self.dense = layers.Dense(5)
        self.dense.build((None, 192))

    def call(self, images: Any) -> Any:
        return self.dense(layers.Flatten()(images))


def subclassed() -> keras.Model:
    model = Subclassed(name="mine")
    model(np.zeros((1, 8, 8, 3), np.float32))
    return model


class Oddity(layers.Layer):
    def call(self, images: Any) -> Any:
        return images


NETWORKS: dict[str, tuple[Callable[[], keras.Model], str]] = {
    "two inputs": (lambda: functional(inputs=2), r"2 inputs .*; expected exactly one"),
    "two outputs": (lambda: functional(outputs=2), "2 outputs: .*expected --output"),
    "an image as output": (lambda: ends_in(layers.Conv2D(4, 3)), r"output has shape \(None, 6, 6, 4\)"),
    "a single score": (
        lambda: ends_in(layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(1, "tanh")),
        "expected sigmoid",
    ),
    "any number of scores": (lambda: ends_in(layers.ReLU(), start=(None,)), r"output has shape \(None, None\)"),
    "nothing to prune": (lambda: ends_in(layers.Flatten(), layers.Dense(5)), "no layer of the model can be pruned"),
    "no layers": (lambda: keras.Sequential([]), "holds no weights"),
    "never built": (lambda: keras.Sequential([layers.Flatten(), layers.Dense(5)]), "holds no weights|has no graph"),
    "subclassed": (subclassed, "class 'Subclassed'"),
    "a layer of somebody's own": (lambda: tiny(Oddity(name="odd")), r"holds 'Oddity' \('odd'\)"),
}


@pytest.mark.parametrize(("build", "finding"), NETWORKS.values(), ids=NETWORKS.keys())
def test_a_network_that_cannot_be_pruned_is_refused(
    refuse_model: Refuse, tmp_path: Path, build: Callable[[], keras.Model], finding: str
) -> None:
    build().save(tmp_path / "model.keras")
    refuse_model(tmp_path / "model.keras", finding=finding)


def shared_convolution() -> keras.Model:
    start = keras.Input((8, 8, 3), name="image")
    twice = layers.Conv2D(3, 3, padding="same", name="twice")
    x = layers.MaxPooling2D(name="behind_twice")(twice(twice(start)))
    x = layers.Flatten(name="flat")(layers.Conv2D(4, 3, name="own")(x))
    return keras.Model(start, layers.Dense(5, name="scores")(x))


@pytest.mark.parametrize(
    ("layer", "finding"),
    [
        ("nope", "no layer 'nope'"),
        ("", "no layer ''"),
        ("image", "no layer 'image'"),
        ("twice", "used 2 times"),
        ("behind_twice", "'twice' is shared"),
        ("flat", "Flatten 'flat' mixes channels"),
        ("scores", "its channels are the classes"),
        ("a\nb\x1b[31m", "no layer"),
    ],
)
def test_a_layer_that_cannot_be_pruned_is_refused_with_those_that_can(
    refuse_model: Refuse, tmp_path: Path, layer: str, finding: str
) -> None:
    shared_convolution().save(tmp_path / "model.keras")
    sentence = refuse_model(tmp_path / "model.keras", "--layer", layer, finding=finding)
    assert sentence.endswith("layers that can be pruned: own")


# --- model files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_a_lambda_layer_is_refused_and_none_of_its_code_is_run(
    refuse_model: Refuse, tmp_path: Path, suffix: str
) -> None:
    trace = tmp_path / "trace"
    at = str(trace)
    code = layers.Lambda(lambda x, at=at: (__import__("pathlib").Path(at).touch(), x)[1], name="evil")
    tiny(code).save(tmp_path / f"model.{suffix}")
    trace.unlink()
    refuse_model(tmp_path / f"model.{suffix}", finding=r"Lambda layer \('evil'\)")
    assert not trace.exists()


def layer_of(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = config["config"]["layers"][1]
    return found


CONFIGS: dict[str, Any] = {
    "a number": 5,
    "numbers": np.arange(3),
    "null": h5py.Empty("f4"),
    "bytes that are no text": b"\xff\xfe{}",
    "no JSON": "{",
    "a list": "[]",
    "nothing in it": "{}",
    "nested past the stack": "[" * 5000 + "]" * 5000,
    "layers nested deep": json.dumps({"class_name": "Sequential", "config": {"layers": 0}}).replace(
        "0", "[" * 900 + "]" * 900
    ),
    **{
        f"{class_name}, layers {shown}": json.dumps({"class_name": class_name, "config": {"layers": shown}})
        for class_name in ("Sequential", "Functional")
        for shown in (5, None, {"a": 1}, [1, 2], "text", [])
    },
    "config a number": '{"class_name": "Sequential", "config": 3}',
    "class a list": '{"class_name": ["Sequential"], "config": {}}',
    "class an object": '{"class_name": {"a": 1}, "config": {}}',
    "class null": '{"class_name": null, "config": {}}',
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_a_configuration_that_is_none_is_refused(
    refuse_model: Refuse, sound: Path, tmp_path: Path, config: Any
) -> None:
    def edit(file: h5py.File) -> None:
        del file.attrs["model_config"]
        file.attrs["model_config"] = config

    refuse_model(edited(sound / "model.h5", tmp_path / "model.h5", edit), finding=".")


LAYERS: dict[str, dict[str, Any]] = {
    "class a list": {"class_name": ["Conv2D"]},
    "class an object": {"class_name": {}},
    "class with escape codes": {"class_name": "My\n\x1b[31mLayer"},
    "class null": {"class_name": None},
    "module of others": {"module": "os"},
    "module a number": {"module": 5},
    "no config": {"config": None},
    "name a list": {"config": {"name": ["a"], "batch_input_shape": [None, 8, 8, 3]}},
    "shape a text": {"class_name": "InputLayer", "config": {"batch_input_shape": "abc"}},
    "rate NaN": {"class_name": "Dropout", "config": {"name": "a", "rate": float("nan")}},
    "a function of another module": {
        "class_name": "Activation",
        "config": {"activation": {"class_name": "function", "module": "os", "config": "system"}},
    },
}


@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
@pytest.mark.parametrize("changes", LAYERS.values(), ids=LAYERS.keys())
def test_a_layer_that_makes_no_sense_is_refused(
    refuse_model: Refuse, sound: Path, tmp_path: Path, changes: dict[str, Any], first: bool
) -> None:
    def edit(file: h5py.File) -> None:
        config = json.loads(file.attrs["model_config"])
        layer_of(config).update(changes)
        if first:
            del config["config"]["layers"][0]
        file.attrs["model_config"] = json.dumps(config)

    refuse_model(edited(sound / "model.h5", tmp_path / "model.h5", edit), finding=".")


@pytest.mark.parametrize("nodes", [5, "abc", None, [1], [[["x", 0, 0, {}]]], [[["pool", 0, 0, {}]]], [{"args": 5}]])
def test_a_graph_that_leads_nowhere_is_refused(
    refuse_model: Refuse, sound: Path, tmp_path: Path, nodes: object
) -> None:
    start = keras.Input((8, 8, 3))
    x = layers.MaxPooling2D(name="pool")(layers.Conv2D(4, 3)(start))
    model = keras.Model(start, layers.Dense(5)(layers.Flatten()(x)))
    config = json.loads(model.to_json())
    next(layer for layer in config["config"]["layers"] if layer["name"] == "pool")["inbound_nodes"] = nodes

    def edit(file: h5py.File) -> None:
        file.attrs["model_config"] = json.dumps(config)

    refuse_model(edited(sound / "model.h5", tmp_path / "model.h5", edit), finding=".")


def replace(name: str, value: Any) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        del file[name]
        file[name] = value

    return edit


def kernel_of(file: h5py.File) -> str:
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if getattr(item, "shape", ()) == (3, 3, 3, 4) else None)
    return found[0]


def names(value: Any) -> Callable[[h5py.File], None]:
    return lambda file: file["model_weights"].attrs.__setitem__("layer_names", value)


WEIGHTS: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "no configuration": (lambda f: f.attrs.__delitem__("model_config"), "2 layers without their architecture"),
    "no weights": (lambda f: f.__delitem__("model_weights"), "holds no weights"),
    "weights an array": (replace("model_weights", LABELS), "."),
    "weights a type": (replace("model_weights", np.dtype("f4")), "."),
    "all weights in another file": (replace("model_weights", h5py.ExternalLink("other.h5", "/")), "is a link"),
    "all weights linked softly": (
        lambda f: (f.move("model_weights", "moved"), f.__setitem__("model_weights", h5py.SoftLink("/moved"))),
        "is a link",
    ),
    "weights linked to nothing": (replace("model_weights", h5py.SoftLink("/nothing")), "is a link"),
    "layer names a number": (names(5), "."),
    "layer names null": (names(h5py.Empty("f4")), "."),
    "layer names a text": (names("conv"), "weights of layer 'scores' .* are missing"),
    "layer names unknown": (names([b"conv", b"nowhere"]), "'nowhere' are missing"),
    "layer names too few": (names([b"conv"]), "expected"),
    "a layer that is an array": (replace("model_weights/conv", LABELS), "."),
    "a kernel in another file": (
        lambda f: replace(kernel_of(f), h5py.ExternalLink("other.h5", "/x"))(f),
        "'kernel' is a link",
    ),
    "a kernel linked softly": (lambda f: replace(kernel_of(f), h5py.SoftLink("/x"))(f), "'kernel' is a link"),
    "a virtual kernel": (
        lambda f: (name := kernel_of(f), f.__delitem__(name), virtual(f, name, (3, 3, 3, 4), "f4")),
        "'kernel' keeps its content in other files",
    ),
    "a kernel in a raw file": (
        lambda f: (
            name := kernel_of(f),
            f.__delitem__(name),
            f.create_dataset(name, (3, 3, 3, 4), "f4", external=[("/etc/passwd", 0, 432)]),
        ),
        "'kernel' keeps its content in other files",
    ),
    "a kernel of another shape": (lambda f: replace(kernel_of(f), np.zeros((2, 2)))(f), "."),
    "a kernel of text": (lambda f: replace(kernel_of(f), "abc")(f), "."),
    "a kernel with NaN": (lambda f: f[kernel_of(f)].__setitem__((0, 0, 0, 0), np.nan), "kernel.* NaN or infinite"),
    "groups in a circle": (lambda f: f["model_weights/conv"].__setitem__("loop", f["model_weights"]), "."),
}


@pytest.mark.parametrize(("edit", "finding"), WEIGHTS.values(), ids=WEIGHTS.keys())
def test_weights_that_are_not_the_models_are_refused(
    refuse_model: Refuse, sound: Path, tmp_path: Path, edit: Callable[[h5py.File], object], finding: str
) -> None:
    shutil.copy(sound / "model.h5", tmp_path / "other.h5")
    path = edited(sound / "model.h5", tmp_path / "model.h5", edit)
    refuse_model(path, finding=finding)


@pytest.mark.parametrize(
    ("source", "signature"),
    [("model.h5", part) for part in ("TREE", "SNOD", "HEAP", "GCOL")]
    + [("model.weights.h5", part) for part in ("TREE", "SNOD", "HEAP")],
)
def test_damage_inside_an_hdf5_file_is_told_in_a_sentence(
    refuse: Refuse, sound: Path, tmp_path: Path, source: str, signature: str
) -> None:
    path = tmp_path / source
    path.write_bytes((sound / source).read_bytes().replace(signature.encode(), b"????"))
    weights = ["--architecture", sound / "model.json", "--weights"] if source != "model.h5" else []
    refuse(*weights, path, "--clean-valid", sound / "valid.h5", finding=".", about=path)


@pytest.mark.parametrize("form", ["weights only", "archive"])
@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda f: replace(kernel_of(f), h5py.ExternalLink("other.h5", "/x"))(f), id="in another file"),
        pytest.param(
            lambda f: (
                f.create_dataset("x", data=f[kernel_of(f)][()]),
                replace(kernel_of(f), h5py.SoftLink("/x"))(f),
            ),
            id="linked softly",
        ),
        pytest.param(
            lambda f: (name := kernel_of(f), f.__delitem__(name), virtual(f, name, (3, 3, 3, 4), "f4")), id="virtual"
        ),
        pytest.param(lambda f: replace(kernel_of(f), np.zeros(3))(f), id="another shape"),
        pytest.param(lambda f: f.__delitem__(kernel_of(f)), id="missing"),
    ],
)
def test_a_kernel_of_the_newer_formats_that_cannot_be_used_is_refused(
    refuse: Refuse, sound: Path, tmp_path: Path, edit: Callable[[h5py.File], object], form: str
) -> None:
    weights = edited(sound / "model.weights.h5", tmp_path / "kernel.weights.h5", edit)
    if form == "archive":
        path = archive(sound, tmp_path / "model.keras", **{"model.weights.h5": weights.read_bytes()})
        given: list[object] = [path]
    else:
        path = weights
        given = ["--architecture", sound / "model.json", "--weights", path]
    refuse(*given, "--clean-valid", sound / "valid.h5", finding=".", about=path)


def archive(sound: Path, path: Path, method: int = zipfile.ZIP_STORED, **changes: bytes | None) -> Path:
    """The sound ``.keras`` archive with members replaced, or left out where None."""
    with zipfile.ZipFile(sound / "model.keras") as source:
        content: dict[str, bytes | None] = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(path, "w", method) as target:
        for name, data in {**content, **changes}.items():
            if data is not None:
                target.writestr(name, data)
    return path


def encrypted(path: Path) -> None:
    data = path.read_bytes()
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in re.finditer(re.escape(header), data):
            at = found.start() + flags
            data = data[:at] + bytes([data[at] | 1]) + data[at + 1 :]
    path.write_bytes(data)


def scrambled(path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = data.find(b"config.json") + 30
    data[at : at + 60] = bytes(range(100, 160))
    path.write_bytes(data)


def misnamed(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as target:
        target.writestr("éé", "")
    path.write_bytes(path.read_bytes().replace("éé".encode(), b"\xff\xfe\xff\xfe"))


ARCHIVES: dict[str, tuple[int, dict[str, bytes | None], Callable[[Path], None]]] = {
    "no config": (zipfile.ZIP_STORED, {"config.json": None}, lambda path: None),
    "no weights": (zipfile.ZIP_STORED, {"model.weights.h5": None}, lambda path: None),
    "config garbage": (zipfile.ZIP_STORED, {"config.json": b"\x00\xff"}, lambda path: None),
    "weights garbage": (zipfile.ZIP_STORED, {"model.weights.h5": b"garbage"}, lambda path: None),
    "weights empty": (zipfile.ZIP_STORED, {"model.weights.h5": b""}, lambda path: None),
    "truncated": (zipfile.ZIP_STORED, {}, lambda path: os.truncate(path, 5000)),
    "encrypted": (zipfile.ZIP_STORED, {}, encrypted),
    "a name that is no text": (zipfile.ZIP_STORED, {}, misnamed),
    "damaged deflate": (zipfile.ZIP_DEFLATED, {}, scrambled),
    "damaged bzip2": (zipfile.ZIP_BZIP2, {}, scrambled),
    "damaged lzma": (zipfile.ZIP_LZMA, {}, scrambled),
}


@pytest.mark.parametrize(("method", "changes", "harm"), ARCHIVES.values(), ids=ARCHIVES.keys())
def test_an_archive_that_is_no_whole_model_is_refused(
    refuse_model: Refuse,
    sound: Path,
    tmp_path: Path,
    method: int,
    changes: dict[str, bytes | None],
    harm: Callable[[Path], None],
) -> None:
    path = archive(sound, tmp_path / "model.keras", method, **changes)
    harm(path)
    refuse_model(path, finding="Keras|archive|configuration|model")


@pytest.mark.parametrize(
    ("architecture", "weights", "finding"),
    [
        ("missing.json", "model.weights.h5", "no such file; expected deepid"),
        ("model.keras", "model.weights.h5", "cannot be read as text"),
        ("list.json", "model.weights.h5", "describes no Keras model"),
        ("broken.json", "model.weights.h5", "not valid JSON"),
        ("wide.json", "model.weights.h5", r"wide\.json: .*cannot rebuild"),
        ("wide.json", "model.h5", r"wide\.json: .*cannot rebuild"),
        ("model.json", "valid.h5", "holds no weights"),
        ("deepid", "model.h5", "expected the weights of DeepID"),
        ("deepid", "valid.h5", "expected the weights of DeepID"),
    ],
)
def test_an_architecture_and_weights_that_do_not_fit_are_refused(
    refuse: Refuse, sound: Path, tmp_path: Path, architecture: str, weights: str, finding: str
) -> None:
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "wide.json").write_text((sound / "model.json").read_text().replace('"filters": 4', '"filters": 6'))
    place = tmp_path if (tmp_path / architecture).exists() else sound
    named = architecture if architecture == "deepid" else str(place / architecture)
    refuse(
        *("--architecture", named, "--weights", sound / weights, "--clean-valid", sound / "valid.h5"), finding=finding
    )


@pytest.mark.parametrize("name", ["model.weights.h5", "valid.h5", "model.json"])
def test_a_file_of_another_kind_in_place_of_the_model_is_refused(refuse_model: Refuse, sound: Path, name: str) -> None:
    refuse_model(sound / name, finding="expected")


def test_a_model_in_place_of_the_images_is_refused(refuse_data: Refuse, sound: Path) -> None:
    refuse_data(sound / "model.h5", finding="no images and labels under the usual names .*model_weights")


# --- options -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "thresholds", ["2,,4", "2,", "", "a", "nan", "inf", "1e400", "-1", "0", "101", "2;4", "0x2", "2,nan"]
)
def test_thresholds_that_are_no_numbers_up_to_100_are_refused(refuse: Refuse, sound: Path, thresholds: str) -> None:
    given = ["--clean-valid", sound / "valid.h5", f"--thresholds={thresholds}"]
    refuse(sound / "model.h5", *given, finding=re.escape(repr(thresholds)) + ".* above 0, up to 100")


OPTIONS = {
    "--device tpu": "expected auto, cpu or gpu:N",
    "--device gpu:": "expected auto, cpu or gpu:N",
    "--device gpu:-1": "expected auto, cpu or gpu:N",
    "--device cpu:0": "expected auto, cpu or gpu:N",
    "--device gpu:64": "no device 'gpu:64'.*expected",
    f"--device gpu:{'9' * 5000}": "expected",
    "--seed -1": "expected a whole number from 0",
    "--seed 4294967296": "expected a whole number from 0",
    "--seed 1.5": "'1.5'",
    "--activation-memory -1": "expected a whole number of MiB",
    "--activation-memory 2GB": "expected a whole number of MiB",
    "--ranking best": "no ranking 'best'; expected one of mean-activation",
    "--layout chwn": "'chwn' .*auto.*nchw.*nhwc",
    "--scale 2": "'2' .*auto.*1.*255",
    "--preprocess keras": "'keras' .*auto.*raw.*caffe",
    "--scale 255 --preprocess tf": "--scale 255 is the same as --preprocess unit, but --preprocess tf was given",
    "--mean 1 --preprocess tf": "--mean was given together with --preprocess",
    "--mean a,b": "'a,b' is no list of numbers",
    "--mean 1,2": "do not fit the 3 channels",
    "--std 1,0,1": "'1,0,1' is no list of numbers above 0",
    "--trigger any.png": "a trigger was given without the class it leads to; expected --target CLASS",
    "--trigger gone.png --target 0": r"gone\.png: no such file; expected a PNG picture",
    "--trigger gone.png --target 0 --poisoned-valid valid.h5": "--poisoned-valid was given as well",
    "--target 0": "--target belongs to a trigger",
    "--trigger-at 1": "'1' is no place; expected a row and a column",
    "--class-names gone.txt": r"gone\.txt: no such file; expected a text file with one class a line",
    "--max-asr 5": "no poisoned images",
    "--max-asr nan": "no number between 0 and 100",
    "--max-asr 101": "no number between 0 and 100",
    "--min-accuracy high": "no number between 0 and 100",
    "--repair magic": "there is no repair 'magic'; expected auto or one of shrink-distil",
    "--repair none,scratch": "'none,scratch' names methods and none; expected none alone",
    "--detect scan,none": "'scan,none' names methods and none; expected none alone",
    "--budget -1": "no number between 0 and 100",
    "--fail-if clean": "expected some of backdoored, inconclusive",
    "--architecture deepid": "both a model and an architecture",
    "--sample": "together with model",
    "--resume": "no such folder; expected the folder of a run to resume",
    "--nope": "--nope",
    "surplus": "surplus",
}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option[:30])
def test_an_option_that_makes_no_sense_is_refused(refuse: Refuse, sound: Path, option: str) -> None:
    given = [sound / "model.h5", "--clean-valid", sound / "valid.h5"]
    refuse(*given, *option.split(" "), finding=OPTIONS[option])


@pytest.mark.parametrize(
    ("given", "finding"),
    [
        ([], "no model was given"),
        (["--clean-valid", "valid.h5"], "no model was given"),
        (["--architecture", "deepid", "--clean-valid", "valid.h5"], "no model was given"),
        (["--weights", "model.weights.h5"], "no clean validation images"),
        (
            ["--weights", "model.weights.h5", "--clean-valid", "valid.h5"],
            r"do not fit deepid; .*--architecture FILE\.json",
        ),
        (["model.h5"], "no clean validation images"),
    ],
)
def test_what_is_missing_is_named(
    refuse: Refuse, sound: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], finding: str
) -> None:
    monkeypatch.chdir(sound)
    refuse(*given, finding=finding)


# --- recipes -------------------------------------------------------------------------------------------------------

RECIPES = {
    "unknown key": ("nope = 1", "'nope' is not an option"),
    "unknown table": ("[nope]\na = 1", "'nope' is not an option"),
    "unknown key with a newline": ('"a\\nb" = 1', "is not an option"),
    "unknown hash": ("[sha256]\nclean-vald = 'ab'", "clean_vald"),
    "model changed": ("[sha256]\nmodel = 'ab'", r"model\.h5: has changed since the recipe"),
    "data changed": ("[sha256]\nclean-valid = 'ab'", r"valid\.h5: has changed since the recipe"),
    "thresholds NaN": ("thresholds = [nan]", "up to 100"),
    "thresholds infinite": ("thresholds = [inf]", "up to 100"),
    "thresholds past float": (f"thresholds = [1{'0' * 400}]", "threshold"),
    "seed past int": (f"seed = 1{'0' * 5000}", "."),
    "seed negative": ("seed = -1", "seed -1 is out of range"),
    "device": ("device = 'tpu'", "device 'tpu'"),
    "ranking": ("ranking = 'best'", "no ranking 'best'"),
    "layer": ("layer = 'nope'", "no layer 'nope'"),
    "layout": ("layout = 'chwn'", r"toml: 'layout' is 'chwn'; expected one of auto, nchw, nhwc"),
    "scale": ("scale = 2", r"toml: 'scale' is '2'; expected one of auto, 1, 255"),
    "preprocess": ("preprocess = 'keras'", r"toml: 'preprocess' is 'keras'; expected one of auto, raw"),
    "mean": ("mean = 0.5", "'mean' is 0.5; expected a list of numbers"),
    "mean NaN": ("mean = [nan]", "expected a list of numbers"),
    "std zero": ("std = [1, 0, 1]", "expected a list of numbers above 0"),
    "trigger-at": ("trigger-at = [1]", "expected a list of a row and a column"),
    "trigger-at negative": ("trigger-at = [1, -1]", "expected a list of a row and a column"),
    "two ways to prepare pixels": ("scale = 255\npreprocess = 'tf'", "--scale 255 is the same as --preprocess unit"),
    "file name with NUL": ('poisoned-valid = "a\\u0000b"', "zero byte"),
    "weights name with NUL": ('weights = "a\\u0000b"', "zero byte"),
    "nested past the stack": (f"layer = {'[' * 3000}{']' * 3000}", "not valid TOML"),
    "none beside other methods": ("repair = ['none', 'clp']", "'repair' is .*; expected none alone"),
    "model and architecture": ("architecture = 'deepid'", "both a model and an architecture"),
    "model and sample": ("sample = true", "together with model"),
}


@pytest.mark.parametrize(("lines", "finding"), RECIPES.values(), ids=RECIPES.keys())
def test_a_recipe_that_cannot_be_replayed_is_refused(refuse_recipe: Refuse, lines: str, finding: str) -> None:
    refuse_recipe(lines, finding=finding)


# --- the output folder ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["results.json", "recipe.toml", "curve.csv", "manifest.json", "model_X=3.h5", "goodnet_X=1.keras"]
)
def test_a_folder_that_holds_another_run_is_left_alone(refuse: Refuse, sound: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / name).write_text("mine")
    given = [sound / "model.h5", "--clean-valid", sound / "valid.h5"]
    refuse(*given, out=tmp_path / "held", finding="already contains a run", about=tmp_path / "held")


@pytest.mark.parametrize(
    ("out", "finding"),
    [
        ("file", "is a file"),
        ("file/below", "Not a directory"),
        ("dangling", "cannot be written"),
        ("deep/er/" + "x" * 300, "File name too long"),
        ("x" * 300, "File name too long"),
        ("/proc/bdtui", "cannot be written"),
        ("/dev/null", "is a file"),
        ("a\0b", "."),
    ],
    ids=["a file", "below a file", "a dangling link", "deep, too long", "too long", "proc", "a device", "NUL"],
)
def test_a_folder_that_cannot_be_made_is_refused_and_nothing_of_it_is_left(
    refuse: Refuse, sound: Path, tmp_path: Path, out: str, finding: str
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    given = [sound / "model.h5", "--clean-valid", sound / "valid.h5"]
    refuse(*given, out=tmp_path / out, finding=finding)


@pytest.mark.parametrize("out", ["new", "new/deep/er", "new/../other", "there", "there/new"])
def test_bad_data_leaves_no_folder_that_was_not_there(
    refuse: Refuse, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "notes.txt").write_text("mine")
    refuse(sound / "model.h5", "--clean-valid", "missing.h5", out=Path(out), finding="no such file")


# --- odd, but sound ------------------------------------------------------------------------------------------------


def test_file_names_of_any_script_or_control_character_are_fine(
    sound: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = shutil.copy(sound / "model.h5", tmp_path / "модель ×\n\x1b[31m.H5")
    data = shutil.copy(sound / "valid.h5", tmp_path / "данные '\"$(x).h5")
    given = ["--batch", model, "--clean-valid", data, "--out", tmp_path / "résultats"]
    assert exit_status(*given) == 0, capfd.readouterr().err
    assert "\x1b[31m" not in "".join(capfd.readouterr())
    assert exit_status("--batch", "--recipe", tmp_path / "résultats" / "recipe.toml", "--out", tmp_path / "again") == 0


def test_a_file_name_that_is_no_text_is_no_fault_of_bdtui(
    sound: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = shutil.copy(sound / "valid.h5", tmp_path / os.fsdecode(b"\xff.h5"))
    status = exit_status("--batch", sound / "model.h5", "--clean-valid", data, "--out", tmp_path / "out")
    assert status in (0, 2), capfd.readouterr().err


@pytest.mark.parametrize("name", ["_conv", "conv 1", "слой", "conv:1", "a\nb"])
def test_a_layer_name_of_any_characters_is_no_fault_of_bdtui(
    tmp_path: Path, sound: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    config = json.loads((sound / "model.json").read_text())
    layer_of(config)["config"]["name"] = name
    keras.models.model_from_json(json.dumps(config)).save(tmp_path / "model.keras")
    given = ["--batch", tmp_path / "model.keras", "--clean-valid", sound / "valid.h5", "--out", tmp_path / "out"]
    status = exit_status(*given)
    # Keras itself cannot compile the other names; a leading underscore it can.
    assert status == 0 if name == "_conv" else status in (0, 2), capfd.readouterr().err


def test_near_thresholds_do_not_share_a_file() -> None:
    assert goodnet_name(2.0) != goodnet_name(2.0000001)


# --- a process of its own ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("front", ["--batch", "--check"])
def test_a_real_process_says_it_in_one_line_and_exits_with_2(sound: Path, tmp_path: Path, front: str) -> None:
    command = [sys.executable, "-m", "bdtui.tui", front, str(sound / "model.h5"), "--clean-valid", "none.h5"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert (
        done.stderr.splitlines()[-1]
        == "bdtui: error: none.h5: no such file; expected an HDF5 file, an .npz file or a folder"
    )
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
