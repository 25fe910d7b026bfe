"""What a method found, as a file: so that nothing is examined twice."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from bdtui.engine.detect.evidence import Evidence, ReversedTrigger
from bdtui.engine.machine.atomic_files import atomic_file

_LARGEST = 2**31
"""Bytes of a file that are read."""


def write_evidence(path: Path, found: Evidence) -> None:
    """Write what a method found as an uncompressed ``.npz``.

    Raises:
        OutputError: the file cannot be written.
    """
    triggers = found.triggers
    with atomic_file(path) as partial:
        np.savez(
            partial,
            scores=found.scores,
            numbers=np.array([found.statistic, np.nan if found.p is None else found.p, found.seconds], np.float64),
            counts=np.array([(each.target, each.fooled, each.images) for each in triggers], np.int64).reshape(-1, 3),
            sizes=np.array([each.size for each in triggers], np.float64),
            masks=np.array([each.mask for each in triggers], np.float32),
            patterns=np.array([each.pattern for each in triggers], np.float32),
        )


def read_evidence(path: Path, classes: int, image_shape: tuple[int, ...]) -> Evidence:
    """Read what `write_evidence` wrote, whoever wrote it.

    Args:
        path: of the file.
        classes: of the network.
        image_shape: of one image as it reads them.

    Raises:
        ValueError: it is something else, or of another network.
    """
    try:
        _refuse_packed(path)
        with np.load(path, allow_pickle=False) as content:
            scores, numbers, counts, sizes, masks, patterns = (
                content[name] for name in ("scores", "numbers", "counts", "sizes", "masks", "patterns")
            )
    except (OSError, EOFError, KeyError, zipfile.BadZipFile) as problem:
        raise ValueError(f"{path}: not what a detector found ({problem})") from problem
    amount = len(counts)
    mask_shape = (*image_shape[:-1], 1)
    expected = [
        (scores, np.float64, ((classes,), (0,))),
        (numbers, np.float64, ((3,),)),
        (counts, np.int64, ((amount, 3),)),
        (sizes, np.float64, ((amount,),)),
        (masks, np.float32, ((amount, *mask_shape),) if amount else ((0,),)),
        (patterns, np.float32, ((amount, *image_shape),) if amount else ((0,),)),
    ]
    for array, dtype, shapes in expected:
        if array.dtype != dtype or array.shape not in shapes:
            raise ValueError(f"{path}: {array.dtype} of shape {array.shape}")
    finite = all(np.isfinite(array).all() for array in (sizes, masks, patterns, numbers[2:]))
    if not finite or (counts < 0).any() or (counts[:, 0] >= classes).any() or (counts[:, 1] > counts[:, 2]).any():
        raise ValueError(f"{path}: impossible numbers")
    triggers = tuple(
        ReversedTrigger(int(target), mask, pattern, float(size), int(fooled), int(images))
        for (target, fooled, images), size, mask, pattern in zip(counts, sizes, masks, patterns, strict=True)
    )
    statistic, p, seconds = map(float, numbers)
    if not (np.isnan(p) or 0 <= p <= 1):
        raise ValueError(f"{path}: p {p}")
    return Evidence(scores, statistic, None if np.isnan(p) else p, seconds, triggers)


def _refuse_packed(path: Path) -> None:
    """Raise ValueError where a file unpacks to more than it holds, or is too large."""
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"{path}: is {path.stat().st_size:,} bytes long")
    with zipfile.ZipFile(path) as packed:
        entries = packed.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError(f"{path}: is compressed")
        if sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise ValueError(f"{path}: claims more than it holds")
