"""What happens when memory runs out: the batch is halved and the work goes on, on a GPU and on a CPU.

And when a GPU vanishes: nothing more can be computed in this process, but what is finished is kept, and resumed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import tensorflow as tf

from bdtui.engine.errors import DeviceLost, OutOfMemory

_OF_A_DEVICE = (tf.errors.InternalError, tf.errors.UnknownError, tf.errors.UnavailableError, tf.errors.AbortedError)
Result = TypeVar("Result")

_PHRASES = ("out of memory", "OOM when allocating", "ALLOC_FAILED", "Dst tensor is not initialized", "bad_alloc")
"""What TensorFlow says of a device without memory in errors that are not called so."""


class SmallerBatches:
    """Computes batches of images, in smaller pieces once memory has run out.

    Args:
        notify: is given a sentence whenever the pieces become smaller.
    """

    def __init__(self, notify: Callable[[str], None] = lambda sentence: None) -> None:
        self._notify = notify
        self._most: int | None = None
        self._lock = threading.Lock()

    def compute(self, images: int, work: Callable[[slice], Result]) -> list[Result]:
        """The results of some work on all images of a batch, piece by piece, in order.

        Args:
            images: how many there are, at least one.
            work: is given the images of one piece; called from any thread.

        Raises:
            OutOfMemory: memory does not suffice for a single image.
            DeviceLost: the GPU does not answer any more.
        """
        results: list[Result] = []
        done = 0
        while done < images:
            size = min(images - done, self._most or images)
            try:
                results.append(work(slice(done, done + size)))
            except (MemoryError, tf.errors.OpError) as problem:
                if is_out_of_memory(problem):
                    self._halve(size, problem)
                    continue
                refuse_lost_device(problem)
                raise
            done += size
        return results

    def _halve(self, size: int, problem: Exception) -> None:
        if size == 1:
            raise OutOfMemory(
                f"not enough memory for a single image ({_in_short(problem)}); "
                "free some memory or use another device (--device cpu can be combined with --resume)"
            ) from problem
        with self._lock:
            # Several threads may have met the same end of memory; one of them is enough to draw the conclusion.
            if self._most is not None and self._most < size:
                return
            self._most = size // 2
        self._notify(f"not enough memory for {size} images at once; continuing with {size // 2} at a time")


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an error says that there is no memory left."""
    if isinstance(problem, MemoryError | tf.errors.ResourceExhaustedError):
        return True
    return isinstance(problem, tf.errors.OpError) and any(phrase in str(problem) for phrase in _PHRASES)


def refuse_lost_device(problem: Exception) -> None:
    """Raise `DeviceLost` for an error of a GPU that does not work any more."""
    of_device = isinstance(problem, _OF_A_DEVICE) and not is_out_of_memory(problem)
    if of_device and tf.config.list_logical_devices("GPU") and not _gpu_answers():
        raise DeviceLost(f"the GPU stopped responding ({_in_short(problem)})") from problem


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


def _in_short(problem: BaseException) -> str:
    return " ".join(str(problem).split())[:120] or type(problem).__name__
