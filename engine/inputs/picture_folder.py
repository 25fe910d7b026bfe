"""A folder of pictures with one sub-folder a class: which pictures, and which classes, in the order of Keras' loader."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from bdtui.engine.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
"""Of the files that are taken for pictures: those of Keras' loader, and WebP."""
EXPECTED = "JPEG, PNG, BMP, GIF or WebP"
_PARTS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev"}
"""Names of folders that hold a data set's parts, not its classes."""
_NOT_CLASSES = {"__MACOSX"}
"""What macOS adds to archives."""
_MOST_SHOWN = 5
_LOOKED_INTO, _LOOKED_AT = 3, 20
"""Sub-folders, and files in each, that are looked at to see whether there are pictures at all."""
_ONE_EACH = "expected one sub-folder a class"


@dataclass(frozen=True)
class PictureFile:
    """A picture.

    Attributes:
        name: of the file, relative to the folder.
        label: number of its class.
    """

    name: str
    label: int


@dataclass
class Listing:
    """What a folder holds.

    Attributes:
        pictures: by class, and within a class by name.
        links: names of links, which are not followed.
        others: names of files that are no pictures.
    """

    pictures: list[PictureFile] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ClassFolders:
    """The classes of a folder.

    Attributes:
        labels: number of the class by name of the sub-folder, in the folders' order.
        class_names: of the model's classes, in order; empty where the folders do not tell them.
        reading: how numbers were given, for a person; empty where that is plain.
    """

    labels: dict[str, int]
    class_names: tuple[str, ...]
    reading: str = ""


def sub_folders(folder: Path) -> list[str]:
    """The names of the folders in a folder, as Keras' loader sorts them; hidden ones are left out.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in entries if not entry.name.startswith(".") and _is_folder(entry)]
    except OSError as problem:
        raise DataError(f"{folder}: cannot be read ({problem.strerror}); expected a folder of pictures") from problem
    return sorted(name for name in found if name not in _NOT_CLASSES)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def find_classes(folder: Path, classes: int, class_names: Sequence[str]) -> ClassFolders:
    """Which sub-folder is which class.

    Args:
        folder: has one sub-folder a class.
        classes: how many the model has.
        class_names: of them, in order; empty where they are not known.

    Raises:
        DataError: that cannot be told.
    """
    names = sub_folders(folder)
    if not names:
        pictures = any(_is_picture(name) for name in _names(folder))
        raise DataError(f"{folder}: holds {'pictures but ' if pictures else ''}no sub-folders; {_ONE_EACH}")
    shown = ", ".join(repr(name) for name in names[:_MOST_SHOWN]) + (", …" if len(names) > _MOST_SHOWN else "")
    numbers = _as_numbers(names, classes)
    if class_names and set(names) <= set(class_names):
        return ClassFolders({name: class_names.index(name) for name in names}, tuple(class_names))
    if class_names and numbers is None:
        strange = next(name for name in names if name not in class_names)
        known = ", ".join(repr(name) for name in class_names[:_MOST_SHOWN])
        more = ", …" if len(class_names) > _MOST_SHOWN else ""
        _refuse_parts(folder, names)
        raise DataError(f"{folder}: the sub-folder {strange!r} is none of the classes ({known}{more}); {_ONE_EACH}")
    if class_names:
        return ClassFolders(numbers or {}, tuple(class_names))
    _refuse_parts(folder, names)
    if len(names) == classes:
        reading = ""
        if numbers is not None and list(numbers.values()) != list(range(classes)):
            reading = (
                "classes are numbered in the alphabetical order of their folders, as Keras' loader does "
                f"({shown}): add --class-names FILE where the model has another order"
            )
        return ClassFolders({name: number for number, name in enumerate(names)}, tuple(names), reading)
    if numbers is not None:
        return ClassFolders(numbers, (), "the names of the sub-folders are taken for the numbers of classes")
    swapped = " (clean and poisoned swapped?)" if len(names) == 1 else ""
    raise DataError(
        f"{folder}: holds {len(names)} sub-folder{'' if len(names) == 1 else 's'} ({shown}) for a model of {classes} "
        f"classes{swapped}; {_ONE_EACH}, or --class-names FILE with the names of all {classes}"
    )


def holds_classes(folder: Path, names: Sequence[str]) -> bool:
    """Whether sub-folders look like classes: some of the first hold pictures, and they are not called test and train."""
    if all(name.lower() in _PARTS for name in names):
        return False
    return any(_holds_mostly_pictures(folder / name) for name in names[:_LOOKED_INTO])


def _holds_mostly_pictures(folder: Path) -> bool:
    """Whether a folder is one of pictures, and not, say, one of a run with a figure among its results."""
    found = [name for name in _names(folder, _LOOKED_AT) if not name.startswith(".")]
    return bool(found) and 2 * sum(map(_is_picture, found)) >= len(found)


def _refuse_parts(folder: Path, names: list[str]) -> None:
    """Refuse the folder above the one that is meant."""
    if all(name.lower() in _PARTS for name in names):
        which = next((name for name in names if not name.lower().startswith("train")), names[0])
        raise DataError(f"{folder}: holds the parts {', '.join(names)}; {_ONE_EACH}, as {folder / which} may have")
    if len(names) == 1:
        below = folder / names[0]
        if not any(map(_is_picture, _names(below))) and sub_folders(below):
            raise DataError(f"{folder}: holds one sub-folder; {_ONE_EACH}, as {below} may have")


def _as_numbers(names: Sequence[str], classes: int) -> dict[str, int] | None:
    """The classes that folders named by numbers mean; None where a name is no such number."""
    if not all(name.isascii() and name.isdecimal() and len(name) < 10 for name in names):
        return None
    numbers = {name: int(name) for name in names}
    return numbers if max(numbers.values()) < classes and len(set(numbers.values())) == len(names) else None


def list_pictures(folder: Path, labels: dict[str, int]) -> Listing:
    """All pictures in some sub-folders, and in the folders in them.

    Raises:
        DataError: a folder cannot be read, or there are no pictures.
    """
    listing = Listing()
    for name, label in labels.items():
        if (folder / name).is_symlink():
            listing.links.append(name)
            continue
        found: list[tuple[str, list[str]]] = []
        waiting = [name]
        while waiting:
            below = waiting.pop()
            found.append((below, _look_into(folder, below, waiting, listing)))
        # The order of Keras' loader: by folder, then by file.
        for below, files in sorted(found):
            listing.pictures += [PictureFile(f"{below}/{file}", label) for file in sorted(files)]
    if not listing.pictures and not listing.links:
        others = f" ({listing.others[0]!r} is none)" if listing.others else ""
        raise DataError(f"{folder}: holds no pictures in its sub-folders{others}; expected {EXPECTED}")
    return listing


def list_all_pictures(folder: Path) -> Listing:
    """All pictures in a folder and in the folders in it, whatever those are called; for images without labels.

    Raises:
        DataError: a folder cannot be read, or there are no pictures.
    """
    listing, waiting = Listing(), [""]
    found: list[tuple[str, list[str]]] = []
    while waiting:
        below = waiting.pop()
        found.append((below, _look_into(folder, below, waiting, listing)))
    for below, files in sorted(found):
        listing.pictures += [PictureFile(f"{below}/{file}".lstrip("/"), 0) for file in sorted(files)]
    if not listing.pictures and not listing.links:
        others = f" ({listing.others[0]!r} is none)" if listing.others else ""
        raise DataError(f"{folder}: holds no pictures{others}; expected {EXPECTED}")
    return listing


def _look_into(folder: Path, below: str, waiting: list[str], listing: Listing) -> list[str]:
    """The names of the pictures in a folder; folders in it are put to those that wait."""
    files = []
    try:
        with os.scandir(folder / below) as entries:
            for entry in entries:
                name = f"{below}/{entry.name}".lstrip("/")
                if entry.name.startswith("."):
                    continue
                if entry.is_symlink():
                    if _is_picture(entry.name) or _is_folder(entry):
                        listing.links.append(name)
                elif entry.is_dir():
                    waiting.append(name)
                elif _is_picture(entry.name):
                    files.append(entry.name)
                else:
                    listing.others.append(name)
    except OSError as problem:
        raise DataError(
            f"{folder / below}: cannot be read ({problem.strerror}); expected a folder of pictures"
        ) from problem
    return files


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _names(folder: Path, most: int | None = None) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in islice(entries, most)]
    except OSError:
        return []
