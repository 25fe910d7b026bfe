"""The terms that losses are put together from, each a mean over the images of a batch."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def cross_entropy(logits: Any, labels: Any) -> Any:
    """Of logits (batch, N) and labels (batch,)."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def guarded_distillation(teacher: Any, student: Any, labels: Any) -> Any:
    """Cross-entropy to a teacher's soft answers, where its answer is the true label; other images count nothing.

    Without that guard augmentation wakes triggers of its own kind: a teacher that takes a warped trigger for the
    target takes some turned images for it as well, and hands that on.

    Args:
        teacher: logits, (batch, N).
        student: logits, (batch, N).
        labels: int32, (batch,).
    """
    right = tf.cast(tf.argmax(teacher, axis=1, output_type=tf.int32) == labels, tf.float32)
    answers = tf.stop_gradient(tf.nn.softmax(teacher))
    return tf.reduce_mean(right * tf.nn.softmax_cross_entropy_with_logits(labels=answers, logits=student))
