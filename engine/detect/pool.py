"""A pool of labelled images that may be poisoned: which class, and which of its images?

Poisoned images of a class get its label for another reason than the others: inside the network they lie apart. Activation
clustering (Chen et al.) parts the activations of a class, on their first principal components, into two groups. As they
are, what a class shows varies more than what a trigger adds, and hides it; so components are brought to one length first
(Hayase et al.), and the groups are begun at both ends of each, where spectral signatures (Tran et al.) look for outliers.
The score of a class is how far the middles of the two groups lie apart, in deviations within them (Mahalanobis).

References:
    B. Chen et al., "Detecting Backdoor Attacks on Deep Neural Networks by Activation Clustering", 2018.
    B. Tran, J. Li, A. Mądry, "Spectral Signatures in Backdoor Attacks", NeurIPS 2018.
    J. Hayase, W. Kong, R. Somani, S. Oh, "SPECTRE: Defending Against Backdoor Attacks Using Robust Statistics", ICML 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

APART = 7.0
"""Deviations from which a class is called poisoned; see docs/detection.md."""
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
        class_scores: of each class, float64 (N,): how many deviations its two groups lie apart; NaN where it has too few
            images.
        scores: of each image, float64 (n,): how many deviations it lies beyond the middle of the group that was probably
            there before, towards the other.
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
        found = f"two groups of class {label} lie {self.class_scores[label]:.1f} deviations apart"
        if label not in self.suspects:
            return f"{found}, below {APART:g}"
        return f"{found}; in the group that was probably {'put there' if self.flagged[number] else 'there before'}"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, and how far it can be relied on."""
        known = np.isfinite(self.class_scores)
        if not known.any():
            return (f"Pool: no class has {_LEAST_IMAGES} images; nothing can be said.",)
        if not self.suspects:
            most = float(np.nanmax(self.class_scores))
            return (
                f"Pool: no class looks poisoned (groups lie at most {most:.1f} deviations apart, {APART:g} are needed); "
                "some blended triggers are missed (docs/detection.md).",
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
    class_scores = np.full(classes, np.nan)
    scores, group = np.zeros(len(labels)), np.zeros(len(labels), bool)
    flat = pixels.reshape(len(pixels), -1)
    for label in range(classes):
        (own,) = np.nonzero(labels == label)
        if len(own) < _LEAST_IMAGES:
            continue
        parts = principal_components(activations[own])
        first = two_groups(parts)
        if not _is_parted(first):
            class_scores[label] = 0
            continue
        put_there = first == _is_first_poisoned(flat[own], first)
        class_scores[label], scores[own] = distance_of(parts, put_there)
        group[own] = put_there
    ranked = np.argsort(-np.nan_to_num(class_scores, nan=-1.0), kind="stable")
    suspects = tuple(int(label) for label in ranked if class_scores[label] >= APART)
    return JudgedPool(labels, class_scores, scores, group & np.isin(labels, suspects), suspects)


def principal_components(values: NDArray[np.float32]) -> Floats:
    """Values (n, features) on their first principal components, each of variance 1, float64 (n, at most 10).

    One component for ten rows: in more, few rows always fall into groups. What does not vary is no component.
    """
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    left, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    most = min(_COMPONENTS, len(values) // 10, int((lengths > 1e-6 * max(float(lengths[0]), 1e-12)).sum()))
    return np.asarray(left[:, :most] * np.sqrt(len(values)))


def two_groups(parts: Floats) -> NDArray[np.bool_]:
    """Which of two groups each row is in, by 2-means, begun in the middle and at both ends of each component."""
    starts = [part > np.median(part) for part in parts.T[:1]]
    starts += [end > np.quantile(end, 0.9) for part in parts.T for end in (part, -part)]
    found = [_two_means(parts, start) for start in starts]
    return max(found, key=lambda first: distance_of(parts, first)[0], default=np.zeros(len(parts), bool))


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


def _is_parted(first: NDArray[np.bool_]) -> bool:
    return bool(min(first.sum(), (~first).sum()) >= _LEAST_GROUP)


def distance_of(parts: Floats, first: NDArray[np.bool_]) -> tuple[float, Floats]:
    """How far the first group lies from the other, in deviations within them, and each row along that way; 0 if one is next to empty."""
    if not _is_parted(first):
        return 0.0, np.zeros(len(parts))
    here, there = parts[first], parts[~first]
    between = here.mean(axis=0) - there.mean(axis=0)
    within = sum(np.cov(side, rowvar=False).reshape(2 * (parts.shape[1],)) * (len(side) - 1) for side in (here, there))
    # A little of the whole variance, which is 1: groups without any of their own are no infinity apart.
    within = within / (len(parts) - 2) + 1e-6 * np.eye(parts.shape[1])
    way = np.linalg.solve(within, between)
    distance = float(np.sqrt(max(float(between @ way), 0.0)))
    return distance, np.asarray((parts - there.mean(axis=0)) @ way / max(distance, 1e-12))


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
