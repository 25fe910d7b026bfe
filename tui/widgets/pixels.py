"""Pictures side by side in a terminal, two pixels a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bdtui.engine.event_values import Picture

if TYPE_CHECKING:
    from rich_pixels import Pixels

GAP = 1
"""Columns between two pictures."""


def picture_size(first: Picture, width: int, lines: int) -> tuple[int, int]:
    """Columns and pixel rows of one picture, as large as the room allows: not larger than it is where lines are many.

    Args:
        first: of pictures of one size.
        width: columns that there are for one.
        lines: that there are.
    """
    height = 2 * min(lines, first.height if first.height < lines else (first.height + 1) // 2)
    one = max(1, round(first.width * height / first.height))
    if one > width:
        one, height = width, 2 * max(1, round(first.height * width / first.width / 2))
    return one, height


def side_by_side(pictures: Sequence[Picture], one: int, height: int) -> Pixels:
    """Pictures of so many columns and pixel rows each."""
    # Imported here: they would delay the first paint.
    from PIL import Image
    from rich_pixels import Pixels

    strip = Image.new("RGBA", (len(pictures) * (one + GAP), height))
    for place, picture in enumerate(pictures):
        image = Image.frombytes("RGB", (picture.width, picture.height), picture.rgb)
        strip.paste(image.resize((one, height), Image.Resampling.LANCZOS), (place * (one + GAP), 0))
    pixels: Pixels = Pixels.from_image(strip)
    return pixels
