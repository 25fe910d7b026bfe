"""The device is chosen before TensorFlow computes; afterwards, what it computes on already can still be asked for."""

from __future__ import annotations

import pytest
import tensorflow as tf

from bdtui.engine.errors import OptionError
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
@pytest.mark.parametrize("device", ["auto", "gpu:0"])
def test_the_gpu_in_use_can_be_asked_for(device: str) -> None:
    assert prepare_backend(device) == "GPU 0"


@pytest.mark.usefixtures("in_use")
@pytest.mark.parametrize("device", ["cpu", "gpu:1"])
def test_another_device_than_the_one_in_use_is_refused(device: str) -> None:
    with pytest.raises(OptionError, match=f"device '{device}' cannot be selected now.*restart bdtui to change it"):
        prepare_backend(device)
