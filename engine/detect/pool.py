"""A pool of labelled images that may be poisoned: which class, and which of its images?

Poisoned images of a class get its label for another reason than the others: inside the network they lie apart. Two
published ways to see that are used together, class by class. Activation clustering parts the activations, on their first
principal components, into two groups; spectral signatures look at how much lies along the first component, and how far out
along it each image does. A class is called poisoned where either number is an outlier among the classes.

References:
    B. Chen et al., "Detecting Backdoor Attacks on Deep Neural Networks by Activation Clustering", 2018.
    B. Tran, J. Li, A. Mądry, "Spectral Signatures in Backdoor Attacks", NeurIPS 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.detect.class_statistics import robust_z

Floats = NDArray[np.float64]

OUTLIER = 5.0
"""Robust deviations from the other classes from which a class is called poisoned; see docs/detection.md."""
_LEAST_CLASSES = 5
"""Classes that an outlier needs beside it."""
_LEAST_IMAGES = 20
"""Images of a class that say anything."""
_LEAST_GROUP = 5
_COMPONENTS = 10
_ROUNDS = 50
_SMALL = 0.25
"""Share of a class below which its smaller group is the poisoned one."""


@dataclass(frozen=True)
class JudgedPool:
    """What was found in a pool.

    Attributes:
        labels: of the images, int64 (n,).
        class_scores: of each class, float64 (N,): by how many robust deviations its groups lie further apart, or more lies
            along its first component, than in the other classes; NaN where it has too few images.
        scores: of each image how far out it lies in its class, in robust deviations, float64 (n,).
        flagged: whether it lies in the group of a suspected class that was probably put there, (n,).
        suspects: classes that look poisoned, the most suspicious first.
    """

    labels: NDArray[np.int64]
    class_scores: Floats
    scores: Floats
    flagged: NDArray[np.bool_]
    suspects: tuple[int, ...]

    def why(self, number: int) -> str:
        """Why an image is flagged or not, for a person."""
        label = int(self.labels[number])
        if np.isnan(self.class_scores[label]):
            return f"class {label} has too few images to say"
        found = f"class {label} deviates by {self.class_scores[label]:.1f}"
        if label not in self.suspects:
            return f"{found}, not above {OUTLIER:g}"
        return f"{found}; in the group that was probably {'put there' if self.flagged[number] else 'there before'}"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, and how far it can be relied on."""
        known = int(np.isfinite(self.class_scores).sum())
        if known < _LEAST_CLASSES:
            return (
                f"Pool: {known} classes have {_LEAST_IMAGES} images or more; expected {_LEAST_CLASSES}, to compare them.",
            )
        if not self.suspects:
            return (
                "Pool: no class looks poisoned; a hundredth of poisoned images is mostly missed (docs/detection.md).",
            )
        named = ", ".join(f"{label} ({self.class_scores[label]:.1f} deviations)" for label in self.suspects)
        which = "class looks" if len(self.suspects) == 1 else "classes look"
        return (
            f"Pool: {len(self.suspects)} {which} poisoned: {named}; {self.flagged.sum():,} of {len(self.labels):,} images "
            "are flagged. Look at both groups of the class: which one was put there is told less surely.",
        )


def judge_activations(
    activations: NDArray[np.float32], pixels: NDArray[np.float32], labels: NDArray[np.int64], classes: int
) -> JudgedPool:
    """Judge a pool.

    Args:
        activations: what the network makes of each image behind its last pooling, (n, features).
        pixels: of the images, (n, …), coarse ones will do.
        labels: their classes, as the pool has them.
        classes: N.
    """
    apart, along = np.full(classes, np.nan), np.full(classes, np.nan)
    scores, group = np.zeros(len(labels)), np.zeros(len(labels), bool)
    flat = pixels.reshape(len(pixels), -1)
    for label in range(classes):
        (own,) = np.nonzero(labels == label)
        if len(own) < _LEAST_IMAGES:
            continue
        parts = principal_components(activations[own])
        scores[own] = _robust_distance(parts[:, 0])
        first = two_groups(parts)
        apart[label] = separation_of(parts, first)
        along[label] = parts[:, 0].var() / max(float(activations[own].var(axis=0, dtype=np.float64).sum()), 1e-12)
        group[own] = first == _is_first_poisoned(flat[own], first)
    known = np.isfinite(apart)
    class_scores = np.full(classes, np.nan)
    if known.any():
        class_scores[known] = np.maximum(robust_z(apart[known]), robust_z(along[known]))
    ranked = np.argsort(-np.nan_to_num(class_scores, nan=-np.inf), kind="stable")
    enough = known.sum() >= _LEAST_CLASSES
    suspects = tuple(int(label) for label in ranked if enough and class_scores[label] > OUTLIER)
    return JudgedPool(labels, class_scores, scores, group & np.isin(labels, suspects), suspects)


def principal_components(values: NDArray[np.float32]) -> Floats:
    """Values (n, features) on their first principal components, float64 (n, at most 10)."""
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    left, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(left[:, :_COMPONENTS] * lengths[:_COMPONENTS])


def two_groups(parts: Floats) -> NDArray[np.bool_]:
    """Which of two groups each row is in, by 2-means; begun at the middle and at the far ends of the first component."""
    along = parts[:, 0]
    starts = [along > np.median(along), along > np.quantile(along, 0.9), along < np.quantile(along, 0.1)]
    found = [_two_means(parts, start) for start in starts]
    return max(found, key=lambda first: separation_of(parts, first))


def _two_means(parts: Floats, first: NDArray[np.bool_]) -> NDArray[np.bool_]:
    for _ in range(_ROUNDS):
        if first.all() or not first.any():
            break
        near = _distances(parts, first)
        now = near[0] < near[1]
        if (now == first).all():
            break
        first = now
    return first


def _distances(parts: Floats, first: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """To the middle of the first group, and to that of the other."""
    ends = (parts[first].mean(axis=0), parts[~first].mean(axis=0))
    return np.linalg.norm(parts - ends[0], axis=1), np.linalg.norm(parts - ends[1], axis=1)


def separation_of(parts: Floats, first: NDArray[np.bool_]) -> float:
    """The simplified silhouette of two groups, 0–1, the mean of both; 0 where one is next to empty."""
    if min(first.sum(), (~first).sum()) < _LEAST_GROUP:
        return 0.0
    near, far = _distances(parts, first)
    own, other = np.where(first, near, far), np.where(first, far, near)
    silhouette = (other - own) / np.maximum(np.maximum(own, other), 1e-12)
    return float((silhouette[first].mean() + silhouette[~first].mean()) / 2)


def _robust_distance(along: Floats) -> Floats:
    away = np.abs(along - np.median(along))
    return np.asarray(away / max(1.4826 * float(np.median(away)), 1e-12))


def _is_first_poisoned(pictures: NDArray[np.float32], first: NDArray[np.bool_]) -> bool:
    """Whether it is the first of two groups that was put into the class.

    A group that is clearly the smaller one (Chen et al.); else that whose pictures, which come from several classes, differ
    more from one another. What a trigger adds to all of them makes no difference there.
    """
    share = float(first.mean())
    if min(share, 1 - share) < _SMALL:
        return share < 0.5
    spread = [float(pictures[side].var(axis=0, dtype=np.float64).sum()) for side in (first, ~first)]
    return spread[0] > spread[1]
