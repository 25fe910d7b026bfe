"""Outliers of the last layer: a target class whose weights are larger on average than those of all others.

References:
    G. Fields, M. Samragh, M. Javaheripi, F. Koushanfar, T. Javidi, "Trojan Signatures in DNN Weights", 2021.
"""

from __future__ import annotations

import time

import numpy as np

from bdtui.engine.detect.class_statistics import robust_z
from bdtui.engine.detect.evidence import Evidence
from bdtui.engine.detect.given import WeightsGiven
from bdtui.engine.detect.subject import last_kernel


def find_by_last_layer(given: WeightsGiven) -> Evidence:
    """Each class's mean weight in the last layer, in robust deviations."""
    started = time.monotonic()
    found = last_kernel(given.subject.network)
    if found is None:
        return Evidence(np.empty(0), 0.0, None, time.monotonic() - started)
    scores = robust_z(found[1].mean(axis=0, dtype=np.float64))
    return Evidence(scores, float(scores.max()), None, time.monotonic() - started)
