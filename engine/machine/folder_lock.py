"""One bdtui at a time writes to a folder: a lock that its holder cannot leave behind by dying."""

from __future__ import annotations

import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from bdtui.engine.errors import FolderInUse
from bdtui.engine.machine.files import passing_files

LOCK = ".bdtui.lock"
_LARGEST = 4096


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold a folder for oneself.

    The lock is the system's, on a file that says who holds it; it ends with its holder, so that one that was killed
    holds up nobody.

    Args:
        folder: that is there and can be written to.

    Raises:
        FolderInUse: another bdtui holds it. The message says which, where, and since when.
        OSError: the lock's file cannot be made.
    """
    path = folder / LOCK
    descriptor = _acquire(path)
    passing_files.add(path)
    try:
        holder = {"pid": os.getpid(), "host": platform.node(), "since": f"{datetime.now().astimezone():%F %T %z}"}
        # The lock holds without these words, which a full disk has no room for.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield
    finally:
        # Taken away while it is still held: nobody else can have locked this very file.
        with suppress(OSError):
            path.unlink()
        passing_files.discard(path)
        os.close(descriptor)


def _acquire(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_there(path, descriptor):
                return descriptor
        except BlockingIOError:
            who = _holder(descriptor)
            os.close(descriptor)
            raise FolderInUse(f"{path.parent}: {who}; choose another folder or wait until it ends") from None
        except BaseException:
            os.close(descriptor)
            raise
        # The holder took its file away between our opening and our locking: that lock is nobody's any more.
        os.close(descriptor)


def _is_there(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    """Who holds a lock, as far as its file says so in a way that can be believed."""
    found: Any = None
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(os.pread(descriptor, _LARGEST, 0))
    if not isinstance(found, dict) or not isinstance(found.get("pid"), int):
        return "another bdtui is writing to it"
    host, since = (str(found.get(key, "?"))[:64] for key in ("host", "since"))
    return f"another bdtui is writing to it (process {found['pid']} on {host}, since {since})"
