"""What the options, a recipe and the folder of a run ask for together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bdtui.engine.inputs.recipe import Recipe, read_recipe
from bdtui.engine.option import options_of
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
        # Not above: it brings numpy and SQLite, which the first paint of other sessions does not wait for.
        from bdtui.engine.runs.begun import begun_recipe, refuse_changed

        begun = begun_recipe(folder, declared)
        refuse_changed(given, begun, folder, declared)
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


def check_output_folder(out: Path | None) -> None:
    """Raise `OutputError` where the folder that was asked for holds a run already."""
    if out is not None and holds_run(out):
        # Who writes there now is told first.
        with hold_folder(out):
            raise holds_another_run(out)
