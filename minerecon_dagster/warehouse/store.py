"""How connections to the warehouse are made, the SQL files, and the lock of a settlement day.

The package connects by `minerecon_dagster.warehouse.warehouse.Warehouse`.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from string import Template
from typing import cast

import psycopg2
from psycopg2 import errorcodes
from psycopg2.extensions import cursor as PostgresCursor  # noqa: N812 - a class of that name
from sqlalchemy import Connection, Engine, TextClause, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from minerecon_dagster.core.addresses import set_session_ends, time_outs
from minerecon_dagster.core.errors import ConfigurationError, MinereconError, one_line
from minerecon_dagster.warehouse.roles import PIPELINE
from minerecon_dagster.warehouse.sums import Grain, names


class WarehouseError(MinereconError, SQLAlchemyError):
    """The server ended a statement at a time limit, or a wait; ``str()`` is one clear line, with what to do."""


_log = logging.getLogger(__name__)
_SQL = Path(__file__).parent / "sql"


@cache
def sql(name: str, grain: Grain | None = None) -> str:
    """The statement in ``sql/NAME.sql``, with ``:named`` parameters; its ``$names`` are those of `sums.names`."""
    written = (_SQL / f"{name}.sql").read_text("utf-8")
    return Template(written).substitute(names(grain)) if "$" in written else written


@cache
def statement(name: str, grain: Grain | None = None) -> TextClause:
    """The statement in ``sql/NAME.sql``, ready to execute."""
    return text(sql(name, grain))


_SESSION = f"SET search_path = public; SET timezone = 'UTC'; SET application_name = 'minerecon'; {set_session_ends()}"
# Not before `db upgrade` has let the role in: what an older one left works on as the owner until then.
_WORK_AS_THE_PIPELINE = f"""
SELECT set_config('role', rolname, false) FROM pg_catalog.pg_roles
WHERE rolname = '{PIPELINE}' AND has_schema_privilege(oid, CAST(to_regnamespace('minerecon') AS oid), 'USAGE')
  AND pg_has_role(session_user, oid, '{{may}}')
"""  # noqa: S608 - a constant
_TRANSACTION_TIMEOUT = "25P04"
_AT_A_TIME_LIMIT = (errorcodes.QUERY_CANCELED, _TRANSACTION_TIMEOUT)
"""What a server says when it ends a statement or a transaction, whatever its language."""
_LIMITS = ("statement_timeout", "idle_in_transaction_session_timeout")
_KNOWS_TRANSACTION_TIMEOUT = (17,)
LONGEST_WAIT_S = 900.0
"""How long work waits for other work of the same kind, in seconds."""
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
    engine = create_engine(url, pool_pre_ping=True, connect_args=time_outs(url))

    @event.listens_for(engine, "connect")
    def _session(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # A role named like the schema would otherwise have it on its search path, and names would differ by role.
        with connection.cursor() as session:  # type: ignore[attr-defined]
            may = "SET" if connection.server_version >= _KNOWS_SET else "MEMBER"
            role = "" if as_owner else _WORK_AS_THE_PIPELINE.format(may=may)
            try:
                session.execute("; ".join((_SESSION, role)))
            except psycopg2.Error as error:
                _raise_at_a_time_limit(error, engine.url.username)
                raise
        connection.commit()

    @event.listens_for(engine, "handle_error")
    def _named(context: ExceptionContext) -> None:
        _raise_at_a_time_limit(context.original_exception, engine.url.username)

    return engine


def _raise_at_a_time_limit(error: BaseException, role: str | None) -> None:
    if not isinstance(error, psycopg2.Error):
        return
    says = " ".join(str(error).split())
    if error.pgcode == errorcodes.LOCK_NOT_AVAILABLE:
        raise WarehouseError(
            f"another session holds what a statement needs: {says}; wait for it or end it, and try again"
        ) from error
    if error.pgcode in _AT_A_TIME_LIMIT:
        whose = f"role {role}" if role else "the role of DATABASE_URL"
        raise WarehouseError(
            f"the warehouse ended a statement of {whose}: {says}; if that is a limit of the role, lift it: "
            f"ALTER ROLE {role or '…'} SET statement_timeout = 0, and the same of transaction_timeout"
        ) from error


def wait_for_locks(connection: Connection, longest_s: float = LONGEST_WAIT_S) -> None:
    """Let the open transaction wait for locks, each for up to ``longest_s`` seconds, and then hold them.

    A limit that a role or a server sets to a statement or a transaction is for work that hangs; who waits for
    others' work, or keeps others waiting while it fetches, does not. It holds to the transaction's end.
    """
    lifted = [f"SET LOCAL {limit} = 0" for limit in _limits(connection)]
    connection.exec_driver_sql("; ".join([f"SET LOCAL lock_timeout = {int(longest_s * 1000)}", *lifted]))


@contextmanager
def waiting_for_locks(connection: Connection, longest_s: float = LONGEST_WAIT_S) -> Iterator[None]:
    """`wait_for_locks` for the statements inside the ``with`` block; afterwards the role's own limits hold again.

    It takes no snapshot: one that is repeatable is of after the wait.
    """
    wait_for_locks(connection, longest_s)
    yield
    limits = ("lock_timeout", *_limits(connection))
    connection.exec_driver_sql("; ".join(f"SET LOCAL {limit} = DEFAULT" for limit in limits))


def _limits(connection: Connection) -> tuple[str, ...]:
    """The time limits that the server knows, but for that of a lock."""
    version = connection.dialect.server_version_info
    return (*_LIMITS, "transaction_timeout") if version and version >= _KNOWS_TRANSACTION_TIMEOUT else _LIMITS


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
def day_lock(engine: Engine, day: dt.date, *, wait_s: float = LONGEST_WAIT_S) -> Iterator[None]:
    """Work on ``day`` alone: a second holder, in any process, waits until this one ends or dies.

    The lock is an uncommitted row: only a role that may write can hold it, readers never meet it, and
    it goes with the connection.

    Raises:
        ConfigurationError: another run held the day for ``wait_s`` seconds.
    """
    with engine.connect() as connection:
        transaction = connection.begin()
        try:
            wait_for_locks(connection, wait_s)
            connection.execute(text("INSERT INTO minerecon.day_locks (settlement_date) VALUES (:day)"), {"day": day})
        except WarehouseError as error:
            transaction.rollback()
            if getattr(error.__cause__, "pgcode", None) != errorcodes.LOCK_NOT_AVAILABLE:
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
                _log.warning("%s: the connection that held the day's lock was lost: %s", day, one_line(error))


@contextmanager
def cursor(connection: Connection) -> Iterator[PostgresCursor]:
    """A psycopg2 cursor of the connection's transaction, for COPY and for many rows at once.

    Raises:
        DBAPIError, WarehouseError: as any other statement; psycopg2's own errors nobody expects.
    """
    raw = connection.connection.dbapi_connection
    assert raw is not None
    with cast("PostgresCursor", raw.cursor()) as opened:
        try:
            yield opened
        except psycopg2.Error as error:
            _raise_at_a_time_limit(error, connection.engine.url.username)
            raise DBAPIError.instance(None, None, error, psycopg2.Error) from error


def execute_script(
    connection: Connection, name: str, parameters: Mapping[str, object], grain: Grain | None = None
) -> None:
    """Execute the statements of ``sql/NAME.sql``, separated by semicolons, in one round trip."""
    connection.execute(statement(name, grain), parameters)


@cache
def script(*names: str) -> TextClause:
    """The statements of several files of ``sql/``, ready to execute in their order and in one round trip."""
    return text("\n".join(map(sql, names)))
