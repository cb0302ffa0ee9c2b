"""FR-06: days that the source will never have whole, and what a person can decide of them."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import pytest

from minerecon_dagster_tests.fake_elexon import NO_ROWS, Fault, boav_path
from minerecon_dagster_tests.faults.conftest import DAY, NEXT, SHORT, TWO_DAYS_LATER, World

WITHOUT_CONTROL = """
[[waiver]]
check = "completeness.control_total_present"
first_day = {first}
last_day = {last}
reason = "BOAV of the day never came"
accepted_by = "A. Person"
expires = {expires}
"""
CLOSED = """
[[unavailable]]
first_day = {first}
last_day = {last}
reason = "the settlement run is lost"
accepted_by = "A. Person"
"""
FIGURES = "curtailed_mwh, payment_gbp, all_bids_mwh, all_bids_payment_gbp, record_count"


@pytest.fixture
def decide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Write the file of decisions anew."""
    path = tmp_path / "accepted.toml"

    def write(*entries: str) -> None:
        path.write_text("\n".join(entries), "utf-8")

    write()
    monkeypatch.setenv("MINERECON_WAIVERS", str(path))
    return write


def never(fault: Fault, *sides: str):  # type: ignore[no-untyped-def]
    """Elexon that has no accepted volumes of `SHORT`."""
    paths = {boav_path(side, SHORT) for side in sides}  # type: ignore[arg-type]
    return lambda path: fault if path in paths else None


def waived(world: World, day: dt.date) -> set[str]:
    rows = world.sql("SELECT unnest(waived) FROM analytics.reconciliation_status WHERE settlement_date = :d", d=day)
    return {name for (name,) in rows}


def month(world: World, key: str = "2025-03") -> list[tuple[object, ...]]:
    return world.sql(
        "SELECT days_present, days_expected, is_complete FROM minerecon.monthly_summaries WHERE year_month = :m", m=key
    )


def asked(world: World, day: dt.date) -> int:
    return sum(n for path, n in world.elexon.requests.items() if str(day) in path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "sides"), [(Fault(404), ("bid", "offer")), (NO_ROWS, ("bid", "offer")), (Fault(404), ("bid",))]
)
def test_fr_06_a_day_without_its_control_total_is_built_once_a_person_accepts_that(
    world: World, decide, fault: Fault, sides: tuple[str, ...]
) -> None:
    world.elexon.faults = never(fault, *sides)
    assert not world.job("ingest", SHORT)
    assert "completeness.control_total_present" in world.red(SHORT)
    assert world.status(SHORT) == "failing"
    world.sums()
    assert month(world)[0][0] == 2, "the month waits"

    decide(WITHOUT_CONTROL.format(first=SHORT, last=SHORT, expires="2199-12-31"))
    assert world.job("ingest", SHORT), world.said
    assert world.status(SHORT) == "waived", "accepted, and never complete"
    assert {"completeness.control_total_present", "control_totals.boav_wind_volume"} <= waived(world, SHORT)
    assert world.sql("SELECT curtailed_mwh > 0 FROM minerecon.daily_summaries WHERE summary_date = :d", d=SHORT) == [
        (True,)
    ]
    assert world.sums() & {"rollups.model_ratios"} == set()
    assert month(world) == [(3, 31, False)]
    assert world.sql("SELECT days_present FROM minerecon.yearly_summaries WHERE year = 2025") == [(4,)]

    before = asked(world, SHORT)
    assert world.job("ingest", SHORT), world.said
    assert asked(world, SHORT) == before, "a day that is final in the archive is not asked for again"
    assert world.verify(SHORT) >= {"completeness.control_total_present"}
    assert world.said == "", "a look at it finds nothing that is not accepted"
    assert world.status(SHORT) == "waived"


@pytest.mark.slow
def test_fr_06_a_day_that_is_accepted_without_its_control_total_is_incomplete_while_a_period_is_silent(
    world: World, decide
) -> None:
    decide(WITHOUT_CONTROL.format(first=SHORT, last=SHORT, expires="2199-12-31"))
    world.elexon.faults = never(Fault(404), "bid", "offer")
    for side in ("bid", "offer"):
        world.elexon.world.hide[SHORT, side] = {20}
    world.elexon.world.hide_controls = True
    world.forget(SHORT)
    assert world.job("ingest", SHORT), world.said
    assert world.status(SHORT) == "incomplete"
    assert world.sql("SELECT periods_present FROM minerecon.daily_summaries WHERE summary_date = :d", d=SHORT) == [
        (45,)
    ]


@pytest.mark.slow
def test_fr_06_what_is_found_wrong_without_the_control_total_is_not_accepted_with_it(world: World, decide) -> None:
    decide(WITHOUT_CONTROL.format(first=SHORT, last=SHORT, expires="2199-12-31"))
    bids = world.elexon.world.volumes(SHORT, "bid")
    for row in bids:
        if row["bmUnit"] == "T_SYNTW-1":
            row["totalVolumeAccepted"] *= 3
    body = json.dumps({"data": bids}).encode()
    missing = never(Fault(404), "offer")
    world.elexon.faults = lambda path: Fault(200, body) if path == boav_path("bid", SHORT) else missing(path)
    assert not world.job("ingest", SHORT)
    assert "boav_wind_volume" in world.said
    assert world.status(SHORT) == "failing"


@pytest.mark.slow
def test_fr_06_when_the_waiver_lapses_the_day_fails_again_and_its_month_says_so(world: World, decide) -> None:
    world.elexon.faults = never(Fault(404), "bid", "offer")
    decide(WITHOUT_CONTROL.format(first=SHORT, last=SHORT, expires="2199-12-31"))
    assert world.job("ingest", SHORT), world.said
    world.sums()
    yesterday = world.sql("SELECT CAST(now() AT TIME ZONE 'Europe/London' AS date) - 1")[0][0]
    world.put(f"UPDATE minerecon.reconciliation_latest SET waived_until = '{yesterday}' WHERE NOT passed", day=SHORT)
    assert world.status(SHORT) == "failing"
    of_month = "SELECT status FROM analytics.settlement_months WHERE year_month = '2025-03'"
    assert world.sql(of_month) == [("failing",)]

    decide(WITHOUT_CONTROL.format(first=SHORT, last=SHORT, expires=yesterday))
    rows = world.content()
    assert not world.job("ingest", SHORT, force=True)
    assert "control total" in world.said
    assert {t: r for t, r in world.content().items() if t != "ingestion_progress"} == {
        t: r for t, r in rows.items() if t != "ingestion_progress"
    }, "what was stored stays"
    assert world.status(SHORT) == "failing"

    world.elexon.faults = lambda _: None
    assert world.job("ingest", SHORT, force=True), world.said
    assert world.status(SHORT) == "complete", "the control total has come after all"


@pytest.mark.slow
def test_fr_06_a_day_that_is_closed_leaves_the_tables_whole_and_comes_back_when_it_is_opened(
    world: World, decide
) -> None:
    before, objects = world.content(), world.archive_objects(NEXT)
    decide(CLOSED.format(first=NEXT, last=NEXT))
    assert world.inventory() & {"freshness.days_become_final", "inventory.every_day_is_complete"} == set()
    assert world.status(NEXT) == "unavailable"
    for table, day in (
        ("curtailment_records", "settlement_date"),
        ("historical_bitcoin_calculations", "settlement_date"),
        ("wind_generation_data", "settlement_date"),
        ("boav_control_totals", "settlement_date"),
        ("ebocf_control_totals", "settlement_date"),
        ("unit_daily_summaries", "settlement_date"),
        ("period_summaries", "settlement_date"),
        ("ingestion_progress", "settlement_date"),
        ("bitcoin_difficulty", "settlement_date"),
        ("daily_summaries", "summary_date"),
        ("bitcoin_daily_summaries", "summary_date"),
    ):
        found = world.sql(f"SELECT count(*) FROM minerecon.{table} WHERE {day} = :d", d=NEXT)
        assert found == [(0,)], table
    shown = world.sql(
        f"SELECT status, day_state, coverage, is_final, {FIGURES} FROM analytics.curtailment_by_day"
        " WHERE settlement_date = :d",
        d=NEXT,
    )
    assert shown == [("unavailable", "unavailable", 0, False, None, None, None, None, None)]
    for view in ("curtailment_by_period", "curtailment_by_unit_day", "curtailment_by_farm_day"):
        known = f"SELECT count(*) > 0, count(curtailed_mwh) FROM analytics.{view} WHERE settlement_date = :d"
        assert world.sql(known, d=NEXT) == [(True, 0)], view
    mined = "SELECT count(*) > 0, count(mined_btc) FROM analytics.mining_potential_by_day WHERE settlement_date = :d"
    assert world.sql(mined, d=NEXT) == [(True, 0)]
    assert world.archive_objects(NEXT) == objects
    assert world.sql("SELECT archive_uri IS NOT NULL, accepted_by FROM minerecon.unavailable_days") == [
        (True, "A. Person")
    ]
    world.sums()
    assert month(world) == [(1, 31, False)]

    asked_before = asked(world, NEXT)
    assert world.job("ingest", NEXT), world.said
    assert world.job("recalculate", NEXT), world.said
    assert world.verify(NEXT, action="force-fix") == set()
    assert asked(world, NEXT) == asked_before, "a closed day is not asked for"
    assert world.status(NEXT) == "unavailable"
    found = world.sql("SELECT outcome, error FROM minerecon.verifications WHERE settlement_date = :d", d=NEXT)
    assert found == [("unavailable", "closed by a person: the settlement run is lost (accepted by A. Person)")]

    decide()
    assert world.inventory() >= {"inventory.every_day_is_complete"}
    assert world.sql("SELECT status FROM analytics.settlement_days WHERE settlement_date = :d", d=NEXT) == [
        ("missing",)
    ]
    assert world.job("ingest", NEXT), world.said
    assert world.status(NEXT) == "complete"
    assert world.content() == before


@pytest.mark.slow
def test_fr_06_a_closed_day_is_asked_for_by_force_and_what_comes_is_told_and_not_published(
    world: World, decide
) -> None:
    decide(CLOSED.format(first=SHORT, last=SHORT))
    world.elexon.faults = lambda path: Fault(500) if str(SHORT) in path else None
    assert world.job("ingest", SHORT, force=True), "nothing came: it is as the person has said"
    world.elexon.faults = lambda _: None
    assert not world.job("ingest", SHORT, force=True), "a person has to open it"
    assert f"take the entry out of the file, then: minerecon reingest {SHORT}" in world.said
    assert world.status(SHORT) == "unavailable"
    assert len(world.archive_objects(SHORT)) == 1
    assert world.sql("SELECT count(*) FROM minerecon.daily_summaries WHERE summary_date = :d", d=SHORT) == [(0,)]
    before = asked(world, SHORT)
    decide()
    assert world.job("ingest", SHORT), world.said
    assert asked(world, SHORT) == before + 2, "its answers are in the archive; notifications and meters come later"
    assert world.status(SHORT) == "complete"


@pytest.mark.slow
def test_fr_06_a_closed_range_over_borders_of_months_gives_null_and_never_0(world: World, decide) -> None:
    decide(CLOSED.format(first="2025-05-30", last="2025-07-02"))
    assert world.job("rollup_sweep"), world.said
    assert month(world, "2025-06") == [], "of no day is anything known"
    shown = world.sql(
        "SELECT year_month, status, days_present, days_unavailable, coverage, curtailed_mwh, payment_gbp, record_count"
        " FROM analytics.curtailment_by_month WHERE year_month BETWEEN '2025-05' AND '2025-07' ORDER BY 1"
    )
    assert shown == [
        ("2025-05", "missing", 0, 2, 0, None, None, None),
        ("2025-06", "unavailable", 0, 30, 0, None, None, None),
        ("2025-07", "provisional", 0, 2, 0, None, None, None),
    ]
    mined = (
        "SELECT count(*), count(mined_btc), min(days_unavailable) FROM analytics.mining_potential_by_month"
        " WHERE year_month = '2025-06'"
    )
    assert world.sql(mined) == [(3, 0, 30)]
    by_party = "SELECT count(curtailed_mwh) FROM analytics.curtailment_by_lead_party_month WHERE year_month = '2025-06'"
    assert world.sql(by_party) == [(0,)]
    sized = "SELECT mined_btc, coverage FROM analytics.sizing('SYNTHETIC', 'S9', '2025-06-01', '2025-06-30', 1)"
    farm = world.sql("SELECT min(farm_name) FROM analytics.wind_farms")[0][0]
    assert world.sql(sized.replace("SYNTHETIC", farm)) == [(None, 0)]
    year = "SELECT days_present, days_expected, is_complete FROM minerecon.yearly_summaries WHERE year = 2025"
    assert world.sql(year) == [(2, 365, False)]


@pytest.mark.slow
def test_fr_06_no_schedule_asks_for_a_closed_day_or_for_one_that_is_accepted_without_control(
    world: World, decide
) -> None:
    from minerecon_dagster.defs.schedules import _open
    from minerecon_dagster.standing.due import days_to_ingest, days_to_retry

    world.elexon.faults = never(Fault(404), "bid", "offer")
    assert not world.job("ingest", SHORT)
    # So late that the growing distance between two questions is over.
    span = {"first_day": DAY, "today": dt.date(2199, 1, 1)}
    assert SHORT in days_to_ingest(world.engine, **span)
    decide(CLOSED.format(first=SHORT, last=SHORT))
    assert SHORT not in _open(days_to_ingest(world.engine, **span), TWO_DAYS_LATER + dt.timedelta(days=9))
    decide(WITHOUT_CONTROL.format(first=SHORT, last=SHORT, expires="2199-12-31"))
    assert world.job("ingest", SHORT), world.said
    assert SHORT not in days_to_ingest(world.engine, **span)
    assert SHORT not in [day for day, _ in days_to_retry(world.engine, **span)]


@pytest.mark.slow
def test_fr_06_a_day_that_a_run_builds_while_it_is_closed_is_not_published(world: World, decide) -> None:
    shutil.rmtree(world.archive._store.root)
    world.sql_write(
        "INSERT INTO minerecon.unavailable_days (settlement_date, reason, accepted_by, closed_at)"
        " VALUES (:d, 'lost', 'A. Person', now())",
        d=SHORT,
    )
    with pytest.MonkeyPatch.context() as patch:
        # A run that read the file before it closed the day.
        patch.setattr("minerecon_dagster.day.worker.follow", lambda *_, **__: type("F", (), {"closed": ()}))
        assert not world.job("ingest", SHORT)
    assert "closed this day meanwhile" in world.said
    assert world.status(SHORT) == "unavailable"
