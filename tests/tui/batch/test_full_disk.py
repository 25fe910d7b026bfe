"""A full disk is a plain error that names what was saved; no partial file keeps a final name, and --resume finishes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

from bdtui.engine.runs.folder import JOURNAL_FOLDER
from tests.robustness.full_disk import Ended, run_without_room
from tests.robustness.kills import Undisturbed, compare, run_undisturbed
from tests.robustness.processes import start_fork

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return run_undisturbed(tmp_path_factory.mktemp("undisturbed") / "out", start_fork)


FULL = Path("/dev/full")


class Run(Protocol):
    def __call__(
        self,
        *arguments: str,
        largest_file: int | None = None,
        stdout: Path | None = None,
        stderr: Path | None = None,
    ) -> Ended: ...


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run ``bdtui --batch``; what it prints goes into a folder of its own, which has room."""
    printed = tmp_path_factory.mktemp("printed")
    return lambda *arguments, **how: run_without_room(list(arguments), printed, start=start_fork, **how)


def test_resume_completes_a_run_once_there_is_room(run: Run, tmp_path: Path, undisturbed: Undisturbed) -> None:
    out, kept = tmp_path / "out", {"recipe.toml", "model_X=2.h5"}
    # More than B′ has, less than G.
    done = run("--sample", "--out", str(out), largest_file=2_000_000)
    assert done.status == 2, done.stderr
    (told,) = [line for line in done.stderr.splitlines() if "error" in line]
    assert "goodnet_X=2.keras: cannot be written (File too large); after 47 finished steps; saved in" in told
    assert "--resume" in told
    assert {path.name for path in out.iterdir()} == {*kept, JOURNAL_FOLDER}
    assert all(name in told for name in kept)
    done = run("--resume", "--out", str(out))
    assert done.status == 0, done.stderr
    assert_is(undisturbed, out)


def test_a_full_temporary_folder_is_named_in_the_error(run: Run, tmp_path: Path) -> None:
    done = run("--sample", "--out", str(tmp_path / "out"), largest_file=1_000_000)
    assert done.status == 2, done.stderr
    assert "a copy of bd_net.h5 cannot be written there (File too large); expected room for it (TMPDIR" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_room_to_start_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    done = run("--sample", "--out", str(tmp_path / "out"), largest_file=8192)
    assert done.status == 2, done.stderr
    assert "expected a writable folder with free space" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_is_refused_before_anything_loads(run: Run, tmp_path: Path) -> None:
    # By its mode, root would not be kept out.
    done = run("--sample", "--out", "/proc/bdtui-out")
    assert done.status == 2
    assert "loading TensorFlow" not in done.stderr
    assert "cannot be written to" in done.stderr


def test_a_full_stdout_leaves_the_files_complete(run: Run, tmp_path: Path, undisturbed: Undisturbed) -> None:
    done = run("--sample", "--out", str(tmp_path / "out"), stdout=FULL)
    assert done.status == 2
    assert done.stderr.splitlines()[-1] == (
        "bdtui: error: standard output cannot be written (No space left on device); expected room there"
    )
    assert_is(undisturbed, tmp_path / "out")


def test_a_full_stderr_stops_nothing(run: Run, tmp_path: Path, undisturbed: Undisturbed) -> None:
    done = run("--sample", "--out", str(tmp_path / "out"), stderr=FULL)
    assert done.status == 0
    assert "Rates on test images" in done.stdout
    assert_is(undisturbed, tmp_path / "out")


def test_a_full_stdout_ends_a_json_run_with_a_clear_error(run: Run, tmp_path: Path) -> None:
    done = run("--json", "--sample", "--out", str(tmp_path / "out"), stdout=FULL)
    assert done.status == 2
    assert "standard output cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def assert_is(undisturbed: Undisturbed, out: Path) -> None:
    """The files are those of a run that nobody disturbed."""
    assert compare(out, undisturbed) == (0, 0)
    done = subprocess.run(
        [sys.executable, "-m", "bdtui.tui", "--verify", str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
