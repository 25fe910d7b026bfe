"""App sessions that lose their connection at seeded random moments, and the screen after resuming."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bdtui.engine.pruning.moves import GoTo, History, Move, Position, Prune, Redo, Undo
from bdtui.engine.runs.journal_folder import open_begun_journal
from tests.robustness.kills import added_up
from tests.tui.tmux import Tmux

_KEYS = ("n", "u", "C-r", "a", "5 n", "9 n", "3 u", "space", "4 5 g", "1 2 g")
_MOVES: dict[str, Move] = {
    "n": Prune(1),
    "u": Undo(1),
    "C-r": Redo(1),
    "5 n": Prune(5),
    "3 u": Undo(3),
    "4 5 g": GoTo(45),
    "1 2 g": GoTo(12),
    "6 0 g": GoTo(60),
}
"""Keys, and what they ask for."""
_SECONDS = 90


@dataclass
class Hangups:
    """What became of sessions whose connection was lost.

    Attributes:
        hangups: with SIGHUP.
        moves: keys pressed before, that led somewhere.
        in_the_middle: those that came while moves were still being made.
        different: screens that came back otherwise, or not as the moves that were kept say.
        failures: what went wrong, in words.
        longest: seconds until the longest screen was back.
    """

    hangups: int = 0
    moves: int = 0
    in_the_middle: int = 0
    different: int = 0
    failures: list[str] = field(default_factory=list)
    longest: float = 0.0


def hang_up_sessions(folder: Path, sessions: int, seed: int) -> Hangups:
    """Prune the sample by hand with random keys, lose the connection, and go on.

    Args:
        folder: for the sessions.
        sessions: how many; two are under way at once.
        seed: of the keys.
    """

    def hang_up(number: int) -> Hangups:
        lots, hangups = random.Random(f"{seed} {number}"), Hangups()
        with Tmux(folder / f"session-{number}", 120, 40) as terminal:
            try:
                # Half of them when everything asked for is done, half at any moment.
                (_lose_in_the_middle if number % 2 else _lose_and_go_on)(terminal, lots, hangups)
            except AssertionError as problem:
                hangups.failures.append(f"session {number}: {problem}")
        return hangups

    with ThreadPoolExecutor(2) as pool:
        return added_up(list(pool.map(hang_up, range(sessions))))


def _lose_and_go_on(terminal: Tmux, lots: random.Random, hangups: Hangups) -> None:
    terminal.start("--sample", "--out", "out")
    terminal.wait_for("step 0/60 · ", "╭─ Channels", seconds=_SECONDS)
    pressed = ["n", *lots.choices(_KEYS, k=lots.randint(2, 7))]
    for keys in pressed:
        terminal.keys(*keys.split())
        hangups.moves += 1
    before = _settled(terminal)
    terminal.signal(signal.SIGHUP)
    terminal.wait_for_status(130)
    hangups.hangups += 1
    start = time.monotonic()
    terminal.start("--resume", "--out", "out")
    status = next(line for line in reversed(before) if "/60 · " in line).split("  ")[0].strip()
    terminal.wait_for(status, "╭─ Channels", seconds=_SECONDS)
    hangups.longest = max(hangups.longest, time.monotonic() - start)
    after = _settled(terminal)
    if after != before:
        hangups.different += 1
        pairs = [f"{old!r}\n{new!r}" for old, new in zip(before, after, strict=False) if old != new]
        hangups.failures.append(f"after {pressed}:\n" + "\n".join(pairs))
    terminal.keys("q")
    terminal.wait_for_status(0)


def _lose_in_the_middle(terminal: Tmux, lots: random.Random, hangups: Hangups) -> None:
    """Lose the connection at any moment: what comes back is where the moves lead that were made until then."""
    terminal.start("--sample", "--out", "out")
    terminal.wait_for("step 0/60 · ", "╭─ Channels", seconds=_SECONDS)
    # The first move is waited for: before it there is nothing to go on with.
    terminal.keys("n")
    terminal.wait_for("step 1/60 · ")
    pressed = lots.choices(list(_MOVES), k=lots.randint(8, 16))
    for keys in pressed:
        terminal.keys(*keys.split())
    hangups.moves += 1 + len(pressed)
    time.sleep(lots.uniform(0, 0.6))
    terminal.signal(signal.SIGHUP)
    terminal.wait_for_status(130)
    hangups.hangups += 1
    with open_begun_journal(terminal.folder / "out") as journal:
        assert journal is not None
        made = journal.moves
    asked = [Prune(1), *(_MOVES[keys] for keys in pressed)]
    history = _after(made)
    # What leads nowhere, such as redoing at the end, is no move and not kept.
    reached = [number for number in range(len(asked) + 1) if _after(asked[:number]) == history]
    assert reached, f"asked for {asked}, kept {made}"
    hangups.in_the_middle += reached[-1] < len(asked)
    start = time.monotonic()
    terminal.start("--resume", "--out", "out")
    terminal.wait_for(f"step {history.present.step}/60 · ", "╭─ Channels", seconds=_SECONDS)
    hangups.longest = max(hangups.longest, time.monotonic() - start)
    terminal.keys("q")
    terminal.wait_for_status(0)


def _after(moves: Sequence[Move]) -> History:
    """Where moves lead that do not depend on the ranking."""
    history = History.beginning_at(Position(tuple(range(60))))
    for move in moves:
        history = history.after(move, lambda place: range(60))
    return history


def _settled(terminal: Tmux) -> list[str]:
    """The screen once nothing moves on it any more, with the beginning and the end of the channel table.

    Not of account: the memory in use, the line of passing words, and which row of the table the cursor is on.
    """
    _at_rest(terminal)
    lines = []
    for keys in ("PageDown", "PageUp"):
        terminal.keys(*[keys] * 4)
        screen = [line.rstrip() for line in _at_rest(terminal).splitlines()]
        lines += screen[1:-3] + screen[-2:]
    return lines


def _at_rest(terminal: Tmux) -> str:
    last, since = "", time.monotonic()
    end = since + _SECONDS
    while time.monotonic() - since < 1.5:
        assert time.monotonic() < end, "the screen never came to rest"
        screen = terminal.screen()
        if screen != last:
            last, since = screen, time.monotonic()
        time.sleep(0.1)
    return last
