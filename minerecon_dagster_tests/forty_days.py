"""A made-up warehouse with everything that a view must say of a day: made once, and changed by no test."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from bench.five_years import make_five_years
from minerecon_dagster.day.closing import delete_day
from minerecon_dagster.sums.rollups import roll_up_months, roll_up_years
from minerecon_dagster.warehouse.store import execute_script, open_warehouse, statement
from minerecon_dagster_tests import databases

FIRST, LAST = dt.date(2025, 3, 1), dt.date(2025, 4, 9)
QUIET = dt.date(2025, 3, 5)
"""No unit has a bid."""
MISSING = dt.date(2025, 3, 10)
"""Nothing is stored."""
INCOMPLETE = dt.date(2025, 3, 12)
"""Periods 40 to 48 are not published; in 39 no unit has a bid."""
FAILING = dt.date(2025, 3, 14)
"""Stored; the latest attempt to fetch it failed."""
PROVISIONAL = dt.date(2025, 3, 20)
PRICELESS = dt.date(2025, 3, 21)
"""The price of Bitcoin is not known."""
SHORT = dt.date(2025, 3, 30)
"""46 periods."""


@pytest.fixture(scope="session")
def forty_days(embedded_environ: dict[str, str]) -> Iterator[str]:
    """The template of `stored`."""
    with databases.template(embedded_environ["DATABASE_URL"], _make_forty_days) as name:
        yield name


def _make_forty_days(url: str) -> None:
    make_five_years(url, FIRST, (LAST - FIRST).days + 1)
    engine = open_warehouse(url)
    with engine.begin() as changes:
        _make_them_differ(changes)
    summed_at = dt.datetime(2025, 5, 1, tzinfo=dt.UTC)
    roll_up_months(engine, ["2025-03", "2025-04"], summed_at)
    roll_up_years(engine, [2025], summed_at)
    engine.dispose()


@pytest.fixture(scope="module")
def stored(forty_days: str, embedded_environ: dict[str, str]) -> Iterator[Engine]:
    """Forty made-up days, with one of each kind among them, and their sums."""
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        engine = open_warehouse(url)
        yield engine
        engine.dispose()


def _make_them_differ(connection: Connection) -> None:
    def change(sql: str, **parameters: object) -> None:
        done = connection.execute(text(sql), parameters)
        assert done.rowcount > 0, sql

    delete_day(connection, MISSING)
    for table, column in (
        ("daily_summaries", "summary_date"),
        ("reconciliation_latest", "settlement_date"),
        ("ingestion_progress", "settlement_date"),
    ):
        change(f"DELETE FROM minerecon.{table} WHERE {column} = :day", day=MISSING)
    change(
        "UPDATE minerecon.ingestion_progress SET status = 'unpublished', row_count = 0"
        " WHERE settlement_date = :day AND settlement_period >= 40",
        day=INCOMPLETE,
    )
    for table in ("curtailment_records", "historical_bitcoin_calculations"):
        change(
            f"DELETE FROM minerecon.{table} WHERE settlement_date = :day AND settlement_period >= 39", day=INCOMPLETE
        )
    change("DELETE FROM minerecon.unit_daily_summaries WHERE settlement_date = :day", day=INCOMPLETE)
    for table in ("period_summaries", "turn_up_by_period", "turn_up_by_fuel_day"):
        change(f"DELETE FROM minerecon.{table} WHERE settlement_date = :day", day=INCOMPLETE)
    # A row without a price, and one that a farm pays for: no total hides either.
    change(
        "UPDATE minerecon.curtailment_records SET original_price_gbp_per_mwh = NULL WHERE ctid = (SELECT ctid FROM"
        " minerecon.curtailment_records WHERE settlement_date = :day AND so_flag LIMIT 1)",
        day=INCOMPLETE,
    )
    change(
        "UPDATE minerecon.curtailment_records SET original_price_gbp_per_mwh = 77.7 WHERE ctid = (SELECT ctid FROM"
        " minerecon.curtailment_records WHERE settlement_date = :day AND NOT so_flag LIMIT 1)",
        day=INCOMPLETE,
    )
    models = list(connection.execute(text("SELECT miner_model FROM minerecon.miner_models")).scalars())
    coverage = {"periods_expected": 48, "periods_due": 48, "periods_present": 39, "state": "incomplete"}
    built = {"archive_uri": "synthetic://incomplete", "is_synthetic": True, "built_from": "test"}
    built |= {"has_turn_up": False, "ccgt": "CCGT"}
    connection.execute(
        statement("day/upsert_daily_summary"),
        coverage | built | {"day": INCOMPLETE, "built_at": dt.datetime(2025, 3, 13, tzinfo=dt.UTC)},
    )
    connection.execute(statement("day/upsert_bitcoin_daily_summaries"), {"day": INCOMPLETE, "models": models})
    execute_script(connection, "day/insert_parts", {"day": INCOMPLETE})
    change(
        "UPDATE minerecon.ingestion_progress SET status = 'failed', row_count = 0, error = 'HTTP 500'"
        " WHERE settlement_date = :day AND settlement_period = 7",
        day=FAILING,
    )
    change("UPDATE minerecon.daily_summaries SET state = 'provisional' WHERE summary_date = :day", day=PROVISIONAL)
    change("DELETE FROM minerecon.bitcoin_price_gbp WHERE price_date = :day", day=PRICELESS)
