"""Months and years: sums of days, how many of them there are, and sums that are not what their days say."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from sqlalchemy import Engine, text

from minerecon_dagster import asset_keys
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.defs.partitions import monthly_partitions, yearly_partitions
from minerecon_dagster.jobs import ROLL_UP_MONTHS, ROLL_UP_YEARS, ROLLUP_SWEEP
from minerecon_dagster.sums.rollups import (
    TIME_TO_FOLLOW,
    look_at_sums,
    months_to_update,
    overall,
    record_sums,
    roll_up_months,
    roll_up_years,
    years_to_update,
)
from minerecon_dagster.warehouse.sums import ADDITIVE, Grain

D = dt.date.fromisoformat
BUILT = dt.datetime(2026, 1, 2, 6, tzinfo=dt.UTC)
"""When the days of these tests were built, and `NOW`, when they are looked at."""
NOW = BUILT + dt.timedelta(days=1)
MODELS = {model.name: round(Decimal("0.02") * model.hashrate_ths / model.power_w, 15) for model in MINER_MODELS}
"""Bitcoin of the first of a month, per model: in the models' ratios."""
SUMMED = (
    "curtailed_mwh, payment_gbp, paid_gbp, refunded_gbp, unpriced_mwh, all_bids_mwh, all_bids_payment_gbp,"
    " record_count, so_record_count, wind_generation_mwh, wind_onshore_mwh, wind_offshore_mwh"
)


def days(first: str, last: str) -> list[dt.date]:
    return [D(first) + dt.timedelta(days=n) for n in range((D(last) - D(first)).days + 1)]


def store(engine: Engine, stored: Iterable[dt.date], **changes: Any) -> None:
    """Store days (replace them), each with figures of its own."""
    with engine.begin() as connection:
        for day in stored:
            n = Decimal(day.toordinal() % 97)
            row = {
                **dict.fromkeys((a.name for a in ADDITIVE), 0),
                "summary_date": day,
                "curtailed_mwh": n * Decimal("1.000000000000000000001"),
                "paid_gbp": n * 3,
                "refunded_gbp": Decimal("0.1"),
                "unpriced_mwh": Decimal("0.25"),
                "all_bids_mwh": n * 2,
                "all_bids_payment_gbp": -n,
                "record_count": 20,
                "bmu_count": 4,
                "so_record_count": 10,
                "periods_expected": 48,
                "periods_due": 48,
                "periods_present": 48,
                "state": "final",
                "wind_onshore_mwh": n + 5,
                "wind_offshore_mwh": n + 7,
                "wind_generation_mwh": n + n + 12,
                "archive_uri": "archive",
                "is_synthetic": True,
                "built_at": BUILT,
            } | changes
            connection.execute(text("DELETE FROM minerecon.daily_summaries WHERE summary_date = :d"), {"d": day})
            names = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO minerecon.daily_summaries ({names}) VALUES ({values})"), row)
            set_bitcoin(engine, day, MODELS, connection=connection)


def set_bitcoin(engine: Engine, day: dt.date, models: Mapping[str, Decimal], *, connection: Any = None) -> None:
    if connection is None:
        with engine.begin() as connection:
            return set_bitcoin(engine, day, models, connection=connection)
    for model, btc in models.items():
        connection.execute(
            text(
                "INSERT INTO minerecon.bitcoin_daily_summaries VALUES (:d, :m, :b)"
                " ON CONFLICT (summary_date, miner_model) DO UPDATE SET mined_btc = :b"
            ),
            {"d": day, "m": model, "b": btc * day.day},
        )
    return None


def evaluate(engine: Engine, day: dt.date, *, passed: bool) -> None:
    """Record an evaluation of a check of a day."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name, passed,"
                " severity, looked_at, violation_count, violations, repair, evaluated_at)"
                " VALUES (:d, 'control_totals', 'boav_wind_volume', :p, 'ERROR', 1, :v, '[]', '', :t)"
            ),
            {"d": day, "p": passed, "v": 0 if passed else 1, "t": NOW},
        )


def rows(engine: Engine, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]


def to_update(engine: Engine) -> tuple[list[str], list[int]]:
    with engine.connect() as connection:
        return months_to_update(connection), years_to_update(connection)


def look(engine: Engine, grain: Grain, now: dt.datetime = NOW) -> tuple[Result, Result]:
    """The results of both properties over all months (or years)."""
    with engine.connect() as connection:
        follow, ratios = overall(grain, look_at_sums(connection, grain, now))
    return follow, ratios


def roll_up_all(engine: Engine) -> None:
    months, years = to_update(engine)
    roll_up_months(engine, months, NOW)
    roll_up_years(engine, years, NOW)


def test_every_figure_of_months_and_years_is_the_sum_of_their_days(warehouse: Engine) -> None:
    store(warehouse, days("2024-12-30", "2025-02-03"))
    roll_up_months(warehouse, ["2024-12", "2025-01", "2025-02"], NOW)
    roll_up_years(warehouse, [2024, 2025], NOW)
    sums = ", ".join(f"sum({name})" for name in SUMMED.split(", "))
    for table, key in (("monthly_summaries", "to_char(summary_date::timestamp, 'YYYY-MM')"),
                       ("yearly_summaries", "extract(year FROM summary_date)::int")):  # fmt: skip
        name = "year_month" if table.startswith("month") else "year"
        assert rows(warehouse, f"SELECT {name}, {SUMMED} FROM minerecon.{table} ORDER BY 1") == rows(
            warehouse, f"SELECT {key}, {sums} FROM minerecon.daily_summaries GROUP BY 1 ORDER BY 1"
        )
        assert rows(
            warehouse, f"SELECT {name}, miner_model, mined_btc FROM minerecon.bitcoin_{table} ORDER BY 1, 2"
        ) == rows(
            warehouse,
            f"SELECT {key}, miner_model, sum(mined_btc) FROM minerecon.bitcoin_daily_summaries GROUP BY 1, 2"
            " ORDER BY 1, 2",
        )
    assert rows(warehouse, "SELECT year, days_present FROM minerecon.yearly_summaries ORDER BY 1") == [
        (2024, 2),
        (2025, 34),
    ]


@pytest.mark.parametrize(
    ("month", "last", "length"),
    [("2024-02", "2024-02-29", 29), ("2025-02", "2025-02-28", 28), ("2025-03", "2025-03-31", 31)],
)
def test_a_month_is_complete_when_all_its_calendar_days_are_final(
    warehouse: Engine, month: str, last: str, length: int
) -> None:
    coverage = "SELECT days_expected, days_present, days_final, is_complete FROM minerecon.{}"
    store(warehouse, days(f"{month}-01", last))
    roll_up_months(warehouse, [month], NOW)
    for table in ("monthly_summaries", "bitcoin_monthly_summaries"):
        assert set(rows(warehouse, coverage.format(table))) == {(length, length, length, True)}
    store(warehouse, [D(last)], state="provisional")
    roll_up_months(warehouse, [month], NOW)
    for table in ("monthly_summaries", "bitcoin_monthly_summaries"):
        assert set(rows(warehouse, coverage.format(table))) == {(length, length, length - 1, False)}


def test_a_day_missing_in_the_middle_is_missing_and_not_zero(warehouse: Engine) -> None:
    store(warehouse, set(days("2025-03-01", "2025-03-31")) - {D("2025-03-15")})
    (march,) = roll_up_months(warehouse, ["2025-03"], NOW)
    (year,) = roll_up_years(warehouse, [2025], NOW)
    assert (march.days_present, march.days_expected, march.is_complete) == (30, 31, False)
    assert (year.days_present, year.days_expected, year.is_complete) == (30, 365, False)


def test_a_model_that_some_days_lack_says_so_in_its_own_row(warehouse: Engine) -> None:
    store(warehouse, days("2025-03-01", "2025-03-31"))
    with warehouse.begin() as connection:
        without = "DELETE FROM minerecon.bitcoin_daily_summaries WHERE miner_model = 'M20S' AND summary_date < :d"
        connection.execute(text(without), {"d": D("2025-03-31")})
    roll_up_months(warehouse, ["2025-03"], NOW)
    assert rows(
        warehouse, "SELECT miner_model, days_present, is_complete FROM minerecon.bitcoin_monthly_summaries ORDER BY 1"
    ) == [(model, 1, False) if model == "M20S" else (model, 31, True) for model in sorted(m.name for m in MINER_MODELS)]


def test_a_month_without_any_day_has_no_row_and_loses_the_one_it_had(warehouse: Engine) -> None:
    store(warehouse, days("2025-03-30", "2025-04-02"))
    assert [m.key for m in roll_up_months(warehouse, ["2025-03", "2025-04", "2025-05"], NOW)] == ["2025-03", "2025-04"]
    with warehouse.begin() as connection:
        connection.execute(text("DELETE FROM minerecon.daily_summaries WHERE summary_date >= '2025-04-01'"))
    assert roll_up_months(warehouse, ["2025-04"], NOW) == []
    for table in ("monthly_summaries", "bitcoin_monthly_summaries"):
        assert set(rows(warehouse, f"SELECT year_month FROM minerecon.{table}")) == {("2025-03",)}


def test_wind_output_is_unknown_of_a_month_where_it_is_unknown_of_a_day(warehouse: Engine) -> None:
    store(warehouse, days("2025-03-01", "2025-03-03"))
    store(warehouse, [D("2025-03-02")], wind_offshore_mwh=None, wind_generation_mwh=None)
    roll_up_months(warehouse, ["2025-03"], NOW)
    ((generated, onshore, offshore, share),) = rows(
        warehouse,
        "SELECT wind_generation_mwh, wind_onshore_mwh, wind_offshore_mwh, curtailed_share"
        " FROM minerecon.monthly_summaries",
    )
    assert onshore > 0
    assert (generated, offshore, share) == (None, None, None)


def test_a_sum_is_never_dated_before_a_day_in_it(warehouse: Engine) -> None:
    store(warehouse, [D("2025-03-28")], built_at=NOW + dt.timedelta(minutes=5))
    roll_up_months(warehouse, ["2025-03"], NOW)
    roll_up_years(warehouse, [2025], NOW)
    assert to_update(warehouse) == ([], [])


def test_a_roll_up_that_waited_for_another_sees_what_came_meanwhile(warehouse: Engine) -> None:
    store(warehouse, [D("2025-03-28")])
    made = []
    waiting = threading.Thread(target=lambda: made.extend(roll_up_months(warehouse, ["2025-03"], NOW)))
    with warehouse.begin() as connection:
        connection.execute(text("LOCK TABLE minerecon.monthly_summaries IN SHARE ROW EXCLUSIVE MODE"))
        waiting.start()
        lock = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'minerecon.monthly_summaries'::regclass"
        until = time.monotonic() + 20
        while rows(warehouse, lock) != [(1,)]:
            assert time.monotonic() < until, "it did not wait"
            time.sleep(0.01)
        store(warehouse, [D("2025-03-29")])
        assert rows(warehouse, "SELECT count(*) FROM minerecon.monthly_summaries") == [(0,)], "readers do not wait"
    waiting.join()
    assert made[0].days_present == 2


def test_sums_that_are_missing_older_or_of_other_figures_are_to_be_updated(warehouse: Engine) -> None:
    assert to_update(warehouse) == ([], [])
    store(warehouse, days("2024-12-31", "2025-02-01"))
    assert to_update(warehouse) == (["2024-12", "2025-01", "2025-02"], [2024, 2025])
    roll_up_all(warehouse)
    assert to_update(warehouse) == ([], [])

    store(warehouse, [D("2025-01-20")], built_at=NOW + dt.timedelta(minutes=1))
    assert to_update(warehouse) == (["2025-01"], [2025]), "older than a day in them"
    roll_up_all(warehouse)

    set_bitcoin(warehouse, D("2024-12-31"), {"S9": Decimal(7)})
    assert to_update(warehouse) == (["2024-12"], [2024]), "recalculated: no day is newer, and the figures differ"
    roll_up_all(warehouse)

    store(warehouse, [D("2025-02-01")], curtailed_mwh=Decimal("0.5"))
    assert to_update(warehouse) == (["2025-02"], [2025]), "summed before the day's commit, dated after its building"
    roll_up_all(warehouse)

    with warehouse.begin() as connection:
        connection.execute(text("DELETE FROM minerecon.daily_summaries WHERE summary_date = '2025-02-01'"))
    assert to_update(warehouse) == (["2025-02"], [2025]), "its days are gone"
    roll_up_all(warehouse)
    assert to_update(warehouse) == ([], [])


def test_a_month_and_its_year_wait_for_a_failing_day_and_follow_when_it_is_mended(warehouse: Engine) -> None:
    store(warehouse, [D("2025-03-28"), D("2025-04-01")])
    evaluate(warehouse, D("2025-03-29"), passed=False)
    assert to_update(warehouse) == (["2025-04"], [])
    evaluate(warehouse, D("2025-03-29"), passed=True)
    assert to_update(warehouse) == (["2025-03", "2025-04"], [2025])


@pytest.mark.parametrize("grain", ["month", "year"])
def test_where_there_are_days_and_no_sum_yet_one_check_says_why_and_names_the_day_that_is_waited_for(
    warehouse: Engine, grain: Grain
) -> None:
    store(warehouse, [D("2025-03-28")])
    evaluate(warehouse, D("2025-03-29"), passed=False)
    follow, ratios = look(warehouse, grain, NOW + TIME_TO_FOLLOW)
    assert not follow.passed
    assert str(follow.repair) == "minerecon reingest 2025-03-29"
    assert ratios.passed, "what is missing is told once"
    assert ratios.actual == "no sums yet"


@pytest.mark.parametrize("grain", ["month", "year"])
def test_the_check_lists_stale_sums_and_passes_when_they_are_summed(warehouse: Engine, grain: Grain) -> None:
    store(warehouse, [D("2024-12-31"), D("2025-03-28")])
    roll_up_all(warehouse)
    checked, ratios = look(warehouse, grain)
    assert (checked.passed, checked.looked_at) == (True, 2)
    assert (ratios.passed, ratios.looked_at) == (True, 2)

    late = NOW + dt.timedelta(hours=2)
    store(warehouse, [D("2025-03-28")], built_at=late)
    assert look(warehouse, grain, late + TIME_TO_FOLLOW / 2)[0].passed, "it has time to follow"
    checked, _ = look(warehouse, grain, late + TIME_TO_FOLLOW)
    key = {"month": "2025-03", "year": "2025"}[grain]
    assert not checked.passed
    assert list(checked.violations) == [{grain: key, "problem": "older than a day in it", "waits_for": []}]
    assert str(checked.repair).endswith("rollup_sweep")

    evaluate(warehouse, D("2025-03-29"), passed=False)
    checked, _ = look(warehouse, grain, late + TIME_TO_FOLLOW)
    assert checked.violations[0]["waits_for"] == ["2025-03-29"]
    assert str(checked.repair) == "minerecon reingest 2025-03-29"


KEYS: dict[Grain, tuple[str, str, str]] = {
    "month": ("monthly_summaries", "year_month = '2025-03'", "2025-03"),
    "year": ("yearly_summaries", "year = 2025", "2025"),
}
TYPED = (
    "UPDATE minerecon.{table} SET curtailed_mwh = curtailed_mwh + 0.000001 WHERE {key}",
    "UPDATE minerecon.{table} SET days_final = days_final - 1 WHERE {key}",
    "UPDATE minerecon.{table} SET wind_generation_mwh = NULL WHERE {key}",
    "UPDATE minerecon.bitcoin_{table} SET mined_btc = mined_btc * 2 WHERE {key} AND miner_model = 'S9'",
    "DELETE FROM minerecon.bitcoin_{table} WHERE {key} AND miner_model = 'S9'",
    "UPDATE minerecon.bitcoin_{table} SET days_present = days_present - 1, days_final = days_final - 1 WHERE {key}",
    "DELETE FROM minerecon.{table} WHERE {key}",
)


@pytest.mark.first_quick
@pytest.mark.parametrize("grain", ["month", "year"])
@pytest.mark.parametrize("fault", TYPED)
def test_what_is_typed_into_the_running_month_or_year_is_red_at_once_though_its_day_was_built_just_now(
    warehouse: Engine, grain: Grain, fault: str
) -> None:
    store(warehouse, days("2025-03-01", "2025-03-28"), built_at=NOW)
    roll_up_all(warehouse)
    table, key, name = KEYS[grain]
    with warehouse.begin() as connection:
        connection.execute(text(fault.format(table=table, key=key)))
    # Today is built every half an hour, and was just now.
    store(warehouse, [D("2025-03-28")], curtailed_mwh=Decimal(7), built_at=NOW + dt.timedelta(minutes=1))
    checked, _ = look(warehouse, grain, NOW + dt.timedelta(minutes=2))
    assert not checked.passed
    (violation,) = checked.violations
    assert violation[grain] == name
    assert violation["problem"] == "not the sum of its days: changed after it was summed"


@pytest.mark.parametrize("grain", ["month", "year"])
def test_a_sum_that_only_lags_passes_for_an_hour_and_its_words_do_not_say_that_it_is_wrong(
    warehouse: Engine, grain: Grain
) -> None:
    store(warehouse, days("2025-03-01", "2025-03-28"), built_at=NOW)
    roll_up_all(warehouse)
    built = NOW + dt.timedelta(minutes=1)
    store(warehouse, [D("2025-03-28")], curtailed_mwh=Decimal(7), built_at=built)
    with warehouse.connect() as connection:
        (result, _) = look_at_sums(connection, grain, built + dt.timedelta(minutes=5))[KEYS[grain][2]]
    assert result.passed
    assert result.actual == "what was summed; a day came or went since, to follow by 07:01 UTC"


@pytest.mark.parametrize("grain", ["month", "year"])
def test_a_running_month_that_nothing_sums_any_more_is_red_after_an_hour_though_today_is_always_new(
    warehouse: Engine, grain: Grain
) -> None:
    store(warehouse, days("2025-03-01", "2025-03-27"), built_at=NOW)
    roll_up_all(warehouse)
    for half_hours in (1, 2, 3):
        built = NOW + half_hours * dt.timedelta(minutes=30)
        store(warehouse, [D("2025-03-28")], curtailed_mwh=Decimal(half_hours), built_at=built)
        store(warehouse, [D("2025-03-27")], built_at=NOW + dt.timedelta(minutes=30))
    checked, _ = look(warehouse, grain, built + dt.timedelta(minutes=1))
    assert [v["problem"] for v in checked.violations] == ["older than a day in it"]


@pytest.mark.parametrize("grain", ["month", "year"])
def test_a_day_that_was_built_before_a_sum_and_committed_after_it_is_lag_and_no_typed_in_total(
    warehouse: Engine, grain: Grain
) -> None:
    store(warehouse, days("2025-03-01", "2025-03-27"), built_at=NOW)
    roll_up_all(warehouse)
    store(warehouse, [D("2025-03-28")], built_at=NOW - dt.timedelta(seconds=20))
    assert look(warehouse, grain, NOW + dt.timedelta(minutes=1))[0].passed
    checked, _ = look(warehouse, grain, NOW + TIME_TO_FOLLOW)
    assert [v["problem"] for v in checked.violations] == ["of other days than are stored"]


@pytest.mark.parametrize("grain", ["month", "year"])
def test_a_day_that_other_hands_change_is_no_lag(warehouse: Engine, grain: Grain) -> None:
    store(warehouse, days("2025-03-01", "2025-03-28"), built_at=NOW)
    roll_up_all(warehouse)
    with warehouse.begin() as connection:
        connection.execute(text("UPDATE minerecon.daily_summaries SET paid_gbp = 1 WHERE summary_date = '2025-03-28'"))
    checked, _ = look(warehouse, grain, NOW + dt.timedelta(minutes=1))
    assert [v["problem"] for v in checked.violations] == ["not the sum of its days"]


@pytest.mark.parametrize("grain", ["month", "year"])
def test_sums_of_before_an_upgrade_are_compared_with_their_days_and_not_suspected(
    warehouse: Engine, grain: Grain
) -> None:
    store(warehouse, days("2025-03-01", "2025-03-28"), built_at=NOW)
    roll_up_all(warehouse)
    table, key, _ = KEYS[grain]
    with warehouse.begin() as connection:
        connection.execute(text(f"UPDATE minerecon.{table} SET summed = NULL, summed_days = NULL"))
    assert look(warehouse, grain, NOW)[0].passed
    with warehouse.begin() as connection:
        connection.execute(text(f"UPDATE minerecon.{table} SET record_count = record_count + 1 WHERE {key}"))
    assert not look(warehouse, grain, NOW)[0].passed


@pytest.mark.parametrize("grain", ["month", "year"])
def test_the_checks_fail_where_they_have_nothing_to_look_at(warehouse: Engine, grain: Grain) -> None:
    for checked in look(warehouse, grain):
        assert (checked.passed, checked.looked_at) == (False, 0)
        assert "minerecon reingest" in str(checked.repair)


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("grain", "table", "key", "totals"),
    [
        ("month", "bitcoin_monthly_summaries", "2025-03", ("260.28916727", "159.87284065", "80.60844328")),
        ("year", "bitcoin_yearly_summaries", "2025", ("903.24720919", "556.74644712", "280.71290970")),
    ],
)
def test_published_totals_of_the_earlier_system_typed_in_are_found_and_the_sweep_mends_them(
    warehouse: Engine, grain: Grain, table: str, key: str, totals: tuple[str, str, str]
) -> None:
    store(warehouse, days("2025-02-01", "2025-03-31"))
    roll_up_all(warehouse)
    name = "year_month" if grain == "month" else "year"
    with warehouse.begin() as connection:
        for model, btc in zip(("S19J_PRO", "M20S", "S9"), totals, strict=True):
            connection.execute(
                text(f"UPDATE minerecon.{table} SET mined_btc = :b WHERE miner_model = :m AND {name} = :k"),
                {"b": Decimal(btc), "m": model, "k": key if grain == "month" else int(key)},
            )
    follow, ratios = look(warehouse, grain)
    for checked in (follow, ratios):
        assert not checked.passed
        assert checked.violations[0][grain] == key
        assert checked.repair == c.SWEEP
    assert {v["miner_model"] for v in ratios.violations} == {m.name for m in MINER_MODELS} - {"S19J_PRO"}
    assert to_update(warehouse) == ((["2025-03"], []) if grain == "month" else ([], [2025]))
    assert build_defs().resolve_job_def(ROLLUP_SWEEP).name in str(c.SWEEP)
    roll_up_all(warehouse)
    assert all(checked.passed for checked in look(warehouse, grain))


def test_a_single_models_total_that_is_off_by_a_millionth_is_found_and_rounding_is_not(warehouse: Engine) -> None:
    store(warehouse, days("2025-03-01", "2025-03-31"))
    roll_up_all(warehouse)
    for factor, passes in (("1.000000000000001", True), ("1.000001", False)):
        with warehouse.begin() as connection:
            connection.execute(
                text("UPDATE minerecon.bitcoin_monthly_summaries SET mined_btc = mined_btc * :f"
                     " WHERE miner_model = 'S9'"), {"f": Decimal(factor)},
            )  # fmt: skip
        follow, ratios = look(warehouse, "month")
        assert not follow.passed, "any other figure is not the sum of the days"
        assert ratios.passed is passes


def test_a_month_whose_days_are_out_of_ratio_names_the_command_that_recalculates_them(warehouse: Engine) -> None:
    store(warehouse, days("2025-03-01", "2025-03-31"))
    for day in ("2025-03-06", "2025-03-09"):
        set_bitcoin(warehouse, D(day), {"M20S": Decimal(1)})
    roll_up_all(warehouse)
    for grain in ("month", "year"):
        follow, ratios = look(warehouse, grain)
        assert follow.passed, "it is the sum of its days"
        assert (ratios.passed, str(ratios.repair)) == (False, "minerecon recalculate 2025-03-06 2025-03-09")
    with warehouse.begin() as connection:
        connection.execute(text("DELETE FROM minerecon.daily_summaries WHERE summary_date = '2025-03-07'"))
    _, ratios = look(warehouse, "month")
    assert str(ratios.repair) == "minerecon recalculate 2025-03-06; minerecon recalculate 2025-03-08 2025-03-09", (
        "of a day that is not stored there is nothing to calculate"
    )


def test_a_month_without_one_of_the_models_is_out_of_ratio(warehouse: Engine) -> None:
    store(warehouse, days("2025-03-01", "2025-03-31"))
    with warehouse.begin() as connection:
        connection.execute(text("DELETE FROM minerecon.bitcoin_daily_summaries WHERE miner_model = 'S9'"))
    roll_up_all(warehouse)
    _, ratios = look(warehouse, "month")
    assert [(v["miner_model"], v["mined_btc"]) for v in ratios.violations] == [("S9", None)]
    with warehouse.connect() as connection:
        _, of_the_month = look_at_sums(connection, "month", NOW)["2025-03"]
    assert of_the_month.actual == "S9 not calculated"


@pytest.mark.first_quick
@pytest.mark.parametrize("column", ["wind_generation_mwh", "days_expected", "curtailed_mwh"])
def test_any_figure_of_a_month_or_year_that_is_typed_in_is_to_be_updated(warehouse: Engine, column: str) -> None:
    store(warehouse, days("2025-03-01", "2025-03-31"))
    roll_up_all(warehouse)
    with warehouse.begin() as connection:
        for table in ("monthly_summaries", "yearly_summaries"):
            connection.execute(text(f"UPDATE minerecon.{table} SET {column} = {column} + 1"))
    assert to_update(warehouse) == (["2025-03"], [2025])
    assert not any(look(warehouse, grain)[0].passed for grain in ("month", "year"))


def test_bitcoin_of_a_month_without_any_day_is_found_and_removed(warehouse: Engine) -> None:
    with warehouse.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO minerecon.bitcoin_monthly_summaries (year_month, miner_model, mined_btc, days_expected,"
                " days_present, days_final, built_at) VALUES ('2025-03', 'S9', 80.6, 31, 31, 31, :t)"
            ),
            {"t": NOW},
        )
    assert look(warehouse, "month")[0].violations[0]["problem"] == "its days are gone"
    assert to_update(warehouse) == (["2025-03"], [])
    roll_up_all(warehouse)
    assert rows(warehouse, "SELECT count(*) FROM minerecon.bitcoin_monthly_summaries") == [(0,)]


def latest(engine: Engine) -> set[tuple[Any, ...]]:
    return set(
        rows(
            engine,
            "SELECT scope, settlement_date, check_name, passed FROM minerecon.reconciliation_latest"
            " WHERE check_family = 'rollups'",
        )
    )


def record(engine: Engine, keys: list[str] | None) -> int:
    """Look at all months, record what was found, and say how many rows that were."""
    count = "SELECT count(*) FROM minerecon.reconciliation_results"
    ((before,),) = rows(engine, count)
    with engine.begin() as connection:
        of_each = look_at_sums(connection, "month", NOW)
        record_sums(connection, "month", of_each, keys=keys, now=NOW, run_id=None)
    ((after,),) = rows(engine, count)
    return int(after - before)


def test_each_months_results_are_on_record_and_a_run_adds_its_own_and_what_is_new(warehouse: Engine) -> None:
    store(warehouse, days("2025-01-01", "2025-03-31"))
    roll_up_all(warehouse)
    assert record(warehouse, None) == 6
    both = ("sums_not_older_than_parts", "model_ratios")
    assert latest(warehouse) == {("month", D(f"2025-0{n}-01"), name, True) for n in (1, 2, 3) for name in both}
    assert record(warehouse, ["2025-03"]) == 2, "its own"
    set_bitcoin(warehouse, D("2025-01-06"), {"M20S": Decimal(1)})
    assert record(warehouse, ["2025-03"]) == 3, "and that January is not the sum of its days any more"
    assert ("month", D("2025-01-01"), "sums_not_older_than_parts", False) in latest(warehouse)
    with warehouse.begin() as connection:
        connection.execute(text("DELETE FROM minerecon.daily_summaries WHERE summary_date < '2025-02-01'"))
    roll_up_all(warehouse)
    assert record(warehouse, ["2025-03"]) == 3, "and that nothing is left of January, which is well"
    assert ("month", D("2025-01-01"), "sums_not_older_than_parts", True) in latest(warehouse)


@pytest.mark.slow
def test_a_years_months_and_year_are_summed_well_within_two_seconds(warehouse: Engine) -> None:
    store(warehouse, days("2025-01-01", "2025-12-31"))
    started = time.perf_counter()
    months = roll_up_months(warehouse, [f"2025-{n:02}" for n in range(1, 13)], NOW)
    (year,) = roll_up_years(warehouse, [2025], NOW)
    assert time.perf_counter() - started < 2
    assert year.is_complete
    assert sum(m.curtailed_mwh for m in months) == year.curtailed_mwh
    assert sum(m.mined_btc["S9"] for m in months) == year.mined_btc["S9"]


def test_months_and_years_begin_with_those_of_the_first_day_and_reach_the_present_ones() -> None:
    now = dt.datetime(2025, 3, 31, 23, 30, tzinfo=dt.UTC)
    months, years = monthly_partitions(D("2022-03-15")), yearly_partitions(D("2022-03-15"))
    assert months.get_partition_keys(current_time=now)[:2] == ["2022-03", "2022-04"]
    assert months.get_partition_keys(current_time=now)[-1] == "2025-04", "in London it is April"
    assert years.get_partition_keys(current_time=now) == ["2022", "2023", "2024", "2025"]


@pytest.fixture
def instance(warehouse: Engine, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    monkeypatch.setenv("DATABASE_URL", warehouse.url.render_as_string(hide_password=False))
    return dg.DagsterInstance.ephemeral()


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("job", "first", "last", "assets", "done"),
    [
        (
            ROLL_UP_MONTHS,
            "2024-12",
            "2025-03",
            (asset_keys.MONTHLY, asset_keys.BITCOIN_MONTHLY),
            {"2024-12", "2025-02"},
        ),
        (ROLL_UP_YEARS, "2023", "2025", (asset_keys.YEARLY, asset_keys.BITCOIN_YEARLY), {"2024", "2025"}),
    ],
)
def test_a_range_is_one_run_that_says_what_each_partition_holds(
    warehouse: Engine,
    instance: dg.DagsterInstance,
    job: str,
    first: str,
    last: str,
    assets: tuple[dg.AssetKey, dg.AssetKey],
    done: set[str],
) -> None:
    store(warehouse, [D("2024-12-31"), *days("2025-02-01", "2025-02-28")])
    ran = (
        build_defs()
        .resolve_job_def(job)
        .execute_in_process(
            instance=instance,
            tags={ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last},
        )
    )
    assert len(ran.get_step_success_events()) == 1
    for asset in assets:
        assert instance.get_materialized_partitions(asset) == done
    told = {
        (e.asset_key, e.partition): {k: v.value for k, v in e.materialization.metadata.items()}
        for e in ran.get_asset_materialization_events()
    }
    newest = told[assets[0], max(done)]
    curtailed = sum(Decimal(day.toordinal() % 97) for day in days("2025-02-01", "2025-02-28"))
    assert newest["curtailed_mwh"] == pytest.approx(float(curtailed))
    assert (newest["synthetic"], newest["is_complete"]) == (True, job == ROLL_UP_MONTHS)
    assert newest["days"].endswith("28 final")
    assert newest["payment_gbp"] == pytest.approx(float(3 * curtailed - Decimal("0.1") * 28))
    assert told[assets[1], max(done)]["S9_btc"] == pytest.approx(float(MODELS["S9"] * sum(range(1, 29))))
    checks = ran.get_asset_check_evaluations()
    assert {(check.asset_key, check.check_name, check.partition) for check in checks} == {
        (assets[0], "sums_not_older_than_parts", None),
        (assets[0], "model_ratios", None),
    }
    assert [(check.passed, check.metadata["looked_at"].value) for check in checks] == [(True, 2), (True, 2)]
    grain = {ROLL_UP_MONTHS: "month", ROLL_UP_YEARS: "year"}[job]
    assert {(scope, passed) for scope, _, _, passed in latest(warehouse)} == {(grain, True)}
    assert len(latest(warehouse)) == 4


@pytest.mark.slow
def test_the_sweep_updates_what_is_stale_and_evaluates_both_checks(
    warehouse: Engine, instance: dg.DagsterInstance
) -> None:
    store(warehouse, [D("2024-12-31"), D("2025-03-28"), D("2025-04-01")])
    roll_up_months(warehouse, ["2025-04"], NOW)
    evaluate(warehouse, D("2025-03-29"), passed=False)
    job = build_defs().resolve_job_def(ROLLUP_SWEEP)
    ran = job.execute_in_process(instance=instance)
    assert {(e.asset_key, e.partition) for e in ran.get_asset_materialization_events()} == {
        (asset_keys.MONTHLY, "2024-12"),
        (asset_keys.BITCOIN_MONTHLY, "2024-12"),
        (asset_keys.YEARLY, "2024"),
        (asset_keys.BITCOIN_YEARLY, "2024"),
    }
    assert {(e.asset_key, e.check_name): e.passed for e in ran.get_asset_check_evaluations()} == {
        (asset_keys.MONTHLY, "sums_not_older_than_parts"): False,
        (asset_keys.YEARLY, "sums_not_older_than_parts"): False,
        (asset_keys.MONTHLY, "model_ratios"): True,
        (asset_keys.YEARLY, "model_ratios"): True,
    }, "2025-03 and 2025 wait"
    evaluate(warehouse, D("2025-03-29"), passed=True)
    ran = job.execute_in_process(instance=instance)
    found = [(e.asset_key, e.passed) for e in ran.get_asset_check_evaluations() if e.check_name != "model_ratios"]
    assert found == [
        (asset_keys.MONTHLY, False),
        (asset_keys.YEARLY, False),
        (asset_keys.MONTHLY, True),
        (asset_keys.YEARLY, True),
    ]
    key = dg.AssetCheckKey(asset_keys.MONTHLY, "sums_not_older_than_parts")
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert latest.evaluation is not None
    assert latest.evaluation.passed
    assert latest.evaluation.metadata["looked_at"].value == 3
