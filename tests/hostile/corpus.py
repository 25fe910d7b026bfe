"""Every kind of hostile file, made from good ones, with a payload that would leave a mark if bdtui fell for it.

    python -m tests.hostile FOLDER       makes them all, to look at

Code that ran would make a file named `MARK` in the working folder; a link that was followed would lead to sound content, and
so to a run instead of a refusal; a size that was believed would take all memory, or for ever.
"""

from __future__ import annotations

import base64
import io
import json
import marshal
import os
import pickle
import shutil
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

from bdtui.engine.inputs import checkpoint
from tests.hostile.cases import (
    Case,
    architecture_arguments,
    class_names_arguments,
    images_arguments,
    manifest_arguments,
    model_arguments,
    recipe_arguments,
    trigger_arguments,
    weights_arguments,
)
from tests.hostile.sound import IMAGES, LABELS, SoundFiles

MARK = "bdtui-mark"
_TOUCH = f"touch {MARK}"
_ESCAPES = "\x1b]0;owned\x07\x1b[2J[red]conv[/red]"
Config = dict[str, Any]


def hostile_cases(sound: SoundFiles, folder: Path) -> Iterator[Case]:
    """Make the files of every case in a folder, each just before it is asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    for make in (
        *(_code, _operations, _names, _sizes, _links, _chunks, _hangs, _archives, _saved_models, _pickles),
        *(_image_archives, _pictures, _texts, _triggers),
    ):
        yield from make(sound, folder)


# --- code ----------------------------------------------------------------------------------------------------------


def _lambda() -> Config:
    """A Lambda layer as Keras writes it: byte code, marshalled, in base 64."""
    code = compile(f"__import__('os').system({_TOUCH!r})", "payload", "eval")
    packed = base64.b64encode(marshal.dumps(code)).decode()
    value = {"class_name": "__lambda__", "config": {"code": packed, "defaults": None, "closure": None}}
    return {"class_name": "Lambda", "module": "keras.layers", "config": {"name": "evil", "function": value}}


def _layer(class_name: str, module: str | None = "keras.layers", **config: Any) -> Config:
    named = {} if module is None else {"module": module}
    return {"class_name": class_name, **named, "config": {"name": "evil", **config}}


def _function(name: str, module: str, **more: Any) -> Config:
    return {"class_name": "function", "module": module, "config": name, **more}


LAYERS: dict[str, tuple[Config, str]] = {
    "a Lambda layer": (_lambda(), r"Lambda layer \('evil'\), which runs code"),
    "a Lambda layer in the form of Keras 2": (
        {
            "class_name": "Lambda",
            "config": {"name": "evil", "function": ["abc", None, None], "function_type": "lambda"},
        },
        "Lambda layer",
    ),
    "a SavedModel as a layer": (_layer("TFSMLayer", filepath="/tmp/evil"), "TFSMLayer layer"),
    "a layer of Jax": (_layer("JaxLayer"), "JaxLayer layer"),
    "a module of Torch": (_layer("TorchModuleWrapper", module_="x"), "TorchModuleWrapper layer"),
    "a layer of somebody's own": (_layer("EvilLayer", "evil.layers"), "'EvilLayer' .*not a stock Keras class"),
    "a class of the standard library": (_layer("Popen", "subprocess", args=_TOUCH), "'Popen'"),
    "a stock name in a module of others": (_layer("Dense", "evil", units=2), "module 'evil'"),
    "a stock name in a module that Keras does not keep it in": (
        _layer("Dense", "keras.src.saving"),
        "module 'keras.src",
    ),
    "a module that looks like Keras'": (_layer("Dense", "keras.layers;os"), "module 'keras.layers;os'"),
    "a registered object": (
        {**_layer("Dense", units=2), "registered_name": "evil>Dense"},
        "registered object 'evil>Dense'",
    ),
    "a lookup that reads a file": (_layer("StringLookup", vocabulary="/etc/passwd"), "'StringLookup'"),
    "an activation that is a function of the system": (
        _layer("Activation", activation=_function("system", "os")),
        "function 'system'",
    ),
    "an activation that downloads": (
        _layer("Activation", activation=_function("get_file", "keras.utils")),
        "function 'get_file'",
    ),
    "an activation that switches safety off": (
        _layer("Activation", activation=_function("enable_unsafe_deserialization", "keras.config")),
        "function 'enable_unsafe_deserialization'",
    ),
    "an activation that makes objects": (
        _layer("Activation", activation=_function("deserialize", "keras.activations")),
        "function 'deserialize'",
    ),
    "a stock activation in a module of others": (
        _layer("Activation", activation=_function("relu", "os")),
        "module 'os'",
    ),
    "a stock activation under a registered name": (
        _layer("Activation", activation=_function("relu", "builtins", registered_name="evil>relu")),
        "registered object",
    ),
    "an activation named by a text": (_layer("Activation", activation="evil>relu"), "activation 'evil>relu'"),
    "an activation that makes objects, by a text": (_layer("Activation", activation="get"), "activation 'get'"),
    "an initialiser named by a text": (
        _layer("Conv2D", filters=3, kernel_size=1, kernel_initializer="os.system"),
        "kernel_initializer 'os.system'",
    ),
    "an initialiser of somebody's own": (
        _layer("Conv2D", filters=3, kernel_size=1, kernel_initializer={"class_name": "Evil", "config": {}}),
        "'Evil'",
    ),
    "a regulariser of somebody's own": (
        _layer("Conv2D", filters=3, kernel_size=1, kernel_regularizer="evil>l2"),
        "kernel_regularizer 'evil>l2'",
    ),
    "a constraint of somebody's own": (
        _layer("Conv2D", filters=3, kernel_size=1, kernel_constraint={"class_name": "evil>Norm", "config": {}}),
        "'evil>Norm'",
    ),
    "an operation that calls functions for ever": (
        _layer("WhileLoop", "keras.src.ops.core", cond=_function("relu", "builtins")),
        "'WhileLoop'",
    ),
    "a type specification": (
        {
            "class_name": "__typespec__",
            "module": "os",
            "spec_name": "system",
            "registered_name": None,
            "config": [_TOUCH],
        },
        "'__typespec__'",
    ),
    "a layer inside of a wrapper": (_layer("TimeDistributed", layer=_lambda()), "Lambda layer"),
    "a class with escape sequences": (_layer(_ESCAPES), "not a stock Keras class"),
}


def _code(sound: SoundFiles, folder: Path) -> Iterator[Case]:
    for name, (layer, finding) in LAYERS.items():
        for form in ("h5", "keras", "json"):
            arguments = _with_configuration(sound, folder, form, lambda config, layer=layer: _insert(config, layer))
            yield Case(f"{name}, in {form}", arguments, finding=finding)
    for key in ("compile_config", "build_config"):
        # What Keras would do to a layer afterwards is code, too; it is left out, or refused.
        def add(config: Config, key: str = key) -> None:
            config["config"]["layers"][1][key] = {"optimizer": _lambda(), "input_shape": [None, 8, 8, 3]}

        arguments = _with_configuration(sound, folder, "keras", add)
        yield Case(f"code in {key}", arguments, must_refuse=key == "build_config")

    def trained_with_code(file: h5py.File) -> None:
        file.attrs["training_config"] = json.dumps({"loss": _lambda(), "optimizer_config": _lambda()})

    path = _edited(sound.model, folder / "model.h5", trained_with_code)
    yield Case("code as loss and optimiser", model_arguments(path, sound), must_refuse=False)


def _insert(config: Config, layer: Config) -> None:
    config["config"]["layers"].insert(1, layer)


def _with_configuration(
    sound: SoundFiles, folder: Path, form: str, change: Callable[[Config], None]
) -> tuple[str, ...]:
    """Open the sound model in a form, with its configuration changed."""
    config = json.loads(sound.architecture.read_text())
    change(config)
    return _with_text(sound, folder, form, json.dumps(config))


def _with_text(sound: SoundFiles, folder: Path, form: str, text: str) -> tuple[str, ...]:
    path = folder / f"model.{form}"
    if form == "json":
        path.write_text(text)
        return architecture_arguments(path, sound)
    if form == "keras":
        _repack(sound.archive, path, {"config.json": text.encode()})
        return model_arguments(path, sound)

    def edit(file: h5py.File) -> None:
        del file.attrs["model_config"]
        if len(text) < 2**15:
            file.attrs["model_config"] = text
        else:
            # Longer ones lie in the file's heap.
            file.attrs.create("model_config", text, dtype=h5py.string_dtype())

    return model_arguments(_edited(sound.model, path, edit), sound)


# --- operations ----------------------------------------------------------------------------------------------------


def _operation(function: Any, *, inputs: int = 0, node: int = 0, **arguments: Any) -> Config:
    """A TensorFlow function behind the first layer, as Keras 2 writes it; or of a list of so many inputs."""
    calls = [["conv", node, 0, arguments]]
    return {
        "class_name": "TFOpLambda",
        "name": "evil",
        "config": {"name": "evil", "trainable": True, "dtype": "float32", "function": function},
        "inbound_nodes": [calls * inputs] if inputs else calls,
    }


_UNKNOWN_WAY = "in a way that bdtui does not know"
OPERATIONS: dict[str, tuple[Config, str]] = {
    "a function object in place of a function's name": (
        _operation(_function("system", "os")),
        "expected the name of a TensorFlow function",
    ),
    "a function of Python": (_operation("__builtin__.eval", y=_TOUCH), "'__builtin__.eval', which bdtui does not know"),
    "a function that writes files": (
        _operation("io.write_file", contents=MARK),
        "'io.write_file', which bdtui does not know",
    ),
    "a function that maps a function": (
        _operation("map_fn", fn=_function("system", "os")),
        "'map_fn', which bdtui does not know",
    ),
    "a function object among the arguments": (_operation("math.add", y=_function("system", "os")), _UNKNOWN_WAY),
    "a lambda among the arguments": (_operation("math.multiply", y=_lambda()), _UNKNOWN_WAY),
    "a lambda as an argument that nobody knows": (_operation("nn.relu", wrapper=_lambda()), _UNKNOWN_WAY),
    "a constant of a million numbers": (_operation("math.add", y=[1.0] * 10**6), "hold 1,000,0.* numbers as constants"),
    "a number that no float holds": (_operation("math.add", y=10**400), _UNKNOWN_WAY),
    "a concat of 30,000 inputs": (_operation("concat", inputs=30_000, axis=-1), "reads 30,000 inputs at once"),
    "a sum of 30,000 inputs": (_operation("math.add_n", inputs=30_000), "reads 30,000 inputs at once"),
    "a billion parts": (_operation("unstack", num=10**9, axis=-1), "makes 1,000,000,000 outputs"),
    "a resize to less than nothing": (_operation("image.resize", size=[-1, -1]), r"size is \[-1, -1\]"),
    "a resize to a billion pixels": (
        _operation("image.resize", size=[10**9, 10**9]),
        "output of shape|weights of shape",
    ),
    "negative dimensions": (_operation("reshape", shape=[-1, -6, -6, 4]), "expected a sound model"),
    "images by the billion": (_operation("tile", multiples=[10**9, 1, 1, 1]), _UNKNOWN_WAY),
    "places outside of the channels": (
        _operation("gather", indices=[0, 1, 2, 10**6], axis=-1),
        "of an axis of length 4",
    ),
    "a call before the first": (_operation("math.negative", node=-1), "refers to the tensor"),
    "a slice by a lambda": (
        {**_operation("__operators__.getitem", slice_spec=[_lambda()]), "class_name": "SlicingOpLambda"},
        _UNKNOWN_WAY,
    ),
}


def _operations(sound: SoundFiles, folder: Path) -> Iterator[Case]:
    for name, (operation, finding) in OPERATIONS.items():
        text = json.dumps(_graph_of_keras_2(operation))
        for form in ("h5", "json"):
            arguments = _with_text(sound, folder, form, text)
            if form == "h5":
                with h5py.File(folder / "model.h5", "r+") as file:
                    file.attrs["keras_version"] = "2.15.0"
            yield Case(f"{name}, in {form}", arguments, finding=finding)


def _graph_of_keras_2(operation: Config) -> Config:
    """The sound network as a graph of Keras 2, with an operation behind its first layer."""

    def layer(class_name: str, name: str, before: str, **settings: Any) -> Config:
        calls = [[[before, 0, 0, {}]]] if before else []
        return {"class_name": class_name, "name": name, "config": {"name": name, **settings}, "inbound_nodes": calls}

    layers = [
        layer("InputLayer", "image", "", batch_input_shape=[None, 8, 8, 3], dtype="float32"),
        layer("Conv2D", "conv", "image", filters=4, kernel_size=[3, 3], activation="relu"),
        operation,
        layer("MaxPooling2D", "pool", "evil"),
        layer("Flatten", "flat", "pool"),
        layer("Dense", "scores", "flat", units=5, activation="softmax"),
    ]
    ends = {"input_layers": [["image", 0, 0]], "output_layers": [["scores", 0, 0]]}
    return {"class_name": "Functional", "keras_version": "2.15.0", "config": {"name": "m", "layers": layers, **ends}}


# --- names ---------------------------------------------------------------------------------------------------------

NAMES = {
    "escape sequences and markup": _ESCAPES,
    "a path": "../../../tmp/" + MARK,
    "an absolute path": "/tmp/" + MARK,
    "a zero byte": "conv\0" + MARK,
    "a line break": "conv\nbdtui: error: all is well",
    "ten thousand letters": "x" * 10_000,
    "no text": ["conv"],
    "the name of another layer": "pool",
    "right to left": "conv\u202egnp.exe",
}


def _names(sound: SoundFiles, folder: Path) -> Iterator[Case]:
    for told, name in NAMES.items():
        for form in ("h5", "keras", "json"):

            def rename(config: Config, name: Any = name) -> None:
                config["config"]["layers"][1]["config"]["name"] = name

            arguments = _with_configuration(sound, folder, form, rename)
            batch = (*arguments[: arguments.index("--check")], "--batch", "--out", "{out}")
            yield Case(f"a layer named by {told}, in {form}", batch)


# --- sizes ---------------------------------------------------------------------------------------------------------

SIZES: dict[str, tuple[Callable[[Config], None], str]] = {
    "a convolution of a billion filters": (
        lambda config: config["config"]["layers"][1]["config"].update(filters=10**9),
        "expected weights that fit",
    ),
    "a dense layer of a billion units": (
        lambda config: config["config"]["layers"][4]["config"].update(units=10**9),
        "expected weights that fit",
    ),
    "a dense layer of 10^30 units": (
        lambda config: config["config"]["layers"][4]["config"].update(units=10**30),
        "expected",
    ),
    "a thousand layers of a million weights": (
        lambda config: config["config"]["layers"].__setitem__(
            slice(1, 1), [_layer("Conv2D", name=f"evil_{n}", filters=1000, kernel_size=1) for n in range(1000)]
        ),
        "expected weights that fit",
    ),
    "an initialiser that computes for hours": (
        lambda config: config["config"]["layers"].insert(
            4, _layer("Dense", units=30_000, kernel_initializer={"class_name": "Orthogonal", "config": {}})
        ),
        "expected weights that fit",
    ),
    "an image blown up": (
        lambda config: config["config"]["layers"].__setitem__(
            slice(1, 1),
            [_layer("UpSampling2D", size=[30_000] * 2), _layer("MaxPooling2D", name="b", pool_size=[30_000] * 2)],
        ),
        "output of shape",
    ),
    "a border of a million pixels": (
        lambda config: _insert(config, _layer("ZeroPadding2D", padding=[[10**6, 10**6], [10**6, 10**6]])),
        "output of shape|expected",
    ),
    "a vector repeated a billion times": (
        lambda config: config["config"]["layers"].insert(4, _layer("RepeatVector", n=10**9)),
        "output of shape|expected",
    ),
    "an input of 10^15 pixels": (
        lambda config: config["config"]["layers"][0]["config"].update(batch_shape=[None, 10**5, 10**5, 10**5]),
        "expected",
    ),
    "a hundred thousand layers": (
        lambda config: config["config"]["layers"].extend([_layer("ReLU")] * 100_000),
        "expected at most",
    ),
}


def _sizes(sound: SoundFiles, folder: Path) -> Iterator[Case]:
    for name, (change, finding) in SIZES.items():
        for form in ("h5", "keras", "json"):
            arguments = _with_configuration(sound, folder, form, change)
            yield Case(f"{name}, in {form}", arguments, finding=finding)
    for name, text in {
        "JSON nested 100,000 deep": "[" * 10**5 + "]" * 10**5,
        "objects nested 100,000 deep": '{"config":' * 10**5 + "1" + "}" * 10**5,
        "layers nested 20,000 deep": '{"class_name": "Sequential", "config": {"layers": [' * 20_000 + "]}}" * 20_000,
        "a number of a million digits": '{"class_name": "Sequential", "config": {"layers": ' + "9" * 10**6 + "}}",
    }.items():
        for form in ("h5", "keras", "json"):
            arguments = _with_text(sound, folder, form, text)
            yield Case(f"{name}, in {form}", arguments, finding="JSON|malformed|expected")

    def declare(shape: tuple[int, ...], label: tuple[int, ...]) -> Callable[[h5py.File], None]:
        def write(file: h5py.File) -> None:
            for key, sizes in (("data", shape), ("label", label)):
                file.create_dataset(key, sizes, "u1", chunks=tuple(min(size, 20) for size in sizes))

        return write

    for name, write in {
        "10^15 images": declare((10**15, 8, 8, 3), (10**15,)),
        "10^15 labels": declare((20, 8, 8, 3), (10**15,)),
        "a class for each of 10^12": declare((20, 8, 8, 3), (20, 10**12)),
        "an image of 10^14 pixels": declare((20, 10**7, 10**7, 3), (20,)),
    }.items():
        with h5py.File(folder / "data.h5", "w") as file:
            write(file)
        yield Case(name, images_arguments(folder / "data.h5", sound), finding="declares|expected")
    for name, value in {
        "a kernel of 10^15 numbers": (10**5, 10**5, 10**5),
        "a bias of 10^12 numbers": (10**12,),
    }.items():

        def enlarge(file: h5py.File, shape: tuple[int, ...] = value) -> None:
            kernel = _kernel_of(file)
            del file[kernel]
            file.create_dataset(kernel, shape, "f4", chunks=tuple(min(length, 64) for length in shape))

        path = _edited(sound.lab_weights, folder / "weights.h5", enlarge)
        yield Case(name, weights_arguments(path, sound), finding="declares")


# --- links ---------------------------------------------------------------------------------------------------------


def _links(sound: SoundFiles, folder: Path) -> Iterator[Case]:
    other = folder / "elsewhere.h5"
    shutil.copy(sound.images, other)
    with h5py.File(other, "r+") as file, h5py.File(sound.lab_weights) as weights:
        kernel = _kernel_of(weights)
        file["kernel"] = weights[kernel][()]
        weights.copy(kernel.split("/", maxsplit=1)[0], file, "layer")
    raw = folder / "raw"
    raw.write_bytes(IMAGES.tobytes())
    (folder / "raw_kernel").write_bytes(bytes(432))
    for key in ("data", "label", "true_label"):
        for told, link in {
            "another file": h5py.ExternalLink(str(other), f"/{key}"),
            "another file, by a relative name": h5py.ExternalLink("elsewhere.h5", f"/{key}"),
            "another place": h5py.SoftLink("/kept"),
            "itself": h5py.SoftLink(f"/{key}"),
        }.items():

            def relink(file: h5py.File, key: str = key, link: Any = link) -> None:
                file.move(key, "kept")
                file[key] = link

            path = _edited(sound.images, folder / "data.h5", relink)
            yield Case(f"{key} linked to {told}", images_arguments(path, sound), finding=f"'{key}' is a link")

    def elsewhere(name: str, shape: tuple[int, ...], kind: str, source: str) -> Callable[[h5py.File], None]:
        def edit(file: h5py.File) -> None:
            del file[name]
            layout = h5py.VirtualLayout(shape, kind)
            layout[:] = h5py.VirtualSource(str(other), source, shape)
            file.create_virtual_dataset(name, layout)

        return edit

    def outside(name: str, shape: tuple[int, ...], kind: str, source: Path) -> Callable[[h5py.File], None]:
        def edit(file: h5py.File) -> None:
            del file[name]
            size = int(np.prod(shape)) * np.dtype(kind).itemsize
            file.create_dataset(name, shape, kind, external=[(str(source), 0, size)])

        return edit

    for told, edit in {
        "virtual": elsewhere("data", IMAGES.shape, "u1", "data"),
        "in a raw file": outside("data", IMAGES.shape, "u1", raw),
    }.items():
        path = _edited(sound.images, folder / "data.h5", edit)
        yield Case(f"data {told}", images_arguments(path, sound), finding="in other files")
    edits: dict[str, tuple[Callable[[h5py.File], object], str]] = {
        "a kernel linked to another file": (_replace(kernel, h5py.ExternalLink(str(other), "/kernel")), "is a link"),
        "a kernel linked to another place": (
            lambda f: (f.copy(kernel, "kept"), _replace(kernel, h5py.SoftLink("/kept"))(f)),
            "is a link",
        ),
        "a layer linked to another file": (_replace("conv", h5py.ExternalLink(str(other), "/layer")), "is a link"),
        "a virtual kernel": (elsewhere(kernel, (3, 3, 3, 4), "f4", "kernel"), "in other files"),
        "a kernel in a raw file": (outside(kernel, (3, 3, 3, 4), "f4", folder / "raw_kernel"), "in other files"),
        "weights that hold themselves": (lambda f: f["conv"].__setitem__("loop", f["/"]), "contains itself"),
    }
    for told, (edit_weights, finding) in edits.items():
        path = _edited(sound.lab_weights, folder / "weights.h5", edit_weights)
        yield Case(told, weights_arguments(path, sound), finding=finding)
    path = _edited(
        sound.model, folder / "model.h5", _replace("model_weights", h5py.ExternalLink(str(sound.lab_weights), "/"))
    )
    yield Case("all weights in another file", model_arguments(path, sound), finding="is a link")
    new = _edited(
        sound.new_weights,
        folder / "new.weights.h5",
        lambda f: _replace(_kernel_of(f), h5py.ExternalLink(str(other), "/kernel"))(f),
    )
    _repack(sound.archive, folder / "model.keras", {"model.weights.h5": new.read_bytes()})
    yield Case("a link in an archive", model_arguments(folder / "model.keras", sound), finding="is a link")


# --- packed chunks -------------------------------------------------------------------------------------------------


def _bomb(gigabytes: int) -> bytes:
    """Zeros that zlib unpacks to that many gigabytes; packed a piece at a time, since each piece is the same."""
    packing, pieces = zlib.compressobj(9), []
    for _ in range(2):
        pieces.append(packing.compress(bytes(2**26)) + packing.flush(zlib.Z_FULL_FLUSH))
    return pieces[0] + pieces[1] * (16 * gigabytes)


def _chunks(sound: SoundFiles, folder: Path) -> Iterator[Case]:
    bomb = _bomb(8)

    def one_chunk(packed: bytes, mask: int = 0, **settings: Any) -> Path:
        path = folder / "data.h5"
        with h5py.File(path, "w") as file:
            data = file.create_dataset("data", IMAGES.shape, "u1", chunks=IMAGES.shape, **settings)
            data.id.write_direct_chunk((0, 0, 0, 0), packed, mask)
            file["label"] = LABELS
        return path

    gzip: dict[str, Any] = {"compression": "gzip"}
    for told, path, finding in (
        ("a chunk that unpacks to 8 GiB", lambda: one_chunk(bomb, **gzip), "expected 3,840 bytes"),
        ("the same behind a checksum", lambda: one_chunk(bomb, **gzip, fletcher32=True), "expected 3,840 bytes"),
        ("the same that says it is no gzip", lambda: one_chunk(bomb, 1, **gzip, shuffle=True), "expected 3,840 bytes"),
        ("gzip in gzip, to terabytes", lambda: _twice_packed(folder / "data.h5", bomb), "is packed with gzip, gzip"),
        ("a packing that needs a plugin", lambda: _packed_by_plugin(folder / "data.h5"), "filter 32015|cannot be"),
        ("a damaged chunk", lambda: one_chunk(b"garbage", **gzip), "cannot be read"),
    ):
        yield Case(told, images_arguments(path(), sound), finding=finding)

    def kernel_of_bombs(file: h5py.File) -> None:
        kernel = _kernel_of(file)
        del file[kernel]
        data = file.create_dataset(kernel, (3, 3, 3, 4), "f4", chunks=(3, 3, 3, 4), compression="gzip")
        data.id.write_direct_chunk((0, 0, 0, 0), bomb)

    path = _edited(sound.lab_weights, folder / "weights.h5", kernel_of_bombs)
    yield Case("a kernel that unpacks to 8 GiB", weights_arguments(path, sound), finding="expected 432 bytes")


def _twice_packed(path: Path, bomb: bytes) -> Path:
    with h5py.File(path, "w") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk(IMAGES.shape)
        plan.set_deflate(9)
        plan.set_deflate(9)
        space = h5py.h5s.create_simple(IMAGES.shape)
        data = h5py.h5d.create(file.id, b"data", h5py.h5t.NATIVE_UINT8, space, plan)
        data.write_direct_chunk((0, 0, 0, 0), zlib.compress(bomb, 9))
        file["label"] = LABELS
    return path


def _packed_by_plugin(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk(IMAGES.shape)
        plan.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ())
        data = h5py.h5d.create(file.id, b"data", h5py.h5t.NATIVE_UINT8, h5py.h5s.create_simple(IMAGES.shape), plan)
        data.write_direct_chunk((0, 0, 0, 0), IMAGES.tobytes())
        file["label"] = LABELS
    return path


# --- files that libhdf5 reads for ever -----------------------------------------------------------------------------


def _hangs(sound: SoundFiles, folder: Path) -> Iterator[Case]:
    for source, arguments in (
        (sound.model, model_arguments),
        (sound.lab_weights, weights_arguments),
        (sound.images, images_arguments),
    ):
        path = folder / source.name
        path.write_bytes(_free_lists_in_circles(source.read_bytes()))
        yield Case(f"a free list in a circle, in {source.name}", arguments(path, sound), finding="opened safely")
    _repack(
        sound.archive,
        folder / "model.keras",
        {"model.weights.h5": _free_lists_in_circles(sound.new_weights.read_bytes())},
    )
    yield Case(
        "a free list in a circle, in an archive",
        model_arguments(folder / "model.keras", sound),
        finding="opened safely",
    )


def _free_lists_in_circles(content: bytes) -> bytes:
    """Let the first free block of every heap name itself as the next one; libhdf5 goes from each to the next."""
    data = bytearray(content)
    at = -1
    while (at := data.find(b"HEAP", at + 1)) >= 0:
        size, first, place = struct.unpack_from("<QQQ", data, at + 8)
        if first < size and place + first + 16 <= len(data):
            struct.pack_into("<Q", data, place + first, first)
    return bytes(data)


# --- archives ------------------------------------------------------------------------------------------------------


def _archives(sound: SoundFiles, folder: Path) -> Iterator[Case]:
    path = folder / "model.keras"
    for told, member in {
        "an absolute name": f"/tmp/{MARK}",
        "a name that leads out": f"../{MARK}",
        "a name that leads out of a folder": f"assets/../../{MARK}",
        "a name with backslashes": f"..\\{MARK}",
    }.items():
        _repack(sound.archive, path, {member: b"payload"})
        yield Case(f"a member with {told}", model_arguments(path, sound), finding="names inside of the archive")
    _repack(sound.archive, path, {"config.json": bytes(100 * 2**20)}, zipfile.ZIP_DEFLATED)
    yield Case("a configuration of 100 MB, packed", model_arguments(path, sound), finding="expected at most")
    for told, name in {
        "a configuration": b"config.json",
        "weights": b"model.weights.h5",
        "a member": b"metadata.json",
    }.items():
        _repack(sound.archive, path, {})
        _declare_size(path, name, 2**32 - 2)
        yield Case(f"{told} that says it has 4 GB", model_arguments(path, sound), finding="unpacks to|corrupted")
    _repack(sound.archive, path, {}, zipfile.ZIP_BZIP2)
    yield Case("an archive packed by bzip2", model_arguments(path, sound), finding="by method 12")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evil = json.loads(sound.architecture.read_text())
        _insert(evil, _lambda())
        shutil.copy(sound.archive, path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("config.json", json.dumps(evil))
    yield Case("a second configuration behind the first", model_arguments(path, sound), finding="Lambda layer")


def _declare_size(path: Path, name: bytes, size: int) -> None:
    """Let the table of contents, and the member itself, tell another size."""
    data = bytearray(path.read_bytes())
    for signature, length_at, name_at in ((b"PK\x03\x04", 22, 30), (b"PK\x01\x02", 24, 46)):
        at = -1
        while (at := data.find(signature, at + 1)) >= 0:
            if data[at + name_at : at + name_at + len(name)] == name:
                data[at + length_at : at + length_at + 4] = struct.pack("<I", size)
    path.write_bytes(data)


# --- SavedModel folders --------------------------------------------------------------------------------------------


def _saved_models(sound: SoundFiles, folder: Path) -> Iterator[Case]:
    place = folder / "saved"

    def anew() -> tuple[str, ...]:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(sound.saved_model, place)
        return model_arguments(place, sound)

    evil = folder / "evil"
    _save_graph_with_files(evil)
    yield Case("a graph that reads and writes files", model_arguments(evil, sound), finding="for inference")
    arguments = anew()
    for name in ("saved_model.pb", "assets"):
        shutil.rmtree(place / name) if (place / name).is_dir() else (place / name).unlink()
        shutil.move(evil / name, place / name)
    yield Case("a graph that reads and writes files, beside a sound model", arguments, must_refuse=False)
    data = "variables/variables.data-00000-of-00001"
    for name in ("keras_metadata.pb", "variables", "variables/variables.index", data):
        arguments = anew()
        elsewhere = folder / "elsewhere"
        shutil.rmtree(elsewhere, ignore_errors=True)
        elsewhere.unlink(missing_ok=True)
        (place / name).rename(elsewhere)
        (place / name).symlink_to(elsewhere)
        yield Case(f"{name} linked to another place", arguments, finding="is a link")
    for name in ("keras_metadata.pb", "saved_model.pb", "variables/variables.index", data):
        arguments = anew()
        with (place / name).open("r+b") as file:
            file.truncate(2**40)
        yield Case(f"a terabyte of {name}", arguments, finding="is larger than|more than it declares")
    arguments = anew()
    (place / "keras_metadata.pb").unlink()
    inside = _field(1, b"\x08\x00" + _field(2, b"layer-0")) * 1000
    (place / "saved_model.pb").write_bytes(_field(2, _field(7, _field(1, inside))))
    yield Case("objects that hold themselves", arguments, finding="for inference|corrupted")
    for told, metadata, finding in (
        ("a Lambda layer in metadata", _metadata_of({"layers": [_lambda()]}), "Lambda layer"),
        ("a class of somebody's own in metadata", _metadata_of({"layers": [_layer("Evil")]}), "'Evil'"),
        ("metadata nested 100,000 deep", b'{"config":' * 10**5, "corrupted"),
        ("metadata of escape sequences", json.dumps({"class_name": _ESCAPES}).encode(), "class of its own"),
        ("metadata that are no object", b"[]", "class of its own"),
    ):
        arguments = anew()
        (place / "keras_metadata.pb").write_bytes(_field(1, _field(3, b"root") + _field(5, metadata)))
        yield Case(told, arguments, finding=finding)
    for told, field, finding in (
        ("a kernel of 2^60 numbers in a checkpoint", _field(2, _field(2, b"\x08" + _varint(2**60))), "corrupted"),
        ("a kernel of negative size in a checkpoint", _field(2, _field(2, b"\x08" + _varint(2**64 - 5))), "corrupted"),
        ("a kernel in another file", b"\x18" + _varint(7), "no such file"),
        ("a kernel behind the end of its file", b"\x20" + _varint(2**50), "ends before"),
        ("an entry of a checkpoint that is none", b"\xff\xff\xff", "corrupted"),
    ):
        arguments = anew()
        index = place / "variables" / "variables.index"
        index.write_bytes(_with_entries(index.read_bytes(), field))
        yield Case(told, arguments, finding=finding)


def _save_graph_with_files(folder: Path) -> None:
    """A SavedModel that leaves a mark when it is called, and reads a file when it is loaded."""
    import tensorflow as tf

    class Evil(tf.Module):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            place = tf.lookup.TextFileIndex.LINE_NUMBER
            whole = tf.lookup.TextFileIndex.WHOLE_LINE
            reads = tf.lookup.TextFileInitializer("/etc/hostname", tf.string, whole, tf.int64, place)
            self.table = tf.lookup.StaticHashTable(reads, -1)

        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])
        def __call__(self, images: Any) -> Any:
            with tf.control_dependencies([tf.io.write_file(MARK, tf.io.read_file("/etc/hostname"))]):
                return tf.reduce_mean(images, (1, 2)) + tf.cast(self.table.size(), tf.float32)

    tf.saved_model.save(Evil(), str(folder))


def _metadata_of(config: Config) -> bytes:
    return json.dumps({"class_name": "Sequential", "config": {"name": "evil", **config}}).encode()


def _field(number: int, content: bytes) -> bytes:
    """A text or a message as a field of a protobuf message."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    digits = []
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def _with_entries(index: bytes, field: bytes) -> bytes:
    """A checkpoint's table of contents with something added to the entry of every array."""
    block = b""
    for name, value in checkpoint._table(index):
        entry = value + field if name and not name.startswith(b"_") else value
        block += _varint(0) + _varint(len(name)) + _varint(len(entry)) + name + entry
    block += struct.pack("<II", 0, 1)
    handle = _varint(0) + _varint(len(block))
    contents = _varint(0) + _varint(1) + _varint(len(handle)) + b"\xff" + handle + struct.pack("<II", 0, 1)
    footer = (_varint(0) + _varint(0) + _varint(len(block) + 5) + _varint(len(contents))).ljust(40, b"\0")
    return block + bytes(5) + contents + bytes(5) + footer + struct.pack("<Q", checkpoint._MAGIC)


# --- pickles -------------------------------------------------------------------------------------------------------


class _Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, (_TOUCH,)


def _pickles(sound: SoundFiles, folder: Path) -> Iterator[Case]:
    pickled = pickle.dumps(_Payload())
    openers = {
        "model": model_arguments,
        "weights": weights_arguments,
        "architecture": architecture_arguments,
        "images": images_arguments,
        "recipe": recipe_arguments,
    }
    for part, arguments in openers.items():
        for suffix in ("h5", "keras", "npy"):
            path = folder / f"pickled.{suffix}"
            path.write_bytes(pickled)
            yield Case(f"a pickle as {part}, named .{suffix}", arguments(path, sound))
    np.save(folder / "array.npy", np.array([_Payload()], object), allow_pickle=True)
    yield Case("an array of pickled objects", images_arguments(folder / "array.npy", sound))
    for key in ("data", "label"):

        def pickle_inside(file: h5py.File, key: str = key) -> None:
            del file[key]
            file[key] = np.array([np.void(pickled)] * 20)

        path = _edited(sound.images, folder / "data.h5", pickle_inside)
        yield Case(f"pickles as {key}", images_arguments(path, sound), finding="is of type")
    _repack(sound.archive, folder / "model.keras", {"model.weights.npz": pickled, "model.weights.h5": pickled})
    yield Case("a pickle in an archive", model_arguments(folder / "model.keras", sound))


# --- images in archives and folders -------------------------------------------------------------------------------


def _npy(array: Any) -> bytes:
    into = io.BytesIO()
    np.save(into, array, allow_pickle=True)
    return into.getvalue()


def _header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text.encode() + b"\n"


def _image_archives(sound: SoundFiles, folder: Path) -> Iterator[Case]:
    path = folder / "data.npz"
    payload, deep = np.array([_Payload()] * 20), "{'descr': '|u1', 'fortran_order': False, 'shape': "
    for told, members, finding in (
        ("pickled images", {"data": _npy(payload)}, "pickled objects, which could run code"),
        ("pickled labels", {"label": _npy(payload)}, "pickled objects, which could run code"),
        ("pickled true labels", {"true_label": _npy(payload)}, "pickled objects, which could run code"),
        ("a bare pickle", {"data": pickle.dumps(_Payload())}, "is not an array as numpy saves it"),
        ("code as a header", {"data": _header(f"__import__('os').system({_TOUCH!r})")}, "is not an array"),
        ("a header nested 9,000 deep", {"data": _header("[" * 9000)}, "is not an array"),
        ("a number of 9,000 digits", {"data": _header(deep + "(" + "9" * 9000 + ",)}")}, "is not an array"),
        ("10^15 images", {"data": _header(deep + "(1" + "0" * 15 + ", 8, 8, 3)}")}, "declares 192,000,"),
        ("a shape below zero", {"data": _header(deep + "(-20, -8, 8, 3)}") + IMAGES.tobytes()}, "of 0 and more"),
        ("a name with escape sequences", {"data": None, f"data{_ESCAPES}": _npy(IMAGES)}, "expected"),
        ("a name that leads out", {"data": None, f"../{MARK}": _npy(IMAGES)}, "expected"),
    ):
        content = {"data": _npy(IMAGES), "label": _npy(LABELS), **members}
        with zipfile.ZipFile(path, "w") as archive:
            for name, member in content.items():
                if member is not None:
                    archive.writestr(f"{name}.npy", member)
        yield Case(f"{told}, in .npz", images_arguments(path, sound), finding=finding)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("label.npy", _npy(LABELS))
        with archive.open("data.npy", "w", force_zip64=True) as member:
            member.write(_header(deep + f"({2**24}, 8, 8, 3)}}"))
            for _ in range(48):
                member.write(bytes(2**26))
    yield Case("zeros that unpack to 3 GiB, in .npz", images_arguments(path, sound), finding="unpacks to 3,221,")
    np.savez_compressed(path, data=IMAGES, label=LABELS)
    for told, member in {"images": b"data.npy", "labels": b"label.npy"}.items():
        _declare_size(path, member, 2**32 - 2)
        yield Case(
            f"{told} that say they have 4 GB, in .npz", images_arguments(path, sound), finding="unpacks|expected"
        )
        np.savez_compressed(path, data=IMAGES, label=LABELS)


def _rgb_png(width: int, height: int, pixels: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _pictures(sound: SoundFiles, folder: Path) -> Iterator[Case]:
    elsewhere = folder / "pictures-elsewhere"
    shutil.rmtree(elsewhere, ignore_errors=True)
    _write_pictures(elsewhere)

    def inside(name: str, content: bytes) -> Callable[[Path], object]:
        return lambda pictures: (pictures / "2" / name).write_bytes(content)

    def instead(make: Callable[[Path], object]) -> Callable[[Path], object]:
        def replace(pictures: Path) -> None:
            (pictures / "2" / "0.png").unlink()
            make(pictures / "2" / "0.png")

        return replace

    def class_elsewhere(pictures: Path) -> None:
        shutil.rmtree(pictures / "2")
        (pictures / "2").symlink_to(elsewhere / "2")

    def script(pictures: Path) -> None:
        (pictures / "2" / "0.png").write_text(f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n({MARK}) (w) file\n")

    # Where nothing is found the picture is sound: of a PNG no more is unpacked than its pixels need.
    for told, edit, finding in (
        ("a PNG of 10^10 pixels", inside("7.png", _rgb_png(10**5, 10**5, zlib.compress(bytes(10**6)))), "67,108,864"),
        ("a PNG that unpacks to 8 GiB", inside("7.png", _rgb_png(8, 8, _bomb(8))), ""),
        ("a BMP of 10^18 pixels", inside("7.bmp", b"BM" + bytes(12) + struct.pack("<IiiHHI", 40, 10**9, 10**9, 1, 24, 0) + bytes(20)), "pixels|cannot be read"),
        ("a pickle as a picture", inside("7.jpg", pickle.dumps(_Payload())), "not JPEG"),
        ("PostScript as a picture", script, "not JPEG"),
        ("a link to a picture elsewhere", instead(lambda path: path.symlink_to(elsewhere / "2" / "0.png")), "a link"),
        ("a link to a device", instead(lambda path: path.symlink_to("/dev/zero")), "a link"),
        ("a class that is a link", class_elsewhere, "a link"),
        ("a pipe that nobody writes to", instead(os.mkfifo), "not a regular file"),
        ("a name with escape sequences", inside(f"{_ESCAPES}.png".replace("/", "|"), b"x"), "cannot be read"),
        ("a class with escape sequences", lambda p: (p / "2").rename(p / _ESCAPES.replace("/", "|")), ""),
        ("folders 200 deep and no picture", lambda p: [shutil.rmtree(p / str(n)) for n in range(5)] and (p / "/".join(["d"] * 200)).mkdir(parents=True), "expected"),
    ):  # fmt: skip
        pictures = folder / "pictures"
        shutil.rmtree(pictures, ignore_errors=True)
        _write_pictures(pictures)
        edit(pictures)
        arguments = images_arguments(pictures, sound)
        yield Case(f"{told}, in a folder", arguments, must_refuse=bool(finding), finding=finding)
    for told, names in {
        "class names with escape sequences": _ESCAPES,
        "class names of ten million lines": "x\n" * 10**7,
    }.items():
        (folder / "names.txt").write_text(names)
        arguments = ("--class-names", str(folder / "names.txt"), *images_arguments(sound.images, sound))
        yield Case(told, arguments, finding="expected")
    arguments = ("--class-names", "/dev/zero", *images_arguments(sound.images, sound))
    yield Case("class names from a device", arguments, finding="not a regular file")


def _write_pictures(folder: Path) -> None:
    for number, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / str(label) / f"{number // 5}.png")


# --- recipes and manifests -----------------------------------------------------------------------------------------


def _texts(sound: SoundFiles, folder: Path) -> Iterator[Case]:
    path = folder / "recipe.toml"
    for told, text in {
        "TOML nested 100,000 deep": f"layer = {'[' * 10**5}{']' * 10**5}",
        "keys nested 100,000 deep": ".".join(["a"] * 10**5) + " = 1",
        "a number of a million digits": "seed = " + "9" * 10**6,
        "a model that is a device": "model = '/dev/zero'\nclean-valid = '/dev/zero'",
        "an option with escape sequences": '"\\u001b]0;owned\\u0007" = 1',
        "a layer with escape sequences": f"model = '{sound.model}'\nclean-valid = '{sound.images}'\nlayer = \"\\u001b[2J[red]x\"",
        "an output folder that is a device": f"model = '{sound.model}'\nclean-valid = '{sound.images}'\nout = '/dev/null'",
        "a million thresholds": f"model = '{sound.model}'\nclean-valid = '{sound.images}'\nthresholds = [{'nan,' * 10**5}]",
    }.items():
        path.write_text(text)
        arguments = recipe_arguments(path, sound, batch=True)
        # Where the recipe says itself where to, nobody else does.
        yield Case(told, arguments if "out =" not in text else arguments[: arguments.index("--out")])
    run = folder / "run"
    for told, manifest in {
        "a manifest nested 100,000 deep": "[" * 10**5,
        "a manifest that names files elsewhere": json.dumps({"schema": 1, "files": {"../../etc/passwd": "0" * 64}}),
        "a manifest that names a file absolutely": json.dumps({"schema": 1, "files": {"/etc/passwd": "0" * 64}}),
        "a manifest with escape sequences": json.dumps({"schema": 1, "files": {_ESCAPES: "0" * 64}}),
        "a manifest of 100 MB": " " * 100 * 2**20,
    }.items():
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(sound.manifest.parent, run)
        (run / "manifest.json").write_text(manifest)
        yield Case(told, manifest_arguments(run / "manifest.json", sound))


# --- how they are made ---------------------------------------------------------------------------------------------


def _edited(source: Path, path: Path, edit: Callable[[h5py.File], object]) -> Path:
    shutil.copy(source, path)
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def _replace(name: str, value: Any) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        del file[name]
        file[name] = value

    return edit


def _kernel_of(file: h5py.File) -> str:
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if getattr(item, "shape", ()) == (3, 3, 3, 4) else None)
    return found[0]


def _repack(source: Path, path: Path, changes: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> None:
    """An archive with members replaced or added."""
    with zipfile.ZipFile(source) as good:
        content = {name: good.read(name) for name in good.namelist()}
    with zipfile.ZipFile(path, "w", method) as bad:
        for name, data in {**content, **changes}.items():
            member = zipfile.ZipInfo(name)
            member.filename = name
            member.compress_type = method
            bad.writestr(member, data)


# --- triggers and names of classes ---------------------------------------------------------------------------------


def _png(columns: int, rows: int, *chunks: tuple[bytes, bytes], pixels: bytes | None = None) -> bytes:
    """A PNG of 8 bits a colour with alpha, its header followed by other chunks."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    if pixels is None:
        pixels = zlib.compress((b"\0" + bytes(range(4)) * columns) * rows)
    header = (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0))
    parts = (header, *chunks, (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def _triggers(sound: SoundFiles, folder: Path) -> Iterator[Case]:
    bomb = zlib.compress(bytes(2**28), 9)
    many = tuple((b"zTXt", b"note%d\0\0" % number + zlib.compress(bytes(2**19), 9)) for number in range(400))
    path = folder / "trigger.png"
    for name, content, finding in (
        ("a picture of 10^18 pixels", _png(10**9, 10**9, pixels=b""), "pixels|no sound PNG"),
        ("a picture of 10^9 pixels, all there", _png(2**15, 2**15, pixels=bomb), "pixels|no sound PNG"),
        ("a picture of no pixels", _png(0, 0), "no sound PNG"),
        ("a picture that unpacks to 256 MiB", _png(4, 4, pixels=zlib.compress(b"\5" * 2**28, 9)), "no sound PNG"),
        ("a note that unpacks to 256 MiB", _png(4, 4, (b"zTXt", b"note\0\0" + bomb)), "no sound PNG"),
        ("notes that unpack to 200 MiB together", _png(4, 4, *many), "no sound PNG"),
        ("colours that unpack to 256 MiB", _png(4, 4, (b"iCCP", b"note\0\0" + bomb)), "no sound PNG|transparent"),
        ("a picture cut off", _png(4, 4)[:45], "no sound PNG"),
        ("a picture of Windows", b"BM" + bytes(60), "is a BMP, not a PNG"),
        ("a page of PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n(x) run", "no sound PNG"),
        ("escapes in place of a picture", _ESCAPES.encode(), "no sound PNG"),
        ("20 MiB of nothing", bytes(20 * 2**20), "bytes long"),
    ):
        path.write_bytes(content)
        yield Case(f"a trigger: {name}", trigger_arguments(path, sound), finding=finding)
    path.unlink()
    for name, leads_to in {"a device": "/dev/zero", "itself": str(path), "a folder": str(folder)}.items():
        path.symlink_to(leads_to)
        yield Case(f"a trigger linked to {name}", trigger_arguments(path, sound), finding="expected a PNG picture")
        path.unlink()
    path.symlink_to("/etc/passwd")
    yield Case("a trigger linked to a file of the system", trigger_arguments(path, sound), finding="no sound PNG")
    path.unlink()
    names = folder / "names.txt"
    for name, content in {
        "escapes": f"{_ESCAPES}\na\nb\nc\nd".encode(),
        "a name of 1 MiB": b"a\nb\nc\nd\n" + b"e" * 2**20,
        "10 MiB of lines": b"a\n" * (5 * 2**20),
        "bytes that are no text": b"a\nb\nc\nd\n\xff\xfe",
        "a number of 10,000 digits": b"9" * 10_000 + b" a\nb\nc\nd\ne",
    }.items():
        names.write_bytes(content)
        yield Case(f"names of classes: {name}", class_names_arguments(names, sound), finding="expected")
    names.unlink()
    names.symlink_to("/dev/zero")
    yield Case("names of classes linked to a device", class_names_arguments(names, sound), finding="not a regular file")
