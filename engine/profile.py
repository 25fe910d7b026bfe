"""One pass over an image set: per-channel statistics, baseline predictions, and the values at the cut."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.activations import Allocate
from bdtui.engine.events import SILENT, Progress, Reporter
from bdtui.engine.split import CutRunner


@dataclass(frozen=True)
class ChannelStatistics:
    """What the channels of the profiled layer do over an image set.

    Attributes:
        mean_activation: over all images and positions, float64, shape (channels,).
        max_activation: largest value anywhere, float32, shape (channels,).
        firing_share: share of images with an activation above zero, 0–1, float64, shape (channels,).
    """

    mean_activation: NDArray[np.float64]
    max_activation: NDArray[np.float32]
    firing_share: NDArray[np.float64]


@dataclass(frozen=True)
class ProfiledImages:
    """An image set as the back of the network needs it.

    Attributes:
        statistics: of the profiled layer.
        frontier: for every frontier tensor the values of all images, shape (N, …).
        fires: whether silencing a channel changes anything for an image, bool, shape (N, channels).
        predictions: class of every image under the unpruned network, int64, shape (N,).
    """

    statistics: ChannelStatistics
    frontier: list[NDArray[np.float32]]
    fires: NDArray[np.bool_]
    predictions: NDArray[np.int64]


def profile_images(
    runner: CutRunner,
    batches: Iterable[NDArray[np.float32]],
    images: int,
    allocate: Allocate,
    reporter: Reporter = SILENT,
    stage: str = "profile",
) -> ProfiledImages:
    """Send an image set through the front, and once through the whole network.

    Args:
        runner: the cut network.
        batches: the images in order, each batch (rows, …) float32 with rows ≤ ``runner.batch_size``.
        images: how many images there are in all, at least one.
        allocate: where the frontier values are kept.
        reporter: hears `Progress`.
        stage: name under which progress is reported.
    """
    channels = runner.cut.source.channels
    frontier: list[NDArray[np.float32]] = []
    fires = np.empty((images, channels), bool)
    predictions = np.empty(images, np.int64)
    sums = np.zeros(channels)
    peaks = np.full(channels, -np.inf, np.float32)
    firing = np.zeros(channels, np.int64)
    done = 0
    for batch in batches:
        reporter.checkpoint()
        values = runner.front(batch)
        if not frontier:
            frontier = [allocate((images, *tensor.shape[1:])) for tensor in values.frontier]
        rows = slice(done, done + len(batch))
        for kept, tensor in zip(frontier, values.frontier, strict=True):
            kept[rows] = tensor
        fires[rows] = values.fires
        predictions[rows] = values.predictions
        sums += values.activation_sums
        peaks = np.maximum(peaks, values.activation_peaks.max(axis=0))
        firing += (values.activation_peaks > 0).sum(axis=0)
        done += len(batch)
        reporter.emit(Progress(stage, done, images, "images"))
    statistics = ChannelStatistics(sums / images, peaks, firing / images)
    return ProfiledImages(statistics, frontier, fires, predictions)
