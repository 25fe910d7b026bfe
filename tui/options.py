"""What the options, a recipe and the folder of a run ask for together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bdtui.engine.errors import OptionError
from bdtui.engine.inputs.recipe import Recipe, read_recipe
from bdtui.engine.option import flag_of, options_of
from bdtui.engine.reports.file_names import RECIPE
from bdtui.engine.runs.folder import hold_folder, holds_another_run, holds_run
from bdtui.engine.settings import RunSettings, check_agreement


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
    given = {name: value for name, value in options.items() if name in known}
    if options.get("resume"):
        free = [name for name, option in known.items() if option.may_change]
        fixed = [name for name in ("recipe", *given) if name in options and name not in free]
        if fixed:
            *some, last = map(flag_of, free)
            raise OptionError(
                f"--resume goes on with the run as it was begun; expected it without {flag_of(fixed[0])} "
                f"(only {', '.join(some)} and {last} may change)"
            )
        recipe = _begun_recipe(Path(str(out)), declared)
    elif "recipe" in options:
        recipe = read_recipe(options["recipe"], declared)
    else:
        recipe = Recipe({})
    # A file named by a flag is not the one whose hash the recipe recorded.
    hashes = {name: value for name, value in recipe.sha256.items() if name not in given}
    # What names another network than the flags do, or was made by hand for one.
    kept = {name: value for name, value in recipe.settings.items() if not given.keys() & known[name].displaced_by}
    settings = declared(**{**kept, **given})
    check_agreement(settings)
    out = out or recipe.out
    # Folders on the way that `..` leaves again need not be there.
    return settings, out and Path(os.path.normpath(out)), replace(recipe, sha256=hashes)


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
