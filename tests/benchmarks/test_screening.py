from __future__ import annotations

import numpy as np

from tests.benchmarks.screening import auroc, with_table


def test_ties_count_half_and_order_counts_whole() -> None:
    clean = np.array([0.0, 1.0, 1.0, 2.0])
    assert auroc(clean, np.array([1.0])) == 0.5
    assert auroc(clean, np.array([3.0, -1.0])) == 0.5
    assert auroc(clean, np.array([3.0])) == 1


def test_a_table_is_put_between_its_marks_again_and_again() -> None:
    text = "a\n<!-- pool -->\nold\n<!-- end of pool -->\nb\n"
    once = with_table(text, "pool", ["| new |"])
    assert once == "a\n<!-- pool -->\n\n| new |\n\n<!-- end of pool -->\nb\n"
    assert with_table(once, "pool", ["| new |"]) == once
