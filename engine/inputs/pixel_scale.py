"""What pixels have to be divided by before a network reads them: asked for, or found by trying."""

from __future__ import annotations

from itertools import islice

import numpy as np

from bdtui.engine.errors import OptionError
from bdtui.engine.events import ScaleDecided
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.settings import SCALES

_DIVISORS = [int(scale) for scale in SCALES if scale != "auto"]
_PROBE_IMAGES = 1024
_CLOSE_POINTS = 5


def decide_scale(runner: ScoreRunner, images: LabelledImages, wanted: str) -> ScaleDecided:
    """Divide pixels as asked, or by what gives the better clean accuracy on a few batches.

    Args:
        runner: of the classifier.
        images: clean images.
        wanted: ``1``, ``255`` or ``auto``. Of equal accuracies, pixels stay as they are.

    Raises:
        OptionError: there is no such scale.
        Interrupted: the runner's reporter requested a stop.
    """
    if wanted not in SCALES:
        raise OptionError(f"scale {wanted!r} is not valid; expected {', '.join(SCALES[:-1])} or {SCALES[-1]}")
    if wanted != "auto":
        used = "used as stored" if wanted == "1" else f"are divided by {wanted}"
        return ScaleDecided(int(wanted), None, f"Pixels {used}, as given with --scale.")
    hits = dict.fromkeys(_DIVISORS, 0)
    seen = 0
    for batch in islice(images.batches(runner.batch_size), _PROBE_IMAGES // runner.batch_size):
        labels = images.labels[seen : seen + len(batch)]
        seen += len(batch)
        for scale in _DIVISORS:
            pixels = batch / np.float32(scale)
            hits[scale] += int(np.count_nonzero(runner.scores(pixels).argmax(axis=1) == labels))
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
