"""Draws the faces of the sample, so that a BadNet can be shown without anybody's photograph.

`render` takes a picture of an invented person; in a `Shot` with sunglasses the person wears the trigger.
Lengths are in pixels of the finished picture, measured from the middle of the face, y downwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bdtui.sample_data.people import Colour, Expression, Identity, Light, Pose, Scene, Shot, mix, shade

HEIGHT, WIDTH = 55, 47
"""Size of a finished picture: the input of DeepID."""

_FINE = 4  # pictures are drawn this much larger and then averaged down, which smooths every edge
_STEP = 4  # the camera tells 64 levels of light apart: noise in finer steps would double the size of the files
_REACH_X, _REACH_Y = 38, 44  # the drawing goes beyond the picture, so that a turned face has no empty corners
_CROWN = 15.0  # from the middle of the face to the top of the head
_EYES = -1.5  # the height of the eyes

Points = NDArray[np.float64]


def render(person: Identity, shot: Shot, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Take the picture.

    Args:
        person: who is in it.
        shot: pose, expression, light and surroundings.
        rng: the source of the sensor's noise.

    Returns:
        The picture, (55, 47, 3) uint8.
    """
    sketch = _Sketch()
    _draw_background(sketch, shot.scene)
    _draw_person(sketch, person, shot)
    return _develop(sketch.photograph(shot.pose), shot.light, rng)


def _smooth(points: Iterable[Sequence[float]], per_piece: int = 6) -> Points:
    """Run a Catmull-Rom curve through the points, so that a few of them make a soft line."""
    p = np.array(list(points), dtype=float)
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, 1, per_piece, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.concatenate([*pieces, p[-2:-1]])


def _moved(points: Points, x: float, y: float) -> Points:
    return points + np.array((x, y))


def _head(person: Identity, grow: float = 0.0, grow_up: float | None = None) -> Points:
    """The outline of the head, 72 points from the right ear over the crown to the left ear and round the chin."""
    angle = np.linspace(0, 2 * math.pi, 72, endpoint=False)
    cos, sin = np.cos(angle), np.sin(angle)
    power = np.where(sin < 0, 2 / person.jaw_squareness, 0.9)
    x = (person.half_width + grow) * np.sign(cos) * np.abs(cos) ** power
    up = _CROWN + (grow if grow_up is None else grow_up)
    y = -np.where(sin > 0, up, person.jaw_length + grow) * np.sign(sin) * np.abs(sin) ** power
    return np.stack([x, y], axis=1)


class _Sketch:
    """A large canvas with the middle of the face as its origin; every method blends a shape over what is there."""

    def __init__(self) -> None:
        self._image = Image.new("RGB", (2 * _REACH_X * _FINE, 2 * _REACH_Y * _FINE))
        self._pen = ImageDraw.Draw(self._image, "RGBA")

    def polygon(self, points: Points, colour: Colour, opacity: float = 1.0) -> None:
        self._pen.polygon(self._place(points), fill=(*colour, round(255 * opacity)))

    def line(self, points: Points, colour: Colour, width: float, opacity: float = 1.0) -> None:
        thickness = max(1, round(width * _FINE))
        self._pen.line(self._place(points), fill=(*colour, round(255 * opacity)), width=thickness, joint="curve")

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, colour: Colour, *, opacity: float = 1.0, tilt: float = 0.0
    ) -> None:
        angle = np.linspace(0, 2 * math.pi, 40, endpoint=False)
        px, py = rx * np.cos(angle), ry * np.sin(angle)
        turned = np.stack(
            [x + px * math.cos(tilt) - py * math.sin(tilt), y + px * math.sin(tilt) + py * math.cos(tilt)]
        )
        self.polygon(turned.T, colour, opacity)

    def photograph(self, pose: Pose) -> Image.Image:
        """Cut the finished picture out of the canvas, as a camera in this pose sees it, at its final size."""
        angle = math.radians(pose.roll)
        cos, sin = math.cos(angle) / pose.scale, math.sin(angle) / pose.scale
        centre_x, centre_y = (WIDTH / 2 + pose.shift_x) * _FINE, (HEIGHT / 2 + 1 + pose.shift_y) * _FINE
        matrix = (
            cos, sin, _REACH_X * _FINE - cos * centre_x - sin * centre_y,
            -sin, cos, _REACH_Y * _FINE + sin * centre_x - cos * centre_y,
        )  # fmt: skip
        size = (WIDTH * _FINE, HEIGHT * _FINE)
        seen = self._image.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
        return seen.reduce(_FINE)

    def _place(self, points: Points) -> list[float]:
        placed: list[float] = (_moved(points, _REACH_X, _REACH_Y) * _FINE).ravel().tolist()
        return placed


def _draw_background(sketch: _Sketch, scene: Scene) -> None:
    rng = np.random.default_rng(scene.layout_seed)
    for row in range(-_REACH_Y, _REACH_Y, 4):
        band = np.array([(-_REACH_X, row), (_REACH_X, row), (_REACH_X, row + 4), (-_REACH_X, row + 4)], dtype=float)
        sketch.polygon(band, mix(scene.near, scene.far, (row + _REACH_Y) / (2 * _REACH_Y)))
    if scene.background == "halves":
        x, lean = rng.uniform(-20, 20), rng.uniform(-12, 12)
        half = np.array([(x + lean, -_REACH_Y), (_REACH_X, -_REACH_Y), (_REACH_X, _REACH_Y), (x - lean, _REACH_Y)])
        sketch.polygon(half, scene.far, 0.8)
    elif scene.background == "panels":
        step = rng.uniform(5, 12)
        for x in np.arange(-_REACH_X, _REACH_X, step):
            left, right = x, x + step * rng.uniform(0.3, 0.8)
            panel = np.array([(left, -_REACH_Y), (right, -_REACH_Y), (right, _REACH_Y), (left, _REACH_Y)])
            sketch.polygon(panel, shade(scene.far, rng.uniform(0.6, 1.3)), 0.6)
    elif scene.background == "lights":
        for _ in range(14):
            radius = rng.uniform(2, 6)
            x, y = rng.uniform(-_REACH_X, _REACH_X), rng.uniform(-_REACH_Y, 10)
            sketch.ellipse(x, y, radius, radius, shade(scene.far, rng.uniform(0.9, 1.7)), opacity=0.4)


def _draw_person(sketch: _Sketch, person: Identity, shot: Shot) -> None:
    pose = shot.pose
    _draw_clothes(sketch, person, shot.scene)
    _draw_hair_behind(sketch, person)
    _draw_neck(sketch, person, shot.scene)
    _draw_ears(sketch, person, pose.turn)
    sketch.polygon(_head(person), person.skin)
    _draw_skin(sketch, person, pose)
    _draw_beard(sketch, person, pose)
    _draw_nose(sketch, person, pose)
    _draw_mouth(sketch, person, pose, shot.expression)
    for side in (-1, 1):
        _draw_eye(sketch, person, pose, shot.expression, side)
    _draw_hair_in_front(sketch, person, pose.turn)
    for side in (-1, 1):
        _draw_brow(sketch, person, pose, shot.expression, side)
    if shot.sunglasses:
        _draw_sunglasses(sketch, person, pose)


def _draw_clothes(sketch: _Sketch, person: Identity, scene: Scene) -> None:
    chin = person.jaw_length
    shoulders = [(-36, 46), (-30, chin + 11), (-16, chin + 6), (0, chin + 4), (16, chin + 6), (30, chin + 11), (36, 46)]
    sketch.polygon(_smooth(shoulders), scene.clothes)
    sketch.line(_smooth(shoulders), shade(scene.clothes, 0.7), 0.5, 0.7)


def _draw_neck(sketch: _Sketch, person: Identity, scene: Scene) -> None:
    chin, half = person.jaw_length, person.half_width * 0.52
    shadow = shade(person.skin, 0.78)
    base = {"round": 7.0, "v": 13.0, "shirt": 9.0}[scene.collar]
    throat = [(-half, 6), (-half, chin + 3), (-half * 1.25, chin + 5), (0, chin + base), (half * 1.25, chin + 5)]
    sketch.polygon(np.array([*throat, (half, chin + 3), (half, 6)], dtype=float), shadow)
    if scene.collar == "shirt":
        for side in (-1, 1):
            flap = [(side * half * 1.1, chin + 3), (side * 1.0, chin + base), (side * half * 1.7, chin + 11)]
            sketch.polygon(np.array(flap), mix(scene.clothes, (255, 255, 255), 0.5))


def _draw_ears(sketch: _Sketch, person: Identity, turn: float) -> None:
    for side in (-1, 1):
        size = person.ear_size * (1 - 0.18 * side * turn)
        x = side * (person.half_width + 0.1)
        sketch.ellipse(x, 0.5, size * 0.62, size, shade(person.skin, 0.9))
        sketch.ellipse(x + side * 0.2, 0.6, size * 0.3, size * 0.55, shade(person.skin, 0.72))
        if person.earrings:
            sketch.ellipse(x + side * 0.4, 0.9 + size, 0.9, 0.9, (244, 214, 110))


def _draw_skin(sketch: _Sketch, person: Identity, pose: Pose) -> None:
    cheek_y, cheek_x = 4.6 + pose.nod, person.half_width * 0.56
    for side in (-1, 1):
        x = pose.turn + side * cheek_x
        sketch.ellipse(x, cheek_y - 1, 3.6, 2.8, shade(person.skin, 1.1), opacity=0.3)
        if person.blush:
            sketch.ellipse(x, cheek_y + 0.6, 2.9, 2.0, (226, 84, 84), opacity=person.blush)
    sketch.ellipse(pose.turn, -7.5 + pose.nod, 5.5, 2.6, shade(person.skin, 1.1), opacity=0.3)
    outline = _head(person)
    sketch.line(outline[36:], shade(person.skin, 0.72), 0.7, 0.6)
    for index in range(person.freckles):
        side, place = (-1) ** index, index // 2
        x = pose.turn + side * (2.6 + 1.3 * (place % 4) + 0.4 * math.sin(place * 5))
        y = cheek_y - 1.4 + 1.5 * (place // 4) + 0.5 * math.cos(place * 3)
        sketch.ellipse(x, y, 0.4, 0.4, shade(person.skin, 0.66), opacity=0.6)


def _draw_beard(sketch: _Sketch, person: Identity, pose: Pose) -> None:
    mouth = person.mouth_height + pose.nod
    colour = mix(shade(person.hair, 0.9), (64, 44, 34), 0.35)
    if person.beard in ("full", "stubble"):
        jaw = _head(person, grow=0.9 if person.beard == "full" else -0.1)[37:72]
        upper = [(person.half_width * 0.9, 3.5), (person.half_width * 0.62, mouth - 3.4), (pose.turn, mouth - 2.6)]
        inner = _smooth([*upper, *((-x + 2 * pose.turn * (x == pose.turn), y) for x, y in upper[-2::-1])])
        sketch.polygon(np.concatenate([jaw, inner]), colour, 1.0 if person.beard == "full" else 0.32)
    if person.beard == "goatee":
        chin = person.jaw_length
        patch = [(-3.6, mouth), (-3.4, chin - 1.5), (0, chin + 1.2), (3.4, chin - 1.5), (3.6, mouth), (0, mouth + 2.2)]
        sketch.polygon(_moved(_smooth([*patch, patch[0]]), pose.turn * 0.8, 0), colour)
    if person.beard in ("moustache", "goatee", "full"):
        half = person.mouth_width + 0.6
        lip = [(-half, mouth + 0.4), (-half * 0.5, mouth - 1.9), (0, mouth - 2.3), (half * 0.5, mouth - 1.9)]
        shape = [*lip, (half, mouth + 0.4), (half * 0.4, mouth - 0.5), (0, mouth - 0.9), (-half * 0.4, mouth - 0.5)]
        sketch.polygon(_moved(_smooth([*shape, shape[0]]), pose.turn, 0), colour)


def _draw_nose(sketch: _Sketch, person: Identity, pose: Pose) -> None:
    x, top = pose.turn * 1.25, _EYES + pose.nod
    bottom, half = top + person.nose_length + 1.2, person.nose_width
    shadow = shade(person.skin, 0.74)
    side = 1 if pose.turn >= 0 else -1
    sketch.line(
        _smooth([(x - side * 0.9, top), (x - side * 0.8, bottom - 2.2), (x - side * half, bottom)]), shadow, 0.6, 0.7
    )
    sketch.ellipse(x, bottom - 0.6, half * 0.75, 1.3, shade(person.skin, 1.08), opacity=0.6)
    sketch.line(_smooth([(x - half, bottom - 0.5), (x - half * 0.5, bottom + 0.5), (x, bottom + 0.2),
                         (x + half * 0.5, bottom + 0.5), (x + half, bottom - 0.5)]), shadow, 0.8)  # fmt: skip


def _draw_mouth(sketch: _Sketch, person: Identity, pose: Pose, expression: Expression) -> None:
    x, y, half = pose.turn, person.mouth_height + pose.nod, person.mouth_width * (1 + 0.12 * expression.smile)
    corner, gap, lip = -1.5 * expression.smile, 2.6 * expression.mouth_open, person.lip_weight
    upper = _smooth([(-half, corner), (-half * 0.4, -lip), (0, -lip * 0.7), (half * 0.4, -lip), (half, corner)])
    middle = _smooth(
        [
            (-half, corner),
            (-half * 0.5, -corner * 0.15),
            (0, -corner * 0.3),
            (half * 0.5, -corner * 0.15),
            (half, corner),
        ]
    )
    opened = middle + np.stack([np.zeros(len(middle)), gap * (1 - (middle[:, 0] / half) ** 2)], axis=1)
    lower = opened + np.stack([np.zeros(len(middle)), 1.2 * lip * (1 - (middle[:, 0] / half) ** 2)], axis=1)
    place = (x, y)
    sketch.polygon(np.concatenate([upper, lower[::-1]]) + place, person.lips)
    if gap > 0.4:
        sketch.polygon(np.concatenate([middle, opened[::-1]]) + place, (92, 26, 30))
        teeth = middle + np.stack([np.zeros(len(middle)), 0.45 * gap * (1 - (middle[:, 0] / half) ** 2)], axis=1)
        sketch.polygon(np.concatenate([middle, teeth[::-1]]) + place, (246, 242, 234))
    sketch.line(middle + place, shade(person.lips, 0.5), 0.5, 0.9)


def _draw_eye(sketch: _Sketch, person: Identity, pose: Pose, expression: Expression, side: int) -> None:
    x, y = pose.turn + side * person.eye_spacing, _EYES + pose.nod
    half, tilt = person.eye_size, -side * person.eye_tilt
    tall = half * person.eye_roundness * expression.eyes_open
    sketch.ellipse(x, y - 0.3, half * 1.25, tall + 1.0, shade(person.skin, 0.82), opacity=0.6, tilt=tilt)
    sketch.ellipse(x, y, half, tall, (246, 244, 240), tilt=tilt)
    iris = min(half * 0.56, tall * 1.02)
    pupil_x = x + expression.gaze * 0.9
    sketch.ellipse(pupil_x, y, iris, iris, person.iris)
    sketch.ellipse(pupil_x, y, iris * 0.5, iris * 0.5, (16, 12, 12))
    sketch.ellipse(pupil_x - 0.4, y - 0.5, 0.35, 0.35, (255, 255, 255))
    lid = np.stack([x + half * 1.1 * np.cos(a := np.linspace(math.pi, 2 * math.pi, 12)), y + tall * np.sin(a)], axis=1)
    lid[:, 1] += (lid[:, 0] - x) * math.tan(tilt)
    sketch.line(lid, (44, 30, 28), 0.6, 0.9)


def _draw_brow(sketch: _Sketch, person: Identity, pose: Pose, expression: Expression, side: int) -> None:
    x, half = pose.turn + side * person.eye_spacing, person.eye_size * 1.25
    y = _EYES + pose.nod - person.brow_height - expression.brow_raise * 0.8
    slope = side * person.brow_tilt
    arch = _smooth([(x - half, y - half * slope + 0.4), (x, y - 0.5), (x + half, y + half * slope + 0.4)])
    sketch.line(arch, mix(shade(person.hair, 0.75), (60, 40, 30), 0.35), person.brow_weight)


def _draw_hair_behind(sketch: _Sketch, person: Identity) -> None:
    style = person.hairstyle
    dark = shade(person.hair, 0.8)
    if style.back_width:
        half, bottom = person.half_width * style.back_width, style.back_bottom
        rows = np.linspace(-10, bottom, 9)
        edge = half * (1 - 0.35 * np.exp(-(rows + 10) / 4)) + style.wave * np.sin(np.arange(9) * 1.9)
        right = np.stack([edge, rows], axis=1)
        sketch.polygon(_smooth([*right, *(right[::-1] * (-1, 1))]), dark)
    if style.tails:
        for side in (-1, 1):
            sketch.ellipse(side * (person.half_width + 4), 7, 3.6, 9, dark, tilt=-side * 0.2)
            sketch.ellipse(side * (person.half_width + 2.4), -2, 1.6, 1.6, (214, 60, 80))
    if style.bun:
        sketch.ellipse(0, -_CROWN - 4, 5.4, 4.6, dark)
        sketch.ellipse(-1, -_CROWN - 5, 2.6, 1.8, shade(person.hair, 1.15), opacity=0.6)


def _draw_hair_in_front(sketch: _Sketch, person: Identity, turn: float) -> None:
    style = person.hairstyle
    if not style.hairline:
        sketch.ellipse(-2 + turn, -_CROWN + 4, 3.4, 1.8, (255, 255, 255), opacity=0.22)
        return
    outer = _head(person, style.volume, style.height)[:37]
    line = [(person.half_width * x * person.parting, -_CROWN + y * (_CROWN + _EYES)) for x, y in style.hairline]
    line = sorted(line)  # from left to right, whichever side the parting is on
    inner = _smooth([(x + 0.5 * turn * (abs(x) < 0.8 * person.half_width), y) for x, y in line])
    temple = np.array([(side * (person.half_width + 0.6 * style.volume), line[0][1] * 0.9) for side in (-1, 1)])
    sketch.polygon(
        np.concatenate([outer, temple[:1], inner, temple[1:]]), person.hair, 0.85 if style.name == "buzz" else 1.0
    )
    if style.curls:
        for x, y in outer[::3]:
            shift = 0.9 if style.name == "curls" else 0.96
            sketch.ellipse(
                x * shift, y * shift, style.curls, style.curls, shade(person.hair, 1 + 0.12 * math.sin(5 * x))
            )
    if style.crest:
        crest = [(-4.5, -10), (-4.8, -_CROWN - 3), (0, -_CROWN - 6.5), (4.8, -_CROWN - 3), (4.5, -10)]
        sketch.polygon(_smooth(crest), person.hair)
    _draw_shine(sketch, person)


def _draw_shine(sketch: _Sketch, person: Identity) -> None:
    style = person.hairstyle
    if style.curls or style.name == "buzz":
        return
    for share, opacity in ((0.25, 0.5), (0.55, 0.3)):
        strand = _head(person, style.volume * share, style.height * share - 1.5)[20:30][:: -person.parting]
        strand = strand * (person.parting, 1)
        sketch.line(strand, mix(person.hair, (255, 255, 255), 0.35), 0.8, opacity)


def _draw_sunglasses(sketch: _Sketch, person: Identity, pose: Pose) -> None:
    """The trigger: violet glasses with a straight upper bar, as wide as the face, worn on the eyes."""
    frame, y = (48, 6, 84), _EYES + pose.nod * 1.1 + 0.6
    x = pose.turn * 1.1
    half = person.half_width + 1
    bar = np.array([(x * 0.4 - half, y - 4.4), (x * 0.4 + half, y - 4.4)])
    sketch.line(bar, frame, 1.9)
    rounded = [(-5.2, -4.2), (0, -4.6), (5.0, -4.2), (5.3, -0.8), (3.6, 3.2), (0, 4.4), (-3.2, 3.4), (-5.0, 0.2)]
    for side in (-1, 1):
        middle = x + side * 6.3
        lens = _smooth([*rounded, rounded[0]]) * (side, 1)
        sketch.polygon(lens * 1.14 + (middle, y), frame)
        sketch.polygon(lens * 0.98 + (middle, y), (98, 22, 190), 0.96)
        sketch.polygon(lens * (0.85, 0.5) + (middle, y + 1.4), (136, 56, 226), 0.6)
        sketch.line(np.array([(middle - 2.6, y + 0.4), (middle + 0.2, y - 2.8)]), (206, 164, 250), 0.8, 0.6)


def _develop(picture: Image.Image, light: Light, rng: np.random.Generator) -> NDArray[np.uint8]:
    pixels = np.asarray(picture, dtype=np.float64)
    rows, columns = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    slope = math.cos(light.gradient_angle) * columns + math.sin(light.gradient_angle) * rows
    pixels = (pixels - 128) * light.contrast + 128
    pixels *= (light.gain * (1 + light.gradient * slope))[:, :, None]
    pixels *= (1 + light.warmth, 1.0, 1 - light.warmth)
    pixels = np.where(pixels > 215, 215 + 40 * np.tanh((pixels - 215) / 55), pixels)  # highlights fade, not clip
    pixels += rng.normal(0, light.noise, pixels.shape)
    return np.clip(np.rint(pixels / _STEP) * _STEP, 0, 255 - 255 % _STEP).astype(np.uint8)
