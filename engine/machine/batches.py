"""How many rows are computed at once, fewer where memory does not suffice, and how a batch is padded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from math import prod
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.errors import OutOfMemory
from bdtui.engine.machine.device_failures import in_short, is_out_of_memory, refuse_lost_device

Result = TypeVar("Result")


def rows_at_once(shapes: Iterable[tuple[int | None, ...]], most: int) -> int:
    """How many images to compute at once: a power of two from 8 that keeps the two largest tensors within 64 MiB.

    It depends on the network alone, so that one machine computes what another does.

    Args:
        shapes: of the tensors of one image, the first one's without unknown axes; any other unknown axis is taken to
            be as long as its longest.
        most: the largest answer, a power of two.
    """
    known, *others = shapes
    sizes = sorted(
        [
            prod(size or 1 for size in known),
            *(prod(size or max(s for s in known if s) for size in shape) for shape in others),
        ]
    )
    rows = most
    while rows > 8 and rows * 4 * sum(sizes[-2:]) > 64 * 1024**2:
        rows //= 2
    return rows


def padded(values: NDArray[Any], most: int | None = None) -> Any:
    """A tensor of the values (rows, …), filled up with zeros to one of few numbers of rows, at most to ``most``.

    TensorFlow prepares its kernels anew for every number of rows it meets.
    """
    rows = max(16, 1 << (len(values) - 1).bit_length()) if len(values) <= 512 else -(-len(values) // 512) * 512
    missing = (rows if most is None else min(most, rows)) - len(values)
    if missing > 0:
        values = np.concatenate([values, np.zeros((missing, *values.shape[1:]), values.dtype)])
    return tf.constant(values)


class SmallerBatches:
    """Computes batches of images, in smaller pieces once memory has run out.

    Args:
        notify: is given a sentence whenever the pieces become smaller.
        most: how many are computed at once to begin with; None for a whole batch.
    """

    def __init__(self, notify: Callable[[str], None] = lambda sentence: None, most: int | None = None) -> None:
        self._notify = notify
        self._most = most
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
                f"not enough memory for a single image ({in_short(problem)}); "
                "free some memory or use another device (--device cpu can be combined with --resume)"
            ) from problem
        with self._lock:
            # Several threads may have met the same end of memory; one of them is enough to draw the conclusion.
            if self._most is not None and self._most < size:
                return
            self._most = size // 2
        self._notify(f"not enough memory for {size} images at once; continuing with {size // 2} at a time")
