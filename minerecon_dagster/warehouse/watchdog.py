"""End what analysts run for too long. A session can lift its own time-outs, and this is none of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2 import errors
from psycopg2.extensions import cursor as PostgresCursor  # noqa: N812 - a class of that name
from psycopg2.extras import DictCursor
from sqlalchemy import Engine

from minerecon_dagster.warehouse.roles import ANALYST, PIPELINE

_OVERLONG = Path(__file__).parent / "sql" / "roles" / "overlong.sql"
_POLL_SECONDS = 0.05
# Of the session that was found, and of nobody who has its process id by now.
_SIGNAL = "SELECT {}(pid) FROM pg_stat_activity WHERE pid = %(pid)s AND backend_start = %(backend_start)s"


@dataclass(frozen=True)
class Overlong:
    """A session that went on for too long, and what was done about it.

    ``kind`` is ``statement``, ``transaction``, or ``hidden`` where the watchdog may not look into the
    session; ``outcome`` is ``cancelled`` (the statement), ``terminated`` (the session) or ``not ended``.
    """

    pid: int
    role: str
    database: str
    client: str | None
    kind: str
    seconds: float | None
    query: str
    outcome: str

    def __str__(self) -> str:
        who = f"{self.role} in {self.database}" + (f" from {self.client}" if self.client else "")
        if self.outcome == "not ended":
            return (
                f"a session of {who} (pid {self.pid}) cannot be looked into or ended: "
                f"run as a superuser: GRANT {self.role} TO {PIPELINE}"
            )
        return f"{self.kind} of {who} (pid {self.pid}) {self.outcome} after {self.seconds:.0f} s: {self.query}"


def end_overlong(engine: Engine, limit_s: float, *, patience_s: float = 5.0) -> list[Overlong] | None:
    """End the statements and transactions of analysts that go on for too long, in every database of the server.

    A statement is cancelled; if it goes on all the same, its session is ended. So is that of a transaction which is
    idle, or goes from one short statement to the next.

    Args:
        engine: of the warehouse; its role works as the pipeline.
        limit_s: how long a statement may take, in seconds; a transaction may take twice that.
        patience_s: how long a cancelled statement may take to end, in seconds.

    Returns:
        What was found; None where there are no roles yet.
    """
    raw = engine.raw_connection()
    try:
        assert raw.driver_connection is not None
        raw.driver_connection.autocommit = True
        with raw.driver_connection.cursor(cursor_factory=DictCursor) as cursor:
            cursor.execute("SELECT to_regrole(%s) IS NULL OR to_regrole(%s) IS NULL", (ANALYST, PIPELINE))
            return None if cursor.fetchone()[0] else _end(cursor, limit_s, patience_s)
    finally:
        # Autocommit is not for whoever would get it from the pool next.
        raw.invalidate()
        raw.close()


def _end(cursor: PostgresCursor, limit_s: float, patience_s: float) -> list[Overlong]:
    found = _look(cursor, limit_s)
    outcomes = {_key(row): _act(cursor, row) for row in found}
    deadline = time.monotonic() + patience_s
    while going_on := [row for row in _look(cursor, limit_s) if outcomes.get(_key(row)) == "cancelled"]:
        if time.monotonic() > deadline:
            for row in going_on:
                outcomes[_key(row)] = _signal(cursor, row, "pg_terminate_backend", "terminated")
            break
        time.sleep(_POLL_SECONDS)
    return [
        Overlong(
            pid=row["pid"],
            role=row["usename"],
            database=row["datname"],
            client=row["client"],
            kind=row["kind"],
            seconds=row["seconds"],
            query=" ".join((row["query"] or "").split()),
            outcome=outcomes[_key(row)],
        )
        for row in found
    ]


def _look(cursor: PostgresCursor, limit_s: float) -> list[Any]:
    cursor.execute(_OVERLONG.read_text("utf-8"), {"limit_s": limit_s})
    return list(cursor.fetchall())


def _key(row: Any) -> tuple[Any, ...]:
    return row["pid"], row["backend_start"]


def _act(cursor: PostgresCursor, row: Any) -> str:
    if row["kind"] == "hidden":
        return "not ended"
    if row["kind"] == "statement":
        return _signal(cursor, row, "pg_cancel_backend", "cancelled")
    return _signal(cursor, row, "pg_terminate_backend", "terminated")


def _signal(cursor: PostgresCursor, row: Any, function: str, outcome: str) -> str:
    try:
        cursor.execute(_SIGNAL.format(function), {"pid": row["pid"], "backend_start": row["backend_start"]})
    except errors.InsufficientPrivilege:
        return "not ended"
    return outcome
