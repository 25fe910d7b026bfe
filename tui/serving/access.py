"""Who may talk to the server: whoever knows the token, from a page that the server itself gave out."""

from __future__ import annotations

import hmac
import secrets
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

_RULES = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # The terminal's script makes its own style elements.
        "style-src 'self' 'unsafe-inline'",
        "font-src 'self'",
        "img-src data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _RULES,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # The token is in the address; what lies behind it is of no use after the server's end.
    "Cache-Control": "no-store",
}


def make_token() -> str:
    """A secret for an address: 192 random bits."""
    return secrets.token_urlsafe(24)


class Access:
    """Checks every request, before anything else looks at it.

    Args:
        token: the first part of every path.
        host: the name that the server was told to listen on.
    """

    def __init__(self, token: str, host: str) -> None:
        self._token = token.encode()
        self._names = {"localhost", host.lower()}

    def refusal(self, request: web.Request) -> str | None:
        """Why a request is refused; None where it is not."""
        here = _place(f"//{request.headers.get('Host', '')}")
        # A page elsewhere can have its own name point here (DNS rebinding); it cannot have an address without a name.
        if here is None or here.hostname is None or not self._is_known(here.hostname):
            return "the Host header names another server; expected an IP address or localhost"
        origin = request.headers.get("Origin")
        if origin is not None:
            there = _place(origin)
            if there is None or there.netloc.lower() != here.netloc.lower():
                return "the request comes from a page of another server"
        first = request.path.lstrip("/").partition("/")[0]
        if not hmac.compare_digest(first.encode(errors="replace"), self._token):
            return "the token is missing or wrong; open the whole address that bdtui printed"
        return None

    def _is_known(self, name: str) -> bool:
        try:
            ip_address(name)
        except ValueError:
            return name in self._names
        return True

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer 403 to what is refused."""
        refusal = self.refusal(request)
        if refusal is not None:
            raise web.HTTPForbidden(text=f"bdtui: {refusal}\n")
        return await handler(request)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Tell the browser, with every answer, to fetch from and show to nobody else."""
    response.headers.update(_HEADERS)


def _place(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:
        return None
