"""curve.png: accuracy and attack success rate against the fraction of channels pruned."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bdtui.engine.machine.atomic_files import atomic_file
from bdtui.engine.reports.record import RunRecord

_ACCURACY, _ATTACK, _MARK = "#0b6e99", "#c8321e", "#666666"


def write_figure(path: Path, run: RunRecord) -> None:
    """Draw the curve with its thresholds marked, and write it atomically as PNG."""
    curve = run.curve
    figure = Figure(figsize=(8, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    fractions = [step.fraction for step in curve]
    accuracy = [step.rates.clean.percent if step.rates.clean else float("nan") for step in curve]
    axes.plot(fractions, accuracy, color=_ACCURACY, marker="o", markersize=3, label="clean accuracy")
    if curve[0].rates.attack is not None:
        attack = [step.rates.attack.percent if step.rates.attack else float("nan") for step in curve]
        axes.plot(fractions, attack, color=_ATTACK, marker="s", markersize=3, label="attack success rate")
    if run.has_estimates:
        bracket = [
            (step.fraction, step.estimate.low, step.estimate.high) for step in curve if step.estimate is not None
        ]
        places, lows, highs = zip(*bracket, strict=True)
        # Hatched and without a line: nothing was measured here.
        axes.fill_between(
            places, lows, highs, facecolor="none", edgecolor=_ATTACK, hatch="///", linewidth=0.8, alpha=0.5,
            label="attack success, estimate (reversed triggers)",
        )  # fmt: skip
    placed: dict[int, list[str]] = {}
    for threshold in run.thresholds:
        if threshold.step is not None:
            placed.setdefault(threshold.step, []).append(f"{threshold.drop:g}")
    for height, (step, drops) in enumerate(placed.items()):
        axes.axvline(curve[step].fraction, color=_MARK, linestyle=":", linewidth=1)
        axes.annotate(
            f"X={', '.join(drops)}",
            (curve[step].fraction, 3 + 11 * (height % 3)),
            xytext=(-3, 0),
            textcoords="offset points",
            rotation=90,
            ha="right",
            color=_MARK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-2, 102)
    axes.set_xlabel("fraction of channels pruned")
    axes.set_ylabel("rate on validation images [%]")
    axes.set_title(f"Pruning {run.layer.owner} of {Path(run.model.path).name}", parse_math=False)
    axes.grid(alpha=0.3)
    axes.legend(loc="center left")
    with atomic_file(path) as partial:
        # The version of the drawing library has no place in a result that is to be repeated.
        figure.savefig(partial, metadata={"Software": None})
