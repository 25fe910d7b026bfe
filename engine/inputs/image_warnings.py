"""What image sets may hold and hardly ought to: allowed, and yet probably a mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from bdtui.engine.events import Notice
from bdtui.engine.inputs.class_names import shown_class
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.doubts import ONE_CLASS, SAME, SWAPPED
from bdtui.engine.inputs.preprocessing import PreprocessingMode
from bdtui.engine.inputs.stored_range import StoredRange
from bdtui.engine.inputs.trigger import stamp_of
from bdtui.engine.reporter import Reporter
from bdtui.engine.settings import CLEAN_VALID, RAW

_LARGE_TRIGGER = 25
"""Percent of an image, counted by opacity, above which a trigger hides much of it."""
_RANGE_RATIO = 20
"""Image sets whose brightest pixels differ by more than this were hardly stored in one way."""


def warn_of_images(
    data: Mapping[str, LabelledImages],
    ranges: Mapping[str, StoredRange],
    mode: PreprocessingMode,
    names: tuple[str, ...],
    reporter: Reporter,
) -> None:
    """Emit a notice for each thing about the image sets that is probably a mistake.

    Args:
        data: image sets by role.
        ranges: between which values each is stored.
        mode: how their pixels are prepared.
        names: of the classes, where somebody says.
        reporter: receives the notices.
    """
    for sentence in (*_about_labels(data, names), *_about_ranges(data, ranges, mode)):
        reporter.emit(Notice(sentence))


def _about_labels(data: Mapping[str, LabelledImages], names: tuple[str, ...]) -> Iterator[str]:
    for part in ("valid", "test"):
        clean, poisoned = data.get(f"clean_{part}"), data.get(f"poisoned_{part}")
        clean_labels, poisoned_labels = (
            0 if each is None else len(np.unique(each.labels)) for each in (clean, poisoned)
        )
        if clean and poisoned and clean.images > 1 and clean_labels == 1 < poisoned_labels:
            yield (
                f"--clean-{part} and --poisoned-{part} {SWAPPED}: all images of {clean.path} have one label, those of "
                f"{poisoned.path} have {poisoned_labels}; give them the other way round"
            )
            continue
        if clean and poisoned and stamp_of(poisoned) is None and clean.sha256 == poisoned.sha256:
            yield (
                f"--clean-{part} and --poisoned-{part} {SAME}: {clean.path} and {poisoned.path}; expected images with a "
                f"trigger for --poisoned-{part}"
            )
            continue
        if clean and clean.images > 1 and clean_labels == 1:
            yield (
                f"all images of {clean.path} are of class {shown_class(int(clean.labels[0]), names)}: {ONE_CLASS}; "
                "expected clean images of every class"
            )
        if poisoned and (stamp := stamp_of(poisoned)) is not None:
            height, width, _ = poisoned.image_shape
            covered = 100 * float(stamp.alpha.sum()) / (height * width)
            if part == "valid" and covered > _LARGE_TRIGGER:
                yield (
                    f"{stamp.trigger.path} covers {covered:.0f} % of an image: what it hides may change the class without "
                    "any backdoor; expected a smaller trigger"
                )
            continue
        if poisoned and poisoned_labels > 1:
            yield (
                f"{poisoned.path} has {poisoned_labels} different labels. Expected for all-to-all attacks. "
                "Otherwise check that 'label' is the attacker's target: with true classes ASR is meaningless"
            )
        if poisoned and poisoned.true_labels is not None:
            already = int(np.count_nonzero(poisoned.true_labels == poisoned.labels))
            if already:
                yield (
                    f"{already} of {poisoned.images} images in {poisoned.path} belong to the attacker's class anyway; "
                    "ASR leaves them out"
                )


def _about_ranges(
    data: Mapping[str, LabelledImages], ranges: Mapping[str, StoredRange], mode: PreprocessingMode
) -> Iterator[str]:
    brightest = {
        role: max(abs(stored.low), abs(stored.high)) if mode.name == RAW else stored.brightest
        for role, stored in ranges.items()
    }
    for role, images in data.items():
        ratio = (brightest[role] + 1e-9) / (brightest[CLEAN_VALID] + 1e-9)
        if not 1 / _RANGE_RATIO < ratio < _RANGE_RATIO:
            yield (
                f"pixels of {images.path} reach {ranges[role].high:g}, those of {data[CLEAN_VALID].path} "
                f"{ranges[CLEAN_VALID].high:g}: both are prepared alike, so one of them may be stored wrongly"
            )
