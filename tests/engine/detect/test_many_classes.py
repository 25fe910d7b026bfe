"""With a hundred classes an examination stays within bounds, whatever it looks at."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.detect.examination import Examination
from bdtui.engine.detect.methods import FUSED, INVERSION
from bdtui.engine.detect.pixel_range import CleanPictures
from bdtui.engine.detect.stamp_search import StampSearch
from bdtui.engine.detect.steps import Ascent
from bdtui.engine.errors import Interrupted
from bdtui.engine.reporter import Reporter

_CLASSES = 100


def many_classes() -> keras.Model:
    keras.utils.set_random_seed(1)
    x = start = keras.Input((16, 16, 3))
    for place in range(2):
        x = layers.MaxPooling2D(name=f"pool_{place}")(layers.Conv2D(4, 3, padding="same", activation="relu")(x))
    return keras.Model(start, layers.Dense(_CLASSES, activation="softmax")(layers.Flatten()(x)))


def pictures() -> CleanPictures:
    random = np.random.default_rng(2)
    return CleanPictures.of_arrays(random.random((20, 16, 16, 3), np.float32), np.arange(20), 0.0, 1.0)


def test_between_two_questions_whether_to_stop_lie_two_batches_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    work: list[int] = []
    since: list[int] = []
    direction, step = Ascent.directions, StampSearch.step

    def counted_direction(self: Ascent, values: Any, classes: Any) -> Any:
        since.append(len(classes))
        return direction(self, values, classes)

    def counted_step(self: StampSearch, images: Any, wanted: Any, *arguments: Any) -> Any:
        since.append(wanted.size)
        return step(self, images, wanted, *arguments)

    def ask() -> bool:
        work.append(len(since))
        since.clear()
        return False

    monkeypatch.setattr(Ascent, "directions", counted_direction)
    monkeypatch.setattr(StampSearch, "step", counted_step)
    examined = Examination(many_classes(), pictures())
    examined.run(reporter=Reporter(stop_requested=ask))
    assert {FUSED, INVERSION} <= examined.parts.keys()
    assert sum(work) > 300
    assert max(work) <= 2


def test_a_shortlist_and_random_controls_are_inverted_within_the_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []

    class Enough(Exception):
        pass

    def counted(self: StampSearch, images: Any, wanted: Any, *arguments: Any) -> Any:
        rows.append(wanted.size)
        raise Enough

    monkeypatch.setattr(StampSearch, "step", counted)
    examined = Examination(many_classes(), pictures())
    with pytest.raises(Enough):
        examined.run()
    assert len(examined._inverted_classes()) == 24
    assert 0 < max(rows) <= examined.subject.rows


def test_a_stop_keeps_what_was_found_by_then() -> None:
    examined = Examination(many_classes(), pictures())
    with pytest.raises(Interrupted):
        examined.run(reporter=Reporter(stop_requested=lambda: FUSED in examined.parts))
    assert FUSED in examined.parts
    assert INVERSION not in examined.parts
    assert examined.conclude().suspects
