"""The connection of a request under way, which another thread can cut: time-outs of a socket are between its bytes."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager


class Line:
    """What one session has under way: a request at a time, and until when it may take."""

    def __init__(self) -> None:
        self.was_cut = False
        self._ends_at: float | None = None
        self._line: socket.socket | None = None
        self._lock = threading.Lock()

    def begin(self, longest_s: float) -> None:
        """A request begins, and may take ``longest_s`` from its first byte to its last."""
        with self._lock:
            self.was_cut = False
            self._ends_at = time.monotonic() + longest_s

    def end(self) -> None:
        """The request is over, however."""
        with self._lock:
            self._ends_at = None
            self._let_go()

    def hold(self, line: socket.socket) -> None:
        """The request goes by this connection."""
        with self._lock:
            self._let_go()
            if self._ends_at is not None:
                # A descriptor of our own: TLS takes the socket's over, and another connection may get its number.
                self._line = socket.socket(fileno=os.dup(line.fileno()))

    def cut_if_over(self) -> None:
        """Cut the connection if the request takes too long: whoever reads from it fails at once."""
        with self._lock:
            if self._ends_at is not None and time.monotonic() > self._ends_at:
                self._cut()

    def cut(self) -> None:
        """Cut the connection."""
        with self._lock:
            self._cut()

    @property
    def is_over(self) -> bool:
        """Whether the request takes too long."""
        return self._ends_at is not None and time.monotonic() > self._ends_at

    def _cut(self) -> None:
        self.was_cut = True
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


class LineAdapter(HTTPAdapter):
    """Shows a `Line` the connections of its requests."""

    def __init__(self, line: Line) -> None:
        self._line = line
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """As requests has it."""
        super().init_poolmanager(*args, **options)
        _watch(self.poolmanager, self._line)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """As requests has it."""
        manager = super().proxy_manager_for(proxy, **options)
        _watch(manager, self._line)
        return manager


def _watch(manager: PoolManager, line: Line) -> None:
    manager.pool_classes_by_scheme = {
        "http": _watched(HTTPConnectionPool, line),
        "https": _watched(HTTPSConnectionPool, line),
    }


def _watched(pool: Any, line: Line) -> Any:
    class Connection(pool.ConnectionCls):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            new: socket.socket = super()._new_conn()
            line.hold(new)
            return new

        def getresponse(self) -> Any:
            if self.sock is not None:
                line.hold(self.sock)
            return super().getresponse()

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})
