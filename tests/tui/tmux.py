"""A real terminal for tests: a shell in a tmux server of its own, keys going in, the screen coming back.

All that the pane's programs print is recorded byte for byte as well, so that a line can be found which stood on the
screen for a moment only.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

BDTUI = (sys.executable, "-m", "bdtui.tui")
PROMPT = "shell> "

_LOOK_EVERY = 0.05
# conftest.py quietens TensorFlow for the tests in this process; here it speaks as it does to everybody.
_NOT_INHERITED = {"TF_CPP_MIN_LOG_LEVEL", "TMUX", "TMUX_PANE", "NO_COLOR", "COLORTERM", "COLUMNS", "LINES"}
_MODE = re.compile(rb"\x1b\[\?([\d;]+)([hl])")


class Tmux:
    """A shell on a terminal.

    Args:
        folder: working directory, home of configuration and state, and where the record is kept.
        width: columns.
        height: lines.
        prefix: commands that the shell runs first, such as ``trap '' HUP``.
        variables: of the environment, besides those of the tests.
    """

    def __init__(
        self,
        folder: Path,
        width: int = 80,
        height: int = 24,
        *,
        prefix: str = "",
        variables: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.size = width, height
        self._server = f"bdtui-test-{uuid.uuid4().hex[:12]}"
        self._record = folder / "record"
        self._prefix = prefix
        self._variables = variables or {}
        self._starts = 0

    @property
    def config(self) -> Path:
        """The person's configuration file."""
        return self.folder / "config" / "bdtui" / "config.toml"

    @property
    def _status(self) -> str:
        """What the shell calls the exit status of the last bdtui."""
        return f"status-{self._starts}"

    @property
    def log(self) -> Path:
        """The log file of the app."""
        return self.folder / "state" / "bdtui" / "bdtui.log"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._record.touch()
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        own = {"XDG_CONFIG_HOME": str(self.folder / "config"), "XDG_STATE_HOME": str(self.folder / "state")}
        width, height = map(str, self.size)
        self._run(
            *("-f", "/dev/null", "new-session", "-d", "-x", width, "-y", height, "-c", str(self.folder)),
            # Without line editing: it would set the terminal right before anybody sees how the app left it.
            "exec bash --noprofile --norc --noediting",
            environment={**kept, **own},
        )
        self._run("pipe-pane", "-O", f"cat >> {shlex.quote(str(self._record))}")
        variables = {"PS1": PROMPT, "HISTFILE": "/dev/null", **self._variables}
        self.type("; ".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()))
        if self._prefix:
            self.type(self._prefix)
        self.type("clear; echo re''ady")
        self.wait_for("ready\n" + PROMPT.rstrip())
        self.first_line_settings = self.line_settings()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill_server()

    def kill_server(self) -> None:
        """Take the terminal away, and the shell with it."""
        self._run("kill-server", check=False)

    # What a person does.

    def keys(self, *keys: str) -> None:
        """Press keys by tmux's names, e.g. ``n``, ``C-c``, ``F2``."""
        self._run("send-keys", *keys)

    def type(self, line: str) -> None:
        """Type a line at the prompt."""
        self._run("send-keys", "-l", line)
        self._run("send-keys", "Enter")

    def start(self, *arguments: str, program: Sequence[str] = BDTUI, before: str = "", behind: str = "") -> None:
        """Start bdtui in the foreground, on a clear screen, and let the shell say its exit status.

        Args:
            arguments: of the command line.
            program: what runs bdtui.
            before: stands in front of it in the shell, such as ``TERM=dumb``.
            behind: stands behind it, such as ``< /dev/null``.
        """
        self._starts += 1
        command = " ".join(part for part in (before, shlex.join([*program, *arguments]), behind) if part)
        self.type(f"clear; {command}; echo {self._status}''=$?")

    def resize(self, width: int, height: int) -> None:
        """Make the window larger or smaller."""
        self._run("resize-window", "-x", str(width), "-y", str(height))
        self.size = width, height

    # What a person sees.

    def screen(self) -> str:
        """The lines on the screen."""
        return self._run("capture-pane", "-p")

    def scrollback(self) -> str:
        """The lines on the screen and all that scrolled away above it."""
        return self._run("capture-pane", "-p", "-S", "-")

    def flags(self) -> dict[str, str]:
        """How the terminal is set, by tmux's names."""
        names = "alternate_on cursor_flag keypad_cursor_flag mouse_any_flag mouse_sgr_flag mouse_standard_flag".split()
        answer = self._run("display-message", "-p", " ".join(f"#{{{name}}}" for name in names))
        return dict(zip(names, answer.split(), strict=True))

    def record(self) -> bytes:
        """Every byte that was sent to the terminal so far."""
        return self._record.read_bytes()

    def modes(self) -> dict[int, bool]:
        """Whether the private modes (DECSET) that were ever set or reset are set now; 1049 is the alternate screen."""
        modes: dict[int, bool] = {}
        for numbers, letter in _MODE.findall(self.record()):
            modes.update({int(number): letter == b"h" for number in numbers.split(b";")})
        return modes

    def line_settings(self) -> str:
        """What ``stty -g`` says at the prompt."""
        answer = self.folder / f"stty-{uuid.uuid4().hex[:8]}"
        self.type(f"stty -g > {answer.name}; echo asked''={answer.name}")
        self.wait_for(f"asked={answer.name}")
        return answer.read_text()

    # Waiting.

    def wait_for(self, *texts: str, seconds: float = 60) -> str:
        """Wait until all texts stand on the screen together, and give it back."""
        return self.wait_until(lambda screen: all(text in screen for text in texts), f"{texts}", seconds)

    def wait_until(self, holds: Callable[[str], object], what: str, seconds: float = 60) -> str:
        """Wait until something holds for the screen; where it never does, fail and show the screen."""
        end = time.monotonic() + seconds
        while True:
            screen = self.screen()
            if holds(screen):
                return screen
            if time.monotonic() > end:
                raise AssertionError(f"{what} did not come within {seconds:g} s; the screen is\n{screen}")
            time.sleep(_LOOK_EVERY)

    def wait_for_status(self, status: int, seconds: float = 60) -> None:
        """Wait until bdtui has ended, and the shell behind it has said with what status."""
        screen = self.wait_until(lambda screen: f"{self._status}=" in screen, "the end of bdtui", seconds)
        assert f"{self._status}={status}\n" in screen, screen

    # The app's process.

    def app_process(self, seconds: float = 60) -> int:
        """The id of the bdtui that runs under the shell."""
        shell = int(self._run("display-message", "-p", "#{pane_pid}"))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for process in _descendants(shell):
                if "bdtui.tui" in _command(process) and not _command(process).startswith("setsid"):
                    return process
            time.sleep(_LOOK_EVERY)
        raise AssertionError(f"no bdtui runs under the shell; the screen is\n{self.screen()}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to bdtui."""
        os.kill(self.app_process(), number)

    def _run(self, *command: str, environment: dict[str, str] | None = None, check: bool = True) -> str:
        # -u: the answers are UTF-8 in whatever locale the tests run.
        done = subprocess.run(
            ["tmux", "-u", "-L", self._server, *command],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0 or not check, f"tmux {' '.join(command)}: {done.stderr}"
        return done.stdout


def has_ended(process: int) -> bool:
    """Whether a process is gone; one that nobody has asked for its status counts as gone."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(")")[2].split()[0] in "ZX"


def _descendants(process: int) -> list[int]:
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [found for child in map(int, children) for found in (child, *_descendants(child))]


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
