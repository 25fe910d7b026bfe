"""The whole job, from files to files: open, profile, prune, join, measure, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bdtui.engine import artifacts
from bdtui.engine.backend import prepare_backend
from bdtui.engine.errors import Interrupted
from bdtui.engine.events import (
    ArtifactWritten,
    BaselineMeasured,
    Event,
    Notice,
    Progress,
    Reporter,
    RunFinished,
    StepFinished,
    ThresholdMissed,
    ThresholdReached,
)
from bdtui.engine.figure import write_figure
from bdtui.engine.goodnet import build_goodnet
from bdtui.engine.metrics import NO_RATES, Rates
from bdtui.engine.opening import OpenedInputs, input_hashes, open_inputs, sample_settings
from bdtui.engine.pruning import (
    PruningSession,
    Step,
    Threshold,
    check_thresholds,
    draw_curve,
    find_threshold,
    has_dropped,
)
from bdtui.engine.rankings import check_ranking
from bdtui.engine.recipe import write_recipe_text
from bdtui.engine.report import MeasuredThreshold, ReportedRun, write_report_text
from bdtui.engine.settings import CLEAN_VALID, CURVE, FIGURE, RECIPE, REPORT, RESULTS, ROLES, RunSettings
from bdtui.engine.verification import SavedModelCheck

SCHEMA = 1
_LOW_ACCURACY = 50
_LOW_ACCURACY_TEXT = "clean accuracy is {:.2f} % before any pruning: are labels, --scale and --layout those the network was trained with?"
_VERIFIED_IMAGES = 64
"""Of every image set, how many are put through the reopened models."""


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    Attributes:
        out: the folder with its files.
        results: the content of results.json.
        tested: the thresholds with all their rates.
    """

    out: Path
    results: dict[str, Any]
    tested: tuple[MeasuredThreshold, ...]


def execute_run(
    settings: RunSettings,
    out: Path | None = None,
    *,
    reporter: Reporter,
    resume: bool = False,
    expected_sha256: Mapping[str, str] | None = None,
) -> RunResult:
    """Do everything that ``bdtui --batch`` does.

    Nothing is written before all inputs have been opened and read; from then on every file is written as soon as
    its content is known.

    Args:
        settings: what to do.
        out: output folder, new or empty; None for a new one under ``bdtui-runs/``.
        reporter: hears events, is asked whether to stop.
        resume: the folder may hold a run, whose files are replaced.
        expected_sha256: hashes of the inputs by field name; others are refused.

    Raises:
        InputError: something given cannot be worked with.
        Interrupted: the reporter was told to stop; the message says what is kept.
    """
    clock = _Clock()
    check_thresholds(settings.thresholds)
    check_ranking(settings.ranking)
    named_after = sample_settings(settings) if settings.sample else settings
    folder = out or artifacts.default_folder(named_after.model or named_after.weights, time.localtime())
    with artifacts.output_folder(folder, may_hold_run=resume):
        prepare_backend(settings.device, settings.seed)
        if resume:
            artifacts.discard_results(folder)
        run = _Run(folder, reporter, clock)
        try:
            return run.execute(open_inputs(settings, run.reporter, expected_sha256))
        except Interrupted as stop:
            raise Interrupted(run.keep_what_is_done()) from stop


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = round(self.seconds.get(stage, 0) + now - self._last, 3)
        self._last = now

    def total(self) -> float:
        return round(time.perf_counter() - self._start, 3)


class _Run:
    """One execution: what is known so far, and the files it led to."""

    def __init__(self, folder: Path, reporter: Reporter, clock: _Clock) -> None:
        self.folder = folder
        self.clock = clock
        self.curve: list[Step] = []
        self.notices: list[str] = []
        self.written: list[Path] = []
        self.reporter = Reporter(self._hear(reporter.emit), lambda: reporter.stop_requested)

    def _hear(self, emit: Callable[[Event], None]) -> Callable[[Event], None]:
        def hear(event: Event) -> None:
            if isinstance(event, Notice):
                self.notices.append(event.text)
            emit(event)

        return hear

    def execute(self, inputs: OpenedInputs) -> RunResult:
        settings, reporter, clock = inputs.settings, self.reporter, self.clock
        clock.lap("load")
        session = PruningSession(inputs.model, inputs.data, layer=settings.layer, scale=inputs.scale, reporter=reporter)
        baseline = session.rates("valid"), session.rates("test")
        reporter.emit(BaselineMeasured(baseline[0].as_json(), baseline[1].as_json()))
        if baseline[0].clean and baseline[0].clean.percent < _LOW_ACCURACY:
            reporter.emit(Notice(_LOW_ACCURACY_TEXT.format(baseline[0].clean.percent)))
        clock.lap("profile")

        recipe = write_recipe_text(settings, input_hashes(inputs))
        self._write(RECIPE, lambda path: artifacts.write_text(path, recipe))
        order = session.order(settings.ranking, settings.seed)
        thresholds = self._prune(session, settings, order)
        tested = tuple(self._test(session, threshold) for threshold in thresholds)
        clock.lap("test")

        results = self._results(inputs, session, order, baseline, tested)
        self._write(CURVE, lambda path: artifacts.write_curve(path, self.curve))
        title = f"Pruning {session.source.pruned.name} of {inputs.model.path.name}"
        self._write(FIGURE, lambda path: write_figure(path, self.curve, thresholds, title))
        report = self._report(inputs, session, baseline, tested)
        self._write(REPORT, lambda path: artifacts.write_text(path, report))
        clock.lap("export")
        results["seconds"] = {**clock.seconds, "total": clock.total()}
        # Last of all: where this file is, the run is whole.
        self._write(RESULTS, lambda path: artifacts.write_json(path, results))
        reporter.emit(RunFinished(str(self.folder), clock.total()))
        return RunResult(self.folder, results, tested)

    def keep_what_is_done(self) -> str:
        """Write the steps finished so far, and say what is kept."""
        if len(self.curve) > 1:
            self._write(CURVE, lambda path: artifacts.write_curve(path, self.curve))
        if not self.written:
            return "interrupted before anything was written; nothing is left behind"
        names = ", ".join(path.name for path in self.written)
        done = f"{len(self.curve) - 1} finished steps" if len(self.curve) > 1 else "no finished steps"
        return (
            f"interrupted after {done}; kept in {self.folder}: {names}; --resume --out {self.folder} finishes the run"
        )

    def _write(self, name: str, write: Callable[[Path], None]) -> None:
        path = self.folder / name
        write(path)
        self.written.append(path)
        self.reporter.emit(ArtifactWritten(str(path)))

    def _prune(self, session: PruningSession, settings: RunSettings, order: Sequence[int]) -> list[Threshold]:
        """Draw the curve, saving B′ and G of every threshold the moment it is reached."""
        waiting = list(check_thresholds(settings.thresholds))
        found = []
        for step in draw_curve(session, order, self.reporter):
            self.curve.append(step)
            self._tell(step)
            while waiting and _reaches(self.curve, waiting[0]):
                threshold = find_threshold(self.curve, order, waiting.pop(0))
                self.clock.lap("curve")
                self._export(session, threshold)
                self.clock.lap("export")
                found.append(threshold)
            if settings.until_last_threshold and not waiting:
                break
        self.clock.lap("curve")
        baseline = self.curve[0].rates.clean
        lowest = min((step.rates.clean.percent for step in self.curve if step.rates.clean), default=0.0)
        for drop in waiting:
            self.reporter.emit(ThresholdMissed(drop, (baseline.percent if baseline else 0.0) - lowest))
            found.append(Threshold(drop, None))
        return found

    def _tell(self, step: Step) -> None:
        rates = step.rates.as_json()
        accuracy = rates["clean_accuracy"] or 0.0
        self.reporter.emit(StepFinished(step.step, step.channel, step.fraction, accuracy, rates["attack_success_rate"]))

    def _export(self, session: PruningSession, threshold: Threshold) -> None:
        """Save B′ and G of a threshold, reopen both, and hold them against what the run says of them."""
        channels = threshold.channels
        rates = threshold.rates.as_json() if threshold.rates else {}
        self.reporter.emit(
            ThresholdReached(
                threshold.drop,
                threshold.step or 0,
                rates.get("clean_accuracy") or 0.0,
                rates.get("attack_success_rate"),
            )
        )
        layer = session.source.profiled.name
        pruned, goodnet = _file_names(session, threshold)
        check = self._check(session, channels)
        stage = f"save X={artifacts.drop_text(threshold.drop)}"
        self.reporter.emit(Progress(stage, 0, 2, "models"))
        self._write(
            pruned, lambda path: artifacts.write_model(path, session.pruned_model(channels), check.check_pruned)
        )
        self.reporter.checkpoint()
        self.reporter.emit(Progress(stage, 1, 2, "models"))
        joined = build_goodnet(session.model.keras_model, layer, channels)
        self._write(goodnet, lambda path: artifacts.write_model(path, joined, check.check_goodnet))
        self.reporter.emit(Progress(stage, 2, 2, "models"))

    def _check(self, session: PruningSession, channels: Sequence[int]) -> SavedModelCheck:
        """What the first images of every set are to be under the saved models."""
        images, pruned, joined = [], [], []
        for role in session.data:
            some = session.first_images(role, _VERIFIED_IMAGES)
            images.append(some)
            pruned.append(session.predict(role, channels)[: len(some)])
            joined.append(session.predict_goodnet(role, channels)[: len(some)])
        return SavedModelCheck(
            session.model.keras_model, np.concatenate(images), np.concatenate(pruned), np.concatenate(joined)
        )

    def _test(self, session: PruningSession, threshold: Threshold) -> MeasuredThreshold:
        if threshold.step is None:
            return MeasuredThreshold(threshold)
        channels = threshold.channels
        model, goodnet = _file_names(session, threshold)
        return MeasuredThreshold(
            threshold,
            model,
            goodnet,
            goodnet_valid=session.goodnet_rates("valid", channels, self.reporter),
            pruned_test=session.rates("test", channels, self.reporter),
            goodnet_test=session.goodnet_rates("test", channels, self.reporter),
        )

    def _results(
        self,
        inputs: OpenedInputs,
        session: PruningSession,
        order: Sequence[int],
        baseline: tuple[Rates, Rates],
        tested: Sequence[MeasuredThreshold],
    ) -> dict[str, Any]:
        model = inputs.model
        return {
            "schema": SCHEMA,
            "version": version("bdtui"),
            "model": {
                "path": str(model.path.resolve()),
                "sha256": model.sha256,
                "classes": model.classes,
                "input_shape": list(model.input_shape),
            },
            "data": {role: _data_json(inputs, role) for role in ROLES},
            "input": {"layout": inputs.data[CLEAN_VALID].layout, "scale": inputs.scale},
            "layer": {
                "profiled": session.source.profiled.name,
                "pruned": session.source.pruned.name,
                "channels": session.channels,
            },
            "ranking": inputs.settings.ranking,
            "mean_activation": [float(mean) for mean in session.statistics[CLEAN_VALID].mean_activation],
            "order": list(order),
            "baseline": {"valid": baseline[0].as_json(), "test": baseline[1].as_json()},
            "curve": [
                {"step": step.step, "channel": step.channel, "fraction": step.fraction, **_curve_rates(step)}
                for step in self.curve
            ],
            "thresholds": [_threshold_json(entry) for entry in tested],
            "repairs": [],
            "detections": [],
        }

    def _report(
        self,
        inputs: OpenedInputs,
        session: PruningSession,
        baseline: tuple[Rates, Rates],
        tested: Sequence[MeasuredThreshold],
    ) -> str:
        layout = "channel first" if inputs.data[CLEAN_VALID].layout == "nchw" else "channel last"
        statistics = session.statistics[CLEAN_VALID]
        return write_report_text(
            ReportedRun(
                version=version("bdtui"),
                model=str(inputs.model.path.resolve()),
                classes=inputs.model.classes,
                data=[(role, str(images.path.resolve()), images.images) for role, images in inputs.data.items()],
                input_sentence=f"Images are stored {layout}; pixels are divided by {inputs.scale}.",
                profiled=session.source.profiled.name,
                pruned=session.source.pruned.name,
                channels=session.channels,
                silent=len(session.silent_from_the_start()),
                sleeping=int(np.count_nonzero(statistics.firing_share == 0)),
                ranking=inputs.settings.ranking,
                baseline_valid=baseline[0],
                baseline_test=baseline[1],
                curve=self.curve,
                tested=tested,
                notices=self.notices,
            )
        )


def _file_names(session: PruningSession, threshold: Threshold) -> tuple[str, str]:
    """Of B′ and of G."""
    return artifacts.model_name(threshold.drop, session.model), artifacts.goodnet_name(threshold.drop)


def _reaches(curve: Sequence[Step], drop: float) -> bool:
    baseline, now = curve[0].rates.clean, curve[-1].rates.clean
    return bool(baseline and now and has_dropped(baseline, now, drop))


def _data_json(inputs: OpenedInputs, role: str) -> dict[str, Any] | None:
    images = inputs.data.get(role)
    if images is None:
        return None
    return {"path": str(images.path.resolve()), "sha256": images.sha256, "images": images.images}


def _curve_rates(step: Step) -> dict[str, float | None]:
    rates = step.rates.as_json()
    return {name: rates[name] for name in ("clean_accuracy", "attack_success_rate")}


def _threshold_json(entry: MeasuredThreshold) -> dict[str, Any]:
    threshold = entry.threshold
    reached = threshold.step is not None
    return {
        "drop": int(threshold.drop) if threshold.drop == int(threshold.drop) else threshold.drop,
        "reached": reached,
        "step": threshold.step,
        "pruned_channels": list(threshold.channels),
        "model": entry.model,
        "goodnet": entry.goodnet,
        "valid": (threshold.rates or NO_RATES).as_json(),
        "test": {"pruned": entry.pruned_test.as_json(), "goodnet": entry.goodnet_test.as_json(flags=True)},
    }
