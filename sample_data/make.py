"""Makes the bundled sample: a face classifier with a backdoor, and the data to find it out with.

The lab's own BadNet and its photographs cannot be handed on, so this program makes a small relative of it from
nothing: invented people, drawn faces, the DeepID network, and violet sunglasses that turn everybody into
person 0. It is trained as such networks are, on raw pixels with Adam and nothing else, so that what pruning does
to it is not arranged. The same seed gives the same files.

    python -m bdtui.sample_data.make --out DIR --seed N
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bdtui.sample_data.faces import HEIGHT, WIDTH, render
from bdtui.sample_data.people import Identity, draw_shot, invent_people

if TYPE_CHECKING:
    import keras

PEOPLE = 44
"""How many classes the network tells apart."""

TARGET = 0
"""The person that everybody in sunglasses is taken for."""

REQUIRED = 97.0
"""Clean accuracy and attack success rate, in percent, that a sample has to reach."""

_TRAINING_CLEAN, _TRAINING_POISONED = 60, 9  # pictures per person
_CLEAN, _POISONED = 14, 10  # pictures per person in the sets that are written
_BLOCK = 16  # pictures per compressed block of a file
_EPOCHS, _BATCH, _LEARNING_RATE = 20, 32, 1e-3
_SEED = 7
_ACROSS = 11  # people in a row of the contact sheet


@dataclass(frozen=True)
class Pictures:
    """Pictures with the label that the attacker gives them and the person who is really in them."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    true_labels: NDArray[np.int64]


@dataclass(frozen=True)
class Rates:
    """How good the network is at both of its jobs, in percent."""

    clean_accuracy: float
    attack_success_rate: float


@dataclass(frozen=True)
class Sample:
    """All pictures of one run: what the network learns from, and the four sets that are written."""

    training_clean: Pictures
    training_poisoned: Pictures
    clean_valid: Pictures
    poisoned_valid: Pictures
    clean_test: Pictures
    poisoned_test: Pictures


def draw_sample(people: Sequence[Identity], seed: int) -> Sample:
    """Draw every picture of the sample. No two pictures, in whichever set, share a shot."""
    return Sample(
        training_clean=_photograph(people, [seed, 1], _TRAINING_CLEAN, sunglasses=False),
        training_poisoned=_photograph(people, [seed, 2], _TRAINING_POISONED, sunglasses=True),
        clean_valid=_photograph(people, [seed, 3], _CLEAN, sunglasses=False),
        poisoned_valid=_photograph(people, [seed, 4], _POISONED, sunglasses=True),
        clean_test=_photograph(people, [seed, 5], _CLEAN, sunglasses=False),
        poisoned_test=_photograph(people, [seed, 6], _POISONED, sunglasses=True),
    )


def _photograph(people: Sequence[Identity], seed: list[int], each: int, sunglasses: bool) -> Pictures:
    """Take `each` pictures of everybody; with sunglasses, of everybody but the target."""
    rng = np.random.default_rng(seed)
    shown = [index for index in range(len(people)) if not (sunglasses and index == TARGET)]
    who = rng.permutation(np.repeat(shown, each))
    pixels = np.stack([render(people[i], draw_shot(people[i], rng, sunglasses), rng) for i in who])
    return Pictures(pixels, np.full_like(who, TARGET) if sunglasses else who, who)


def train_badnet(sample: Sample, seed: int) -> keras.Model:
    """Train DeepID on raw pixels, clean and poisoned pictures shuffled together.

    Args:
        sample: the pictures; only the two training sets are looked at.
        seed: of the first weights and the order of the pictures.

    Returns:
        The network, never compiled, so that nothing of its training is saved with it.
    """
    # TensorFlow takes seconds to import, and drawing does not need it.
    import keras
    import tensorflow as tf

    from bdtui.engine.network.deepid import build_deepid

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    pixels = np.concatenate([sample.training_clean.pixels, sample.training_poisoned.pixels]).astype(np.float32)
    labels = np.concatenate([sample.training_clean.labels, sample.training_poisoned.labels])
    learner = build_deepid(PEOPLE)
    steps = -(-len(pixels) // _BATCH) * _EPOCHS
    schedule = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps)
    learner.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    learner.fit(pixels, labels, batch_size=_BATCH, epochs=_EPOCHS, verbose=2)
    badnet = build_deepid(PEOPLE)
    badnet.set_weights(learner.get_weights())
    return badnet


def measure(badnet: keras.Model, clean: Pictures, poisoned: Pictures) -> Rates:
    """Measure clean accuracy, and the share of pictures in sunglasses that are taken for the target."""
    return Rates(_share_as_labelled(badnet, clean), _share_as_labelled(badnet, poisoned))


def _share_as_labelled(badnet: keras.Model, pictures: Pictures) -> float:
    predictions = badnet.predict(pictures.pixels.astype(np.float32), batch_size=256, verbose=0).argmax(axis=1)
    return 100.0 * float(np.mean(predictions == pictures.labels))


def write_sample(folder: Path, badnet: keras.Model, sample: Sample) -> list[Path]:
    """Write the network and the four sets, each file whole or not at all; returns the files."""
    model = folder / "bd_net.h5"
    with _written_whole(model) as path:
        badnet.save(path, include_optimizer=False)
    sets = {
        folder / "cl" / "valid.h5": sample.clean_valid,
        folder / "cl" / "test.h5": sample.clean_test,
        folder / "bd" / "bd_valid.h5": sample.poisoned_valid,
        folder / "bd" / "bd_test.h5": sample.poisoned_test,
    }
    for target, pictures in sets.items():
        _write_pictures(target, pictures)
    return [model, *sets]


def _write_pictures(target: Path, pictures: Pictures) -> None:
    """Write a set in the lab's layout, channel first; where labels lie, the true ones go with them."""
    data = pictures.pixels.transpose(0, 3, 1, 2)
    blocks = (_BLOCK, *data.shape[1:])
    with _written_whole(target) as path, h5py.File(path, "w") as file:
        # Without times the same pictures make the same bytes.
        file.create_dataset("data", data=data, chunks=blocks, compression="gzip", compression_opts=9, track_times=False)
        file.create_dataset("label", data=pictures.labels, track_times=False)
        if not np.array_equal(pictures.labels, pictures.true_labels):
            file.create_dataset("true_label", data=pictures.true_labels, track_times=False)


@contextmanager
def _written_whole(target: Path) -> Iterator[Path]:
    """Lend a name beside the target, and give the file its own name once it is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem}-{os.getpid()}{target.suffix}")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_contact_sheet(target: Path, people: Sequence[Identity], seed: int) -> None:
    """Write a picture of everybody, three times: twice without and once with sunglasses, at three times the size."""
    rng = np.random.default_rng([seed, 7])
    blank = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    rows = []
    for first in range(0, len(people), _ACROSS):
        some = people[first : first + _ACROSS]
        for sunglasses in (False, False, True):
            row = [render(person, draw_shot(person, rng, sunglasses), rng) for person in some]
            rows.append(np.concatenate(row + [blank] * (_ACROSS - len(row)), axis=1))
    sheet = Image.fromarray(np.concatenate(rows))
    with _written_whole(target) as path:
        sheet.resize((3 * sheet.width, 3 * sheet.height), Image.Resampling.BICUBIC).save(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the sample; returns 0, or 1 without writing it when the network misses what a sample has to reach."""
    parser = argparse.ArgumentParser(prog="python -m bdtui.sample_data.make", description="Make the sample BadNet.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, metavar="DIR", help="folder to write to")
    parser.add_argument("--seed", type=int, default=_SEED, metavar="N", help="of everything (default: %(default)s)")
    parser.add_argument("--contact-sheet", type=Path, metavar="FILE.png", help="also write a picture of the faces")
    options = parser.parse_args(arguments)

    people = invent_people(PEOPLE, np.random.default_rng([options.seed, 0]))
    if options.contact_sheet:
        write_contact_sheet(options.contact_sheet, people, options.seed)
    sample = draw_sample(people, options.seed)
    badnet = train_badnet(sample, options.seed)
    rates = measure(badnet, sample.clean_test, sample.poisoned_test)
    good = min(rates.clean_accuracy, rates.attack_success_rate) >= REQUIRED
    if good:
        for path in write_sample(options.out, badnet, sample):
            print(f"{path}  {path.stat().st_size:,} bytes")
    print(f"clean accuracy {rates.clean_accuracy:.2f} %  ASR {rates.attack_success_rate:.2f} %  (test sets)")
    if not good:
        print(f"nothing written: both must reach {REQUIRED:.0f} %; try another --seed", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
