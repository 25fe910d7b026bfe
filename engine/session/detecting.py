"""The examination of the network that a person works on, while they work on it."""

from __future__ import annotations

from collections.abc import Callable

from bdtui.engine.detect.detection import Detection
from bdtui.engine.detect.examination import Examination
from bdtui.engine.detect.methods import AUTO, METHODS, planned_methods
from bdtui.engine.detect.surrogate import SurrogateLayer, surrogate_of
from bdtui.engine.detect.weighing import class_scores
from bdtui.engine.errors import OptionError
from bdtui.engine.event_values import Estimate
from bdtui.engine.events import ClassesRanked, DetectorFinished, Event
from bdtui.engine.network.channels import find_source
from bdtui.engine.network.pruned_channels import PrunedChannels
from bdtui.engine.reporter import Reporter
from bdtui.engine.runs.detecting import examine, finished_event, suspected_classes
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.kept_evidence import KeptEvidence
from bdtui.engine.runs.preparation import PreparedRun
from bdtui.engine.session.jobs import Job
from bdtui.engine.session.requests import Detect
from bdtui.engine.session.trigger_pictures import show_trigger
from bdtui.engine.settings import CLEAN_VALID, POISONED_VALID


class Detecting(Job):
    """An examination, under way or concluded.

    Args:
        prepared: the run as it was opened.
        reporter: receives what was found before.
        journal: gives the journal that what is found is kept in.
        concluded: is called with each conclusion.
    """

    work = Detect.work

    def __init__(
        self,
        prepared: PreparedRun,
        reporter: Reporter,
        journal: Callable[[], Journal],
        concluded: Callable[[], None],
    ) -> None:
        self._prepared, self._reporter, self._journal, self._concluded = prepared, reporter, journal, concluded
        self._examination: Examination | None = None
        self._names: tuple[str, ...] = ()
        self._shown: set[tuple[int, bool]] = set()
        self.detection: Detection | None = None
        """The conclusion so far; None before there is any."""

    @property
    def examination(self) -> Examination:
        """The network with its images; they are read for the first who asks."""
        if self._examination is None:
            self._examination = self._prepared.suspects.examination
        return self._examination

    def ask(self, methods: tuple[str, ...]) -> None:
        """Run these methods next."""
        self._names = methods

    def restore(self, journal: Journal) -> None:
        """Take up, and show, what the journal of an earlier session knows."""
        kept = KeptEvidence(journal)
        if kept.is_there() and kept.restore(self.examination):
            self._conclude()

    def keep_in(self, journal: Journal) -> None:
        """Keep all that was found in another journal as well.

        Raises:
            OutputError: it cannot be written.
        """
        if self._examination is not None and self._examination.parts:
            KeptEvidence(journal).keep(self._examination)

    def emit_again(self) -> None:
        """Show once more what was found, after something else could not be opened."""
        self._shown.clear()
        self._conclude()

    def run(self, reporter: Reporter) -> None:
        """See `Job.run`."""
        examination = self.examination
        self._show_ranking()
        examine(examination, self._names, self._journal(), reporter.also(self._follow))
        self._conclude(emit=False)

    def conclude(self) -> str:
        """See `Job.conclude`."""
        self._conclude()
        done = 0 if self._examination is None else len(self._examination.parts)
        return f"detection stopped; {done} of {len(self._planned())} methods have run" if done else "detection stopped"

    def stand_in(self) -> Callable[[str, PrunedChannels], Estimate | None]:
        """What the reversed triggers of the first suspect do with channels of a layer pruned.

        Raises:
            OptionError: there are poisoned images, or nothing can stand in for them.
        """
        opened, found = self._prepared.inputs, self.detection
        if POISONED_VALID in opened.data:
            raise OptionError("poisoned images are open: ASR is measured with them, and needs no estimate")
        if found is None or self.examination.clean is None:
            raise OptionError("no trigger is reversed yet; detect first")
        surrogate = surrogate_of(found, self.examination.clean, opened.data[CLEAN_VALID])
        if surrogate is None:
            raise OptionError("no reversed trigger can stand in for poisoned images here")
        layers: dict[str, SurrogateLayer] = {}

        def estimate(layer: str, pruned: PrunedChannels) -> Estimate | None:
            if layer not in layers:
                layers[layer] = surrogate.of_layer(
                    opened.model, find_source(opened.model.network, layer), self._reporter
                )
            return layers[layer].at(pruned, self._reporter)

        return estimate

    def _conclude(self, *, emit: bool = True) -> None:
        examination = self._examination
        if examination is None or not examination.parts:
            return
        self.detection = examination.conclude()
        self._show_ranking()
        self._show_triggers()
        if emit:
            self._reporter.emit(finished_event(self.detection))
        self._concluded()

    def _follow(self, event: Event) -> None:
        if isinstance(event, DetectorFinished):
            self._show_ranking()
            self._show_triggers()

    def _planned(self) -> tuple[str, ...]:
        examination = self.examination
        clean = examination.clean
        images, labels = (0, False) if clean is None else (len(clean.images), clean.labels is not None)
        auto = planned_methods(examination.subject.classes, images, labels=labels)
        asked = [each for name in self._names for each in (auto if name == AUTO else (name,))]
        return tuple(dict.fromkeys([*examination.parts, *asked]))

    def _show_ranking(self) -> None:
        examination = self.examination
        found = examination.conclude()
        self._reporter.emit(
            ClassesRanked(
                tuple(class_scores(examination.parts, examination.subject.classes).tolist()),
                suspected_classes(found),
                found.verdict,
                found.reasons,
                tuple(name for name in METHODS if name in examination.parts),
                self._planned(),
            )
        )

    def _show_triggers(self) -> None:
        """Show the triggers of the two first suspects, each once."""
        examination = self.examination
        is_bgr = self._prepared.inputs.data[CLEAN_VALID].preprocessing.reverses_channels
        for suspect in examination.conclude().suspects[:2]:
            for trigger, strong in ((suspect.trigger, False), (suspect.strong_trigger, True)):
                if trigger is not None and (suspect.target, strong) not in self._shown:
                    self._shown.add((suspect.target, strong))
                    self._reporter.emit(show_trigger(examination, trigger, strong=strong, is_bgr=is_bgr))
