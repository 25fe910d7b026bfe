"""The journal's database: a write is all or nothing, and only a file of ours is one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bdtui.engine.errors import DataError, OutputError
from bdtui.engine.runs.journal_database import JournalDatabase, insert_rates, set_run_value


def test_a_write_that_fails_half_way_leaves_nothing() -> None:
    database = JournalDatabase(None)
    database.write(set_run_value("recipe", "before"))
    with pytest.raises(OutputError, match=r"cannot be written \(no such table: nowhere\)"):
        database.write(set_run_value("recipe", "after"), ("INSERT INTO nowhere VALUES (1)", ()))
    assert database.run_values() == {"recipe": "before"}
    database.write(set_run_value("recipe", "later"))
    assert database.run_values() == {"recipe": "later"}


def test_rates_are_counted_without_those_of_the_unpruned_network() -> None:
    database = JournalDatabase(None)
    for network, part, silenced in (
        ("pruned", "valid", "[]"),
        ("pruned", "valid", "[2]"),
        ("pruned", "valid", "[2,3]"),
        ("pruned", "test", "[2]"),
        ("goodnet", "valid", "[2]"),
    ):
        database.write(insert_rates("pool_3", network, part, silenced, "{}"))
    assert database.count_steps("pruned", "valid") == 2


@pytest.mark.parametrize("pragma", ["application_id", "user_version"])
def test_a_database_that_another_program_or_version_wrote_is_no_journal(tmp_path: Path, pragma: str) -> None:
    JournalDatabase(tmp_path / "journal.sqlite").close()
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as other:
        other.execute(f"PRAGMA {pragma} = 7")
    with pytest.raises(DataError, match="was not written by this version of bdtui"):
        JournalDatabase(tmp_path / "journal.sqlite")
