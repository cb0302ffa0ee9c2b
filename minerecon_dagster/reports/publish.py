"""Make reports and keep them beside the archive, as ``reports/NAME.html``."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.core.errors import ArchiveError, ConfigurationError
from minerecon_dagster.reports.data import Facts, read_facts
from minerecon_dagster.reports.page import has_real_figures, latest_page, month_page, month_span, states
from minerecon_dagster.storage import AbsentError
from minerecon_dagster.warehouse.store import alone
from minerecon_dagster.warehouse.warehouse import Warehouse

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.storage import Store

FOLDER = "reports"
LATEST = "latest"
ENDING = ".html"
RECENT_DAYS = 90
_LOCK = 0x7265706F
_OF_LATEST = 0
"""The page that is of no month, where months are numbered from the year 0 on."""


@dataclass(frozen=True)
class Report:
    """A report that was drawn, and stands where it belongs.

    Args:
        uri: where it is: a path, or an ``s3://`` address.
        body: the page.
        facts: what it shows.
        seconds: the time that it took.
        written: whether it had to be written: there was none, or another.
    """

    uri: str
    body: str
    facts: Facts
    seconds: float
    written: bool

    @property
    def states(self) -> str:
        """How many of its days are in which state."""
        return states(self.facts)


def publish_month(engine: Engine, store: Store, month: str, now: dt.datetime) -> Report | None:
    """Write the report of a calendar month, unless it is there as it should be.

    Args:
        engine: the warehouse.
        store: the archive's place; the page is written whole or not at all.
        month: as in ``2025-03``.
        now: days after yesterday (London) are left out.

    Returns:
        None where no day of the month is stored or closed by a person, and there never was a page: figures that are
        not stored any more stay in none.

    Raises:
        ConfigurationError: the warehouse is not migrated, or the month has not begun.
        ArchiveError: the page could not be written; or it has real days, and a sample's warehouse has none of them.
    """
    try:
        first, last = month_span(month, _yesterday(now))
    except ValueError as error:
        raise ConfigurationError(str(error)) from None

    def draw(before: bytes | None) -> tuple[Facts, str] | None:
        with Warehouse(engine).snapshot(require_current=True) as connection:
            facts = read_facts(connection, first, last)
        if before is None and not facts.stored and not any(day.closed for day in facts.days):
            return None
        if before is not None and facts.is_synthetic and has_real_figures(before.decode(errors="replace")):
            raise _of_real_days(store, month)
        return facts, month_page(facts, version=_version())

    return _publish(engine, store, month, first.year * 12 + first.month, draw)


def publish_latest(engine: Engine, store: Store, now: dt.datetime) -> Report:
    """Write the report of the latest state; else as `publish_month`."""
    yesterday = _yesterday(now)

    def draw(before: bytes | None) -> tuple[Facts, str]:
        with Warehouse(engine).snapshot(require_current=True) as connection:
            recent = read_facts(connection, yesterday - dt.timedelta(days=RECENT_DAYS - 1), yesterday)
            year = read_facts(connection, yesterday.replace(month=1, day=1), yesterday)
        # A page of nothing, as a sample's warehouse has it before its first day, says nothing of whose it is.
        if before is not None and recent.is_synthetic and has_real_figures(before.decode(errors="replace")):
            raise _of_real_days(store, LATEST)
        return recent, latest_page(recent, year, version=_version())

    report = _publish(engine, store, LATEST, _OF_LATEST, draw)
    assert report is not None, "it is drawn of nothing too"
    return report


def _of_real_days(store: Store, name: str) -> ArchiveError:
    return ArchiveError(
        f"{store.root}/{FOLDER}/{name}{ENDING} is of real days, and a warehouse of synthetic ones never covers it: "
        "give the sample another MINERECON_ARCHIVE_URL, or another MINERECON_HOME"
    )


def _publish(
    engine: Engine,
    store: Store,
    name: str,
    which: int,
    draw: Callable[[bytes | None], tuple[Facts, str] | None],
) -> Report | None:
    """Write what ``draw`` makes, given the page that is there, if it differs. One waits for another: none is older."""
    started, path = time.perf_counter(), f"{FOLDER}/{name}{ENDING}"
    with alone(engine, _LOCK, which):
        try:
            before = store.read(path)
        except AbsentError:
            before = None
        drawn = draw(before)
        if drawn is None:
            return None
        facts, body = drawn
        differs = before != body.encode()
        if differs:
            store.replace(path, body.encode())
    return Report(f"{store.root}/{path}", body, facts, time.perf_counter() - started, differs)


def _yesterday(now: dt.datetime) -> dt.date:
    return settlement_date(now) - dt.timedelta(days=1)


def _version() -> str:
    return version("minerecon-dagster")


def file_url(uri: str) -> str:
    """A local page's ``file://`` URL, to open in a browser; what is elsewhere stays as it is."""
    return uri if "://" in uri else Path(uri).absolute().as_uri()
