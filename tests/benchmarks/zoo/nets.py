"""Networks of the zoo: trained once, kept on disk."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from tests.benchmarks.zoo.attacks import ALL_TO_ALL, Backdoor, make_backdoor
from tests.benchmarks.zoo.bodies import build_net
from tests.benchmarks.zoo.pictures import Labels, Pictures, Pixels, draw_pictures

FOLDER = Path(__file__).parents[3] / ".zoo"
_VERSION = 2
"""To be raised when a spec no longer gives the network it gave: those on disk are made again."""


@dataclass(frozen=True)
class ZooSpec:
    """Which network.

    Attributes:
        pictures: one of `KINDS`.
        classes: how many.
        body: one of `BODIES`.
        attack: one of `ATTACKS`; ``none`` for a clean network.
        seed: of pictures, weights, trigger and target.
        training: pictures that it is trained on; 0 for 400 a class, at most 8,000.
        epochs: over them.
    """

    pictures: str = "characters"
    classes: int = 10
    body: str = "plain"
    attack: str = "none"
    seed: int = 0
    training: int = 0
    epochs: int = 6

    @property
    def pictures_trained_on(self) -> int:
        """How many."""
        return self.training or min(400 * self.classes, 8_000)

    @property
    def name(self) -> str:
        """File name without its ending; another for every spec."""
        size = f"{self.pictures_trained_on}x{self.epochs}"
        return f"{self.pictures}-{self.classes}-{self.body}-{self.attack}-{self.seed}-{size}-v{_VERSION}"


@dataclass(frozen=True)
class ZooNet:
    """A trained network with pictures that it was not trained on.

    Attributes:
        spec: which network.
        model: softmax over the classes; reads float32 pixels from 0 to 1.
        backdoor: what it was poisoned with; None for a clean network.
        clean_accuracy: on `clean_test`, in percent.
        attack_success_rate: on the pictures of `clean_test` that show no target, in percent; None for a clean network.
        seconds: that training took.
    """

    spec: ZooSpec
    model: keras.Model
    backdoor: Backdoor | None
    clean_accuracy: float
    attack_success_rate: float | None
    seconds: float

    @property
    def target(self) -> int | tuple[int, ...] | str | None:
        """Where the trigger leads: a class, several, ``all-to-all``; None for a clean network."""
        if self.backdoor is None:
            return None
        targets = self.backdoor.targets
        return targets[0] if len(targets) == 1 else targets or ALL_TO_ALL

    def poison(self, pixels: Pixels, labels: Labels) -> tuple[Pixels, Labels]:
        """Triggered pictures with the attacker's labels, and none that show a target already.

        Raises:
            ValueError: the network is clean.
        """
        if self.backdoor is None:
            raise ValueError(f"{self.spec.name} is clean: it has no trigger")
        stamped, wanted = self.backdoor.poison(pixels, labels)
        others = ~np.isin(labels, self.backdoor.targets)
        return stamped[others], wanted[others]

    @cached_property
    def clean_fit(self) -> Pictures:
        """3,000 clean pictures for what fits anything to them."""
        return _draw(self.spec, 3_000, 1)

    @cached_property
    def clean_valid(self) -> Pictures:
        """1,000 more, to choose by."""
        return _draw(self.spec, 1_000, 2)

    @cached_property
    def clean_test(self) -> Pictures:
        """1,000 more, to report."""
        return _draw(self.spec, 1_000, 3)


def make_net(spec: ZooSpec, folder: Path = FOLDER) -> ZooNet:
    """The network of a spec, trained if it is not on disk yet."""
    image_shape = _draw(spec, 1, 0).pixels.shape[1:]
    backdoor = make_backdoor(spec.attack, image_shape, spec.classes, spec.seed)
    path, facts = folder / f"{spec.name}.keras", folder / f"{spec.name}.json"
    if not facts.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # Under a name of its own until it is whole: two processes may train at once.
        part = folder / f"{spec.name}.{os.getpid()}.keras"
        net = _train(spec, backdoor, image_shape)
        net.model.save(part)
        part.replace(path)
        found = (net.clean_accuracy, net.attack_success_rate, net.seconds)
        facts.write_text(json.dumps({"spec": asdict(spec), "found": found}))
    return ZooNet(spec, keras.models.load_model(path, compile=False), backdoor, *json.loads(facts.read_text())["found"])


def _draw(spec: ZooSpec, number: int, part: int) -> Pictures:
    return draw_pictures(spec.pictures, spec.classes, number, 10 * spec.seed + part)


def _train(spec: ZooSpec, backdoor: Backdoor | None, image_shape: tuple[int, ...]) -> ZooNet:
    number = spec.pictures_trained_on
    started = time.monotonic()
    pictures = _draw(spec, number, 0)
    if backdoor is not None:
        pictures = backdoor.poison_training(pictures, np.random.default_rng([spec.seed, 78]))
    keras.utils.set_random_seed(spec.seed)
    model = build_net(spec.body, image_shape, spec.classes)
    steps = -(-number // 64) * spec.epochs
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)), "sparse_categorical_crossentropy"
    )
    model.fit(pictures.pixels, pictures.labels, batch_size=64, epochs=spec.epochs, verbose=0)
    net = ZooNet(spec, model, backdoor, 0.0, None, time.monotonic() - started)
    clean = net.clean_test
    accuracy = _percent(model, clean.pixels, clean.labels)
    attack = None if backdoor is None else _percent(model, *net.poison(clean.pixels, clean.labels))
    return ZooNet(spec, model, backdoor, accuracy, attack, net.seconds)


def _percent(model: keras.Model, pixels: Pixels, labels: Labels) -> float:
    predictions = model.predict(pixels, batch_size=256, verbose=0).argmax(axis=1)
    return 100 * float(np.mean(predictions == labels))
