"""Runs that are killed at seeded random moments, and what they are worth afterwards."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bdtui.engine.reports.file_names import MANIFEST, RESULTS
from bdtui.engine.runs.folder import JOURNAL, JOURNAL_FOLDER

BATCH = (sys.executable, "-m", "bdtui.tui", "--batch")
_SECONDS = 300
_WHILE_WRITING = 0.4
"""Share of the kills that wait for a network to be half-written."""
_TWICE = 0.25
"""Share of the runs whose resumption is killed as well."""


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
        seconds: from start to end of the process.
    """

    files: dict[str, str]
    results: dict[str, Any]
    seconds: float


def run_undisturbed(folder: Path) -> Undisturbed:
    """Run the sample as nobody disturbs it."""
    start = time.monotonic()
    subprocess.run([*BATCH, "--sample", "--out", str(folder)], check=True, capture_output=True, timeout=_SECONDS)
    return Undisturbed(_files(folder), _results(folder), time.monotonic() - start)


def kill_runs(folder: Path, runs: int, seed: int) -> Kills:
    """Kill runs on the sample at random moments, resume each, and compare it with an undisturbed one.

    Args:
        folder: for the runs; each is removed when it was looked at.
        runs: how many; two are under way at once.
        seed: of the moments.
    """
    undisturbed = run_undisturbed(folder / "undisturbed")

    def kill(number: int) -> Kills:
        out, kills = folder / f"run-{number}", Kills()
        try:
            _kill_and_resume(out, random.Random(f"{seed} {number}"), undisturbed, kills)
        except AssertionError as problem:
            kills.failures.append(f"run {number}: {problem}")
        shutil.rmtree(out, ignore_errors=True)
        return kills

    with ThreadPoolExecutor(2) as pool:
        return _added_up(list(pool.map(kill, range(runs))))


def _added_up(several: list[Kills]) -> Kills:
    total = Kills(longest=max(kills.longest for kills in several))
    for entry in fields(Kills):
        if entry.name != "longest":
            for kills in several:
                setattr(total, entry.name, getattr(total, entry.name) + getattr(kills, entry.name))
    return total


def _kill_and_resume(out: Path, lots: random.Random, undisturbed: Undisturbed, kills: Kills) -> None:
    _start_and_kill(["--sample", "--out", str(out)], out, lots, undisturbed.seconds, kills)
    if lots.random() < _TWICE and _is_begun(out):
        _start_and_kill(["--resume", "--out", str(out)], out, lots, undisturbed.seconds, kills)
    if not _is_begun(out):
        kills.before_begun += 1
        # What was not begun can be begun.
        _finish(["--sample", "--out", str(out)], kills)
    else:
        finished = list(finished_in(out))
        kills.steps_kept += sum(kind == "rates" for kind, *_ in finished)
        kills.networks_kept += sum(
            kind == "artifacts" and row[0].endswith((".h5", ".keras")) for kind, *row in finished
        )
        _finish(["--resume", "--out", str(out)], kills)
        kills.lost += len(set(finished) - set(finished_in(out)))
    different, leftovers = compare(out, undisturbed)
    kills.different += different
    kills.leftovers += leftovers


def compare(out: Path, undisturbed: Undisturbed) -> tuple[int, int]:
    """How many files of a finished run are not those of an undisturbed one, and how many do not belong there."""
    found = _files(out)
    different = sum(found.get(name) != sha256 for name, sha256 in undisturbed.files.items())
    return different + (_results(out) != undisturbed.results), len(found.keys() - undisturbed.files.keys())


def _start_and_kill(arguments: list[str], out: Path, lots: random.Random, seconds: float, kills: Kills) -> None:
    """Start a run, and kill it at a random moment, or while it writes a network."""
    while_writing, moment, network = lots.random() < _WHILE_WRITING, lots.uniform(0, seconds), lots.randrange(6)
    process = subprocess.Popen([*BATCH, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if while_writing:
            _wait_for_network(process, out, network)
            # A network is written within some hundredths of a second.
            time.sleep(lots.uniform(0, 0.004))
        else:
            time.sleep(moment)
    finally:
        process.kill()
        process.wait()
    kills.kills += 1
    kills.while_writing += bool(_half_written(out))


def _wait_for_network(process: subprocess.Popen[bytes], out: Path, number: int) -> None:
    """Wait until the network of that number, or a later one, is half-written."""
    seen: set[str] = set()
    end = time.monotonic() + _SECONDS
    while process.poll() is None and time.monotonic() < end:
        seen |= {path.name for path in _half_written(out)}
        if len(seen) > number:
            return
        time.sleep(0.0005)


def _half_written(out: Path) -> list[Path]:
    return [*out.glob(".model_X=*.partial.*"), *out.glob(".goodnet_X=*.partial.*")]


def _finish(arguments: list[str], kills: Kills) -> None:
    start = time.monotonic()
    done = subprocess.run([*BATCH, *arguments], capture_output=True, text=True, timeout=_SECONDS, check=False)
    kills.longest = max(kills.longest, time.monotonic() - start)
    assert done.returncode == 0, (
        f"bdtui --batch {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-500:]}"
    )


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
