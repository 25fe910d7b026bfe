"""A real browser for tests of pages: headless Chromium, driven by playwright, that reaches this machine only.

The browser is the one that ``BDTUI_BROWSER`` names, else the first Chromium or Chrome on the PATH. Where there is none,
the tests that need one are skipped with the reason; with ``BDTUI_BROWSER`` set, as in CI, they never are.

Tests take the fixture ``open_page``::

    def test_the_page_says_what_it_found(open_page):
        opened = open_page(path.as_uri(), width=390, dark=True)
        assert opened.page.inner_text("h1") == "…"
        assert opened.refused == [] and opened.errors == []

The browser lives as long as a module: playwright keeps an event loop of its own, in which coroutine tests cannot run, so
that a module has either tests with a page or coroutine tests.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_HERE = ("127.0.0.1", "localhost")


def found_browser() -> str | None:
    """Path of the browser that tests use; None where there is none."""
    named = os.environ.get("BDTUI_BROWSER")
    return named or next((path for path in map(shutil.which, _NAMES) if path), None)


def pytest_report_header() -> str:
    browser = found_browser()
    return f"browser: {browser}" if browser else "browser: none (install chromium, or set BDTUI_BROWSER)"


@dataclass
class OpenedPage:
    """A page, and what happened while it was open.

    Attributes:
        page: playwright's page.
        requested: every address the page asked for, the page's own first; those with ``data:`` are left out.
        refused: those of them that would leave this machine; they were not fetched.
        errors: messages of the console that are errors (broken content security rules among them), and exceptions.
    """

    page: Page
    requested: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    path = found_browser()
    if path is None:
        pytest.skip("no Chromium found: install chromium, or set BDTUI_BROWSER to its path")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., OpenedPage]]:
    """A function that opens an address in a context of its own: nothing is kept from one page to the next."""
    contexts: list[BrowserContext] = []

    def open_at(
        address: str, *, width: int = 1280, height: int = 900, dark: bool = False, scripts: bool = True
    ) -> OpenedPage:
        """Open an address (``file:`` or http on this machine) and wait until it is loaded; ``scripts`` runs its scripts."""
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
        )
        contexts.append(context)
        opened = OpenedPage(context.new_page())

        def pass_or_refuse(route: Route) -> None:
            place = urlsplit(route.request.url)
            opened.requested.append(route.request.url)
            if place.scheme == "file" or place.hostname in _HERE:
                route.continue_()
            else:
                opened.refused.append(route.request.url)
                route.abort()

        def note(message: ConsoleMessage) -> None:
            if message.type == "error":
                opened.errors.append(message.text)

        context.route("**/*", pass_or_refuse)
        opened.page.on("console", note)
        opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
        opened.page.goto(address)
        return opened

    yield open_at
    for context in contexts:
        context.close()
