"""Databases of tests: made, cloned and dropped on the server that the tests of a session share.

A template is filled once and closed: nobody can connect to it any more, so that every clone is as it was made.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg2

_OF_NO_USE_HERE = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum")
"""What keeps data over a crash, after which tests would begin anew anyway, and what tidies up in the long run."""
_STILL_THERE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'
"""
_GONE_WITHIN_S, _LOOK_S = 5.0, 0.001
_RIGHTS = """
SELECT string_agg(privilege_type, ', '),
       CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
FROM pg_database CROSS JOIN aclexplode(datacl) WHERE datname = %s GROUP BY grantee
"""


def connect(url: str) -> Any:
    """A connection that commits by itself."""
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    connection.autocommit = True
    return connection


def prefer_speed(home: Path, url: str) -> None:
    """Let the embedded server of ``home`` lose its data if the machine crashes, and guard its passwords by little."""
    password = (home / "postgres" / "superuser_password").read_text()
    server = url.rpartition("@")[2].rpartition("/")[0]
    with contextlib.closing(connect(f"postgresql://postgres:{password}@{server}/postgres")) as superuser:
        cursor = superuser.cursor()
        for setting in _OF_NO_USE_HERE:
            cursor.execute(f"ALTER SYSTEM SET {setting} = off")
        # 4,096 rounds of a hash take most of what it costs both sides to connect, and tests connect thousands of times.
        cursor.execute("ALTER SYSTEM SET scram_iterations = 1")
        cursor.execute("SELECT pg_reload_conf()")
        owner = urlsplit(url)
        cursor.execute("SET scram_iterations = 1")
        for role, known in ((owner.username, unquote(owner.password or "")), ("postgres", password)):
            cursor.execute(f"ALTER ROLE {role} PASSWORD %s", (known,))


@contextlib.contextmanager
def database(url: str, template: str | None = None) -> Iterator[str]:
    """A new database on the server of ``url``: its URL. Dropped at the end with whoever is still connected to it.

    Args:
        url: of any other database there.
        template: name of a database whose content and rights it gets; None for an empty one.
    """
    name = f"test_{secrets.token_hex(6)}"
    with contextlib.closing(connect(url)) as connection, connection.cursor() as cursor:
        # A copy of files: what is copied here is small, and with no fsync that is the cheapest.
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template1'} STRATEGY FILE_COPY")
        for statement in _rights(url, template) if template else ():
            cursor.execute(statement.format(name))
        yield url.rpartition("/")[0] + f"/{name}"
        _see_off(cursor, name)
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _see_off(cursor: Any, name: str) -> None:
    """End who is still connected to a database, and wait until they are gone.

    Whoever is there when it is dropped, if only to leave, costs the tenth of a second until PostgreSQL looks again.
    """
    until = time.monotonic() + _GONE_WITHIN_S
    cursor.execute(_STILL_THERE, (name,))
    while cursor.rowcount and time.monotonic() < until:
        time.sleep(_LOOK_S)
        cursor.execute(_STILL_THERE, (name,))


def close(url: str) -> None:
    """Let nobody connect to a database any more: it can be cloned, and not be changed."""
    place, _, name = url.rpartition("/")
    with contextlib.closing(connect(f"{place}/template1")) as connection:
        connection.cursor().execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")


@contextlib.contextmanager
def template(url: str, fill: Callable[[str], None]) -> Iterator[str]:
    """A database to be cloned: its name. ``fill`` gets its URL and leaves no connection behind."""
    with database(url) as made:
        fill(made)
        close(made)
        yield made.rpartition("/")[2]


@cache
def _rights(url: str, template: str) -> list[str]:
    """Statements that give a database the rights of another one, which a clone lacks; ``{}`` stands for its name."""
    with contextlib.closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(_RIGHTS, (template,))
        granted = [f"GRANT {rights} ON DATABASE {{}} TO {role}" for rights, role in cursor.fetchall()]
    return ["REVOKE ALL ON DATABASE {} FROM PUBLIC", *granted] if granted else []
