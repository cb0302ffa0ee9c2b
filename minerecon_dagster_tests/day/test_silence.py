"""Silence at the source, by every path: what was there stays, it is told, and a day that never comes costs little."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, text

from minerecon_dagster.core.answers import AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES, rerun_done_at
from minerecon_dagster.standing.due import days_to_ingest, days_to_retry
from minerecon_dagster.standing.inventory import take_inventory
from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.store import open_warehouse, statement
from minerecon_dagster_tests.day.test_one_day import fake_clock
from minerecon_dagster_tests.fake_elexon import NO_ROWS, NOT_FOUND, Fault, boav_path, stack_path
from minerecon_dagster_tests.project import DAY, Project, not_done
from minerecon_dagster_tests.verify.test_verify import Looks
from minerecon_dagster_tests.warehouse.old_days import store_old_day

ALL = set(range(1, 49))
WINDLESS = dt.date(2025, 6, 15)
FIGURES = ("curtailment_records", "historical_bitcoin_calculations", "bitcoin_daily_summaries")


def figures(project: Project) -> dict[str, list[tuple[Any, ...]]]:
    found = {table: rows for table, rows in project.content().items() if table in FIGURES}
    found["daily"] = project.sql(
        "SELECT summary_date, curtailed_mwh, payment_gbp, all_bids_mwh, record_count, wind_generation_mwh, state,"
        " periods_present FROM minerecon.daily_summaries"
    )
    found["controls"] = sorted(project.sql("SELECT * FROM minerecon.boav_control_totals"))
    return found


def silent(fault: Fault = NO_ROWS) -> Callable[[str], Fault | None]:
    """Elexon answers everything of the day without rows, but for its register."""
    return lambda path: None if "bmunits" in path else fault


def red(project: Project, day: dt.date = DAY) -> set[str]:
    return {
        name
        for (name,) in project.sql(
            "SELECT check_family || '.' || check_name FROM minerecon.reconciliation_latest"
            " WHERE scope = 'day' AND settlement_date = :d AND NOT passed",
            d=day,
        )
    }


# Every path that meets it.

PATHS: dict[str, Callable[[Project], Any]] = {
    "reingest": lambda p: p.run(DAY),
    "reingest --force": lambda p: p.run(DAY, force=True),
    "reingest --periods": lambda p: p.run(DAY, periods="17-40"),
    "reingest --from-archive": lambda p: p.run(DAY, from_archive=True),
    "verify": lambda p: Looks(p).run(),
    "verify --action fix, by two schedules": lambda p: Looks(p).run(action="fix", max_days_repaired=31, max_attempts=3),
    "verify --action force-fix": lambda p: Looks(p).run(action="force-fix"),
    "monthly scan": lambda p: Looks(p).run(action="fix", sampling="controls", max_days_repaired=31, max_attempts=3),
    "spot-fix": lambda p: Looks(p).spot_fix(DAY, 20, wind_unit(p)),
}


def wind_unit(project: Project) -> str:
    return str(project.sql("SELECT min(bmu_id) FROM minerecon.curtailment_records")[0][0])


@pytest.mark.slow
@pytest.mark.parametrize("fault", [NO_ROWS, pytest.param(NOT_FOUND, marks=pytest.mark.slow)], ids=["no rows", "404"])
def test_a_complete_day_keeps_every_figure_whoever_looks_at_it_during_an_outage(project: Project, fault: Fault) -> None:
    project.ingest()
    before = figures(project)
    project.elexon.faults = silent(fault)
    for name, path in PATHS.items():
        project.sql_write("DELETE FROM minerecon.reconciliation_latest WHERE check_name = 'source_not_silent'")
        path(project)
        assert figures(project) == before, name
        if name not in ("reingest", "reingest --from-archive"):  # these do not ask for a final day
            assert project.status() == "warned", name
            assert {n for n in red(project) if n.endswith("source_not_silent")}, name
    assert project.sql("SELECT count(*) FROM minerecon.restatements") == [(0,)]
    outcomes = {o for (o,) in project.sql("SELECT DISTINCT outcome FROM minerecon.verifications")}
    assert "right" not in outcomes
    assert "repaired" not in outcomes
    # The silent answers are kept beside what they displaced not, and a rebuild says so.
    archived = project.archive.newest(DAY)
    assert archived is not None
    assert AnswerKey("stack", "bid", 20) in archived.silent
    assert archived.silent[AnswerKey("boav", "bid")].status == fault.status
    project.elexon.faults = lambda path: None
    project.ingest(force=True)
    Looks(project).right()
    assert figures(project) == before
    assert project.status() == "complete"


@pytest.mark.slow
def test_a_partly_silent_outage_takes_what_does_come_and_keeps_the_rest(project: Project) -> None:
    project.ingest()
    before = figures(project)
    hidden = set(range(17, 41))
    for side in STACK_SIDES:
        project.elexon.world.hide[DAY, side] = hidden
    project.elexon.world.hide_controls = True
    project.ingest(force=True)
    assert figures(project) == before
    assert red(project) == {"completeness.source_not_silent"}
    (said,) = project.sql(
        "SELECT actual FROM minerecon.reconciliation_results WHERE check_name = 'source_not_silent'"
        " ORDER BY result_id DESC LIMIT 1"
    )[0]
    assert "bid 17-40; offer 17-40; boav/bid 17-40; boav/offer 17-40; cashflows/bid 17-40" in said
    looked = Looks(project).look_at(action="fix")
    assert looked["outcome"] == "not repaired"
    assert figures(project) == before
    # Days that are final and silent are asked again for what was silent, and for nothing else.
    project.elexon.world.hide.clear()
    project.elexon.requests.clear()
    project.ingest()
    assert project.elexon.requests.total() == 2 * 24 + 4
    assert red(project) == {"drift.source_not_silent"}, "what a look has found, a look clears"
    Looks(project).right()
    assert project.status() == "complete"


@pytest.mark.slow
def test_a_day_in_progress_keeps_what_it_had_through_an_outage(project: Project) -> None:
    for time, hidden in (("12:10", False), ("12:40", True)):
        project.now = f"2025-03-28T{time}:00+00:00"
        project.elexon.faults = silent() if hidden else lambda path: None
        with fake_clock(project):
            project.ingest()
    ((records, present),) = project.sql("SELECT record_count, periods_present FROM minerecon.daily_summaries")
    assert (records > 0, present) == (True, 24)
    assert "completeness.source_not_silent" in red(project)


@pytest.mark.slow
def test_the_late_silence_of_the_cashflows_does_not_take_them_at_the_second_look(project: Project) -> None:
    project.ingest()
    flows = project.archive.newest(DAY).answers[AnswerKey("cashflows", "bid")]  # type: ignore[union-attr]
    project.elexon.faults = lambda path: NO_ROWS if "cashflows" in path else None
    for day in (3, 4):
        project.now = (rerun_done_at(DAY) + dt.timedelta(days=day)).isoformat()
        with fake_clock(project):
            project.ingest(force=True)
    held = project.archive.newest(DAY)
    assert held is not None
    assert held.answers[AnswerKey("cashflows", "bid")].says_the_same_as(flows)


# Twelve outages from the first look on: state, status, what is red.

CELLS = [
    # periods, where, sides, day: state, status, red
    (set(), "all", STACK_SIDES, DAY, "final", "complete", set()),
    ({20}, "all", ("bid",), DAY, "final", "complete", set()),
    ({20, 21}, "all", ("offer",), DAY, "final", "complete", set()),
    ({20, 21, 22}, "all", ("bid",), DAY, "incomplete", "incomplete", {"completeness.periods_present"}),
    ({20}, "all", STACK_SIDES, DAY, "incomplete", "incomplete", {"completeness.periods_present"}),
    (set(range(17, 41)), "all", STACK_SIDES, DAY, "incomplete", "incomplete", {"completeness.periods_present"}),
    (ALL, "all", STACK_SIDES, DAY, "incomplete", "incomplete", {"completeness.periods_present"}),
    (ALL, "all", STACK_SIDES, WINDLESS, "incomplete", "incomplete", {"completeness.periods_present"}),
    ({20}, "stack", ("bid",), DAY, "incomplete", "incomplete", {"completeness.periods_present"}),
    (ALL, "stack", STACK_SIDES, DAY, "incomplete", "incomplete", {"completeness.periods_present"}),
    (ALL, "controls", STACK_SIDES, DAY, None, "failing", {"completeness.control_total_present"}),
    (ALL, "controls", STACK_SIDES, WINDLESS, None, "failing", {"completeness.control_total_present"}),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("periods", "where", "sides", "day", "state", "status", "expected"),
    CELLS,
    ids=[f"{len(c[0])} of {'+'.join(c[2])} {c[1]} {'windless' if c[3] == WINDLESS else 'windy'}" for c in CELLS],
)
def test_an_outage_at_the_first_look(
    project: Project,
    periods: set[int],
    where: str,
    sides: Any,
    day: dt.date,
    state: str,
    status: str,
    expected: set[str],
) -> None:
    if where == "controls":
        project.elexon.faults = lambda path: NO_ROWS if "acceptance/volumes" in path or "cashflows" in path else None
    for side in sides if where != "controls" else ():
        project.elexon.world.hide[day, side] = periods
        project.elexon.world.hide_controls = where == "all"
    done = project.run(day)
    stored = project.sql("SELECT state FROM minerecon.daily_summaries WHERE summary_date = :d", d=day)
    assert stored == ([(state,)] if state else [])
    assert done.success is (state is not None)
    assert project.status(day) == status
    assert {n for n in red(project, day) if n.startswith("completeness")} == expected
    waiting = project.sql("SELECT asked_count FROM minerecon.unanswered_days WHERE settlement_date = :d", d=day)
    assert waiting == ([(1,)] if status != "complete" else [])


@pytest.mark.slow
def test_a_long_silence_of_one_side_is_believed_after_two_looks_after_the_rerun_and_the_archive_alone_says_so(
    project: Project,
) -> None:
    project.elexon.world.hide[DAY, "offer"] = {10, 11, 12}
    project.elexon.world.hide_controls = True
    after = rerun_done_at(DAY)
    for hours, status in ((-10, "incomplete"), (1, "incomplete"), (24.5, "incomplete"), (25.5, "warned")):
        project.now = (after + dt.timedelta(hours=hours)).isoformat()
        with fake_clock(project):
            project.ingest()
        assert project.status() == status, hours
    assert red(project) == {"completeness.no_long_silence"}
    project.ingest(from_archive=True)
    assert project.status() == "warned"
    assert project.sql("SELECT state FROM minerecon.daily_summaries") == [("final",)]


# Restatements that a final day loses too much by.


@pytest.mark.slow
def test_a_restatement_that_takes_too_much_is_refused_kept_and_taken_by_a_person_only(project: Project) -> None:
    project.ingest()
    before = figures(project)
    project.elexon.world.revise[DAY] = 0.5
    done = project.run(DAY, force=True)
    assert not done.success
    assert "50.0 % of all_bids_mwh" in not_done(done)
    assert f"minerecon reingest {DAY} --accept-restatement" in not_done(done)
    assert figures(project) == before
    assert project.status() == "failing"
    refused = project.archive.newest_refused(DAY)
    assert refused is not None
    assert len(project.archive_objects()) == 2, "what Elexon said is kept"
    # Neither a rebuild from the archive nor a repair by itself takes it, nor does it pile up.
    project.ingest(from_archive=True)
    assert figures(project) == before
    # The made-up notifications and meters follow the bids of the day: what stands beside it has its remarks.
    own = {name for name in red(project) if not name.startswith(("potential.", "metered."))}
    assert own == {"completeness.restatement_believable"}
    Looks(project).wrong(action="fix")
    assert not project.run(DAY, force=True).success
    assert figures(project) == before
    assert len(project.archive_objects()) == 2
    assert project.status() == "failing"
    project.ingest(accept_restatement=True, requested_by="a person")
    ((was, now, taker, run_id),) = project.sql(
        "SELECT old_all_bids_mwh, new_all_bids_mwh, accepted_by, run_id FROM minerecon.restatements"
    )
    assert float(now) == pytest.approx(float(was) / 2)
    assert taker == "a person"
    assert run_id
    assert project.status() == "complete"
    taken = project.archive.newest(DAY)
    assert taken is not None
    assert taken.refusal is not None
    assert (taken.refusal.accepted_by, taken.refusal.stands) == ("a person", False)
    after = figures(project)
    project.ingest(from_archive=True)
    assert figures(project) == after
    # What a person has taken is what Elexon said, and not what a register loses of it that loses farms.
    project.sql_write(
        "UPDATE minerecon.bm_units SET fuel_type = 'CCGT' WHERE bmu_id = ("
        "SELECT bmu_id FROM minerecon.unit_daily_summaries ORDER BY all_bids_mwh DESC LIMIT 1)"
    )
    done = project.run(DAY, from_archive=True)
    assert "% of all_bids_mwh" in not_done(done)
    assert figures(project) == after


@pytest.mark.slow
def test_what_was_refused_is_forgotten_once_elexon_says_again_what_is_stored(project: Project) -> None:
    project.ingest()
    project.elexon.world.revise[DAY] = 0.5
    assert not project.run(DAY, force=True).success
    project.elexon.world.revise.clear()
    project.ingest(force=True)
    assert project.status() == "complete"
    assert project.archive.newest_refused(DAY) is None


@pytest.mark.slow
def test_what_was_refused_during_an_outage_stays_refused_though_half_of_it_is_silent(project: Project) -> None:
    project.ingest()
    before = figures(project)
    project.elexon.world.revise[DAY] = 0.5
    project.elexon.world.hide_controls = True
    for side in STACK_SIDES:
        project.elexon.world.hide[DAY, side] = set(range(40, 49))
    for _ in range(2):
        assert not project.run(DAY, force=True).success
        assert figures(project) == before
        assert len(project.archive_objects()) == 2
    project.ingest(from_archive=True)
    assert "completeness.restatement_believable" in red(project)


@pytest.mark.slow
def test_a_refused_restatement_can_be_taken_from_the_archive_and_by_a_repair(project: Project) -> None:
    project.ingest()
    project.elexon.world.revise[DAY] = 0.5
    assert not project.run(DAY, force=True).success
    project.elexon.requests.clear()
    project.ingest(from_archive=True, accept_restatement=True, requested_by="a person")
    assert project.elexon.requests.total() == 0
    project.elexon.world.revise[DAY] = 0.2
    row = Looks(project).right(action="fix", accept_restatement=True, requested_by="another")
    assert row["outcome"] == "repaired"
    takers = project.sql("SELECT accepted_by FROM minerecon.restatements ORDER BY restatement_id")
    assert takers == [("a person",), ("another",)]


@pytest.mark.slow
@pytest.mark.parametrize("asked", [{}, {"periods": "17"}], ids=str)
def test_what_was_refused_is_not_taken_by_way_of_a_part_of_it_that_is_asked_for_alone(
    project: Project, asked: dict[str, Any]
) -> None:
    # Of this day, as it is first stored, the wind output is not all known: that alone is asked for again.
    wind_output = "/generation/actual/per-type/wind-and-solar"
    project.elexon.faults = lambda path: NO_ROWS if path.startswith(wind_output) else None
    project.ingest()
    project.elexon.faults = lambda _: None
    before = figures(project)
    project.elexon.world.revise[DAY] = 0.5
    for again in ({"force": True}, asked, {"force": True}):
        assert "50.0 % of all_bids_mwh" in not_done(project.run(DAY, **again)), again
        assert (figures(project), project.status()) == (before, "failing")
    Looks(project).wrong(action="fix")
    assert figures(project) == before
    assert project.sql("SELECT count(*) FROM minerecon.restatements") == [(0,)]
    assert len(project.archive_objects()) == 2
    project.elexon.world.revise.clear()
    project.ingest(**asked)
    assert project.status() == "complete", "Elexon says again what is stored, and the wind output too"


@pytest.mark.slow
def test_a_small_loss_of_a_final_day_and_any_of_one_that_is_not_final_is_taken(project: Project) -> None:
    project.now = (rerun_done_at(DAY) - dt.timedelta(hours=1)).isoformat()
    with fake_clock(project):
        project.ingest()
    project.elexon.world.revise[DAY] = 0.5
    project.now = None
    project.ingest()
    project.elexon.world.revise[DAY] = 0.46
    project.ingest(force=True)
    assert project.sql("SELECT count(*), count(accepted_by) FROM minerecon.restatements") == [(2, 0)]


@pytest.mark.slow
def test_an_archive_that_is_gone_does_not_let_silence_take_what_is_stored(project: Project, tmp_path: Any) -> None:
    project.ingest()
    before = figures(project)
    (tmp_path / "archive").rename(tmp_path / "elsewhere")
    for side in STACK_SIDES:
        project.elexon.world.hide[DAY, side] = {20}
    done = project.run(DAY, force=True)
    assert not done.success
    assert "the rows of bid 20" in not_done(done)
    assert figures(project) == before


# Asked again, with growing distance.


def morning(engine: Engine, first: dt.date, day: dt.date) -> list[dt.date]:
    return days_to_ingest(engine, first_day=first, today=day)


@pytest.mark.slow
def test_the_days_between_two_questions_grow_and_are_counted_by_the_mornings_in_london(project: Project) -> None:
    asked = []
    for n in range(1, 400):
        today = DAY + dt.timedelta(days=n)
        if DAY not in morning(project.engine, DAY, today):
            continue
        asked.append(n)
        with project.engine.begin() as connection:
            # Twice in a morning, as a person and a schedule may, counts once.
            for minute in (1, 30):
                now = dt.datetime.combine(today, dt.time(5, minute), dt.UTC)
                parameters = {"day": DAY, "reason": "silent", "now": now}
                connection.execute(statement("day/upsert_unanswered_day"), parameters)
    assert asked[:9] == [1, 2, 4, 8, 16, 32, 62, 92, 122]
    assert len([n for n in asked if n <= 365]) == 17


@pytest.mark.slow
@pytest.mark.parametrize("never_comes", ["the control total", "the day"])
def test_a_day_that_never_comes_is_asked_for_seventeen_times_in_a_year(
    project: Project, never_comes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A year of mornings: what is due is asked for, and the others are left alone (FR-06)."""
    monkeypatch.setenv("ELEXON_POTENTIAL", "0")  # meters have days of their own
    where = boav_path("bid", DAY) if never_comes == "the control total" else ""
    project.elexon.faults = lambda path: NO_ROWS if where in path and "bmunits" not in path else None
    asked = []
    for n in range(1, 366):
        today = DAY + dt.timedelta(days=n)
        # Of the days that were never tried only this one is served.
        if DAY in morning(project.engine, DAY, today):
            project.now = dt.datetime.combine(today, dt.time(6, 0, 5), dt.UTC).isoformat()
            with fake_clock(project):
                project.run(DAY)
            asked.append(n)
            assert DAY not in {d for d, _ in days_to_retry(project.engine, first_day=DAY, today=today)}
    assert asked[:8] == [1, 2, 4, 8, 16, 32, 62, 92]
    assert len(asked) == 17
    # A person's reingest always asks, and a day that comes is one like every other.
    project.elexon.faults = lambda path: None
    project.ingest()
    assert project.status() == "complete"
    assert project.sql("SELECT count(*) FROM minerecon.unanswered_days") == [(0,)]


@pytest.mark.slow
def test_a_day_that_fails_for_another_reason_is_asked_for_every_morning(project: Project) -> None:
    project.elexon.faults = lambda path: Fault(400) if path == stack_path("bid", DAY, 17) else None
    for n in (1, 2, 3, 4):
        today = DAY + dt.timedelta(days=n)
        assert DAY in morning(project.engine, DAY, today)
        project.now = dt.datetime.combine(today, dt.time(6, 0, 5), dt.UTC).isoformat()
        with fake_clock(project):
            project.run(DAY)
    assert project.sql("SELECT count(*) FROM minerecon.unanswered_days") == [(0,)]


# What is stored by the older rule.


def by_the_older_rule(project: Project, periods: set[int], sides: Any = STACK_SIDES) -> None:
    """Let a stored day be what the older rule made of periods without rows: empty, and the day complete."""
    project.sql_write(
        "UPDATE minerecon.ingestion_progress SET status = 'empty', row_count = 0, error = NULL"
        " WHERE settlement_period = ANY(:p) AND stack_side = ANY(:s)",
        p=sorted(periods),
        s=list(sides),
    )


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("periods", "sides", "status"),
    [
        ({20}, STACK_SIDES, "incomplete"),
        (ALL, STACK_SIDES, "incomplete"),
        ({20, 21, 22}, ("bid",), "incomplete"),
        ({20, 21}, ("bid",), "complete"),
    ],
    ids=str,
)
def test_stored_days_are_judged_again_by_every_inventory(
    project: Project, periods: set[int], sides: Any, status: str
) -> None:
    project.ingest()
    project.sql_write("UPDATE minerecon.ingestion_progress SET acceptance_count = NULL")
    by_the_older_rule(project, periods, sides)
    assert project.status() == status
    now = dt.datetime(2025, 3, 30, 13, tzinfo=dt.UTC)
    with project.engine.connect() as connection:
        found = {f.result.checked.name: f for f in take_inventory(connection, DAY, now)}
    for name in ("days_become_final", "every_day_is_complete"):
        assert any(g.first == DAY for g in found[name].groups) is (status == "incomplete"), name
    assert (DAY in morning(project.engine, DAY, DAY + dt.timedelta(days=40))) is (status == "incomplete")


@pytest.mark.slow
def test_an_upgrade_of_a_warehouse_shows_the_days_that_the_older_rule_called_complete(fresh_database: str) -> None:
    engine = open_warehouse(fresh_database, as_owner=True)
    with engine.begin() as connection:
        for schema in ("minerecon", "analytics"):
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        for n, gone in enumerate((0, 24, 48)):
            day = DAY + dt.timedelta(days=n)
            store_old_day(connection, day, is_synthetic=False)
            connection.execute(text(OLD_PROGRESS), {"day": day, "gone": gone})
    engine.dispose()
    migrate.upgrade(engine)
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT state, is_final, periods_present, r.status FROM minerecon.daily_summaries AS s"
                " JOIN analytics.reconciliation_status AS r ON r.settlement_date = s.summary_date ORDER BY summary_date"
            )
        ).all()
    engine.dispose()
    assert [tuple(row) for row in found] == [
        ("final", True, 48, "provisional"),  # without a check on record a final day is called that
        ("incomplete", False, 24, "incomplete"),
        ("incomplete", False, 0, "incomplete"),
    ]


OLD_PROGRESS = (
    "INSERT INTO minerecon.ingestion_progress (settlement_date, settlement_period, stack_side, status, row_count,"
    " payload_sha256, fetched_at, is_synthetic)"
    " SELECT :day, p, side, CASE WHEN p > 48 - :gone THEN 'empty' ELSE 'rows' END,"
    " CASE WHEN p > 48 - :gone THEN 0 ELSE 9 END, '', now(), false"
    " FROM generate_series(1, 48) AS p, unnest(ARRAY['bid', 'offer']) AS side"
)
