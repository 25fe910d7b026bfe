"""Work that takes minutes while a person goes on pruning: what they ask for is done between its batches."""

from __future__ import annotations

from abc import ABC, abstractmethod

from bdtui.engine.events import JobEnded
from bdtui.engine.reporter import Reporter


class Job(ABC):
    """Minutes of work on the network that is open.

    Attributes:
        work: what the engine is doing meanwhile, e.g. ``detecting``.
    """

    work: str

    @abstractmethod
    def run(self, reporter: Reporter) -> None:
        """Work to the end; called again after an interruption, it goes on where it was.

        Args:
            reporter: receives events; between batches it is asked whether to stop, which is when other requests are
                fulfilled.

        Raises:
            InputError: it cannot be done.
            Interrupted: the reporter requested a stop.
        """

    @abstractmethod
    def conclude(self) -> str:
        """Somebody stopped it: emit what there is, and give back a sentence about it."""


class Jobs:
    """Long work that is still to be done, one job after the other.

    Args:
        reporter: receives `JobEnded` for each that ends.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._waiting: list[Job] = []

    @property
    def next(self) -> Job | None:
        """The one to do next, or to go on with."""
        return self._waiting[0] if self._waiting else None

    def add(self, job: Job) -> None:
        """Do this one after those that wait, unless it waits itself."""
        if job not in self._waiting:
            self._waiting.append(job)

    def end(self) -> None:
        """Remove the next one, which is done, and emit `JobEnded`."""
        self._reporter.emit(JobEnded(self._waiting.pop(0).work))

    def drop(self) -> None:
        """Remove all, and emit `JobEnded` for each."""
        while self._waiting:
            self.end()
