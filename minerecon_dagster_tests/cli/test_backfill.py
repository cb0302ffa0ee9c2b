"""Backfills from the command line: killed and started again, two at once, and one bad day among many."""

from __future__ import annotations

import datetime as dt
import random
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster_tests.cli.conftest import Ran, Start
from minerecon_dagster_tests.fake_elexon import FakeElexon, Fault, fake_elexon
from minerecon_dagster_tests.project import OUR_TIMES, TABLES

Run = Callable[..., Ran]
FIRST = dt.date(2025, 2, 20)
DAYS = [FIRST + dt.timedelta(days=n) for n in range(14)]
CALLS_A_DAY = 101


@pytest.fixture
def elexon() -> Iterator[FakeElexon]:
    with fake_elexon(*DAYS) as server:
        yield server


def content(engine: Engine) -> dict[str, list[str]]:
    """All rows as text, without our own times."""
    kept = {}
    for table in (
        *TABLES,
        "wind_generation_data",
        "monthly_summaries",
        "yearly_summaries",
        "bitcoin_monthly_summaries",
    ):
        without = " ".join(f"- '{name}'" for name in (*OUR_TIMES, "summed_days"))
        with engine.connect() as connection:
            rows = connection.execute(
                text(f"SELECT (to_jsonb(t) {without})::text FROM minerecon.{table} AS t")
            ).scalars()
            kept[table] = sorted(rows)
    return kept


def days_asked(elexon: FakeElexon) -> dict[dt.date, int]:
    """How often each day's first period was asked for."""
    return {day: elexon.requests[f"/balancing/settlement/stack/all/bid/{day}/1"] for day in DAYS}


@pytest.mark.slow
def test_a_backfill_that_is_killed_again_and_again_goes_on_where_it_was(
    minerecon: Run, start: Start, elexon: FakeElexon, warehouse: Engine
) -> None:
    dice = random.Random(20250220)
    restarts = 0
    for _ in range(3):
        wanted = elexon.requests.total() + dice.randrange(150, 4 * CALLS_A_DAY)
        reached = threading.Event()

        def watch(path: str, wanted: int = wanted, reached: threading.Event = reached) -> Fault | None:
            if elexon.requests.total() >= wanted:
                reached.set()
            return None

        elexon.faults = watch
        process = start("reingest", str(DAYS[0]), str(DAYS[-1]))
        assert reached.wait(120)
        process.send_signal(signal.SIGKILL)
        process.wait()
        restarts += 1
    elexon.faults = lambda path: None
    ran = minerecon("reingest", str(DAYS[0]), str(DAYS[-1]))
    assert ran.code == 0, ran.err
    asked = days_asked(elexon)
    assert min(asked.values()) == 1
    assert sum(asked.values()) - len(DAYS) <= 2 * restarts, "at most the day in hand and the one fetched ahead"
    interrupted = content(warehouse)
    with warehouse.begin() as connection:
        tables = "curtailment_records, daily_summaries, monthly_summaries, yearly_summaries, ingestion_progress"
        connection.execute(text("SET LOCAL ROLE NONE"))
        connection.execute(text(f"TRUNCATE {', '.join('minerecon.' + t for t in tables.split(', '))} CASCADE"))
    assert minerecon("reingest", str(DAYS[0]), str(DAYS[-1]), "--force").code == 0
    assert content(warehouse) == interrupted


@pytest.mark.slow
def test_two_overlapping_backfills_at_once_both_end_well(start: Start, elexon: FakeElexon, warehouse: Engine) -> None:
    one = start("reingest", str(DAYS[0]), str(DAYS[9]))
    two = start("reingest", str(DAYS[4]), str(DAYS[13]))
    assert Ran(one).code == 0
    assert Ran(two).code == 0
    with warehouse.connect() as connection:
        states = connection.execute(
            text("SELECT count(*), count(*) FILTER (WHERE status = 'complete') FROM analytics.reconciliation_status")
        ).one()
        doubled = connection.execute(
            text(
                "SELECT count(*) FROM minerecon.daily_summaries AS s WHERE record_count <> (SELECT count(*)"
                " FROM minerecon.curtailment_records WHERE settlement_date = s.summary_date)"
            )
        ).scalar_one()
    assert tuple(states) == (14, 14)
    assert doubled == 0
    assert max(days_asked(elexon).values()) == 1, "a day that the other run has just made final is not asked again"


@pytest.mark.slow
def test_one_bad_day_is_named_at_the_end_and_its_month_waits_until_it_is_mended(
    minerecon: Run, elexon: FakeElexon, warehouse: Engine
) -> None:
    bad = dt.date(2025, 2, 25)
    elexon.faults = lambda path: Fault(400) if str(bad) in path else None
    ran = minerecon("reingest", str(DAYS[0]), str(DAYS[-1]))
    assert ran.code == 1
    *_, day, month, year = ran.err.splitlines()
    assert f"not done: {bad}" in day
    for line, span in ((month, "2025-02"), (year, "2025")):
        assert line.endswith(f"not done: {span} waits for {bad}, which fails: minerecon reingest {bad} --force")
    assert "The number of checks differs by day" in ran.out, "that 7 are of 7 here and 57 of 57 there is explained"
    months = "SELECT year_month, days_present, is_complete FROM minerecon.monthly_summaries ORDER BY 1"
    with warehouse.connect() as connection:
        assert [tuple(m) for m in connection.execute(text(months))] == [("2025-03", 5, False)]
    elexon.faults = lambda path: None
    assert minerecon("reingest", str(bad)).code == 0
    with warehouse.connect() as connection:
        assert [tuple(m) for m in connection.execute(text(months))] == [("2025-02", 9, False), ("2025-03", 5, False)]


@pytest.mark.slow
def test_recalculate_rebuilds_one_model_of_many_days_from_stored_records(
    minerecon: Run, installed: Run, elexon: FakeElexon, warehouse: Engine
) -> None:
    assert minerecon("reingest", str(DAYS[0]), str(DAYS[1])).code == 0
    before = content(warehouse)
    with warehouse.begin() as connection:
        connection.execute(
            text("UPDATE minerecon.historical_bitcoin_calculations SET mined_btc = 1 WHERE miner_model = 'S9'")
        )
    elexon.requests.clear()
    ran = installed("recalculate", str(DAYS[0]), str(DAYS[1]), "--model", "S9")
    assert ran.code == 0, ran.err
    assert not elexon.requests
    assert content(warehouse) == before
