"""Every hostile file is refused in one sentence: none of its code runs, nothing it points to is read, nothing it asks for built."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.cases import Case
from tests.hostile.corpus import hostile_cases
from tests.hostile.outcome import Fault, Outcome, count
from tests.hostile.sound import write_sound_files
from tests.hostile.trials import run_corpus, run_each_by_itself

pytestmark = pytest.mark.slow


def test_every_hostile_file_is_refused_in_one_sentence_and_leaves_no_mark(tmp_path: Path) -> None:
    figures = run_corpus(tmp_path)
    assert figures.told == ()
    assert figures.cases > 200
    # Code in what only training reads is left out, a SavedModel's graph is not looked at, and the rest is sound; so are a
    # PNG with too much behind its pixels and a folder with an ugly name.
    assert figures.refused == figures.cases - 5
    assert figures.peak_memory < 1.5 * 2**30


@pytest.mark.parametrize("wanted", ["a Lambda layer, in h5", "a kernel linked to another file", "10^15 images"])
def test_a_separate_process_also_refuses_a_hostile_file(tmp_path: Path, wanted: str) -> None:
    sound = write_sound_files(tmp_path / "sound")
    # Each file is made when its turn comes, so the case is run before the next one is asked for.
    case = next(case for case in hostile_cases(sound, tmp_path / "corpus") if case.name == wanted)
    assert count(run_each_by_itself([case], tmp_path / "place")).told == ()


@pytest.mark.parametrize(
    ("status", "stdout", "stderr", "fault"),
    [
        (0, "", "", Fault.NOT_REFUSED),
        (1, "", "Traceback (most recent call last):\n", Fault.TRACEBACK),
        (None, "", "", Fault.TRACEBACK),
        (2, "", "bdtui: error: no", Fault.NO_SENTENCE),
        (2, "", "bdtui: error: a; expected b\nbdtui: error: c; expected d", Fault.NO_SENTENCE),
        (2, "half a table", "bdtui: error: a; expected b", Fault.NO_SENTENCE),
        (2, "", "bdtui: error: \x1b[2J; expected b", Fault.MARK),
    ],
)
def test_anything_but_a_refusal_counts_as_a_fault(status: int | None, stdout: str, stderr: str, fault: Fault) -> None:
    outcome = Outcome(Case("a case", ()), status, 0.1, 0, stdout, stderr)
    assert fault in outcome.all_faults()
    assert len(count([outcome]).told) == 1
