"""What a verdict says of its errors is what docs/detection.md counted on new networks, by the lines in use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bdtui.engine.detect import fresh_networks
from bdtui.engine.detect.calibration import calibration
from bdtui.engine.detect.conclusion import _error
from bdtui.engine.detect.detection import BACKDOORED, INCONCLUSIVE, NO_SIGN
from bdtui.engine.detect.fresh_networks import JUDGED, Judged

ROUNDED_UP = "shapes-10-batchnorm-clean-label"
"""Its attack works on a bit less than the 90 % in the table, which counts it among the weak ones."""
LEVELS = ("free", "images", "labelled", "inverted")
DETECTION = Path(__file__).parents[3] / "docs" / "detection.md"
ROW = re.compile(
    r"^\| ([\w-]+) \| (?:(\d+) %|–) \| [^|]+ \| (\d\.\d\d) · (\d\.\d\d) · (\d\.\d\d) · (\d\.\d\d) \|", re.MULTILINE
)


def strengths(level: str) -> tuple[list[float], list[float]]:
    """Of the clean and of the backdoored networks in the table of the section on new networks."""
    section = DETECTION.read_text("utf-8").partition("## Judged once, on fresh networks")[2].partition("\n## ")[0]
    rows = [(name, attack, float(found[LEVELS.index(level)])) for name, attack, *found in ROW.findall(section)]
    clean = [strength for _, attack, strength in rows if not attack]
    return clean, [strength for name, attack, strength in rows if attack and int(attack) >= 90 and name != ROUNDED_UP]


@pytest.mark.parametrize("level", LEVELS)
def test_the_errors_on_new_networks_are_those_that_the_docs_have(level: str) -> None:
    lines = calibration().levels[level]
    clean, backdoored = strengths(level)
    assert (len(clean), len(backdoored)) == (fresh_networks.CLEAN, fresh_networks.BACKDOORED)

    def unclear(found: list[float]) -> int:
        return sum(lines.no_sign_below <= strength < lines.backdoored_from for strength in found)

    assert JUDGED[level] == Judged(
        sum(strength >= lines.backdoored_from for strength in clean),
        sum(strength < lines.no_sign_below for strength in backdoored),
        unclear(clean),
        unclear(backdoored),
    )


def test_a_verdict_says_how_often_it_errs_on_new_networks() -> None:
    lines = calibration().levels
    assert _error(INCONCLUSIVE, "inverted", lines["inverted"]) == (
        "On 33 new networks, these lines were inconclusive for 0 of 18 clean and 2 of 15 backdoored ones."
    )
    assert _error(BACKDOORED, "free", lines["free"]) == (
        "Of 18 new clean networks, these lines called 0 backdoored (in cross-validation 1 of 18)."
    )
    assert _error(NO_SIGN, "free", lines["free"]) == (
        "Of 15 new backdoored networks, these lines missed 9 (in cross-validation 7 of 15); a backdoor of another kind may "
        "show no sign."
    )
