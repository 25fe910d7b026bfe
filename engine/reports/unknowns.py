"""What a run leaves open: what its reports say is not known."""

from __future__ import annotations

from collections.abc import Iterator

from bdtui.engine.event_values import RECOMMENDATION, Verdict
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict.evidence import MEASURED, NO_SIGN, baseline, is_complete
from bdtui.engine.reports.verdict.recommendation import recommended_network


def unknowns(run: RunRecord, verdict: Verdict) -> Iterator[str]:
    """A sentence for each thing that was not measured, what matters most first."""
    attack = baseline(run).attack
    if attack is None:
        yield from _without_poisoned_images(run)
    else:
        yield "Other triggers: all rates of attack apply to the trigger of these poisoned images alone."
    if verdict.backdoor == MEASURED and run.target is None:
        yield "The attacker's class: the poisoned images agree on none, or an earlier version did not record it."
    recommended = recommended_network(run) if RECOMMENDATION in verdict.kinds else None
    if recommended is not None and recommended.valid.attack is None and recommended.test.attack is None:
        if recommended.never_saw_badnet:
            yield "Whether the images that the recommended network learned from are clean: it never saw B, and knows them alone."
        else:
            yield "Whether the recommended network still has the backdoor: clean images alone spoke for it."
    if run.has_images and not run.is_tested:
        yield (
            "Rates on images that decided nothing: no test images were given, and validation images chose the networks."
        )
    if attack is not None and baseline(run).recovered is None:
        yield "Which class poisoned images belong to: their file does not say, so recovered accuracy was not measured."
    if run.curve and not is_complete(run):
        yield f"What pruning more than {run.curve[-1].step} of {run.layer.channels} channels does: the curve ends there."
    if verdict.backdoor in (MEASURED, NO_SIGN) and run.detection is None:
        yield "Whether there is another backdoor: nobody looked for one (--detect auto)."
    if verdict.backdoor != NO_SIGN:
        yield "Who put a backdoor there, when, and whether on purpose: rates do not tell."


def unknown_of_detection(run: RunRecord) -> Iterator[str]:
    """What is not known of the examination, and no matter of the networks that were made."""
    if run.detection is not None and not run.detection.calibrated:
        yield "How often detection without poisoned images errs on a network of this kind: it was calibrated on others."


def _without_poisoned_images(run: RunRecord) -> Iterator[str]:
    if run.detection is None:
        yield "Whether it is backdoored: no poisoned images were given, and nobody looked for a backdoor (--detect auto)."
    else:
        yield "How often an attack succeeds: no poisoned images were given; what was examined is no measurement."
    if run.repairs or any(threshold.step is not None for threshold in run.thresholds):
        yield "How the networks saved here answer to a trigger: no poisoned image was put to them."
