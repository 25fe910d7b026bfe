"""The one table of the app's actions, read by key bindings, footer, help, command palette and keymap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Action:
    """A user action with its keys.

    Attributes:
        name: the app's ``action_`` method with its arguments, e.g. ``prune`` or ``show_pane('charts')``.
        keys: its keys, separated by commas.
        label: one or two words for the footer.
        description: one line for help and command palette.
        footer: 0 if it is not in the footer; else the larger, the sooner it is left out on a narrow terminal.
        identity: its name in the configuration file, if not ``name``.
    """

    name: str
    keys: str
    label: str
    description: str
    footer: int = 0
    identity: str = ""

    @property
    def id(self) -> str:
        """The name in the configuration file."""
        return self.identity or self.name


ACTIONS: tuple[Action, ...] = (
    Action("prune", "n", "prune", "Prune the next channel (5n: the next five)", footer=1),
    Action("undo", "u", "undo", "Undo the last move (3u: the last three)", footer=7),
    Action("redo", "ctrl+r", "redo", "Redo the last undone move"),
    Action("next_threshold", "a", "next X", "Threshold: prune to the next one", footer=2),
    Action(
        "go_to_step",
        "g",
        "go to",
        "Go to a step or a reached threshold, e.g. X=2 (20g: to step 20)",
        footer=10,
    ),
    Action("toggle_channel", "space", "toggle", "Toggle: prune or restore the channel under the cursor", footer=8),
    Action("choose_layer", "l", "layer", "Layer: choose whose channels to prune (undo returns)"),
    Action("choose_ranking", "r", "ranking", "Ranking: choose the pruning order (undo returns)"),
    Action("compare", "c", "compare", "Compare layers and rankings", footer=6),
    Action("detect", "d", "detect", "Detect a backdoor and its trigger, without poisoned images", footer=6),
    Action("repair", "f", "repair", "Repair (fix): make a network without the backdoor", footer=6),
    Action("open", "o", "open", "Open a model and images", footer=4),
    Action("open_sample", "O", "sample", "Sample: open the bundled BadNet and its images"),
    Action("export", "e", "export", "Export models, GoodNets, curve, report and recipe", footer=5),
    Action("stop", "x,ctrl+c", "stop", "Stop what is running", footer=9),
    Action("simulate_key('down')", "j", "down", "Move down, as the arrow key does", identity="move_down"),
    Action("simulate_key('up')", "k", "up", "Move up, as the arrow key does", identity="move_up"),
    Action("simulate_key('pagedown')", "ctrl+d", "page", "Page down, as its key does", identity="page_down"),
    Action("simulate_key('pageup')", "ctrl+u", "page", "Page up, as its key does", identity="page_up"),
    Action("simulate_key('home')", "less_than_sign", "top", "Top: go to the first line", identity="move_to_top"),
    Action(
        "simulate_key('end')", "greater_than_sign", "bottom", "Bottom: go to the last line", identity="move_to_bottom"
    ),
    Action("jump", "semicolon", "jump", "Jump: a letter for every pane, tab and control"),
    Action("find", "slash", "find", "Find a channel, or in the focused list; in the data pane the images of a class"),
    Action("sort", "s", "sort", "Sort the channels by the next column"),
    Action("reverse_sort", "S", "reverse", "Reverse the sort"),
    Action("next_chart", "v", "chart", "Chart: show the next one"),
    Action("zoom", "z", "zoom", "Zoom the focused pane to the whole screen, and back"),
    Action("copy", "y", "copy", "Copy the status line and the focused pane's details to the clipboard"),
    Action("copy_choice", "Y", "copy …", "Copy …: choose what"),
    Action("next_theme", "t", "theme", "Theme: next"),
    Action("show_pane('channels')", "f2", "channels", "Channels: show them", identity="show_channels"),
    Action("show_pane('charts')", "f3", "charts", "Charts: show them", identity="show_charts"),
    Action("show_pane('model')", "f4", "model", "Model: show its layers", identity="show_model"),
    Action("show_pane('data')", "f5", "data", "Data: show the images", identity="show_data"),
    Action("show_pane('export')", "f6", "export", "Files: show those that an export writes", identity="show_export"),
    Action("show_pane('log')", "f7", "log", "Log: show it", identity="show_log"),
    Action("show_pane('verdict')", "f8", "verdict", "Verdict: show it", identity="show_verdict"),
    Action("command_palette", "ctrl+p", "palette", "Palette: find any action by name", footer=5),
    Action("help", "f1,question_mark", "help", "Help on the focused pane, and every key", footer=3),
    Action("quit", "q", "quit", "Quit", footer=3),
)

_CHARACTERS = {
    "question_mark": "?",
    "slash": "/",
    "ctrl+p": "^p",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "alt+less_than_sign": "alt+<",
    "alt+greater_than_sign": "alt+>",
    "semicolon": ";",
    "colon": ":",
    "ctrl+underscore": "ctrl+_",
}


def readable_keys(keys: str) -> str:
    """Keys for display, e.g. ``f1 or ?``."""
    return " or ".join(_CHARACTERS.get(key, key) for key in keys.split(","))


def first_key(identity: str, keymap: Mapping[str, str]) -> str:
    """The first key of an action, for display; empty if it has none.

    Args:
        identity: its `Action.id`.
        keymap: keys from the configuration file, by `Action.id`.
    """
    usual = next(action.keys for action in ACTIONS if action.id == identity)
    return readable_keys(keymap.get(identity, usual)).partition(" ")[0]


COMMANDS: tuple[Action, ...] = (
    Action("change_theme", "", "", "Theme: choose, with a preview", identity="change_theme"),
    Action("change_keymap", "", "", "Keymap: choose default, vim or emacs", identity="change_keymap"),
    Action("change_keys", "", "", "Keys: change them", identity="change_keys"),
    Action("help", "", "", "Keys: show all", identity="keys"),
    Action("copy_text('verdict')", "", "", "Verdict: copy it", identity="copy_verdict"),
    Action("copy_text('path')", "", "", "Path: copy that of the run's folder", identity="copy_path"),
    Action("copy_text('error')", "", "", "Error: copy the last one", identity="copy_error"),
    Action("reopen_prepared('raw')", "", "", "Scale 1: reopen, pixels used as stored (raw)", identity="scale_1"),
    Action("reopen_prepared('unit')", "", "", "Scale 255: reopen, pixels divided by 255 (unit)", identity="scale_255"),
    Action(
        "reopen_prepared('bytes')", "", "", "Preprocess bytes: reopen, pixels in 0…255", identity="preprocess_bytes"
    ),
    Action("reopen_prepared('tf')", "", "", "Preprocess tf: reopen, pixels in −1…1", identity="preprocess_tf"),
    Action(
        "reopen_prepared('torch')", "", "", "Preprocess torch: reopen, pixels as for torch", identity="preprocess_torch"
    ),
    Action(
        "reopen_prepared('caffe')",
        "",
        "",
        "Preprocess caffe: reopen, pixels as BGR minus the mean",
        identity="preprocess_caffe",
    ),
    Action("reopen_laid_out('nchw')", "", "", "Layout: reopen the same files, stored channels first", identity="nchw"),
    Action("reopen_laid_out('nhwc')", "", "", "Layout: reopen the same files, stored channels last", identity="nhwc"),
    Action(
        "use_trigger",
        "",
        "",
        "Estimate: let the reversed trigger stand in for poisoned images, or no longer",
        identity="use_trigger",
    ),
    Action("screen_images", "", "", "Screen images: which of them carry a trigger?", identity="screen_images"),
    Action("save_screenshot", "", "", "Screenshot: save the screen as SVG", identity="save_screenshot"),
)
"""Offered by the command palette only."""
