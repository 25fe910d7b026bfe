"""Values from files stand in a sentence short, on one line, and closed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bdtui.engine.machine.quoted_text import quoted

ENGINE = Path(__file__).parents[3] / "engine"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("conv", "'conv'"),
        ("größe", "'größe'"),
        ("it's", '"it\'s"'),
        ("a\x1b[2J\nb\u202ec", r"'a\x1b[2J\nb\u202ec'"),
        ("x" * 100, f"'{'x' * 37}…'"),
        ("four words of a length and more of them", "'four words of a length and more of…'"),
        ("\n" * 100, "'" + r"\n" * 18 + "…'"),
        (None, "None"),
        (127.5, "127.5"),
        ([1, 2, 3], "[1, 2, 3]"),
        ([1] * 10**6, "[1, 1, 1, 1, …]"),
        (["x" * 100], "['xxxxxxxxxx…']"),
        ({"class_name": "__lambda__"}, "{'class_name': '__lambda__'}"),
        ([[["deep"]]], "[[[…]]]"),
    ],
)
def test_a_value_is_shortened_with_a_sign_and_closed(value: Any, shown: str) -> None:
    assert quoted(value, 40) == shown


@given(value=JSON)
def test_a_value_of_any_kind_is_short_and_on_one_line(value: Any) -> None:
    shown = quoted(value, 40)
    assert shown.isprintable()
    assert len(shown) <= 40 + 2


def test_no_error_cuts_a_quoted_text_itself() -> None:
    cut = re.compile(r"\b(ascii|repr)\([^\n]*\)\[:\d+\]|\[:\d+\]!r")
    assert [path.name for path in ENGINE.rglob("*.py") if cut.search(path.read_text(encoding="utf-8"))] == []
