"""How the pixels of all image sets have to be prepared before a network reads them: asked for, or found by trying."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from bdtui.engine.errors import OptionError
from bdtui.engine.events import Progress, ScaleDecided
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.preprocessing import AS_STORED, PREPROCESSING_WORDS, PreprocessingMode
from bdtui.engine.inputs.sampling import sample_images
from bdtui.engine.inputs.stored_range import StoredRange
from bdtui.engine.network.graph import Network
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.rates import Share
from bdtui.engine.reporter import Reporter
from bdtui.engine.settings import (
    AUTO,
    BYTES,
    CLEAN_VALID,
    MEAN_STD,
    PREPROCESSINGS,
    RAW,
    UNIT,
    RunSettings,
    asked_preprocessing,
)

_PROBE_IMAGES = 256
"""Clean images that every way is tried on."""
_FEW_IMAGES = 30
_CLOSE_POINTS = 5
_EQUAL_POINTS = 1
"""Ways whose accuracies differ by less are equal: so little is chance."""
_LOW_ACCURACY = 50
_PREPARING = ("Rescaling", "Normalization")
"""Layers with which a network prepares pixels by itself."""


def asked_mode(settings: RunSettings) -> PreprocessingMode | None:
    """The way that the options ask for; None where it is to be found.

    Raises:
        OptionError: they contradict each other.
    """
    name = asked_preprocessing(settings)
    if name == MEAN_STD:
        return PreprocessingMode(name, settings.mean or (), settings.std or ())
    return None if name == AUTO else PreprocessingMode(name)


def choose_preprocessing(
    network: Network,
    runner: ScoreRunner,
    data: Mapping[str, LabelledImages],
    ranges: Mapping[str, StoredRange],
    asked: PreprocessingMode | None,
    reporter: Reporter,
) -> tuple[PreprocessingMode, ScaleDecided]:
    """Prepare pixels as asked, or in the way that gives the best clean accuracy on a few images.

    Of ways that are equal, or within a point, the first of `bdtui.engine.settings.PREPROCESSINGS` is taken.

    Args:
        network: the classifier.
        runner: of it.
        data: image sets by role, unprepared.
        ranges: between which values each is stored.
        asked: how; None to find it.
        reporter: receives progress.

    Raises:
        OptionError: images have not as many channels as the way needs.
        Interrupted: the reporter requested a stop.
    """
    clean = data[CLEAN_VALID]
    channels = clean.image_shape[-1]
    if asked is not None:
        if not asked.fits(channels):
            raise OptionError(
                f"--mean and --std do not fit the {channels} channels of {clean.path}; expected a number for each, or one"
                if asked.name == MEAN_STD
                else f"--preprocess {asked.name} is for images of 3 channels, and those of {clean.path} have {channels}; "
                "expected another way, such as raw, unit or tf"
            )
        return asked, ScaleDecided(asked.scale, None, f"Pixels are {asked.words}, as asked for.", asked.name, None)
    if any(stored.low < 0 for stored in ranges.values()):
        text = (
            f"Pixels are {PREPROCESSING_WORDS[RAW]}: some are negative, so they were prepared before they were stored."
        )
        return PreprocessingMode(RAW), ScaleDecided(1, None, text, RAW, None)
    candidates = _candidates(channels, ranges.values())
    hits, seen = _try_all(candidates, runner, clean, ranges[CLEAN_VALID], reporter)
    found = {mode.name: Share(count, seen) for mode, count in zip(candidates, hits, strict=True)}
    accuracy = {name: share.percent for name, share in found.items()}
    best = next(mode for mode in candidates if accuracy[mode.name] > max(accuracy.values()) - _EQUAL_POINTS)
    by_scale = {mode.scale: accuracy[mode.name] for mode in candidates if mode.scale is not None}
    text = _explain(best, candidates, found, network)
    return best, ScaleDecided(best.scale, by_scale, text, best.name, accuracy)


def _candidates(channels: int, ranges: Collection[StoredRange]) -> list[PreprocessingMode]:
    """The ways that make a difference, the simplest first."""
    alike = len({stored.is_unit for stored in ranges}) == 1
    # Where all sets lie in 0…1, or all in 0…255, to bring them there changes nothing; where they differ, as they are
    # stored cannot be right for all.
    left_out = RAW if not alike else UNIT if all(stored.is_unit for stored in ranges) else BYTES
    modes = [PreprocessingMode(name) for name in PREPROCESSINGS if name not in (AUTO, left_out)]
    return [mode for mode in modes if mode.fits(channels)]


def _try_all(
    candidates: Sequence[PreprocessingMode],
    runner: ScoreRunner,
    images: LabelledImages,
    stored: StoredRange,
    reporter: Reporter,
) -> tuple[list[int], int]:
    """How many of some images each way lets the network classify as their label, and how many these are."""
    hits, seen = [0] * len(candidates), 0
    total = min(_PROBE_IMAGES, images.images)
    for start, run in sample_images(images.prepared(AS_STORED), _PROBE_IMAGES):
        labels = images.labels[start : start + len(run)]
        for place, mode in enumerate(candidates):
            classes = runner.scores(mode.of(stored).apply(run.copy())).argmax(axis=1)
            hits[place] += int(np.count_nonzero(classes == labels))
        seen += len(run)
        reporter.emit(Progress("preprocessing", seen, total, "images"))
    return hits, seen


def _explain(
    best: PreprocessingMode,
    candidates: Sequence[PreprocessingMode],
    found: Mapping[str, Share],
    network: Network,
) -> str:
    other = max((mode for mode in candidates if mode != best), key=lambda mode: found[mode.name].hits)
    share, next_share = found[best.name], found[other.name]
    sentences = [
        f"Pixels are {best.words}: clean accuracy is {share.percent:.1f} % on {share.images} images with --preprocess "
        f"{best.name}, against {next_share.percent:.1f} % {other.name}."
    ]
    own = next((kind for call in network.calls if (kind := type(call.layer).__name__) in _PREPARING), None)
    if own:
        sentences.append(f"The network has a {own} layer of its own.")
    if share.percent < _LOW_ACCURACY:
        sentences.append("No way gives a good accuracy: are the labels, and --layout, those of this network?")
    elif share.images < _FEW_IMAGES:
        sentences.append("So few images decide little: add --preprocess if you know it.")
    elif share.percent - next_share.percent < _CLOSE_POINTS:
        sentences.append(f"The two are close: add --preprocess {best.name} or {other.name} if you know which is right.")
    return " ".join(sentences)
