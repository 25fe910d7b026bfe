"""bdtui --batch --detect pool: is the training data poisoned?"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from bdtui.tui.cli import main
from tests.engine.detect.made_nets import TARGET, row_images, rows_net
from tests.engine.screen.test_screening import stamped

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    rows_net("patch").save(folder / "net.keras")
    images, labels = row_images(400)
    np.savez(folder / "clean.npz", data=images, label=labels)
    images[300:], labels[300:] = stamped(images[300:]), TARGET
    np.savez(folder / "pool.npz", data=images, label=labels)
    return folder


def test_the_pool_of_a_run_has_a_row_an_image_and_the_manifest_knows_it(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    given = ("--clean-valid", str(folder / "clean.npz"), "--thresholds", "100", "--until-last-threshold")
    assert main(["--batch", str(folder / "net.keras"), *given, "--out", out]) == 0
    assert not (tmp_path / "out" / "pool.csv").exists()
    capfd.readouterr()
    more = ("--detect", "pool", "--pool", str(folder / "pool.npz"))
    assert main(["--batch", "--resume", "--out", out, *more]) == 0
    assert f"Pool: 1 class looks poisoned: {TARGET}" in capfd.readouterr().err
    with (tmp_path / "out" / "pool.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["image", "label", "score", "flagged", "why"]
    flagged = [row["flagged"] == "1" for row in rows]
    assert sum(flagged[:300]) == 0
    assert sum(flagged[300:]) >= 80
    assert main(["--verify", out]) == 0
    assert main(["--batch", "--resume", "--out", out, *more]) == 0
    assert "already complete" in capfd.readouterr().err


def test_without_labelled_images_there_is_no_pool(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--batch", str(folder / "net.keras"), "--detect", "pool"]) == 2
    assert "detector pool needs images with labels; add --clean-valid" in capfd.readouterr().err
