"""End what harms others in the sessions of readers. A session can lift its own time-outs, and this is none of its own.

A reader is whoever is a member of the analysts' role and may not be the pipeline. At the worst moment nobody can log
in, since somebody waits for a lock on a catalog, and everybody behind him: so the watchdog keeps its connection, and
what it asks then it has prepared before.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import connection as PostgresConnection  # noqa: N812 - a class of that name
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class of that name
from psycopg2.extras import DictCursor
from sqlalchemy import Engine

from minerecon_dagster.core.printable import printable
from minerecon_dagster.warehouse.roles import ANALYST, API, PIPELINE
from minerecon_dagster.warehouse.store import begin_session, each_alone, goes_through_a_pool, open_warehouse

IDLE_FOR_S = 3600.0
"""A session that did nothing for so long is ended: it keeps memory, and may have lifted the limit of its role."""
SESSION_FOR_S = 86_400.0
"""A session as old as this is ended."""
LOCK_HELD_FOR_S = 1.0
"""A transaction as old as this holds no lock but ACCESS SHARE; whoever waits for one is ended at once."""
QUEUE_SHARE = 0.05
"""From this share of the server's queue of notifications on, readers' open transactions are ended: they may hold it."""
PATIENCE_S = 5.0
"""How long a cancelled statement may take to end."""
EVERY_S = 1.0
"""Between two looks."""
FORGOTTEN_AFTER_S = 600.0
"""A watch that nobody asked for its findings for so long ends: its sensor is switched off, or the daemon is down."""
_AFTER_A_FAILURE_S = 5.0
_POLL_SECONDS = 0.05
_ANSWER_WITHIN_MS = 5000
_CATALOG_WITHIN_MS = 200
_MOST_UNTOLD = 1000

_SQL = Path(__file__).parent / "sql" / "roles"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Session:
    """A reader's session as the server sees it.

    Args:
        may_look: whether the watchdog may look into it; otherwise it knows no times but the session's.
        is_service: the read API's, which keeps its connections.
        statement_s, transaction_s, idle_s: since when there is one, or none; None: there is not.
        session_s: since its start.
        waits, holds: for, or, a lock on a table that no reader needs.
    """

    may_look: bool
    is_service: bool
    statement_s: float | None
    transaction_s: float | None
    idle_s: float | None
    session_s: float
    waits: bool
    holds: bool


@dataclass(frozen=True)
class Limits:
    """What a reader's session may do.

    Args:
        statement_s: how long a statement may take; a transaction may take twice that.
        queue: share of the server's queue of notifications that is full.
    """

    statement_s: float
    queue: float = 0.0


def judge(session: Session, limits: Limits) -> tuple[str, float] | None:
    """Why a session, or its statement, is to be ended, and for how long it has gone on; None: it is not."""
    transaction_s, idle_s = session.transaction_s or 0.0, session.idle_s or 0.0
    if session.waits or (session.holds and transaction_s > LOCK_HELD_FOR_S):
        return "lock", transaction_s
    if not session.may_look:
        return "hidden", session.session_s
    if session.statement_s is not None and session.statement_s > limits.statement_s:
        return "statement", session.statement_s
    if transaction_s > 2 * limits.statement_s:
        return "transaction", transaction_s
    if session.transaction_s is not None and limits.queue > QUEUE_SHARE:
        return "queue", transaction_s
    if not session.is_service and idle_s > IDLE_FOR_S:
        return "idle", idle_s
    if not session.is_service and session.session_s > SESSION_FOR_S:
        return "session", session.session_s
    return None


_WORDS = {
    "statement": "statement",
    "transaction": "transaction",
    "lock": "session with a lock that no reader needs",
    "queue": "transaction, while the queue of notifications filled,",
    "idle": "idle session",
    "session": "session of over a day",
    "prepared": "prepared transaction",
    "hidden": "session",
}


@dataclass(frozen=True)
class Overlong:
    """What went on for too long, or held others up, and what was done about it.

    ``kind`` is a key of the words above: ``hidden`` where the watchdog may not look into the session, ``prepared`` a
    prepared transaction, which has none (``pid`` 0). ``outcome`` is ``cancelled`` (the statement), ``terminated`` (the
    session), ``rolled back`` or ``not ended``.
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
        who = f"{printable(self.role)} in {printable(self.database)}" + (f" from {self.client}" if self.client else "")
        if self.kind == "prepared" and self.outcome == "not ended":
            return (
                f"the prepared transaction {self.query!r} of {who} could not be rolled back: as a superuser, in that "
                f"database: ROLLBACK PREPARED, and set max_prepared_transactions = 0"
            )
        if self.outcome == "not ended":
            return (
                f"a session of {who} (pid {self.pid}) cannot be looked into or ended: "
                f"run as a superuser: GRANT {printable(self.role)} TO {PIPELINE}"
            )
        which = f" (pid {self.pid})" if self.pid else ""
        return f"{_WORDS[self.kind]} of {who}{which} {self.outcome} after {self.seconds or 0.0:.0f} s: {self.query}"


class Watchdog:
    """Looks and ends, by one connection that it keeps; one thread at a time.

    Args:
        engine: of the warehouse; its role works as the pipeline.
        limit_s: how long a statement may take, in seconds; a transaction may take twice that.
        patience_s: how long a cancelled statement may take to end, in seconds.
    """

    def __init__(self, engine: Engine, limit_s: float, *, patience_s: float = PATIENCE_S) -> None:
        self.limit_s = limit_s
        self._engine = engine
        self._patience_s = patience_s
        self._connection: PostgresConnection | None = None
        self._is_pooled = False
        self._readers: Mapping[int, tuple[str, bool]] = {}
        self._databases: Mapping[int, str] = {}
        self._cancelled: dict[tuple[Any, ...], float] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            self._close()

    @property
    def is_waiting(self) -> bool:
        """Whether a statement that was cancelled still goes on."""
        return bool(self._cancelled)

    def look(self) -> list[Overlong] | None:
        """Look once, and end what is to be ended.

        Returns:
            What was found; None where there are no roles yet.

        Raises:
            psycopg2.Error: the server does not answer; the next look connects again where that helps.
            sqlalchemy.exc.SQLAlchemyError: the same, of a new connection.
        """
        with self._lock:
            try:
                return self._look()
            except psycopg2.OperationalError:
                if self._connection is not None and self._connection.closed:
                    self._close()
                raise

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _look(self) -> list[Overlong] | None:
        if self._connection is None:
            connection = self._connect()
            if connection is None:
                return None
            self._connection = connection
        factory = self._connection.cursor_factory if self._is_pooled else DictCursor
        with self._connection.cursor(cursor_factory=factory) as cursor:
            self._renew_names(cursor)
            readers = list(self._readers)
            if not readers:
                return []
            self._ask(cursor, "minerecon_queue")
            (queue,) = cast("tuple[float]", cursor.fetchone())
            self._ask(cursor, "minerecon_sessions", readers)
            rows = cast("list[Any]", cursor.fetchall())
            found = [row for row in (self._seen(cursor, row, Limits(self.limit_s, queue)) for row in rows) if row]
            there = {(row["pid"], row["backend_start"]) for row in rows}
            self._cancelled = {key: since for key, since in self._cancelled.items() if key in there}
            self._ask(cursor, "minerecon_prepared", readers)
            return found + [self._roll_back(cursor, row) for row in cursor.fetchall()]

    def _connect(self) -> PostgresConnection | None:
        raw = self._engine.raw_connection()
        raw.detach()  # what is set and prepared for this session is for nobody else
        connection = cast("PostgresConnection", raw.dbapi_connection)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT to_regrole(%s) IS NULL OR to_regrole(%s) IS NULL", (ANALYST, PIPELINE))
                (lacks_roles,) = cast("tuple[bool]", cursor.fetchone())
                if lacks_roles:
                    connection.close()
                    return None
                limits = f"statement_timeout = {_ANSWER_WITHIN_MS}", f"lock_timeout = {_CATALOG_WITHIN_MS}"
                self._is_pooled = goes_through_a_pool(connection)
                if self._is_pooled:
                    begins_with = [f"SET LOCAL {limit}" for limit in ("search_path = pg_catalog", *limits)]
                    role = begin_session(connection, self._engine.url.username) or ""
                    connection.cursor_factory = each_alone("; ".join(filter(None, (role, *begins_with))), DictCursor)
                    return connection
                for setting in ("search_path = pg_catalog", *limits, "idle_session_timeout = 0"):
                    cursor.execute(f"SET {setting}")
                cursor.execute((_SQL / "watch.sql").read_text("utf-8"))
        except BaseException:
            connection.close()
            raise
        return connection

    def _renew_names(self, cursor: Cursor) -> None:
        try:
            cursor.execute((_SQL / "readers.sql").read_text("utf-8"))
            readers = {oid: (name, may_look) for oid, name, may_look, _ in cursor.fetchall()}
            cursor.execute("SELECT oid, datname FROM pg_database")
            self._databases = dict(cast("list[tuple[int, str]]", cursor.fetchall()))
            if not self._readers:
                # All that a signal looks up is looked up once before it is needed.
                for name in ("minerecon_cancel", "minerecon_terminate"):
                    self._ask(cursor, name, 0, dt.datetime.now(dt.UTC))
            self._readers = readers
        except (errors.LockNotAvailable, errors.QueryCanceled):
            # Somebody holds a catalog: the worst moment. What was known a second ago will do.
            if not self._readers:
                raise

    def _seen(self, cursor: Cursor, row: Any, limits: Limits) -> Overlong | None:
        role, may_look = self._readers[row["usesysid"]]
        times = {name: row[name] for name in ("statement_s", "transaction_s", "idle_s", "session_s", "waits", "holds")}
        found = judge(Session(may_look=may_look, is_service=role == API, **times), limits)
        key = (row["pid"], row["backend_start"])
        if found is None:
            self._cancelled.pop(key, None)
            return None
        kind, seconds = found
        if kind == "hidden":
            outcome = "not ended"
        elif kind != "statement":
            outcome = self._signal(cursor, key, "minerecon_terminate", "terminated")
        elif key not in self._cancelled:
            outcome = self._signal(cursor, key, "minerecon_cancel", "cancelled")
            if outcome == "cancelled":
                self._cancelled[key] = time.monotonic()
        elif time.monotonic() - self._cancelled[key] > self._patience_s:
            outcome = self._signal(cursor, key, "minerecon_terminate", "terminated")
        else:
            return None
        return Overlong(
            pid=row["pid"],
            role=role,
            database=self._databases.get(row["datid"], "?"),
            client=row["client"],
            kind=kind,
            seconds=seconds,
            query=printable(row["query"] or ""),
            outcome=outcome,
        )

    def _ask(self, cursor: Cursor, name: str, *values: Any) -> None:
        """Execute a statement of ``watch.sql``: as it was prepared, or as it stands behind a pool, which keeps none."""
        kinds, statement = _statements()[name]
        if not self._is_pooled:
            given = ", ".join(f"%s::{kind}" for kind in kinds)
            cursor.execute(f"EXECUTE {name}({given})" if kinds else f"EXECUTE {name}", values or None)
            return
        for number, (kind, value) in enumerate(zip(kinds, values, strict=True), 1):
            literal = cursor.mogrify("%s", (value,)).decode()
            statement = statement.replace(f"${number}", f"CAST({literal} AS {kind})")
        cursor.execute(statement)

    def _signal(self, cursor: Cursor, key: tuple[Any, ...], statement: str, outcome: str) -> str:
        try:
            self._ask(cursor, statement, *key)
        except errors.InsufficientPrivilege:
            return "not ended"
        return outcome

    def _roll_back(self, cursor: Cursor, row: Any) -> Overlong:
        """A prepared transaction outlives its session, and restarts; only its owner, in its database, rolls it back."""
        role, outcome = self._readers[row["ownerid"]][0], "not ended"
        database = self._databases.get(row["dbid"], "?")
        if self._is_pooled:  # it takes a session in which nothing is open, and which is another's role for a while
            return Overlong(0, role, database, None, "prepared", row["seconds"], printable(row["gid"]), outcome)
        cursor.execute("SELECT current_setting('role')")
        (before,) = cast("tuple[str]", cursor.fetchone())
        try:
            cursor.execute("SELECT set_config('role', %s, false)", (role,))
            cursor.execute("ROLLBACK PREPARED %s", (row["gid"],))
            outcome = "rolled back"
        except psycopg2.OperationalError:
            raise
        except psycopg2.Error as error:
            _log.info("a prepared transaction of %s: %s", role, " ".join(str(error).split()))
        finally:
            cursor.execute("SELECT set_config('role', %s, false)", (before,))
        return Overlong(0, role, database, None, "prepared", row["seconds"], printable(row["gid"]), outcome)


@cache
def _statements() -> Mapping[str, tuple[tuple[str, ...], str]]:
    """The statements of ``watch.sql`` by their names, each with the types of its parameters."""
    found = re.findall(
        r"PREPARE (\w+)(?: \((.*?)\))? AS\s+(.*?)(?:;|\Z)", (_SQL / "watch.sql").read_text("utf-8"), re.S
    )
    return {name: (tuple(filter(None, kinds.split(", "))), statement) for name, kinds, statement in found}


def end_overlong(engine: Engine, limit_s: float, *, patience_s: float = PATIENCE_S) -> list[Overlong] | None:
    """Look once, and wait until what was cancelled has ended, or end its session.

    Args:
        engine: of the warehouse; its role works as the pipeline.
        limit_s: how long a statement may take, in seconds; a transaction may take twice that.
        patience_s: how long a cancelled statement may take to end, in seconds.

    Returns:
        What was found, each with what was done in the end; None where there are no roles yet.
    """
    with closing(Watchdog(engine, limit_s, patience_s=patience_s)) as watchdog:
        found = watchdog.look()
        if found is None:
            return None
        last = {(one.pid, one.query if not one.pid else ""): one for one in found}
        while watchdog.is_waiting:
            time.sleep(_POLL_SECONDS)
            last |= {key: one for one in watchdog.look() or [] if (key := (one.pid, "")) in last}
        return list(last.values())


@dataclass
class Watch:
    """A thread that looks every `EVERY_S`, for as long as somebody asks what it found.

    Args:
        watchdog: whose looks they are.
        clock: monotonic seconds.
    """

    watchdog: Watchdog
    clock: Callable[[], float] = time.monotonic
    _untold: list[Overlong] = field(default_factory=list)
    _asked_at: float = 0.0
    _thread: threading.Thread | None = None
    _ends: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def told(self) -> list[Overlong] | None:
        """What was found since this was asked last, a look made now included; None where there are no roles yet.

        Raises:
            psycopg2.Error, sqlalchemy.exc.SQLAlchemyError: the server does not answer.
        """
        self._asked_at = self.clock()
        now = self.watchdog.look()
        if now is None:
            return None
        if self._thread is None or not self._thread.is_alive():
            self._ends.clear()
            self._thread = threading.Thread(target=self._run, name="readers-watchdog", daemon=True)
            self._thread.start()
        with self._lock:
            told, self._untold = [*self._untold, *now], []
        return told

    def stop(self) -> None:
        """End the thread and its connection."""
        self._ends.set()
        if self._thread is not None:
            self._thread.join()
        self.watchdog.close()

    def _run(self) -> None:
        wait_s = EVERY_S
        while not self._ends.wait(wait_s) and self.clock() - self._asked_at < FORGOTTEN_AFTER_S:
            try:
                self._keep(self.watchdog.look() or [])
                wait_s = EVERY_S
            except Exception as error:  # noqa: BLE001 - a watch that ends unseen watches nobody; the tick says it too
                _log.warning("the watchdog could not look: %s", " ".join(str(error).split()))
                wait_s = _AFTER_A_FAILURE_S
        self.watchdog.close()

    def _keep(self, found: Sequence[Overlong]) -> None:
        for one in found:
            if one.outcome != "not ended":
                _log.warning("%s", one)
        with self._lock:
            # What cannot be ended is found at each look; the tick's own look says it.
            kept = [*self._untold, *(one for one in found if one.outcome != "not ended")]
            self._untold = kept[-_MOST_UNTOLD:]


_watches: dict[str, Watch] = {}
_watches_lock = threading.Lock()


def watch(url: str, limit_s: float) -> Watch:
    """The watch over the server of ``url`` in this process, which lasts from one tick of its sensor to the next."""
    with _watches_lock:
        if url not in _watches:
            _watches[url] = Watch(Watchdog(open_warehouse(url), limit_s))
        _watches[url].watchdog.limit_s = limit_s
        return _watches[url]


def stop_watching() -> None:
    """End every watch of this process."""
    with _watches_lock:
        for kept in _watches.values():
            kept.stop()
        _watches.clear()
