"""A name from a file is shown, in a terminal as in a report, and neither obeyed nor made part of a path.

The app's panes and dialogs are tried with such names in tests/tui/test_app.py.
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from bdtui.engine import events
from bdtui.engine.event_values import Threshold
from bdtui.engine.reports.markdown import write_report_text
from bdtui.engine.runs.folder import default_folder
from bdtui.tui.batch.output import ProgressDisplay, print_check, print_results
from tests.records import record

NAMES = [
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred",
    "[red]markup[/red] [link=file:///etc]link[/link]",
    "a\rb\nbdtui: error: c\x9b2J\u202egnp",
    "`code` <script>alert(1)</script> | cell |",
]
_RATES = {"clean_accuracy": 98.0, "attack_success_rate": None, "recovered_accuracy": None}


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, color_system=None, width=200)


def shown(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def assert_harmless(text: str, name: str) -> None:
    assert all(c.isprintable() or c == "\n" for c in text)
    assert "\nbdtui: error" not in text
    last_word = "".join(c if c.isprintable() else " " for c in name).split()[-1]
    assert last_word in text, "the name itself is there"
    # Markup is told as it stands there, not swallowed as an instruction.
    assert "[red]markup[/red] [link=file:///etc]link[/link]" in text or not name.startswith("[red]")


@pytest.mark.parametrize("name", NAMES)
def test_check_shows_layer_names_as_they_are(console: Console, name: str) -> None:
    layer = events.LayerFound(name, "Conv2D", (None, 6, 6, 4), 112, 4)
    print_check(
        console,
        [
            events.ModelOpened(f"{name}.h5", "0" * 64, 5, (8, 8, 3), (layer,)),
            events.DataOpened("clean_valid", name, 20, 5, "nhwc", "uint8", False),
            events.LayerChosen(name, name, 4, 0),
        ],
    )
    assert_harmless(shown(console), name)


@pytest.mark.parametrize("name", NAMES)
def test_progress_and_results_show_names_as_they_are(console: Console, name: str) -> None:
    display = ProgressDisplay(console)
    for event in (
        events.ModelOpened(name, "0" * 64, 5, (8, 8, 3), ()),
        events.LayerChosen(name, name, 4, 0),
        events.ArtifactWritten(name),
        events.Notice(name),
    ):
        display.show(event)
    print_results(console, record(name, thresholds=(Threshold(2),)), Path(name))
    assert_harmless(shown(console), name)


@pytest.mark.parametrize("name", NAMES)
def test_a_report_quotes_names_as_code(name: str) -> None:
    text = write_report_text(record(name, notices=(name,)))
    assert_harmless(text, name)
    # Within backquotes nothing is markup or HTML; a name that holds some must not end them.
    outside = "".join(text.split("`")[::2])
    assert "alert" not in outside
    assert "[link=" not in outside


@pytest.mark.parametrize("name", [*NAMES, "../../../etc", "/etc/passwd", ".."])
def test_a_default_folder_stays_inside_bdtui_runs_whatever_the_model_is_called(name: str) -> None:
    import time

    folder = default_folder(Path(name), time.localtime())
    assert folder.parent == Path("bdtui-runs")
    assert folder.name.isprintable()
    assert ".." not in folder.parts
