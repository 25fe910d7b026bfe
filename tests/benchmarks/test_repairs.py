"""The table of repairs, on figures made up; what is measured takes hours."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bdtui.engine.repair.method import RepairOptions, predicted
from bdtui.engine.repair.session import RepairSession
from tests.benchmarks import repairs
from tests.benchmarks.repairs import Row, read_kept, subjects, summary, table, write_tables
from tests.engine.repair.small_badnet import TARGET, bars, small_badnet, triggered


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
        method,
        10.0,
        [0, 1],
        ["shared", "box"],
        14,
        [9, 9],
        [0, 1],
    )


HITS = (("nad", 9), ("clp", 8), ("anp", 5))


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


def test_the_summary_counts_a_network_once_and_names_the_worst() -> None:
    rows = [row("scratch", seed, attack, clean) for seed, (attack, clean) in enumerate([(1.0, 96.0), (3.0, 98.0)])]
    other = replace(row("scratch", 0, 8.0, 99.0), net="blended")
    clean_network = replace(row("scratch", 0, None, 50.0), net="none")
    (line,) = summary([*rows, other, clean_network]).splitlines()[2:]
    assert line == "| 100 | scratch | 2 | 1–2 | 1.00 (-1.00) | 5.00 (8.00) | 5.00 (1.00) | 10 |"


def test_methods_that_were_measured_on_other_networks_are_not_summed_up_beside_one_another() -> None:
    rows = [replace(row(name, 0, 1.0), net=net) for name in ("scratch", "nad") for net in ("patch", "blended")]
    assert len(summary(rows).splitlines()) == 4
    again = [replace(each, seed=1) for each in rows if each.method == "nad"]
    assert ["| 1 |" in line for line in summary([*rows, *again]).splitlines()[2:]] == [True, True, False]
    _, _, shown = summary([*rows, replace(row("nad", 0, 1.0), net="warped")]).splitlines()
    assert "| nad | 3 |" in shown


def test_rows_of_the_bank_without_warps_speak_for_themselves() -> None:
    older = [row("scratch", 0, 0.0), *(replace(row(name, 0, hits), hits=[hits, hits]) for name, hits in HITS)]
    with_warps = [
        replace(
            each,
            seed=1,
            hits=[*each.hits, 0],
            badnet_hits=[9, 9, 9],
            reference_hits=[*each.reference_hits, 0],
            kinds=[*each.kinds, "warp"],
        )
        for each in older
    ]
    now, before = repairs.what_transfer_tells([*older, *with_warps]).split("\n\n")
    assert now.startswith("With the bank as it is: over 3 repairs")
    assert before.startswith("With the bank as it was, without warps: over 3 repairs")
    without = [replace(each, reference_hits=[]) for each in with_warps]
    assert not repairs.what_transfer_tells(without), "nothing to compare with"


def test_what_is_written_stands_between_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [tmp_path / name for name in ("repairs.md", "table.md")]
    for page, name in zip(pages, ("PAGE", "TABLE"), strict=True):
        page.write_text("before\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nafter\n")
        monkeypatch.setattr(repairs, name, page)
    # Where scratch follows B not at all, 1 of 60 images is within chance, 5 are not.
    found = (("scratch", 0.0, 0), ("nad", 9.0, 1), ("clp", 8.0, 1), ("anp", 7.0, 0), ("ft-sam", 6.0, 5))
    of_one = [
        replace(row(name, 0, attack), hits=[hits, hits], tried=60, badnet_hits=[50, 50], reference_hits=[0, 0])
        for name, attack, hits in found
    ]
    few = replace(of_one[1], method="fine-tuning", tried=14, hits=[0, 0], badnet_hits=[14, 14])
    rows = [*of_one, few, *(replace(each, net="blended") for each in of_one)]
    write_tables(rows)
    write_tables(rows)
    summed_up, of_all = (each.read_text() for each in pages)
    assert "| 100 | nad | 2 | 1 | 2.00 (2.00) | 9.00 (9.00) | 9.00 (9.00) | 10 |" in summed_up
    assert (
        "By today's rule 6 of them are said to follow what fools B no more; the ASR is above 5 % in 6 of them"
        in summed_up
    )
    assert "(patch, nad: 9.0 %)" in summed_up
    assert of_all.count("| patch | 100 | nad |") == 1
    for text in (summed_up, of_all):
        assert text.startswith("before\n")
        assert text.endswith("<!-- measured: end -->\nafter\n")
        assert "old" not in text


def test_a_row_is_measured_beside_a_network_from_scratch_with_the_same_bank(monkeypatch: pytest.MonkeyPatch) -> None:
    badnet = small_badnet()
    poisoned = triggered(badnet.test.pixels)
    subject = repairs.Subject(
        badnet.model, bars(400, 2), badnet.test, poisoned, np.full(len(poisoned), TARGET), badnet.test.labels
    )
    monkeypatch.setattr(repairs, "RepairSession", partial(RepairSession, options=RepairOptions(steps=3, batch=16)))
    (found,) = repairs._rows(subject, "patch", 0, ["clp"], 0)
    assert (found.method, found.images, found.seed) == ("clp", 0, 0)
    assert len(found.hits) == len(found.kinds) == len(found.badnet_hits) == len(found.reference_hits) > 0
    assert found.before[1] == 100 * np.mean(predicted(badnet.model, poisoned) == TARGET)


def test_what_is_committed_can_be_resumed_and_is_what_the_pages_show() -> None:
    rows = read_kept()
    assert len({row.key for row in rows}) == len(rows) > 0
    assert {row.net for row in rows} <= set(subjects(0))
    assert table(rows) in repairs.TABLE.read_text()
    assert summary(rows) in repairs.PAGE.read_text()
