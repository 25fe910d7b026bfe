"""Repairs from Python, as docs/repairs.md shows them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from bdtui.engine import repair
from bdtui.engine.repair import methods
from tests.engine.repair.small_badnet import bars, small_badnet

BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[3] / "docs" / "repairs.md").read_text(), re.S)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[repair.RepairMethod]:
    """The method of the page, as if its package were installed."""
    found: dict[str, object] = {}
    exec(BLOCKS[1], found)
    entry = SimpleNamespace(load=lambda: found["METHOD"])
    monkeypatch.setattr(methods, "entry_points", lambda group: [entry] if group == "bdtui.repairs" else [])
    methods._installed.cache_clear()
    method = found["METHOD"]
    assert isinstance(method, repair.RepairMethod)
    yield method
    monkeypatch.undo()
    methods._installed.cache_clear()


def test_the_script_of_the_page_repairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small_badnet().model.save("bd_net.h5")
    images = bars(120, 2)
    np.savez("valid.npz", x=images.pixels, y=images.labels)
    exec(BLOCKS[0].replace("steps=3000", "steps=3").replace("valid.h5", "valid.npz"), {})
    assert keras.models.load_model("repaired.keras").output_shape == small_badnet().model.output_shape


def test_the_repair_of_ones_own_on_the_page_is_one_like_any_other(installed: repair.RepairMethod) -> None:
    badnet = small_badnet()
    outcome = repair.RepairSession(badnet.model, bars(60, 2)).repair("smaller-weights")
    ours, theirs = (np.asarray(network.weights[0]) for network in (outcome.network, badnet.model))
    assert np.allclose(ours, 0.9 * theirs)
    assert outcome.repair.done == ("Multiplied every weight by 0.9.",)
    assert installed in methods.all_methods().values()


def test_every_public_name_is_found_and_another_is_not() -> None:
    assert all(getattr(repair, name) is not None for name in repair.__all__)
    with pytest.raises(AttributeError, match=r"'bdtui.engine.repair' has no attribute 'magic'"):
        repair.magic  # noqa: B018


@pytest.mark.parametrize(
    "code", ["from bdtui.engine import repair", BLOCKS[1]], ids=["repair", "a repair of one's own"]
)
def test_what_only_lists_repairs_loads_no_tensorflow(code: str) -> None:
    check = "import sys; assert 'bdtui.engine.repair' in sys.modules and 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", f"{code}\n{check}"], check=True)
