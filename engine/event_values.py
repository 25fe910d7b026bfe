"""Values that several events carry, and that a screen shows as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bdtui.engine.rates import NO_RATES, Rates


@dataclass(frozen=True)
class Picture:
    """An image of a set, for looking at.

    Attributes:
        width: in pixels.
        height: in pixels.
        rgb: three bytes a pixel, row by row from the top.
        label: the class in the file; for a poisoned image the attacker's.
        true_label: the class it belongs to, where the file says.
        number: of the image in its set, from 0.
        predicted: the class that the network gives to it; None where that was not asked.
        certainty: probability of that class, in percent.
    """

    width: int
    height: int
    rgb: bytes
    label: int
    true_label: int | None
    number: int = 0
    predicted: int | None = None
    certainty: float | None = None


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
        weight_norm: L1 norm of the kernel that makes it, or of what reads it where it is pruned there.
        silent: its weights are zero in the file.
        score: what the chosen ranking ranks it by.
        poisoned_score: the same on poisoned validation images; None where it is not of images.
    """

    channel: int
    mean_activation: float
    max_activation: float
    firing_share: float
    poisoned_mean_activation: float | None
    poisoned_firing_share: float | None
    weight_norm: float
    silent: bool
    score: float
    poisoned_score: float | None


@dataclass(frozen=True)
class Estimate:
    """Between which percentages an attack may succeed: what reversed triggers do in place of poisoned images.

    No measured rate, and no evidence: small changes fool clean networks as well.
    """

    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        """As results.json has it."""
        return {"low": self.low, "high": self.high}

    def __str__(self) -> str:
        low, high = (f"{end:.1f}" for end in (self.low, self.high))
        return low if low == high else f"{low}–{high}"


def estimate_json(estimate: Estimate | None) -> dict[str, Any]:
    """The key of an estimate in results.json, where there is one."""
    return {} if estimate is None else {"estimate": estimate.as_json()}


@dataclass(frozen=True)
class MeasuredPoint:
    """Rates on the validation sets, in percent, with some channels pruned.

    Attributes:
        step: how many channels are pruned.
        fraction: ``step`` ÷ channels, 0–1.
        clean_accuracy: of B′.
        attack_success_rate: of B′; None without poisoned validation images.
        by_hand: the pruned channels are not the first ones of the ranking: made by hand, or under another ranking.
        estimate: of the attack success, by reversed triggers; None where none stands in for poisoned images.
    """

    step: int
    fraction: float
    clean_accuracy: float | None
    attack_success_rate: float | None
    by_hand: bool
    estimate: Estimate | None = None


@dataclass(frozen=True)
class Compaction:
    """What came of leaving pruned channels out.

    Attributes:
        parameters: numbers in the weights of B′ as it was saved.
        badnet_parameters: in those of B.
        why_not: why the pruned channels stayed, with their weights at zero: half of a sentence; empty where they went.
    """

    parameters: int
    badnet_parameters: int
    why_not: str = ""

    def as_json(self) -> dict[str, Any]:
        """As results.json has it."""
        return {
            "done": not self.why_not,
            "parameters": self.parameters,
            "badnet_parameters": self.badnet_parameters,
            "why_not": self.why_not or None,
        }


@dataclass(frozen=True)
class Threshold:
    """A tolerated drop of clean validation accuracy, and what it led to; empty rates are of what is not known.

    Attributes:
        drop: in percentage points.
        step: the first step at or past the drop; None when no step fell that far, as far as they are measured.
        channels: those pruned at that step, in pruning order.
        rates: of B′ on the validation sets.
        goodnet_valid: of G on the validation sets.
        pruned_test: of B′ on the test sets.
        goodnet_test: of G on the test sets.
        model: file name that B′ has, or will have where the threshold is not reached yet; empty without files.
        goodnet: file name of G.
        compaction: what came of leaving the pruned channels out; None where that was not asked for.
    """

    drop: float
    step: int | None = None
    channels: tuple[int, ...] = ()
    rates: Rates = NO_RATES
    goodnet_valid: Rates = NO_RATES
    pruned_test: Rates = NO_RATES
    goodnet_test: Rates = NO_RATES
    model: str = ""
    goodnet: str = ""
    compaction: Compaction | None = None


@dataclass(frozen=True)
class SuspectedClass:
    """A class that a backdoor may lead to.

    Attributes:
        target: the class.
        score: how suspicious it is; the larger the more.
        p: the chance that a class has such a score without a backdoor; None where nothing says.
        surrogate_asr: in percent, of the reversed trigger on clean images: an estimate; None where there is none.
        trigger: the file that the reversed trigger was written to; None for none.
    """

    target: int
    score: float
    p: float | None
    surrogate_asr: float | None
    trigger: str | None = None


FINDING, DETECTION, SURVIVAL, RECOMMENDATION = "finding", "detection", "survival", "recommendation"
GOODNET_FATES, REPAIRS, COMPARISON, WARNING, NEXT = "goodnet", "repairs", "comparison", "warning", "next"
"""What a sentence of a verdict speaks of."""


@dataclass(frozen=True)
class Verdict:
    """What a run says about its network.

    Attributes:
        backdoor: ``measured``, ``suspected``, ``no sign``, ``inconclusive`` or ``not examined``.
        target: the class the attack leads to, or ``all-to-all``; None where none was measured or is suspected.
        survives_pruning: whether the attack outlives every threshold; None where that cannot be told.
        recommended: the file of the network to use; None for none.
        sentences: for a person: what was found, whether it survives, what to use; then warnings, and what to do next.
        kinds: of each sentence what it speaks of, e.g. ``finding``.
    """

    backdoor: str
    target: int | str | None
    survives_pruning: bool | None
    recommended: str | None
    sentences: tuple[str, ...]
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComparedThreshold:
    """What one order of the channels led to at a tolerated drop.

    Attributes:
        drop: of clean validation accuracy, in percentage points.
        step: the first step at or past the drop; None when no step fell that far.
        rates: of B′ on the validation sets; empty without a step.
        estimate: of the attack success there, by reversed triggers; None where none stands in for poisoned images.
    """

    drop: float
    step: int | None
    rates: Rates
    estimate: Estimate | None = None

    @property
    def margin(self) -> float | None:
        """Clean accuracy minus ASR, in points: an attack that goes only with the accuracy is not gone."""
        accuracy, asr = self.rates.clean_accuracy, self.rates.attack_success_rate
        return None if accuracy is None or asr is None else accuracy - asr


@dataclass(frozen=True)
class ComparedOrder:
    """One layer, pruned to its end in the order of one ranking; rates are of the validation images.

    Attributes:
        layer: whose activations were read.
        pruned: the layer whose channels were pruned.
        channels: how many it has.
        ranking: that gave the order.
        thresholds: in ascending order of the drop.
        accuracy_area: area under the curve of clean accuracy over the fraction pruned, in percent.
        asr_area: the same of the ASR; None without poisoned validation images.
    """

    layer: str
    pruned: str
    channels: int
    ranking: str
    thresholds: tuple[ComparedThreshold, ...]
    accuracy_area: float | None
    asr_area: float | None

    @property
    def best(self) -> ComparedThreshold | None:
        """The threshold with the largest margin; None where none was reached, or without poisoned images."""
        reached = [threshold for threshold in self.thresholds if threshold.margin is not None]
        return max(reached, key=lambda threshold: threshold.margin or 0.0, default=None)

    @property
    def margin(self) -> float | None:
        """Of the best threshold."""
        return None if self.best is None else self.best.margin

    def as_json(self) -> dict[str, Any]:
        """As results.json has it."""
        return {
            "layer": self.layer,
            "pruned": self.pruned,
            "channels": self.channels,
            "ranking": self.ranking,
            "thresholds": [
                {"drop": threshold.drop, "step": threshold.step, **threshold.rates.as_json()}
                | estimate_json(threshold.estimate)
                for threshold in self.thresholds
            ],
            "accuracy_area": self.accuracy_area,
            "asr_area": self.asr_area,
        }


DONE, FAILED = "done", "failed"
"""What became of a cell of a sweep."""


@dataclass(frozen=True)
class CellRow:
    """A cell of a sweep in the table: what its run says, or why there is none.

    Attributes:
        cell: its name, which its folder has as well.
        model: as the plan names it.
        varied: the settings that the plan varies, as text by option, as pairs.
        state: ``done`` or ``failed``.
        error: why it failed, in a sentence; empty where it did not.
        backdoor: the verdict, as in `Verdict`.
        target: of the verdict, as text; empty for none.
        clean_accuracy: of B on the test images, else on the validation images, in percent; None where not measured.
        attack_success_rate: the same.
        recommended: the file of the network to use, in the cell's folder; empty for none.
        seconds: that the run took; None where it failed.
        first_suspect: the class that detection suspects most, as text; empty without detection.
        strength: how much speaks for a backdoor, as `Detection.strength`; None without detection.
    """

    cell: str
    model: str
    varied: tuple[tuple[str, str], ...] = ()
    state: str = DONE
    error: str = ""
    backdoor: str = ""
    target: str = ""
    clean_accuracy: float | None = None
    attack_success_rate: float | None = None
    recommended: str = ""
    seconds: float | None = None
    first_suspect: str = ""
    strength: float | None = None
