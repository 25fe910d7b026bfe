"""Draws for a page, which may go at any moment, and the server with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from textual.drivers.web_driver import WebDriver


class PageDriver(WebDriver):
    """Textual's driver for pages, for which what nobody reads any more leads nowhere.

    An exception in the middle of drawing would end the app out of order, or hang it; the watch on stdin ends it in order.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._write = partial(_write_if_read, self._write)


def _write_if_read(write: Callable[[bytes], int], packet: bytes) -> int:
    with suppress(BrokenPipeError):
        return write(packet)
    return len(packet)
