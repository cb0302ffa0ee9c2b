"""A source whose questions are counted: stands before the real one, and notes when each came, from whom and for what.

`python deploy/test/counted.py PORT UPSTREAM LOG`: listens on all addresses. A line of LOG is the time in seconds of the
machine's monotonic clock, the address that asked, and the path. /turn is answered by itself.
"""

from __future__ import annotations

import http.client
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

TURN = "/turn"
_KEPT = ("content-type", "content-encoding", "x-synthetic-data", "retry-after")


class Counted(BaseHTTPRequestHandler):
    """Notes a question and hands it on, over a connection for each of the clients'."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    upstream: str
    log: TextIO
    lock = threading.Lock()

    def setup(self) -> None:
        """Have a connection to the source."""
        super().setup()
        self.source = http.client.HTTPConnection(self.upstream, timeout=60)

    def finish(self) -> None:
        """Close it with the client's."""
        self.source.close()
        super().finish()

    def do_GET(self) -> None:
        """Note, hand on, and answer what the source answers."""
        came = time.monotonic()
        with self.lock:
            self.log.write(f"{came:.6f} {self.client_address[0]} {self.path}\n")
            self.log.flush()
        if self.path == TURN:
            self._answer(204, {}, b"")
            return
        self.source.request("GET", self.path, headers={"Accept-Encoding": self.headers.get("Accept-Encoding", "")})
        answer = self.source.getresponse()
        body = answer.read()
        self._answer(answer.status, {k: v for k, v in answer.getheaders() if k.lower() in _KEPT}, body)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up, or whose cable was pulled, is no fault."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def main() -> None:
    """Serve until the process is ended."""
    port, upstream, log = sys.argv[1:]
    Counted.upstream = urlsplit(upstream).netloc
    with Path(log).open("a", encoding="utf-8") as Counted.log:
        _Server(("0.0.0.0", int(port)), Counted).serve_forever()


if __name__ == "__main__":
    main()
