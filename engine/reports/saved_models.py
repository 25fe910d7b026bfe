"""B′ and G as files: their names, and how they are written."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import keras

from bdtui.engine.event_values import Threshold
from bdtui.engine.exports.keras_file import save_model
from bdtui.engine.inputs.model import OpenedModel
from bdtui.engine.machine.atomic_files import atomic_file
from bdtui.engine.reports.file_names import drop_text, goodnet_name
from bdtui.engine.settings import check_thresholds


def _fits_hdf5(badnet: OpenedModel) -> bool:
    if any(not isinstance(call.layer, keras.layers.Layer) for call in badnet.network.calls):
        # Bare operations (`x + y` in place of an Add layer) are written, but come back as layers and fail.
        return False
    if any(_has_several_axes(call.layer) for call in badnet.network.calls):
        return False
    try:
        copy.deepcopy(badnet.keras_model.get_config())
    except TypeError:
        # Writing HDF5 copies the configuration; some augmentation layers, once loaded, hold what cannot be copied.
        return False
    return True


def _has_several_axes(layer: keras.layers.Layer) -> bool:
    """Whether Keras loses a setting of a layer when it reads HDF5: axes, where they are more than one."""
    axes = getattr(layer, "axis", None)
    return isinstance(axes, list | tuple) and len(axes) > 1


def write_model(path: Path, model: keras.Model, check: Callable[[Path], None] = lambda path: None) -> None:
    """Write a model atomically, in the format of the suffix; the same model gives the same bytes.

    Args:
        path: the final name.
        model: what to write.
        check: is given the written file; the file takes its final name only if this raises nothing.
    """
    with atomic_file(path) as partial:
        save_model(partial, model)
        check(partial)


def planned_thresholds(drops: Sequence[float], badnet: OpenedModel) -> tuple[Threshold, ...]:
    """Thresholds that are not reached yet, in ascending order, with the names of their files.

    B′ goes to ``.h5``, but for networks that Keras cannot write to HDF5 and read back: those are saved as ``.keras``.

    Raises:
        OptionError: a drop is not a number above 0 and at most 100.
    """
    suffix = "h5" if _fits_hdf5(badnet) else "keras"
    return tuple(
        Threshold(drop, model=f"model_X={drop_text(drop)}.{suffix}", goodnet=goodnet_name(drop))
        for drop in check_thresholds(drops)
    )
