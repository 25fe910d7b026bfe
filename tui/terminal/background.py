"""File system calls in daemon threads, where a slow disk cannot block the screen.

The program waits for threads of Textual and asyncio when it exits, and a folder on a lost server would keep it from
quitting. It does not wait for daemon threads.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Result = TypeVar("Result")


async def run_in_background(function: Callable[[], Result]) -> Result:
    """Run a function in a daemon thread and return its result.

    Raises:
        Exception: whatever the function raises.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, problem: Exception | None) -> None:
        if future.done():
            return
        if problem is not None:
            future.set_exception(problem)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, problem = None, None
        try:
            result = function()
        except Exception as raised:
            problem = raised
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, result, problem)

    start_in_background(work)
    return await future


def start_in_background(work: Callable[[], None]) -> None:
    """Run a function in a daemon thread without waiting for it."""
    threading.Thread(target=work, daemon=True, name="bdtui-files").start()
