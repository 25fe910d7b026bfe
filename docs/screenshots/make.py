"""Makes the screenshots of the documentation: the real app, the real engine, the bundled sample.

python docs/screenshots/make.py [FOLDER]
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Static

from bdtui.engine.session.engine_thread import EngineThread
from bdtui.engine.settings import RunSettings
from bdtui.tui.app import BdtuiApp
from bdtui.tui.bars.status import StatusBar
from bdtui.tui.preferences import Preferences
from bdtui.tui.terminal.native_output import capture_native_output

SECONDS = 900
SETTINGS = RunSettings(
    model=Path("bd_net.h5"),
    clean_valid=Path("cl/valid.h5"),
    clean_test=Path("cl/test.h5"),
    poisoned_valid=Path("bd/bd_valid.h5"),
    poisoned_test=Path("bd/bd_test.h5"),
)


@dataclass(frozen=True)
class Picture:
    """What is photographed: the screen after some keys.

    Attributes:
        name: of the file, without its suffix; empty for none.
        keys: to press, separated by blanks.
        expected: a text that the status line, or a line of the dialog that is open, shows then.
    """

    keys: str
    expected: str
    name: str = ""


async def photograph(size: tuple[int, int], theme: str, pictures: Sequence[Picture], folder: Path) -> None:
    """Open the sample, press keys, and save what the app exports.

    Args:
        size: columns and lines.
        theme: of the app.
        pictures: one after the other.
        folder: for the files.
    """
    app = BdtuiApp(
        SETTINGS,
        lambda emit: EngineThread(emit, RunSettings(), Path("by-hand")),
        preferences=Preferences(theme=theme),
    )
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "step 0/60" in status(app))
        for wanted in pictures:
            await pilot.press(*wanted.keys.split())
            await until(pilot, lambda wanted=wanted: wanted.expected in status(app) + dialog(app))
            if wanted.name:
                await asyncio.sleep(1.5)
                await pilot.pause()
                save(app.export_screenshot(title="bdtui"), folder / f"{wanted.name}.svg")


def save(picture: str, file: Path) -> None:
    """Write a picture. Its fonts would come from another host; any monospaced one will do."""
    file.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL), encoding="utf-8")
    print(file)


def status(app: BdtuiApp) -> str:
    """The status line."""
    return str(app.screen_stack[0].query_one(StatusBar).status)


def dialog(app: BdtuiApp) -> str:
    """The lines of text of the dialog that is open."""
    return "".join(str(line.content) for line in app.screen.query(Static)) if len(app.screen_stack) > 1 else ""


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    for _ in range(10 * SECONDS):
        if holds():
            return
        await asyncio.sleep(0.1)
        await pilot.pause()
    raise TimeoutError("the app did not come to what was to be photographed")


async def main(folder: Path) -> None:
    """All screenshots: each pane at 80×24, and the layouts of larger terminals."""
    to_thresholds = [Picture("a", "step 47/60"), Picture("a", "step 48/60"), Picture("a", "step 51/60")]
    end = "step 51/60"
    small, medium, wide = (80, 24), (120, 40), (200, 60)
    panes = ("channels", "charts", "model", "data", "export", "log", "verdict")
    each = [Picture(f"f{key}", end, name) for key, name in enumerate(panes, 2)]
    await photograph(small, "light", [*to_thresholds, *each], folder)
    await photograph(medium, "dark", [*to_thresholds, Picture("f6", end, "pruning")], folder)
    await photograph(medium, "dark", [*to_thresholds[:1], Picture("f5 z", "step 47/60", "pictures")], folder)
    await photograph(wide, "dark", [*to_thresholds[:2], Picture("a", end, "wide")], folder)
    found = [Picture("a", "step 47/60"), Picture("d", "· 6 methods", "detection"), Picture("escape", "step 47/60")]
    repaired = [Picture("f", "choose a method"), Picture("j enter", "shrink-distil: Shared transfer", "repair")]
    await photograph(medium, "dark", [*found, *repaired], folder)
    by_hand = [
        Picture("4 0 n", "step 40/60"),
        Picture("ctrl+end space", "step 41/60"),
        Picture("down down down down space", "step 42/60"),
        Picture("u", "step 41/60"),
        Picture("f4", "step 41/60", "by-hand"),
    ]
    await photograph(medium, "high-contrast", by_hand, folder)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent).resolve()
    with tempfile.TemporaryDirectory() as folder, capture_native_output():
        # Relative paths, so that the pictures show nobody's folders.
        shutil.copytree(str(files("bdtui.sample_data")), folder, dirs_exist_ok=True)
        os.chdir(folder)
        asyncio.run(main(target))
