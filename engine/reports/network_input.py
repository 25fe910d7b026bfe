"""What the networks of a run read: in words, and as Python that brings a picture to them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bdtui.engine.inputs.preprocessing import Preprocessing, PreprocessingMode
from bdtui.engine.inputs.stored_range import StoredRange
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.settings import BYTES, CLEAN_VALID, RAW, TF, UNIT

_BYTES = StoredRange(0, 255, is_whole=True)
_RESULTS = {
    UNIT: ", so that they lie in 0 to 1",
    BYTES: ", so that they lie in 0 to 255",
    TF: ", so that they lie in −1 to 1",
}


def input_sentences(run: RunRecord) -> Iterator[str]:
    """Shape, type, order of the colours, and values of what a network reads."""
    sizes = ", ".join("any" if size is None else str(size) for size in run.model.input_shape)
    axes = {"last": ": height, width, colour", "first": ": colour, height, width"}.get(_colours(run), "")
    yield f"Shape (images, {sizes}){axes}; any number of images. Type {_dtype(run)}."
    prepared = _preparation(run)
    if _colours(run) and 3 in (run.model.input_shape[0], run.model.input_shape[-1]):
        order = "blue, green, red (BGR)" if prepared.reverses_channels else "red, green, blue (RGB)"
        yield f"Colours: {order}, if the data files of the run hold RGB; bdtui cannot see that."
    yield f"Values: {_values(run, prepared)}."


def example_code(run: RunRecord, file: str) -> str:
    """Python that gives one picture to a network.

    Args:
        run: the run.
        file: of the network, in the format of Keras.
    """
    load = [f"model = keras.models.load_model({json.dumps(file)})"]
    if not _colours(run):
        read = ["import keras", "import numpy as np", "", *load, 'images = np.load("images.npy")  # prepared as above']
        return "\n".join([*read, *_ask(run, "images")])
    channels_first = _colours(run) == "first"
    shape = run.model.input_shape[1:] if channels_first else run.model.input_shape[:-1]
    grey = run.model.input_shape[0 if channels_first else -1] == 1
    resized = "" if None in shape else f".resize(({shape[1]}, {shape[0]}))"
    lines = ["import keras", "import numpy as np", "from PIL import Image", "", *load]
    lines += ['with Image.open("picture.png") as picture:']
    lines += [f'    pixels = np.asarray(picture.convert("{"L" if grey else "RGB"}"){resized}, "float32")  # 0 to 255']
    lines += ["pixels = pixels[..., np.newaxis]"] if grey else []
    if run.preprocess == RAW and _ends(run) not in ((0, 255), (0, 1)):
        lines += ["# bring them to the values that the data files hold"]
    lines += _steps(_preparation(run))
    lines += ["pixels = np.moveaxis(pixels, -1, 0)"] if channels_first else []
    return "\n".join([*lines, *_ask(run, "pixels[np.newaxis]")])


def _ask(run: RunRecord, images: str) -> list[str]:
    return [f'scores = model.predict({images}.astype("{_dtype(run)}"))', "print(scores)"]


def _colours(run: RunRecord) -> str:
    """Where the colours of a picture are, ``first`` or ``last``; empty where images are no pictures."""
    shape = run.model.input_shape
    if len(shape) != 3:
        return ""
    return "last" if shape[-1] in (1, 3) else "first" if shape[0] in (1, 3) else ""


def _dtype(run: RunRecord) -> str:
    return run.model.input_dtype if run.model.input_dtype.isalnum() else "float32"


def _ends(run: RunRecord) -> tuple[float, float] | None:
    return run.data[CLEAN_VALID].ends if CLEAN_VALID in run.data else None


def _preparation(run: RunRecord) -> Preprocessing:
    """What is done to a picture of 0 to 255."""
    if run.preprocess == RAW and _ends(run) == (0, 1):
        return Preprocessing(255)
    return PreprocessingMode(run.preprocess, run.mean, run.deviation).of(_BYTES)


def _values(run: RunRecord, prepared: Preprocessing) -> str:
    if run.preprocess == RAW:
        ends = _ends(run)
        between = "" if ends is None else f"{ends[0]:g} to {ends[1]:g}, ".replace("-", "−")
        return f"{between}as the data files hold them; nothing is divided or subtracted"
    done = [f"divided by {prepared.divisor:g}"] if prepared.divisor != 1 else []
    done += [f"less {_numbers(prepared.mean)}"] if prepared.mean else []
    done += [f"divided by {_numbers(prepared.deviation)}"] if prepared.deviation else []
    return f"pixels of 0 to 255 are {', then '.join(done) or 'used as they are'}{_RESULTS.get(run.preprocess, '')}"


def _steps(prepared: Preprocessing) -> list[str]:
    lines = [f"pixels = pixels / {prepared.divisor:g}"] if prepared.divisor != 1 else []
    lines += ["pixels = pixels[..., ::-1]  # RGB to BGR"] if prepared.reverses_channels else []
    lines += [f"pixels = pixels - np.array([{_numbers(prepared.mean)}])"] if prepared.mean else []
    lines += [f"pixels = pixels / np.array([{_numbers(prepared.deviation)}])"] if prepared.deviation else []
    return lines


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
