"""A damaged file is refused in one sentence or runs as a sound one; nothing else ever happens, however it is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.cases import Case
from tests.hostile.mutations import mutated_cases
from tests.hostile.outcome import Fault
from tests.hostile.sound import write_sound_files
from tests.hostile.trials import FUZZER_SEED, run_each_by_itself, run_fuzzer, run_in_one_process

pytestmark = pytest.mark.slow

CASES = 400
"""Here; `make robustness` runs 3,000."""


def test_mutated_files_are_refused_or_run_as_sound(tmp_path: Path) -> None:
    figures = run_fuzzer(tmp_path, CASES)
    assert figures.told == ()
    assert figures.cases == CASES
    assert figures.refused + figures.sound == CASES
    # Were all of one kind, the fuzzer would try nothing.
    assert figures.refused > CASES / 4
    assert figures.sound > CASES / 10


def test_the_same_seed_makes_the_same_files(tmp_path: Path) -> None:
    sound = write_sound_files(tmp_path / "sound")

    def made(numbers: range) -> dict[int, bytes]:
        cases = mutated_cases(sound, tmp_path / "mutated", numbers, FUZZER_SEED)
        contents = {}
        for number, _ in zip(numbers, cases, strict=True):
            contents[number] = b"".join(path.read_bytes() for path in sorted((tmp_path / "mutated").iterdir()))
        return contents

    # One by itself is the same as after others.
    assert made(range(20, 24)) == {number: made(range(number, number + 1))[number] for number in range(20, 24)}


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_separate_process_handles_a_mutated_file_the_same_way(tmp_path: Path, number: int) -> None:
    sound = write_sound_files(tmp_path / "sound")
    cases = mutated_cases(sound, tmp_path / "mutated", range(number, number + 1), FUZZER_SEED)
    (outcome,) = run_each_by_itself(cases, tmp_path / "place")
    assert outcome.all_faults() == (), outcome.stderr


def test_a_worker_that_dies_or_hangs_costs_one_case(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal, sys; from tests.hostile import worker; real = worker.run; "
        "bad = {'die': os.abort, 'hang': signal.pause}; "
        "worker.run = lambda given: bad[given[0]]() if given[0] in bad else real(given); "
        "worker.serve(pathlib.Path(sys.argv[1]))"
    )
    cases = [Case(name, (name,)) for name in ("die", "--nope", "hang", "--nope")]
    # The first case of a process may take a minute more: here it is all but the one that hangs.
    outcomes = run_in_one_process(cases, tmp_path / "place", ["-c", program], longest=1)
    assert [outcome.all_faults() for outcome in outcomes] == [(Fault.CRASH,), (), (Fault.HANG,), ()]
