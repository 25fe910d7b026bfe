from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bdtui.engine.detect.evidence import Evidence
from bdtui.engine.detect.methods import MARGINS, SCAN
from bdtui.engine.detect.weighing import FREE
from tests.benchmarks import detect_statistics
from tests.benchmarks.detect_lines import Judged, auroc, draw_lines, gamma_quantile, held_out_level
from tests.benchmarks.zoo.rosters import fit_roster, fresh_roster, further_roster


def judged(strength: float, attack: str = "none", success: float | None = None) -> Judged:
    scores = np.arange(10.0)
    parts = {name: Evidence(scores, 2 * strength, None, 0.0) for name in (MARGINS, SCAN)}
    return Judged(attack, attack, success, None if success is None else 3, 10, parts)


CLEAN = [judged(value) for value in np.linspace(0.1, 0.5, 18)]
FOUND = [judged(value, "patch", 99.0) for value in np.linspace(2, 3, 18)]


def test_a_gap_is_parted_and_nobody_is_judged_by_lines_that_he_drew() -> None:
    backdoored_from, no_sign_below = draw_lines([*CLEAN, *FOUND], FREE)
    assert 0.5 < no_sign_below < backdoored_from < 2
    level = held_out_level([*CLEAN, *FOUND], FREE)
    assert (level.clean, level.backdoored, level.fitted_on) == (18, 18, 36)
    assert (level.false_alarms, level.missed, level.inconclusive) == (0, 0, 0)
    assert auroc([*CLEAN, *FOUND], FREE) == 1


def test_where_strengths_overlap_clean_networks_decide() -> None:
    hidden = [judged(value, "patch", 99.0) for value in np.linspace(0.1, 0.5, 18)]
    assert draw_lines([*CLEAN, *hidden], FREE) == draw_lines([*CLEAN, *hidden[:9]], FREE)
    assert held_out_level([*CLEAN, *hidden], FREE).missed > 9


def test_attacks_that_hardly_work_or_cannot_be_seen_move_no_line() -> None:
    lines = draw_lines([*CLEAN, *FOUND], FREE)
    others = [judged(0.1, "clean-label", 40.0), judged(0.1, "all-to-all", 99.0)]
    assert draw_lines([*CLEAN, *FOUND, *others], FREE) == lines


def test_quantiles_are_those_of_the_distribution() -> None:
    drawn = np.random.default_rng(0).gamma(2, 3, 20_000)
    assert gamma_quantile(drawn, 0.9) == pytest.approx(np.quantile(drawn, 0.9), rel=0.03)


def test_no_network_is_both_drawn_on_and_judged() -> None:
    fit, fresh, further = ({spec.seed for spec in roster()} for roster in (fit_roster, fresh_roster, further_roster))
    assert not fit & fresh
    assert not further & (fit | fresh)


def test_statistics_that_are_known_are_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, kept = fit_roster()[0], tmp_path / "kept.jsonl"
    line = '{"net": "%s", "method": "scan", "scores": [1.0, null], "statistic": 2.0, "p": 0.5, "seconds": 1.0, "sizes": []}'
    kept.write_text(line % spec.name + "\n")
    monkeypatch.setattr(detect_statistics, "make_net", lambda spec: pytest.fail("computed again"))
    found = detect_statistics.find_statistics([spec], [SCAN], kept)
    assert found[spec.name][SCAN].statistic == 2
    assert np.isnan(found[spec.name][SCAN].scores[1])
