"""The app's own themes, and those of Textual that need a change."""

from __future__ import annotations

from dataclasses import replace

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="dark",
    primary="#4fb3d9",
    secondary="#8aa4b8",
    accent="#e8b04b",
    warning="#e8b04b",
    error="#f0705f",
    success="#7ccf8a",
    foreground="#d8dee4",
    background="#12161b",
    surface="#181d24",
    panel="#222933",
    dark=True,
    variables={"border": "#3a4553", "border-blurred": "#2b333e", "footer-key-foreground": "#e8b04b"},
)
LIGHT = Theme(
    name="light",
    primary="#0b6e99",
    secondary="#546575",
    accent="#9a5b00",
    warning="#9a5b00",
    error="#b3261e",
    success="#1b7a3a",
    foreground="#1d252c",
    background="#fafafa",
    surface="#f1f3f5",
    panel="#e3e7eb",
    dark=False,
    variables={"border": "#8c9aa6", "border-blurred": "#c3ccd4", "footer-key-foreground": "#9a5b00"},
)
HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#00e5ff",
    secondary="#ffffff",
    accent="#ffff00",
    warning="#ffff00",
    error="#ff8080",
    success="#00ff66",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    dark=True,
    luminosity_spread=0.0,
    text_alpha=1.0,
    variables={"border": "#ffffff", "border-blurred": "#a0a0a0", "footer-key-foreground": "#ffff00"},
)


def _with_readable_keys(theme: Theme) -> Theme:
    """A light theme of Textual whose keys in the footer can be read; its own are nearly as light as the footer."""
    return replace(theme, variables={**theme.variables, "footer-key-foreground": theme.primary})


THEMES = (
    DARK,
    LIGHT,
    HIGH_CONTRAST,
    *(_with_readable_keys(BUILTIN_THEMES[name]) for name in ("catppuccin-latte", "solarized-light")),
)
