"""Runs a whole model on images in batches: as Keras does, wherever the processor can."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.events import Notice
from bdtui.engine.machine.batches import SmallerBatches, rows_at_once
from bdtui.engine.network.channels_last import reads_channels_first
from bdtui.engine.network.class_scores import scoring_model
from bdtui.engine.network.graph import run_network, trace_network
from bdtui.engine.reporter import SILENT, Reporter


class ScoreRunner:
    """A model, ready to be given images of one shape.

    Args:
        model: Functional or Sequential, with one input and N scores, or one unit for two classes, as `scoring_model`
            takes it. Its weights may change.
        image_shape: of one image, without the batch axis.
        reporter: gets a notice when memory does not suffice for whole batches; may stop the work before each.
        compiled: trace the model first, which pays from some hundred images on.

    Attributes:
        batch_size: how many images are computed at once.

    Raises:
        ModelError: the model has several inputs or outputs, no graph, or no scores of classes.
    """

    def __init__(
        self,
        model: keras.Model,
        image_shape: tuple[int, ...],
        reporter: Reporter = SILENT,
        *,
        compiled: bool = True,
    ) -> None:
        model = scoring_model(model)
        network = trace_network(model)
        tensors = [shape[1:] for call in network.calls for shape in call.output_shapes]
        self.batch_size = rows_at_once([image_shape, *tensors], 256)
        self._reporter = reporter
        self._batches = SmallerBatches(lambda sentence: reporter.emit(Notice(sentence)))
        channels_first = any(reads_channels_first(call.layer) for call in network.calls)
        run = partial(run_network, network) if channels_first else partial(model, training=False)
        self._run: Any = lambda images: run(tf.cast(images, network.input_dtype))
        if compiled:
            signature = [tf.TensorSpec((None, *image_shape), tf.float32)]
            self._run = tf.function(self._run, input_signature=signature, autograph=False)

    def scores(self, images: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        """Scores, float32 or float64, shape (rows, N), of images as the model reads them, shape (rows, …) with at least one row.

        Raises:
            OutOfMemory: memory does not suffice for a single image.
            Interrupted: the reporter requested a stop, or the GPU does not answer any more.
        """
        starts = range(0, len(images), self.batch_size)
        return np.concatenate([self._batch_scores(images[start : start + self.batch_size]) for start in starts])

    def _batch_scores(self, images: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        self._reporter.checkpoint()
        pieces = self._batches.compute(len(images), lambda rows: np.asarray(self._run(images[rows])))
        scores = np.concatenate(pieces)
        return scores if scores.dtype == np.float64 else scores.astype(np.float32, copy=False)
