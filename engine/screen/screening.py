"""Which images carry a trigger? A score for each, and a line that so many clean images lie below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.events import Progress
from bdtui.engine.rates import Share
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.screen.found import Screening
from bdtui.engine.screen.given import CleanGiven, GoodnetGiven
from bdtui.engine.screen.method import Score
from bdtui.engine.screen.methods import BY_GOODNET, DEFAULT, METHODS
from bdtui.engine.screen.subject import Array, Subject

FALSE_ALARMS = 0.05
"""Share of clean images that may be flagged."""
_LEAST_HALF = 32
"""Clean images of each half; fewer are used twice."""
_AT_ONCE = 256
_STAGE = "screening"


def screen(
    subject: Subject,
    judged: Iterable[Array],
    names: Sequence[str],
    clean: Array,
    *,
    method: str = DEFAULT,
    goodnet: Subject | None = None,
    reporter: Reporter = SILENT,
) -> Screening:
    """Score images, and flag those above the line that 95 % of clean images lie below.

    Args:
        subject: the network.
        judged: the images, in batches (n, …), as the network reads them.
        names: of all images.
        clean: clean ones, float32 (n, …), n ≥ 1.
        method: a name of `METHODS`.
        goodnet: for the method of that name.
        reporter: receives progress; may stop the work between batches.

    Raises:
        Interrupted: the reporter requested a stop.
    """
    # Half of them are laid over and choose layers, the other half draws the line; a GoodNet needs none.
    is_split = method != BY_GOODNET and len(clean) >= 2 * _LEAST_HALF
    line_images = clean[1::2] if is_split else clean
    score = _score_of(method, subject, clean[::2] if is_split else clean, goodnet, reporter)
    total = len(line_images) + len(names)
    done = 0

    def scored(images: Array) -> NDArray[np.float64]:
        nonlocal done
        found = score(images)
        done += len(images)
        reporter.emit(Progress(_STAGE, done, total, "images"))
        return found

    known = np.concatenate([scored(line_images[at : at + _AT_ONCE]) for at in range(0, len(line_images), _AT_ONCE)])
    line = 0.5 if method == BY_GOODNET else float(np.quantile(known, 1 - FALSE_ALARMS, method="higher"))
    scores, classes = [], []
    for images in judged:
        scores.append(scored(images))
        classes.append(subject.probabilities(images, reporter).argmax(axis=1))
    share = Share(int((known > line).sum()), len(known))
    return Screening(method, tuple(names), np.concatenate(scores), np.concatenate(classes), line, share)


def _score_of(method: str, subject: Subject, clean: Array, goodnet: Subject | None, reporter: Reporter) -> Score:
    function = METHODS[method].load()
    if method != BY_GOODNET:
        return function(CleanGiven(subject, clean, reporter))
    if goodnet is None:
        raise AssertionError("a GoodNet was asked for, and none is there")
    return function(GoodnetGiven(goodnet, reporter))
