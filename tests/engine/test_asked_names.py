"""Names that are asked for together: each once, or nothing."""

from __future__ import annotations

import pytest

from bdtui.engine.asked_names import each_once
from bdtui.engine.errors import OptionError
from bdtui.tui.cli import main
from bdtui.tui.exit_codes import ExitCode


def test_each_name_counts_once_and_none_alone_stands_for_nothing() -> None:
    assert each_once(["b", "a", "b"], "repair") == ("b", "a")
    assert each_once(["none"], "repair") == each_once(None, "repair") == ()


def test_none_beside_others_is_refused() -> None:
    with pytest.raises(OptionError, match="none stands for no repair, and was given beside clp; expected it alone"):
        each_once(["none", "clp"], "repair")


@pytest.mark.parametrize("given", [("--repair", "none,scratch"), ("--detect", "scan,none")], ids=lambda given: given[0])
def test_the_command_line_refuses_it_before_anything_is_opened(
    given: tuple[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--batch", "--sample", *given]) == ExitCode.USAGE
    assert "expected it alone" in capfd.readouterr().err
