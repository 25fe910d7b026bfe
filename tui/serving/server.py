"""The server: one page, the files it needs, and a websocket with a session of bdtui behind it.

textual-serve's own page loads a font from the network, and its server asks nobody who he is; here the page and the rules
are bdtui's, the terminal in the page and the packets are textual-serve's.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from socket import socket

import textual_serve
from aiohttp import web
from textual_serve.server import Server, to_int

from bdtui.tui.serving.access import Access, add_headers
from bdtui.tui.serving.address import Address
from bdtui.tui.serving.session import Session, as_terminal_text
from bdtui.tui.wording import plain

MOST_SESSIONS = 4
"""At once; each is a process with a TensorFlow of its own."""

_OURS = Path(str(files("bdtui.tui.serving")))
_TERMINAL = Path(textual_serve.__file__).parent / "static"
_FILES = {
    "page.css": _OURS / "page.css",
    "page.js": _OURS / "page.js",
    "xterm.css": _TERMINAL / "css" / "xterm.css",
    "textual.js": _TERMINAL / "js" / "textual.js",
    "upright.ttf": _TERMINAL / "fonts" / "RobotoMono-VariableFont_wght.ttf",
    "italic.ttf": _TERMINAL / "fonts" / "RobotoMono-Italic-VariableFont_wght.ttf",
}
"""What the page loads: nothing else of any folder is given out."""


class AppServer(Server):
    """Gives a session to every page that is opened.

    Args:
        address: where it listens.
        arguments: the program of a session and its arguments.
        token: what an address must begin with.
    """

    def __init__(self, address: Address, arguments: Sequence[str], token: str) -> None:
        super().__init__("bdtui", host=address.host, port=address.port)
        self._arguments = arguments
        self._access = Access(token, address.host)
        self._sessions: dict[asyncio.Task[None], Session] = {}

    def serve_on(self, listening: socket) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP; no session outlives it."""
        web.run_app(self._make_app(), sock=listening, access_log=None, print=None, shutdown_timeout=1)

    async def _make_app(self) -> web.Application:
        app = web.Application(middlewares=[self._access.guard])
        app.add_routes(
            [
                web.get("/{token}", self._add_slash),
                web.get("/{token}/", self._page),
                web.get("/{token}/ws", self.handle_websocket),
                web.get("/{token}/{file}", self._file),
            ]
        )
        app.on_response_prepare.append(add_headers)
        app.on_startup.append(self.on_startup)
        app.on_shutdown.append(self.on_shutdown)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Let a lost terminal end the server in order, too."""
        with suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread, as in tests
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.request_exit)

    async def on_shutdown(self, app: web.Application) -> None:
        """End every session before the server ends."""
        while serving := list(self._sessions):
            await asyncio.gather(*(session.stop() for session in self._sessions.values()))
            # One that was just starting has a process to stop by now.
            await asyncio.wait(serving, timeout=0.1)

    async def _add_slash(self, request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(f"{request.path}/")

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(_OURS / "page.html")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        path = _FILES.get(request.match_info["file"])
        if path is None:
            raise web.HTTPNotFound
        return web.FileResponse(path)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run a session as long as its page is open."""
        page = web.WebSocketResponse(heartbeat=15)
        await page.prepare(request)
        if len(self._sessions) >= MOST_SESSIONS:
            words = (
                f"{MOST_SESSIONS} sessions are open, as many as bdtui serves at once; close one and start again here."
            )
            await page.send_bytes(as_terminal_text(words))
            await page.close()
            return page

        async def close() -> None:
            await page.close()

        session = Session(
            self._arguments,
            write_bytes=page.send_bytes,
            write_str=page.send_str,
            close=close,
            download_manager=self.download_manager,
        )
        size = to_int(request.query.get("width", ""), 80), to_int(request.query.get("height", ""), 24)
        # A task of its own: this handler may be cancelled when the connection is lost, and a session's end takes longer.
        serving = asyncio.create_task(self._serve_session(session, page, *size))
        self._sessions[serving] = session
        serving.add_done_callback(self._sessions.pop)
        await asyncio.shield(serving)
        return page

    async def _serve_session(self, session: Session, page: web.WebSocketResponse, width: int, height: int) -> None:
        try:
            await session.start(width, height)
            # What no page of ours sends ends the session.
            with suppress(ValueError, TypeError, LookupError, AttributeError, AssertionError):
                await self._process_messages(page, session)
        finally:
            await session.stop()
            for line in session.last_words.splitlines():
                print(plain(line), file=sys.stderr)
