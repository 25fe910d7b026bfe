"""What an examination without poisoned images adds to the verdict of a run; images that measured it weigh more."""

from __future__ import annotations

from collections.abc import Iterator

from bdtui.engine.detect.detection import ALL_TO_ALL, BACKDOORED, NO_SIGN, Detection
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict.evidence import was_repaired_automatically

SUSPECTED = "suspected"


def suspicion(found: Detection) -> str:
    """The verdict's word for what was found: ``suspected``, ``no sign`` or ``inconclusive``."""
    return SUSPECTED if found.verdict == BACKDOORED else found.verdict


def suspected_target(found: Detection) -> int | str | None:
    """The class that the backdoor leads to, of several the first, or ``all-to-all``; None unless it is suspected."""
    return found.target[0] if isinstance(found.target, tuple) else found.target


def detection_finding(run: RunRecord, found: Detection) -> str:
    """What was found, where no poisoned image measured it."""
    return f"{_found(run, found)}; no poisoned image measured it."


def examined(run: RunRecord, found: Detection) -> str:
    """What was found, beside poisoned images or before them."""
    what = _found(run, found)
    return f"Without poisoned images: {what[:1].lower()}{what[1:]}."


def detection_reasons(run: RunRecord, *, is_measured: bool) -> Iterator[str]:
    """Why, and how often such a verdict is wrong; beside measured rates, also what was found.

    Args:
        run: with or without an examination.
        is_measured: whether poisoned images tell what there is.
    """
    found = run.detection
    if found is None:
        return
    if is_measured:
        yield examined(run, found)
    yield from found.reasons[1:]
    estimated = next((each for each in found.suspects if each.surrogate_asr is not None), None)
    if estimated is not None and not is_measured:
        yield (
            f"A trigger reversed for {run.model.class_text(estimated.target)} sends {estimated.surrogate_asr:.0f} % of "
            "clean images there: an estimate, which clean networks allow as well."
        )


def next_by_detection(run: RunRecord, found: Detection) -> str:
    """What to do next, where no poisoned image measured anything."""
    if not run.has_images:
        return "Next: give clean images (--clean-valid): with them triggers are reversed, and the answer is surer."
    suspect = found.suspects[0] if found.suspects else None
    if found.verdict == NO_SIGN or suspect is None or suspect.trigger_file is None:
        return "Next: give poisoned images (--poisoned-valid) or the trigger (--trigger), if there are any."
    if was_repaired_automatically(run):
        return f"Next: look at {suspect.trigger_file}; poisoned images (--poisoned-valid) would measure the network and its repairs."
    return (
        f"Next: look at {suspect.trigger_file}, and repair the network (--repair auto, or f in the app); poisoned images "
        "(--poisoned-valid) would measure it."
    )


def _found(run: RunRecord, found: Detection) -> str:
    if found.verdict == BACKDOORED:
        if found.target == ALL_TO_ALL:
            return "Backdoor suspected, all-to-all: one stamp moves nearly every image, and each class to its own"
        targets = found.target if isinstance(found.target, tuple) else (found.target,)
        named = " and ".join(run.model.class_text(each) for each in targets if isinstance(each, int))
        return f"Backdoor suspected{f', towards {named}' if named else ''}"
    first = f", first suspect {run.model.class_text(found.suspects[0].target)}" if found.suspects else ""
    if found.verdict == NO_SIGN:
        return "No sign of a backdoor: no class lies much closer to everything than the others"
    return f"Inconclusive{first}"
