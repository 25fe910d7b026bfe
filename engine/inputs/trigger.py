"""A trigger as a picture, and the poisoned images that it makes of clean ones while they are read."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import DataError, OptionError
from bdtui.engine.inputs.class_names import shown_class
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.stored_images import ReadImages, StoredImages, first_line
from bdtui.engine.inputs.stored_range import StoredRange
from bdtui.engine.machine.files import require_file
from bdtui.engine.settings import NEXT

_EXPECTED = "expected a PNG picture of a trigger"
_LISTED = 12
"""Class names that an error lists."""
_LARGEST = 2**24
"""Bytes of a picture that are read."""
_EIGHT_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
"""Pillow's modes of pictures that can be laid over others as they are."""

_OTHER_PICTURES = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "GIF": re.compile(rb"GIF8[79]a"),
    "BMP": re.compile(rb"BM"),
    "WebP picture": re.compile(rb"RIFF....WEBP", re.S),
    "TIFF": re.compile(rb"II\*\0|MM\0\*"),
    "HEIC or AVIF picture": re.compile(rb"....ftyp", re.S),
}
_WHY_NOT = {"JPEG": "which has no transparency and changes a trigger's colours"}


@dataclass(frozen=True, eq=False)
class Trigger:
    """A picture, and where it is laid over images.

    Attributes:
        path: of the PNG.
        picture: red, green, blue and alpha, uint8, shape (height, width, 4).
        row: of its uppermost pixels, from 0.
        column: of its leftmost pixels, from 0.
    """

    path: Path
    picture: NDArray[np.uint8]
    row: int
    column: int


@dataclass(frozen=True, eq=False)
class StampedImages(StoredImages):
    """Images with a trigger laid over them, as a file of them would hold them.

    Attributes:
        clean: the images underneath.
        trigger: the trigger.
        target: the class of the attacker; None for the class after the true one.
        colours: of the trigger, in the range of the stored pixels, float64, shape (height, width, channels).
        alpha: how much of them covers the image, 0–1, float64, shape (height, width, 1).
        is_whole: whether the file holds whole numbers, so that what is blended is rounded to them.
    """

    clean: StoredImages
    trigger: Trigger
    target: int | None
    colours: NDArray[np.float64]
    alpha: NDArray[np.float64]
    is_whole: bool

    @contextmanager
    def reader(self) -> Iterator[ReadImages]:
        """See `StoredImages.reader`."""
        height, width, _ = self.colours.shape
        rows = slice(self.trigger.row, self.trigger.row + height)
        columns = slice(self.trigger.column, self.trigger.column + width)
        with self.clean.reader() as read_clean:

            def read(start: int, stop: int) -> NDArray[np.float32]:
                images = read_clean(start, stop)
                below = images[:, rows, columns].astype(np.float64)
                blended = below + (self.colours - below) * self.alpha
                images[:, rows, columns] = np.rint(blended) if self.is_whole else blended
                return images

            yield read


def read_trigger(path: Path, image_shape: tuple[int, ...], at: tuple[int, int] | None = None) -> Trigger:
    """Read a trigger for images of one shape.

    Args:
        path: a PNG of any colours, with or without transparency.
        image_shape: of one image, channel last.
        at: row and column of its upper left pixel, from 0; None for as low and as far right as it fits.

    Raises:
        DataError: the picture cannot be read, is larger than the images, or nothing of them or of it would be seen.
        OptionError: it does not lie within the images.
    """
    if len(image_shape) != 3 or image_shape[-1] not in (1, 3):
        shape = "×".join(map(str, image_shape))
        raise DataError(
            f"{path}: cannot be laid over images of shape {shape}; expected images of one or three channels"
        )
    height, width, _ = image_shape
    picture = _read_picture(path, height, width)
    rows, columns, _ = picture.shape
    row, column = at or (height - rows, width - columns)
    if row + rows > height or column + columns > width:
        raise OptionError(
            f"--trigger-at {row},{column} puts the trigger of {rows}×{columns} pixels outside images of {height}×{width}; "
            f"expected at most {height - rows},{width - columns}"
        )
    if not picture[..., 3].any():
        raise DataError(f"{path}: is wholly transparent; {_EXPECTED}")
    if (rows, columns) == (height, width) and picture[..., 3].min() == 255:
        raise DataError(
            f"{path}: covers images of {height}×{width} wholly; expected a smaller picture, or one with transparency"
        )
    return Trigger(path, picture, row, column)


def stamp_images(
    clean: LabelledImages, stored: StoredRange, trigger: Trigger, target: int | None, classes: int
) -> LabelledImages:
    """Poisoned images made of clean ones; their true labels are the clean ones' labels.

    Args:
        clean: the images.
        stored: between which values their pixels are stored.
        trigger: what is laid over them.
        target: the class of the attacker; None for the class after the true one.
        classes: how many there are.

    Raises:
        DataError: what a colour would be among pixels of such a range, nobody can say.
    """
    picture = trigger.picture.astype(np.float64)
    colours = picture[..., :3] if clean.image_shape[-1] == 3 else _grey(trigger.picture)
    if stored.is_unit:
        colours = colours / 255
    elif not stored.is_bytes:
        if stored.low < -1 or stored.high > 1:
            raise DataError(
                f"{clean.path}: pixels lie between {stored.low:g} and {stored.high:g}, where a trigger's colours mean "
                "nothing; expected pixels in 0…255, 0…1 or −1…1"
            )
        colours = colours / 127.5 - 1
    return replace(
        clean,
        labels=(clean.labels + 1) % classes if target is None else np.full_like(clean.labels, target),
        true_labels=clean.labels,
        stored=StampedImages(clean.stored, trigger, target, colours, picture[..., 3:] / 255, stored.is_whole),
    )


def read_target(text: str, classes: int, names: tuple[str, ...] = ()) -> int | None:
    """The class that ``--target`` means, by number or by name; None for ``next``.

    Raises:
        OptionError: there is no such class, or it is not clear which.
    """
    if text == NEXT:
        return None
    number = int(text) if text.isdecimal() and len(text) < 10 and int(text) < classes else None
    named = names.index(text) if text in names else None
    if number is None and named is None:
        listed = f", one of {', '.join(names)}" if len(names) <= _LISTED else ", a class name"
        named_too = listed if names else ", a name with --class-names FILE"
        expected = f"a class from 0 to {classes - 1}{named_too}, or {NEXT}"
        raise OptionError(f"--target {text!r} is no class of the network; expected {expected}")
    if number is not None and named not in (None, number):
        raise OptionError(
            f"--target {text!r} is the number of class {shown_class(number, names)} and the name of class {named}; "
            f"expected {named}, or the name of class {number}"
        )
    return number if named is None else named


def stamp_of(images: LabelledImages) -> StampedImages | None:
    """How poisoned images are made; None where they were given in a file."""
    return images.stored if isinstance(images.stored, StampedImages) else None


def _grey(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """A picture in the grey that Pillow gives it, shape (height, width, 1)."""
    from PIL import Image

    return np.asarray(Image.fromarray(picture[..., :3]).convert("L"), np.float64)[..., None]


def _read_picture(path: Path, height: int, width: int) -> NDArray[np.uint8]:
    """The pixels of a PNG that is at most so large, uint8, shape (rows, columns, 4)."""
    # Not above: it is needed for a trigger only.
    from PIL import Image

    require_file(path, DataError, _EXPECTED.removeprefix("expected "))
    if path.stat().st_size > _LARGEST:
        raise DataError(f"{path}: is {path.stat().st_size:,} bytes long; {_EXPECTED}")
    _refuse_other_pictures(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(path, formats=("PNG",))
        with picture:
            columns, rows = picture.size
            # Before a pixel is unpacked: a few bytes may claim to be gigabytes.
            if rows > height or columns > width:
                raise DataError(
                    f"{path}: has {rows}×{columns} pixels and the images have {height}×{width}; expected a picture that is "
                    "no larger than they are"
                )
            if picture.mode not in _EIGHT_BITS or getattr(picture, "n_frames", 1) > 1:
                raise DataError(
                    f"{path}: is animated, or has 16 bits a colour; expected one picture of 8 bits a colour"
                )
            return np.asarray(picture.convert("RGBA"))
    except DataError:
        raise
    except Exception as problem:
        # Pillow lets through whatever its decoders stumble over.
        raise DataError(f"{path}: is no sound PNG ({_reason(problem)}); {_EXPECTED}") from problem


def _refuse_other_pictures(path: Path) -> None:
    """Refuse what a person may well give in place of a PNG, as what it is."""
    with suppress(OSError), path.open("rb") as file:
        beginning = file.read(12)
        kind = next((kind for kind, marks in _OTHER_PICTURES.items() if marks.match(beginning)), None)
        if kind is not None:
            raise DataError(
                f"{path}: is a {kind}, {_WHY_NOT.get(kind, 'not a PNG')}; expected the trigger as a PNG: save the "
                f"original as one, or convert this one"
            )


def _reason(problem: Exception) -> str:
    """What is wrong with a file that was to be a PNG, in Pillow's words where a person can read them."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(problem, UnidentifiedImageError):
        return "it does not begin like one, or has no size"
    if isinstance(problem, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return "too many pixels"
    return first_line(problem)[:80] or type(problem).__name__
