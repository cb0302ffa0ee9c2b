"""What the views promise: their grain, equal totals, and a state beside every figure."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterator
from decimal import Decimal, localcontext
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from minerecon_dagster.core.calendar import period_count, period_starts
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.core.mining import MINER_MODELS, mined_btc
from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.store import statement
from minerecon_dagster_tests.analytics.by_hand import store_day, store_record
from minerecon_dagster_tests.analytics.conftest import Ask
from minerecon_dagster_tests.forty_days import (
    FAILING,
    FIRST,
    INCOMPLETE,
    LAST,
    MISSING,
    PRICELESS,
    PROVISIONAL,
    QUIET,
    SHORT,
)

GRAINS = {
    "settlement_days": ("settlement_date",),
    "settlement_months": ("year_month",),
    "wind_farms": ("bmu_id",),
    "curtailment_by_period": ("settlement_date", "settlement_period"),
    "curtailment_by_day": ("settlement_date",),
    "curtailment_by_month": ("year_month",),
    "curtailment_by_unit_day": ("settlement_date", "bmu_id"),
    "curtailment_by_farm_day": ("settlement_date", "farm_name"),
    "curtailment_by_zone_day": ("settlement_date", "zone"),
    "curtailment_by_lead_party_month": ("year_month", "lead_party_name"),
    "curtailment_by_zone_month": ("year_month", "zone"),
    "mining_potential_by_day": ("settlement_date", "miner_model"),
    "mining_potential_by_month": ("year_month", "miner_model"),
    "settlement_years": ("year",),
    "curtailment_by_year": ("year",),
    "curtailment_by_farm_month": ("year_month", "farm_name"),
    "curtailment_by_farm_year": ("year", "farm_name"),
    "mining_potential_by_year": ("year", "miner_model"),
    "notified_potential_by_unit_day": ("settlement_date", "bmu_id"),
    "notified_potential_by_farm_day": ("settlement_date", "farm_name"),
    "notified_potential_by_unit_month": ("year_month", "bmu_id"),
    "notified_potential_by_farm_month": ("year_month", "farm_name"),
    "checks_now": ("scope", "settlement_date", "check_family", "check_name"),
    "questions": ("name",),
}
BY_DAY = [view for view, grain in GRAINS.items() if "settlement_date" in grain and view != "checks_now"]
FIGURES = [
    *("curtailed_mwh", "paid_gbp", "refunded_gbp", "payment_gbp", "unpriced_mwh"),
    *("all_bids_mwh", "all_bids_paid_gbp", "all_bids_refunded_gbp", "all_bids_payment_gbp", "all_bids_unpriced_mwh"),
]


def columns(ask: Ask, view: str) -> set[str]:
    found = ask(
        "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:view AS regclass) AND attnum > 0",
        view=f"analytics.{view}",
    )
    return {name for (name,) in found}


def test_the_grain_that_a_comment_states_is_the_one_that_is_tested(ask: Ask) -> None:
    found = ask(
        "SELECT relname, obj_description(oid) FROM pg_class"
        " WHERE relnamespace = 'analytics'::regnamespace AND relkind = 'v' AND obj_description(oid) LIKE 'Grain: %'"
    )
    stated = {view: re.match(r"Grain: ([a-z_, ]+)\.", comment) for view, comment in found}
    assert {view: tuple(match[1].split(", ")) for view, match in stated.items() if match} == GRAINS


@pytest.mark.parametrize("part", ["zone", "farm", "unit"])
def test_a_share_of_all_of_a_day_is_its_energy_over_the_day_s_to_the_last_digit(ask: Ask, part: str) -> None:
    ((rows, wrong),) = ask(
        "SELECT count(*), count(*) FILTER (WHERE"
        " v.share_of_curtailed IS DISTINCT FROM round(v.curtailed_mwh / nullif(d.curtailed_mwh, 0), 12)"
        " OR v.share_of_all_bids IS DISTINCT FROM round(v.all_bids_mwh / nullif(d.all_bids_mwh, 0), 12))"
        f" FROM analytics.curtailment_by_{part}_day AS v"
        " JOIN analytics.curtailment_by_day AS d USING (settlement_date)"
    )
    assert (rows > 100, wrong) == (True, 0)


@pytest.mark.parametrize("view", GRAINS)
def test_a_view_is_unique_at_its_grain(ask: Ask, view: str) -> None:
    grain = GRAINS[view]
    ((rows, distinct, without),) = ask(
        f"SELECT count(*), count(DISTINCT ({', '.join(grain)})), count(*) FILTER (WHERE"
        f" {' OR '.join(f'{column} IS NULL' for column in grain)}) FROM analytics.{view}"
    )
    assert rows == distinct > 0
    assert without == 0


@pytest.mark.slow
def test_a_join_of_any_two_views_at_the_key_of_one_multiplies_nothing(ask: Ask) -> None:
    of_view = {view: columns(ask, view) for view in GRAINS}
    pairs = [(a, b) for a, b in itertools.permutations(GRAINS, 2) if of_view[a] >= set(GRAINS[b])]
    for view, other in pairs:
        key = GRAINS[other]
        ((alone, joined, met),) = ask(
            f"SELECT (SELECT count(*) FROM analytics.{view}), count(*), count(o.{key[0]}) FROM analytics.{view} AS v"
            f" LEFT JOIN analytics.{other} AS o USING ({', '.join(key)})"
        )
        assert alone == joined >= met > 0, (view, other)
    assert len(pairs) > 30


def test_every_view_and_every_column_of_one_is_described(ask: Ask) -> None:
    undescribed = ask(
        "SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0"
        " WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind = 'v'"
        " AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)"
    )
    assert undescribed == []


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("view", "table"),
    [
        ("curtailment_by_period", "period_summaries"),
        ("curtailment_by_unit_day", "unit_daily_summaries"),
        ("curtailment_by_farm_day", "unit_daily_summaries"),
        ("curtailment_by_zone_day", "unit_daily_summaries"),
        ("curtailment_by_zone_month", "unit_daily_summaries"),
        ("curtailment_by_lead_party_month", "unit_daily_summaries"),
        ("curtailment_by_day", "unit_daily_summaries"),
        ("curtailment_by_month", "unit_daily_summaries"),
        ("curtailment_by_year", "unit_daily_summaries"),
        ("curtailment_by_farm_month", "unit_daily_summaries"),
        ("curtailment_by_farm_year", "unit_daily_summaries"),
    ],
)
def test_totals_of_a_view_equal_the_tables_to_the_last_digit(ask: Ask, view: str, table: str) -> None:
    for figure in (*FIGURES, "record_count", "so_record_count"):
        ((here, there),) = ask(
            f"SELECT (SELECT sum({figure}) FROM analytics.{view}), (SELECT sum({figure}) FROM minerecon.{table})"
        )
        assert here == there > 0, figure


@pytest.mark.parametrize("view", ["curtailment_by_period", "curtailment_by_unit_day", "curtailment_by_farm_day"])
def test_each_day_of_a_view_equals_its_daily_summary_and_its_records(ask: Ask, view: str) -> None:
    differ = ask(
        f"""
        SELECT settlement_date FROM (
            SELECT settlement_date, sum(curtailed_mwh), sum(paid_gbp), sum(refunded_gbp), sum(payment_gbp),
                   sum(unpriced_mwh), sum(all_bids_mwh), sum(all_bids_payment_gbp), sum(record_count)
            FROM analytics.{view} WHERE coverage > 0 OR curtailed_mwh IS NOT NULL GROUP BY 1
        ) AS v (settlement_date, a, b, c, d, e, f, g, h)
        FULL JOIN (
            SELECT summary_date, curtailed_mwh, paid_gbp, refunded_gbp, payment_gbp, unpriced_mwh, all_bids_mwh,
                   all_bids_payment_gbp, record_count
            FROM minerecon.daily_summaries
            WHERE record_count > 0 OR {view == "curtailment_by_period"}
        ) AS s (settlement_date, a, b, c, d, e, f, g, h) USING (settlement_date)
        WHERE (v.a, v.b, v.c, v.d, v.e, v.f, v.g, v.h) IS DISTINCT FROM (s.a, s.b, s.c, s.d, s.e, s.f, s.g, s.h)
        """
    )
    assert differ == []
    ((here, there),) = ask(
        f"SELECT (SELECT sum(all_bids_paid_gbp) FROM analytics.{view}),"
        " (SELECT sum(payment_gbp) FROM minerecon.curtailment_records WHERE payment_gbp > 0)"
    )
    assert here == there


def test_months_equal_the_tables_of_months(ask: Ask) -> None:
    figures = [f for f in FIGURES if f not in ("all_bids_paid_gbp", "all_bids_refunded_gbp", "all_bids_unpriced_mwh")]
    figures += ["record_count", "so_record_count", "wind_generation_mwh", "days_present", "days_final", "is_complete"]
    names = ", ".join(figures)
    here = ask(f"SELECT year_month, {names} FROM analytics.curtailment_by_month ORDER BY 1")
    there = ask(f"SELECT year_month, {names} FROM minerecon.monthly_summaries ORDER BY 1")
    assert here == there
    assert len(here) == 2
    shares = ask(
        "SELECT v.curtailed_share, t.curtailed_share FROM analytics.curtailment_by_month AS v"
        " JOIN minerecon.monthly_summaries AS t USING (year_month)"
    )
    assert all(a == round(b, 12) is not None for a, b in shares)


def test_years_equal_the_tables_of_years_and_say_how_much_of_them_there_is(ask: Ask) -> None:
    figures = ["curtailed_mwh", "payment_gbp", "unpriced_mwh", "all_bids_mwh", "record_count", "wind_generation_mwh"]
    names = ", ".join([*figures, "days_expected", "days_present", "days_final", "is_complete"])
    here = ask(f"SELECT year, {names} FROM analytics.curtailment_by_year")
    assert here == ask(f"SELECT year, {names} FROM minerecon.yearly_summaries")
    assert ask("SELECT DISTINCT year, status, round(coverage, 6) FROM analytics.curtailment_by_year") == [
        (2025, "failing", Decimal("0.106849"))
    ]
    bitcoin = ask(
        "SELECT v.mined_btc, b.mined_btc FROM analytics.mining_potential_by_year AS v FULL JOIN"
        " minerecon.bitcoin_yearly_summaries AS b USING (year, miner_model)"
    )
    assert len(bitcoin) == 3
    assert all(here == there is not None for here, there in bitcoin)


def test_a_farm_over_a_range_is_the_view_of_farms_by_day(ask: Ask) -> None:
    farms = [name for (name,) in ask("SELECT DISTINCT farm_name FROM analytics.wind_farms ORDER BY 1")]
    assert len(farms) == 60
    for farm in farms[::9]:
        asked = {"farm": farm, "first": FIRST + dt.timedelta(days=2), "last": LAST}
        rows = ask("SELECT * FROM analytics.curtailment_of_farm(:farm, :first, :last)", **asked)
        assert rows == ask(
            "SELECT * FROM analytics.curtailment_by_farm_day WHERE farm_name = :farm"
            " AND settlement_date BETWEEN :first AND :last ORDER BY settlement_date",
            **asked,
        )
        assert MISSING in [row.settlement_date for row in rows]


def test_a_farm_that_there_is_not_is_refused(ask: Ask) -> None:
    with pytest.raises(DBAPIError, match="there is no wind farm Nowhere"):
        ask("SELECT * FROM analytics.curtailment_of_farm('Nowhere', '2025-03-01', '2025-03-02')")


def test_the_farms_of_a_month_are_its_days_by_farm(ask: Ask) -> None:
    by_month = ask(
        "SELECT year_month, farm_name, curtailed_mwh, payment_gbp, all_bids_mwh, record_count, day_count"
        " FROM analytics.curtailment_by_farm_month ORDER BY 1, 2"
    )
    by_day = ask(
        "SELECT year_month, farm_name, sum(curtailed_mwh), sum(payment_gbp), sum(all_bids_mwh), sum(record_count),"
        " count(*) FROM analytics.curtailment_by_farm_day WHERE record_count > 0 GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert by_month == by_day
    ((shares,),) = ask(
        "SELECT sum(share_of_curtailed) FROM analytics.curtailment_by_farm_month WHERE year_month = '2025-03'"
    )
    assert round(shares, 10) == 1


def test_the_checks_of_now_are_what_the_status_of_a_day_counts(ask: Ask) -> None:
    counts = ask(
        "SELECT r.settlement_date FROM analytics.reconciliation_status AS r LEFT JOIN (SELECT settlement_date,"
        " count(*) AS checks, count(*) FILTER (WHERE NOT passed AND NOT is_waived AND severity = 'ERROR') AS errors"
        " FROM analytics.checks_now WHERE scope = 'day' GROUP BY 1) AS n USING (settlement_date)"
        " WHERE (r.check_count, r.error_count) IS DISTINCT FROM (coalesce(n.checks, 0), coalesce(n.errors, 0))"
    )
    assert counts == []
    assert ask("SELECT 1 FROM analytics.checks_now WHERE scope = 'day' AND repair = '' LIMIT 1") == []


def test_what_asks_for_one_day_reads_the_progress_of_that_day_alone(ask: Ask) -> None:
    """Whatever the day's status is asked by: it was once made of all days, whoever asked for one."""
    for view in ("reconciliation_status", "settlement_days", "curtailment_by_day", "curtailment_by_farm_day"):
        ((plan,),) = ask(
            f"EXPLAIN (ANALYZE, TIMING off, FORMAT json) SELECT * FROM analytics.{view} WHERE settlement_date = :d",
            d=SHORT,
        )
        read = list(_rows_read(plan[0]["Plan"], "ingestion_progress"))
        assert read, view
        assert max(read) <= 2 * 46, view


def _rows_read(plan: dict[str, Any], table: str) -> Iterator[float]:
    if plan.get("Relation Name") == table:
        yield (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    for part in plan.get("Plans", ()):
        yield from _rows_read(part, table)


def test_bitcoin_equals_the_tables_of_days_and_of_months(ask: Ask) -> None:
    days = ask(
        "SELECT v.mined_btc, b.mined_btc FROM analytics.mining_potential_by_day AS v FULL JOIN"
        " minerecon.bitcoin_daily_summaries AS b ON (summary_date, b.miner_model) = (settlement_date, v.miner_model)"
        " WHERE v.coverage > 0"
    )
    months = ask(
        "SELECT v.mined_btc, b.mined_btc FROM analytics.mining_potential_by_month AS v FULL JOIN"
        " minerecon.bitcoin_monthly_summaries AS b USING (year_month, miner_model)"
    )
    assert len(days) == 39 * len(MINER_MODELS)
    assert len(months) == 2 * len(MINER_MODELS)
    assert all(here == there is not None for here, there in (*days, *months))


def test_every_day_of_the_calendar_has_a_row_with_all_its_periods(ask: Ask) -> None:
    found = ask("SELECT settlement_date, count(*) FROM analytics.curtailment_by_period GROUP BY 1 ORDER BY 1")
    days = [FIRST + dt.timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    assert found == [(day, period_count(day)) for day in days]
    assert dict(found)[SHORT] == 46


@pytest.mark.parametrize("day", [FIRST, SHORT])
def test_a_period_starts_when_the_calendar_says(ask: Ask, day: dt.date) -> None:
    found = ask(
        "SELECT start_time, london_time FROM analytics.curtailment_by_period WHERE settlement_date = :d ORDER BY"
        " settlement_period",
        d=day,
    )
    assert [start for start, _ in found] == list(period_starts(day))
    assert found[0][1] == dt.datetime.combine(day, dt.time())
    assert found[-1][1] == dt.datetime.combine(day, dt.time(23, 30))


@pytest.mark.parametrize("view", BY_DAY)
def test_a_missing_day_is_null_with_no_coverage_and_never_zero(ask: Ask, view: str) -> None:
    figures = sorted(columns(ask, view) & {*FIGURES, "mined_btc", "value_gbp", "record_count"})
    names = ", ".join([*figures, "coverage", "status", "is_final"])
    rows = ask(f"SELECT {names} FROM analytics.{view} WHERE settlement_date = :d", d=MISSING)
    assert rows
    for row in rows:
        assert row[: len(figures)] == (None,) * len(figures)
        assert row[len(figures) :] == (0, "missing", False)


def test_of_a_missing_day_every_unit_and_farm_in_force_says_so(ask: Ask) -> None:
    ((units, farms, all_units, all_farms),) = ask(
        "SELECT (SELECT count(*) FROM analytics.curtailment_by_unit_day WHERE settlement_date = :d),"
        " (SELECT count(*) FROM analytics.curtailment_by_farm_day WHERE settlement_date = :d),"
        " count(*), count(DISTINCT farm_name) FROM analytics.wind_farms",
        d=MISSING,
    )
    assert (units, farms) == (all_units, all_farms)
    assert 0 < farms < units


def test_a_quiet_day_is_zero_and_fully_covered(ask: Ask) -> None:
    ((mwh, gbp, all_bids, coverage),) = ask(
        "SELECT curtailed_mwh, payment_gbp, all_bids_mwh, coverage FROM analytics.curtailment_by_day"
        " WHERE settlement_date = :d",
        d=QUIET,
    )
    assert (mwh, gbp, all_bids, coverage) == (0, 0, 0, 1)
    periods = ask(
        "SELECT curtailed_mwh, all_bids_paid_gbp, record_count, coverage, payment_gbp_per_mwh"
        " FROM analytics.curtailment_by_period WHERE settlement_date = :d",
        d=QUIET,
    )
    assert set(periods) == {(0, 0, 0, 1, None)}
    assert ask(
        "SELECT DISTINCT mined_btc, btc_per_mwh, break_even_price_gbp, value_gbp_per_mwh"
        " FROM analytics.mining_potential_by_day WHERE settlement_date = :d",
        d=QUIET,
    ) == [(0, None, None, None)]
    assert ask("SELECT 1 FROM analytics.curtailment_by_unit_day WHERE settlement_date = :d", d=QUIET) == []


def test_of_a_period_that_is_not_there_no_share_of_what_was_notified_is_0(stored: Engine) -> None:
    with stored.connect() as connection:
        # As the notifications of a day leave it of whose periods some have no answer: what was notified is known.
        connection.execute(
            text(
                "UPDATE minerecon.period_potential SET units_with_bid = 0, units_with_bid_and_pn = 0, bids_mwh = 0,"
                " so_bids_mwh = 0, taken_back_mwh = 0 WHERE settlement_date = :day AND settlement_period >= 39"
            ),
            {"day": INCOMPLETE},
        )
        rows = connection.execute(
            text(
                "SELECT settlement_period, potential_mwh > 0, curtailed_share_of_potential,"
                " all_bids_net_share_of_potential FROM analytics.curtailment_by_period WHERE settlement_date = :day"
                " AND settlement_period >= 39 ORDER BY 1"
            ),
            {"day": INCOMPLETE},
        ).all()
        connection.rollback()
    assert [tuple(row[1:]) for row in rows] == [(True, 0, 0), *[(True, None, None)] * 9]


def test_of_an_incomplete_day_a_period_that_is_not_there_is_null_and_a_quiet_one_zero(ask: Ask) -> None:
    found = dict(
        ask(
            "SELECT settlement_period, ARRAY[curtailed_mwh, all_bids_payment_gbp, coverage]"
            " FROM analytics.curtailment_by_period WHERE settlement_date = :d",
            d=INCOMPLETE,
        )
    )
    assert all(found[p] == [None, None, 0] for p in range(40, 49))
    assert found[39] == [0, 0, 1]
    assert sum(found[p][0] for p in range(1, 40)) > 0
    assert all(found[p][2] == 1 for p in range(1, 40))


@pytest.mark.parametrize("view", BY_DAY)
@pytest.mark.parametrize(
    ("day", "state", "status"),
    [
        (INCOMPLETE, "incomplete", "incomplete"),
        (FAILING, "final", "failing"),
        (PROVISIONAL, "provisional", "provisional"),
        (MISSING, None, "missing"),
        (SHORT, "final", "complete"),
    ],
)
def test_every_view_says_the_state_of_a_day(ask: Ask, view: str, day: dt.date, state: str | None, status: str) -> None:
    found = ask(f"SELECT DISTINCT day_state, status FROM analytics.{view} WHERE settlement_date = :d", d=day)
    assert found == [(state, status)]


@pytest.mark.parametrize("view", [view for view, grain in GRAINS.items() if "year_month" in grain])
def test_a_month_says_how_much_of_it_there_is_and_its_worst_day(ask: Ask, view: str) -> None:
    found = ask(
        f"SELECT DISTINCT year_month, days_present, days_expected, days_final, is_complete, status, round(coverage, 6)"
        f" FROM analytics.{view} ORDER BY 1"
    )
    assert found == [
        ("2025-03", 30, 31, 28, False, "failing", Decimal("0.967742")),
        ("2025-04", 9, 30, 9, False, "provisional", Decimal("0.300000")),
    ]


def test_an_incomplete_day_is_covered_in_part(ask: Ask) -> None:
    assert ask("SELECT coverage FROM analytics.settlement_days WHERE settlement_date = :d", d=INCOMPLETE) == [
        (Decimal("0.8125"),)
    ]


def test_what_has_an_incomplete_day_in_it_says_so_beside_its_shares(ask: Ask) -> None:
    month = f"{INCOMPLETE:%Y-%m}"
    for view in ("curtailment_by_month", "curtailment_by_farm_month", "notified_potential_by_farm_month",
                 "notified_potential_by_unit_month", "curtailment_by_zone_month"):  # fmt: skip
        found = ask(f"SELECT DISTINCT days_incomplete FROM analytics.{view} WHERE year_month = :m", m=month)
        assert found == [(1,)], view
        others = ask(f"SELECT max(days_incomplete) FROM analytics.{view} WHERE year_month <> :m", m=month)
        assert others in ([(0,)], [(None,)]), view
    for view in ("curtailment_by_year", "curtailment_by_farm_year"):
        found = ask(f"SELECT DISTINCT days_incomplete FROM analytics.{view} WHERE year = :y", y=INCOMPLETE.year)
        assert found == [(1,)], view


def test_the_value_is_of_days_that_have_a_price_and_months_say_of_how_many(ask: Ask) -> None:
    rows = ask(
        "SELECT m.mined_btc, m.payment_gbp, p.price_gbp, m.value_gbp, m.value_less_payment_gbp,"
        " m.break_even_price_gbp, m.settlement_date FROM analytics.mining_potential_by_day AS m"
        " LEFT JOIN minerecon.bitcoin_price_gbp AS p ON p.price_date = m.settlement_date"
        " WHERE m.miner_model = 'S9' AND m.year_month = '2025-03' AND m.mined_btc > 0 ORDER BY settlement_date"
    )
    assert [day for *_, price, _, _, _, day in rows if price is None] == [PRICELESS]
    for btc, paid, price, value, gain, even, _ in rows:
        with localcontext(prec=100):
            worth = None if price is None else round(btc * price, 12)
            assert (value, gain) == (worth, None if worth is None else worth - paid)
        assert abs(even * btc - paid) < Decimal("1e-9")
    ((value, paid, gain, priced, present, even),) = ask(
        "SELECT value_gbp, priced_days_payment_gbp, value_less_payment_gbp, days_priced, days_present,"
        " break_even_price_gbp FROM analytics.mining_potential_by_month"
        " WHERE (miner_model, year_month) = ('S9', '2025-03')"
    )
    assert (priced, present) == (29, 30)
    with localcontext(prec=100):
        assert value == sum(r[3] for r in rows if r[3] is not None)
        assert paid == sum(r[1] for r in rows if r[3] is not None)
        assert gain == value - paid
    assert abs(even - sum(r[1] for r in rows) / sum(r[0] for r in rows)) < Decimal("1e-6")


def test_the_bitcoin_of_all_bids_follows_from_their_energy(ask: Ask) -> None:
    model = next(m for m in MINER_MODELS if m.name == "M20S")
    for day, mwh, btc, difficulty, subsidy in ask(
        "SELECT settlement_date, all_bids_mwh, all_bids_mined_btc, difficulty, block_subsidy_btc"
        " FROM analytics.mining_potential_by_day WHERE miner_model = 'M20S' AND all_bids_mwh > 0"
    ):
        assert abs(btc / mined_btc(mwh, model, difficulty, subsidy) - 1) < Decimal("1e-15"), day


def test_on_the_day_of_the_halving_each_period_has_its_own_subsidy(warehouse: Engine) -> None:
    day = dt.date(2024, 4, 20)  # block 840,000 came at 01:09:27 London time, in period 3
    with warehouse.begin() as connection:
        for period in (1, 2, 3, 4, 48):
            store_record(connection, day, period, mwh=Decimal(10), so_flag=period != 48)
        store_day(connection, day, difficulty=Decimal("86388558925171.02"))
        ((has_halving, subsidy, btc, all_bids, mwh),) = connection.execute(
            text(
                "SELECT has_halving, block_subsidy_btc, mined_btc, all_bids_mined_btc, all_bids_mwh"
                " FROM analytics.mining_potential_by_day WHERE miner_model = 'S9' AND settlement_date = :d"
            ),
            {"d": day},
        )
    model = next(m for m in MINER_MODELS if m.name == "S9")
    before, after = (mined_btc(Decimal(10), model, Decimal("86388558925171.02"), Decimal(s)) for s in ("6.25", "3.125"))
    assert (has_halving, subsidy, mwh) == (True, Decimal("6.25"), 50)
    assert abs(btc / (3 * before + after) - 1) < Decimal("1e-15")
    assert abs(all_bids / (3 * before + 2 * after) - 1) < Decimal("1e-15")


def test_bitcoin_of_a_month_is_set_against_the_energy_and_money_of_the_days_that_it_is_calculated_for(
    warehouse: Engine,
) -> None:
    days = [dt.date(2025, 3, 28), dt.date(2025, 3, 29)]
    asked = (
        "SELECT mined_btc, btc_per_mwh, break_even_price_gbp FROM analytics.mining_potential_by_{}"
        " WHERE miner_model = 'S9' AND {} = :key"
    )
    with warehouse.begin() as connection:
        for n, day in enumerate(days, 1):
            store_record(connection, day, 1, mwh=Decimal(10 * n), price=Decimal(-50 * n))
            store_day(connection, day, difficulty=Decimal(10**14))
        connection.execute(
            text("DELETE FROM minerecon.bitcoin_daily_summaries WHERE miner_model = 'S9' AND summary_date = :day"),
            {"day": days[1]},
        )
        of_day = connection.execute(text(asked.format("day", "settlement_date")), {"key": days[0]}).one()
        for span, column, key in (("month", "year_month", "2025-03"), ("year", "year", 2025)):
            found = connection.execute(text(asked.format(span, column)), {"key": key}).one()
            assert tuple(found) == tuple(of_day), span
            counts = connection.execute(
                text(
                    f"SELECT days_mined, days_present, curtailed_mwh FROM analytics.mining_potential_by_{span}"
                    f" WHERE miner_model = 'S9' AND {column} = :key"
                ),
                {"key": key},
            ).one()
            assert tuple(counts) == (1, 2, 30), "which days its Bitcoin is of is said"


def test_the_calendar_of_real_data_goes_to_yesterday(warehouse: Engine) -> None:
    with warehouse.begin() as connection:
        ((today,),) = connection.execute(text("SELECT CAST(now() AT TIME ZONE 'Europe/London' AS date)"))
        old = today - dt.timedelta(days=5)
        store_day(connection, old, difficulty=Decimal(10**14), synthetic=False)
        found = list(
            connection.execute(
                text(
                    "SELECT settlement_date, curtailed_mwh, status, coverage FROM analytics.curtailment_by_day"
                    " ORDER BY settlement_date"
                )
            )
        )
    assert found[0] == (old, 0, "provisional", 1)
    assert found[1:] == [(old + dt.timedelta(days=n), None, "missing", 0) for n in range(1, 5)]


def test_a_month_without_any_stored_day_is_null_for_every_lead_party(warehouse: Engine) -> None:
    with warehouse.begin() as connection:
        for day in (dt.date(2025, 1, 31), dt.date(2025, 3, 1)):
            store_record(connection, day, 1, mwh=Decimal(1))
            store_day(connection, day, difficulty=Decimal(10**14))
        found = list(
            connection.execute(
                text(
                    "SELECT year_month, lead_party_name, curtailed_mwh, days_present, status"
                    " FROM analytics.curtailment_by_lead_party_month ORDER BY 1"
                )
            )
        )
        months = list(
            connection.execute(
                text("SELECT curtailed_mwh, coverage FROM analytics.curtailment_by_month ORDER BY year_month")
            )
        )
    assert found == [
        ("2025-01", "Hand Made Ltd", 1, 1, "missing"),
        ("2025-02", "Hand Made Ltd", None, 0, "missing"),
        ("2025-03", "Hand Made Ltd", 1, 1, "provisional"),
    ]
    assert months[1] == (None, 0)


def test_a_unit_has_the_name_and_party_of_the_version_in_force(warehouse: Engine) -> None:
    days = [dt.date(2025, 1, 1), dt.date(2025, 1, 2)]
    with warehouse.begin() as connection:
        for day in days:
            store_record(connection, day, 1, mwh=Decimal(1))
            store_day(connection, day, difficulty=Decimal(10**14))
        connection.execute(text("UPDATE minerecon.bm_units SET valid_to = :d"), {"d": days[1]})
        connection.execute(
            text(
                "INSERT INTO minerecon.bm_units (bmu_id, valid_from, name, lead_party_name, fuel_type, looks_like_wind,"
                " is_synthetic) VALUES ('T_HANDW-1', :d, 'Renamed Wind Farm 1', 'Other Ltd', 'WIND', true, true)"
            ),
            {"d": days[1]},
        )
        found = list(
            connection.execute(
                text("SELECT unit_name, farm_name FROM analytics.curtailment_by_unit_day ORDER BY settlement_date")
            )
        )
    assert found == [("Hand Made Wind Farm 1", "Renamed"), ("Renamed Wind Farm 1", "Renamed")]


def test_a_view_of_somebody_else_on_ours_stops_the_upgrade_and_is_named(warehouse: Engine) -> None:
    with warehouse.begin() as connection:
        connection.execute(text("SET LOCAL ROLE NONE"))
        connection.execute(text("CREATE SCHEMA theirs"))
        connection.execute(text("CREATE VIEW theirs.days AS SELECT * FROM analytics.settlement_days"))
    migrate.upgrade(warehouse)  # where nothing has changed nobody else's has to go
    with warehouse.begin() as connection:
        connection.execute(text("SET LOCAL ROLE NONE"))
        connection.execute(text("ALTER VIEW analytics.settlement_days RENAME COLUMN coverage TO of_before"))
    with pytest.raises(ConfigurationError, match=r"nothing was changed: .*view theirs\.days depends on view analytics"):
        migrate.upgrade(warehouse)
    with warehouse.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM analytics.settlement_days")).scalar_one() == 0


def test_sums_per_unit_and_period_are_checked_against_the_records(warehouse: Engine) -> None:
    day = dt.date(2025, 1, 1)

    def wrong(change: str) -> set[str]:
        with warehouse.connect() as connection, connection.begin() as transaction:
            store_record(connection, day, 1, mwh=Decimal(1))
            store_record(connection, day, 2, mwh=Decimal(2), so_flag=False)
            store_day(connection, day, difficulty=Decimal(10**14))
            if change:
                assert connection.execute(text(change)).rowcount > 0
            found = connection.execute(statement("checks/sums_match_parts"), {"day": day, "models": ["S9"]}).all()
            transaction.rollback()
        return {f.figure for f in found if not f.matches}

    units, periods = "units with the sums of their records", "periods with the sums of their records"
    assert wrong("") == set()
    assert wrong("UPDATE minerecon.unit_daily_summaries SET all_bids_paid_gbp = all_bids_paid_gbp + 1") == {units}
    assert wrong("UPDATE minerecon.unit_daily_summaries SET lead_party_name = 'Another'") == {units}
    assert wrong("DELETE FROM minerecon.unit_daily_summaries") == {units}
    assert wrong("UPDATE minerecon.period_summaries SET bmu_count = 2 WHERE settlement_period = 1") == {periods}
    assert wrong("DELETE FROM minerecon.period_summaries WHERE settlement_period = 2") == {periods}
