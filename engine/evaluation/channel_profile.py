"""One pass over an image set: per-channel statistics, and the values at the cut."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import ModelError
from bdtui.engine.evaluation.cut_runner import CutRunner, FrontValues
from bdtui.engine.events import Progress
from bdtui.engine.inputs.stored_images import ReadImages
from bdtui.engine.machine.array_store import ArrayStore
from bdtui.engine.machine.ordered_threads import WORKERS, done_in_order
from bdtui.engine.network.cut_values import FrontierBlock
from bdtui.engine.reporter import SILENT, Reporter

_BLOCK = 512
"""Images that are kept together, at least: of fewer, the numpy calls of the shorter way take longer than their work."""


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
        fires: whether silencing a channel changes anything for an image, bool, shape (N, channels).
        blocks: the images at the cut, some hundred at a time.
    """

    statistics: ChannelStatistics
    fires: NDArray[np.bool_]
    blocks: list[FrontierBlock]


def profile_images(
    runner: CutRunner,
    read: ReadImages,
    images: int,
    store: ArrayStore,
    reporter: Reporter = SILENT,
    stage: str = "profile",
) -> ProfiledImages:
    """Send an image set through the front.

    Args:
        runner: the cut network.
        read: gives the images from one number up to another, from any thread.
        images: how many images there are in all, at least one.
        store: where the values at the cut are kept.
        reporter: receives `Progress`.
        stage: name under which progress is reported.

    Raises:
        ModelError: for an image, the layer or what it is made of is not finite.
    """
    channels = runner.cut.source.channels
    fires = np.empty((images, channels), bool)
    blocks: list[FrontierBlock] = []
    waiting: list[FrontierBlock] = []
    sums = np.zeros(channels)
    peaks = np.full(channels, -np.inf, np.float32)
    firing = np.zeros(channels, np.int64)

    def profile(rows: slice) -> tuple[FrontValues, FrontierBlock]:
        values = runner.front(read(rows.start, rows.stop))
        _refuse_not_finite(values.finite, rows.start, stage, runner.cut.source.profiled.name)
        fires[rows] = values.fires
        return replace(values, tensors=[]), runner.frontier.block(rows, values.tensors, fires[rows])

    starts = range(0, images, runner.batch_size)
    batches = [slice(start, min(start + runner.batch_size, images)) for start in starts]
    with done_in_order(profile, batches, WORKERS) as results:
        for rows, (values, block) in zip(batches, results, strict=True):
            reporter.checkpoint()
            waiting.append(block)
            if rows.stop - waiting[0].images.start >= _BLOCK or rows.stop == images:
                blocks.append(FrontierBlock.joined(waiting, fires).stored(store))
                waiting.clear()
            sums += values.activation_sums
            peaks = np.maximum(peaks, values.activation_peaks.max(axis=0))
            firing += (values.activation_peaks > 0).sum(axis=0)
            reporter.emit(Progress(stage, rows.stop, images, "images"))
    return ProfiledImages(ChannelStatistics(sums / images, peaks, firing / images), fires, blocks)


def _refuse_not_finite(finite: NDArray[np.bool_], start: int, images: str, layer: str) -> None:
    """Zero times infinity is no number: zeroed weights do not silence such a channel, and no mean ranks it."""
    if not finite.all():
        raise ModelError(
            f"image {start + int(np.argmin(finite))} of the {images} images makes values in or before layer {layer!r} "
            "that are infinite or no numbers (NaN), which pruning cannot silence; expected finite values: check "
            "--preprocess, or leave the image out"
        )
