"""Inputs sent by hash: they arrive whole or not at all, once, and nothing else is given out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bdtui.engine.errors import DataError, Interrupted, OutputError
from bdtui.engine.reporter import SILENT, Reporter
from bdtui.engine.settings import RunSettings
from bdtui.engine.sweeps import shipping
from bdtui.engine.sweeps.returned import keep_files
from bdtui.engine.sweeps.shipping import Inputs, Shipment, deliver, refuse, unpacked


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunSettings:
    """A model that takes several pieces, and a folder of images."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(shipping, "PIECE", 1000)
    (tmp_path / "net.h5").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "1.png").write_bytes(b"one")
    (tmp_path / "photos" / "cat" / "empty.png").write_bytes(b"")
    return RunSettings(model=tmp_path / "net.h5", clean_valid=tmp_path / "photos")


class Client:
    """Sends what it is asked for, from another thread, as the client of a sweep does."""

    def __init__(self, inputs: Inputs, change: Callable[[bytes], bytes] = lambda piece: piece) -> None:
        self.asked: list[str] = []
        self._inputs, self._change = inputs, change

    def ask(self, sha256: str) -> None:
        self.asked.append(sha256)
        threading.Thread(target=self._send, args=(sha256,)).start()

    def _send(self, sha256: str) -> None:
        try:
            for place, piece, is_last in self._inputs.pieces(sha256):
                deliver(sha256, place, self._change(piece), is_last)
        except (KeyError, OSError):
            refuse(sha256, "cannot be read any more")


def test_files_and_folders_arrive_as_they_are_and_only_once(settings: RunSettings) -> None:
    inputs = Inputs()
    client = Client(inputs)
    shipments = inputs.of(settings)
    copied = unpacked(settings, shipments, client.ask, SILENT)
    assert copied.model is not None and settings.model is not None and copied.clean_valid is not None
    assert copied.model != settings.model
    assert copied.model.name == "net.h5"
    assert copied.model.read_bytes() == settings.model.read_bytes()
    assert sorted(path.name for path in copied.clean_valid.rglob("*.png")) == ["1.png", "empty.png"]
    assert len(client.asked) == 3
    assert unpacked(settings, shipments, client.ask, SILENT) == copied
    assert len(client.asked) == 3, "what is there is not asked for again"
    copied.model.write_bytes(b"damaged")
    unpacked(settings, shipments, client.ask, SILENT)
    assert copied.model.read_bytes() == settings.model.read_bytes(), "a damaged copy is fetched anew"


def test_what_arrives_changed_is_refused_and_leaves_nothing(settings: RunSettings, tmp_path: Path) -> None:
    inputs = Inputs()
    client = Client(inputs, lambda piece: piece[::-1])
    with pytest.raises(DataError, match=r"net\.h5: arrived with another sha256"):
        unpacked(settings, inputs.of(settings), client.ask, SILENT)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_the_client_gives_out_nothing_but_its_inputs(settings: RunSettings) -> None:
    inputs = Inputs()
    inputs.of(settings)
    with pytest.raises(KeyError):
        list(inputs.pieces("0" * 64))


def test_an_input_that_is_gone_is_a_sentence(settings: RunSettings) -> None:
    inputs = Inputs()
    shipments = inputs.of(settings)
    assert settings.model is not None
    settings.model.unlink()
    with pytest.raises(DataError, match=r"net\.h5: cannot be read any more"):
        unpacked(settings, shipments, Client(inputs).ask, SILENT)


def test_names_that_lead_out_are_refused(settings: RunSettings) -> None:
    evil = {"model": Shipment("net.h5", (("../../x", "0" * 64),))}
    with pytest.raises(DataError, match="leads out"):
        unpacked(settings, evil, lambda sha256: None, SILENT)


def test_waiting_for_a_file_can_be_stopped(settings: RunSettings) -> None:
    shipments = Inputs().of(replace(settings, clean_valid=None))
    with pytest.raises(Interrupted):
        unpacked(settings, shipments, lambda sha256: None, Reporter(stop_requested=lambda: True))


@pytest.mark.parametrize("name", ["../x", "/tmp/x"])
def test_what_comes_back_stays_in_the_cells_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="expected names in the cell's own folder"):
        keep_files(tmp_path / "cell", {name: b""})


def test_what_comes_back_is_held_against_its_manifest(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="not what the run wrote"):
        keep_files(tmp_path / "cell", {"results.json": b"{}", "manifest.json": b"{}"})
