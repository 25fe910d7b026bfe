"""Paths written down as text and read again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bdtui.engine.errors import OptionError
from bdtui.engine.machine.path_text import path_from_text, path_text
from bdtui.engine.option import file_kind

names = st.binary(min_size=1, max_size=20).map(lambda name: name.replace(b"\0", b"-").replace(b"/", b"_"))


@given(st.lists(names, min_size=1, max_size=4))
@example([b".", b"\x80"])
def test_every_absolute_path_comes_back_and_can_be_written_in_utf_8(parts: list[bytes]) -> None:
    path = os.fsdecode(b"/" + b"/".join(parts))
    # As paths: /./net.h5 may come back as /net.h5.
    assert Path(path_from_text(path_text(path).encode().decode())) == Path(path)


def test_a_path_of_plain_text_is_written_as_it_is() -> None:
    assert path_text("bilder/größe 100%.h5") == "bilder/größe 100%.h5"


@pytest.mark.parametrize("uri", ["file://elsewhere/net.h5", "file://", "file:///a%00b"])
def test_a_uri_that_names_no_file_of_this_machine_is_refused(uri: str) -> None:
    with pytest.raises(OptionError, match=r"names no file of this machine; expected a path"):
        file_kind("a model").load(uri)
