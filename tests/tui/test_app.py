"""The frame around the panes: what the engine says reaches the screen, and nothing it says can break it."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from rich.progress_bar import ProgressBar
from textual.widgets import RichLog, Static

from bdtui.engine import events
from bdtui.engine.pruning.moves import GoTo, Prune, Redo, Undo
from bdtui.engine.session.requests import Export, Open
from bdtui.engine.settings import RunSettings
from bdtui.tui.bars import activity as activity_bar
from bdtui.tui.bars import header as header_bar
from bdtui.tui.bars.activity import ActivityBar
from bdtui.tui.bars.header import HeaderBar
from bdtui.tui.bars.status import StatusBar
from bdtui.tui.charts import curve
from bdtui.tui.dialogs import FailureDialog
from bdtui.tui.messages import EngineEvent
from bdtui.tui.opening.recent import recent
from bdtui.tui.opening.screen import LoadScreen
from bdtui.tui.terminal.memory_meter import MemoryUse
from tests.tui.fake_engine import (
    OUT,
    RANKED,
    SETTINGS,
    FakeApp,
    World,
    opened,
    running,
    screen_text,
    settle,
    shows,
    until,
)

pytestmark = pytest.mark.asyncio

GIB = 2**30
NOT_HDF5 = "faces/bd_net.h5: not an HDF5 file; expected a Keras model"


@pytest.fixture(autouse=True)
def folder(folder_with_files: Path) -> Path:
    return folder_with_files


def activity(app: FakeApp) -> str:
    return str(app.screen_stack[0].query_one(ActivityBar).query_one("#activity-text", Static).content)


def status_bar(app: FakeApp) -> str:
    return str(app.screen_stack[0].query_one(StatusBar).content)


def header(app: FakeApp) -> str:
    return str(app.screen_stack[0].query_one(HeaderBar).content)


def log_lines(app: FakeApp) -> list[str]:
    return [line.text.rstrip() for line in app.screen_stack[0].query_one(RichLog).lines]


# Opening.


async def test_what_was_named_when_starting_is_opened_at_once() -> None:
    hashes = {"model": "5e" * 32}
    app = FakeApp(expected_sha256=hashes)
    async with opened(app):
        assert app.engine.requests == [Open(SETTINGS, hashes)]
        # The number of channels gives way to the memory as soon as that is read.
        assert header(app).startswith("bdtui · bd_net.h5 · conv_3 · ")
        assert " · by mean-" in header(app)


async def test_one_can_look_round_while_tensorflow_loads() -> None:
    app = FakeApp(held=True)
    async with running(app) as pilot:
        await until(pilot, lambda: activity(app) == "loading TensorFlow …")
        await shows(pilot, "nothing is open")
        await pilot.press("f3", "f5", "f2")
        app.engine.let_go()
        await until(pilot, lambda: app.step == 0)


async def test_without_files_one_is_asked_for_them() -> None:
    app = FakeApp(RunSettings())
    async with running(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LoadScreen))
        assert not app.screen.query("#load-notice")
        assert app.engine.requests == []


async def test_half_the_files_come_back_as_a_question_about_the_rest() -> None:
    app = FakeApp(RunSettings(model=SETTINGS.model))
    async with running(app) as pilot:
        await until(pilot, lambda: isinstance(app.screen, LoadScreen))
        await until(pilot, lambda: "no clean validation images were given" in app.text)
        await shows(pilot, str(SETTINGS.model))


async def test_the_load_screen_opens_what_it_shows(folder: Path) -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, LoadScreen))
        for name in ("clean_test", "poisoned_test"):
            app.screen.query_one(f"#{name}").value = ""  # type: ignore[attr-defined]
        await pilot.press("f10")
        await until(pilot, lambda: len(app.engine.requests) == 2)
        request = app.engine.last
        assert isinstance(request, Open)
        assert request.settings.model == folder / "faces/bd_net.h5"
        assert request.settings.clean_test is None
        await until(pilot, lambda: len(app.screen_stack) == 1 and app.step == 0)
        last, first = recent()
        assert (last.model, last.clean_test) == (folder / "faces/bd_net.h5", None)
        assert first.clean_test == folder / "faces/cl/test.h5"


async def test_what_cannot_be_opened_comes_back_to_the_load_screen_with_the_reason() -> None:
    app = FakeApp(held=True)
    async with running(app) as pilot:
        await pilot.pause()
        app.engine.fail(NOT_HDF5)
        app.engine.let_go()
        await until(pilot, lambda: isinstance(app.screen, LoadScreen))
        assert str(app.screen.query_one("#load-notice", Static).content) == NOT_HDF5
        await settle(pilot)
        await shows(pilot, NOT_HDF5)
        await shows(pilot, "faces/cl/valid.h5")
        assert recent() == []
        await pilot.press("f10")
        await until(pilot, lambda: app.step == 0)


async def test_an_opening_that_was_stopped_comes_back_to_the_load_screen() -> None:
    app = FakeApp(held=True)
    async with running(app) as pilot:
        await until(pilot, lambda: activity(app) == "loading TensorFlow …")
        app.engine.say(events.WorkStarted("opening"), events.NothingOpen(), events.WorkStopped("stopped"))
        await until(pilot, lambda: isinstance(app.screen, LoadScreen))
        assert str(app.screen.query_one("#load-notice", Static).content) == "stopped"


async def test_what_cannot_be_opened_leaves_what_is_open(folder: Path) -> None:
    other = replace(SETTINGS, model=folder / "faces" / "other.h5")
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("3", "n")
        await until(pilot, lambda: app.step == 3)
        app.engine.fail(NOT_HDF5)
        app._open(other)
        await until(pilot, lambda: isinstance(app.screen, LoadScreen))
        await pilot.press("escape")
        await settle(pilot)
        assert app.step == 3
        assert "bd_net.h5" in header(app)
        await pilot.press("n")
        await until(pilot, lambda: app.step == 4)
        assert "other.h5" not in [str(settings.model and settings.model.name) for settings in recent()]


async def test_what_was_stopped_while_opening_is_not_remembered(folder: Path) -> None:
    (folder / "faces" / "other.h5").touch()
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.hold()
        app._open(replace(SETTINGS, model=folder / "faces" / "other.h5"))
        await pilot.press("x")
        app.engine.let_go()
        await pilot.press("r", "down", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await settle(pilot)
        assert "other.h5" not in [settings.model.name for settings in recent() if settings.model]


async def test_opening_fails_while_one_chooses_other_files_and_says_so() -> None:
    app = FakeApp(held=True)
    async with running(app, notifications=True) as pilot:
        await pilot.pause()
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, LoadScreen))
        app.engine.fail(NOT_HDF5)
        app.engine.let_go()
        await until(pilot, lambda: any(NOT_HDF5 in line for line in log_lines(app)) or NOT_HDF5 in activity(app))
        await settle(pilot)
        shown = " ".join(app.text.split())
        assert "not an HDF5 file" in shown


# Failures.


async def test_a_fault_is_a_dialog_and_a_log_line_and_the_app_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    sentence = "pruning failed: internal error (ZeroDivisionError: nothing); see the log"
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.fail(sentence, 'Traceback (most recent call last):\n  File "x.py"\nZeroDivisionError: nothing')
        with caplog.at_level(logging.ERROR, "bdtui"):
            await pilot.press("n")
            await until(pilot, lambda: isinstance(app.screen, FailureDialog))
        await shows(pilot, "Pruning failed")
        await shows(pilot, sentence)
        assert app.step == 0
        assert "ZeroDivisionError: nothing" in caplog.text
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert activity(app) == sentence
        await pilot.press("n", "f7")
        await until(pilot, lambda: app.step == 1)
        await until(pilot, lambda: "internal error" in "\n".join(log_lines(app)))
        assert 'File "x.py"' in "\n".join(log_lines(app))


@pytest.mark.parametrize("key", ["enter", "space", "ctrl+c"])
async def test_a_failure_is_waved_away(key: str) -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.fail("disk full")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, FailureDialog))
        await pilot.press(key)
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert app.is_running
        assert [type(request) for request in app.engine.requests] == [Open, Export]


async def test_a_fault_while_opening_is_a_dialog() -> None:
    app = FakeApp(held=True)
    async with running(app) as pilot:
        await pilot.pause()
        app.engine.fail("opening failed: internal error", "Traceback")
        app.engine.let_go()
        await until(pilot, lambda: isinstance(app.screen, FailureDialog))
        await until(pilot, lambda: "Opening failed" in app.text)


async def test_a_long_sentence_scrolls_within_its_dialog() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.fail("a word " * 400)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, FailureDialog))
        await settle(pilot)
        await shows(pilot, "Esc close · y copy · details in the log")


async def test_a_step_that_is_not_there_is_said_by_the_engine() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("9", "9", "g")
        await until(pilot, lambda: isinstance(app.screen, FailureDialog))
        await shows(pilot, "there is no step 99; expected one from 0 to 60")


# The status line.


@pytest.mark.parametrize(
    ("world", "step", "expected"),
    [
        (World(), 52, "step 52/60 · accuracy 80.94 % · ASR 95.38 %"),
        (World(poisoned=False), 3, "step 3/60 · accuracy 98.65 %"),
        (World(channels=2048), 5, "step 5/2048 · accuracy 98.65 % · ASR 100.00 %"),
    ],
)
async def test_the_status_line_is_the_one_that_was_promised(world: World, step: int, expected: str) -> None:
    app = FakeApp(world=world)
    async with opened(app) as pilot:
        await pilot.press(*str(step), "g")
        await until(pilot, lambda: app.step == step)
        assert app.status == expected
        assert status_bar(app).split("   ")[0].strip() == expected
        await settle(pilot)
        assert app.text.split("\n")[-2].startswith(f" {expected}")


async def test_the_status_line_is_whole_on_every_terminal() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        for size in ((50, 15), (80, 24), (46, 10), (200, 60)):
            await pilot.resize_terminal(*size)
            await pilot.press("9")
            await until(
                pilot, lambda: app.text.split("\n")[-2].startswith(" step 0/60 · accuracy 98.65 % · ASR 100.00 %")
            )
            await pilot.press("escape")


async def test_what_is_being_measured_is_said_until_it_is_known() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.hold()
        await pilot.press("7", "n")
        await until(pilot, lambda: status_bar(app).endswith("measuring step 7"))
        assert app.step == 0
        app.engine.let_go()
        await until(pilot, lambda: app.step == 7)
        assert "measuring" not in status_bar(app)


async def test_held_keys_are_made_in_one_go_and_the_last_wish_wins() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.hold()
        await pilot.press(*["n"] * 6, "u", "u", "ctrl+r", "2", "n")
        app.engine.let_go()
        await until(pilot, lambda: app.step == 7)
        assert app.engine.moves_made == [[*[Prune(1)] * 6, Undo(1), Undo(1), Redo(1), Prune(2)]]


async def test_stop_drops_what_waits_and_leaves_what_stands() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("2", "n")
        app.engine.hold()
        await pilot.press("n", "n", "5", "a", "x")
        await until(pilot, lambda: activity(app) == "stopped")
        app.engine.let_go()
        await settle(pilot)
        assert app.step == 2
        assert app.engine.position.step == 2
        await pilot.press("n")
        await until(pilot, lambda: app.step == 3)


async def test_after_a_stop_nothing_is_being_measured() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.hold()
        await pilot.press("7", "n")
        await until(pilot, lambda: status_bar(app).endswith("measuring step 7"))
        await pilot.press("x")
        await until(pilot, lambda: activity(app) == "stopped")
        assert "measuring" not in status_bar(app)


async def test_after_a_failure_nothing_is_being_measured() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.say(events.WorkStarted("pruning"), events.PositionWished(7))
        app.engine.say(events.WorkFailed("pruning", "out of memory", "Traceback"), events.WorkEnded())
        await until(pilot, lambda: isinstance(app.screen, FailureDialog))
        await settle(pilot)
        assert "measuring" not in status_bar(app)


# The line of what is being done.


async def test_progress_tells_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(activity_bar, "time", SimpleNamespace(monotonic=lambda: clock.now))
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.say(events.WorkStarted("opening"))

        async def progress(done: int, total: int | None, unit: str, stage: str = "profile") -> str:
            before = activity(app)
            app.engine.say(events.Progress(stage, done, total, unit))
            await until(pilot, lambda: activity(app) != before)
            return activity(app)

        assert await progress(0, 12_830, "images") == "opening: profile · 0/12,830 images · x stops"
        clock.now += 10
        expected = "opening: profile · 1,283/12,830 images · 128 images/s · 1:30 left · x stops"
        assert await progress(1283, 12_830, "images") == expected
        bar = app.query_one("#activity-bar", Static)
        assert bar.display
        assert isinstance(bar.content, ProgressBar)
        assert (bar.content.completed, bar.content.total) == (1283, 12_830)
        clock.now += 90
        assert (
            await progress(12_830, 12_830, "images")
            == "opening: profile · 12,830/12,830 images · 128 images/s · x stops"
        )
        clock.now += 1
        assert await progress(0, 3, "models", "save X=2") == "opening: save X=2 · 0/3 models · x stops"
        clock.now += 4000
        assert await progress(1, 3, "models", "save X=2") == (
            "opening: save X=2 · 1/3 models · 0.0 models/s · 2:13:20 left · x stops"
        )
        assert await progress(1, None, "batches", "test") == "opening: test · 1 batches · x stops"
        assert not bar.display
        app.engine.say(events.WorkEnded())
        await until(pilot, lambda: activity(app) == "")


async def test_what_is_worth_keeping_stays_and_progress_does_not() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.say(
            events.WorkStarted("opening"),
            events.Notice("all images have one label"),
            events.Progress("profile", 10, 10, "images"),
            events.WorkEnded(),
        )
        await settle(pilot)
        assert activity(app) == "all images have one label"


async def test_a_sentence_stays_until_other_work_begins() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.say(events.WorkStarted("ranking"), events.Notice("a notice"), events.WorkEnded())
        await until(pilot, lambda: activity(app) == "a notice")
        await pilot.press("n")
        await until(pilot, lambda: activity(app) == "")


async def test_the_curve_of_an_export_counts_steps() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.say(events.WorkStarted("exporting"), events.StepFinished(12, 3, 0.2, 98.0, 100.0))
        await until(pilot, lambda: activity(app).startswith("exporting: curve · 12/60 steps"))


# Header.


async def test_the_header_tells_device_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header_bar, "process_memory", lambda: MemoryUse(3 * GIB // 2, 24 * GIB))
    app = FakeApp()
    async with opened(app) as pilot:
        await until(pilot, lambda: header(app).endswith("  CPU · memory 1.5/24 GiB"))
        assert len(header(app)) == 78


async def test_the_header_tells_the_memory_of_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    driver = ModuleType("pynvml")
    driver.nvmlInit = lambda: None  # type: ignore[attr-defined]
    driver.nvmlDeviceGetHandleByIndex = lambda index: asked.append(index) or "handle"  # type: ignore[attr-defined]
    driver.nvmlDeviceGetMemoryInfo = lambda handle: SimpleNamespace(used=GIB // 2, total=141 * GIB)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    monkeypatch.setattr(header_bar, "process_memory", lambda: MemoryUse(2 * GIB, 24 * GIB))
    app = FakeApp(world=World(device="GPU 1"))
    async with opened(app, (120, 40)) as pilot:
        await until(pilot, lambda: header(app).endswith("GPU 1 · GPU memory 0.5/141 GiB · memory 2.0/24 GiB"))
        assert asked == [1]
        assert header(app).startswith("bdtui · bd_net.h5 · conv_3 · 60 channels · by mean-activation ")


@pytest.mark.parametrize("fault", ["import", "read"])
async def test_a_driver_that_fails_is_done_without(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    def fail(*_: object) -> None:
        raise OSError("no driver")

    driver = ModuleType("pynvml")
    driver.nvmlInit = fail if fault == "init" else lambda: None  # type: ignore[attr-defined]
    driver.nvmlDeviceGetHandleByIndex = lambda index: index  # type: ignore[attr-defined]
    driver.nvmlDeviceGetMemoryInfo = fail  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pynvml", None if fault == "import" else driver)  # type: ignore[arg-type]
    monkeypatch.setattr(header_bar, "process_memory", lambda: MemoryUse(2 * GIB, 24 * GIB))
    app = FakeApp(world=World(device="GPU 0"))
    async with opened(app) as pilot:
        await until(pilot, lambda: header(app).endswith("  GPU 0 · memory 2.0/24 GiB"))


async def test_a_long_name_gives_way_to_device_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header_bar, "process_memory", lambda: MemoryUse(2 * GIB, 24 * GIB))
    app = FakeApp(replace(SETTINGS, model=Path("m" * 200 + ".h5")))
    async with opened(app) as pilot:
        await until(pilot, lambda: header(app).endswith("CPU · memory 2.0/24 GiB"))
        assert "m… · conv_3" in header(app)
        assert len(header(app)) == 78


# Floods.


async def test_of_a_flood_from_another_thread_the_last_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    handled: list[int] = []
    show = StatusBar.show

    def counted(self: StatusBar, event: events.Event) -> None:
        if isinstance(event, events.PositionReached):
            handled.append(event.step)
        show(self, event)

    monkeypatch.setattr(StatusBar, "show", counted)
    app = FakeApp()
    async with opened(app) as pilot:
        handled.clear()
        positions = [app.engine.reached(step) for step in range(61)]
        flood = [positions[number % 61] for number in range(2000)]
        thread = threading.Thread(target=lambda: app.engine.say(*flood, positions[42]))
        thread.start()
        thread.join()
        await until(pilot, lambda: app.step == 42 and handled[-1] == 42)
        await settle(pilot)
        assert app.step == 42
        assert len(handled) < 500
        await shows(pilot, "● pruned")


async def test_a_flood_is_drawn_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    original = curve.draw_curve
    monkeypatch.setattr(curve, "draw_curve", lambda *given: drawn.append(1) or original(*given))
    app = FakeApp()
    async with opened(app, (120, 40)) as pilot:
        await settle(pilot)
        drawn.clear()
        app.engine.say(*(app.engine.reached(number % 61) for number in range(500)))
        await until(pilot, lambda: app.step == 499 % 61)
        await settle(pilot)
        assert len(drawn) < 20


async def test_events_of_other_kinds_are_never_dropped() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.say(*(events.Notice(f"notice {number}") for number in range(50)))
        await pilot.press("f7")
        said = [f"notice {number}" for number in range(50)]
        # The log is written once it has a size.
        await until(pilot, lambda: [line.split(" ", 1)[1] for line in log_lines(app) if "notice" in line] == said)


async def test_what_the_engine_says_while_the_app_ends_is_no_fault() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("q")
    app.on_engine_event(EngineEvent(events.Notice("too late")))
    assert app.return_code == 0


# Text from outside.

MARKUP = "[red]x[/] [/nothing] [link=file:///etc]y[/link] [@click=app.quit]z[/]"
ESCAPES = "\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b2Jcsi\r\n\ttab"


@pytest.mark.parametrize("hostile", [MARKUP, ESCAPES], ids=["markup", "escapes"])
@pytest.mark.parametrize("size", [(80, 24)], ids=["80x24"])
async def test_names_and_paths_are_shown_as_they_are_and_do_nothing(hostile: str, size: tuple[int, int]) -> None:
    world = World(profiled=f"p{hostile}", pruned=f"c{hostile}", device="CPU")
    paths = {
        name: Path(f"faces/{number}{hostile}") for number, name in enumerate(("model", "clean_valid", "poisoned_valid"))
    }
    app = FakeApp(RunSettings(**paths), world)  # type: ignore[arg-type]
    async with opened(app, size, notifications=True) as pilot:
        app.engine.say(
            events.WorkStarted(hostile),
            events.Notice(hostile),
            events.DataOpened("clean_valid", hostile, 3, 4, "nchw", "uint8", False),
            events.ArtifactWritten(f"{hostile}/{hostile}.h5"),
            events.WorkStopped(hostile),
        )
        await settle(pilot)
        for key in ("f3", "f4", "f5", "f6", "f7", "f2", "l"):
            await pilot.press(key)
            await settle(pilot)
            harmless(app)
            if hostile == MARKUP and key in ("f4", "f7"):
                await shows(pilot, "[red]x[/]")
        await pilot.press("escape")
        app.engine.fail(hostile)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, FailureDialog))
        harmless(app)
        await pilot.press("escape")
        app.engine.fail(hostile)
        app._open(SETTINGS)
        await until(pilot, lambda: isinstance(app.screen, LoadScreen))
        await settle(pilot)
        harmless(app)
        assert app.is_running


async def test_the_notice_of_an_export_shows_a_folder_harmlessly() -> None:
    app = FakeApp()
    async with opened(app, notifications=True) as pilot:
        app.engine.say(events.RunFinished(ESCAPES, 3.0))
        await until(pilot, lambda: app.notices != [])
        await settle(pilot)
        harmless(app)


async def test_the_folder_of_the_next_export_is_shown_harmlessly_and_kept() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        app.engine.say(events.ExportPlanned(ESCAPES, (ESCAPES, "recipe.toml")))
        await pilot.press("f6")
        await settle(pilot)
        harmless(app)
        assert app.workspace.export_request.out == Path(ESCAPES)


def harmless(app: FakeApp) -> None:
    """No character that a terminal would take for an order reached the screen."""
    text = screen_text(app)
    assert all(character.isprintable() or character == "\n" for character in text), [
        line for line in text.split("\n") if not line.isprintable()
    ]


# Large and without poison.


@pytest.mark.parametrize("size", [(120, 40)], ids=["120x40"])
async def test_2048_channels_can_be_worked_with(size: tuple[int, int]) -> None:
    app = FakeApp(world=World(channels=2048))
    async with opened(app, size) as pilot:
        await pilot.press("1", "0", "0", "0", "g")
        await until(pilot, lambda: app.step == 1000)
        await pilot.press("down", "space")
        await until(pilot, lambda: app.step == 1001)
        await pilot.press("s", "S", "u", "f3", "v", "v", "v", "f2")
        await until(pilot, lambda: app.step == 1000)
        assert app.status.startswith("step 1000/2048")


async def test_without_poisoned_images_nothing_speaks_of_an_attack() -> None:
    app = FakeApp(world=World(poisoned=False))
    async with opened(app, (200, 60)) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: app.step == 47)
        await settle(pilot)
        assert "ASR 1" not in app.text
        assert "poisoned images" not in str(app.query_one("#channel-description", Static).content)
        await pilot.press("v", "v", "y")
        assert "ASR" not in app.clipboard


# The whole.


async def test_a_whole_session_loads_no_tensorflow(folder: Path) -> None:
    program = """
import asyncio, sys
from tests.tui.fake_engine import FakeApp, opened, running, settle, shows, until
async def session():
    app = FakeApp()
    async with opened(app, (200, 60)) as pilot:
        await pilot.press("5", "n", "u", "ctrl+r", "a", "space", "r", "escape", "l", "escape", "e", "f5", "f1", "escape")
        await settle(pilot)
        await pilot.press("o")
        await settle(pilot)
        await pilot.press("escape", "q")
    assert app.return_code == 0, app.return_code
asyncio.run(session())
print(*sys.modules.keys() & {"tensorflow", "keras", "matplotlib", "bdtui.engine.session.session"})
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == ""
    assert done.stderr == ""


async def test_an_export_tells_where_everything_went() -> None:
    app = FakeApp()
    async with opened(app, notifications=True) as pilot:
        await pilot.press("e")
        await until(pilot, lambda: app.notices == [f"Run complete: {OUT}"])
        assert activity(app) == f"Run complete: {OUT}"


async def test_going_to_a_step_by_hand_and_back_ends_where_it_began() -> None:
    app = FakeApp()
    async with opened(app) as pilot:
        await pilot.press("3", "0", "g", "down", "down", "space", "5", "n", "9", "9", "u")
        await until(pilot, lambda: app.step == 0)
        assert app.engine.position.order == RANKED
        assert GoTo(30) in app.engine.requests
