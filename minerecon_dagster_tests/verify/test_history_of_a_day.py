"""What happens to a day over time: wind output that comes late, revisions, looks that bring nothing new."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from minerecon_dagster.core.calendar import period_starts, rerun_done_at
from minerecon_dagster_tests.day.test_one_day import fake_clock
from minerecon_dagster_tests.fake_elexon import Fault
from minerecon_dagster_tests.project import DAY, Project

D = dt.date.fromisoformat


@pytest.mark.first_quick
@pytest.mark.parametrize("day", [D("2025-03-30"), D("2025-10-26"), D("2025-06-15")], ids=str)
def test_wind_output_is_stored_per_period_in_mw_and_mwh_and_summed_for_the_day(project: Project, day: dt.date) -> None:
    project.ingest(day)
    starts = period_starts(day)
    served: dict[int, dict[str, Decimal]] = {}
    for row in project.elexon.world.wind_and_solar(starts[0], starts[-1]):
        served.setdefault(row["settlementPeriod"], {})[row["psrType"]] = Decimal(str(row["quantity"]))
    stored = project.sql(
        "SELECT settlement_period, start_time, wind_onshore_mw, wind_offshore_mw, total_wind_mw, total_wind_mwh"
        " FROM minerecon.wind_generation_data ORDER BY 1"
    )
    assert [row[:4] for row in stored] == [
        (p, starts[p - 1], mw["Wind Onshore"], mw["Wind Offshore"]) for p, mw in sorted(served.items())
    ]
    assert all(mw == on + off and mwh == mw / 2 for _, _, on, off, mw, mwh in stored)
    total = sum((row[5] for row in stored), Decimal())
    ((generated, share, curtailed),) = project.sql(
        "SELECT wind_generation_mwh, curtailed_share, curtailed_mwh FROM minerecon.daily_summaries"
    )
    assert generated == total
    assert share == pytest.approx(curtailed / (total + curtailed), rel=Decimal("1e-15"))


@pytest.mark.slow
def test_a_day_without_wind_output_says_that_it_is_unknown_and_asks_for_that_alone_later(project: Project) -> None:
    project.elexon.faults = lambda path: Fault(400) if "wind-and-solar" in path else None
    project.ingest()
    unknown = "SELECT wind_generation_mwh, curtailed_share, state FROM minerecon.daily_summaries"
    assert project.sql(unknown) == [(None, None, "final")]
    warned = (
        "SELECT severity FROM minerecon.reconciliation_results WHERE check_name = 'wind_output_known' AND NOT passed"
    )
    assert project.sql(warned) == [("WARN",)]
    project.elexon.faults = lambda path: None
    project.elexon.requests.clear()
    project.ingest()
    assert project.elexon.requests.total() == 1
    assert project.sql("SELECT wind_generation_mwh > 0 FROM minerecon.daily_summaries") == [(True,)]
    assert project.sql("SELECT count(*) FROM minerecon.restatements") == [(0,)], "no bid has changed"


@pytest.mark.slow
def test_a_revision_leaves_the_totals_before_and_after_and_a_second_look_changes_nothing(project: Project) -> None:
    project.ingest()
    ((mwh, gbp),) = project.sql("SELECT curtailed_mwh, payment_gbp FROM minerecon.daily_summaries")
    project.elexon.world.revise[DAY] = 1.004
    project.ingest(force=True)
    ((new_mwh, new_gbp, built_at),) = project.sql(
        "SELECT curtailed_mwh, payment_gbp, built_at FROM minerecon.daily_summaries"
    )
    changes = (
        "SELECT settlement_date, old_state, old_curtailed_mwh, new_curtailed_mwh, old_payment_gbp, new_payment_gbp"
        " FROM minerecon.restatements"
    )
    assert project.sql(changes) == [(DAY, "final", mwh, new_mwh, gbp, new_gbp)]
    assert float(new_mwh) == pytest.approx(float(mwh) * 1.004)
    seen = project.sql("SELECT max(fetched_at) FROM minerecon.ingestion_progress")
    project.ingest(force=True)
    assert len(project.sql(changes)) == 1
    assert project.sql("SELECT built_at FROM minerecon.daily_summaries") == [(built_at,)]
    assert project.sql("SELECT max(fetched_at) FROM minerecon.ingestion_progress") > seen


def test_the_growth_of_a_day_in_progress_is_no_restatement(project: Project) -> None:
    for hour in (8, 12):
        project.now = f"2025-03-28T{hour:02d}:10:00+00:00"
        with fake_clock(project):
            project.ingest()
    assert project.sql("SELECT periods_present FROM minerecon.daily_summaries") == [(24,)]
    assert project.sql("SELECT count(*) FROM minerecon.restatements") == [(0,)]


CHANGES = "SELECT old_state, old_curtailed_mwh, new_curtailed_mwh FROM minerecon.restatements ORDER BY restatement_id"


@pytest.mark.slow
def test_periods_that_vanish_keep_their_rows_and_are_no_restatement(project: Project) -> None:
    project.ingest()
    before = project.content()["curtailment_records"]
    project.elexon.world.hide[DAY, "bid"] = set(range(40, 49))
    project.ingest(force=True)
    assert project.content()["curtailment_records"] == before
    assert project.status() == "warned"
    project.elexon.world.hide.clear()
    project.ingest()
    assert project.status() == "complete"
    assert project.sql(CHANGES) == []


@pytest.mark.slow
def test_a_repair_of_an_incomplete_day_or_of_a_part_of_it_is_no_change_at_the_source(project: Project) -> None:
    project.elexon.world.hide[DAY, "bid"] = set(range(20, 30))
    project.ingest()
    assert project.status() == "incomplete"
    project.elexon.world.hide[DAY, "bid"] = set(range(20, 25))
    project.ingest(periods="25-29")
    project.elexon.world.hide.clear()
    project.ingest()
    assert project.status() == "complete"
    assert project.sql(CHANGES) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        "DELETE FROM minerecon.curtailment_records WHERE settlement_period = 30",
        "UPDATE minerecon.daily_summaries SET curtailed_mwh = curtailed_mwh + 1, built_from = 'typed in'",
    ],
)
@pytest.mark.parametrize("repair", [{}, {"from_archive": True}, {"force": True}], ids=["ingest", "archive", "force"])
def test_a_repair_of_a_fault_of_our_own_is_no_change_at_the_source(
    project: Project, fault: str, repair: dict[str, bool]
) -> None:
    project.ingest()
    before = project.content()
    project.sql_write(fault)
    project.ingest(**repair)
    assert project.content() == before
    assert project.sql(CHANGES) == []


@pytest.mark.slow
@pytest.mark.parametrize("is_moved", [False, True], ids=["archive as it was", "archive moved"])
def test_a_unit_that_the_register_has_lost_or_got_is_no_change_at_the_source(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_moved: bool
) -> None:
    project.ingest()
    if is_moved:
        moved = (tmp_path / "archive").rename(tmp_path / "elsewhere")
        monkeypatch.setenv("MINERECON_ARCHIVE_URL", str(moved))
    ((unit,),) = project.sql(
        "SELECT bmu_id FROM minerecon.curtailment_records WHERE so_flag GROUP BY 1 ORDER BY sum(curtailed_mwh) LIMIT 1"
    )
    project.sql_write("UPDATE minerecon.bm_units SET fuel_type = NULL WHERE bmu_id = :unit", unit=unit)
    ((before,),) = project.sql("SELECT curtailed_mwh FROM minerecon.daily_summaries")
    project.ingest(force=True)
    ((after,),) = project.sql("SELECT curtailed_mwh FROM minerecon.daily_summaries")
    assert after < before
    assert project.sql(CHANGES) == []


@pytest.mark.slow
def test_a_change_whose_earlier_answers_are_lost_is_told_as_one_of_the_source(project: Project) -> None:
    project.ingest()
    project.elexon.world.revise[DAY] = 1.004
    project.sql_write("UPDATE minerecon.daily_summaries SET archive_uri = 'elsewhere/1.zip'")
    project.ingest(force=True)
    assert len(project.sql(CHANGES)) == 1


@pytest.mark.slow
def test_a_look_after_the_rerun_that_brings_nothing_new_makes_the_day_final(project: Project) -> None:
    project.now = (rerun_done_at(DAY) - dt.timedelta(minutes=1)).isoformat()
    with fake_clock(project):
        project.ingest()
    ((records,),) = project.sql("SELECT max(xmin::text::bigint) FROM minerecon.curtailment_records")
    project.now = None
    project.ingest()
    assert project.sql("SELECT state FROM minerecon.daily_summaries") == [("final",)]
    assert project.sql("SELECT max(xmin::text::bigint) FROM minerecon.curtailment_records") == [(records,)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM minerecon.curtailment_records"
        " WHERE ctid IN (SELECT ctid FROM minerecon.curtailment_records LIMIT 10)",
        "UPDATE minerecon.curtailment_records SET original_price_gbp_per_mwh = -original_price_gbp_per_mwh"
        " WHERE ctid = (SELECT ctid FROM minerecon.curtailment_records LIMIT 1)",
        "UPDATE minerecon.bitcoin_daily_summaries SET mined_btc = mined_btc + 1 WHERE miner_model = 'S9'",
        "DELETE FROM minerecon.historical_bitcoin_calculations WHERE miner_model = 'M20S'",
    ],
    ids=["ten rows gone", "a sign flipped", "a sum typed in", "a model gone"],
)
def test_what_other_hands_changed_is_found_and_mended_by_the_next_look(project: Project, damage: str) -> None:
    project.ingest()
    before = project.content()
    with project.engine.begin() as connection:
        assert connection.execute(text(damage)).rowcount > 0
    assert project.content() != before
    project.ingest()
    assert project.content() == before
