"""The tables of a sweep: the same rows for a script, for pandas and for a browser, whatever the models are called."""

from __future__ import annotations

import csv
from html.parser import HTMLParser
from pathlib import Path

from pyarrow import parquet

from bdtui.engine.event_values import FAILED, CellRow
from bdtui.engine.settings import RunSettings
from bdtui.engine.sweeps.cell import Cell
from bdtui.engine.sweeps.page import write_page
from bdtui.engine.sweeps.plan import SweepPlan
from bdtui.engine.sweeps.table import write_csv, write_parquet

EVIL = '<script>alert("x")</script>'
ROWS = (
    CellRow("a-1", "a.h5", (("seed", "1"),), backdoor="no sign", clean_accuracy=100 / 3, seconds=1.5),
    CellRow("b-1", EVIL, (("seed", EVIL),), FAILED, f"{EVIL}, a comma\nand a line"),
    CellRow("c-1", "c\udcff.h5", (("seed", "1"),), backdoor="suspected", target="7", recommended="goodnet_X=2.keras"),
)
PLAN = SweepPlan(Path("zoo.toml"), tuple(Cell(row.cell, row.model, {}, RunSettings()) for row in ROWS), ("seed",))
COLUMNS = "cell model seed state error backdoor target clean_accuracy attack_success_rate recommended seconds".split()


def test_csv_and_parquet_hold_the_same_rows(tmp_path: Path) -> None:
    write_csv(tmp_path / "sweep.csv", ROWS, ("seed",))
    write_parquet(tmp_path / "sweep.parquet", ROWS, ("seed",))
    with (tmp_path / "sweep.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    table = parquet.read_table(tmp_path / "sweep.parquet").to_pylist()
    assert list(read[0]) == COLUMNS
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in table] == read
    assert table[0]["clean_accuracy"] == 100 / 3
    assert table[1]["clean_accuracy"] is None


def test_a_varied_option_may_be_called_like_a_column(tmp_path: Path) -> None:
    row = CellRow("a-1", "a.h5", (("target", "next"),), target="3")
    write_parquet(tmp_path / "sweep.parquet", [row], ("target",))
    (read,) = parquet.read_table(tmp_path / "sweep.parquet").to_pylist()
    assert (read["varied_target"], read["target"]) == ("next", "3")


def test_the_page_escapes_what_files_are_called_and_needs_no_network(tmp_path: Path) -> None:
    write_page(tmp_path / "sweep.html", ROWS, ("seed",), PLAN)
    text = (tmp_path / "sweep.html").read_text()
    found: list[tuple[str, dict[str, str | None]]] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    Tags().feed(text)
    assert not [tag for tag, _ in found if tag in ("script", "img", "link", "iframe")]
    links = [attrs["href"] for tag, attrs in found if tag == "a"]
    assert links == ["cells/c-1/report.html", "cells/a-1/report.html"], "suspicious first, and none of what failed"
    assert "&lt;script&gt;" in text
    assert "http" not in text.replace("http-equiv", "")


def test_the_page_orders_what_is_inconclusive_by_its_strength_and_names_the_first_suspect(tmp_path: Path) -> None:
    weak, strong = (
        CellRow(name, f"{name}.h5", backdoor="inconclusive", first_suspect=suspect, strength=strength)
        for name, suspect, strength in (("d-1", "3", 0.25), ("e-1", EVIL, 1.5))
    )
    write_page(tmp_path / "sweep.html", [*ROWS, weak, strong], ("seed",), PLAN)
    text = (tmp_path / "sweep.html").read_text()
    places = [text.index(f">{name}<") for name in ("c-1", "b-1", "e-1", "d-1", "a-1")]
    assert places == sorted(places)
    assert "2 are inconclusive" in text
    assert '<td>3</td><td class="number">0.25</td>' in text
    assert EVIL not in text


def test_without_detection_the_page_has_no_column_for_strength(tmp_path: Path) -> None:
    write_page(tmp_path / "sweep.html", ROWS, ("seed",), PLAN)
    assert "trength" not in (tmp_path / "sweep.html").read_text()
