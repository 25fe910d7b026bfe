"""`make robustness`: hostile files, killed runs, lost connections and full disks, told in docs/robustness.md.

`--short` does a tenth of everything, and writes no page.
"""

from __future__ import annotations

import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bdtui.engine.runs.manifest import computing_versions
from tests.hostile.outcome import Figures
from tests.hostile.trials import FUZZER_SEED, run_corpus, run_fuzzer
from tests.robustness.full_disk import FullDisks, fill_disks
from tests.robustness.hangups import Hangups, hang_up_sessions
from tests.robustness.kills import Kills, kill_runs

PAGE = Path(__file__).parent.parent.parent / "docs" / "robustness.md"
SEED = 2026
_TABLE = "<!-- the table: make robustness -->", "<!-- end of the table -->"


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        what: was tried.
        tried: how often.
        survived: how many of them ended as they should.
        lost: finished steps and networks that were gone or done again; None where nothing could be.
        executed: how often code from a file ran, or anything else left a mark; None where there was no such file.
        longest: seconds of the slowest.
        peak_memory: bytes; None where it was not measured.
        faults: what went wrong, in words.
    """

    what: str
    tried: int
    survived: int
    lost: int | None
    executed: int | None
    longest: float
    peak_memory: int | None
    faults: tuple[str, ...]


def main() -> int:
    """Run everything, print the table, and write it into the page; the exit status is 1 where anything failed."""
    short = "--short" in sys.argv[1:]
    scale = 10 if short else 1
    rows: list[Row] = []
    trials: list[tuple[str, Callable[[Path], Row]]] = [
        ("hostile files", lambda folder: _of_files("hostile files, each refused", run_corpus(folder))),
        (
            "mutated files",
            lambda folder: _of_files(
                f"mutated files (seed {FUZZER_SEED}), refused or run as sound", run_fuzzer(folder, 3_000 // scale)
            ),
        ),
        ("killed runs", lambda folder: _of_kills(kill_runs(folder, 100 // scale, SEED))),
        ("lost connections", lambda folder: _of_hangups(hang_up_sessions(folder, 20 // scale, SEED))),
        ("full disks", lambda folder: _of_disks(fill_disks(folder, 30 // scale, SEED))),
    ]
    start = time.monotonic()
    for name, trial in trials:
        with tempfile.TemporaryDirectory() as folder:
            row = trial(Path(folder))
        print(f"{name}: {row.survived} of {row.tried}, {time.monotonic() - start:.0f} s so far", flush=True)
        for fault in row.faults:
            print(f"  {fault}", file=sys.stderr, flush=True)
        rows.append(row)
    table = _table(rows)
    print(table)
    if not short:
        _write(table)
    return int(any(row.faults or row.lost or row.executed for row in rows))


def _of_files(what: str, figures: Figures) -> Row:
    survived = figures.refused + figures.sound
    return Row(what, figures.cases, survived, None, figures.marks, figures.longest, figures.peak_memory, figures.told)


def _of_kills(kills: Kills) -> Row:
    what = (
        f"`kill -9` of `--batch` ({kills.while_writing} of {kills.kills} while writing a network, "
        f"{kills.steps_kept:,} steps and {kills.networks_kept} networks finished before), resumed"
    )
    wrong = len(kills.failures) + kills.different + kills.leftovers + kills.lost
    return Row(what, kills.kills, kills.kills - wrong, kills.lost, None, kills.longest, None, tuple(kills.failures))


def _of_hangups(hangups: Hangups) -> Row:
    what = (
        f"SIGHUP of the app ({hangups.moves} keys pressed before, {hangups.in_the_middle} in the middle of moves), "
        "resumed to the same screen"
    )
    survived = hangups.hangups - max(hangups.different, len(hangups.failures))
    # What is lost shows as another screen.
    return Row(what, hangups.hangups, survived, hangups.different, None, hangups.longest, None, tuple(hangups.failures))


def _of_disks(disks: FullDisks) -> Row:
    what = (
        f"no room for a file ({disks.before_begun} of {disks.runs} not even for a journal, {disks.steps_kept:,} steps "
        "finished before), resumed with room"
    )
    wrong = len(disks.failures) + disks.different + disks.leftovers + disks.lost
    return Row(what, disks.runs, disks.runs - wrong, disks.lost, None, disks.longest, None, tuple(disks.failures))


def _table(rows: list[Row]) -> str:
    def shown(number: int | None) -> str:
        return "–" if number is None else f"{number:,}"

    lines = [
        "| what | tried | survived | steps lost | code executed | longest | peak memory |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        memory = "–" if row.peak_memory is None else f"{row.peak_memory / 1e9:.2f} GB"
        lines.append(
            f"| {row.what} | {row.tried:,} | {row.survived:,} | {shown(row.lost)} | {shown(row.executed)} "
            f"| {row.longest:.1f} s | {memory} |"
        )
    versions = ", ".join(f"{name} {version}" for name, version in computing_versions().items())
    return "\n".join([*lines, "", f"Measured on {time.strftime('%d %B %Y')}, {platform.system()}, {versions}."])


def _write(table: str) -> None:
    begin, end = _TABLE
    before, _, rest = PAGE.read_text().partition(begin)
    _, _, behind = rest.partition(end)
    PAGE.write_text(f"{before}{begin}\n\n{table}\n\n{end}{behind}")


if __name__ == "__main__":
    sys.exit(main())
