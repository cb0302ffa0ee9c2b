"""The list of additive columns: whatever a day, a month or a year has is on it, and a column that is not is red."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from sqlalchemy import Engine, Table, text

from minerecon_dagster.core.checks import SUMS_NOT_OLDER_THAN_PARTS
from minerecon_dagster.sums.rollups import compare, look_at_sums, roll_up_months, roll_up_years
from minerecon_dagster.warehouse import sums, tables

NOW = dt.datetime(2025, 4, 5, 13, tzinfo=dt.UTC)
COVERAGE = {"days_expected", "days_present", "days_final"}
OF_A_DAY = {"bmu_count", "periods_expected", "periods_due", "periods_present"}
"""Numbers of a day that no month adds up: the units of two days are the same ones."""


def numbers(table: Table) -> set[str]:
    """The stored columns of a table that are numbers, but for its key and what the database computes."""
    return {
        column.name
        for column in table.columns
        if column.computed is None and not column.primary_key and column.type.python_type in (int, Decimal)
    }


@pytest.mark.parametrize("table", [tables.monthly_summaries, tables.yearly_summaries])
def test_a_month_and_a_year_have_the_columns_of_the_list_and_no_other(table: Table) -> None:
    assert numbers(table) == {*sums.SUMMED, *sums.COUNTED, *COVERAGE, "potential_days"}


def test_whatever_a_day_has_is_on_the_list_or_is_said_not_to_add_up() -> None:
    derived = {known.name for known in sums.TURN_UP if known.derived}
    assert numbers(tables.daily_summaries) == {*sums.SUMMED, *OF_A_DAY} - derived


def test_no_two_columns_are_built_or_checked_by_the_same_formula() -> None:
    every = (*sums.ADDITIVE, *sums.OF_PARTS)
    for formulas in ([a.of_records for a in every], [a.recomputed for a in every], [a.name for a in every]):
        assert len(formulas) == len(set(formulas))


@pytest.mark.parametrize("table", ["monthly_summaries", "yearly_summaries"])
def test_a_figure_of_a_month_or_a_year_that_no_sum_of_days_has_is_red(filled: Engine, table: str) -> None:
    roll_up_months(filled, ["2025-03", "2025-04"], NOW)
    roll_up_years(filled, [2025], NOW)
    with filled.begin() as connection:
        assert [x.problem for grain in ("month", "year") for x in compare(connection, grain)] == [None] * 3
        connection.execute(text("SET LOCAL ROLE NONE"))
        connection.execute(text(f"ALTER TABLE minerecon.{table} ADD forgotten_mwh numeric NOT NULL DEFAULT 1"))
        # As sums of before what was summed was kept: nothing but their days speaks for them.
        connection.execute(text(f"UPDATE minerecon.{table} SET summed = NULL"))
        grain = "month" if table == "monthly_summaries" else "year"
        found = look_at_sums(connection, grain, NOW)
        results = [r for of_key in found.values() for r in of_key if r.checked == SUMS_NOT_OLDER_THAN_PARTS]
        assert results
        assert not any(r.passed for r in results)
        assert {v["problem"] for r in results for v in r.violations} == {"not the sum of its days"}
