"""The cut: the part of a network that runs once (front) and the part that runs for every mask (back).

The cut lies where the pruned channels mix for the first time. What crosses it is the frontier: the
tensors that carry the channels, and every other tensor the back reads, such as a residual that goes
around the cut. A silenced channel is put into its tensors as the value its zeroed weights would make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.channels import ChannelSource, silence
from bdtui.engine.graph import Call, Network, clone_built_layer, run_calls

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Cut:
    """A network cut for the channels of one layer.

    Attributes:
        network: the whole.
        source: the channels.
        front: calls that run once per image set, in running order.
        back: calls that run again when a channel goes.
        frontier: numbers of the tensors that the back reads; those that carry channels first.
        carriers: how many of them carry channels.
    """

    network: Network
    source: ChannelSource
    front: tuple[Call, ...]
    back: tuple[Call, ...]
    frontier: tuple[int, ...]
    carriers: int


def cut_network(network: Network, source: ChannelSource) -> Cut:
    """Cut a network behind the channels of ``source``."""
    region = {id(call) for call in source.region}
    carried = {tensor for call in source.region for tensor in call.outputs}
    behind = [call for call in network.downstream(carried) if id(call) not in region]
    back = network.upstream([network.output], among=behind)
    made = {tensor for call in back for tensor in call.outputs}
    read = sorted({tensor for call in back for tensor in call.inputs} - made)
    carriers = [tensor for tensor in read if tensor in carried]
    frontier = carriers + [tensor for tensor in read if tensor not in carried]
    front = network.upstream([*frontier, *source.profiled.outputs])
    return Cut(network, source, tuple(front), tuple(back), tuple(frontier), len(carriers))


def silent_values(cut: Cut, image_shape: tuple[int, ...]) -> list[Array]:
    """What every carrier of the frontier holds when all its channels are silenced.

    It is computed by the very layers of the network with their weights zeroed, so that sigmoid's 0.5 or the edge
    of a zero padding come out as the saved model will have them. It does not depend on the image.

    Args:
        cut: the cut network.
        image_shape: shape of one input image, without the batch axis.

    Returns:
        For every carrier an array of its shape without the batch axis, float32.
    """
    clones = {id(call.layer): clone_built_layer(call.layer) for call in cut.source.region}
    source = cut.source
    silenced = source.with_layers(clones)
    silence(silenced, range(source.channels))
    values: dict[int, Any] = {cut.network.input: tf.zeros((1, *image_shape), cut.network.input_dtype)}
    run_calls(cut.network.upstream(source.pruned.inputs), values)
    # The front is run for shapes alone: what it makes of a black image need not even be finite.
    values.update((tensor, tf.zeros_like(values[tensor])) for tensor in source.pruned.inputs)
    run_calls(silenced.region, values)
    return [np.asarray(values[tensor][0], dtype=np.float32) for tensor in cut.frontier[: cut.carriers]]


@dataclass(frozen=True)
class FrontValues:
    """What one batch of images becomes at the cut.

    Attributes:
        frontier: for every frontier tensor an array (batch, …).
        activation_sums: the profiled layer's activation by channel, averaged over positions and summed over images,
            float64, shape (channels,).
        activation_peaks: largest activation of each image in each channel, float32, shape (batch, channels).
        fires: whether a channel differs anywhere from its silenced value, bool, shape (batch, channels).
        predictions: class of every image under the whole network, int64, shape (batch,).
    """

    frontier: list[Array]
    activation_sums: NDArray[np.float64]
    activation_peaks: Array
    fires: NDArray[np.bool_]
    predictions: NDArray[np.int64]


class CutRunner:
    """Runs both parts of a cut network on batches.

    A batch is padded to a power of two: TensorFlow prepares its kernels anew for every number of rows it meets.

    Args:
        cut: the cut network. Its weights must not change while the runner lives.
        image_shape: shape of one input image, without the batch axis.
        batch_size: rows of a batch at most, positive.
    """

    def __init__(self, cut: Cut, image_shape: tuple[int, ...], batch_size: int) -> None:
        self.cut = cut
        self.batch_size = batch_size
        self._silent = [tf.constant(values) for values in silent_values(cut, image_shape)]
        self._run_front = tf.function(self._front, reduce_retracing=True)
        self._run_back = tf.function(self._back, reduce_retracing=True)

    def front(self, images: Array) -> FrontValues:
        """Run images, shape (rows, …) with rows ≤ batch_size, up to the cut, and once through all of the network."""
        rows = len(images)
        frontier, sums, peaks, fires, predictions = self._run_front(self._padded(images), tf.constant(rows))
        return FrontValues(
            frontier=[np.asarray(tensor)[:rows] for tensor in frontier],
            activation_sums=np.asarray(sums),
            activation_peaks=np.asarray(peaks)[:rows],
            fires=np.asarray(fires)[:rows],
            predictions=np.asarray(predictions)[:rows],
        )

    def back(self, frontier: list[Array], silenced: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Predict classes, shape (rows,), from frontier values, with the channels in ``silenced`` (channels,) silent."""
        rows = len(frontier[0])
        predictions = self._run_back([self._padded(values) for values in frontier], silenced)
        return np.asarray(predictions)[:rows]

    def _padded(self, values: Array) -> Any:
        missing = min(self.batch_size, max(16, 1 << (len(values) - 1).bit_length())) - len(values)
        if missing > 0:
            values = np.concatenate([values, np.zeros((missing, *values.shape[1:]), values.dtype)])
        return tf.constant(values)

    def _front(self, images: Any, rows: Any) -> Any:
        cut = self.cut
        values = {cut.network.input: tf.cast(images, cut.network.input_dtype)}
        run_calls(cut.front, values)
        frontier = [tf.cast(values[tensor], tf.float32) for tensor in cut.frontier]
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
        for carried, silent in zip(frontier, self._silent, strict=False):
            differs = tf.not_equal(carried, silent[tf.newaxis])
            positions = [i for i in range(1, len(carried.shape)) if i != cut.source.axis % len(carried.shape)]
            fires |= tf.reduce_any(differs, axis=positions) if positions else differs
        return frontier, sums, peaks, fires, self._classes(values)

    def _back(self, frontier: list[Any], silenced: Any) -> Any:
        values = dict(zip(self.cut.frontier, frontier, strict=True))
        for tensor, silent in zip(self.cut.frontier, self._silent, strict=False):
            shape = [1] * len(values[tensor].shape)
            shape[self.cut.source.axis] = self.cut.source.channels
            mask = tf.reshape(silenced, shape)
            values[tensor] = tf.where(mask, silent[tf.newaxis], values[tensor])
        return self._classes(values)

    def _classes(self, values: dict[int, Any]) -> Any:
        run_calls(self.cut.back, values)
        return tf.argmax(values[self.cut.network.output], axis=-1)
