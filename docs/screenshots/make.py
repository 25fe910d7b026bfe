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
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from textual.pilot import Pilot

from bdtui.engine.session.engine_thread import EngineThread
from bdtui.engine.settings import RunSettings
from bdtui.tui.app import BdtuiApp
from bdtui.tui.bars.status import StatusBar
from bdtui.tui.preferences import Preferences
from bdtui.tui.terminal.native_output import capture_native_output

SECONDS = 120
SETTINGS = RunSettings(
    model=Path("bd_net.h5"),
    clean_valid=Path("cl/valid.h5"),
    clean_test=Path("cl/test.h5"),
    poisoned_valid=Path("bd/bd_valid.h5"),
    poisoned_test=Path("bd/bd_test.h5"),
)


async def photograph(name: str, size: tuple[int, int], theme: str, keys: list[tuple[str, str]], folder: Path) -> None:
    """Open the sample, press keys, and save what the app exports.

    Args:
        name: of the file, without its suffix.
        size: columns and lines.
        theme: of the app.
        keys: to press, separated by blanks, each with a text that the status or activity line then shows.
        folder: for the file.
    """
    app = BdtuiApp(
        SETTINGS,
        lambda emit: EngineThread(emit, RunSettings(), Path("by-hand")),
        preferences=Preferences(theme=theme),
    )
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "step 0/60" in status(app))
        for pressed, expected in keys:
            await pilot.press(*pressed.split())
            await until(pilot, lambda expected=expected: expected in status(app))
        await asyncio.sleep(1.5)
        await pilot.pause()
        picture = app.export_screenshot(title="bdtui")
    # The fonts would come from another host; any monospaced one will do.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    (folder / f"{name}.svg").write_text(picture, encoding="utf-8")
    print(folder / f"{name}.svg")


def status(app: BdtuiApp) -> str:
    """The status line."""
    return str(app.screen_stack[0].query_one(StatusBar).status)


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    for _ in range(10 * SECONDS):
        if holds():
            return
        await asyncio.sleep(0.1)
        await pilot.pause()
    raise TimeoutError("the app did not come to what was to be photographed")


async def main(folder: Path) -> None:
    """All screenshots."""
    to_thresholds = [("a", "step 47/60"), ("a", "step 48/60"), ("a", "step 51/60")]
    small, medium, wide = (80, 24), (120, 40), (200, 60)
    await photograph("pruning", medium, "dark", [*to_thresholds, ("f6", "step 51/60")], folder)
    await photograph("pictures", medium, "dark", [*to_thresholds[:1], ("f5 z", "step 47/60")], folder)
    await photograph("wide", wide, "dark", to_thresholds, folder)
    await photograph("small", small, "light", [*to_thresholds, ("f3", "step 51/60")], folder)
    by_hand = [
        ("4 0 n", "step 40/60"),
        ("ctrl+end space", "step 41/60"),
        ("down down down down space", "step 42/60"),
        ("u", "step 41/60"),
    ]
    await photograph("by-hand", medium, "high-contrast", [*by_hand, ("f4", "step 41/60")], folder)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent).resolve()
    with tempfile.TemporaryDirectory() as folder, capture_native_output():
        # Relative paths, so that the pictures show nobody's folders.
        shutil.copytree(str(files("bdtui.sample_data")), folder, dirs_exist_ok=True)
        os.chdir(folder)
        asyncio.run(main(target))
