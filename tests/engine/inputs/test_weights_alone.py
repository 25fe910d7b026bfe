"""Weights without an architecture open where they fit one of ours, and are described where they do not."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.errors import ModelError
from bdtui.engine.events import Event, Notice
from bdtui.engine.inputs.file_preview import look_at
from bdtui.engine.inputs.model import open_model
from bdtui.engine.inputs.opening import open_inputs
from bdtui.engine.inputs.stored_weights import DEEPID_SHAPES, StoredLayer, deepid_classes, stored_layers, told_layers
from bdtui.engine.network.deepid import INPUT_SHAPE, build_deepid
from bdtui.engine.reporter import Reporter
from bdtui.engine.settings import RunSettings

SAMPLE = Path(str(files("bdtui.sample_data")))


def lab_weights(path: Path, source: Path = SAMPLE / "bd_net.h5") -> Path:
    """Weights alone, as Keras 2 and the lab's files have them."""
    with h5py.File(source) as whole, h5py.File(path, "w") as alone:
        for name, value in whole["model_weights"].attrs.items():
            alone.attrs[name] = value
        for name in whole["model_weights"]:
            whole.copy(f"model_weights/{name}", alone)
    return path


@pytest.fixture(scope="module")
def deepid_weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("deepid")
    model = build_deepid(7)
    model.save_weights(folder / "new.weights.h5")
    model.save(folder / "whole.h5")
    return {
        "of Keras 3": folder / "new.weights.h5",
        "of Keras 2": lab_weights(folder / "lab_weights.h5", folder / "whole.h5"),
        "of a whole model": folder / "whole.h5",
    }


def test_deepid_is_known_by_the_shapes_it_has() -> None:
    weights = [
        tuple(tuple(weight.shape) for weight in layer.weights) for layer in build_deepid(9).layers if layer.weights
    ]
    assert sorted(weights) == sorted((*DEEPID_SHAPES, ((160, 9), (9,))))
    assert deepid_classes([StoredLayer("", shapes) for shapes in weights]) == 9


@pytest.mark.parametrize(
    "change",
    [
        lambda shapes: shapes[:-1],
        lambda shapes: [*shapes, shapes[0]],
        lambda shapes: [*shapes[:-1], ((161, 9), (9,))],
        lambda shapes: [*shapes[:-1], ((160, 9), (8,))],
        lambda shapes: [*shapes[:-1], ((160, 9),)],
        lambda shapes: [((4, 4, 1, 20), (20,)), *shapes[1:]],
        lambda shapes: [],
    ],
)
def test_other_weights_are_not_taken_for_deepid(change: Callable[[list[object]], list[object]]) -> None:
    shapes = change([*DEEPID_SHAPES, ((160, 9), (9,))])
    assert deepid_classes([StoredLayer("", shape) for shape in shapes]) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["of Keras 3", "of Keras 2", "of a whole model"])
@pytest.mark.parametrize("given", ["path", "weights"])
def test_weights_that_fit_deepid_open_without_an_architecture(
    deepid_weights: dict[str, Path], kind: str, given: str
) -> None:
    opened = open_model(**{given: deepid_weights[kind]})  # type: ignore[arg-type]
    assert (opened.classes, opened.input_shape, opened.path) == (7, INPUT_SHAPE, deepid_weights[kind])
    assert opened.fitting == (None if kind == "of a whole model" else "deepid")
    whole = open_model(deepid_weights["of a whole model"])
    faces = np.random.default_rng(0).random((3, *INPUT_SHAPE)).astype(np.float32)
    np.testing.assert_array_equal(opened.keras_model(faces), whole.keras_model(faces))


@pytest.mark.parametrize("given", ["model", "weights"])
def test_what_was_taken_is_said_and_can_be_replayed(tmp_path: Path, given: str) -> None:
    path = lab_weights(tmp_path / "weights.h5")
    said: list[Event] = []
    settings = RunSettings(**{given: path}, clean_valid=SAMPLE / "cl" / "valid.h5")  # type: ignore[arg-type]
    inputs = open_inputs(settings, Reporter(said.append))
    notices = [event.text for event in said if isinstance(event, Notice)]
    assert f"{path} holds weights alone; they fit deepid, which is taken for the model" in notices
    assert inputs.settings.architecture == (None if given == "model" else "deepid")
    again = open_inputs(inputs.settings, Reporter(), inputs.sha256)
    assert again.sha256 == inputs.sha256


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("others")
    body = [layers.Conv2D(4, 3, name=f"conv_{number}") for number in range(7)]
    model = keras.Sequential([keras.Input((30, 30, 3)), *body, layers.Flatten(), layers.Dense(5, name="scores")])
    model.save(folder / "whole.h5")
    model.save_weights(folder / "new.weights.h5")
    (folder / "model.json").write_text(model.to_json())
    lab_weights(folder / "lab_weights.h5", folder / "whole.h5")
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("lab_weights.h5", "8 layers .*conv_0 3×3×3×4[+]4, conv_1 3×3×4×4[+]4, .* and 3 more"),
        ("new.weights.h5", "8 layers .*conv2d 3×3×3×4[+]4, .* and 3 more"),
    ],
)
@pytest.mark.parametrize("given", ["path", "weights"])
def test_weights_that_fit_nothing_say_what_they_look_like_and_what_to_give(
    others: dict[str, Path], name: str, told: str, given: str
) -> None:
    with pytest.raises(ModelError, match=rf"{told}.*do not fit deepid; expected .*--architecture FILE\.json"):
        open_model(**{given: others[name]})  # type: ignore[arg-type]


def test_weights_that_are_not_deepids_say_so_where_deepid_was_asked_for(others: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match=r"lab_weights\.h5: has weights of 8 layers .*expected the weights of DeepID"):
        open_model(architecture="deepid", weights=others["lab_weights.h5"])


def test_a_description_stays_short() -> None:
    layers = [StoredLayer("x" * 10_000 + "\x1b[2J", ((10**9,) * 50,) * 50)] * 1000
    assert len(told_layers(layers)) < 2000
    assert told_layers(layers).isprintable()


def test_links_are_not_followed_to_count_layers(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["layer_names"] = [b"a", b"b", b"c/d", b"e"]
        file["a"] = h5py.ExternalLink(str(tmp_path / "elsewhere.h5"), "/")
        file["b"] = h5py.SoftLink("/c")
        file["c"] = h5py.ExternalLink(str(tmp_path / "elsewhere.h5"), "/")
        file["e/kernel"] = np.zeros((2, 3))
        file["e/loop"] = file["e"]
    with h5py.File(tmp_path / "a.h5") as file:
        found = stored_layers(file)
    assert found is not None
    assert {layer.name for layer in found} == {"e"}


def test_weights_that_fit_deepid_are_previewed_as_that(
    deepid_weights: dict[str, Path], others: dict[str, Path]
) -> None:
    for kind in ("of Keras 3", "of Keras 2"):
        found = look_at(deepid_weights[kind])
        assert found is not None
        assert (found.kind, found.architecture) == ("weights", "deepid")
        assert found.summary.startswith("weights alone · 7 layers · fit deepid")
    found = look_at(others["lab_weights.h5"])
    assert found is not None
    assert found.architecture is None
