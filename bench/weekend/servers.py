"""What stands around the project in the weekend: a proxy before the source, a price source, and two receivers.

Each listens on 127.0.0.1 on a free port, and can be made to fail as the real one does.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import http.client
import json
import re
import socket
import socketserver
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from minerecon_dagster.sample.prices import candle

ACCOUNTS = ("stack", "boav", "ebocf")
"""The three accounts of one settlement run: when Elexon's calculations stop, they are silent together."""
_KINDS = (
    ("stack", re.compile(r"/balancing/settlement/stack/all/")),
    ("boav", re.compile(r"/balancing/settlement/acceptance/volumes/all/")),
    ("ebocf", re.compile(r"/balancing/settlement/indicative/cashflows/all/")),
    ("agws", re.compile(r"/generation/actual/per-type/wind-and-solar")),
    ("register", re.compile(r"/reference/bmunits/all")),
    ("pn", re.compile(r"/datasets/PN|/balancing/physical")),
    ("metered", re.compile(r"/datasets/B1610")),
)
_DAY_AND_PERIOD = re.compile(r"/(?:bid|offer)/(\d{4}-\d\d-\d\d)(?:/(\d+))?$")
_NO_ROWS = b'{"data":[]}'
_HOPS = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}

Now = Callable[[], dt.datetime]


def kind_of(path: str) -> str:
    """Which dataset a path asks for, in one word."""
    return next((kind for kind, pattern in _KINDS if pattern.search(path)), "other")


@dataclass
class Fault:
    """How the source fails at present.

    Args:
        silent: every call for one of `ACCOUNTS` is answered 200 without any row.
        late: periods of a day that these accounts have not got yet, in whole-day answers neither.
        status: every call is answered with this instead.
        is_away: every connection is closed without an answer.
    """

    silent: bool = False
    late: dict[str, Collection[int]] = field(default_factory=dict)
    status: int | None = None
    is_away: bool = False


@dataclass(frozen=True)
class Call:
    """A request that reached the proxy: when by the moved clock, what for, the day it names, and what came of it."""

    at: dt.datetime
    kind: str
    day: str | None
    outcome: str


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args: object) -> None:
        """One line a request would fill the terminal."""

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class Proxy:
    """Between the project and the source: hands calls on, counts them, and fails as `fault` says.

    Args:
        upstream: base URL of the source, with its path.
        now: the moved clock.
    """

    def __init__(self, upstream: str, now: Now) -> None:
        self.fault = Fault()
        self.calls: list[Call] = []
        self._upstream, self._now = urlsplit(upstream), now
        self._local = threading.local()
        proxy = self

        class Handler(_Handler):
            def do_GET(self) -> None:
                proxy._handle(self)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.base_url = self._server.url + self._upstream.path

    def running(self) -> contextlib.AbstractContextManager[None]:
        """Serve inside the ``with`` block."""
        return _running(self._server)

    def by_hour(self) -> dict[str, Counter[str]]:
        """How many calls of each kind came in each hour of the moved clock (UTC)."""
        hours: dict[str, Counter[str]] = {}
        for call in list(self.calls):
            hours.setdefault(f"{call.at:%Y-%m-%dT%H}", Counter())[call.kind] += 1
        return hours

    def _handle(self, request: _Handler) -> None:
        fault, path = self.fault, urlsplit(request.path).path
        kind, named = kind_of(path), _DAY_AND_PERIOD.search(path)
        day, period = (named[1], named[2]) if named else (None, None)

        def came_to(outcome: str) -> None:
            self.calls.append(Call(self._now(), kind, day, outcome))

        if fault.is_away:
            came_to("away")
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        if fault.status is not None:
            came_to(str(fault.status))
            request.answer(fault.status, b'{"title":"error"}')
            return
        late = fault.late.get(day or "", ()) if kind in ACCOUNTS else ()
        if kind in ACCOUNTS and (fault.silent or (period and int(period) in late)):
            came_to("silent")
            request.answer(200, _NO_ROWS)
            return
        status, headers, body = self._ask(request)
        came_to(str(status))
        if late and status == 200:
            headers.pop("Content-Encoding", None)
            body = _without(body, late)
        request.answer(status, body, headers)

    def _ask(self, request: _Handler) -> tuple[int, dict[str, str], bytes]:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOPS}
        for attempt in (1, 2):  # a kept connection may have been closed at the other end
            connection = getattr(self._local, "connection", None)
            if connection is None:
                assert self._upstream.hostname is not None
                connection = http.client.HTTPConnection(self._upstream.hostname, self._upstream.port, timeout=60)
                self._local.connection = connection
            try:
                connection.request("GET", request.path, headers=headers)
                response = connection.getresponse()
                kept = {n: v for n, v in response.getheaders() if n in ("Content-Type", "Content-Encoding")}
                return response.status, kept, response.read()
            except (http.client.HTTPException, OSError):
                self._local.connection = None
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")


def _without(body: bytes, periods: Collection[int]) -> bytes:
    """The answer without the rows of some settlement periods."""
    if body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    answer = json.loads(body)
    answer["data"] = [row for row in answer["data"] if row["settlementPeriod"] not in periods]
    return json.dumps(answer).encode()


class PriceSource:
    """A price source in Coinbase Exchange's form, with made-up prices, that can go away.

    Its URLs bear no mark of synthetic data, which the project refuses beside real days.
    """

    def __init__(self, now: Now) -> None:
        self.status: int | None = None
        self.is_away = False
        self.calls: list[Call] = []
        source = self

        class Handler(_Handler):
            def do_GET(self) -> None:
                outcome = "away" if source.is_away else str(source.status or 200)
                source.calls.append(Call(now(), "price", None, outcome))
                if source.is_away:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                elif source.status is not None:
                    self.answer(source.status, b'{"message":"Internal Server Error"}')
                else:
                    self.answer(*_prices(self.path))

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.base_url = self._server.url

    def running(self) -> contextlib.AbstractContextManager[None]:
        """Serve inside the ``with`` block."""
        return _running(self._server)


def _prices(target: str) -> tuple[int, bytes]:
    """What Coinbase answers to a GET of ``target``: candles, newest first."""
    url = urlsplit(target)
    if url.path != "/products/BTC-GBP/candles":
        return 404, b'{"message":"NotFound"}'
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    first, last = (dt.datetime.fromisoformat(query[name]).date() for name in ("start", "end"))
    days = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    if query["granularity"] != "86400" or len(days) > 300:
        return 400, b'{"message":"granularity too small for the requested time range"}'
    return 200, json.dumps([candle(day) for day in reversed(days)]).encode()


@dataclass(frozen=True)
class Alert:
    """A message that the webhook was posted."""

    at: dt.datetime
    text: str

    @property
    def kind(self) -> str:
        """Its first words, as in ``FAILING``."""
        return self.text.partition(":")[0]


class Receiver:
    """A webhook and a heartbeat's address: keeps what comes, with the moved clock's time."""

    def __init__(self, now: Now) -> None:
        self.alerts: list[Alert] = []
        self.heartbeats: list[dt.datetime] = []
        receiver = self

        class Handler(_Handler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path == "/webhook":
                    receiver.alerts.append(Alert(now(), _unescaped(json.loads(body)["text"])))
                    self.answer(200, b"ok", {"Content-Type": "text/plain"})
                else:
                    self.do_GET()

            def do_GET(self) -> None:
                if self.path == "/heartbeat":
                    receiver.heartbeats.append(now())
                self.answer(200 if self.path == "/heartbeat" else 404, b"")

            do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.webhook_url = f"{self._server.url}/webhook"
        self.heartbeat_url = f"{self._server.url}/heartbeat"

    def running(self) -> contextlib.AbstractContextManager[None]:
        """Serve inside the ``with`` block."""
        return _running(self._server)


def _unescaped(text: str) -> str:
    """The message as a reader of Slack sees it."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
