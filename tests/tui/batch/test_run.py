"""`bdtui --batch` on the sample, from the command line to every file it leaves."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

from bdtui.engine import events
from bdtui.engine.inputs.model import open_model
from bdtui.engine.network.channels import find_source, silent_channels
from bdtui.engine.runs.folder import JOURNAL_FOLDER
from bdtui.engine.runs.journal_folder import open_run_folder
from bdtui.engine.settings import RunSettings
from bdtui.tui.batch import run as batch
from bdtui.tui.cli import main

pytestmark = pytest.mark.slow

SAMPLE = Path(str(files("bdtui.sample_data")))
FILES = (
    {"results.json", "curve.csv", "curve.png", "report.md", "report.html", "recipe.toml", "manifest.json"}
    | {"examples_clean_valid.png", "examples_poisoned_valid.png"}
    | {name for drop in (2, 4, 10) for name in (f"model_X={drop}.h5", f"goodnet_X={drop}.keras")}
)


@dataclass(frozen=True)
class Run:
    out: Path
    results: dict[str, Any]
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on the sample as a person starts it: a process of its own, from another folder."""
    folder = tmp_path_factory.mktemp("elsewhere")
    command = [sys.executable, "-m", "bdtui.tui", "--batch", "--sample", "--out", "run"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    out = folder / "run"
    return Run(out, json.loads((out / "results.json").read_text()), done.stdout, done.stderr)


def sample_images(name: str) -> tuple[np.ndarray, np.ndarray]:
    with h5py.File(SAMPLE / name) as file:
        return np.moveaxis(file["data"][()], 1, -1).astype(np.float32), file["label"][()]


def accuracy(model: keras.Model, name: str) -> float:
    images, labels = sample_images(name)
    return 100 * int((model.predict(images, batch_size=256, verbose=0).argmax(axis=1) == labels).sum()) / len(labels)


def test_every_file_of_the_contract_is_there_and_no_other(run: Run) -> None:
    assert {path.name for path in run.out.iterdir()} == {*FILES, JOURNAL_FOLDER}


def test_results_have_the_keys_of_schema_1(run: Run) -> None:
    results = run.results
    assert list(results) == [
        *("schema", "version", "model", "data", "input", "layer", "ranking", "mean_activation", "order"),
        *("baseline", "curve", "thresholds", "repairs", "detections", "comparison", "examples", "seconds", "notices"),
        "verdict",
    ]
    assert results["schema"] == 1
    assert results["model"].keys() == {"path", "sha256", "classes", "input_shape", "input_dtype"}
    assert results["model"]["input_dtype"] == "float32"
    assert results["data"]["clean_valid"]["range"] == [0.0, 255.0]
    assert results["input"] == {"layout": "nchw", "scale": 1, "preprocess": "raw"}
    assert results["layer"] == {
        **{"profiled": "pool_3", "pruned": "conv_3", "channels": 60},
        **{"silent": 0, "inactive": results["layer"]["inactive"]},
    }
    assert results["verdict"].keys() == {"backdoor", "target", "survives_pruning", "recommended", "sentences", "kinds"}
    assert results["verdict"]["target"] == 0
    assert all(entry.keys() == {"path", "sha256", "images", "range"} for entry in results["data"].values())
    rates = {"clean_accuracy", "attack_success_rate", "recovered_accuracy", "attack_images"}
    assert results["baseline"]["valid"].keys() == results["baseline"]["test"].keys() == rates
    for threshold in results["thresholds"]:
        assert threshold.keys() == {
            *("drop", "reached", "step", "pruned_channels", "model", "goodnet", "valid", "goodnet_valid", "test")
        }
        assert threshold["test"]["pruned"].keys() == rates
        assert threshold["test"]["goodnet"].keys() == rates | {"clean_flagged", "poisoned_flagged"}
    assert {"load", "profile", "curve", "export"} <= results["seconds"].keys()


def test_curve_runs_from_the_badnet_to_the_last_channel(run: Run) -> None:
    curve = run.results["curve"]
    assert [step["step"] for step in curve] == list(range(61))
    assert [step["channel"] for step in curve] == [None, *run.results["order"]]
    assert [step["fraction"] for step in curve] == [step / 60 for step in range(61)]
    assert curve[0]["clean_accuracy"] == run.results["baseline"]["valid"]["clean_accuracy"]
    assert curve[-1]["clean_accuracy"] < 10, "nothing is left of a network without its channels"


def test_curve_csv_says_what_results_json_says(run: Run) -> None:
    with (run.out / "curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, step in zip(rows, run.results["curve"], strict=True):
        assert row["channel"] == ("" if step["channel"] is None else str(step["channel"]))
        for name in ("step", "fraction", "clean_accuracy", "attack_success_rate"):
            assert float(row[name]) == step[name]


def test_thresholds_are_the_first_steps_past_the_drop(run: Run) -> None:
    accuracies = [step["clean_accuracy"] for step in run.results["curve"]]
    for threshold in run.results["thresholds"]:
        expected = next(k for k, now in enumerate(accuracies) if accuracies[0] - now >= threshold["drop"])
        assert threshold["step"] == expected
        assert threshold["pruned_channels"] == run.results["order"][:expected]
        assert threshold["valid"]["clean_accuracy"] == accuracies[expected]


@pytest.mark.parametrize("index", range(3))
def test_saved_models_have_the_rates_that_were_reported(run: Run, index: int) -> None:
    threshold = run.results["thresholds"][index]
    pruned = keras.models.load_model(run.out / threshold["model"], compile=False)
    assert accuracy(pruned, "cl/valid.h5") == threshold["valid"]["clean_accuracy"]
    assert accuracy(pruned, "bd/bd_valid.h5") == threshold["valid"]["attack_success_rate"]
    assert accuracy(pruned, "cl/test.h5") == threshold["test"]["pruned"]["clean_accuracy"]
    assert accuracy(pruned, "bd/bd_test.h5") == threshold["test"]["pruned"]["attack_success_rate"]
    goodnet = keras.models.load_model(run.out / threshold["goodnet"], compile=False)
    assert accuracy(goodnet, "cl/test.h5") == threshold["test"]["goodnet"]["clean_accuracy"]
    assert accuracy(goodnet, "bd/bd_test.h5") == threshold["test"]["goodnet"]["attack_success_rate"]


def test_saved_models_are_silent_in_the_channels_that_were_pruned(run: Run) -> None:
    for threshold in run.results["thresholds"]:
        source = find_source(open_model(run.out / threshold["model"]).network, "pool_3")
        assert np.flatnonzero(silent_channels(source)).tolist() == sorted(threshold["pruned_channels"])


def test_goodnet_speaks_for_itself_in_a_python_without_bdtui(run: Run) -> None:
    images, _ = sample_images("bd/bd_test.h5")
    np.save(run.out.parent / "images.npy", images)
    program = """
import sys, numpy, keras
images = numpy.load("images.npy")
b = keras.models.load_model(sys.argv[1], compile=False).predict(images, verbose=0).argmax(axis=1)
p = keras.models.load_model("run/model_X=10.h5", compile=False).predict(images, verbose=0).argmax(axis=1)
g = keras.models.load_model("run/goodnet_X=10.keras", compile=False).predict(images, verbose=0)
assert g.shape == (len(images), 45), g.shape
assert (g.argmax(axis=1) == numpy.where(b == p, b, 44)).all()
assert 0 < (b != p).sum() < len(images)
assert not any(name.startswith("bdtui") for name in sys.modules)
print("agreed")
"""
    command = [sys.executable, "-c", program, str(SAMPLE / "bd_net.h5")]
    done = subprocess.run(command, cwd=run.out.parent, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "agreed", done.stderr


def test_stdout_carries_the_table_and_stderr_the_rest(run: Run) -> None:
    lines = run.stdout.splitlines()
    assert lines[-1] == "results in run"
    assert lines[0].startswith("Backdoor towards class 0: 100.00 % of 430 poisoned test images")
    assert sum(line.startswith(("  B′ X=", "  G  X=")) for line in lines) == 6
    assert "loading TensorFlow" in run.stderr
    assert "step 0/60 · accuracy 99.03 % · ASR 100.00 %" in run.stderr
    noise = ("oneDNN", "cuda", "absl", "WARNING", "Warning")
    assert not any(word in run.stdout + run.stderr for word in noise), "TensorFlow's own lines stay away"


def test_report_names_rates_intervals_and_flags(run: Run) -> None:
    report = (run.out / "report.md").read_text()
    assert "99.51 (98.58 – 99.83)" in report
    flagged = run.results["thresholds"][2]["test"]["goodnet"]["poisoned_flagged"]
    assert f"{round(flagged * 430 / 100)} of 430: {flagged:.2f}" in report


def test_examples_are_images_of_the_sets_with_what_b_says_of_them(run: Run) -> None:
    badnet = keras.models.load_model(SAMPLE / "bd_net.h5", compile=False)
    for sheet, name in zip(run.results["examples"], ("cl/valid.h5", "bd/bd_valid.h5"), strict=True):
        images, labels = sample_images(name)
        numbers = [example["number"] for example in sheet["images"]]
        assert (len(numbers), numbers[0], numbers[-1]) == (6, 0, len(images) - 1), "spread over the set"
        assert [example["label"] for example in sheet["images"]] == labels[numbers].tolist()
        predicted = badnet.predict(images[numbers], verbose=0).argmax(axis=1)
        assert [example["predicted"] for example in sheet["images"]] == predicted.tolist()
        with Image.open(run.out / sheet["file"]) as picture:
            shown = np.asarray(picture).reshape(55, 6, 47, 3).swapaxes(0, 1)
        # The sample's pixels lie in 0–1 or in 0–255.
        assert np.abs(shown - images[numbers] * (255 if images.max() <= 1 else 1)).max() <= 0.5


def test_reports_made_again_are_those_of_the_run(run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.out, copy)
    for name in ("report.md", "report.html"):
        (copy / name).unlink()
    assert main(["report", str(copy)]) == 0
    for name in FILES:
        assert (copy / name).read_bytes() == (run.out / name).read_bytes(), name


def test_the_manifest_tells_what_was_written_from_what_and_by_what(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    manifest = json.loads((run.out / "manifest.json").read_text())
    assert set(manifest["files"]) == FILES - {"manifest.json"}
    assert manifest["seed"] == 0
    assert manifest["versions"].keys() == {"bdtui", "python", "tensorflow", "keras", "numpy", "h5py"}
    data = run.results["data"]
    assert manifest["inputs"] == {"model": run.results["model"]["sha256"]} | {
        role: data[role]["sha256"] for role in data
    }
    assert main(["--verify", str(run.out)]) == 0
    copy = tmp_path / "copy"
    shutil.copytree(run.out, copy)
    assert main(["--verify", str(copy)]) == 0
    (copy / "report.md").write_text((copy / "report.md").read_text() + "\n")
    assert main(["--verify", str(copy)]) == 2
    assert f"{copy / 'report.md'}: is not what the run wrote" in capfd.readouterr().err


def test_recipe_replays_the_run_bit_for_bit(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "again"
    assert main(["--batch", "--recipe", str(run.out / "recipe.toml"), "--out", str(out)]) == 0
    for name in FILES - {"results.json", "manifest.json"}:
        assert (out / name).read_bytes() == (run.out / name).read_bytes(), name
    again = json.loads((out / "results.json").read_text())
    assert {**again, "seconds": 0} == {**run.results, "seconds": 0}


def test_activations_that_go_to_a_file_change_no_result_and_leave_none(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["--batch", "--sample", "--activation-memory", "0", "--out", str(out)]) == 0
    results = json.loads((out / "results.json").read_text())
    results["seconds"] = run.results["seconds"]
    assert results == run.results
    assert {path.name for path in out.iterdir()} == {*FILES, JOURNAL_FOLDER}


def test_resume_finishes_a_run_that_lost_its_results(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ["--batch", "--sample", "--until-last-threshold", "--thresholds", "2", "--out", str(out)]
    assert main(command) == 0
    whole = json.loads((out / "results.json").read_text())
    assert len(whole["curve"]) == whole["thresholds"][0]["step"] + 1, "the curve ends at the threshold"
    written = (out / "curve.csv").stat().st_mtime_ns
    assert main(["--batch", "--resume", "--out", str(out), "--min-accuracy", "99.9"]) == 3
    assert (out / "curve.csv").stat().st_mtime_ns == written, "a whole run is not done again"
    (out / "results.json").unlink()
    (out / ".model_X=2.77.partial.h5").touch()
    assert main([*command, "--resume"]) == 0, "the options it was begun with may stand there"
    assert [path.name for path in out.glob(".*")] == [JOURNAL_FOLDER], (
        "what a killed process left half-written is taken away"
    )
    assert {**json.loads((out / "results.json").read_text()), "seconds": 0} == {**whole, "seconds": 0}


def test_paths_need_not_be_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / os.fsdecode(b"net\xff")
    folder.mkdir()
    monkeypatch.chdir(folder)
    shutil.copy(SAMPLE / "bd_net.h5", folder)
    clean = str(SAMPLE / "cl" / "valid.h5")
    out = os.fsdecode(b"run\xfe")
    command = ["--batch", "bd_net.h5", "--clean-valid", clean, "--until-last-threshold", "--thresholds", "2"]
    assert main([*command, "--out", out]) == 0
    (folder / out / "results.json").unlink()
    assert main([*command, "--out", out, "--resume"]) == 0
    assert main(["--batch", "--recipe", f"{out}/recipe.toml", "--out", "again"]) == 0
    assert (folder / "again" / "model_X=2.h5").read_bytes() == (folder / out / "model_X=2.h5").read_bytes()


def test_resume_makes_again_what_is_not_as_the_run_wrote_it(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(run.out, out)
    (out / "curve.csv").unlink()
    for name in ("report.md", "model_X=4.h5"):
        with (out / name).open("ab") as file:
            file.write(b"!")
    results = json.loads((out / "results.json").read_text())
    del results["order"]
    (out / "results.json").write_text(json.dumps(results))
    kept = (out / "goodnet_X=2.keras").stat().st_mtime_ns
    assert main(["--batch", "--resume", "--out", str(out)]) == 0
    told = capfd.readouterr().err
    assert "curve.csv: is missing; expected the file that the run wrote; it is made again" in told
    assert all(f"{name}: is not what the run wrote" in told for name in ("report.md", "model_X=4.h5", "results.json"))
    assert "60 steps are measured already" in told
    assert main(["--verify", str(out)]) == 0
    assert (out / "goodnet_X=2.keras").stat().st_mtime_ns == kept, "what is whole is not written again"


@pytest.mark.parametrize("text", ["[]", "{}", '{"schema": 1}', '{"schema": 1, "thresholds": 3}', "[" * 100_000, '"a"'])
def test_results_that_bdtui_did_not_write_are_no_fault_of_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    out = tmp_path / "run"
    with open_run_folder(out, RunSettings(sample=True), {}) as journal:
        journal.keep_moves([])
        journal.identify(RunSettings(sample=True), {}, {})
        (out / "results.json").write_text(text)
        (out / "manifest.json").write_text(
            json.dumps({"schema": 1, "files": {"results.json": hashlib.sha256(text.encode()).hexdigest()}})
        )
        (out / "recipe.toml").write_text("sample = true")
    assert main(["--batch", "--resume", "--out", str(out)]) == 2
    told = capfd.readouterr()
    assert "expected the results of a run (without it, --resume makes it again)" in told.err
    assert (out / "results.json").read_text() == text


def test_json_events_are_one_object_a_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    arguments = ["--batch", "--json", "--sample", "--thresholds", "2,99.9", "--out", str(out)]
    assert main(arguments) == 0
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    names = [event["event"] for event in told]
    assert names.count("step_finished") == 61
    assert names[-1] == "run_finished"
    missed = next(event for event in told if event["event"] == "threshold_missed")
    assert missed["drop"] == 99.9
    assert not (out / "model_X=99.9.h5").exists()
    results = json.loads((out / "results.json").read_text())
    assert results["thresholds"][1]["reached"] is False
    assert results["thresholds"][1]["model"] is None
    assert "never reached" in (out / "report.md").read_text()


@contextmanager
def output_into(program: str) -> Iterator[list[str]]:
    """Let a program read what goes to stdout; gives the lines that it writes itself, once it has ended."""
    lines: list[str] = []
    before = os.dup(1)
    with subprocess.Popen(program.split(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin is not None and reader.stdout is not None
        os.dup2(reader.stdin.fileno(), 1)
        reader.stdin.close()
        try:
            yield lines
        finally:
            os.dup2(before, 1)
            os.close(before)
            lines += reader.stdout


@pytest.mark.parametrize(("form", "program"), [(["--json"], "head -1"), ([], "true")], ids=["events", "table"])
def test_a_run_is_finished_though_the_reader_of_its_output_has_left(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], form: list[str], program: str
) -> None:
    out = tmp_path / "run"
    with output_into(program) as lines:
        quick = ["--until-last-threshold", "--thresholds", "2"]
        assert main(["--batch", *form, *quick, "--sample", "--out", str(out)]) == 0
    assert len(lines) == len(form)
    assert main(["--verify", str(out)]) == 0
    assert "Traceback" not in capfd.readouterr().err


def test_clean_images_alone_are_enough(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    clean = str(SAMPLE / "cl/valid.h5")
    model = str(SAMPLE / "bd_net.h5")
    assert main(["--batch", model, "--clean-valid", clean, "--thresholds", "4", "--out", str(out)]) == 0
    results = json.loads((out / "results.json").read_text())
    assert results["baseline"]["valid"]["attack_success_rate"] is None
    assert results["data"]["poisoned_valid"] is None
    assert results["baseline"]["test"] == {"clean_accuracy": None, "attack_success_rate": None}
    assert "not measured" in (out / "report.md").read_text()


def test_a_gate_that_is_not_met_exits_with_3_and_says_why(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    gates = ["--max-asr", "50", "--min-accuracy", "95"]
    assert main(["--batch", "--sample", "--until-last-threshold", *gates, "--out", str(out)]) == 3
    assert "at most 50 % ASR and at least 95 % accuracy" in capfd.readouterr().err.splitlines()[-1]
    assert (out / "results.json").exists(), "a gate judges a run, it does not undo it"
    assert json.loads((out / "results.json").read_text())["gates"] == {"max_asr": 50, "min_accuracy": 95}


def test_check_reports_and_writes_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--batch", "--check", "--sample"]) == 0
    told = capfd.readouterr().out
    assert "44 classes" in told
    assert "poisoned test: 430 images, nchw, uint8, with true labels" in told
    assert "preprocess: raw." in told
    assert "pool_3 is profiled, conv_3 is pruned; 0 of 60 channels are already silent" in told
    assert list(tmp_path.iterdir()) == []


def test_default_folder_is_named_after_model_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--batch", "--sample", "--until-last-threshold", "--thresholds", "2"]) == 0
    (folder,) = (tmp_path / "bdtui-runs").iterdir()
    assert folder.name.startswith("bd_net-20")


@pytest.mark.parametrize("wanted", ["data_opened", "step_finished", "artifact_written"])
def test_a_wish_to_stop_keeps_what_is_finished_and_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    """Ctrl-C the moment an event of each kind is heard."""
    shown = batch.ProgressDisplay.show

    def show(self: batch.ProgressDisplay, event: events.Event) -> None:
        shown(self, event)
        steps_before = not isinstance(event, events.StepFinished) or event.step == 48
        models_before = not isinstance(event, events.ArtifactWritten) or "model_X=2" in event.path
        if event.as_json()["event"] == wanted and steps_before and models_before:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(batch.ProgressDisplay, "show", show)
    out = tmp_path / "run"
    assert main(["--batch", "--sample", "--out", str(out)]) == 130
    told = capfd.readouterr().err.splitlines()[-1]
    if wanted == "data_opened":
        assert "no files were left" in told
        assert not out.exists()
        return
    assert "--resume" in told
    left = {path.name for path in out.iterdir() if path.is_file()}
    assert "results.json" not in left
    assert {"recipe.toml", "curve.csv", "model_X=2.h5"} <= left
    assert all(name in told for name in left)
    assert len((out / "curve.csv").read_text().splitlines()) >= 48
    keras.models.load_model(out / "model_X=2.h5", compile=False)


def test_ctrl_c_while_tensorflow_loads_ends_quietly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bdtui.tui", "--batch", "--sample", "--out", "run"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "loading TensorFlow" in process.stderr.readline()
    mapped = Path(f"/proc/{process.pid}/maps")
    while "libtensorflow" not in mapped.read_text():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []
