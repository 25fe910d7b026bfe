"""What is loaded when: the command line answers before anything heavy is imported."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def loaded_after(program: str) -> set[str]:
    """Top-level modules loaded by a program in a Python of its own."""
    show = "\nimport sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program + show], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


HEAVY = {"tensorflow", "keras", "h5py", "numpy", "matplotlib", "textual"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_and_version_load_nothing_heavy(arguments: list[str]) -> None:
    program = f"""
from bdtui.tui.cli import main
try:
    main({arguments})
except SystemExit:
    pass
"""
    assert not loaded_after(program) & {*HEAVY, "rich"}


def test_the_headless_front_loads_no_textual() -> None:
    assert not loaded_after("import bdtui.tui.batch.run") & {"textual", "plotext", "tensorflow", "keras"}


def test_the_app_loads_neither_tensorflow_nor_what_the_first_paint_does_not_need() -> None:
    loaded = loaded_after("import bdtui.tui.start, bdtui.tui.app, bdtui.engine.session.engine_thread")
    assert "textual" in loaded
    assert not loaded & {"tensorflow", "keras", "h5py", "numpy", "matplotlib", "plotext", "PIL", "tomlkit", "psutil"}
    assert not loaded & {"tomllib", "statistics", "zipfile", "shtab"}


def test_the_first_paint_waits_for_no_dialog_chart_or_later_event() -> None:
    program = """
import sys
import bdtui.tui.start, bdtui.tui.app, bdtui.engine.session.engine_thread
print(*(name for name in sys.modules if name.startswith("bdtui.")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("bdtui.engine.events.")} == {
        "bdtui.engine.events.event",
        "bdtui.engine.events.work",
    }
    assert not loaded & {f"bdtui.tui.{name}" for name in ("dialogs", "compare", "detection", "repair", "screening")}
    assert not loaded & {f"bdtui.tui.charts.{name}" for name in ("canvas", "curve", "points")}


def test_no_module_of_the_app_loads_tensorflow() -> None:
    folder = Path(__file__).parents[2] / "tui"
    modules = [f"bdtui.tui.{path.stem}" for path in folder.glob("*.py") if path.stem != "__main__"]
    modules += [f"bdtui.tui.panes.{path.stem}" for path in (folder / "panes").glob("*.py")]
    assert len(modules) > 20
    assert not loaded_after("import " + ", ".join(modules)) & {"tensorflow", "keras"}


def test_the_engine_itself_loads_no_screen_and_no_tensorflow() -> None:
    light = "import bdtui.engine, bdtui.engine.events, bdtui.engine.settings, bdtui.engine.inputs.recipe, bdtui.engine.pruning.rankings"
    assert not loaded_after(light) & {"textual", "plotext", "rich", "tensorflow", "keras"}


def test_every_public_name_of_the_engine_resolves() -> None:
    import bdtui.engine

    for name in bdtui.engine.__all__:
        assert getattr(bdtui.engine, name).__doc__, name


def test_another_keras_backend_in_the_environment_changes_nothing() -> None:
    program = (
        "import os; os.environ['KERAS_BACKEND'] = 'torch'\nimport bdtui.engine\nprint(os.environ['KERAS_BACKEND'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "tensorflow"


def test_an_answer_that_nobody_can_take_is_told_without_a_traceback() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "bdtui.tui", "--version"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "bdtui: error: the answer cannot be written (No space left on device)\n"


def test_version_is_that_of_the_package() -> None:
    done = subprocess.run([sys.executable, "-m", "bdtui.tui", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"bdtui {version('bdtui')}"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_tensorflows_libraries_are_linked_before_the_import_holds_up_every_thread() -> None:
    program = """
import gc, sys
from pathlib import Path
import importlib
was_there = []
def look(name, *rest):
    was_there.append("libtensorflow_cc" in Path("/proc/self/maps").read_text())
    raise ImportError(name)
importlib.import_module = look
from bdtui.engine.startup import load_tensorflow
try:
    load_tensorflow()
except ImportError:
    print("linked" if was_there == [True] else "not linked", "collecting" if gc.isenabled() else "not collecting")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "linked collecting"
