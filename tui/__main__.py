"""`python -m bdtui.tui` is `bdtui`."""

import sys

from bdtui.tui.cli import main

sys.exit(main())
