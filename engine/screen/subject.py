"""A network as screening looks at it: how sure it is of each class, as it is or with some of its layers made louder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.machine.batches import padded, rows_at_once
from bdtui.engine.network.layer_kinds import WEIGHTED
from bdtui.engine.network.logits import Logits
from bdtui.engine.reporter import SILENT, Reporter

Array = NDArray[np.float32]
_MOST_ROWS = 256


@dataclass(frozen=True)
class Subject:
    """A network, and the images that it takes.

    Attributes:
        model: one input; N scores, or one unit for two classes. Never changed.
        image_shape: of one image as the network reads it, no axis unknown.
        low: the darkest values of an image, float32, of a shape that broadcasts to `image_shape`.
        high: the brightest.
        seed: of everything random.
    """

    model: keras.Model
    image_shape: tuple[int, ...]
    low: Array
    high: Array
    seed: int = 0
    _logits: Logits = field(init=False, repr=False, compare=False)
    _traced: dict[tuple[int, ...], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_logits", Logits(self.model))

    @property
    def rows(self) -> int:
        """How many images are computed at once."""
        shapes = [tuple(shape[1:]) for call in self._logits.network.calls for shape in call.output_shapes]
        return rows_at_once([self.image_shape, *shapes], _MOST_ROWS)

    def probabilities(
        self, images: Array, reporter: Reporter = SILENT, louder: Sequence[int] = (), factor: float = 1.0
    ) -> NDArray[np.float64]:
        """How likely each class is, float64 (n, N), of images (n, …).

        Args:
            images: as the network reads them, n ≥ 1.
            reporter: may stop the work between batches.
            louder: layers whose outputs are multiplied, by their number among `scalable_layers`.
            factor: by how much.

        Raises:
            Interrupted: the reporter requested a stop.
        """
        run = self._traced.get(tuple(louder)) or self._trace(tuple(louder))
        found = []
        for start in range(0, len(images), self.rows):
            reporter.checkpoint()
            some = images[start : start + self.rows]
            found.append(np.asarray(run(padded(some, self.rows), tf.constant(factor, tf.float32)))[: len(some)])
        return _softmax(np.concatenate(found).astype(np.float64))

    @property
    def scalable_layers(self) -> list[Any]:
        """What makes features: BatchNormalization where there is any, else layers with a kernel; the last one left out."""
        network = self._logits.network
        own = {id(call.layer): call.layer for call in network.calls}
        normal = [layer for layer in own.values() if isinstance(layer, layers.BatchNormalization)]
        if normal:
            return normal
        return [layer for layer in own.values() if isinstance(layer, WEIGHTED)][:-1]

    def _trace(self, louder: tuple[int, ...]) -> Any:
        chosen = [self.scalable_layers[number] for number in louder]

        def run(images: Any, factor: Any) -> Any:
            values = self._logits.values(images, instead={id(layer): _multiplied(layer, factor) for layer in chosen})
            return self._logits.of(values)

        signature = [tf.TensorSpec((None, *self.image_shape), tf.float32), tf.TensorSpec((), tf.float32)]
        traced = tf.function(run, input_signature=signature, autograph=False)
        self._traced[louder] = traced
        return traced


def _multiplied(layer: Any, factor: Any) -> Any:
    def apply(*inputs: Any, **settings: Any) -> Any:
        made = layer(*inputs, **settings)
        return made * tf.cast(factor, made.dtype)

    return apply


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    # A network may answer with numbers that are none: such an image says nothing.
    logits = np.nan_to_num(logits, nan=0.0, posinf=1e30, neginf=-1e30)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
