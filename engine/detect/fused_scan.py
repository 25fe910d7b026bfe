"""Scan for hundreds of classes: five scores that need no data, each in robust deviations, averaged.

Each of them misses some backdoor; together they put a true target first (docs/detection.md).
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from bdtui.engine.detect.class_statistics import exponential_p, robust_z
from bdtui.engine.detect.evidence import Evidence
from bdtui.engine.detect.given import WeightsGiven
from bdtui.engine.detect.last_layer import find_by_last_layer
from bdtui.engine.detect.scan import scan_layer, scanned_layers
from bdtui.engine.detect.subject import passages

_IMAGES, _STEPS = 8, 5
_LOWEST, _HIGHEST = -3.0, 8.0
"""No single score counts for more."""


def find_by_fused_scan(given: WeightsGiven) -> Evidence:
    """The mean of the clipped robust z of each class.

    Raises:
        Interrupted: the reporter requested a stop.
    """
    started = time.monotonic()
    subject = given.subject
    random = np.random.default_rng([subject.seed, 5])
    noise, smooth = subject.noise(_IMAGES, random), subject.smooth(_IMAGES, random)
    maps, inside = scanned_layers(subject), passages(subject.network)
    scores = [find_by_last_layer(given).scores]
    places = [(inside[-1], smooth)] if inside else []
    places += [(maps[0], smooth), (maps[0], noise)] if maps else []
    places += [(maps[1], noise)] if len(maps) > 1 else []
    scores += [robust_z(scan_layer(subject, place, images, given.reporter, _STEPS)) for place, images in places]
    usable = [each for each in scores if len(each)]
    if not usable:
        return Evidence(np.empty(0), 0.0, None, time.monotonic() - started)
    fused = np.mean([np.nan_to_num(np.clip(each, _LOWEST, _HIGHEST)) for each in usable], axis=0)
    found = Evidence(fused, float(robust_z(fused).max()), None, time.monotonic() - started)
    return replace(found, p=float(exponential_p(fused).min())) if len(fused) > 128 else found
