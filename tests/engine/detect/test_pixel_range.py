from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.detect.pixel_range import CleanPictures, guess_range
from bdtui.engine.inputs.model import open_model
from bdtui.engine.network.class_scores import scoring_network
from tests.engine.detect.made_nets import CLASSES, IMAGE
from tests.networks import functional


def sure_net(bright: float) -> keras.Model:
    """Leads by some units for pixels up to so bright."""
    keras.utils.set_random_seed(1)
    model = functional(lambda x: layers.Dense(CLASSES, activation="softmax")(layers.Flatten()(x)), IMAGE)
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([5 * kernel / bright, bias])
    return model


@pytest.mark.parametrize("bright", [1.0, 255.0])
def test_the_range_is_that_in_which_the_network_is_sure_and_not_too_sure(bright: float) -> None:
    found = guess_range(scoring_network(sure_net(bright)))
    assert found.guessed
    assert (found.low, found.high) == (0, bright)


def test_the_sample_reads_bytes() -> None:
    assert guess_range(open_model(Path(str(files("bdtui.sample_data"))) / "bd_net.h5").network).high == 255


def test_a_layer_that_scales_pixels_down_says_so() -> None:
    inner = sure_net(1.0)
    start = keras.Input(IMAGE)
    assert guess_range(scoring_network(keras.Model(start, inner(layers.Rescaling(1 / 255)(start))))).high == 255


def test_images_say_their_range_themselves() -> None:
    images = np.linspace(-1, 1, 32, dtype=np.float32).reshape(2, 4, 4, 1)
    pixels = CleanPictures.of_arrays(images).pixels
    assert (pixels.low, pixels.high, pixels.guessed) == (-1, 1, False)
