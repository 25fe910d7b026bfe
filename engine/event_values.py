"""Values that several events carry, and that a screen shows as they are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """An image of a set, for looking at.

    Attributes:
        width: in pixels.
        height: in pixels.
        rgb: three bytes a pixel, row by row from the top.
        label: the class in the file; for a poisoned image the attacker's.
        true_label: the class it belongs to, where the file says.
    """

    width: int
    height: int
    rgb: bytes
    label: int
    true_label: int | None


@dataclass(frozen=True)
class ChannelFigures:
    """What is known of a channel before anything is pruned; the poisoned figures are None without such images.

    Attributes:
        channel: its index.
        mean_activation: over all clean validation images and positions.
        max_activation: the largest on clean validation images.
        firing_share: share of clean validation images with an activation above zero, 0–1.
        poisoned_mean_activation: as above, on poisoned validation images.
        poisoned_firing_share: as above, on poisoned validation images.
        weight_norm: L1 norm of the kernel that makes it.
        silent: its weights are zero in the file.
    """

    channel: int
    mean_activation: float
    max_activation: float
    firing_share: float
    poisoned_mean_activation: float | None
    poisoned_firing_share: float | None
    weight_norm: float
    silent: bool


@dataclass(frozen=True)
class MeasuredPoint:
    """Rates on the validation sets, in percent, with some channels silent.

    Attributes:
        step: how many channels are silent by pruning.
        fraction: ``step`` ÷ channels, 0–1.
        clean_accuracy: of B′.
        attack_success_rate: of B′; None without poisoned validation images.
        by_hand: the silent channels are not the first ones of the ranking.
    """

    step: int
    fraction: float
    clean_accuracy: float
    attack_success_rate: float | None
    by_hand: bool


@dataclass(frozen=True)
class ThresholdState:
    """How a threshold stands in the present order.

    Attributes:
        drop: percentage points of clean validation accuracy.
        step: the first step at or past the drop, as far as the order's steps are measured; None when there is none yet.
        model: file name that B′ will have.
        goodnet: file name that G will have.
        pruned_valid: rates of B′ in percent by the names of results.json; empty until they are known.
        goodnet_valid: of G, with the shares flagged.
        pruned_test: of B′ on the test sets.
        goodnet_test: of G on the test sets.
    """

    drop: float
    step: int | None
    model: str
    goodnet: str
    pruned_valid: dict[str, float | None]
    goodnet_valid: dict[str, float | None]
    pruned_test: dict[str, float | None]
    goodnet_test: dict[str, float | None]
