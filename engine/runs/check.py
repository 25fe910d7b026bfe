"""``--check``: opens everything a run would, and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping

from bdtui.engine.events import Progress
from bdtui.engine.inputs.opening import open_inputs
from bdtui.engine.machine.device import prepare_backend
from bdtui.engine.pruning.rankings import check_ranking
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.compared_layers import layers_to_compare
from bdtui.engine.runs.preparation import check_order
from bdtui.engine.runs.without_images import open_alone
from bdtui.engine.settings import RunSettings, check_thresholds, is_without_images


def check_inputs(settings: RunSettings, reporter: Reporter, expected_sha256: Mapping[str, str] | None = None) -> None:
    """Open everything as a run would, read every image once, and write nothing.

    Raises:
        InputError: something cannot be opened or read, does not fit, or is not what the recipe recorded.
    """
    check_thresholds(settings.thresholds)
    check_ranking(settings.ranking)
    prepare_backend(settings.device, settings.seed)
    if is_without_images(settings):
        open_alone(settings, reporter, expected_sha256)
        return
    inputs = open_inputs(settings, reporter, expected_sha256)
    if settings.order is not None:
        check_order(settings.order, inputs.source.channels)
    if settings.compare is not None:
        layers_to_compare(inputs.model.network, settings.compare)
    for role, images in inputs.data.items():
        done = 0
        for batch in images.batches(1024):
            reporter.checkpoint()
            done += len(batch)
            reporter.emit(Progress(role.replace("_", " "), done, images.images, "images"))
