"""A reversed trigger as pictures: its mask, its pattern, and a clean image without and with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.detect.evidence import ReversedTrigger
from bdtui.engine.detect.examination import Examination
from bdtui.engine.event_values import Picture
from bdtui.engine.events import TriggerShown
from bdtui.engine.reports.trigger_png import as_colours


def show_trigger(
    examination: Examination, trigger: ReversedTrigger, *, strong: bool, is_bgr: bool = False
) -> TriggerShown:
    """The event that shows a trigger.

    Args:
        examination: that found it; has the clean images.
        trigger: the trigger.
        strong: whether it is the strong one.
        is_bgr: whether the network reads blue before red.
    """
    return TriggerShown(
        trigger.target,
        strong,
        _pictures(examination, trigger, is_bgr=is_bgr),
        trigger.size,
        trigger.fooled,
        trigger.images,
    )


def _pictures(examination: Examination, trigger: ReversedTrigger, *, is_bgr: bool) -> tuple[Picture, ...]:
    subject, clean = examination.subject, examination.clean
    if clean is None or len(subject.image_shape) != 3:
        return ()
    labels = np.full(len(clean.images), -1) if clean.labels is None else clean.labels
    number = int(np.argmax(labels != trigger.target))
    image = clean.images[number : number + 1]
    mask = np.repeat(trigger.mask, 3, axis=-1)
    pattern, before, after = (
        as_colours(pixels, subject.low, subject.high, is_bgr=is_bgr)
        for pixels in (trigger.pattern, image[0], trigger.stamp(image)[0])
    )
    label = -1 if clean.labels is None else int(labels[number])
    shown = ((mask, trigger.target), (pattern * mask, trigger.target), (before, label), (after, label))
    return tuple(_picture(shares, of) for shares, of in shown)


def _picture(shares: NDArray[np.float32], label: int) -> Picture:
    pixels = np.asarray(np.clip(np.rint(255 * shares), 0, 255), np.uint8)
    return Picture(pixels.shape[1], pixels.shape[0], pixels.tobytes(), label, None)
