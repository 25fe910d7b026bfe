"""What pruning a layer means where that is not what a reader expects: a pruned channel that does not become 0."""

from __future__ import annotations

from collections.abc import Iterator

from bdtui.engine.evaluation.evaluator import PruningSession


def warn_of_layer(session: PruningSession) -> Iterator[str]:
    """A sentence where the layers behind a pruned channel still read something: a sigmoid makes ½ of nothing."""
    value = session.pruned_value
    if value:
        yield (
            f"a pruned channel of {session.source.pruned} does not become 0: with its weights at zero, the layers behind "
            f"it still read {value:.3g}"
        )
