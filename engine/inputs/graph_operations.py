"""Operations that stand in a graph without a layer of their own: the closed table of those that open.

Keras 2 writes ``x / 127.5`` as a layer TFOpLambda that names the TensorFlow function ``math.truediv``. No function is
looked up by such a name: each name of the table stands for a layer of Keras that does the same or, where there is none,
for one of Keras' own operations. Keras 3 writes its operations by their classes, of which the same ones open.
"""

from __future__ import annotations

from bdtui.engine.errors import ModelError
from bdtui.engine.inputs import array_functions, number_functions
from bdtui.engine.inputs.operation_call import Arguments, OperationCall, Replacement, flat, is_tensor
from bdtui.engine.machine.quoted_text import quoted

_FUNCTIONS = {**number_functions.FUNCTIONS, **array_functions.FUNCTIONS}
_OTHER_NAMES = {
    "__operators__.add": "math.add",
    "__operators__.sub": "math.subtract",
    "__operators__.mul": "math.multiply",
    "__operators__.truediv": "math.truediv",
    "math.divide": "math.truediv",
    "math.mod": "math.floormod",
    "add": "math.add",
    "convert_to_tensor": "identity",
    "ensure_shape": "identity",
    "floor_div": "math.floordiv",
    "stop_gradient": "identity",
    "keras.activations.relu": "nn.relu",
    "keras.backend.cast": "cast",
    "linalg.l2_normalize": "math.l2_normalize",
    "nn.l2_normalize": "math.l2_normalize",
    "nn.sigmoid": "math.sigmoid",
    "nn.avg_pool": "nn.avg_pool2d",
    "nn.max_pool": "nn.max_pool2d",
    "nn.softplus": "math.softplus",
    "nn.swish": "nn.silu",
    "nn.tanh": "math.tanh",
    "matmul": "linalg.matmul",
    "math.softmax": "nn.softmax",
    "math.log_softmax": "nn.log_softmax",
    "math.softsign": "nn.softsign",
    **{
        name: f"math.{name}"
        for name in "abs exp floor log negative pow reduce_max reduce_mean reduce_min reduce_prod "
        "reduce_sum round sigmoid sign sqrt square subtract tanh truediv maximum minimum multiply".split()
    },
    "divide": "math.truediv",
}
"""Other names of the same functions."""


def replace_operation(call: OperationCall, where: str) -> Replacement:
    """The layer or operation of Keras that does what a TensorFlow function does.

    Args:
        call: the function and what it is called with.
        where: file and layer, for messages.

    Raises:
        ModelError: the function is not in the table, or is called as no counterpart can be.
    """
    make = _FUNCTIONS.get(table_name(call.function))
    if make is None:
        raise ModelError(
            f"{where} applies the TensorFlow function {quoted(call.function)}, which bdtui does not know; "
            "expected one of those in docs/formats.md"
        )
    arguments = Arguments(call, where)
    made = make(arguments)
    arguments.refuse_the_rest()
    if not any(is_tensor(value) for value in flat(made.args)):
        raise ModelError(f"{where} computes a constant; expected an operation on what the network computes")
    return made


def table_name(function: str) -> str:
    """The name by which the table holds a function, if it does: most have several."""
    # What TensorFlow 1 had by the names of functions of pictures sampled at other places.
    name = function if function.startswith("compat.v1.image.") else function.removeprefix("compat.v1.")
    return _OTHER_NAMES.get(name, name)
