"""What became of a case, and what of that is a fault."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.hostile.cases import Case

STDOUT, STDERR = "stdout", "stderr"
WHAT_WOULD_DO = re.compile(r"expected|expects N|that can be pruned|\(see bdtui --help\)|differs")
"""Every refusal says what was expected, in one of these forms."""


class Fault(StrEnum):
    """What must not happen."""

    TRACEBACK = "a traceback"
    MARK = "a mark"
    CRASH = "a crash of the interpreter"
    HANG = "a hang"
    LEFTOVER = "leftover files"
    NOT_REFUSED = "not refused"
    NO_SENTENCE = "no single sentence"


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        case: what was tried.
        status: the exit status; None where the process died, hung, or let an exception out.
        seconds: how long it took.
        peak_memory: bytes that the process had at most up to then.
        stdout: what it printed.
        stderr: what it printed.
        faults: what must not have happened, seen from outside: a crash, a hang, a mark, leftover files.
    """

    case: Case
    status: int | None
    seconds: float
    peak_memory: int
    stdout: str
    stderr: str
    faults: tuple[Fault, ...] = ()

    def all_faults(self) -> tuple[Fault, ...]:
        """Those seen from outside, and those in what was printed."""
        found = list(self.faults)
        if "Traceback" in self.stderr or (self.status in (None, 1) and not found):
            found.append(Fault.TRACEBACK)
        if any(not c.isprintable() and c != "\n" for c in self.stdout + self.stderr):
            found.append(Fault.MARK)
        if self.status == 0 and self.case.must_refuse:
            found.append(Fault.NOT_REFUSED)
        if not found and not self._is_one_sentence():
            found.append(Fault.NO_SENTENCE)
        return tuple(found)

    def _is_one_sentence(self) -> bool:
        told = [line for line in self.stderr.splitlines() if line.startswith("bdtui:")]
        if self.status == 0:
            return not told
        several = "--verify" in self.case.arguments
        return (
            self.status == 2
            and (len(told) == 1 or several)
            and all(line.startswith("bdtui: error: ") and WHAT_WOULD_DO.search(line) for line in told)
            and re.search(self.case.finding, told[-1]) is not None
            and (several or self.stdout == "")
        )


@dataclass(frozen=True)
class Figures:
    """What a number of cases came to.

    Attributes:
        cases: how many were tried.
        refused: exit 2 and one sentence.
        sound: run as sound files.
        tracebacks: faults of bdtui.
        marks: code executed, a file followed, an escape sequence printed.
        crashes: of the interpreter.
        hangs: longer than a minute.
        leftovers: files that were left behind.
        others: hostile files that were not refused, or not in one sentence.
        longest: seconds of the slowest case, without the import of TensorFlow.
        peak_memory: bytes of the process that ran them.
        told: a line for every fault.
    """

    cases: int
    refused: int
    sound: int
    tracebacks: int
    marks: int
    crashes: int
    hangs: int
    leftovers: int
    others: int
    longest: float
    peak_memory: int
    told: tuple[str, ...]


def count(outcomes: Sequence[Outcome]) -> Figures:
    """The figures of outcomes."""
    faults = [(outcome, outcome.all_faults()) for outcome in outcomes]

    def having(*which: Fault) -> int:
        return sum(any(fault in found for fault in which) for _, found in faults)

    return Figures(
        cases=len(outcomes),
        refused=sum(outcome.status == 2 and not found for outcome, found in faults),
        sound=sum(outcome.status == 0 and not found for outcome, found in faults),
        tracebacks=having(Fault.TRACEBACK),
        marks=having(Fault.MARK),
        crashes=having(Fault.CRASH),
        hangs=having(Fault.HANG),
        leftovers=having(Fault.LEFTOVER),
        others=having(Fault.NOT_REFUSED, Fault.NO_SENTENCE),
        longest=max((outcome.seconds for outcome in outcomes), default=0.0),
        peak_memory=max((outcome.peak_memory for outcome in outcomes), default=0),
        told=tuple(
            f"{outcome.case.name}: {', '.join(found)} (exit {outcome.status}, {outcome.seconds:.1f} s): "
            f"{outcome.stderr.strip()[-1500:]}"
            for outcome, found in faults
            if found
        ),
    )
