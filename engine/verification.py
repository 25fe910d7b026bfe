"""Reopens what was saved and holds its predictions against those the run reported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import BdtuiError

_CLOSE = 1e-6
"""Scores nearer than this, relative to the larger, may change places by rounding alone."""


@dataclass(frozen=True)
class SavedPair:
    """Files of a threshold.

    Attributes:
        pruned: B′.
        goodnet: G.
    """

    pruned: Path
    goodnet: Path


def check_saved_pair(
    badnet: keras.Model,
    saved: SavedPair,
    images: NDArray[np.float32],
    pruned_classes: NDArray[np.int64],
    goodnet_classes: NDArray[np.int64],
) -> None:
    """Reopen a saved B′ and G and compare their predictions with those a run reported.

    Args:
        badnet: B.
        saved: the files.
        images: as the networks read them, shape (rows, …).
        pruned_classes: reported of B′, shape (rows,).
        goodnet_classes: reported of G, shape (rows,).

    Raises:
        BdtuiError: a saved model says otherwise, for an image whose scores are clearly apart.
    """
    scores = _scores(keras.models.load_model(saved.pruned, compile=False, safe_mode=True), images)
    clear = _clearly_apart(scores)
    _compare(saved.pruned, scores.argmax(axis=1), pruned_classes, clear)
    clear &= _clearly_apart(_scores(badnet, images))
    joined = _scores(keras.models.load_model(saved.goodnet, compile=False, safe_mode=True), images)
    _compare(saved.goodnet, joined.argmax(axis=1), goodnet_classes, clear)


def _scores(model: keras.Model, images: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(model(images, training=False), dtype=np.float32)


def _clearly_apart(scores: NDArray[np.float32]) -> NDArray[np.bool_]:
    best = np.partition(scores, -2, axis=1)[:, -2:]
    return np.asarray(best[:, 1] - best[:, 0] > _CLOSE * np.maximum(np.abs(best[:, 1]), _CLOSE))


def _compare(path: Path, found: NDArray[np.int64], expected: NDArray[np.int64], clear: NDArray[np.bool_]) -> None:
    wrong = np.flatnonzero((found != expected) & clear)
    if len(wrong):
        raise BdtuiError(
            f"{path}: reopened, the model puts {len(wrong)} of {len(found)} images into other classes than the run "
            f"reported (the first is image {wrong[0]}: class {found[wrong[0]]}, reported {expected[wrong[0]]}); "
            "do not use it, and please report this as a fault of bdtui"
        )
