"""A short version of `make robustness`: no finished work is lost, whenever the process ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.robustness.hangups import hang_up_sessions
from tests.robustness.kills import kill_runs
from tests.robustness.processes import start_fork

pytestmark = pytest.mark.slow


def test_a_killed_run_resumes_to_the_files_of_an_undisturbed_one(tmp_path: Path) -> None:
    kills = kill_runs(tmp_path, 5, 21, start_fork, options=("--sample", "--thresholds", "2,10"))
    assert not kills.failures, kills.failures
    assert (kills.lost, kills.different, kills.leftovers) == (0, 0, 0)
    assert kills.kills >= 5
    assert kills.while_writing >= 1, "another seed is needed"
    assert kills.steps_kept >= 40, "another seed is needed"
    assert kills.networks_kept >= 1, "another seed is needed"


def test_a_lost_connection_loses_no_work(tmp_path: Path) -> None:
    hangups = hang_up_sessions(tmp_path, sessions=2, seed=7)
    assert not hangups.failures, "\n".join(hangups.failures)
    assert (hangups.hangups, hangups.different) == (2, 0)
