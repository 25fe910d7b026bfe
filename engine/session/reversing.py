"""Triggers reversed for a comparison, while a person goes on pruning: nobody waits for them, but they take long."""

from __future__ import annotations

from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.suspect_triggers import SuspectTriggers
from bdtui.engine.session.jobs import Job


class Reversing(Job):
    """The triggers that a ranking needs.

    Args:
        suspects: finds them.
    """

    work = "reversing triggers"

    def __init__(self, suspects: SuspectTriggers) -> None:
        self._suspects = suspects

    def run(self, reporter: Reporter) -> None:
        """See `Job.run`."""
        self._suspects.find(reporter)

    def conclude(self) -> str:
        """See `Job.conclude`."""
        return f"{self.work}: stopped"
