from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.zoo import ATTACKS, BODIES, KINDS, ZooSpec, draw_pictures, make_net
from tests.benchmarks.zoo.attacks import make_backdoor
from tests.benchmarks.zoo.bodies import build_net


@pytest.mark.parametrize(("kind", "classes"), [("characters", 10), ("characters", 42), ("shapes", 10), ("shapes", 44)])
def test_pictures_depend_on_the_seed_alone(kind: str, classes: int) -> None:
    drawn, again, other = (draw_pictures(kind, classes, 88, seed) for seed in (1, 1, 2))
    assert np.array_equal(drawn.pixels, again.pixels)
    assert not np.array_equal(drawn.pixels, other.pixels)
    assert set(drawn.labels) == set(range(classes))
    assert drawn.pixels.dtype == np.float32
    assert 0 <= drawn.pixels.min() < drawn.pixels.max() <= 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attack", [name for name in ATTACKS if name != "none"])
def test_every_trigger_changes_pictures_within_their_range(attack: str, kind: str) -> None:
    clean = draw_pictures(kind, 10, 60, 3)
    backdoor = make_backdoor(attack, clean.pixels.shape[1:], 10, 5)
    assert backdoor is not None
    before = clean.pixels.copy()
    stamped, wanted = backdoor.poison(clean.pixels, clean.labels)
    assert np.array_equal(clean.pixels, before)
    assert (np.abs(stamped - before).max(axis=(1, 2, 3)) > 0.05).all()
    assert 0 <= stamped.min() <= stamped.max() <= 1
    assert set(wanted) == (set(backdoor.targets) or set(range(10)))
    training = backdoor.poison_training(clean, np.random.default_rng(0))
    assert np.array_equal(training.labels, clean.labels) == backdoor.keeps_labels
    assert (training.pixels != before).any()


@pytest.mark.parametrize("body", BODIES)
def test_every_body_takes_both_kinds_of_pictures(body: str) -> None:
    assert build_net(body, (28, 28, 1), 42).output_shape == (None, 42)
    assert build_net(body, (32, 32, 3), 10).output_shape == (None, 10)


def test_a_net_is_trained_once_and_found_again(tmp_path: Path) -> None:
    spec = ZooSpec(classes=3, attack="patch", training=300, epochs=1)
    net = make_net(spec, tmp_path)
    again = make_net(spec, tmp_path)
    assert (again.clean_accuracy, again.seconds) == (net.clean_accuracy, net.seconds)
    for weights, found in zip(net.model.get_weights(), again.model.get_weights(), strict=True):
        assert np.array_equal(weights, found)
    pixels, labels = net.poison(net.clean_valid.pixels, net.clean_valid.labels)
    assert set(labels) == {net.target}
    assert len(pixels) == np.count_nonzero(net.clean_valid.labels != net.target)
