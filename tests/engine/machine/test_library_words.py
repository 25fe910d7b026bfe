"""Words of Keras and TensorFlow come on one line, whole, and without terminal codes."""

from __future__ import annotations

import pytest

from bdtui.engine.machine.library_words import plain_detail


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        ("one\n  two\tthree", "one two three"),
        ("\x1b[1mException encountered when calling Conv2D.call().\x1b[0m\n\n\x1b[1mno room\x1b[0m", "no room"),
        (
            "Error when deserializing class 'A' using config={'name': 'x'}.\n\nException encountered: a is 5",
            "layer 'x': a is 5",
        ),
        ("{{function_node __wrapped__Conv2D}} only NHWC [Op:Conv2D] name: ", "only NHWC"),
        ("Graph execution error:\n\nno room [[{{node a/b}}]] [Op:x]", "no room"),
        ("a\x07b\u202ec\x9b2Jd\r\ne", "a b c 2Jd e"),
        ("\x1b]0;owned\x07seen", "seen"),
        ("\x1b", "ValueError"),
        ("", "ValueError"),
    ],
)
def test_words_of_a_library_come_without_codes_and_places(raised: str, told: str) -> None:
    assert plain_detail(ValueError(raised)) == told


@pytest.mark.parametrize("longest", range(8, 60))
def test_no_word_is_cut(longest: int) -> None:
    text = "Layer 'conv' expects (None, 8, 8, 3), and received [some thing] of another shape."
    told = plain_detail(text, longest)
    assert len(told) <= longest
    assert told == text or (told.endswith(" …") and text.startswith(told[:-2]) and not told[-3].isspace())
    cut = text[len(told) - 2 :]
    assert told == text or not (told[-3].isalnum() and cut[0].isalnum()) or " " not in text[:longest]


def test_a_text_without_spaces_is_cut_somewhere() -> None:
    assert plain_detail("x" * 999, 20) == "x" * 18 + " …"
