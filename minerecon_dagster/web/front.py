"""What every request meets before a route does: its id, the host it names, its method, its token, and the memory.

It is plain ASGI, so that what was answered before is answered again without a route. Every answer leaves through here
and gets the headers that all have.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from minerecon_dagster.web.answers import PIECE_BYTES, PROBLEM, Answer, Long, problem
from minerecon_dagster.web.service import Service

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEALTH = ("/healthz", "/readyz", "/health")
"""Paths that need no token: whoever watches the service has none."""
_SECURITY = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_EARLIER = ("/api/curtailment/", "/api/summary/", "/api/lead-parties")


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Args:
        hosts: names under which the service is reached, beside localhost and plain addresses.
        token: without which nobody is answered; None: everybody is.
        origins: of pages in browsers that may read the answers.
        prefix: the path under which a proxy has the service, as in ``/wind``; empty: none.
    """

    hosts: frozenset[str] = frozenset()
    token: str | None = None
    origins: frozenset[str] = frozenset()
    prefix: str = ""

    def is_our_host(self, host: str) -> bool:
        """Whether a Host header names us: no other site's name leads a browser here."""
        name = host.rsplit("]", 1)[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
        if name.lower() in {"localhost", *self.hosts}:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def may_ask(self, authorization: str) -> bool:
        """Whether a header has the token: as Bearer, or as the password of Basic, which a browser asks for."""
        if self.token is None:
            return True
        kind, _, given = authorization.partition(" ")
        if kind.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        elif kind.lower() != "bearer":
            return False
        return hmac.compare_digest(given.encode(), self.token.encode())


class Front:
    """The application around the routes.

    Args:
        routes: answers what is not answered here.
        service: with the memory.
        access: who may ask.
        done: called after each request, for the log and the counters.
    """

    def __init__(self, routes: App, service: Service, access: Access, done: Callable[[Scope], None]) -> None:
        self._routes = routes
        self.service = service
        self._access = access
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of HTTP; what begins and ends the service goes on to the routes."""
        if scope["type"] != "http":
            await self._routes(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        given = headers.get(b"x-request-id", "")
        scope["minerecon"] = about = {
            "id": given if _ID.fullmatch(given) else secrets.token_hex(8), "started": time.perf_counter(), "status": 0,
            "rows": 0, "sql_ms": 0.0, "cache": "-", "route": "-", "bytes": 0, "receive": receive,
        }  # fmt: skip
        if self._access.prefix and scope["path"].startswith(f"{self._access.prefix}/"):
            scope["path"] = scope["path"][len(self._access.prefix) :]
            scope["raw_path"] = scope["path"].encode()
        try:
            answer = self._answer(scope, headers)
            if answer is not None:
                await self._send(answer, scope, headers, send)
                return
            try:
                await self._routes(scope, receive, self._through(scope, headers, send))
            except Exception:  # whatever it is: the reader gets an answer with an id, and it goes on to the log
                about["status"] = about["status"] or 500
                if not about.get("has_begun"):
                    await self._send(_wrong(scope), scope, headers, send)
                raise
        finally:
            self._done(scope)

    def _answer(self, scope: Scope, headers: dict[bytes, str]) -> Answer | None:
        """What needs no route."""
        path, method, access = scope["path"], scope["method"], self._access
        if not access.is_our_host(headers.get(b"host", "")):
            return problem(
                400, "Bad Request", "the Host header names another host than this one; see MINERECON_SERVE_HOSTS"
            )
        if method == "OPTIONS" and access.origins:
            return Answer(204, "", b"", {"Allow": "GET, HEAD, OPTIONS"})
        if method not in ("GET", "HEAD"):
            return _refused(path, 405, "Method Not Allowed", "only GET and HEAD are answered", {"Allow": "GET, HEAD"})
        if path not in HEALTH and not access.may_ask(headers.get(b"authorization", "")):
            asks = {"WWW-Authenticate": 'Bearer, Basic realm="minerecon", charset="UTF-8"'}
            return _refused(path, 401, "Unauthorized", "a token is needed, as Bearer or as the password of Basic", asks)
        key = key_of(scope, headers)
        kept = self.service.kept(key)
        if kept is None or (self.service.is_up and not self.service.is_fresh(kept)):
            return None
        scope["minerecon"]["route"] = "(kept)"
        scope["minerecon"]["cache"] = "hit" if self.service.is_up else "stale"
        self.service.counters.hits += 1
        age = {}
        if not self.service.is_up:
            seconds = int(time.monotonic() - max(kept.at, self.service.news_at))
            age = {"Minerecon-Stale": f"{seconds} s: the warehouse cannot be reached", "Age": str(seconds)}
        known = {**kept.answer.headers, **age, "ETag": kept.etag}
        return replace(kept.answer, headers=known, sql_ms=0.0)

    def _through(self, scope: Scope, headers: dict[bytes, str], send: Send) -> Send:
        """The way out of a route: its answer is one of `respond`, already whole, or the framework's own."""

        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                scope["minerecon"]["has_begun"] = True
                scope["minerecon"]["status"] = message["status"]
                message["headers"] = self._with_common(message["headers"], scope, headers)
            elif scope["method"] == "HEAD":
                message["body"] = b""
            await send(message)

        return sent

    async def _send(self, answer: Answer, scope: Scope, headers: dict[bytes, str], send: Send) -> None:
        start, body = as_messages(answer, scope, headers)
        scope["minerecon"]["status"] = start["status"]
        scope["minerecon"]["has_begun"] = True
        start["headers"] = self._with_common(start["headers"], scope, headers)
        await deliver(start, body, send)

    def _with_common(
        self, own: Iterable[tuple[bytes, bytes]], scope: Scope, headers: dict[bytes, str]
    ) -> list[tuple[bytes, bytes]]:
        """An answer's headers and those that all have; of two of a name its own counts, as a page's policy."""
        own = list(own)
        names = {name for name, _ in own}
        return own + [(name, value) for name, value in self._common(scope, headers) if name not in names]

    def _common(self, scope: Scope, headers: dict[bytes, str]) -> Iterable[tuple[bytes, bytes]]:
        yield from _SECURITY
        yield b"x-request-id", scope["minerecon"]["id"].encode()
        about = scope["minerecon"]
        total = (time.perf_counter() - about["started"]) * 1000
        yield (
            b"server-timing",
            f'sql;dur={about["sql_ms"]:.1f}, total;dur={total:.1f}, cache;desc="{about["cache"]}"'.encode(),
        )
        private = b"private, no-cache" if self._access.token else b"no-cache"
        yield b"cache-control", private
        vary = b"Accept, Accept-Encoding" + (b", Authorization" if self._access.token else b"")
        if self._access.origins:
            vary += b", Origin"
            if headers.get(b"origin") in self._access.origins:
                yield b"access-control-allow-origin", headers[b"origin"].encode("latin-1")
                yield b"access-control-expose-headers", b"ETag, Link, Minerecon-State, Minerecon-Stale, X-Request-Id"
                if scope["method"] == "OPTIONS":
                    yield b"access-control-allow-methods", b"GET, HEAD"
                    yield b"access-control-allow-headers", b"Authorization, Accept, If-None-Match"
        else:
            yield b"cross-origin-resource-policy", b"same-origin"
        yield b"vary", vary


def key_of(scope: Scope, headers: dict[bytes, str]) -> tuple[str, ...]:
    """By what an answer is kept: the path, the query and the formats that are accepted, as they came; the encoding."""
    encoding = "gzip" if takes_gzip(headers) else ""
    key = scope["path"], scope["query_string"].decode("latin-1"), headers.get(b"accept", ""), encoding
    # Whole addresses stand in a feed alone.
    return (*key, scope["scheme"], headers.get(b"host", "")) if scope["path"].startswith("/api/v1/feed") else key


def takes_gzip(headers: Mapping[bytes, str]) -> bool:
    """Whether Accept-Encoding has gzip, or anything, and not with the weight 0."""
    weights: dict[str, bool] = {}
    for part in headers.get(b"accept-encoding", "").lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weights[name] = not any(re.fullmatch(r"q=0(\.0*)?", p) for p in parameters)
    return weights.get("gzip", weights.get("*", False))


async def deliver(start: MutableMapping[str, Any], body: bytes | Long, send: Send) -> None:
    """Send an answer that is whole; a long one by pieces, however slow whoever takes them is."""
    await send(start)
    if isinstance(body, bytes):
        await send({"type": "http.response.body", "body": body})
        return
    with body.file as file:
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def as_messages(answer: Answer, scope: Scope, headers: dict[bytes, str]) -> tuple[dict[str, Any], bytes | Long]:
    """How an answer begins, and its body: none for HEAD, nor where whoever asks has it already."""
    size, status = answer.size, answer.status
    body: bytes | Long = answer.long or answer.body
    if answer.media_type == PROBLEM:
        about = {**msgspec.json.decode(answer.body), "instance": scope["path"], "request_id": scope["minerecon"]["id"]}
        body = msgspec.json.encode(about)
        size = len(body)
    fields = dict(answer.headers)
    if status == 200:
        etag = fields.setdefault("ETag", answer.etag)
        wanted = [tag.strip().removeprefix("W/") for tag in headers.get(b"if-none-match", "").split(",")]
        if etag in wanted or "*" in wanted:
            status, size = 304, 0
            for name in ("Content-Disposition", "Content-Encoding"):
                fields.pop(name, None)
    out = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in fields.items()]
    if status not in (204, 304):
        out += [(b"content-type", answer.media_type.encode()), (b"content-length", str(size).encode())]
    scope["minerecon"]["bytes"] = size
    scope["minerecon"]["rows"] = answer.rows
    scope["minerecon"]["sql_ms"] = answer.sql_ms
    if scope["method"] == "HEAD" or status == 304:
        if isinstance(body, Long):
            body.file.close()
        body = b""
    return {"type": "http.response.start", "status": status, "headers": out}, body


def _refused(path: str, status: int, title: str, detail: str, headers: dict[str, str]) -> Answer:
    """A problem; on the earlier system's paths in its own shape."""
    made = earlier_error(status, detail) if path.startswith(_EARLIER) else problem(status, title, detail)
    return Answer(made.status, made.media_type, made.body, headers)


def earlier_error(status: int, error: str, message: str | None = None) -> Answer:
    """An error as the earlier system's paths have it."""
    about = {"error": error} | ({"message": message} if message else {})
    return Answer(status, "application/json", msgspec.json.encode(about))


def _wrong(scope: Scope) -> Answer:
    detail = "something went wrong here, and was logged with the request's id"
    if scope["path"].startswith(_EARLIER):
        return earlier_error(500, "internal error", detail)
    return problem(500, "Internal Server Error", detail)
