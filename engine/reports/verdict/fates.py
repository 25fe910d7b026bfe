"""What a GoodNet makes of poisoned and of clean images."""

from __future__ import annotations

from collections.abc import Iterator

from bdtui.engine.rates import NO_RATES
from bdtui.engine.reports.candidates import Candidate, candidates
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict.words import percent


def goodnet_fates(run: RunRecord, recommended: Candidate | None) -> Iterator[str]:
    """What G makes of poisoned and of clean images: of what is recommended, or where pruning went farthest."""
    goodnets = [one for one in candidates(run) if one.is_goodnet]
    own = [
        one
        for one in goodnets
        if recommended and (one == recommended or (one.repair and one.repair == recommended.repair))
    ]
    pruned = [one for one in goodnets if one.repair is None]
    shown = next((found[-1] for found in (own, pruned, goodnets) if found), None)
    tested = shown is not None and shown.test.poisoned_flagged is not None
    rates = NO_RATES if shown is None else shown.test if tested else shown.valid
    if shown is None or rates.attack is None or rates.poisoned_flagged is None:
        return
    recovered = f", {percent(rates.recovered)} get their true class" if rates.recovered else ""
    alarms = f" It flags {percent(rates.clean_flagged)} of the clean images." if rates.clean_flagged else ""
    left = f", {percent(rates.attack)} still get the attacker's class"
    if rates.attack.images != rates.poisoned_flagged.images:
        # The ASR leaves out images that are of the attacker's class anyway.
        left = (
            f"; of the {rates.attack.images} that are not of the attacker's class {percent(rates.attack)} still get it"
        )
    yield (
        f"{shown.name}: of the poisoned {'test' if tested else 'validation'} images "
        f"{percent(rates.poisoned_flagged)} are flagged{recovered}{left}.{alarms}"
    )
