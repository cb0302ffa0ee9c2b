"""The server of the application: one process, one event loop, lines of JSON on standard error."""

from __future__ import annotations

import logging
import socket
import sys
from types import FrameType

import uvicorn

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.web.app import build_app
from minerecon_dagster.web.front import Access
from minerecon_dagster.web.pages.routes import Beside

_BACKLOG = 512
_END_WITHIN_S = 5


class _Server(uvicorn.Server):
    """A second signal ends it no sooner: Ctrl-C comes of the terminal and of the parent, and it ends in time anyway."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            super().handle_exit(sig, frame)


def run(
    database_url: str, access: Access, host: str, port: int, beside: Beside | None = None, *, quiet: bool = False
) -> None:
    """Serve until the process is told to end.

    Args:
        database_url: of a login that may read.
        access: who may ask.
        host: address to listen on.
        port: 0 for any free one.
        beside: what the pages serve and link to beside the warehouse.
        quiet: say nothing where nothing is wrong.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigurationError(f"--host {host} --port {port}: {error.strerror or error}") from None
    logger = logging.getLogger("minerecon.web")
    logger.addHandler(logging.StreamHandler(sys.stderr))
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    logger.propagate = False
    config = uvicorn.Config(
        build_app(database_url, access, beside=beside, drawing_at_once=True),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_END_WITHIN_S,
    )
    shown = f"[{host}]" if ":" in host else host
    base = f"http://{shown}:{listening.getsockname()[1]}{access.prefix}"
    if not quiet:
        print(f"The dashboard is at {base}/, the read API at {base}/api/v1/days", flush=True)  # noqa: T201 - of the command
    with listening:
        _Server(config).run(sockets=[listening])
