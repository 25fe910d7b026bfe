"""Whether the backdoor survives pruning."""

from __future__ import annotations

from collections.abc import Iterator

from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict.evidence import MEASURED, SAFE_ASR, is_complete, measured_networks
from bdtui.engine.reports.verdict.words import interval, percent


def survives_pruning(run: RunRecord) -> bool | None:
    """Whether the backdoor survives at every threshold; None where the images do not tell."""
    intervals = [attack.wilson_interval() for _, attack in measured_networks(run)]
    if any(high <= SAFE_ASR for _, high in intervals):
        return False
    return True if intervals and all(low > SAFE_ASR for low, _ in intervals) else None


def survival(run: RunRecord, survives: bool | None, backdoor: str) -> Iterator[str]:
    """What pruning leaves of the backdoor, where there is one."""
    if backdoor != MEASURED:
        return
    networks = measured_networks(run)
    if not networks:
        if run.thresholds and is_complete(run):
            yield f"Pruning {run.layer.owner} never cost {run.thresholds[0].drop:g} points, so no network was saved."
        return
    threshold, attack = min(networks, key=lambda network: network[1].percent)
    left = f"Pruning {run.layer.owner} to −{threshold.drop:g} points leaves {percent(attack)}"
    if survives is None:
        yield f"{left} ({interval(attack)}): too few images to tell whether the backdoor survives."
    else:
        yield f"{left}: it survives." if survives else f"{left}: pruning removes this trigger's effect."
