from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.detect import METHODS, detect
from bdtui.engine.detect.evidence import Evidence
from bdtui.engine.detect.fused_scan import find_by_fused_scan
from bdtui.engine.detect.given import ImagesGiven, LabelledGiven, WeightsGiven
from bdtui.engine.detect.inversion import find_by_inversion, reverse_triggers
from bdtui.engine.detect.last_layer import find_by_last_layer
from bdtui.engine.detect.margins import find_by_margins
from bdtui.engine.detect.method import IMAGES, LABELS, NOTHING
from bdtui.engine.detect.mutual_information import find_by_mutual_information, information_share
from bdtui.engine.detect.scan import find_by_scan, find_by_scan_of_images
from bdtui.engine.detect.subject import Subject
from bdtui.engine.errors import Interrupted
from bdtui.engine.reporter import SILENT, Reporter
from tests.engine.detect.made_nets import CLASSES, TARGET, nested, patch_net, row_images, rows_net, subject_of

GIVEN = {NOTHING: WeightsGiven, IMAGES: ImagesGiven, LABELS: LabelledGiven}


@pytest.fixture(scope="module")
def backdoored() -> Subject:
    return subject_of(patch_net())


def images_for(subject: Subject, number: int = 20) -> np.ndarray:
    return subject.smooth(number, np.random.default_rng(8))


def run(name: str, subject: Subject, reporter: Reporter = SILENT) -> Evidence:
    images = images_for(subject)
    labels = subject.predict(images)
    given = {NOTHING: (subject,), IMAGES: (subject, images), LABELS: (subject, images, labels)}
    method = METHODS[name]
    return method.load()(GIVEN[method.needs](*given[method.needs], reporter))


@pytest.mark.parametrize("find", [find_by_margins, find_by_scan, find_by_fused_scan, find_by_last_layer])
def test_methods_without_data_put_the_target_first(find: Callable[[Any], Evidence], backdoored: Subject) -> None:
    found = find(WeightsGiven(backdoored))
    assert found.scores.shape == (CLASSES,)
    assert np.argmax(found.scores) == TARGET


@pytest.mark.parametrize("find", [find_by_margins, find_by_scan])
def test_what_leads_nowhere_is_less_unusual(find: Callable[[Any], Evidence], backdoored: Subject) -> None:
    clean = find(WeightsGiven(subject_of(patch_net(target=None))))
    found = find(WeightsGiven(backdoored))
    assert found.p is not None
    assert clean.p is not None
    assert found.p < 0.05 < clean.p
    assert found.statistic > clean.statistic


def test_the_scan_of_images_puts_the_target_first(backdoored: Subject) -> None:
    assert np.argmax(find_by_scan_of_images(ImagesGiven(backdoored, images_for(backdoored))).scores) == TARGET


@pytest.fixture(scope="module")
def rows() -> ImagesGiven:
    return ImagesGiven(subject_of(rows_net("patch")), row_images(60)[0])


def test_the_smallest_reversed_trigger_leads_to_the_target_and_works(rows: ImagesGiven) -> None:
    found = find_by_inversion(rows)
    smallest = found.triggers[0]
    assert np.argmax(found.scores) == smallest.target == TARGET
    assert found.statistic > np.log(2)
    assert np.unravel_index(np.argmax(smallest.mask), smallest.mask.shape) == (5, 5, 0)
    others = rows.images[rows.subject.predict(rows.images) != TARGET]
    hits = int(np.sum(rows.subject.predict(smallest.stamp(others)) == TARGET))
    assert (smallest.fooled, smallest.images) == (hits, len(others))
    assert hits >= 0.7 * len(others)


def test_the_strong_trigger_is_within_the_range_of_pixels(rows: ImagesGiven) -> None:
    (found,) = reverse_triggers(rows, [TARGET], strong=True)
    assert found.fooled >= 0.9 * found.images
    assert 0 <= found.mask.min() <= found.mask.max() <= 1
    assert 0 <= found.pattern.min() <= found.pattern.max() <= 1


def test_a_stamp_keeps_the_order_of_classes_where_the_attack_is_all_to_all() -> None:
    images, labels = row_images()
    found, clean = (
        find_by_mutual_information(LabelledGiven(subject_of(rows_net(each)), images, labels)).statistic
        for each in ("all-to-all", "none")
    )
    assert found > 0.9
    assert clean < 0.5


def test_information_is_all_for_a_permutation_and_nothing_for_chance() -> None:
    labels = np.arange(2_000) % 5
    assert information_share(labels, (labels + 1) % 5, 5) == pytest.approx(1)
    assert information_share(labels, np.zeros_like(labels), 5) == 0
    assert information_share(labels, np.random.default_rng(0).integers(0, 5, 2_000), 5) < 0.02


@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_finds_the_same(name: str) -> None:
    found, again, other = (run(name, subject_of(patch_net(), seed)) for seed in (1, 1, 2))
    assert np.array_equal(found.scores, again.scores, equal_nan=True)
    assert (found.statistic, found.p) == (again.statistic, again.p)
    if len(found.scores) and name not in ("last-layer", "scan-images"):
        assert not np.array_equal(found.scores, other.scores, equal_nan=True)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "last-layer"])
def test_a_method_stops_between_two_steps(name: str, backdoored: Subject) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    with pytest.raises(Interrupted):
        run(name, backdoored, Reporter(stop_requested=stop))
    assert asked == 6


@pytest.mark.parametrize("name", METHODS)
def test_a_network_that_gives_no_numbers_breaks_nothing(name: str) -> None:
    model = patch_net()
    kernel, bias = model.get_layer("output").get_weights()
    kernel[3, 2] = np.nan
    model.get_layer("output").set_weights([kernel, bias])
    found = run(name, subject_of(model))
    assert np.isfinite(found.statistic)
    assert found.p is None or 0 <= found.p <= 1


def test_a_network_inside_another_is_looked_at_as_if_it_were_not(backdoored: Subject) -> None:
    inside = subject_of(nested(patch_net()))
    for find in (find_by_margins, find_by_scan):
        assert np.allclose(find(WeightsGiven(inside)).scores, find(WeightsGiven(backdoored)).scores, rtol=1e-3)


def test_pixels_in_planes_have_one_mask_for_all_channels() -> None:
    subject = subject_of(patch_net(image=(3, 12, 12)))
    found = find_by_inversion(ImagesGiven(subject, images_for(subject)), [TARGET, 0, 1], steps=20)
    assert found.triggers[0].mask.shape == (1, 12, 12)
    assert found.triggers[0].pattern.shape == (3, 12, 12)
    assert np.flatnonzero(np.isfinite(found.scores)).tolist() == [0, 1, TARGET]
    assert np.argmax(find_by_scan(WeightsGiven(subject)).scores) == TARGET


def test_scores_are_those_before_the_last_activation(backdoored: Subject) -> None:
    images = images_for(backdoored)
    logits = np.asarray(backdoored.logits(images))
    assert np.allclose(keras.ops.softmax(logits), patch_net()(images), atol=1e-5)
    assert logits.min() < 0


def test_one_unit_has_two_scores_that_are_opposite() -> None:
    start = keras.Input((4,))
    subject = subject_of(keras.Model(start, layers.Dense(1, activation="sigmoid")(start)))
    logits = np.asarray(subject.logits(np.random.default_rng(0).random((6, 4), np.float32)))
    assert logits.shape == (6, 2)
    assert np.allclose(logits[:, 0], -logits[:, 1])


def test_nothing_that_is_poisoned_or_kept_for_the_test_can_be_passed() -> None:
    fields = {kind: [each.name for each in dataclasses.fields(kind)] for kind in GIVEN.values()}
    assert fields[WeightsGiven] == ["subject", "reporter"]
    assert fields[ImagesGiven] == ["subject", "images", "reporter"]
    assert fields[LabelledGiven] == ["subject", "images", "labels", "reporter"]
    taken = [*inspect.signature(detect).parameters]
    assert taken == ["model", "clean", "pixels", "methods", "seed", "reporter"]
    assert {method.needs for method in METHODS.values()} == {NOTHING, IMAGES, LABELS}
