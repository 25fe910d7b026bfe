"""A sweep's plan as a TOML file: which models, on which data, with which settings; every combination is a run.

Options are those of a recipe, with underscores or hyphens; paths are relative to the plan's own folder.
"""

from __future__ import annotations

import fnmatch
import glob
import itertools
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bdtui.engine.detect.methods import asked_methods as asked_detectors
from bdtui.engine.errors import InputError, OptionError
from bdtui.engine.exports.formats import asked_formats
from bdtui.engine.inputs.recipe import load_options, named_by_fields, parse_toml, read_text
from bdtui.engine.machine.path_text import path_text
from bdtui.engine.machine.quoted_text import quoted
from bdtui.engine.option import flag_of, options_of
from bdtui.engine.pruning.rankings import check_ranking
from bdtui.engine.repair.methods import asked_methods
from bdtui.engine.settings import (
    AUTO,
    SAMPLE_MODEL,
    RunSettings,
    check_agreement,
    check_demands,
    check_given,
    check_network_given,
    check_thresholds,
    is_without_images,
    with_all_said,
)
from bdtui.engine.sweeps.cell import Cell, cell_name

_EXPECTED = "a sweep's plan"
_MOST_CELLS = 100_000
_TABLES = ("models", "cells", "exclude")
_NO_PART_OF_A_RUN = ("screen", "screen_by", "goodnet")


@dataclass(frozen=True)
class SweepPlan:
    """All runs of a sweep.

    Attributes:
        path: of the file.
        cells: in the order of the plan.
        varied: the options that the plan varies, in its order.
        excluded: how many combinations were left out.
    """

    path: Path
    cells: tuple[Cell, ...]
    varied: tuple[str, ...]
    excluded: int = 0

    @property
    def may_use_gpus(self) -> bool:
        """Whether a cell may compute on a GPU."""
        return any(cell.settings.device != "cpu" for cell in self.cells)


@dataclass(frozen=True)
class _Model:
    """A model of the plan, with the options of its block; ``label`` is how the plan names it."""

    label: str
    options: Mapping[str, Any]


def read_plan(path: Path, flags: Mapping[str, Any] | None = None) -> SweepPlan:
    """Read a plan. Files of models are not opened, and need not be there.

    Args:
        path: of the plan.
        flags: options that hold for every cell, and win over the plan's blocks; by field name.

    Raises:
        OptionError: the plan cannot be read, says something unknown or contradictory, or comes to no run.
        InputError: a file beside the models is not there.
    """
    content = parse_toml(read_text(path, _EXPECTED), path, _EXPECTED)
    unknown = next((key for key in content if key not in _TABLES), None)
    if unknown is not None:
        raise OptionError(
            f"{path}: {quoted(unknown)} is not a part of a plan; expected [[models]], [cells] and [[exclude]]"
        )
    flags = dict(flags or {})
    axes = _axes(content.get("cells", {}), path)
    for name in axes:
        if name in flags:
            raise OptionError(
                f"{path}: varies {name!r}, and {flag_of(name)} was given as well; expected one of the two"
            )
    exclusions = [_exclusion(table, path) for table in _tables(content, "exclude", path)]
    models = list(_models(content, path))
    if len(models) * math.prod(map(len, axes.values())) > _MOST_CELLS:
        raise OptionError(f"{path}: comes to more than {_MOST_CELLS:,} runs; expected several plans")
    cells, excluded = list[Cell](), 0
    for model in models:
        for combination in itertools.product(*axes.values()):
            chosen = dict(zip(axes, combination, strict=True))
            cell = _cell(model, chosen, flags, path)
            if any(_matches(cell, exclusion) for exclusion in exclusions):
                excluded += 1
                continue
            cells.append(cell)
    if not cells:
        raise OptionError(f"{path}: every run is excluded; expected one at least")
    _refuse_twins(cells, path)
    _check_files(cells, path)
    return SweepPlan(path, tuple(cells), tuple(axes), excluded)


def _tables(content: Mapping[str, Any], name: str, path: Path) -> list[dict[str, Any]]:
    found = content.get(name, [])
    if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
        raise OptionError(f"{path}: {name!r} is not a list of tables; expected blocks that begin with [[{name}]]")
    return found


def _models(content: Mapping[str, Any], path: Path) -> Iterator[_Model]:
    blocks = _tables(content, "models", path)
    if not blocks:
        raise OptionError(f"{path}: names no models; expected a block [[models]] with glob or path")
    for block in blocks:
        given = named_by_fields(block, path)
        pattern, paths, name = (given.pop(key, None) for key in ("glob", "path", "name"))
        for key in ("model", *_NO_PART_OF_A_RUN):
            if key in given:
                raise OptionError(f"{path}: a block [[models]] has {key!r}; expected glob or path for the models")
        options = load_options(given, path)
        if options.get("sample"):
            if pattern is not None or paths is not None:
                raise OptionError(f"{path}: a block [[models]] has the sample and other models; expected two blocks")
            labels = [SAMPLE_MODEL]
        elif (pattern is None) == (paths is None):
            raise OptionError(
                f"{path}: a block [[models]] has {'both' if pattern else 'neither'} glob and path; expected one"
            )
        else:
            labels = _listed(paths, path) if pattern is None else _found(pattern, path)
        if name is not None and (not isinstance(name, str) or not name.isprintable() or not name or len(labels) > 1):
            raise OptionError(f"{path}: 'name' is {quoted(name)}; expected a short text, in a block with one model")
        for label in labels:
            files = {} if options.get("sample") else {"model": path.parent / label}
            yield _Model(name or path_text(label), {**options, **files})


def _listed(paths: Any, path: Path) -> list[str]:
    listed = [paths] if isinstance(paths, str) else paths
    if not isinstance(listed, list) or not listed or not all(isinstance(one, str) and one for one in listed):
        raise OptionError(f"{path}: 'path' is {quoted(paths)}; expected a path or a list of paths")
    if any("\0" in one for one in listed):
        raise OptionError(f"{path}: 'path' holds a zero byte; expected a path without")
    return listed


def _found(pattern: Any, path: Path) -> list[str]:
    """What a pattern finds, sorted; hidden files only where the pattern names the dot."""
    if not isinstance(pattern, str) or not pattern or "\0" in pattern:
        raise OptionError(f"{path}: 'glob' is {quoted(pattern)}; expected a pattern such as zoo/*.keras")
    found = list(itertools.islice(glob.iglob(pattern, root_dir=path.parent, recursive=True), _MOST_CELLS + 1))  # noqa: PTH207
    if not found:
        raise OptionError(
            f"{path}: no file is called {quoted(pattern)}; expected a pattern of files below {path.parent}"
        )
    if len(found) > _MOST_CELLS:
        raise OptionError(f"{path}: {quoted(pattern)} finds more than {_MOST_CELLS:,} files; expected several plans")
    return sorted(found)


def _axes(table: Any, path: Path) -> dict[str, list[Any]]:
    """The values of every option that varies; None for one that is left to bdtui."""
    if not isinstance(table, dict):
        raise OptionError(f"{path}: 'cells' is not a table; expected [cells] with lists of values")
    axes = {}
    for name, values in named_by_fields(table, path).items():
        if name in ("model", "sample", "device", *_NO_PART_OF_A_RUN):
            raise OptionError(f"{path}: [cells] varies {name!r}, which no sweep can; expected settings of a run")
        if not isinstance(values, list) or not values:
            raise OptionError(f"{path}: {name!r} in [cells] is {quoted(values)}; expected a list of values")
        loaded = [_value(name, value, path) for value in values]
        twice = next((value for place, value in enumerate(values) if loaded[place] in loaded[:place]), None)
        if twice is not None:
            raise OptionError(f"{path}: {name!r} in [cells] has {quoted(twice)} twice; expected each value once")
        axes[name] = loaded
    return axes


def _value(name: str, value: Any, path: Path) -> Any:
    """One value of an option as TOML has it; ``auto`` leaves an option without such a word to bdtui."""
    option = options_of(RunSettings).get(name)
    if option is not None and value == AUTO and option.default is None and not option.may_change:
        return None
    return load_options({name: value}, path)[name]


def _cell(model: _Model, chosen: Mapping[str, Any], flags: Mapping[str, Any], path: Path) -> Cell:
    options = options_of(RunSettings)
    settled = {**chosen, **flags}
    # What a block says of an option that stands against one that is varied or given for all is left out.
    block = {name: value for name, value in model.options.items() if not settled.keys() & {*options[name].displaced_by}}
    if (again := next((name for name in chosen if name in block), None)) is not None:
        raise OptionError(f"{path}: {again!r} stands in [cells] and in the block of {model.label}; expected it in one")
    settings = RunSettings(**{**block, **flags, **{name: value for name, value in chosen.items() if value is not None}})
    # A worker stands in another folder.
    places = {name: options[name].relocate(getattr(settings, name), _absolute) for name in options}
    settings = with_all_said(replace(settings, **places))
    try:
        check_agreement(settings)
        (check_network_given if is_without_images(settings) else check_given)(settings)
        check_demands(settings)
        check_thresholds(settings.thresholds)
        check_ranking(settings.ranking)
        asked_methods(settings.repair)
        asked_detectors(settings.detect)
        asked_formats(settings.formats)
    except OptionError as problem:
        raise OptionError(f"{path}: {model.label}: {problem}") from problem
    varied = {name: AUTO if value is None else options[name].kind.show(value) for name, value in chosen.items()}
    return Cell(cell_name(model.label, varied, settings, path.parent), model.label, varied, settings)


def _exclusion(table: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What the runs to leave out have in common, by option; ``model`` is a pattern."""
    given = named_by_fields(table, path)
    if not given:
        raise OptionError(f"{path}: a block [[exclude]] is empty, which would exclude every run; expected settings")
    pattern = given.pop("model", None)
    if pattern is not None and not isinstance(pattern, str):
        raise OptionError(f"{path}: 'model' in [[exclude]] is {quoted(pattern)}; expected a path or a pattern")
    values = {name: _value(name, value, path) for name, value in given.items()}
    return values if pattern is None else {**values, "model": pattern}


def _matches(cell: Cell, exclusion: Mapping[str, Any]) -> bool:
    return all(
        fnmatch.fnmatchcase(cell.model, value) if name == "model" else getattr(cell.settings, name) == value
        for name, value in exclusion.items()
    )


def _refuse_twins(cells: list[Cell], path: Path) -> None:
    names = set[str]()
    for cell in cells:
        # File systems that do not tell cases apart would give both one folder.
        if cell.name.casefold() in names:
            raise OptionError(f"{path}: comes to the same run of {cell.model} twice; expected each once")
        names.add(cell.name.casefold())


def _check_files(cells: list[Cell], path: Path) -> None:
    """Refuse files that are not there now; a model that is not there is a failed row, and ends no sweep."""
    options, seen = options_of(RunSettings), set[tuple[str, Path]]()
    devices = {cell.settings.device for cell in cells}
    if len(devices) > 1:
        raise OptionError(f"{path}: asks for the devices {', '.join(sorted(devices))}; expected one for all runs")
    for cell in cells:
        for name, option in options.items():
            file = option.file(getattr(cell.settings, name))
            if name == "model" or file is None or (name, file) in seen:
                continue
            seen.add((name, file))
            try:
                option.kind.require(file)
            except InputError as problem:
                raise type(problem)(f"{path}: {problem}") from problem


def _absolute(file: Path) -> Path:
    return Path(os.path.abspath(file))  # noqa: PTH100 (links stay links)
