"""Keeps the output of TensorFlow's native code away from the terminal.

It writes to file descriptors 1 and 2 directly, and no setting turns all of it off. While the context is active, those
descriptors point to an unnamed file, and Python's own streams to their former targets, including ``sys.__stdout__`` and
``sys.__stderr__``, on which Textual draws.
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
    """Output of native code since capturing started."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def tail(self, size: int = 4000) -> str:
        """The last ``size`` bytes, as text."""
        end = self._file.seek(0, os.SEEK_END)
        self._file.seek(max(0, end - size))
        return self._file.read().decode(errors="replace")


class _ResultStream(io.TextIOWrapper):
    """A stream for results: once its reader has gone (``| head -1``), what is written leads nowhere."""

    ignored: type[OSError] = BrokenPipeError

    def write(self, text: str) -> int:
        with suppress(self.ignored):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(self.ignored):
            super().flush()


class _MessageStream(_ResultStream):
    """A stream for messages, which may get lost."""

    ignored = OSError


@contextmanager
def capture_native_output() -> Iterator[NativeOutput]:
    """Point descriptors 1 and 2 to an unnamed file, and ``sys.stdout`` and ``sys.stderr`` to their former targets."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    saved = [os.dup(1), os.dup(2)]
    streams = sys.stdout, sys.stderr
    first_streams = sys.__stdout__, sys.__stderr__
    with tempfile.TemporaryFile() as file:
        outputs: list[io.TextIOWrapper] = []
        kinds: tuple[type[io.TextIOWrapper], ...] = _ResultStream, _MessageStream
        for kind, descriptor, stream in zip(kinds, saved, streams, strict=True):
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
            for original, descriptor in zip(saved, (1, 2), strict=True):
                os.dup2(original, descriptor)
            for output in outputs:
                # A full disk was reported when the results were written.
                with suppress(OSError):
                    output.flush()
            _close_streams(outputs, saved)


def _close_streams(outputs: Sequence[io.TextIOWrapper], descriptors: Sequence[int]) -> None:
    """Close the streams; unwritten text goes to /dev/null, else Python's shutdown would fail on it."""
    for output, descriptor in zip(outputs, descriptors, strict=True):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
        output.close()
        os.close(descriptor)
