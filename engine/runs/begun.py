"""What the run in a folder was begun with, so that resuming it means the same run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bdtui.engine.errors import OptionError
from bdtui.engine.inputs.recipe import Recipe, read_recipe
from bdtui.engine.option import Option, flag_of, options_of
from bdtui.engine.reports.file_names import RECIPE
from bdtui.engine.runs.journal_folder import read_begun_recipe
from bdtui.engine.settings import RunSettings


def begun_recipe(out: Path, declared: type[RunSettings] = RunSettings) -> Recipe:
    """What the run in a folder was begun with: its journal knows, and else the recipe that it wrote.

    Raises:
        OptionError: the folder holds no run.
        DataError: its journal is none.
        OutputError: another bdtui is writing to the folder.
    """
    recipe = read_begun_recipe(out)
    if recipe is not None:
        return recipe
    path = out / RECIPE
    if not out.exists():
        raise OptionError(f"{out}: no such folder; expected the folder of a run to resume")
    if not path.exists():
        raise OptionError(f"{out}: contains no run to resume; expected a folder with a journal or {RECIPE}")
    return read_recipe(path, declared)


def refuse_changed(
    given: Mapping[str, Any], begun: Recipe, folder: Path, declared: type[RunSettings] = RunSettings
) -> None:
    """Raise `OptionError` where an option is not what the run was begun with; what the run found out may be left open."""
    known = options_of(declared)
    for name, value in given.items():
        option = known[name]
        before = begun.settings.get(name, option.default)
        # The journal holds what was found in place of "auto".
        if option.may_change or value in ("auto", before) or _same(option, value, before):
            continue
        free = [flag_of(other) for other, option in known.items() if option.may_change]
        raise OptionError(
            f"{folder}: this run was begun with {_shown(option, before)} for {flag_of(name)}, not {_shown(option, value)}; "
            f"expected the same or nothing (only {', '.join(free[:-1])} and {free[-1]} may change), or another --out"
        )


def _same(option: Option, value: Any, before: Any) -> bool:
    """Whether two ways to write an option mean the same: a file by another path, a layer of a model in the model."""
    file, file_before = option.file(value), option.file(before)
    if file is not None and file_before is not None:
        return file.resolve() == file_before.resolve()
    return isinstance(before, str) and before.endswith(f"/{value}")


def _shown(option: Option, value: Any) -> str:
    if value is None:
        return "nothing"
    written = option.kind.dump(value)
    return ",".join(map(str, written)) if isinstance(written, list) else str(written)
