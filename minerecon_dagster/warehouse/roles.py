"""Who may do what in the warehouse: the roles of analysts and of the pipeline.

What docs/operate/access.md promises is compared with the server's catalogs by ``sql/roles/not_in_force.sql``, which
answers with the statements that are lacking. So a second upgrade does nothing, and what the migrating role
may not do is left over, with the statement that a superuser should run.

Roles belong to the server and not to a database: two upgrades of two databases, which no lock can keep
apart, may each find that the other one did it first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as PostgresConnection  # noqa: N812 - a class of that name
from psycopg2.extensions import encrypt_password

ANALYST = "minerecon_analyst"
PIPELINE = "minerecon_pipeline"
API = "minerecon_api"

_SQL = Path(__file__).parent / "sql" / "roles"
_LOGS_IN = {
    ANALYST: "analysts log in with MINERECON_ANALYST_PASSWORD",
    API: "the read API logs in with MINERECON_API_PASSWORD",
}
_ROUNDS = 10
_LOCK_TIMEOUT = "30s"
_KNOWS_TRANSACTION_TIMEOUT = 170000


@dataclass(frozen=True)
class NotEnforced:
    """A promise that is not kept, and the statements by which a superuser keeps it."""

    promise: str
    statement: str


def not_enforced(connection: PostgresConnection) -> list[NotEnforced]:
    """What is not as docs/operate/access.md promises it, in the order in which it has to be mended."""
    with connection.cursor() as cursor:
        # Names are written with their schema then, whatever the session's search path.
        cursor.execute("SET search_path = pg_catalog")
        cursor.execute((_SQL / "not_in_force.sql").read_text("utf-8"))
        return [NotEnforced(promise, statement) for promise, statement in cursor.fetchall()]


def enforce(connection: PostgresConnection) -> list[NotEnforced]:
    """Make it as docs/operate/access.md promises, as far as the connection's role may.

    Args:
        connection: in autocommit, to the warehouse: each statement stands for itself.

    Returns:
        What is still not enforced.
    """
    assert connection.autocommit
    tried: set[str] = set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", (_LOCK_TIMEOUT,))
        cursor.execute("SET statement_timeout = 0")  # the role's own limits are for its ordinary work
        if connection.server_version >= _KNOWS_TRANSACTION_TIMEOUT:
            cursor.execute("SET transaction_timeout = 0")
        for _ in range(_ROUNDS):
            left_over = not_enforced(connection)
            todo = [found.statement for found in left_over if found.statement not in tried]
            if not todo:
                return left_over
            for statement in todo:
                try:
                    cursor.execute(statement)
                except (errors.InsufficientPrivilege, errors.UndefinedObject):
                    tried.add(statement)
                except psycopg2.OperationalError:
                    if connection.closed:
                        raise
                except psycopg2.DatabaseError:
                    pass  # most likely another upgrade did it at the same time: the next look tells
                else:
                    tried.add(statement)
    return not_enforced(connection)


def set_password(connection: PostgresConnection, role: str, password: str) -> list[NotEnforced]:
    """Let ``role``, `ANALYST` or `API`, log in with ``password``.

    The server is sent what it stores, never the password: it is in no log, and in no message.

    Returns:
        Empty if it was set; otherwise what a superuser should do.
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
    return [
        NotEnforced(
            _LOGS_IN[role],
            f"-- in psql, which asks for the password and sends only its hash:\n\\password {role}",
        )
    ]


def superuser_script(left_over: Iterable[NotEnforced]) -> str:
    """A script for psql that does what is left over; a superuser runs it in the warehouse's database."""
    lines = []
    for found in left_over:
        end = "" if "\\" in found.statement else ";"
        lines.append(f"-- {found.promise}\n{found.statement}{end}\n")
    return "".join(lines)
