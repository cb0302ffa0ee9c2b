"""The warehouse as the API asks it: a few connections that cannot write, and values as text, digit for digit.

A number comes from PostgreSQL as its digits and is passed on as them: no float and no `Decimal` lies between.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
from psycopg2 import errorcodes, extensions

from minerecon_dagster.core.addresses import client_parameters
from minerecon_dagster.core.errors import one_line
from minerecon_dagster.core.units import unit_of
from minerecon_dagster.warehouse.version import are_our_views, has_views, is_newer, may_work_on

SECRET_COLUMNS = ("run_id", "error")
"""What says more of the machine than of the figures; so does every column that ends as `SECRET_ENDING`."""
SECRET_ENDING = "_uri"  # noqa: S105 - the end of a column's name
POOL_SIZE = 4
"""Connections at most, beside the one that watches for news; analysts have ten in all."""
STATEMENT_TIMEOUT_S = 3
UNHEARD_S = STATEMENT_TIMEOUT_S + 2
"""A server that has not ended a statement by then does not hear: it is taken for one that is not there."""
CHUNK_ROWS = 2_000
_CONNECT_TIMEOUT_S = 3
_SESSION = f"""
SET default_transaction_read_only = on; SET statement_timeout = '{STATEMENT_TIMEOUT_S}s';
SET idle_in_transaction_session_timeout = '30s'; SET jit = off; SET cursor_tuple_fraction = 1;
SET max_parallel_workers_per_gather = 0;
SET search_path = pg_catalog; SET timezone = 'UTC'; SET datestyle = 'ISO'; SET application_name = 'minerecon-api'
"""
_NEWS = (Path(__file__).parent / "sql" / "news.sql").read_text("utf-8")
_COLUMNS = (Path(__file__).parent / "sql" / "columns.sql").read_text("utf-8")
_VERSION = """
SELECT version_num, obj_description(to_regnamespace('analytics'), 'pg_namespace') FROM minerecon.alembic_version
"""
_LEAST_CODE = "SELECT min_code_revision FROM minerecon.schema_compatibility"
_GONE = (
    errorcodes.ADMIN_SHUTDOWN,
    errorcodes.CRASH_SHUTDOWN,
    errorcodes.CANNOT_CONNECT_NOW,
    errorcodes.TOO_MANY_CONNECTIONS,
)


class DatabaseDownError(Exception):
    """The warehouse cannot be reached; says what the driver says, for the log and no reader."""


class TooSlowError(Exception):
    """A statement took longer than `STATEMENT_TIMEOUT_S`."""


class OtherSchemaError(Exception):
    """The warehouse lacks what this version asks for: it is empty, or of another version."""


class RefusedError(Exception):
    """The warehouse refuses what was asked, in words for the reader."""


@dataclass(frozen=True)
class Column:
    """A column of a resource: its name, PostgreSQL type, comment and unit (None where it has none)."""

    name: str
    sql_type: str
    comment: str | None

    @property
    def unit(self) -> str | None:
        """As `minerecon_dagster.core.units` has it."""
        return unit_of(self.name, self.sql_type)


@dataclass(frozen=True)
class News:
    """What tells one state of the warehouse from another.

    Args:
        schema: changes with the views and tables.
        data: changes with the figures, and with the day in London.
        revision: of the schema.
        has_our_views: whether the views are those of this version.
        built_at: when a day was last built, in seconds since 1970; None: none is stored.
        newest_final_day: None: there is none.
    """

    schema: str
    data: str
    revision: str
    has_our_views: bool
    built_at: float | None = field(default=None, compare=False)
    newest_final_day: dt.date | None = field(default=None, compare=False)


class Version(NamedTuple):
    """Which version of this program a warehouse is of.

    Args:
        revision: of the schema; None where it has none.
        has_our_views: whether the views are those of this version.
        is_newer_and_takes_us: whether a newer version made it, by steps that only add, with views of its own: this one
            may work on it.
    """

    revision: str | None
    has_our_views: bool
    is_newer_and_takes_us: bool


def _as_text(kinds: Sequence[int], name: str, make: Any) -> Any:
    return extensions.new_type(tuple(kinds), name, make)


def _digits(text: str | None, _: object) -> str | None:
    return text


def _instant(text: str | None, _: object) -> str | None:
    return None if text is None else text.replace(" ", "T", 1).removesuffix("+00") + "Z"


def _local_time(text: str | None, _: object) -> str | None:
    return None if text is None else text.replace(" ", "T", 1)


NUMERIC, JSON = 1700, (114, 3802)
_TYPES = (
    _as_text((NUMERIC,), "DIGITS", _digits),
    _as_text(JSON, "JSON_TEXT", _digits),
    _as_text((1082,), "DAY", _digits),
    _as_text((1184,), "INSTANT", _instant),
    _as_text((1114,), "LOCAL_TIME", _local_time),
)


class Asking:
    """A transaction that sees one instant and cannot write.

    Args:
        cursor: in it.
        waiting: around whatever the server is waited for.
    """

    def __init__(self, cursor: Any, waiting: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        self._cursor = cursor
        self._waiting = waiting
        self.began = time.monotonic()
        """Before the instant that it sees, which is that of its first statement."""
        self.type_codes: tuple[int, ...] = ()
        self.known: dict[Any, Any] = {}
        """What was asked already, for whoever asks again: it is as true until the transaction ends."""

    def rows(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a statement; afterwards `type_codes` has the types of its columns."""
        with self._waiting():
            self._cursor.execute(statement, parameters)
        self.type_codes = tuple(c.type_code for c in self._cursor.description)
        return list(self._cursor.fetchall())

    def pieces(self, statement: str, parameters: Mapping[str, Any], most_rows: int) -> Iterator[list[tuple[Any, ...]]]:
        """All rows of a statement, which is asked when the first are wanted, in lists of ``most_rows`` at most.

        The answer is here as a whole, as bytes; no more rows than those of one list are made of it at once.
        """
        with self._cursor.connection.cursor() as cursor:
            with self._waiting():
                cursor.execute(statement, parameters)
            while rows := cursor.fetchmany(most_rows):
                yield rows

    def chunks(self, statement: str, parameters: Mapping[str, Any]) -> Iterator[list[tuple[Any, ...]]]:
        """All rows of a statement, `CHUNK_ROWS` at a time, of which no more are in memory at once.

        Raises:
            TooSlowError: the database takes longer for all of them together than one statement may.
        """
        cursor = self._cursor.connection.cursor("rows")  # the end of the transaction closes it
        started = time.monotonic()
        with self._waiting():
            cursor.execute(statement, parameters)
        waited = 0.0
        while True:
            with self._waiting():
                rows = cursor.fetchmany(CHUNK_ROWS)
            waited += time.monotonic() - started
            if not rows:
                return
            if waited > STATEMENT_TIMEOUT_S:
                raise TooSlowError
            yield rows
            started = time.monotonic()

    def named_rows(self, statement: str, parameters: Mapping[str, Any]) -> tuple[list[tuple[Any, ...]], list[str]]:
        """All rows of a statement, and the names of their columns."""
        rows = self.rows(statement, parameters)
        return rows, [c.name for c in self._cursor.description]


class Database:
    """Connections to the warehouse, opened when they are needed and kept.

    Args:
        url: of a login that may read, as ``postgresql://…``.
    """

    def __init__(self, url: str) -> None:
        self._url = url.replace("postgresql+psycopg2://", "postgresql://", 1)
        self._idle: list[Any] = []
        self._lock = threading.Lock()
        self._waiting_since: dict[Any, float] = {}
        self.in_use = 0

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextlib.contextmanager
    def asking(self) -> Iterator[Asking]:
        """A read-only transaction.

        Raises:
            DatabaseDownError, TooSlowError, OtherSchemaError, RefusedError: what is in the way, without a detail that
                is for nobody to see.
        """
        with _in_our_words():
            connection = self._take()
            keep = False
            with self._lock:
                self.in_use += 1
            try:
                with connection.cursor() as cursor:
                    yield Asking(cursor, partial(self._waiting, connection))
            finally:
                # Who has nothing to show, and says so by raising, gives back a connection as good as before.
                with contextlib.suppress(psycopg2.Error), self._waiting(connection):
                    connection.rollback()
                    keep = not connection.closed
                with self._lock:
                    self.in_use -= 1
                    if keep:
                        self._idle.append(connection)
                if not keep:
                    connection.close()

    def _take(self) -> Any:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        parameters: dict[str, Any] = {**client_parameters(self._url), "connect_timeout": _CONNECT_TIMEOUT_S}
        connection = psycopg2.connect(self._url, **parameters)
        connection.autocommit = True
        with self._waiting(connection), connection.cursor() as cursor:
            cursor.execute(_SESSION)
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
        for kind in _TYPES:
            extensions.register_type(kind, connection)
        return connection

    @contextlib.contextmanager
    def _waiting(self, connection: Any) -> Iterator[None]:
        self._waiting_since[connection] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:  # nobody closes the connection, whose number another may get, while it is hung up
                del self._waiting_since[connection]

    def hang_up_on_the_deaf(self) -> None:
        """Close the lines on which the server has said nothing for `UNHEARD_S`: who waits there is told so.

        PostgreSQL ends a statement itself, unless it, what stands before it, its disk or the network stands still; the
        operating system would then answer for it for as long as that lasts.
        """
        with self._lock:
            for connection, since in list(self._waiting_since.items()):
                if time.monotonic() - since > UNHEARD_S:
                    with contextlib.suppress(OSError, psycopg2.InterfaceError), _line_of(connection) as line:
                        line.shutdown(socket.SHUT_RDWR)

    def news(self) -> News:
        """The present state of the warehouse; raises as `asking`."""
        with self.asking() as asking:
            ((schema, data, revision, made_from, built_at, final_day),) = asking.rows(_NEWS)
        return News(
            schema,
            data,
            revision,
            are_our_views(made_from),
            None if built_at is None else float(built_at),
            None if final_day is None else dt.date.fromisoformat(final_day),
        )

    def version(self) -> Version:
        """Which version's the warehouse is.

        It is asked of a warehouse of any age, for which `news` may ask too much.
        """
        try:
            with self.asking() as asking:
                for revision, made_from in asking.rows(_VERSION):
                    least = [row[0] for row in asking.rows(_LEAST_CODE)] if is_newer(revision) else []
                    takes_us = has_views(made_from) and any(may_work_on(revision, code) for code in least)
                    return Version(revision, are_our_views(made_from), takes_us)
        except OtherSchemaError:
            pass
        return Version(None, False, False)

    def columns(self) -> dict[str, list[Column]]:
        """The columns of every table, view and function of rows, by its full name, but for those of the machine."""
        found: dict[str, list[Column]] = {}
        with self.asking() as asking:
            for relation, name, sql_type, comment in asking.rows(_COLUMNS):
                if name not in SECRET_COLUMNS and not name.endswith(SECRET_ENDING):
                    found.setdefault(relation, []).append(Column(name, sql_type, comment))
        return found

    def may_write(self) -> bool:
        """Whether the login could change anything in the warehouse."""
        with self.asking() as asking:
            ((found,),) = asking.rows(
                "SELECT EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
                " WHERE n.nspname IN ('minerecon', 'analytics') AND c.relkind IN ('r', 'p', 'v')"
                " AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))"
            )
        return bool(found)


def _line_of(connection: Any) -> socket.socket:
    return socket.socket(fileno=os.dup(connection.fileno()))


@contextlib.contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except psycopg2.errors.QueryCanceled:
        raise TooSlowError from None
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn, psycopg2.errors.UndefinedFunction):
        raise OtherSchemaError from None
    except (psycopg2.errors.InvalidSchemaName, psycopg2.errors.InsufficientPrivilege):
        raise OtherSchemaError from None
    except psycopg2.errors.InvalidParameterValue as error:
        # Of our own functions, whose messages are for the reader.
        raise RefusedError(re.sub(r"\s+", " ", error.diag.message_primary or "")) from None
    except psycopg2.DataError:
        raise RefusedError("a value is not of the kind that its column has") from None
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise DatabaseDownError(one_line(error)) from None
    except psycopg2.Error as error:
        if error.pgcode in _GONE:
            raise DatabaseDownError(one_line(error)) from None
        raise
