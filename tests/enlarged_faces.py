"""Makes many faces of a few: the lab's files at any size, for tests and benchmarks."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np


def enlarge_faces(source: Path, target: Path, images: int, seed: int) -> Path:
    """Write variations (brightness, noise, shifts) of a file's images as the lab stores them.

    Args:
        source: HDF5 with ``data`` (N×3×H×W, pixels 0–255) and ``label``.
        target: file to write, float64, channel first.
        images: how many to write.
        seed: of the variations.
    """
    random = np.random.default_rng(seed)
    with h5py.File(source) as file:
        faces, labels = file["data"][()], file["label"][()]
    with h5py.File(target, "w") as file:
        data = file.create_dataset("data", (images, *faces.shape[1:]), np.float64)
        chosen = np.arange(images) % len(faces)
        file["label"] = labels[chosen].astype(np.float64)
        for start in range(0, images, 512):
            block = faces[chosen[start : start + 512]].astype(np.float64)
            for image in block:
                rows, columns = random.integers(-2, 3, 2)
                image[:] = np.roll(image, (rows, columns), axis=(1, 2))
            block *= random.uniform(0.8, 1.2, (len(block), 1, 1, 1))
            block += random.normal(0, 6, block.shape)
            data[start : start + 512] = np.clip(block, 0, 255).round()
    return target
