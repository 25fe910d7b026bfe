"""What an examination finds is kept beside the journal, and nothing else is believed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from bdtui.engine.detect.detection import Detection
from bdtui.engine.detect.evidence import Evidence
from bdtui.engine.detect.evidence_file import read_evidence, write_evidence
from bdtui.engine.detect.examination import Examination
from bdtui.engine.detect.methods import INVERSION, LAST_LAYER
from bdtui.engine.detect.pixel_range import CleanPictures
from bdtui.engine.runs.journal import Journal
from bdtui.engine.runs.kept_evidence import KeptEvidence
from tests.engine.detect.made_nets import row_images, rows_net

METHODS = (LAST_LAYER, INVERSION)


def examination(seed: int = 0) -> Examination:
    return Examination(rows_net("patch"), CleanPictures.of_arrays(*row_images(20), 0.0, 1.0), seed=seed)


@pytest.fixture(scope="module")
def examined() -> Examination:
    examined = examination()
    examined.run(METHODS)
    examined.strong_triggers |= examined.triggers
    return examined


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "journal.sqlite")) as journal:
        yield journal


def restored(journal: Journal, seed: int = 0) -> Examination:
    again = examination(seed)
    KeptEvidence(journal).restore(again)
    return again


def concluded(examined: Examination) -> Detection:
    examined.seconds = 0.0
    return examined.conclude()


def test_what_was_found_comes_back_with_its_triggers(examined: Examination, journal: Journal) -> None:
    KeptEvidence(journal).keep(examined)
    again = restored(journal)
    assert list(again.parts) == list(METHODS)
    assert concluded(again).as_json() == concluded(examined).as_json()
    for ours, theirs in ((again.triggers, examined.triggers), (again.strong_triggers, examined.strong_triggers)):
        assert ours.keys() == theirs.keys()
        for target, trigger in ours.items():
            assert np.array_equal(trigger.mask, theirs[target].mask)
            assert np.array_equal(trigger.pattern, theirs[target].pattern)


def test_what_is_kept_is_not_written_again(examined: Examination, journal: Journal, tmp_path: Path) -> None:
    kept = KeptEvidence(journal)
    kept.keep(examined)
    for path in tmp_path.glob("detected-*"):
        path.unlink()
    kept.keep(examined)
    assert not list(tmp_path.glob("detected-*"))


def test_another_seed_believes_none_of_it(examined: Examination, journal: Journal) -> None:
    KeptEvidence(journal).keep(examined)
    assert not restored(journal, seed=1).parts


def test_a_file_that_was_changed_is_passed_over(examined: Examination, journal: Journal, tmp_path: Path) -> None:
    KeptEvidence(journal).keep(examined)
    write_evidence(tmp_path / f"detected-{LAST_LAYER}.npz", Evidence(np.zeros(5), 9.0, 0.0, 0.0))
    assert list(restored(journal).parts) == [INVERSION]


def test_a_journal_in_memory_keeps_nothing(examined: Examination) -> None:
    with closing(Journal(None)) as journal:
        KeptEvidence(journal).keep(examined)
        assert not restored(journal).parts


@pytest.mark.parametrize(
    "changed",
    [
        {"scores": np.zeros(4)},
        {"numbers": np.zeros(2)},
        {"numbers": np.array([0.0, 2.0, 0.0])},
        {"counts": np.array([[5, 0, 1]])},
        {"counts": np.array([[0, 2, 1]])},
        {"sizes": np.array([np.inf])},
        {"masks": np.zeros((1, 6, 6, 3), np.float32)},
        {"patterns": np.array([{}], object)},
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, changed: dict[str, np.ndarray]) -> None:
    path, shape = tmp_path / "found.npz", (1, 6, 6, 1)
    arrays = {
        "scores": np.zeros(5),
        "numbers": np.array([0.0, 0.5, 1.0]),
        "counts": np.array([[0, 1, 2]]),
        "sizes": np.ones(1),
        "masks": np.zeros(shape, np.float32),
        "patterns": np.zeros(shape, np.float32),
    }
    np.savez(path, **arrays)
    assert read_evidence(path, 5, shape[1:]).p == 0.5
    np.savez(path, **(arrays | changed))
    with pytest.raises(ValueError, match=r"."):
        read_evidence(path, 5, shape[1:])


def test_a_compressed_file_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", scores=np.zeros(10**6))
    with pytest.raises(ValueError, match="compressed"):
        read_evidence(tmp_path / "bomb.npz", 5, (6, 6, 1))
