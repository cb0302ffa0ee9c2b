"""What final days may lose by several answers that each take little, and as many days together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from minerecon_dagster.core.restatement import ITS_CHECKS, MOST_DAYS
from minerecon_dagster_tests.fake_elexon import FakeElexon, fake_elexon
from minerecon_dagster_tests.project import DAY, Project, not_done
from minerecon_dagster_tests.verify.test_verify import Looks

DAYS = [DAY + dt.timedelta(days=n) for n in range(MOST_DAYS + 3)]


@pytest.fixture
def elexon() -> Iterator[FakeElexon]:
    with fake_elexon(*DAYS) as server:
        yield server


def energies(project: Project) -> list[float]:
    rows = project.sql("SELECT all_bids_mwh FROM minerecon.daily_summaries ORDER BY summary_date")
    return [float(mwh) for (mwh,) in rows]


@pytest.mark.slow
def test_a_final_day_loses_no_more_by_several_answers_than_by_one(project: Project) -> None:
    project.ingest()
    (at_first,) = energies(project)
    project.elexon.world.revise[DAY] = 0.93
    project.ingest(force=True)
    assert energies(project) == [pytest.approx(0.93 * at_first)]
    project.elexon.world.revise[DAY] = 0.87
    done = project.run(DAY, force=True)
    assert "13.0 % of all_bids_mwh" in not_done(done)
    assert "by all answers since it was final" in not_done(done)
    assert energies(project) == [pytest.approx(0.93 * at_first)]
    assert project.status() == "failing"
    project.ingest(accept_restatement=True, requested_by="a person")
    # What a person has taken is what the next answers are held against.
    project.elexon.world.revise[DAY] = 0.80
    project.ingest(force=True)
    assert energies(project) == [pytest.approx(0.80 * at_first)]


@pytest.mark.slow
def test_when_the_answer_of_then_is_no_more_its_energy_on_record_is_what_a_day_may_lose_of(project: Project) -> None:
    project.ingest()
    (at_first,) = energies(project)
    (first,) = project.archive_objects()
    project.elexon.world.revise[DAY] = 0.93
    project.ingest(force=True)
    project.archive._store.delete(first)
    project.elexon.world.revise[DAY] = 0.87
    assert "13.0 % of all_bids_mwh" in not_done(project.run(DAY, force=True))
    assert energies(project) == [pytest.approx(0.93 * at_first)]


@pytest.mark.slow
def test_many_final_days_that_each_lose_little_are_believed_to_a_number_only(project: Project) -> None:
    """One backfill, and then a day by itself: a run that begins anew has no more days to spend."""
    first, *_, last = DAYS
    assert project.run(first, last).success
    before = energies(project)
    project.elexon.world.revise |= dict.fromkeys(DAYS, 0.96)
    project.elexon.world.revise[last] = 0.995  # what is near nothing is no loss
    done = project.run(first, last, force=True)
    assert not done.success
    taken = [*[0.96] * MOST_DAYS, 1.0, 1.0, 0.995]
    assert energies(project) == [pytest.approx(share * was) for share, was in zip(taken, before, strict=True)]
    assert f"as {MOST_DAYS} other final days have lost within a day's time" in not_done(done)
    refused = DAYS[MOST_DAYS]
    assert f"minerecon reingest {refused}" in not_done(done)
    assert project.status(refused) == "failing"
    assert not project.run(refused, force=True).success
    # A day that gains is none of them, and what a person takes is not counted.
    project.elexon.world.revise[refused] = 1.1
    project.ingest(refused, force=True)
    project.elexon.world.revise[refused] = 0.96
    project.ingest(refused, accept_restatement=True, requested_by="a person")
    project.sql_write("UPDATE minerecon.restatements SET detected_at = detected_at - interval '25 hours'")
    another = DAYS[MOST_DAYS + 1]
    project.ingest(another, force=True)
    assert energies(project)[MOST_DAYS + 1] == pytest.approx(0.96 * before[MOST_DAYS + 1])
    # What was refused of it is what it is built from now, by whoever builds it.
    taken = project.archive.newest(another)
    assert taken is not None
    assert taken.refusal is not None
    assert (taken.refusal.accepted_by, project.archive.newest_refused(another)) == (ITS_CHECKS, None)
    assert Looks(project).right(another)["outcome"] == "right"
    project.ingest(another, from_archive=True)
    assert energies(project)[MOST_DAYS + 1] == pytest.approx(0.96 * before[MOST_DAYS + 1])
    assert project.status(another) == "complete"


@pytest.mark.slow
def test_many_final_days_that_lose_little_by_each_of_several_answers_are_believed_to_a_number_only(
    project: Project,
) -> None:
    first, *_, last = DAYS
    assert project.run(first, last).success
    before = energies(project)
    project.elexon.world.revise |= dict.fromkeys(DAYS, 0.992)
    assert project.run(first, last, force=True).success
    project.elexon.world.revise |= dict.fromkeys(DAYS, 0.984)
    done = project.run(first, last, force=True)
    assert "1.6 % of all_bids_mwh" in not_done(done)
    assert f"as {MOST_DAYS} other final days have lost within a day's time" in not_done(done)
    taken = [*[0.984] * MOST_DAYS, *[0.992] * (len(DAYS) - MOST_DAYS)]
    assert energies(project) == [pytest.approx(share * was) for share, was in zip(taken, before, strict=True)]
    # What a day lost and has again is no loss.
    project.elexon.world.revise[first] = 1.0
    project.ingest(first, force=True)
    project.ingest(DAYS[MOST_DAYS], force=True)
    assert energies(project)[MOST_DAYS] == pytest.approx(0.984 * before[MOST_DAYS])
