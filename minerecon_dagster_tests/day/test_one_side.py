"""Days whose offers are not asked for any more: what is held of them counts as long as it is of the bids' run."""

from __future__ import annotations

import json

import pytest

from minerecon_dagster_tests.day.test_one_day import fake_clock
from minerecon_dagster_tests.fake_elexon import Fault, stack_path
from minerecon_dagster_tests.project import DAY, Project

FIRST_MORNING, MORNING, LATER = "2025-03-29T07:00:00+00:00", "2025-03-30T07:00:00+00:00", "2025-04-02T07:00:00+00:00"
FIGURES = "SELECT state, turn_up_mwh, turn_up_estimate_gbp FROM minerecon.daily_summaries"
OFFERS = "SELECT count(offers_mwh), sum(offers_mwh) FROM minerecon.unit_period_potential"
SIDES = "SELECT stack_side FROM minerecon.ingestion_progress"
LOOKED = "SELECT evaluated_at::date::text FROM minerecon.reconciliation_latest WHERE check_name = 'source_unchanged'"
SAID = (
    "SELECT passed, expected FROM minerecon.reconciliation_results WHERE settlement_date = :day"
    " AND check_name = 'turn_up_matches_archive' ORDER BY evaluated_at DESC LIMIT 1"
)


def fetch(project: Project, at: str) -> None:
    project.now = at
    project.elexon.requests.clear()
    with fake_clock(project):
        project.ingest(force=True)


@pytest.mark.slow
def test_a_final_day_that_is_fetched_again_without_its_offers_keeps_its_turn_up_and_net_shares(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(project, MORNING)
    before, offers = project.content(), project.sql(OFFERS)
    assert project.sql(FIGURES)[0][1] > 0
    assert offers[0][0] > 0
    monkeypatch.setenv("ELEXON_STACK_SIDES", "bid")
    fetch(project, LATER)
    assert not [path for path in project.elexon.requests if "stack/all/offer" in path]
    after = project.content()
    assert after.pop("ingestion_progress") != [], "the bids were looked at again"
    assert after == {table: rows for table, rows in before.items() if table != "ingestion_progress"}
    assert project.sql("SELECT DISTINCT stack_side FROM minerecon.ingestion_progress ORDER BY 1") == [
        ("bid",),
        ("offer",),
    ]
    assert project.sql(OFFERS) == offers
    assert project.status() == "complete"
    looked = (
        "SELECT evaluated_at::date::text FROM minerecon.reconciliation_latest WHERE check_name = 'source_unchanged'"
    )
    assert project.sql(looked) == [("2025-04-02",)], "all that is asked for came"


@pytest.mark.slow
def test_offers_of_before_a_change_of_the_bids_are_not_mixed_with_them_and_the_day_says_so(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(project, MORNING)
    path = stack_path("bid", DAY, 17)
    rows = project.elexon.world.stack(DAY, "bid", 17)
    restated = json.dumps({"data": [{**row, "createdDateTime": "2025-04-01T08:00:00Z"} for row in rows]}).encode()
    project.elexon.faults = lambda asked: Fault(200, restated) if asked == path else None
    monkeypatch.setenv("ELEXON_STACK_SIDES", "bid")
    fetch(project, LATER)
    assert project.sql(FIGURES) == [("final", None, None)]
    ((passed, expected),) = project.sql(SAID, day=DAY)
    assert passed
    assert expected == (
        "no turn-up of the day: offers are not fetched, and those that are held are not used: "
        "in periods 17 they were last seen before the bids changed"
    )
    monkeypatch.setenv("ELEXON_STACK_SIDES", "bid,offer")
    fetch(project, LATER)
    assert project.sql(FIGURES)[0][1] > 0, "with both sides of one run it is there again"


@pytest.mark.slow
def test_offers_of_elexons_first_run_make_no_figure_of_a_final_day(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(project, FIRST_MORNING)
    assert project.sql(FIGURES)[0][0] == "provisional"
    monkeypatch.setenv("ELEXON_STACK_SIDES", "bid")
    fetch(project, LATER)
    assert project.sql(FIGURES) == [("final", None, None)]
    ((_, expected),) = project.sql(SAID, day=DAY)
    assert expected.endswith("not used: they are not all there and of after Elexon's re-run")
