"""Faults of the turn-up estimate: in the tables, of days that were built before it, and beside published totals."""

from __future__ import annotations

import datetime as dt

import pytest

from minerecon_dagster.core import checks as c
from minerecon_dagster.core.checks import Property
from minerecon_dagster.standing.due import days_to_ingest
from minerecon_dagster_tests.faults.conftest import DAY, NEXT, WINDLESS, World
from minerecon_dagster_tests.faults.test_faults import REACHED, all_green

PERIOD = "(SELECT min(settlement_period) FROM minerecon.turn_up_by_period WHERE settlement_date = :day)"
ONE = f"settlement_date = :day AND settlement_period = {PERIOD}"
FORGET = (
    "DELETE FROM minerecon.turn_up_by_period",
    "DELETE FROM minerecon.turn_up_by_fuel_day",
    "UPDATE minerecon.daily_summaries SET turn_up_mwh = NULL, turn_up_estimate_gbp = NULL, co2_known_mwh = NULL,"
    " co2_known_t = NULL, built_from = 'as before'",
)
"""A warehouse as it was before there was a turn-up estimate."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("put", "guards"),
    [
        # The payment counted into it, as if it were the cost of both.
        (
            "UPDATE minerecon.turn_up_by_period SET turn_up_estimate_gbp = turn_up_estimate_gbp + 10 * target_mwh"
            f" WHERE {ONE}",
            (c.TURN_UP_MATCHES_ARCHIVE, c.TURN_UP_RECKONED_AGAIN, c.TURN_UP_ADDS_UP),
        ),
        # Another target, and what is covered of it as before.
        (
            f"UPDATE minerecon.turn_up_by_period SET target_mwh = target_mwh + 1 WHERE {ONE}",
            (c.TURN_UP_MATCHES_ARCHIVE, c.TURN_UP_TARGET_IS_CURTAILED, c.TURN_UP_ADDS_UP),
        ),
        # The last offer taken whole.
        (
            "UPDATE minerecon.turn_up_by_period SET turn_up_mwh = target_mwh + 5, uncovered_mwh = -5"
            f" WHERE {ONE}",
            (c.TURN_UP_MATCHES_ARCHIVE, c.TURN_UP_RECKONED_AGAIN, c.TURN_UP_WITHIN_PRICES, c.TURN_UP_ADDS_UP),
        ),
        # A period without its row.
        (
            f"DELETE FROM minerecon.turn_up_by_period WHERE {ONE}",
            (c.TURN_UP_MATCHES_ARCHIVE, c.TURN_UP_TARGET_IS_CURTAILED, c.TURN_UP_ADDS_UP),
        ),
        # A fuel in grams, as if they were tonnes.
        (
            "UPDATE minerecon.turn_up_by_fuel_day SET co2_t = co2_t * 1000 WHERE settlement_date = :day"
            " AND fuel = 'CCGT'",
            (c.TURN_UP_MATCHES_ARCHIVE, c.TURN_UP_ADDS_UP),
        ),
        ("UPDATE minerecon.daily_summaries SET co2_ccgt_t = co2_ccgt_t * 1000 WHERE summary_date = :day",
         (c.TURN_UP_ADDS_UP,)),
    ],
    ids=["payment", "target", "whole", "row", "grams", "grams-of-the-day"],
)  # fmt: skip
def test_a_turn_up_estimate_that_other_hands_changed(world: World, put: str, guards: tuple[Property, ...]) -> None:
    before = world.content()
    names = {p.full_name for p in guards}
    world.put(put)
    found = world.verify()
    assert found >= names, (found, world.said)
    REACHED.update(names)
    assert world.status() == "failing"
    # A run that meets the day finds it, and builds it from the archive, without asking.
    asked = sum(world.elexon.requests.values())
    assert world.job("ingest", DAY), world.said
    assert sum(world.elexon.requests.values()) == asked
    all_green(world)
    assert world.content() == before


@pytest.mark.slow
def test_days_of_before_are_noticed_and_get_their_turn_up_from_the_archive_oldest_first(world: World) -> None:
    before = world.sql(
        "SELECT summary_date, turn_up_mwh, turn_up_estimate_gbp, co2_known_t FROM minerecon.daily_summaries ORDER BY 1"
    )
    assert all(figure is not None for row in before for figure in row), "the windless day has 0, and not nothing"
    world.put(*FORGET)
    red = world.inventory(dt.datetime(2025, 6, 17, 13, tzinfo=dt.UTC))
    assert c.EVERY_DAY_HAS_ITS_TURN_UP.full_name in red
    REACHED.add(c.EVERY_DAY_HAS_ITS_TURN_UP.full_name)
    today = dt.date(2025, 12, 1)
    days = days_to_ingest(world.engine, first_day=DAY, today=today)
    assert [day for day in days if day < today - dt.timedelta(days=20)] == [DAY, NEXT, WINDLESS]
    asked = sum(world.elexon.requests.values())
    for day in (DAY, NEXT, WINDLESS):
        assert world.job("ingest", day), world.said
    assert sum(world.elexon.requests.values()) == asked
    after = world.sql(
        "SELECT summary_date, turn_up_mwh, turn_up_estimate_gbp, co2_known_t FROM minerecon.daily_summaries ORDER BY 1"
    )
    assert after == before
    assert world.sql("SELECT count(*) FROM minerecon.restatements") == [(0,)], "no change at the source"
    days = days_to_ingest(world.engine, first_day=DAY, today=today)
    assert [day for day in days if day < today - dt.timedelta(days=20)] == []


@pytest.mark.slow
def test_without_its_offers_a_day_has_no_turn_up_and_no_zero(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELEXON_STACK_SIDES", "bid")
    world.forget(DAY)
    assert world.job("ingest", DAY, force=True), world.said
    ((mwh, gbp, coverage, cost, co2, known),) = world.sql(
        "SELECT turn_up_mwh, turn_up_estimate_gbp, turn_up_coverage, cost_with_turn_up_estimate_gbp, co2_ccgt_t,"
        " co2_known_t FROM minerecon.daily_summaries WHERE summary_date = :day",
        day=DAY,
    )
    assert (mwh, gbp, coverage, cost, known) == (None,) * 5
    assert co2 > 0, "it needs no offers"
    assert world.sql("SELECT count(*) FROM minerecon.turn_up_by_period WHERE settlement_date = :day", day=DAY) == [(0,)]
    shown = "SELECT count(turn_up_mwh), count(*) FROM analytics.curtailment_by_period WHERE settlement_date = :day"
    assert world.sql(shown, day=DAY) == [(0, 48)]
    assert DAY not in days_to_ingest(world.engine, first_day=DAY, today=dt.date(2025, 12, 1)), "it lacks nothing"
    assert world.verify() == set()


@pytest.mark.slow
def test_a_turn_up_estimate_far_from_what_others_publish(world: World) -> None:
    world.put(
        "UPDATE minerecon.daily_summaries SET is_synthetic = false WHERE summary_date = :day",
        "UPDATE minerecon.bm_units SET is_synthetic = false",
        "INSERT INTO minerecon.published_figures (figure_id, period_label, first_day, last_day, basis, figure, unit,"
        " value, source, is_known_wrong, note)"
        " SELECT 'made up', CAST(summary_date AS text), summary_date, summary_date,"
        " 'so_flagged', 'turn_up_estimate_gbp', 'GBP', turn_up_estimate_gbp * 1.003, 'a test', false, 'made up'"
        " FROM minerecon.daily_summaries WHERE summary_date = :day",
    )
    sql = "SELECT figure_id FROM minerecon.published_figures WHERE source = 'a test'"
    assert world.sql(sql) == [("made up",)]
    found = world.inventory()
    assert c.TURN_UP_NEAR_PUBLISHED.full_name in found
    REACHED.add(c.TURN_UP_NEAR_PUBLISHED.full_name)
    world.put("UPDATE minerecon.published_figures SET value = value / 1.003 * 1.001 WHERE source = 'a test'")
    assert c.TURN_UP_NEAR_PUBLISHED.full_name not in world.inventory()
