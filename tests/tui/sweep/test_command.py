"""`--sweep` on the command line: what goes together, what --check prints, and what is not loaded for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bdtui.engine.sweeps import cluster
from bdtui.tui.batch import sweep
from bdtui.tui.cli import main


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.h5", "b.h5", "valid.h5"):
        (tmp_path / name).touch()
    path = tmp_path / "zoo.toml"
    path.write_text('[[models]]\npath = ["a.h5", "b.h5"]\nclean_valid = "valid.h5"\n[cells]\nseed = [0, 1]\n')
    return path


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--batch", "--sweep", "zoo.toml", "--sample"], "--sample does not go with --sweep"),
        (["--batch", "--sweep", "zoo.toml", "net.h5"], "model does not go with --sweep"),
        (["--batch", "--scheduler", "tcp://x", "--sample"], "--scheduler belongs to --sweep"),
        (["--batch", "--ship", "--sample"], "--ship belongs to --sweep"),
        (["--batch", "--sweep", "zoo.toml", "--scheduler", "tcp://x", "--workers", "2"], "without --scheduler"),
        (["--serve", "--sweep", "zoo.toml"], "--serve opens one network at a time"),
        (["--batch", "--sweep", "zoo.toml", "--workers", "0"], "not a number of workers"),
        (["--batch", "--sweep", "gone.toml"], "gone.toml: no such file"),
        (["--batch", "--sweep", "zoo.toml", "--seed", "3"], "--seed was given as well"),
        (["--batch", "--sweep", "zoo.toml", "--scheduler", "gone.json"], "gone.json: no such file"),
        (["--sweep", "zoo.toml"], "the app needs a terminal"),
    ],
)
def test_what_does_not_go_together_is_refused(
    plan: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    try:
        code = main([*arguments, "--out", "out"])
    except SystemExit as ended:
        code = int(str(ended.code))
    error = capfd.readouterr().err
    assert (code, error.count("\n")) == (2, 1), error
    assert sentence in error
    assert not Path("out").exists()


def test_check_prints_the_cells_and_writes_nothing(plan: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--batch", "--sweep", str(plan), "--check", "--workers", "2", "--out", "out"]) == 0
    printed = capfd.readouterr().out
    assert len([line for line in printed.splitlines() if "seed=" in line]) == 4
    assert "4 cells · about" in printed
    assert "on 2 workers" in printed
    assert not Path("out").exists()


def test_check_marks_a_model_that_is_not_there(plan: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("b.h5").unlink()
    assert main(["--batch", "--sweep", str(plan), "--check", "--out", "out"]) == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if "no such file" in line]
    assert len(lines) == 2
    assert all("b.h5" in line for line in lines)


def test_the_estimate_counts_gpus_only_where_a_cell_may_use_them(
    plan: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "gpu_names", lambda: ["GPU-a"] * 64)
    assert main(["--batch", "--sweep", str(plan), "--check", "--out", "out"]) == 0
    assert "on 64 workers" in capfd.readouterr().out
    assert main(["--batch", "--sweep", str(plan), "--check", "--out", "out", "--device", "cpu"]) == 0
    assert "on 64 workers" not in capfd.readouterr().out


def test_a_folder_with_a_sweep_is_refused_without_resume(plan: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("out/cells").mkdir(parents=True)
    assert main(["--batch", "--sweep", str(plan), "--out", "out"]) == 2
    assert "already contains a sweep" in capfd.readouterr().err


def test_without_dask_one_sentence_says_how_to_get_it(
    plan: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    assert main(["--batch", "--sweep", str(plan)]) == 2
    assert "pip install 'bdtui[sweep]'" in capfd.readouterr().err


def test_neither_the_command_line_nor_the_app_of_a_sweep_loads_dask_or_tensorflow() -> None:
    """The first paint waits for neither."""
    program = (
        "import sys; import bdtui.tui.sweep.app, bdtui.tui.sweep.start, bdtui.engine.sweeps.settings;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & {'dask', 'distributed', 'tensorflow', 'keras', 'pyarrow'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
