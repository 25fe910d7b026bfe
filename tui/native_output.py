"""Keeps what TensorFlow's native code prints away from the terminal.

It writes to file descriptors 1 and 2 directly, and no setting silences all of it. For as long as this
is entered, those descriptors lead into a file without a name, and Python's own streams to where they led before:
``sys.__stdout__`` and ``sys.__stderr__`` as well, on which Textual draws.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO


class NativeOutput:
    """What native code has printed since it was captured."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def tail(self, size: int = 4000) -> str:
        """The last ``size`` bytes of it, as text."""
        end = self._file.seek(0, os.SEEK_END)
        self._file.seek(max(0, end - size))
        return self._file.read().decode(errors="replace")


@contextmanager
def captured_native_output() -> Iterator[NativeOutput]:
    """Point descriptors 1 and 2 into a nameless file, and ``sys.stdout`` and ``sys.stderr`` past it."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    kept = [os.dup(1), os.dup(2)]
    streams = sys.stdout, sys.stderr
    first_streams = sys.__stdout__, sys.__stderr__
    with tempfile.TemporaryFile() as file:
        outputs = [
            open(descriptor, "w", buffering=1, encoding=stream.encoding, errors="replace", closefd=False)  # noqa: SIM115
            for descriptor, stream in zip(kept, streams, strict=True)
        ]
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
        sys.stdout, sys.stderr = outputs
        sys.__stdout__, sys.__stderr__ = outputs  # type: ignore[misc]
        try:
            yield NativeOutput(file)
        finally:
            for output in outputs:
                output.flush()
            sys.stdout, sys.stderr = streams
            sys.__stdout__, sys.__stderr__ = first_streams  # type: ignore[misc]
            for original, descriptor in zip(kept, (1, 2), strict=True):
                os.dup2(original, descriptor)
                os.close(original)
