"""A network as it is handed on: one function from images to outputs, and what its outputs mean."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.machine.batches import rows_at_once
from bdtui.engine.network.class_scores import threshold_of_unit
from bdtui.engine.network.graph import run_network, trace_network
from bdtui.engine.reporter import Reporter

INPUT, OUTPUT = "images", "scores"
"""What the one input and the one output are called in formats that name them."""


class ServedNetwork:
    """A network with its weights, ready to be written in other formats.

    Args:
        model: Functional or Sequential, with one input and one output that tells classes.

    Attributes:
        model: the same.
        input_dtype: what it reads, e.g. ``float32`` or ``uint8``.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self._network = trace_network(model)
        self.input_dtype = self._network.input_dtype
        self._run: Any = None

    @cached_property
    def function(self) -> Any:
        """A TensorFlow function of images (batch, …) in `input_dtype`, which gives the outputs by name.

        Layers that read channels first run on any processor in it, and in whatever is made of it.
        """
        signature = tf.TensorSpec((None, *self._network.input_shape), self.input_dtype, name=INPUT)
        return tf.function(
            lambda images: {OUTPUT: run_network(self._network, images)}, input_signature=[signature], autograph=False
        )

    @cached_property
    def frozen(self) -> Any:
        """The same function with all weights in its graph: it reads images, and nothing else."""
        # TensorFlow has no public name for it; its own converters and tf2onnx use it as well.
        return convert_variables_to_constants_v2(self.function.get_concrete_function())

    def inputs(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Images as a data set gives them, in the type that the network reads."""
        return np.asarray(tf.cast(images, self.input_dtype))

    def outputs(self, images: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        """The outputs, shape (rows, units), by TensorFlow."""
        return in_rows(self.function(tf.constant(self.inputs(images)))[OUTPUT])

    def classes(self, outputs: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """The class of every row of outputs: of the largest, or of one unit by what it is above."""
        if outputs.shape[1] > 1:
            return np.asarray(outputs.argmax(axis=1))
        return (outputs[:, 0] > threshold_of_unit(self._network)).astype(np.int64)

    def rows_at_once(self, image_shape: tuple[int, ...]) -> int:
        """How many images to compute at once."""
        return rows_at_once(
            [image_shape, *(shape[1:] for call in self._network.calls for shape in call.output_shapes)], 256
        )


class OwnOutputs:
    """What a network makes of image sets, kept to hold other forms of it against.

    Args:
        network: whose outputs they are.
        sets: by role.
        reporter: is asked whether to stop.

    Raises:
        Interrupted: the reporter requested a stop.
    """

    def __init__(self, network: ServedNetwork, sets: Mapping[str, LabelledImages], reporter: Reporter) -> None:
        self.network, self.sets, self.reporter = network, sets, reporter
        self.by_role: dict[str, NDArray[np.floating[Any]]] = {}
        for role, images in sets.items():
            found = []
            for batch in images.batches(network.rows_at_once(images.image_shape)):
                reporter.checkpoint()
                found.append(network.outputs(batch))
            self.by_role[role] = np.concatenate(found)

    @property
    def images(self) -> int:
        """How many images there are in all sets."""
        return sum(map(len, self.by_role.values()))


def in_rows(outputs: Any) -> NDArray[np.floating[Any]]:
    """Outputs as one vector for each image."""
    values = np.asarray(outputs)
    return values.reshape(len(values), -1)
