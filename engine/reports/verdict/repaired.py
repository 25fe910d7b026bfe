"""What every repair came to, and what can be said of it without poisoned images."""

from __future__ import annotations

from collections.abc import Iterator

from bdtui.engine.rates import NO_RATES
from bdtui.engine.repair.result import Repair
from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict.words import percent


def repairs(run: RunRecord) -> Iterator[str]:
    """What every repair came to, and what can be said of it without poisoned images."""
    for repair in run.repairs:
        tested = repair.test != NO_RATES
        rates, images = (repair.test, "test images") if tested else (repair.valid, _validation_images(repair))
        measured = [f"clean accuracy {percent(rates.clean)}"] if rates.clean else []
        measured += [f"ASR {percent(rates.attack)}"] if rates.attack else []
        measured += (
            [f"{percent(rates.recovered)} of the poisoned images get their true class"] if rates.recovered else []
        )
        said = "".join(f" {sentence}" for sentence in repair.sentences)
        yield f"Repaired by {repair.shown_name}: {', '.join(measured)} ({images}).{said}"


def _validation_images(repair: Repair) -> str:
    """Nobody should take what a network learned by heart for what it can do."""
    if not repair.steps:
        return "validation images"
    return f"validation images; it was trained on {'most of them' if repair.chosen_by.held_out else 'them'}"
