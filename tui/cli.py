"""The command line: reads the options and hands them to a front.

Nothing heavy is imported here: ``--help`` and ``--version`` answer at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from bdtui.engine.errors import InputError, OptionError
from bdtui.engine.option import FLAG, Option, flag_of, options_of
from bdtui.engine.settings import RUN, RunSettings
from bdtui.tui.commands.completion import SHELLS, completion_script
from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.serving.address import DEFAULT, read_address

_DESCRIPTION = """\
Prune a Keras image classifier that may hold a backdoor, channel by channel, watch clean accuracy and attack
success rate, and join the network with its pruned form into a GoodNet."""

_EXAMPLES = """\
examples:
  bdtui --sample
  bdtui bd_net.h5 --clean-valid valid.h5 --poisoned-valid bd_valid.h5
  bdtui net.keras --clean-valid photos/valid          (a folder with one sub-folder a class, or x.npz)
  bdtui --batch --sample --out demo-run
  bdtui --batch bd_net.h5 --clean-valid valid.h5 --poisoned-valid bd_valid.h5 --out run
  bdtui --batch keras_model.h5 --clean-valid photos/ --class-names labels.txt
  bdtui --batch saved_model/ --clean-valid mnist.npz
  bdtui --batch net.keras --clean-valid val/ --trigger sticker.png --target cat
  bdtui --batch bd_weights.h5 --clean-valid valid.h5 --layer pool_3
  bdtui --batch --sample --compare
  bdtui --batch net.keras --clean-valid val/ --screen inbox/
  bdtui --serve --sample                              (the app in a browser)
  bdtui report bdtui-runs/net-20260101-120000         (makes report.html again, of an old run too)
  bdtui --batch --sweep zoo.toml --out zoo-run        (every model of a plan)
  bdtui config                                        (writes a settings file with comments)

exit status: 0 done, 1 internal error, 2 bad usage or input, 3 a gate not met, 130 interrupted"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the usage in front of it."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.USAGE, f"bdtui: error: {message} (see bdtui --help)\n")


def build_parser(declared: type[RunSettings] = RunSettings) -> argparse.ArgumentParser:
    """The options that are declared and those of the fronts, none with a default: what is absent may stand in a recipe."""
    parser = _Parser(
        prog="bdtui",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument(
        "-V",
        "--version",
        action="count",
        help="print the version and exit; twice (-VV): also those of Python, TensorFlow, Keras, numpy and Textual, and the device",
    )
    parser.add_argument(
        "--print-completion", choices=SHELLS, metavar="|".join(SHELLS), help="print completions for a shell and exit"
    )

    options = {name: option for name, option in options_of(declared).items() if option.group}
    titles = dict.fromkeys(option.group for option in options.values())
    groups = {title: parser.add_argument_group(title) for title in titles}
    for name, option in options.items():
        _add_option(groups[option.group], name, option)
    run = groups[RUN]
    run.add_argument("--out", metavar="DIR", type=Path, help="where all is written (default: new under bdtui-runs/)")
    run.add_argument(
        "--recipe", metavar="FILE", type=Path, help="read the options from a recipe.toml; flags win over it"
    )
    run.add_argument(
        "--resume", action="store_true", help="resume the run, or the session in the app, that --out holds"
    )

    _add_sweep_options(parser.add_argument_group("many runs (docs/sweeps.md)"))

    front = parser.add_argument_group("how it answers")
    front.add_argument(
        "--batch", action="store_true", help="run without a screen: progress on stderr, results on stdout"
    )
    front.add_argument("--json", action="store_true", help="with --batch: events as JSON lines on stdout")
    front.add_argument("--check", action="store_true", help="open everything, report what was found, write nothing")
    front.add_argument(
        "--verify", metavar="DIR", type=Path, help="check the files of a finished run against its manifest"
    )
    front.add_argument(
        "--serve",
        metavar="PORT",
        nargs="?",
        const=DEFAULT,
        type=_type_of(read_address),
        help=f"the app in a browser on this machine (default port {DEFAULT}; 0: any free one); needs textual-serve",
    )
    front.add_argument(
        "--i-know",
        action="store_true",
        help="let --serve HOST:PORT listen for other machines: who reads the token on the network acts as you",
    )
    return parser


def _add_sweep_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--sweep",
        metavar="FILE.toml",
        type=Path,
        help="run every model and setting of a plan; --check prints the cells",
    )
    group.add_argument(
        "--scheduler", metavar="ADDRESS", help="with --sweep: of a Dask cluster (default: processes on this machine)"
    )
    group.add_argument(
        "--workers",
        metavar="N",
        type=_positive,
        help="with --sweep: worker processes on this machine (default: one a core, or a GPU)",
    )
    group.add_argument(
        "--ship", action="store_true", help="with --sweep: send inputs to workers that do not share a file system"
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text[:9]) > 0 or len(text) > 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers; expected 1 to 9999")
    return int(text)


def _add_option(group: argparse._ArgumentGroup, name: str, option: Option) -> None:
    default = option.default
    shown = ",".join(f"{number:g}" for number in default) if isinstance(default, tuple) else default
    details: dict[str, Any] = {"help": option.help.format(default=shown)}
    if option.kind is FLAG:
        details["action"] = "store_true"
    else:
        details |= {"metavar": option.metavar, "choices": option.choices or None, "type": _type_of(option.kind.parse)}
    if option.bare is not None:
        details |= {"nargs": "?", "const": option.bare}
    if name == flag_of(name):
        details |= {"nargs": "?", "default": None}
    group.add_argument(flag_of(name), **details)


def _type_of(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """A way to read text, with its sentence where argparse looks for one."""

    def parse(text: str) -> Any:
        try:
            return read(text)
        except OptionError as problem:
            raise argparse.ArgumentTypeError(str(problem)) from problem

    # argparse names it where a ValueError is all it knows.
    parse.__name__ = read.__name__
    return parse


def main(arguments: Sequence[str] | None = None) -> int:
    """Run bdtui; the return value is its exit status."""
    _open_missing_streams()
    try:
        return int(_main(list(sys.argv[1:] if arguments is None else arguments)))
    except KeyboardInterrupt:
        print("bdtui: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of stdout has what he wanted (`bdtui … | head`).
        return ExitCode.DONE
    except OSError as problem:
        print(f"bdtui: error: the answer cannot be written ({problem.strerror})", file=sys.stderr)
        return ExitCode.USAGE
    finally:
        _flush_or_forget()


def _open_missing_streams() -> None:
    """Give the program the streams it was started without (`bdtui … >&-`), leading nowhere."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def _flush_or_forget() -> None:
    """Write out what is left; where nobody takes it, let Python's own end not stumble over it."""
    for descriptor, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def given_options(arguments: Sequence[str], parser: argparse.ArgumentParser | None = None) -> dict[str, Any]:
    """The options that a command line gives, by their names with underscores; a wrong one ends the process."""
    given = vars((parser or build_parser()).parse_args(arguments))
    return {name: value for name, value in given.items() if value is not None}


def _main(arguments: list[str]) -> ExitCode:
    if arguments[:1] in (["config"], ["report"]):
        return _command(arguments[0], arguments[1:])
    parser = build_parser()
    options = given_options(arguments, parser)
    if _prints_about_itself(parser, options):
        return ExitCode.DONE
    for name, print_list in _LISTS.items():
        if options.get(name) in ("list", ("list",)):
            print_list()
            return ExitCode.DONE
    if "verify" in options:
        if len([name for name, value in options.items() if value is not False]) > 1:
            parser.error("--verify checks a finished run and nothing else; expected it alone")
        from bdtui.tui.batch.verify import run_verify

        return run_verify(options["verify"])
    return _run_front(parser, options, arguments)


def _run_front(parser: argparse.ArgumentParser, options: Mapping[str, Any], arguments: Sequence[str]) -> ExitCode:
    """Hand the options to the front they ask for: without a screen, in a browser, or in this terminal."""
    screen = not (options.get("batch") or options.get("check"))
    if options.get("json") and not options.get("batch"):
        parser.error("--json says how --batch answers; expected --batch with it")
    if options.get("resume") and "out" not in options:
        parser.error("--resume goes on with the run of a folder; expected --out DIR with it")
    if "serve" in options and not screen:
        parser.error("--serve is the app in a browser; expected it without --batch and --check")
    if "serve" in options and "sweep" in options:
        parser.error("--serve opens one network at a time; expected it without --sweep")
    if "i_know" in options and "serve" not in options:
        parser.error("--i-know lets --serve listen for other machines; expected --serve HOST:PORT with it")

    _check_sweep(parser, options)
    if not screen:
        from bdtui.tui.batch.run import run_batch

        return run_batch(options)

    for name, hint in _BATCH_ALONE.items():
        if name in options:
            parser.error(f"{flag_of(name)} belongs to --batch; expected --batch with it{hint}")
    if "serve" in options:
        from bdtui.tui.serving.run import run_server

        return run_server(options, arguments)
    if "sweep" in options:
        from bdtui.tui.sweep.start import run_sweep_app

        return run_sweep_app(options)
    from bdtui.tui.start import run_app

    return run_app(options)


def _prints_about_itself(parser: argparse.ArgumentParser, options: Mapping[str, Any]) -> bool:
    """Print completions or versions where those were asked for."""
    if "print_completion" in options:
        print(completion_script(parser, options["print_completion"]))
    elif options.get("version", 0) > 1:
        from bdtui.tui.commands.versions import print_versions

        print_versions()
    elif options.get("version"):
        from importlib.metadata import version

        print(f"bdtui {version('bdtui')}")
    else:
        return False
    return True


def _check_sweep(parser: argparse.ArgumentParser, options: Mapping[str, Any]) -> None:
    """Refuse what does not go with ``--sweep``, or is nothing without it."""
    if "sweep" in options:
        for name in ("model", "sample", "weights", "architecture", "recipe", "screen", "screen_by", "goodnet"):
            if name in options:
                parser.error(f"{flag_of(name)} does not go with --sweep; expected it in the plan")
        if "scheduler" in options and "workers" in options:
            parser.error("--workers are processes on this machine; expected it without --scheduler")
    for name in ("scheduler", "workers", "ship"):
        if options.get(name) and "sweep" not in options:
            parser.error(f"{flag_of(name)} belongs to --sweep; expected --sweep FILE.toml with it")


_BATCH_ALONE = {"compare": " (in the app, c compares)", "screen": "", "screen_by": "", "goodnet": ""}
"""Options that the app has not."""


def _list_rankings() -> None:
    from bdtui.engine.pruning.rankings import RANKINGS

    print("\n".join(RANKINGS))


def _print_method(method: Any, cost: str = "") -> None:
    parts = [method.description, f"needs {method.needs}", cost]
    source = f" ({method.source})" if method.source else ""
    print(f"{method.name}: {'; '.join(part for part in parts if part)}{source}")


def _list_detectors() -> None:
    from bdtui.engine.detect.methods import AUTO, AUTO_DOES, METHODS, POOL, POOL_DOES

    print(f"{AUTO}: {AUTO_DOES}")
    for method in METHODS.values():
        _print_method(
            method, f"takes about {method.cost:g} s on one core for ten classes" if method.cost else "takes no time"
        )
    print(f"{POOL}: {POOL_DOES}")


def _list_screening_methods() -> None:
    from bdtui.engine.screen.methods import METHODS

    for method in METHODS.values():
        _print_method(method)


def _list_repairs() -> None:
    from bdtui.engine.repair.methods import AUTO, AUTO_DOES, all_methods, broken_methods
    from bdtui.tui.wording import plain

    print(f"{AUTO}: {AUTO_DOES}")
    for method in all_methods().values():
        _print_method(method, f"costs about {method.cost:,} training steps" if method.cost else "costs no training")
    for name, why in broken_methods().items():
        print(plain(f"{name}: cannot be used: {why}"))


_LISTS: dict[str, Callable[[], None]] = {
    "ranking": _list_rankings,
    "detect": _list_detectors,
    "repair": _list_repairs,
    "screen_by": _list_screening_methods,
}
"""Options that name what they can be, when ``list`` is what they are given."""


def _command(name: str, arguments: list[str]) -> ExitCode:
    from bdtui.tui.wording import plain

    parser = _Parser(prog=f"bdtui {name}", allow_abbrev=False)
    try:
        if name == "report":
            from bdtui.tui.commands.report import run_report

            return run_report(parser, arguments)
        from bdtui.tui.commands.config import run_config

        return run_config(parser, arguments)
    except InputError as problem:
        print(f"bdtui: error: {plain(str(problem))}", file=sys.stderr)
        return ExitCode.USAGE
