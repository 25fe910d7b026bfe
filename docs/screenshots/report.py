"""Photographs the report.html of a run for docs/reports.md, in the browser that the tests use.

python docs/screenshots/report.py RUN [FOLDER]
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

PICTURES = (
    # Name, width and height in pixels, dark or light, what stands at the top.
    ("report.png", 1280, 1400, "light", "header"),
    ("report-images.png", 1280, 1150, "dark", "#images"),
    ("report-networks.png", 1280, 900, "light", "#networks"),
    ("report-phone.png", 390, 1400, "dark", "header"),
)


def photograph(page: Path, folder: Path) -> None:
    """Save `PICTURES` of a page, of few colours so that they are small."""
    with sync_playwright() as playwright:
        path = os.environ.get("BDTUI_BROWSER") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path)
        for name, width, height, scheme, top in PICTURES:
            opened = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            opened.goto(page.resolve().as_uri())
            opened.locator(top).evaluate("element => scrollTo(0, element.getBoundingClientRect().top + scrollY)")
            shown = Image.open(io.BytesIO(opened.screenshot())).convert("RGB")
            shown.quantize(256, dither=Image.Dither.NONE).save(folder / name, optimize=True)
        browser.close()


if __name__ == "__main__":
    photograph(
        Path(sys.argv[1]) / "report.html", Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).resolve().parent
    )
