"""The triggers reversed for the first suspect of a run: looked for when a ranking or a repair needs them, and once only."""

from __future__ import annotations

from functools import cached_property

from bdtui.engine.detect.detection import BACKDOORED
from bdtui.engine.detect.evidence import ReversedTrigger
from bdtui.engine.detect.examination import Examination
from bdtui.engine.detect.pixel_range import CleanPictures
from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.evaluation.excitation import excite
from bdtui.engine.events import Event, Notice, Progress
from bdtui.engine.inputs.opening import OpenedInputs
from bdtui.engine.pruning.rankings import RANKINGS, TRIGGER_EXCITATION, order_channels
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.kept_evidence import REVERSED, KeptEvidence
from bdtui.engine.settings import CLEAN_VALID


class SuspectTriggers:
    """Triggers of the class that looks most like a target, reversed on clean validation images alone.

    Args:
        inputs: the opened network and image sets.
        journal: keeps what is found, method by method; one in memory keeps nothing.

    Attributes:
        is_found: whether they are known.
    """

    def __init__(self, inputs: OpenedInputs, journal: Journal | None = None) -> None:
        self._inputs = inputs
        self._kept = KeptEvidence(journal or Journal(None), REVERSED)
        self._found: tuple[ReversedTrigger, ...] = ()

    @cached_property
    def examination(self) -> Examination:
        """The network with its clean validation images, which are read for the first who asks.

        A detection of the same run examines the same one: whatever one of the two finds, the other knows.

        Raises:
            DataError: an image cannot be read.
        """
        clean = CleanPictures.of_set(self._inputs.data[CLEAN_VALID])
        return Examination(self._inputs.model, clean, seed=self._inputs.settings.seed)

    @property
    def is_found(self) -> bool:
        """Whether finding them takes no time any more."""
        return bool(self._found)

    def find(self, reporter: Reporter = SILENT) -> tuple[ReversedTrigger, ...]:
        """The small and the strong one.

        Args:
            reporter: receives progress and, the first time, a notice where they may be those of the wrong class.

        Raises:
            Interrupted: the reporter requested a stop; methods that have finished are not run again.
        """
        if self._found:
            return self._found
        examination = self.examination
        self._kept.restore(examination)

        def keep(event: Event) -> None:
            self._kept.keep(examination)
            if isinstance(event, Progress):
                reporter.emit(event)

        try:
            self._found = examination.first_triggers(Reporter(keep, lambda: reporter.stop_requested))
        finally:
            self._kept.keep(examination)
        doubt = self._doubt()
        if doubt:
            reporter.emit(Notice(doubt))
        return self._found

    def keep_in(self, journal: Journal) -> None:
        """Keep what was found, and what will be, in this journal."""
        self._kept = KeptEvidence(journal, REVERSED)
        if self._found:
            self._kept.keep(self.examination)

    def _doubt(self) -> str:
        """Why the triggers may say nothing; empty where the class stands out and they work."""
        found, target = self.examination.conclude(), self._found[0].target
        works = max(100 * each.fooled / max(1, each.images) for each in self._found)
        if found.verdict == BACKDOORED and found.target == target and works >= 50:
            return ""
        return (
            f"{TRIGGER_EXCITATION}: triggers were reversed for class {target}, the first suspect, and fool {works:.0f} % of the "
            f"clean images; the examination says: {found.verdict}, so its order may have nothing to do with a backdoor"
        )


def order_by(
    evaluator: PruningSession, ranking: str, seed: int, suspects: SuspectTriggers, reporter: Reporter = SILENT
) -> tuple[int, ...]:
    """The order in which a ranking prunes a profiled layer, with triggers reversed first where it needs any.

    Raises:
        OptionError: there is no ranking of that name.
        Interrupted: the reporter requested a stop.
    """
    entry = RANKINGS.get(ranking)
    if entry is not None and entry.needs_triggers and evaluator.excitation is None:
        excite(evaluator, suspects.find(reporter), reporter)
    return tuple(order_channels(evaluator, ranking, seed))
