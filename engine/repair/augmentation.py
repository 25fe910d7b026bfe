"""Small changes of an image that leave its class what it is: which of them suit a data set, and how they are made.

Shifts, and with them small turns, stretches and shears, suit every picture. Whether a mirrored picture, another
brightness, coloured light or a closer view shows the same class depends on what is shown: those are made where somebody asks
for them, or where the network itself gives nearly all changed clean images the class it gave them before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.repair.clean_images import Canvas, CleanImages
from bdtui.engine.repair.lots import Lots

_TURN, _SHEAR = math.radians(12), 0.12
_STRETCH = 0.12
_SHIFT, _SHIFT_SHARE = 2.5, 0.05
"""Pixels that an image of up to 50 is shifted by at most; of a larger one this share of its side."""
_SMALL_SHARE = 0.09
"""… and of one below 28 pixels this share."""
_CLOSER = 0.35
_CONTRAST, _BRIGHTNESS = 0.25, 0.15
_TINT_CONTRAST, _TINT_BRIGHTNESS = 0.5, 0.3
"""Of each channel by itself. Where a class does not depend on colours, a hundred images show too few of them."""
_AGREES = {"mirror": 0.9, "colour": 0.97, "crop": 0.97, "tint": 0.97}
"""Share of the images, among those the network gets right, that it has to get right when they are changed.

A mirror changes much: a network that was not trained on mirrored pictures and yet knows nearly all of them shows that
they mean the same. The others are mild, and a network that minds them at all may have a reason.
"""
_TRIED_ON = 512


@dataclass(frozen=True)
class Augmentation:
    """Which changes are made.

    Attributes:
        shift: shifts, turns, stretches and shears, all small.
        mirror: left and right change places in half of the images.
        colour: brightness and contrast.
        crop: closer views.
        tint: coloured light: a brightness and contrast for each channel, stronger than those of ``colour``.
    """

    shift: bool = True
    mirror: bool = False
    colour: bool = False
    crop: bool = False
    tint: bool = False

    @property
    def words(self) -> str:
        """What is made, for a person."""
        names = {"shift": "small shifts and turns", "mirror": "mirror images", "colour": "brightness and contrast"}
        names |= {"crop": "closer views", "tint": "coloured light"}
        made = [names[field.name] for field in fields(self) if getattr(self, field.name)]
        return ", ".join(made) or "none"


SHIFTS = Augmentation()
NO_AUGMENTATION = Augmentation(shift=False)
CHOICES = ("mirror", "colour", "crop", "tint")
"""Changes that suit some data sets only."""


@dataclass(frozen=True)
class Suitability:
    """What was found of the changes that suit some data sets only.

    Attributes:
        augmentation: what is to be made.
        agreement: share of the images that keep the right class, 0–1, by the change's name.
        images: how many were changed.
    """

    augmentation: Augmentation
    agreement: Mapping[str, float]
    images: int

    @property
    def sentence(self) -> str:
        """For a person."""
        found = ", ".join(
            f"{name} {100 * share:.0f} % of {100 * _AGREES[name]:.0f} % needed"
            for name, share in self.agreement.items()
        )
        measured = f" (B keeps the right class under {found})" if found else ""
        return f"Augmentation: {self.augmentation.words}{measured}."


def augment(images: Any, augmentation: Augmentation, low: Any, high: Any, lots: Lots) -> Any:
    """Images with random changes, each its own.

    Args:
        images: float32, shape (batch, height, width, channels).
        augmentation: which changes.
        low: black, shape (height, width, channels).
        high: white, of the same shape.
        lots: random numbers.

    Returns:
        Of the shape of ``images``, between ``low`` and ``high``.
    """
    batch = tf.shape(images)[0]
    if augmentation.shift or augmentation.mirror or augmentation.crop:
        images = _moved(images, augmentation, batch, lots)
    if augmentation.tint:
        images = _lit(images, (batch, 1, 1, images.shape[3]), _TINT_CONTRAST, _TINT_BRIGHTNESS, low, high, lots)
    if augmentation.colour:
        images = _lit(images, (batch, 1, 1, 1), _CONTRAST, _BRIGHTNESS, low, high, lots)
    return images


def _lit(images: Any, shape: Any, contrast: float, brightness: float, low: Any, high: Any, lots: Lots) -> Any:
    """Images in another light.

    Args:
        images: float32, shape (batch, height, width, channels).
        shape: of what is drawn, (batch, 1, 1, 1) or (batch, 1, 1, channels).
        contrast: logarithm of the strongest.
        brightness: the most that is added, as a share of the range of pixels.
        low: black, shape (height, width, channels).
        high: white, of the same shape.
        lots: random numbers.
    """
    mean = tf.reduce_mean(images, (1, 2), keepdims=True)
    images = mean + tf.exp(lots.uniform(shape, -contrast, contrast)) * (images - mean)
    return tf.clip_by_value(images + (high - low) * lots.uniform(shape, -brightness, brightness), low, high)


def _moved(images: Any, augmentation: Augmentation, batch: Any, lots: Lots) -> Any:
    height, width = images.shape[1], images.shape[2]
    one, zero = tf.ones(batch), tf.zeros(batch)
    # Where a pixel of the changed image comes from, around the middle: (x, y) = ((a, b), (c, d)) (x′, y′) + (e, f).
    a, b, c, d, across, down = one, zero, zero, one, zero, zero
    if augmentation.shift:
        turn = lots.uniform((batch,), -_TURN, _TURN)
        shear = lots.uniform((batch,), -_SHEAR, _SHEAR)
        wide = tf.exp(lots.uniform((batch,), -_STRETCH, _STRETCH))
        tall = tf.exp(lots.uniform((batch,), -_STRETCH, _STRETCH))
        a, b = wide * tf.cos(turn), tf.sin(-turn) + shear
        c, d = tf.sin(turn), tall * tf.cos(turn)
        across = lots.uniform((batch,), -1.0, 1.0) * _farthest_shift(width)
        down = lots.uniform((batch,), -1.0, 1.0) * _farthest_shift(height)
    if augmentation.crop:
        closer = 1 - lots.uniform((batch,), 0.0, _CLOSER)
        a, b, c, d = a * closer, b * closer, c * closer, d * closer
        room = (1 - closer) / 2
        across += lots.uniform((batch,), -1.0, 1.0) * room * width
        down += lots.uniform((batch,), -1.0, 1.0) * room * height
    if augmentation.mirror:
        sign = tf.where(lots.chance((batch,), 0.5), -1.0, 1.0)
        a, c = a * sign, c * sign
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    e = middle_x + across - a * middle_x - b * middle_y
    f = middle_y + down - c * middle_x - d * middle_y
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, e, c, d, f, zero, zero], axis=1),
        output_shape=(height, width),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def _farthest_shift(side: int) -> float:
    return min(_SMALL_SHARE * side, max(_SHIFT, _SHIFT_SHARE * side))


def find_augmentation(
    images: CleanImages,
    predict: Callable[[NDArray[np.float32]], NDArray[np.int64]],
    asked: Augmentation | None,
    seed: int,
) -> Suitability:
    """Find the changes that suit a data set.

    Args:
        images: clean ones, to try the changes on.
        predict: gives the classes, shape (N,), that B gives to images as it reads them.
        asked: what to make in any case; None to find out.
        seed: of the changes.
    """
    canvas = Canvas.of(images.image_shape)
    if not canvas.is_picture:
        return Suitability(NO_AUGMENTATION, {}, 0)
    if asked is not None:
        return Suitability(asked, {}, 0)
    some = images.spread(_TRIED_ON)
    right = predict(some.pixels) == some.labels
    if not right.any():
        return Suitability(Augmentation(), {}, 0)
    some = some.some(np.flatnonzero(right))
    agreement: dict[str, float] = {}
    for number, name in enumerate(CHOICES):
        if name == "tint" and canvas.channels == 1:
            continue
        only = Augmentation(**{"shift": False, name: True})
        # Twice: a mirror turns half of the images only.
        kept = [
            predict(np.asarray(augmented(some, only, (seed, 10 * number + turn)))) == some.labels for turn in (0, 1)
        ]
        share = float(np.mean(kept))
        agreement[name] = max(0.0, 2 * share - 1) if name == "mirror" else share
    suited = {name: share >= _AGREES[name] for name, share in agreement.items()}
    # Coloured light changes brightness and contrast as well, and more.
    suited["colour"] = suited["colour"] and not suited.get("tint", False)
    return Suitability(Augmentation(**suited), agreement, len(some))


def augmented(images: CleanImages, augmentation: Augmentation, seed: tuple[int, int]) -> Any:
    """Images with random changes, shape as the network reads them."""
    canvas = Canvas.of(images.image_shape)
    low, high = (as_canvas(each[None], canvas)[0] for each in (images.low, images.high))
    changed = augment(as_canvas(images.pixels, canvas), augmentation, low, high, Lots(tf.constant(seed, tf.int32)))
    return as_read(changed, canvas, images.image_shape)


def as_canvas(images: Any, canvas: Canvas) -> Any:
    """Images, shape (batch, …) as the network reads them, as a tensor (batch, height, width, channels)."""
    images = tf.convert_to_tensor(images, tf.float32)
    if canvas.planes:
        return tf.transpose(images, (0, 2, 3, 1))
    return tf.reshape(images, (-1, canvas.height, canvas.width, canvas.channels))


def as_read(images: Any, canvas: Canvas, image_shape: tuple[int, ...]) -> Any:
    """The way back from `as_canvas`."""
    if canvas.planes:
        return tf.transpose(images, (0, 3, 1, 2))
    return tf.reshape(images, (-1, *image_shape))
