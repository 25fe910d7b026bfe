"""Reopens what was saved and holds its predictions against those the run reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import BdtuiError
from bdtui.engine.exports.keras_file import load_model
from bdtui.engine.network.graph import trace_network
from bdtui.engine.network.score_runner import ScoreRunner

_CLOSE = {"float16": 1e-2, "bfloat16": 6e-2}
"""Scores nearer than this, relative to the largest, may change places by rounding alone where anything is computed so."""
_CLOSE_OTHERWISE = 1e-5


class ReopenCheck:
    """Compares reopened models with what a run reported of them, on the same images for all thresholds.

    Args:
        badnet: B.
        images: as the networks read them, shape (rows, …).
    """

    def __init__(self, badnet: keras.Model, images: NDArray[np.float32]) -> None:
        self._images = images
        self._close = _close(badnet)
        self._badnet_clear = _clearly_apart(_scores(badnet, images), self._close)

    def of(
        self, pruned_classes: NDArray[np.int64], goodnet_classes: NDArray[np.int64], name: str = "B′"
    ) -> ThresholdCheck:
        """The check of one threshold, or of one repair.

        Args:
            pruned_classes: reported of B′, or of the repaired network, shape (rows,).
            goodnet_classes: reported of G, shape (rows,).
            name: what a person calls B′.
        """
        return ThresholdCheck(
            self._images, self._close, self._badnet_clear.copy(), pruned_classes, goodnet_classes, name
        )


class ThresholdCheck:
    """Compares the two reopened models of a threshold; see `ReopenCheck.of`."""

    def __init__(
        self,
        images: NDArray[np.float32],
        close: float,
        clear: NDArray[np.bool_],
        pruned_classes: NDArray[np.int64],
        goodnet_classes: NDArray[np.int64],
        name: str,
    ) -> None:
        self._name = name
        self._images = images
        self._pruned_classes = pruned_classes
        self._goodnet_classes = goodnet_classes
        self._close = close
        self._clear = clear

    def check_pruned(self, path: Path) -> None:
        """Reopen B′ and compare its classes where its scores are clearly apart.

        Raises:
            BdtuiError: the saved model predicts otherwise.
        """
        scores = _scores(load_model(path), self._images)
        clear = _clearly_apart(scores, self._close)
        _compare(self._name, scores.argmax(axis=1), self._pruned_classes, clear)
        self._clear &= clear

    def check_goodnet(self, path: Path) -> None:
        """Reopen G and compare its classes where the scores of B and (checked before) B′ are clearly apart.

        Raises:
            BdtuiError: the saved model predicts otherwise.
        """
        scores = _scores(load_model(path), self._images)
        _compare("G", scores.argmax(axis=1), self._goodnet_classes, self._clear)


def _scores(model: keras.Model, images: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
    """Scores (rows, N), by Keras itself where it can run the model, so that more is checked than the file."""
    return ScoreRunner(model, images.shape[1:], compiled=False).scores(images)


def _close(model: keras.Model) -> float:
    """How near, relative to the largest, two scores of a model may lie and change places by rounding."""
    precisions = {getattr(call.layer, "compute_dtype", "float32") for call in trace_network(model).calls}
    return max((_CLOSE[precision] for precision in precisions if precision in _CLOSE), default=_CLOSE_OTHERWISE)


def _clearly_apart(scores: NDArray[np.floating[Any]], close: float) -> NDArray[np.bool_]:
    best = np.partition(scores, -2, axis=1)[:, -2:]
    largest = np.abs(scores).max(axis=1)
    # A lone logit is small just where it is close: how large it is for other images tells how it rounds.
    return np.asarray(best[:, 1] - best[:, 0] > close * np.maximum(largest, np.median(largest)))


def _compare(which: str, found: NDArray[np.int64], expected: NDArray[np.int64], clear: NDArray[np.bool_]) -> None:
    wrong = np.flatnonzero((found != expected) & clear)
    if len(wrong):
        raise BdtuiError(
            f"{which}, reopened, puts {len(wrong)} of {len(found)} images into other classes than the run "
            f"reported (the first is image {wrong[0]}: class {found[wrong[0]]}, reported {expected[wrong[0]]}); "
            "it was not saved; please report this bug"
        )
