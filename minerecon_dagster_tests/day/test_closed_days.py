"""Days that a person has closed: what follows in the tables, the sums, the inventory, exports, reports and alerts."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import Connection, Engine, text

from minerecon_dagster import charts
from minerecon_dagster.alerts import news
from minerecon_dagster.alerts.failures import Look
from minerecon_dagster.alerts.failures import look as look_at
from minerecon_dagster.alerts.news import Teller
from minerecon_dagster.alerts.state import Check, State, Watermark
from minerecon_dagster.core import statuses
from minerecon_dagster.day import closing
from minerecon_dagster.day.closing import follow
from minerecon_dagster.decisions.unavailable import NOTHING_CLOSED, ClosedDays, Unavailable
from minerecon_dagster.exports.month import export_month, months_with_days
from minerecon_dagster.reports.data import read_facts
from minerecon_dagster.reports.page import month_page
from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster.standing.inventory import read_standings, take_inventory
from minerecon_dagster.storage import open_store
from minerecon_dagster.sums.rollups import TIME_TO_FOLLOW, compare, look_at_sums, roll_up_months, roll_up_years
from minerecon_dagster.warehouse.store import day_lock, sql
from minerecon_dagster.warehouse.sums import Grain
from minerecon_dagster_tests.conftest import FORTNIGHT

D = dt.date.fromisoformat
FIRST, LAST = FORTNIGHT
NOW = dt.datetime(2025, 4, 5, 13, tzinfo=dt.UTC)
LOST = Unavailable(first_day=D("2025-03-31"), last_day=LAST, reason="the run is lost", accepted_by="A. Person")
CLOSED = ClosedDays((LOST,))
"""The last three days, over the border of the month."""


def ask(engine: Engine, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]


def sums(engine: Engine) -> list[tuple[Any, ...]]:
    return ask(
        engine,
        "SELECT year_month, days_present, is_complete, curtailed_mwh FROM minerecon.monthly_summaries ORDER BY 1",
    )


def stale(connection: Connection, now: dt.datetime) -> list[str]:
    """The months, and then the years, whose sums are red."""
    return [
        key
        for grain in get_args(Grain)
        for key, (follow_days, *_) in look_at_sums(connection, grain, now).items()
        if not follow_days.passed
    ]


@pytest.fixture
def closed(filled: Engine) -> Iterator[Engine]:
    assert [day for day, _ in follow(filled, CLOSED, now=NOW).closed] == list(LOST.days())
    roll_up_months(filled, ["2025-03", "2025-04"], NOW)
    roll_up_years(filled, [2025], NOW)
    yield filled


def test_the_sums_are_stale_once_a_day_is_closed_and_are_made_without_it(filled: Engine) -> None:
    before = {key: mwh for key, _, _, mwh in sums(filled)}
    gone = ask(
        filled, "SELECT sum(curtailed_mwh) FROM minerecon.daily_summaries WHERE summary_date = :d", d=LOST.first_day
    )[0][0]
    follow(filled, CLOSED, now=NOW)
    with filled.connect() as connection:
        assert [x.problem for x in compare(connection, "month")] == [
            "of other days than are stored",
            "of other days than are stored",
        ]
        assert not any(x.waits_for for x in compare(connection, "month"))
        assert stale(connection, NOW) == [], "what was closed just now has its time"
        assert stale(connection, NOW + TIME_TO_FOLLOW) == ["2025-03", "2025-04", "2025"]
    made = roll_up_months(filled, ["2025-03", "2025-04"], NOW)
    assert [(m.key, m.days_present, m.days_expected, m.days_unavailable, m.is_complete) for m in made] == [
        ("2025-03", 11, 31, 1, False)
    ], "of April nothing is known: it has no sum, and none that is 0"
    (year,) = roll_up_years(filled, [2025], NOW)
    assert (year.days_present, year.days_unavailable, year.is_complete) == (11, 3, False)
    assert sums(filled) == [("2025-03", 11, False, before["2025-03"] - gone)]
    with filled.connect() as connection:
        for grain in ("month", "year"):
            found = look_at_sums(connection, grain, NOW + dt.timedelta(days=1))  # type: ignore[arg-type]
            assert all(r.passed for results in found.values() for r in results)


def test_months_of_closed_days_say_how_many_are_missing_and_why(closed: Engine) -> None:
    shown = ask(
        closed,
        "SELECT year_month, days_present, days_unavailable, is_complete, curtailed_mwh IS NULL, payment_gbp IS NULL"
        " FROM analytics.curtailment_by_month WHERE year_month <= '2025-04' ORDER BY 1",
    )
    assert shown == [("2025-03", 11, 1, False, False, False), ("2025-04", 0, 2, False, True, True)]


def test_a_closed_day_is_not_counted_as_missing_and_what_is_missing_beside_it_is(closed: Engine) -> None:
    with closed.connect() as connection:
        found = {f.result.checked.full_name: f.result for f in take_inventory(connection, FIRST, NOW)}
    late = found["freshness.days_become_final"]
    assert "12 are" not in late.actual
    assert late.violation_count == 1, "2025-04-03, which is not stored"
    assert "11 are, 3 are closed by a person" in late.actual
    assert "3 unavailable" in found["inventory.every_day_is_complete"].actual
    assert found["inventory.every_day_matches_its_rows"].passed
    assert found["inventory.every_model_ratio_holds"].passed


def test_yesterday_may_be_closed(filled: Engine) -> None:
    follow(filled, CLOSED, now=NOW)
    with filled.connect() as connection:
        (there, *_) = take_inventory(connection, FIRST, dt.datetime(2025, 4, 3, 9, tzinfo=dt.UTC))
    assert there.result.passed
    assert there.result.actual == "closed by a person"
    with filled.connect() as connection:
        (there, *_) = take_inventory(connection, FIRST, dt.datetime(2025, 4, 1, 9, tzinfo=dt.UTC))
    assert there.result.passed
    assert there.result.actual == "there, but 2025-03-31: closed by a person"


def test_a_decision_shows_at_once_where_the_tables_have_not_followed_yet(filled: Engine) -> None:
    with filled.connect() as connection:
        standings = {s.day: s for s in read_standings(connection, FIRST, LAST, CLOSED)}
        assert [standings[day].status for day in LOST.days()] == ["unavailable"] * 3
        assert standings[FIRST].status == "complete"
        assert all(s.status != "unavailable" for s in read_standings(connection, FIRST, LAST))
    follow(filled, CLOSED, now=NOW)
    with filled.connect() as connection:
        opened = {s.day: s for s in read_standings(connection, FIRST, LAST, NOTHING_CLOSED)}
        assert [opened[day].status for day in LOST.days()] == ["missing"] * 3


def test_a_decision_is_followed_once_and_a_new_reason_is_taken_over(filled: Engine) -> None:
    follow(filled, CLOSED, now=NOW)
    assert follow(filled, CLOSED, now=NOW) == closing.Followed()
    other = Unavailable(first_day=LAST, last_day=LAST, reason="another reason", accepted_by="B. Person")
    followed = follow(filled, ClosedDays((other,)), now=NOW)
    assert [day for day, _ in followed.closed] == [LAST]
    assert followed.opened == (D("2025-03-31"), D("2025-04-01"))
    assert ask(filled, "SELECT settlement_date, reason, accepted_by FROM minerecon.unavailable_days") == [
        (LAST, "another reason", "B. Person")
    ]


@pytest.mark.slow
def test_a_day_that_a_run_works_on_is_closed_later(
    filled: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(closing, "BUSY_AFTER_S", 1.0)
    with day_lock(filled, LAST), caplog.at_level(logging.WARNING, "minerecon_dagster"):
        assert [day for day, _ in follow(filled, CLOSED, now=NOW).closed] == [D("2025-03-31"), D("2025-04-01")]
    assert f"{LAST}: not closed yet" in caplog.text
    assert [day for day, _ in follow(filled, CLOSED, now=NOW).closed] == [LAST]


def test_a_result_that_is_recorded_of_a_closed_day_changes_nothing_of_what_it_is(closed: Engine) -> None:
    with closed.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name, passed,"
                " severity, looked_at, violation_count, violations, repair, evaluated_at)"
                " VALUES (:d, 'drift', 'source_unchanged', false, 'ERROR', 1, 1, '[]', 'x', now())"
            ),
            {"d": LAST},
        )
    shown = "SELECT status, error_count, not_passed FROM analytics.reconciliation_status WHERE settlement_date = :d"
    assert ask(closed, shown, d=LAST) == [("unavailable", 0, [])]
    with closed.connect() as connection:
        assert read_standings(connection, LAST, LAST)[0].problems == []
        found = look_at(connection, State(), [], NOW)
    assert not any(LAST.toordinal() in places for places in found.failing.values())
    assert found.closed[LAST.toordinal()] == str(LOST)


def test_what_failed_of_a_day_is_told_as_accepted_once_it_is_closed() -> None:
    check = Check("day", "completeness", "periods_fetched")
    state = State(failing={check: {LAST.toordinal(): "2025-04-03 06:00 UTC", 5: "2025-04-03 06:00 UTC"}})
    seen = Look({}, {}, {}, Watermark(0), closed={LAST.toordinal(): str(LOST)})
    told = [(m.kind, m.text) for m in news.of_checks(state, seen, Teller(NOW, "http://ui", is_synthetic=False))]
    assert [kind for kind, _ in told] == ["ACCEPTED", "CLEARED"]
    assert f"{LAST}: unavailable, closed by a person: the run is lost (accepted by A. Person)" in told[0][1]
    assert state.failing == {}


def test_an_export_follows_and_says_which_days_are_closed(closed: Engine, tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    with closed.connect() as connection:
        assert months_with_days(connection) == ["2025-03", "2025-04"]
    march = export_month(closed, store, "2025-03", NOW)
    assert march is not None
    assert march.manifest["state"]["statuses"]["unavailable"] == 1
    assert export_month(closed, store, "2025-04", NOW) is None, "nothing was ever exported of it"


@pytest.mark.slow
def test_the_files_of_a_month_that_was_exported_follow_when_all_of_it_is_closed(filled: Engine, tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    before = export_month(filled, store, "2025-04", NOW)
    of_april = Unavailable(first_day=D("2025-04-01"), last_day=D("2025-04-30"), reason="r", accepted_by="p")
    follow(filled, ClosedDays((of_april,)), now=NOW)
    after = export_month(filled, store, "2025-04", dt.datetime(2025, 5, 5, tzinfo=dt.UTC))
    assert before is not None
    assert after is not None
    assert after.manifest_written
    state = after.manifest["state"]
    assert (state["days_present"], state["statuses"]) == (0, {"unavailable": 30})
    assert (state["is_complete"], state["is_provisional"]) == (False, False), "not whole, and it will not change"


@pytest.mark.slow
def test_a_report_names_the_closed_days_and_shows_nothing_as_0(closed: Engine) -> None:
    with closed.connect() as connection:
        march = read_facts(connection, FIRST, D("2025-03-31"))
        april = read_facts(connection, D("2025-04-01"), LAST)
    page = month_page(march, version="1")
    assert "1 unavailable" in page
    assert "Unavailable, closed by a person: 2025-03-31: the run is lost (accepted by A. Person)." in page
    assert "Final, and without days that a person has closed." in page
    assert april.stored == []
    page = month_page(april, version="1")
    assert "Unavailable: a person has closed it." in page
    assert "2025-04-01 to 2025-04-02: the run is lost" in page
    assert "minerecon reingest" not in page, "nobody is asked to fetch them"


def test_there_is_one_list_of_words_and_whatever_shows_a_status_knows_them_all() -> None:
    words = set(statuses.STATUSES)
    assert set(charts.STATES) == words
    for name in ("objects/20_views", "objects/25_view_comments"):
        assert all(word in sql(name) for word in words - {"complete"}), name
    for page in ("operate/status.md", "analyse/exports.md", "analyse/analysts.md"):
        written = (PROJECT_ROOT / "docs" / page).read_text("utf-8")
        assert {word for word in words if f"{word}" in written} == words, page
    for query in ("01_yesterday_month_year", "12_missing_and_repair"):
        assert "unavailable" in (PROJECT_ROOT / "queries" / f"{query}.sql").read_text("utf-8")
