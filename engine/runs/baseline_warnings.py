"""What the unpruned network's predictions say about the images it was given: probably a mistake, or too little to go by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.inputs.class_names import shown_class
from bdtui.engine.inputs.doubts import NEVER_PREDICTED
from bdtui.engine.rates import Rates
from bdtui.engine.settings import CLEAN_VALID, POISONED_VALID

_LOW_ACCURACY = 50


def warn_of_baseline(session: PruningSession, baseline: Rates, names: tuple[str, ...] = ()) -> Iterator[str]:
    """A sentence for each doubt about the validation images.

    Args:
        session: the unpruned network and its images.
        baseline: its rates on the validation images.
        names: of the classes, where somebody says.
    """
    clean = baseline.clean
    if clean and clean.percent < _LOW_ACCURACY:
        yield (
            f"clean accuracy is {clean.percent:.2f} % before any pruning: "
            "are labels, --preprocess and --layout those the network was trained with?"
        )
    if clean and clean.is_of_few:
        low, high = clean.wilson_interval()
        yield (
            f"only {clean.images} clean validation images: clean accuracy {clean.percent:.2f} % means {low:.0f} to "
            f"{high:.0f} % (95 % interval), and one image is {100 / clean.images:.3g} points of a threshold"
        )
    yield from _target_never_predicted(session, names)


def _target_never_predicted(session: PruningSession, names: tuple[str, ...]) -> Iterator[str]:
    images = session.data.get(POISONED_VALID)
    if images is None:
        return
    targets = np.unique(images.labels)
    poisoned = session.predict(POISONED_VALID, ())
    if len(targets) > 1 or targets[0] in poisoned or targets[0] in session.predict(CLEAN_VALID, ()):
        return
    classes, counts = np.unique(poisoned, return_counts=True)
    most = int(counts.argmax())
    yield (
        f"the network never predicts class {shown_class(int(targets[0]), names)}, {NEVER_PREDICTED}: is "
        f"it the attacker's target? Most poisoned images ({counts[most]} of {len(poisoned)}) are "
        f"classified as {shown_class(int(classes[most]), names)}"
    )
