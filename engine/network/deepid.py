"""The DeepID architecture of the lab, so that a weights-only file can be opened.

The network reads the last convolution twice, once directly and once through a smaller convolution,
and adds both readings. It is the face classifier of Sun, Wang and Tang (2014), in the form in which
the pruning paper (Liu, Dolan-Gavitt, Garg 2018) attacks it.
"""

from __future__ import annotations

import keras
from keras import layers

INPUT_SHAPE = (55, 47, 3)
"""Height, width and channels of the faces DeepID reads."""


def build_deepid(classes: int) -> keras.Model:
    """Build an untrained DeepID network.

    Args:
        classes: how many people the network tells apart, N.

    Returns:
        A functional model from (batch, 55, 47, 3) float32 pixels to (batch, N) softmax probabilities,
        with the layer names of the lab's files (``conv_1`` … ``pool_3`` … ``output``).

    References:
        Y. Sun, X. Wang, X. Tang, "Deep Learning Face Representation from Predicting 10,000 Classes", CVPR 2014.
    """
    image = keras.Input(INPUT_SHAPE, name="input")
    x = layers.Conv2D(20, (4, 4), activation="relu", name="conv_1")(image)
    x = layers.MaxPooling2D((2, 2), name="pool_1")(x)
    x = layers.Conv2D(40, (3, 3), activation="relu", name="conv_2")(x)
    x = layers.MaxPooling2D((2, 2), name="pool_2")(x)
    x = layers.Conv2D(60, (3, 3), activation="relu", name="conv_3")(x)
    pooled = layers.MaxPooling2D((2, 2), name="pool_3")(x)
    direct = layers.Dense(160, name="fc_1")(layers.Flatten(name="flatten_1")(pooled))
    x = layers.Conv2D(80, (2, 2), activation="relu", name="conv_4")(pooled)
    through = layers.Dense(160, name="fc_2")(layers.Flatten(name="flatten_2")(x))
    x = layers.Activation("relu", name="activation_1")(layers.Add(name="add_1")([direct, through]))
    return keras.Model(image, layers.Dense(classes, activation="softmax", name="output")(x), name="deepid")
