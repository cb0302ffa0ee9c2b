"""An S3 store on a port that is not AWS: what each kind of store lacks, does otherwise or forbids."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class FakeS3(ThreadingHTTPServer):
    """One bucket, ``b``.

    Its kind: ``conditions`` (``kept``, ``ignored``, or ``lacking``, which is a 501), whether a missing key
    ``is_forbidden`` as without the right to list all, and the operations that are ``denied``.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.conditions = "kept"
        self.is_forbidden = False
        self.denied: set[str] = set()
        self.seen: list[tuple[str, str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeS3

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        _, bucket, key = f"{unquote(parts.path)}/".split("/", 2)
        key = key.rstrip("/")
        self._note(key)
        if bucket != "b":
            self._refuse(404, "NoSuchBucket", "The specified bucket does not exist")
        elif not key:
            self._list(parse_qs(parts.query).get("prefix", [""])[0])
        elif "get" in self.server.denied or (key not in self.server.objects and self.server.is_forbidden):
            self._refuse(403, "AccessDenied", "Access Denied")
        elif key not in self.server.objects:
            self._refuse(404, "NoSuchKey", "The specified key does not exist.")
        else:
            self._answer(200, self.server.objects[key])

    def do_PUT(self) -> None:
        key = unquote(urlsplit(self.path).path).removeprefix("/b/")
        self._note(key)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "put" in self.server.denied:
            self._refuse(403, "AccessDenied", "Access Denied")
        elif "aws-chunked" in self.headers.get("Content-Encoding", ""):
            self._refuse(400, "XAmzContentSHA256Mismatch", "a checksum behind the body is not supported")
        elif self.headers.get("If-None-Match") and self.server.conditions == "lacking":
            self._refuse(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
        elif self.headers.get("If-None-Match") and self.server.conditions == "kept" and key in self.server.objects:
            self._refuse(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        else:
            self.server.objects[key] = body
            self._answer(200)

    def do_DELETE(self) -> None:
        key = unquote(urlsplit(self.path).path).removeprefix("/b/")
        self._note(key)
        if "delete" in self.server.denied:
            self._refuse(403, "AccessDenied", "Access Denied")
            return
        self.server.objects.pop(key, None)
        self._answer(204)

    def _list(self, prefix: str) -> None:
        if "list" in self.server.denied:
            self._refuse(403, "AccessDenied", "Access Denied")
            return
        keys = sorted(key for key in self.server.objects if key.startswith(prefix))
        found = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in keys)
        self._answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode())

    def _note(self, key: str) -> None:
        self.server.seen.append((self.command, key, dict(self.headers)))

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def fake_s3() -> Iterator[FakeS3]:
    """A store that runs until the end of the block."""
    server = FakeS3()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
