"""SavedModel folders of Keras 2 are rebuilt from configuration and weights; nothing in them is run."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from tensorflow.core.protobuf import saved_model_pb2

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs import checkpoint, saved_model, saved_weights
from bdtui.engine.inputs.checkpoint import Checkpoint
from bdtui.engine.inputs.file_preview import look_at
from bdtui.engine.inputs.model import open_model
from bdtui.engine.inputs.opening import open_inputs
from bdtui.engine.inputs.recipe import parse_recipe, write_recipe_text
from bdtui.engine.inputs.saved_metadata import read_saved_config
from bdtui.engine.inputs.saved_model import checkpoint_of
from bdtui.engine.inputs.saved_weights import load_saved_weights
from bdtui.engine.option import options_of
from bdtui.engine.reporter import Reporter
from bdtui.engine.settings import RunSettings
from tests.engine.inputs.keras2_models import KINDS, Keras2Model, build

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Keras2Model]]:
    folder = tmp_path_factory.mktemp("saved")
    models = {kind: build(kind) for kind in KINDS}
    return {kind: (model.save(folder / kind), model) for kind, model in models.items()}


@pytest.fixture
def folder(tmp_path: Path, saved: dict[str, tuple[Path, Keras2Model]]) -> Path:
    """A copy of one, to be changed."""
    return Path(shutil.copytree(saved["sequential"][0], tmp_path / "model"))


def test_weights_are_assigned_by_what_keras_makes_public() -> None:
    # Names with an underscore change between versions of Keras.
    source = inspect.getsource(saved_weights)
    assert re.findall(r"\b(?:model|layer|inner|cell|value|weight|variable)\._\w+", source) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_of_keras_2_predicts_as_in_keras_2(saved: dict[str, tuple[Path, Keras2Model]], kind: str) -> None:
    path, model = saved[kind]
    opened = open_model(path)
    assert (opened.path, opened.classes, opened.input_shape) == (path, 4, (10, 10, 3))
    predictions = np.asarray(opened.keras_model(model.images, training=False))
    np.testing.assert_allclose(predictions, model.predictions, atol=1e-6)


def test_layers_that_hold_layers_get_the_weights_of_each(tmp_path: Path) -> None:
    keras2 = pytest.importorskip("tf_keras")

    def build_in(library: Any) -> Any:
        start = library.Input((5, 4))
        x = library.layers.MultiHeadAttention(2, 3, name="attention")(start, start)
        x = library.layers.TimeDistributed(library.layers.Dense(3), name="each")(x)
        x = library.layers.Bidirectional(library.layers.SimpleRNN(3, return_sequences=True), name="both")(x)
        cells = [library.layers.SimpleRNNCell(2), library.layers.SimpleRNNCell(3)]
        x = library.layers.RNN(library.layers.StackedRNNCells(cells), name="stacked")(x)
        return library.Model(start, x)

    former, model = build_in(keras2), build_in(keras)
    random = np.random.default_rng(1)
    for weight in former.weights:
        weight.assign(random.normal(0, 0.3, weight.shape))
    former.save(tmp_path / "former", save_format="tf")
    load_saved_weights(model, Checkpoint(checkpoint_of(tmp_path / "former")), tmp_path / "former")
    rows = random.normal(size=(3, 5, 4)).astype(np.float32)
    np.testing.assert_allclose(model(rows), former(rows), atol=1e-5)


def test_a_layer_without_its_weights_is_named(folder: Path) -> None:
    path, content = folder / "keras_metadata.pb", (folder / "keras_metadata.pb").read_bytes()
    # What the metadata calls otherwise belongs to no layer of the configuration, which has the name once more.
    place = content.index(b"layer_with_weights-2")
    name = content.index(b'"name": "conv_b"', place)
    path.write_bytes(content[:name] + b'"name": "conv_x"' + content[name + 16 :])
    with pytest.raises(ModelError, match=r"weights of layer 'conv_b' .* are missing"):
        open_model(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_of_tensorflow_2_4_has_its_metadata_in_the_list_of_objects(
    tmp_path: Path, saved: dict[str, tuple[Path, Keras2Model]], kind: str
) -> None:
    saved_metadata_pb2 = pytest.importorskip("tf_keras.protobuf.saved_metadata_pb2")
    folder = Path(shutil.copytree(saved[kind][0], tmp_path / "model"))
    whole = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    metadata = saved_metadata_pb2.SavedMetadata.FromString((folder / "keras_metadata.pb").read_bytes())
    for node in metadata.nodes:
        whole.meta_graphs[0].object_graph_def.nodes[node.node_id].user_object.metadata = node.metadata
    (folder / "saved_model.pb").write_bytes(whole.SerializeToString())
    for name in ("keras_metadata.pb", "fingerprint.pb"):
        (folder / name).unlink()
    model = saved[kind][1]
    predictions = np.asarray(open_model(folder).keras_model(model.images, training=False))
    np.testing.assert_allclose(predictions, model.predictions, atol=1e-6)
    assert look_at(folder) is not None


def test_every_array_of_a_checkpoint_is_read_as_tensorflow_reads_it(
    saved: dict[str, tuple[Path, Keras2Model]],
) -> None:
    prefix = checkpoint_of(saved["functional"][0])
    reader = tf.train.load_checkpoint(str(prefix))
    own = Checkpoint(prefix)
    arrays = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    graph = arrays.pop("_CHECKPOINTABLE_OBJECT_GRAPH")
    assert len(arrays) > 50
    assert own.values == sum(value.size for value in arrays.values())
    for name, value in arrays.items():
        np.testing.assert_array_equal(own.array(name), value)
    assert own.object_graph().SerializeToString(deterministic=True) == (
        type(own.object_graph()).FromString(graph).SerializeToString(deterministic=True)
    )


def test_a_graph_that_reads_and_writes_files_is_never_run(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    class Evil(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 10, 10, 3))])
        def __call__(self, images: tf.Tensor) -> tf.Tensor:
            with tf.control_dependencies([tf.io.write_file(str(mark), tf.io.read_file("/etc/hostname"))]):
                return images + 0

    tf.saved_model.save(Evil(), str(tmp_path / "evil"))
    with pytest.raises(ModelError, match="without the architecture"):
        open_model(tmp_path / "evil")
    shutil.copy(tmp_path / "evil" / "saved_model.pb", folder)
    assert open_model(folder).classes == 4
    assert not mark.exists()


def test_the_graph_is_not_even_read(folder: Path) -> None:
    (folder / "saved_model.pb").write_bytes(b"\xff" * 100)
    assert open_model(folder).classes == 4


def test_what_keras_3_exports_is_refused_with_what_to_do(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3)])
    model.export(tmp_path / "exported", verbose=False)
    with pytest.raises(ModelError, match=r"for inference.*model\.save\('model\.keras'\)"):
        open_model(tmp_path / "exported")


def test_a_subclassed_model_is_refused_with_what_to_do(tmp_path: Path) -> None:
    keras2 = pytest.importorskip("tf_keras")

    class Own(keras2.Model):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras2.layers.Dense(3)

        def call(self, inputs: tf.Tensor) -> tf.Tensor:
            return self.dense(inputs)

    model = Own()
    model(np.zeros((1, 4), np.float32))
    model.save(tmp_path / "own", save_format="tf")
    with pytest.raises(ModelError, match=r"'Own'.*expected"):
        open_model(tmp_path / "own")


def test_a_run_opens_a_folder_and_its_recipe_knows_it_again(folder: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "valid.h5", "w") as file:
        file["data"] = np.random.default_rng(0).random((8, 10, 10, 3)).astype(np.float32)
        file["label"] = np.arange(8) % 4
    settings = RunSettings(model=folder, clean_valid=tmp_path / "valid.h5", scale="1")
    inputs = open_inputs(settings, Reporter())
    assert inputs.sha256["model"] == saved_model.model_sha256(folder)
    recipe = parse_recipe(write_recipe_text(inputs.settings, inputs.sha256), tmp_path / "recipe.toml")
    assert recipe.settings["model"] == folder
    open_inputs(settings, Reporter(), recipe.sha256)
    with (folder / "variables" / "variables.data-00000-of-00001").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelError, match="has changed since the recipe was written"):
        open_inputs(settings, Reporter(), recipe.sha256)


def test_a_folder_that_is_no_saved_model_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    kind = options_of(RunSettings)["model"].kind
    with pytest.raises(ModelError, match=r"is a folder; expected a Keras model \(\.h5, .* or a SavedModel folder"):
        kind.require(tmp_path)
    (tmp_path / "saved_model.pb").touch()
    kind.require(tmp_path)


def test_weights_of_a_file_are_laid_over_a_saved_model(
    tmp_path: Path, saved: dict[str, tuple[Path, Keras2Model]]
) -> None:
    path, model = saved["sequential"]
    model.save(tmp_path / "model.h5")
    opened = open_model(path, weights=tmp_path / "model.h5")
    assert opened.path.name == "model.h5"
    predictions = np.asarray(opened.keras_model(model.images, training=False))
    np.testing.assert_allclose(predictions, model.predictions, atol=1e-6)


def test_the_hash_of_a_folder_changes_with_each_of_its_files_and_not_with_its_place(
    folder: Path, saved: dict[str, tuple[Path, Keras2Model]]
) -> None:
    before = open_model(folder).sha256
    assert before == saved_model.model_sha256(saved["sequential"][0])
    (folder / ".DS_Store").touch()
    assert saved_model.model_sha256(folder) == before
    for path in ("saved_model.pb", "keras_metadata.pb", "variables/variables.index"):
        content = (folder / path).read_bytes()
        (folder / path).write_bytes(content + b"\0")
        assert saved_model.model_sha256(folder) != before
        (folder / path).write_bytes(content)


def test_a_saved_model_is_previewed_as_a_model(folder: Path) -> None:
    found = look_at(folder)
    assert found is not None
    assert (found.kind, found.summary.split(" · ")[0]) == ("model", "SavedModel of Keras 2")
    (folder / "keras_metadata.pb").unlink()
    assert look_at(folder) is None


@pytest.mark.parametrize(
    "name", ["keras_metadata.pb", "variables/variables.index", "variables/variables.data-00000-of-00001", "variables"]
)
def test_a_link_out_of_the_folder_is_not_followed(folder: Path, name: str) -> None:
    elsewhere = folder.with_name("elsewhere")
    (folder / name).rename(elsewhere)
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(ModelError, match=r"is a link; .*cp -rL"):
        open_model(folder)


def test_metadata_larger_than_any_is_not_read(folder: Path) -> None:
    with (folder / "keras_metadata.pb").open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(ModelError, match="is larger than"):
        open_model(folder)


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
@pytest.mark.parametrize(
    "name", ["keras_metadata.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
)
def test_a_file_that_is_cut_off_is_called_incomplete(folder: Path, name: str, cut: int) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ModelError, match=r"corrupted|complete|graph"):
        open_model(folder)


def test_flipped_bytes_end_in_a_sentence_or_in_a_model(folder: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("keras_metadata.pb", "variables/variables.index"):
        path = folder / name
        sound = path.read_bytes()
        for _ in range(40):
            content = bytearray(sound)
            for place in random.integers(0, len(content), 3):
                content[place] = random.integers(256)
            path.write_bytes(content)
            try:
                Checkpoint(checkpoint_of(folder)).object_graph()
                read_saved_config(folder)
            except ModelError:
                pass
        path.write_bytes(sound)


def forged(entry: Callable[[checkpoint.tensor_bundle_pb2.BundleEntryProto], object]) -> Callable[[bytes], bytes]:
    """A table of contents in which every array's entry is changed."""

    def write(content: bytes) -> bytes:
        block = b""
        for name, value in checkpoint._table(content):
            changed = value
            if name and name != b"_CHECKPOINTABLE_OBJECT_GRAPH":
                described = checkpoint.tensor_bundle_pb2.BundleEntryProto.FromString(value)
                entry(described)
                changed = described.SerializeToString()
            block += varint(0) + varint(len(name)) + varint(len(changed)) + name + changed
        return table(block)

    return write


def table(block: bytes) -> bytes:
    """A table of one block, as the table's reader takes it."""
    block += struct.pack("<II", 0, 1)
    index = varint(0) + varint(1) + varint(len(handle := varint(0) + varint(len(block)))) + b"\xff" + handle
    index += struct.pack("<II", 0, 1)
    footer = (varint(0) + varint(0) + varint(len(block) + 5) + varint(len(index))).ljust(40, b"\0")
    return block + bytes(5) + index + bytes(5) + footer + struct.pack("<Q", checkpoint._MAGIC)


def varint(value: int) -> bytes:
    digits = []
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda entry: entry.shape.dim.add(size=2**40), "corrupted"),
        (lambda entry: entry.shape.dim.add(size=-1), "corrupted"),
        (lambda entry: setattr(entry, "offset", 2**40), "ends before"),
        (lambda entry: setattr(entry, "offset", -8), "ends before"),
        (lambda entry: setattr(entry, "size", 4), "corrupted"),
        (lambda entry: setattr(entry, "dtype", 7), "not stored as one array"),
        (lambda entry: setattr(entry, "shard_id", 5), "no such file"),
        (lambda entry: entry.slices.add(), "not stored as one array"),
    ],
    ids=[
        "vast",
        "negative size",
        "behind the end",
        "before the beginning",
        "short",
        "texts",
        "a shard too many",
        "slices",
    ],
)
def test_a_forged_table_of_contents_is_refused(
    folder: Path, change: Callable[[checkpoint.tensor_bundle_pb2.BundleEntryProto], object], finding: str
) -> None:
    path = folder / "variables" / "variables.index"
    path.write_bytes(forged(change)(path.read_bytes()))
    with pytest.raises(ModelError, match=finding):
        open_model(folder)


def test_a_layer_larger_than_the_checkpoint_is_not_built(folder: Path) -> None:
    """Whatever the table of contents declares: arrays that lie over one another count once."""
    index, data = folder / "variables" / "variables.index", folder / "variables" / "variables.data-00000-of-00001"

    def enlarge(entry: checkpoint.tensor_bundle_pb2.BundleEntryProto) -> None:
        entry.offset, entry.size = 0, data.stat().st_size // 4 * 4
        del entry.shape.dim[:]
        entry.shape.dim.add(size=entry.size // 4)

    index.write_bytes(forged(enlarge)(index.read_bytes()))
    with pytest.raises(ModelError, match="more than its files hold"):
        open_model(folder)


def test_a_table_written_here_is_read_as_before(folder: Path) -> None:
    path = folder / "variables" / "variables.index"
    path.write_bytes(forged(lambda entry: None)(path.read_bytes()))
    assert open_model(folder).classes == 4


def test_code_in_the_metadata_is_refused(folder: Path) -> None:
    path = folder / "keras_metadata.pb"
    changed = {"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "Lambda", "config": {}}]}}
    metadata = json.dumps({"model_config": changed}).encode()
    node = b"\x1a\x04root" + b"\x2a" + varint(len(metadata)) + metadata
    path.write_bytes(b"\x0a" + varint(len(node)) + node)
    with pytest.raises(ModelError, match="Lambda layer"):
        open_model(folder)
