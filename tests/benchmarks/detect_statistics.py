"""What every detection method finds about networks of the zoo: computed once, kept as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bdtui.engine.detect.evidence import Evidence, ReversedTrigger
from bdtui.engine.detect.examination import Examination
from bdtui.engine.detect.methods import IMAGE_SCAN, INFORMATION, INVERSION, MARGINS, SCAN
from bdtui.engine.detect.pixel_range import CleanPictures
from tests.benchmarks.zoo.nets import FOLDER, ZooNet, ZooSpec, make_net

CHEAP, DEAR = (SCAN, MARGINS, IMAGE_SCAN, INFORMATION), (INVERSION,)
"""Methods in the order of their cost; ``inversion`` chooses its shortlist by those before."""
KEPT_IN = FOLDER / "detect.jsonl"
_Parts = dict[str, Evidence]


def find_statistics(
    specs: Sequence[ZooSpec],
    methods: Sequence[str] = (*CHEAP, *DEAR),
    kept_in: Path = KEPT_IN,
    said: Callable[[str], None] = print,
) -> dict[str, _Parts]:
    """What methods find about networks, by the networks' names; what is in the file already is not computed again.

    Every method is given 1,000 clean pictures, their labels and the range of their pixels.
    """
    found = _kept(kept_in)
    for place, spec in enumerate(specs, start=1):
        parts = found.setdefault(spec.name, {})
        missing = [name for name in methods if name not in parts]
        if missing:
            net = make_net(spec)
            examined = examine(net, parts)
            examined.run(missing)
            with kept_in.open("a") as lines:
                for name in missing:
                    lines.write(json.dumps({"net": spec.name, "method": name} | _as_json(examined.parts[name])) + "\n")
            found[spec.name] = dict(examined.parts)
            said(f"{place}/{len(specs)} {spec.name}: {sum(examined.parts[name].seconds for name in missing):.1f} s")
            keras.backend.clear_session()
    return {spec.name: found[spec.name] for spec in specs}


def examine(net: ZooNet, parts: Mapping[str, Evidence]) -> Examination:
    """An examination that starts with what was found before."""
    pictures = net.clean_valid
    examined = Examination(net.model, CleanPictures.of_arrays(pictures.pixels, pictures.labels, 0.0, 1.0))
    examined.parts.update(parts)
    return examined


def _kept(path: Path) -> dict[str, _Parts]:
    found: dict[str, _Parts] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        entry = json.loads(line)
        found.setdefault(entry["net"], {})[entry["method"]] = _from_json(entry)
    return found


def _as_json(part: Evidence) -> dict[str, Any]:
    return {
        "scores": [float(score) if np.isfinite(score) else None for score in part.scores],
        "statistic": part.statistic,
        "p": part.p,
        "seconds": part.seconds,
        "sizes": [[trigger.target, trigger.size, trigger.fooled, trigger.images] for trigger in part.triggers],
    }


def _from_json(entry: Mapping[str, Any]) -> Evidence:
    scores = np.array([np.nan if score is None else score for score in entry["scores"]], np.float64)
    nothing = np.empty(0, np.float32)
    triggers = tuple(ReversedTrigger(target, nothing, nothing, *rest) for target, *rest in entry["sizes"])
    return Evidence(scores, entry["statistic"], entry["p"], entry["seconds"], triggers)
