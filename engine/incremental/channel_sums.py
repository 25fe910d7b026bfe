"""A shorter way through the back of a network: channels have shares in sums, and silent channels have none.

What reads the channels at the cut is mostly linear, a dense layer or a convolution. Its sums begin at what they are
while every channel is silent, and each channel that speaks adds its share, for those images alone for which it fires.
So the states of a pruning order are walked through from their end: what the last step leaves is summed up first, and
then one channel after the other comes back. The rest of the back runs on the sums of each state.

Sums in another order are rounded otherwise. How far that can move the scores is bounded for every image: strictly for
what is added up here, with probability for sums that TensorFlow takes (`rounding_of_sum`), and by the weights' norms for
what follows. Where the two best scores lie closer than the bound, this way does not decide, and the whole back has to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import tensorflow as tf
from keras import layers, ops
from numpy.typing import NDArray

from bdtui.engine.incremental.error_bounds import ROUNDING, NoBound, rounding_of_sum, score_gains, slope
from bdtui.engine.incremental.tail import Tail, activated, best_two, is_softmax, multiplications
from bdtui.engine.network.cut import Array, Cut
from bdtui.engine.network.cut_values import Frontier, FrontierBlock, Mask
from bdtui.engine.network.graph import Call, run_calls
from bdtui.engine.network.linear_readers import LinearReader, find_linear_readers
from bdtui.engine.reporter import SILENT, Reporter

_LARGEST_MATRIX = 2**23
"""Entries of a linear layer written as a matrix; a larger one is left to the whole back."""
_SAFETY = 1.01
_CLOSE = 2.0**-16
"""Scores that differ by less than this, relative to their size, may be the same behind a softmax."""


@dataclass(frozen=True)
class Decided:
    """What the shorter way finds for one state.

    Attributes:
        classes: of the rows that were asked for.
        certain: whether the whole back would find the same.
    """

    classes: NDArray[np.int64]
    certain: Mask


@dataclass(frozen=True)
class _Linear:
    """A linear layer that reads the channels of one carrier.

    Attributes:
        reader: the layer, and the way to it.
        matrix: what the layer does without bias and activation, (channels, positions, units).
        silent: its sums for one image while every channel is silent, bias included, (units,).
        silent_size: the Euclidean norm of what these were added up from, at most, term by term.
        norms: the Euclidean norm of the weights that read each channel, (channels,).
        terms: how many values of one channel a unit sums up, at most.
        roundings: by how many of the size of their terms sums computed at once may differ with the order.
        gain: how far two scores can move apart, for each 1 that the sums move by Euclidean distance.
    """

    reader: LinearReader
    matrix: Array
    silent: Array
    silent_size: float
    norms: NDArray[np.float64]
    terms: int
    roundings: float
    gain: float


@dataclass
class _Sums:
    """The sums of one linear layer for some images.

    Attributes:
        values: (images, units).
        size: (images,): the Euclidean norm of what was added up, at most, term by term.
        error: (images,): the Euclidean distance from the same sums without any rounding, at most.
    """

    values: Array
    size: NDArray[np.float64]
    error: NDArray[np.float64]


class SummedShares:
    """The shorter way through the back of one cut network; see `find_summed_shares`.

    Attributes:
        work_of_a_share: multiplications that it takes to add the share of one channel, for one image.
        work_of_a_state: those for each state, once what the last one leaves is summed up.
    """

    def __init__(
        self,
        cut: Cut,
        frontier: Frontier,
        linear: Sequence[_Linear],
        tail_calls: Sequence[Call],
        gains: dict[int, float],
    ) -> None:
        self._cut = cut
        self._linear = linear
        # Most channels are zero when they are silent: then a share is the channel's values as they are.
        self._silent = [None if not values.any() else values.reshape(len(values), -1) for values in frontier.silent]
        self._activations = [_activation_behind(cut, each.reader) for each in linear]
        read = {tensor for call in tail_calls for tensor in call.inputs}
        self._others = [index for index, tensor in enumerate(cut.frontier[cut.carriers :]) if tensor in read]
        shapes = dict(zip(cut.frontier, frontier.shapes, strict=True))
        shapes.update((each.reader.call.outputs[0], each.reader.units) for each in linear)
        self._tail = Tail(cut.network, tail_calls, shapes, gains)
        self.work_of_a_share = sum(each.matrix[0].size for each in linear)
        self.work_of_a_state = self.work_of_a_share + sum(map(multiplications, tail_calls))

    def decide(
        self,
        block: FrontierBlock,
        silenced: Sequence[Mask],
        rows: Sequence[NDArray[np.intp]],
        reporter: Reporter = SILENT,
    ) -> list[Decided]:
        """Classes of some images of a block in one state after the other.

        Args:
            block: the images at the cut.
            silenced: for each state the channels (channels,) that are silent; none comes back from state to state.
            rows: for each state the images that are asked for.
            reporter: is asked whether to stop, between any two channels and states.

        Raises:
            Interrupted: it requested a stop.
        """
        with np.errstate(all="ignore"):
            sums = self._begun(len(block.fires))
            decided = []
            silent = np.ones_like(silenced[-1])
            for state, wanted in zip(reversed(silenced), reversed(rows), strict=True):
                for channel in block.firing[(silent & ~state)[block.firing]]:
                    reporter.checkpoint()
                    self._add(sums, block, channel)
                silent = state
                reporter.checkpoint()
                decided.append(self._decided(sums, block, wanted))
        return decided[::-1]

    def _begun(self, images: int) -> list[_Sums]:
        """Sums while every channel is silent."""
        sums = []
        for linear in self._linear:
            values = np.broadcast_to(linear.silent, (images, len(linear.silent))).copy()
            error = linear.roundings * ROUNDING * linear.silent_size
            sums.append(_Sums(values, np.full(images, linear.silent_size), np.full(images, error)))
        return sums

    def _add(self, sums: list[_Sums], block: FrontierBlock, channel: int) -> None:
        """Let one channel speak."""
        firing = block.of_channel(channel)
        rows: NDArray[np.intp] | slice = np.flatnonzero(block.fires[:, channel])
        if firing.stop - firing.start == len(block.fires):
            rows = slice(None)
        shares = []
        for values, silent in zip(block.carriers, self._silent, strict=True):
            share = values[firing] if silent is None else values[firing] - silent[channel]
            shares.append((share, np.sqrt(np.einsum("ij,ij->i", share, share, dtype=np.float64))))
        for linear, kept in zip(self._linear, sums, strict=True):
            share, norm = shares[linear.reader.carrier]
            moved = norm * linear.norms[channel]
            kept.values[rows] += share @ linear.matrix[channel]
            kept.size[rows] += moved
            # What is not silent there, its products, and the addition to what is there.
            kept.error[rows] += ROUNDING * ((linear.terms + 1) * moved + kept.size[rows])

    def _decided(self, sums: list[_Sums], block: FrontierBlock, rows: NDArray[np.intp]) -> Decided:
        if not len(rows):
            return Decided(np.empty(0, np.int64), np.empty(0, bool))
        everything = len(rows) == len(block.fires)
        values = {}
        spread = np.zeros(len(rows))
        for linear, kept, activation in zip(self._linear, sums, self._activations, strict=True):
            own = kept.values if everything else kept.values[rows]
            values[linear.reader.call.outputs[0]] = activation(own.reshape(len(rows), *linear.reader.units))
            spread += linear.gain * (kept.error[rows] + linear.roundings * ROUNDING * kept.size[rows])
        for other in self._others:
            values[self._cut.frontier[self._cut.carriers + other]] = block.others[other][rows]
        scores, rounded = self._tail.scores(values)
        best, second, classes = best_two(scores)
        tolerance = _SAFETY * (spread + rounded) + _CLOSE * (1 + np.abs(best) + np.abs(second))
        # Not the other way round: a score that is not a number decides nothing.
        return Decided(classes, best - second > tolerance)


def find_summed_shares(cut: Cut, frontier: Frontier) -> SummedShares | None:
    """The shorter way through the back of a cut network, where its graph allows one.

    Args:
        cut: the cut network. Its weights must not change as long as this is used.
        frontier: how its values at the cut are kept.

    Returns:
        None where something reads the channels that is not linear, or no bound is known for what follows.
    """
    found = find_linear_readers(cut) if set(frontier.dtypes) == {"float32"} else None
    if found is None or not all(_is_finite(call) for call in cut.back):
        return None
    if any(getattr(call.layer, "compute_dtype", "") != "float32" for call in found.tail):
        return None
    try:
        gains = score_gains(found.tail, cut.network.output)
        linear = [_described(cut, frontier, gains, reader) for reader in found.readers]
        return SummedShares(cut, frontier, linear, found.tail, gains)
    except NoBound:
        return None


def _described(cut: Cut, frontier: Frontier, gains: dict[int, float], reader: LinearReader) -> _Linear:
    silent = frontier.silent_tensors[reader.carrier]
    shape = silent.shape[1:]
    channels = cut.source.channels
    units = prod(reader.units)
    inputs = prod(shape)
    if inputs * units > _LARGEST_MATRIX:
        raise NoBound("the matrix is too large")
    matrix = _matrix(reader, shape, units)
    axis = cut.source.axis if cut.source.axis < 0 else cut.source.axis - 1
    by_channel = np.moveaxis(matrix.reshape(*shape, units), axis % len(shape), 0)
    by_channel = np.ascontiguousarray(by_channel.reshape(channels, -1, units))
    norms = np.sqrt(np.square(by_channel, dtype=np.float64).sum(axis=(1, 2)))
    terms = int(np.count_nonzero(by_channel, axis=1).max())
    begun = _sums(reader, silent, bias=True)[0]
    biases = _sums(reader, np.zeros_like(silent), bias=True)
    size = _norm(biases) + sum(map(prod, zip(norms, map(_norm, frontier.silent[reader.carrier]), strict=True)))
    roundings = rounding_of_sum(np.count_nonzero(matrix, axis=0).max())
    gain = gains[reader.call.outputs[0]] * slope(reader.call.layer.activation)
    return _Linear(reader, by_channel, begun, size, norms, terms, roundings, gain)


def _matrix(reader: LinearReader, shape: tuple[int, ...], units: int) -> Array:
    """What a linear layer does without bias and activation to values of a shape, (values, units)."""
    inputs = prod(shape)
    matrix = np.empty((inputs, units), np.float32)
    if type(reader.call.layer) is layers.Dense and len(reader.units) == 1:
        # Its kernel, in the order in which the values lie before they are put elsewhere: the way of their numbers.
        numbers = np.arange(inputs, dtype=np.float32).reshape(1, *shape)
        matrix[np.asarray(_behind_way(reader, tf.constant(numbers)))[0].astype(int)] = reader.call.layer.kernel.numpy()
        return matrix
    for start in range(0, inputs, 256):
        ones = np.eye(min(256, inputs - start), inputs, start, np.float32).reshape(-1, *shape)
        matrix[start : start + 256] = _sums(reader, ones, bias=False)
    return matrix


def _behind_way(reader: LinearReader, tensor: Any) -> Any:
    """What the linear layer reads where its carrier holds a tensor."""
    if not reader.way:
        return tensor
    held = {reader.way[0].inputs[0]: tensor}
    run_calls(reader.way, held)
    return held[reader.way[-1].outputs[0]]


def _sums(reader: LinearReader, values: Array, *, bias: bool) -> Array:
    """What a linear layer makes of its carrier's values (rows, …), without activation: (rows, units)."""
    layer = reader.call.layer
    tensor = _behind_way(reader, tf.constant(values))
    dense = type(layer) is layers.Dense
    made = ops.matmul(tensor, layer.kernel) if dense else layer.convolution_op(tensor, layer.kernel)
    sums: Array = np.asarray(made + layer.bias if bias and layer.use_bias else made)
    return sums.reshape(len(sums), -1)


def _activation_behind(cut: Cut, reader: LinearReader) -> Callable[[Array], Array]:
    """The activation function of a linear layer; none where it is the softmax that ends the network."""
    activation = reader.call.layer.activation
    ends = reader.call.outputs[0] == cut.network.output and is_softmax(activation)
    return activated(None if ends else activation, reader.units)


def _norm(values: Array) -> float:
    return float(np.linalg.norm(values.astype(np.float64)))


def _is_finite(call: Call) -> bool:
    return all(np.isfinite(weight.numpy()).all() for weight in getattr(call.layer, "weights", ()))
