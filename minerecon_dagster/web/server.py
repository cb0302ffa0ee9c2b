"""The server of the application: one process, one event loop, lines of JSON on standard error."""

from __future__ import annotations

import logging
import socket
import sys

import uvicorn

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.web.app import build_app
from minerecon_dagster.web.front import Access

_BACKLOG = 512
_END_WITHIN_S = 5


def run(database_url: str, access: Access, host: str, port: int) -> None:
    """Serve until the process is told to end.

    Args:
        database_url: of a login that may read.
        access: who may ask.
        host: address to listen on.
        port: 0 for any free one.

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
    logger.setLevel(logging.INFO)
    logger.propagate = False
    config = uvicorn.Config(
        build_app(database_url, access),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_END_WITHIN_S,
    )
    shown = f"[{host}]" if ":" in host else host
    print(f"The read API is at http://{shown}:{listening.getsockname()[1]}{access.prefix}/api/v1/days", flush=True)  # noqa: T201 - of the command
    with listening:
        uvicorn.Server(config).run(sockets=[listening])
