"""One picture of a folder, decoded by Pillow: a plain file, of a few formats, of a bounded size."""

from __future__ import annotations

import os
import stat
import threading
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from bdtui.engine.inputs.picture_folder import EXPECTED
from bdtui.engine.inputs.stored_images import first_line

_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
"""The only decoders that may run: others of Pillow's start programs, or are seldom looked at."""
_LARGEST_FILE = 256 * 1024**2
_MOST_PIXELS = 2**26
_LARGE = 2**23
"""Pixels of pictures that are decoded one at a time: several at once would take gigabytes."""
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")
"""Grey with sixteen bits."""

_opening, _one_large = threading.Lock(), threading.Lock()


class BrokenPicture(Exception):
    """Why a picture cannot be read, in a few words."""


@dataclass(frozen=True)
class Decoded:
    """A picture.

    Attributes:
        pixels: uint8, shape (height, width, channels).
        alpha: whether it had an alpha channel that is left out.
        colour: whether it had colours that are left out.
    """

    pixels: NDArray[np.uint8]
    alpha: bool
    colour: bool


def read_picture_file(path: Path) -> bytes:
    """The bytes of a picture's file; links are not followed, and nothing but a plain file is read.

    Raises:
        BrokenPicture: it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        raise BrokenPicture(
            "a link, which is not followed" if path.is_symlink() else problem.strerror or "cannot be opened"
        ) from problem
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise BrokenPicture("not a regular file")
        if found.st_size > _LARGEST_FILE:
            raise BrokenPicture(f"{found.st_size:,} bytes long")
        try:
            return file.read(_LARGEST_FILE)
        except OSError as problem:
            raise BrokenPicture(problem.strerror or "cannot be read") from problem


def picture_size(content: bytes) -> tuple[int, int]:
    """Height and width of a picture, which is not decoded.

    Raises:
        BrokenPicture: it is none.
    """
    with _open(content) as image:
        return image.height, image.width


def decode_picture(content: bytes, channels: int) -> Decoded:
    """Decode a picture, of several frames the first, as Keras' loader does: turned as it is stored, alpha left out.

    Args:
        content: of the file.
        channels: 1 for grey (luminance), 3 for red, green and blue, 4 for those and alpha.

    Raises:
        BrokenPicture: it cannot be decoded.
    """
    with _open(content) as image:
        large = image.width * image.height > _LARGE
        with _one_large if large else nullcontext():
            try:
                alpha = channels < 4 and (image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info)
                colour = channels == 1 and image.mode not in ("1", "L", "LA", *_DEEP_MODES)
                converted = _converted(image, _MODES[channels])
                pixels = np.asarray(converted, np.uint8).reshape(image.height, image.width, channels)
            except Exception as problem:
                # Decoders fail in ways nobody has listed; whatever it was, this file is no sound picture.
                raise BrokenPicture(_reason(problem)) from problem
    return Decoded(pixels, alpha, colour)


def _open(content: bytes) -> Image.Image:
    try:
        with _opening, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(content), formats=_FORMATS)
    except Exception as problem:
        # See decode_picture.
        raise BrokenPicture(_reason(problem)) from problem
    if image.width * image.height > _MOST_PIXELS:
        raise BrokenPicture(f"{image.width:,}×{image.height:,} pixels, more than {_MOST_PIXELS:,}")
    return image


def _converted(image: Image.Image, mode: str) -> Image.Image:
    if image.mode in _DEEP_MODES:
        # Pillow would cut off what is brighter than 255.
        deep = np.asarray(image).astype(np.int64)
        image = Image.fromarray(np.clip(deep >> 8, 0, 255).astype(np.uint8))
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    return image if image.mode == mode else image.convert(mode)


def _reason(problem: Exception) -> str:
    if isinstance(problem, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"more than {_MOST_PIXELS:,} pixels"
    if isinstance(problem, UnidentifiedImageError):
        return f"not {EXPECTED}"
    if isinstance(problem, MemoryError):
        return "not enough memory"
    return first_line(problem)[:80]
