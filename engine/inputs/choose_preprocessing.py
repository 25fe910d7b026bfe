"""How the pixels of all image sets have to be prepared before a network reads them: asked for, or found by trying."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import OptionError
from bdtui.engine.events import Notice, Progress, ScaleDecided
from bdtui.engine.inputs.class_order import find_other_order
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.preprocessing import AS_STORED, PreprocessingMode
from bdtui.engine.inputs.sampling import sample_images
from bdtui.engine.inputs.stored_range import StoredRange
from bdtui.engine.network.graph import Network
from bdtui.engine.network.score_runner import ScoreRunner
from bdtui.engine.rates import Share
from bdtui.engine.reporter import Reporter
from bdtui.engine.settings import (
    AUTO,
    BYTES,
    CAFFE,
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
    names: tuple[str, ...],
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
        names: of the classes, where somebody says.
        reporter: receives progress, and a notice where the labels are probably in another order.

    Raises:
        OptionError: images have not as many channels as the way needs.
        Interrupted: the reporter requested a stop.
    """
    clean = data[CLEAN_VALID]
    channels = clean.image_shape[-1]
    if asked is not None:
        _check_fits(asked, channels, clean)
    is_prepared = any(stored.low < 0 for stored in ranges.values())
    ways = [PreprocessingMode(RAW)] if is_prepared else _candidates(channels, ranges.values())
    # All are tried where one is asked for, too: a run that is replayed or resumed names what was found, and is to say
    # the same about the labels.
    tried = ways if asked is None or asked in ways else [asked, *ways]
    probe = _try_all(tried, runner, clean, ranges[CLEAN_VALID], reporter)
    best = asked or probe.best
    other_order = _other_order(probe, best, clean, names)
    if other_order:
        reporter.emit(Notice(other_order))
    if asked is not None or is_prepared:
        why = ", as asked for" if asked else ": some are negative, so they were prepared before they were stored"
        share = probe.share(best.name)
        text = f"Pixels are {best.words}{why}. Clean accuracy is {share.percent:.1f} % on {share.images} images."
        return best, ScaleDecided(best.scale, None, text, best.name, None)
    accuracy = {mode.name: probe.share(mode.name).percent for mode in tried}
    by_scale = {mode.scale: accuracy[mode.name] for mode in tried if mode.scale is not None}
    return best, ScaleDecided(best.scale, by_scale, _explain(probe, network), best.name, accuracy)


def _check_fits(asked: PreprocessingMode, channels: int, clean: LabelledImages) -> None:
    if not asked.fits(channels):
        raise OptionError(
            f"--mean and --std do not fit the {channels} channels of {clean.path}; expected a number for each, or one"
            if asked.name == MEAN_STD
            else f"--preprocess {asked.name} is for images of 3 channels, and those of {clean.path} have {channels}; "
            "expected another way, such as raw, unit or tf"
        )


@dataclass(frozen=True)
class _Probe:
    """What ways to prepare pixels make of some images.

    Attributes:
        tried: the ways, the simplest first.
        labels: of the images, shape (N,).
        predicted: by name of the way, the classes that the network gives the images, shape (N,).
    """

    tried: Sequence[PreprocessingMode]
    labels: NDArray[np.int64]
    predicted: Mapping[str, NDArray[np.int64]]

    def share(self, name: str) -> Share:
        """The images that a way lets the network classify as their label."""
        return Share(int(np.count_nonzero(self.predicted[name] == self.labels)), len(self.labels))

    @property
    def best(self) -> PreprocessingMode:
        """The way with the most hits, or the first that is as good."""
        highest = max(self.share(mode.name).percent for mode in self.tried)
        return next(mode for mode in self.tried if self.share(mode.name).percent > highest - _EQUAL_POINTS)


def _other_order(probe: _Probe, best: PreprocessingMode, clean: LabelledImages, names: tuple[str, ...]) -> str:
    """A sentence where classes in another order explain the labels better than the best way does; else nothing."""
    accuracy = probe.share(best.name).percent
    for mode in probe.tried:
        order = find_other_order(probe.labels, probe.predicted[mode.name])
        if order is None or order.percent <= accuracy - _EQUAL_POINTS:
            continue
        is_better = order.percent > accuracy + _CLOSE_POINTS
        # To turn the colours round may undo a swap of two classes: then as well is worth a word.
        if is_better or best.name == CAFFE != mode.name:
            known = names or clean.class_names
            numbered = clean.first_label is not None
            return order.sentence(mode.name, known, numbered=numbered, is_sure=is_better)
    return ""


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
) -> _Probe:
    """Let the network classify some images, prepared in each way."""
    labels: list[NDArray[np.int64]] = []
    predicted: dict[str, list[NDArray[np.int64]]] = {mode.name: [] for mode in candidates}
    total, seen = min(_PROBE_IMAGES, images.images), 0
    for start, run in sample_images(images.prepared(AS_STORED), _PROBE_IMAGES):
        labels.append(images.labels[start : start + len(run)])
        for mode in candidates:
            predicted[mode.name].append(runner.scores(mode.of(stored).apply(run.copy())).argmax(axis=1))
        seen += len(run)
        reporter.emit(Progress("preprocessing", seen, total, "images"))
    together = {name: np.concatenate(classes) for name, classes in predicted.items()}
    return _Probe(candidates, np.concatenate(labels), together)


def _explain(probe: _Probe, network: Network) -> str:
    best = probe.best
    other = max((mode for mode in probe.tried if mode != best), key=lambda mode: probe.share(mode.name).hits)
    share, next_share = probe.share(best.name), probe.share(other.name)
    sentences = [
        f"Pixels are {best.words}: clean accuracy is {share.percent:.1f} % on {share.images} images with --preprocess "
        f"{best.name}, against {next_share.percent:.1f} % {other.name}."
    ]
    if next_share.hits > share.hits:
        sentences.append(f"Of ways within {_EQUAL_POINTS} point of the best, the simplest is taken.")
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
