"""Keeps what TensorFlow's native code prints away from the terminal.

It writes to file descriptors 1 and 2 directly, and no setting silences all of it. For as long as this
is entered, those descriptors lead into a file without a name, and Python's own streams to where they led before:
``sys.__stdout__`` and ``sys.__stderr__`` as well, on which Textual draws.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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


class _Forgiving(io.TextIOWrapper):
    """A stream for words that may get lost: where nobody takes them, the work goes on."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


@contextmanager
def captured_native_output() -> Iterator[NativeOutput]:
    """Point descriptors 1 and 2 into a nameless file, and ``sys.stdout`` and ``sys.stderr`` past it."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    kept = [os.dup(1), os.dup(2)]
    streams = sys.stdout, sys.stderr
    first_streams = sys.__stdout__, sys.__stderr__
    with tempfile.TemporaryFile() as file:
        outputs: list[io.TextIOWrapper] = []
        kinds: tuple[type[io.TextIOWrapper], ...] = io.TextIOWrapper, _Forgiving
        for kind, descriptor, stream in zip(kinds, kept, streams, strict=True):
            binary = open(descriptor, "wb", closefd=False)  # noqa: SIM115
            outputs.append(kind(binary, encoding=stream.encoding, errors="replace", line_buffering=True))
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
        sys.stdout, sys.stderr = outputs
        sys.__stdout__, sys.__stderr__ = outputs  # type: ignore[misc]
        try:
            yield NativeOutput(file)
        finally:
            sys.stdout, sys.stderr = streams
            sys.__stdout__, sys.__stderr__ = first_streams  # type: ignore[misc]
            for original, descriptor in zip(kept, (1, 2), strict=True):
                os.dup2(original, descriptor)
            for output in outputs:
                # Who had to be told of a full disk was told when the answer was written.
                with suppress(OSError):
                    output.flush()
            _let_go(outputs, kept)


def _let_go(outputs: Sequence[io.TextIOWrapper], descriptors: Sequence[int]) -> None:
    """Close what leads to the first streams; words that nobody takes go nowhere, or Python's own end would stumble."""
    for output, descriptor in zip(outputs, descriptors, strict=True):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
        output.close()
        os.close(descriptor)
