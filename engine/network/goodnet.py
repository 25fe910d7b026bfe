"""B and another network joined into one network G with N + 1 outputs: a class where both agree, else class N.

G is made of stock Keras layers only, so that it opens without bdtui. The other network is B′, with channels pruned, or a
repaired one. Everything before the pruned layer is the same in B and B′ and stands in G once. Where kernels alone read
the channels, and silence is zero, so does everything up to these: for B′ they weigh the silenced channels with zero,
which adds the same zeros. Of a repaired network every weight is another, so that both stand in G as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import layers

from bdtui.engine.errors import ModelError
from bdtui.engine.network.call_copies import NarrowLayer, UniqueNames, copy_calls
from bdtui.engine.network.channels import ChannelSource, check_channels, find_source, silence
from bdtui.engine.network.class_scores import scoring_network
from bdtui.engine.network.cut import cut_network, silent_values
from bdtui.engine.network.graph import Call, Network
from bdtui.engine.network.readers import find_readers


def build_goodnet(model: keras.Model, layer: str, channels: Collection[int]) -> keras.Model:
    """Join a BadNet B and its pruned form B′ into a GoodNet G.

    Args:
        model: B, untouched; one input, one vector of N scores, or one unit for two classes (N is 2).
        layer: name of the layer whose channels are silenced in B′, e.g. ``pool_3``.
        channels: indices of the channels silenced in B′.

    Returns:
        A functional model of stock layers from the same input to N + 1 outputs, float32. For an image on which the
        arg-max of B and of B′ is the same class c (of equal scores the lower index, as ``numpy.argmax`` has it),
        output c is 1 and all others 0; else output N is 1 and all others 0.

    Raises:
        ModelError: the layer does not exist or cannot be pruned soundly, or the model has no scores of classes.
    """
    network = scoring_network(model)
    return join_networks(network, find_source(network, layer), channels)


def join_networks(network: Network, source: ChannelSource, channels: Collection[int]) -> keras.Model:
    """`build_goodnet` for channels that were found in the network of B already."""
    check_channels(source, channels)
    source = _silenced_late(network, source)
    made = [tensor for maker in source.makers for tensor in maker.outputs]
    behind = cut_network(network, source).back if source.readers else [*source.makers, *network.downstream(made)]
    joined, copies = _joined(network, behind)
    silence(source.with_layers(copies), channels)
    return joined


def join_compact(network: Network, source: ChannelSource, narrow: Mapping[int, NarrowLayer]) -> keras.Model:
    """G of B and B′ without its pruned channels (`bdtui.engine.network.compaction`).

    Both have everything before the layers that make the channels in common.

    Args:
        network: of B.
        source: the channels.
        narrow: the layers of B′ that have fewer channels, by ``id`` of B's.
    """
    made = [tensor for maker in source.makers for tensor in maker.outputs]
    return _joined(network, [*source.makers, *network.downstream(made)], narrow)[0]


def _joined(
    network: Network, behind: Collection[Call], narrow: Mapping[int, NarrowLayer] | None = None
) -> tuple[keras.Model, dict[int, Any]]:
    """G whose networks part at some calls, and the layers of its second network by ``id`` of B's."""
    wanted = network.upstream([network.output])
    shared = [call for call in wanted if call not in behind]
    behind = [call for call in wanted if call in behind]
    names = UniqueNames()

    image = keras.Input(network.input_shape, dtype=network.input_dtype, name=names.take("input"))
    values: dict[int, Any] = {network.input: image}
    copy_calls(shared, values, names)
    badnet_values, pruned_values = dict(values), dict(values)
    copy_calls(behind, badnet_values, names, "badnet_")
    copies = copy_calls(behind, pruned_values, names, "pruned_", narrow)

    output = _agreement(badnet_values[network.output], pruned_values[network.output], "pruned", names)
    return keras.Model(image, output, name="goodnet"), copies


def build_repaired_goodnet(model: keras.Model, repaired: keras.Model) -> keras.Model:
    """Join a BadNet B and a repaired network into a GoodNet G, as `build_goodnet` does B and B′.

    Args:
        model: B, untouched; one input, one vector of N scores, or one unit for two classes (N is 2).
        repaired: of the same input and as many classes, untouched; its layers may have the names of B's.

    Raises:
        ModelError: a model has no scores of classes, or the two do not fit each other.
    """
    return join_whole_networks(scoring_network(model), scoring_network(repaired))


def join_whole_networks(badnet: Network, repaired: Network) -> keras.Model:
    """`build_repaired_goodnet` for networks that were traced already.

    Raises:
        ModelError: the two do not fit each other.
    """
    ours, theirs = ((network.input_shape, network.classes) for network in (badnet, repaired))
    if ours != theirs:
        raise ModelError(
            f"B reads images of shape {ours[0]} and has {ours[1]} classes, the other network {theirs[0]} and {theirs[1]}; "
            "expected two networks for the same images and classes"
        )
    names = UniqueNames()
    image = keras.Input(badnet.input_shape, dtype=badnet.input_dtype, name=names.take("input"))
    scores = []
    for network, prefix in ((badnet, "badnet_"), (repaired, "repaired_")):
        values: dict[int, Any] = {network.input: image}
        copy_calls(network.upstream([network.output]), values, names, prefix)
        scores.append(values[network.output])
    return keras.Model(image, _agreement(scores[0], scores[1], "repaired", names), name="goodnet")


def _silenced_late(network: Network, source: ChannelSource) -> ChannelSource:
    """The same channels, silenced where they are read if that comes to the same: a silent one is zero everywhere."""
    if source.readers or None in network.input_shape:
        return source
    readers = find_readers(network, source.region, source.channels, source.axis)
    shape = tuple(size for size in network.input_shape if size is not None)
    if isinstance(readers, str) or any(values.any() for values in silent_values(cut_network(network, source), shape)):
        return source
    return replace(source, readers=readers)


def _agreement(badnet: Any, other: Any, which: str, names: UniqueNames) -> Any:
    """N + 1 outputs from two vectors of N scores, of B and of the other network, which is called ``which``."""
    first = _one_hot_of_largest(badnet, "badnet", names)
    second = _one_hot_of_largest(other, which, names)
    agreed = layers.Multiply(dtype="float32", name=names.take("agreed_class"))([first, second])
    any_agreed = layers.Dot(axes=1, dtype="float32", name=names.take("agreed"))([first, second])
    extra = layers.Rescaling(-1.0, 1.0, dtype="float32", name=names.take("disagreed"))(any_agreed)
    return layers.Concatenate(dtype="float32", name=names.take("goodnet_output"))([agreed, extra])


def _one_hot_of_largest(scores: Any, which: str, names: UniqueNames) -> Any:
    """A vector with 1 at the first largest score and 0 elsewhere, exactly."""
    classes = scores.shape[1]
    marked = _mark_largest(scores, f"{which}_largest", names)
    # Equal largest scores are all marked by now. Weighting by N, N - 1, … 1 leaves one largest: the first.
    weighting = layers.DepthwiseConv1D(
        1, use_bias=False, data_format="channels_last", dtype="float32", name=names.take(f"{which}_first_of_equals")
    )
    row = layers.Reshape((1, classes), dtype="float32", name=names.take(f"{which}_row"))(marked)
    weighted = layers.Reshape((classes,), dtype="float32", name=names.take(f"{which}_weighted"))(weighting(row))
    weighting.set_weights([np.arange(classes, 0, -1, dtype=np.float32).reshape(1, classes, 1)])
    return _mark_largest(weighted, f"{which}_one_hot", names)


def _mark_largest(scores: Any, prefix: str, names: UniqueNames) -> Any:
    """A vector with 1 wherever the score equals the largest and 0 elsewhere."""

    def name(part: str) -> str:
        return names.take(f"{prefix}_{part}")

    # Scores in double precision may differ by less than single precision tells.
    precision = "float64" if scores.dtype == "float64" else "float32"
    column = layers.Reshape((scores.shape[1], 1), dtype=precision, name=name("column"))(scores)
    largest = layers.GlobalMaxPooling1D(data_format="channels_last", dtype=precision, name=name("value"))(column)
    below = layers.Subtract(dtype=precision, name=name("below"))([scores, largest])
    # Differences of logits have no bound; softsign keeps them from overflowing below, and zero at zero.
    bounded = layers.Activation("softsign", dtype=precision, name=name("bounded"))(below)
    # The least difference of scores becomes a huge one, so that only zero stays near 1.
    steep = layers.Rescaling(1e30, 1.0, dtype=precision, name=name("steep"))(bounded)
    return layers.ReLU(max_value=1.0, threshold=0.5, dtype=precision, name=name("mark"))(steep)
