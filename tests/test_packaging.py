"""The wheel holds all that the tree holds."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from build import ProjectBuilder

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree") / "bdtui"
    unwanted = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "*-run", "bdtui-runs", "__pycache__")
    shutil.copytree(ROOT, tree, ignore=unwanted)
    return Path(ProjectBuilder(tree).build("wheel", tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def wheel(wheel_path: Path) -> set[str]:
    with zipfile.ZipFile(wheel_path) as archive:
        return set(archive.namelist())


def test_every_package_of_the_tree_is_listed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {
        "bdtui." + ".".join(path.parent.relative_to(ROOT).parts)
        for wing in ("engine", "tui", "sample_data")
        for path in (ROOT / wing).rglob("__init__.py")
    }
    assert listed == found


def test_every_module_and_sample_file_is_in_the_wheel(wheel: set[str]) -> None:
    expected = {
        f"bdtui/{path.relative_to(ROOT)}"
        for wing in ("engine", "tui", "sample_data")
        for path in (ROOT / wing).rglob("*")
        if path.suffix in (".py", ".h5", ".tcss", ".html", ".css", ".js", ".svg", ".md") or path.name == "py.typed"
    }
    assert expected <= wheel


def test_nothing_lands_beside_the_namespace(wheel: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel if ".dist-info/" not in name and ".data/" not in name} == {"bdtui"}


def test_the_manual_page_is_installed_where_man_looks(wheel: set[str]) -> None:
    assert [name.partition("/")[2] for name in wheel if ".data/" in name] == ["data/share/man/man1/bdtui.1"]


def test_the_installed_wheel_opens_its_sample_from_another_folder(wheel_path: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel_path) as archive:
        archive.extractall(tmp_path / "site")
    # -S leaves out the editable install; what the wheel depends on is added by hand.
    program = f"""
import sys
sys.path[:0] = [{str(tmp_path / "site")!r}]
sys.path += {[entry for entry in sys.path if entry.endswith("site-packages")]!r}
import bdtui.engine
assert bdtui.engine.__file__.startswith({str(tmp_path)!r}), bdtui.engine.__file__
from bdtui.tui.cli import main
sys.exit(main(["--check", "--sample"]))
"""
    command = [sys.executable, "-S", "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "44 classes" in done.stdout
    assert str(tmp_path) in done.stdout, "the sample of the wheel is meant"
