"""Reads the example pictures of a run from its results.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bdtui.engine.reports.json_values import file_name, integer, integer_or_none, text
from bdtui.engine.reports.record import Example, ExampleSheet
from bdtui.engine.settings import ROLES

_MOST = 100
"""Images on a sheet: a run puts a few there."""


def examples_from_json(content: Any) -> tuple[ExampleSheet, ...]:
    """The sheets in what `ExampleSheet.as_json` gave.

    Raises:
        TypeError, ValueError, LookupError: it is something else.
    """
    sheets = tuple(map(_sheet, content))
    if len({sheet.role for sheet in sheets}) < len(sheets):
        raise ValueError("two sheets of one set")
    return sheets


def _sheet(content: Mapping[str, Any]) -> ExampleSheet:
    role, images = text(content["role"]), content["images"]
    if role not in ROLES or not 0 < len(images) <= _MOST:
        raise ValueError(f"{len(images)} images of {role!r}")
    return ExampleSheet(role, file_name(content["file"]), tuple(map(_example, images)))


def _example(content: Mapping[str, Any]) -> Example:
    return Example(
        integer(content["number"]),
        integer(content["label"]),
        integer_or_none(content["true_label"]),
        integer(content["predicted"]),
    )
