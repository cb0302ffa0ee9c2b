"""The door of Dagster's UI: what another web page, or a name that was bound to this machine anew, cannot do.

Dagster's web server has no log-in and looks at neither Host nor Origin; it carries out a mutation that comes by GET, or
as a form. A page of any site, open in an operator's browser, could so start runs, stop sensors and wipe assets. Who may
reach the port at all is another question: every user of this machine, unless a proxy stands before it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SAFE = ("GET", "HEAD")
_OURS = ("same-origin", "none")
"""Values of Sec-Fetch-Site: the page's own question, or an address that a person typed."""


class Door:
    """ASGI middleware that answers 4xx in one line to what is not from the UI's own pages.

    Args:
        app: what it guards.
        ui_url: how people reach the UI, if not by loopback and the port (`MINERECON_UI_URL`).
    """

    def __init__(self, app: ASGIApp, ui_url: str | None = None) -> None:
        self._app = app
        self._ui_url = ui_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let in."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if refusal := refused(scope, origins_of(self._ui_url, scope.get("server"))):
            status, why = refusal
            if scope["type"] == "websocket":
                # Before it is accepted: the client sees 403.
                await send({"type": "websocket.close", "code": 1008, "reason": why})
                return
            await PlainTextResponse(f"{why}\n", status)(scope, receive, send)
            return
        await self._app(scope, receive, _unframed(send))


def origins_of(ui_url: str | None, server: tuple[str, int | None] | None) -> frozenset[str]:
    """The origins that are the UI itself: loopback at the port that is served, and that of ``ui_url``."""
    found = set()
    if server is not None and server[1] is not None:
        found = {f"http://{_netloc(name, server[1], 'http')}" for name in LOOPBACK}
    if ui_url:
        parts = urlsplit(ui_url)
        host = parts.hostname or ""
        found.add(f"{parts.scheme}://{_netloc(f'[{host}]' if ':' in host else host, parts.port, parts.scheme)}")
    return frozenset(found)


def refused(scope: Mapping[str, Any], origins: Collection[str]) -> tuple[int, str] | None:
    """Why a request is not let in: status and one line; None if it is.

    Args:
        scope: of ASGI, of a request or a websocket.
        origins: those that are the UI itself, as `origins_of` has them.
    """
    headers = Headers(scope=dict(scope))
    hosts = {origin.partition("://")[2] for origin in origins}
    if headers.get("host", "").lower() not in hosts:
        return 403, "this name is not the UI's: open it by its own address, or set MINERECON_UI_URL to this one"
    method = scope.get("method", "GET") if scope["type"] == "http" else "GET"
    # A link from elsewhere, in an alert for example, opens a page, and does nothing else.
    opens_a_page = (
        scope["type"] == "http"
        and method in _SAFE
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest", "document") == "document"
    )
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in origins:
        return 403, "a page of another origin may not ask this server"
    if headers.get("sec-fetch-site", "none") not in _OURS and not opens_a_page:
        return 403, "a page of another site may not ask this server"
    if scope["type"] == "websocket":
        return None
    if method not in (*_SAFE, "POST"):
        return 405, "only GET, HEAD and POST"
    if method == "POST" and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return 415, "a POST must be application/json, which no page of another site can send"
    queries = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("query", ())
    if method in _SAFE and not all(map(_only_asks, queries)):
        return 405, "what changes something must be a POST"
    return None


def _only_asks(query: str) -> bool:
    """Whether every operation of a GraphQL document is a query; what cannot be read, the server refuses itself."""
    from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse

    try:
        definitions = parse(query).definitions
    except GraphQLError:
        return False
    operations = [node.operation for node in definitions if isinstance(node, OperationDefinitionNode)]
    return all(operation is OperationType.QUERY for operation in operations)


def _netloc(host: str, port: int | None, scheme: str) -> str:
    """As a browser writes it in Host and Origin: without the port that the scheme has anyway."""
    return host.lower() if port in (None, _DEFAULT_PORTS.get(scheme)) else f"{host.lower()}:{port}"


def _unframed(send: Send) -> Send:
    """Let no other page show this one in a frame, where a person would click without knowing on what."""

    async def out(message: Message) -> None:
        if message["type"] == "http.response.start":
            _forbid_frames(message)
        await send(message)

    return out


def _forbid_frames(message: MutableMapping[str, Any]) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Frame-Options"] = "DENY"
    policies = (headers.get("content-security-policy", "").rstrip("; "), "frame-ancestors 'none'")
    headers["Content-Security-Policy"] = "; ".join(filter(None, policies))
