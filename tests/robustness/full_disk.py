"""Runs on full disks of seeded random sizes, resumed once there is room."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bdtui.engine.runs.folder import JOURNAL, JOURNAL_FOLDER
from tests.robustness.kills import Undisturbed, compare, finished_in, run_undisturbed
from tests.robustness.processes import SECONDS, Start, start_process


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


@dataclass(frozen=True)
class Ended:
    """A run that has ended, and what it printed."""

    status: int
    stdout: str
    stderr: str


def run_without_room(
    arguments: list[str],
    folder: Path,
    largest_file: int | None = None,
    *,
    stdout: Path | None = None,
    stderr: Path | None = None,
    start: Start = start_process,
) -> Ended:
    """Run ``bdtui --batch`` with files of at most so many bytes (RLIMIT_FSIZE), as under a quota.

    Args:
        arguments: besides ``--batch``.
        folder: for what it prints.
        largest_file: bytes; None for no limit.
        stdout, stderr: written to in place of files in that folder.
        start: starts the process.
    """
    folder.mkdir(exist_ok=True)
    printed = stdout or folder / "stdout", stderr or folder / "stderr"
    process = start(arguments, *printed, largest_file)
    try:
        status = process.wait(SECONDS)
    finally:
        process.kill()
    return Ended(status, *("" if path.is_char_device() else path.read_text() for path in printed))


def fill_disks(folder: Path, runs: int, seed: int) -> FullDisks:
    """Run the sample on disks without room for all of its files, and resume it once there is.

    The disks are file systems in memory; where nobody may make such, files of at most some size stand in for them.

    Args:
        folder: for the runs; each is removed when it was looked at.
        runs: how many.
        seed: of the sizes.
    """
    lots = random.Random(seed)
    undisturbed = run_undisturbed(folder / "undisturbed")
    found = FullDisks()
    for number in range(runs):
        with _disk(folder / f"disk-{number}", int(2 ** lots.uniform(14, 23.8))) as disk:
            try:
                _fill_and_resume(disk, undisturbed, found)
            except AssertionError as problem:
                found.failures.append(f"run {number}, {disk.size:,} bytes: {problem}")
    return found


@dataclass
class _Disk:
    """A folder for files of some bytes: on a file system of that size, or each of that size at most."""

    folder: Path
    size: int
    mounted: bool

    @property
    def largest_file(self) -> int | None:
        """Where no file system can be made: B′ fits, G does not."""
        return None if self.mounted else 1_700_000 + self.size % 1_500_000

    def make_room(self) -> None:
        if self.mounted:
            subprocess.run(["mount", "-o", "remount,size=64m", self.folder], check=True, capture_output=True)


@contextmanager
def _disk(folder: Path, size: int) -> Iterator[_Disk]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    try:
        yield _Disk(folder, size, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def _fill_and_resume(disk: _Disk, undisturbed: Undisturbed, found: FullDisks) -> None:
    out, printed = disk.folder / "out", disk.folder.with_name(f"{disk.folder.name}-printed")
    start = time.monotonic()
    done = run_without_room(["--sample", "--out", str(out)], printed, disk.largest_file)
    found.longest = max(found.longest, time.monotonic() - start)
    found.runs += 1
    told = [line for line in done.stderr.splitlines() if "error" in line]
    assert done.status == 2, f"exit {done.status}: {done.stderr[-500:]}"
    assert len(told) == 1, done.stderr
    if not (out / JOURNAL_FOLDER / JOURNAL).exists():
        assert not out.exists(), f"{sorted(out.iterdir())} are left"
        found.before_begun += 1
        return
    assert "--resume" in told[0], told
    found.leftovers += len([*out.glob(".*partial*")])
    before = list(finished_in(out, folder=disk.folder.parent))
    found.steps_kept += sum(kind == "rates" for kind, *_ in before)
    disk.make_room()
    done = run_without_room(["--resume", "--out", str(out)], printed)
    assert done.status == 0, done.stderr[-500:]
    found.lost += len(set(before) - set(finished_in(out, folder=disk.folder.parent)))
    different, leftovers = compare(out, undisturbed)
    found.different += different
    found.leftovers += leftovers
