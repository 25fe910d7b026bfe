"""Small networks of every wiring that has to be cut, with weights that make their channels matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from keras import layers

IMAGE = (12, 12, 3)
CLASSES = 5


@dataclass(frozen=True)
class NetworkCase:
    """A network and the layer at which its channels are pruned."""

    build: Callable[[], keras.Model]
    layer: str
    image: tuple[int, ...] = IMAGE
    suffix: str = "h5"


def functional(body: Callable[[Any], Any], image: tuple[int | None, ...] = IMAGE) -> keras.Model:
    start = keras.Input(image)
    return keras.Model(start, body(start))


def head(x: Any) -> Any:
    return layers.Dense(CLASSES, activation="softmax", name="output")(layers.Flatten()(x))


def conv(name: str, activation: str | None = "relu", **settings: Any) -> layers.Layer:
    return layers.Conv2D(8, 3, activation=activation, name=name, **settings)


def pooled_after(layer: layers.Layer, pool: type = layers.MaxPooling2D, image: Any = IMAGE) -> keras.Model:
    return functional(lambda x: head(pool(name="pool")(layer(x))), image)


def batch_normalisation_before_activation() -> keras.Model:
    return functional(
        lambda x: head(
            layers.MaxPooling2D(name="pool")(layers.ReLU()(layers.BatchNormalization()(conv("conv", None)(x))))
        )
    )


def batch_normalisation_behind_pool() -> keras.Model:
    return functional(lambda x: head(layers.BatchNormalization()(layers.MaxPooling2D(name="pool")(conv("conv")(x)))))


def batch_normalisation_without_scale() -> keras.Model:
    return functional(
        lambda x: head(
            layers.BatchNormalization(scale=False)(layers.MaxPooling2D(name="pool")(conv("conv", "tanh")(x)))
        )
    )


def sigmoid_into_padding() -> keras.Model:
    return functional(
        lambda x: head(
            layers.Conv2D(6, 3)(layers.ZeroPadding2D(2)(layers.MaxPooling2D(name="pool")(conv("conv", "sigmoid")(x))))
        )
    )


def residual() -> keras.Model:
    def body(x: Any) -> Any:
        x = conv("stem", padding="same")(x)
        y = layers.ReLU(name="inner")(layers.BatchNormalization()(conv("conv_1", None, padding="same")(x)))
        y = layers.BatchNormalization(name="last")(conv("conv_2", None, padding="same")(y))
        return head(layers.AveragePooling2D(4, name="end")(layers.ReLU(name="sum")(layers.Add(name="add")([x, y]))))

    return functional(body)


def added(x: Any, *, first: bool = False) -> Any:
    """The sum of two convolutions of a tensor, which no layer makes alone."""
    settings = {"padding": "same", "data_format": "channels_first" if first else "channels_last"}
    return layers.Add(name="both")([conv("left", **settings)(x), conv("right", "tanh", **settings)(x)])


def joined(behind: Callable[[Any], Any], image: tuple[int | None, ...] = IMAGE) -> keras.Model:
    """A network with something behind a sum."""
    return functional(lambda x: behind(added(x)), image)


def next_stage(x: Any) -> Any:
    """The sum goes into a convolution, and into the one on the way around it."""
    x = layers.Activation("sigmoid", name="sum")(layers.BatchNormalization()(x))
    inner = conv("inner", strides=2, padding="same")(x)
    around = conv("around", None, strides=2, padding="same")(layers.MaxPooling2D(1)(x))
    return head(layers.ReLU()(layers.Add()([inner, around])))


def read_by_every_kind(x: Any) -> Any:
    x = layers.Activation("softplus", name="sum")(x)
    read = [
        layers.Conv2D(6, 3, groups=2),
        layers.DepthwiseConv2D(3, depth_multiplier=2),
        layers.SeparableConv2D(5, 3, depth_multiplier=2),
        layers.Conv2DTranspose(3, 3),
        layers.Dense(4),
    ]
    return layers.Dense(CLASSES, name="output")(
        layers.Concatenate()([layers.Flatten()(layers.MaxPooling2D(4)(layer(x))) for layer in read])
    )


def two_poolings(x: Any) -> Any:
    pooled = [layers.GlobalAveragePooling2D(name="pool")(x), layers.GlobalMaxPooling2D()(x)]
    return head_of_any(layers.Dropout(0.5)(layers.Concatenate()([pooled[1], pooled[0]])))


def squeezed_and_excited(x: Any) -> Any:
    weights = layers.Dense(8, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Multiply(name="multiply")([x, weights])
    return head_of_any(layers.GlobalAveragePooling2D(name="pool")(x))


def normalised_over_channels(x: Any) -> Any:
    return head_of_any(layers.LayerNormalization(name="normalised")(layers.GlobalAveragePooling2D(name="pool")(x)))


def branches(behind: Callable[[Any], Any]) -> keras.Model:
    """Branches of convolutions, put side by side."""

    def body(x: Any) -> Any:
        left = layers.Activation("sigmoid")(layers.BatchNormalization(scale=False)(conv("left", None)(x)))
        middle = layers.SeparableConv2D(4, 3, activation="elu", name="middle")(x)
        right = layers.MaxPooling2D(3, 1, padding="same")(layers.ReLU()(conv("right", None)(x)))
        x = layers.BatchNormalization()(layers.Concatenate(name="branches")([left, middle, right]))
        return behind(layers.MaxPooling2D(name="pool")(x))

    return functional(body)


def squeezed(x: Any) -> Any:
    weights = layers.Dense(20, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return head(layers.Multiply()([x, weights]))


def densely_connected() -> keras.Model:
    def body(x: Any) -> Any:
        x = conv("stem", padding="same")(x)
        for number in range(2):
            inner = layers.ReLU()(layers.BatchNormalization()(x))
            x = layers.Concatenate(name=f"concat_{number}")([x, conv(f"conv_{number}", None, padding="same")(inner)])
        x = layers.Activation("elu")(layers.BatchNormalization()(x))
        return head(layers.AveragePooling2D(3, name="end")(x))

    return functional(body)


def token_network(classifier: Callable[[Any], Any]) -> keras.Model:
    """A small transformer: patches become tokens, two blocks of attention and units."""

    def body(x: Any) -> Any:
        x = layers.Reshape((-1, 8))(layers.Conv2D(8, 4, strides=4, name="patches")(x))
        for number in range(2):
            x = layers.Add()([x, layers.MultiHeadAttention(2, 4)(*2 * [layers.LayerNormalization()(x)])])
            units = layers.Dense(16, activation="gelu", name=f"units_{number}")(layers.LayerNormalization()(x))
            x = layers.Add()([x, layers.Dense(8, name=f"back_{number}")(layers.Dropout(0.1)(units))])
        return classifier(layers.LayerNormalization()(x))

    return functional(body)


def sum_with_channels_first() -> keras.Model:
    def body(x: Any) -> Any:
        x = added(layers.Permute((3, 1, 2))(x), first=True)
        x = layers.MaxPooling2D(name="pool", data_format="channels_first")(x)
        return head(conv("behind", data_format="channels_first")(x))

    return functional(body)


def nested_sum() -> keras.Model:
    base = joined(layers.MaxPooling2D(name="pool"))
    return keras.Sequential(
        [keras.Input(IMAGE), layers.Rescaling(0.5), base, layers.Flatten(), layers.Dense(CLASSES, activation="softmax")]
    )


def two_frontier_tensors() -> keras.Model:
    def body(x: Any) -> Any:
        x = conv("conv")(x)
        pooled = layers.Flatten()(layers.MaxPooling2D(name="pool")(x))
        return head(layers.Concatenate()([pooled, layers.GlobalAveragePooling2D()(x)]))

    return functional(body)


def sequential() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(IMAGE),
            conv("conv"),
            layers.MaxPooling2D(name="pool"),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def dense_logits() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((30,)),
            layers.Dense(16, activation="relu", name="hidden"),
            layers.Dense(8, activation="tanh"),
            layers.Dense(CLASSES),
        ]
    )


def nested() -> keras.Model:
    base = functional(lambda x: layers.MaxPooling2D(name="pool")(conv("conv")(x)))
    return keras.Sequential(
        [keras.Input(IMAGE), layers.Rescaling(0.5), base, layers.Flatten(), layers.Dense(CLASSES, activation="softmax")]
    )


def bare_operations() -> keras.Model:
    def body(x: Any) -> Any:
        x = conv("stem", padding="same")(x)
        return head(x + conv("conv", padding="same")(x) * 2.0)

    return functional(body)


def brightest_and_sliced() -> keras.Model:
    return functional(
        lambda x: head(
            layers.MaxPooling2D(name="pool")(
                conv("conv")((x / keras.ops.max(keras.ops.abs(x), axis=(1, 2, 3), keepdims=True))[:, 1:])
            )
        )
    )


def augmented() -> keras.Model:
    def body(x: Any) -> Any:
        x = layers.RandomContrast(0.5, seed=1)(layers.RandomFlip(seed=1)(x))
        return head(layers.MaxPooling2D(name="pool")(conv("conv")(x)))

    return functional(body)


def told_to_train() -> keras.Model:
    def body(x: Any) -> Any:
        x = layers.BatchNormalization()(conv("conv")(x), training=True)
        return head(layers.Dropout(0.5, seed=1)(layers.MaxPooling2D(name="pool")(x), training=True))

    return functional(body)


def adapted_normalisation() -> keras.Model:
    normalisation = layers.Normalization()
    normalisation.adapt(np.random.default_rng(2).normal(3, 4, size=(50, *IMAGE)).astype(np.float32))
    return functional(lambda x: head(layers.MaxPooling2D(name="pool")(conv("conv")(normalisation(x)))))


def channels_first() -> keras.Model:
    def body(x: Any) -> Any:
        x = conv("conv", data_format="channels_first")(layers.Permute((3, 1, 2))(x))
        return head(layers.MaxPooling2D(name="pool", data_format="channels_first")(x))

    return functional(body)


CASES = {
    "batch normalisation before the activation": NetworkCase(batch_normalisation_before_activation, "pool"),
    "batch normalisation behind the pool": NetworkCase(batch_normalisation_behind_pool, "pool"),
    "batch normalisation without scale": NetworkCase(batch_normalisation_without_scale, "pool"),
    "sigmoid into zero padding": NetworkCase(sigmoid_into_padding, "pool"),
    "residual, inner channels": NetworkCase(residual, "inner"),
    "residual, channels that are added": NetworkCase(residual, "last"),
    "residual, channels that go around": NetworkCase(residual, "stem"),
    "two frontier tensors": NetworkCase(two_frontier_tensors, "pool"),
    "sequential": NetworkCase(sequential, "pool"),
    "dense logits": NetworkCase(dense_logits, "hidden", (30,)),
    "nested model": NetworkCase(nested, "pool"),
    "bare operations": NetworkCase(bare_operations, "conv", suffix="keras"),
    "a slice, and a front that is not finite at zero": NetworkCase(brightest_and_sliced, "pool", suffix="keras"),
    "augmentation": NetworkCase(augmented, "pool", suffix="keras"),
    "layers told to train": NetworkCase(told_to_train, "pool"),
    "adapted normalisation": NetworkCase(adapted_normalisation, "pool"),
    "channels first": NetworkCase(channels_first, "pool"),
    "images of any size": NetworkCase(
        lambda: functional(
            lambda x: head_of_any(layers.GlobalMaxPooling2D(name="pool")(conv("conv")(x))), (None, None, 3)
        ),
        "pool",
    ),
    "one dimension": NetworkCase(
        lambda: pooled_after(layers.Conv1D(8, 3, activation="relu", name="conv"), layers.MaxPooling1D, (24, 3)),
        "pool",
        (24, 3),
    ),
    "three dimensions": NetworkCase(
        lambda: pooled_after(layers.Conv3D(8, 3, activation="relu", name="conv"), layers.MaxPooling3D, (6, 6, 6, 2)),
        "pool",
        (6, 6, 6, 2),
    ),
    "depthwise": NetworkCase(
        lambda: pooled_after(layers.DepthwiseConv2D(3, depth_multiplier=3, activation="relu", name="conv")), "pool"
    ),
    "separable": NetworkCase(lambda: pooled_after(layers.SeparableConv2D(8, 3, activation="elu", name="conv")), "pool"),
    "transposed": NetworkCase(
        lambda: pooled_after(layers.Conv2DTranspose(8, 3, activation="leaky_relu", name="conv")), "pool"
    ),
    "sum, read behind a pooling": NetworkCase(residual, "end"),
    "sum, read by two convolutions": NetworkCase(lambda: joined(next_stage), "sum"),
    "sum, read by every kind of layer": NetworkCase(lambda: joined(read_by_every_kind), "sum"),
    "sum, images of any size": NetworkCase(lambda: joined(two_poolings, (None, None, 3)), "pool"),
    "sum by an operation": NetworkCase(
        lambda: functional(
            lambda x: head(
                layers.MaxPooling2D(name="pool")(conv("left")(x) + conv("right", "tanh")(x)),
            )
        ),
        "pool",
        suffix="keras",
    ),
    "sum, channels first": NetworkCase(sum_with_channels_first, "pool"),
    "sum in a nested model": NetworkCase(nested_sum, "pool"),
    "squeeze and excite": NetworkCase(lambda: joined(squeezed_and_excited), "pool"),
    "normalised over the channels": NetworkCase(lambda: joined(normalised_over_channels), "normalised"),
    "concatenation, read by a kernel": NetworkCase(
        lambda: branches(lambda x: head(layers.Conv2D(4, 2, name="last")(x))), "pool"
    ),
    "concatenation, read by a product": NetworkCase(lambda: branches(squeezed), "pool"),
    "densely connected": NetworkCase(densely_connected, "end"),
    "units of a transformer": NetworkCase(
        lambda: token_network(lambda x: head_of_any(layers.GlobalAveragePooling1D()(x))), "units_1"
    ),
    "grouped": NetworkCase(lambda: functional(lambda x: head(conv("conv", groups=2)(conv("stem")(x)))), "conv"),
}


def head_of_any(x: Any) -> Any:
    return layers.Dense(CLASSES, activation="softmax", name="output")(x)


def build(case: NetworkCase, seed: int = 7) -> keras.Model:
    """The network of a case, with weights drawn so that it tells images apart."""
    keras.utils.set_random_seed(seed)
    model = case.build()
    random = np.random.default_rng(seed)
    drawn = [
        weight for layer in model.layers if not isinstance(layer, layers.Normalization) for weight in layer.weights
    ]
    for weight in drawn:
        if not weight.dtype.startswith("float"):
            continue
        if "variance" in weight.path:
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
        elif "kernel" in weight.path:
            fan_in = max(1, int(np.prod(weight.shape[:-1])))
            weight.assign(random.normal(0, 2 / np.sqrt(fan_in), weight.shape))
        else:
            weight.assign(random.normal(0.1, 0.3, weight.shape))
    # Scores are centred: otherwise one class would win on nearly every image.
    images = random_images(case, 200)
    last = model.layers[-1]
    scores = (
        np.asarray(on_any_processor(keras.Model(model.inputs, last.input))(images, training=False) @ last.kernel)
        if last.kernel.shape
        else 0
    )
    last.bias.assign(-scores.mean(axis=0))
    return model


def on_any_processor(model: keras.Model) -> keras.Model:
    """The same network, in Keras' own hands, where TensorFlow lacks kernels that read channels first.

    Layers that do are put between two Permute layers, with channels last; a network without them is returned as it is.
    Activations in such layers have to be element-wise.
    """

    def reads_channels_first(layer: layers.Layer) -> bool:
        everywhere = isinstance(layer, layers.Flatten) or "Global" in type(layer).__name__
        return getattr(layer, "data_format", None) == "channels_first" and not everywhere

    def with_channels_last(layer: layers.Layer) -> layers.Layer:
        if not reads_channels_first(layer):
            return type(layer).from_config(layer.get_config())
        places = len(layer.output.shape) - 2
        last = type(layer).from_config({**layer.get_config(), "data_format": "channels_last"})
        back = layers.Permute((places + 1, *range(1, places + 1)))
        return keras.Sequential([layers.Permute((*range(2, places + 2), 1)), last, back], name=layer.name)

    if not any(reads_channels_first(layer) for layer in model.layers):
        return model
    clone = keras.models.clone_model(model, clone_function=with_channels_last)
    clone.set_weights(model.get_weights())
    return clone


def random_images(case: NetworkCase, number: int, seed: int = 11) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(number, *case.image)).astype(np.float32)


def write_images(path: Path, images: np.ndarray, labels: np.ndarray, **more: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        file["data"] = images
        file["label"] = labels
        for name, values in more.items():
            file[name] = values
    return path
