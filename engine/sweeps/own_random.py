"""Random numbers of Dask's own, beside those of a run.

Keras draws the seeds of layers and initialisers from Python's one generator, and Dask's threads draw from it whenever they
please: which seeds a repair gets, and so its network, would depend on the moment.
"""

from __future__ import annotations

import random
import sys
from functools import cache
from importlib.util import find_spec, module_from_spec
from types import ModuleType

_OTHERS = ("distributed", "dask", "tornado")


def leave_random_to_the_run() -> None:
    """Give every module of Dask that is loaded a generator that is not Python's one."""
    for name, module in tuple(sys.modules.items()):
        if name.partition(".")[0] in _OTHERS and getattr(module, "random", None) is random:
            module.random = _another()  # type: ignore[attr-defined]


@cache
def _another() -> ModuleType:
    """The module `random` a second time."""
    specification = find_spec("random")
    assert specification is not None and specification.loader is not None
    module = module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
