"""Exit statuses, as scripts rely on them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit status."""

    DONE = 0
    FAULT = 1
    """An internal error."""
    USAGE = 2
    """Bad usage or input."""
    GATE = 3
    """A gate (``--max-asr``, ``--min-accuracy``) was not met."""
    INTERRUPTED = 130
