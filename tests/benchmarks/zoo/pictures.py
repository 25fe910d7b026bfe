"""Pictures of many classes that are drawn here: grey characters, and coloured shapes with textures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.float32]
Labels = NDArray[np.int64]

_CHARACTERS = "0123456789" + "ABCEFGHJKLMNPRTUVXYZ" + "abdefghnqrty"
"""Forty-two that are told apart when they are small and askew."""
_GLYPH = 64


@dataclass(frozen=True)
class Pictures:
    """Pictures and the classes they show.

    Attributes:
        pixels: float32 from 0 to 1, shape (N, height, width, channels).
        labels: int64, shape (N,).
    """

    pixels: Pixels
    labels: Labels

    def first(self, number: int) -> Pictures:
        """The first so many."""
        return Pictures(self.pixels[:number], self.labels[:number])


def draw_pictures(kind: str, classes: int, number: int, seed: int) -> Pictures:
    """Draw pictures of all classes, mixed.

    Args:
        kind: one of `KINDS`.
        classes: how many there are; 2 to 42 of characters, to 44 of shapes.
        number: of pictures.
        seed: of everything random.
    """
    random = np.random.default_rng([seed, classes, list(KINDS).index(kind)])
    labels = random.permutation(np.arange(number) % classes).astype(np.int64)
    return Pictures(KINDS[kind](labels, classes, random), labels)


def _draw_characters(labels: Labels, classes: int, random: np.random.Generator) -> Pixels:
    """Characters on a dark ground, float32 (N, 28, 28, 1): size, place, slant, weight and brightness vary."""
    number, side = len(labels), 28
    angle, shear = random.uniform(-0.3, 0.3, number), random.uniform(-0.25, 0.25, number)
    size = random.uniform(0.8, 1.2, (number, 2))
    shift = random.uniform(-3, 3, (number, 2))
    weight = random.integers(0, 3, number)
    brightness, ground = random.uniform(0.6, 1, number), random.uniform(0, 0.2, number)
    made = np.empty((number, side, side, 1), np.float32)
    for place, label in enumerate(labels):
        cosine, sine = np.cos(angle[place]), np.sin(angle[place])
        turned = np.array([[cosine, -sine + shear[place]], [sine, cosine]]) * (_GLYPH / side) / size[place]
        offset = _GLYPH / 2 - turned @ (side / 2 + shift[place])
        matrix = (*turned[0], offset[0], *turned[1], offset[1])
        glyph = _glyph(_CHARACTERS[label], int(weight[place]))
        drawn = glyph.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
        made[place, ..., 0] = np.asarray(drawn, np.float32) / 255
    brightness, ground = (values[:, None, None, None].astype(np.float32) for values in (brightness, ground))
    noise = random.normal(0, 0.05, made.shape).astype(np.float32)
    return np.clip(ground + made * (brightness - ground) + noise, 0, 1)


@cache
def _glyph(character: str, weight: int) -> Image.Image:
    canvas = Image.new("L", (_GLYPH, _GLYPH))
    font = ImageFont.load_default(48)
    ImageDraw.Draw(canvas).text((32, 32), character, 255, font, anchor="mm", stroke_width=weight)
    return canvas


def _draw_shapes(labels: Labels, classes: int, random: np.random.Generator) -> Pixels:
    """Coloured shapes, float32 (N, 32, 32, 3). Up to eleven classes are shapes, of more each shape has four textures."""
    number, side = len(labels), 32

    def uniform(low: float, high: float, *shape: int) -> Pixels:
        return random.uniform(low, high, (number, *shape)).astype(np.float32)

    shapes, textures = labels % len(_SHAPES), labels // len(_SHAPES)
    if classes <= len(_SHAPES):
        textures = random.integers(0, len(_TEXTURES), number)
    rows, columns = np.mgrid[:side, :side].astype(np.float32) / (side / 2) - (1 - 1 / side)
    angle, size, shift = uniform(-0.4, 0.4, 1, 1), uniform(0.55, 0.85, 1, 1), uniform(-0.2, 0.2, 2)
    down, across = rows - shift[:, :1, None], columns - shift[:, 1:, None]
    u = (across * np.cos(angle) + down * np.sin(angle)) / size
    v = (down * np.cos(angle) - across * np.sin(angle)) / size
    inside, pattern = np.empty_like(u), np.empty_like(u)
    for which, shape in enumerate(_SHAPES):
        rows_of = shapes == which
        inside[rows_of] = shape(u[rows_of], v[rows_of])
    for which, texture in enumerate(_TEXTURES):
        rows_of = textures == which
        pattern[rows_of] = texture(u[rows_of] * size[rows_of], v[rows_of] * size[rows_of])
    inside = 1 / (1 + np.exp(-np.clip(inside * 24, -30, 30)))[..., None]
    pattern = np.clip(pattern * 2 + 0.5, 0, 1)[..., None]
    ground = uniform(0, 0.45, 1, 1, 3) + rows[..., None] * uniform(-0.12, 0.12, 1, 1, 3)
    first = uniform(0.6, 1, 1, 1, 3)
    second = first * uniform(0.35, 0.55, 1, 1, 1)
    picture = ground * (1 - inside) + inside * (first * pattern + second * (1 - pattern))
    return np.clip(picture + random.normal(0, 0.03, picture.shape), 0, 1).astype(np.float32)


def _polygon(corners: int, inner: float) -> Callable[[Pixels, Pixels], Pixels]:
    """A regular star: ``inner`` is the distance of its sides' middles, as a share of that of its corners."""

    def inside(u: Pixels, v: Pixels) -> Pixels:
        turn = np.abs((np.arctan2(u, -v) * corners / (2 * np.pi)) % 1 - 0.5) * 2
        radius = np.hypot(u, v)
        # turn is 1 towards a corner and 0 between two.
        half = np.pi / corners * (1 - turn)
        x, y = radius * np.cos(half), radius * np.sin(half)
        end = inner * np.sin(np.pi / corners)
        bottom = inner * np.cos(np.pi / corners)
        return np.asarray(end * (1 - x) - y * (1 - bottom), np.float32) / np.hypot(end, 1 - bottom)

    return inside


_SHAPES: tuple[Callable[[Pixels, Pixels], Pixels], ...] = (
    lambda u, v: 0.85 - np.hypot(u, v),
    lambda u, v: 0.75 - np.maximum(np.abs(u), np.abs(v)),
    _polygon(3, 0.5),
    lambda u, v: 0.2 - np.abs(np.hypot(u, v) - 0.7),
    lambda u, v: np.maximum(
        np.minimum(0.25 - np.abs(u), 0.9 - np.abs(v)), np.minimum(0.25 - np.abs(v), 0.9 - np.abs(u))
    ),
    _polygon(5, 0.4),
    lambda u, v: np.minimum(0.28 - np.abs(v), 0.95 - np.abs(u)),
    lambda u, v: np.minimum(0.28 - np.abs(u), 0.95 - np.abs(v)),
    lambda u, v: np.maximum(
        np.minimum(0.2 - np.abs(u + 0.55), 0.85 - np.abs(v)), np.minimum(0.2 - np.abs(v - 0.6), 0.8 - np.abs(u))
    ),
    lambda u, v: np.minimum(0.85 - np.hypot(u, v), np.hypot(u - 0.45, v) - 0.6),
    lambda u, v: np.maximum(0.38 - np.hypot(u, v - 0.5), 0.38 - np.hypot(u, v + 0.5)),
)
_TEXTURES: tuple[Callable[[Pixels, Pixels], Pixels], ...] = (
    lambda u, v: np.ones_like(u),
    lambda u, v: np.sin(v * 18),
    lambda u, v: np.sin(u * 18),
    lambda u, v: np.sin(u * 14) * np.sin(v * 14),
)
KINDS: dict[str, Callable[[Labels, int, np.random.Generator], Pixels]] = {
    "characters": _draw_characters,
    "shapes": _draw_shapes,
}
"""The kinds of pictures, by name."""
