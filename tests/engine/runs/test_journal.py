"""The journal: what was finished is there again, whatever became of the process, and a stranger's journal is data."""

from __future__ import annotations

import random
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bdtui.engine.errors import DataError, InputError, OutputError
from bdtui.engine.evaluation.measurements import GOODNET, PRUNED, Measurement
from bdtui.engine.event_values import ComparedOrder, ComparedThreshold
from bdtui.engine.network.pruned_channels import PrunedChannels
from bdtui.engine.pruning.moves import ChooseLayer, ChooseRanking, GoTo, Move, Prune, Redo, Toggle, Undo
from bdtui.engine.rates import Rates, Share
from bdtui.engine.runs.folder import JOURNAL, JOURNAL_FOLDER
from bdtui.engine.runs.journal import Journal, network_name
from bdtui.engine.runs.journal_folder import open_run_folder, read_begun_recipe
from bdtui.engine.settings import RunSettings

SETTINGS = RunSettings(model=Path("/models/bd.h5"), clean_valid=Path("/data/valid.h5"), thresholds=(2.0, 2.5))
RATES = Rates(clean=Share(7, 9), attack=Share(0, 3))
CHANNELS = 60
MEASUREMENT = Measurement(PRUNED, "valid", PrunedChannels.of({3, 1, 59}))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / JOURNAL


@contextmanager
def edited(path: Path) -> Iterator[sqlite3.Connection]:
    """A database as somebody else opens it."""
    with closing(sqlite3.connect(path)) as database, database:
        yield database


def as_a_killed_process_leaves_it(path: Path) -> Path:
    """The files of a journal that is still open, in another place."""
    place = path.parent / f"killed-{random.random()}"
    place.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy(file, place)
    return place / path.name


def test_steps_are_those_of_the_layer_that_is_worked_on(path: Path) -> None:
    journal = Journal(path)
    journal.begin(SETTINGS, {"model": "ab"})
    journal.stand_at("pool_3", CHANNELS)
    for pruned in ((0,), (0, 1), (2,), (1, 2)):
        measurement = Measurement(PRUNED, "valid", PrunedChannels.of(pruned))
        journal.measured("pool_3", CHANNELS)[measurement] = RATES
        for other in range(3):
            # What a comparison measures.
            journal.measured("pool_2", 16)[replace(measurement, pruned=PrunedChannels.of(range(other + 1)))] = RATES
    assert (journal.steps_measured, journal.channels) == (2, CHANNELS), "two orders of one and two channels"
    journal.stand_at("pool_2", 16)
    assert (journal.steps_measured, journal.channels) == (3, 16)


def test_what_was_kept_is_there_after_a_kill(path: Path, tmp_path: Path) -> None:
    journal = Journal(path)
    journal.begin(SETTINGS, {"model": "ab"})
    moves: list[Move] = [Prune(3), Undo(1), ChooseLayer("12"), ChooseLayer("inner/a b", "random"), Redo(1), GoTo(7)]
    moves += [ChooseRanking("weight-norm"), Toggle(5)]
    journal.measured("pool_3", CHANNELS)[MEASUREMENT] = RATES
    journal.measured("pool_3", CHANNELS)[replace(MEASUREMENT, network=GOODNET)] = Rates(poisoned_flagged=Share(2, 2))
    journal.keep_moves(moves)
    (tmp_path / "model_X=2.h5").write_bytes(b"network")
    journal.keep_artifact(tmp_path / "model_X=2.h5", network_name("pool_3", PrunedChannels.of((4, 2))))

    found = Journal(as_a_killed_process_leaves_it(path))
    assert found.recipe is not None
    assert replace(RunSettings(), **found.recipe.settings) == SETTINGS
    assert found.recipe.sha256 == {"model": "ab"}
    assert found.moves == moves
    known = found.measured("pool_3", CHANNELS)
    assert list(known) == [MEASUREMENT, replace(MEASUREMENT, network=GOODNET)], "in the order of measuring"
    assert known[MEASUREMENT] == RATES
    assert not found.measured("pool_2", CHANNELS), "another layer's rates are its own"
    assert found.find_artifact(tmp_path / "model_X=2.h5", network_name("pool_3", PrunedChannels.of((2, 4))))


def test_a_network_counts_only_as_it_was_written_and_for_its_channels(path: Path, tmp_path: Path) -> None:
    journal, file, network = Journal(path), tmp_path / "model_X=2.h5", network_name("pool_3", PrunedChannels.of((1,)))
    assert not journal.find_artifact(file, network)
    file.write_bytes(b"network")
    journal.keep_artifact(file, network)
    assert journal.find_artifact(file, network)
    assert not journal.find_artifact(file, network_name("pool_3", PrunedChannels.of((1, 2))))
    assert not journal.find_artifact(file, network_name("pool_2", PrunedChannels.of((1,))))
    file.write_bytes(b"netwerk")
    assert not journal.find_artifact(file, network)
    file.unlink()
    assert not journal.find_artifact(file, network)


def test_other_versions_make_what_is_finished_unfinished(path: Path) -> None:
    journal = Journal(path)
    assert not journal.identify(SETTINGS, {}, {"tensorflow": "2.20.0"})
    journal.measured("pool_3", CHANNELS)[MEASUREMENT] = RATES
    assert not journal.identify(SETTINGS, {}, {"tensorflow": "2.20.0"})
    assert journal.measured("pool_3", CHANNELS)
    assert journal.identify(SETTINGS, {}, {"tensorflow": "2.21.0"})
    assert not journal.measured("pool_3", CHANNELS)


def test_other_inputs_or_pixels_make_what_is_finished_unfinished(path: Path) -> None:
    journal = Journal(path)
    for settings, sha256 in (
        (SETTINGS, {"model": "ab"}),
        (SETTINGS, {"model": "cd"}),
        (replace(SETTINGS, scale="255"), {"model": "cd"}),
    ):
        journal.identify(settings, sha256, {})
        assert not journal.measured("pool_3", CHANNELS)
        journal.measured("pool_3", CHANNELS)[MEASUREMENT] = RATES
        assert not journal.identify(replace(settings, thresholds=(7.0,)), sha256, {}), "what is measured is the same"
        assert journal.measured("pool_3", CHANNELS)


def test_compared_orders_are_kept_and_forgotten_with_the_rates_they_were_made_of(path: Path) -> None:
    compared = ComparedOrder(
        "pool_3", "conv_3", CHANNELS, "random", (ComparedThreshold(2.0, 1, Rates(Share(1, 2))),), 5.0, None
    )
    journal = Journal(path)
    journal.identify(SETTINGS, {"model": "ab"}, {})
    journal.keep_compared([compared, compared])
    assert Journal(as_a_killed_process_leaves_it(path)).compared(2, 0) == [compared]
    journal.identify(SETTINGS, {"model": "ab"}, {"keras": "another"})
    assert not journal.compared(2, 0)


def test_only_its_owner_may_enter_the_folder_of_a_journal(tmp_path: Path) -> None:
    with open_run_folder(tmp_path / "out", SETTINGS, {}):
        home = tmp_path / "out" / JOURNAL_FOLDER
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert (home / JOURNAL).read_bytes()[18:20] == b"\2\2", "SQLite's write-ahead mode"


def test_a_run_that_finished_nothing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), open_run_folder(tmp_path / "a" / "out", SETTINGS, {}):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_finished_something_leaves_its_journal(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(RuntimeError), open_run_folder(out, SETTINGS, {"model": "ab"}) as journal:
        journal.measured("pool_3", CHANNELS)[MEASUREMENT] = RATES
        raise RuntimeError
    with pytest.raises(OutputError, match="already contains a run"), open_run_folder(out, SETTINGS, {}):
        pass
    recipe = read_begun_recipe(out)
    assert recipe is not None
    assert recipe.sha256 == {"model": "ab"}
    with open_run_folder(out, RunSettings(), {}, may_hold_run=True) as journal:
        assert journal.measured("pool_3", CHANNELS)[MEASUREMENT] == RATES
        assert journal.recipe == recipe, "what the run is, its journal knows best"
    assert [path.name for path in (out / JOURNAL_FOLDER).iterdir()] == [JOURNAL], "the log is folded in"


def test_who_holds_the_folder_is_told_to_who_asks_for_its_recipe(tmp_path: Path) -> None:
    with open_run_folder(tmp_path, SETTINGS, {}), pytest.raises(OutputError, match="another bdtui is writing to it"):
        read_begun_recipe(tmp_path)


def test_a_folder_without_a_journal_has_no_recipe_there(tmp_path: Path) -> None:
    assert read_begun_recipe(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def garbage(home: Path) -> None:
    (home / JOURNAL).write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)


def text(home: Path) -> None:
    (home / JOURNAL).write_text("no database at all")


def of_another_program(home: Path) -> None:
    with edited(home / JOURNAL) as database:
        database.execute("CREATE TABLE run (name, value)")


def of_a_later_version(home: Path) -> None:
    Journal(home / JOURNAL).close()
    with edited(home / JOURNAL) as database:
        database.execute("PRAGMA user_version = 2")


def with_a_trigger(home: Path) -> None:
    Journal(home / JOURNAL).close()
    with edited(home / JOURNAL) as database:
        database.execute("CREATE TRIGGER spy AFTER INSERT ON moves BEGIN DELETE FROM rates; END")


def with_a_view_for_a_table(home: Path) -> None:
    Journal(home / JOURNAL).close()
    with edited(home / JOURNAL) as database:
        database.execute("DROP TABLE moves")
        database.execute("CREATE VIEW moves AS SELECT 1 AS number, 'prune' AS move, 1 AS value")


def a_link(home: Path) -> None:
    elsewhere = home.parent / "elsewhere.sqlite"
    Journal(elsewhere).close()
    (home / JOURNAL).symlink_to(elsewhere)


def a_folder(home: Path) -> None:
    (home / JOURNAL).mkdir()


@pytest.mark.parametrize(
    "make",
    [garbage, text, of_another_program, of_a_later_version, with_a_trigger, with_a_view_for_a_table, a_link, a_folder],
)
def test_what_is_no_journal_is_refused_and_left_alone(tmp_path: Path, make: Callable[[Path], None]) -> None:
    home = tmp_path / JOURNAL_FOLDER
    home.mkdir()
    make(home)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for entering in (read_begun_recipe, lambda out: open_run_folder(out, SETTINGS, {}, may_hold_run=True).__enter__()):
        with pytest.raises(DataError, match=r"expected the journal of a run \(delete it to start the run over\)"):
            entering(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_folder_of_journals_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / JOURNAL_FOLDER).symlink_to(tmp_path / "elsewhere")
    with (
        pytest.raises(DataError, match="points to another place"),
        open_run_folder(tmp_path, SETTINGS, {}, may_hold_run=True),
    ):
        pass
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("rates", (1, "pool_3", "pruned", "valid", "[1", '{"clean": [1, 2]}', "")),
        ("rates", (1, "pool_3", "pruned", "valid", "[-1]", '{"clean": [1, 2]}', "")),
        ("rates", (1, "pool_3", "pruned", "valid", "[true]", '{"clean": [1, 2]}', "")),
        ("rates", (1, "pool_3", "pruned", "valid", "{}", '{"clean": [1, 2]}', "")),
        ("rates", (1, "pool_3", "other", "valid", "[1]", '{"clean": [1, 2]}', "")),
        ("rates", (1, "pool_3", "pruned", "all", "[1]", '{"clean": [1, 2]}', "")),
        ("rates", (1, "pool_3", "pruned", "valid", "[1]", '{"clean": [3, 2]}', "")),
        ("rates", (1, "pool_3", "pruned", "valid", "[1]", '{"clean": [0, 0]}', "")),
        ("rates", (1, "pool_3", "pruned", "valid", "[1]", '{"clean": [NaN, 1]}', "")),
        ("rates", (1, "pool_3", "pruned", "valid", "[1]", '{"dirty": [1, 2]}', "")),
        ("rates", (1, "pool_3", "pruned", "valid", "[1]", "[" * 100_000, "")),
        ("rates", (1, "pool_3", "pruned", "valid", "[1]", b"\xff", "")),
        ("rates", (1, "pool_3", "pruned", "valid", "[1]", "[]", "")),
        ("rates", (1, "pool_3", "pruned", "valid", "[1]", '{"clean": 3}', "")),
        ("moves", (1, "jump", 1)),
        ("moves", (1, "prune", "many")),
        ("moves", (1, "chooselayer", 1)),
        ("moves", (1, "chooselayer [1]", 0)),
        ("moves", (1, "chooseranking []", 0)),
        ("moves", (1, 'chooseranking ["a", "b"]', 0)),
        ("moves", (1, "chooselayer " + "[" * 100_000, 0)),
        ("run", ("compared random pool_3", "[]")),
        ("run", ("compared random pool_3", "[" * 100_000)),
        ("run", ("recipe", b"\xff\xfe")),
        ("run", ("recipe", "order = 'all'")),
        ("run", ("recipe", "x" * 3_000_000)),
    ],
)
def test_values_that_bdtui_never_writes_are_refused(path: Path, table: str, row: tuple[object, ...]) -> None:
    Journal(path).close()
    with edited(path) as database:
        database.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)
    journal = Journal(path)
    with pytest.raises(InputError, match="expected"):
        journal.recipe, journal.measured("pool_3", CHANNELS), journal.moves, journal.compared(2, 2)


def full(journal: Journal) -> None:
    """From here on the disk is full."""
    pages = journal.database.connection.execute("PRAGMA page_count").fetchone()[0]
    journal.database.connection.execute(f"PRAGMA max_page_count = {pages}")


def keep_on(journal: Journal) -> None:
    for channel in range(2000):
        journal.measured("pool_3", CHANNELS)[Measurement(PRUNED, "valid", PrunedChannels.of(range(channel)))] = RATES


def test_a_full_disk_is_a_sentence_and_loses_nothing(path: Path) -> None:
    journal = Journal(path)
    journal.measured("pool_3", CHANNELS)[MEASUREMENT] = RATES
    full(journal)
    with pytest.raises(OutputError, match=r"cannot be written \(database or disk is full\)"):
        keep_on(journal)
    journal.close()
    found = Journal(path).measured("pool_3", CHANNELS)
    assert found[MEASUREMENT] == RATES
    assert len(found) > 1


def test_who_listens_for_a_full_disk_hears_of_it_once_and_goes_on(path: Path) -> None:
    journal, heard = Journal(path), []
    journal.on_loss = heard.append
    full(journal)
    keep_on(journal)
    assert len(heard) == 1
    journal.database.connection.execute("PRAGMA max_page_count = 100000")
    before = len(journal.measured("pool_2", CHANNELS))
    journal.keep_moves([Prune(1)])
    journal.measured("pool_2", CHANNELS)[MEASUREMENT] = RATES
    assert (journal.moves, len(journal.measured("pool_2", CHANNELS))) == ([], before), (
        "a hole would be worse than an end"
    )
    assert len(heard) == 1


def test_a_journal_in_memory_keeps_nothing_and_asks_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    journal = Journal(None)
    journal.keep_moves([Prune(1)])
    journal.measured("pool_3", CHANNELS)[MEASUREMENT] = RATES
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_half_a_journal_of_a_killed_process_is_none(tmp_path: Path) -> None:
    """Killed while the journal was being made: nothing was begun, and the next run may begin."""
    (tmp_path / JOURNAL_FOLDER).mkdir()
    (tmp_path / f"{JOURNAL_FOLDER}-journal-77.partial").mkdir()
    Journal(tmp_path / f"{JOURNAL_FOLDER}-journal-77.partial" / JOURNAL).close()
    with open_run_folder(tmp_path, SETTINGS, {}) as journal:
        assert journal.recipe is not None
        journal.keep_moves([Prune(1)])
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL_FOLDER]


def test_more_moves_than_anybody_makes_are_refused(path: Path) -> None:
    Journal(path).close()
    with edited(path) as database:
        database.executemany("INSERT INTO moves (move, value) VALUES (?, 1)", [("prune",)] * 50_001)
    with pytest.raises(DataError, match="more than 50,000 moves"):
        Journal(path).moves  # noqa: B018


def test_rates_that_no_network_of_the_layer_has_are_refused(path: Path) -> None:
    with closing(Journal(path)) as journal:
        journal.measured("pool_3", CHANNELS)[MEASUREMENT] = RATES
        with pytest.raises(DataError, match="impossible rates"):
            journal.measured("pool_3", max(MEASUREMENT.pruned))
        journal.measured("pool_2", CHANNELS)[MEASUREMENT] = Rates(attack=Share(1, 2))
        with pytest.raises(DataError, match="impossible rates"):
            journal.measured("pool_2", CHANNELS)
