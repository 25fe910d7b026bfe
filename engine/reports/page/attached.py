"""What lies in the folder of a run and goes into its page; anybody may have put it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bdtui.engine.reports.candidates import candidates
from bdtui.engine.reports.file_names import RECIPE, RECOMMENDED, mask_name
from bdtui.engine.reports.record import RunRecord

if TYPE_CHECKING:
    from PIL.Image import Image

_LONGEST_RECIPE = 2**16
_LARGEST_PICTURE = 2**24
"""Bytes of a file, and pixels of a picture, that are read."""


MOST_SUSPECTS = 10
"""Of a detection, how many are shown."""


@dataclass(frozen=True)
class Attached:
    """Files of a run beside its results.

    Attributes:
        networks: names of the saved networks that are there, in further formats too.
        sha256: by file name, of what the run wrote; empty where nothing says.
        recipe: text of the recipe; None where there is none.
        pictures: in colour with transparency, by file name; a file that is no picture is left out.
    """

    networks: frozenset[str] = frozenset()
    sha256: Mapping[str, str] = field(default_factory=dict)
    recipe: str | None = None
    pictures: Mapping[str, Image] = field(default_factory=dict)


def attach(run: RunRecord, folder: Path, sha256: Mapping[str, str]) -> Attached:
    """What of the folder of a run its page shows.

    Args:
        run: the run.
        folder: with its files, of which any may be missing.
        sha256: of its files by name, as far as that is known.
    """
    saved = [one.file for one in candidates(run)]
    saved += [each.file for each in run.exports if each.file]
    saved += [f"{RECOMMENDED}{suffix}" for suffix in {Path(file).suffix for file in saved}]
    suspects = () if run.detection is None else run.detection.suspects[:MOST_SUSPECTS]
    names = [sheet.file for sheet in run.examples]
    names += [name for each in suspects if each.trigger_file for name in (each.trigger_file, mask_name(each.target))]
    found = {name: _picture(folder / name) for name in names}
    return Attached(
        frozenset(file for file in saved if _is_there(folder, file)),
        sha256,
        _recipe(folder / RECIPE),
        {name: picture for name, picture in found.items() if picture is not None},
    )


def _is_there(folder: Path, file: str) -> bool:
    if Path(file).name != file or "\0" in file:
        return False
    path = folder / file
    try:
        return path.exists()
    except OSError:
        return False


def _recipe(path: Path) -> str | None:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LONGEST_RECIPE:
            return None
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return None


def _picture(path: Path) -> Image | None:
    from PIL import Image

    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST_PICTURE:
            return None
        with Image.open(path, formats=["PNG"]) as picture:
            if picture.width * picture.height > _LARGEST_PICTURE:
                return None
            return picture.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
