"""Running out of memory halves the batch and changes nothing else; a lost GPU leaves a run that can be resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from bdtui.engine.errors import DeviceLost, Interrupted, OutOfMemory
from bdtui.engine.evaluation import cut_runner, evaluator
from bdtui.engine.evaluation.cut_runner import CutRunner
from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.events import Event, Notice, StepFinished
from bdtui.engine.incremental.channel_sums import SummedShares
from bdtui.engine.inputs.model import open_model
from bdtui.engine.machine import device_failures
from bdtui.engine.machine.batches import SmallerBatches
from bdtui.engine.machine.device_failures import explain_device_failures
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.file_names import RESULTS
from bdtui.engine.runs.folder import JOURNAL_FOLDER
from bdtui.engine.runs.journal_folder import read_begun_recipe
from bdtui.engine.runs.run import execute_run
from bdtui.engine.settings import RunSettings
from tests.networks import CASES, build, random_images, write_images

pytestmark = pytest.mark.slow

EXHAUSTED = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[256,52,44,20]")
# As TensorFlow said it on an H100 that others had filled up to 900 MiB.
NO_ALGORITHM = tf.errors.NotFoundError(
    None,
    None,
    "No algorithm worked!  Error messages: Profiling failure on CUDNN engine eng11{}: RESOURCE_EXHAUSTED: Out of memory while "
    "trying to allocate 16.00MiB.",
)
LOST = tf.errors.InternalError(None, None, "CUDA_ERROR_ILLEGAL_ADDRESS")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> RunSettings:
    folder = tmp_path_factory.mktemp("inputs")
    model = build(CASES["sequential"])
    model.save(folder / "model.h5")
    images = random_images(CASES["sequential"], 70)
    labels = np.asarray(model(images)).argmax(axis=1)
    write_images(folder / "clean.h5", images[:40], labels[:40])
    write_images(folder / "poisoned.h5", images[40:], np.full(30, 1))
    return RunSettings(
        model=folder / "model.h5", clean_valid=folder / "clean.h5", poisoned_valid=folder / "poisoned.h5"
    )


def run(settings: RunSettings, out: Path, **how: Any) -> tuple[dict[str, Any], list[str]]:
    heard: list[Event] = []
    results = execute_run(settings, out, reporter=Reporter(heard.append), **how).results
    return {**results, "seconds": 0}, [event.text for event in heard if isinstance(event, Notice)]


def narrow(monkeypatch: pytest.MonkeyPatch, which: str, most: int, problem: Exception) -> list[int]:
    """Raise ``problem`` for more than ``most`` images at once; returns the list of sizes tried."""
    compute: Callable[..., Any] = getattr(CutRunner, which)
    tried: list[int] = []

    def limited(self: CutRunner, values: Any, *rest: Any) -> Any:
        images = len(values if which == "_front_at_once" else values[0])
        tried.append(images)
        if images > most:
            raise problem
        return compute(self, values, *rest)

    monkeypatch.setattr(CutRunner, which, limited)
    return tried


@pytest.fixture(scope="module")
def enough(settings: RunSettings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results where memory suffices."""
    return run(settings, tmp_path_factory.mktemp("enough") / "out")[0]


@pytest.fixture(scope="module")
def enough_for_whole_back(settings: RunSettings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results where memory suffices, and the whole back decides all that is asked of it."""
    with pytest.MonkeyPatch.context() as patch:
        without_shorter_way(patch)
        return run(settings, tmp_path_factory.mktemp("enough") / "out")[0]


def without_shorter_way(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cut_runner, "find_summed_shares", lambda *rest: None)


@pytest.mark.parametrize("which", ["_front_at_once", "_back_at_once"])
@pytest.mark.parametrize(
    "problem",
    [EXHAUSTED, MemoryError(), NO_ALGORITHM, tf.errors.InternalError(None, None, "Dst tensor is not initialized.")],
)
def test_out_of_memory_halves_the_batch_and_continues(
    settings: RunSettings,
    enough_for_whole_back: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    which: str,
    problem: Exception,
) -> None:
    whole = dict(enough_for_whole_back)
    without_shorter_way(monkeypatch)
    tried = narrow(monkeypatch, which, 5, problem)
    halved, told = run(settings, tmp_path / "halved")
    assert np.allclose(halved.pop("mean_activation"), whole.pop("mean_activation"), rtol=1e-6)
    assert halved == whole
    about_memory = [text for text in told if "not enough memory" in text]
    told_of = [int(text.split()[4]) for text in about_memory]
    # Two threads may meet the end of memory with batches of two sizes; then one of them speaks.
    assert told_of == sorted(set(told_of), reverse=True), "each size is told once"
    assert set(told_of) <= set(tried)
    assert about_memory[-1].endswith(f"continuing with {told_of[-1] // 2} at a time")
    assert told_of[-1] // 2 <= 5 < told_of[-1]
    assert sum(size > 5 for size in tried) <= 2 * len(about_memory) + 2, "a size that did not fit is not tried again"


def test_sums_that_do_not_fit_in_memory_are_skipped(
    settings: RunSettings, enough: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*rest: Any) -> Any:
        raise EXHAUSTED

    monkeypatch.setattr(SummedShares, "decide", exhausted)
    without, told = run(settings, tmp_path / "without")
    assert without == enough
    assert [text for text in told if "sums" in text] == [
        "not enough memory for sums of channels; continuing without them"
    ]


def test_too_little_memory_for_one_image_is_a_clear_error(
    settings: RunSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow(monkeypatch, "_front_at_once", 0, EXHAUSTED)
    with pytest.raises(OutOfMemory, match=r"not enough memory for a single image .*free some memory"):
        run(settings, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("problem", [EXHAUSTED, NO_ALGORITHM, MemoryError()])
def test_wherever_memory_ends_that_is_said_and_what_to_do(problem: Exception) -> None:
    told = r"not enough memory .*--device cpu can be combined with --resume"
    with pytest.raises(OutOfMemory, match=told), explain_device_failures():
        raise problem


def test_a_model_that_memory_does_not_suffice_for_is_no_broken_model(
    settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **how: Any) -> None:
        raise EXHAUSTED

    monkeypatch.setattr(keras.Model, "from_config", fail)
    monkeypatch.setattr(keras.Sequential, "from_config", fail)
    assert settings.model is not None
    with pytest.raises(OutOfMemory, match=r"model\.h5: not enough memory for this model; free some memory"):
        open_model(settings.model)


def test_other_errors_are_not_mistaken_for_out_of_memory() -> None:
    def wrong(rows: slice) -> None:
        raise tf.errors.InvalidArgumentError(None, None, "Incompatible shapes")

    with pytest.raises(tf.errors.InvalidArgumentError):
        SmallerBatches().compute(4, wrong)


def test_smaller_batches_return_everything_in_order() -> None:
    def work(rows: slice) -> list[int]:
        if rows.stop - rows.start > 3:
            raise MemoryError
        return list(range(rows.start, rows.stop))

    pieces = SmallerBatches().compute(16, work)
    assert [number for piece in pieces for number in piece] == list(range(16))


def test_a_lost_gpu_leaves_a_run_that_can_be_resumed(
    settings: RunSettings, enough: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: ["GPU:0"])
    monkeypatch.setattr(device_failures, "why_the_gpu_fails", lambda: LOST)
    # Step by step, so that it vanishes between two of them.
    monkeypatch.setattr(evaluator, "_MOST_PREDICTIONS", 0)
    measure, steps = PruningSession.measure_steps, []

    def vanish(self: PruningSession, *rest: Any) -> None:
        if len(steps) >= 4:
            SmallerBatches().compute(1, fail)
        measure(self, *rest)

    def fail(rows: slice) -> None:
        raise LOST

    def hear(event: Event) -> None:
        if isinstance(event, StepFinished):
            steps.append(event)

    with monkeypatch.context() as patch:
        patch.setattr(PruningSession, "measure_steps", vanish)
        with pytest.raises(Interrupted, match=r"the GPU stopped responding \(CUDA_ERROR.*--resume --out"):
            execute_run(settings, out, reporter=Reporter(hear))
    assert (out / JOURNAL_FOLDER).exists()
    recipe = read_begun_recipe(out)
    assert recipe is not None
    resumed, _ = run(RunSettings(**recipe.settings), out, resume=True, expected_sha256=recipe.sha256)
    assert resumed == enough == {**json.loads((out / RESULTS).read_text()), "seconds": 0}


def test_without_a_gpu_an_internal_error_is_no_lost_device() -> None:
    def fail(rows: slice) -> None:
        raise LOST

    with pytest.raises(tf.errors.InternalError):
        SmallerBatches().compute(1, fail)


def test_a_failed_operation_on_a_working_gpu_is_no_lost_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device still computes a sum when asked (here a CPU stands in for the GPU)."""
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: ["GPU:0"])
    with pytest.raises(tf.errors.InternalError), explain_device_failures():
        raise LOST


def test_a_lost_gpu_counts_as_an_interruption() -> None:
    assert issubclass(DeviceLost, Interrupted), "exit 130: what was done is kept, and --resume goes on"
