"""What an examination has found so far, kept beside the journal: an examination that was stopped or killed goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bdtui.engine.detect.evidence import Evidence, ReversedTrigger
from bdtui.engine.detect.evidence_file import read_evidence, write_evidence
from bdtui.engine.detect.examination import Examination
from bdtui.engine.detect.methods import METHODS
from bdtui.engine.errors import OutputError
from bdtui.engine.runs.journal import Journal

_SMALL, _STRONG = "small-triggers", "strong-triggers"
DETECTED, REVERSED = "detected", "reversed"
"""For whom evidence is kept: what a person asked to detect is reported; what a ranking or a repair looked for is not."""


class KeptEvidence:
    """The files beside a journal that hold what methods found, each under the hash that the journal knows.

    Args:
        journal: of a run or of a session; one in memory keeps nothing.
        whose: `DETECTED` or `REVERSED`.
    """

    def __init__(self, journal: Journal, whose: str = DETECTED) -> None:
        self._journal, self._whose = journal, whose
        self._kept: dict[str, tuple[int, ...]] = {}

    def is_there(self) -> bool:
        """Whether any method has left something, of whatever it was."""
        return any(path.exists() for _, path in self._paths())

    def restore(self, examination: Examination) -> bool:
        """Give to an examination what was found before of the same network, images and seed; whether that was something.

        A file that is damaged, or that the journal does not know, is passed over: its method runs again.
        """
        subject = examination.subject
        for name, path in self._paths():
            if not self._journal.find_artifact(path, _source(examination)):
                continue
            try:
                found = read_evidence(path, subject.classes, subject.image_shape)
            except ValueError:
                continue
            triggers = {trigger.target: trigger for trigger in found.triggers}
            if name == _SMALL:
                examination.triggers.update(triggers)
            elif name == _STRONG:
                examination.strong_triggers.update(triggers)
            else:
                examination.know(name, found)
            self._kept[name] = tuple(triggers)
        examination.seconds = sum(part.seconds for part in examination.parts.values())
        return bool(self._kept)

    def keep(self, examination: Examination) -> None:
        """Keep what an examination has found since it was last kept.

        Raises:
            OutputError: it cannot be written, and the journal has nobody to tell.
        """
        if self._journal.path is None or self._journal.is_lost:
            return
        found = dict(examination.parts)
        by_methods = {trigger.target for part in found.values() for trigger in part.triggers}
        small = [trigger for target, trigger in examination.triggers.items() if target not in by_methods]
        for name, triggers in ((_SMALL, small), (_STRONG, list(examination.strong_triggers.values()))):
            if triggers:
                found[name] = _only_triggers(triggers)
        paths = dict(self._paths())
        for name, evidence in found.items():
            targets = tuple(trigger.target for trigger in evidence.triggers)
            if self._kept.get(name) == targets:
                continue
            try:
                write_evidence(paths[name], evidence)
            except OutputError as problem:
                self._journal.lose(problem)
                return
            self._journal.keep_artifact(paths[name], _source(examination))
            self._kept[name] = targets

    def _paths(self) -> Iterator[tuple[str, Path]]:
        if self._journal.path is not None:
            for name in (*METHODS, _SMALL, _STRONG):
                yield name, self._journal.path.with_name(f"{self._whose}-{name}.npz")


def _only_triggers(triggers: list[ReversedTrigger]) -> Evidence:
    return Evidence(np.empty(0), np.nan, None, 0.0, tuple(triggers))


def _source(examination: Examination) -> str:
    """Of what the evidence is, as far as the journal does not look at it: another seed finds other numbers."""
    clean = examination.clean
    images = "no images" if clean is None else f"{len(clean.images)} images"
    ends = ",".join(
        f"{np.asarray(end).ravel().tolist()}" for end in (examination.subject.low, examination.subject.high)
    )
    return f"detected seed {examination.subject.seed} on {images} in {ends}"
