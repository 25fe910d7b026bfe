"""Further formats and compact networks of a whole run: in its folder, its results, its manifest, and its journal."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from bdtui.engine.events import ArtifactRefused, Event
from bdtui.engine.exports.formats import FORMATS
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.markdown import write_report_text
from bdtui.engine.reports.results import read_record
from bdtui.engine.runs import compact_networks
from bdtui.engine.runs.folder import discard_partials, holds_run
from bdtui.engine.runs.manifest import check_manifest
from bdtui.engine.runs.run import execute_run
from bdtui.engine.settings import RunSettings
from tests.networks import IMAGE, NetworkCase, build, conv, functional, head, write_images

pytestmark = pytest.mark.slow

ALL = ("onnx", "savedmodel", "tflite", "h5", "keras")


def badnet() -> keras.Model:
    return functional(lambda x: head(layers.MaxPooling2D(name="pool")(layers.BatchNormalization()(conv("conv")(x)))))


@dataclass(frozen=True)
class Made:
    """A run with every format, and what it was made of."""

    given: dict[str, Any]
    out: Path
    results: dict[str, Any]


def run(out: Path, heard: list[Event] | None = None, *, resume: bool = False, **settings: Any) -> dict[str, Any]:
    reporter = Reporter((heard if heard is not None else []).append)
    return execute_run(RunSettings(**settings), out, reporter=reporter, resume=resume).results


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("given")
    model = build(NetworkCase(badnet, "pool"))
    model.save(folder / "net.h5")
    pixels = np.random.default_rng(5).normal(size=(60, *IMAGE)).astype(np.float32)
    labels = np.asarray(model(pixels)).argmax(axis=1)
    write_images(folder / "clean.h5", pixels, labels)
    return {"model": folder / "net.h5", "clean_valid": folder / "clean.h5", "scale": "1", "thresholds": (10.0,)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, given: dict[str, Any]) -> Made:
    out = tmp_path_factory.mktemp("made") / "out"
    return Made(given, out, run(out, **given, formats=ALL, compact=True))


def test_every_network_has_every_format_once(made: Made) -> None:
    expected = {f"{name}.{format}" for name in ("model_X=10", "goodnet_X=10") for format in ALL}
    assert {path.name for path in made.out.iterdir() if "X=" in path.name} == expected
    files = {each["file"] for each in made.results["exports"]}
    assert files == expected - {"model_X=10.h5", "goodnet_X=10.keras"}, "what is there anyway is not written twice"
    for each in made.results["exports"]:
        assert each["images"] == 60
        assert each["problem"] is None
        assert 0 <= each["largest_difference"] < 1e-5
    versions = json.loads((made.out / "manifest.json").read_text())["versions"]
    assert {"tf2onnx", "onnx", "onnxruntime"} <= versions.keys()


def test_a_compact_network_is_smaller_and_says_so(made: Made) -> None:
    threshold = made.results["thresholds"][0]
    compact = threshold["compact"]
    pruned = keras.models.load_model(made.out / threshold["model"], compile=False)
    assert compact["done"] is True
    assert pruned.count_params() == compact["parameters"] < compact["badnet_parameters"]
    assert pruned.get_layer("conv").filters == 8 - threshold["step"]
    report = (made.out / "report.md").read_text()
    assert f"{threshold['step']} pruned channels are removed" in report
    assert "Exported as keras, h5, onnx, savedmodel, tflite: 8 files" in report


def test_the_record_of_such_a_run_is_read_back_whole(made: Made) -> None:
    record = read_record(made.out / "results.json")
    assert [each.as_json() for each in record.exports] == made.results["exports"]
    assert record.thresholds[0].compaction is not None
    assert record.thresholds[0].compaction.as_json() == made.results["thresholds"][0]["compact"]
    assert write_report_text(record) == (made.out / "report.md").read_text()


def spoil_a_byte(folder: Path) -> None:
    file = next(folder.rglob("variables.data*"))
    file.write_bytes(file.read_bytes()[:-1] + b"x")


def add_a_file(folder: Path) -> None:
    (folder / "assets" / "more").write_text("more")


def put_a_link(folder: Path) -> None:
    file = folder / "saved_model.pb"
    file.rename(folder.parent / "elsewhere.pb")
    file.symlink_to(folder.parent / "elsewhere.pb")


@pytest.mark.parametrize("change", [spoil_a_byte, add_a_file, put_a_link])
def test_verify_sees_what_changes_in_a_folder(tmp_path: Path, made: Made, change: Callable[[Path], None]) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", made.out, copy], check=True)
    assert check_manifest(copy).problems == ()
    change(copy / "model_X=10.savedmodel")
    (problem,) = check_manifest(copy).problems
    assert "model_X=10.savedmodel: is not what the run wrote" in problem


def test_the_hash_of_a_folder_is_that_of_what_sha256sum_prints(made: Made) -> None:
    files = json.loads((made.out / "manifest.json").read_text())["files"]
    command = "find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
    done = subprocess.run(
        command, shell=True, cwd=made.out / "model_X=10.savedmodel", capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[0] == files["model_X=10.savedmodel"]


def test_resuming_writes_none_of_them_again_and_what_is_lost_anew(tmp_path: Path, made: Made) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", made.out, copy], check=True)
    lost = copy / "goodnet_X=10.onnx"
    lost.unlink()
    (copy / ".model_X=10.77.partial.savedmodel").mkdir()
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*X=10*") if "partial" not in path.name}
    again = run(copy, resume=True, **made.given, formats=ALL, compact=True)
    assert again["exports"] == made.results["exports"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert lost.exists()
    assert not list(copy.glob("*.partial*"))


def test_resuming_without_them_takes_them_away(tmp_path: Path, made: Made) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", made.out, copy], check=True)
    again = run(copy, resume=True, **made.given)
    assert "exports" not in again
    assert "compact" not in again["thresholds"][0]
    assert {path.name for path in copy.iterdir() if "X=" in path.name} == {"model_X=10.h5", "goodnet_X=10.keras"}
    pruned = keras.models.load_model(copy / "model_X=10.h5", compile=False)
    assert pruned.get_layer("conv").filters == 8, "the compact network is of another kind"


def test_a_file_that_is_refused_does_not_end_the_run(
    tmp_path: Path, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(network: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("no such thing")

    monkeypatch.setitem(FORMATS, "tflite", replace(FORMATS["tflite"], load_writer=lambda: fail))
    heard: list[Event] = []
    results = run(tmp_path / "out", heard, **given, formats=("tflite", "h5"))
    refused = [each for each in results["exports"] if each["problem"]]
    assert [each["network"] for each in refused] == ["model_X=10.h5", "goodnet_X=10.keras"]
    assert {each["file"] for each in refused} == {None}
    sentence = "model_X=10.tflite was not kept: tflite cannot hold this network (no such thing)"
    assert refused[0]["problem"] == sentence
    assert ArtifactRefused("model_X=10.tflite", sentence) in heard
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"results.json", "goodnet_X=10.h5"} <= names
    assert not any("tflite" in name for name in names)
    assert check_manifest(tmp_path / "out").problems == ()


def test_what_would_change_a_class_is_not_compacted(
    tmp_path: Path, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The smaller network has its last weights turned around; the comparison must see it."""
    make = compact_networks.compact_model

    def turned(*args: Any) -> keras.Model:
        model = make(*args)
        assert not isinstance(model, str)
        kernel = model.layers[-1].kernel
        kernel.assign(kernel.numpy()[:, ::-1])
        return model

    monkeypatch.setattr(compact_networks, "compact_model", turned)
    results = run(tmp_path / "out", **given, compact=True)
    compact = results["thresholds"][0]["compact"]
    assert compact["done"] is False
    assert "of 60 clean valid images would get another class" in compact["why_not"]
    pruned = keras.models.load_model(tmp_path / "out" / "model_X=10.h5", compile=False)
    assert pruned.get_layer("conv").filters == 8
    report = (tmp_path / "out" / "report.md").read_text()
    assert "model_X=10.h5 keeps its pruned channels, with their weights at zero: without them" in report


def test_the_recommended_network_is_there_in_the_same_formats(tmp_path: Path, given: dict[str, Any]) -> None:
    """Gates that every network meets, so that one is recommended."""
    out = tmp_path / "out"
    stamped = {"poisoned_valid": poisoned_images(tmp_path, given)}
    results = run(out, **given, **stamped, formats=("onnx", "savedmodel"), max_asr=100.0, min_accuracy=0.0)
    recommended = results["verdict"]["recommended"]
    assert recommended is not None
    own = Path(recommended).suffix
    assert {path.name for path in out.glob("recommended.*")} == {
        f"recommended{own}",
        "recommended.onnx",
        "recommended.savedmodel",
    }
    first, second = (out / f"{name}.onnx" for name in (Path(recommended).stem, "recommended"))
    assert first.read_bytes() == second.read_bytes()
    assert check_manifest(out).problems == ()


def poisoned_images(folder: Path, given: dict[str, Any]) -> Path:
    pixels = np.random.default_rng(9).normal(size=(20, *IMAGE)).astype(np.float32)
    model = keras.models.load_model(given["model"], compile=False)
    return write_images(folder / "poisoned.h5", pixels, np.asarray(model(pixels)).argmax(axis=1))


def test_repaired_networks_and_their_goodnets_are_exported_too(tmp_path: Path, given: dict[str, Any]) -> None:
    results = run(tmp_path / "out", **given, formats=("h5", "tflite"), repair=("clp",))
    files = {each["file"] for each in results["exports"] if "clp" in each["network"]}
    assert files == {f"{name}_clp.{format}" for name in ("repaired", "goodnet") for format in ("h5", "tflite")}
    assert all((tmp_path / "out" / file).exists() for file in files)


@pytest.mark.parametrize("name", ["model_X=2.onnx", "goodnet_auto.tflite", "repaired_anp.savedmodel"])
def test_a_folder_with_such_a_file_holds_a_run(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert holds_run(tmp_path)


def test_half_a_folder_is_taken_away(tmp_path: Path) -> None:
    half = tmp_path / ".goodnet_X=2.5.123.partial.savedmodel"
    (half / "variables").mkdir(parents=True)
    (half / "variables" / "x").touch()
    discard_partials(tmp_path)
    assert list(tmp_path.iterdir()) == []
