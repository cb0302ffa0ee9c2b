"""How connections to the warehouse are made, the SQL files, and the lock of a settlement day.

The package connects by `minerecon_dagster.warehouse.warehouse.Warehouse`.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from string import Template
from threading import Thread
from typing import Any, cast

import psycopg2
from psycopg2 import errorcodes
from psycopg2.extensions import connection as PostgresConnection  # noqa: N812 - a class of that name
from psycopg2.extensions import cursor as PostgresCursor  # noqa: N812 - a class of that name
from sqlalchemy import Connection, Engine, TextClause, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from minerecon_dagster.core.addresses import client_parameters, session_ends
from minerecon_dagster.core.errors import ConfigurationError, DayBusyError, MinereconError, one_line
from minerecon_dagster.warehouse.roles import PIPELINE
from minerecon_dagster.warehouse.sums import Grain, names


class WarehouseError(MinereconError, SQLAlchemyError):
    """The server ended a statement at a time limit, or a wait; ``str()`` is one clear line, with what to do."""


class RefusedError(WarehouseError, ConfigurationError, ProgrammingError):
    """The role of a connection lacks a right; ``str()`` is one clear line, with what to do.

    Args:
        message: that line.
        error: what the server said.
    """

    def __init__(self, message: str, error: psycopg2.Error) -> None:
        DBAPIError.__init__(self, None, None, error)
        self._line = message

    def __str__(self) -> str:
        return self._line


class OtherSchemaError(RefusedError):
    """A table, view, column or function that a statement asks for is not there: the warehouse is of another version."""


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


_APPLICATION = "minerecon"
# Not before `db upgrade` has let the role in: what an older one left works on as the owner until then.
_PIPELINE = f"""
SELECT r.rolname FROM pg_catalog.pg_roles AS r
WHERE r.rolname = '{PIPELINE}'
  AND pg_catalog.has_schema_privilege(r.oid, CAST(pg_catalog.to_regnamespace('minerecon') AS oid), 'USAGE')
  AND pg_catalog.pg_has_role(session_user, r.oid, '{{may}}')
"""  # noqa: S608 - a constant
# Whose the tables are, or will be: the database's owner. A login that is leased becomes it, so that the next one finds
# nothing that is another's. What an older upgrade made otherwise is its maker's until it is handed over.
_OWNER = """
SELECT r.rolname FROM pg_catalog.pg_database AS d
LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = 'minerecon'
JOIN pg_catalog.pg_roles AS r ON r.oid = coalesce(n.nspowner, d.datdba)
WHERE d.datname = current_database() AND r.rolname <> session_user
  AND pg_catalog.pg_has_role(session_user, r.oid, '{may}')
"""
# Behind a pool of connections the process that answers is not the one that the pool has named. A session is nobody's
# there, so nothing is set for it: what its role does not bring, each transaction sets for itself.
_ENDS = "".join(
    f"\n       CASE WHEN NOT w.is_pooled THEN set_config('{name}', '{value}', false) END,"
    for name, value in session_ends()
)
_BEGIN_SESSION = """
SELECT w.is_pooled, pg_catalog.quote_ident(w.role),
       coalesce(w.role = current_user, true)
       AND current_setting('search_path') = 'public' AND current_setting('TimeZone') = 'UTC' AS is_in_place,
       CASE WHEN NOT w.is_pooled THEN set_config('search_path', 'public', false) END,
       CASE WHEN NOT w.is_pooled THEN set_config('TimeZone', 'UTC', false) END,{ends}
       CASE WHEN NOT w.is_pooled AND w.role IS NOT NULL THEN set_config('role', w.role, false) END
FROM (SELECT pg_catalog.pg_backend_pid() <> %s AS is_pooled, ({role}) AS role) AS w
"""
_TAKEN_ALONG = "minerecon.begins_with"
"""Of a connection behind a pool: the statements with which each of its transactions begins."""
_NOT_THERE = (
    errorcodes.UNDEFINED_TABLE,
    errorcodes.UNDEFINED_COLUMN,
    errorcodes.UNDEFINED_FUNCTION,
    errorcodes.INVALID_SCHEMA_NAME,
)
_TRANSACTION_TIMEOUT = "25P04"
_AT_A_TIME_LIMIT = (errorcodes.QUERY_CANCELED, _TRANSACTION_TIMEOUT)
"""What a server says when it ends a statement or a transaction, whatever its language."""
_LIMITS = ("statement_timeout", "idle_in_transaction_session_timeout")
_KNOWS_TRANSACTION_TIMEOUT = (17,)
LONGEST_WAIT_S = 900.0
"""How long work waits for other work of the same kind, in seconds."""
_GIVEN_UP_WITHIN_S = 0.5
"""So often whoever waits for a day's lock looks whether that is still wanted, in seconds."""
_KEPT_CONNECTIONS = 8
"""As many as work on days at once: what three have as their locks, what two are built by, and what follows a day."""
_KNOWS_SET = 160000
"""PostgreSQL 16: the first in which a member of a role need not be allowed to act as it."""


def open_warehouse(url: str, *, as_owner: bool = False) -> Engine:
    """An engine for the warehouse at ``url`` (``postgresql+psycopg2://…``); connects when used.

    Its connections work as ``minerecon_pipeline``, which may change data and not the schema, as soon as
    `db upgrade` has let that role in. Behind a pool of connections (pgbouncer) nothing is set that outlives a
    transaction: a login whose role brings all of it needs nothing, and of another each transaction begins with it.

    Args:
        url: of a login that may be the pipeline, or of the owner of the database.
        as_owner: work as the owner in any case, to make what no migration makes.
    """
    arguments = {**client_parameters(url), "application_name": _APPLICATION}
    engine = create_engine(url, pool_size=_KEPT_CONNECTIONS, pool_pre_ping=True, connect_args=arguments)

    @event.listens_for(engine, "connect")
    def _session(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        begin = begin_session(cast("PostgresConnection", connection), engine.url.username, as_owner=as_owner)
        if begin is not None:
            entry.info[_TAKEN_ALONG] = begin

    @event.listens_for(engine, "begin")
    def _transaction(connection: Connection) -> None:
        if (begin := connection.info.get(_TAKEN_ALONG)) and not _commits_by_itself(connection):
            connection.exec_driver_sql(begin)

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def _statement(connection: Connection, _cursor: object, asked: str, values: Any, *_: object) -> tuple[str, Any]:
        if (begin := connection.info.get(_TAKEN_ALONG)) and _commits_by_itself(connection):
            asked = f"{begin}; {asked}"  # several statements at once are a transaction
        return asked, values

    @event.listens_for(engine, "handle_error")
    def _named(context: ExceptionContext) -> None:
        _raise_with_what_to_do(context.original_exception, engine.url.username)

    return engine


def _commits_by_itself(connection: Connection) -> bool:
    raw = cast("PostgresConnection", connection.connection.dbapi_connection)
    return raw.autocommit


def begin_session(connection: PostgresConnection, login: str | None, *, as_owner: bool = False) -> str | None:
    """Let a connection that was just opened work in its role, with names and times as this package wants them.

    Args:
        connection: to the server, or to a pool before it; outside of a transaction.
        login: its user's name, for messages.
        as_owner: work as the owner of the database's tables, and not as the pipeline.

    Returns:
        None where the session is set up; behind a pool whose sessions are not, the statements, without a
        parameter, that each transaction has to begin with.
    """
    may = "SET" if connection.server_version >= _KNOWS_SET else "MEMBER"
    role_to_be = (_OWNER if as_owner else _PIPELINE).format(may=may)
    with connection.cursor() as session:
        try:
            # A role named like the schema would otherwise have it on its search path, and names would differ by role.
            session.execute(_BEGIN_SESSION.format(role=role_to_be, ends=_ENDS), (connection.get_backend_pid(),))
            is_pooled, role, is_in_place, *_ = cast("tuple[Any, ...]", session.fetchone())
        except psycopg2.Error as error:
            _raise_with_what_to_do(error, login)
            raise
    if not connection.autocommit:
        connection.commit()
    if not is_pooled or is_in_place:
        return None
    # No SELECT: it would take the transaction's snapshot.
    work_as = [f"SET LOCAL ROLE {role}"] if role else []
    return "; ".join(["SET LOCAL search_path = public", "SET LOCAL timezone = 'UTC'", *work_as])


def login_of(url: str) -> str | None:
    """The name with which ``url`` (``postgresql+psycopg2://…``) logs in."""
    return make_url(url).username


def goes_through_a_pool(connection: PostgresConnection) -> bool:
    """Whether a pool of connections, as pgbouncer, stands between a connection and the server."""
    with connection.cursor() as session:
        session.execute("SELECT pg_catalog.pg_backend_pid()")
        (pid,) = cast("tuple[int]", session.fetchone())
    return pid != connection.get_backend_pid()


def each_alone(begins_with: str, kind: type[PostgresCursor] = PostgresCursor) -> type[PostgresCursor]:
    """A kind of cursor for a connection that commits by itself, behind a pool, where no session is anybody's.

    Each `execute` brings what it needs: several statements at once are a transaction.

    Args:
        begins_with: statements, without a parameter.
        kind: what it is beside that.
    """

    class EachAlone(kind):  # type: ignore[misc, valid-type]  # of a kind that is given
        def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - the base class calls it so
            asked = query if isinstance(query, str) else query.as_string(self)
            super().execute(f"{begins_with}; {asked}", vars)

    return EachAlone


def _raise_with_what_to_do(error: BaseException, role: str | None) -> None:
    """By what the server calls it (SQLSTATE): its words are in its administrator's language."""
    if not isinstance(error, psycopg2.Error):
        return
    says = " ".join(str(error).split())
    if error.pgcode == errorcodes.INSUFFICIENT_PRIVILEGE:
        whose = f"the login {role}" if role else "the login of DATABASE_URL"
        raise RefusedError(
            f"the warehouse refuses {whose}: {says}; run `minerecon db upgrade` as the owner of the database, "
            "and what it says is left to a superuser; or correct DATABASE_URL",
            error,
        ) from error
    if error.pgcode in _NOT_THERE:
        says = " ".join(str(error.diag.message_primary).split())
        raise OtherSchemaError(
            f"the warehouse is not as this version needs it: {says}; run `minerecon db upgrade`", error
        ) from error
    if error.pgcode == errorcodes.READ_ONLY_SQL_TRANSACTION:
        raise WarehouseError(
            f"the warehouse takes no change now: {says}; if DATABASE_URL leads to a standby, let it lead to the primary"
        ) from error
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
def alone(engine: Engine, kind: int, which: int) -> Iterator[None]:
    """Keep all others waiting that enter with the same two numbers, in whatever process; what is read inside is newer.

    Args:
        engine: the warehouse.
        kind: of what is written, as whoever writes it has it.
        which: the one of its kind.
    """
    with engine.connect() as connection, connection.begin():
        wait_for_locks(connection)
        connection.execute(text("SELECT pg_advisory_xact_lock(:kind, :which)"), {"kind": kind, "which": which})
        yield


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
    """Let the transaction that is open, or begins now, be the owner's to its end: for changes of the schema.

    The owner is whose the tables are, which is the database's; a login that may not be it acts as itself.
    """
    version = connection.dialect.server_version_info
    may = "SET" if version and version >= (_KNOWS_SET // 10_000,) else "MEMBER"
    owner = f"({_OWNER.format(may=may)})"
    connection.exec_driver_sql(f"SELECT pg_catalog.set_config('role', coalesce({owner}, 'none'), true)")


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
        # The driver asks the reader whether the server runs, in a line of its own: what is to be done is ours to say.
        lines = [line.strip() for line in str(error.orig).strip().splitlines()]
        reason = ([line for line in lines if not line.endswith("?")] or lines)[-1]
        raise ConfigurationError(
            f"{variable}: cannot connect to {where}: {reason}; start the server, or correct {variable}"
        ) from None


@contextmanager
def day_lock(
    engine: Engine,
    day: dt.date,
    *,
    wait_s: float = LONGEST_WAIT_S,
    is_given_up: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """Work on ``day`` alone: a second holder, in any process, waits until this one ends or dies.

    The lock is an uncommitted row: only a role that may write can hold it, readers never meet it, and
    it goes with the connection. An interruption (Ctrl-C, SIGTERM) ends the wait.

    Args:
        engine: the warehouse.
        day: settlement date.
        wait_s: how long to wait for another holder.
        is_given_up: whether nobody wants the lock any more; asked while it is waited for.

    Raises:
        DayBusyError: another run held the day for ``wait_s`` seconds.
        CancelledError: the wait was given up.
    """
    with engine.connect() as connection:
        transaction = connection.begin()
        try:
            wait_for_locks(connection, wait_s)
            asked = text("INSERT INTO minerecon.day_locks (settlement_date) VALUES (:day)")
            _execute_unless_given_up(connection, asked, {"day": day}, is_given_up)
        except WarehouseError as error:
            transaction.rollback()
            if getattr(error.__cause__, "pgcode", None) != errorcodes.LOCK_NOT_AVAILABLE:
                raise
            raise DayBusyError(
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


def _execute_unless_given_up(
    connection: Connection, asked: TextClause, values: Mapping[str, object], is_given_up: Callable[[], bool]
) -> None:
    """Execute a statement that may wait for long, in another thread: no signal reaches who waits for the server."""
    raw = cast("PostgresConnection", connection.connection.dbapi_connection)
    executed: Future[object] = Future()

    def execute() -> None:
        if not executed.set_running_or_notify_cancel():
            return
        try:
            executed.set_result(connection.execute(asked, values))
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits for it
            executed.set_exception(error)

    try:
        Thread(target=execute, name="lock", daemon=True).start()
        while not wait([executed], _GIVEN_UP_WITHIN_S).done:
            if is_given_up():
                raise CancelledError
    except BaseException:
        # Again and again: the statement may not have begun when the server is told to end it.
        while not executed.done() and not executed.cancel():
            with suppress(psycopg2.Error):  # of a server that is gone the statement ends by itself
                raw.cancel()
            wait([executed], _GIVEN_UP_WITHIN_S)
        raise
    executed.result()


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
            _raise_with_what_to_do(error, connection.engine.url.username)
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
