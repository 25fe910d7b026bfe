"""`bdtui --batch --formats`: a sentence before any work, exit statuses, and formats that are asked for later."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras import layers

from bdtui.engine.exports import formats
from bdtui.engine.exports.formats import FORMATS
from bdtui.tui.cli import main
from tests.networks import IMAGE, NetworkCase, build, conv, functional, head, write_images

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("given")
    model = build(
        NetworkCase(lambda: functional(lambda x: head(layers.MaxPooling2D(name="pool")(conv("c")(x)))), "pool")
    )
    model.save(folder / "net.h5")
    pixels = np.random.default_rng(5).normal(size=(40, *IMAGE)).astype(np.float32)
    write_images(folder / "clean.h5", pixels, np.asarray(model(pixels)).argmax(axis=1))
    given = [folder / "net.h5", "--clean-valid", folder / "clean.h5", "--scale", "1", "--thresholds", "10"]
    return ["--batch", *map(str, given)]


def refuse(format: str) -> Any:
    def fail(network: Any, path: Path) -> None:
        raise RuntimeError("no such thing")

    return replace(FORMATS[format], load_writer=lambda: fail)


def test_what_is_not_installed_is_said_before_anything_is_done(
    tmp_path: Path, given: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    assert main([*given, "--formats", "onnx", "--out", str(tmp_path / "out")]) == 2
    out, err = capfd.readouterr()
    assert err == (
        "bdtui: error: --formats onnx needs onnx and tf2onnx and onnxruntime, which are not installed; "
        "install with: pip install 'bdtui[onnx]'\n"
    )
    assert out == ""
    assert not (tmp_path / "out").exists()


def test_a_format_that_is_none_is_refused_with_those_there_are(
    given: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([*given, "--formats", "onnx,pickle"])
    assert left.value.code == 2
    assert "expected some of keras, h5, onnx, savedmodel, tflite" in capfd.readouterr().err


def test_a_file_that_was_not_kept_ends_with_status_2_and_a_failed_gate_with_3(
    tmp_path: Path, given: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as broken:
        broken.setitem(FORMATS, "h5", refuse("h5"))
        assert main([*given, "--formats", "h5,tflite", "--out", str(out)]) == 2
    printed, err = capfd.readouterr()
    sentence = "goodnet_X=10.h5 was not kept: h5 cannot hold this network (no such thing)"
    assert f"bdtui: error: {sentence}" in err
    assert sentence in printed
    assert "Exported as tflite: 2 files" in printed
    again = ["--batch", "--resume", "--out", str(out)]
    assert main(again) == 2, "the run is complete, and the file is still not there"
    assert main([*again, "--fail-if", "inconclusive"]) == 3, "what a network does goes before how it was written"


def test_formats_and_compact_can_be_asked_for_later(
    tmp_path: Path, given: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main([*given, "--out", str(out)]) == 0
    before = (out / "model_X=10.h5").read_bytes()
    again = ["--batch", "--resume", "--out", str(out)]
    assert main([*again, "--formats", "h5"]) == 0
    assert (out / "goodnet_X=10.h5").exists()
    assert (out / "model_X=10.h5").read_bytes() == before
    capfd.readouterr()
    assert main([*again, "--formats", "h5"]) == 0
    assert "is already complete" in capfd.readouterr().err
    assert main([*again, "--compact"]) == 0
    assert len((out / "model_X=10.h5").read_bytes()) < len(before)
    assert "model_X=10.h5: its" in capfd.readouterr().out
    results = json.loads((out / "results.json").read_text())
    assert results["thresholds"][0]["compact"]["done"]
    assert [each["file"] for each in results["exports"]] == ["goodnet_X=10.h5"], "what the run was begun with holds"
    assert main(["--verify", str(out)]) == 0
