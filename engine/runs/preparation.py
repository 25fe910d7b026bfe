"""From settings to a profiled network: everything that is known before the first channel goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bdtui.engine.errors import OptionError
from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.evaluation.target import find_target
from bdtui.engine.events import BaselineMeasured, Event, Notice
from bdtui.engine.inputs.opening import OpenedInputs, describe_layer, open_inputs
from bdtui.engine.machine.device import device_in_use
from bdtui.engine.network.channels import find_source
from bdtui.engine.rates import Rates
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.runs.baseline_warnings import warn_of_baseline
from bdtui.engine.runs.compared_layers import layers_to_compare
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.layer_warnings import warn_of_layer
from bdtui.engine.runs.manifest import computing_versions
from bdtui.engine.runs.stopwatch import Stopwatch
from bdtui.engine.runs.suspect_triggers import SuspectTriggers, order_by
from bdtui.engine.settings import POISONED_TEST, POISONED_VALID, RunSettings


@dataclass(frozen=True)
class PreparedRun:
    """A run before its first step.

    Attributes:
        inputs: the opened model and image sets, and the settings with what was found filled in.
        evaluator: of the profiled layer.
        order: the channels in pruning order.
        baseline_valid: rates of B.
        baseline_test: rates of B.
        target: the class that most poisoned images get, or that the attack is all-to-all; None without such images.
        notices: what a reader of the report should know.
        seconds: by stage.
        suspects: triggers reversed on the clean validation images, for who needs them.
    """

    inputs: OpenedInputs
    evaluator: PruningSession
    order: tuple[int, ...]
    baseline_valid: Rates
    baseline_test: Rates
    target: int | str | None
    notices: tuple[str, ...]
    seconds: dict[str, float]
    suspects: SuspectTriggers

    def order_by(self, ranking: str, reporter: Reporter = SILENT) -> tuple[int, ...]:
        """The channels of the layer in the order of a ranking.

        Raises:
            OptionError: there is no ranking of that name.
            Interrupted: the reporter requested a stop.
        """
        return order_by(self.evaluator, ranking, self.inputs.settings.seed, self.suspects, reporter)

    def reordered(self, order: tuple[int, ...]) -> PreparedRun:
        """The same run with the channels in an order made by hand; the ranking's own order stays the ranking's."""
        ranked = self.order_by(self.inputs.settings.ranking)
        settings = replace(self.inputs.settings, order=None if order == ranked else order)
        return replace(self, inputs=replace(self.inputs, settings=settings), order=order)


def prepare_run(
    settings: RunSettings,
    reporter: Reporter,
    expected_sha256: Mapping[str, str] | None = None,
    scratch: Path | None = None,
    journal: Journal | None = None,
) -> PreparedRun:
    """Open everything, and profile the layer.

    Args:
        settings: what to do.
        reporter: receives events; may stop the work between batches.
        expected_sha256: hashes of the inputs by field name; others are refused.
        scratch: folder for activations that memory has no room for; None for the system's temporary folder.
        journal: keeps what a ranking by reversed triggers has found; None for nowhere.

    Raises:
        InputError: something given cannot be worked with.
        Interrupted: the reporter requested a stop.
    """
    watch = Stopwatch()
    notices: list[str] = []
    inputs = open_inputs(settings, _noting(reporter, notices), expected_sha256)
    if inputs.settings.order is not None:
        check_order(inputs.settings.order, inputs.source.channels)
    if inputs.settings.compare is not None:
        # A layer that is not there is refused now, not after the curve.
        layers_to_compare(inputs.model.network, inputs.settings.compare)
    if journal is not None:
        identify_inputs(inputs, journal, reporter)
    watch.lap("load")
    return _profile(inputs, reporter, notices, watch, SuspectTriggers(inputs, journal), scratch)


def identify_inputs(inputs: OpenedInputs, journal: Journal, reporter: Reporter) -> None:
    """Let a journal forget what it holds of other inputs, or of other versions; ``reporter`` gets a notice then."""
    versions = {**computing_versions(), "device": device_in_use()}
    if journal.identify(inputs.settings, inputs.sha256, versions):
        reporter.emit(Notice("finished steps came from another device or other versions; recomputing them"))


def prepare_layer(prepared: PreparedRun, layer: str, reporter: Reporter) -> PreparedRun:
    """Profile another layer of the same network on the same images.

    Raises:
        ModelError: the layer does not exist or cannot be pruned soundly.
        Interrupted: the reporter requested a stop.
    """
    inputs = prepared.inputs
    source = find_source(inputs.model.network, layer)
    settings = replace(inputs.settings, layer=source.profiled.name, order=None)
    reporter.emit(describe_layer(source))
    watch = Stopwatch({"load": prepared.seconds.get("load", 0.0)})
    of_the_layer = list(warn_of_layer(prepared.evaluator))
    notices = [notice for notice in prepared.notices if notice not in of_the_layer]
    return _profile(replace(inputs, source=source, settings=settings), reporter, notices, watch, prepared.suspects)


def _profile(
    inputs: OpenedInputs,
    reporter: Reporter,
    notices: list[str],
    watch: Stopwatch,
    suspects: SuspectTriggers,
    scratch: Path | None = None,
) -> PreparedRun:
    settings = inputs.settings
    memory = settings.activation_memory
    if memory is not None and memory < 0:
        raise OptionError(f"{memory} MiB of memory is not valid; expected 0 or more")
    evaluator = PruningSession(
        inputs.model,
        inputs.source,
        inputs.data,
        memory_budget=None if memory is None else memory * 2**20,
        scratch=scratch,
        reporter=reporter,
    )
    noting = _noting(reporter, notices)
    order = settings.order or order_by(evaluator, settings.ranking, settings.seed, suspects, noting)
    baseline_valid, baseline_test = evaluator.rates("valid"), evaluator.rates("test")
    reporter.emit(BaselineMeasured(baseline_valid, baseline_test))
    warnings = (*warn_of_layer(evaluator), *warn_of_baseline(evaluator, baseline_valid, inputs.class_names))
    for sentence in warnings:
        if sentence not in notices:
            noting.emit(Notice(sentence))
    watch.lap("profile")
    target = _target(evaluator)
    return PreparedRun(
        inputs, evaluator, order, baseline_valid, baseline_test, target, tuple(notices), watch.seconds, suspects
    )


def _target(evaluator: PruningSession) -> int | str | None:
    for role in (POISONED_VALID, POISONED_TEST):
        if role in evaluator.data:
            return find_target(evaluator.predict(role, ()), evaluator.data[role].labels)
    return None


def _noting(reporter: Reporter, notices: list[str]) -> Reporter:
    """A reporter that keeps the notices as well."""

    def keep(event: Event) -> None:
        if isinstance(event, Notice):
            notices.append(event.text)

    return reporter.also(keep)


def check_order(order: Sequence[int], channels: int) -> None:
    """Raise `OptionError` where an order made by hand does not name every channel once."""
    if sorted(order) != list(range(channels)):
        raise OptionError(
            f"the order made by hand does not fit a layer of {channels} channels; "
            f"expected each from 0 to {channels - 1} once"
        )


def image_counts(prepared: PreparedRun, part: str = "valid") -> tuple[int, int]:
    """How many clean and how many poisoned images there are of the validation images, or of those of another part."""
    data = prepared.inputs.data
    clean, poisoned = (data[role].images if role in data else 0 for role in (f"clean_{part}", f"poisoned_{part}"))
    return clean, poisoned
