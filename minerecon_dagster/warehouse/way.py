"""The way of a migration: readers' sessions that hold what it wants are ended, and named.

A migration waits for a lock in one session; who holds it is seen from another, which must have been opened before.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from minerecon_dagster.core.errors import MinereconError, one_line
from minerecon_dagster.core.printable import printable
from minerecon_dagster.warehouse.store import statement

PATIENCE_S = 1.0
"""How long a reader's short statement may take to end by itself."""
_LOOK_S = 0.25
_MOST_OF_A_STATEMENT = 80
_log = logging.getLogger(__name__)


@dataclass
class Way:
    """Watches over a session that may wait.

    Args:
        ended: the sessions that were ended, each in a few words.
    """

    ended: list[str] = field(default_factory=list)
    _pid: int | None = None

    @contextmanager
    def of(self, connection: Connection) -> Iterator[None]:
        """Clear the way of this connection's session inside the ``with`` block."""
        self._pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        try:
            yield
        finally:
            self._pid = None

    def _look(self, beside: Connection, waiting_s: float) -> float:
        """End whoever has been in the way for long; how long somebody was."""
        pid = self._pid
        if pid is None:
            return 0.0
        found = beside.execute(statement("migrate/in_the_way"), {"pid": pid}).all()
        if not found:
            return 0.0
        if waiting_s < PATIENCE_S:
            return waiting_s + _LOOK_S
        for session in found:
            beside.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": session.pid})
            said = printable(" ".join(session.query.split()))[:_MOST_OF_A_STATEMENT]
            self.ended.append(f"{printable(session.role)} (process {session.pid}): {said}")
        return 0.0


@contextmanager
def way_cleared(engine: Engine) -> Iterator[Way]:
    """A way that is looked after inside the ``with`` block, by a thread with a connection of its own.

    Where the roles are not there yet, or may not end each other's sessions, nobody is ended.
    """
    way, over = Way(), threading.Event()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as beside:

        def watch() -> None:
            waiting_s = 0.0
            while not over.wait(_LOOK_S):
                try:
                    waiting_s = way._look(beside, waiting_s)
                except (DBAPIError, MinereconError) as error:
                    # It has its tries without this help too, and says in the end what it waited for.
                    _log.warning("who is in the migration's way cannot be seen or ended: %s", one_line(error))
                    return

        watcher = threading.Thread(target=watch, name="the migration's way", daemon=True)
        watcher.start()
        try:
            yield way
        finally:
            over.set()
            watcher.join()
