"""Make reports and keep them beside the archive, as ``reports/NAME.html``."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.reports.data import Facts, read_facts
from minerecon_dagster.reports.page import latest_page, month_page, month_span, states
from minerecon_dagster.warehouse.warehouse import Warehouse

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.storage import Store

FOLDER = "reports"
LATEST = "latest"
RECENT_DAYS = 90


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Args:
        uri: where it is: a path, or an ``s3://`` address.
        body: the page.
        facts: what it shows.
        seconds: the time that it took.
    """

    uri: str
    body: str
    facts: Facts
    seconds: float

    @property
    def states(self) -> str:
        """How many of its days are in which state."""
        return states(self.facts)


def publish_month(engine: Engine, store: Store, month: str, now: dt.datetime) -> Report | None:
    """Write the report of a calendar month; of one without any stored day there is none.

    Args:
        engine: the warehouse.
        store: the archive's place; the page is written whole or not at all.
        month: as in ``2025-03``.
        now: days after yesterday (London) are left out.

    Raises:
        ConfigurationError: the warehouse is not migrated, or the month has not begun.
        ArchiveError: the page could not be written.
    """
    started = time.perf_counter()
    try:
        first, last = month_span(month, _yesterday(now))
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    with Warehouse(engine).snapshot(require_current=True) as connection:
        facts = read_facts(connection, first, last)
    if not facts.stored:
        return None
    return _write(store, month, month_page(facts, version=_version()), facts, started)


def publish_latest(engine: Engine, store: Store, now: dt.datetime) -> Report:
    """Write the report of the latest state; else as `publish_month`."""
    started, yesterday = time.perf_counter(), _yesterday(now)
    with Warehouse(engine).snapshot(require_current=True) as connection:
        recent = read_facts(connection, yesterday - dt.timedelta(days=RECENT_DAYS - 1), yesterday)
        year = read_facts(connection, yesterday.replace(month=1, day=1), yesterday)
    return _write(store, LATEST, latest_page(recent, year, version=_version()), recent, started)


def _yesterday(now: dt.datetime) -> dt.date:
    return settlement_date(now) - dt.timedelta(days=1)


def _version() -> str:
    return version("minerecon-dagster")


def _write(store: Store, name: str, body: str, facts: Facts, started: float) -> Report:
    path = f"{FOLDER}/{name}.html"
    store.replace(path, body.encode())
    uri = f"{store.root}/{path}"
    return Report(uri, body, facts, time.perf_counter() - started)


def file_url(uri: str) -> str:
    """A local page's ``file://`` URL, to open in a browser; what is elsewhere stays as it is."""
    return uri if "://" in uri else Path(uri).absolute().as_uri()
