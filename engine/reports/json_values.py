"""Checks what JSON from anywhere holds: each function gives the value, or raises TypeError or ValueError."""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose, isfinite
from typing import Any

from bdtui.engine.event_values import Estimate
from bdtui.engine.rates import Rates, Share


def read_rates(content: Mapping[str, Any], clean: int, poisoned: int) -> Rates:
    """Rates with their counts again: a percentage of so many images is one count.

    Results that do not say of how many images the attack success is, are of an earlier version that took all.
    """
    attacked = integer(content.get("attack_images", poisoned))
    if attacked > poisoned:
        raise ValueError(f"{attacked} of {poisoned} images")
    return Rates(
        clean=read_share(content["clean_accuracy"], clean),
        attack=read_share(content["attack_success_rate"], attacked),
        recovered=read_share(content.get("recovered_accuracy"), poisoned),
        clean_flagged=read_share(content.get("clean_flagged"), clean),
        poisoned_flagged=read_share(content.get("poisoned_flagged"), poisoned),
    )


def read_share(percent: Any, images: int) -> Share | None:
    """A percentage of so many images as the count that it is; None for none."""
    if percent is None:
        return None
    hits = round(number(percent) * images / 100)
    if not 0 <= hits <= images or not images or not isclose(Share(hits, images).percent, percent, abs_tol=1e-9):
        raise ValueError(f"{percent} % of {images} images")
    return Share(hits, images)


def read_estimate(content: Mapping[str, Any]) -> Estimate | None:
    """The estimate beside some rates; None where there is none."""
    if (found := content.get("estimate")) is None:
        return None
    low, high = number(found["low"]), number(found["high"])
    if not 0 <= low <= high <= 100:
        raise ValueError(f"between {low} and {high} %")
    return Estimate(low, high)


def text(value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def file_name(value: Any) -> str:
    """A name in the folder of the run: nothing that leads elsewhere."""
    if not text(value) or set(value) & set("/\\\0") or value in (".", ".."):
        raise ValueError(f"{value!r} is no file name")
    return str(value)


def flag(value: Any) -> bool:
    """True or false."""
    if type(value) is not bool:
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def integer(value: Any) -> int:
    """A whole number."""
    if type(value) is not int:
        raise TypeError(f"{value!r} is no whole number")
    return value


def integer_or_none(value: Any) -> int | None:
    """A whole number or nothing."""
    return None if value is None else integer(value)


def number(value: Any) -> float:
    """A finite number."""
    if type(value) not in (int, float) or not isfinite(value):
        raise TypeError(f"{value!r} is no number")
    return float(value)
