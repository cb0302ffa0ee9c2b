"""Every kind of day in every format: the same words, nulls where nothing is known, and sums that come out."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest

from minerecon_dagster.day.closing import delete_day
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.analytics.by_hand import store_day, store_record
from minerecon_dagster_tests.forty_days import FAILING, INCOMPLETE, MISSING, PROVISIONAL, QUIET, SHORT
from minerecon_dagster_tests.web.conftest import Api, served

WARNED, WAIVED, CLOSED = dt.date(2025, 3, 22), dt.date(2025, 3, 23), dt.date(2025, 3, 24)
LONG = dt.date(2025, 10, 26)
"""50 periods."""
STATUSES: Mapping[dt.date, str] = {
    QUIET: "complete", WARNED: "warned", WAIVED: "waived", PROVISIONAL: "provisional", INCOMPLETE: "incomplete",
    FAILING: "failing", MISSING: "missing", CLOSED: "unavailable", SHORT: "complete", LONG: "provisional",
}  # fmt: skip
UNKNOWN = (MISSING, CLOSED)
FIGURES = ("curtailed_mwh", "payment_gbp", "all_bids_mwh")
SPAN = "from=2025-03-01&to=2025-10-26"


@pytest.fixture(scope="module")
def api(forty_days: str, embedded_environ: dict[str, str]) -> Iterator[Api]:
    """The forty days with one of each kind, and a day of 50 periods that no check has looked at."""
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        engine = open_warehouse(url, as_owner=True)
        with engine.begin() as connection:
            for day, severity, until in ((WARNED, "WARN", None), (WAIVED, "ERROR", "2999-01-01")):
                done = connection.exec_driver_sql(
                    "UPDATE minerecon.reconciliation_latest SET passed = false, severity = %s, waived_until = %s"
                    " WHERE settlement_date = %s AND check_name = (SELECT min(check_name) FROM"
                    " minerecon.reconciliation_latest WHERE settlement_date = %s)",
                    (severity, until, day, day),
                )
                assert done.rowcount == 1
            delete_day(connection, CLOSED)
            connection.exec_driver_sql("DELETE FROM minerecon.daily_summaries WHERE summary_date = %s", (CLOSED,))
            connection.exec_driver_sql(
                "INSERT INTO minerecon.unavailable_days (settlement_date, reason, accepted_by, closed_at)"
                " VALUES (%s, 'gone', 'us', now())",
                (CLOSED,),
            )
            for period in (1, 3, 50):
                store_record(connection, LONG, period, mwh=Decimal(period))
            store_day(connection, LONG, difficulty=Decimal(10**14))
        engine.dispose()
        with served(url) as found:
            yield found


def in_every_format(api: Api, path: str, query: str) -> tuple[list[dict[str, Any]], ...]:
    """Rows of JSON, CSV and Parquet, each value as text, or None."""
    of_json = api(f"{path}?{query}").data
    table = csv.DictReader(io.StringIO(api(f"{path}.csv?{query}").body.decode("utf-8-sig")))
    of_parquet = pq.read_table(io.BytesIO(api(f"{path}.parquet?{query}").body)).to_pylist()
    return (
        [{k: None if v is None else str(v).lower() for k, v in row.items()} for row in of_json],
        [{k: v.lower() or None for k, v in row.items()} for row in table],
        [{k: None if v is None else str(v).lower() for k, v in row.items()} for row in of_parquet],
    )


def test_each_kind_of_day_has_its_word_and_its_nulls_in_every_format(api: Api) -> None:
    assert set(STATUSES.values()) == {
        "complete", "warned", "waived", "provisional", "incomplete", "failing", "missing", "unavailable",
    }  # fmt: skip
    query = f"{SPAN}&fields=settlement_date,status,is_final,periods_expected,{','.join(FIGURES)}"
    for rows in in_every_format(api, "days", query):
        days = {row["settlement_date"]: row for row in rows}
        assert len(days) == 240
        for day, status in STATUSES.items():
            row = days[str(day)]
            assert row["status"] == status, day
            assert [row[name] is None for name in FIGURES] == [day in UNKNOWN] * 3, day
        assert Decimal(days[str(QUIET)]["curtailed_mwh"]) == 0, "a windless day is a figure, and not a gap"
        assert [days[str(day)]["periods_expected"] for day in (SHORT, QUIET, LONG)] == ["46", "48", "50"]
        assert days[str(CLOSED)]["is_final"] != "true"


@pytest.mark.first_quick
@pytest.mark.parametrize(("day", "periods"), [(SHORT, 46), (QUIET, 48), (LONG, 50), (CLOSED, 48), (MISSING, 48)])
def test_the_half_hours_are_those_of_the_day_and_add_up_to_it_in_every_format(
    api: Api, day: dt.date, periods: int
) -> None:
    (whole,) = api(f"days?from={day}&to={day}").data
    for rows in in_every_format(api, "half-hours", f"from={day}&to={day}"):
        assert [int(row["settlement_period"]) for row in rows] == list(range(1, periods + 1))
        figures = [row["curtailed_mwh"] for row in rows]
        if day in UNKNOWN:
            assert set(figures) == {None}
        else:
            assert sum(Decimal(figure) for figure in figures) == Decimal(whole["curtailed_mwh"])


def test_the_clock_of_the_long_day_stands_twice_at_one(api: Api) -> None:
    rows = api(f"half-hours?from={LONG}&to={LONG}").data
    assert [row["london_time"][11:16] for row in rows[:7]] == [
        "00:00",
        "00:30",
        "01:00",
        "01:30",
        "01:00",
        "01:30",
        "02:00",
    ]
    assert len({row["start_time"] for row in rows}) == 50
    hours = api.get(f"/api/curtailment/hourly/{LONG}").json
    assert len(hours) == 25
    assert Decimal(str(hours[-1]["curtailedEnergy"])) == 50


def test_a_month_is_the_sum_of_the_days_that_are_known_and_counts_the_others(api: Api) -> None:
    days = api("days?from=2025-03-01&to=2025-03-31").data
    (month,) = api("months?from=2025-03&to=2025-03").data
    known = [row for row in days if row["curtailed_mwh"] is not None]
    assert Decimal(month["curtailed_mwh"]) == sum(Decimal(row["curtailed_mwh"]) for row in known)
    assert (month["days_expected"], month["days_present"], month["days_unavailable"]) == (31, 29, 1)
    assert month["status"] == "failing", "the worst of its days"
    meta = api("days?from=2025-03-01&to=2025-03-31").meta
    assert meta["statuses"] == {
        "complete": 24, "failing": 1, "incomplete": 1, "missing": 1, "provisional": 1, "unavailable": 1, "waived": 1,
        "warned": 1,
    }  # fmt: skip
