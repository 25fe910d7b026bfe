"""What report.md says of an examination."""

from __future__ import annotations

import numpy as np

from bdtui.engine.detect.detection import ALL_TO_ALL, Suspect
from bdtui.engine.detect.evidence import Evidence
from bdtui.engine.reports.file_names import mask_name
from bdtui.engine.reports.markdown_text import escaped
from bdtui.engine.reports.record import RunRecord

ESTIMATE = (
    "*Estimate*: what reversed triggers, a small and a strong one, do in place of poisoned images; no measured rate, and no "
    "evidence."
)


def detection_section(run: RunRecord) -> str:
    """The conclusion, the suspects with their pictures, and what each method found; empty without an examination."""
    found = run.detection
    if found is None:
        return ""
    how = "from the network and clean images" if run.has_images else "from the network alone"
    parts = [
        f"## Detection\n\nIs it backdoored, and towards which class? Told {how}, in {found.seconds:.0f} s; no poisoned and "
        "no test image was seen.\n\n" + "\n".join(f"- {escaped(reason)}" for reason in found.reasons)
    ]
    if found.suspects:
        note = " With an all-to-all backdoor no class stands out." if found.target == ALL_TO_ALL else ""
        parts.append(
            "The most suspicious classes. *Estimate*: how often the reversed trigger sends clean images to the class; small "
            f"changes fool clean networks as well, so that it is no evidence.{note}\n\n"
            "| class | score | p | estimate | reversed trigger | its mask |\n| --- | ---: | ---: | ---: | --- | --- |\n"
            + "\n".join(_suspect(run, each) for each in found.suspects)
        )
    if found.parts:
        rows = "\n".join(_method(run, name, part) for name, part in found.parts.items())
        parts.append("| method | first class | statistic | p | seconds |\n| --- | --- | ---: | ---: | ---: |\n" + rows)
    return "\n\n".join(parts)


def _suspect(run: RunRecord, suspect: Suspect) -> str:
    estimate = "–" if suspect.surrogate_asr is None else f"{suspect.surrogate_asr:.1f} %"
    pictures = ["–", "–"]
    if suspect.trigger_file is not None:
        pictures = [_picture(suspect.trigger_file), _picture(mask_name(suspect.target))]
    cells = [escaped(run.model.class_text(suspect.target)), f"{suspect.score:.2f}", _p(suspect.p), estimate, *pictures]
    return f"| {' | '.join(cells)} |"


def _picture(file: str) -> str:
    return f"![{escaped(file)}](<{escaped(file)}>)"


def _method(run: RunRecord, name: str, part: Evidence) -> str:
    known = np.flatnonzero(np.isfinite(part.scores))
    first = "–" if not len(known) else escaped(run.model.class_text(int(known[np.argmax(part.scores[known])])))
    statistic = f"{part.statistic:.3g}" if np.isfinite(part.statistic) else "–"
    return f"| {escaped(name)} | {first} | {statistic} | {_p(part.p)} | {part.seconds:.1f} |"


def _p(chance: float | None) -> str:
    return "–" if chance is None else f"{chance:.2g}"
