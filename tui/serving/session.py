"""One open page: a bdtui in a process of its own, which ends with the page, and everything it started with it."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio import IncompleteReadError, StreamReader
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psutil
from textual_serve.app_service import AppService

from bdtui.tui.wording import plain

_PATIENCE = 5.0
"""Seconds for an orderly end."""
_DRIVER = "bdtui.tui.serving.page_driver:PageDriver"
_WORDS = 4000
"""How many of the last bytes on stderr are kept."""
_PLAIN_SCREEN = b"\x1b[?1049l\x1b[?1000l\x1b[?1003l\x1b[?25h\x1b[0m"
"""Leaves the alternate screen, mouse reporting and colours."""


def as_terminal_text(text: str) -> bytes:
    """Lines as a terminal prints them, without anything in them that it would obey."""
    return _PLAIN_SCREEN + b"".join(plain(line).encode() + b"\r\n" for line in text.splitlines())


class Session(AppService):
    """Starts the app, passes keys in and the screen out, and shows what the app says as its last words."""

    arguments: Sequence[str]
    """The program and its arguments: no shell reads them."""

    def __init__(self, arguments: Sequence[str], **wiring: Any) -> None:
        super().__init__("", **wiring)
        self.arguments = arguments
        self.last_words = ""
        """What the process left on stderr, e.g. why it could not start; set when it has ended."""

    def environment(self, width: int, height: int) -> dict[str, str]:
        """What the process finds in its environment: how large the page is, and what to draw with."""
        return {**self._build_environment(width=width, height=height), "TEXTUAL_DRIVER": _DRIVER}

    async def _open_app_process(self, width: int = 80, height: int = 24) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self.arguments,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=self.environment(width, height),
            # All that it starts is known by the session, and Ctrl-C reaches the server alone.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._stdin = self._process.stdin
        return self._process

    async def run(self) -> None:
        """Pass on what the app draws until its process has ended; then end what that has started, and close the page."""
        process = self._process
        assert process is not None and process.stdout is not None and process.stderr is not None
        drawing = asyncio.create_task(self._pass_on(process.stdout))
        words = asyncio.create_task(_last_bytes(process.stderr))
        # `process.wait` would also wait for whoever else holds the pipes.
        await asyncio.to_thread(_wait_for, process.pid)
        kill_session(process.pid)
        await drawing
        self.last_words = (await words).decode(errors="replace")
        await process.wait()
        with suppress(OSError, RuntimeError):  # the page has gone
            await self.remote_write_bytes(as_terminal_text(self.last_words))
            await self.remote_close()

    async def stop(self) -> None:
        """Hang up, as a lost terminal does, and wait until nothing is left of the process; may be called again."""
        if self._task is None or self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGHUP)
        await asyncio.wait([self._task], timeout=_PATIENCE)
        if not self._task.done():
            kill_session(self._process.pid)
        await asyncio.wait([self._task])

    async def on_data(self, payload: bytes) -> None:
        """Pass on what is drawn; what comes after the page has gone is read all the same, or the app would wait."""
        with suppress(OSError, RuntimeError):
            await super().on_data(payload)

    async def on_meta(self, data: bytes) -> None:
        """Leave the page open at the app's exit: its last words are still to come."""
        if b'"exit"' not in data:
            with suppress(OSError, RuntimeError):
                await super().on_meta(data)

    async def _pass_on(self, stdout: StreamReader) -> None:
        kinds = {b"D": self.on_data, b"M": self.on_meta}
        with suppress(IncompleteReadError):
            await stdout.readuntil(b"__GANGLION__\n")
            while True:
                kind = await stdout.readexactly(1)
                size = int.from_bytes(await stdout.readexactly(4), "big")
                await kinds[kind](await stdout.readexactly(size))


def kill_session(number: int) -> None:
    """Kill every process of a session, also those in process groups of their own or whose parent has ended."""
    for process in psutil.pids():
        with suppress(OSError):
            if os.getsid(process) == number:
                os.kill(process, signal.SIGKILL)


def _wait_for(process: int) -> None:
    """Wait until a child has ended, and leave its status to others."""
    with suppress(ChildProcessError):
        os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)


async def _last_bytes(stream: StreamReader) -> bytes:
    kept = b""
    while read := await stream.read(_WORDS):
        kept = (kept + read)[-_WORDS:]
    return kept
