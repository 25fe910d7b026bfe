"""Opens images without labels: a picture, a folder of pictures, in sub-folders or not, or a file of arrays."""

from __future__ import annotations

import os
from pathlib import Path

from bdtui.engine.errors import DataError
from bdtui.engine.inputs.array_names import find_image_name
from bdtui.engine.inputs.datasets import check_reading, header_of_images, open_arrays
from bdtui.engine.inputs.folder_images import read_listing
from bdtui.engine.inputs.image_set import NamedImages
from bdtui.engine.inputs.picture_folder import SUFFIXES, Listing, PictureFile, list_all_pictures
from bdtui.engine.inputs.pixel_fit import Wanted, fit_pixels
from bdtui.engine.inputs.stored_images import ArrayImages
from bdtui.engine.machine.files import require_file
from bdtui.engine.reporter import SILENT, Reporter

_STAGE = "images to judge: reading"


def open_unlabelled(
    path: str | Path,
    input_shape: Wanted,
    layout: str = "auto",
    *,
    keys: str | None = None,
    skip_broken: bool = False,
    reporter: Reporter = SILENT,
) -> NamedImages:
    """Open images and check that they fit a model; labels are neither needed nor looked at.

    Args:
        path: a picture; a folder of pictures, in sub-folders or not; or an HDF5 or ``.npz`` file with images.
        input_shape: of one image as the model reads it, channel last, None where any size will do.
        layout: ``nchw``, ``nhwc`` or ``auto``, which decides from the input shape.
        keys: ``DATA,LABEL`` as for image sets with labels, of which the first is the images' name.
        skip_broken: leave out pictures of a folder that cannot be read.
        reporter: receives the progress of reading pictures; may stop it.

    Raises:
        DataError: the file is missing, damaged, or does not hold such images.
        OptionError: there is no such layout, or the keys are not two names.
        Interrupted: the reporter requested a stop.
    """
    path = Path(path)
    names = check_reading(path, input_shape, layout, keys)
    # os.path answers where Path raises: names that are too long, folders that may not be entered.
    if os.path.isdir(path):  # noqa: PTH112
        return _read_pictures(path, list_all_pictures(path), input_shape, reporter, skip_broken=skip_broken)
    if path.suffix.lower() in SUFFIXES:
        require_file(path, DataError, "a picture")
        listing = Listing([PictureFile(path.name, 0)])
        return _read_pictures(path.parent, listing, input_shape, reporter, skip_broken=False, shown=path)
    with open_arrays(path, reporter) as file:
        name = find_image_name(file, names)
        where = f"{path}: {name!r}"
        shape, dtype = header_of_images(where, file, name)
        fit = fit_pixels(where, shape, input_shape, layout)
        stored = ArrayImages(path, file.stored(name), fit)
    readings = (f"{path}: {fit.reading}",) if fit.reading else ()
    return NamedImages(path, tuple(map(str, range(shape[0]))), str(dtype), fit.image_shape, stored, readings=readings)


def _read_pictures(
    folder: Path,
    listing: Listing,
    wanted: Wanted,
    reporter: Reporter,
    *,
    skip_broken: bool,
    shown: Path | None = None,
) -> NamedImages:
    read = read_listing(folder, listing, wanted, reporter, skip_broken=skip_broken, stage=_STAGE)
    names = tuple(picture.name for picture, _ in read.good)
    return NamedImages(shown or folder, names, "uint8", read.stored.image_shape, read.stored, readings=read.readings)
