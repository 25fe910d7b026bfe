"""The formats that networks are exported in, by name. A new format is a file and an entry here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from bdtui.engine.errors import OptionError
from bdtui.engine.lazy_names import lazy_function
from bdtui.engine.settings.words import FORMATS as NAMES
from bdtui.engine.settings.words import H5, KERAS, ONNX, SAVEDMODEL, TFLITE

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from bdtui.engine.exports.served_network import ServedNetwork

    WriteNetwork = Callable[[ServedNetwork, Path], None]
    """Writes a network to a path."""
    RunFile = Callable[[NDArray[Any]], NDArray[np.floating[Any]]]
    """What a written file makes of images, as the network reads them and of its type: its outputs, shape (rows, …)."""
    OpenFile = Callable[[Path], RunFile]
    """Opens a written file in its own runtime, on the CPU."""


@dataclass(frozen=True)
class ExportFormat:
    """A format that networks can be written in.

    Attributes:
        name: as ``--formats`` takes it.
        runtime: what opens such files, for a person.
        load_writer: gives the function that writes one; imports it only then.
        load_opener: gives the function that opens one.
        modules: that have to be installed.
        extra: of bdtui's that installs them.
    """

    name: str
    runtime: str
    load_writer: Callable[[], WriteNetwork] = field(repr=False)
    load_opener: Callable[[], OpenFile] = field(repr=False)
    modules: tuple[str, ...] = ()
    extra: str = ""

    @property
    def suffix(self) -> str:
        """Of its files, or folders."""
        return f".{self.name}"

    @property
    def missing(self) -> list[str]:
        """The modules that are not installed."""
        return [module for module in self.modules if find_spec(module) is None]


def _format(name: str, runtime: str, module: str, *modules: str, extra: str = "") -> ExportFormat:
    where = f"bdtui.engine.exports.{module}"
    return ExportFormat(name, runtime, lazy_function(where, "write"), lazy_function(where, "open_file"), modules, extra)


FORMATS: dict[str, ExportFormat] = {
    each.name: each
    for each in (
        _format(KERAS, "Keras", "keras_file"),
        _format(H5, "Keras", "keras_file"),
        _format(ONNX, "ONNX Runtime", "onnx_file", "onnx", "tf2onnx", "onnxruntime", extra="onnx"),
        _format(SAVEDMODEL, "TensorFlow", "saved_model_folder"),
        _format(TFLITE, "TensorFlow Lite", "tflite_file"),
    )
}
"""All of them, in the order of `bdtui.engine.settings.FORMATS`."""


def asked_formats(names: Sequence[str] | None) -> list[ExportFormat]:
    """The formats that were asked for, each once.

    Raises:
        OptionError: one is not known, or what writes or opens it is not installed.
    """
    unknown = [name for name in names or () if name not in FORMATS]
    if unknown:
        raise OptionError(f"{unknown[0]!r} is not a format; expected some of {', '.join(NAMES)}")
    asked = [FORMATS[name] for name in NAMES if name in (names or ())]
    for each in asked:
        if each.missing:
            what = " and ".join(each.missing)
            verb = "is" if len(each.missing) == 1 else "are"
            raise OptionError(
                f"--formats {each.name} needs {what}, which {verb} not installed; "
                f"install with: pip install 'bdtui[{each.extra}]'"
            )
    return asked


def formats_beside(file: str, names: Sequence[str] | None) -> list[ExportFormat]:
    """The formats that were asked for, without the one that a network's own file has."""
    return [each for each in asked_formats(names) if not file.endswith(each.suffix)]
