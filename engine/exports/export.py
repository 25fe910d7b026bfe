"""Writes a network in another format, opens it in that format's own runtime, and holds it against the network."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bdtui.engine.errors import BdtuiError, ModelError
from bdtui.engine.exports.formats import ExportFormat
from bdtui.engine.exports.served_network import OwnOutputs, in_rows
from bdtui.engine.machine.atomic_files import atomic_file
from bdtui.engine.machine.device_failures import refuse_lost_device
from bdtui.engine.machine.files import errno_of
from bdtui.engine.machine.library_words import plain_detail

if TYPE_CHECKING:
    from bdtui.engine.exports.formats import RunFile


class ExportRefused(BdtuiError):
    """A file was not kept; the message is what follows the file's name."""


def export_network(path: Path, own: OwnOutputs, format: ExportFormat) -> float:
    """Write a network; the file takes its name only if it gives every image the network's class.

    Args:
        path: of the file, or of the folder.
        own: the network, and what it makes of the images to compare on.
        format: of the file.

    Returns:
        The largest difference between an output of the file and the network's.

    Raises:
        ExportRefused: the network cannot be written so, or the file gives an image another class.
        OutputError: the disk does not take it.
        Interrupted: the reporter requested a stop.
    """
    with atomic_file(path) as partial:
        with _explained(f"{format.name} cannot hold this network"):
            format.load_writer()(own.network, partial)
        return largest_difference(partial, own, format)


def largest_difference(path: Path, own: OwnOutputs, format: ExportFormat) -> float:
    """Open a file in its own runtime and hold it against the network.

    Raises:
        ExportRefused: it cannot be opened, or gives an image another class.
        Interrupted: the reporter requested a stop.
    """
    with _explained(f"{format.runtime} cannot open it"):
        run = format.load_opener()(path)
    return max(_difference_on(role, own, run, format) for role in own.sets)


def _difference_on(role: str, own: OwnOutputs, run: RunFile, format: ExportFormat) -> float:
    """The same on one set of images."""
    network, images, expected = own.network, own.sets[role], own.by_role[role]
    found = []
    for batch in images.batches(network.rows_at_once(images.image_shape)):
        own.reporter.checkpoint()
        with _explained(f"{format.runtime} cannot run it"):
            found.append(in_rows(run(network.inputs(batch))))
    outputs = np.concatenate(found)
    if outputs.shape != expected.shape:
        raise ExportRefused(
            f"{format.runtime} gives {outputs.shape[1]} outputs an image, the network {expected.shape[1]}"
        )
    classes, own_classes = network.classes(outputs), network.classes(expected)
    wrong = np.flatnonzero((classes != own_classes) | (np.isfinite(expected) & ~np.isfinite(outputs)).any(axis=1))
    if len(wrong):
        first = wrong[0]
        raise ExportRefused(
            f"{format.runtime} gives {len(wrong):,} of {len(classes):,} {role.replace('_', ' ')} images other outputs "
            f"than the network does (the first is image {first}: class {classes[first]} at {outputs[first].max():.7g}, "
            f"where the network says class {own_classes[first]} at {expected[first].max():.7g})"
        )
    return float(np.nanmax(np.abs(outputs.astype(np.float64) - expected.astype(np.float64)), initial=0.0))


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn what a converter or a runtime raises, which may be anything, into `ExportRefused`."""
    try:
        yield
    except ModelError as problem:
        raise ExportRefused(f"{what} ({problem})") from problem
    except (BdtuiError, MemoryError):
        raise
    except Exception as problem:
        if isinstance(problem, OSError) and errno_of(problem):
            # The system's own, of the disk; a library's without a number is about the file's content.
            raise
        refuse_lost_device(problem)
        if (full := os.strerror(errno.ENOSPC)) in str(problem):
            # TensorFlow has errors of its own for it.
            raise OSError(errno.ENOSPC, full) from problem
        raise ExportRefused(f"{what} ({plain_detail(problem)})") from problem
