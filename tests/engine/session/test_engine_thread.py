"""The engine's thread: what waits together is done together, stop means stop, and no failure ends the thread."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bdtui.engine.errors import Interrupted, Kept, ModelError, OptionError
from bdtui.engine.events import Event, Notice, Progress, WorkEnded, WorkFailed, WorkStarted, WorkStopped
from bdtui.engine.pruning.moves import GoTo, Move, Prune, Undo
from bdtui.engine.reporter import Reporter
from bdtui.engine.session.engine_thread import EngineThread
from bdtui.engine.session.jobs import Job, Jobs
from bdtui.engine.session.requests import Compare, Detect, Export, NextThreshold, Open, Request
from bdtui.engine.settings import RunSettings

SECONDS = 60


class LongJob(Job):
    """Minutes of work: goes on until it is let go, and counts its batches."""

    work = "detecting"

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.batches = 0

    def run(self, reporter: Reporter) -> None:
        while not self.gate.wait(0.002):
            self.batches += 1
            reporter.checkpoint()

    def conclude(self) -> str:
        return "detection stopped"


class SlowSession:
    """Stands in for the session: does nothing until it is let go, and tells what it was asked for."""

    def __init__(self, reporter: Reporter, settings: RunSettings, out: Any = None) -> None:
        self.reporter = reporter
        self.done: list[Any] = []
        self.gate = threading.Event()
        self.busy = threading.Event()
        self.idle_pieces = 0
        self.comparing = False
        self.fail: Exception | None = None
        self.jobs = Jobs(reporter)
        sessions.put(self)

    def catch_up(self, reporter: Reporter) -> bool:
        return False

    def fulfil(self, request: Request) -> None:
        if isinstance(request, Detect):
            self.jobs.add(LongJob())
            return
        self.busy.set()
        if self.fail is not None:
            problem, self.fail = self.fail, None
            raise problem
        while not self.gate.wait(0.002):
            self.reporter.checkpoint()
        self.done.append(request)
        self.comparing |= isinstance(request, Compare)

    def stop_comparing(self) -> None:
        self.comparing = False

    def move(self, moves: Sequence[Move]) -> None:
        self.fulfil(list(moves))  # type: ignore[arg-type]

    def idle(self, reporter: Reporter) -> bool:
        reporter.checkpoint()
        if self.idle_pieces > 0:
            reporter.emit(Progress("predictions", 1, 2, "images"))
            reporter.emit(Notice("measured"))
        self.idle_pieces -= 1
        return self.idle_pieces > 0


sessions: queue.Queue[SlowSession] = queue.Queue()


class Heard:
    """Collects events, and waits for them."""

    def __init__(self) -> None:
        self.events: queue.Queue[Event] = queue.Queue()

    def until(self, wanted: Callable[[Event], bool]) -> list[Event]:
        seen: list[Event] = []
        while True:
            seen.append(self.events.get(timeout=SECONDS))
            if wanted(seen[-1]):
                return seen


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[EngineThread, SlowSession, Heard]]:
    module = ModuleType("bdtui.engine.session.session")
    module.Session = SlowSession  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bdtui.engine.session.session", module)
    heard = Heard()
    thread = EngineThread(heard.events.put, RunSettings())
    thread.start()
    bench = sessions.get(timeout=SECONDS)
    heard.until(lambda event: isinstance(event, WorkEnded))
    yield thread, bench, heard
    thread.stop()
    bench.gate.set()


def ended(event: Event) -> bool:
    return isinstance(event, WorkEnded)


def test_moves_that_wait_together_are_made_at_once(engine: tuple[EngineThread, SlowSession, Heard]) -> None:
    thread, bench, heard = engine
    thread.submit(NextThreshold())
    bench.busy.wait(SECONDS)
    for move in (Prune(), Prune(), Undo(), GoTo(7)):
        thread.submit(move)
    thread.submit(Export())
    thread.submit(Prune())
    bench.gate.set()
    for _ in range(4):
        heard.until(ended)
    assert bench.done == [NextThreshold(), [Prune(), Prune(), Undo(), GoTo(7)], Export(), [Prune()]]


def test_stop_ends_the_work_at_hand_and_forgets_what_waits(engine: tuple[EngineThread, SlowSession, Heard]) -> None:
    thread, bench, heard = engine
    thread.submit(NextThreshold())
    bench.busy.wait(SECONDS)
    thread.submit(Prune())
    thread.submit(Export())
    thread.stop()
    seen = heard.until(ended)
    assert any(isinstance(event, WorkStopped) for event in seen)
    bench.gate.set()
    thread.submit(GoTo(1))
    heard.until(ended)
    assert bench.done == [[GoTo(1)]]


def test_a_wish_made_right_after_stop_does_not_revive_what_was_stopped(
    engine: tuple[EngineThread, SlowSession, Heard],
) -> None:
    thread, bench, heard = engine
    thread.submit(NextThreshold())
    bench.busy.wait(SECONDS)
    thread.stop()
    thread.submit(Undo())
    seen = heard.until(lambda event: isinstance(event, WorkStopped))
    assert seen
    bench.gate.set()
    heard.until(ended)
    heard.until(ended)
    assert bench.done == [[Undo()]]


def test_input_that_cannot_be_worked_with_is_a_sentence_and_the_thread_lives_on(
    engine: tuple[EngineThread, SlowSession, Heard],
) -> None:
    thread, bench, heard = engine
    bench.gate.set()
    bench.fail = ModelError("net.h5: is empty; expected a model")
    thread.submit(Open(RunSettings()))
    failed = [event for event in heard.until(ended) if isinstance(event, WorkFailed)]
    assert failed == [WorkFailed("opening", "net.h5: is empty; expected a model", "")]
    thread.submit(Prune())
    heard.until(ended)
    assert bench.done == [[Prune()]]


def test_a_fault_is_a_sentence_with_its_traceback_for_the_log(
    engine: tuple[EngineThread, SlowSession, Heard],
) -> None:
    thread, bench, heard = engine
    bench.gate.set()
    bench.fail = ZeroDivisionError("nothing to divide by")
    thread.submit(Export())
    failed = next(event for event in heard.until(ended) if isinstance(event, WorkFailed))
    assert failed.what == "exporting"
    assert "internal error" in failed.sentence
    assert "Traceback" in failed.details
    assert "nothing to divide by" in failed.details
    thread.submit(Prune())
    heard.until(ended)
    assert bench.done == [[Prune()]]


def test_what_nobody_waits_for_is_done_between_requests(engine: tuple[EngineThread, SlowSession, Heard]) -> None:
    thread, bench, heard = engine
    bench.gate.set()
    bench.idle_pieces = 3
    thread.submit(Prune())
    heard.until(ended)
    deadline = time.monotonic() + SECONDS
    while bench.idle_pieces > 0 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert bench.idle_pieces <= 0


def test_what_nobody_waits_for_shows_what_it_found_and_not_how_far_it_is(
    engine: tuple[EngineThread, SlowSession, Heard],
) -> None:
    thread, bench, heard = engine
    bench.gate.set()
    bench.idle_pieces = 3
    thread.submit(Prune())
    heard.until(ended)
    seen = [
        *heard.until(lambda event: event == Notice("measured")),
        *heard.until(lambda event: isinstance(event, Notice)),
    ]
    assert not [event for event in seen if isinstance(event, Progress)]


def test_what_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("bdtui.engine.session.session")
    monkeypatch.setitem(sys.modules, "bdtui.engine.session.session", module)
    heard = Heard()
    EngineThread(heard.events.put, RunSettings()).start()
    seen = heard.until(lambda event: isinstance(event, WorkFailed))
    assert isinstance(seen[0], WorkStarted)
    assert isinstance(seen[-1], WorkFailed)
    assert seen[-1].what == "loading TensorFlow"


def test_a_request_made_while_tensorflow_loads_is_fulfilled_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("bdtui.engine.session.session")
    module.Session = SlowSession  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bdtui.engine.session.session", module)
    heard = Heard()
    thread = EngineThread(heard.events.put, RunSettings())
    thread.submit(Prune(2))
    thread.start()
    bench = sessions.get(timeout=SECONDS)
    bench.gate.set()
    heard.until(ended)
    heard.until(ended)
    assert bench.done == [[Prune(2)]]
    assert not [event for event in heard.events.queue if isinstance(event, Notice)]


def test_work_that_was_stopped_before_it_began_is_told(engine: tuple[EngineThread, SlowSession, Heard]) -> None:
    thread, bench, heard = engine
    thread.submit(NextThreshold())
    bench.busy.wait(SECONDS)
    thread.submit(Export())
    thread.stop()
    heard.until(ended)
    told = heard.until(lambda event: isinstance(event, WorkStopped))
    assert told[-1] == WorkStopped("exporting: stopped before it began")
    assert bench.done == []


@pytest.mark.parametrize("kept", [None, Kept(Path("r3"), 2)])
def test_stopped_work_says_what_it_keeps(engine: tuple[EngineThread, SlowSession, Heard], kept: Kept | None) -> None:
    thread, bench, heard = engine
    bench.fail = Interrupted(kept=kept)
    thread.submit(Export())
    stopped = next(event for event in heard.until(ended) if isinstance(event, WorkStopped))
    assert stopped.sentence.startswith("stopped" if kept is None else "interrupted after 2 finished steps; saved in r3")


def test_what_nobody_waits_for_goes_on_after_a_stop(engine: tuple[EngineThread, SlowSession, Heard]) -> None:
    thread, bench, heard = engine
    thread.submit(NextThreshold())
    bench.busy.wait(SECONDS)
    bench.idle_pieces = 3
    thread.stop()
    heard.until(ended)
    deadline = time.monotonic() + SECONDS
    while bench.idle_pieces > 0 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert bench.idle_pieces <= 0


def test_any_stop_ends_the_comparison_and_a_move_only_pauses_it(
    engine: tuple[EngineThread, SlowSession, Heard],
) -> None:
    thread, bench, heard = engine
    bench.gate.set()
    thread.submit(Compare())
    thread.submit(Prune())
    for _ in range(2):
        heard.until(ended)
    assert bench.comparing
    thread.stop()
    thread.submit(Prune())
    heard.until(ended)
    assert not bench.comparing
    thread.submit(Compare())
    heard.until(ended)
    assert bench.comparing, "an earlier stop is not meant for it"


def test_a_device_that_is_not_there_is_told_again_whenever_something_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*arguments: Any) -> None:
        raise OptionError("there is no device 'gpu:9'")

    module = ModuleType("bdtui.engine.session.session")
    module.Session = refuse  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bdtui.engine.session.session", module)
    heard = Heard()
    thread = EngineThread(heard.events.put, RunSettings())
    thread.start()
    refused = WorkFailed("loading TensorFlow", "there is no device 'gpu:9'", "")
    assert refused in heard.until(ended)
    thread.submit(Open(RunSettings()))
    assert refused in heard.until(ended)


def test_a_job_lets_moves_between_its_batches_and_goes_on(engine: tuple[EngineThread, SlowSession, Heard]) -> None:
    thread, bench, heard = engine
    bench.gate.set()
    thread.submit(Detect())
    heard.until(lambda event: event == WorkStarted("detecting"))
    heard.until(ended)
    heard.until(lambda event: event == WorkStarted("detecting"))
    job = bench.jobs.next
    assert isinstance(job, LongJob)
    thread.submit(Prune(3))
    heard.until(lambda event: event == WorkStarted("detecting"))
    assert bench.done == [[Prune(3)]]
    assert bench.jobs.next is job, "it goes on"
    job.gate.set()
    heard.until(ended)
    thread.submit(Undo())
    heard.until(ended)
    assert bench.jobs.next is None


def test_stop_ends_a_job_with_what_there_is(engine: tuple[EngineThread, SlowSession, Heard]) -> None:
    thread, bench, heard = engine
    bench.gate.set()
    thread.submit(Detect())
    heard.until(ended)
    heard.until(lambda event: event == WorkStarted("detecting"))
    thread.stop()
    seen = heard.until(ended)
    assert WorkStopped("detection stopped") in seen
    thread.submit(Prune())
    heard.until(ended)
    assert (bench.jobs.next, bench.done) == (None, [[Prune()]])


def test_an_export_waits_for_no_job_and_says_so(engine: tuple[EngineThread, SlowSession, Heard]) -> None:
    thread, bench, heard = engine
    bench.gate.set()
    thread.submit(Detect())
    heard.until(ended)
    heard.until(lambda event: event == WorkStarted("detecting"))
    thread.submit(Export())
    failed = next(
        event for event in heard.until(lambda event: isinstance(event, WorkFailed)) if isinstance(event, WorkFailed)
    )
    assert "detecting is under way; stop it, or export when it is done" in failed.sentence
    assert bench.done == []


def test_another_network_ends_the_job_of_the_one_before(engine: tuple[EngineThread, SlowSession, Heard]) -> None:
    thread, bench, heard = engine
    bench.gate.set()
    thread.submit(Detect())
    heard.until(ended)
    heard.until(lambda event: event == WorkStarted("detecting"))
    asked = Open(RunSettings())
    thread.submit(asked)
    heard.until(lambda event: event == WorkStarted("opening"))
    heard.until(ended)
    assert (bench.jobs.next, bench.done) == (None, [asked])
