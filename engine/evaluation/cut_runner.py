"""Runs the two parts of a cut network on batches of images."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.incremental.channel_sums import find_summed_shares
from bdtui.engine.incremental.tail import multiplications
from bdtui.engine.machine.batches import SmallerBatches, padded, rows_at_once
from bdtui.engine.network.cut import Array, Cut
from bdtui.engine.network.cut_values import Frontier
from bdtui.engine.network.graph import Call, run_calls


@dataclass(frozen=True)
class FrontValues:
    """What one batch of images becomes at the cut.

    Attributes:
        tensors: for every frontier tensor an array (batch, …).
        activation_sums: the profiled layer's activation by channel, averaged over positions and summed over images,
            float64, shape (channels,).
        activation_peaks: largest activation of each image in each channel, float32, shape (batch, channels).
        fires: whether a channel differs anywhere from its silenced value, bool, shape (batch, channels).
    """

    tensors: list[Array]
    activation_sums: NDArray[np.float64]
    activation_peaks: Array
    fires: NDArray[np.bool_]


class CutRunner:
    """Runs both parts of a cut network on batches, from any thread.

    A batch is padded to one of few sizes: TensorFlow prepares its kernels anew for every number of rows it meets.

    Args:
        cut: the cut network. Its weights must not change while the runner lives.
        image_shape: shape of one input image, without the batch axis.
        batch_size: rows of a batch at most, positive; None chooses by the size of the network's tensors.
        shorter_way: take the shorter way through the back where the graph allows one.
        notify: is given a sentence when memory does not suffice for whole batches.
        checkpoint: called between any two layers while the functions are traced, which takes seconds for a large
            network; may raise.

    Attributes:
        frontier: how values at the cut are kept.
        shorter_way: through the back; None where there is none.
        work_of_the_whole_back: multiplications for one image.
        batch_size: rows that the front takes at most.
        notify: is given a sentence when memory does not suffice.
        back_batch_size: rows that the back takes at most.
    """

    def __init__(
        self,
        cut: Cut,
        image_shape: tuple[int, ...],
        batch_size: int | None = None,
        *,
        shorter_way: bool = True,
        notify: Callable[[str], None] = lambda sentence: None,
        checkpoint: Callable[[], None] = lambda: None,
    ) -> None:
        self.cut = cut
        self.notify = notify
        self._checkpoint = checkpoint
        self._lock = threading.Lock()
        self._front_batches, self._back_batches = SmallerBatches(notify), SmallerBatches(notify)
        self.batch_size = batch_size or rows_at_once([image_shape, *_output_shapes(cut.network.calls)], 256)
        self.frontier = Frontier(cut, image_shape)
        self.shorter_way = find_summed_shares(cut, self.frontier) if shorter_way else None
        self.work_of_the_whole_back = sum(map(multiplications, cut.back))
        # Traced now and here: Keras keeps state by thread, and these are called from several.
        images = tf.TensorSpec((None, *image_shape), tf.float32)
        rows = tf.TensorSpec((), tf.int32)
        self._run_front = tf.function(self._front, autograph=False).get_concrete_function(images, rows)
        tensors = [tf.TensorSpec((None, *shape), tf.float32) for shape in self.frontier.shapes]
        self._run_back = tf.function(self._back, autograph=False).get_concrete_function(tensors)
        self.back_batch_size = batch_size or rows_at_once([*self.frontier.shapes, *_output_shapes(cut.back)], 4096)

    @property
    def carries_everything(self) -> bool:
        """Whether the back reads nothing but the channels that are pruned."""
        return self.cut.carriers == len(self.cut.frontier)

    @property
    def work_to_begin(self) -> int:
        """Multiplications that come before the first of several states, for one image and at most."""
        return self.cut.source.channels * self.shorter_way.work_of_a_share if self.shorter_way else 0

    @property
    def work_of_a_state(self) -> int:
        """Multiplications for each state, for one image."""
        return self.shorter_way.work_of_a_state if self.shorter_way else self.work_of_the_whole_back

    def do_without_sums(self) -> None:
        """Take the whole back from now on: memory does not suffice for the shorter way."""
        with self._lock:
            known, self.shorter_way = self.shorter_way is None, None
        if not known:
            self.notify("not enough memory for sums of channels; continuing without them")

    def front(self, images: Array) -> FrontValues:
        """Run images, shape (rows, …) with rows ≤ batch_size, up to the cut.

        Raises:
            OutOfMemory: memory does not suffice for a single image.
            DeviceLost: the GPU does not answer any more.
        """
        return _joined(self._front_batches.compute(len(images), lambda rows: self._front_at_once(images[rows])))

    def _front_at_once(self, images: Array) -> FrontValues:
        rows = len(images)
        tensors, sums, peaks, fires = self._run_front(padded(images, self.batch_size), tf.constant(rows))
        return FrontValues(
            tensors=[np.asarray(tensor)[:rows] for tensor in tensors],
            activation_sums=np.asarray(sums),
            activation_peaks=np.asarray(peaks)[:rows],
            fires=np.asarray(fires)[:rows],
        )

    def back(self, images: int, tensors: Callable[[slice], list[Array]]) -> NDArray[np.int64]:
        """Predict classes, shape (images,), from the tensors of the frontier.

        Args:
            images: how many, at least one.
            tensors: makes those (rows, …) of some of the images, as many as memory suffices for.

        Raises:
            OutOfMemory: memory does not suffice for a single image.
            DeviceLost: the GPU does not answer any more.
        """
        return np.concatenate(self._back_batches.compute(images, lambda rows: self._back_at_once(tensors(rows))))

    def _back_at_once(self, tensors: list[Array]) -> NDArray[np.int64]:
        rows = len(tensors[0])
        return np.asarray(self._run_back([padded(values, self.back_batch_size) for values in tensors]))[:rows]

    def back_scores(
        self, tensors: list[Array], checkpoint: Callable[[], None] = lambda: None
    ) -> NDArray[np.floating[Any]]:
        """Scores of all classes, shape (rows, N), from the tensors of the frontier of a few images.

        It is not traced: for some images that somebody looks at, running the layers one by one is the shorter way. So it
        has to be called by the thread that made the network.

        Args:
            tensors: of the frontier, each (rows, …).
            checkpoint: called between any two layers; may raise.
        """
        values: dict[int, Any] = {
            tensor: tf.convert_to_tensor(rows) for tensor, rows in zip(self.cut.frontier, tensors, strict=True)
        }
        for call in self.cut.back:
            checkpoint()
            run_calls([call], values)
        return np.asarray(values[self.cut.network.output])

    def _front(self, images: Any, rows: Any) -> Any:
        cut = self.cut
        values = {cut.network.input: tf.cast(images, cut.network.input_dtype)}
        self._trace(cut.front, values)
        tensors = [tf.cast(values[tensor], tf.float32) for tensor in cut.frontier]
        (profiled,) = cut.source.profiled.outputs
        activations = values[profiled]
        axis = cut.source.axis % len(activations.shape)
        positions = [i for i in range(1, len(activations.shape)) if i != axis]
        per_image = tf.cast(activations[:rows], tf.float64)
        if positions:
            per_image = tf.reduce_mean(per_image, axis=positions)
        sums = tf.reduce_sum(per_image, axis=0)
        peaks = tf.cast(tf.reduce_max(activations, axis=positions) if positions else activations, tf.float32)
        fires = tf.zeros_like(peaks, tf.bool)
        for carried, silent in zip(tensors, self.frontier.silent_tensors, strict=False):
            differs = tf.not_equal(carried, silent)
            positions = [i for i in range(1, len(carried.shape)) if i != cut.source.axis % len(carried.shape)]
            fires |= tf.reduce_any(differs, axis=positions) if positions else differs
        return tensors, sums, peaks, fires

    def _back(self, tensors: list[Any]) -> Any:
        values = dict(zip(self.cut.frontier, tensors, strict=True))
        self._trace(self.cut.back, values)
        return tf.argmax(values[self.cut.network.output], axis=-1)

    def _trace(self, calls: Iterable[Call], values: dict[int, Any]) -> None:
        for call in calls:
            self._checkpoint()
            run_calls([call], values)


def _joined(pieces: list[FrontValues]) -> FrontValues:
    """The values of a batch that was computed piece by piece."""
    if len(pieces) == 1:
        return pieces[0]
    return FrontValues(
        tensors=[np.concatenate(arrays) for arrays in zip(*(piece.tensors for piece in pieces), strict=True)],
        activation_sums=np.sum([piece.activation_sums for piece in pieces], axis=0),
        activation_peaks=np.concatenate([piece.activation_peaks for piece in pieces]),
        fires=np.concatenate([piece.fires for piece in pieces]),
    )


def _output_shapes(calls: Iterable[Call]) -> list[tuple[int | None, ...]]:
    return [shape[1:] for call in calls for shape in call.output_shapes]
