"""Pages of images, each with what the network makes of it as it is pruned now."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import OptionError
from bdtui.engine.evaluation.evaluator import PruningSession
from bdtui.engine.event_values import Picture
from bdtui.engine.events import PicturesTaken
from bdtui.engine.inputs.datasets import LabelledImages
from bdtui.engine.inputs.thumbnails import take_pictures
from bdtui.engine.network.pruned_channels import PrunedChannels
from bdtui.engine.reporter import Reporter
from bdtui.engine.session.requests import ShowPictures

_MOST = 60
"""Pictures on a page: no screen shows more."""


class Gallery:
    """Shows pages of the image sets.

    Args:
        evaluator: of the network, with the image sets.
        view: the page to begin with; None for the first.

    Attributes:
        view: the page that is shown.
    """

    def __init__(self, evaluator: PruningSession, view: ShowPictures | None = None) -> None:
        self._evaluator = evaluator
        self.view = view or ShowPictures()
        self._shown: PrunedChannels | None = None

    def is_current(self, pruned: PrunedChannels) -> bool:
        """Whether the page was shown with the predictions of this network."""
        return self._shown == pruned

    def show(self, pruned: PrunedChannels, reporter: Reporter) -> None:
        """Emit the page, with the predictions of the network with some channels pruned.

        Raises:
            DataError: an image cannot be read.
            Interrupted: the reporter requested a stop.
        """
        for role, images in self._evaluator.data.items():
            if role.endswith(self.view.part):
                reporter.checkpoint()
                reporter.emit(self._page(role, images, pruned, reporter))
        self._shown = pruned

    def turn_to(self, view: ShowPictures) -> None:
        """Choose another page.

        Raises:
            OptionError: there is no such page.
        """
        if view.part not in ("valid", "test") or not 0 < view.number <= _MOST or view.first < 0:
            raise OptionError(f"there are no pages of {view.number} {view.part} pictures; expected 1 to {_MOST}")
        self.view = view
        self._shown = None

    def _page(self, role: str, images: LabelledImages, pruned: PrunedChannels, reporter: Reporter) -> PicturesTaken:
        """A page of one image set: of those that are asked for, so many from the first on, or the last of them."""
        view = self.view
        found = self._asked_for(role, images, pruned, reporter)
        # A page behind the last image is the last page.
        first = min(view.first, (max(len(found) - 1, 0) // view.number) * view.number)
        numbers = found[first : first + view.number]
        pictures: tuple[Picture, ...] = ()
        if len(numbers) and len(images.image_shape) == 3:
            scores = self._evaluator.scores(role, numbers, pruned, reporter)
            pictures = take_pictures(images, numbers, scores.argmax(axis=1), _certainties(scores))
        return PicturesTaken(role, pictures, first, len(found), view.label, view.wrong, len(pruned))

    def _asked_for(
        self, role: str, images: LabelledImages, pruned: PrunedChannels, reporter: Reporter
    ) -> NDArray[np.intp]:
        """Numbers of the images of the chosen class, and of those that the network gets wrong, where these are asked for."""
        true = images.labels if images.true_labels is None else images.true_labels
        chosen = np.ones(images.images, bool)
        if self.view.label is not None:
            chosen &= true == self.view.label
        if self.view.wrong:
            predicted = self._evaluator.predict(role, pruned, reporter)
            attacked = role.startswith("poisoned") and images.true_labels is None
            # Where the true class is not known, the attacker's is the wrong one.
            chosen &= predicted == images.labels if attacked else predicted != true
        return np.flatnonzero(chosen)


def _certainties(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probability, in percent, of the class with the largest score of each row of (rows, N); of logits their softmax."""
    values = scores.astype(np.float64)
    if (values < 0).any() or not np.allclose(values.sum(axis=1), 1, atol=0.01):
        values = np.exp(values - values.max(axis=1, keepdims=True))
        values /= values.sum(axis=1, keepdims=True)
    return np.asarray(100 * values.max(axis=1), np.float64)
