"""Loads TensorFlow: quietly, and without holding up the threads beside it.

An import holds Python's global lock while its shared libraries are linked (a third of a second for TensorFlow's), and
the garbage collector holds it while it looks again and again through a million new objects that never become garbage.
A screen drawn by another thread would stand still meanwhile.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.util
import logging
import os
import warnings
from pathlib import Path

from bdtui.engine.inputs.hdf5_guard import start_guard


def load_tensorflow() -> None:
    """Import TensorFlow and Keras. Leaves the garbage collector switched on.

    Raises:
        ImportError: TensorFlow is not installed, or does not fit this machine.
    """
    _quiet_libraries()
    start_guard()
    gc.disable()
    try:
        _link_libraries()
        importlib.import_module("tensorflow")
        # Lazily loaded by TensorFlow, and always needed.
        importlib.import_module("keras")
        gc.freeze()
    finally:
        gc.enable()


def _quiet_libraries() -> None:
    """Let only errors of Keras, absl and TensorFlow through; what a person needs to know comes as events."""
    for talker in ("absl", "tensorflow"):
        logging.getLogger(talker).setLevel(logging.ERROR)
    warnings.simplefilter("ignore")


def _link_libraries() -> None:
    """Link what the import is about to link, without the global lock: a foreign call lets go of it.

    Where this does nothing (another system, another layout of the package), the import does it all.
    """
    package = importlib.util.find_spec("tensorflow")
    if package is None or package.origin is None or not hasattr(os, "RTLD_NOW"):
        return
    folder = Path(package.origin).parent
    link = ctypes.CDLL(None).dlopen
    link.restype, link.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    for name in ("libtensorflow_framework.so.*", "libtensorflow_cc.so.*"):
        for library in sorted(folder.glob(name)):
            link(os.fsencode(library), os.RTLD_NOW)
