"""Questions to the file system, asked where a slow disk cannot stop the screen.

Threads of Textual's and asyncio's own are waited for when the program ends; a folder on a lost server would keep it
from quitting. Daemon threads are not.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Answer = TypeVar("Answer")


async def ask(question: Callable[[], Answer]) -> Answer:
    """The answer of a function that runs in a daemon thread of its own.

    Raises:
        Exception: what the function raises.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Answer] = loop.create_future()

    def settle(answer: Answer | None, problem: Exception | None) -> None:
        if future.done():
            return
        if problem is not None:
            future.set_exception(problem)
        else:
            future.set_result(answer)  # type: ignore[arg-type]

    def work() -> None:
        answer, problem = None, None
        try:
            answer = question()
        except Exception as raised:
            problem = raised
        with suppress(RuntimeError):  # the loop has ended: nobody waits for the answer
            loop.call_soon_threadsafe(settle, answer, problem)

    start(work)
    return await future


def start(work: Callable[[], None]) -> None:
    """Run a function in a daemon thread of its own."""
    threading.Thread(target=work, daemon=True, name="bdtui-files").start()
