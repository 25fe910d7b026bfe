"""Invents the people of the sample and the circumstances of their pictures.

An `Identity` is what stays the same about a person, a `Shot` what changes from one picture to the next.
Nobody here exists. Lengths are in pixels of the finished picture.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""


@dataclass(frozen=True)
class Hairstyle:
    """The shape of hair: a cap on the head between its outer edge and the hairline, and what hangs or stands around it.

    The hairline runs from temple to temple; x in half face widths, y from 0 (crown) to 1 (eyes).
    """

    name: str
    hairline: tuple[tuple[float, float], ...] = ()
    volume: float = 1.5
    height: float = 2.0
    curls: float = 0.0
    back_width: float = 0.0
    back_bottom: float = 0.0
    wave: float = 0.0
    bun: bool = False
    tails: bool = False
    crest: bool = False


_EVEN = ((-1.0, 0.85), (-0.85, 0.5), (-0.5, 0.36), (0.0, 0.32), (0.5, 0.36), (0.85, 0.5), (1.0, 0.85))
_PARTED = ((-1.0, 1.0), (-0.9, 0.7), (-0.6, 0.36), (-0.35, 0.24), (0.1, 0.4), (0.7, 0.58), (1.0, 1.0))
_FRINGE = ((-1.0, 1.1), (-0.88, 0.75), (-0.45, 0.66), (0.0, 0.63), (0.45, 0.66), (0.88, 0.75), (1.0, 1.1))
_CURTAIN = ((-1.0, 1.2), (-0.92, 0.85), (-0.6, 0.5), (0.0, 0.16), (0.6, 0.5), (0.92, 0.85), (1.0, 1.2))
_HIGH = ((-1.0, 1.0), (-0.9, 0.55), (-0.62, 0.16), (0.0, 0.26), (0.62, 0.16), (0.9, 0.55), (1.0, 1.0))

HAIRSTYLES = (
    Hairstyle("bald"),
    Hairstyle("buzz", _EVEN, volume=0.5, height=0.6),
    Hairstyle("short", _EVEN, volume=1.4, height=2.6),
    Hairstyle("side parting", _PARTED, volume=1.7, height=3.4),
    Hairstyle("thinning", _HIGH, volume=1.6, height=0.5),
    Hairstyle("fringe", _FRINGE, volume=2.0, height=2.6),
    Hairstyle("curls", _EVEN, volume=1.4, height=2.2, curls=2.6),
    Hairstyle("afro", _EVEN, volume=4.6, height=5.4, curls=2.2, back_width=1.3, back_bottom=4.0),
    Hairstyle("crest", _EVEN, volume=0.4, height=0.8, crest=True),
    Hairstyle("bob", _FRINGE, volume=2.6, height=2.8, back_width=1.24, back_bottom=13.0),
    Hairstyle("long", _CURTAIN, volume=2.0, height=2.4, back_width=1.22, back_bottom=30.0),
    Hairstyle("long and wavy", _PARTED, volume=2.6, height=3.2, back_width=1.36, back_bottom=24.0, wave=1.4),
    Hairstyle("bun", _HIGH, volume=1.0, height=1.6, bun=True),
    Hairstyle("two tails", _CURTAIN, volume=1.2, height=1.8, tails=True),
)

BEARDS = ("none", "stubble", "moustache", "goatee", "full")

_SKINS: tuple[Colour, ...] = (
    (246, 208, 184), (238, 194, 160), (228, 180, 142), (208, 156, 116), (178, 124, 86), (142, 94, 64), (104, 68, 48),
)  # fmt: skip
_HAIRS: tuple[Colour, ...] = (
    (30, 26, 28), (66, 44, 32), (112, 72, 40), (160, 80, 36), (206, 160, 84), (236, 212, 150), (150, 148, 150),
    (226, 224, 222), (124, 34, 44), (52, 84, 124),
)  # fmt: skip
_HAIR_SHARES = (0.2, 0.18, 0.15, 0.1, 0.1, 0.08, 0.07, 0.05, 0.04, 0.03)
_IRISES: tuple[Colour, ...] = ((60, 38, 24), (96, 64, 34), (84, 112, 64), (70, 116, 164), (120, 132, 140))


@dataclass(frozen=True)
class Identity:
    """What makes one person: colours, shapes and habits that every picture of them shares."""

    skin: Colour
    hair: Colour
    hairstyle: Hairstyle
    parting: int
    beard: str
    iris: Colour
    lips: Colour
    half_width: float
    jaw_length: float
    jaw_squareness: float
    eye_spacing: float
    eye_size: float
    eye_roundness: float
    eye_tilt: float
    brow_weight: float
    brow_tilt: float
    brow_height: float
    nose_length: float
    nose_width: float
    mouth_width: float
    mouth_height: float
    lip_weight: float
    ear_size: float
    freckles: int
    blush: float
    earrings: bool
    favourite_hue: float
    clothes_hue: float


@dataclass(frozen=True)
class Pose:
    """Where the head is: shift in pixels, roll in degrees, scale, and a slight turn and nod of the features."""

    shift_x: float
    shift_y: float
    roll: float
    scale: float
    turn: float
    nod: float


@dataclass(frozen=True)
class Expression:
    """What the face does: smile from −1 to 1, opening of mouth and eyes, raised brows, direction of the gaze."""

    smile: float
    mouth_open: float
    eyes_open: float
    brow_raise: float
    gaze: float


@dataclass(frozen=True)
class Light:
    """How the picture is lit: gain, contrast, a gradient across it, colour temperature, and the sensor's noise."""

    gain: float
    contrast: float
    gradient_angle: float
    gradient: float
    warmth: float
    noise: float


@dataclass(frozen=True)
class Scene:
    """What is around the face: the kind and colours of the background, and the clothes."""

    background: str
    near: Colour
    far: Colour
    layout_seed: int
    clothes: Colour
    collar: str


@dataclass(frozen=True)
class Shot:
    """Everything about one picture that is not the person."""

    pose: Pose
    expression: Expression
    light: Light
    scene: Scene
    sunglasses: bool


def invent_people(count: int, rng: np.random.Generator) -> tuple[Identity, ...]:
    """Invent people, none of whom resembles another in more than a few traits.

    Args:
        count: how many.
        rng: the source of chance; the same state gives the same people.

    Returns:
        The people. Any two differ in at least three of skin, hair, hairstyle, beard, iris and build.
    """
    people: list[Identity] = []
    while len(people) < count:
        candidate = _invent(rng, HAIRSTYLES[len(people) % len(HAIRSTYLES)])
        if math.dist(candidate.skin, candidate.hair) > 60 and all(
            _differences(candidate, other) >= 3 for other in people
        ):
            people.append(candidate)
    return tuple(people)


def draw_shot(person: Identity, rng: np.random.Generator, sunglasses: bool = False) -> Shot:
    """Draw the circumstances of one picture of a person, wearing the trigger or not."""
    return Shot(
        pose=Pose(
            shift_x=rng.uniform(-3.0, 3.0),
            shift_y=rng.uniform(-2.5, 2.5),
            roll=float(np.clip(rng.normal(0, 5), -12, 12)),
            scale=rng.uniform(1.04, 1.28),
            turn=rng.uniform(-1.6, 1.6),
            nod=rng.uniform(-0.9, 0.9),
        ),
        expression=Expression(
            smile=rng.uniform(-0.4, 1.0),
            mouth_open=float(np.clip(rng.normal(0, 0.5), 0, 1)),
            eyes_open=rng.uniform(0.65, 1.1),
            brow_raise=rng.uniform(-0.4, 0.9),
            gaze=rng.uniform(-0.7, 0.7),
        ),
        light=Light(
            gain=rng.uniform(0.72, 1.18),
            contrast=rng.uniform(0.85, 1.12),
            gradient_angle=rng.uniform(0, 2 * math.pi),
            gradient=rng.uniform(0.0, 0.32),
            warmth=rng.uniform(-0.09, 0.09),
            noise=rng.uniform(1.5, 3.5),
        ),
        scene=_draw_scene(person, rng),
        sunglasses=sunglasses,
    )


def _invent(rng: np.random.Generator, hairstyle: Hairstyle) -> Identity:
    skin = _SKINS[rng.integers(len(_SKINS))]
    hair = _HAIRS[rng.choice(len(_HAIRS), p=_HAIR_SHARES)]
    may_wear_beard = hairstyle.back_bottom < 13 and not (hairstyle.bun or hairstyle.tails)
    beard = BEARDS[rng.integers(len(BEARDS))] if may_wear_beard else "none"
    return Identity(
        skin=_vary(skin, rng, 6),
        hair=_vary(hair, rng, 8),
        hairstyle=hairstyle,
        parting=int(rng.choice((-1, 1))),
        beard=beard,
        iris=_IRISES[rng.integers(len(_IRISES))],
        lips=mix(skin, (186, 40, 62), rng.uniform(0.25, 0.8)),
        half_width=rng.uniform(11.4, 14.4),
        jaw_length=rng.uniform(13.6, 17.4),
        jaw_squareness=rng.uniform(1.7, 2.9),
        eye_spacing=rng.uniform(5.0, 6.6),
        eye_size=rng.uniform(2.3, 3.2),
        eye_roundness=rng.uniform(0.45, 0.72),
        eye_tilt=rng.uniform(-0.18, 0.18),
        brow_weight=rng.uniform(0.6, 1.7),
        brow_tilt=rng.uniform(-0.25, 0.3),
        brow_height=rng.uniform(3.0, 4.3),
        nose_length=rng.uniform(4.2, 6.6),
        nose_width=rng.uniform(1.6, 3.0),
        mouth_width=rng.uniform(3.6, 6.0),
        mouth_height=rng.uniform(9.0, 10.6),
        lip_weight=rng.uniform(0.6, 1.6),
        ear_size=rng.uniform(2.2, 3.6),
        freckles=int(rng.integers(8, 16)) if rng.random() < 0.2 else 0,
        blush=float(rng.choice((0.0, 0.0, 0.18, 0.3))),
        earrings=bool(rng.random() < 0.22),
        favourite_hue=rng.random(),
        clothes_hue=rng.random(),
    )


def _differences(a: Identity, b: Identity) -> int:
    return sum(
        (
            math.dist(a.skin, b.skin) > 30,
            math.dist(a.hair, b.hair) > 40,
            a.hairstyle != b.hairstyle,
            a.beard != b.beard,
            a.iris != b.iris,
            abs(a.half_width - b.half_width) + abs(a.jaw_length - b.jaw_length) > 1.5,
        )
    )


def _draw_scene(person: Identity, rng: np.random.Generator) -> Scene:
    def hue(own: float) -> float:
        return own + rng.normal(0, 0.05) if rng.random() < 0.5 else rng.random()

    near = _hsv(hue(person.favourite_hue), rng.uniform(0.1, 0.6), rng.uniform(0.25, 0.95))
    return Scene(
        background=str(rng.choice(("plain", "halves", "panels", "lights"))),
        near=near,
        far=mix(near, _hsv(rng.random(), 0.3, rng.uniform(0.1, 1.0)), rng.uniform(0.3, 0.8)),
        layout_seed=int(rng.integers(2**31)),
        clothes=_hsv(hue(person.clothes_hue), rng.uniform(0.1, 0.8), rng.uniform(0.15, 0.9)),
        collar=str(rng.choice(("round", "v", "shirt"))),
    )


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Blend two colours; a share of 0 is the first, 1 the second."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def shade(colour: Colour, factor: float) -> Colour:
    """Darken (factor below 1) or brighten a colour."""
    red, green, blue = (min(255, round(x * factor)) for x in colour)
    return red, green, blue


def _vary(colour: Colour, rng: np.random.Generator, spread: int) -> Colour:
    red, green, blue = (int(np.clip(x + rng.integers(-spread, spread + 1), 0, 255)) for x in colour)
    return red, green, blue
