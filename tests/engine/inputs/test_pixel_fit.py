"""Images of other axes, colours or size are opened where there is one right reading; else both shapes are told."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from bdtui.engine.errors import DataError
from bdtui.engine.inputs.pixel_fit import fit_pixels
from bdtui.engine.inputs.resizing import resize

RANDOM = np.random.default_rng(2)
GREY = RANDOM.integers(0, 256, (3, 6, 5), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (3, 6, 5, 3), dtype=np.uint8)
ALPHA = RANDOM.integers(0, 256, (3, 6, 5, 4), dtype=np.uint8)


def luminance(pixels: np.ndarray) -> np.ndarray:
    return np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in pixels])[..., None]


def resized(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    return tf.image.resize(pixels, (height, width)).numpy()


def planes(pixels: np.ndarray) -> np.ndarray:
    return np.moveaxis(pixels, -1, 1)


THREE = GREY[..., None].repeat(3, -1)
READ: dict[str, tuple[np.ndarray, tuple[int | None, ...], np.ndarray, str]] = {
    "no axis of channels": (GREY, (6, 5, 1), GREY[..., None], ""),
    "an axis of channels too many": (GREY[..., None], (6, 5), GREY, ""),
    "grey for three": (GREY, (6, 5, 3), THREE, "grey is repeated to three channels"),
    "grey with its axis for three": (GREY[..., None], (6, 5, 3), THREE, "grey is repeated"),
    "grey planes for three": (GREY[:, None], (6, 5, 3), THREE, "grey is repeated"),
    "three for grey": (COLOUR, (6, 5, 1), luminance(COLOUR), "turned to grey (luminance)"),
    "planes for grey": (planes(COLOUR), (6, 5, 1), luminance(COLOUR), "turned to grey"),
    "alpha for three": (ALPHA, (6, 5, 3), ALPHA[..., :3], "the alpha channel is left out"),
    "planes with alpha": (planes(ALPHA), (6, 5, 3), ALPHA[..., :3], "alpha channel"),
    "alpha for grey": (ALPHA, (6, 5, 1), luminance(ALPHA[..., :3]), "turned to grey"),
    "another size": (COLOUR, (9, 4, 3), resized(COLOUR, 9, 4), "images of 6×5 are resized to 9×4 (bilinear"),
    "planes of another size": (planes(COLOUR), (9, 4, 3), resized(COLOUR, 9, 4), "resized to 9×4"),
    "grey of another size for three": (GREY, (9, 4, 3), resized(THREE, 9, 4), "repeated to three channels; images of 6×5"),
    "alpha where any size will do": (ALPHA, (None, None, 3), ALPHA[..., :3], "alpha"),
    "colours first as they are": (planes(COLOUR), (3, 6, 5), planes(COLOUR), ""),
    "colours last for colours first": (COLOUR, (3, 6, 5), planes(COLOUR), ""),
    "grey of another size for colours first": (GREY, (3, 9, 7), planes(resized(THREE, 9, 7)), "resized to 9×7"),
    "flattened grey": (GREY.reshape(3, -1), (6, 5, 1), GREY[..., None], "flattened images are unfolded to 6×5×1"),
    "flattened grey without channels": (GREY.reshape(3, -1), (6, 5), GREY, "flattened images are unfolded"),
    "flattened grey for three": (GREY.reshape(3, -1), (6, 5, 3), THREE, "flattened images are unfolded to 6×5×1; grey"),
    "grey for a network of vectors": (GREY, (30,), GREY.reshape(3, -1), "6×5 are flattened to 30 values"),
    "colours for a network of vectors": (COLOUR, (90,), COLOUR.reshape(3, -1), "flattened to 90 values"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["u1", "f4"])
@pytest.mark.parametrize(("stored", "wanted", "expected", "said"), READ.values(), ids=READ.keys())
def test_what_has_one_right_reading_is_read_so_and_that_is_said(
    stored: np.ndarray, wanted: tuple[int | None, ...], expected: np.ndarray, said: str, kind: str
) -> None:
    fit = fit_pixels("a: 'data'", stored.shape, wanted, "auto")
    pixels = fit.apply(stored.astype(kind))
    assert pixels.dtype == np.float32
    assert pixels.shape[1:] == fit.image_shape == expected.shape[1:]
    # Grey of floats is not rounded; TensorFlow's resize differs in the last bit from processor to processor.
    np.testing.assert_allclose(pixels, expected, atol=0.51 if "grey (" in fit.reading and kind == "f4" else 1e-3)
    assert (said in fit.reading) if said else fit.reading == ""


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_flattened_colours_could_be_read_in_two_ways_until_the_layout_is_given(layout: str) -> None:
    flat = (COLOUR if layout == "nhwc" else planes(COLOUR)).reshape(3, -1)
    with pytest.raises(
        DataError, match=r"has shape 3×90; the model expects N×6×5×3: add --layout nhwc .* --layout nchw"
    ):
        fit_pixels("a: 'data'", flat.shape, (6, 5, 3), "auto")
    np.testing.assert_array_equal(fit_pixels("a", flat.shape, (6, 5, 3), layout).apply(flat), COLOUR)


@pytest.mark.parametrize(
    ("shape", "wanted", "expected"),
    [
        ((3, 784), (700,), "has shape 3×784; the model expects N×700"),
        ((3, 6, 5, 2), (6, 5, 3), "expects N×6×5×3 or N×3×6×5"),
        ((3, 6, 5, 3), (6, 5, 4), "expects N×6×5×4 or N×4×6×5"),
        ((3, 6, 5, 3), (6, 5, 2), "expects"),
        ((3, 7, 8, 9), (6, 5, 3), "expects"),
        ((3, 91), (6, 5, 3), "expects"),
        ((3, 24, 5), (24, 3), "expects N×24×3 or N×3×24"),
        ((3, 6, 3), (8, 8, 3), "expects"),
        ((3, 6, 5), (9, 4), "expects"),
        ((3, 4, 6, 5, 3), (6, 5, 3), "expects"),
        ((3, 6, 5, 3), (4, 6, 5, 3), "expects"),
    ],
    ids=str,
)
def test_anything_else_is_refused_with_both_shapes(
    shape: tuple[int, ...], wanted: tuple[int, ...], expected: str
) -> None:
    with pytest.raises(DataError, match=expected):
        fit_pixels("a: 'data'", shape, wanted, "auto")


@pytest.mark.parametrize("kind", ["u1", "f4", "f8"])
@pytest.mark.parametrize(
    ("before", "after"),
    [((28, 28), (32, 32)), ((300, 211), (32, 64)), ((55, 47), (55, 46)), ((1, 1), (5, 3)), ((2, 900), (700, 2))],
)
def test_resizing_is_that_of_tensorflow(kind: str, before: tuple[int, int], after: tuple[int, int]) -> None:
    pixels = (255 * RANDOM.random((3, *before, 2))).astype(kind)
    np.testing.assert_allclose(resize(pixels, *after), resized(pixels, *after), atol=1e-3)


def test_a_network_with_colours_first_knows_how_its_images_are_stored() -> None:
    wanted = (3, 6, 5)
    assert fit_pixels("data", (2, 3, 6, 5), wanted, "auto").layout == "nchw"
    assert fit_pixels("data", (2, 6, 5, 3), wanted, "auto").layout == "nhwc"
    assert fit_pixels("data", (2, 3, 6, 5), wanted, "nhwc").image_shape == wanted
