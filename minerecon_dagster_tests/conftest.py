"""What tests of every kind share: the embedded services, started once, and empty databases on them."""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from collections.abc import Iterator

import psycopg2
import pytest
from sqlalchemy import Engine

from bench.five_years import make_five_years
from minerecon_dagster.local.services import local_services
from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.sample import mark_as_sample
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
    """A new warehouse, migrated and empty, which may take the synthetic days that most tests are about."""
    engine = open_warehouse(fresh_database)
    migrate.upgrade(engine)
    mark_as_sample(engine)
    yield engine
    engine.dispose()


FORTNIGHT = (dt.date(2025, 3, 20), dt.date(2025, 4, 2))
"""First and last day of `filled`; the clocks go forward on 2025-03-30."""


@pytest.fixture(scope="session")
def fortnight(embedded_environ: dict[str, str]) -> Iterator[str]:
    """The name of a database with a fortnight that is all right, rows and all; tests work on copies of it."""
    url = embedded_environ["DATABASE_URL"]
    name = f"fortnight_{secrets.token_hex(6)}"
    with contextlib.closing(psycopg2.connect(url.replace("+psycopg2", ""))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
            make_five_years(url.rpartition("/")[0] + f"/{name}", FORTNIGHT[0], (FORTNIGHT[1] - FORTNIGHT[0]).days + 1)
            yield name
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def filled(fortnight: str, embedded_environ: dict[str, str]) -> Iterator[Engine]:
    """A warehouse with a fortnight that is all right, made up (``bench/five_years.py``), rows and all."""
    url = embedded_environ["DATABASE_URL"]
    name = f"test_{secrets.token_hex(6)}"
    with contextlib.closing(psycopg2.connect(url.replace("+psycopg2", ""))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE {fortnight}")
            engine = open_warehouse(url.rpartition("/")[0] + f"/{name}")
            yield engine
            engine.dispose()
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
