"""A folder of tiny networks with one that is none, and how cells are compared with the same runs alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bdtui.engine.sweeps.cluster import threads_of_each, worker_environment
from tests.networks import CASES, build, random_images, write_images

PLAN = """
[[models]]
glob = "zoo/*.keras"
clean_valid = "valid.h5"
"""


def make_zoo(folder: Path, models: int = 2) -> Path:
    """Write networks, a file that is none and images; gives the path of a plan for them."""
    case = CASES["sequential"]
    (folder / "zoo").mkdir(parents=True)
    network = build(case)
    images = random_images(case, 60)
    labels = np.asarray(network(images)).argmax(axis=1)
    write_images(folder / "valid.h5", images, labels)
    for number in range(models):
        # The same answers, and another file.
        network.save(folder / "zoo" / f"net-{number}.keras")
        network.layers[-1].bias.assign(network.layers[-1].bias + 1)
    (folder / "zoo" / "broken.keras").write_text("no network")
    plan = folder / "zoo.toml"
    plan.write_text(PLAN)
    return plan


def run_alone(model: Path, out: Path, *options: str, workers: int) -> None:
    """The run of a cell by itself, in a process of its own, with the threads that each of ``workers`` workers gets here."""
    environment = os.environ | worker_environment(threads_of_each(workers), None)
    command = [sys.executable, "-m", "bdtui.tui", "--batch", str(model), *options, "--out", str(out)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def content_of_run(folder: Path) -> dict[str, Any]:
    """All that a run left but for seconds: its results, and the sha256 of every file that has no seconds in it."""
    results = json.loads((folder / "results.json").read_text())
    for timed in (results, *results["repairs"], *results["detections"]):
        timed.pop("seconds", None)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    return {"results": results, "files": {name: sha for name, sha in files.items() if name not in _TIMED}}


_TIMED = ("results.json", "report.md")
