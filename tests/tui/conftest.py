"""What tests of the app share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def nobodys_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start in, without anybody's configuration or recent files."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def folder_with_files(nobodys_home: Path) -> Path:
    """Such a folder, with files where the settings of the made-up engine say they are."""
    faces = nobodys_home / "faces"
    for name in ("bd_net.h5", "cl/valid.h5", "cl/test.h5", "bd/bd_valid.h5", "bd/bd_test.h5"):
        (faces / name).parent.mkdir(parents=True, exist_ok=True)
        (faces / name).touch()
    return nobodys_home
