"""What tests of every kind share: the embedded services, started once, and empty databases on them."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator

import psycopg2
import pytest
from sqlalchemy import Engine

from minerecon_dagster.local.services import local_services
from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.store import open_warehouse


@pytest.fixture(scope="session")
def embedded_environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of embedded services that are shared by all tests of the session."""
    with local_services(tmp_path_factory.mktemp("embedded services"), {}) as environ:
        yield environ


@pytest.fixture
def fresh_database(embedded_environ: dict[str, str]) -> Iterator[str]:
    """The URL of a new, empty database, dropped afterwards with whoever is still connected to it."""
    url = embedded_environ["DATABASE_URL"]
    name = f"test_{secrets.token_hex(6)}"
    with contextlib.closing(psycopg2.connect(url.replace("+psycopg2", ""))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
            yield url.rpartition("/")[0] + f"/{name}"
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def warehouse(fresh_database: str) -> Iterator[Engine]:
    """A new warehouse, migrated and empty."""
    engine = open_warehouse(fresh_database)
    migrate.upgrade(engine)
    yield engine
    engine.dispose()
