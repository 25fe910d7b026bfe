"""Which arrays of a file are the images and their labels, by the names that people give them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bdtui.engine.errors import DataError, OptionError
from bdtui.engine.inputs.stored_arrays import ArrayFile, shape_words

TRUE_LABEL = "true_label"
"""Of poisoned images the class that is right."""
_OWN = (("data", "label"), ("data", "labels"))
"""bdtui's own names, which win over any other."""
_USUAL = (
    *(("x", "y"), ("images", "labels"), ("image", "label"), ("arr_0", "arr_1"), ("features", "labels")),
    *(("images", "targets"), ("x", "labels"), ("inputs", "targets")),
)
_PARTS = {
    "valid": ("val", "valid", "validation", "test", "train"),
    "test": ("test", "val", "valid", "validation", "train"),
}
"""Of a file with several parts the one that is taken first, by part of the run; never train where there is another."""
_OF_PARTS = (
    *("x_{part} y_{part}", "{part}_x {part}_y", "{part}_set_x {part}_set_y", "{part}_images {part}_labels"),
    *("{part}_data {part}_labels", "{part}_data {part}_label", "images_{part} labels_{part}"),
)
_MOST_SHOWN = 8


@dataclass(frozen=True)
class FoundNames:
    """The names of images and labels.

    Attributes:
        data: of the images.
        label: of their labels.
        reading: why these, for a person; empty where there was nothing to choose from.
    """

    data: str
    label: str
    reading: str = ""


def parse_keys(text: str) -> tuple[str, str]:
    """The two names of ``--keys DATA,LABEL``.

    Raises:
        OptionError: there are not two.
    """
    names = tuple(name.strip() for name in text.split(","))
    if len(names) != 2 or not all(names):
        raise OptionError(f"keys {text!r} are not two names; expected --keys DATA,LABEL, for example x_test,y_test")
    return names


def find_names(file: ArrayFile, keys: tuple[str, str] | None, part: str) -> FoundNames:
    """The names of images and labels in a file.

    Args:
        file: any.
        keys: those that were asked for; a file that has neither of them is read by its usual names.
        part: ``valid`` or ``test``, where a file has several parts.

    Raises:
        DataError: they cannot be told.
    """
    present = file.names()
    if keys is None:
        return _find_usual(file, present, part)
    if set(keys) & set(present) or any("/" in key for key in keys):
        return FoundNames(*keys)
    usual = _find_usual(file, present, part)
    unused = f"there is no {keys[0]!r} or {keys[1]!r} (--keys) in it"
    return replace(usual, reading=f"{unused}; {usual.reading or f'images are {usual.data!r} with {usual.label!r}'}")


def find_image_name(file: ArrayFile, keys: tuple[str, str] | None) -> str:
    """The name of the images in a file whose labels do not matter, or that has none.

    Args:
        file: any.
        keys: names of images and labels that were asked for; a file that has none of the first is read by its usual names.

    Raises:
        DataError: it cannot be told.
    """
    present = file.names()
    if keys is not None and (keys[0] in present or "/" in keys[0]):
        return keys[0]
    by_small = {name.lower(): name for name in reversed(present)}
    usual = [by_small[data] for data in dict.fromkeys(data for data, _ in (*_OWN, *_USUAL)) if data in by_small]
    usual += [data for data, _ in _find_parts(by_small, "test")]
    if not usual:
        # A file that holds one array of rows holds no other images.
        usual = [name for name in present if len(file.header(name)[0]) > 1]
        if len(usual) > 1:
            usual = []
    if not usual:
        raise DataError(
            f"{file.path}: no images under the usual names (the file holds {_listed(file, present)}); expected 'data', or "
            "--keys DATA,LABEL"
        )
    return usual[0]


def _find_usual(file: ArrayFile, present: list[str], part: str) -> FoundNames:
    """Images and labels under the names that people give them; of several parts the one for this part of a run."""
    by_small = {name.lower(): name for name in reversed(present)}
    for data, label in _OWN:
        if data in present and label in present:
            return FoundNames(data, label)
    if "data" in present or "label" in present:
        # One of bdtui's own names: what is missing is the other one.
        return FoundNames("data", "label")
    found = [(by_small[data], by_small[label]) for data, label in _USUAL if data in by_small and label in by_small]
    parts = _find_parts(by_small, part)
    found += parts[:1]
    if len(found) == 1:
        data, label = found[0]
        reading = ""
        if len(parts) > 1:
            others = ", ".join(repr(name) for name, _ in parts[1:])
            reading = f"images are {data!r} with {label!r}; {others} {'is' if len(parts) == 2 else 'are'} not used"
        return FoundNames(data, label, reading)
    raise _cannot_tell(file, present, found)


def _find_parts(by_small: dict[str, str], part: str) -> list[tuple[str, str]]:
    """The pairs of a file that is split into parts, the one to take first."""
    for form in _OF_PARTS:
        found = []
        for name in _PARTS[part]:
            data, label = form.format(part=name).split()
            if data in by_small and label in by_small:
                found.append((by_small[data], by_small[label]))
        if found:
            return found
    return []


def _listed(file: ArrayFile, present: list[str]) -> str:
    """What a file holds, for a message."""
    shown = []
    for name in present[:_MOST_SHOWN]:
        try:
            shown.append(f"{name!r} {shape_words(file.header(name)[0])}".strip())
        except DataError:
            shown.append(repr(name))
    if len(present) > _MOST_SHOWN:
        shown.append(f"{len(present) - _MOST_SHOWN} more")
    return ", ".join(shown) or "nothing"


def _cannot_tell(file: ArrayFile, present: list[str], found: list[tuple[str, str]]) -> DataError:
    holds = _listed(file, present)
    if not present:
        return DataError(f"{file.path}: the file holds nothing; expected images and labels, as 'data' and 'label'")
    if found:
        which = ", ".join(f"{data!r} with {label!r}" for data, label in found)
        return DataError(f"{file.path}: {which} may be the images (the file holds {holds}); expected --keys DATA,LABEL")
    return DataError(
        f"{file.path}: no images and labels under the usual names (the file holds {holds}); "
        "expected 'data' and 'label', or --keys DATA,LABEL"
    )
