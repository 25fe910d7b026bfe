from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.browser import OpenedPage


def test_a_page_that_reaches_out_is_refused_and_told(tmp_path: Path, open_page: Callable[..., OpenedPage]) -> None:
    page = tmp_path / "page.html"
    page.write_text('<h1>a page</h1><img src="http://pictures.invalid/x.png"><script>console.error("heard")</script>')
    opened = open_page(page.as_uri())
    assert opened.page.inner_text("h1") == "a page"
    assert opened.refused == ["http://pictures.invalid/x.png"]
    assert any("heard" in error for error in opened.errors)


def test_a_page_is_as_wide_and_dark_as_was_wished(tmp_path: Path, open_page: Callable[..., OpenedPage]) -> None:
    page = tmp_path / "page.html"
    page.write_text("<p>a page</p>")
    opened = open_page(page.as_uri(), width=390, dark=True)
    assert opened.page.evaluate("[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]") == [390, True]
