"""Runs cases and looks at them from outside: all in one process, which is started anew when it dies, or each in its own."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.hostile.cases import Case
from tests.hostile.corpus import MARK, hostile_cases
from tests.hostile.mutations import mutated_cases
from tests.hostile.outcome import STDERR, STDOUT, Fault, Figures, Outcome, count
from tests.hostile.sound import write_sound_files

FUZZER_SEED = 20240229
_WORKER = ("-m", "tests.hostile.worker")
_ROOT = Path(__file__).parent.parent.parent
LONGEST = 60.0
"""Seconds that a case may take; longer is a hang."""
_START = 60.0
"""Seconds more for the first case of a process, which imports TensorFlow."""
_RENEWED = 1000
"""Cases after which a process is followed by another: Keras keeps something of every model there ever was."""


def run_corpus(folder: Path) -> Figures:
    """Make every hostile file in an empty folder, and run bdtui on each, in one process."""
    sound = write_sound_files(folder / "sound")
    return count(run_in_one_process(hostile_cases(sound, folder / "corpus"), folder / "place"))


def run_fuzzer(folder: Path, number: int, seed: int = FUZZER_SEED) -> Figures:
    """Make mutated files in an empty folder, one after the other, and run bdtui on each, in one process.

    Args:
        folder: for everything that is made.
        number: how many files.
        seed: the same seed makes the same files.
    """
    sound = write_sound_files(folder / "sound")
    return count(run_in_one_process(mutated_cases(sound, folder / "mutated", range(number), seed), folder / "place"))


def run_in_one_process(
    cases: Iterable[Case], folder: Path, worker_program: Sequence[str] = _WORKER, longest: float = LONGEST
) -> list[Outcome]:
    """Run bdtui on one case after the other; where it dies or hangs, the next case gets another process.

    Args:
        cases: what to run.
        folder: an empty one, to run in.
        worker_program: what Python runs.
        longest: seconds that a case may take.
    """
    place = _Place(folder)
    worker: _Worker | None = None
    outcomes = []
    try:
        for case in cases:
            place.tidy()
            worker = worker or _Worker(place, worker_program, longest)
            outcomes.append(worker.run(case))
            if not len(outcomes) % _RENEWED:
                worker.end()
            if worker.dead:
                worker = None
    finally:
        if worker is not None:
            worker.end()
    return outcomes


def run_each_by_itself(cases: Iterable[Case], folder: Path) -> list[Outcome]:
    """Run bdtui on each case in a process of its own, as a person starts it."""
    place = _Place(folder)
    outcomes = []
    for case in cases:
        place.tidy()
        started = time.monotonic()
        with (place.printed / STDOUT).open("wb") as stdout, (place.printed / STDERR).open("wb") as stderr:
            process = place.start(["-m", "bdtui.tui", *place.arguments(case)], subprocess.DEVNULL, stdout, stderr)
            try:
                status: int | None = process.wait(LONGEST + _START)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                status = None
        faults = [Fault.HANG] if status is None else [Fault.CRASH] if status < 0 else []
        outcomes.append(place.outcome(case, status, time.monotonic() - started, 0, faults))
    return outcomes


class _Place:
    """Where a process runs: a working folder, a home, and a folder for temporary files, all of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work, self.temporary, self.printed = folder / "work", folder / "temporary", folder / "printed"
        self.home = folder / "home"
        for path in (self.work, self.temporary, self.printed, self.home):
            path.mkdir(parents=True)

    def tidy(self) -> None:
        for parent in (self.work, self.temporary):
            for path in parent.iterdir():
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def arguments(self, case: Case) -> list[str]:
        return [argument.replace("{out}", str(self.work / "out")) for argument in case.arguments]

    def start(self, arguments: list[str], stdin: int, stdout: object, stderr: object) -> subprocess.Popen[str]:
        own = {"TMPDIR": str(self.temporary), "HOME": str(self.home), "PYTHONPATH": str(_ROOT)}
        environment = {**os.environ, **own, "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"}
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.work,
            env=environment,
            stdin=stdin,
            stdout=stdout,  # type: ignore[arg-type]
            stderr=stderr,  # type: ignore[arg-type]
            text=True,
        )

    def outcome(self, case: Case, status: int | None, seconds: float, peak_memory: int, faults: list[Fault]) -> Outcome:
        """What became of a case, with what was printed and left."""
        if any(self.folder.parent.rglob(f"{MARK}*")):
            faults.append(Fault.MARK)
        # A run that went through leaves its folder, and nothing else.
        left = [*self.work.iterdir(), *self.temporary.iterdir()]
        if [path for path in left if not (status == 0 and path == self.work / "out")]:
            faults.append(Fault.LEFTOVER)
        stdout, stderr = ((self.printed / name).read_text(errors="replace") for name in (STDOUT, STDERR))
        return Outcome(case, status, seconds, peak_memory, stdout, stderr, tuple(faults))


class _Worker:
    """`tests.hostile.worker`, seen from outside."""

    def __init__(self, place: _Place, program: Sequence[str], longest: float) -> None:
        self.dead = False
        self._place = place
        self._longest = longest
        self._patience = longest + _START
        self._process = place.start([*program, str(place.printed)], subprocess.PIPE, subprocess.PIPE, None)

    def run(self, case: Case) -> Outcome:
        """Run a case; where that kills the process or takes too long, the worker is dead."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        started = time.monotonic()
        process.stdin.write(json.dumps(self._place.arguments(case)) + "\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], self._patience)
        answer = process.stdout.readline() if ready else ""
        self._patience = self._longest
        if not answer:
            self.end()
            fault = Fault.CRASH if ready else Fault.HANG
            return self._place.outcome(case, None, time.monotonic() - started, 0, [fault])
        said = json.loads(answer)
        return self._place.outcome(case, said["status"], said["seconds"], said["peak_memory"], [])

    def end(self) -> None:
        """End the process."""
        self.dead = True
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
