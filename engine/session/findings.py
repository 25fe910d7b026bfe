"""What is found about the network that is open besides its curve: by an examination, by repairs, in judged images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bdtui.engine.detect.detection import Detection
from bdtui.engine.errors import OptionError
from bdtui.engine.event_values import Estimate
from bdtui.engine.events import Notice
from bdtui.engine.network.pruned_channels import PrunedChannels
from bdtui.engine.repair.result import Repair
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.preparation import PreparedRun
from bdtui.engine.runs.repairing import copy_repairs
from bdtui.engine.screen.found import Screening
from bdtui.engine.session.detecting import Detecting
from bdtui.engine.session.jobs import Jobs
from bdtui.engine.session.repairing import Repairing
from bdtui.engine.session.requests import Detect, RepairNetwork
from bdtui.engine.session.screening import keep_screened, screen_with


class Findings:
    """The examination, the repairs and the judged images of the network that is open; each begins when first asked for.

    Args:
        opened: gives the run that is open, at the layer where the person stands.
        begun: gives the session's folder and its journal, which are begun with it.
        jobs: examinations and repairs wait there for their turn.
        concluded: is called when an examination or a repair came to something, and after those of an earlier session were
            looked for.
        reporter: receives what is found; is asked whether to stop.
    """

    def __init__(
        self,
        opened: Callable[[], PreparedRun],
        begun: Callable[[], tuple[Path, Journal]],
        jobs: Jobs,
        concluded: Callable[[], None],
        reporter: Reporter,
    ) -> None:
        self._opened = opened
        self._begun = begun
        self._jobs = jobs
        self._concluded = concluded
        self._reporter = reporter
        self._detecting: Detecting | None = None
        self._repairing: Repairing | None = None
        self._screened: Screening | None = None

    @property
    def detection(self) -> Detection | None:
        """What the examination came to so far; None before there is anything."""
        return None if self._detecting is None else self._detecting.detection

    @property
    def repairs(self) -> Sequence[Repair]:
        """Those that are finished."""
        return [] if self._repairing is None else list(self._repairing.repairs.values())

    def detect(self, request: Detect) -> None:
        """Examine the network, as a job."""
        job = self._examination_under_way()
        job.ask(request.methods)
        self._jobs.add(job)

    def repair(self, request: RepairNetwork) -> None:
        """Repair the network, as a job."""
        job = self._repairs_under_way()
        job.ask(request.method)
        self._jobs.add(job)

    def offer_repairs(self, folder: Path) -> None:
        """Emit which repairs can be chosen.

        Args:
            folder: of the session.

        Raises:
            Interrupted: the reporter requested a stop.
        """
        self._repairs_under_way().offer(folder, self._reporter)

    def screen(self, path: Path) -> None:
        """Judge images: which of them carry a trigger?

        Raises:
            InputError: they cannot be opened, or do not fit.
            Interrupted: the reporter requested a stop.
        """
        self._screened = screen_with(self._opened(), path, self._reporter)

    def keep_screened(self) -> None:
        """Write the judged images into the folder that the person is in.

        Raises:
            OptionError: none were judged.
            OutputError: the file cannot be written.
        """
        if self._screened is None:
            raise OptionError("no images were screened yet")
        self._reporter.emit(Notice(f"Saved {keep_screened(self._screened, Path())}"))

    def stand_in(self) -> Callable[[str, PrunedChannels], Estimate | None]:
        """What the reversed triggers of the first suspect do with channels of a layer pruned.

        Raises:
            OptionError: there are poisoned images, or nothing can stand in for them.
        """
        return self._examination_under_way().stand_in()

    def restore(self) -> None:
        """Take up, and show, what the journal of an earlier session knows."""
        folder, journal = self._begun()
        self._examination_under_way().restore(journal)
        self._repairs_under_way().restore(folder, journal)
        self._concluded()

    def keep_in(self, folder: Path, prepared: PreparedRun, journal: Journal) -> None:
        """Keep all that was found in another folder as well.

        Args:
            folder: that one.
            prepared: what is exported there.
            journal: of that folder.

        Raises:
            OutputError: it cannot be written.
        """
        if self._detecting is not None:
            self._detecting.keep_in(journal)
        if self._repairing is not None and self._repairing.folder is not None:
            copy_repairs(prepared, self._repairing.repairs, self._repairing.folder, folder, journal)

    def emit_again(self) -> None:
        """Show once more what was found, after something else could not be opened."""
        for found in (self._detecting, self._repairing):
            if found is not None:
                found.emit_again()

    def _examination_under_way(self) -> Detecting:
        if self._detecting is None:
            opened = self._opened()
            self._detecting = Detecting(opened, self._reporter, lambda: self._begun()[1], self._concluded)
        return self._detecting

    def _repairs_under_way(self) -> Repairing:
        if self._repairing is None:
            self._repairing = Repairing(self._opened(), self._reporter, self._begun, self._concluded)
        return self._repairing
