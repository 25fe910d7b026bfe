"""The program of a session: the app as ever, but drawing for a page and not for a terminal."""

from __future__ import annotations

import sys

from bdtui.tui.cli import given_options
from bdtui.tui.start import run_app

if __name__ == "__main__":
    sys.exit(run_app(given_options(sys.argv[1:]), in_page=True))
