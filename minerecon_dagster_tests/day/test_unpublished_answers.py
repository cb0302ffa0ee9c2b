"""Answers that are archived and not published: what a day may lose is counted from what is published of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from minerecon_dagster.core.calendar import STACK_SIDES
from minerecon_dagster.core.errors import ArchiveError
from minerecon_dagster.elexon.archive import Archive
from minerecon_dagster_tests.day.test_silence import figures
from minerecon_dagster_tests.project import DAY, Project, not_done

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("day_stored")]


@contextlib.contextmanager
def no_mark() -> Iterator[None]:
    """A run ends where it would keep in the archive that an object was refused."""

    def refuse(*_: object, **__: object) -> None:
        raise ArchiveError("it ended here")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Archive, "refuse", refuse)
        yield


@contextlib.contextmanager
def no_difficulty() -> Iterator[None]:
    """The day's difficulty is not there: it is not built, and nobody looks at what it would lose."""
    tables = boto3.session.Session().resource("dynamodb", region_name=os.environ["AWS_REGION"])
    table, key = tables.Table(os.environ["DYNAMODB_DIFFICULTY_TABLE"]), {"Date": str(DAY)}
    item = table.get_item(Key=key)["Item"]
    table.delete_item(Key=key)
    try:
        yield
    finally:
        table.put_item(Item=item)


END = [pytest.param(no_mark, id="its mark is not kept"), pytest.param(no_difficulty, id="it is not looked at")]
Ending = Callable[[], contextlib.AbstractContextManager[None]]


def archived_only(project: Project, ending: Ending) -> None:
    """Fetch the day as Elexon has it now, in a run that ends before it refuses what came, or publishes it."""
    before, objects = figures(project), len(project.archive_objects())
    with ending():
        assert not project.run(DAY, force=True).success
    assert figures(project) == before
    assert len(project.archive_objects()) == objects + 1
    assert project.archive.newest_refused(DAY) is None


def refused(project: Project, said: str, **config: Any) -> None:
    before = figures(project)
    done = project.run(DAY, **config)
    assert not done.success
    assert said in not_done(done)
    assert figures(project) == before
    assert project.sql("SELECT count(*) FROM minerecon.restatements") == [(0,)]
    assert project.archive.newest_refused(DAY) is not None


@pytest.mark.parametrize("ending", END)
@pytest.mark.parametrize("again", [{"force": True}, {"periods": "17-40"}, {"from_archive": True}, {}], ids=str)
def test_half_of_a_final_day_is_refused_though_the_archive_holds_it_by_now(
    project: Project, ending: Ending, again: dict[str, Any]
) -> None:
    project.elexon.world.revise[DAY] = 0.5
    archived_only(project, ending)
    refused(project, "50.0 % of all_bids_mwh", **again)
    project.ingest(accept_restatement=True, requested_by="a person")
    assert project.sql("SELECT accepted_by FROM minerecon.restatements") == [("a person",)]


def test_half_of_a_final_day_is_refused_where_only_what_was_silent_is_asked_for_again(project: Project) -> None:
    project.elexon.world.revise[DAY] = 0.5
    project.elexon.world.hide_controls = True
    for side in STACK_SIDES:
        project.elexon.world.hide[DAY, side] = set(range(40, 49))
    archived_only(project, no_mark)
    project.elexon.requests.clear()
    refused(project, "% of all_bids_mwh")
    assert project.elexon.requests.total() == 2 * 9 + 4


def test_a_final_day_loses_no_more_by_answers_that_were_not_published_than_by_one(project: Project) -> None:
    project.elexon.world.revise[DAY] = 0.91
    archived_only(project, no_difficulty)
    project.elexon.world.revise[DAY] = 0.91 * 0.91
    refused(project, "17.2 % of all_bids_mwh", force=True)
    project.elexon.world.revise[DAY] = 0.95
    project.ingest(force=True)
    assert project.status() == "complete"


@pytest.mark.parametrize("factor", [1.0, 1.1], ids=["it is as stored", "there is more of it"])
def test_a_day_that_loses_nothing_of_what_is_stored_is_taken_whatever_was_archived_since(
    project: Project, factor: float
) -> None:
    before = figures(project)
    project.elexon.world.revise[DAY] = 1.3
    archived_only(project, no_difficulty)
    project.elexon.world.revise[DAY] = factor
    project.ingest(force=True)
    assert (figures(project) == before) == (factor == 1.0)
    assert project.status() == "complete"


@pytest.mark.parametrize("ending", END)
@pytest.mark.parametrize("again", [{"force": True}, {}], ids=str)
def test_an_archive_that_is_gone_does_not_let_silence_take_what_is_stored_at_the_second_time(
    project: Project, tmp_path: Any, ending: Ending, again: dict[str, Any]
) -> None:
    (tmp_path / "archive").rename(tmp_path / "elsewhere")
    for side in STACK_SIDES:
        project.elexon.world.hide[DAY, side] = {20}
    archived_only(project, ending)
    refused(project, "the rows of bid 20", **again)
