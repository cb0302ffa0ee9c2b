"""Connections to the warehouse, the SQL files, and the lock of a settlement day."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import cast

from psycopg2.extensions import cursor as PostgresCursor  # noqa: N812 - a class of that name
from sqlalchemy import Connection, Engine, TextClause, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.warehouse.roles import PIPELINE

_log = logging.getLogger(__name__)
_SQL = Path(__file__).parent / "sql"


@cache
def sql(name: str) -> str:
    """The statement in ``sql/NAME.sql``, with ``:named`` parameters."""
    return (_SQL / f"{name}.sql").read_text("utf-8")


@cache
def statement(name: str) -> TextClause:
    """The single statement in ``sql/NAME.sql``, ready to execute."""
    return text(sql(name))


_SESSION = "SET search_path = public; SET timezone = 'UTC'; SET application_name = 'minerecon'"
# Not before `db upgrade` has let the role in: what an older one left works on as the owner until then.
_WORK_AS_THE_PIPELINE = f"""
SELECT set_config('role', rolname, false) FROM pg_catalog.pg_roles
WHERE rolname = '{PIPELINE}' AND has_schema_privilege(oid, CAST(to_regnamespace('minerecon') AS oid), 'USAGE')
  AND pg_has_role(session_user, oid, '{{may}}')
"""  # noqa: S608 - a constant
_KNOWS_SET = 160000
"""PostgreSQL 16: the first in which a member of a role need not be allowed to act as it."""


def open_warehouse(url: str, *, as_owner: bool = False) -> Engine:
    """An engine for the warehouse at ``url`` (``postgresql+psycopg2://…``); connects when used.

    Its connections work as ``minerecon_pipeline``, which may change data and not the schema, as soon as
    `db upgrade` has let that role in.

    Args:
        url: of the owner of the database.
        as_owner: work as the owner in any case, to make what no migration makes.
    """
    engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})

    @event.listens_for(engine, "connect")
    def _session(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # A role named like the schema would otherwise have it on its search path, and names would differ by role.
        with connection.cursor() as session:  # type: ignore[attr-defined]
            may = "SET" if connection.server_version >= _KNOWS_SET else "MEMBER"
            role = "" if as_owner else _WORK_AS_THE_PIPELINE.format(may=may)
            session.execute("; ".join((_SESSION, role)))
        connection.commit()

    return engine


def act_as_owner(connection: Connection) -> None:
    """Let the transaction that is open, or begins now, be the owner's to its end: for changes of the schema."""
    connection.execute(text("SET LOCAL ROLE NONE"))


def check_reachable(engine: Engine, variable: str = "DATABASE_URL") -> None:
    """Connect once.

    Raises:
        ConfigurationError: the server does not answer, or refuses; the message holds no password.
    """
    try:
        with engine.connect():
            pass
    except OperationalError as error:
        where = engine.url.render_as_string(hide_password=True)
        reason = str(error.orig).strip().splitlines()[-1]
        raise ConfigurationError(f"{variable}: cannot connect to {where}: {reason}") from None


@contextmanager
def day_lock(engine: Engine, day: dt.date, *, wait_s: float = 900.0) -> Iterator[None]:
    """Work on ``day`` alone: a second holder, in any process, waits until this one ends or dies.

    The lock is an uncommitted row: only a role that may write can hold it, readers never meet it, and
    it goes with the connection.

    Raises:
        ConfigurationError: another run held the day for ``wait_s`` seconds.
    """
    with engine.connect() as connection:
        transaction = connection.begin()
        try:
            connection.execute(text("SELECT set_config('lock_timeout', :w, true)"), {"w": f"{int(wait_s)}s"})
            # Keeps a server's idle limit from ending the lock while a day is fetched.
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            connection.execute(text("INSERT INTO minerecon.day_locks (settlement_date) VALUES (:day)"), {"day": day})
        except OperationalError as error:
            transaction.rollback()
            if "lock timeout" not in str(error.orig):
                raise
            raise ConfigurationError(
                f"{day}: another run has worked on this day for {int(wait_s)} s; wait for it or end it, and try again"
            ) from error
        try:
            yield
        finally:
            try:
                transaction.rollback()
            except DBAPIError as error:
                # The lock went with its connection, and what was done under it is committed or not by itself: a day
                # that is stored is not reported as not done.
                _log.warning("%s: the connection that held the day's lock was lost: %s", day, _one_line(error))


def _one_line(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())


def cursor(connection: Connection) -> PostgresCursor:
    """A psycopg2 cursor of the connection's transaction, for COPY and for many rows at once."""
    raw = connection.connection.dbapi_connection
    assert raw is not None
    return cast("PostgresCursor", raw.cursor())


def execute_script(connection: Connection, name: str, parameters: dict[str, object]) -> None:
    """Execute the statements of ``sql/NAME.sql``, separated by semicolons at the ends of lines."""
    for part in sql(name).split(";\n"):
        if part.strip():
            connection.execute(text(part), parameters)
