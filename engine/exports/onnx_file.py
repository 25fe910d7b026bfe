"""ONNX, written by tf2onnx and opened by ONNX Runtime."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bdtui.engine.exports.served_network import INPUT, OUTPUT, ServedNetwork

if TYPE_CHECKING:
    from bdtui.engine.exports.formats import RunFile


def write(network: ServedNetwork, path: Path) -> None:
    """Write a network; its input and output are called `INPUT` and `OUTPUT`, and any number of images will do.

    Keras' own export leaves out constants, such as those of a Normalization layer: here all of them are in the graph.
    """
    import onnx

    with _untouched_logging():
        import tf2onnx

    # It goes on where it cannot convert an operation, and says so: opening the file will say it again.
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    frozen = network.frozen
    (start,), (end,) = frozen.inputs, frozen.outputs
    model, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(),
        name="network",
        input_names=[start.name],
        output_names=[end.name],
        tensors_to_rename={start.name: INPUT, end.name: OUTPUT},
    )
    for tensor in (*model.graph.input, *model.graph.output):
        _name_axes(tensor)
    onnx.save(model, path)


@contextmanager
def _untouched_logging() -> Iterator[None]:
    """Take back what an import does to the program's log: tf2onnx lets all of it go to stderr."""
    handlers = logging.root.handlers[:]
    yield
    logging.root.handlers[:] = handlers


def _name_axes(tensor: Any) -> None:
    """Give names to the axes whose length is not known."""
    for axis, size in enumerate(tensor.type.tensor_type.shape.dim):
        if size.dim_param:
            size.dim_param = "batch" if axis == 0 else f"{tensor.name}_axis_{axis}"


def open_file(path: Path) -> RunFile:
    """Open a file in ONNX Runtime, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Errors only: what is raised is explained by who calls.
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (start,) = session.get_inputs()
    return lambda images: session.run(None, {start.name: images})[0]
