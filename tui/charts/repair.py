"""The chart of a repair under way: held-out accuracy and shared transfer by training step."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from bdtui.engine import events
from bdtui.tui.charts.canvas import (
    ACCURACY_COLOUR,
    ASR_COLOUR,
    DASH,
    PRESENT_LINE,
    THRESHOLD_COLOUR,
    Axis,
    Canvas,
    percent_axis,
    title_lines,
    titled,
    too_small,
)
from bdtui.tui.charts.points import legend_line, percent

LINE = "⠒"
ATTACK = "×"
TITLE = "training step"


def draw_repair(
    looks: Sequence[events.RepairMeasured], width: int, height: int, attacks: Sequence[events.RepairAttacked] = ()
) -> Text:
    """Held-out accuracy, shared transfer and, where it is measured, ASR in percent against the training step.

    Args:
        looks: at one network, in order.
        width: columns of the chart.
        height: lines of the chart.
        attacks: what the attack came to, in order; measured only, the repair does not see it.
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
    canvas.marks([(float(each.step), each.attack_success_rate) for each in attacks], ATTACK, ASR_COLOUR)
    canvas.line(accuracies, ACCURACY_COLOUR)
    canvas.dashes(transfers, DASH, THRESHOLD_COLOUR)
    canvas.marks(accuracies[-1:], PRESENT_LINE, ACCURACY_COLOUR)
    canvas.marks(transfers[-1:], PRESENT_LINE, THRESHOLD_COLOUR)
    return titled(canvas.as_text(), TITLE, width, height)


def repair_legend(
    looks: Sequence[events.RepairMeasured], width: int, attacks: Sequence[events.RepairAttacked] = ()
) -> Text:
    """The legend of `draw_repair`, in one line, with the last figures."""
    if not looks:
        return Text()
    last = looks[-1]
    parts = [
        ("", "", f"{last.method}, %"),
        (LINE, ACCURACY_COLOUR, f"held-out accuracy {percent(last.held_out_accuracy)}"),
        (DASH, THRESHOLD_COLOUR, f"shared transfer {percent(last.transfer)}"),
        *((ATTACK, ASR_COLOUR, f"ASR {percent(each.attack_success_rate)} (not used)") for each in attacks[-1:]),
        ("", "", f"step {last.step:,}/{last.steps:,}"),
    ]
    return legend_line(parts, width)
