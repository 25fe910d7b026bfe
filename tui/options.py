"""What the options, a recipe and the folder of a run ask for together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bdtui.engine.errors import OptionError
from bdtui.engine.inputs.recipe import Recipe, read_recipe
from bdtui.engine.reports.file_names import RECIPE
from bdtui.engine.runs.folder import held_folder, holds_another_run, holds_run
from bdtui.engine.settings import ROLES, RunSettings

_FOR_ANOTHER_MACHINE = ("device", "activation_memory")
"""Options that may change when a run goes on: they say what it is computed with, not what."""


def merge_options(options: Mapping[str, Any]) -> tuple[RunSettings, Path | None, Recipe]:
    """The settings that flags and recipe make together; flags win.

    Args:
        options: those given on the command line, by their names with underscores.

    Returns:
        The settings, the output folder if there is one, and the recipe with the hashes that still hold.

    Raises:
        OptionError: the recipe cannot be read, or contradicts the options.
    """
    out: Path | None = options.get("out")
    given = {name: value for name, value in options.items() if name in RunSettings.__dataclass_fields__}
    if options.get("resume"):
        others = [name for name in ("recipe", *given) if name in options and name not in _FOR_ANOTHER_MACHINE]
        if others:
            other = others[0] if others[0] == "model" else f"--{others[0].replace('_', '-')}"
            raise OptionError(
                f"--resume goes on with the run as it was begun; expected it without {other} (only --device and "
                "--activation-memory may change)"
            )
        recipe = _begun_recipe(Path(str(out)))
    elif "recipe" in options:
        recipe = read_recipe(options["recipe"])
    else:
        recipe = Recipe({})
    # A file named by a flag is not the one whose hash the recipe recorded.
    hashes = {name: value for name, value in recipe.sha256.items() if name not in given}
    kept = {name: value for name, value in recipe.settings.items() if name not in _displaced(given)}
    settings = replace(RunSettings(), **{**kept, **given})
    out = out or recipe.out
    # Folders on the way that `..` leaves again need not be there.
    return settings, out and Path(os.path.normpath(out)), replace(recipe, sha256=hashes)


def _begun_recipe(out: Path) -> Recipe:
    """What the run in a folder was begun with: its journal knows, and else the recipe that it wrote."""
    # Not above: it brings numpy and SQLite, which the first paint of other sessions does not wait for.
    from bdtui.engine.runs.journal_folder import begun_recipe

    recipe = begun_recipe(out)
    if recipe is not None:
        return recipe
    path = out / RECIPE
    if not out.exists():
        raise OptionError(f"{out}: no such folder; expected the folder of a run to resume")
    if not path.exists():
        raise OptionError(f"{out}: contains no run to resume; expected a folder with a journal or {RECIPE}")
    return read_recipe(path)


def _displaced(given: Mapping[str, Any]) -> set[str]:
    """What a recipe says that cannot stand beside the flags given.

    Those are the other ways to name a network, and an order made by hand for another one, layer or ranking.
    """
    displaced: set[str] = set()
    if given.keys() & {"model", "weights", "architecture", "sample", "layer", "ranking"}:
        displaced.add("order")
    if "model" in given:
        displaced |= {"architecture", "weights", "sample"}
    if "architecture" in given:
        displaced |= {"model", "sample"}
    if "sample" in given:
        displaced |= {"model", "weights", "architecture", *ROLES}
    return displaced


def check_given(settings: RunSettings) -> None:
    """Raise `OptionError` where what a run needs was not given, before TensorFlow is loaded."""
    if settings.sample:
        return
    if settings.model is None and (settings.architecture is None or settings.weights is None):
        raise OptionError("no model was given; expected MODEL, or --architecture with --weights, or --sample")
    if settings.clean_valid is None:
        raise OptionError("no clean validation images were given; expected --clean-valid FILE")


def check_output_folder(out: Path | None) -> None:
    """Raise `OutputError` where the folder that was asked for holds a run already."""
    if out is not None and holds_run(out):
        # Who writes there now is told first.
        with held_folder(out):
            raise holds_another_run(out)
