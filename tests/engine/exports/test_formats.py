"""Every format holds the network: written, opened in its own runtime, compared; and what differs is not kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
from keras import layers

from bdtui.engine.errors import Interrupted, OptionError, OutputError
from bdtui.engine.exports import formats
from bdtui.engine.exports.export import ExportRefused, export_network, largest_difference
from bdtui.engine.exports.formats import FORMATS, ExportFormat, asked_formats, formats_beside
from bdtui.engine.exports.served_network import OwnOutputs, ServedNetwork
from bdtui.engine.network.goodnet import build_goodnet
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.settings import FORMATS as NAMES
from tests.networks import CASES, IMAGE, build, conv, functional


@dataclass(frozen=True)
class Pixels:
    """An image set in memory."""

    pixels: np.ndarray

    @property
    def image_shape(self) -> tuple[int, ...]:
        return self.pixels.shape[1:]

    def batches(self, size: int) -> Iterator[np.ndarray]:
        # The last batch is shorter than the others.
        size = min(size, 32)
        return (self.pixels[start : start + size] for start in range(0, len(self.pixels), size))


def preprocessing_inside() -> keras.Model:
    """One sigmoid unit behind a nested model with batch normalisation, behind layers that prepare the pixels."""
    base = functional(lambda x: layers.MaxPooling2D(name="pool")(layers.BatchNormalization()(conv("conv")(x))))
    prepared = [layers.Rescaling(1 / 255), layers.Normalization(mean=[0.4, 0.5, 0.6], variance=[0.1, 0.2, 0.3])]
    return keras.Sequential(
        [keras.Input(IMAGE), *prepared, layers.RandomFlip(), base, layers.Flatten(), layers.Dense(1, "sigmoid")]
    )


def network(name: str) -> keras.Model:
    keras.utils.set_random_seed(3)
    if name in CASES:
        return build(CASES[name])
    model = preprocessing_inside()
    return build_goodnet(model, "pool", [0, 3, 4]) if name == "its GoodNet" else model


def own_outputs(model: keras.Model, reporter: Reporter = SILENT) -> OwnOutputs:
    random = np.random.default_rng(0)
    sets: Any = {
        "clean_valid": Pixels(random.uniform(0, 255, (40, *IMAGE)).astype(np.float32)),
        "poisoned_valid": Pixels(random.uniform(0, 255, (7, *IMAGE)).astype(np.float32)),
    }
    return OwnOutputs(ServedNetwork(model), sets, reporter)


@pytest.mark.parametrize("name", ["preprocessing inside", "its GoodNet", "channels first", "images of any size"])
def test_every_format_gives_every_image_the_networks_class(tmp_path: Path, name: str) -> None:
    own = own_outputs(network(name))
    if name == "preprocessing inside":
        classes = own.network.classes(own.by_role["clean_valid"])
        assert 0 < np.count_nonzero(classes) < len(classes), "both classes of the one unit occur"
    handlers = logging.root.handlers[:]
    for format in FORMATS.values():
        path = tmp_path / f"net{format.suffix}"
        assert export_network(path, own, format) < 1e-4
        assert largest_difference(path, own, format) < 1e-4
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"net{each.suffix}" for each in FORMATS.values())
    assert logging.root.handlers == handlers, "no library decides what goes to stderr"


def test_onnx_has_plain_names_and_takes_any_number_of_images(tmp_path: Path) -> None:
    export_network(tmp_path / "net.onnx", own_outputs(network("sequential")), FORMATS["onnx"])
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    (start,), (end,) = session.get_inputs(), session.get_outputs()
    assert (start.name, start.shape) == ("images", ["batch", *IMAGE])
    assert (end.name, end.shape[0]) == ("scores", "batch")


@dataclass(frozen=True)
class Other:
    """Another network than the one that is asked for."""

    model: keras.Model

    def written_as(self, format: ExportFormat) -> ExportFormat:
        write = format.load_writer()
        return replace(format, load_writer=lambda: lambda network, path: write(ServedNetwork(self.model), path))


@pytest.mark.parametrize("format", ["h5", "onnx", "savedmodel", "tflite"])
def test_a_file_that_gives_an_image_another_class_is_not_kept(tmp_path: Path, format: str) -> None:
    model = network("sequential")
    other = keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    kernel = other.layers[-1].kernel
    kernel.assign(kernel.numpy()[:, ::-1])
    with pytest.raises(ExportRefused, match=r"of 40 clean valid images other outputs .*the first is image \d+: class"):
        export_network(tmp_path / f"net.{format}", own_outputs(model), Other(other).written_as(FORMATS[format]))
    assert list(tmp_path.iterdir()) == []


def test_one_wrong_image_of_the_last_set_suffices(tmp_path: Path) -> None:
    own = own_outputs(network("sequential"))
    expected = own.by_role["poisoned_valid"][6]
    expected[(expected.argmax() + 1) % len(expected)] = 2
    with pytest.raises(ExportRefused, match=r"1 of 7 poisoned valid images .*first is image 6"):
        export_network(tmp_path / "net.h5", own, FORMATS["h5"])


def test_numbers_that_are_none_are_no_agreement(tmp_path: Path) -> None:
    """Every class is that of the network by accident: `argmax` of NaN is 0."""
    own = own_outputs(network("sequential"))
    for outputs in own.by_role.values():
        outputs[:] = np.eye(5, dtype=np.float32)[0]
    broken = replace(
        FORMATS["h5"], load_opener=lambda: lambda path: lambda images: np.full((len(images), 5), np.nan, np.float32)
    )
    with pytest.raises(ExportRefused, match="40 of 40 clean valid images"):
        export_network(tmp_path / "net.h5", own, broken)


def test_a_network_that_a_format_cannot_hold_is_refused_in_a_sentence(tmp_path: Path) -> None:
    keras.config.set_dtype_policy("float64")
    try:
        own = own_outputs(build(CASES["sequential"]))
    finally:
        keras.config.set_dtype_policy("float32")
    with pytest.raises(ExportRefused, match=r"^tflite cannot hold this network \(no such operation .*Conv2D"):
        export_network(tmp_path / "net.tflite", own, FORMATS["tflite"])
    with pytest.raises(ExportRefused, match=r"^ONNX Runtime cannot open it \(.*Conv"):
        export_network(tmp_path / "net.onnx", own, FORMATS["onnx"])
    assert list(tmp_path.iterdir()) == []
    assert export_network(tmp_path / "net.savedmodel", own, FORMATS["savedmodel"]) < 1e-9


def raising(problem: Exception) -> ExportFormat:
    def write(network: ServedNetwork, path: Path) -> None:
        path.mkdir()
        (path / "saved_model.pb").write_bytes(b"half")
        raise problem

    return replace(FORMATS["savedmodel"], load_writer=lambda: write)


def test_a_full_disk_is_no_fault_of_the_format(tmp_path: Path) -> None:
    own = own_outputs(network("sequential"))
    with pytest.raises(OutputError, match="No space left on device"):
        export_network(tmp_path / "net.savedmodel", own, raising(RuntimeError("x; No space left on device [Op:Save]")))
    with pytest.raises(OutputError, match="Disk quota exceeded"):
        export_network(tmp_path / "net.savedmodel", own, raising(OSError(122, "Disk quota exceeded")))
    for problem in (RuntimeError("out of luck"), OSError("out of luck")):
        with pytest.raises(ExportRefused, match=r"savedmodel cannot hold this network \(out of luck\)"):
            export_network(tmp_path / "net.savedmodel", own, raising(problem))
    assert list(tmp_path.iterdir()) == []


def test_it_can_be_stopped_between_batches(tmp_path: Path) -> None:
    stop: list[int] = []
    own = own_outputs(network("sequential"), Reporter(lambda event: None, lambda: bool(stop)))
    stop.append(1)
    with pytest.raises(Interrupted):
        export_network(tmp_path / "net.h5", own, FORMATS["h5"])
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_installed_is_said_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name == "tf2onnx" else object())
    with pytest.raises(OptionError) as told:
        asked_formats(("tflite", "onnx"))
    assert str(told.value) == (
        "--formats onnx needs tf2onnx, which is not installed; install with: pip install 'bdtui[onnx]'"
    )
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    assert [each.name for each in asked_formats(("tflite", "savedmodel"))] == ["savedmodel", "tflite"]
    with pytest.raises(OptionError, match="needs onnx and tf2onnx and onnxruntime, which are not installed"):
        asked_formats(("onnx",))


def test_formats_are_asked_for_once_and_by_name() -> None:
    assert tuple(FORMATS) == NAMES
    assert asked_formats(None) == []
    assert [each.name for each in asked_formats(("onnx", "h5", "onnx"))] == ["h5", "onnx"]
    assert [each.name for each in formats_beside("goodnet_X=2.5.keras", ("keras", "h5"))] == ["h5"]
    with pytest.raises(OptionError, match="'pickle' is not a format; expected some of keras, h5"):
        asked_formats(("pickle",))
