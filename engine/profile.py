"""One pass over an image set: per-channel statistics, baseline predictions, and the values at the cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.activations import ActivationStore, let_go
from bdtui.engine.datasets import ReadImages
from bdtui.engine.events import SILENT, Progress, Reporter
from bdtui.engine.in_order import WORKERS, done_in_order
from bdtui.engine.split import CutRunner, FrontValues


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
        sums: by batch of images, for every linear layer behind the cut a tensor (batch, units); see
            `bdtui.engine.kept_sums`. Batches past the room for them are missing.
        batch_size: images in each of those batches.
    """

    statistics: ChannelStatistics
    frontier: list[NDArray[np.float32]]
    fires: NDArray[np.bool_]
    predictions: NDArray[np.int64]
    sums: list[list[Any]]
    batch_size: int


def profile_images(
    runner: CutRunner,
    read: ReadImages,
    images: int,
    store: ActivationStore,
    reporter: Reporter = SILENT,
    stage: str = "profile",
    keep_sums: bool = False,
) -> ProfiledImages:
    """Send an image set through the front, and once through the whole network.

    Args:
        runner: the cut network.
        read: gives the images from one number up to another, from any thread.
        images: how many images there are in all, at least one.
        store: where the frontier values and sums are kept.
        reporter: hears `Progress`.
        stage: name under which progress is reported.
        keep_sums: whether the sums behind the cut will be needed, many times; as many are kept as there is room for.
    """
    channels = runner.cut.source.channels
    frontier = [store.allocate((images, *shape)) for shape in runner.frontier_shapes]
    sums_of_one = runner.kept_sums.bytes_per_image if keep_sums and runner.kept_sums else 0
    room_for_sums = store.take(images * sums_of_one)
    fires = np.empty((images, channels), bool)
    predictions = np.empty(images, np.int64)
    sums = np.zeros(channels)
    peaks = np.full(channels, -np.inf, np.float32)
    firing = np.zeros(channels, np.int64)
    sums_by_batch: list[list[Any]] = []

    def profile(rows: slice) -> FrontValues:
        values = runner.front(read(rows.start, rows.stop))
        for kept, tensor in zip(frontier, values.frontier, strict=True):
            kept[rows] = tensor
            let_go(kept)
        return values

    starts = range(0, images, runner.batch_size)
    batches = [slice(start, min(start + runner.batch_size, images)) for start in starts]
    with done_in_order(profile, batches, WORKERS) as results:
        for rows, values in zip(batches, results, strict=True):
            reporter.checkpoint()
            fires[rows] = values.fires
            predictions[rows] = values.predictions
            sums += values.activation_sums
            peaks = np.maximum(peaks, values.activation_peaks.max(axis=0))
            room_for_sums -= len(values.predictions) * sums_of_one
            if sums_of_one and room_for_sums >= 0:
                sums_by_batch.append(values.sums)
            firing += (values.activation_peaks > 0).sum(axis=0)
            reporter.emit(Progress(stage, rows.stop, images, "images"))
    statistics = ChannelStatistics(sums / images, peaks, firing / images)
    return ProfiledImages(statistics, frontier, fires, predictions, sums_by_batch, runner.batch_size)
