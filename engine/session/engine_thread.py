"""The engine's thread: requests come in on a queue, events go out through one callback, a flag stops the work.

TensorFlow is loaded by the thread itself, so that a screen is there long before; everything Keras stays in it, since
Keras keeps state by thread. The thread is a daemon: a program that ends does not wait for it.
"""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bdtui.engine import events
from bdtui.engine.errors import BdtuiError, DeviceLost, Interrupted
from bdtui.engine.events import LOADING, Event, JobEnded, WorkEnded, WorkFailed, WorkStarted, WorkStopped
from bdtui.engine.machine.library_words import plain_detail
from bdtui.engine.pruning.moves import Move
from bdtui.engine.reporter import Emit, Reporter
from bdtui.engine.session.requests import Compare, Export, Open, Request
from bdtui.engine.settings import RunSettings
from bdtui.engine.startup import load_tensorflow

if TYPE_CHECKING:
    from bdtui.engine.session.session import Session


@dataclass(frozen=True)
class _Ticket:
    """A request, and how often `stop` had been called when it was made."""

    request: Request
    stops: int


class EngineThread:
    """Runs a `Session` in a thread of its own.

    Args:
        emit: receives every event, in the engine's thread; must not block.
        settings: whose device and seed are used.
        out: where the first export goes; None for a new folder under ``bdtui-runs/``.
    """

    def __init__(self, emit: Emit, settings: RunSettings, out: Path | None = None) -> None:
        self._emit = emit
        self._settings = settings
        self._out = out
        self._requests: queue.SimpleQueue[_Ticket] = queue.SimpleQueue()
        # How often `stop` was called. Work that was requested before the last time ends, or does not begin.
        self._stops = 0
        self._stops_before_work = 0
        self._stops_before_comparison = 0
        self._put_aside: _Ticket | None = None
        self._thread = threading.Thread(target=self._run, name="bdtui-engine", daemon=True)

    def start(self) -> None:
        """Begin to load TensorFlow; requests may be submitted before it is there."""
        self._thread.start()

    def submit(self, request: Request) -> None:
        """Ask for something. Requests are fulfilled one after the other; moves that wait together are made at once."""
        self._requests.put(_Ticket(request, self._stops))

    def stop(self) -> None:
        """Stop what is running and forget what waits; the engine goes on with the next request."""
        self._stops += 1

    def _run(self) -> None:
        self._emit(WorkStarted(LOADING))
        try:
            session = self._load()
        except Exception as problem:
            self._refuse_everything(LOADING, problem)
            return
        self._emit(WorkEnded())
        try:
            self._serve(session)
        except DeviceLost as lost:
            self._refuse_everything("computing", lost)

    def _serve(self, session: Session) -> None:
        """Fulfil one request after the other.

        Raises:
            DeviceLost: nothing can be computed in this process any more.
        """
        waiting: _Ticket | None = None
        while True:
            ticket = waiting or self._next_ticket(session)
            waiting = None
            self._stops_before_work = ticket.stops
            if not self._stopped():
                waiting = self._fulfil(session, ticket.request)
            elif not isinstance(ticket.request, Move):
                self._emit(WorkStopped(f"{ticket.request.work}: stopped before it began"))
                self._emit(JobEnded(ticket.request.work))

    def _stopped(self) -> bool:
        return self._stops != self._stops_before_work

    def _load(self) -> Session:
        load_tensorflow()
        from bdtui.engine.session.session import Session

        return Session(Reporter(self._emit, self._stopped), self._settings, self._out)

    def _refuse_everything(self, work: str, problem: Exception) -> None:
        """Emit what failed now and after each request."""
        while True:
            self._emit_failure(work, problem)
            self._emit(WorkEnded())
            self._requests.get()

    def _next_ticket(self, session: Session) -> _Ticket:
        """Wait for a request; until it comes, measure what nobody waits for."""
        self._stop_comparing_if_asked(session)
        self._meanwhile(
            lambda unhurried: session.catch_up(unhurried) or self._do_job(session) or session.idle(unhurried)
        )
        self._stop_comparing_if_asked(session)
        aside, self._put_aside = self._put_aside, None
        return aside or self._requests.get()

    def _do_job(self, session: Session) -> bool:
        """Do the next job, and between its batches what is asked for; False where there is none.

        Raises:
            DeviceLost: nothing can be computed in this process any more.
        """
        job = session.jobs.next
        if job is None:
            return False
        self._stops_before_work = self._stops
        self._emit(WorkStarted(job.work))
        try:
            job.run(Reporter(self._emit, lambda: self._attend(session, job.work)))
            session.jobs.end()
        except DeviceLost:
            raise
        except Interrupted:
            # Where something else is opened the job ends with what it was about.
            session.jobs.drop()
            self._emit(WorkStopped(job.conclude()))
        except Exception as problem:
            session.jobs.drop()
            self._emit_failure(job.work, problem)
        finally:
            self._emit(WorkEnded())
        return self._put_aside is None

    def _attend(self, session: Session, work: str) -> bool:
        """Between two batches of a job: do what was asked for meanwhile; whether the job has to stop."""
        begun = self._stops_before_work
        waiting: _Ticket | None = None
        served = False
        while self._stops == begun and (waiting is not None or not self._requests.empty()):
            ticket = waiting or self._requests.get()
            waiting = None
            if isinstance(ticket.request, Open):
                self._put_aside = ticket
                return True
            self._stops_before_work = ticket.stops
            if isinstance(ticket.request, Export):
                refused = f"{work} is under way; stop it, or export when it is done"
                self._emit(WorkFailed(ticket.request.work, refused, ""))
            elif not self._stopped():
                waiting = self._fulfil(session, ticket.request)
            served = True
        if served:
            # What belongs to where the person stands now.
            self._meanwhile(session.catch_up)
            self._emit(WorkStarted(work))
        self._stops_before_work = begun
        return self._stopped()

    def _meanwhile(self, work: Callable[[Reporter], bool]) -> None:
        """Do what nobody waits for, piece by piece, until none is left or somebody asks for something.

        Args:
            work: does a piece; False where none is left.

        Raises:
            DeviceLost: nothing can be computed in this process any more.
        """
        stops = self._stops
        unhurried = Reporter(self._emit_unasked, lambda: self._stops != stops or not self._requests.empty())
        try:
            while not unhurried.stop_requested and work(unhurried):
                pass
        except DeviceLost:
            raise
        except Interrupted:
            pass
        except Exception as problem:
            self._emit_failure("measuring in the background", problem)

    def _stop_comparing_if_asked(self, session: Session) -> None:
        """Whatever else was stopped: layers and rankings are no longer compared either."""
        if self._stops != self._stops_before_comparison:
            session.stop_comparing()

    def _emit_unasked(self, event: Event) -> None:
        """Emit what comes of work that nobody waits for, but not how far it is: no work of theirs is under way."""
        if not isinstance(event, events.Progress):
            self._emit(event)

    def _fulfil(self, session: Session, request: Request) -> _Ticket | None:
        """Do what was asked; gives back what was taken from the queue and has to wait."""
        waiting: _Ticket | None = None
        self._emit(WorkStarted(request.work))
        try:
            if isinstance(request, Move):
                moves, waiting = self._moves_from(request)
                session.move(moves)
            else:
                if isinstance(request, Compare):
                    self._stops_before_comparison = self._stops_before_work
                session.fulfil(request)
        except DeviceLost:
            raise
        except Interrupted as stop:
            self._emit(WorkStopped(str(stop) if stop.kept else "stopped"))
        except Exception as problem:
            self._emit_failure(request.work, problem)
        finally:
            self._emit(WorkEnded())
        return waiting

    def _moves_from(self, first: Move) -> tuple[list[Move], _Ticket | None]:
        """The moves that wait one behind the other, and what waits behind them."""
        moves = [first]
        while True:
            try:
                ticket = self._requests.get_nowait()
            except queue.Empty:
                return moves, None
            if not isinstance(ticket.request, Move) or ticket.stops != self._stops_before_work:
                return moves, ticket
            moves.append(ticket.request)

    def _emit_failure(self, name: str, problem: Exception) -> None:
        if isinstance(problem, BdtuiError):
            self._emit(WorkFailed(name, str(problem), ""))
            return
        sentence = (
            f"{name} failed: internal error ({type(problem).__name__}: {plain_detail(problem, 200)}); see the log"
        )
        self._emit(WorkFailed(name, sentence, "".join(traceback.format_exception(problem))))
