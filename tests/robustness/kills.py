"""Runs that are killed at seeded random moments, then resumed and compared with an undisturbed run."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import time
from bisect import bisect
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from bdtui.engine.reports.file_names import MANIFEST, RESULTS
from bdtui.engine.runs.folder import JOURNAL, JOURNAL_FOLDER
from tests.robustness.processes import SECONDS, Running, Start, start_process

_WHILE_WRITING = 0.4
"""Share of the kills that wait for a network to be half-written."""
_NETWORKS = (".h5", ".keras")
_TWICE = 0.25
"""Share of the runs whose resumption is killed as well."""


Figures = TypeVar("Figures", bound=Any)
"""A dataclass of numbers and lists, one of them ``longest``."""


@dataclass
class Kills:
    """What became of runs that were killed.

    Attributes:
        kills: with SIGKILL.
        while_writing: those that met a half-written network.
        before_begun: those that came before the folder was held: nothing to resume, and nothing in the way.
        steps_kept: steps that were finished when the process was killed.
        networks_kept: networks that were.
        lost: finished things that were gone or done again after resuming.
        different: files of finished runs that are not those of an undisturbed run.
        leftovers: files in finished runs that do not belong there.
        failures: what went wrong, in words.
        longest: seconds that the longest resumption took.
    """

    kills: int = 0
    while_writing: int = 0
    before_begun: int = 0
    steps_kept: int = 0
    networks_kept: int = 0
    lost: int = 0
    different: int = 0
    leftovers: int = 0
    failures: list[str] = field(default_factory=list)
    longest: float = 0.0


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody killed.

    Attributes:
        files: sha256 by name, without those that tell seconds.
        results: without seconds.
        options: of the run, besides its folder.
        events: seconds from the start of the process until each event was printed.
        seconds: from start to end of the process.
    """

    files: dict[str, str]
    results: dict[str, Any]
    options: Sequence[str]
    events: Sequence[float]
    seconds: float

    @property
    def networks(self) -> int:
        """How many networks the run saves."""
        return sum(name.endswith(_NETWORKS) for name in self.files)


def run_undisturbed(folder: Path, start: Start = start_process, options: Sequence[str] = ("--sample",)) -> Undisturbed:
    """Run to the end without a disturbance."""
    begun = time.monotonic()
    process, printed = _start([*options, "--out", str(folder)], folder, start)
    events: list[float] = []
    while (status := process.poll()) is None and (seconds := time.monotonic() - begun) < SECONDS:
        events += [seconds] * (_events(printed) - len(events))
        time.sleep(0.005)
    assert status == 0, f"bdtui --batch ended with {status}: {_stderr(folder).read_text()[-500:]}"
    return Undisturbed(_files(folder), _results(folder), options, events, time.monotonic() - begun)


def kill_runs(
    folder: Path, runs: int, seed: int, start: Start = start_process, options: Sequence[str] = ("--sample",)
) -> Kills:
    """Kill runs on the sample at random moments, resume each, and compare it with an undisturbed one.

    Args:
        folder: for the runs; each is removed when it was looked at.
        runs: how many; two are under way at once.
        seed: of the moments.
        start: starts each process.
        options: of each run.
    """
    undisturbed = run_undisturbed(folder / "undisturbed", start, options)

    def kill(number: int) -> Kills:
        out, kills = folder / f"run-{number}", Kills()
        try:
            _kill_and_resume(out, random.Random(f"{seed} {number}"), undisturbed, kills, start)
        except AssertionError as problem:
            kills.failures.append(f"run {number}: {problem}")
        shutil.rmtree(out, ignore_errors=True)
        return kills

    with ThreadPoolExecutor(2) as pool:
        return added_up(list(pool.map(kill, range(runs))))


def added_up(several: Sequence[Figures]) -> Figures:
    """The figures of several trials as those of one: the longest of all, and of the rest the sum."""
    first, *others = several
    added = {
        entry.name: sum((getattr(one, entry.name) for one in others), getattr(first, entry.name))
        for entry in fields(first)
        if entry.name != "longest"
    }
    return replace(first, **added, longest=max(one.longest for one in several))


def _kill_and_resume(out: Path, lots: random.Random, undisturbed: Undisturbed, kills: Kills, start: Start) -> None:
    _start_and_kill([*undisturbed.options, "--out", str(out)], out, lots, undisturbed, kills, start)
    if lots.random() < _TWICE and _is_begun(out):
        _start_and_kill(["--resume", "--out", str(out)], out, lots, undisturbed, kills, start)
    if not _is_begun(out):
        kills.before_begun += 1
        # What was not begun can be begun.
        _finish([*undisturbed.options, "--out", str(out)], out, kills, start)
    else:
        finished = list(finished_in(out))
        kills.steps_kept += sum(kind == "rates" for kind, *_ in finished)
        kills.networks_kept += sum(kind == "artifacts" and row[0].endswith(_NETWORKS) for kind, *row in finished)
        _finish(["--resume", "--out", str(out)], out, kills, start)
        kills.lost += len(set(finished) - set(finished_in(out)))
    different, leftovers = compare(out, undisturbed)
    kills.different += different
    kills.leftovers += leftovers


def compare(out: Path, undisturbed: Undisturbed) -> tuple[int, int]:
    """How many files of a finished run are not those of an undisturbed one, and how many do not belong there."""
    found = _files(out)
    different = sum(found.get(name) != sha256 for name, sha256 in undisturbed.files.items())
    return different + (_results(out) != undisturbed.results), len(found.keys() - undisturbed.files.keys())


def _start_and_kill(
    arguments: list[str], out: Path, lots: random.Random, undisturbed: Undisturbed, kills: Kills, start: Start
) -> None:
    """Start a run, and kill it at a random moment, or while it writes a network."""
    while_writing, moment, network = (
        lots.random() < _WHILE_WRITING,
        lots.uniform(0, 1),
        lots.randrange(undisturbed.networks),
    )
    process, printed = _start(arguments, out, start)
    try:
        if while_writing:
            _stop_at_network(process, out, network, lots)
        else:
            _wait_until(process, printed, moment * undisturbed.seconds, undisturbed)
    finally:
        process.kill()
        process.wait(SECONDS)
    kills.kills += 1
    kills.while_writing += bool(_half_written(out))


def _start(arguments: list[str], out: Path, start: Start) -> tuple[Running, Path]:
    """Start a run, and say where it prints its events."""
    printed = out.with_name(f"{out.name}-stdout")
    return start(["--json", *arguments], printed, _stderr(out), None), printed


def _stderr(out: Path) -> Path:
    return out.with_name(f"{out.name}-stderr")


def _events(printed: Path) -> int:
    return printed.read_bytes().count(b"\n")


def _wait_until(process: Running, printed: Path, moment: float, undisturbed: Undisturbed) -> None:
    """Wait for a moment of the undisturbed run: by its events, so that a busy machine is as far by then."""
    number = bisect(undisturbed.events, moment)
    end = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < end and _events(printed) < number:
        time.sleep(0.001)
    time.sleep(moment - (undisturbed.events[number - 1] if number else 0))


def _stop_at_network(process: Running, out: Path, number: int, lots: random.Random) -> None:
    """Stop a run (SIGSTOP) while the network of that number, or a later one, is half-written."""
    seen: set[str] = set()
    end = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < end:
        seen |= {path.name for path in _half_written(out)}
        if len(seen) > number and _half_written(out):
            # A network is written within some hundredths of a second.
            time.sleep(lots.uniform(0, 0.004))
            os.kill(process.pid or 0, signal.SIGSTOP)
            if _half_written(out):
                return
            os.kill(process.pid or 0, signal.SIGCONT)
        time.sleep(0.0005)


def _half_written(out: Path) -> list[Path]:
    return [*out.glob(".model_X=*.partial.*"), *out.glob(".goodnet_X=*.partial.*")]


def _finish(arguments: list[str], out: Path, kills: Kills, start: Start) -> None:
    begun = time.monotonic()
    process, _ = _start(arguments, out, start)
    status = process.wait(SECONDS)
    kills.longest = max(kills.longest, time.monotonic() - begun)
    assert status == 0, f"bdtui --batch {' '.join(arguments)} ended with {status}: {_stderr(out).read_text()[-500:]}"


def _is_begun(out: Path) -> bool:
    return (out / JOURNAL_FOLDER / JOURNAL).exists()


def finished_in(out: Path, folder: Path | None = None) -> Iterator[tuple[Any, ...]]:
    """Everything that the journal calls finished, with the moment it was; networks are there with their own time.

    It is read from a copy: what a killed process has left is for bdtui to put right.

    Args:
        out: the run.
        folder: for the copy; beside the run by default.
    """
    copy = (folder or out.parent) / f"{out.name}-journal"
    shutil.copytree(out / JOURNAL_FOLDER, copy)
    try:
        with closing(sqlite3.connect(copy / JOURNAL)) as database:
            for row in database.execute("SELECT layer, network, part, silenced, rates, finished FROM rates"):
                yield ("rates", *row)
            networks = "SELECT name, sha256, finished FROM artifacts WHERE network <> ''"
            for name, sha256, finished in database.execute(networks):
                yield ("artifacts", name, sha256, finished, (out / name).stat().st_mtime_ns)
    finally:
        shutil.rmtree(copy)


def _files(out: Path) -> dict[str, str]:
    """The sha256 of every file, however deep, but for those that tell when, or how long."""
    telling_seconds = (RESULTS, MANIFEST, JOURNAL)
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "a folder"
        for path in out.rglob("*")
        if path.name not in telling_seconds
    }


def _results(out: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads((out / RESULTS).read_text())
    del results["seconds"]
    return results
