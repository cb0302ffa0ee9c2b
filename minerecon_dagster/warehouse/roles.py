"""Who may do what in the warehouse: the roles of analysts and of the pipeline.

What docs/operate/access.md promises is compared with the server's catalogs by ``sql/roles/not_in_force.sql``, which
answers with the statements that are lacking. So a second upgrade does nothing, and what the migrating role
may not do is left over, with the statement that a superuser should run.

Roles belong to the server and not to a database: two upgrades of two databases, which no lock can keep
apart, may each find that the other one did it first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as PostgresConnection  # noqa: N812 - a class of that name
from psycopg2.extensions import encrypt_password

from minerecon_dagster.core.errors import ConfigurationError, one_line
from minerecon_dagster.core.printable import printable

ANALYST = "minerecon_analyst"
PIPELINE = "minerecon_pipeline"
API = "minerecon_api"

READERS_SESSIONS = 3
"""How many sessions a reader's own login has at once."""

_SQL = Path(__file__).parent / "sql" / "roles"
_LOGS_IN = {
    ANALYST: "analysts log in with MINERECON_ANALYST_PASSWORD",
    API: "the read API logs in with MINERECON_API_PASSWORD",
}
_ROUNDS = 10
_LOCK_TIMEOUT = "30s"
_TRIED_FOR_S = 5
_KNOWS_TRANSACTION_TIMEOUT = 170000


@dataclass(frozen=True)
class NotEnforced:
    """A promise that is not kept, and the statements by which a superuser keeps it."""

    promise: str
    statement: str


def not_enforced(connection: PostgresConnection, worker: str | None = None) -> list[NotEnforced]:
    """What is not as docs/operate/access.md promises it, in the order in which it has to be mended.

    Args:
        connection: in autocommit, to the warehouse; nothing is set for its session.
        worker: a login that is to be the pipeline, whether it may or not yet.
    """
    assert connection.autocommit
    with connection.cursor() as cursor:
        # Names are written with their schema then, whatever the session's search path. Several statements at once are
        # a transaction.
        cursor.execute(
            sql.SQL("SET LOCAL search_path = pg_catalog; SET LOCAL minerecon.worker = {}; ").format(
                sql.Literal(worker or "")
            )
            + sql.SQL((_SQL / "not_in_force.sql").read_text("utf-8"))
        )
        return [NotEnforced(promise, statement) for promise, statement in cursor.fetchall()]


def enforce(connection: PostgresConnection, worker: str | None = None) -> list[NotEnforced]:
    """Make it as docs/operate/access.md promises, as far as the connection's role may.

    Args:
        connection: in autocommit, to the warehouse: each statement stands for itself, and the session stays as it is.
        worker: a login that is to be the pipeline, and nothing else.

    Returns:
        What is still not enforced.
    """
    assert connection.autocommit
    tried: set[str] = set()
    # The role's own limits are for its ordinary work.
    limits = f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'; SET LOCAL statement_timeout = 0; "
    if connection.server_version >= _KNOWS_TRANSACTION_TIMEOUT:
        limits += "SET LOCAL transaction_timeout = 0; "
    with connection.cursor() as cursor:
        for _ in range(_ROUNDS):
            left_over = not_enforced(connection, worker)
            todo = [found.statement for found in left_over if found.statement not in tried]
            if not todo:
                return left_over
            for statement in todo:
                try:
                    cursor.execute(limits + statement)
                except (errors.InsufficientPrivilege, errors.UndefinedObject):
                    tried.add(statement)
                except psycopg2.OperationalError:
                    if connection.closed:
                        raise
                except psycopg2.DatabaseError:
                    pass  # most likely another upgrade did it at the same time: the next look tells
                else:
                    tried.add(statement)
    return not_enforced(connection, worker)


def set_password(connection: PostgresConnection, role: str, password: str) -> list[NotEnforced]:
    """Let ``role``, `ANALYST` or `API`, log in with ``password``.

    The server is sent what it stores, never the password: it is in no log, and in no message.

    Returns:
        Empty if it was set, or is in force: who may not set it may not see it either, so it is tried. Otherwise what a
        superuser should do.
    """
    assert connection.autocommit
    verifier = encrypt_password(password, role, scope=connection, algorithm="scram-sha-256")
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
    with connection.cursor() as cursor:
        for attempt in range(_ROUNDS):
            try:
                cursor.execute(statement)
            except (errors.InsufficientPrivilege, errors.UndefinedObject):
                break
            except errors.InternalError:  # "tuple concurrently updated": by another upgrade
                if attempt == _ROUNDS - 1:
                    raise
            else:
                return []
    if _logs_in(connection, role, password):
        return []
    return [NotEnforced(_LOGS_IN[role], statement.as_string(connection))]


def _logs_in(connection: PostgresConnection, role: str, password: str) -> bool:
    """Whether ``role`` logs in with ``password`` where ``connection`` leads."""
    given: dict[str, Any] = {
        **connection.get_dsn_parameters(),
        "user": role,
        "password": password,
        "connect_timeout": _TRIED_FOR_S,
    }
    given.pop("options", None)
    try:
        psycopg2.connect(**given).close()
    except psycopg2.OperationalError:
        return False
    return True


def add_reader(connection: PostgresConnection, name: str, password: str) -> tuple[bool, list[NotEnforced]]:
    """Make a reader's own login, with the limits of all, or give one that is there its limits again.

    Args:
        connection: in autocommit, to the warehouse.
        name: of the login; as `is_a_readers_name` has it.
        password: of a new one; the server is sent what it stores.

    Returns:
        Whether it was made, and what of it a superuser has to do.

    Raises:
        ConfigurationError: the name is somebody else's, or this role may make no login.
    """
    is_new = _kind_of(connection, name) is None
    if is_new:
        verifier = encrypt_password(password, name, scope=connection, algorithm="scram-sha-256")
        statement = sql.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT {} PASSWORD {} IN ROLE {}").format(
            sql.Identifier(name), sql.Literal(READERS_SESSIONS), sql.Literal(verifier), sql.Identifier(ANALYST)
        )
        with connection.cursor() as cursor:
            try:
                cursor.execute(statement)
            except (errors.InsufficientPrivilege, errors.UndefinedObject) as error:
                raise ConfigurationError(
                    f"no login could be made: {one_line(error)}; run `minerecon db upgrade` first, and this as an "
                    "owner with CREATEROLE, or as a superuser by DATABASE_URL"
                ) from None
    elif _kind_of(connection, name) != "reader":
        raise ConfigurationError(f"the role {name} is there, and is no reader's own login: choose another name")
    return is_new, [found for found in enforce(connection) if name in found.statement.replace('"', "").split()]


def remove_reader(connection: PostgresConnection, name: str) -> None:
    """Take a reader's own login away: his sessions, his rights and the role.

    Raises:
        ConfigurationError: there is none of that name, or this role may not.
    """
    if _kind_of(connection, name) != "reader":
        raise ConfigurationError(f"there is no reader's own login {name}")
    role = sql.Identifier(name)
    with connection.cursor() as cursor:
        try:
            cursor.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(role))
            cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s", (name,))
            cursor.execute(sql.SQL("DROP OWNED BY {}").format(role))
            cursor.execute(sql.SQL("DROP ROLE {}").format(role))
        except (errors.InsufficientPrivilege, errors.DependentObjectsStillExist) as error:
            raise ConfigurationError(
                f"the login {name} could not be removed: {one_line(error)}; as a superuser, in each database that it "
                f"has rights in: DROP OWNED BY {name}; then DROP ROLE {name}"
            ) from None


def is_a_readers_name(name: str) -> bool:
    """Whether a reader's own login may be called so: a name that needs no quotes anywhere."""
    return re.fullmatch("[a-z_][a-z0-9_]{0,62}", name) is not None and not name.startswith(("pg_", "minerecon"))


def _kind_of(connection: PostgresConnection, name: str) -> str | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN NOT rolsuper AND NOT rolcreaterole AND rolname NOT IN (%(analyst)s, %(api)s)"
            "  AND pg_has_role(oid, CAST(to_regrole(%(analyst)s) AS oid), 'MEMBER')"
            "  AND NOT pg_has_role(oid, CAST(to_regrole(%(pipeline)s) AS oid), 'MEMBER') THEN 'reader' ELSE 'other' END"
            " FROM pg_roles WHERE rolname = %(name)s",
            {"name": name, "analyst": ANALYST, "api": API, "pipeline": PIPELINE},
        )
        found = cursor.fetchone()
        return found[0] if found else None


def superuser_script(left_over: Iterable[NotEnforced]) -> str:
    """A script for psql that does what is left over; a superuser runs it in the warehouse's database.

    Names of databases, schemas and roles are others': a promise is one line, so that none of them ends the comment, and
    the statements have them quoted.
    """
    lines = [f"-- {printable(found.promise)}\n{found.statement};\n" for found in left_over]
    return "".join(["\\set ON_ERROR_STOP on\n", *lines]) if lines else ""
