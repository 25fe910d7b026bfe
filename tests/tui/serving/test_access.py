"""Who gets an answer from the server: whoever knows the token, from a page that the server itself gave out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSServerHandshakeError
from aiohttp.test_utils import TestClient, TestServer

from bdtui.engine.errors import OptionError
from bdtui.tui.serving.access import make_token
from bdtui.tui.serving.address import Address, check_reach, read_address
from bdtui.tui.serving.server import AppServer

pytestmark = pytest.mark.asyncio

TOKEN = "the-token"
FILES = ("", "page.css", "page.js", "xterm.css", "textual.js", "upright.ttf", "italic.ttf")


@asynccontextmanager
async def served(host: str = "127.0.0.1") -> AsyncIterator[TestClient]:
    server = AppServer(Address(host, 8000), ["no-program"], TOKEN)
    async with TestClient(TestServer(await server._make_app())) as client:
        yield client


@pytest.mark.parametrize("first", ["", "another/", "the-toke/", "the-token2/", "static/", "%00/", "ä/"])
async def test_nothing_answers_without_the_token(first: str) -> None:
    async with served() as client:
        for path in (*FILES, "ws", "download/key", "server.py"):
            answer = await client.get(f"/{first}{path}")
            assert answer.status == 403, path
        with pytest.raises(WSServerHandshakeError):
            await client.ws_connect(f"/{first}ws")


async def test_with_the_token_the_page_and_its_files_are_there() -> None:
    async with served() as client:
        for name in FILES:
            answer = await client.get(f"/{TOKEN}/{name}")
            assert answer.status == 200, name
        assert (await client.get(f"/{TOKEN}")).url.path == f"/{TOKEN}/"


@pytest.mark.parametrize(
    "name", ["server.py", "page.html", "download/key", "..%2fserver.py", "%2fetc%2fpasswd", "images/background.png"]
)
async def test_no_other_file_is_given_out(name: str) -> None:
    async with served() as client:
        assert (await client.get(f"/{TOKEN}/{name}")).status == 404


async def test_every_answer_forbids_the_browser_to_fetch_elsewhere() -> None:
    async with served() as client:
        for path in (f"/{TOKEN}/", f"/{TOKEN}/textual.js", f"/{TOKEN}/nothing", "/"):
            headers = (await client.get(path)).headers
            assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
            assert "http" not in headers["Content-Security-Policy"]
            assert headers["Referrer-Policy"] == "no-referrer", "the token stays in the browser"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost:9000", 200),
        ("[::1]:8000", 200),
        ("gpu-server:8000", 200),
        ("rebound.example:8000", 403),
        ("127.0.0.1.rebound.example", 403),
        ("localhost.rebound.example", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
async def test_a_name_that_others_may_let_point_here_is_refused(host: str, status: int) -> None:
    async with served("gpu-server") as client:
        assert (await client.get(f"/{TOKEN}/", headers={"Host": host})).status == status


@pytest.mark.parametrize(
    ("origin", "is_own"),
    [
        ("http://127.0.0.1:9000", True),
        ("http://127.0.0.1:9001", False),
        ("http://elsewhere.example", False),
        ("null", False),
        ("http://[", False),
    ],
)
async def test_pages_of_other_servers_reach_nothing(origin: str, is_own: bool) -> None:
    headers = {"Host": "127.0.0.1:9000", "Origin": origin}
    async with served() as client:
        assert (await client.get(f"/{TOKEN}/", headers=headers)).status == (200 if is_own else 403)
        if not is_own:
            with pytest.raises(WSServerHandshakeError):
                await client.ws_connect(f"/{TOKEN}/ws", headers=headers)


async def test_tokens_are_long_and_new_each_time() -> None:
    assert len({make_token() for _ in range(100)}) == 100
    assert len(make_token()) == 32


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("8000", Address("127.0.0.1", 8000)),
        ("0", Address("127.0.0.1", 0)),
        ("localhost:80", Address("localhost", 80)),
        ("0.0.0.0:8000", Address("0.0.0.0", 8000)),
        ("[::1]:8000", Address("::1", 8000)),
    ],
)
async def test_an_address_is_a_port_or_a_host_and_a_port(text: str, address: Address) -> None:
    assert read_address(text) == address


@pytest.mark.parametrize("text", ["net.h5", "65536", "-1", "", "host:", ":80", "a:b:80", "host:net.h5", "٣"])
async def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="expected PORT"):
        read_address(text)


@pytest.mark.parametrize("text", ["8000", "localhost:8000", "127.9.9.9:8000", "[::1]:8000"])
async def test_what_only_this_machine_reaches_is_served(text: str) -> None:
    check_reach(read_address(text), knows=False)


@pytest.mark.parametrize(
    "text", ["0.0.0.0:8000", "[::]:8000", "192.168.0.7:8000", "gpu-server:8000", "localhost.example:8000"]
)
async def test_what_others_reach_is_refused_unless_the_person_knows(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: ["somewhere"])
    with pytest.raises(OptionError, match=r"not encrypted.*ssh -L 8000:127\.0\.0\.1:8000.*--i-know"):
        check_reach(read_address(text), knows=False)
    check_reach(read_address(text), knows=True)


@pytest.mark.parametrize("knows", [False, True])
@pytest.mark.parametrize("host", ["nosuch.invalid", "a" * 64, "a..b"])
async def test_a_name_that_leads_nowhere_is_said_to(host: str, knows: bool) -> None:
    with pytest.raises(
        OptionError, match=f"no machine is known by the name '{host}'; check the name, or use --serve 8123$"
    ):
        check_reach(read_address(f"{host}:8123"), knows=knows)
