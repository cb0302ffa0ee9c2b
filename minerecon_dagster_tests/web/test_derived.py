"""What no view has as it is: periods compared, ours beside others' figures, files of exports, what was published."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.analytics.by_hand import store_day, store_record
from minerecon_dagster_tests.forty_days import MISSING
from minerecon_dagster_tests.web.conftest import Api, url_of

APRIL = "from=2025-04-01&to=2025-04-09"
Serve = Callable[..., Api]


def total(rows: list[dict[str, Any]], name: str) -> Decimal:
    return sum((Decimal(row[name]) for row in rows if row[name] is not None), Decimal(0))


def test_days_stand_beside_their_counterparts_and_what_one_side_lacks_has_no_difference(api: Api) -> None:
    got = api("compare?from=2025-03-09&to=2025-03-11&with=2025-04-02")
    days = {row["settlement_date"]: row for row in api("days?from=2025-03-01&to=2025-04-09").data}
    assert [row["other_settlement_date"] for row in got.data] == ["2025-04-02", "2025-04-03", "2025-04-04"]
    for row in got.data:
        here, there = days[row["settlement_date"]], days[row["other_settlement_date"]]
        assert (row["status"], row["other_status"]) == (here["status"], there["status"])
        assert (row["curtailed_mwh"], row["other_curtailed_mwh"]) == (here["curtailed_mwh"], there["curtailed_mwh"])
        if row["settlement_date"] == str(MISSING):
            assert (row["status"], row["curtailed_mwh"], row["difference_curtailed_mwh"]) == ("missing", None, None)
        else:
            difference = Decimal(here["payment_gbp"]) - Decimal(there["payment_gbp"])
            assert Decimal(row["difference_payment_gbp"]) == difference
    totals = got.meta["totals"]
    both = [row for row in got.data if row["settlement_date"] != str(MISSING)]
    assert (totals["days_expected"], totals["days_compared"]) == (3, 2)
    assert (totals["first_other_day"], totals["last_other_day"]) == ("2025-04-02", "2025-04-04")
    for name in ("curtailed_mwh", "other_curtailed_mwh", "difference_curtailed_mwh"):
        assert Decimal(totals[name]) == total(both, name), name
    assert not [name for name in totals if "all_bids" in name]
    every = api("compare?from=2025-03-09&to=2025-03-11&with=2025-04-02&basis=all")
    assert {"all_bids_mwh", "other_all_bids_mwh", "difference_all_bids_mwh"} <= every.data[0].keys()
    assert not {"curtailed_mwh", "other_curtailed_mwh", "difference_curtailed_mwh"} & every.data[0].keys()


def test_without_with_a_day_is_compared_with_the_year_before_and_29_february_with_none(
    warehouse: Engine, serve: Serve
) -> None:
    with warehouse.begin() as connection:
        for day, mwh in (("2024-02-28", 10), ("2024-02-29", 20), ("2025-02-28", 7), ("2023-02-28", 3)):
            store_record(connection, dt.date.fromisoformat(day), 1, mwh=Decimal(mwh))
            store_day(connection, dt.date.fromisoformat(day), difficulty=Decimal(10**14))
    api = serve(url_of(warehouse))
    (row,) = api("compare?from=2025-02-28&to=2025-02-28").data
    assert (row["other_settlement_date"], row["difference_curtailed_mwh"]) == ("2024-02-28", "-3")
    leap = api("compare?from=2024-02-28&to=2024-02-29")
    assert [row["other_settlement_date"] for row in leap.data] == ["2023-02-28", None]
    assert leap.data[0]["other_status"] != "missing"
    assert leap.data[1]["other_status"] is None
    assert leap.meta["totals"]["curtailed_mwh"] == "10", "like with like: not the day without a counterpart"
    (month,) = api("compare/months?from=2024-02&to=2024-02").data
    assert (month["year_month"], month["days_expected"], month["days_compared"]) == ("2024-02", 29, 1)
    assert (month["curtailed_mwh"], month["other_curtailed_mwh"], month["difference_curtailed_mwh"]) == ("10", "3", "7")


def test_farms_are_compared_over_days_that_both_sides_have_and_add_up_to_the_totals(api: Api) -> None:
    query = "from=2025-03-09&to=2025-03-11&with=2025-04-02"
    rows = api(f"compare/farms?{query}").data
    assert {row["days_compared"] for row in rows} == {2}
    totals = api(f"compare?{query}").meta["totals"]
    for name in ("curtailed_mwh", "other_curtailed_mwh", "difference_payment_gbp"):
        assert total(rows, name) == Decimal(totals[name]), name
    one = rows[3]["farm_name"]
    assert api(f"compare/farms?{query}&farm={one}").data == [rows[3]]
    assert api("compare/farms?with=2025-13").status == 422
    assert api("days?with=2025-03-01").status == 422


def test_of_farms_what_was_not_notified_or_metered_is_no_zero(copy: str, serve: Serve) -> None:
    query = "from=2025-04-02&to=2025-04-03&with=2025-03-11"
    rows = serve(copy)(f"compare/farms?{query}&basis=all").data
    known = [row for row in rows if row["potential_mwh"] is not None]
    assert known, "of some farms it is known on both sides"
    engine = open_warehouse(copy)
    for table in ("unit_daily_potential", "period_potential", "unit_daily_metered"):
        change(engine, f"DELETE FROM minerecon.{table} WHERE settlement_date < '2025-04-01'")
    engine.dispose()
    again = serve(copy)(f"compare/farms?{query}&basis=all").data
    names = [n for n in again[0] if any(word in n for word in ("potential", "instructed", "metered"))]
    assert {name for name in names if not name.startswith(("other_", "difference_"))} >= {
        "potential_mwh", "metered_mwh",
    }  # fmt: skip
    assert {row[name] for row in again for name in names} == {None}, "nothing is compared with what is not known"
    of_bids = [n for n in again[0] if n not in names]
    assert [[row[n] for n in of_bids] for row in again] == [[row[n] for n in of_bids] for row in rows]


def test_no_ratio_is_added_up(api: Api) -> None:
    for path in ("compare", "compare/months", "compare/farms"):
        got = api(f"{path}?from=2025-03-09&to=2025-03-11&with=2025-04-02&basis=all")
        named = {name for name in got.data[0] if name.startswith("difference_")}
        assert named
        assert not {n for n in named if not n.endswith(("_mwh", "_gbp", "_t", "_btc"))}, path


@pytest.fixture
def copy(forty_days: str, embedded_environ: dict[str, str]) -> Iterator[str]:
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        yield url


def test_ours_stands_beside_what_others_published_and_no_difference_comes_from_a_part_or_from_made_up_days(
    warehouse: Engine, serve: Serve
) -> None:
    day = dt.date(2025, 3, 28)
    with warehouse.begin() as connection:
        store_record(connection, day, 1, mwh=Decimal("99864.95"))
        store_day(connection, day, difficulty=Decimal(113757508810854), synthetic=False)
    api = serve(url_of(warehouse))
    rows = {row["figure_id"]: row for row in api("published").data}
    of_day = [row for row in rows.values() if row["period_label"] == str(day)]
    assert of_day
    for row in of_day:
        assert (row["ours_days_expected"], row["ours_days_present"], row["ours_is_synthetic"]) == (1, 1, False)
        assert Decimal(row["difference_value"]) == Decimal(row["ours_value"]) - Decimal(row["value"])
        assert abs(Decimal(row["difference_share"])) < Decimal("1e-5"), row
    with warehouse.begin() as connection:
        connection.execute(text("DELETE FROM minerecon.bitcoin_daily_summaries WHERE miner_model = 'S9'"))
    uncalculated = serve(url_of(warehouse))(f"published?model=S9&limit={len(rows)}").data
    (of_model,) = (row for row in uncalculated if row["period_label"] == str(day) and row["figure"] == "mined_btc")
    assert (of_model["ours_value"], of_model["difference_value"]) == (None, None), "of fewer days than are stored"
    month = next(row for row in rows.values() if row["period_label"] == "2025-03")
    assert (month["ours_days_expected"], month["ours_days_present"]) == (31, 1)
    assert (month["difference_value"], month["difference_share"]) == (None, None)
    with warehouse.begin() as connection:
        connection.execute(text("UPDATE minerecon.daily_summaries SET is_synthetic = true"))
    made_up = serve(url_of(warehouse))(f"published?model=S9&limit={len(rows)}").data
    assert [row["difference_value"] for row in made_up if row["period_label"] == str(day)] == [None]


def test_exports_are_the_files_that_the_views_make_and_their_rows_are_to_be_had_here(api: Api, stored: Engine) -> None:
    got = api("exports?from=2025-03&to=2025-03")
    assert "cannot read the archive" in got.meta["note"]
    with stored.connect() as connection:
        from minerecon_dagster.exports.month import exported_views

        views = {view.name: view for view in exported_views(connection)}
    assert [row["view_name"] for row in got.data] == sorted(views)
    for row in got.data:
        assert row["parquet_file"] == f"exports/2025-03/{row['view_name']}.parquet"
        assert row["column_count"] == len(views[row["view_name"]].columns)
    served = [row for row in got.data if row["csv_address"]]
    assert len(served) > 6
    for row in served:
        file = api.get(row["csv_address"])
        assert file.status == 200, (row, file.body)
        assert file.body.decode("utf-8-sig").splitlines()[0].split(",") == [
            c.name for c in views[row["view_name"]].columns
        ]
    assert {row["year_month"] for row in api("exports").data} == {"2025-03", "2025-04"}


def change(engine: Engine, sql: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(text(sql), values)


@pytest.fixture
def restated(warehouse: Engine, serve: Serve) -> Api:
    """Five days of March 2025: one as it was first built, one restated twice, one restated and then built anew without
    a restatement, one restated once, and one closed."""
    days = [dt.date(2025, 3, n) for n in range(1, 5)]
    with warehouse.begin() as connection:
        for n, day in enumerate(days, 1):
            store_record(connection, day, 1, mwh=Decimal(10 * n))
            store_day(connection, day, difficulty=Decimal(10**14))
    built = "UPDATE minerecon.daily_summaries SET built_at = :at WHERE summary_date = :day"
    for day, at in zip(days, ("2025-03-03", "2025-03-20", "2025-03-15", "2025-03-12"), strict=True):
        change(warehouse, built, at=f"{at}T12:00:00Z", day=day)
    for day, at, old, new in (
        (days[1], "2025-03-10", 15, 18),
        (days[1], "2025-03-20", 18, 20),
        (days[2], "2025-03-10", 25, 28),  # and built once more since, for a fault of ours
        (days[3], "2025-03-12", 35, 40),
    ):
        change(
            warehouse,
            "INSERT INTO minerecon.restatements (settlement_date, detected_at, old_state, old_curtailed_mwh,"
            " new_curtailed_mwh, old_payment_gbp, new_payment_gbp, old_all_bids_mwh, new_all_bids_mwh, old_archive_uri,"
            " new_archive_uri) VALUES (:day, :at, 'final', :old, :new, :old * 50, :new * 50, :old, :new, 'a', 'b')",
            day=day, at=f"{at}T12:00:00Z", old=old, new=new,
        )  # fmt: skip
    change(
        warehouse,
        "INSERT INTO minerecon.unavailable_days (settlement_date, reason, accepted_by, closed_at)"
        " VALUES ('2025-03-05', 'gone', 'us', '2025-03-25T00:00:00Z')",
    )
    return serve(url_of(warehouse))


def test_what_was_published_at_an_instant_is_given_where_it_is_on_record_and_never_guessed(restated: Api) -> None:
    def at(instant: str) -> list[tuple[str, str | None]]:
        rows = restated(f"days?from=2025-03-01&to=2025-03-06&as_of={instant}").data
        return [(row["known_as"], row["curtailed_mwh"]) for row in rows]

    unknown = ("not known", None)
    assert at("2025-03-11") == [("as now", "10"), ("restated", "18"), unknown, unknown, unknown, ("missing", None)]
    assert at("2025-03-16") == [
        ("as now", "10"), ("restated", "18"), ("as now", "30"), ("as now", "40"), unknown, ("missing", None),
    ]  # fmt: skip
    assert at("2025-03-20T12:00:00Z")[1] == ("as now", "20")
    assert at("2025-03-09")[1] == unknown, "what a restatement calls old may be younger than that"
    assert at("2025-03-26")[4] == ("unavailable", None)
    assert at("2025-03-03")[2:4] == [unknown, ("not begun", None)]


def test_months_and_years_as_of_an_instant_are_sums_only_where_all_their_days_are_known(restated: Api) -> None:
    got = restated("months?from=2025-03&to=2025-04&as_of=2025-03-26")
    assert got.meta["published_as_of"] == "2025-03-26T00:00:00Z"
    assert not {"is_provisional", "statuses", "days_final"} & got.meta.keys(), "how the days stand now is not of then"
    march, april = got.data
    assert (march["known_as"], march["curtailed_mwh"], march["days_not_known"]) == ("sum of what was known", "100", 0)
    assert (march["days_begun"], march["days_missing"]) == (26, 22)
    assert (april["known_as"], april["curtailed_mwh"]) == ("not begun", None)
    (year,) = restated("years?from=2025&to=2025&as_of=2025-03-11").data
    assert (year["known_as"], year["curtailed_mwh"], year["days_not_known"]) == ("not known", None, 3)


@pytest.mark.parametrize("text_", ["yesterday", "2025-03", "2025-03-11T10:00:00", "2999-01-01", "1990-01-01", "%00"])
def test_an_instant_that_is_none_or_not_yet_is_refused(api: Api, text_: str) -> None:
    got = api(f"days?as_of={text_}")
    assert (got.status, "as_of" in got.json["detail"]) == (422, True)


def test_money_as_of_an_instant_is_of_the_days_that_the_energy_is_of_or_not_there(
    restated: Api, warehouse: Engine
) -> None:
    change(warehouse, "DELETE FROM minerecon.unavailable_days")
    for path in ("months?from=2025-03&to=2025-03", "years?from=2025&to=2025"):
        (row,) = restated(f"{path}&as_of=2025-03-16&basis=all").data
        assert (row["known_as"], row["all_bids_mwh"], row["all_bids_payment_gbp"]) == (
            "sum of what was known",
            "98",
            None,
        )
        (row,) = restated(f"{path}&as_of=2025-03-26&basis=all").data
        assert (row["all_bids_mwh"], row["all_bids_payment_gbp"]) == ("100", "5000")


def test_as_of_without_a_range_is_of_the_year_up_to_the_newest_day(restated: Api) -> None:
    months = restated("months?as_of=2025-03-26").data
    assert [row["year_month"] for row in months][:1] + [row["year_month"] for row in months][-1:] == [
        "2024-03",
        "2025-03",
    ]
    assert (months[-1]["known_as"], months[-1]["curtailed_mwh"]) == ("sum of what was known", "100")
    assert [row["year"] for row in restated("years?as_of=2025-03-26").data] == [2024, 2025]
