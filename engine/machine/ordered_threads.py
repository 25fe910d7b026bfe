"""Several threads at one job whose results are wanted in order.

TensorFlow and HDF5 let go of Python's lock: while one thread reads and converts images, others compute, and the
single-threaded ends of one batch's operations are filled by another's. Three threads were best on two cores
(docs/performance.md).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

WORKERS = 3
"""Threads that read and compute; where nothing is read, one less."""


@contextmanager
def done_in_order(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int = WORKERS - 1
) -> Iterator[Iterator[Result]]:
    """Do some work on every item, in several threads.

    Args:
        work: called with one item, in any thread; must not depend on which item was done before.
        items: no more than a few of them are under way at once.
        workers: how many threads.

    Returns:
        A context with an iterator over the results, in the items' order. Leaving it, by an exception too, waits for
        what is under way and begins nothing more.
    """
    with closing(_results(work, items, workers)) as results:
        yield results


def _results(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Generator[Result, None, None]:
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="bdtui-compute") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def cores() -> int:
    """How many threads can compute at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
