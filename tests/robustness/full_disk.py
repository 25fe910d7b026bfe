"""Runs that find no room for a file, at seeded random sizes, and what they are worth once there is room again."""

from __future__ import annotations

import random
import resource
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from bdtui.engine.run_folder import JOURNAL, JOURNAL_FOLDER
from tests.robustness.kills import BATCH, compare, finished_in, run_undisturbed

_SECONDS = 300


@dataclass
class FullDisks:
    """What became of runs that found no room.

    Attributes:
        runs: how many.
        before_begun: those that found none for their journal: nothing is left of them.
        steps_kept: steps that were finished.
        lost: finished things that were gone or done again after resuming.
        different: files of finished runs that are not those of an undisturbed run.
        leftovers: files that do not belong there: half-written ones after the failure, any after the end.
        failures: what went wrong, in words.
        longest: seconds until the slowest run had said that there is no room.
    """

    runs: int = 0
    before_begun: int = 0
    steps_kept: int = 0
    lost: int = 0
    different: int = 0
    leftovers: int = 0
    failures: list[str] = field(default_factory=list)
    longest: float = 0.0


def run_without_room(
    arguments: list[str], largest_file: int | None = None, **streams: int
) -> subprocess.CompletedProcess[str]:
    """Run ``bdtui --batch`` with files of at most so many bytes (RLIMIT_FSIZE), as under a quota."""

    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run([*BATCH, *arguments], preexec_fn=limit, text=True, timeout=_SECONDS, check=False, **given)  # type: ignore[call-overload,no-any-return]


def fill_disks(folder: Path, runs: int, seed: int) -> FullDisks:
    """Run the sample without room for all of its files, and resume it once there is.

    Args:
        folder: for the runs; each is removed when it was looked at.
        runs: how many.
        seed: of the sizes.
    """
    lots = random.Random(seed)
    undisturbed = run_undisturbed(folder / "undisturbed")
    found = FullDisks()
    for number in range(runs):
        out = folder / f"run-{number}"
        # From less than a journal to more than B′, less than a GoodNet.
        size = int(2 ** lots.uniform(12, 21.5))
        try:
            start = time.monotonic()
            done = run_without_room(["--sample", "--out", str(out)], size)
            found.longest = max(found.longest, time.monotonic() - start)
            found.runs += 1
            told = [line for line in done.stderr.splitlines() if "error" in line]
            assert done.returncode == 2, f"exit {done.returncode}: {done.stderr[-500:]}"
            assert len(told) == 1, done.stderr
            if not (out / JOURNAL_FOLDER / JOURNAL).exists():
                assert not out.exists(), f"{sorted(out.iterdir())} are left"
                found.before_begun += 1
                continue
            assert "--resume" in told[0], told
            found.leftovers += len([*out.glob(".*partial*")])
            before = list(finished_in(out))
            found.steps_kept += sum(kind == "rates" for kind, *_ in before)
            done = run_without_room(["--resume", "--out", str(out)])
            assert done.returncode == 0, done.stderr[-500:]
            found.lost += len(set(before) - set(finished_in(out)))
            different, leftovers = compare(out, undisturbed)
            found.different += different
            found.leftovers += leftovers
        except AssertionError as problem:
            found.failures.append(f"run {number}, files of at most {size:,} bytes: {problem}")
        shutil.rmtree(out, ignore_errors=True)
    return found
