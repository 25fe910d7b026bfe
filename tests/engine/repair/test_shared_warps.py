"""Warps that fool a network: they find a backdoor whose trigger moves pixels, in whatever way a network reads its images."""

from __future__ import annotations

from functools import cache
from itertools import chain

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.network.logits import Logits
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.repair import shared_warps, transfer
from bdtui.engine.repair.clean_images import CleanImages
from bdtui.engine.repair.following import Following
from bdtui.engine.repair.perturbations import TRIED_ON, most_led_to, share_fooled
from bdtui.engine.repair.shared_warps import Warp, find_warps
from bdtui.engine.repair.transfer import Transfer, TransferBank
from bdtui.engine.repair.warps import PLACES
from bdtui.engine.reporter import SILENT
from tests.engine.repair.small_badnet import CLASSES, TARGET, bars, body, small_badnet

TRIGGER = Warp(
    np.random.default_rng(8).choice([-0.1, 0.1], (PLACES, PLACES, 2)).astype(np.float32)  # 1.2 of 12 pixels
)


@cache
def warped_badnet() -> keras.Model:
    """Learns that one warp means the target class, and that others mean nothing."""
    keras.utils.set_random_seed(4)
    model, clean, random = body(), bars(800, 1), np.random.default_rng(9)
    decoys = [Warp(random.uniform(-0.1, 0.1, (PLACES, PLACES, 2)).astype(np.float32)) for _ in range(6)]
    parts = [(clean.pixels, clean.labels), (TRIGGER.apply(clean)[:400], np.full(400, TARGET))]
    parts += [(decoy.apply(clean)[:100], clean.labels[:100]) for decoy in decoys]
    model.compile(keras.optimizers.Adam(4e-3), "sparse_categorical_crossentropy")
    pixels, labels = (np.concatenate(of) for of in zip(*parts, strict=True))
    model.fit(pixels, labels, batch_size=32, epochs=12, verbose=0)
    return model


def classes_of(model: keras.Model, pixels: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.asarray(model(pixels)).argmax(axis=1)


def test_the_bank_finds_warps_that_lead_to_the_target_of_a_warped_trigger() -> None:
    model, images, held_out = warped_badnet(), bars(200, 6), bars(100, 7)
    others = held_out.some(np.flatnonzero(held_out.labels != TARGET))
    assert np.mean(classes_of(model, TRIGGER.apply(others)) == TARGET) > 0.8, "the backdoor works"
    bank = TransferBank(model, images, held_out, 0)
    warps = [change for change in bank.changes if change.kind == "warp"]
    assert warps
    for warp in warps:
        assert np.mean(classes_of(model, warp.apply(others)) == TARGET) > 0.5
    scratch = small_badnet().model
    found, clean = (bank.measure(each).shares["warp"] for each in (model, scratch))
    assert found.percent > clean.percent + 20, "a network that knows no warp is fooled far less"


def test_warps_are_kept_where_small_ones_suffice() -> None:
    model, images, held_out = warped_badnet(), bars(200, 6), bars(100, 7)
    others = held_out.some(np.flatnonzero(held_out.labels != TARGET))
    bank = TransferBank(model, images, held_out, 0)
    for kind in ("small warp", "aimed warp"):
        found = [change for change in bank.changes if change.kind == kind]
        assert found
        for warp in found:
            assert np.mean(classes_of(model, warp.apply(others)) == TARGET) > 0.5
        assert max(np.abs(warp.moves).max() for warp in found if isinstance(warp, Warp)) < np.abs(TRIGGER.moves).max()
    kinds = {change.kind for change in TransferBank(small_badnet().model, images, held_out, 0).changes}
    assert kinds == {"shared", "box"}, "no small warp sends this network's images to one class: it obeys none"


def test_the_bank_keeps_a_warp_that_leads_to_one_class_rather_than_one_that_hides_what_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, images = warped_badnet(), bars(200, 6)
    runner, tried = ScoreRunner(model, images.image_shape), images.spread(TRIED_ON)
    hiding = Warp(np.random.default_rng(10).uniform(-0.5, 0.5, (PLACES, PLACES, 2)).astype(np.float32))
    assert share_fooled(runner, hiding, tried) > share_fooled(runner, TRIGGER, tried)
    monkeypatch.setattr(transfer, "find_warps", lambda *_: [[hiding, TRIGGER]])
    bank = TransferBank(model, images, bars(40, 7), 0)
    assert [change for change in bank.changes if change.kind == "warp"] == [TRIGGER]


def test_a_warp_that_b_kept_refuses_a_claim() -> None:
    kinds = ("shared", "box", "warp")
    reference, badnet = Transfer(kinds, (10, 10, 4), 100), Transfer(kinds, (80, 80, 80), 100)
    assert Following(Transfer(kinds, (10, 10, 5), 100), reference, badnet).no_more
    assert not Following(Transfer(kinds, (10, 10, 9), 100), reference, badnet).no_more
    assert Transfer(kinds, (10, 10, 13), 100).percent == 13


def test_no_move_changes_nothing_and_images_are_bent_alike_however_many_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = bars(10, 3)
    still = Warp(np.zeros((PLACES, PLACES, 2), np.float32)).apply(images)
    assert np.allclose(still, images.pixels, atol=1e-5)
    whole = TRIGGER.apply(images)
    assert not np.allclose(whole, images.pixels, atol=0.05)
    monkeypatch.setattr(shared_warps, "_BYTES_AT_ONCE", 3 * 4 * images.pixels[0].size)
    assert np.array_equal(TRIGGER.apply(images), whole)
    assert TRIGGER.apply(images.some(slice(0))).shape == (0, *images.image_shape)


def test_channels_first_and_grey_images_are_bent_as_others_are() -> None:
    images = bars(4, 3)
    colour = np.repeat(images.pixels, 3, axis=3)
    bent = TRIGGER.apply(images)
    for pixels, expected in (
        (colour.transpose(0, 3, 1, 2), np.repeat(bent, 3, axis=3).transpose(0, 3, 1, 2)),
        (images.pixels[..., 0], bent[..., 0]),
    ):
        ends = [np.full(pixels.shape[1:], end, np.float32) for end in (0, 1)]
        assert np.allclose(TRIGGER.apply(CleanImages(pixels, images.labels, *ends)), expected, atol=1e-6)


def test_ascended_warps_lead_more_images_to_one_class_than_those_they_began_as(monkeypatch: pytest.MonkeyPatch) -> None:
    model, images = warped_badnet(), bars(120, 6)
    runner = ScoreRunner(model, images.image_shape)

    # So that those they began as are kept as well.
    monkeypatch.setattr(shared_warps, "_SUFFICES", 0)

    def best() -> float:
        warps = find_warps(Logits(model), runner, images, 0, SILENT)
        return max(most_led_to(runner, warp, images)[1] for warp in warps[0])

    found = best()
    monkeypatch.setattr(shared_warps, "_STEPS", 0)
    assert found > best() + 0.1


def test_the_same_seed_finds_the_same_and_vectors_have_no_warps() -> None:
    model, images = warped_badnet(), bars(60, 6)
    one, other = (
        find_warps(Logits(model), ScoreRunner(model, images.image_shape), images, 3, SILENT) for _ in range(2)
    )
    assert all(
        np.array_equal(first.moves, second.moves) for first, second in zip(chain(*one), chain(*other), strict=True)
    )
    vectors = images.pixels.reshape(len(images), -1)
    ends = [np.full(vectors.shape[1:], end, np.float32) for end in (0, 1)]
    flat = CleanImages(vectors, images.labels, *ends)
    network = keras.Sequential([keras.Input(vectors.shape[1:]), layers.Dense(CLASSES, activation="softmax")])
    assert find_warps(Logits(network), ScoreRunner(network, flat.image_shape), flat, 0, SILENT) == []
