"""The device is chosen before TensorFlow computes, and refused where it cannot; what it computes on can be asked for again."""

from __future__ import annotations

import pytest
import tensorflow as tf

from bdtui.engine.errors import OptionError, OutOfMemory
from bdtui.engine.machine import device
from bdtui.engine.machine.device import prepare_backend


@pytest.fixture
def in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for a machine with two GPUs, both seen by a TensorFlow that has computed: it changes nothing any more."""

    def refuse(*arguments: object) -> None:
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    gpus = [f"/physical_device:GPU:{number}" for number in range(2)]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: gpus)
    monkeypatch.setattr(tf.config, "set_visible_devices", refuse)
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", refuse)


@pytest.mark.usefixtures("in_use")
@pytest.mark.parametrize("name", ["auto", "gpu:0"])
def test_the_gpu_in_use_can_be_asked_for(name: str) -> None:
    assert prepare_backend(name) == "GPU 0"


@pytest.mark.usefixtures("in_use")
@pytest.mark.parametrize("name", ["cpu", "gpu:1"])
def test_another_device_than_the_one_in_use_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match=f"device '{name}' cannot be selected now.*restart bdtui to change it"):
        prepare_backend(name)


@pytest.mark.usefixtures("in_use")
@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        (
            # As TensorFlow said it on an H100 that others had filled up to 400 MiB.
            "cudaSetDevice() on GPU:0 failed. Status: out of memory",
            OutOfMemory,
            r"gpu:0 has no memory left \(cudaSetDevice.*free some, or choose another device \(--device cpu",
        ),
        (
            "CUDA_ERROR_ECC_UNCORRECTABLE",
            OptionError,
            r"gpu:0 cannot compute \(CUDA_ERROR.*choose another device \(--device cpu",
        ),
    ],
)
def test_a_gpu_that_computes_nothing_is_refused_before_a_network_is_blamed(
    words: str, error: type[Exception], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "why_the_gpu_fails", lambda: tf.errors.InternalError(None, None, words))
    with pytest.raises(error, match=told):
        prepare_backend("gpu:0")
