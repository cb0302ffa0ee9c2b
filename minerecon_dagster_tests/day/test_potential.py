"""Notified potential and metered output of a day: asked for beside it, as they were served, NULL where not known."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from minerecon_dagster.core.answers import Answer
from minerecon_dagster.core.calendar import STACK_SIDES, period_count, period_starts
from minerecon_dagster.core.checks import Property
from minerecon_dagster.core.errors import ArchiveError
from minerecon_dagster.day.later import SCAN_DAY_OF_MONTH, days_due_later
from minerecon_dagster.day.worker import DayReport, Worker
from minerecon_dagster.difficulty.source import DifficultyTable
from minerecon_dagster.elexon.archive import Archive
from minerecon_dagster.elexon.client import ElexonClient
from minerecon_dagster.elexon.datasets import parse_key
from minerecon_dagster.elexon.datasets.meters import (
    B1610,
    PERIODS_METERED,
    RUN_TYPES,
    UNITS_METERED,
    MeteredOutput,
    rank_of,
)
from minerecon_dagster.elexon.datasets.pn import (
    BIDS_AGREE,
    NET_SHARE_OF_MONTH_WITHIN_BOUNDS,
    UNITS_ANSWERED,
    potential_of,
)
from minerecon_dagster.elexon.datasets.pn import PN as NOTIFICATIONS
from minerecon_dagster.http.rate_limit import RateLimiter
from minerecon_dagster.settings import Settings
from minerecon_dagster.standing.inventory import look_beside
from minerecon_dagster.sums.rollups import months_to_update, roll_up_months
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.fake_elexon import Fault
from minerecon_dagster_tests.notified import METERED, PN, Rows, asked, rows_of, spoil
from minerecon_dagster_tests.project import DAY, Project, definitions, not_done
from minerecon_dagster_tests.verify.test_verify import Looks

SHORT, LONG = dt.date(2025, 3, 30), dt.date(2025, 10, 26)
MORNING = "2025-03-29T07:00:00+00:00"
RED = "SELECT check_family || '.' || check_name FROM minerecon.reconciliation_latest WHERE NOT passed ORDER BY 1"
PAIRS = (
    "SELECT settlement_period, bmu_id, potential_mwh, bids_mwh, offers_mwh, instructed_mwh"
    " FROM minerecon.unit_period_potential WHERE settlement_date = :day"
)
UNITS = "SELECT bmu_id, potential_mwh, periods_with_pn FROM minerecon.unit_daily_potential WHERE settlement_date = :day"


def ingest_at(project: Project, at: str, day: dt.date = DAY, **config: Any) -> None:
    project.now = at
    project.ingest(day, **config)


def served_mwh(rows: Rows) -> dict[tuple[int, str], Fraction]:
    """What notifications integrate to, by their JSON alone."""
    area: defaultdict[tuple[int, str], Fraction] = defaultdict(Fraction)
    for row in rows:
        first, last = (dt.datetime.fromisoformat(row[name]) for name in ("timeFrom", "timeTo"))
        hours = Fraction(int((last - first).total_seconds()), 3600)
        area[row["settlementPeriod"], row["bmUnit"]] += Fraction(row["levelFrom"] + row["levelTo"], 2) * hours
    return dict(area)


def served_volumes(project: Project, day: dt.date) -> dict[tuple[int, str], list[Decimal]]:
    """Bids and offers of wind units, by the JSON of the stack alone."""
    found: defaultdict[tuple[int, str], list[Decimal]] = defaultdict(lambda: [Decimal(), Decimal()])
    for side in STACK_SIDES:
        for period in range(1, period_count(day) + 1):
            for line in {json.dumps(row) for row in project.elexon.world.stack(day, side, period)}:
                row = json.loads(line, parse_float=Decimal)
                found[period, row["id"]][row["volume"] > 0] += row["volume"]
    return dict(found)


@pytest.mark.slow
@pytest.mark.parametrize("day", [DAY, SHORT, LONG])
def test_each_unit_and_period_is_what_was_served_and_sums_are_of_what_is_stored(project: Project, day: dt.date) -> None:
    ingest_at(project, f"{day + dt.timedelta(days=1)}T07:00:00+00:00", day)
    (path,) = asked(project.elexon, PN)
    query = parse_qs(urlsplit(path).query)
    periods = period_count(day)
    assert (query["from"], query["to"], query["settlementPeriodTo"]) == ([str(day)], [str(day)], [str(periods)])
    mwh, volumes = served_mwh(rows_of(project.elexon, path)), served_volumes(project, day)
    units = query["bmUnit"]
    assert len(units) == len(set(units)) == 12, "a unit that stands twice in the register is asked for once"
    pairs = {(period, unit): figures for period, unit, *figures in project.sql(PAIRS, day=day)}
    assert pairs.keys() == {pair for pair, (bids, _) in volumes.items() if bids < 0 and pair[1] in units}
    for pair, (potential, bids, offers, instructed) in pairs.items():
        assert abs(Fraction(potential) - mwh[pair]) <= Fraction(1, 2_000_000)
        assert [bids, offers] == volumes[pair]
        assert instructed == potential + bids + offers
    of_units = {unit: (potential, known) for unit, potential, known in project.sql(UNITS, day=day)}
    rounded = {pair: round(Decimal(x.numerator) / x.denominator, 6) for pair, x in mwh.items()}
    for unit in units:
        assert of_units[unit] == (sum(rounded[period, unit] for period in range(1, periods + 1)), periods)
    ((zones, most),) = project.sql(
        "SELECT sum(potential_mwh), count(DISTINCT settlement_period) FROM minerecon.period_potential"
        " WHERE settlement_date = :day",
        day=day,
    )
    assert (zones, most) == (sum(potential for potential, _ in of_units.values()), periods)
    assert project.sql(RED) == []
    assert project.status(day) != "warned"


@pytest.mark.slow
def test_a_day_takes_102_requests_on_its_first_morning_and_at_most_four_for_its_meters_in_its_life(
    project: Project,
) -> None:
    ingest_at(project, MORNING)
    made = [path for path in project.elexon.requests.elements() if "bmunits" not in path]
    assert len(made) == 102
    assert len(asked(project.elexon, PN)) == 1
    assert asked(project.elexon, METERED) == []
    before = Counter(project.elexon.requests)
    for at in ("2025-04-04", "2025-04-05", "2025-04-06", "2025-04-27", "2025-04-28", "2025-07-27", "2025-08-02",
               "2025-08-03", "2025-08-04", "2026-06-02", "2026-06-03", "2026-07-01"):  # fmt: skip
        ingest_at(project, f"{at}T07:00:00+00:00")
    assert len(asked(project.elexon, PN)) == 1, "it never changes: the day is asked for it once"
    later = project.sql(
        "SELECT run, asked_count, CAST(last_asked_at AS date) FROM minerecon.later_answers"
        " WHERE dataset = 'b1610' ORDER BY 3"
    )
    assert [(run, count, str(at)) for run, count, at in later] == [
        ("d8", 1, "2025-04-05"),
        ("d30", 1, "2025-04-27"),
        ("scan1", 1, "2025-08-03"),
        ("scan2", 1, "2026-06-03"),
    ], "on the eighth and thirtieth day, and with two monthly scans"
    assert len(asked(project.elexon, METERED)) == 4
    assert sum(before.values()) < sum(project.elexon.requests.values())


def test_the_day_of_the_monthly_scan_is_that_of_its_schedule() -> None:
    schedule = definitions(None).resolve_schedule_def("monthly_restatement_scan")
    assert f" {SCAN_DAY_OF_MONTH} * *" in str(schedule.cron_schedule)


@pytest.mark.slow
def test_a_day_in_progress_is_not_asked_for_it(project: Project) -> None:
    project.now = f"{DAY}T18:00:00+00:00"
    project.run(DAY)
    assert asked(project.elexon, PN) == []


@pytest.mark.slow
def test_neither_is_asked_for_where_a_person_wants_neither(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELEXON_POTENTIAL", "0")
    project.ingest()
    assert asked(project.elexon, "/datasets/") == []
    assert project.status() == "complete"
    with project.engine.connect() as connection:
        assert days_due_later(connection, first_day=DAY, today=DAY + dt.timedelta(days=40)) == set()
    monkeypatch.setenv("ELEXON_POTENTIAL", "1")
    with project.engine.connect() as connection:
        assert days_due_later(connection, first_day=DAY, today=DAY + dt.timedelta(days=40)) == {DAY}


@pytest.mark.slow
def test_what_is_held_follows_the_day_when_that_is_restated_without_a_request(project: Project) -> None:
    ingest_at(project, "2025-03-30T07:00:00+00:00")
    before = {pair[:2]: pair for pair in project.sql(PAIRS, day=DAY)}
    project.elexon.world.revise[DAY] = 0.98
    ingest_at(project, "2025-03-31T07:00:00+00:00", periods="1-48")
    after = {pair[:2]: pair for pair in project.sql(PAIRS, day=DAY)}
    assert len(asked(project.elexon, PN)) == 1
    assert after.keys() == before.keys()
    for pair, (_, _, potential, bids, offers, instructed) in after.items():
        assert potential == before[pair][2], "what was notified stays"
        assert abs(bids - before[pair][3] * Decimal("0.98")) < Decimal("1e-6")
        assert instructed == potential + bids + offers
    project.sql_write("UPDATE minerecon.daily_summaries SET built_at = built_at + interval '1 hour'")
    with project.engine.connect() as connection:
        assert days_due_later(connection, first_day=DAY, today=DAY + dt.timedelta(days=4)) == {DAY}, (
            "a day that another hand built is due until it has followed"
        )


@pytest.mark.slow
@pytest.mark.parametrize("repair", ["verify --action fix", "spot-fix"])
def test_what_is_held_follows_a_day_that_is_repaired(project: Project, repair: str) -> None:
    ingest_at(project, "2025-03-30T07:00:00+00:00")
    project.elexon.world.revise[DAY] = 1.001
    project.now = "2025-04-01T07:00:00+00:00"
    looks = Looks(project)
    if repair == "spot-fix":
        ((period, unit),) = project.sql("SELECT settlement_period, bmu_id FROM minerecon.curtailment_records LIMIT 1")
        assert looks.spot_fix(DAY, period, unit).success
    else:
        looks.right(action="fix")
    assert looks.kept()["outcome"] == "repaired"
    ((units, agree),) = project.sql(BIDS)
    assert (units > 0, agree) == (True, True)
    assert asked(project.elexon, PN) == [], "it was there"
    with project.engine.connect() as connection:
        assert days_due_later(connection, first_day=DAY, today=dt.date(2025, 4, 2)) == set()


BIDS = (
    "SELECT count(*),"
    " bool_and(p.bids_mwh = -coalesce(s.all_bids_mwh, 0) AND p.so_bids_mwh = -coalesce(s.curtailed_mwh, 0))"
    " FROM minerecon.unit_daily_potential AS p"
    " LEFT JOIN minerecon.unit_daily_summaries AS s USING (settlement_date, bmu_id)"
)
"""Of how many units, and whether the bids beside each are those of the day's records."""


@contextmanager
def worker(project: Project, difficulty_table: str, at: dt.datetime) -> Iterator[Worker]:
    """A run's work on the day, apart from any run."""
    settings = Settings.from_environ()
    made = Worker(
        engine=project.engine,
        archive=project.archive,
        difficulty=DifficultyTable(difficulty_table, region=os.environ["AWS_REGION"]),
        open_client=lambda: ElexonClient(project.elexon.base_url, RateLimiter(0)),
        source_url=project.elexon.base_url,
        sides=STACK_SIDES,
        waivers_file=settings.waivers_file,
        now=lambda: at,
        run_id=None,
    )
    with closing(made):
        made.prepare([DAY], from_archive=False)
        yield made


@pytest.mark.slow
def test_what_is_beside_a_day_that_another_run_has_built_since_is_of_that_run(
    project: Project, difficulty_table: str
) -> None:
    ingest_at(project, "2025-03-29T05:00:00+00:00")
    project.sql_write("DELETE FROM minerecon.unit_daily_potential")
    project.sql_write("DELETE FROM minerecon.later_answers")
    with worker(project, difficulty_table, dt.datetime(2025, 3, 30, 7, tzinfo=dt.UTC)) as first:
        ((_, built),) = first.ingest([DAY])
        assert isinstance(built, DayReport)
        project.elexon.world.revise[DAY] = 0.98
        ingest_at(project, "2025-03-31T07:00:00+00:00", periods="1-48")
        project.sql_write("DELETE FROM minerecon.later_answers")
        assert [report.problem for report in first.later(DAY, fetch=True)] == ["", ""]
    assert project.sql(BIDS) == [(12, True)]


@pytest.mark.slow
def test_what_is_beside_a_day_whose_newer_answers_fail_its_checks_is_of_those_that_it_was_built_from(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(project.elexon, PN, lambda _: [])
    ingest_at(project, "2025-03-30T07:00:00+00:00")
    built_from = project.sql("SELECT archive_uri FROM minerecon.daily_summaries")
    project.elexon.faults = lambda _: None
    stack = project.elexon.world.stack
    with monkeypatch.context() as patch:
        patch.setattr(
            project.elexon.world,
            "stack",
            lambda *of: [row | {"volume": round(row["volume"] * 0.97, 6)} for row in stack(*of)],
        )
        project.now = "2025-03-31T07:00:00+00:00"
        result = project.run(DAY, force=True)
    assert "a check failed and the day was not published" in not_done(result)
    assert len(project.archive_objects()) == 2
    assert project.sql("SELECT archive_uri FROM minerecon.daily_summaries") == built_from
    assert project.sql(BIDS) == [(12, True)]


@pytest.mark.slow
def test_what_a_source_that_is_down_does_not_say_is_told_and_uses_no_look_up(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.elexon.faults = lambda path: (
        Fault(500) if "/datasets/" in path and ("PN" in path or "B1610" in path) else None
    )
    ingest_at(project, "2026-11-01T07:00:00+00:00")  # an old day: all four looks at its meters are due at once
    assert project.status() == "complete", "its own figures are none the worse"
    told = caplog.text
    for source in ("(PN)", "(B1610)"):
        assert re.search(rf"{DAY}: nothing new of .*{re.escape(source)}.*HTTP 500.*reingest {DAY} --force", told), told
    tried = Counter(project.elexon.requests)
    ingest_at(project, "2026-11-01T08:00:00+00:00")
    assert project.elexon.requests == tried, "not twice a day, nor by another look"
    with project.engine.connect() as connection:
        (metered,) = (g for g in look_beside(connection, DAY, DAY) if "(B1610)" in g.what)
    assert "asked for again by itself" in metered.what
    assert str(metered.repair) == f"minerecon reingest {DAY} --force"

    project.elexon.faults = lambda path: None
    ingest_at(project, "2026-11-02T07:00:00+00:00")
    assert len(project.sql(UNITS, day=DAY)) > 5
    assert project.sql("SELECT count(*) > 5 FROM minerecon.unit_daily_metered") == [(True,)]
    with project.engine.connect() as connection:
        assert look_beside(connection, DAY, DAY) == []


@pytest.mark.slow
def test_of_an_old_day_without_meters_a_look_a_day_is_taken_and_then_it_is_said_that_none_comes(
    project: Project,
) -> None:
    project.elexon.faults = lambda path: Fault(200, b"[]") if "B1610" in path else None
    for day in range(1, 8):
        ingest_at(project, f"2026-11-{day:02}T07:00:00+00:00")
        assert len(asked(project.elexon, METERED)) == min(day, 4)
    with project.engine.connect() as connection:
        (group,) = look_beside(connection, DAY, DAY)
    assert "no longer asked for by itself" in group.what
    project.elexon.faults = lambda path: None
    ingest_at(project, "2026-11-08T07:00:00+00:00", force=True)
    assert project.sql("SELECT count(*) > 5 FROM minerecon.unit_daily_metered") == [(True,)], (
        "but by a person's command"
    )


@pytest.mark.slow
def test_an_object_that_is_damaged_or_gone_is_told_and_asked_for_again_by_the_command_that_is_named(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    ingest_at(project, MORNING)
    held = project.archive.newest_of("pn", DAY)
    assert held is not None
    stored, there = project.sql(UNITS, day=DAY), Path(held.uri.removeprefix("file://"))
    there.write_bytes(there.read_bytes()[:-100])
    caplog.clear()
    ingest_at(project, MORNING, from_archive=True)
    assert re.search(rf"{DAY}: nothing new of .*\(PN\).*{re.escape(there.name)}.*--force", caplog.text)
    there.unlink()
    ingest_at(project, MORNING, from_archive=True)
    assert re.search(r"holds nothing of it, and its rows were made from .*--force", caplog.text)
    assert project.sql(UNITS, day=DAY) == stored, "what was stored stays"
    ingest_at(project, MORNING, force=True)
    assert project.archive.newest_of("pn", DAY) is not None, "as it is said to be repaired"
    assert len(asked(project.elexon, PN)) == 2


@pytest.mark.slow
def test_an_answer_of_the_first_unit_alone_is_not_used_and_keeps_nothing_else_of_the_day_back(
    project: Project,
) -> None:
    spoil(project.elexon, PN, lambda rows: [row for row in rows if row["bmUnit"] == rows[0]["bmUnit"]])
    ingest_at(project, "2025-03-30T07:00:00+00:00")
    assert project.sql(RED) == [(UNITS_ANSWERED.full_name,)]
    assert project.sql("SELECT severity, is_beside FROM minerecon.reconciliation_latest WHERE NOT passed") == [
        ("ERROR", True)
    ]
    assert project.sql(UNITS, day=DAY) == project.sql(PAIRS, day=DAY) == [], "it is not read as no wind"
    assert project.status() == "warned", "the day is there as it would be without it"
    with project.engine.connect() as connection:
        assert months_to_update(connection) == ["2025-03"], "its month waits for nothing"
    now = dt.datetime(2025, 3, 30, 8, tzinfo=dt.UTC)
    roll_up_months(project.engine, ["2025-03"], now)
    assert project.sql("SELECT potential_days FROM minerecon.monthly_summaries") == [(0,)]
    project.elexon.faults = lambda _: None
    ingest_at(project, "2025-03-31T07:00:00+00:00", periods="1-48")
    assert project.sql(RED) == []
    assert len(project.sql(UNITS, day=DAY)) == 12
    with project.engine.connect() as connection:
        assert months_to_update(connection) == ["2025-03"], "the month learns of it"
    roll_up_months(project.engine, ["2025-03"], now + dt.timedelta(days=2))
    assert project.sql("SELECT potential_days FROM minerecon.monthly_summaries") == [(1,)]
    with project.engine.connect() as connection:
        assert months_to_update(connection) == []


@pytest.mark.slow
def test_a_unit_that_was_not_asked_for_makes_an_answer_useless(project: Project) -> None:
    spoil(project.elexon, PN, lambda rows: [*rows, rows[0] | {"bmUnit": "T_OTHER-1"}])
    ingest_at(project, MORNING)
    assert project.sql(RED) == [(UNITS_ANSWERED.full_name,)]
    assert project.sql(UNITS, day=DAY) == []


Spoilt = tuple[str, Callable[[Rows], Rows], set[tuple[int, str]] | None, set[str]]
UNIT = "T_SYNTW-1"


def _of(rows: Rows, period: int) -> Rows:
    return [row for row in rows if (row["bmUnit"], row["settlementPeriod"]) == (UNIT, period)]


SPOILT: list[Spoilt] = [
    ("a unit is absent", lambda rows: [row for row in rows if row["bmUnit"] != UNIT], None, {"bids_are_notified"}),
    (
        "a segment of two is absent",
        lambda rows: [row for row in rows if row is not _of(rows, 5)[0]],
        {(5, UNIT)},
        {"periods_covered_once", "bids_are_notified"},
    ),
    (
        "a segment at two levels",
        lambda rows: [*rows, _of(rows, 5)[0] | {"levelFrom": 900, "levelTo": 900}],
        {(5, UNIT)},
        {"levels_agree", "bids_are_notified"},
    ),
    (
        "a segment from before the period",
        lambda rows: [*rows, _of(rows, 5)[0] | {"timeFrom": "2025-03-28T01:59:00Z"}],
        {(5, UNIT)},
        {"periods_covered_once", "bids_are_notified"},
    ),
    ("a segment that stands twice, the same", lambda rows: [*rows, _of(rows, 5)[0]], set(), set()),
]


@pytest.mark.first_quick
@pytest.mark.parametrize(("change", "unknown", "red"), [case[1:] for case in SPOILT], ids=[case[0] for case in SPOILT])
def test_what_is_not_notified_once_is_not_known_and_the_rest_is(
    project: Project, change: Callable[[Rows], Rows], unknown: set[tuple[int, str]] | None, red: set[str]
) -> None:
    spoil(project.elexon, PN, change)
    ingest_at(project, "2025-03-30T07:00:00+00:00")
    pairs = project.sql(PAIRS, day=DAY)
    with_bid = {(period, unit) for period, unit, *_ in pairs}
    gone = {pair for pair in with_bid if pair[1] == UNIT} if unknown is None else unknown & with_bid
    assert {(p[0], p[1]) for p in pairs if p[2] is None} == gone
    assert {(p[0], p[1]) for p in pairs if p[5] is None} == gone
    ((potential, count),) = [row[1:] for row in project.sql(UNITS, day=DAY) if row[0] == UNIT]
    affected = 48 if unknown is None else len(unknown)
    assert (potential is None, count) == (affected > 0, 48 - affected)
    found = {name.removeprefix("potential.") for (name,) in project.sql(RED)}
    assert found == (red if gone else red - {"bids_are_notified"})
    assert project.status() == "complete", "the day's own figures are as they would be without it"
    ((shown, share, coverage),) = project.sql(
        "SELECT potential_mwh, curtailed_share_of_potential, potential_coverage FROM analytics.curtailment_by_unit_day"
        " WHERE settlement_date = :day AND bmu_id = :unit",
        day=DAY,
        unit=UNIT,
    )
    assert (shown is None, share is None) == (affected > 0, affected > 0), "never 0"
    assert round(coverage, 6) == round((48 - affected) / Decimal(48), 6)


@pytest.mark.slow
def test_rows_in_another_order_come_to_the_same(project: Project) -> None:
    ingest_at(project, MORNING)
    (path,) = asked(project.elexon, PN)
    before = project.sql(UNITS + " ORDER BY 1", day=DAY)
    project.sql_write("DELETE FROM minerecon.later_answers")
    spoil(project.elexon, PN, lambda rows: rows[::-1])
    ingest_at(project, "2025-03-30T07:00:00+00:00")
    assert asked(project.elexon, PN) == [path, path]
    assert project.sql(UNITS + " ORDER BY 1", day=DAY) == before


@pytest.mark.slow
def test_more_units_than_one_url_holds_are_asked_for_in_two_requests(project: Project) -> None:
    units = [f"T_MANYW-{n:03}" for n in range(241)]
    run = NOTIFICATIONS.runs[0]
    paths = NOTIFICATIONS.questions(DAY, run, units)
    assert [str(key) for key in paths] == ["pn/1", "pn/2"]
    asked_for = [parse_qs(urlsplit(path).query)["bmUnit"] for path in paths.values()]
    assert [unit for part in asked_for for unit in part] == units
    assert [str(key) for key in NOTIFICATIONS.questions(DAY, run, units[:240])] == ["pn"]
    assert all(parse_key(str(key)) == key for key in paths)

    def too_long(path: str) -> Fault | None:
        return Fault(414) if path.startswith("/datasets/") and path.count("bmUnit") > 10 else None

    project.elexon.faults = too_long
    ingest_at(project, MORNING)
    first, *halves = asked(project.elexon, PN)
    assert (first.count("bmUnit"), [half.count("bmUnit") for half in halves]) == (12, [6, 6])
    assert len(project.sql(UNITS, day=DAY)) == 12
    project.sql_write("DELETE FROM minerecon.unit_daily_potential")
    ingest_at(project, "2025-03-29T08:00:00+00:00", from_archive=True)
    assert len(project.sql(UNITS, day=DAY)) == 12, "both halves are in the archive"


@pytest.mark.slow
def test_without_offers_no_net_share_is_known_and_the_gross_one_is(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELEXON_STACK_SIDES", "bid")
    ingest_at(project, MORNING)
    found = project.sql(
        "SELECT curtailed_share_of_potential IS NULL, all_bids_net_share_of_potential IS NULL"
        " FROM analytics.curtailment_by_unit_day WHERE settlement_date = :day GROUP BY 1, 2",
        day=DAY,
    )
    assert found == [(False, True)]
    assert project.sql("SELECT count(offers_mwh), count(instructed_mwh) FROM minerecon.unit_period_potential") == [
        (0, 0)
    ]


def test_of_a_summers_day_periods_are_those_of_london_and_not_of_utc() -> None:
    day = dt.date(2025, 6, 15)
    first = period_starts(day)[0]
    assert first.hour == 23
    path = NOTIFICATIONS.path(day, NOTIFICATIONS.runs[0], ["T_SYNTW-1"])
    assert parse_qs(urlsplit(path).query)["from"] == parse_qs(urlsplit(path).query)["to"] == [str(day)]
    body = [
        {
            "settlementDate": str(day),
            "settlementPeriod": 1,
            "levelFrom": 10,
            "levelTo": 10,
            "bmUnit": "T_SYNTW-1",
            "timeFrom": f"{first:%Y-%m-%dT%H:%M:%S}Z",
            "timeTo": f"{first + dt.timedelta(minutes=30):%Y-%m-%dT%H:%M:%S}Z",
        }
    ]
    answer = Answer("http://x/y", 200, dt.datetime.now(dt.UTC), json.dumps(body).encode())
    rows = NOTIFICATIONS.parse(NOTIFICATIONS.key(NOTIFICATIONS.runs[0]), day, answer)
    says = potential_of(day, ["T_SYNTW-1"], rows)
    assert says.of_unit == {"T_SYNTW-1": {1: Decimal(5)}}


METERS = (
    "SELECT run_type, metered_mwh, periods, negative_periods FROM minerecon.unit_daily_metered"
    " WHERE bmu_id = :unit ORDER BY run_rank"
)
SHOWN = (
    "SELECT metered_mwh, metered_run FROM analytics.notified_potential_by_unit_day"
    " WHERE settlement_date = :day AND bmu_id = :unit"
)


@pytest.mark.slow
def test_of_several_settlement_runs_the_highest_with_the_whole_day_is_shown(project: Project) -> None:
    def of_run(run: str, quantity: float, drop: int = 0) -> Callable[[Rows], Rows]:
        return lambda rows: [
            row | {"settlementRunType": run, "quantity": quantity if row["settlementPeriod"] > 2 else -0.25}
            for row in rows
            if not (row["bmUnit"] == UNIT and row["settlementPeriod"] == drop)
        ]

    ingest_at(project, MORNING)
    spoil(project.elexon, METERED, of_run("SF", 2.0))
    ingest_at(project, "2025-04-05T07:00:00+00:00")
    assert project.sql(METERS, unit=UNIT) == [("SF", Decimal("91.5"), 48, 2)], "what a station takes is below 0"
    spoil(project.elexon, METERED, of_run("II", 1.0))
    ingest_at(project, "2025-04-27T07:00:00+00:00")
    assert [row[0] for row in project.sql(METERS, unit=UNIT)] == ["II", "SF"]
    assert project.sql(SHOWN, day=DAY, unit=UNIT) == [(Decimal("91.5"), "SF")], "a lower run that came later is not"
    spoil(project.elexon, METERED, of_run("R1", 3.0, drop=7))
    ingest_at(project, "2025-08-03T07:00:00+00:00")
    assert project.sql(METERS, unit=UNIT)[-1] == ("R1", None, 47, 2), "a day that lacks a period is not known"
    assert project.sql(SHOWN, day=DAY, unit=UNIT) == [(Decimal("91.5"), "SF")]
    assert project.sql(SHOWN, day=DAY, unit="T_SYNTW-2") == [(Decimal("137.5"), "R1")]
    requests = len(asked(project.elexon, METERED))
    project.sql_write("DELETE FROM minerecon.unit_daily_metered")
    ingest_at(project, "2025-08-04T07:00:00+00:00", from_archive=True)
    assert [row[0] for row in project.sql(METERS, unit=UNIT)] == ["II", "SF", "R1"]
    assert len(asked(project.elexon, METERED)) == requests == 3


@pytest.mark.slow
def test_what_a_later_answer_of_the_same_run_lacks_takes_nothing_away(project: Project) -> None:
    def without(unit: str, period: int, times: int) -> Callable[[Rows], Rows]:
        return lambda rows: [
            row | {"settlementRunType": "II", "quantity": float(times)}
            for row in rows
            if row["bmUnit"] != unit and not (row["bmUnit"] == UNIT and row["settlementPeriod"] == period)
        ]

    ingest_at(project, MORNING)
    spoil(project.elexon, METERED, without("", 0, 1))
    ingest_at(project, "2025-04-05T07:00:00+00:00")
    spoil(project.elexon, METERED, without("T_SYNTW-2", 7, 2))
    ingest_at(project, "2025-04-27T07:00:00+00:00")
    for again in (False, True):
        if again:
            project.sql_write("DELETE FROM minerecon.unit_daily_metered")
            ingest_at(project, "2025-04-28T07:00:00+00:00", from_archive=True)
        whole = {unit: project.sql(METERS, unit=unit) for unit in (UNIT, "T_SYNTW-2", "T_SYNTW-3")}
        assert whole["T_SYNTW-2"] == [("II", Decimal(48), 48, 0)], "a unit that it lacks"
        assert whole[UNIT] == [("II", Decimal(48), 48, 0)], "a unit of which it lacks a period"
        assert whole["T_SYNTW-3"] == [("II", Decimal(96), 48, 0)], "what it has is newer"


@pytest.mark.slow
@pytest.mark.parametrize("period", [None, 5])
def test_notifications_that_lack_a_unit_or_a_period_that_was_notified_are_not_taken(
    project: Project, caplog: pytest.LogCaptureFixture, period: int | None
) -> None:
    ingest_at(project, MORNING)
    before, held = project.sql(UNITS, day=DAY), project.archive.newest_of("pn", DAY)

    def lacking(rows: Rows) -> Rows:
        return [row for row in rows if row["bmUnit"] != UNIT or (period and row["settlementPeriod"] != period)]

    spoil(project.elexon, PN, lacking)
    ingest_at(project, "2025-04-01T07:00:00+00:00", force=True)
    assert project.sql(UNITS, day=DAY) == before
    assert project.archive.newest_of("pn", DAY) == held
    assert project.archive.newest_refused_of("pn", DAY) is not None, "but what was said is kept"
    lacks = f"lacks what is stored of units, 1 in number ({UNIT})"
    assert lacks in caplog.text
    assert held is not None
    Path(held.uri.removeprefix("file://")).unlink()
    caplog.clear()
    ingest_at(project, "2025-04-02T07:00:00+00:00", from_archive=True)
    assert lacks in caplog.text, "nor where the archive has nothing else"
    assert project.sql(UNITS, day=DAY) == before


@contextmanager
def moved_and_rebuilt(
    project: Project, migrated: str, environ: dict[str, str], patch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """Give a project an empty warehouse, and its archive at another place; then build the day again from that."""
    moved = tmp_path / "moved"
    shutil.copytree(project.archive._store.root, moved)
    with databases.database(environ["DATABASE_URL"], migrated) as url:
        patch.setenv("DATABASE_URL", url)
        patch.setenv("MINERECON_ARCHIVE_URL", str(moved))
        project.engine, project.archive = open_warehouse(url), Archive.from_url(str(moved))
        ingest_at(project, "2026-11-20T07:00:00+00:00", from_archive=True)
        yield
        project.engine.dispose()


def versions(project: Project) -> list[Path]:
    return sorted(Path(project.archive._store.root.removeprefix("file://")).glob("datasets/pn/**/*.zip"))


def only_the_first_unit(rows: Rows) -> Rows:
    return [row for row in rows if row["bmUnit"] == rows[0]["bmUnit"]]


def little_is_notified(rows: Rows) -> Rows:
    return [row | {"levelFrom": 1, "levelTo": 1} for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "check"),
    [(only_the_first_unit, UNITS_ANSWERED), (little_is_notified, NET_SHARE_OF_MONTH_WITHIN_BOUNDS)],
    ids=["by its own checks", "by those of the tables"],
)
def test_an_answer_that_is_refused_is_kept_and_told_and_displaces_nothing_that_is_built_again(
    project: Project,
    change: Callable[[Rows], Rows],
    check: Property,
    caplog: pytest.LogCaptureFixture,
    migrated: str,
    embedded_environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    ingest_at(project, "2025-03-30T07:00:00+00:00")
    units, before = project.sql(UNITS, day=DAY), {pair[:2]: pair for pair in project.sql(PAIRS, day=DAY)}
    held = project.archive.newest_of("pn", DAY)
    spoil(project.elexon, PN, change)
    for at in ("2025-03-31", "2025-04-01"):
        caplog.clear()
        ingest_at(project, f"{at}T07:00:00+00:00", force=True)
        told = [line for line in caplog.messages if "nothing new of" in line]
        assert len(told) == 1
        assert re.search(rf"^{DAY}: .*\(PN\).* is refused.*{check.full_name}.*reingest {DAY} --force$", told[0])
    assert (check.full_name,) in project.sql(RED)
    assert project.sql(UNITS, day=DAY) == units
    assert project.archive.newest_of("pn", DAY) == held
    refused = project.archive.newest_refused_of("pn", DAY)
    assert refused is not None
    assert refused.refusal is not None
    assert check.full_name in refused.refusal.why
    assert len(versions(project)) == 2, "the same answer again is no other"
    assert held is not None
    made_from = "SELECT archive_uri FROM minerecon.later_answers WHERE dataset = 'pn'"
    assert project.sql(made_from) == [(held.uri,)], "what is stored was not made from it"

    project.elexon.faults = lambda _: None
    project.elexon.world.revise[DAY] = 0.98
    caplog.clear()
    ingest_at(project, "2025-04-02T07:00:00+00:00", periods="1-48")
    assert len(asked(project.elexon, PN)) == 3, "what was held is enough"
    assert "nothing new of" not in caplog.text
    after = {pair[:2]: pair for pair in project.sql(PAIRS, day=DAY)}
    assert after.keys() == before.keys()
    for pair, (_, _, potential, bids, offers, instructed) in after.items():
        assert potential == before[pair][2]
        assert abs(bids - before[pair][3] * Decimal("0.98")) < Decimal("1e-6")
        assert instructed == potential + bids + offers
    assert project.sql(RED) == []
    with project.engine.connect() as connection:
        assert days_due_later(connection, first_day=DAY, today=dt.date(2025, 4, 3)) == set(), "it has followed"
    with moved_and_rebuilt(project, migrated, embedded_environ, monkeypatch, tmp_path):
        assert {pair[:2]: pair for pair in project.sql(PAIRS, day=DAY)} == after
        assert project.sql(UNITS, day=DAY) == units
        assert project.sql(RED) == []


@pytest.mark.slow
def test_after_a_refused_answer_a_good_one_is_the_newest_again(project: Project) -> None:
    ingest_at(project, "2025-03-30T07:00:00+00:00")
    before = dict(row[:2] for row in project.sql(UNITS, day=DAY))
    spoil(project.elexon, PN, only_the_first_unit)
    ingest_at(project, "2025-03-31T07:00:00+00:00", force=True)

    def more(rows: Rows) -> Rows:
        return [row | {name: row[name] + 2 for name in ("levelFrom", "levelTo")} for row in rows]

    spoil(project.elexon, PN, more)
    ingest_at(project, "2025-04-01T07:00:00+00:00", force=True)
    for again in (False, True):
        if again:
            project.sql_write("DELETE FROM minerecon.unit_daily_potential")
            ingest_at(project, "2025-04-02T07:00:00+00:00", from_archive=True)
        assert dict(row[:2] for row in project.sql(UNITS, day=DAY)) == {
            unit: mwh + 48 for unit, mwh in before.items()
        }, "2 MW more in each of 48 half hours"
    assert project.archive.newest_refused_of("pn", DAY) is None, "it is not of a later look"
    assert (UNITS_ANSWERED.full_name,) not in project.sql(RED)


@pytest.mark.slow
def test_an_answer_that_nobody_can_read_is_kept_and_told_and_displaces_nothing(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    ingest_at(project, "2025-03-30T07:00:00+00:00")
    units, held = project.sql(UNITS, day=DAY), project.archive.newest_of("pn", DAY)
    spoil(project.elexon, PN, lambda rows: [row | {"levelFrom": "many"} for row in rows])
    ingest_at(project, "2025-03-31T07:00:00+00:00", force=True)
    assert re.search(rf"{DAY}: nothing new of .*\(PN\).*levelFrom.*reingest {DAY} --force", caplog.text)
    refused = project.archive.newest_refused_of("pn", DAY)
    assert refused is not None
    assert b'"many"' in next(iter(refused.answers.values())).body
    assert (project.sql(UNITS, day=DAY), project.archive.newest_of("pn", DAY)) == (units, held)
    assert (UNITS_ANSWERED.full_name,) in project.sql(RED)


@contextmanager
def it_ends_at(name: str) -> Iterator[None]:
    """Whatever would be noted of an answer in the archive by this method is not: the run ends there."""

    def ended(*_: object, **__: object) -> None:
        raise ArchiveError("it ended here")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Archive, name, ended)
        yield


def without_a_unit(rows: Rows) -> Rows:
    return [row for row in rows if row["bmUnit"] != UNIT]


def unreadable(rows: Rows) -> Rows:
    return [row | {"levelFrom": "many"} for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "is_of_an_older_version"),
    [(without_a_unit, False), (unreadable, False), (only_the_first_unit, False), (only_the_first_unit, True)],
    ids=["a unit is lost", "unreadable", "by its checks", "by its checks, and what is stored is said to be of it"],
)
def test_an_answer_that_was_archived_and_not_marked_displaces_nothing(
    project: Project, caplog: pytest.LogCaptureFixture, change: Callable[[Rows], Rows], is_of_an_older_version: bool
) -> None:
    ingest_at(project, "2025-03-30T07:00:00+00:00")
    units, held = project.sql(UNITS, day=DAY), project.archive.newest_of("pn", DAY)
    spoil(project.elexon, PN, change)
    with it_ends_at("refuse"):
        ingest_at(project, "2025-03-31T07:00:00+00:00", force=True)
    newest = project.archive.newest_of("pn", DAY)
    assert newest is not None
    assert newest != held
    if is_of_an_older_version:
        project.sql_write("UPDATE minerecon.later_answers SET archive_uri = :uri WHERE dataset = 'pn'", uri=newest.uri)
    project.elexon.faults = lambda _: None
    project.elexon.world.revise[DAY] = 0.98
    caplog.clear()
    ingest_at(project, "2025-04-02T07:00:00+00:00", periods="1-48")
    assert project.sql(UNITS, day=DAY) == units
    assert project.sql(BIDS) == [(12, True)], "what is held follows the day"
    assert f"{DAY}: nothing new of " in caplog.text
    assert project.archive.newest_of("pn", DAY) == held
    caplog.clear()
    ingest_at(project, "2025-04-03T07:00:00+00:00", from_archive=True)
    assert "nothing new of" not in caplog.text
    assert project.sql(UNITS, day=DAY) == units


@pytest.mark.slow
def test_a_refused_answer_that_was_written_since_is_built_from_though_the_archive_was_not_told(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ingest_at(project, "2025-03-30T07:00:00+00:00")
    spoil(project.elexon, PN, little_is_notified)
    ingest_at(project, "2025-03-31T07:00:00+00:00", force=True)
    waivers = tmp_path / "waivers.toml"
    waivers.write_text(WAIVER.replace(UNITS_ANSWERED.full_name, NET_SHARE_OF_MONTH_WITHIN_BOUNDS.full_name), "utf-8")
    monkeypatch.setenv("MINERECON_WAIVERS", str(waivers))
    with it_ends_at("accept"):
        ingest_at(project, "2025-04-01T07:00:00+00:00", force=True)
    taken = project.sql(UNITS, day=DAY)
    assert {mwh for _, mwh, _ in taken} == {Decimal(24)}
    refused = project.archive.newest_refused_of("pn", DAY)
    ingest_at(project, "2025-04-02T07:00:00+00:00", from_archive=True)
    assert project.sql(UNITS, day=DAY) == taken
    newest = project.archive.newest_of("pn", DAY)
    assert newest is not None
    assert refused is not None
    assert newest.uri == refused.uri


@pytest.mark.slow
def test_notifications_that_do_not_agree_with_the_days_records_are_not_shown_and_not_refused(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    owner = open_warehouse(project.engine.url.render_as_string(hide_password=False), as_owner=True)
    with owner.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION minerecon.add_one() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.so_bids_mwh := NEW.so_bids_mwh + 1; RETURN NEW; END $$;"
            " CREATE TRIGGER add_one BEFORE INSERT ON minerecon.unit_daily_potential FOR EACH ROW"
            " EXECUTE FUNCTION minerecon.add_one()"
        )
    ingest_at(project, "2025-03-30T07:00:00+00:00")
    assert project.sql(RED) == [(BIDS_AGREE.full_name,)]
    assert "the answer is kept and not shown, for the stored day says otherwise" in caplog.text
    assert "is refused" not in caplog.text
    assert project.sql(BIDS) == [(0, None)]
    assert project.archive.newest_of("pn", DAY) is not None
    with owner.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER add_one ON minerecon.unit_daily_potential")
    owner.dispose()
    ingest_at(project, "2025-03-31T07:00:00+00:00", from_archive=True)
    assert project.sql(RED) == []
    assert project.sql(BIDS) == [(12, True)]


WAIVER = f"""
[[waiver]]
check = "{UNITS_ANSWERED.full_name}"
first_day = {DAY}
last_day = {DAY}
reason = "only one unit was notified"
accepted_by = "A. Person"
expires = 2026-12-31
"""


@pytest.mark.slow
@pytest.mark.parametrize("ask", [True, False], ids=["asked for again", "from the archive"])
def test_a_refused_answer_that_a_person_lets_pass_is_taken_and_is_current(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ask: bool
) -> None:
    spoil(project.elexon, PN, only_the_first_unit)
    ingest_at(project, "2025-03-30T07:00:00+00:00")
    assert project.archive.newest_of("pn", DAY) is None
    ingest_at(project, "2025-03-30T08:00:00+00:00", from_archive=True)
    assert project.sql(UNITS, day=DAY) == []
    assert (UNITS_ANSWERED.full_name,) in project.sql(RED)
    waivers = tmp_path / "waivers.toml"
    waivers.write_text(WAIVER, encoding="utf-8")
    monkeypatch.setenv("MINERECON_WAIVERS", str(waivers))
    ingest_at(project, "2025-03-31T07:00:00+00:00", force=ask, from_archive=not ask)
    assert project.sql("SELECT count(potential_mwh) FROM minerecon.unit_daily_potential") == [(1,)]
    held = project.archive.newest_of("pn", DAY)
    assert held is not None
    assert held.refusal is not None
    assert not held.refusal.stands
    assert len(versions(project)) == 1
    waivers.unlink()
    monkeypatch.delenv("MINERECON_WAIVERS")
    ingest_at(project, "2025-04-01T07:00:00+00:00", force=True)
    assert (UNITS_ANSWERED.full_name,) in project.sql(RED)
    assert project.archive.newest_refused_of("pn", DAY) is None, "what is stored was made from the very same"


@pytest.mark.slow
def test_a_refused_look_at_meters_is_not_carried_on_and_takes_nothing_from_the_others(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    def of_run(run: str, quantity: float) -> Callable[[Rows], Rows]:
        return lambda rows: [row | {"settlementRunType": run, "quantity": quantity} for row in rows]

    ingest_at(project, MORNING)
    spoil(project.elexon, METERED, of_run("II", 1.0))
    ingest_at(project, "2025-04-05T07:00:00+00:00")
    spoil(project.elexon, METERED, only_the_first_unit)
    caplog.clear()
    ingest_at(project, "2025-04-27T07:00:00+00:00")
    assert re.search(rf"{DAY}: nothing new of .*\(B1610\).* is refused.*{UNITS_METERED.full_name}", caplog.text)
    spoil(project.elexon, METERED, of_run("R1", 3.0))
    ingest_at(project, "2025-08-03T07:00:00+00:00")
    held = project.archive.newest_of("b1610", DAY)
    assert held is not None
    assert list(map(str, held.answers)) == ["b1610/d8", "b1610/scan1"]
    project.sql_write("DELETE FROM minerecon.unit_daily_metered")
    caplog.clear()
    ingest_at(project, "2025-08-04T07:00:00+00:00", from_archive=True)
    assert project.sql(METERS, unit=UNIT) == [("II", Decimal(48), 48, 0), ("R1", Decimal(144), 48, 0)]
    assert "nothing new of" not in caplog.text


@pytest.mark.slow
def test_meters_that_were_asked_for_in_fewer_parts_than_before_are_those_of_the_newest_request_alone(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(most_units: int, quantity: float) -> Callable[[str], Fault | None]:
        def of(path: str) -> Fault | None:
            if not path.startswith(METERED):
                return None
            if path.count("bmUnit") > most_units:
                return Fault(414)
            rows = [row | {"settlementRunType": "II", "quantity": quantity} for row in rows_of(project.elexon, path)]
            return Fault(200, json.dumps(rows).encode())

        return of

    ingest_at(project, MORNING)
    monkeypatch.setattr(MeteredOutput, "most_units", 6)
    project.elexon.faults = fault(3, 1.0)
    ingest_at(project, "2025-04-05T07:00:00+00:00")
    monkeypatch.setattr(MeteredOutput, "most_units", 240)
    project.elexon.faults = fault(6, 2.0)
    ingest_at(project, "2025-04-06T07:00:00+00:00", force=True)
    held = project.archive.newest_of("b1610", DAY)
    assert held is not None
    assert [str(key) for key in held.answers] == [f"b1610/d8/{n}" for n in (1, 2, 3, 4)], "two of each request"
    for again in (False, True):
        if again:
            project.sql_write("DELETE FROM minerecon.unit_daily_metered")
            ingest_at(project, "2025-04-07T07:00:00+00:00", from_archive=True)
        found = project.sql("SELECT metered_mwh, periods, count(*) FROM minerecon.unit_daily_metered GROUP BY 1, 2")
        assert found == [(Decimal(96), 48, 12)], "of each unit what was said last, once"
        assert (PERIODS_METERED.full_name,) not in project.sql(RED)


def test_ranks_are_in_the_order_in_which_runs_come() -> None:
    assert [rank_of(run) for run in RUN_TYPES] == list(range(len(RUN_TYPES)))
    assert rank_of("XX") == 0


@pytest.mark.slow
def test_a_run_asks_for_so_many_days_of_meters_and_leaves_the_others_to_the_next(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELEXON_METERED_CALLS_PER_RUN", "2")
    project.now = "2025-05-01T07:00:00+00:00"
    days = [DAY, dt.date(2025, 3, 29), SHORT]
    assert project.run(days[0], days[-1]).success
    assert len(asked(project.elexon, METERED)) == 2
    assert len(asked(project.elexon, PN)) == 3
    with project.engine.connect() as connection:
        due = days_due_later(connection, first_day=DAY, today=dt.date(2025, 5, 2))
    assert due == {SHORT}
    assert B1610.most_requests_a_run() == 2


@pytest.mark.slow
def test_a_farms_month_is_of_the_days_that_have_it_on_both_sides_and_says_how_many(project: Project) -> None:
    next_day = DAY + dt.timedelta(days=1)
    project.now = "2025-03-31T07:00:00+00:00"
    project.elexon.faults = lambda path: Fault(400) if path.startswith(PN) and f"from={next_day}" in path else None
    assert project.run(DAY, next_day).success
    month = project.sql(
        "SELECT farm_name, potential_days, days_present, potential_coverage, potential_mwh,"
        " curtailed_share_of_potential, all_bids_net_share_of_potential"
        " FROM analytics.notified_potential_by_farm_month ORDER BY 1"
    )
    days = {
        row[0]: row[1:]
        for row in project.sql(
            "SELECT farm_name, potential_mwh, curtailed_share_of_potential, all_bids_net_share_of_potential"
            " FROM analytics.notified_potential_by_farm_day WHERE settlement_date = :day",
            day=DAY,
        )
    }
    assert len(month) == len(days) > 5
    for farm, potential_days, days_present, coverage, *figures in month:
        assert (potential_days, days_present, coverage) == (1, 2, 1)
        assert tuple(figures) == days[farm], "of the day that has it, and of no other"
        assert 0 < figures[2] <= 1
    assert project.sql(
        "SELECT count(potential_mwh), count(curtailed_share_of_potential), max(potential_coverage)"
        " FROM analytics.notified_potential_by_farm_day WHERE settlement_date = :day",
        day=next_day,
    ) == [(0, 0, 0)], "a day that was not answered is not known, and not 0"
    ((total, by_period),) = project.sql(
        "SELECT (SELECT sum(potential_mwh) FROM analytics.notified_potential_by_unit_month),"
        " (SELECT sum(potential_mwh) FROM analytics.curtailment_by_period)"
    )
    assert total == by_period == sum(row[4] for row in month)
