"""The app as a person meets it in a browser: the sample opens, a key prunes, and the closed page leaves nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.browser import OpenedPage

pytestmark = pytest.mark.slow

MILLISECONDS = 120_000


@pytest.fixture
def address(nobodys_home: Path) -> Iterator[str]:
    """Of a server with the sample."""
    command = [sys.executable, "-m", "bdtui.tui", "--serve", "0", "--sample"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=nobodys_home) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        sessions = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(60)
        assert psutil.wait_procs(sessions, 60)[1] == []
    assert process.returncode == 0


class Terminal:
    """What was drawn in the page's terminal since it was loaded, as text."""

    def __init__(self, opened: OpenedPage) -> None:
        self._page = opened.page
        self._drawn = b""
        # From here on: what was drawn before nobody has seen.
        self._page.on("websocket", lambda socket: socket.on("framereceived", self._note))
        self._page.reload()

    def wait_for(self, words: str) -> None:
        waited = 0
        while words not in self.text:
            assert waited < MILLISECONDS, f"waited for {words!r}"
            self._page.wait_for_timeout(50)
            waited += 50

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._drawn.decode(errors="replace"))

    def _note(self, payload: str | bytes) -> None:
        if isinstance(payload, bytes):
            self._drawn += payload


def test_the_sample_opens_and_a_key_prunes(open_page: Callable[..., OpenedPage], address: str) -> None:
    opened = open_page(address)
    page = opened.page
    terminal = Terminal(opened)
    terminal.wait_for("step 0/60 · accuracy 99.03 % · ASR 100.00 %")
    page.keyboard.press("n")
    terminal.wait_for("step 1/60 · accuracy")

    page.keyboard.press("q")
    page.get_by_text("This session has ended.").wait_for(timeout=MILLISECONDS)
    terminal.wait_for("bdtui: session saved. Resume with: bdtui --resume --out")

    assert page.evaluate("document.fonts.check('16px \"Roboto Mono\"')"), "the server's own font"
    assert opened.requested and all(request.startswith(address) for request in opened.requested)
    assert opened.refused == []
    assert opened.errors == []
