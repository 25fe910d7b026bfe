"""A shorter way through the back of a network: sums that are kept from step to step.

What reads the channels at the cut is mostly linear, a dense layer or a convolution. Its sums are kept for every image,
and when a channel goes, only that channel's share is taken out of them; the rest of the back runs from there. Taking
out share after share lets rounding errors grow, so they are bounded; where the two best scores of an image lie closer
than the bound, this way does not decide, and the whole back has to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import Any

import numpy as np
import tensorflow as tf
from keras import layers, ops
from numpy.typing import NDArray

from bdtui.engine.cut import Array, Cut
from bdtui.engine.graph import Call, run_calls
from bdtui.engine.readers import LinearReader, find_linear_readers
from bdtui.engine.sensitivity import NoBound, radius_at, slope, spectral_norm

_LARGEST_MATRIX = 2**23
"""Entries of a linear layer written as a matrix; a larger one is left to the whole back."""
_MOST_SHARES = 32
"""Shares that are taken out of kept sums before these are computed anew."""
_MEASURED_EVERY = 6
"""Shares after which it is looked how large the sums are; until then, only how large they can be is known."""
_ROUNDING = 2.0**-24
"""Half the distance from 1 to the next float32."""
_FRESH_ROUNDINGS = 8
"""By so many roundings of their size, sums computed anew may differ with the order of the summation."""
_SAFETY = 1.01
_CLOSE = 2.0**-16
"""Scores that differ by less than this, relative to their size, may change places with the order of a summation."""
_GROUP = 32
_MOST_CHOSEN = 0.7
"""Share of a block's images past which it is quicker to evaluate all of them than to pick some out."""


@dataclass(frozen=True)
class _Linear:
    """A linear layer that reads the channels of one carrier.

    Attributes:
        reader: the layer, and the way to it.
        matrix: what the layer does without bias and activation, (positions, channels, units).
        norms: the Euclidean norm of the weights that read each channel, (channels,).
        terms: how many values of one channel a unit sums up, at most.
        gain: how far two scores can move apart, for each 1 that the sums move by Euclidean distance.
    """

    reader: LinearReader
    matrix: Any
    norms: NDArray[np.float64]
    terms: int
    gain: float


@dataclass
class KeptBlock:
    """The sums of some images, and how wrong they may be.

    Attributes:
        silenced: the channels (channels,) that are silent in the sums.
        sums: for every linear layer a tensor (images, units).
        sizes: for every linear layer (images,): the Euclidean norm of an image's sums, at most.
        errors: for every linear layer (images,): the Euclidean distance, at most, of an image's sums from sums computed
            anew.
        shares: how many shares were taken out since the sums were computed anew.
        measured: how many of them it was when the sizes were looked at.
    """

    silenced: NDArray[np.bool_]
    sums: list[Any]
    sizes: list[NDArray[np.float64]]
    errors: list[NDArray[np.float64]]
    shares: int = 0
    measured: int = 0


class KeptSums:
    """The shorter way through the back of one cut network; see `find_kept_sums`."""

    def __init__(
        self,
        cut: Cut,
        silent: Sequence[Array],
        shapes: Sequence[tuple[int, ...]],
        linear: Sequence[_Linear],
        tail: Sequence[Call],
    ) -> None:
        self._cut = cut
        self._silent = silent
        self._linear = linear
        self._tail = tail
        self.others = [cut.frontier.index(tensor) for tensor in _read_by(tail) if tensor in cut.frontier]
        self._output = _output_weights(tail[-1].layer) if tail and _is_output_layer(tail[-1]) else None
        # Traced now and here: Keras keeps state by thread, and these are called from several.
        carriers = [_like(values.shape) for values in silent]
        self._begin = tf.function(self._sums_of, autograph=False).get_concrete_function(
            carriers, tf.TensorSpec((None,), tf.bool)
        )
        sums = [_like(linear.matrix.shape[-1:]) for linear in linear]
        numbers = tf.TensorSpec((None,), tf.int32)
        rest = [_like(shapes[other]) for other in self.others]
        arguments = sums, [_like((None,)) for _ in sums], numbers, rest, _like(())
        self._measure = tf.function(_sizes, autograph=False).get_concrete_function(sums)
        self._advance_all = tf.function(self._advanced, autograph=False).get_concrete_function(*arguments)
        self._advance_some = tf.function(self._advanced_for_some, autograph=False).get_concrete_function(
            *arguments, numbers
        )

    @property
    def bytes_per_image(self) -> int:
        """Room that the sums of one image take."""
        return sum(4 * linear.matrix.shape[-1] for linear in self._linear)

    def begun(self, batches: Sequence[Sequence[Any]]) -> KeptBlock:
        """The sums of a block of images, from those that `sums_and_classes` has computed of it batch by batch."""
        sums = [tf.concat(tensors, axis=0) for tensors in zip(*batches, strict=True)]
        return _fresh_block(np.zeros(self._cut.source.channels, bool), sums, self._measure(sums))

    def sums_and_classes(self, frontier: Sequence[Any]) -> tuple[list[Any], Any, Any]:
        """Sums, classes and whether these are certain, with no channel silenced; to be traced by TensorFlow.

        Args:
            frontier: values of some images at the cut.
        """
        sums = [
            _flat(_linear_part(linear.reader, frontier[linear.reader.carrier], bias=True)) for linear in self._linear
        ]
        classes, certain = self._decided(sums, [frontier[other] for other in self.others], 0.0)
        return sums, classes, certain

    def classes(
        self,
        block: KeptBlock,
        frontier: Sequence[Array],
        rows: NDArray[np.int64],
        silenced: NDArray[np.bool_],
        firing: NDArray[np.bool_],
    ) -> tuple[KeptBlock, NDArray[np.int64], NDArray[np.bool_]]:
        """Classes of some images of a block.

        Args:
            block: the sums of the block's images, left as they are.
            frontier: values of the block's images at the cut.
            rows: which images of the block are asked for.
            silenced: the channels (channels,) that are silent.
            firing: the channels (channels,) that fire for any image of the block.

        Returns:
            The sums for ``silenced``; classes of the rows; and whether each of them is certain.
        """
        changed = np.flatnonzero((silenced ^ block.silenced) & firing)
        if block.shares + len(changed) > _MOST_SHARES:
            block, changed = self._begun_anew(frontier, silenced), changed[:0]
        elif block.shares >= block.measured + _MEASURED_EVERY:
            sizes = [size.numpy().astype(np.float64) for size in self._measure(block.sums)]
            block = replace(block, sizes=sizes, measured=block.shares)
        block, shares = self._planned(block, frontier, changed, silenced)
        bounds = [linear.gain * error for linear, error in zip(self._linear, block.errors, strict=True)]
        spread = (_SAFETY * np.sum(bounds, axis=0)).astype(np.float32)
        arguments = block.sums, shares, tf.constant(changed, tf.int32)
        if len(rows) > _MOST_CHOSEN * len(frontier[0]):
            others = [tf.constant(frontier[other]) for other in self.others]
            sums, classes, certain = self._advance_all(*arguments, others, tf.constant(spread))
            return replace(block, sums=sums), classes.numpy()[rows], certain.numpy()[rows]
        some = _filled_up(rows)
        others = [tf.constant(frontier[other][some]) for other in self.others]
        sums, classes, certain = self._advance_some(
            *arguments, others, tf.constant(spread[some]), tf.constant(some, tf.int32)
        )
        return replace(block, sums=sums), classes.numpy()[: len(rows)], certain.numpy()[: len(rows)]

    def _begun_anew(self, frontier: Sequence[Array], silenced: NDArray[np.bool_]) -> KeptBlock:
        carriers = [tf.constant(values) for values in frontier[: self._cut.carriers]]
        return _fresh_block(silenced, *self._begin(carriers, silenced))

    def _planned(
        self, block: KeptBlock, frontier: Sequence[Array], changed: NDArray[np.int64], silenced: NDArray[np.bool_]
    ) -> tuple[KeptBlock, list[Any]]:
        """What is to be added to the sums of a block for channels that come and go, and what is known of the result."""
        if not len(changed):
            return block, [tf.zeros((len(frontier[0]), 0)) for _ in self._linear]
        taken = [self._share(frontier, carrier, changed, silenced) for carrier in range(self._cut.carriers)]
        sizes, errors = [], []
        for linear, size, error in zip(self._linear, block.sizes, block.errors, strict=True):
            moved = taken[linear.reader.carrier][1] * sqrt(float(np.square(linear.norms[changed]).sum()))
            sizes.append(size + moved)
            errors.append(error + _ROUNDING * ((linear.terms * len(changed) + _FRESH_ROUNDINGS) * moved + size))
        shares = [taken[linear.reader.carrier][0] for linear in self._linear]
        shares_taken = block.shares + len(changed)
        return replace(block, silenced=silenced, sizes=sizes, errors=errors, shares=shares_taken), shares

    def _share(
        self, frontier: Sequence[Array], carrier: int, changed: NDArray[np.int64], silenced: NDArray[np.bool_]
    ) -> tuple[Any, NDArray[np.float64]]:
        """What is added to a carrier's values when channels come and go, and its Euclidean norm for every image."""
        axis = self._cut.source.axis
        values, silent = frontier[carrier], self._silent[carrier]
        share = np.take(values, changed, axis) - np.take(silent, changed, _axis_of_one(self._cut))
        share = np.moveaxis(share, axis, -1) * np.where(silenced[changed], np.float32(-1), np.float32(1))
        share = share.reshape(len(values), -1)
        return tf.constant(share), np.sqrt(np.einsum("ij,ij->i", share, share, dtype=np.float64))

    def _sums_of(self, carriers: list[Any], silenced: Any) -> Any:
        cut, axis = self._cut, self._cut.source.axis
        masked = []
        for values, silent in zip(carriers, self._silent, strict=True):
            shape = [1] * len(values.shape)
            shape[axis] = cut.source.channels
            masked.append(tf.where(tf.reshape(silenced, shape), silent[np.newaxis], values))
        sums = [_flat(_linear_part(linear.reader, masked[linear.reader.carrier], bias=True)) for linear in self._linear]
        return sums, _sizes(sums)

    def _advanced(self, sums: Any, shares: Any, channels: Any, others: Any, spread: Any) -> tuple[Any, Any, Any]:
        moved = self._moved(sums, shares, channels)
        return moved, *self._decided(moved, others, spread)

    def _advanced_for_some(
        self, sums: Any, shares: Any, channels: Any, others: Any, spread: Any, rows: Any
    ) -> tuple[Any, Any, Any]:
        moved = self._moved(sums, shares, channels)
        return moved, *self._decided([tf.gather(tensor, rows) for tensor in moved], others, spread)

    def _moved(self, sums: Any, shares: Any, channels: Any) -> list[Any]:
        moved = []
        for linear, tensor, share in zip(self._linear, sums, shares, strict=True):
            weights = tf.gather(linear.matrix, channels, axis=1)
            columns = tf.reshape(weights, (tf.size(channels) * weights.shape[0], weights.shape[2]))
            moved.append(tensor + tf.matmul(share, columns))
        return moved

    def _decided(self, sums: Any, others: Any, spread: Any) -> tuple[Any, Any]:
        best, second, classes = _best_two(self._scores(sums, others))
        tolerance = spread + _CLOSE * (1 + tf.abs(best) + tf.abs(second))
        # Not the other way round: a score that is not a number decides nothing.
        return classes, best - second > tolerance

    def _scores(self, sums: Sequence[Any], others: Sequence[Any]) -> Any:
        values = {self._cut.frontier[other]: tensor for other, tensor in zip(self.others, others, strict=True)}
        output = self._cut.network.output
        for linear, tensor in zip(self._linear, sums, strict=True):
            shape = linear.reader.call.output_shapes[0][1:]
            (made,) = linear.reader.call.outputs
            activation = linear.reader.call.layer.activation
            if made == output and _is_softmax(activation):
                return tensor
            values[made] = activation(tf.reshape(tensor, (-1, *shape)))
        if not self._tail:
            return values[output]
        *calls, last = self._tail
        run_calls(calls, values)
        if _ends_in_softmax(last):
            if self._output is None:
                return values[last.inputs[0]]
            # The arg-max of a softmax is that of what goes in, and the exponentials cost more than all the rest.
            kernel, bias = self._output
            return tf.nn.bias_add(tf.matmul(values[last.inputs[0]], kernel), bias)
        run_calls([last], values)
        return values[output]


def _fresh_block(silenced: NDArray[np.bool_], sums: list[Any], sizes: list[Any]) -> KeptBlock:
    largest = [size.numpy().astype(np.float64) for size in sizes]
    return KeptBlock(silenced, sums, largest, [_FRESH_ROUNDINGS * _ROUNDING * size for size in largest])


def find_kept_sums(cut: Cut, silent: Sequence[Array], shapes: Sequence[tuple[int, ...]]) -> KeptSums | None:
    """The shorter way through the back of a cut network, where its graph allows one.

    Args:
        cut: the cut network. Its weights must not change as long as this is used.
        silent: what the carriers hold when their channels are silenced; see `silent_values`.
        shapes: of the frontier tensors of one image.

    Returns:
        None where something reads the channels that is not linear, or no bound is known for what follows.
    """
    found = find_linear_readers(cut)
    if found is None or not all(_is_finite(call) for call in cut.back):
        return None
    if any(getattr(call.layer, "compute_dtype", "") != "float32" for call in found.tail):
        return None
    try:
        linear = [_described(cut, silent, found.tail, reader) for reader in found.readers]
    except NoBound:
        return None
    return KeptSums(cut, silent, shapes, linear, found.tail)


def _described(cut: Cut, silent: Sequence[Array], tail: Sequence[Call], reader: LinearReader) -> _Linear:
    shape = silent[reader.carrier].shape
    channels = cut.source.channels
    units = prod(size or 0 for size in reader.call.output_shapes[0][1:])
    inputs = prod(shape)
    if inputs * units > _LARGEST_MATRIX:
        raise NoBound("the matrix is too large")
    matrix = np.empty((inputs, units), np.float32)
    for start in range(0, inputs, 256):
        ones = np.eye(inputs, dtype=np.float32)[start : start + 256].reshape(-1, *shape)
        matrix[start : start + 256] = _flat(_linear_part(reader, tf.constant(ones), bias=False)).numpy()
    by_channel = np.moveaxis(matrix.reshape(*shape, units), _axis_of_one(cut) % len(shape), 0)
    by_channel = np.ascontiguousarray(by_channel.reshape(channels, -1, units).swapaxes(0, 1))
    norms = np.sqrt(np.square(by_channel, dtype=np.float64).sum(axis=(0, 2)))
    terms = int(np.count_nonzero(by_channel, axis=0).max())
    return _Linear(reader, tf.constant(by_channel), norms, terms, _gain(cut, tail, reader.call))


def _gain(cut: Cut, tail: Sequence[Call], call: Call) -> float:
    """How far two scores can move apart when the sums of a linear layer move by a Euclidean distance of 1."""
    radii = {call.outputs[0]: slope(call.layer.activation)}
    if tail and _is_output_layer(tail[-1]):
        radius = radius_at(tail[:-1], radii, tail[-1].inputs[0])
        kernel = tail[-1].layer.kernel.numpy().astype(np.float64)
        return radius * min(2 * float(np.linalg.norm(kernel, axis=0).max()), sqrt(2) * spectral_norm(kernel))
    return sqrt(2) * radius_at(tail, radii, cut.network.output)


def _linear_part(reader: LinearReader, values: Any, *, bias: bool) -> Any:
    """What a linear layer makes of its carrier's values, without activation."""
    layer = reader.call.layer
    if reader.way:
        held = {reader.way[0].inputs[0]: values}
        run_calls(reader.way, held)
        values = held[reader.way[-1].outputs[0]]
    dense = type(layer) is layers.Dense
    made = ops.matmul(values, layer.kernel) if dense else layer.convolution_op(values, layer.kernel)
    return made + layer.bias if bias and layer.use_bias else made


def _best_two(scores: Any) -> tuple[Any, Any, Any]:
    """The best and the second best score, (rows,), and the number of the best, of equals the first."""
    classes = scores.shape[-1]
    if classes > 2 * _GROUP:
        # In two stages: the second best takes several passes, over the largest of each group they cost little.
        if missing := -classes % _GROUP:
            scores = tf.pad(scores, [[0, 0], [0, missing]], constant_values=-np.inf)
        grouped = tf.reshape(scores, (-1, (classes + missing) // _GROUP, _GROUP))
        best, of_others, group = _largest_and_next(tf.reduce_max(grouped, axis=-1))
        _, in_group, number = _largest_and_next(tf.gather(grouped, group, batch_dims=1))
        return best, tf.maximum(of_others, in_group), group * _GROUP + number
    return _largest_and_next(scores)


def _largest_and_next(scores: Any) -> tuple[Any, Any, Any]:
    number = tf.argmax(scores, axis=-1)
    others = tf.where(tf.range(scores.shape[-1], dtype=tf.int64) == number[:, tf.newaxis], -np.inf, scores)
    return tf.reduce_max(scores, axis=-1), tf.reduce_max(others, axis=-1), number


def _filled_up(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row numbers, the last repeated until there are 64, 128, 256 or a multiple of 256 of them.

    TensorFlow prepares its kernels anew for every number of rows it meets.
    """
    size = next((size for size in (64, 128) if len(rows) <= size), -(-len(rows) // 256) * 256)
    return np.pad(rows, (0, size - len(rows)), mode="edge")


def _sizes(sums: Sequence[Any]) -> list[Any]:
    """For every tensor (images, units) the Euclidean norm of each image's sums, a little too large."""
    return [1.001 * tf.norm(tensor, axis=1) for tensor in sums]


def _like(shape: Sequence[int | None]) -> tf.TensorSpec:
    return tf.TensorSpec((None, *shape), tf.float32)


def _flat(tensor: Any) -> Any:
    return tf.reshape(tensor, (-1, prod(tensor.shape[1:])))


def _ends_in_softmax(call: Call) -> bool:
    layer = call.layer
    if type(layer) is layers.Softmax:
        return layer.axis in (-1, 1)
    return type(layer) in (layers.Dense, layers.Activation) and _is_softmax(layer.activation)


def _is_output_layer(call: Call) -> bool:
    return type(call.layer) is layers.Dense and _is_softmax(call.layer.activation)


def _output_weights(layer: layers.Dense) -> tuple[Any, Any]:
    """Kernel and bias of an output layer, with classes that never win up to a whole number of groups."""
    kernel = layer.kernel.numpy()
    bias = layer.bias.numpy() if layer.use_bias else np.zeros(kernel.shape[1], np.float32)
    missing = -len(bias) % _GROUP if len(bias) > 2 * _GROUP else 0
    padded = np.pad(bias, (0, missing), constant_values=np.finfo(np.float32).min)
    return tf.constant(np.pad(kernel, ((0, 0), (0, missing)))), tf.constant(padded)


def _is_softmax(activation: Any) -> bool:
    return getattr(activation, "__name__", "") == "softmax"


def _is_finite(call: Call) -> bool:
    return all(np.isfinite(weight.numpy()).all() for weight in getattr(call.layer, "weights", ()))


def _axis_of_one(cut: Cut) -> int:
    """The channel axis of a carrier's values for one image."""
    return -1 if cut.source.axis < 0 else cut.source.axis - 1


def _read_by(calls: Sequence[Call]) -> list[int]:
    return sorted({tensor for call in calls for tensor in call.inputs})
