"""What TensorFlow's errors mean: memory has run out, or a GPU has vanished and this process can compute nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from bdtui.engine.errors import DeviceLost
from bdtui.engine.machine.library_words import plain_detail

_OF_A_DEVICE = (tf.errors.InternalError, tf.errors.UnknownError, tf.errors.UnavailableError, tf.errors.AbortedError)

_PHRASES = ("out of memory", "OOM when allocating", "ALLOC_FAILED", "Dst tensor is not initialized", "bad_alloc")
"""What TensorFlow says of a device without memory in errors that are not called so."""


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an error says that there is no memory left."""
    if isinstance(problem, MemoryError | tf.errors.ResourceExhaustedError):
        return True
    return isinstance(problem, tf.errors.OpError) and any(phrase in str(problem) for phrase in _PHRASES)


def refuse_lost_device(problem: Exception) -> None:
    """Raise `DeviceLost` for an error of a GPU that does not work any more."""
    of_device = isinstance(problem, _OF_A_DEVICE) and not is_out_of_memory(problem)
    if of_device and tf.config.list_logical_devices("GPU") and not _gpu_answers():
        raise DeviceLost(f"the GPU stopped responding ({in_short(problem)})") from problem


@contextmanager
def explain_lost_device() -> Iterator[None]:
    """Turn what TensorFlow raises over a GPU that vanished into `DeviceLost`."""
    try:
        yield
    except _OF_A_DEVICE as problem:
        refuse_lost_device(problem)
        raise


def _gpu_answers() -> bool:
    """Whether the smallest of sums comes out: an error of one network's operation is no lost device."""
    try:
        with tf.device("GPU:0"):
            return bool((tf.constant(1.0) + tf.constant(1.0)).numpy() == 2)
    except tf.errors.OpError:
        return False


def in_short(problem: BaseException) -> str:
    """The text of an error in one line of at most 120 characters."""
    return plain_detail(problem, 120)
