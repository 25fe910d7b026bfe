"""Sets TensorFlow up for a run: which device, which seed, and the same numbers every time."""

from __future__ import annotations

from contextlib import suppress

import keras
import tensorflow as tf

from bdtui.engine.errors import OptionError, OutOfMemory
from bdtui.engine.machine.device_failures import in_short, is_out_of_memory, why_the_gpu_fails


def prepare_backend(device: str = "auto", seed: int = 0) -> str:
    """Choose the device and make computation repeatable.

    Args:
        device: ``auto`` (the first GPU if there is one), ``cpu`` or ``gpu:N``.
        seed: of everything random, 0 to 2³² − 1.

    Returns:
        What is computed on, e.g. ``CPU`` or ``GPU 0``.

    Raises:
        OptionError: there is no such device, or it computes nothing, or the seed is out of range.
        OutOfMemory: others have taken the GPU's memory.
    """
    if not 0 <= seed < 2**32:
        raise OptionError(f"seed {seed} is out of range; expected a whole number from 0 to {2**32 - 1}")
    gpus = tf.config.list_physical_devices("GPU")
    kind, _, number = device.partition(":")
    index = 0 if kind == "auto" else int(number) if kind == "gpu" and number.isdecimal() and len(number) < 6 else -1
    if kind not in ("auto", "cpu", "gpu") or (kind == "gpu" and index < 0) or (kind != "gpu" and number):
        raise OptionError(f"device {device!r} is not valid; expected auto, cpu or gpu:N")
    if kind == "gpu" and index >= len(gpus):
        raise OptionError(
            f"there is no device {device!r}; TensorFlow sees {len(gpus)} GPUs, expected one of them, auto or cpu"
        )
    use_gpu = kind != "cpu" and bool(gpus)
    wanted = gpus[index : index + 1] if use_gpu else []
    try:
        tf.config.set_visible_devices(wanted, "GPU")
    except RuntimeError as problem:
        # A program that has computed before sees every GPU, and computes on the first.
        if wanted[:1] != tf.config.get_visible_devices("GPU")[:1]:
            raise OptionError(
                f"device {device!r} cannot be selected now: TensorFlow is already in use; restart bdtui to change it"
            ) from problem
    for gpu in wanted:
        # Where it is in use, it keeps the memory it has taken.
        with suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, True)
    # TensorFloat-32 would round what a saved model on another machine does not.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
    if use_gpu:
        _require_working(f"gpu:{index}")
    return f"GPU {index}" if use_gpu else "CPU"


def _require_working(gpu: str) -> None:
    """Refuse a GPU that computes nothing, before that is taken for a fault of the network."""
    problem = why_the_gpu_fails()
    if problem is None:
        return
    others = "choose another device (--device cpu, or --device gpu:N)"
    if is_out_of_memory(problem):
        raise OutOfMemory(f"{gpu} has no memory left ({in_short(problem)}); free some, or {others}") from problem
    raise OptionError(f"{gpu} cannot compute ({in_short(problem)}); mend it, or {others}") from problem


def device_in_use() -> str:
    """What is computed on: ``CPU``, or the name of the GPU."""
    gpus = tf.config.get_visible_devices("GPU")
    if not gpus:
        return "CPU"
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU"))
