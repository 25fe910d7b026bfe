"""What survives a lost connection, a killed process and a full disk: the journal of a run.

Everything a run finishes is written here the moment it is finished, so that ``--resume`` goes on instead of beginning
anew: rates, files, and the moves of a person in the app.
"""

from __future__ import annotations

import json
from collections import UserDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

from bdtui.engine.errors import OutputError
from bdtui.engine.evaluation.measurements import GOODNET, PRUNED, Measured, Measurement
from bdtui.engine.event_values import ComparedOrder
from bdtui.engine.inputs.recipe import Recipe, parse_recipe, write_recipe_text
from bdtui.engine.machine.files import content_sha256
from bdtui.engine.network.pruned_channels import PrunedChannels
from bdtui.engine.option import options_of
from bdtui.engine.pruning.moves import ChooseLayer, ChooseRanking, GoTo, Move, Prune, Redo, Toggle, Undo
from bdtui.engine.rates import Rates, Share
from bdtui.engine.repair.result import Repair
from bdtui.engine.reports.recorded_repairs import repair_from_json
from bdtui.engine.reports.results import compared_from_json
from bdtui.engine.runs.journal_database import (
    LONGEST,
    JournalDatabase,
    Statement,
    delete_all,
    delete_run_values,
    insert_artifact,
    insert_move,
    insert_rates,
    set_run_value,
)
from bdtui.engine.settings import RunSettings

_LAYER, _CHANNELS = "layer", "channels"
"""Names of the run's values that say of what the latest rates are."""
_MOVES: dict[str, Callable[[int], Move]] = {kind.__name__.lower(): kind for kind in (Prune, Undo, Redo, GoTo, Toggle)}
_CHOICES: dict[str, Callable[..., Move]] = {kind.__name__.lower(): kind for kind in (ChooseLayer, ChooseRanking)}
_COMPARED = "compared "
"""What the names of compared orders begin with, among the values about the run."""
_REPAIR = "repair "
"""… and those of repairs."""


class Journal:
    """The journal of one folder, open and held by this process; see `open_run_folder`.

    Args:
        path: of the database, made where it is missing; None for one in memory that nothing survives.

    Attributes:
        database: that holds it.
        is_lost: whether nothing is written any more.
        on_loss: called once when nothing more can be written, after which nothing is; None to raise instead.

    Raises:
        DataError: the file is no journal, or not one of this version.
        OutputError: it cannot be made or written to.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.database = JournalDatabase(path)
        self.on_loss: Callable[[OutputError], None] | None = None
        self.is_lost = False

    def close(self) -> None:
        """Write everything into the one file, and let go of it."""
        self.database.close()

    @property
    def recipe(self) -> Recipe | None:
        """What the run was begun with, and the hashes of its inputs once they were opened; None for a new journal."""
        text = self.database.run_values().get("recipe")
        return None if text is None else parse_recipe(text, self.path or Path())

    def begin(self, settings: RunSettings, sha256: Mapping[str, str]) -> None:
        """Keep what the run is to do; known hashes of inputs as a recipe gives them."""
        self._write(set_run_value("recipe", write_recipe_text(settings, sha256)))

    def identify(self, settings: RunSettings, sha256: Mapping[str, str], versions: Mapping[str, str]) -> bool:
        """Keep what the run works on, now that it is open.

        Args:
            settings: with everything that was found filled in.
            sha256: of the inputs, by field name.
            versions: of everything that decides the last bit of a number, by name.

        Returns:
            Whether what the journal holds was measured with other versions or of other pixels, and was forgotten
            therefore.
        """
        reading = {
            name: getattr(settings, name) for name, option in options_of(settings).items() if option.reads_pixels
        }
        measured = {"inputs": dict(sha256), "versions": dict(versions), **reading}
        now, before = json.dumps(measured, sort_keys=True), self.database.run_values().get("measured of")
        outdated = before is not None and before != now
        self._write(
            *([delete_all("rates"), delete_all("artifacts"), delete_run_values(_COMPARED)] if outdated else []),
            set_run_value("measured of", now),
            set_run_value("recipe", write_recipe_text(settings, sha256)),
        )
        return outdated

    @property
    def holds_work(self) -> bool:
        """Whether anything is here that would have to be done again without it."""
        return self.database.holds_work()

    @property
    def steps_measured(self) -> int:
        """At how many steps of the present layer a network was measured on the validation sets, without the unpruned one."""
        return self.database.count_steps(PRUNED, "valid", self.database.run_values().get(_LAYER))

    @property
    def channels(self) -> int | None:
        """How many channels the present layer has, which is how many steps there are; None where that is not known."""
        text = self.database.run_values().get(_CHANNELS, "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else None

    def stand_at(self, layer: str, channels: int) -> None:
        """Keep which layer is worked on; what is measured of others does not count as steps."""
        known = self.database.run_values()
        if (known.get(_LAYER), known.get(_CHANNELS)) != (layer, str(channels)):
            self._write(set_run_value(_LAYER, layer), set_run_value(_CHANNELS, str(channels)))

    def measured(self, layer: str, channels: int) -> Measured:
        """The rates of the networks of a layer with so many channels; what is put in is kept at once.

        Raises:
            DataError: the journal holds rates that no such network has.
        """
        if _LAYER not in self.database.run_values():
            self.stand_at(layer, channels)
        return _JournalledRates(self._rates(layer, channels), partial(self._keep_rates, layer))

    def keep_artifact(self, path: Path, network: str = "") -> str:
        """Keep that a file of the run lies under its final name.

        Args:
            path: of the file.
            network: for a model, which one it is; see `network_name`.

        Returns:
            The file's sha256; of a folder that of its files (`content_sha256`).
        """
        sha256 = content_sha256(path)
        self._write(insert_artifact(path.name, network, sha256))
        return sha256

    def find_artifact(self, path: Path, network: str) -> str:
        """The sha256 of a file that is there as it was written, and is of that network; empty where there is none."""
        row = self.database.artifact(path.name)
        if row is None or row[0] != network or path.is_symlink() or not path.exists():
            return ""
        sha256 = content_sha256(path)
        return sha256 if sha256 == row[1] else ""

    @property
    def moves(self) -> list[Move]:
        """The moves from step 0 of the layer and the ranking that the recipe names."""
        try:
            return [_move_of(kind, value) for kind, value in self.database.moves()]
        except (ValueError, TypeError, RecursionError):
            raise self.database.no_journal("holds an impossible move") from None

    def keep_moves(self, moves: Sequence[Move]) -> None:
        """Keep moves that were made, once where they led was measured."""
        self._write(*(insert_move(*_written_move(move)) for move in moves))

    def compared(self, clean: int, poisoned: int) -> list[ComparedOrder]:
        """The layers and rankings that were compared, in no order.

        Args:
            clean: number of clean validation images.
            poisoned: number of poisoned ones.
        """
        rows = [text for name, text in self.database.run_values().items() if name.startswith(_COMPARED)]
        try:
            return [compared_from_json(json.loads(text), clean, poisoned) for text in rows]
        except (ValueError, RecursionError):
            raise self.database.no_journal("holds an impossible comparison") from None

    def keep_compared(self, orders: Sequence[ComparedOrder]) -> None:
        """Keep orders that were measured to their end."""
        self._write(
            *(set_run_value(f"{_COMPARED}{one.ranking} {one.layer}", json.dumps(one.as_json())) for one in orders)
        )

    def repairs(self, valid: tuple[int, int], test: tuple[int, int]) -> dict[str, Repair]:
        """The repairs that were finished, by the name of the repaired network.

        Args:
            valid: numbers of clean and of poisoned validation images.
            test: the same of the test images.
        """
        rows = self.database.run_values().items()
        found = {name.removeprefix(_REPAIR): text for name, text in rows if name.startswith(_REPAIR)}
        try:
            return {name: repair_from_json(json.loads(text), valid, test) for name, text in found.items()}
        except (ValueError, RecursionError):
            raise self.database.no_journal("holds an impossible repair") from None

    def keep_repair(self, network: str, repair: Repair) -> None:
        """Keep a repair whose files lie under their final names."""
        self._write(set_run_value(f"{_REPAIR}{network}", json.dumps(repair.as_json())))

    def _rates(self, layer: str, channels: int) -> dict[Measurement, Rates]:
        found = {}
        for network, part, pruned, rates in self.database.rates(layer):
            try:
                if network not in (PRUNED, GOODNET) or part not in ("valid", "test"):
                    raise ValueError
                measurement, counted = Measurement(network, part, _read(pruned, channels)), _rates_of(json.loads(rates))
                if (network, part) == (PRUNED, "valid") and counted.clean is None:
                    raise ValueError
                found[measurement] = counted
            except (ValueError, TypeError, RecursionError):
                raise self.database.no_journal("holds impossible rates") from None
        return found

    def _keep_rates(self, layer: str, measurement: Measurement, rates: Rates) -> None:
        counts = {name: None if share is None else [share.hits, share.images] for name, share in _shares(rates)}
        pruned = _written(measurement.pruned)
        self._write(insert_rates(layer, measurement.network, measurement.part, pruned, json.dumps(counts)))

    def _write(self, *statements: Statement) -> None:
        """Write all of it or nothing; after `on_loss` was called, nothing more."""
        if self.is_lost or not statements:
            return
        try:
            self.database.write(*statements)
        except OutputError as problem:
            self.lose(problem)

    def lose(self, problem: OutputError) -> None:
        """Keep nothing more, since something could not be written; raise the problem where nobody is to be told."""
        if self.on_loss is None:
            raise problem
        # A hole in what is kept would be worse than an end.
        self.is_lost = True
        self.on_loss(problem)


class _JournalledRates(UserDict[Measurement, Rates]):
    """Rates in memory that are written down as they come."""

    def __init__(self, known: dict[Measurement, Rates], keep: Callable[[Measurement, Rates], None]) -> None:
        super().__init__()
        self.data = known
        self._keep = keep

    def __setitem__(self, measurement: Measurement, rates: Rates) -> None:
        self._keep(measurement, rates)
        super().__setitem__(measurement, rates)


def _written_move(move: Move) -> tuple[str, int]:
    """The name of a move, with what was chosen, and its number."""
    name, values = type(move).__name__.lower(), list(asdict(move).values())
    return (f"{name} {json.dumps(values)}", 0) if name in _CHOICES else (name, *values)


def _move_of(kind: Any, value: Any) -> Move:
    if not isinstance(kind, str) or len(kind) > LONGEST or type(value) is not int:
        raise ValueError
    if kind in _MOVES:
        return _MOVES[kind](value)
    name, _, text = kind.partition(" ")
    chosen = json.loads(text)
    if name not in _CHOICES or not isinstance(chosen, list) or not chosen or not isinstance(chosen[0], str):
        raise ValueError
    if not all(choice is None or isinstance(choice, str) for choice in chosen):
        raise ValueError
    return _CHOICES[name](*chosen)


def network_name(layer: str, pruned: PrunedChannels) -> str:
    """What the journal calls a network: the layer, and the channels of it that are pruned."""
    return f"{layer} {_written(pruned)}"


def _written(pruned: PrunedChannels) -> str:
    return json.dumps(list(pruned), separators=(",", ":"))


def _read(text: Any, channels: int) -> PrunedChannels:
    if not isinstance(text, str) or len(text) > LONGEST:
        raise ValueError
    pruned = json.loads(text)
    if not isinstance(pruned, list) or not all(type(channel) is int and 0 <= channel < channels for channel in pruned):
        raise ValueError
    return PrunedChannels.of(pruned)


def _shares(rates: Rates) -> list[tuple[str, Share | None]]:
    return [(field.name, getattr(rates, field.name)) for field in fields(Rates)]


def _rates_of(counts: Any) -> Rates:
    shares: dict[str, Share | None] = {}
    if not isinstance(counts, dict):
        raise ValueError
    for name, pair in counts.items():
        if pair is not None:
            hits, images = pair
            if type(hits) is not int or type(images) is not int or not 0 <= hits <= images or not images:
                raise ValueError
        shares[name] = None if pair is None else Share(*pair)
    return Rates(**shares)
