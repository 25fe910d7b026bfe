"""A labelled pool: the class that was poisoned stands out, and so do its images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.detect.pool import JudgedPool, judge_activations, principal_components, two_groups

CLASSES, EACH, POISONED = 8, 60, 25
TARGET = 3


def judged(poisoned: int, classes: int = CLASSES) -> tuple[JudgedPool, NDArray[np.bool_]]:
    """Features and pictures of a class lie around a middle of its own; poisoned images have the pictures of other classes."""
    random = np.random.default_rng(0)
    middles = 4 * random.normal(size=(classes, 20))
    shown = np.concatenate([np.repeat(np.arange(classes), EACH), np.arange(poisoned) % classes])
    labels = np.concatenate([shown[: classes * EACH], np.full(poisoned, TARGET)])
    is_poisoned = np.arange(len(labels)) >= classes * EACH
    pixels = (middles[shown] + random.normal(size=(len(labels), 20))).astype(np.float32)
    activations = middles[labels] + random.normal(size=(len(labels), 20))
    activations[is_poisoned] += 8 * np.sign(random.normal(size=20))
    return judge_activations(activations.astype(np.float32), pixels, labels, classes), is_poisoned


def test_the_poisoned_class_is_named_and_its_poisoned_images_flagged() -> None:
    found, poisoned = judged(POISONED)
    assert found.suspects == (TARGET,)
    np.testing.assert_array_equal(found.flagged, poisoned)
    assert f"class looks poisoned: {TARGET}" in found.sentences[0]
    assert "probably put there" in found.why(len(poisoned) - 1)
    assert found.why(0) == f"two groups of class 0 lie {found.class_scores[0]:.1f} deviations apart, below 7"


def test_the_larger_group_can_be_the_poisoned_one() -> None:
    found, poisoned = judged(2 * EACH)
    np.testing.assert_array_equal(found.flagged, poisoned)


def test_in_a_clean_pool_nothing_is_flagged() -> None:
    found, _ = judged(0)
    assert found.suspects == ()
    assert not found.flagged.any()
    assert "no class looks poisoned" in found.sentences[0]


def test_classes_with_few_images_are_not_judged() -> None:
    labels = np.zeros(10, np.int64)
    few = judge_activations(np.zeros((10, 3), np.float32), np.zeros((10, 2), np.float32), labels, 2)
    assert few.why(0) == "class 0 has too few images to say"
    assert few.sentences == ("Pool: no class has 20 images; nothing can be said.",)


def test_images_that_are_all_alike_fall_into_no_groups() -> None:
    labels = np.repeat(np.arange(6), 30)
    same = np.ones((180, 4), np.float32)
    assert judge_activations(same, same, labels, 6).suspects == ()


def test_two_groups_are_found_whatever_their_sizes() -> None:
    for small in (6, 50, 94):
        values = np.random.default_rng(small).normal(size=(100, 12)).astype(np.float32)
        values[:small, 2] += 9
        first = two_groups(principal_components(values))
        assert {bool(side) for side in first[:small]} != {bool(side) for side in first[small:]}
        assert len({bool(side) for side in first[:small]}) == 1
