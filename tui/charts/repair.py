"""The chart of a repair under way: held-out accuracy and shared transfer by training step."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from bdtui.engine.events import RepairMeasured
from bdtui.tui.charts.canvas import (
    ACCURACY_COLOUR,
    ASR_COLOUR,
    DASH,
    PRESENT_LINE,
    Axis,
    Canvas,
    percent_axis,
    title_lines,
    titled,
    too_small,
)
from bdtui.tui.charts.points import legend_line, percent

LINE = "⠒"
TITLE = "training step"


def draw_repair(looks: Sequence[RepairMeasured], width: int, height: int) -> Text:
    """Held-out accuracy and shared transfer in percent against the training step.

    Args:
        looks: at one network, in order.
        width: columns of the chart.
        height: lines of the chart.
    """
    if sentence := too_small(width, height):
        return sentence
    if not looks:
        return Text("The first look at the network being trained is still to come.")
    steps = max(1, looks[-1].steps)
    ticks = tuple(steps * part / 4 for part in range(5))
    across = Axis(0.0, float(steps), ticks, tuple(f"{tick:,.0f}" for tick in ticks))
    canvas = Canvas(width, height - title_lines(height), across, percent_axis(height))
    accuracies = [(float(look.step), look.held_out_accuracy) for look in looks if look.held_out_accuracy is not None]
    transfers = [(float(look.step), look.transfer) for look in looks if look.transfer is not None]
    canvas.line(accuracies, ACCURACY_COLOUR)
    canvas.dashes(transfers, DASH, ASR_COLOUR)
    canvas.marks(accuracies[-1:], PRESENT_LINE, ACCURACY_COLOUR)
    canvas.marks(transfers[-1:], PRESENT_LINE, ASR_COLOUR)
    return titled(canvas.as_text(), TITLE, width, height)


def repair_legend(looks: Sequence[RepairMeasured], width: int) -> Text:
    """The legend of `draw_repair`, in one line, with the last figures."""
    if not looks:
        return Text()
    last = looks[-1]
    parts = [
        ("", "", f"{last.method}, %"),
        (LINE, ACCURACY_COLOUR, f"held-out accuracy {percent(last.held_out_accuracy)}"),
        (DASH, ASR_COLOUR, f"shared transfer {percent(last.transfer)}"),
        ("", "", f"step {last.step:,}/{last.steps:,}"),
    ]
    return legend_line(parts, width)
