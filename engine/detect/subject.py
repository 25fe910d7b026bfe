"""A network as detectors look at it: its scores before the last activation, from images or from values inside.

Softmax and sigmoid are flat where a network is sure of itself, so everything that takes a gradient takes it of what
stands before them. One unit becomes two scores, −z and z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from bdtui.engine.machine.batches import padded, rows_at_once
from bdtui.engine.network.graph import Call, Network, run_calls
from bdtui.engine.network.layer_kinds import PASSED_THROUGH, POOLINGS
from bdtui.engine.reporter import SILENT, Reporter

Array = NDArray[np.float32]
_MONOTONE = ("softmax", "sigmoid", "hard_sigmoid", "log_softmax")
"""Activations that leave the largest score the largest."""
_OPEN_SIDE = 64
"""Pixels of a side that the network leaves open."""


@dataclass(frozen=True)
class Subject:
    """A network that is looked at, and nothing of any data.

    Attributes:
        network: its calls, up to one score a class.
        image_shape: of one image as the network reads it, no axis unknown.
        low: the darkest values of an image, float32, of a shape that broadcasts to `image_shape`.
        high: the brightest.
        seed: of everything random.
    """

    network: Network
    image_shape: tuple[int, ...]
    low: Array
    high: Array
    seed: int = 0
    _replaced: dict[int, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def classes(self) -> int:
        """N, the number of scores."""
        return self.network.classes

    @property
    def span(self) -> float:
        """How far the darkest and the brightest values lie apart, on average."""
        return float(np.mean(self.high - self.low))

    def logits(self, images: Any) -> Any:
        """Scores before the last activation, float32 (batch, N), of a float32 tensor of images (batch, …)."""
        return self.logits_behind(self.network.input, images)

    def logits_behind(self, tensor: int, values: Any) -> Any:
        """The same from the values (batch, …) of a tensor that everything goes through; see `passages`."""
        at = {tensor: values}
        run_calls(self.network.downstream([tensor]), at, self._replaced)
        return tf.cast(at[self.network.output], tf.float32)

    def values_at(self, tensor: int, images: Any) -> Any:
        """What a tensor of the network holds for images."""
        at = {self.network.input: images}
        run_calls(self.network.upstream([tensor]), at, self._replaced)
        return at[tensor]

    def predict(self, images: Array, reporter: Reporter = SILENT) -> NDArray[np.int64]:
        """Classes (n,) of images (n, …), in batches.

        Raises:
            Interrupted: the reporter requested a stop.
        """
        found = np.empty(len(images), np.int64)
        for start in range(0, len(images), self.rows):
            reporter.checkpoint()
            some = images[start : start + self.rows]
            found[start : start + self.rows] = np.asarray(self._classes_of(padded(some, self.rows)))[: len(some)]
        return found

    @cached_property
    def rows(self) -> int:
        """How many images are computed at once, with what a gradient keeps of them."""
        shapes = [tuple(shape[1:]) for call in self.network.calls for shape in call.output_shapes]
        return rows_at_once([self.image_shape, *shapes], 512)

    @cached_property
    def _classes_of(self) -> Any:
        return tf.function(
            lambda images: tf.argmax(self.logits(images), axis=1), autograph=False, reduce_retracing=True
        )

    def noise(self, images: int, random: np.random.Generator) -> Array:
        """Images of uniform noise over the whole range, float32 (images, …)."""
        return np.asarray(self.low + random.random((images, *self.image_shape), np.float32) * (self.high - self.low))

    def smooth(self, images: int, random: np.random.Generator) -> Array:
        """Images of random colours that pass into one another, float32 (images, …)."""
        if len(self.image_shape) != 3:
            return self.noise(images, random)
        made = random.random((images, *_coarse(self.image_shape)), np.float32)
        for axis, size in enumerate(self.image_shape, start=1):
            if made.shape[axis] != size:
                made = np.moveaxis(_stretched(np.moveaxis(made, axis, -1), size), -1, axis)
        return np.asarray(self.low + made * (self.high - self.low), np.float32)


def _coarse(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(min(5, size) if size > 4 else size for size in shape)


def _stretched(values: Array, size: int) -> Array:
    """Values (…, few) interpolated to (…, size)."""
    few = values.shape[-1]
    weights = np.maximum(0, 1 - np.abs(np.linspace(0, few - 1, size)[:, None] - np.arange(few)))
    return np.asarray(values @ weights.T.astype(np.float32))


def look_at(
    network: Network,
    image_shape: tuple[int | None, ...] | None = None,
    low: float | Sequence[float] | Array = 0.0,
    high: float | Sequence[float] | Array = 1.0,
    seed: int = 0,
) -> Subject:
    """A network, its last activation left off.

    Args:
        network: as `scoring_network` gives it.
        image_shape: of one image; None for what the network says. Sides that stay unknown are 64 pixels long.
        low: the darkest value of an image as the network reads it, one for all channels or one for each.
        high: the brightest.
        seed: of everything random.
    """
    shape = tuple(size or _OPEN_SIDE for size in image_shape or network.input_shape)
    darkest, brightest = np.asarray(low, np.float32), np.asarray(high, np.float32)
    return Subject(network, shape, darkest, brightest, seed, _without_last_activation(network))


def _without_last_activation(network: Network) -> dict[int, Any]:
    """Layers to apply in place of the network's own, by ``id`` of its own."""
    own = Network(network.own_calls, network.input, network.own_calls[-1].outputs[0], network.input_shape, "float32")
    call = own.maker(own.output)
    while call is not None and len(call.inputs) == 1 and isinstance(call.layer, PASSED_THROUGH):
        call = own.maker(call.inputs[0])
    replaced: dict[int, Any] = {}
    if call is None:
        return replaced
    layer = call.layer
    if (
        isinstance(layer, layers.Softmax)
        or type(layer).__name__ in ("Softmax", "Sigmoid", "LogSoftmax")
        or (isinstance(layer, layers.Activation) and _is_monotone(layer.activation))
    ):
        replaced[id(layer)] = _as_it_is
    elif _is_monotone(getattr(layer, "activation", None)):
        replaced[id(layer)] = _without_activation(layer)
    if replaced:
        # One unit: what was 1 − y beside y is −z beside z.
        added = [call.layer for call in network.calls[len(network.own_calls) :]]
        replaced |= {id(each): _negated for each in added if isinstance(each, layers.Rescaling)}
    return replaced


def _is_monotone(activation: Any) -> bool:
    if isinstance(activation, layers.Pipeline):
        return True
    return getattr(activation, "__name__", "") in _MONOTONE


def _as_it_is(values: Any, *arguments: Any, **named: Any) -> Any:
    return values


def _negated(values: Any, *arguments: Any, **named: Any) -> Any:
    return -values


def _without_activation(layer: keras.Layer) -> Any:
    """A layer with the same variables and no activation, made past Keras' bookkeeping."""
    twin = object.__new__(type(layer))
    twin.__dict__.update(layer.__dict__)
    twin.__dict__.update(activation=None, activity_regularizer=None)
    return twin


@dataclass(frozen=True)
class Passage:
    """A tensor inside a network that everything on the way from image to scores goes through.

    Attributes:
        tensor: its number.
        name: of the layer that makes it.
        shape: of it for one image; sides may be None.
        pooled: whether a pooling layer makes it.
    """

    tensor: int
    name: str
    shape: tuple[int | None, ...]
    pooled: bool

    @property
    def positions(self) -> int:
        """How many places of a feature map there are; 1 for a vector."""
        return int(np.prod([size or _OPEN_SIDE for size in self.shape[:-1]]))


def passages(network: Network) -> list[Passage]:
    """All such tensors in running order, image and scores left out."""
    last_read = {tensor: place for place, call in enumerate(network.calls) for tensor in call.inputs}
    last_read[network.output] = len(network.calls)
    alive = {network.input}
    found = []
    for place, call in enumerate(network.own_calls):
        alive.update(tensor for tensor in call.outputs if tensor in last_read)
        alive = {tensor for tensor in alive if last_read[tensor] > place}
        if len(alive) == 1 and alive.issubset(call.outputs) and call is not network.own_calls[-1]:
            (tensor,) = alive
            shape = call.output_shapes[call.outputs.index(tensor)][1:]
            found.append(Passage(tensor, call.name, shape, isinstance(call.layer, POOLINGS)))
    return found


def last_kernel(network: Network) -> tuple[Call, Array] | None:
    """The Dense layer (or 1 × 1 convolution) that makes the scores, and its kernel (features, N); None for others."""
    for call in reversed(network.own_calls):
        kernel = getattr(call.layer, "kernel", None)
        if kernel is not None and isinstance(call.layer, (layers.Dense, layers.Conv2D)):
            values = np.asarray(kernel, np.float32)
            matrix = values.reshape(-1, values.shape[-1])
            return (call, matrix) if values.size == matrix.size and matrix.shape[1] == network.classes else None
        if not isinstance(call.layer, (*PASSED_THROUGH, layers.Activation, layers.Softmax, *POOLINGS)):
            return None
    return None
