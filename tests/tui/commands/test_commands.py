"""What the command line does besides a run: versions, completions, the manual page, a settings file."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from bdtui.engine.option import options_of
from bdtui.engine.settings import RunSettings
from bdtui.tui.cli import build_parser, main
from bdtui.tui.commands.completion import SHELLS, completion_script
from bdtui.tui.commands.man_page import man_page
from bdtui.tui.preferences import preferences_path
from bdtui.tui.preferences_file import commented_settings

ROOT = Path(__file__).parents[3]
FLAGS = {name for action in build_parser()._actions for name in action.option_strings}


def bdtui(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bdtui.tui", *arguments], capture_output=True, text=True, check=False)


def test_the_manual_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "bdtui.1").read_text() == man_page(build_parser()), "say make man"


def test_every_option_is_in_the_manual_page_with_its_help() -> None:
    page = man_page(build_parser()).replace("\\-", "-")
    assert all(f"\\fB{flag}\\fR" in page for flag in FLAGS)
    assert options_of(RunSettings)["trigger"].help in page
    assert "%%" not in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_groff_finds_nothing_wrong_with_the_manual_page() -> None:
    command = ["groff", "-man", "-Tutf8", "-ww", "-z", "-K", "utf8", str(ROOT / "docs" / "bdtui.1")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_a_completion_knows_every_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-completion", shell]) == 0
    script = capsys.readouterr().out
    long = {flag.removeprefix("--") for flag in FLAGS if flag.startswith("--")}
    assert [flag for flag in long if flag not in script] == []


def test_a_shell_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["--print-completion", "tcsh"])
    assert refused.value.code == 2
    assert "invalid choice: 'tcsh'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--until"], {"--until-last-threshold"}),
        (["--preprocess", "t"], {"tf", "torch"}),
        (["--clean-valid", "va"], {"valid.h5", "variants"}),
        (["--out", "va"], {"variants"}),
        (["va"], {"valid.h5", "variants"}),
    ],
    ids=("option", "word", "file or folder", "folder", "model"),
)
def test_bash_completes_options_words_files_and_folders(words: list[str], expected: set[str], tmp_path: Path) -> None:
    (tmp_path / "valid.h5").touch()
    (tmp_path / "variants").mkdir()
    (tmp_path / "completion").write_text(completion_script(build_parser(), "bash"))
    line = " ".join(f"'{word}'" for word in ["bdtui", *words])
    program = f"""source completion
COMP_WORDS=({line}); COMP_CWORD={len(words)}
_shtab_bdtui bdtui; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == expected


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes_options_words_and_files(tmp_path: Path) -> None:
    (tmp_path / "valid.h5").touch()
    (tmp_path / "completion").write_text(completion_script(build_parser(), "fish"))
    found = []
    for line in ("bdtui --until", "bdtui --preprocess to", "bdtui --clean-valid va", "bdtui va"):
        command = ["fish", "-c", f"source completion; complete -C '{line}'"]
        environment = {**os.environ, "HOME": str(tmp_path)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        found.append([entry.split("\t")[0] for entry in done.stdout.splitlines()])
    assert found == [["--until-last-threshold"], ["torch"], ["valid.h5"], ["valid.h5"]]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_takes_the_completion(tmp_path: Path) -> None:
    (tmp_path / "_bdtui").write_text(completion_script(build_parser(), "zsh"))
    subprocess.run(["zsh", "-n", "_bdtui"], cwd=tmp_path, check=True)


@pytest.mark.slow
def test_version_twice_says_what_a_report_of_a_fault_needs() -> None:
    done = bdtui("-VV")
    said = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert list(said) == ["bdtui", "Python", "TensorFlow", "Keras", "numpy", "Textual", "device"]
    assert said["Python"] == platform.python_version()
    assert said["TensorFlow"] == version("tensorflow")
    assert "unknown" not in said["device"]
    assert done.stderr == ""


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_version_is_one_line(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([flag]) == 0
    assert capsys.readouterr().out == f"bdtui {version('bdtui')}\n"


def test_config_writes_a_file_and_prints_its_path(nobodys_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config"]) == 0
    assert capsys.readouterr().out == f"{preferences_path()}\n"
    assert preferences_path().read_text() == commented_settings()


def test_config_replaces_a_file_only_when_forced(nobodys_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    preferences_path().parent.mkdir(parents=True)
    preferences_path().write_text('theme = "light"\n')
    assert main(["config"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"bdtui: error: {preferences_path()}: is there already; expected --force to replace it\n"
    assert preferences_path().read_text() == 'theme = "light"\n'
    assert main(["config", "--force"]) == 0


def test_config_takes_nothing_else(nobodys_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["config", "net.h5"])
    assert refused.value.code == 2
    assert "unrecognized arguments: net.h5" in capsys.readouterr().err
