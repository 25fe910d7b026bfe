"""A run with everything a report can show, and its folder, for the tests of reports."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from bdtui.engine.detect.detection import BACKDOORED, Detection, Suspect
from bdtui.engine.detect.evidence import Evidence
from bdtui.engine.event_values import ComparedOrder, ComparedThreshold, Threshold
from bdtui.engine.pruning.curve import Step
from bdtui.engine.rates import Rates, Share
from bdtui.engine.repair.result import ChosenBy, Repair
from bdtui.engine.reports.record import Example, ExampleSheet, RecordedImages, RunRecord
from bdtui.engine.reports.verdict import results_json
from bdtui.engine.settings import ROLES
from tests.records import record

SIDE = 12


def rates(accuracy: int, attack: int, flagged: int = 0) -> Rates:
    """Of 1,000 clean and 1,000 poisoned images, of which so many are counted; as a run has them, for any network."""
    found = [Share(flagged, 1_000)] * 2
    return Rates(Share(accuracy, 1_000), Share(attack, 1_000), Share(1_000 - attack, 1_000), *found)


def detection() -> Detection:
    """What an examination found: class 3."""
    scores = np.array([0.1, 0.2, 0.3, 4.0, 0.5])
    suspect = Suspect(3, 4.0, 0.001, surrogate_asr=97.5, trigger_file="trigger_3.png")
    return Detection(
        BACKDOORED,
        3,
        ("Backdoored, towards class 3.", "Strength 2.00; backdoored from 1.56."),
        (suspect, Suspect(0, 1.0, 0.9)),
        strength=2.0,
        level="labelled",
        parts={"margins": Evidence(scores, 4.0, 0.001, 1.0), "scan": Evidence(np.array([]), np.nan, None, 1.0)},
    )


def full_run() -> RunRecord:
    """A backdoor that was measured, survives pruning, and is repaired."""
    threshold = Threshold(
        2, 1, (0,), rates(970, 900), rates(960, 890, 30), rates(965, 910), rates(955, 900, 40), "a.h5", "b.keras"
    )
    repair = Repair(
        "auto:shrink-distil",
        3,
        61.5,
        1500,
        ("Trained 1500 steps.",),
        ("It holds.",),
        ChosenBy(88, 0.5, 1.25, 93.5, 0.75, 0.5, True),
        0.9,
        "repaired_auto.keras",
        "goodnet_auto.keras",
        rates(985, 2),
        rates(984, 3),
        rates(980, 4, 990),
        rates(981, 5, 985),
    )
    examples = tuple(Example(number, 3 if number else 1, 1, 3) for number in range(3))
    return record(
        data={role: RecordedImages(f"/data/{role}.h5", "2" * 64, 1_000) for role in ROLES},
        target=3,
        baseline_valid=rates(990, 1_000),
        baseline_test=rates(988, 998),
        curve=tuple(Step(n, n - 1 if n else None, n / 4, rates(990 - 20 * n**2, 1_000 - 50 * n)) for n in range(5)),
        thresholds=(threshold, Threshold(50, None)),
        repairs=(repair,),
        detection=detection(),
        comparison=(
            ComparedOrder("pool", "conv", 4, "random", (ComparedThreshold(2, 1, rates(970, 900)),), 80.0, 70.0),
        ),
        examples=tuple(
            ExampleSheet(role, f"examples_{role}.png", examples) for role in ("clean_valid", "poisoned_valid")
        ),
        notices=("one of them may be stored wrongly",),
    )


def clean_run() -> RunRecord:
    """Clean images alone: nothing tells whether there is a backdoor."""
    clean = Rates(Share(990, 1_000))
    return replace(
        full_run(),
        data={"clean_valid": RecordedImages("/data/clean.h5", "2" * 64, 1_000)},
        target=None,
        baseline_valid=clean,
        baseline_test=Rates(),
        curve=tuple(Step(n, n - 1 if n else None, n / 4, clean) for n in range(5)),
        thresholds=(),
        repairs=(),
        detection=None,
        comparison=(),
        examples=(),
    )


def folder_of(run: RunRecord, folder: Path) -> Path:
    """A folder with the results of a run, its pictures and stand-ins for its networks."""
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results_json(run)), "utf-8")
    (folder / "recipe.toml").write_text("model = 'net.h5'\n")
    for name in ("repaired_auto.keras", "recommended.keras", "a.h5"):
        (folder / name).write_text(name)
    lots = np.random.default_rng(0)
    Image.fromarray(lots.integers(0, 256, (SIDE, SIDE, 4), np.uint8)).save(folder / "trigger_3.png")
    Image.fromarray(lots.integers(0, 256, (SIDE, SIDE), np.uint8)).save(folder / "mask_3.png")
    for sheet in run.examples:
        Image.fromarray(lots.integers(0, 256, (SIDE, 3 * SIDE, 3), np.uint8)).save(folder / sheet.file)
    return folder
