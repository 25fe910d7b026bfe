"""bdtui in a real terminal with the real TensorFlow: real keys go in, the screen and every byte behind it are read."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bdtui.engine.reports.file_names import RESULTS
from tests.tui.tmux import BDTUI, Tmux, has_ended

pytestmark = pytest.mark.slow

START = "step 0/60 · accuracy 99.03 % · ASR 100.00 %"
STEP_4 = "step 4/60 · accuracy 99.03 % · ASR 100.00 %"
X_2 = "step 47/60 · accuracy 96.43 % · ASR 89.53 %"
"""As in sample_data/README.md."""

DRAWN = "poisoned state"
"""Of the heading of the channel table, which stands on the screen from the first paint."""

STEP = re.compile(r"step \d+/60")
NEXT_IS_FIRST = re.compile(r"^\W*1 .*◂ next", re.MULTILINE)

LINE_WRAP, CURSOR = 7, 25
"""The private modes (DECSET) that are on at every prompt."""

SMALL, MEDIUM = (80, 24), (120, 40)
ALL_TABS = "F2 Channels  F3 Charts  F4 Model  F5 Data  F6 Export  F7 Log  F8 Verdict"

NATIVE = re.compile(
    rb"[IWEF]0000 00:00:|[IWEF]\d{4} \d\d:\d\d:\d\d|: [IWEF] tensorflow/|absl::|oneDNN|MLIR|rebuild TensorFlow"
    rb"|computation_placer|cuda_|WARNING|Traceback"
)
"""What TensorFlow, absl, XLA and Python print and the app never says."""


@pytest.fixture(scope="module", params=[SMALL, MEDIUM], ids=["80x24", "120x40"])
def terminal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    with Tmux(tmp_path_factory.mktemp("terminal"), *request.param) as tmux:
        yield tmux


@pytest.fixture
def opened(terminal: Tmux) -> Tmux:
    """A terminal in which bdtui stands at step 0 of the sample; the tests share it until one of them ends it."""
    return open_sample(terminal)


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    """A terminal of somebody who prunes with another key."""
    with Tmux(tmp_path_factory.mktemp("configured"), *SMALL) as tmux:
        write_config(tmux, 'theme = "light"\n[keys]\nprune = "m"\n')
        yield tmux


@pytest.fixture(scope="module")
def prompt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    """A terminal on which bdtui refuses to begin; wide, so that its sentence stands on one line."""
    with Tmux(tmp_path_factory.mktemp("prompt"), 500, 24) as tmux:
        yield tmux


def open_sample(terminal: Tmux) -> Tmux:
    if terminal.flags()["alternate_on"] == "0":
        terminal.start("--sample")
    terminal.wait_for("step ", seconds=90)
    terminal.keys("F2", "9", "9", "u")
    # The status line is drawn before the table, and the chart last.
    terminal.wait_until(
        lambda screen: (
            START in screen
            and set(STEP.findall(screen)) == {"step 0/60"}
            and NEXT_IS_FIRST.search(screen)
            and not screen.splitlines()[-3].strip()
        ),
        "step 0, and nothing going on",
    )
    return terminal


def write_config(terminal: Tmux, text: str) -> None:
    terminal.config.parent.mkdir(parents=True, exist_ok=True)
    terminal.config.write_text(text)


def assert_left_as_it_was(terminal: Tmux) -> None:
    """The prompt is usable, nothing that bdtui turned on is left on, and TensorFlow was never seen."""
    terminal.type("echo back-$((1+1))")
    screen = terminal.wait_for("back-2")
    assert "╭" not in screen
    assert terminal.flags() == {
        "alternate_on": "0",
        "cursor_flag": "1",
        "keypad_cursor_flag": "0",
        "mouse_any_flag": "0",
        "mouse_sgr_flag": "0",
        "mouse_standard_flag": "0",
    }
    assert terminal.line_settings() == terminal.first_line_settings
    record = terminal.record()
    assert {mode for mode, on in terminal.modes().items() if on} == {LINE_WRAP, CURSOR}
    assert len(re.findall(rb"\x1b\[>\d+u", record)) == len(re.findall(rb"\x1b\[<\d*u", record)), "keyboard protocol"
    assert_no_native_output(terminal)


def assert_no_native_output(terminal: Tmux) -> None:
    for text in (terminal.record(), terminal.scrollback().encode()):
        found = NATIVE.search(text)
        assert found is None, text[max(0, found.start() - 200) : found.end() + 200]


def test_it_draws_and_answers_keys_before_tensorflow_is_loaded(terminal: Tmux) -> None:
    terminal.start("--sample")
    terminal.wait_for(DRAWN, "loading TensorFlow", "nothing is open", "q quit")
    terminal.keys("7")
    screen = terminal.wait_for("7×")
    assert "loading TensorFlow" in screen
    terminal.keys("Escape")
    terminal.wait_for("opening", "nothing is open")


def test_keys_prune_and_the_status_line_tells_the_rates(opened: Tmux) -> None:
    opened.keys("5", "n", "u")
    opened.wait_for(STEP_4)
    opened.keys("a")
    opened.wait_for(X_2, "reached X=2")
    # What is measured in the background changes the verdict; the tests that follow find it done.
    opened.keys("F6")
    opened.wait_for("3.25/10.93")
    opened.keys("F4", "F2")
    assert_no_native_output(opened)


def test_the_screen_follows_the_size_of_the_window(opened: Tmux) -> None:
    first_size = opened.size
    before = opened.wait_until(lambda screen: START in screen and "Autosaving" not in screen, "no notice")
    try:
        for size in (MEDIUM, SMALL, MEDIUM, SMALL):
            opened.resize(*size)
            opened.wait_until(lambda screen, size=size: fits(screen, size), f"{size}")
    finally:
        # tmux itself leaves part of a full-screen program behind when that ends in a window which has grown.
        opened.resize(*first_size)
    opened.wait_until(lambda screen: without_header(screen) == without_header(before), f"again\n{before}")


def fits(screen: str, size: tuple[int, int]) -> bool:
    """Whether the panes stand as a window of this size shows them: in tabs, or side by side."""
    lines = screen.splitlines()
    corners = {len(line) for line in lines if line.endswith("╮")}
    return (
        (ALL_TABS in screen) == (size == SMALL)
        and ("╭─ Channels" in screen and "╭─ Charts" in screen) == (size == MEDIUM)
        and DRAWN in screen
        and START in screen
        and len(lines) == size[1]
        and "n prune" in lines[-1]
        and corners == ({size[0]} if size == MEDIUM else set())
        and max(map(len, lines)) <= size[0]
    )


def without_header(screen: str) -> list[str]:
    """The lines but for the first, which tells the memory in use; spaces at an end are nothing to see."""
    return [line.rstrip() for line in screen.splitlines()[1:]]


def test_ctrl_c_stops_the_work_and_does_not_quit(opened: Tmux) -> None:
    opened.keys("e")
    opened.wait_for("exporting")
    opened.keys("C-c")
    opened.wait_for("interrupted after")
    opened.keys("F2", "n")
    opened.wait_for("step 1/60 · ")
    assert not list(opened.folder.rglob(RESULTS))


def test_quitting_in_the_middle_of_work_leaves_the_terminal_as_it_was(opened: Tmux) -> None:
    opened.keys("a", "e", "a", "q")
    opened.wait_for_status(0)
    assert_left_as_it_was(opened)


def test_a_key_named_in_the_configuration_does_its_action(configured: Tmux) -> None:
    open_sample(configured)
    assert "m prune" in configured.screen()
    configured.keys("n", "3", "m")
    configured.wait_for("step 3/60 · ")


def test_a_hangup_leaves_the_terminal_as_it_was_and_no_half_written_file(configured: Tmux) -> None:
    open_sample(configured)
    process = configured.app_process()

    def partial_files() -> list[Path]:
        return list(configured.folder.rglob(".goodnet*.partial*"))

    configured.keys("e")
    # A GoodNet is read back and checked before it takes its name: that lasts.
    configured.wait_until(lambda screen: partial_files() != [], "a GoodNet that is being written")
    os.kill(process, signal.SIGHUP)
    configured.wait_for_status(130)
    assert_left_as_it_was(configured)
    assert partial_files() == []


@pytest.mark.parametrize("moment", ["loading TensorFlow", "opening"])
def test_a_termination_leaves_the_terminal_as_it_was(moment: str, tmp_path: Path) -> None:
    with Tmux(tmp_path, *SMALL) as tmux:
        tmux.start("--sample")
        tmux.wait_for(DRAWN, moment)
        tmux.signal(signal.SIGTERM)
        tmux.wait_for_status(130)
        assert_left_as_it_was(tmux)


FAULTY = """
import os, sys
from bdtui.tui.app import BdtuiApp
from bdtui.tui.cli import main

def fail(app):
    # In pieces, so that the traceback does not show them whole.
    os.write(1, b"native" b" on stdout\\n")
    os.write(2, b"native" b" on stderr\\n")
    raise RuntimeError("this was to be expected")

BdtuiApp.action_zoom = fail
sys.exit(main(sys.argv[1:]))
"""


def test_a_fault_of_the_app_is_told_at_the_prompt_and_what_native_code_printed_in_the_log(tmp_path: Path) -> None:
    program = tmp_path / "bdtui.tui.py"
    program.write_text(FAULTY)
    with Tmux(tmp_path, *MEDIUM) as tmux:
        tmux.start("--sample", program=[sys.executable, str(program)])
        tmux.wait_for("╭─ Channels", "loading TensorFlow")
        tmux.keys("z")
        tmux.wait_for_status(1)
        screen = tmux.wait_for("this was to be expected", "internal error; please report")
        assert "native on" not in screen
        assert b"native on" not in tmux.record()
        assert "native on stdout" in tmux.log.read_text()
        assert "native on stderr" in tmux.log.read_text()
        assert tmux.flags()["alternate_on"] == tmux.flags()["mouse_any_flag"] == "0"
        assert tmux.line_settings() == tmux.first_line_settings


@pytest.mark.parametrize("before", ["", "setsid --wait"], ids=["on its own terminal", "on a borrowed terminal"])
def test_a_lost_terminal_ends_bdtui_though_it_ignores_hangups(before: str, tmp_path: Path) -> None:
    # With setsid the terminal is nobody's, and no signal tells that it has gone.
    with Tmux(tmp_path, *SMALL, prefix="trap '' HUP") as tmux:
        tmux.start("--sample", before=before)
        tmux.wait_for(DRAWN, "loading TensorFlow")
        process = tmux.app_process()
        tmux.kill_server()
        end = time.monotonic() + 60
        while time.monotonic() < end and not has_ended(process):
            time.sleep(0.1)
        ended = has_ended(process)
        if not ended:
            signal.pidfd_send_signal(os.pidfd_open(process), signal.SIGKILL)
        assert ended, "it goes on without a terminal"


def refusal(terminal: Tmux, *arguments: str, before: str = "", behind: str = "") -> str:
    """What bdtui says when it does not begin; nothing else may appear."""
    drawn = len(terminal.record())
    terminal.start(*arguments, before=before, behind=behind)
    terminal.wait_for_status(2)
    # `clear` alone answers in escapes; what comes behind it has to be plain text.
    answer = terminal.record()[drawn:].rpartition(b"\x1b[")[2]
    assert b"bdtui: error: " in answer, terminal.screen()
    lines = terminal.screen().partition("status-")[0].splitlines()
    said = [line for line in lines if line.startswith("bdtui: error: ")]
    assert len(said) == 1, lines
    assert lines[-1] == said[0], "one sentence, and nothing behind it"
    return said[0]


@pytest.mark.parametrize(
    ("before", "behind"),
    [("", "< /dev/null"), ("", "> out"), ("TERM=dumb", ""), ("TERM=", "")],
)
def test_where_nothing_can_be_drawn_bdtui_names_batch(prompt: Tmux, before: str, behind: str) -> None:
    said = refusal(prompt, "--sample", before=before, behind=behind)
    assert "--batch" in said
    assert not (prompt.folder / "out").exists() or not (prompt.folder / "out").read_bytes()


def test_without_any_terminal_bdtui_names_batch(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": subprocess.PIPE}
        done = subprocess.run([*BDTUI, "--sample"], **streams, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert (tmp_path / "out").read_bytes() == b""
    assert re.fullmatch(r"bdtui: error: .*--batch.*\n", done.stderr)


def test_a_folder_that_holds_a_run_is_refused_before_anything_is_drawn(prompt: Tmux) -> None:
    held = prompt.folder / "held"
    held.mkdir()
    (held / RESULTS).write_text("{}")
    assert "held: already contains a run" in refusal(prompt, "--sample", "--out", "held")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[keys]\nprun = "m"\n', "'prun'"),
        ('theme = "pink"\n', "'pink'"),
        ("theme = \n", "is not valid TOML"),
        ('[keys]\nprune = "u"\n', "'undo'"),
    ],
    ids=["unknown action", "unknown theme", "no TOML", "a key for two actions"],
)
def test_a_wrong_configuration_is_refused_before_anything_is_drawn(prompt: Tmux, text: str, words: str) -> None:
    write_config(prompt, text)
    try:
        said = refusal(prompt, "--sample")
    finally:
        prompt.config.unlink()
    assert str(prompt.config) in said
    assert words in said
