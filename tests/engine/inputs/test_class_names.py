"""The names of the classes come from a text file, one a line, one for each class of the model."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bdtui.engine.errors import DataError
from bdtui.engine.inputs.class_names import read_class_names


@pytest.mark.parametrize("content", ["ant\nbee\ncat", "ant\nbee\ncat\n\n", "\ufeffant\r\n bee \r\ncat\r\n"])
def test_names_are_read_in_the_order_of_the_lines(tmp_path: Path, content: str) -> None:
    (tmp_path / "names.txt").write_bytes(content.encode())
    assert read_class_names(tmp_path / "names.txt", 3) == ("ant", "bee", "cat")


@pytest.mark.parametrize(
    ("make", "finding"),
    [
        (lambda path: path.write_text("ant\nbee"), "has 2 lines; expected 3 lines, one class in each"),
        (lambda path: path.write_text("ant"), "has 1 line; expected 3"),
        (lambda path: path.write_text("ant\n\nbee"), "line 2 is empty"),
        (lambda path: path.write_text("ant\nbee\nant"), "names 'ant' twice"),
        (lambda path: path.write_bytes(b"ant\n\xff\nbee"), "cannot be read as UTF-8"),
        (lambda path: None, "no such file"),
        (Path.mkdir, "is a folder"),
        (os.mkfifo, "is not a regular file"),
    ],
    ids=str,
)
def test_anything_else_is_refused_with_what_is_expected(
    tmp_path: Path, make: Callable[[Path], object], finding: str
) -> None:
    make(tmp_path / "names.txt")
    with pytest.raises(DataError, match=finding):
        read_class_names(tmp_path / "names.txt", 3)
