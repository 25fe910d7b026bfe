"""Whether the poisoned images show a backdoor, and towards which class."""

from __future__ import annotations

from bdtui.engine.evaluation.target import ALL_TO_ALL
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict.evidence import (
    INCONCLUSIVE,
    MEASURED,
    NO_SIGN,
    NOT_EXAMINED,
    SAFE_ASR,
    baseline,
    part,
)
from bdtui.engine.reports.verdict.words import interval, percent


def kind_of_backdoor(run: RunRecord) -> str:
    """Whether poisoned images show a backdoor: a word of a verdict."""
    rates = baseline(run)
    if rates.attack is None:
        return NOT_EXAMINED
    low, high = rates.attack.wilson_interval()
    # A network that is often wrong gives the attacker's class to some images without any trigger.
    chance = max(SAFE_ASR, 100 - rates.clean.percent if rates.clean else 0.0)
    # Where true classes are not known, some images may be of that class anyway.
    own = 100 / run.model.classes if rates.recovered is None else 0.0
    return NO_SIGN if high <= chance else MEASURED if low > max(chance, own) else INCONCLUSIVE


def finding(run: RunRecord, backdoor: str) -> str:
    """The first sentence: what poisoned images show."""
    attack = baseline(run).attack
    if attack is None:
        return "Not examined: no poisoned images were given, so whether there is a backdoor was not measured."
    measured = f"{percent(attack)} of {attack.images:,} poisoned {part(run)} images ({interval(attack)})"
    if backdoor == NO_SIGN:
        return f"No sign of this trigger: {measured} get the attacker's class."
    if backdoor == INCONCLUSIVE:
        return f"Inconclusive: {measured} get the attacker's class, which may be chance."
    if run.target == ALL_TO_ALL:
        return f"Backdoor, all-to-all: {measured} get the class of their label; if labels are true classes, it is no attack."
    towards = "" if run.target is None else f" towards {run.model.class_text(int(run.target))}"
    return f"Backdoor{towards}: {measured}."
