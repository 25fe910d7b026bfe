"""Labels that count classes in another order than the network: known by what it predicts for the images of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.inputs.class_names import shown_class
from bdtui.engine.inputs.doubts import OTHER_ORDER

_ENOUGH = 80
"""Percent of the images that another order has to explain."""
_IMAGES_OF_A_CLASS = 4
"""Images of each class, on average, below which chance makes orders."""
_MOST_SHOWN = 12


@dataclass(frozen=True)
class OtherOrder:
    """The order of classes in which labels and predictions agree.

    Attributes:
        outputs: the network's class for each label that occurs, by label; no two are the same.
        hits: images whose label, in that order, is what the network predicts.
        images: how many there are.
    """

    outputs: dict[int, int]
    hits: int
    images: int

    @property
    def percent(self) -> float:
        """Share of the images that the order explains."""
        return 100 * self.hits / self.images

    def sentence(self, way: str, names: Sequence[str], *, numbered: bool, is_sure: bool) -> str:
        """What a person should know and do, short enough for two lines of a screen.

        Args:
            way: the preprocessing under which the order was found.
            names: of the classes in the order that is believed so far; empty where they are not known.
            numbered: whether the labels are numbers in a file, and not names.
            is_sure: whether this order explains more than the labels' own does in any way.
        """
        what = OTHER_ORDER if is_sure else "may count the network's classes in another order"
        found = f"clean labels {what} (right for {self.percent:.1f} % with --preprocess {way})"
        label, output = next((label, output) for label, output in self.outputs.items() if label != output)
        moved = f"{shown_class(label, tuple(names))} is classified as {output}"
        if numbered:
            shifted = {label - output for label, output in self.outputs.items()} == {1}
            return f"{found}: {moved}; " + (
                "do they count from 1? Store them from 0" if shifted else "store them in the network's order"
            )
        order = self._order(names)
        if order:
            return f"{found}; give --class-names FILE with {order}"
        return f"{found}: {moved}; give --class-names FILE with the names in the network's order"

    def _order(self, names: Sequence[str]) -> str:
        """The names in the order of the network's outputs; empty where they are too many, or not all are known."""
        if len(names) > _MOST_SHOWN or len(self.outputs) != len(names):
            return ""
        by_output = {output: names[label] for label, output in self.outputs.items()}
        return ", ".join(by_output[output] for output in sorted(by_output))


def find_other_order(labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> OtherOrder | None:
    """An order of the classes other than the labels' own that predictions follow; None where there is none.

    Args:
        labels: of images, shape (N,) with N ≥ 1.
        predicted: what the network makes of them, shape (N,).
    """
    classes = np.unique(labels)
    if len(classes) < 2 or len(labels) < _IMAGES_OF_A_CLASS * len(classes):
        return None
    outputs: dict[int, int] = {}
    hits = 0
    for label in classes:
        found, counts = np.unique(predicted[labels == label], return_counts=True)
        outputs[int(label)] = int(found[counts.argmax()])
        hits += int(counts.max())
    is_order = len(set(outputs.values())) == len(outputs) and any(label != out for label, out in outputs.items())
    return OtherOrder(outputs, hits, len(labels)) if is_order and 100 * hits >= _ENOUGH * len(labels) else None
