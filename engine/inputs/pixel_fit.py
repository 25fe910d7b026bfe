"""How an image as it is stored becomes what a network reads: axes, colours and size, where there is one right reading."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import DataError
from bdtui.engine.inputs.resizing import resize
from bdtui.engine.inputs.stored_arrays import shape_words

Shape = tuple[int, ...]
Wanted = tuple[int | None, ...]
Colours = Literal["", "repeat", "grey", "drop alpha"]

_CHANNELS = (1, 3, 4)
"""How many an axis of colours has."""
_WHOLE_LUMINANCE = np.array([19595, 38470, 7471], np.float64)
"""Of red, green and blue (ITU-R 601) in parts of 65,536: Pillow's numbers for its grey pictures."""
_COLOURS: dict[tuple[int, int], Colours] = {(1, 3): "repeat", (3, 1): "grey", (4, 1): "grey", (4, 3): "drop alpha"}
"""What is done to images of so many channels for a network of so many."""
_COLOUR_WORDS = {
    "repeat": "grey is repeated to three channels",
    "grey": "colours are turned to grey (luminance)",
    "drop alpha": "the alpha channel is left out",
}


@dataclass(frozen=True)
class PixelFit:
    """What is done to images so that a network can read them.

    Attributes:
        layout: ``nchw`` (channel first) or ``nhwc`` (channel last) order of the stored images.
        unfolded: shape of one image in that order, with an axis of channels where the stored one has none.
        colours: what is done to the channels.
        size: height and width that images are resized to; None where they have the right one.
        image_shape: of one image as the network reads it.
        reading: what is done, for a person; empty where images are read as they are.
        planes: whether the network reads the channels first.
    """

    layout: str
    unfolded: Shape
    image_shape: Shape
    colours: Colours = ""
    size: tuple[int, int] | None = None
    reading: str = ""
    planes: bool = False

    @property
    def keeps_values(self) -> bool:
        """Whether images only change their shape, or the order of their axes."""
        return self.size is None and not self.colours

    def apply(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Images, float32, shape (rows, …) as the network reads them, of stored ones; never the same memory."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._apply(stored)

    def _apply(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        unfolded = stored.reshape(len(stored), *self.unfolded)
        if self.size is not None and self.colours != "grey":
            # Converted where it is resized, and no more of it than that needs.
            pixels = unfolded if self.layout == "nhwc" else np.moveaxis(unfolded, 1, -1)
        else:
            pixels = _channel_last(unfolded, self.layout)
        if self.colours == "drop alpha":
            pixels = pixels[..., :3]
        elif self.colours == "grey":
            pixels = to_grey(pixels, whole=stored.dtype.kind != "f")
        if self.size is not None:
            pixels = resize(pixels, *self.size)
        if self.colours == "repeat":
            pixels = np.repeat(pixels, 3, axis=-1)
        if self.planes:
            pixels = np.moveaxis(pixels, -1, 1)
        return np.ascontiguousarray(pixels).reshape(len(stored), *self.image_shape)


def to_grey(pixels: NDArray[np.float32], *, whole: bool) -> NDArray[np.float32]:
    """The luminance of images, shape (…, 3 or more), as shape (…, 1); as whole numbers where the pixels are."""
    if whole:
        sums = pixels[..., :3].astype(np.float64) @ _WHOLE_LUMINANCE
        return np.floor((sums + 2**15) / 2**16).astype(np.float32)[..., None]
    return np.asarray(pixels[..., :3] @ (_WHOLE_LUMINANCE / 2**16).astype(np.float32))[..., None]


def _channel_last(raw: NDArray[Any], layout: str) -> NDArray[np.float32]:
    if layout == "nhwc" or raw.ndim < 3:
        return raw.astype(np.float32)
    pixels = np.empty((len(raw), *raw.shape[2:], raw.shape[1]), np.float32)
    # One channel after the other: numpy is twice as fast with that.
    for channel in range(raw.shape[1]):
        pixels[..., channel] = raw[:, channel]
    return pixels


def fit_pixels(name: str, shape: Shape, wanted: Wanted, layout: str) -> PixelFit:
    """Decide how stored images are read.

    Args:
        name: of the array with its file, for messages.
        shape: of the array, with the axis of images in front.
        wanted: of one image as the network reads it, None where any size will do.
        layout: ``nchw``, ``nhwc``, or ``auto``, which decides from the shapes.

    Raises:
        DataError: the images do not fit, or could be read in two ways.
    """
    stored = shape[1:]
    # Who says so means a network whose first axis only looks like one of channels.
    as_they_are = layout == "nhwc" and _fits(stored, wanted)
    if reads_planes(wanted) and not as_they_are:
        return _as_planes(name, shape, wanted, layout)
    layouts = ("nhwc", "nchw") if layout == "auto" else (layout,)
    for order in layouts:
        # Where all axes are of one length both fit; Keras' own order is the better guess, --layout the way to say otherwise.
        if _fits(_in_order(stored, order), wanted):
            return PixelFit(order, stored, _in_order(stored, order))
    if len(wanted) == 1:
        found = _flattened(stored, wanted)
    elif len(wanted) == 3:
        found = _as_pictures(name, shape[0], stored, wanted, layouts)
    else:
        found = _without_channels(stored, wanted, layouts) if len(wanted) == 2 else None
    if found is None:
        expected = [shape_words(("N", *wanted))] if "nhwc" in layouts else []
        if "nchw" in layouts and len(wanted) > 1:
            expected.append(shape_words(("N", wanted[-1], *wanted[:-1])))
        expected = list(dict.fromkeys(expected or [shape_words(("N", *wanted))]))
        raise DataError(f"{name} has shape {shape_words(shape)}; the model expects {' or '.join(expected)}")
    return found


def _in_order(stored: Shape, layout: str) -> Shape:
    """A shape, channel last."""
    return stored if layout == "nhwc" or not stored else (*stored[1:], stored[0])


def _fits(shape: Shape, wanted: Wanted) -> bool:
    return len(shape) == len(wanted) and all(want in (None, have) for want, have in zip(wanted, shape, strict=True))


def _flattened(stored: Shape, wanted: Wanted) -> PixelFit | None:
    """Images for a network that reads vectors: all values in the order in which they are stored."""
    if len(stored) < 2 or wanted[0] != prod(stored):
        return None
    shown = shape_words(stored)
    return PixelFit(
        "nhwc", stored, (prod(stored),), reading=f"images of {shown} are flattened to {prod(stored)} values"
    )


def reads_planes(wanted: Wanted) -> bool:
    """Whether a network reads pictures with the channels first."""
    return len(wanted) == 3 and wanted[0] in _CHANNELS and wanted[2] not in _CHANNELS


def _as_planes(name: str, shape: Shape, wanted: Wanted, layout: str) -> PixelFit:
    """Pictures for a network that reads the channels first: as for one that reads them last, then turned."""
    fit = fit_pixels(name, shape, (*wanted[1:], wanted[0]), layout)
    return replace(fit, image_shape=(fit.image_shape[-1], *fit.image_shape[:-1]), planes=True)


def _without_channels(stored: Shape, wanted: Wanted, layouts: tuple[str, ...]) -> PixelFit | None:
    """Pictures for a network that reads rows and columns without an axis of channels."""
    height, width = wanted
    if height is None or width is None or width in _CHANNELS:
        return None
    if len(stored) == 2:
        return None
    grey = _as_pictures("", 0, stored, (height, width, 1), layouts)
    if grey is None:
        return None
    return PixelFit(grey.layout, grey.unfolded, (height, width), grey.colours, grey.size, grey.reading)


def _as_pictures(name: str, images: int, stored: Shape, wanted: Wanted, layouts: tuple[str, ...]) -> PixelFit | None:
    """Pictures of other axes, colours or size for a network that reads height × width × channels."""
    height, width, channels = wanted
    if channels not in _CHANNELS or 0 in stored:
        return None
    unfolded = _unfold(name, images, stored, wanted, layouts)
    if unfolded is None:
        return None
    order, shape = unfolded
    *sides, have = _in_order(shape, order)
    colours = "" if have == channels else _COLOURS.get((have, channels))
    if colours is None:
        return None
    size = (sides[0] if height is None else height, sides[1] if width is None else width)
    resized = None if list(size) == sides else size
    said = [f"flattened images are unfolded to {shape_words(shape)}"] if len(stored) == 1 else []
    said += [_COLOUR_WORDS[colours]] if colours else []
    if resized:
        said.append(f"images of {shape_words(sides)} are resized to {shape_words(size)} (bilinear, as Keras' loader)")
    return PixelFit(order, shape, (*size, channels), colours, resized, "; ".join(said))


def _unfold(
    name: str, images: int, stored: Shape, wanted: Wanted, layouts: tuple[str, ...]
) -> tuple[str, Shape] | None:
    """The axis order, and the stored shape with the axes that it lacks; None where they cannot be told."""
    height, width, channels = wanted
    if len(stored) == 3:
        for order in layouts:
            if _in_order(stored, order)[-1] in _CHANNELS:
                return order, stored
        return None
    if len(stored) == 2:
        # Rows of three values are hardly a grey picture.
        return None if {stored[0], stored[1]} & {*_CHANNELS} else ("nhwc", (*stored, 1))
    if len(stored) != 1 or height is None or width is None or channels is None:
        return None
    if stored[0] == height * width:
        return "nhwc", (height, width, 1)
    if stored[0] != height * width * channels:
        return None
    if len(layouts) > 1:
        raise DataError(
            f"{name} has shape {images}×{stored[0]}; the model expects {shape_words(('N', *wanted))}: "
            "add --layout nhwc where the colours of a pixel lie together, --layout nchw where the planes do"
        )
    (order,) = layouts
    return order, (height, width, channels) if order == "nhwc" else (channels, height, width)
