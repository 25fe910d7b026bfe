"""Where a repair starts: a network of B's architecture with a share of B's weights and a share of a fresh beginning.

Half of B and half of a fresh initialisation: what was learnt last and finest, as a trigger's path is, does not survive
that; most of what is useful stays within reach.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import layers

from bdtui.engine.network.copies import copy_model
from bdtui.engine.network.graph import trace_network


def begin_student(badnet: keras.Model, share: float, seed: int) -> keras.Model:
    """A network of B's architecture and names that shares no variable with it.

    Args:
        badnet: B, untouched.
        share: of B's weights, 0 for a fresh network to 1 for a copy.
        seed: of the fresh weights.

    Returns:
        A model of which every weight that training changes is ``share`` · B's + (1 − ``share``) · a fresh one. The same
        holds for the statistics of BatchNormalization. What was set once and for all, as in a Normalization layer,
        is B's.
    """
    student = copy_model(badnet)
    if share == 1:
        return student
    fresh = _begun_anew(badnet, seed)
    generator = np.random.default_rng([seed, 21])
    settled = {id(weight) for layer in layers_of(student) if _is_settled(layer) for weight in layer.weights}
    for weight, beginning in zip(student.weights, fresh.weights, strict=True):
        if id(weight) not in settled and weight.dtype.startswith(("float", "bfloat")):
            begun = _drawn_if_constant(np.asarray(beginning.value, np.float32), generator)
            weight.assign(share * np.asarray(weight.value, np.float32) + (1 - share) * begun)
    return student


def layers_of(model: keras.Model) -> list[Any]:
    """The layers of a model and of the models in it, each once."""
    found = {id(call.layer): call.layer for call in trace_network(model).calls}
    return [layer for layer in found.values() if isinstance(layer, layers.Layer)]


@contextmanager
def all_learning(model: keras.Model) -> Iterator[None]:
    """Let every layer of a model learn, also those that its file says are frozen: a trigger may lie there.

    BatchNormalization follows the statistics of the new images within some ten steps meanwhile.
    """
    every = [*model._flatten_layers()]
    frozen = [(layer, layer.trainable) for layer in every]
    momenta = [(layer, layer.momentum) for layer in every if isinstance(layer, layers.BatchNormalization)]
    for layer in every:
        # One by one: of a model Keras tells only some of the layers it holds.
        layer.trainable = True
    for layer, momentum in momenta:
        layer.momentum = min(momentum, 0.9)
    try:
        yield
    finally:
        for layer, was in frozen:
            # Those that a model holds come after it, which passes it on to some.
            layer.trainable = was
        for layer, momentum in momenta:
            layer.momentum = momentum


def _is_settled(layer: Any) -> bool:
    return isinstance(layer, layers.Normalization | layers.Discretization)


def _drawn_if_constant(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Fresh weights; drawn here where the file has them begin all alike, from which no kernel learns."""
    if values.ndim < 2 or np.ptp(values):
        return values
    fan = float(np.prod(values.shape[:-1]) + values.shape[-1])
    limit = np.sqrt(6 / fan)
    return generator.uniform(-limit, limit, values.shape).astype(np.float32)


def _begun_anew(model: keras.Model, seed: int) -> keras.Model:
    """A model of the same layers with the weights of their initialisers, which draw by this seed.

    An initialiser with a seed of its own would begin with B's beginning. One without takes its seed from Python's one generator,
    from which other threads draw too.
    """
    seeds = random.Random(seed)

    def begun_anew(layer: Any) -> Any:
        return type(layer).from_config(_with_new_seeds(layer.get_config(), seeds))

    return keras.models.clone_model(model, clone_function=begun_anew)


def _with_new_seeds(config: Any, seeds: random.Random) -> Any:
    """The configuration of a layer, in which every seed is another."""
    if isinstance(config, dict):
        return {
            name: seeds.randint(1, 10**9) if name == "seed" else _with_new_seeds(value, seeds)
            for name, value in config.items()
        }
    if isinstance(config, list | tuple):
        return type(config)(_with_new_seeds(value, seeds) for value in config)
    return config
