"""What the options, a recipe and the folder of a run ask for together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bdtui.engine.errors import OptionError
from bdtui.engine.inputs.recipe import Recipe, read_recipe
from bdtui.engine.option import Option, flag_of, options_of
from bdtui.engine.reports.file_names import RECIPE
from bdtui.engine.runs.folder import hold_folder, holds_another_run, holds_run
from bdtui.engine.settings import RunSettings, check_agreement, with_all_said


def merge_options(
    options: Mapping[str, Any], declared: type[RunSettings] = RunSettings
) -> tuple[RunSettings, Path | None, Recipe]:
    """The settings that flags and recipe make together; flags win.

    Args:
        options: those given on the command line, by their names with underscores.

    Returns:
        The settings, the output folder if there is one, and the recipe with the hashes that still hold.

    Raises:
        OptionError: the recipe cannot be read, or contradicts the options.
    """
    out: Path | None = options.get("out")
    known = options_of(declared)
    flags = {name: value for name, value in options.items() if name in known}
    recipe = read_recipe(options["recipe"], declared) if "recipe" in options else Recipe({})
    # What names another network than the flags do, or was made by hand for one.
    kept = {name: value for name, value in recipe.settings.items() if not flags.keys() & known[name].displaced_by}
    given = {**kept, **flags}
    if options.get("resume"):
        folder = Path(str(out))
        begun = _begun_recipe(folder, declared)
        _refuse_changed(given, begun, known, folder)
        changed = {name: value for name, value in given.items() if known[name].may_change}
        given, hashes = {**begun.settings, **changed}, begun.sha256
    else:
        # A file named by a flag is not the one whose hash the recipe recorded.
        hashes = {name: value for name, value in recipe.sha256.items() if name not in flags}
    out = out or recipe.out
    # Folders on the way that `..` leaves again need not be there.
    settings = with_all_said(declared(**given))
    check_agreement(settings)
    return settings, out and Path(os.path.normpath(out)), Recipe(given, out, hashes)


def _refuse_changed(given: Mapping[str, Any], begun: Recipe, known: Mapping[str, Option], folder: Path) -> None:
    """Raise `OptionError` where an option is not what the run was begun with; what the run found out may be left open."""
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


def _begun_recipe(out: Path, declared: type[RunSettings]) -> Recipe:
    """What the run in a folder was begun with: its journal knows, and else the recipe that it wrote."""
    # Not above: it brings numpy and SQLite, which the first paint of other sessions does not wait for.
    from bdtui.engine.runs.journal_folder import read_begun_recipe

    recipe = read_begun_recipe(out)
    if recipe is not None:
        return recipe
    path = out / RECIPE
    if not out.exists():
        raise OptionError(f"{out}: no such folder; expected the folder of a run to resume")
    if not path.exists():
        raise OptionError(f"{out}: contains no run to resume; expected a folder with a journal or {RECIPE}")
    return read_recipe(path, declared)


def check_output_folder(out: Path | None) -> None:
    """Raise `OutputError` where the folder that was asked for holds a run already."""
    if out is not None and holds_run(out):
        # Who writes there now is told first.
        with hold_folder(out):
            raise holds_another_run(out)
