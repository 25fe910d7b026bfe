"""Files that name the classes of a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from bdtui.engine.errors import DataError
from bdtui.engine.inputs.class_names import read_class_names, shown_class


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("cat\ndog\n", ("cat", "dog")),
        ("\ufeffcat\r\ndog\r\n\r\n", ("cat", "dog")),
        ("  Schäferhund \nblack cat", ("Schäferhund", "black cat")),
        ("0 Class 1\n1 Class 2\n", ("Class 1", "Class 2")),
        ("1 one\n2 two\n", ("1 one", "2 two")),
    ],
    ids=["plain", "Windows", "blanks", "Teachable Machine", "numbers of another order are part of the names"],
)
def test_class_names_are_read_one_a_line(tmp_path: Path, content: str, names: tuple[str, ...]) -> None:
    (tmp_path / "labels.txt").write_bytes(content.encode())
    assert read_class_names(tmp_path / "labels.txt", 2) == names


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (b"cat\n", "names 1 classes; expected one line for each of the network's 2"),
        (b"", "names 0 classes"),
        (b"cat\n\ndog\n", "line 2 is empty"),
        (b"\ndog\n", "line 1 is empty"),
        (b"cat\ncat\n", "lines 1 and 2 are the same"),
        (b"cat\n\x1b[2Jdog\n", "line 2 is no class name"),
        (b"cat\n" + b"d" * 201, "line 2 is no class name"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"\n" * 2**22 + b"x", "bytes long"),
    ],
)
def test_what_does_not_name_each_class_once_is_refused(tmp_path: Path, content: bytes, finding: str) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(DataError, match=finding):
        read_class_names(tmp_path / "labels.txt", 2)


def test_a_folder_is_no_list_of_class_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder; expected a text file with one class a line"):
        read_class_names(tmp_path, 2)


def test_a_class_is_shown_with_its_name_where_it_has_one() -> None:
    assert (shown_class(1, ("cat", "dog")), shown_class(2, ("cat", "dog")), shown_class(1)) == ("1 (dog)", "2", "1")
