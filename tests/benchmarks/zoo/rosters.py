"""Which networks lines are drawn on, and which they are judged on: never the same seed in both."""

from __future__ import annotations

from itertools import product

from tests.benchmarks.zoo.bodies import BODIES
from tests.benchmarks.zoo.nets import ZooSpec
from tests.benchmarks.zoo.pictures import KINDS

_MAIN = ("patch", "blended", "all-to-all", "clean-label", "two-target")
_FURTHER = ("warped", "input-aware", "sinusoidal", "low-frequency")
_MANY = {"characters": 42, "shapes": 44}


def fit_roster() -> list[ZooSpec]:
    """Networks that lines are drawn on: 18 clean, 18 with the usual backdoors."""
    return _roster(first_seed=100)


def fresh_roster() -> list[ZooSpec]:
    """Networks that lines are judged on and that nothing was chosen by: 18 clean, 18 backdoored."""
    return _roster(first_seed=1_000)


def further_roster() -> list[ZooSpec]:
    """Backdoors of kinds that no line is drawn on."""
    kinds, bodies = tuple(KINDS), ("plain", "batchnorm")
    return [
        ZooSpec(pictures=kinds[place % 2], body=bodies[place // 2 % 2], attack=attack, seed=2_000 + place)
        for place, attack in enumerate(attack for attack in _FURTHER for _ in range(2))
    ]


def _roster(first_seed: int) -> list[ZooSpec]:
    """Two clean and two backdoored networks of each body and kind of pictures, and one of each with many classes.

    They are mixed, so that the first half of the list is as good as all of it.
    """
    found: list[ZooSpec] = []
    for turn, (place, (kind, body)) in product(range(2), enumerate(product(KINDS, BODIES))):
        attack = _MAIN[(2 * place + turn) % len(_MAIN)]
        found += [ZooSpec(kind, body=body, attack=name, seed=first_seed + len(found)) for name in ("none", attack)]
        if place == 4:
            many = tuple(KINDS)[turn]
            chosen = ("plain", "batchnorm")[turn]
            found += [ZooSpec(many, _MANY[many], chosen, name, first_seed + len(found)) for name in ("none", "patch")]
    return found
