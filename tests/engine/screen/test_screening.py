"""Images with a trigger score higher than those without, by every method, on networks whose trigger is known."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.errors import Interrupted, OptionError
from bdtui.engine.network.goodnet import build_repaired_goodnet
from bdtui.engine.reporter import Reporter
from bdtui.engine.screen.methods import BY_GOODNET, IBD_PSC, METHODS, SCALE_UP, STRIP, asked_method
from bdtui.engine.screen.screening import screen
from bdtui.engine.screen.subject import Array, Subject
from tests.engine.detect.made_nets import TARGET, row_images, rows_net

ZERO, ONE = np.zeros((), np.float32), np.ones((), np.float32)


def subject_of(model: keras.Model, low: Array = ZERO, high: Array = ONE) -> Subject:
    return Subject(model, model.input_shape[1:], low, high)


def stamped(images: Array) -> Array:
    images = images.copy()
    images[:, -1, -1] = 1
    return images


CLEAN, LABELS = row_images(160)
JUDGED = np.concatenate([row_images(200)[0][160:], stamped(row_images(200)[0][160:])])
NAMES = tuple(map(str, range(len(JUDGED))))
IS_STAMPED = np.arange(len(JUDGED)) >= len(JUDGED) // 2


@pytest.mark.parametrize("method", [STRIP, SCALE_UP])
def test_stamped_images_score_higher_and_clean_ones_are_let_through(method: str) -> None:
    found = screen(subject_of(rows_net("patch")), [JUDGED], NAMES, CLEAN, method=method)
    assert found.scores[IS_STAMPED].min() > np.median(found.scores[~IS_STAMPED])
    assert found.flagged[IS_STAMPED].all()
    assert found.flagged[~IS_STAMPED].mean() < 0.3
    assert (found.classes[IS_STAMPED] == TARGET).all()
    assert found.clean.images == 80
    assert found.clean.hits <= 4


def test_what_is_above_the_line_is_flagged_and_the_sentence_counts_it() -> None:
    found = screen(subject_of(rows_net("patch")), [JUDGED[:30], JUDGED[30:]], NAMES, CLEAN)
    assert found.sentences[0].startswith(f"{found.flagged.sum()} of 80 images are flagged by strip")
    number = int(np.flatnonzero(found.flagged)[0])
    assert "is above" in found.why(number)
    assert "is not above" in found.why(int(np.flatnonzero(~found.flagged)[0]))


def test_batches_do_not_change_a_score() -> None:
    subject = subject_of(rows_net("patch"))
    at_once = screen(subject, [JUDGED], NAMES, CLEAN)
    in_pieces = screen(subject, [JUDGED[at : at + 27] for at in range(0, len(JUDGED), 27)], NAMES, CLEAN)
    np.testing.assert_allclose(at_once.scores, in_pieces.scores, atol=1e-5)
    assert (at_once.classes == in_pieces.classes).all()


def test_of_a_few_clean_images_no_share_is_promised() -> None:
    found = screen(subject_of(rows_net("patch")), [JUDGED], NAMES, CLEAN[:5])
    assert found.clean.images == 5
    assert any("no share is promised" in sentence for sentence in found.sentences)


def test_pixels_that_are_stored_in_another_range_score_the_same() -> None:
    """What is darkest and brightest comes with the network: −1…1 is no other picture than 0…1."""
    unit = rows_net("patch")
    start = keras.Input(unit.input_shape[1:])
    signed = keras.Model(start, unit(layers.Rescaling(0.5, 0.5)(start)))
    for method in (STRIP, SCALE_UP, IBD_PSC):
        first = screen(subject_of(unit), [JUDGED], NAMES, CLEAN, method=method)
        second = screen(subject_of(signed, -ONE), [2 * JUDGED - 1], NAMES, 2 * CLEAN - 1, method=method)
        np.testing.assert_allclose(first.scores, second.scores, atol=1e-4)


@pytest.mark.parametrize("method", [STRIP, SCALE_UP, IBD_PSC])
def test_one_unit_and_batch_normalization_are_scored(method: str) -> None:
    keras.utils.set_random_seed(1)
    start = keras.Input((6, 6, 1))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3)(start)))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3)(x)))
    model = keras.Model(start, layers.Dense(1, activation="sigmoid")(layers.Flatten()(x)))
    found = screen(subject_of(model), [JUDGED], NAMES, CLEAN, method=method)
    assert np.isfinite(found.scores).all()
    expected = model.predict(JUDGED, verbose=0)[:, 0] > 0.5
    assert (found.classes == expected).all()


def test_louder_layers_leave_the_network_as_it_was() -> None:
    model = rows_net("patch")
    before = [weight.copy() for weight in model.get_weights()]
    subject = subject_of(model)
    usual = subject.probabilities(CLEAN)
    louder = subject.probabilities(CLEAN, louder=[0], factor=3.0)
    assert np.abs(louder - usual).max() > 0.01
    np.testing.assert_array_equal(subject.probabilities(CLEAN), usual)
    for weight, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, now)


def test_where_a_goodnet_answers_one_more_class_an_image_is_flagged() -> None:
    badnet, repaired = rows_net("patch"), rows_net()
    goodnet = build_repaired_goodnet(badnet, repaired)
    found = screen(subject_of(badnet), [JUDGED], NAMES, CLEAN, method=BY_GOODNET, goodnet=subject_of(goodnet))
    differ = badnet.predict(JUDGED, verbose=0).argmax(axis=1) != repaired.predict(JUDGED, verbose=0).argmax(axis=1)
    np.testing.assert_array_equal(found.flagged, differ)
    assert found.clean.images == len(CLEAN)
    assert found.why(int(np.flatnonzero(differ)[0])) == "the GoodNet answers N+1"


def test_a_stop_is_looked_at_between_batches() -> None:
    asked = iter([False] * 5 + [True] * 100)
    with pytest.raises(Interrupted):
        screen(subject_of(rows_net()), [JUDGED], NAMES, CLEAN, reporter=Reporter(stop_requested=lambda: next(asked)))


def test_an_answer_that_is_no_number_says_nothing() -> None:
    model = rows_net()
    weights = model.get_weights()
    weights[-1][:] = np.nan
    model.set_weights(weights)
    assert np.isfinite(screen(subject_of(model), [JUDGED], NAMES, CLEAN).scores).all()


def test_methods_are_asked_for_by_name_and_a_goodnet_says_its_own() -> None:
    assert asked_method(None, goodnet=False).name == STRIP
    assert asked_method(None, goodnet=True).name == BY_GOODNET
    with pytest.raises(OptionError, match="expected one of strip, scale-up, ibd-psc, goodnet"):
        asked_method("oracle", goodnet=False)
    with pytest.raises(OptionError, match="expected --goodnet FILE with it"):
        asked_method(BY_GOODNET, goodnet=False)
    with pytest.raises(OptionError, match="expected one of the two"):
        asked_method(STRIP, goodnet=True)
    assert all(callable(method.load()) for method in METHODS.values())
