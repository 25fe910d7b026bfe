"""Everything that can go wrong and that a person can act on.

Each message is one sentence that names the file, what was found there and what was expected.
"""

from __future__ import annotations


class BdtuiError(Exception):
    """Root of all errors that bdtui explains in a sentence."""


class InputError(BdtuiError):
    """What was given cannot be worked with: a file, an option, a folder."""


class ModelError(InputError):
    """A model file cannot be opened, or its network cannot be pruned as asked."""


class DataError(InputError):
    """A data file cannot be read as images and labels for the model."""


class OptionError(InputError):
    """An option has a value that makes no sense."""


class OutputError(InputError):
    """A result cannot be written where it was asked for."""


class OutOfMemory(InputError):
    """The network or the images need more memory than there is."""


class Interrupted(BdtuiError):
    """Somebody asked the engine to stop; what was finished stays."""


class DeviceLost(Interrupted):
    """The device that computes is gone; what was finished stays, and another process can go on."""
