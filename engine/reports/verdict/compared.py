"""Which of the layers and rankings that were compared does best."""

from __future__ import annotations

from collections.abc import Iterator

from bdtui.engine.reports.record import RunRecord
from bdtui.engine.reports.verdict.words import percent


def comparison(run: RunRecord) -> Iterator[str]:
    """Which of the layers and rankings that were compared does best."""
    if not run.comparison:
        return
    best = run.comparison[0]
    reached = best.best or best.thresholds[-1]
    if reached.step is None or reached.rates.clean is None:
        return
    clean, attack = reached.rates.clean, reached.rates.attack
    left = f"{percent(attack)} ASR at " if attack else f"{reached.step} of {best.channels} channels pruned at "
    yield (
        f"Of {len(run.comparison)} layers and rankings compared, {best.layer} by {best.ranking} does best: {left}"
        f"{percent(clean)} clean accuracy on the validation images (X={reached.drop:g})."
    )
