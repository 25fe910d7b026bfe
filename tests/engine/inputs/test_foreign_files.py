"""What is no Keras model is named as what it is, with what to do; it is not looked into."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from bdtui.engine.errors import DataError, ModelError
from bdtui.engine.inputs.datasets import open_dataset
from bdtui.engine.inputs.foreign_files import name_foreign
from bdtui.engine.inputs.hdf5 import open_hdf5
from bdtui.engine.inputs.model import open_model

SAMPLE = Path(str(files("bdtui.sample_data")))


def zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return packed.getvalue()


def pickled() -> bytes:
    class Payload:
        def __reduce__(self) -> tuple[object, ...]:
            return os.abort, ()

    return pickle.dumps(Payload())


def npz() -> bytes:
    packed = io.BytesIO()
    np.savez(packed, x_test=np.zeros(3))
    return packed.getvalue()


KINDS: dict[str, tuple[str, bytes, str]] = {
    "Git LFS": (
        "model.h5",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 17\n",
        "Git LFS pointer; expected the file itself, which git lfs pull",
    ),
    "a web page": ("model.h5", b"\n<!DOCTYPE html>\n<html lang=en><head>", "web page.*expected the file itself"),
    "a web page with a comment": ("m.h5", b"<!-- hi --><HTML>", "web page"),
    "a zipped HDF5 file": (
        "model.zip",
        zipped("a/", "a/Net.H5", "a/README"),
        "zip file with 'Net.H5' in it; expected that file, unzipped",
    ),
    "a zipped archive": ("model.keras", zipped("model.keras"), "zip file with 'model.keras' in it"),
    "half of an archive": (
        "net.keras",
        zipped("config.json", "model.weights.h5")[:100],
        "zip archive.*cut off or damaged",
    ),
    "half of a set of images": ("valid.h5", npz()[:100], "zip archive.*cut off or damaged"),
    "a zipped SavedModel": ("m.zip", zipped("m/saved_model.pb", "m/variables/variables.index"), "zip .* SavedModel"),
    "PyTorch": ("model.pt", zipped("archive/data.pkl", "archive/data/0"), "PyTorch model"),
    "PyTorch as it saved before": (
        "model.pth",
        b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
        "is a pickle.*never opened",
    ),
    "a pickle": ("model.h5", pickled(), "is a pickle.*never opened"),
    "ONNX": ("model.onnx", b"\x08\x07\x12\x07pytorch\x1a\x03", "ONNX model"),
    "ONNX of another suffix": ("model.h5", b"\x08\x07\x12\x07pytorch\x1a\x03", "ONNX model"),
    "TensorFlow Lite": ("model.tflite", b"\x1c\0\0\0TFL3\x14\0", "TensorFlow Lite model"),
    "TensorFlow.js": ("model.json", b'{"format": "layers-model", "modelTopology": {}}', r"TensorFlow\.js model"),
    "an architecture": (
        "m.json",
        b'{"class_name": "Sequential", "config": []}',
        "architecture without weights; expected it at --arch",
    ),
    "the graph of a SavedModel": ("saved_model.pb", b"\x08\x01\x12", "part of a SavedModel; expected the folder"),
    "a frozen graph": ("frozen.pb", b"\n\x04", "graph of TensorFlow"),
    "a checkpoint": ("ck.index", b"\0", "TensorFlow checkpoint"),
    "a checkpoint's data": ("ck.data-00000-of-00001", b"\1\2", "TensorFlow checkpoint"),
    "gzip": ("model.h5.gz", b"\x1f\x8b\x08\0", "packed with gzip"),
    "a list of names": ("names.txt", "Ärger\nZorn\n".encode() * 999, "is a text file, not images or a model; expected"),
    "a table": ("valid.csv", b"label,pixel0\r\n1,255\r\n", "is a text file"),
    "JSON of something else": ("a.json", b'{"a": 1}', "is a text file"),
    "tar": ("model.tar", bytes(257) + b"ustar\0", "tar archive"),
    "NumPy": ("x.npy", b"\x93NUMPY\x01\0", "one NumPy array"),
    "macOS' notes": ("._model.h5", b"\0\5\x16\7\0\2\0\0Mac OS X", "macOS"),
}


@pytest.mark.parametrize(("name", "content", "finding"), KINDS.values(), ids=KINDS)
def test_a_file_of_another_kind_is_named_as_what_it_is(tmp_path: Path, name: str, content: bytes, finding: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"{name}: .*{finding}"):
        open_model(path)
    with pytest.raises(ModelError, match=finding):
        open_model(SAMPLE / "bd_net.h5", weights=path)


def test_image_sets_are_told_apart_in_the_same_words(tmp_path: Path) -> None:
    path = tmp_path / "valid.h5"
    path.write_bytes(KINDS["Git LFS"][1])
    with pytest.raises(DataError, match="git lfs pull"), open_hdf5(path, DataError):
        pass


def test_a_text_file_in_place_of_images_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "valid.txt"
    path.write_text("0 cat.jpg\n1 dog.jpg\n")
    with pytest.raises(DataError, match=r"valid\.txt: is a text file, not images or a model; expected "):
        open_dataset(path, (8, 8, 3), 2)


@pytest.mark.parametrize("content", [b"hello\0", b"{\x01", b"\xff\xfe"])
def test_what_nobody_knows_has_no_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.h5").write_bytes(content)
    assert name_foreign(tmp_path / "file.h5") is None


def test_a_zip_file_with_a_vast_table_of_contents_is_left_alone(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{'x' * 60}{number}.h5", "")
    assert name_foreign(tmp_path / "a.zip") is None


@pytest.mark.parametrize("name", ["MODEL.H5", "Model.HDF5"])
def test_a_suffix_in_capitals_is_no_other_suffix(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes((SAMPLE / "bd_net.h5").read_bytes())
    assert open_model(tmp_path / name).classes == 44
