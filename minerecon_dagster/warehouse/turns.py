"""Where the turns of requests are given out: a row of the warehouse for each source, by the server's own clock.

The functions are in ``sql/objects/11_turns.sql``. Every statement stands for itself and is short: nobody waits for
another longer than for the network. The answer is a duration, so that no host's clock matters.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from minerecon_dagster.core.errors import one_line
from minerecon_dagster.http.rate_limit import TurnsUnavailableError
from minerecon_dagster.warehouse.store import open_warehouse

_TAKE = text("SELECT minerecon.take_turn(:source, :count, :interval_us, :ahead_us)")
_HOLD = text("SELECT minerecon.hold_turns(:source, :hold_us, :ahead_us)")
_HELD = text("SELECT minerecon.turns_held(:source)")


class TurnsInWarehouse:
    """The turns of a source; `http.rate_limit.Turns` says what its methods are. It connects when it is first asked.

    Args:
        url: of the warehouse.
        base_url: of the source; all that ask the same host share its turns.
    """

    def __init__(self, url: str, base_url: str) -> None:
        self._engine = open_warehouse(url)
        self._connection: Connection | None = None
        self._one_at_a_time = threading.Lock()
        self._source = urlsplit(base_url).netloc.rpartition("@")[2].lower()

    def take(self, count: int, interval_us: int, ahead_us: int) -> int:
        """Take ``count`` turns."""
        return int(self._ask(_TAKE, count=count, interval_us=interval_us, ahead_us=ahead_us))

    def hold(self, hold_us: int, ahead_us: int) -> None:
        """Let nobody start."""
        self._ask(_HOLD, hold_us=hold_us, ahead_us=ahead_us)

    def held_us(self) -> int:
        """How long nobody may start."""
        return int(self._ask(_HELD))

    def close(self) -> None:
        """End the connection."""
        with self._one_at_a_time:
            self._drop()
        self._engine.dispose()

    def _ask(self, statement: TextClause, **parameters: int) -> Any:
        # The connection is kept, so that a question is one round trip: no transaction is begun, and no pool asks first.
        with self._one_at_a_time:
            try:
                if self._connection is None:
                    self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                return self._connection.execute(statement, {"source": self._source, **parameters}).scalar_one()
            except SQLAlchemyError as error:
                self._drop()
                raise TurnsUnavailableError(f"the warehouse gives out no turns: {one_line(error)}") from error

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.invalidate()
                connection.close()
