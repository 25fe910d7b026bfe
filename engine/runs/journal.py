"""What survives a lost connection, a killed process and a full disk: the journal of a run.

Everything a run finishes is written here the moment it is finished, so that ``--resume`` goes on instead of beginning
anew: rates, files, and the moves of a person in the app. It is an SQLite database in write-ahead mode in a folder of
its own, which only its owner may enter.
"""

from __future__ import annotations

import json
import sqlite3
from collections import UserDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bdtui.engine.errors import DataError, OutputError
from bdtui.engine.evaluation.measurements import GOODNET, PRUNED, Measured, Measurement
from bdtui.engine.inputs.recipe import Recipe, parse_recipe, write_recipe_text
from bdtui.engine.machine.files import file_sha256
from bdtui.engine.network.pruned_channels import PrunedChannels
from bdtui.engine.pruning.position import GoTo, Move, Prune, Redo, Toggle, Undo
from bdtui.engine.rates import Rates, Share
from bdtui.engine.settings import RunSettings

_APPLICATION = 0x62647475
"""“bdtu”: says in the file's header whose it is."""
_SCHEMA = 1
_TABLES = {
    "run": "CREATE TABLE run (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "rates": (
        "CREATE TABLE rates (number INTEGER PRIMARY KEY, layer TEXT NOT NULL, network TEXT NOT NULL, "
        "part TEXT NOT NULL, silenced TEXT NOT NULL, rates TEXT NOT NULL, finished TEXT NOT NULL, "
        "UNIQUE (layer, network, part, silenced))"
    ),
    "artifacts": (
        "CREATE TABLE artifacts (name TEXT PRIMARY KEY, network TEXT NOT NULL, sha256 TEXT NOT NULL, "
        "finished TEXT NOT NULL)"
    ),
    "moves": "CREATE TABLE moves (number INTEGER PRIMARY KEY, move TEXT NOT NULL, value INTEGER NOT NULL)",
}
_MOVES: dict[str, Callable[[int], Move]] = {kind.__name__.lower(): kind for kind in (Prune, Undo, Redo, GoTo, Toggle)}
_LONGEST = 2**20
"""Characters of one value that are read; the longest of our own, a recipe with its order, has some thousand."""
_LOGGED_PAGES = 50
"""Pages that the log holds before it is folded in: enough to be quick, few enough for a disk that is almost full."""
_MOST_CHANNELS = 2**16
_MOST_ROWS = {"moves": 50_000, "rates": 1_000_000}
"""Rows that are read; more nobody makes by hand, and a stranger's could take for ever."""


class Journal:
    """The journal of one folder, open and held by this process; see `journalled_folder`.

    Args:
        path: of the database, made where it is missing; None for one in memory that nothing survives.

    Attributes:
        on_loss: who is told once when nothing more can be written, after which nothing is; None to raise instead.

    Raises:
        DataError: the file is no journal, or not one of this version.
        OutputError: it cannot be made or written to.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.on_loss: Callable[[OutputError], None] | None = None
        self._lost = False
        self._name = str(path or "the journal in memory")
        try:
            self._database = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._database.close()
                raise
        except sqlite3.OperationalError as problem:
            raise self._cannot_be_written(problem) from problem
        except sqlite3.Error as problem:
            raise self._not_ours(f"cannot be read ({problem})") from problem

    def close(self) -> None:
        """Write everything into the one file, and let go of it."""
        with suppress(sqlite3.Error):
            self._database.close()

    # What the run is.

    @property
    def recipe(self) -> Recipe | None:
        """What the run was begun with, and the hashes of its inputs once they were opened; None for a new journal."""
        text = self._values().get("recipe")
        return None if text is None else parse_recipe(text, self.path or Path())

    def begin(self, settings: RunSettings, sha256: Mapping[str, str]) -> None:
        """Say what the run is to do; known hashes of inputs as a recipe gives them."""
        self._write(_set("recipe", write_recipe_text(settings, sha256)))

    def identify(
        self, settings: RunSettings, sha256: Mapping[str, str], versions: Mapping[str, str], *, anew: bool = False
    ) -> bool:
        """Say what the run works on, now that it is open.

        Args:
            settings: with everything that was found filled in.
            sha256: of the inputs, by field name.
            versions: of everything that decides the last bit of a number, by name.
            anew: a person begins at step 0 of another layer or order; moves made before are forgotten.

        Returns:
            Whether what the journal holds was measured with other versions or of other pixels, and was forgotten
            therefore.
        """
        told = {"inputs": dict(sha256), "versions": dict(versions), "layout": settings.layout, "scale": settings.scale}
        now, before = json.dumps(told, sort_keys=True), self._values().get("measured of")
        outdated = before is not None and before != now
        self._write(
            *([("DELETE FROM rates", ()), ("DELETE FROM artifacts", ())] if outdated else []),
            *([("DELETE FROM moves", ())] if anew else []),
            _set("measured of", now),
            _set("recipe", write_recipe_text(settings, sha256)),
        )
        return outdated

    @property
    def holds_work(self) -> bool:
        """Whether anything is here that would have to be done again without it."""
        with self._reading():
            tables = [self._database.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in _TABLES]
        return any(found for table, found in zip(_TABLES, tables, strict=True) if table != "run")

    @property
    def steps_measured(self) -> int:
        """How many networks were measured on the validation sets, without the unpruned one."""
        with self._reading():
            query = "SELECT count(*) FROM rates WHERE network = ? AND part = 'valid' AND silenced <> '[]'"
            return int(self._database.execute(query, (PRUNED,)).fetchone()[0])

    # What is finished.

    def measured(self, layer: str) -> Measured:
        """The rates of a layer's networks; what is put in is kept at once."""
        return _JournalledRates(self._rates(layer), partial(self._keep_rates, layer))

    def keep_artifact(self, path: Path, network: str = "") -> str:
        """Say that a file of the run lies under its final name; gives back its sha256.

        Args:
            path: of the file.
            network: for a model, which one it is; see `network_name`.
        """
        insert = "INSERT OR REPLACE INTO artifacts VALUES (?, ?, ?, ?)"
        sha256 = file_sha256(path)
        self._write((insert, (path.name, network, sha256, _now())))
        return sha256

    def held_artifact(self, path: Path, network: str) -> str:
        """The sha256 of a file that is there as it was written, and is of that network; empty where there is none."""
        with self._reading():
            query = "SELECT network, sha256 FROM artifacts WHERE name = ?"
            row = self._database.execute(query, (path.name,)).fetchone()
        if row is None or row[0] != network or path.is_symlink() or not path.is_file():
            return ""
        sha256 = file_sha256(path)
        return sha256 if sha256 == row[1] else ""

    # What a person did in the app.

    @property
    def moves(self) -> list[Move]:
        """The moves since the layer and the ranking were chosen."""
        rows = self._rows("moves", "SELECT move, value FROM moves ORDER BY number")
        if not all(kind in _MOVES and isinstance(value, int) for kind, value in rows):
            raise self._not_ours("holds an impossible move")
        return [_MOVES[kind](value) for kind, value in rows]

    def keep_moves(self, moves: Sequence[Move]) -> None:
        """Say that moves were made, and where they led was measured."""
        insert = "INSERT INTO moves (move, value) VALUES (?, ?)"
        self._write(*((insert, (type(move).__name__.lower(), *asdict(move).values())) for move in moves))

    # The database.

    def _prepare(self) -> None:
        database = self._database
        # Names and functions of a database from a stranger are data, not code.
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("PRAGMA cell_size_check = ON")
        with suppress(AttributeError):
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4 * _LONGEST)
        # The folder is held by a lock of ours: without SQLite's own, its memory need not be shared, which not every
        # file system can do.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        application, version = (
            database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        found = dict(database.execute("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'").fetchall())
        if not found and not application:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("BEGIN IMMEDIATE")
            database.execute(f"PRAGMA application_id = {_APPLICATION}")
            database.execute(f"PRAGMA user_version = {_SCHEMA}")
            for sql in _TABLES.values():
                database.execute(sql)
            database.execute("COMMIT")
        elif application != _APPLICATION or version != _SCHEMA or found != _TABLES:
            raise self._not_ours("was not written by this version of bdtui")
        database.execute("PRAGMA journal_mode = WAL")
        # What is committed survives the process; a power failure may cost the last steps, never the journal.
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(f"PRAGMA wal_autocheckpoint = {_LOGGED_PAGES}")

    def _values(self) -> dict[str, str]:
        with self._reading():
            rows = self._database.execute("SELECT name, value FROM run").fetchall()
        if not all(isinstance(value, str) and len(value) <= _LONGEST for _, value in rows):
            raise self._not_ours("holds no text where text is required")
        return dict(rows)

    def _rates(self, layer: str) -> dict[Measurement, Rates]:
        query = "SELECT network, part, silenced, rates FROM rates WHERE layer = ? ORDER BY number"
        rows = self._rows("rates", query, layer)
        found = {}
        for network, part, pruned, rates in rows:
            try:
                if network not in (PRUNED, GOODNET) or part not in ("valid", "test"):
                    raise ValueError
                found[Measurement(network, part, _read(pruned))] = _rates_of(json.loads(rates))
            except (ValueError, TypeError, RecursionError):
                raise self._not_ours("holds impossible rates") from None
        return found

    def _keep_rates(self, layer: str, measurement: Measurement, rates: Rates) -> None:
        counts = {name: None if share is None else [share.hits, share.images] for name, share in _shares(rates)}
        row = layer, measurement.network, measurement.part, _written(measurement.pruned), json.dumps(counts), _now()
        insert = "INSERT OR REPLACE INTO rates (layer, network, part, silenced, rates, finished) VALUES (?,?,?,?,?,?)"
        self._write((insert, row))

    def _rows(self, table: str, query: str, *values: str) -> list[Any]:
        most = _MOST_ROWS[table]
        with self._reading():
            rows = self._database.execute(f"{query} LIMIT {most + 1}", values).fetchall()
        if len(rows) > most:
            raise self._not_ours(f"holds more than {most:,} {table}")
        return rows

    def _write(self, *statements: tuple[str, Sequence[Any]]) -> None:
        """Write all of it or nothing; after a loss that somebody was told of, nothing more."""
        if self._lost or not statements:
            return
        with self._reading():
            try:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    for statement, values in statements:
                        self._database.execute(statement, values)
                    self._database.execute("COMMIT")
                except BaseException:
                    # After a full disk SQLite has rolled back by itself.
                    with suppress(sqlite3.Error):
                        self._database.execute("ROLLBACK")
                    raise
            except sqlite3.OperationalError as problem:
                loss = self._cannot_be_written(problem)
                if self.on_loss is None:
                    raise loss from problem
                # A hole in what is kept would be worse than an end.
                self._lost = True
                self.on_loss(loss)

    def _cannot_be_written(self, problem: sqlite3.OperationalError) -> OutputError:
        return OutputError(f"{self._name}: cannot be written ({problem})")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as problem:
            raise self._not_ours(f"cannot be read ({problem})") from problem

    def _not_ours(self, finding: str) -> DataError:
        return DataError(f"{self._name}: {finding}; expected the journal of a run (delete it to start the run over)")


class _JournalledRates(UserDict[Measurement, Rates]):
    """Rates in memory that are written down as they come."""

    def __init__(self, known: dict[Measurement, Rates], keep: Callable[[Measurement, Rates], None]) -> None:
        super().__init__()
        self.data = known
        self._keep = keep

    def __setitem__(self, measurement: Measurement, rates: Rates) -> None:
        self._keep(measurement, rates)
        super().__setitem__(measurement, rates)


def network_name(layer: str, pruned: PrunedChannels) -> str:
    """What the journal calls a network: the layer, and the channels of it that are pruned."""
    return f"{layer} {_written(pruned)}"


def _set(name: str, value: str) -> tuple[str, Sequence[Any]]:
    text = value.encode("utf-8", "backslashreplace").decode()
    return "INSERT OR REPLACE INTO run VALUES (?, ?)", (name, text)


def _written(pruned: PrunedChannels) -> str:
    return json.dumps(list(pruned), separators=(",", ":"))


def _read(text: Any) -> PrunedChannels:
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise ValueError
    channels = json.loads(text)
    if not isinstance(channels, list) or len(channels) > _MOST_CHANNELS:
        raise ValueError
    if not all(type(channel) is int and 0 <= channel < _MOST_CHANNELS for channel in channels):
        raise ValueError
    return PrunedChannels.of(channels)


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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
