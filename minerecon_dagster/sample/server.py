"""A small HTTP server for the sample, so that the same client code runs offline.

Every URL holds the mark of synthetic data, and every answer carries ``X-Synthetic-Data: true``. The
bodies have the fields of Elexon's OpenAPI description and no other.

``python -m minerecon_dagster.sample.server --port 8765`` serves until Ctrl-C.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click

from minerecon_dagster.core.answers import SYNTHETIC_PATH
from minerecon_dagster.core.schema import REGISTER_PATH
from minerecon_dagster.elexon.datasets import DATASETS
from minerecon_dagster.sample.ask import Asked, ProblemError
from minerecon_dagster.sample.generate import SampleWorld

API_PATH = f"{SYNTHETIC_PATH}bmrs/api/v1"
_SMALLEST_ZIPPED_BYTES = 1000


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it is put on the wire."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"


def reply_to(world: SampleWorld, target: str) -> Reply:
    """What ``world`` answers to a GET of ``target``, a path with its query.

    An error is answered with an RFC 9110 problem document that says what is wrong, as Elexon does.
    """
    try:
        return Reply(HTTPStatus.OK, json.dumps(_data(world, target)).encode())
    except ProblemError as problem:
        document = {
            "type": "https://www.rfc-editor.org/rfc/rfc9110#section-15.5",
            "title": problem.status.phrase,
            "status": int(problem.status),
            "detail": problem.detail,
        }
        return Reply(problem.status, json.dumps(document).encode(), "application/problem+json; charset=utf-8")


def _data(world: SampleWorld, target: str) -> Any:
    url = urlsplit(target)
    if url.path.startswith(API_PATH):
        asked = Asked(world.days, url.path.removeprefix(API_PATH).strip("/"), parse_qs(url.query))
        if asked.path == REGISTER_PATH.strip("/"):
            return world.register()
        for dataset in DATASETS:
            rows = dataset.sample(world, asked)
            if rows is not None:
                return rows if dataset.is_bare else _wrapped(dataset.report, rows)
    raise ProblemError(HTTPStatus.NOT_FOUND, f"The bundled sample has nothing at {url.path}.")


def _wrapped(dataset: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"data": rows, "metadata": {"datasets": [dataset]}}


class SampleHandler(BaseHTTPRequestHandler):
    """Answers GET requests, keeping connections open between them."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: SampleServer

    def do_GET(self) -> None:
        """Answer one request."""
        self.send(reply_to(self.server.world, self.path))

    def send(self, reply: Reply) -> None:
        """Put ``reply`` on the wire, compressed where the client takes it."""
        body = reply.body
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("X-Synthetic-Data", "true")
        if len(body) >= _SMALLEST_ZIPPED_BYTES and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1, mtime=0)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives it
        """Keep quiet: the client reports what it asked."""


class SampleServer(ThreadingHTTPServer):
    """Serves a world on 127.0.0.1; ``port`` 0 takes a free one."""

    request_queue_size = 128  # with the default of 5, a client that opens many connections at once waits for seconds

    def __init__(self, world: SampleWorld, port: int = 0, handler: type[SampleHandler] = SampleHandler) -> None:
        self.world = world
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), handler)

    @property
    def base_url(self) -> str:
        """What to set ``ELEXON_BASE_URL`` to."""
        return f"http://127.0.0.1:{self.server_port}{API_PATH}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that it can be closed with the server."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """The connection is over."""
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Stop listening, and hang up: a connection kept alive would be answered by its thread still."""
        super().server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hung up; anything else is a fault of this server and is printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """Serve from a thread of this process inside the ``with`` block; yields the base URL."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self.base_url
        finally:
            self.shutdown()
            self.server_close()
            thread.join()


@contextlib.contextmanager
def serve_sample(world: SampleWorld | None = None, port: int = 0) -> Iterator[str]:
    """Serve ``world`` (the bundled sample) inside the ``with`` block; yields the base URL.

    Raises:
        OSError: the port is taken.
    """
    with SampleServer(world or SampleWorld(), port).running() as base_url:
        yield base_url


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; 0 takes a free one.")
def main(port: int) -> None:
    """Serve the bundled synthetic sample until Ctrl-C; the first line is its base URL."""
    try:
        server = SampleServer(SampleWorld(), port)
    except OSError as error:
        raise click.UsageError(
            f"port {port} cannot be had ({error.strerror}): give another, or 0 for a free one"
        ) from None
    with server.running() as base_url, contextlib.suppress(KeyboardInterrupt):
        click.echo(base_url)
        threading.Event().wait()


if __name__ == "__main__":
    main()
