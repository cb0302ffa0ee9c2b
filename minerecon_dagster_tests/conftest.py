"""What tests of every kind share: the embedded services, started once, and databases on them, new or cloned."""

from __future__ import annotations

import datetime as dt
import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from xdist.scheduler import LoadFileScheduling

from bench.five_years import make_five_years
from minerecon_dagster.local.services import local_services
from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.sample import mark_as_sample
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster_tests import aws_files, databases, migration_files
from minerecon_dagster_tests.faults.ledger import pytest_configure as pytest_configure
from minerecon_dagster_tests.faults.ledger import pytest_sessionfinish as pytest_sessionfinish
from minerecon_dagster_tests.faults.ledger import pytest_terminal_summary as pytest_terminal_summary
from minerecon_dagster_tests.faults.ledger import pytest_testnodedown as pytest_testnodedown
from minerecon_dagster_tests.forty_days import forty_days as forty_days
from minerecon_dagster_tests.project import dagster_tables as dagster_tables
from minerecon_dagster_tests.project import day_stored as day_stored
from minerecon_dagster_tests.project import difficulty_table as difficulty_table
from minerecon_dagster_tests.project import elexon as elexon
from minerecon_dagster_tests.project import kept_instance as kept_instance
from minerecon_dagster_tests.project import new_dagster_database as new_dagster_database
from minerecon_dagster_tests.project import new_dagster_home as new_dagster_home
from minerecon_dagster_tests.project import one_day as one_day
from minerecon_dagster_tests.project import project as project

MEMORY, ENOUGH_BYTES = "/dev/shm", 4 << 30
if Path(MEMORY).is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES:
    # Thousands of small files, and databases that are copied and dropped: in memory that takes a tenth less time.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)

aws_files.read_once()
migration_files.read_once()


class ByFile(LoadFileScheduling):
    """A file's tests in one process, which sets up once what they share; all faults in one, which counts them."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "faults" if "/faults/" in file else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test that is `first_quick` all cases are slow but the first one that is not slow for another reason."""
    begun = set()
    for item in items:
        if item.get_closest_marker("first_quick") and not item.get_closest_marker("slow"):
            test = item.nodeid.partition("[")[0]
            if test in begun:
                item.add_marker(pytest.mark.slow)
            begun.add(test)


def pytest_collection_finish() -> None:
    """Keep what is loaded by now out of every later search for garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def embedded_environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of embedded services that are shared by all tests of the session."""
    home = tmp_path_factory.mktemp("embedded services")
    with local_services(home, {}) as environ:
        databases.prefer_speed(home, environ["DATABASE_URL"])
        yield environ


@pytest.fixture
def fresh_database(embedded_environ: dict[str, str]) -> Iterator[str]:
    """The URL of a new, empty database, dropped afterwards with whoever is still connected to it."""
    with databases.database(embedded_environ["DATABASE_URL"]) as url:
        yield url


@pytest.fixture(scope="session")
def migrated(embedded_environ: dict[str, str]) -> Iterator[str]:
    """The template of `warehouse`."""
    with databases.template(embedded_environ["DATABASE_URL"], _migrate) as name:
        yield name


def _migrate(url: str) -> None:
    engine = open_warehouse(url)
    migrate.upgrade(engine)
    mark_as_sample(engine)
    engine.dispose()


@pytest.fixture
def warehouse(migrated: str, embedded_environ: dict[str, str]) -> Iterator[Engine]:
    """A new warehouse, migrated and empty, which may take the synthetic days that most tests are about."""
    with databases.database(embedded_environ["DATABASE_URL"], migrated) as url:
        engine = open_warehouse(url)
        yield engine
        engine.dispose()


FORTNIGHT = (dt.date(2025, 3, 20), dt.date(2025, 4, 2))
"""First and last day of `filled`; the clocks go forward on 2025-03-30."""


@pytest.fixture(scope="session")
def fortnight(embedded_environ: dict[str, str]) -> Iterator[str]:
    """The template of `filled`."""
    first, last = FORTNIGHT
    days = (last - first).days + 1
    with databases.template(embedded_environ["DATABASE_URL"], lambda url: make_five_years(url, first, days)) as name:
        yield name


@pytest.fixture
def filled(fortnight: str, embedded_environ: dict[str, str]) -> Iterator[Engine]:
    """A warehouse with a fortnight that is all right, made up (``bench/five_years.py``), rows and all."""
    with databases.database(embedded_environ["DATABASE_URL"], fortnight) as url:
        engine = open_warehouse(url)
        yield engine
        engine.dispose()
