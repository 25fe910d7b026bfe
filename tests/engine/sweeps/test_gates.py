"""Gates over a sweep: any model that fails fails the sweep, and so does one of which nothing is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from bdtui.engine.event_values import DONE, FAILED, CellRow
from bdtui.engine.machine.atomic_files import write_json
from bdtui.engine.reports.verdict import results_json
from bdtui.engine.settings import RunSettings
from bdtui.engine.sweeps.cell import Cell
from bdtui.engine.sweeps.gates import judge_sweep
from bdtui.engine.sweeps.plan import SweepPlan
from bdtui.engine.sweeps.sweep import SweepResult
from tests.records import rates, record


def sweep(out: Path, states: dict[str, str], **gates: object) -> tuple[SweepPlan, SweepResult]:
    settings = RunSettings(**gates)  # type: ignore[arg-type]
    cells = tuple(Cell(name, f"{name}.h5", {}, settings) for name in states)
    for number, name in enumerate(states):
        (out / "cells" / name).mkdir(parents=True)
        run = record(name, baseline_valid=rates(90.0 + number, None), curve=())
        content = results_json(run) | {"curve": [_STEP]}
        write_json(out / "cells" / name / "results.json", content)
    rows = tuple(CellRow(name, f"{name}.h5", state=state) for name, state in states.items())
    return SweepPlan(Path("zoo.toml"), cells, ()), SweepResult(out, rows)


_STEP = {"step": 0, "channel": None, "fraction": 0.0, "clean_accuracy": 90.0, "attack_success_rate": None}


def test_without_demands_nothing_is_judged(tmp_path: Path) -> None:
    assert judge_sweep(*sweep(tmp_path, {"a": DONE, "b": FAILED})) == []


def test_all_that_meet_them_are_one_sentence(tmp_path: Path) -> None:
    (outcome,) = judge_sweep(*sweep(tmp_path, {"a": DONE, "b": DONE}, min_accuracy=80.0))
    assert outcome.met
    assert outcome.sentence == "gates met by all 2 cells"


def test_each_that_does_not_is_named(tmp_path: Path) -> None:
    (outcome,) = judge_sweep(*sweep(tmp_path, {"a": DONE, "b": DONE}, min_accuracy=90.5))
    assert not outcome.met
    assert outcome.sentence.startswith("a: gate failed")


@pytest.mark.parametrize("gates", [{"min_accuracy": 1.0}, {"fail_if": ("backdoored",)}])
def test_a_failed_cell_meets_nothing(tmp_path: Path, gates: dict[str, object]) -> None:
    outcomes = judge_sweep(*sweep(tmp_path, {"a": DONE, "b": FAILED}, **gates))
    assert [outcome.sentence.partition(":")[0] for outcome in outcomes if not outcome.met] == ["b"]


def test_many_that_fail_are_counted(tmp_path: Path) -> None:
    outcomes = judge_sweep(*sweep(tmp_path, {f"c{number}": FAILED for number in range(30)}, min_accuracy=1.0))
    assert len(outcomes) == 21
    assert outcomes[-1].sentence == "and 10 more gates failed"
