"""What TensorFlow's errors mean: memory has run out, or a GPU has vanished and this process can compute nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from bdtui.engine.errors import DeviceLost, OutOfMemory
from bdtui.engine.machine.library_words import plain_detail

_OF_A_DEVICE = (tf.errors.InternalError, tf.errors.UnknownError, tf.errors.UnavailableError, tf.errors.AbortedError)

_PHRASES = (
    "out of memory",
    "resource_exhausted",
    "oom when allocating",
    "alloc_failed",
    "dst tensor is not initialized",
    "bad_alloc",
)
"""What TensorFlow says of a device without memory in errors that are not called so, in lower case."""


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an error says that there is no memory left."""
    if isinstance(problem, MemoryError | tf.errors.ResourceExhaustedError):
        return True
    return isinstance(problem, tf.errors.OpError) and any(phrase in str(problem).lower() for phrase in _PHRASES)


def refuse_lost_device(problem: BaseException) -> None:
    """Raise `DeviceLost` for an error of a GPU that does not work any more."""
    of_device = isinstance(problem, _OF_A_DEVICE) and not is_out_of_memory(problem)
    if of_device and tf.config.list_logical_devices("GPU") and why_the_gpu_fails():
        raise DeviceLost(f"the GPU stopped responding ({in_short(problem)})") from problem


@contextmanager
def explain_device_failures() -> Iterator[None]:
    """Turn what TensorFlow raises over a GPU that vanished into `DeviceLost`, and over a lack of memory into `OutOfMemory`."""
    try:
        yield
    except (tf.errors.OpError, MemoryError) as problem:
        refuse_lost_device(problem)
        if not is_out_of_memory(problem):
            raise
        raise OutOfMemory(
            f"not enough memory ({in_short(problem)}); "
            "free some or use another device (--device cpu can be combined with --resume)"
        ) from problem


def why_the_gpu_fails() -> tf.errors.OpError | None:
    """What the smallest of sums on the GPU in use raises; None where it comes out.

    An error of one network's operation is no broken device.
    """
    try:
        with tf.device("GPU:0"):
            (tf.constant(1.0) + tf.constant(1.0)).numpy()
    except tf.errors.OpError as problem:
        return problem
    return None


def in_short(problem: BaseException) -> str:
    """The text of an error in one line of at most 120 characters."""
    return plain_detail(problem, 120)
