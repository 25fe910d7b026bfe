"""Rates from predictions, counted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bdtui.engine.evaluation.predictions import Predictions
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.rates import Rates, Share


def count_rates(
    part: str, predictions: Mapping[str, Predictions], data: Mapping[str, LabelledImages], classes: int
) -> Rates:
    """Rates on the ``valid`` or the ``test`` image sets.

    Args:
        part: which of the two.
        predictions: of a network or a GoodNet, by role, each (N,); of a role that is missing there are no rates.
        data: the images by role.
        classes: how many the network has, which is the number of a GoodNet's extra class.
    """
    clean, poisoned = f"clean_{part}", f"poisoned_{part}"
    measured: dict[str, Share] = {}
    if clean in predictions:
        measured["clean"] = _share_equal(predictions[clean], data[clean].labels)
        measured["clean_flagged"] = _share_equal(predictions[clean], classes)
    if poisoned in predictions:
        images = data[poisoned]
        measured |= _attack_share(predictions[poisoned], images)
        measured["poisoned_flagged"] = _share_equal(predictions[poisoned], classes)
        if images.true_labels is not None:
            measured["recovered"] = _share_equal(predictions[poisoned], images.true_labels)
    return Rates(**measured)


def _attack_share(predictions: Predictions, images: LabelledImages) -> dict[str, Share]:
    """Of images that belong to the attacker's class anyway nobody can say whether the trigger had a hand in it."""
    if images.true_labels is None:
        return {"attack": _share_equal(predictions, images.labels)}
    others = images.true_labels != images.labels
    return {"attack": _share_equal(predictions[others], images.labels[others])} if others.any() else {}


def _share_equal(predictions: Predictions, expected: Predictions | int) -> Share:
    """Count the predictions, shape (N,), that equal the expected class or classes, shape (N,)."""
    return Share(int(np.count_nonzero(predictions == expected)), len(predictions))
