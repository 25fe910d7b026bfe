"""The pictures of a folder: each file is read, hashed and decoded once, and its pixels are kept from then on.

Pixels that memory has no room for are not kept: their files are read and decoded again, and have to be the same.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bdtui.engine.errors import DataError
from bdtui.engine.events import Progress
from bdtui.engine.inputs.picture_folder import Listing, PictureFile, find_classes, list_pictures
from bdtui.engine.inputs.pictures import BrokenPicture, decode_picture, picture_size, read_picture_file
from bdtui.engine.inputs.pixel_fit import PixelFit, Wanted, fit_pixels, reads_planes
from bdtui.engine.inputs.stored_arrays import shape_words
from bdtui.engine.inputs.stored_images import ReadImages, StoredImages
from bdtui.engine.machine.array_store import default_budget
from bdtui.engine.machine.ordered_threads import WORKERS, done_in_order
from bdtui.engine.reporter import Reporter

_KERAS_SIZE = 256
"""Height and width that Keras' loader resizes to where it is not told another size."""
_EVERY = 50
"""Pictures between two reports of progress."""


@dataclass(frozen=True, eq=False)
class FolderImages(StoredImages):
    """Decoded pictures.

    Attributes:
        pictures: of each the pixels, as the network reads them; uint8, or float32 where they were resized; None where
            memory had no room for them.
        image_shape: of each.
        decode_again: gives the pixels of a picture by its number, from any thread.
    """

    pictures: Sequence[NDArray[Any] | None]
    image_shape: tuple[int, ...]
    decode_again: Callable[[int], NDArray[Any]]

    @contextmanager
    def reader(self) -> Iterator[ReadImages]:
        """See `StoredImages.reader`."""

        def read(start: int, stop: int) -> NDArray[np.float32]:
            chosen = self.pictures[start:stop]
            pixels = np.empty((len(chosen), *self.image_shape), np.float32)
            for row, picture in enumerate(chosen):
                pixels[row] = self.decode_again(start + row) if picture is None else picture
            return pixels

        yield read


@dataclass(frozen=True)
class OpenedFolder:
    """A folder of pictures that fits a model.

    Attributes:
        sha256: of the lines ``sha256  name`` of its pictures, sorted by name, as ``sha256sum`` writes them.
        labels: the class of each picture, int64, shape (N,).
        stored: the pictures.
        class_names: of the model's classes, in order; empty where they are not known.
        readings: what a person should know, a sentence each.
    """

    sha256: str
    labels: NDArray[np.int64]
    stored: FolderImages
    class_names: tuple[str, ...]
    readings: tuple[str, ...]


@dataclass(frozen=True)
class _ReadPicture:
    """What became of a picture's file: pixels and its hash, or why there are none."""

    sha256: str = ""
    pixels: NDArray[Any] | None = None
    resized: bool = False
    alpha: bool = False
    colour: bool = False
    broken: str = ""


def open_folder(
    folder: Path,
    wanted: Wanted,
    classes: int,
    class_names: Sequence[str],
    reporter: Reporter,
    *,
    skip_broken: bool,
    stage: str,
) -> OpenedFolder:
    """Read all pictures of a folder, resized to what a model reads.

    Args:
        folder: one sub-folder a class.
        wanted: of one image as the network reads it, None where any size will do.
        classes: how many the model has.
        class_names: of them, in order; empty where they are not known.
        reporter: receives progress; may stop the work between pictures.
        skip_broken: leave out what cannot be read, and links.
        stage: name of the work in its progress.

    Raises:
        DataError: the folder holds no such pictures, or one cannot be read.
        Interrupted: the reporter requested a stop.
    """
    found = find_classes(folder, classes, class_names)
    read = read_listing(
        folder, list_pictures(folder, found.labels), wanted, reporter, skip_broken=skip_broken, stage=stage
    )
    reading = (f"{folder}: {found.reading}",) if found.reading else ()
    return OpenedFolder(
        _hash_of_all([(picture.name, result.sha256) for picture, result in read.good]),
        np.array([picture.label for picture, _ in read.good], np.int64),
        read.stored,
        found.class_names,
        (*reading, *read.readings),
    )


@dataclass(frozen=True)
class ReadListing:
    """Pictures that were listed, and read.

    Attributes:
        good: those that can be read, and what is known of each but its pixels.
        stored: their pixels.
        readings: what a person should know, a sentence each.
    """

    good: list[tuple[PictureFile, _ReadPicture]]
    stored: FolderImages
    readings: tuple[str, ...]


def read_listing(
    folder: Path, listing: Listing, wanted: Wanted, reporter: Reporter, *, skip_broken: bool, stage: str
) -> ReadListing:
    """Read all pictures of a listing, resized to what a model reads; see `open_folder`."""
    broken = dict.fromkeys(listing.links, "a link, which is not followed")
    if broken and not skip_broken:
        raise _unreadable(folder, broken, len(listing.pictures) + len(broken))
    size, readings = _decide_size(folder, wanted, listing, reporter)
    channels = _channels(folder, size, listing)
    fit = lru_cache(maxsize=1024)(lambda shape: fit_pixels(f"{folder}: a picture", (1, *shape), size, "nhwc"))

    def read(picture: PictureFile) -> _ReadPicture:
        return _read(folder / picture.name, channels, fit)

    kept = _read_all(listing.pictures, read, reporter, stage)
    broken |= kept.broken
    if broken and (not skip_broken or not kept.good):
        raise _unreadable(folder, broken, len(listing.pictures) + len(listing.links))

    def read_again(number: int) -> NDArray[Any]:
        picture, before = kept.good[number]
        now = read(picture)
        if now.pixels is None or now.sha256 != before.sha256:
            raise DataError(f"{folder / picture.name}: changed while it was being read; expected the same picture")
        return now.pixels

    done = _words([result for _, result in kept.good], size, broken, listing)
    return ReadListing(
        kept.good,
        FolderImages(kept.pixels, kept.image_shape, read_again),
        tuple(f"{folder}: {reading}" for reading in (*readings, *done) if reading),
    )


@dataclass
class _KeptPictures:
    """What became of all pictures.

    Attributes:
        good: those that can be read, and what is known of each but its pixels.
        pixels: of those; None where memory had no room for them.
        image_shape: of each.
        broken: why others cannot be read, by name.
    """

    good: list[tuple[PictureFile, _ReadPicture]] = field(default_factory=list)
    pixels: list[NDArray[Any] | None] = field(default_factory=list)
    image_shape: tuple[int, ...] = ()
    broken: dict[str, str] = field(default_factory=dict)


def _read_all(
    pictures: Sequence[PictureFile], read: Callable[[PictureFile], _ReadPicture], reporter: Reporter, stage: str
) -> _KeptPictures:
    """Read pictures, and keep the pixels of as many as memory has room for."""
    kept = _KeptPictures()
    room = default_budget()
    with done_in_order(read, pictures, WORKERS) as results:
        for number, (picture, result) in enumerate(zip(pictures, results, strict=True), 1):
            reporter.checkpoint()
            if result.pixels is None:
                kept.broken[picture.name] = result.broken
            else:
                room -= result.pixels.nbytes
                kept.pixels.append(result.pixels if room >= 0 else None)
                kept.image_shape = result.pixels.shape
                kept.good.append((picture, replace(result, pixels=None)))
            if number % _EVERY == 0 or number == len(pictures):
                reporter.emit(Progress(stage, number, len(pictures), "pictures"))
    return kept


def _read(path: Path, channels: int, fit: Any) -> _ReadPicture:
    try:
        content = read_picture_file(path)
        decoded = decode_picture(content, channels)
    except BrokenPicture as problem:
        return _ReadPicture(broken=str(problem))
    how: PixelFit = fit(decoded.pixels.shape)
    if how.keeps_values:
        turned = np.moveaxis(decoded.pixels, -1, 0) if how.planes else decoded.pixels
        pixels: NDArray[Any] = np.ascontiguousarray(turned).reshape(how.image_shape)
    else:
        pixels = how.apply(decoded.pixels[None])[0]
    sha256 = hashlib.sha256(content).hexdigest()
    return _ReadPicture(sha256, pixels, how.size is not None, decoded.alpha, decoded.colour)


def _decide_size(folder: Path, wanted: Wanted, listing: Listing, reporter: Reporter) -> tuple[Wanted, tuple[str, ...]]:
    """What the network reads; where any size will do, the pictures' own if they have one, else that of Keras' loader."""
    sides = wanted[1:] if reads_planes(wanted) else wanted[:2]
    if None not in sides or len(wanted) != 3:
        return wanted, ()

    def size_of(picture: PictureFile) -> tuple[int, int] | None:
        try:
            return picture_size(read_picture_file(folder / picture.name))
        except BrokenPicture:
            return None

    sizes = set()
    with done_in_order(size_of, listing.pictures, WORKERS) as results:
        for found in results:
            reporter.checkpoint()
            if found is not None:
                sizes.add(found)
            if len(sizes) > 1:
                break
    if len(sizes) == 1:
        return wanted, ()
    height, width = (size or _KERAS_SIZE for size in sides)
    known: Wanted = (wanted[0], height, width) if reads_planes(wanted) else (height, width, wanted[2])
    reading = f"pictures are of several sizes and the model takes any: {height}×{width} is used, as Keras' loader does"
    return known, (reading,)


def _channels(folder: Path, wanted: Wanted, listing: Listing) -> int:
    """How many channels the network reads: 1, 3 or 4."""
    if reads_planes(wanted):
        return int(wanted[0] or 0)
    if len(wanted) == 3 and wanted[2] in (1, 3, 4):
        return wanted[2]
    if len(wanted) == 2 and wanted[1] not in (1, 3, 4):
        return 1
    if len(wanted) == 1:
        for picture in listing.pictures:
            try:
                height, width = picture_size(read_picture_file(folder / picture.name))
            except BrokenPicture:
                continue
            if wanted[0] in (height * width, 3 * height * width):
                return 1 if wanted[0] == height * width else 3
            raise DataError(
                f"{folder}: {picture.name!r} is of {height}×{width} pixels; the model expects vectors of {wanted[0]} values"
            )
    raise DataError(f"{folder}: holds pictures; the model expects {shape_words(('N', *wanted))}")


def _unreadable(folder: Path, broken: dict[str, str], of: int) -> DataError:
    name, why = next(iter(broken.items()))
    rest = f", nor can {len(broken) - 1} more of {of:,}" if len(broken) > 1 else ""
    if len(broken) == of:
        return DataError(
            f"{folder}: no picture can be read ({name!r} is {_is(why)}); expected JPEG, PNG, BMP, GIF or WebP"
        )
    return DataError(
        f"{folder}: the picture {name!r} cannot be read ({why}){rest}; expected pictures, or --skip-broken to leave them out"
    )


def _is(why: str) -> str:
    return why if why.startswith(("a ", "not ")) else f"broken: {why}"


def _hash_of_all(files: Sequence[tuple[str, str]]) -> str:
    lines = sorted((os.fsencode(name), sha256) for name, sha256 in files)
    whole = hashlib.sha256()
    for name, sha256 in lines:
        whole.update(sha256.encode() + b"  " + name + b"\n")
    return whole.hexdigest()


def _words(good: Sequence[_ReadPicture], size: Wanted, broken: dict[str, str], listing: Listing) -> Iterator[str]:
    """What was done to the pictures, a sentence each."""
    resized = sum(picture.resized for picture in good)
    if resized:
        shape = shape_words(size[1:] if reads_planes(size) else size[:2])
        many = "pictures are" if resized == len(good) else f"{resized:,} of {len(good):,} pictures are"
        yield f"{many} resized to {shape} (bilinear, as Keras' loader)"
    for number, what in (
        (sum(picture.alpha for picture in good), "with an alpha channel, which is left out"),
        (sum(picture.colour for picture in good), "in colour, turned to grey (luminance)"),
    ):
        if number:
            yield f"{number:,} of {len(good):,} pictures are {what}"
    if broken:
        name, why = next(iter(broken.items()))
        were = "picture that cannot be read is" if len(broken) == 1 else "pictures that cannot be read are"
        yield f"{len(broken):,} {were} left out (--skip-broken), the first is {name!r}: {why}"
    if listing.others:
        files = "file is no picture" if len(listing.others) == 1 else "files are no pictures"
        yield f"{len(listing.others):,} {files} of a known kind and left out, the first is {listing.others[0]!r}"
