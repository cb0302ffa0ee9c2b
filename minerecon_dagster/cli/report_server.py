"""The server of the reports beside a local UI, where the dashboard cannot serve them."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PREFIX = "/reports"
"""Where the reports are, as the dashboard has them too."""


_LONGEST_S = 30
"""How long a connection may be silent: each holds a thread."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
"""What a page may load: it has its styles and pictures in itself, and no script."""


class _Pages(SimpleHTTPRequestHandler):
    """Serves the pages under the names of this machine, no file from elsewhere, and logs nothing."""

    timeout = _LONGEST_S

    def send_head(self) -> Any:
        """Refuse a page of another name that leads here, and what is no file of the folder itself."""
        port = self.server.server_address[1]  # type: ignore[index]
        if self.headers.get("Host") not in (f"127.0.0.1:{port}", f"localhost:{port}"):
            self.send_error(421)
            return None
        try:
            path = Path(self.translate_path(self.path))
            is_inside = path.resolve() == Path(self.directory).resolve() / path.relative_to(self.directory)
        except ValueError:  # of a NUL, or of a path that is below nothing
            is_inside = False
        if not is_inside:
            self.send_error(404)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        """Say what a page may load."""
        self.send_header("Content-Security-Policy", _POLICY)
        super().end_headers()

    def list_directory(self, path: Any) -> None:  # noqa: ARG002 - as the base class has it
        """Refuse: a folder is not a page."""
        self.send_error(404)

    def translate_path(self, path: str) -> str:
        """The file of an address below `PREFIX`; there is nothing elsewhere."""
        below = path.removeprefix(PREFIX)
        return super().translate_path(below if below != path else "/nothing")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server calls
        """Say nothing: the terminal is Dagster's."""


@contextmanager
def serve_reports(archive_url: str, port: int) -> Iterator[str | None]:
    """Serve the reports of a folder archive on 127.0.0.1 inside the ``with`` block.

    Args:
        archive_url: the archive's place; of S3 nothing is served.
        port: where; another free one is not looked for, since links to the pages are kept.

    Yields:
        The base URL; None where nothing is served, because the port is taken or the archive is not a folder.
    """
    if archive_url.startswith("s3://"):
        yield None
        return
    handler = functools.partial(_Pages, directory=str(Path(archive_url) / "reports"))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        yield None
        return
    with server:
        threading.Thread(target=server.serve_forever, name="reports", daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}{PREFIX}"
        finally:
            server.shutdown()
