"""``--serve``: checks what was asked for, opens the port and serves the app until it is stopped."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from bdtui.engine.errors import InputError, OptionError
from bdtui.tui.exit_codes import ExitCode
from bdtui.tui.merged_options import check_output_folder, merge_options
from bdtui.tui.serving.address import Address, check_reach
from bdtui.tui.wording import plain


def run_server(options: Mapping[str, Any], arguments: Sequence[str]) -> ExitCode:
    """Serve the app; the address to open goes to stdout.

    Args:
        options: those given on the command line, by their names with underscores.
        arguments: the command line itself, which every session gets.

    Returns:
        The exit status: done when it was stopped, usage where it could not begin.
    """
    address: Address = options["serve"]
    try:
        check_reach(address, knows="i_know" in options)
        # Wrong options are told here, not in every page.
        _, out, _ = merge_options(options)
        if not options.get("resume"):
            check_output_folder(out)
        _require_server()
        listening = _listen(address)
    except InputError as problem:
        print(f"bdtui: error: {plain(str(problem))}", file=sys.stderr)
        return ExitCode.USAGE

    from bdtui.tui.serving.access import make_token
    from bdtui.tui.serving.server import AppServer

    with listening:
        token = make_token()
        print(f"http://{Address(address.host, listening.getsockname()[1])}/{token}/", flush=True)
        print("bdtui: open this address in a browser; Ctrl-C ends the server and all its sessions", file=sys.stderr)
        if not address.is_on_this_machine:
            print("bdtui: warning: the connection is not encrypted; others may read the token on it", file=sys.stderr)
        # -P: a session never imports what lies in the folder it was started in.
        session = [sys.executable, "-P", "-m", "bdtui.tui.serving.session_program", *arguments]
        AppServer(address, session, token).serve_on(listening)
    return ExitCode.DONE


def _require_server() -> None:
    """Raise `OptionError` where the packages that serve are not installed."""
    try:
        import textual_serve  # noqa: F401
    except ImportError as problem:
        raise OptionError(
            "--serve needs the package textual-serve, which is not installed; "
            f"install it with {sys.executable} -m pip install 'textual-serve>=1.1.3,<1.2'"
        ) from problem


def _listen(address: Address) -> socket.socket:
    """Open the port.

    Raises:
        OptionError: it cannot be opened.
    """
    try:
        family, kind, _, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(where)
            # From here on a browser waits instead of being refused.
            listening.listen()
        except OSError:
            listening.close()
            raise
    except OSError as problem:
        reason = (
            os.strerror(problem.errno) if not isinstance(problem, socket.gaierror) and problem.errno else str(problem)
        )
        raise OptionError(
            f"--serve {address}: cannot listen there ({reason}); expected a free port, e.g. --serve 0 for any"
        ) from problem
    return listening
