"""`python -m tests.benchmarks.app`: how quick the terminal app is, on the sample.

First paint in a terminal; how late the app's event loop gets to its work while the engine's thread imports, opens,
prunes and exports; how long it takes from a key to the rates. Nothing here passes or fails.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

BDTUI = (sys.executable, "-m", "bdtui.tui")
WIDTH, HEIGHT = 120, 40
PAINTS = 5
HELD_PRESSES, PRESSES_PER_SECOND = 60, 30
SAMPLED_EVERY = 0.01
PAUSE = 0.1
"""Seconds between one answer and the next key: somebody looks, and the screen has been drawn."""
PATIENCE = 120.0

PAINTED = (
    ("bdtui --sample", ("--sample",), "Channels"),
    ("bdtui", (), "Channels"),
    ("bdtui, load window", (), "Weights"),
)
"""What is started, and the words that show that it has drawn."""


@dataclass(frozen=True)
class FirstPaint:
    """Seconds from the start of the process to the first drawn word of a pane."""

    command: str
    median: float
    slowest: float


@dataclass(frozen=True)
class Lateness:
    """By how many seconds the app's loop was late, looked at every 10 ms."""

    phase: str
    looks: int
    median: float
    p99: float
    largest: float


@dataclass(frozen=True)
class Answer:
    """Seconds from a key to the rates: until the engine has them, and until the status line shows them."""

    key: str
    presses: int
    measured_median: float
    measured_p99: float
    shown_median: float
    shown_p99: float


@dataclass(frozen=True)
class AppMeasured:
    """Everything this benchmark finds, and how busy the machine was."""

    load_before: float
    load_after: float
    first_paint: list[FirstPaint]
    lateness: list[Lateness]
    answers: list[Answer]


@dataclass
class Noted:
    """What one session of the app has left: raw figures, in seconds."""

    lateness: dict[str, list[float]] = field(default_factory=dict)
    measured: dict[str, list[float]] = field(default_factory=dict)
    shown: dict[str, list[float]] = field(default_factory=dict)

    def add(self, other: Noted) -> None:
        """Put the figures of another session to these."""
        for mine, theirs in ((getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__):
            for key, figures in theirs.items():
                mine.setdefault(key, []).extend(figures)


def main() -> None:
    """Measure and print the tables."""
    measured = measure_app()
    print_app(measured, Console())


def measure_app() -> AppMeasured:
    """Start the app again and again, in processes of its own."""
    load_before = os.getloadavg()[0]
    paints = [first_paint(*painted) for painted in PAINTED]
    noted = Noted()
    for session in SESSIONS:
        noted.add(run_session(session))
    return AppMeasured(
        load_before=load_before,
        load_after=os.getloadavg()[0],
        first_paint=paints,
        lateness=[
            Lateness(phase, len(found), statistics.median(found), percentile_99(found), max(found))
            for phase, found in noted.lateness.items()
        ],
        answers=[
            Answer(
                key,
                len(found),
                statistics.median(found),
                percentile_99(found),
                statistics.median(noted.shown[key]),
                percentile_99(noted.shown[key]),
            )
            for key, found in noted.measured.items()
        ],
    )


def print_app(measured: AppMeasured, console: Console) -> None:
    """Print three tables."""
    table = Table(title=f"first paint at {WIDTH}×{HEIGHT}, {PAINTS} starts")
    for heading in ("command", "median", "slowest"):
        table.add_column(heading, justify="left" if heading == "command" else "right")
    for paint in measured.first_paint:
        table.add_row(paint.command, f"{paint.median:.2f} s", f"{paint.slowest:.2f} s")
    console.print(table)
    table = Table(title="lateness of the app's loop")
    for heading in ("while", "looks", "p50", "p99", "max"):
        table.add_column(heading, justify="left" if heading == "while" else "right")
    for row in measured.lateness:
        table.add_row(row.phase, f"{row.looks:,}", *map(milliseconds, (row.median, row.p99, row.largest)))
    console.print(table)
    table = Table(title="from a key to the rates")
    for heading in ("key", "presses", "measured p50", "measured p99", "shown p50", "shown p99"):
        table.add_column(heading, justify="left" if heading == "key" else "right")
    for answer in measured.answers:
        seconds = (answer.measured_median, answer.measured_p99, answer.shown_median, answer.shown_p99)
        table.add_row(answer.key, str(answer.presses), *map(milliseconds, seconds))
    console.print(table)
    console.print(f"load of the machine: {measured.load_before:.1f} before, {measured.load_after:.1f} after")


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def percentile_99(figures: Sequence[float]) -> float:
    return statistics.quantiles(figures, n=100, method="inclusive")[98] if len(figures) > 1 else figures[0]


# First paint, in a terminal.


def first_paint(command: str, arguments: Sequence[str], words: str) -> FirstPaint:
    seconds = [time_to_words(arguments, words.encode()) for _ in range(PAINTS)]
    return FirstPaint(command, statistics.median(seconds), max(seconds))


def time_to_words(arguments: Sequence[str], words: bytes) -> float:
    """Start bdtui in a terminal of its own, and wait until it has drawn some words."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(folder)
            own = {"TERM": "xterm-256color", "XDG_CONFIG_HOME": folder, "XDG_STATE_HOME": folder}
            os.execvpe(BDTUI[0], [*BDTUI, *arguments], {**os.environ, **own})
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        try:
            printed = b""
            while words not in printed:
                if not select.select([terminal], [], [], PATIENCE)[0]:
                    raise TimeoutError(f"bdtui drew no {words!r}")
                printed += os.read(terminal, 65536)
            return time.perf_counter() - started
        finally:
            os.kill(process, signal.SIGKILL)
            os.close(terminal)
            os.waitpid(process, 0)


# Sessions: the real app with the real engine, without a screen, each in a process of its own.


class Session:
    """A running app, its loop watched, and the keys that are pressed in it."""

    def __init__(self) -> None:
        from bdtui.engine.events import Event
        from bdtui.engine.session.engine_thread import EngineThread
        from bdtui.engine.settings import RunSettings
        from bdtui.tui.app import BdtuiApp

        self.noted = Noted()
        self._events: list[tuple[float, Event]] = []
        self._looks: list[tuple[float, float]] = []
        settings = RunSettings(sample=True)

        def make_engine(emit: Callable[[Event], None]) -> EngineThread:
            def note(event: Event) -> None:
                self._events.append((time.perf_counter(), event))
                emit(event)

            return EngineThread(note, settings)

        self.app = BdtuiApp(settings, make_engine)

    @property
    def status(self) -> str:
        """The status line."""
        from bdtui.tui.bars.status import StatusBar

        return self.app.query_one(StatusBar).status

    def press(self, *keys: str) -> float:
        """Press keys, as the terminal's driver does; gives back when."""
        from textual.events import Key

        now = time.perf_counter()
        for key in keys:
            self.app.post_message(Key(key, key))
        return now

    async def watch_loop(self) -> None:
        """Note how late the loop wakes up, again and again."""
        while True:
            due = time.perf_counter() + SAMPLED_EVERY
            await asyncio.sleep(SAMPLED_EVERY)
            now = time.perf_counter()
            self._looks.append((now, now - due))

    async def ended(self, what: str) -> tuple[float, float]:
        """Wait until a piece of work has ended; gives back when it began and ended."""
        from bdtui.engine.events import WorkEnded, WorkFailed, WorkStarted

        end = time.perf_counter() + PATIENCE
        while time.perf_counter() < end:
            began: float | None = None
            for when, event in tuple(self._events):
                if isinstance(event, WorkStarted) and event.what == what:
                    began = when
                elif isinstance(event, WorkFailed):
                    raise RuntimeError(event.sentence)
                elif isinstance(event, WorkEnded) and began is not None:
                    return began, when
            await asyncio.sleep(0.02)
        raise TimeoutError(what)

    async def shows(self, step: int, every: float = 0.001) -> float:
        """Wait until the status line shows a step; gives back when."""
        end = time.perf_counter() + PATIENCE
        while not self.status.startswith(f"step {step}/"):
            if time.perf_counter() > end:
                raise TimeoutError(f"step {step}; the status line says {self.status!r}")
            await asyncio.sleep(every)
        return time.perf_counter()

    async def answered(self, name: str, step: int, *keys: str) -> None:
        """Press a key and note how long it takes until a step is measured, and until it is shown."""
        from bdtui.engine.events import PositionReached

        await asyncio.sleep(PAUSE)
        seen = len(self._events)
        pressed = self.press(*keys)
        shown = await self.shows(step)
        measured = next(
            when
            for when, event in self._events[seen:]
            if isinstance(event, PositionReached) and event.step == step and when > pressed
        )
        self.noted.measured.setdefault(name, []).append(measured - pressed)
        self.noted.shown.setdefault(name, []).append(shown - pressed)

    def looked(self, phase: str, began: float, ended: float) -> None:
        """Keep how late the loop was in a span of time."""
        late = [late for when, late in self._looks if began <= when - late and when - SAMPLED_EVERY - late <= ended]
        self.noted.lateness.setdefault(phase, []).extend(late)

    async def export(self) -> None:
        """Press ``e`` and wait until everything is written."""
        self.press("e")
        self.looked("exporting", *await self.ended("exporting"))

    async def open(self) -> None:
        """Wait until the sample is open."""
        self.looked("importing TensorFlow", *await self.ended("loading TensorFlow"))
        self.looked("opening and profiling", *await self.ended("opening"))
        await self.shows(0)


async def hold_prune(session: Session) -> None:
    """``n`` held down from the first step to the last; then the export."""
    began = time.perf_counter()
    for press in range(HELD_PRESSES):
        session.press("n")
        await asyncio.sleep(max(0, began + (press + 1) / PRESSES_PER_SECOND - time.perf_counter()))
    session.looked("pruning, n held", began, await session.shows(HELD_PRESSES, every=0.01))
    await session.export()


async def prune_to_thresholds(session: Session) -> None:
    """``a`` from threshold to threshold."""
    from bdtui.engine.events import ThresholdReached

    for number in (1, 2, 3):
        began = session.press("a")
        end = began + PATIENCE
        # The work of the background reaches thresholds as well, but never ahead of where the person stands.
        while len({event.drop for _, event in session._events if isinstance(event, ThresholdReached)}) < number:
            if time.perf_counter() > end:
                raise TimeoutError(f"threshold {number}")
            await asyncio.sleep(0.01)
        session.looked("pruning, a", began, time.perf_counter())


async def prune_step_by_step(session: Session) -> None:
    """``n`` again soon after the rates are there; then back, on, and to steps that are known."""
    steps = range(1, HELD_PRESSES + 1)
    for step in steps:
        await session.answered("n", step, "n")
    for step in reversed(range(40, HELD_PRESSES)):
        await session.answered("u", step, "u")
    for step in range(41, HELD_PRESSES + 1):
        await session.answered("ctrl+r", step, "ctrl+r")
    for step in (10, 50, 12, 48, 15, 45, 20, 40, 25, 35) * 2:
        await session.answered("g, known step", step, *str(step), "g")


SESSIONS = {run.__name__: run for run in (hold_prune, prune_to_thresholds, prune_step_by_step)}


def run_session(name: str) -> Noted:
    """Run a session in a process of its own; what TensorFlow prints there is of no interest."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "noted.json"
        paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.app", name, str(answer)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": paths, "XDG_STATE_HOME": folder},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"session {name} failed:\n{done.stderr[-4000:]}")
        noted: dict[str, Any] = json.loads(answer.read_text())
        return Noted(**noted)


async def note_session(name: str, answer: Path) -> None:
    """Run a session, write down what it found, and end the process: the engine's thread may still compute."""
    session = Session()
    watching = asyncio.create_task(session.watch_loop())
    async with session.app.run_test(size=(WIDTH, HEIGHT)):
        await session.open()
        await SESSIONS[name](session)
        answer.write_text(json.dumps(asdict(session.noted)))
        watching.cancel()
        os._exit(0)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        asyncio.run(note_session(sys.argv[1], Path(sys.argv[2])))
    main()
