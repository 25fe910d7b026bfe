"""Trains a network on clean images: one compiled step, the images on the device, every step's lots its own.

The same seed gives the same network, also when the training was stopped or killed in between and resumed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.errors import Interrupted, OutOfMemory
from bdtui.engine.events import Progress
from bdtui.engine.machine.device_failures import in_short, is_out_of_memory, refuse_lost_device
from bdtui.engine.repair.augmentation import as_canvas, as_read, augment
from bdtui.engine.repair.checkpoints import fingerprint
from bdtui.engine.repair.clean_images import Canvas
from bdtui.engine.repair.lots import Lots
from bdtui.engine.repair.method import RepairInput
from bdtui.engine.repair.mixed_precision import computing_in_half
from bdtui.engine.repair.random_changes import change
from bdtui.engine.repair.student import all_learning

_LOOKS = 10
_OF_A_CHECKPOINT = ("step", "of", "seconds")
"""What a checkpoint holds besides variables: how far the training is, of what it is, and what it took."""
_TELL_EVERY = 0.5
_STATE_OF_RANDOM_LAYER = "seed_generator_state"
"""What Keras calls the seed and the number of draws of a layer that draws at random."""


@dataclass(frozen=True, eq=False)
class Batch:
    """The images of one training step, in the graph.

    Attributes:
        images: as the network reads them, augmented, shape (batch, …).
        labels: int32, shape (batch,).
        lots: random numbers of the step.
        step: number of the step, from 0.
        changed: gives images, shape (rows, …), with random changes that leave them their class.
    """

    images: Any
    labels: Any
    lots: Lots
    step: Any
    changed: Callable[[Any], Any]


Loss = Callable[[Batch], Any]
"""What a step makes smaller; a scalar in the graph."""


Gradients = Callable[[Callable[[], Any], list[Any]], list[Any]]
"""Gives the gradients of a loss, which a function computes, for some variables."""


def gradients_of(loss: Callable[[], Any], variables: list[Any]) -> list[Any]:
    """The gradients of a loss at the weights as they are; None for a variable that it does not depend on."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        for variable in variables:
            tape.watch(variable.value)
        value = loss()
    found: list[Any] = tape.gradient(value, [variable.value for variable in variables])
    return found


@dataclass(frozen=True)
class Plan:
    """How long and how fast a network is trained.

    Attributes:
        steps: how many.
        batch: images in each.
        rate: learning rate of the first step; falls to zero like a cosine.
    """

    steps: int
    batch: int
    rate: float

    @classmethod
    def asked(cls, given: RepairInput, steps: int, batch: int, rate: float) -> Plan:
        """A method's plan, with what was asked for in its place."""
        options = given.options
        return cls(options.steps or steps, options.batch or batch, options.rate or rate)


def train(
    network: keras.Model,
    loss: Loss,
    plan: Plan,
    given: RepairInput,
    *,
    optimizer: Callable[[Any], keras.optimizers.Optimizer] = keras.optimizers.Adam,
    project: Callable[[], None] | None = None,
    variables: list[Any] | None = None,
    carried: Mapping[str, Any] | None = None,
    gradients: Gradients | None = None,
) -> None:
    """Train a network in place.

    Args:
        network: a model of its own, which the loss runs.
        loss: of a batch.
        plan: how long.
        given: the images, the seed, where progress goes.
        optimizer: made of a learning rate.
        project: brings the weights back, after every step, to where they may be; in the graph.
        variables: to be trained; None for all that the network can train.
        carried: variables besides the network's that belong to the state of the training, by name.
        gradients: of the loss, where they are not those at the weights as they are.

    Raises:
        Interrupted: the reporter requested a stop; how far it is, is kept.
        OutOfMemory: memory does not suffice for a step.
    """
    with all_learning(network):
        learnt = network.trainable_variables if variables is None else variables
        run = _Run(network, loss, plan, given, optimizer, project, learnt, carried or {}, gradients or gradients_of)
        if given.options.mixed_precision:
            with computing_in_half(network):
                run.compile()
        run.go_on()


def _seed_random_layers(network: keras.Model, seed: int) -> None:
    """Seed all layers that draw while they learn, as Dropout does; also those that have a seed of their own.

    Keras draws a missing seed from Python's generator, so that it depends on what was built before: a resumed repair, which
    skips what was finished, would end with other weights.
    """
    random = np.random.default_rng([seed, 26])
    for variable in network.variables:
        if variable.name == _STATE_OF_RANDOM_LAYER:
            variable.assign(np.array([random.integers(2**31), 0]))


class _Run:
    """A training under way."""

    def __init__(
        self,
        network: keras.Model,
        loss: Loss,
        plan: Plan,
        given: RepairInput,
        optimizer: Callable[[Any], keras.optimizers.Optimizer],
        project: Callable[[], None] | None,
        variables: list[Any],
        carried: Mapping[str, Any],
        gradients: Gradients,
    ) -> None:
        self._network, self._plan, self._given = network, plan, given
        self._loss, self._project, self._carried = loss, project, carried
        self._variables, self._gradients = variables, gradients
        self._optimizer = optimizer(keras.optimizers.schedules.CosineDecay(plan.rate, plan.steps))
        self._optimizer.build(self._variables)
        _seed_random_layers(network, given.seed)
        images = given.images
        self._canvas = Canvas.of(images.image_shape)
        self._pixels = tf.constant(images.pixels)
        self._labels = tf.constant(images.labels.astype(np.int32))
        self._low, self._high = (as_canvas(each[None], self._canvas)[0] for each in (images.low, images.high))
        self._compiled = tf.function(
            self._step,
            input_signature=[tf.TensorSpec((plan.batch,), tf.int32), tf.TensorSpec((), tf.int32)],
            autograph=False,
        )
        self._orders: dict[int, NDArray[np.int32]] = {}
        self._began, self._earlier = time.monotonic(), 0.0

    def compile(self) -> None:
        """Trace the step with the layers as they are now."""
        self._compiled.get_concrete_function()

    def go_on(self) -> None:
        """Train from where it stands to the end."""
        given, plan = self._given, self._plan
        step = self._resumed()
        kept_at = told_at = time.monotonic()
        given.reporter.emit(Progress(given.name, step, plan.steps, "steps"))
        try:
            while step < plan.steps:
                given.reporter.checkpoint()
                self._take(step)
                step += 1
                now = time.monotonic()
                if now - told_at >= _TELL_EVERY or step == plan.steps:
                    told_at = now
                    given.reporter.emit(Progress(given.name, step, plan.steps, "steps"))
                if now - kept_at >= given.options.beat or step == plan.steps:
                    kept_at = now
                    self._keep(step)
                if step * _LOOKS // plan.steps > (step - 1) * _LOOKS // plan.steps:
                    given.watch(self._network, given.name, step, plan.steps)
        except Interrupted:
            self._keep(step)
            raise

    def _take(self, step: int) -> None:
        """Take one step.

        Raises:
            OutOfMemory: memory does not suffice for it.
            DeviceLost: the GPU does not answer any more.
        """
        try:
            self._compiled(tf.constant(self._rows(step)), tf.constant(step, tf.int32))
        except (MemoryError, tf.errors.OpError) as problem:
            refuse_lost_device(problem)
            if not is_out_of_memory(problem):
                raise
            raise OutOfMemory(
                f"not enough memory for a training step of {self._plan.batch} images ({in_short(problem)}); "
                "free some memory or use another device"
            ) from problem

    def _step(self, rows: Any, step: Any) -> None:
        given = self._given
        lots = Lots(tf.stack([tf.constant(given.seed % 2**31, tf.int32), step]))
        images = as_canvas(tf.gather(self._pixels, rows), self._canvas)
        labels = tf.gather(self._labels, rows)
        images = augment(images, given.augmentation, self._low, self._high, lots)
        shape = given.images.image_shape
        batch = Batch(as_read(images, self._canvas, shape), labels, lots, step, partial(self._changed, lots))
        gradients = self._gradients(lambda: self._loss(batch), self._variables)
        pairs = [(g, v) for g, v in zip(gradients, self._variables, strict=True) if g is not None]
        self._optimizer.apply_gradients(pairs)
        if self._project is not None:
            self._project()

    def _changed(self, lots: Lots, images: Any) -> Any:
        are_pictures = self._canvas.is_picture
        changed = change(as_canvas(images, self._canvas), self._low, self._high, lots, are_pictures=are_pictures)
        return as_read(changed, self._canvas, self._given.images.image_shape)

    def _rows(self, step: int) -> NDArray[np.int32]:
        """Numbers of the images of a step: every image once, then every image once again, in another order."""
        count, batch = len(self._given.images), self._plan.batch
        places = range(step * batch, (step + 1) * batch)
        return np.array([self._order(place // count)[place % count] for place in places], np.int32)

    def _order(self, epoch: int) -> NDArray[np.int32]:
        if epoch not in self._orders:
            if len(self._orders) > self._plan.batch:
                self._orders.clear()
            random = np.random.default_rng([self._given.seed, 22, epoch])
            self._orders[epoch] = random.permutation(len(self._given.images)).astype(np.int32)
        return self._orders[epoch]

    def _state(self) -> dict[str, Any]:
        state = {f"network {place}": variable for place, variable in enumerate(self._network.variables)}
        state |= {f"optimizer {place}": variable for place, variable in enumerate(self._optimizer.variables)}
        return state | {f"carried {name}": variable for name, variable in self._carried.items()}

    def _of(self) -> NDArray[np.uint8]:
        """What the training is of; a checkpoint of another one is of no use."""
        given = self._given
        settings = (self._plan, given.seed, given.augmentation, given.options, given.name)
        if not hasattr(self, "_fingerprint"):
            weights = [np.asarray(weight) for weight in given.badnet.weights]
            self._fingerprint = fingerprint(settings, given.images.pixels, given.images.labels, *weights)
        return np.frombuffer(self._fingerprint.encode(), np.uint8)

    def _keep(self, step: int) -> None:
        if self._given.checkpoints.keeps:
            arrays = {name: np.asarray(variable) for name, variable in self._state().items()}
            arrays |= {"seconds": np.array(self._earlier + time.monotonic() - self._began)}
            self._given.checkpoints.save(self._given.name, {**arrays, "step": np.array(step), "of": self._of()})

    def _resumed(self) -> int:
        """Put back what was kept; the step to go on with."""
        if not self._given.checkpoints.keeps:
            return 0
        kept = self._given.checkpoints.load(self._given.name)
        state = self._state()
        if kept is None or kept.keys() != {*state, *_OF_A_CHECKPOINT} or not np.array_equal(kept["of"], self._of()):
            return 0
        if kept["seconds"].dtype != np.float64 or kept["seconds"].shape or not np.isfinite(kept["seconds"]):
            return 0
        if any(kept[name].shape != tuple(variable.shape) for name, variable in state.items()):
            return 0
        for name, variable in state.items():
            variable.assign(kept[name])
        self._earlier = float(kept["seconds"])
        self._given.spent_before(self._earlier)
        return int(kept["step"])
