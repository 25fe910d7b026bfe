"""What a network makes of the images of a pool: what is behind its last pooling, as a profile of channels has it."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.detect.pool import JudgedPool, judge_activations
from bdtui.engine.detect.subject import Subject, last_kernel, look_at, passages
from bdtui.engine.events import Progress
from bdtui.engine.machine.batches import padded
from bdtui.engine.network.class_scores import scoring_network
from bdtui.engine.reporter import SILENT, Reporter

Array = NDArray[np.float32]
_MOST_SIDE = 32
"""Pixels of a side of the coarse pictures that groups are compared by."""
_MOST_FEATURES = 4_096
_STAGE = "pool"


def judge_pool(model: keras.Model, images: Array, labels: NDArray[np.int64]) -> JudgedPool:
    """Judge a pool that is in memory; see `judge_pool_of`.

    Args:
        model: trained on it, or fine-tuned.
        images: as the network reads them, float32 (n, …).
        labels: as the pool has them, int64 (n,).
    """
    return judge_pool_of(look_at(scoring_network(model), images.shape[1:]), lambda at, to: images[at:to], labels)


def judge_pool_of(
    subject: Subject,
    read: Callable[[int, int], Array],
    labels: NDArray[np.int64],
    reporter: Reporter = SILENT,
) -> JudgedPool:
    """Judge a pool that is read in batches.

    Args:
        subject: the network.
        read: gives the images from a number up to another, as the network reads them.
        labels: as the pool has them, int64 (n,).
        reporter: receives progress; may stop the work between batches.

    Raises:
        Interrupted: the reporter requested a stop.
    """
    tensor = _looked_at(subject)
    run = tf.function(lambda images: subject.values_at(tensor, images), autograph=False, reduce_retracing=True)
    activations, coarse = [], []
    for start in range(0, len(labels), subject.rows):
        reporter.checkpoint()
        images = read(start, min(start + subject.rows, len(labels)))
        values = np.asarray(run(padded(images, subject.rows)), np.float32)[: len(images)]
        activations.append(_features(values))
        coarse.append(_coarse(images))
        reporter.emit(Progress(_STAGE, start + len(images), len(labels), "images"))
    reporter.checkpoint()
    return judge_activations(np.concatenate(activations), np.concatenate(coarse), labels, subject.classes)


def _looked_at(subject: Subject) -> int:
    """The tensor behind the last pooling that everything goes through; without one what the last layer reads."""
    inside = passages(subject.network)
    pooled = [passage.tensor for passage in inside if passage.pooled]
    found = last_kernel(subject.network)
    if pooled:
        return pooled[-1]
    return found[0].inputs[0] if found is not None else inside[-1].tensor if inside else subject.network.input


def _features(values: Array) -> Array:
    """Values (n, …) as rows; of large feature maps the mean over their places."""
    if values.ndim > 2 and int(np.prod(values.shape[1:])) > _MOST_FEATURES:
        return np.asarray(values.mean(axis=tuple(range(1, values.ndim - 1))))
    return values.reshape(len(values), -1)


def _coarse(images: Array) -> Array:
    """Images with every so manyeth pixel of each side."""
    steps = [max(1, -(-size // _MOST_SIDE)) for size in images.shape[1:-1]]
    return np.ascontiguousarray(images[(slice(None), *(slice(None, None, step) for step in steps))])
