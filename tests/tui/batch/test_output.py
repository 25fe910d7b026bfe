"""The table that --batch prints."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console

from bdtui.engine.event_values import Threshold
from bdtui.engine.events import LayerFound, ModelOpened, Progress, RepairMeasured
from bdtui.engine.rates import Rates, Share
from bdtui.engine.repair.result import ChosenBy, Repair
from bdtui.engine.reports.record import RunRecord
from bdtui.tui.batch.output import ProgressDisplay, print_check, print_results
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


def test_goodnets_have_rows_on_validation_images_too() -> None:
    flagged = Rates(Share(95, 100), Share(1, 5), None, Share(4, 100), Share(3, 5))
    # What flags nothing, having no extra class, has no figures there.
    threshold = Threshold(2, 7, rates=replace(flagged, clean_flagged=Share(0, 100)), goodnet_valid=flagged)
    repair = Repair(
        "scratch", 0, 1.0, 1, (), (), ChosenBy(60), 1.0, "r.keras", "g.keras", rates(99, 0), goodnet_valid=flagged
    )
    lines = printed(record(thresholds=(threshold,), repairs=(repair,))).splitlines()
    (pruned,) = (line.split() for line in lines if line.strip().startswith("B′"))
    assert pruned[-2:] == ["–", "–"]
    rows = [line.split() for line in lines if line.strip().startswith("G ")]
    assert [row[0:3] for row in rows] == [["G", "X=2", "7"], ["G", "of", "B"]]
    assert all("60.00" in row and "4.00" in row for row in rows)


def test_a_log_shows_which_repair_takes_its_time() -> None:
    console = Console(file=StringIO(), width=80)
    with ProgressDisplay(console) as display:
        for step in (150, 300):
            display.show(Progress("scratch", step - 1, 1500, "steps"))
            display.show(RepairMeasured("scratch", step, 1500, 90.0, 12.0))
        display.show(RepairMeasured("nad", 20, 200, None, None))
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines() == [
        "scratch · held-out accuracy 90.0 % after 150 of 1,500 steps",
        "nad after 20 of 200 steps",
    ]


def test_a_pipe_gets_long_names_whole() -> None:
    name = "block7_sepconv3_" * 10
    console = Console(file=StringIO(), width=80)
    layer = LayerFound(name, "SeparableConv2D", (None, 5, 5, 1280), 1_000_000, 1280)
    print_check(console, [ModelOpened("net.keras", "0" * 64, 10, (160, 160, 3), (layer,))])
    assert isinstance(console.file, StringIO)
    (row,) = [line for line in console.file.getvalue().splitlines() if "SeparableConv2D" in line]
    assert row.split() == [name, "SeparableConv2D", "5×5×1280", "1,000,000", "1280"]
    assert console.width == 80
