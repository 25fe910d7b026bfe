import dataclasses
import re
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest
from rich.text import Text
from textual.app import App, ComposeResult

from bdtui.engine.event_values import ChannelFigures, Estimate, MeasuredPoint, Threshold
from bdtui.engine.events import ChannelsProfiled, PositionReached
from bdtui.tui import workspace
from bdtui.tui.charts import activations as activations_module
from bdtui.tui.charts import curve, trade_off
from bdtui.tui.charts.activations import NO_ACTIVATIONS, activations_legend, draw_activations
from bdtui.tui.charts.canvas import BAR, BY_HAND_LINE, CURSOR, DASH, PRESENT_LINE, PRUNED_BAR
from bdtui.tui.charts.curve import (
    ACCURACY_BAND,
    ASR_BAND,
    BY_HAND_DASH,
    ESTIMATE_BAND,
    PRESENT_DASH,
    THRESHOLD,
    curve_legend,
    draw_curve,
)
from bdtui.tui.charts.image_counts import ImageCounts
from bdtui.tui.charts.trade_off import LIMIT, NO_ASR, START, THRESHOLD_POINT, draw_trade_off, trade_off_legend
from bdtui.tui.panes import charts as pane_module
from bdtui.tui.panes.charts import WAITING, WAITING_FOR_POSITION, ChartsPane, Drawing
from bdtui.tui.wording import number_text

CHANNELS = 60
SIZES = [(30, 8), (50, 9), (76, 14), (100, 25), (198, 57)]
BRAILLE = re.compile("[\u2801-\u28ff]")


def point(step: int, accuracy: float = 98.0, asr: float | None = 60.0, by_hand: bool = False) -> MeasuredPoint:
    return MeasuredPoint(step, step / CHANNELS, accuracy, asr, by_hand)


def falling(step: int) -> MeasuredPoint:
    return point(step, accuracy=100.0 if step <= 40 else 100.0 - 4.9 * (step - 40), asr=100.0 if step <= 50 else 40.0)


def position(
    *path: MeasuredPoint, measured: tuple[MeasuredPoint, ...] = (), thresholds=(), **changed
) -> PositionReached:
    order = tuple(range(CHANNELS))
    reached = PositionReached(order, path[-1].step, path[-1], path, measured or path, thresholds, 1, 0)
    return dataclasses.replace(reached, **changed)


def whole_run(step: int = 54) -> PositionReached:
    path = tuple(falling(each) for each in range(step + 1))
    by_hand = (point(10, 80.0, 90.0, True), point(30, 85.0, 20.0, True))
    return position(
        *path,
        measured=(*by_hand, *path),
        thresholds=(Threshold(2.0, 45), Threshold(4.0, 48), Threshold(10.0, 52), Threshold(90.0, None)),
    )


def profile(means: list[float], poisoned: list[float] | None = None) -> ChannelsProfiled:
    return ChannelsProfiled(
        "mean-activation",
        tuple(
            ChannelFigures(channel, 0, 0, 0.5, None, None, 1.0, False, mean, poisoned and poisoned[channel])
            for channel, mean in enumerate(means)
        ),
        "mean activation",
        "mean",
    )


def estimated(step: int, low: float, high: float) -> MeasuredPoint:
    return dataclasses.replace(point(step, 98.0, None), estimate=Estimate(low, high))


def activations(channels: ChannelsProfiled, step: int = 0, width: int = 76, height: int = 14) -> Text:
    return draw_activations(channels, tuple(range(len(channels.channels))), step, width, height)


def columns_of(glyph: str, text: Text) -> set[int]:
    """The columns, counted from the axis, in which a glyph stands."""
    lines = [line.partition("┤" if "┤" in line else "│")[2] for line in text.plain.split("\n")[:-3]]
    return {column for line in lines for column, character in enumerate(line) if character == glyph}


def canvas_width(text: Text) -> int:
    return len(text.plain.split("\n")[0].partition("┤")[2])


def colours(text: Text) -> set[str]:
    return {str(span.style.color.name) for span in text.spans if span.style.color}


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_chart_fills_exactly_its_cells(width: int, height: int) -> None:
    run = whole_run()
    channels = profile([channel / 7 for channel in range(CHANNELS)], [1.0] * CHANNELS)
    for text in (
        draw_curve(run, CHANNELS, width, height),
        draw_trade_off(run, width, height),
        activations(channels, 20, width, height),
    ):
        lines = text.plain.split("\n")
        assert [len(line) for line in lines] == [width] * height
        assert [Text(line).cell_len for line in lines] == [width] * height


def test_charts_may_be_larger_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", "10")
    assert len(draw_curve(whole_run(), CHANNELS, 150, 50).plain.split("\n")) == 50


@pytest.mark.parametrize(("width", "height"), [(29, 20), (80, 7), (1, 1), (0, 0)])
def test_tiny_charts_show_a_sentence_instead(width: int, height: int) -> None:
    channels = profile([1.0, 2.0])
    for text in (
        draw_curve(whole_run(), CHANNELS, width, height),
        draw_trade_off(whole_run(), width, height),
        activations(channels, 0, width, height),
    ):
        assert text.plain == f"A chart needs 30×8 cells; there are {width}×{height}."


@pytest.mark.parametrize("step", [0, 1, 15, 30, 59, 60])
def test_cursor_is_at_the_column_of_the_current_step(step: int) -> None:
    text = draw_curve(position(point(0), point(step)), CHANNELS, 76, 14)
    (column,) = columns_of(CURSOR, text)
    assert column == pytest.approx(step / CHANNELS * (canvas_width(text) - 1), abs=1)


def test_present_rates_stand_on_the_cursor() -> None:
    text = draw_curve(position(point(0), point(30, 80.0, 20.0)), CHANNELS, 76, 14)
    assert columns_of(PRESENT_LINE, text) == columns_of(PRESENT_DASH, text) == columns_of(CURSOR, text)


def test_the_two_series_differ_without_colour() -> None:
    text = draw_curve(position(*(point(each, 90.0, 20.0) for each in range(61))), CHANNELS, 76, 14)
    with_line = [row for row, line in enumerate(text.plain.split("\n")) if BRAILLE.search(line)]
    with_dashes = [row for row, line in enumerate(text.plain.split("\n")) if DASH in line]
    assert len(with_line) == len(with_dashes) == 1
    assert with_line < with_dashes


def test_both_series_show_where_both_are_at_100() -> None:
    whole = position(*(point(each, 100.0, 100.0) for each in range(61)))
    top = draw_curve(whole, CHANNELS, 76, 14).plain.split("\n")[0]
    assert top.count(DASH) > 30
    assert len(BRAILLE.findall(top)) > 30


def test_a_fall_is_drawn_without_gaps() -> None:
    text = draw_curve(position(point(29, 50.0, 100.0), point(30, 50.0, 0.0)), CHANNELS, 76, 20)
    rows_with_dashes = [DASH in line or PRESENT_DASH in line for line in text.plain.split("\n")[:-3]]
    assert all(rows_with_dashes)


def test_steps_that_were_not_measured_are_not_made_up_between_those_that_were() -> None:
    sparse = position(point(0, 90.0, 100.0), point(1, 90.0, 100.0), point(40, 20.0, 10.0))
    for text in (draw_curve(sparse, CHANNELS, 76, 20), draw_trade_off(sparse, 76, 20)):
        rows = text.plain.split("\n")[4:14]
        assert not any(BRAILLE.search(row) or DASH in row for row in rows)


def test_the_axis_counts_channels_as_the_status_line_does() -> None:
    assert re.search(r"0 +15 \(0.25\) +30 \(0.5\) +45 \(0.75\) +60", draw_curve(whole_run(), CHANNELS, 76, 14).plain)


def test_the_trade_off_is_zoomed_to_what_was_measured_with_the_thresholds_marked() -> None:
    near = position(
        *(point(each, 99.0 - each, 100.0 - each) for each in range(6)), thresholds=(Threshold(2.0, 2), Threshold(50.0))
    )
    text = draw_trade_off(near, 76, 20)
    assert len(columns_of(LIMIT, text)) == 1
    assert "X=2" in text.plain
    assert "X=50" not in text.plain
    rows = [BRAILLE.search(line) is not None for line in text.plain.split("\n")[:-3]]
    assert sum(rows) > 12


def test_the_interval_is_shaded_where_images_are_few() -> None:
    run = whole_run()
    few = draw_curve(run, CHANNELS, 76, 20, ImageCounts(5, 5)).plain
    assert ASR_BAND in few
    assert ACCURACY_BAND in few
    assert ASR_BAND not in draw_curve(run, CHANNELS, 76, 20, ImageCounts(6000, 4300)).plain
    assert "95 % interval" in curve_legend(run, CHANNELS, 110, ImageCounts(5, 5)).plain


def test_a_curve_without_poisoned_images_draws_accuracy_alone() -> None:
    run = position(point(0, asr=None), point(1, asr=None), point(30, asr=None), point(40, 70.0, None, True))
    text = draw_curve(run, CHANNELS, 76, 14)
    assert BRAILLE.search(text.plain)
    assert not {DASH, PRESENT_DASH, BY_HAND_DASH} & set(text.plain)
    assert "red" not in colours(text)
    legend = curve_legend(run, CHANNELS).plain
    assert DASH not in legend
    assert "no poisoned images" in legend


def test_points_tried_by_hand_are_marks_and_no_part_of_the_line() -> None:
    tried = point(30, 10.0, 5.0, True)
    run = position(point(0), point(60), measured=(point(0), tried, point(60)))
    text = draw_curve(run, CHANNELS, 76, 14)
    assert columns_of(BY_HAND_LINE, text) == columns_of(BY_HAND_DASH, text)
    line_rows = {row for row, line in enumerate(text.plain.split("\n")) if BRAILLE.search(line)}
    assert len(line_rows) == 1
    assert "off curve" in curve_legend(run, CHANNELS).plain
    assert "off curve" not in curve_legend(position(point(0), point(60)), CHANNELS).plain


def test_what_was_measured_stays_after_an_undo() -> None:
    measured = tuple(falling(step) for step in range(55))
    undone = draw_curve(position(falling(0), falling(1), measured=measured), CHANNELS, 76, 14)
    right_end = max(undone.plain.split("\n")[row].rfind(DASH) for row in range(12))
    assert right_end > 60


def test_reached_thresholds_are_marked_and_missed_ones_are_not() -> None:
    text = draw_curve(whole_run(), CHANNELS, 76, 14)
    marks = sorted(columns_of(THRESHOLD, text))
    assert marks == pytest.approx([step / CHANNELS * (canvas_width(text) - 1) for step in (45, 48, 52)], abs=1)
    assert set(re.findall(r"X=\d+", text.plain)) == {"X=2", "X=4", "X=10"}


@pytest.mark.parametrize("width", [30, 40, 60, 76, 120])
def test_names_of_thresholds_do_not_run_together(width: int) -> None:
    for line in draw_curve(whole_run(), CHANNELS, width, 14).plain.split("\n"):
        assert not re.search(r"X=\d+X", line)


def test_thresholds_reached_at_one_step_keep_their_names() -> None:
    run = position(point(0), point(30, 60.0), thresholds=tuple(Threshold(drop, 30) for drop in (2.0, 4.0, 10.0, 30.0)))
    text = draw_curve(run, CHANNELS, 76, 14)
    assert set(re.findall(r"X=\d+", text.plain)) == {"X=2", "X=4", "X=10", "X=30"}


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_non_finite_values_do_not_stop_the_drawing(bad: float) -> None:
    run = position(
        point(0), point(10, bad, 50.0), point(20, 50.0, bad), point(30, bad, bad), thresholds=(Threshold(2.0, 30),)
    )
    assert draw_curve(run, CHANNELS, 76, 14).plain.count("\n") == 13
    assert draw_trade_off(run, 76, 14).plain.count("\n") == 13
    assert activations(profile([1.0, bad, 2.0], [bad, bad, 1.0]), 1).plain.count("\n") == 13
    assert "unknown" in curve_legend(run, CHANNELS).plain


def test_an_empty_chart_shows_a_sentence() -> None:
    assert activations(profile([float("nan")])).plain == NO_ACTIVATIONS
    assert draw_activations(profile([]), (), 0, 76, 14).plain == NO_ACTIVATIONS
    no_asr = position(point(0, asr=None))
    assert draw_trade_off(no_asr, 76, 14).plain == NO_ASR
    assert trade_off_legend(no_asr).plain == ""


def test_trade_off_runs_from_b_to_the_present_point() -> None:
    run = position(
        point(0, 100.0, 100.0), point(30, 50.0, 100.0), point(40, 50.0, 0.0), thresholds=(Threshold(2.0, 30),)
    )
    lines = draw_trade_off(run, 76, 14).plain.split("\n")
    assert lines[0].rstrip().endswith(START)
    assert lines[0].index(THRESHOLD_POINT) == lines[10].index(PRESENT_LINE)
    assert any("X=2" in line for line in lines)


def test_silenced_channels_are_pale_and_the_next_is_not() -> None:
    text = activations(profile([5.0] * CHANNELS), 20)
    pale, loud = columns_of(PRUNED_BAR, text), columns_of(BAR, text)
    assert max(pale) + 1 == min(loud)
    assert len(pale) == pytest.approx(canvas_width(text) / 3, abs=1)
    assert not columns_of(PRUNED_BAR, activations(profile([5.0] * CHANNELS), 0))
    assert not columns_of(BAR, activations(profile([5.0] * CHANNELS), CHANNELS))


def test_activations_come_in_pruning_order() -> None:
    lines = draw_activations(profile([9.0, 1.0, 5.0]), (1, 2, 0), 0, 76, 14).plain.split("\n")[:-3]
    heights = [
        sum(line.partition("┤" if "┤" in line else "│")[2][column] != " " for line in lines) for column in (5, 30, 60)
    ]
    assert heights == sorted(heights)
    assert heights[0] < heights[1] < heights[2]


def test_a_channel_only_the_trigger_activates_is_visible_among_2048() -> None:
    quiet = [0.01 * channel for channel in range(2048)]
    poisoned = list(quiet)
    poisoned[1000] = 40.0
    text = activations(profile(quiet, poisoned), 700)
    assert [len(line) for line in text.plain.split("\n")] == [76] * 14
    (column,) = columns_of(DASH, text)
    assert column == pytest.approx(1000 / 2048 * canvas_width(text), abs=1)
    assert "2048" in text.plain


def test_poisoned_activations_are_drawn_only_where_they_differ() -> None:
    assert not columns_of(DASH, activations(profile([3.0] * 10, [3.01] * 10)))
    assert not columns_of(DASH, activations(profile([3.0] * 10)))
    assert columns_of(DASH, activations(profile([3.0] * 10, [1.0] * 10)))


def test_negative_and_zero_activations_can_be_drawn() -> None:
    for means in ([0.0, 0.0], [-3.0, -1.0, 2.0], [-1.0, -2.0], [4.0]):
        assert [len(line) for line in activations(profile(means), 1).plain.split("\n")] == [76] * 14


def test_colours_are_the_terminals_own_and_the_background_is_left_alone() -> None:
    channels = profile([1.0] * CHANNELS, [2.0] * CHANNELS)
    for text in (draw_curve(whole_run(), CHANNELS, 76, 14), draw_trade_off(whole_run(), 76, 14), activations(channels)):
        assert colours(text) <= {"cyan", "red", "green", "color(1)", "color(2)", "color(6)"}
        assert all(span.style.color is None or span.style.color.is_system_defined for span in text.spans)
        assert all(span.style.bgcolor is None for span in text.spans)


@pytest.mark.parametrize("width", [20, 46, 78, 120])
def test_legends_fit_in_one_line(width: int) -> None:
    run = whole_run()
    channels = profile([1.0] * CHANNELS, [2.0] * CHANNELS)
    for legend in (
        curve_legend(run, CHANNELS, width),
        trade_off_legend(run, width),
        activations_legend(channels, run.order, run.step, width),
    ):
        assert "\n" not in legend.plain
        assert legend.cell_len <= width
        assert legend.plain or width < 30


def test_legend_of_the_curve_names_every_mark_in_78_columns() -> None:
    run = dataclasses.replace(whole_run(), present=point(54, 100.0, 100.0))
    legend = curve_legend(run, CHANNELS).plain
    for name in ("accuracy", "ASR", "step 54/60", "X reached", "+× off curve"):
        assert name in legend


class Host(App[None]):
    CSS_PATH: ClassVar[list[Path]] = [  # type: ignore[assignment]
        Path(workspace.__file__).with_name("workspace.tcss"),
        Path(pane_module.__file__).with_name("charts.tcss"),
    ]

    def compose(self) -> ComposeResult:
        yield ChartsPane("charts", {})

    @property
    def pane(self) -> ChartsPane:
        return self.query_one(ChartsPane)

    @property
    def screen_text(self) -> str:
        lines = self.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in line) for line in lines)

    def show_run(self) -> None:
        self.pane.show_channels(profile([channel / 7 for channel in range(CHANNELS)], [1.0] * CHANNELS))
        self.pane.show_position(whole_run())


def displayed(host: Host) -> list[str]:
    return [str(chart.id) for chart in host.pane.children if chart.display]


@pytest.mark.asyncio
async def test_pane_waits_with_a_sentence() -> None:
    async with Host().run_test(size=(80, 24)) as pilot:
        host = pilot.app
        assert WAITING in host.screen_text
        host.pane.show_channels(profile([1.0]))
        await pilot.pause()
        assert WAITING_FOR_POSITION in host.screen_text


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40), (200, 60)])
async def test_pane_draws_at_every_size(size: tuple[int, int]) -> None:
    async with Host().run_test(size=size) as pilot:
        host = pilot.app
        host.show_run()
        await pilot.pause()
        lines = host.screen_text.split("\n")
        assert "⠒ accuracy" in lines[1]
        # The figure reaches from border to border.
        assert lines[2].startswith("│100┤")
        (axis,) = [line for line in lines if line.startswith("│   └┬")]
        assert axis.endswith("┬│")
        assert "60" in lines[lines.index(axis) + 1]
        assert size == (40, 12) or "channels pruned (fraction)" in lines[lines.index(axis) + 2]
        assert "accuracy and ASR · 1/3" in lines[-1]


@pytest.mark.asyncio
async def test_pane_redraws_when_the_terminal_changes_its_size() -> None:
    async with Host().run_test(size=(80, 24)) as pilot:
        host = pilot.app
        host.show_run()
        await pilot.resize_terminal(110, 30)
        await pilot.pause()
        assert host.screen_text.split("\n")[-4].endswith("┬│")
        await pilot.resize_terminal(25, 10)
        await pilot.pause()
        assert "A chart needs" in host.screen_text


@pytest.mark.asyncio
async def test_next_chart_goes_round() -> None:
    async with Host().run_test(size=(80, 24)) as pilot:
        host = pilot.app
        host.show_run()
        seen = []
        for _ in range(4):
            await pilot.pause()
            seen.append((displayed(host), str(host.pane.border_subtitle)))
            host.pane.next_chart()
        assert seen == [
            (["curve"], "accuracy and ASR · 1/3"),
            (["trade-off"], "trade-off · 2/3"),
            (["activations"], "activations · 3/3"),
            (["curve"], "accuracy and ASR · 1/3"),
        ]


@pytest.mark.asyncio
async def test_classes_show_two_or_all_charts() -> None:
    async with Host().run_test(size=(120, 60)) as pilot:
        host = pilot.app
        host.show_run()
        host.pane.add_class("-two")
        await pilot.pause()
        assert displayed(host) == ["curve", "trade-off"]
        assert host.pane.border_subtitle == "accuracy and ASR + trade-off"
        host.pane.shown = 2
        await pilot.pause()
        assert displayed(host) == ["curve", "activations"]
        host.pane.set_classes("-all")
        await pilot.pause()
        assert displayed(host) == ["curve", "trade-off", "activations"]
        assert "mean activation" in host.screen_text


@pytest.mark.asyncio
async def test_many_positions_are_one_drawing_and_hidden_charts_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def counted(module: ModuleType, name: str):
        original = getattr(module, name)

        def draw(*arguments):
            drawn.append(name)
            return original(*arguments)

        return draw

    for module, name in (
        (curve, "draw_curve"),
        (trade_off, "draw_trade_off"),
        (activations_module, "draw_activations"),
    ):
        monkeypatch.setattr(module, name, counted(module, name))
    async with Host().run_test(size=(80, 24)) as pilot:
        host = pilot.app
        host.show_run()
        await pilot.pause()
        drawn.clear()
        for step in range(1, 50):
            host.pane.show_position(whole_run(step))
        await pilot.pause(0.3)
        assert 1 <= len(drawn) <= 3
        assert "step 49/60" in host.screen_text


@pytest.mark.asyncio
async def test_what_was_drawn_is_forgotten_with_another_layer_and_when_cleared() -> None:
    async with Host().run_test(size=(80, 24)) as pilot:
        host = pilot.app
        host.show_run()
        host.pane.show_channels(profile([1.0, 2.0]))
        await pilot.pause(0.2)
        assert WAITING_FOR_POSITION in host.screen_text
        host.show_run()
        host.pane.clear()
        await pilot.pause(0.2)
        assert WAITING in host.screen_text
        assert "step" not in host.screen_text


@pytest.mark.asyncio
async def test_pane_takes_the_focus_as_a_whole() -> None:
    async with Host().run_test(size=(80, 24)) as pilot:
        pilot.app.pane.focus()
        await pilot.pause(0.2)
        assert pilot.app.focused is pilot.app.pane
        assert not any(drawing.can_focus for drawing in pilot.app.query(Drawing))


@pytest.mark.asyncio
async def test_series_keep_their_colours_on_the_screen() -> None:
    async with Host().run_test(size=(80, 24)) as pilot:
        pilot.app.show_run()
        await pilot.pause()
        figure = pilot.app.query_one("#curve .drawing", Drawing)
        by_glyph = {segment.text[0]: segment.style.color for row in range(3) for segment in figure.render_line(row)}
        assert by_glyph[DASH].number == 1
        assert by_glyph[THRESHOLD].number == 2
        assert {colour.number for glyph, colour in by_glyph.items() if BRAILLE.match(glyph)} == {6}


def test_accuracy_alone_is_looked_at_more_closely_and_the_legend_says_so() -> None:
    high = position(*(point(step, accuracy=98.0 - step / 5, asr=None) for step in range(40)))
    assert re.findall(r"(\d+)┤", draw_curve(high, CHANNELS, 76, 14).plain) == ["100", "95", "90", "85", "80"]
    assert "axis from 80 %" in curve_legend(high, CHANNELS, 120).plain
    low = position(*(point(step, accuracy=98.0 - 2 * step, asr=None) for step in range(40)))
    assert re.findall(r"(\d+)┤", draw_curve(low, CHANNELS, 76, 14).plain)[-1] == "0"
    assert "axis" not in curve_legend(low, CHANNELS, 120).plain


def test_with_an_asr_the_axis_goes_from_0_to_100() -> None:
    high = position(*(point(step, accuracy=98.0, asr=99.0) for step in range(40)))
    assert re.findall(r"(\d+)┤", draw_curve(high, CHANNELS, 76, 14).plain)[-1] == "0"


def test_a_zoomed_axis_cuts_an_interval_that_is_wider() -> None:
    few = position(*(point(step, accuracy=90.0, asr=None) for step in range(40)))
    drawn = draw_curve(few, CHANNELS, 76, 14, ImageCounts(clean=10))
    assert ACCURACY_BAND in drawn.plain
    assert len(drawn.plain.split("\n")) == 14


@pytest.mark.parametrize(
    ("value", "text"),
    [(3324.6, "3,325"), (1234567.0, "1,234,567"), (999.6, "1,000"), (17.349, "17.3"), (0.00321, "0.00321"), (0.0, "0")],
)
def test_axes_have_plain_numbers(value: float, text: str) -> None:
    assert number_text(value) == text


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_an_estimate_is_hatched_and_called_so(width: int, height: int) -> None:
    here = position(*(estimated(each, 20.0, 90.0) for each in range(30)))
    drawn, legend = draw_curve(here, CHANNELS, width, height), curve_legend(here, CHANNELS, 200).plain
    assert len(columns_of(ESTIMATE_BAND, drawn)) > 5
    assert not columns_of(DASH, drawn)
    assert "ASR estimate 20.0–90.0 %" in legend
    assert "no poisoned images, no ASR" in legend


def test_without_a_surrogate_nothing_is_hatched() -> None:
    here = position(*(point(each, 98.0, None) for each in range(30)))
    assert not columns_of(ESTIMATE_BAND, draw_curve(here, CHANNELS, 76, 14))
    assert "estimate" not in curve_legend(here, CHANNELS, 200).plain
