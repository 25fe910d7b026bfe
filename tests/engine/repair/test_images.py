"""What is done to images that repairs learn from: patches, changes that keep a class, and the two parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from bdtui.engine.errors import DataError, OptionError
from bdtui.engine.repair import methods
from bdtui.engine.repair.augmentation import SHIFTS, Augmentation, augmented, find_augmentation
from bdtui.engine.repair.clean_images import Canvas, CleanImages, split_images
from bdtui.engine.repair.lots import Lots
from bdtui.engine.repair.method import RepairInput
from bdtui.engine.repair.methods import RepairMethod
from bdtui.engine.repair.overlays import overlay
from bdtui.engine.repair.patches import draw_patches
from bdtui.engine.repair.random_changes import change
from bdtui.engine.repair.warps import FARTHEST, warp
from tests.engine.repair.small_badnet import bars


def test_a_method_sees_no_poisoned_and_no_test_image() -> None:
    assert {field.name: field.type for field in fields(RepairInput)} == {
        "badnet": "keras.Model",
        "images": "CleanImages",
        "held_out": "CleanImages",
        "augmentation": "Augmentation",
        "seed": "int",
        "options": "RepairOptions",
        "reporter": "Reporter",
        "checkpoints": "Checkpoints",
        "watch": "Watch",
        "name": "str",
        "triggers": "tuple[Stamp, ...]",
        "spent_before": "Callable[[float], None]",
    }
    assert {field.name for field in fields(CleanImages)} == {"pixels", "labels", "low", "high"}


def test_patches_cover_a_part_of_every_image_and_stay_in_range() -> None:
    grey = tf.fill((400, 20, 30, 3), 77.0)
    low, high = tf.fill((20, 30, 3), -10.0), tf.fill((20, 30, 3), 200.0)
    drawn = np.asarray(draw_patches(grey, low, high, Lots(tf.constant([1, 2]))))
    changed = (drawn != 77).any(axis=-1).mean(axis=(1, 2))
    # A piece of another image is grey here, and changes nothing; a patch over the edge covers less.
    assert 0.5 < (changed > 0).mean() < 0.9
    assert changed.max() < 0.55
    assert 0.04 < changed[changed > 0].mean() < 0.25
    assert drawn.min() >= -10
    assert drawn.max() <= 200


def test_patches_are_the_same_for_the_same_lots_only() -> None:
    images = bars(8, 0).pixels
    low, high = tf.zeros(images.shape[1:]), tf.ones(images.shape[1:])
    first, second, other = (
        np.asarray(draw_patches(images, low, high, Lots(tf.constant([1, step])))) for step in (0, 0, 1)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_a_warp_moves_places_a_little_and_keeps_their_values() -> None:
    columns = tf.tile(tf.range(40, dtype=tf.float32)[None, None, :, None], (200, 30, 1, 1))
    moved = np.asarray(warp(columns, Lots(tf.constant([1, 2])))) - np.asarray(columns)
    # Every pixel says which column it comes from.
    assert np.abs(moved).max() <= FARTHEST * 40 + 1e-3
    assert (np.abs(moved).max(axis=(1, 2, 3)) > 0.2).mean() > 0.8
    inside = moved[:, :, 4:-4, 0]
    assert np.abs(np.diff(inside, axis=2)).max() < 0.8, "it would fold, or tear"


def test_an_overlay_is_faint_and_stays_in_range() -> None:
    low, high = tf.fill((20, 30, 3), -10.0), tf.fill((20, 30, 3), 200.0)
    images = tf.constant(np.random.default_rng(0).uniform(-10, 200, (400, 20, 30, 3)).astype(np.float32))
    laid = np.asarray(overlay(images, low, high, Lots(tf.constant([1, 2]))))
    assert laid.min() >= -10
    assert laid.max() <= 200
    changed = np.abs(laid - np.asarray(images)).mean(axis=(1, 2, 3)) / 210
    assert (changed > 0).all()
    assert changed.max() < 0.25


@pytest.mark.parametrize("shape", [(9, 7, 1), (12, 12, 3)])
@pytest.mark.parametrize("batch", [1, 2, 3, 32])
def test_every_image_gets_patches_and_some_a_warp_or_an_overlay(
    shape: tuple[int, ...], batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = tf.constant(np.random.default_rng(0).uniform(0.2, 0.8, (batch, *shape)).astype(np.float32))
    low, high, lots = tf.zeros(shape), tf.ones(shape), Lots(tf.constant([3, 4]))
    changed = np.asarray(change(images, low, high, lots, are_pictures=True))
    assert changed.shape == images.shape
    own = np.abs(changed[:, None] - np.asarray(images)[None]).mean(axis=(2, 3, 4))
    assert (own.argmin(axis=1) == np.arange(batch)).mean() > 0.8, "images change places"
    monkeypatch.setattr("bdtui.engine.repair.random_changes.draw_patches", lambda images, *_: images)
    unpatched = np.asarray(change(images, low, high, lots, are_pictures=True))
    assert np.any(unpatched != np.asarray(images), axis=(1, 2, 3)).mean() == (0.5 if batch > 3 else 0)


def test_vectors_get_random_changes_but_no_warp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bdtui.engine.repair.random_changes.warp", lambda *_: pytest.fail("a vector was warped"))
    images = tf.ones((8, 1, 20, 1)) / 2
    changed = change(images, tf.zeros((1, 20, 1)), tf.ones((1, 20, 1)), Lots(tf.constant([1, 2])), are_pictures=False)
    assert not np.allclose(np.asarray(changed), 0.5)


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_changed_images_keep_shape_and_range(scale: float) -> None:
    images = bars(30, 0, scale)
    changed = np.asarray(augmented(images, Augmentation(True, True, True, True), (3, 4)))
    assert changed.shape == images.pixels.shape
    assert changed.min() >= 0
    assert changed.max() <= scale
    assert not np.allclose(changed, images.pixels)


def test_only_changes_under_which_b_agrees_with_itself_are_made() -> None:
    images = bars(120, 0)

    def knows_no_mirror(pixels: np.ndarray) -> np.ndarray:
        """A perfect classifier for which a picture that is not one of these belongs to class 3."""
        distance = np.abs(pixels[:, None] - images.pixels[None]).mean(axis=(2, 3, 4))
        return np.where(distance.min(axis=1) < 0.02, images.labels[distance.argmin(axis=1)], 3)

    found = find_augmentation(images, knows_no_mirror, None, 0)
    assert found.augmentation == SHIFTS
    assert found.agreement["mirror"] < 0.6
    assert "mirror" in found.sentence
    symmetric = find_augmentation(images, lambda pixels: np.resize(images.labels, len(pixels)), None, 0)
    assert symmetric.augmentation == Augmentation(True, True, True, True)
    asked = find_augmentation(images, knows_no_mirror, Augmentation(mirror=True), 0)
    assert asked.augmentation.mirror


def coloured(images: CleanImages) -> CleanImages:
    """Grey pictures as pictures of three channels."""
    ends = [np.repeat(each, 3, axis=2) for each in (images.low, images.high)]
    return CleanImages(np.repeat(images.pixels, 3, axis=3), images.labels, *ends)


def test_coloured_light_gives_every_picture_a_colour_of_its_own_and_keeps_what_it_shows() -> None:
    images = coloured(bars(60, 0))
    lit = np.asarray(augmented(images, Augmentation(shift=False, tint=True), (3, 4)))
    assert lit.shape == images.pixels.shape
    assert lit.min() >= 0
    assert lit.max() <= 1
    colours = lit.mean(axis=(1, 2))
    assert (np.ptp(colours, axis=1) > 0.02).mean() > 0.9
    assert np.ptp(colours - colours.mean(axis=1, keepdims=True), axis=0).min() > 0.1, "not the same colour on all"
    for before, after in zip(images.pixels[..., 1], lit[..., 1], strict=True):
        seen = (after > 0) & (after < 1)
        assert np.corrcoef(before[seen], after[seen])[0, 1] > 0.99


def test_coloured_light_is_made_where_b_does_not_mind_it_and_in_place_of_brightness() -> None:
    images = coloured(bars(60, 0))

    def minds_colours(pixels: np.ndarray) -> np.ndarray:
        """A perfect classifier of these pictures, to which coloured ones belong to class 3."""
        return np.where(np.ptp(pixels, axis=3).mean(axis=(1, 2)) < 0.02, np.resize(images.labels, len(pixels)), 3)

    found = find_augmentation(images, minds_colours, None, 0)
    assert (found.augmentation.colour, found.augmentation.tint) == (True, False)
    blind = find_augmentation(images, lambda pixels: np.resize(images.labels, len(pixels)), None, 0)
    assert (blind.augmentation.colour, blind.augmentation.tint) == (False, True)
    assert "coloured light" in blind.sentence
    assert "brightness" not in blind.sentence


def test_coloured_light_is_not_tried_on_grey_pictures() -> None:
    grey = bars(60, 0)
    found = find_augmentation(grey, lambda pixels: np.resize(grey.labels, len(pixels)), None, 0)
    assert "tint" not in found.agreement
    assert not found.augmentation.tint


def test_vectors_are_not_shifted() -> None:
    ends = [np.full(7, end, np.float32) for end in (0, 1)]
    vectors = CleanImages(np.zeros((5, 7), np.float32), np.zeros(5, np.int64), *ends)
    found = find_augmentation(vectors, lambda pixels: np.zeros(len(pixels), np.int64), None, 0)
    assert not found.augmentation.shift


def test_planes_are_told_from_pictures() -> None:
    assert Canvas.of((3, 20, 30)) == Canvas(20, 30, 3, planes=True, is_picture=True)
    assert Canvas.of((20, 30, 3)) == Canvas(20, 30, 3, planes=False, is_picture=True)


def test_a_grey_picture_without_an_axis_for_its_channel_is_a_picture() -> None:
    assert Canvas.of((28, 28)) == Canvas(28, 28, 1, planes=False, is_picture=True)
    assert not Canvas.of((50, 3)).is_picture, "three values at fifty moments"
    assert not Canvas.of((128, 9)).is_picture, "nine sensors"


def test_a_part_of_every_class_is_held_out_and_no_class_altogether() -> None:
    images = bars(140, 0)
    parts = split_images(images, 1 / 7, 3)
    assert len(parts.fit) + len(parts.held_out) == 140
    assert np.bincount(parts.held_out.labels).tolist() == [5, 5, 5, 5]
    lonely = images.some(np.array([0, 1, 2, 3]))
    assert len(split_images(lonely, 0.9, 0).fit) == 4
    with pytest.raises(DataError, match="no clean images"):
        split_images(images.some(slice(0)), 0.1, 0)


def test_an_installed_package_adds_a_method(monkeypatch: pytest.MonkeyPatch) -> None:
    method = RepairMethod("pray", "hope for the best", "nothing", 0, lambda: None)  # type: ignore[arg-type, return-value]
    entry = SimpleNamespace(load=lambda: method)
    monkeypatch.setattr(methods, "entry_points", lambda group: [entry] if group == "bdtui.repairs" else [])
    methods._installed.cache_clear()
    assert methods.find_method("pray") is method
    methods.check_methods(["auto", "pray", "shrink-distil"])
    monkeypatch.undo()
    methods._installed.cache_clear()


@pytest.mark.parametrize(
    ("load", "why"),
    [
        (lambda: (_ for _ in ()).throw(ImportError("no module named prayers")), "no module named prayers"),
        (lambda: "pray", "something other than a RepairMethod"),
    ],
)
def test_a_package_whose_method_is_broken_stops_only_who_asks_for_it(
    monkeypatch: pytest.MonkeyPatch, load: Callable[[], object], why: str
) -> None:
    entry = SimpleNamespace(load=load, name="pray", value="prayers:METHOD", dist=SimpleNamespace(name="prayers"))
    monkeypatch.setattr(methods, "entry_points", lambda group: [entry])
    methods._installed.cache_clear()
    assert methods.find_method("clp").name == "clp"
    assert "pray" not in methods.all_methods()
    with pytest.raises(OptionError, match=why) as refused:
        methods.find_method("pray")
    assert "the package prayers" in str(refused.value)
    monkeypatch.undo()
    methods._installed.cache_clear()
