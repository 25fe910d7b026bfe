"""The examination of a run: what methods find is kept as it comes, and reversed triggers are written as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bdtui.engine.detect.detection import Detection, Suspect
from bdtui.engine.detect.examination import Examination
from bdtui.engine.detect.methods import AUTO, POOL, asked_methods
from bdtui.engine.detect.surrogate import Surrogate, surrogate_of
from bdtui.engine.event_values import SuspectedClass
from bdtui.engine.events import DetectionFinished
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.reporter import Reporter
from bdtui.engine.reports.file_names import mask_name, trigger_name
from bdtui.engine.reports.trigger_png import mask_pixels, trigger_pixels, write_trigger
from bdtui.engine.runs.files import RunFiles
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.kept_evidence import KeptEvidence
from bdtui.engine.runs.pool import judge_labelled_pool
from bdtui.engine.runs.preparation import PreparedRun
from bdtui.engine.settings import CLEAN_VALID, POISONED_VALID


@dataclass(frozen=True)
class Examined:
    """What an examination of a run came to.

    Attributes:
        detection: the conclusion.
        surrogate: what stands in for poisoned validation images; None where there are such, or nothing can.
    """

    detection: Detection
    surrogate: Surrogate | None


def detect_backdoor(prepared: PreparedRun, files: RunFiles, journal: Journal, reporter: Reporter) -> Examined | None:
    """Carry out the examination that was asked for, or take up what a person in the app has found.

    Args:
        prepared: the run.
        files: of the run.
        journal: of its folder.
        reporter: receives progress; is asked whether to stop.

    Returns:
        What it found; None where nobody asked.

    Raises:
        OutputError: the folder cannot be written to.
        Interrupted: the reporter requested a stop; what was found until then is kept.
    """
    names = asked_methods(prepared.inputs.settings.detect)
    if POOL in names:
        judge_labelled_pool(prepared.inputs, files, reporter)
        names = tuple(name for name in names if name != POOL)
    if not names and not KeptEvidence(journal).is_there():
        return None
    examination = prepared.suspects.examination
    if names and AUTO not in names:
        # A ranking by reversed triggers has run more than was asked for here.
        examination = examination.limited_to(names)
    found = examine(examination, names, journal, reporter)
    if not found.parts:
        return None
    data = prepared.inputs.data
    clean = data[CLEAN_VALID]
    given = None if POISONED_VALID in data or examination.clean is None else examination.clean
    surrogate = None if given is None else surrogate_of(found, given, clean)
    return Examined(with_pictures(found, examination, files, clean), surrogate)


def examine(examination: Examination, names: Sequence[str], journal: Journal, reporter: Reporter) -> Detection:
    """Run methods, and keep what each has found in the journal; what the journal knows is not done again.

    Args:
        examination: of the network.
        names: of methods, or ``auto``; without any, only what is known is concluded from.
        journal: of the run or the session.
        reporter: receives progress, `DetectorFinished` and, at the end, `DetectionFinished`.

    Raises:
        OptionError: a method needs images that are not there.
        OutputError: what was found cannot be kept.
        Interrupted: the reporter requested a stop; ``examination.conclude()`` says what is known by then.
    """
    kept = KeptEvidence(journal)
    kept.restore(examination)
    try:
        examination.run(names, reporter.also(lambda event: kept.keep(examination)))
    finally:
        kept.keep(examination)
    found = examination.conclude()
    if names or found.parts:
        reporter.emit(finished_event(found))
    return found


def finished_event(found: Detection) -> DetectionFinished:
    """What was found, for a screen."""
    return DetectionFinished(found.verdict, found.target, found.reasons, suspected_classes(found), found.seconds)


def suspected_classes(found: Detection) -> tuple[SuspectedClass, ...]:
    """The suspects, for a screen."""
    return tuple(
        SuspectedClass(each.target, each.score, each.p, each.surrogate_asr, each.trigger_file)
        for each in found.suspects
    )


def with_pictures(
    found: Detection, examination: Examination, files: RunFiles, clean: LabelledImages | None
) -> Detection:
    """What was found, with the small trigger of each suspect written as pictures where images are pictures.

    Raises:
        OutputError: the folder cannot be written to.
    """
    subject = examination.subject
    is_bgr = clean is not None and clean.preprocessing.reverses_channels

    def written(suspect: Suspect) -> Suspect:
        trigger = suspect.trigger
        if trigger is None or len(subject.image_shape) != 3:
            return suspect
        name, pixels = trigger_name(suspect.target), trigger_pixels(trigger, subject.low, subject.high, is_bgr=is_bgr)
        files.write(name, lambda path: write_trigger(path, pixels))
        files.write(mask_name(suspect.target), lambda path: write_trigger(path, mask_pixels(trigger)))
        return replace(suspect, trigger_file=name)

    return replace(found, suspects=tuple(map(written, found.suspects)))
