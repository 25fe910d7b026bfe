"""The table that --batch prints."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from rich.console import Console

from bdtui.engine.events import LayerFound, ModelOpened
from bdtui.engine.rates import Rates, Share
from bdtui.engine.reports.record import RunRecord
from bdtui.tui.batch.output import print_check, print_results
from tests.records import rates, record


def printed(run: RunRecord) -> str:
    console = Console(file=StringIO(), width=120)
    print_results(console, run, Path("out"))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_rates_of_few_images_stand_beside_their_interval() -> None:
    text = printed(record(baseline_valid=Rates(clean=Share(98, 100), attack=Share(0, 5))))
    assert "98.00 (93–99)" in text
    assert "0.00 (0–43)" in text
    assert "in brackets the 95 % interval" in text


def test_rates_of_many_images_stand_alone() -> None:
    text = printed(record(baseline_valid=rates(98, 0)))
    table = text[text.index("Rates on") :]
    assert "98.00 " in table
    assert "(" not in table


def test_a_pipe_gets_long_names_whole() -> None:
    name = "block7_sepconv3_" * 10
    console = Console(file=StringIO(), width=80)
    layer = LayerFound(name, "SeparableConv2D", (None, 5, 5, 1280), 1_000_000, 1280)
    print_check(console, [ModelOpened("net.keras", "0" * 64, 10, (160, 160, 3), (layer,))])
    assert isinstance(console.file, StringIO)
    (row,) = [line for line in console.file.getvalue().splitlines() if "SeparableConv2D" in line]
    assert row.split() == [name, "SeparableConv2D", "5×5×1280", "1,000,000", "1280"]
    assert console.width == 80
