"""Files that are no model or images of ours, named as what they are: a person then knows what went wrong, and what to do.

A download that brought a web page, a pointer in place of the file, a model of another framework. Only a file's beginning is
read, and a zip file's table of contents; nothing is unpacked, and no pickle is looked into.
"""

from __future__ import annotations

import codecs
import json
import re
import zipfile
from pathlib import Path, PurePosixPath

from bdtui.engine.inputs.zip_files import names_in_zip
from bdtui.engine.machine.quoted_text import quoted

_BEGINNING = 4096
_LARGEST_JSON = 64 * 1024**2
_CONVERT = "expected a Keras model: build the network in Keras, load these weights, and save it"
_UNPACK = "expected the file in it, unpacked"
_TEXT = (
    "is a text file, not images or a model; expected a Keras model, or an image set: HDF5, .npz or a folder of pictures"
)

_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (
        b"version https://git-lfs.github.com/spec/v1",
        "is a Git LFS pointer; expected the file itself, which git lfs pull fetches",
    ),
    (b"\x00\x05\x16\x07", "holds macOS' notes about a file; expected the file of that name without '._'"),
    (b"\x93NUMPY", "is one NumPy array (.npy); expected a Keras model, or images and labels in one file"),
    (b"\x1f\x8b", f"is packed with gzip; {_UNPACK}"),
    (b"BZh", f"is packed with bzip2; {_UNPACK}"),
    (b"\xfd7zXZ\x00", f"is packed with xz; {_UNPACK}"),
    (b"\x28\xb5\x2f\xfd", f"is packed with zstd; {_UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", f"is a 7z archive; {_UNPACK}"),
    (b"Rar!\x1a\x07", f"is a RAR archive; {_UNPACK}"),
    (b"\x89PNG\r\n", "is a picture; expected a Keras model, or an image set"),
    (b"\xff\xd8\xff", "is a picture; expected a Keras model, or an image set"),
    (b"MATLAB 5.0 MAT-file", "is a MATLAB file; expected HDF5, as MATLAB saves with -v7.3"),
    (b"%PDF", "is a PDF document; expected a Keras model, or an image set"),
)
_WEB_PAGE = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.I | re.S
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_ONNX = re.compile(rb"\x08[\x01-\x20]\x12.(pytorch|tf2onnx|keras2onnx|onnx|skl2onnx|CNTK|MxNet|paddle)", re.S)
_SUFFIXES: dict[str, str] = {
    ".onnx": f"is an ONNX model; {_CONVERT}",
    ".pb": "is a graph of TensorFlow without its layers; expected the Keras file it was made from",
    ".index": "is part of a TensorFlow checkpoint; expected .keras or .h5: load it into the model in Keras and save that",
    ".meta": "is part of a TensorFlow checkpoint; expected .keras or .h5: load it into the model in Keras and save that",
    ".safetensors": f"is a safetensors file; {_CONVERT}",
    ".mlmodel": f"is a Core ML model; {_CONVERT}",
}


def name_foreign(path: Path) -> str | None:
    """What a file is and what to do about it, as the end of a sentence; None for a file that cannot be named.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(_BEGINNING)
    for beginning, name in _BEGINNINGS:
        if start.startswith(beginning):
            return name
    if _WEB_PAGE.match(start):
        return "is a web page; expected the file itself, which its download link leads to"
    if start[4:8] == b"TFL3":
        return f"is a TensorFlow Lite model; {_CONVERT}"
    if start.startswith(b"PK\x03\x04"):
        return _zip_file(path)
    if start[257:262] == b"ustar":
        return f"is a tar archive; {_UNPACK}"
    if _PICKLE.match(start):
        return (
            "is a pickle (as PyTorch and scikit-learn save), which runs code when it is read, and is never opened; "
            f"{_CONVERT}"
        )
    if _ONNX.match(start):
        return _SUFFIXES[".onnx"]
    if path.name == "saved_model.pb":
        return "is part of a SavedModel; expected the folder it lies in"
    if re.search(r"\.data-\d{5}-of-\d{5}$", path.name):
        return _SUFFIXES[".index"]
    known = _json_file(path) if start.lstrip()[:1] == b"{" else _SUFFIXES.get(path.suffix.lower())
    return known or (_TEXT if _is_text(start) else None)


def _is_text(start: bytes) -> bool:
    """Whether a file begins with nothing but letters, in UTF-8; the last of them may be cut."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\t\n\f\r\ufeff" for letter in text)


def _zip_file(path: Path) -> str | None:
    try:
        names = [PurePosixPath(name) for name in names_in_zip(path)]
    except zipfile.BadZipFile:
        return "is a zip archive, as .keras and .npz are, that is cut off or damaged; expected the whole file: copy it again"
    except (OSError, ValueError, NotImplementedError):
        return None
    if any(name.name in ("data.pkl", "constants.pkl") for name in names):
        return f"is a PyTorch model; {_CONVERT}"
    inside = next((name for name in names if name.name == "saved_model.pb"), None)
    if inside is not None:
        return "is a zip file with a SavedModel in it; expected the unzipped folder that holds 'saved_model.pb'"
    if any(name.name == "model.json" for name in names):
        return f"is a zip file with a TensorFlow.js model in it; {_CONVERT}"
    for name in names:
        if name.suffix.lower() in (".h5", ".hdf5", ".keras") and name.name != "model.weights.h5":
            return f"is a zip file with {quoted(name.name)} in it; expected that file, unzipped"
    if names and all(name.suffix == ".npy" for name in names):
        return "is a NumPy archive (.npz) of arrays; expected a Keras model, or an image set"
    return None


def _json_file(path: Path) -> str | None:
    if path.stat().st_size > _LARGEST_JSON:
        return None
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    if "modelTopology" in content or content.get("format") in ("layers-model", "graph-model"):
        return f"is a TensorFlow.js model; {_CONVERT}"
    if isinstance(content.get("class_name"), str) and "config" in content:
        return "holds an architecture without weights; expected it at --architecture, beside --weights"
    return None
