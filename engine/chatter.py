"""Quiets what Keras, absl and TensorFlow say on Python's own channels; what a person needs to know comes as events."""

from __future__ import annotations

import logging
import warnings


def quiet_libraries() -> None:
    """Let only errors through. To be called before TensorFlow is loaded; loads nothing itself."""
    for talker in ("absl", "tensorflow"):
        logging.getLogger(talker).setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
