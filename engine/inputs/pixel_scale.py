"""What pixels have to be divided by before a network reads them: asked for, or found by trying."""

from __future__ import annotations

from itertools import islice

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bdtui.engine.errors import OptionError
from bdtui.engine.events import Notice, ScaleDecided
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.model import OpenedModel
from bdtui.engine.machine.batches import rows_at_once
from bdtui.engine.machine.device_failures import SmallerBatches
from bdtui.engine.network.graph import run_network
from bdtui.engine.reporter import Reporter
from bdtui.engine.settings import SCALES

_DIVISORS = [int(scale) for scale in SCALES if scale != "auto"]
_PROBE_IMAGES = 1024
_CLOSE_POINTS = 5


def decide_scale(model: OpenedModel, images: LabelledImages, wanted: str, reporter: Reporter) -> ScaleDecided:
    """Divide pixels as asked, or by what gives the better clean accuracy on a few batches.

    Args:
        model: the classifier.
        images: clean images.
        wanted: ``1``, ``255`` or ``auto``. Of equal accuracies, pixels stay as they are.
        reporter: is asked whether to stop.

    Raises:
        OptionError: there is no such scale.
    """
    if wanted not in SCALES:
        raise OptionError(f"scale {wanted!r} is not valid; expected {', '.join(SCALES[:-1])} or {SCALES[-1]}")
    if wanted != "auto":
        used = "used as stored" if wanted == "1" else f"are divided by {wanted}"
        return ScaleDecided(int(wanted), None, f"Pixels {used}, as given with --scale.")
    predict = tf.function(
        lambda batch: tf.argmax(run_network(model.network, batch), axis=-1), reduce_retracing=True, autograph=False
    )
    tensors = [shape[1:] for call in model.network.calls for shape in call.output_shapes]
    batch_size = rows_at_once([images.image_shape, *tensors], 256)
    batches = SmallerBatches(lambda sentence: reporter.emit(Notice(sentence)))

    def classes_of(pixels: NDArray[np.float32]) -> NDArray[np.int64]:
        return np.concatenate(batches.compute(len(pixels), lambda rows: predict(pixels[rows]).numpy()))

    hits = dict.fromkeys(_DIVISORS, 0)
    seen = 0
    for batch in islice(images.batches(batch_size), _PROBE_IMAGES // batch_size):
        reporter.checkpoint()
        labels = images.labels[seen : seen + len(batch)]
        seen += len(batch)
        for scale in _DIVISORS:
            pixels = batch / np.float32(scale)
            hits[scale] += int(np.count_nonzero(classes_of(pixels) == labels))
    accuracy = {scale: 100 * count / seen for scale, count in hits.items()}
    best = max(_DIVISORS, key=lambda scale: accuracy[scale])
    other = next(scale for scale in _DIVISORS if scale != best)
    text = (
        f"Pixels {'used as stored' if best == 1 else f'are divided by {best}'}: clean accuracy on the first {seen} images "
        f"is {accuracy[best]:.1f} %, against {accuracy[other]:.1f} % {'as stored' if other == 1 else f'divided by {other}'}."
    )
    if accuracy[best] - accuracy[other] < _CLOSE_POINTS:
        text += " The two are close: add --scale 1 or --scale 255 if you know which is right."
    return ScaleDecided(best, accuracy, text)
