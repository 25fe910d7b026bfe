"""A session ends with its page, with the server, and takes with it whatever it has started."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import ClientSession, ClientWebSocketResponse
from aiohttp.test_utils import TestClient, TestServer

from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.serving import server as server_module
from bdtui.tui.serving import session as session_module
from bdtui.tui.serving.address import Address
from bdtui.tui.serving.server import AppServer

SECONDS = 60
TOKEN = "the-token"

# What textual-serve expects of an app. Its child has a process group of its own and holds the pipes, as the worst could.
PROGRAM = """
import json, os, signal, subprocess, sys

def packet(kind, payload):
    os.write(1, kind + len(payload).to_bytes(4, "big") + payload)

{before}
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
os.write(1, b"__GANGLION__\\n")
packet(b"D", json.dumps([os.getpid(), child.pid]).encode())
{after}
"""
STUBBORN = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
STAY = "signal.pause()"


@asynccontextmanager
async def served(before: str = "", after: str = STAY) -> AsyncIterator[TestClient]:
    program = PROGRAM.format(before=before, after=after)
    server = AppServer(Address("127.0.0.1", 0), [sys.executable, "-c", program], TOKEN)
    async with TestClient(TestServer(await server._make_app())) as client:
        yield client


async def processes(page: ClientWebSocketResponse) -> list[int]:
    """The app and its child, as the app drew them."""
    found: list[int] = json.loads(await page.receive_bytes(timeout=SECONDS))
    return found


def runs(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def until(holds: Callable[[], bool], wanted: str) -> None:
    deadline = asyncio.get_running_loop().time() + SECONDS
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, f"waited for {wanted}"
        await asyncio.sleep(0.02)


def ended(numbers: list[int]) -> Callable[[], bool]:
    return lambda: not any(map(runs, numbers))


@pytest.mark.asyncio
@pytest.mark.parametrize("before", ["", STUBBORN], ids=["in order", "ignores hangups"])
async def test_a_closed_page_ends_its_process_and_what_that_has_started(
    before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before:
        monkeypatch.setattr(session_module, "_PATIENCE", 0.1)
    async with served(before) as client:
        page = await client.ws_connect(f"/{TOKEN}/ws")
        started = await processes(page)
        assert all(map(runs, started))
        await page.close()
        await until(ended(started), "the end of the session")


@pytest.mark.asyncio
async def test_what_no_page_sends_ends_the_session() -> None:
    async with served() as client:
        for message in ("no JSON", "{}", "[]", '["stdin"]', '["stdin", 3]', '["resize", 3]', '["resize", {}]'):
            page = await client.ws_connect(f"/{TOKEN}/ws?width=wide&height=-1")
            started = await processes(page)
            await page.send_str(message)
            await until(ended(started), f"the end of a session that was sent {message}")
            await page.close()


@pytest.mark.asyncio
async def test_an_app_that_ends_leaves_no_process_and_its_last_words_on_the_page(
    capfd: pytest.CaptureFixture[str],
) -> None:
    said = r'sys.stderr.write("bdtui: session saved\n\x1b]0;title\x07 in r3\n"); sys.exit(2)'
    async with served(after=said) as client:
        page = await client.ws_connect(f"/{TOKEN}/ws")
        started = await processes(page)
        words = await page.receive_bytes(timeout=SECONDS)
        assert words.endswith("\x1b[0mbdtui: session saved\r\n�]0;title� in r3\r\n".encode())
        assert (await page.receive(timeout=SECONDS)).data == 1000, "the page is told that the session has ended"
        await until(ended(started), "the end of its child")
    assert "bdtui: session saved" in capfd.readouterr().err


@pytest.mark.asyncio
async def test_one_session_too_many_is_told_so_on_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MOST_SESSIONS", 2)
    async with served() as client:
        pages = [await client.ws_connect(f"/{TOKEN}/ws") for _ in range(2)]
        started = [await processes(page) for page in pages]
        assert len({process for two in started for process in two}) == 4, "each page has a process of its own"
        third = await client.ws_connect(f"/{TOKEN}/ws")
        assert b"2 sessions are open, as many as bdtui serves at once; close one" in await third.receive_bytes()
        assert (await third.receive()).data == 1000
        await pages[0].close()
        await until(ended(started[0]), "the end of the first session")

        async def is_served() -> bool:
            async with client.ws_connect(f"/{TOKEN}/ws") as page:
                return (await page.receive_bytes(timeout=SECONDS)).startswith(b"[")

        # The place is free once the server has seen that end, too.
        while not await is_served():
            await asyncio.sleep(0.02)


# The real server, in a process of its own.


@pytest.fixture
def serving(nobodys_home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server with the sample, and its address."""
    command = [sys.executable, "-m", "bdtui.tui", "--serve", "0", "--sample"]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **streams, text=True, cwd=nobodys_home) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


@pytest.mark.slow
@pytest.mark.asyncio
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL], ids=lambda number: number.name)
async def test_no_session_outlives_the_server(
    number: signal.Signals, serving: tuple[subprocess.Popen[str], str]
) -> None:
    process, address = serving
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", address)
    drawn = b""
    async with ClientSession() as client, client.ws_connect(f"{address}ws?width=80&height=24") as page:
        while b"Channels" not in drawn:
            drawn += await page.receive_bytes(timeout=SECONDS)
        sessions = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        assert len(sessions) >= 1
        process.send_signal(number)
        await until(ended(sessions), "the end of the sessions")
        await until(lambda: process.poll() is not None, "the end of the server")
    if number != signal.SIGKILL:
        assert process.returncode == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


async def nobody_reads(*anything: Any) -> None:
    """In place of a page."""


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0, 2], ids=["at its first paint", "while it opens the sample"])
def test_a_session_that_nobody_reads_any_more_leaves_in_order(
    seconds: float, nobodys_home: Path, tmp_path: Path
) -> None:
    """As when the server is killed: its pipes end at once, wherever the app is in its drawing."""
    command = [sys.executable, "-P", "-m", "bdtui.tui.serving.session_program", "--serve", "0", "--sample"]
    page: Any = {
        "write_bytes": nobody_reads,
        "write_str": nobody_reads,
        "close": nobody_reads,
        "download_manager": None,
    }
    environment = session_module.Session(command, **page).environment(80, 24)
    last_words = tmp_path / "stderr"
    with last_words.open("w") as stderr:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            cwd=nobodys_home,
            start_new_session=True,
        )
    try:
        assert process.stdin is not None and process.stdout is not None
        drawn = b""
        while b"Channels" not in drawn:
            drawn += os.read(process.stdout.fileno(), 65536) or pytest.fail("the session ended before it was seen")
        time.sleep(seconds)
        process.stdin.close()
        process.stdout.close()
        assert process.wait(SECONDS) == ExitCode.INTERRUPTED
    finally:
        session_module.kill_session(process.pid)
        process.wait()
    assert last_words.read_text() == ""


def refusal(*arguments: str) -> str:
    command = [sys.executable, "-m", "bdtui.tui", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("bdtui: error: ") and done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.slow
def test_what_cannot_be_served_is_refused_in_a_sentence(nobodys_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "a model's file goes in front of --serve" in refusal("--serve", "net.h5")
    assert "add --i-know" in refusal("--serve", "0.0.0.0:0", "--sample")
    assert "expected --serve HOST:PORT with it" in refusal("--i-know")
    assert "without --batch" in refusal("--serve", "--batch", "--sample")
    assert "no.toml" in refusal("--serve", "0", "--recipe", "no.toml"), "before a page asks"
    assert "cannot listen there" in refusal("--serve", "203.0.113.1:0", "--i-know", "--sample")

    (nobodys_home / "textual_serve.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(nobodys_home), os.environ.get("PYTHONPATH", "")]))
    assert "needs the package textual-serve" in refusal("--serve", "0", "--sample")
