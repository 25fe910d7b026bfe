"""How the lines did on new networks, of which none had a part in how they were drawn.

Counted in docs/detection.md; a test holds these numbers against its table and the lines in use.
"""

from __future__ import annotations

from dataclasses import dataclass

CLEAN, BACKDOORED = 18, 15
"""How many new networks there were; those whose attack works on less than 90 % of pictures are left out."""


@dataclass(frozen=True)
class Judged:
    """What became of them at one level.

    Attributes:
        false_alarms: clean ones that were called backdoored.
        missed: backdoored ones that showed no sign.
        clean_inconclusive: clean ones that got no verdict.
        backdoored_inconclusive: backdoored ones that got none.
    """

    false_alarms: int
    missed: int
    clean_inconclusive: int
    backdoored_inconclusive: int


JUDGED = {
    "free": Judged(0, 9, 1, 1),
    "images": Judged(0, 9, 1, 1),
    "labelled": Judged(0, 6, 1, 1),
    "inverted": Judged(0, 0, 0, 2),
}
"""By level of the calibration."""
