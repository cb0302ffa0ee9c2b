"""Faults of the source: it is silent, and it takes from a final day more than can be true.

Each by its number in the field reports. What was stored stays as it was, it is told, and the command that the message
names turns all green again.
"""

from __future__ import annotations

import datetime as dt

import pytest

from minerecon_dagster.checks.control_totals import CONTROLS_NOT_SILENT
from minerecon_dagster.checks.properties import PROPERTIES
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.calendar import STACK_SIDES, rerun_done_at
from minerecon_dagster_tests.day.test_one_day import fake_clock
from minerecon_dagster_tests.fake_elexon import NO_ROWS
from minerecon_dagster_tests.faults.conftest import DAY, SHORT, WINDLESS, World
from minerecon_dagster_tests.faults.test_faults import REACHED, all_green

ALL = set(range(1, 49))


def outage(world: World, periods: set[int], day: dt.date = DAY) -> None:
    for side in STACK_SIDES:
        world.elexon.world.hide[day, side] = periods
    world.elexon.world.hide_controls = True


def over(world: World) -> None:
    world.elexon.faults = lambda _: None
    world.elexon.world.hide.clear()
    world.elexon.world.hide_controls = False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("periods", "day"),
    [(ALL, DAY), (set(range(17, 41)), DAY), (set(range(1, 47)), SHORT), (ALL, WINDLESS)],
    ids=["FR-01: a day", "FR-02: hours", "FR-23: the day of 46 periods", "FR-01: a windless day"],
)
def test_a_silent_source_is_no_day_without_curtailment(world: World, periods: set[int], day: dt.date) -> None:
    """FR-01, FR-02, FR-23: stack, BOAV and EBOCF are empty together at the first look."""
    before = world.content()
    world.forget(day)
    outage(world, periods, day)
    assert world.job("ingest", day), world.said
    assert world.status(day) == "incomplete"
    assert c.PERIODS_PRESENT.full_name in world.red(day)
    inventory = world.inventory(dt.datetime.combine(day + dt.timedelta(days=3), dt.time(13), dt.UTC))
    assert {c.DAYS_BECOME_FINAL.full_name, c.EVERY_DAY_IS_COMPLETE.full_name} <= inventory
    REACHED.update(inventory | world.red(day))
    over(world)
    assert world.job("ingest", day), world.said
    assert world.status(day) == "complete"
    if day != SHORT:  # that one is not stored before
        assert world.content() == before


@pytest.mark.slow
@pytest.mark.parametrize("periods", [ALL, set(range(17, 41))], ids=["a day", "hours"])
def test_a_silent_source_empties_no_final_day(world: World, periods: set[int]) -> None:
    """FR-01, FR-02, seen by whoever looks at a day that was complete: it keeps its figures and says so."""
    before = world.content()
    outage(world, periods)
    assert world.job("ingest", DAY, force=True), world.said
    assert c.SOURCE_NOT_SILENT.full_name in world.red()
    assert world.status() == "warned"
    assert c.ELEXON_NOT_SILENT.full_name in world.verify(action="fix")
    assert {t: r for t, r in world.content().items() if t != "ingestion_progress"} == {
        t: r for t, r in before.items() if t != "ingestion_progress"
    }
    REACHED.update(world.red())
    over(world)
    assert world.job("ingest", DAY), world.said
    all_green(world)


@pytest.mark.slow
def test_a_long_silence_of_one_side_is_told_though_it_is_believed(world: World) -> None:
    """FR-02: nothing was accepted on one side for hours, and Elexon goes on saying so."""
    world.forget(DAY)
    world.elexon.world.hide[DAY, "offer"] = {10, 11, 12, 13}
    world.elexon.world.hide_controls = True
    for hours, status in ((1, "incomplete"), (26, "warned")):
        now = rerun_done_at(DAY) + dt.timedelta(hours=hours)
        world.now = now.isoformat()
        with fake_clock(world):
            assert world.job("ingest", DAY, now=now), world.said
        assert world.status() == status
    assert world.red() == {c.NO_LONG_SILENCE.full_name}
    REACHED.update(world.red())
    over(world)
    assert world.job("ingest", DAY, force=True), world.said
    all_green(world)


@pytest.mark.slow
def test_a_control_total_that_is_silent_confirms_nothing(world: World) -> None:
    """FR-01: the cashflows of a windless day are empty, which compares well with no payment at all."""
    world.elexon.faults = lambda path: NO_ROWS if "cashflows" in path else None
    world.forget(WINDLESS)
    assert world.job("ingest", WINDLESS), world.said
    assert CONTROLS_NOT_SILENT.full_name in world.red(WINDLESS)
    assert world.status(WINDLESS) == "warned"
    REACHED.update(world.red(WINDLESS))
    over(world)
    assert world.job("ingest", WINDLESS, force=True), world.said
    assert world.status(WINDLESS) == "complete"


@pytest.mark.slow
def test_a_restatement_that_takes_half_of_a_final_day_waits_for_a_person(world: World) -> None:
    """FR-01, of rows and not of all of them: what a final day would lose is not believed by itself."""
    before = world.content()
    world.elexon.world.revise[DAY] = 0.5
    assert not world.job("ingest", DAY, force=True)
    assert f"minerecon reingest {DAY} --accept-restatement" in world.said
    assert c.RESTATEMENT_BELIEVABLE.full_name in world.red()
    assert world.status() == "failing"
    assert world.content() == before
    REACHED.update(world.red())
    assert world.job("ingest", DAY, accept_restatement=True, requested_by="a person"), world.said
    # What farms had notified, and what was metered, were not restated with it.
    assert world.verify() <= {p.full_name for p in PROPERTIES if p.is_beside and p.severity == "WARN"}
    assert world.status() == "complete"


@pytest.mark.slow
def test_a_day_whose_control_total_never_comes_is_asked_for_with_growing_distance(world: World) -> None:
    """FR-06: the day is failing, nothing is stored, and it does not cost a hundred calls every morning."""
    world.forget(DAY)
    world.elexon.faults = lambda path: NO_ROWS if "acceptance/volumes/all/bid" in path else None
    assert not world.job("ingest", DAY)
    assert "no volume at all" in world.said
    assert c.CONTROL_TOTAL_PRESENT.full_name in world.red()
    assert world.status() == "failing"
    assert world.sql("SELECT asked_count FROM minerecon.unanswered_days WHERE settlement_date = :d", d=DAY) == [(1,)]
    over(world)
    assert world.job("ingest", DAY), world.said
    assert world.sql("SELECT count(*) FROM minerecon.unanswered_days") == [(0,)]
    all_green(world)
