"""Work that takes minutes while a person goes on pruning: what they ask for is done between its batches."""

from __future__ import annotations

from abc import ABC, abstractmethod

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
