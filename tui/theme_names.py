"""The names of the themes; their colours need Textual, names do not."""

OWN_THEMES = ("dark", "light", "high-contrast")
TEXTUAL_THEMES = ("nord", "gruvbox", "tokyo-night", "dracula", "catppuccin-latte", "solarized-light")
THEME_NAMES = (*OWN_THEMES, *TEXTUAL_THEMES)
