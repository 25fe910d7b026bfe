"""``--check``: opens everything a run would, and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping

from bdtui.engine.detect.methods import METHODS, asked_methods, check_without_images, methods_to_run
from bdtui.engine.events import Notice, Progress
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.opening import open_inputs
from bdtui.engine.machine.device import prepare_backend
from bdtui.engine.pruning.rankings import check_ranking
from bdtui.engine.repair.methods import AUTO, training_steps
from bdtui.engine.repair.methods import asked_methods as asked_repairs
from bdtui.engine.repair.result import FEW_HELD_OUT
from bdtui.engine.repair.session import share_held_out
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.compared_layers import layers_to_compare
from bdtui.engine.runs.preparation import check_order
from bdtui.engine.runs.without_images import open_alone
from bdtui.engine.settings import CLEAN_VALID, RunSettings, check_thresholds, is_without_images, with_all_said


def check_inputs(settings: RunSettings, reporter: Reporter, expected_sha256: Mapping[str, str] | None = None) -> None:
    """Open everything as a run would, read every image once, and write nothing.

    Raises:
        InputError: something cannot be opened or read, does not fit, or is not what the recipe recorded.
    """
    settings = with_all_said(settings)
    check_thresholds(settings.thresholds)
    check_ranking(settings.ranking)
    prepare_backend(settings.device, settings.seed)
    if is_without_images(settings):
        opened = open_alone(settings, reporter, expected_sha256)
        _announce_detection(settings, opened.model.classes, None, reporter)
        return
    inputs = open_inputs(settings, reporter, expected_sha256)
    _announce_detection(settings, inputs.model.classes, inputs.data[CLEAN_VALID], reporter)
    _announce_repairs(settings, inputs.data[CLEAN_VALID].images, reporter)
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


def _announce_detection(settings: RunSettings, classes: int, clean: LabelledImages | None, reporter: Reporter) -> None:
    """Emit which detectors will run and what they cost, where some were asked for."""
    images = 0 if clean is None else clean.images
    names = methods_to_run(asked_methods(settings.detect), classes, images)
    if not names:
        return
    if clean is None:
        check_without_images(names)
    seconds = sum(METHODS[name].cost for name in names)
    given = f"{images:,} clean images" if images else "no image"
    reporter.emit(
        Notice(
            f"detection will run {', '.join(names)} with {given}: about {seconds:.0f} s for a small network of ten classes, more "
            "for a larger one"
        )
    )


def _announce_repairs(settings: RunSettings, images: int, reporter: Reporter) -> None:
    """Emit which repairs will run, on how many images and what they cost, where some were asked for."""
    names = asked_repairs(settings.repair)
    if not names:
        return
    held_out = round(share_held_out(images) * images)
    few = "" if held_out >= FEW_HELD_OUT else f": too few to tell whether it worked, which takes {FEW_HELD_OUT}"
    reporter.emit(
        Notice(
            f"repairs will run {', '.join(names)}: about {training_steps(names):,} training steps{', or more' if AUTO in names else ''}; of {images:,} "
            f"clean images about {held_out:,} are held out{few}"
        )
    )
