"""Reads the repairs of a run from its results.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bdtui.engine.rates import NO_RATES
from bdtui.engine.repair.result import ChosenBy, Repair
from bdtui.engine.reports.json_values import flag, integer, number, read_estimate, read_rates, text

_NOTHING = NO_RATES.as_json()


def repair_from_json(content: Any, valid: tuple[int, int], test: tuple[int, int]) -> Repair:
    """A repair with its counts again.

    Args:
        content: as `Repair.as_json` gives it.
        valid: numbers of clean and of poisoned validation images.
        test: the same of the test images.

    Raises:
        ValueError: it is something else.
    """
    try:
        return Repair(
            method=text(content["method"]),
            seed=integer(content["seed"]),
            seconds=number(content["seconds"]),
            steps=integer(content.get("steps", 0)),
            done=tuple(map(text, content.get("done", ()))),
            sentences=tuple(map(text, content.get("sentences", ()))),
            chosen_by=_chosen_by(content["chosen_by"]),
            change=number(content.get("change", 0.0)),
            model=_text_or_none(content["model"]),
            goodnet=_text_or_none(content["goodnet"]),
            valid=read_rates(content["valid"], *valid),
            test=read_rates(content["test"]["repaired"], *test),
            goodnet_valid=read_rates(content.get("goodnet_valid", _NOTHING), *valid),
            goodnet_test=read_rates(content["test"]["goodnet"], *test),
            estimate=read_estimate(content),
        )
    except (LookupError, TypeError, AttributeError, ArithmeticError) as problem:
        raise ValueError(f"not a repair: {problem!r}") from problem


def _chosen_by(content: Mapping[str, Any]) -> ChosenBy:
    return ChosenBy(
        held_out=integer(content.get("held_out_images", 0)),
        unseen_classes=integer(content.get("unseen_classes", 0)),
        clean_drop=_number_or_none(content["clean_drop"]),
        kind=_text_or_none(content.get("transfer_kind")),
        transfer=_number_or_none(content["transfer"]),
        badnet_transfer=_number_or_none(content.get("badnet_transfer")),
        reference_transfer=_number_or_none(content.get("reference_transfer")),
        left=_number_or_none(content.get("transfer_left")),
        claims=flag(content.get("claims", False)),
    )


def _number_or_none(value: Any) -> float | None:
    return None if value is None else number(value)


def _text_or_none(value: Any) -> str | None:
    return None if value is None else text(value)
