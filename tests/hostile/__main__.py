"""Makes the hostile files in a folder: ``python -m tests.hostile FOLDER``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.hostile.corpus import hostile_cases
from tests.hostile.sound import write_sound_files

folder = Path(sys.argv[1])
sound = write_sound_files(folder / "sound")
for number, case in enumerate(hostile_cases(sound, folder / "now")):
    # The next case is made in the same place.
    shutil.copytree(folder / "now", folder / f"{number:03}", symlinks=True)
    print(f"{number:03}  {case.name}\n     bdtui {' '.join(case.arguments)}")
