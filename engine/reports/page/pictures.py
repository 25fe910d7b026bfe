"""Pictures inside a page: drawn anew from their pixels, so that nothing else of a file gets into it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from bdtui.engine.detect.detection import Suspect
from bdtui.engine.reports.file_names import mask_name
from bdtui.engine.reports.page.attached import Attached
from bdtui.engine.reports.record import Example, ExampleSheet, RunRecord

if TYPE_CHECKING:
    from PIL.Image import Image

_LARGEST_SIDE = 224
"""Of a picture in a page, in pixels."""


@dataclass(frozen=True)
class ShownPicture:
    """A picture in a page.

    Attributes:
        source: a ``data:`` address.
        text: what it shows, for who cannot see it.
        lines: what stands below it.
        is_attacked: whether B gives it the attacker's class, and that is not its own.
    """

    source: str
    text: str
    lines: tuple[str, ...] = ()
    is_attacked: bool = False


@dataclass(frozen=True)
class Row:
    """Pictures of one set, in a row under a heading."""

    heading: str
    pictures: tuple[ShownPicture, ...]


def example_rows(run: RunRecord, attached: Attached) -> tuple[Row, ...]:
    """The example pictures of each set, what their classes are, and what B says."""
    return tuple(
        Row(_heading(run, sheet), tuple(_example(run, sheet, *one) for one in zip(sheet.examples, parts, strict=True)))
        for sheet in run.examples
        if (parts := _parts(sheet, attached))
    )


def trigger_row(run: RunRecord, attached: Attached, suspect: Suspect) -> tuple[ShownPicture, ...]:
    """What was reversed for a class: the trigger, its mask, and a clean image without and with it; as much as is there."""
    trigger = attached.pictures.get(suspect.trigger_file or "")
    if trigger is None:
        return ()
    name = run.model.class_text(suspect.target)
    shown = [ShownPicture(data_address(trigger), f"trigger reversed for {name}", ("trigger",))]
    mask = attached.pictures.get(mask_name(suspect.target))
    if mask is not None:
        shown.append(ShownPicture(data_address(mask), f"mask of the trigger reversed for {name}", ("its mask",)))
    clean = _clean_image(run, attached, suspect.target, trigger.size)
    if clean is not None:
        stamped = clean.copy()
        stamped.alpha_composite(trigger)
        shown.append(ShownPicture(data_address(clean), "a clean image", ("a clean image",)))
        shown.append(
            ShownPicture(data_address(stamped), f"the same with the trigger for {name}", ("with the trigger",))
        )
    return tuple(shown)


def data_address(picture: Image) -> str:
    """A picture as PNG in a ``data:`` address, made smaller where it is large."""
    factor = -(-max(picture.size) // _LARGEST_SIDE)
    opaque = picture.getextrema()[-1] == (255, 255)
    shown = picture.reduce(factor).convert("RGB" if opaque else "RGBA")
    file = BytesIO()
    shown.save(file, format="PNG", optimize=True)
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode('ascii')}"


def _heading(run: RunRecord, sheet: ExampleSheet) -> str:
    kind, _, part = sheet.role.partition("_")
    part = {"valid": "validation", "test": "test"}[part]
    if kind == "clean":
        return f"Clean {part} images: without a trigger"
    if (images := run.data.get(sheet.role)) is not None and images.trigger is not None:
        return f"Poisoned {part} images: made with the trigger"
    return f"Poisoned {part} images: as the file holds them, with the trigger"


def _parts(sheet: ExampleSheet, attached: Attached) -> Sequence[Image]:
    """The pictures that stand side by side on a sheet."""
    whole, number = attached.pictures.get(sheet.file), len(sheet.examples)
    if whole is None or whole.width % number:
        return ()
    width = whole.width // number
    return [whole.crop((place * width, 0, (place + 1) * width, whole.height)) for place in range(number)]


def _example(run: RunRecord, sheet: ExampleSheet, example: Example, picture: Image) -> ShownPicture:
    poisoned = sheet.role.startswith("poisoned")
    if not poisoned:
        own = f"is {run.model.class_text(example.label)}"
    elif example.true_label is None:
        own = "true class not known"
    else:
        own = f"is {run.model.class_text(example.true_label)}"
    said = f"B says {run.model.class_text(example.predicted)}"
    attacked = poisoned and example.predicted == example.label and example.true_label != example.label
    text = f"{'poisoned' if poisoned else 'clean'} image {example.number}"
    return ShownPicture(data_address(picture), text, (own, said), attacked)


def _clean_image(run: RunRecord, attached: Attached, target: int, size: tuple[int, int]) -> Image | None:
    """A clean example of another class, as large as a trigger."""
    for sheet in run.examples:
        if sheet.role.startswith("clean"):
            for example, picture in zip(sheet.examples, _parts(sheet, attached), strict=False):
                if example.label != target and picture.size == size:
                    return picture
    return None
