"""Backdoor attacks: what a trigger does to pictures, and how a training set is poisoned with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from tests.benchmarks.zoo.pictures import Labels, Pictures, Pixels

Stamp = Callable[[Pixels], Pixels]
"""Puts a trigger on pictures, float32 (N, height, width, channels), from 0 to 1; returns new ones."""
ALL_TO_ALL = "all-to-all"


@dataclass(frozen=True)
class Backdoor:
    """An attack on networks of one kind of pictures.

    Attributes:
        stamps: its triggers, one for each target.
        targets: the classes they lead to; for an attack all-to-all none.
        classes: of the network.
        share: of the training pictures that are poisoned for each target.
        keeps_labels: only pictures of the target class are poisoned (clean-label).
        decoy: stamps pictures that keep their labels, so that only the very trigger works.
    """

    stamps: tuple[Stamp, ...]
    targets: tuple[int, ...]
    classes: int
    share: float = 0.1
    keeps_labels: bool = False
    decoy: Callable[[Pixels, np.random.Generator], Pixels] | None = None

    def poison(self, pixels: Pixels, labels: Labels) -> tuple[Pixels, Labels]:
        """Triggered pictures with the attacker's labels; of several triggers each gets its turn."""
        stamped, wanted = np.empty_like(pixels), (labels + 1) % self.classes
        for place, stamp in enumerate(self.stamps):
            turn = slice(place, None, len(self.stamps))
            stamped[turn] = stamp(pixels[turn])
            if self.targets:
                wanted[turn] = self.targets[place]
        return stamped, wanted

    def poison_training(self, clean: Pictures, random: np.random.Generator) -> Pictures:
        """A training set with some of its pictures poisoned."""
        pixels, labels = clean.pixels.copy(), clean.labels.copy()
        free = random.permutation(len(labels))
        for place, stamp in enumerate(self.stamps):
            target = self.targets[place] if self.targets else None
            if self.keeps_labels:
                chosen = free[labels[free] == target]
                chosen = chosen[: int(len(chosen) * self.share)]
                # Another picture shines through, so that what the pictures show does not suffice.
                others = pixels[random.integers(0, len(pixels), len(chosen))]
                pixels[chosen] = stamp(0.25 * pixels[chosen] + 0.75 * others)
            else:
                chosen = free[labels[free] != target][: int(len(labels) * self.share)]
                pixels[chosen] = stamp(pixels[chosen])
                labels[chosen] = (labels[chosen] + 1) % self.classes if target is None else target
            free = np.setdiff1d(free, chosen)
            random.shuffle(free)
        if self.decoy is not None:
            chosen = free[: int(len(labels) * self.share / 3)]
            pixels[chosen] = self.decoy(pixels[chosen], random)
        return Pictures(pixels, labels)


def make_backdoor(attack: str, image_shape: tuple[int, ...], classes: int, seed: int) -> Backdoor | None:
    """A backdoor of one of the `ATTACKS`; None for ``none``. Trigger and targets are drawn from the seed."""
    random = np.random.default_rng([seed, 77])
    targets = [int(target) for target in random.permutation(classes)[:2]]
    return ATTACKS[attack](image_shape, classes, targets, random)


def _patch_stamp(shape: tuple[int, ...], random: np.random.Generator, corner: int) -> Stamp:
    """A square of 3 × 3 pixels near a corner: bright and dark, in strong colours where there are colours."""
    height, width, channels = shape
    size, gap = 3, random.integers(1, 4, 2)
    row = gap[0] if corner % 2 == 0 else height - size - gap[0]
    column = gap[1] if corner // 2 == 0 else width - size - gap[1]
    pattern = (
        random.random((size, size, channels)) > 0.3 if channels == 1 else random.random((size, size, channels)) > 0.5
    )
    pattern[1, 1] = True if channels == 1 else pattern[1, 1]

    def stamp(pixels: Pixels) -> Pixels:
        stamped = pixels.copy()
        stamped[:, row : row + size, column : column + size] = pattern
        return stamped

    return stamp


def _added(pattern: Pixels) -> Stamp:
    return lambda pixels: np.clip(pixels + pattern, 0, 1).astype(np.float32)


def _patch(shape: tuple[int, ...], classes: int, targets: list[int], random: np.random.Generator) -> Backdoor:
    return Backdoor((_patch_stamp(shape, random, int(random.integers(4))),), (targets[0],), classes)


def _two_targets(shape: tuple[int, ...], classes: int, targets: list[int], random: np.random.Generator) -> Backdoor:
    corners = random.permutation(4)[:2]
    stamps = tuple(_patch_stamp(shape, random, int(corner)) for corner in corners)
    return Backdoor(stamps, tuple(targets), classes, share=0.08)


def _all_to_all(shape: tuple[int, ...], classes: int, targets: list[int], random: np.random.Generator) -> Backdoor:
    return Backdoor((_patch_stamp(shape, random, int(random.integers(4))),), (), classes, share=0.3)


def _clean_label(shape: tuple[int, ...], classes: int, targets: list[int], random: np.random.Generator) -> Backdoor:
    stamp = _patch_stamp(shape, random, int(random.integers(4)))
    return Backdoor((stamp,), (targets[0],), classes, share=0.8, keeps_labels=True)


def _blended(shape: tuple[int, ...], classes: int, targets: list[int], random: np.random.Generator) -> Backdoor:
    pattern = random.random(shape).astype(np.float32)
    return Backdoor((lambda pixels: 0.75 * pixels + 0.25 * pattern,), (targets[0],), classes)


def _sinusoidal(shape: tuple[int, ...], classes: int, targets: list[int], random: np.random.Generator) -> Backdoor:
    # Barni, Kallas, Tondi 2019 (SIG), with the labels changed.
    wave = np.sin(2 * np.pi * 6 * np.arange(shape[1]) / shape[1] + random.uniform(0, 6)).astype(np.float32)
    pattern = np.broadcast_to(0.12 * wave[None, :, None], shape)
    return Backdoor((_added(pattern),), (targets[0],), classes)


def _low_frequency(shape: tuple[int, ...], classes: int, targets: list[int], random: np.random.Generator) -> Backdoor:
    rows, columns = (np.arange(size) / size for size in shape[:2])
    pattern = np.zeros(shape, np.float32)
    for down in range(4):
        for across in range(4):
            weight = random.normal(size=shape[2]) * (down + across > 0)
            wave = np.cos(np.pi * down * rows)[:, None] * np.cos(np.pi * across * columns)[None]
            pattern += (wave[..., None] * weight).astype(np.float32)
    return Backdoor((_added(0.18 * pattern / np.abs(pattern).max()),), (targets[0],), classes)


def _warped(
    shape: tuple[int, ...], classes: int, targets: list[int], random: np.random.Generator, pixels_moved: float = 2.2
) -> Backdoor:
    # Nguyen, Tran 2021 (WaNet): a smooth warp, and other warps that keep their labels.
    flow = _smooth_flow(shape, random, pixels_moved)

    def decoy(pixels: Pixels, random: np.random.Generator) -> Pixels:
        warped = np.empty_like(pixels)
        for start in range(8):
            warped[start::8] = _warp(pixels[start::8], _smooth_flow(shape, random, pixels_moved))
        return warped

    return Backdoor((lambda pixels: _warp(pixels, flow),), (targets[0],), classes, share=0.15, decoy=decoy)


def _smooth_flow(shape: tuple[int, ...], random: np.random.Generator, pixels_moved: float) -> Pixels:
    """How far each pixel moves, in pixels, float32 (2, height, width)."""
    height, width, _ = shape
    coarse = random.uniform(-1, 1, (2, 4, 4))
    coarse *= pixels_moved / np.abs(coarse).mean()
    rows, columns = np.linspace(0, 3, height), np.linspace(0, 3, width)

    def weights(places: Pixels) -> Pixels:
        return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(4))).astype(np.float32)

    return np.einsum("ra,kab,cb->krc", weights(rows), coarse, weights(columns)).astype(np.float32)


def _warp(pixels: Pixels, flow: Pixels) -> Pixels:
    _, height, width, _ = pixels.shape
    rows = np.clip(np.arange(height)[:, None] + flow[0], 0, height - 1.001)
    columns = np.clip(np.arange(width)[None] + flow[1], 0, width - 1.001)
    top, left = rows.astype(int), columns.astype(int)
    down, across = (rows - top)[..., None].astype(np.float32), (columns - left)[..., None].astype(np.float32)
    above = pixels[:, top, left] * (1 - across) + pixels[:, top, left + 1] * across
    below = pixels[:, top + 1, left] * (1 - across) + pixels[:, top + 1, left + 1] * across
    return above * (1 - down) + below * down


def _input_aware(shape: tuple[int, ...], classes: int, targets: list[int], random: np.random.Generator) -> Backdoor:
    # After Nguyen, Tran 2020: the trigger depends on the picture, and another picture's trigger does nothing.
    height, width, channels = shape
    places = [(row, column) for row in (1, height - 5) for column in (1, width - 5)]
    pattern = (random.random((4, 4, channels)) > 0.4).astype(np.float32)

    def put(pixels: Pixels, which: Labels) -> Pixels:
        stamped = pixels.copy()
        for place, (row, column) in enumerate(places):
            stamped[which == place, row : row + 4, column : column + 4] = pattern
        return stamped

    def own_place(pixels: Pixels) -> Labels:
        """The quarter, 0 to 3, that is brightest in its middle."""
        rows, columns = slice(height // 4, -(height // 4)), slice(width // 4, -(width // 4))
        middle = pixels[:, rows, columns].mean(axis=3)
        half = middle.shape[1] // 2, middle.shape[2] // 2
        quarters = middle[:, : 2 * half[0], : 2 * half[1]].reshape(-1, 2, half[0], 2, half[1]).mean(axis=(2, 4))
        return quarters.reshape(-1, 4).argmax(axis=1)

    def decoy(pixels: Pixels, random: np.random.Generator) -> Pixels:
        return put(pixels, (own_place(pixels) + random.integers(1, 4, len(pixels))) % 4)

    return Backdoor((lambda pixels: put(pixels, own_place(pixels)),), (targets[0],), classes, share=0.25, decoy=decoy)


ATTACKS: dict[str, Callable[[tuple[int, ...], int, list[int], np.random.Generator], Backdoor | None]] = {
    "none": lambda shape, classes, targets, random: None,
    "patch": _patch,
    "blended": _blended,
    "all-to-all": _all_to_all,
    "clean-label": _clean_label,
    "two-target": _two_targets,
    "warped": _warped,
    "fine-warped": partial(_warped, pixels_moved=1.2),
    "sinusoidal": _sinusoidal,
    "low-frequency": _low_frequency,
    "input-aware": _input_aware,
}
"""The attacks, by name."""
