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
        footer: whether it appears in the footer.
        identity: its name in the configuration file, if not ``name``.
    """

    name: str
    keys: str
    label: str
    description: str
    footer: bool = False
    identity: str = ""

    @property
    def id(self) -> str:
        """The name in the configuration file."""
        return self.identity or self.name


ACTIONS: tuple[Action, ...] = (
    Action("prune", "n", "prune", "Prune the next channel (5n: the next five)", footer=True),
    Action("undo", "u", "undo", "Undo the last move (3u: the last three)", footer=True),
    Action("redo", "ctrl+r", "redo", "Redo the last undone move"),
    Action("next_threshold", "a", "next X", "Prune to the next threshold", footer=True),
    Action(
        "go_to_step",
        "g",
        "go to",
        "Go to a step or a reached threshold, e.g. X=2 (20g: to step 20)",
        footer=True,
    ),
    Action("toggle_channel", "space", "toggle", "Prune or restore the channel under the cursor", footer=True),
    Action("choose_layer", "l", "layer", "Layer: choose whose channels to prune"),
    Action("choose_ranking", "r", "ranking", "Ranking: choose the pruning order"),
    Action("open", "o", "open", "Open a model and images"),
    Action("export", "e", "export", "Export models, GoodNets, curve, report and recipe", footer=True),
    Action("stop", "x,ctrl+c", "stop", "Stop what is running", footer=True),
    Action("sort", "s", "sort", "Sort the channels by the next column"),
    Action("reverse_sort", "S", "reverse", "Reverse the sort"),
    Action("next_chart", "v", "chart", "Show the next chart"),
    Action("zoom", "z", "zoom", "Zoom the focused pane to the whole screen, and back"),
    Action("copy", "y", "copy", "Copy the status line and the focused pane's details to the clipboard"),
    Action("next_theme", "t", "theme", "Theme: next (dark, light, high contrast)"),
    Action("show_pane('channels')", "f2", "channels", "Show the channels", identity="show_channels"),
    Action("show_pane('charts')", "f3", "charts", "Show the charts", identity="show_charts"),
    Action("show_pane('model')", "f4", "model", "Show the layers of the model", identity="show_model"),
    Action("show_pane('data')", "f5", "data", "Show the images", identity="show_data"),
    Action("show_pane('export')", "f6", "export", "Show the files to export", identity="show_export"),
    Action("show_pane('log')", "f7", "log", "Show the log", identity="show_log"),
    Action("help", "f1,question_mark", "help", "Help on the focused pane and all keys", footer=True),
    Action("quit", "q", "quit", "Quit", footer=True),
)


def readable_keys(keys: str) -> str:
    """Keys for display, e.g. ``f1 or ?``."""
    return " or ".join("?" if key == "question_mark" else key for key in keys.split(","))


def first_key(identity: str, keymap: Mapping[str, str]) -> str:
    """The first key of an action, for display; empty if it has none.

    Args:
        identity: its `Action.id`.
        keymap: keys from the configuration file, by `Action.id`.
    """
    usual = next(action.keys for action in ACTIONS if action.id == identity)
    return readable_keys(keymap.get(identity, usual)).partition(" ")[0]


COMMANDS: tuple[Action, ...] = (
    Action("reopen_prepared('raw')", "", "", "Reopen the same files, pixels used as stored (raw)", identity="scale_1"),
    Action(
        "reopen_prepared('unit')", "", "", "Reopen the same files, pixels divided by 255 (unit)", identity="scale_255"
    ),
    Action(
        "reopen_prepared('bytes')",
        "",
        "",
        "Reopen the same files, pixels brought to 0–255",
        identity="preprocess_bytes",
    ),
    Action(
        "reopen_prepared('tf')", "", "", "Reopen the same files, pixels brought to −1–1 (tf)", identity="preprocess_tf"
    ),
    Action(
        "reopen_prepared('torch')",
        "",
        "",
        "Reopen the same files, pixels normalised as for torch",
        identity="preprocess_torch",
    ),
    Action(
        "reopen_prepared('caffe')",
        "",
        "",
        "Reopen the same files, pixels as BGR minus the mean (caffe)",
        identity="preprocess_caffe",
    ),
    Action("reopen_laid_out('nchw')", "", "", "Reopen the same files, images stored channels first", identity="nchw"),
    Action("reopen_laid_out('nhwc')", "", "", "Reopen the same files, images stored channels last", identity="nhwc"),
    Action("open_sample", "", "", "Open the bundled BadNet and its images"),
    Action("save_screenshot", "", "", "Save the screen as SVG", identity="save_screenshot"),
)
"""Offered by the command palette only."""
