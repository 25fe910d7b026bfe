"""Where ``--serve`` listens, and who can reach that."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bdtui.engine.errors import OptionError

DEFAULT = "8000"
_FORM = re.compile(r"(?:(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):)?(?P<port>[0-9]{1,5})", re.ASCII)


@dataclass(frozen=True)
class Address:
    """A host, without the brackets of an IPv6 address, and a port, 0 for any that is free."""

    host: str
    port: int

    @property
    def is_on_this_machine(self) -> bool:
        """Whether nobody on another machine can reach it."""
        from ipaddress import ip_address

        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_known(self) -> bool:
        """Whether the host is an IP address, or a name that leads to one."""
        import socket

        try:
            return bool(socket.getaddrinfo(self.host, self.port))
        except (OSError, UnicodeError):
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_address(text: str) -> Address:
    """Read ``PORT`` or ``HOST:PORT``.

    Raises:
        OptionError: it is neither.
    """
    found = _FORM.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        raise OptionError(
            f"{text!r} is not a port; expected PORT (0 to 65535, 0 for any that is free) or HOST:PORT; "
            "a model's file goes in front of --serve"
        )
    return Address((found["host"] or "127.0.0.1").strip("[]"), int(found["port"]))


def check_reach(address: Address, *, knows: bool) -> None:
    """Check that only this machine reaches the address, or that the person knows what else that means.

    Raises:
        OptionError: others reach it as well, or its name leads nowhere.
    """
    if not address.is_known:
        port = address.port or DEFAULT
        raise OptionError(
            f"--serve {address}: no machine is known by the name {address.host!r}; check the name, or use --serve {port}"
        )
    if not (knows or address.is_on_this_machine):
        port = address.port or DEFAULT
        raise OptionError(
            f"--serve {address}: other machines reach this address, over a connection that is not encrypted, and who "
            f"reads the token there opens and writes files as you; use --serve {port} and a tunnel "
            f"(ssh -L {port}:127.0.0.1:{port} THIS_HOST), or add --i-know"
        )
