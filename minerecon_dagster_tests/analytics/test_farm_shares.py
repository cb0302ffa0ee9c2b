"""What share of what a farm notified was lost, by day, month and year: of all its units; never 0 if it is not known."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster_tests.analytics.conftest import Ask
from minerecon_dagster_tests.forty_days import LAST, MISSING

GRAINS = {"day": "settlement_date", "month": "year_month", "year": "year"}
SHARED = (
    "potential_mwh, potential_coverage, curtailed_share_of_potential, all_bids_net_share_of_potential, instructed_mwh,"
    " metered_mwh, metered_runs, share_of_metered, delivered_against_instructed"
)
OF_UNITS = """
    SELECT {key}, farm_name, sum(potential_mwh) AS potential_mwh,
           sum(curtailed_mwh) FILTER (WHERE potential_mwh IS NOT NULL) AS curtailed_mwh,
           sum(all_bids_net_mwh) FILTER (WHERE potential_mwh IS NOT NULL) AS net_mwh,
           sum(metered_mwh) AS metered_mwh, sum(instructed_mwh) AS instructed_mwh,
           sum(periods_with_pn) AS periods_with_pn,
           sum(periods_expected) FILTER (WHERE has_potential) AS periods_expected,
           count(DISTINCT settlement_date) FILTER (WHERE periods_with_pn > 0) AS potential_days
    FROM (
        SELECT *, CAST(extract(year FROM settlement_date) AS integer) AS year
        FROM analytics.notified_potential_by_unit_day
    ) AS u GROUP BY 1, 2
"""


@pytest.mark.parametrize("grain", GRAINS)
def test_the_units_of_a_farm_come_to_the_farm_to_the_last_digit(ask: Ask, grain: str) -> None:
    key = GRAINS[grain]
    rows = ask(
        f"""
        SELECT f.{key}, f.farm_name, f.potential_mwh, u.potential_mwh, f.curtailed_of_potential_mwh, u.curtailed_mwh,
               f.all_bids_net_of_potential_mwh, u.net_mwh, f.metered_mwh, u.metered_mwh, f.instructed_mwh,
               u.instructed_mwh, f.potential_coverage,
               round(u.periods_with_pn / CAST(u.periods_expected AS numeric), 12),
               f.curtailed_share_of_potential, f.all_bids_net_share_of_potential
        FROM analytics.curtailment_by_farm_{grain} AS f
        JOIN ({OF_UNITS.format(key=key)}) AS u USING ({key}, farm_name)
        WHERE f.record_count > 0
        """
    )
    known, unknown, uncovered = 0, 0, 0
    for _, _, *figures, coverage, covered, gross, net in rows:
        pairs = [(figures[n], figures[n + 1]) for n in range(0, len(figures), 2)]
        assert all(here == there for here, there in pairs), pairs
        assert coverage == (covered or 0)
        potential, curtailed, bids = figures[0], figures[2], figures[4]
        if potential is None:
            unknown += 1
            assert (gross, net, coverage) == (None, None, 0), "what is not known is not 0"
        elif coverage < Decimal("0.99"):
            uncovered += 1
            assert (gross, net) == (None, None)
        else:
            known += 1
            assert (gross, net) == (round(curtailed / potential, 12), round(bids / potential, 12))
            assert 0 <= net <= 1
    assert known > 5, rows
    assert uncovered > 2, "of these forty days some units have no notification"
    assert (unknown > 10) == (grain == "day"), "of some days it was not asked for; no month is without one that it was"


@pytest.mark.parametrize("grain", ["day", "month"])
def test_a_farm_with_a_bid_is_the_one_that_is_told_of_all_farms(ask: Ask, grain: str) -> None:
    key = GRAINS[grain]
    here = ask(
        f"SELECT {key}, farm_name, {SHARED} FROM analytics.curtailment_by_farm_{grain}"
        " WHERE record_count > 0 ORDER BY 1, 2"
    )
    there = ask(
        f"SELECT {key}, farm_name, {', '.join(f'n.{name}' for name in SHARED.split(', '))}"
        f" FROM analytics.notified_potential_by_farm_{grain} AS n"
        f" JOIN analytics.curtailment_by_farm_{grain} AS f USING ({key}, farm_name)"
        " WHERE f.record_count > 0 ORDER BY 1, 2"
    )
    assert len(here) > 50
    assert here == there


def test_a_farms_month_has_the_days_without_a_bid_too(ask: Ask) -> None:
    rows = ask(
        "SELECT m.day_count, m.potential_days, m.potential_mwh, d.potential_mwh"
        " FROM analytics.curtailment_by_farm_month AS m"
        " JOIN (SELECT year_month, farm_name, sum(potential_mwh) AS potential_mwh"
        "       FROM analytics.curtailment_by_farm_day GROUP BY 1, 2) AS d USING (year_month, farm_name)"
    )
    quiet = [row for row in rows if row[0] < row[1]]
    assert len(quiet) > 50
    assert all(month > (days or 0) for _, _, month, days in quiet), "else a share would be of windy days alone"


def test_a_years_farms_are_its_months(ask: Ask) -> None:
    bids = "curtailed_mwh, payment_gbp, all_bids_mwh, record_count, day_count"
    here = ask(
        f"SELECT farm_name, {bids}, potential_mwh, metered_mwh, potential_days, metered_days"
        " FROM analytics.curtailment_by_farm_year ORDER BY 1"
    )
    there = ask(
        f"SELECT farm_name, {', '.join(f'sum(m.{name})' for name in bids.split(', '))}, sum(n.potential_mwh),"
        " sum(n.metered_mwh), sum(n.potential_days), sum(n.metered_days)"
        " FROM analytics.notified_potential_by_farm_month AS n"
        " LEFT JOIN (SELECT year_month, farm_name, curtailed_mwh, payment_gbp, all_bids_mwh, record_count, day_count"
        "            FROM analytics.curtailment_by_farm_month) AS m USING (year_month, farm_name) GROUP BY 1 ORDER BY 1"
    )
    assert here == there
    assert len(here) == 60
    (said,) = ask("SELECT DISTINCT year, days_expected, days_present, status FROM analytics.curtailment_by_farm_year")
    assert tuple(said) == (2025, 365, 39, "failing")
    ((shares,),) = ask("SELECT sum(share_of_curtailed) FROM analytics.curtailment_by_farm_year")
    assert round(shares, 9) == 1


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("grain", "first", "last"), [("month", "2025-03", "2025-03"), ("month", "", "~"), ("year", 2025, 2030)]
)
def test_one_farm_by_months_and_years_is_the_view_of_all(ask: Ask, grain: str, first: object, last: object) -> None:
    key = GRAINS[grain]
    for (farm,) in ask("SELECT DISTINCT farm_name FROM analytics.wind_farms ORDER BY 1")[::11]:
        asked = {"farm": farm, "first": first, "last": last}
        rows = ask(f"SELECT * FROM analytics.curtailment_of_farm_by_{grain}(:farm, :first, :last)", **asked)
        assert rows == ask(
            f"SELECT * FROM analytics.curtailment_by_farm_{grain} WHERE farm_name = :farm"
            f" AND {key} BETWEEN :first AND :last ORDER BY {key}",
            **asked,
        )
        assert rows


def test_of_a_missing_day_nothing_of_the_potential_is_known(ask: Ask) -> None:
    rows = ask(
        "SELECT potential_mwh, potential_coverage, curtailed_share_of_potential, all_bids_net_share_of_potential,"
        " metered_mwh FROM analytics.curtailment_by_farm_day WHERE settlement_date = :day",
        day=MISSING,
    )
    assert len(rows) == 60
    assert {tuple(row) for row in rows} == {(None, 0, None, None, None)}


def test_without_offers_what_was_taken_back_is_not_known_and_the_gross_share_is(stored: Engine) -> None:
    with stored.connect() as connection:
        connection.execute(
            text(
                "UPDATE minerecon.unit_daily_potential SET taken_back_mwh = NULL, instructed_mwh = NULL"
                " WHERE settlement_date = :day"
            ),
            {"day": LAST},
        )
        for view in ("curtailment_by_farm_month", "notified_potential_by_farm_month"):
            (found,) = connection.execute(
                text(
                    "SELECT count(curtailed_share_of_potential) > 20, count(all_bids_net_share_of_potential)"
                    f" FROM analytics.{view} WHERE year_month = '2025-04'"
                )
            )
            assert tuple(found) == (True, 0), "one day of the month lacks it, and so does the month"
        connection.rollback()


def test_a_day_with_periods_that_are_not_known_to_be_empty_is_not_whole_and_not_final(stored: Engine) -> None:
    month = f"{LAST:%Y-%m}"

    def found(view: str) -> int:
        sql = f"SELECT count(delivered_against_instructed) FROM analytics.{view} WHERE year_month = :month"
        return int(connection.execute(text(sql), {"month": month}).scalar_one())

    views = ("curtailment_by_farm_day", "curtailment_by_farm_month", "notified_potential_by_farm_month")
    days = text(
        "SELECT days_final, days_incomplete, days_present FROM analytics.settlement_months WHERE year_month = :m"
    )
    with stored.connect() as connection:
        assert all(found(view) > 0 for view in views)
        _, incomplete, present = connection.execute(days, {"m": month}).one()
        assert incomplete == 0
        connection.execute(
            text(
                "UPDATE minerecon.ingestion_progress SET status = 'empty', row_count = 0, acceptance_count = NULL"
                " WHERE to_char(settlement_date, 'YYYY-MM') = :m"
            ),
            {"m": month},
        )
        assert tuple(connection.execute(days, {"m": month}).one()) == (0, present, present)
        assert {view: found(view) for view in views} == dict.fromkeys(views, 0)
        connection.rollback()


def test_a_unit_in_force_that_was_not_asked_for_is_not_covered(stored: Engine) -> None:
    with stored.connect() as connection:
        sql = (
            "SELECT farm_name, potential_coverage FROM analytics.curtailment_by_farm_month"
            " WHERE year_month = '2025-04' AND bmu_count > 1 ORDER BY 1 LIMIT 1"
        )
        ((farm, before),) = connection.execute(text(sql))
        connection.execute(
            text(
                "DELETE FROM minerecon.unit_daily_potential WHERE settlement_date = :day AND bmu_id ="
                " (SELECT min(bmu_id) FROM analytics.wind_farms WHERE farm_name = :farm)"
            ),
            {"farm": farm, "day": LAST},
        )
        ((_, after),) = connection.execute(text(sql))
        connection.rollback()
    assert after < before, "a unit that is in force and has no row lacks its periods"
