"""The table of repairs, on figures made up; what is measured takes hours."""

from __future__ import annotations

import json
from dataclasses import asdict

from tests.benchmarks.repairs import Row, subjects, table


def row(method: str, seed: int, attack: float | None, clean: float = 99.0) -> Row:
    flagged = None if attack is None else 99.0
    rates = (clean, attack, attack, 1.0, flagged)
    return Row(
        "patch",
        100,
        method,
        seed,
        (97.0, attack),
        *rates,
        2.0,
        True,
        method,
        10.0,
        [0, 1],
        ["shared", "box"],
        14,
        [9, 9],
    )


def test_the_table_shows_b_and_the_median_with_the_worst() -> None:
    rows = [row("scratch", seed, attack) for seed, attack in enumerate((1.0, 5.0, 2.0))]
    lines = table(rows).splitlines()
    assert lines[2].startswith("| patch | 100 | B itself | 97.00 | 2.00 |")
    assert lines[3].startswith("| patch | 100 | scratch | 99.00 (99.00) | 2.00 (5.00) | 2.00 (1.00) | 99.00 / 1.00 |")
    assert lines[3].endswith("| 3 |")


def test_a_clean_network_has_no_attack() -> None:
    assert "| – | – | – / 1.00 |" in table([row("scratch", 0, None)])


def test_a_row_that_was_kept_is_found_again() -> None:
    kept = json.loads(json.dumps(asdict(row("auto", 0, 1.0))))
    assert Row(**kept).key == row("auto", 0, 1.0).key


def test_every_kind_of_backdoor_is_among_the_networks() -> None:
    names = subjects(0)
    kinds = (
        "sample patch blended all-to-all sinusoidal low-frequency warped clean-label input-aware none residual colour"
    )
    assert all(any(kind in name for name in names) for kind in kinds.split())
