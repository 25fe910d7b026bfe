"""Names of methods that were asked for together."""

from __future__ import annotations

from collections.abc import Sequence

from bdtui.engine.errors import OptionError

_NOTHING = "none"


def each_once(names: Sequence[str] | None, kind: str) -> tuple[str, ...]:
    """The names in order, each once; ``none`` alone stands for no name.

    Args:
        names: as they were given; None for not at all.
        kind: of what they are names, e.g. ``repair``.

    Raises:
        OptionError: ``none`` stands beside others.
    """
    asked = tuple(dict.fromkeys(names or ()))
    others = tuple(name for name in asked if name != _NOTHING)
    if others and others != asked:
        raise OptionError(
            f"{_NOTHING} stands for no {kind}, and was given beside {', '.join(others)}; expected it alone"
        )
    return others
