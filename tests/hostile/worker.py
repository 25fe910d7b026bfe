"""A process that runs one case after the other, so that TensorFlow is imported once; whoever started it sees it die.

It reads a case's arguments as a line of JSON and answers with what became of it. What bdtui prints goes to files.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path

from tests.hostile.outcome import STDERR, STDOUT


def run(arguments: list[str]) -> int | None:
    """The exit status; None where an exception came out of bdtui."""
    from bdtui.tui.cli import main

    try:
        return int(main(arguments))
    except SystemExit as stop:
        return int(stop.code or 0)
    except BaseException:
        traceback.print_exc()
        return None


def peak_memory() -> int:
    """Bytes that this process had at most; what `getrusage` tells begins with the memory of whoever started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def serve(printed: Path) -> None:
    """Answer until stdin ends; the answers go to where stdout led at the start."""
    answers = os.fdopen(os.dup(1), "w")
    for descriptor, name in ((1, STDOUT), (2, STDERR)):
        file = os.open(printed / name, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(file, descriptor)
        os.close(file)
    # What is imported and allocated once is no part of a case's time.
    from bdtui.engine.startup import load_tensorflow

    load_tensorflow()
    for number, line in enumerate(sys.stdin):
        arguments = json.loads(line)
        for descriptor in (1, 2):
            os.ftruncate(descriptor, 0)
        started = time.monotonic()
        status = run(arguments)
        seconds = time.monotonic() - started
        sys.stdout.flush()
        sys.stderr.flush()
        if number % 20 == 0:
            # Keras counts all layers there ever were.
            sys.modules["keras"].utils.clear_session()
        answers.write(json.dumps({"status": status, "seconds": seconds, "peak_memory": peak_memory()}) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
