"""The SQLite database under a journal: its tables, limits for files from strangers, and writes of all or nothing.

It is in write-ahead mode: what is committed survives the process, and a power failure may cost the last steps, never the
file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bdtui.engine.errors import DataError, OutputError

Statement = tuple[str, Sequence[Any]]
"""SQL and the values for its question marks."""

_APPLICATION = 0x62647475
"""“bdtu” in the file's header says whose it is."""
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
LONGEST = 2**20
"""Characters of one value that are read; the longest of our own, a recipe with its order, has some thousand."""
_LOGGED_PAGES = 50
"""Pages that the log holds before it is folded in: enough to be quick, few enough for a disk that is almost full."""
_MOST_ROWS = {"moves": 50_000, "rates": 1_000_000}
"""Rows that are read; more nobody makes by hand, and a stranger's could take for ever."""


class JournalDatabase:
    """The database of one folder, held by this process.

    Args:
        path: of the file, made where it is missing; None for one in memory that nothing survives.

    Raises:
        DataError: the file is no journal, or not one of this version. So does every method that reads.
        OutputError: it cannot be made or written to.
    """

    def __init__(self, path: Path | None) -> None:
        self._name = str(path or "the journal in memory")
        try:
            self.connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self.connection.close()
                raise
        except sqlite3.OperationalError as problem:
            raise self._cannot_be_written(problem) from problem
        except sqlite3.Error as problem:
            raise self.no_journal(f"cannot be read ({problem})") from problem

    def close(self) -> None:
        """Write everything into the one file, and let go of it."""
        with suppress(sqlite3.Error):
            self.connection.close()

    def run_values(self) -> dict[str, str]:
        """Values about the run as a whole, by name."""
        rows = self._query("SELECT name, value FROM run")
        if not all(isinstance(value, str) and len(value) <= LONGEST for _, value in rows):
            raise self.no_journal("holds no text where text is required")
        return dict(rows)

    def rates(self, layer: str) -> list[Any]:
        """Rows of network, part, silenced and rates, as they were inserted."""
        return self._rows("rates", "SELECT network, part, silenced, rates FROM rates WHERE layer = ?", layer)

    def count_steps(self, network: str, part: str, layer: str | None = None) -> int:
        """At how many steps, with one pruned channel or more, there are rates of networks of a layer, or None for any."""
        query = "SELECT count(DISTINCT json_array_length(silenced)) FROM rates WHERE network = ? AND part = ? AND silenced <> '[]'"
        if layer is None:
            return int(self._query(query, network, part)[0][0])
        return int(self._query(f"{query} AND layer = ?", network, part, layer)[0][0])

    def artifact(self, name: str) -> Any:
        """Network and sha256 of a file; None where there is none of that name."""
        return next(iter(self._query("SELECT network, sha256 FROM artifacts WHERE name = ?", name)), None)

    def moves(self) -> list[Any]:
        """Rows of move and value, as they were inserted."""
        return self._rows("moves", "SELECT move, value FROM moves")

    def holds_work(self) -> bool:
        """Whether any table but that of the run has a row."""
        return any(self._query(f"SELECT 1 FROM {table} LIMIT 1") for table in _TABLES if table != "run")

    def write(self, *statements: Statement) -> None:
        """Write all of it or nothing.

        Raises:
            OutputError: it cannot be written.
        """
        with self._explain_damage():
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                try:
                    for statement, values in statements:
                        self.connection.execute(statement, values)
                    self.connection.execute("COMMIT")
                except BaseException:
                    # After a full disk SQLite has rolled back by itself.
                    with suppress(sqlite3.Error):
                        self.connection.execute("ROLLBACK")
                    raise
            except sqlite3.OperationalError as problem:
                raise self._cannot_be_written(problem) from problem

    def no_journal(self, finding: str) -> DataError:
        """The error for a file that holds what no journal holds."""
        return DataError(f"{self._name}: {finding}; expected the journal of a run (delete it to start the run over)")

    def _prepare(self) -> None:
        connection = self.connection
        # Names and functions of a database from a stranger are data, not code.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        with suppress(AttributeError):
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4 * LONGEST)
        # The folder is held by a lock of ours: without SQLite's own, its memory need not be shared, which not every
        # file system can do.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        application, version = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        found = dict(
            connection.execute("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'").fetchall()
        )
        if not found and not application:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {_SCHEMA}")
            for sql in _TABLES.values():
                connection.execute(sql)
            connection.execute("COMMIT")
        elif application != _APPLICATION or version != _SCHEMA or found != _TABLES:
            raise self.no_journal("was not written by this version of bdtui")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOGGED_PAGES}")

    def _rows(self, table: str, query: str, *values: str) -> list[Any]:
        most = _MOST_ROWS[table]
        rows = self._query(f"{query} ORDER BY number LIMIT {most + 1}", *values)
        if len(rows) > most:
            raise self.no_journal(f"holds more than {most:,} {table}")
        return rows

    def _query(self, query: str, *values: str) -> list[Any]:
        with self._explain_damage():
            return self.connection.execute(query, values).fetchall()

    @contextmanager
    def _explain_damage(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as problem:
            raise self.no_journal(f"cannot be read ({problem})") from problem

    def _cannot_be_written(self, problem: sqlite3.OperationalError) -> OutputError:
        return OutputError(f"{self._name}: cannot be written ({problem})")


def set_run_value(name: str, value: str) -> Statement:
    """A value about the run as a whole; characters that SQLite cannot keep are escaped."""
    text = value.encode("utf-8", "backslashreplace").decode()
    return "INSERT OR REPLACE INTO run VALUES (?, ?)", (name, text)


def insert_rates(layer: str, network: str, part: str, silenced: str, rates: str) -> Statement:
    """Rates in place of those that the layer's network had."""
    insert = "INSERT OR REPLACE INTO rates (layer, network, part, silenced, rates, finished) VALUES (?,?,?,?,?,?)"
    return insert, (layer, network, part, silenced, rates, _now())


def insert_artifact(name: str, network: str, sha256: str) -> Statement:
    """A file in place of the one of that name."""
    return "INSERT OR REPLACE INTO artifacts VALUES (?, ?, ?, ?)", (name, network, sha256, _now())


def insert_move(move: str, value: int) -> Statement:
    """A move behind all others."""
    return "INSERT INTO moves (move, value) VALUES (?, ?)", (move, value)


def delete_all(table: str) -> Statement:
    """No row of ``rates``, ``artifacts`` or ``moves`` any more."""
    return f"DELETE FROM {table}", ()


def delete_run_values(beginning: str) -> Statement:
    """No value about the run any more whose name begins so."""
    return "DELETE FROM run WHERE substr(name, 1, ?) = ?", (len(beginning), beginning)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
