"""The screening methods by name. A new method is a file and an entry here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bdtui.engine.errors import OptionError
from bdtui.engine.lazy_names import lazy_function
from bdtui.engine.screen.method import CLEAN, GOODNET, Score, ScreeningMethod

STRIP, SCALE_UP, IBD_PSC, BY_GOODNET = "strip", "scale-up", "ibd-psc", "goodnet"
DEFAULT = STRIP
"""The best of those measured in docs/detection.md."""


def _of(module: str, function: str) -> Callable[[], Callable[[Any], Score]]:
    return lazy_function(f"bdtui.engine.screen.{module}", function)


METHODS: dict[str, ScreeningMethod] = {
    method.name: method
    for method in (
        ScreeningMethod(
            STRIP,
            "whether the answer stays sure when clean images are laid over",
            CLEAN,
            33,
            _of("strip", "screen_by_strip"),
            "Gao et al. 2019",
        ),
        ScreeningMethod(
            SCALE_UP,
            "whether the class stays when pixels are made brighter",
            CLEAN,
            6,
            _of("scale_up", "screen_by_scaling_pixels"),
            "Guo et al. 2023",
        ),
        ScreeningMethod(
            IBD_PSC,
            "whether the class stays when the network's layers are made louder",
            CLEAN,
            6,
            _of("ibd_psc", "screen_by_scaling_layers"),
            "Hou et al. 2024",
        ),
        ScreeningMethod(
            BY_GOODNET,
            "whether a GoodNet answers N+1: B and its repaired twin disagree",
            GOODNET,
            1,
            _of("by_goodnet", "screen_by_goodnet"),
        ),
    )
}
"""In the order in which they are listed."""


def asked_method(name: str | None, *, goodnet: bool) -> ScreeningMethod:
    """The method that was asked for; without a name the GoodNet if there is one, else the default.

    Raises:
        OptionError: there is no such method, or it and the GoodNet do not go together.
    """
    if name is None:
        return METHODS[BY_GOODNET if goodnet else DEFAULT]
    if name not in METHODS:
        raise OptionError(f"there is no screening method {name!r}; expected one of {', '.join(METHODS)}")
    method = METHODS[name]
    if method.needs == GOODNET and not goodnet:
        raise OptionError(f"--screen-by {name} has no GoodNet to ask; expected --goodnet FILE with it")
    if method.needs != GOODNET and goodnet:
        raise OptionError(f"--screen-by {name} asks no GoodNet, but --goodnet was given; expected one of the two")
    return method
