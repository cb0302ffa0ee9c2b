"""Days that are built at once, from the archive: in their order, each whole, and none once nobody waits for it."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.checks import evaluators
from minerecon_dagster.core.errors import DayBusyError, DayFailedError
from minerecon_dagster.day import build as building
from minerecon_dagster.day import worker as working
from minerecon_dagster.day.worker import DayReport, Worker
from minerecon_dagster.difficulty.source import DifficultyTable
from minerecon_dagster.elexon.archive import Archive
from minerecon_dagster.elexon.client import ElexonClient
from minerecon_dagster.http.rate_limit import RateLimiter
from minerecon_dagster.settings import Settings
from minerecon_dagster.warehouse.store import day_lock, open_warehouse
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.fake_elexon import fake_elexon

DAYS = [dt.date(2025, 3, 28) + dt.timedelta(days=n) for n in range(4)]
PATIENCE_S = 60


@contextlib.contextmanager
def worker_on(engine: Engine, archive: Path, embedded: dict[str, str], table: str) -> Iterator[Worker]:
    with fake_elexon(*DAYS) as elexon, pytest.MonkeyPatch.context() as patch:
        for variable, value in embedded.items():
            patch.setenv(variable, value)
        made = Worker(
            engine=engine,
            archive=Archive.from_url(str(archive)),
            difficulty=DifficultyTable(table, region=embedded["AWS_REGION"]),
            open_client=lambda: ElexonClient(elexon.base_url, RateLimiter(0)),
            source_url=elexon.base_url,
            sides=("bid", "offer"),
            waivers_file=Settings.from_environ().waivers_file,
            now=lambda: dt.datetime(2026, 1, 10, 12, tzinfo=dt.UTC),
            run_id="a run",
        )
        with closing(made):
            made.prepare(DAYS, from_archive=False)
            yield made


@pytest.fixture(scope="module")
def archived(
    migrated: str, embedded_environ: dict[str, str], difficulty_table: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """The template and the archive of four days."""
    archive = tmp_path_factory.mktemp("four days") / "archive"
    with databases.database(embedded_environ["DATABASE_URL"], migrated) as url:
        engine = open_warehouse(url)
        with worker_on(engine, archive, embedded_environ, difficulty_table) as made:
            assert all(isinstance(outcome, DayReport) for _, outcome in made.ingest(DAYS))
        engine.dispose()
        databases.close(url)
        yield url.rpartition("/")[2], archive


@pytest.fixture
def warehouse(archived: tuple[str, Path], embedded_environ: dict[str, str]) -> Iterator[Engine]:
    """Their warehouse, one for each test."""
    with databases.database(embedded_environ["DATABASE_URL"], archived[0]) as url:
        engine = open_warehouse(url)
        yield engine
        engine.dispose()


@pytest.fixture
def worker(
    archived: tuple[str, Path],
    warehouse: Engine,
    embedded_environ: dict[str, str],
    difficulty_table: str,
    tmp_path: Path,
) -> Iterator[Worker]:
    """Everything that the work on four archived days needs."""
    archive = shutil.copytree(archived[1], tmp_path / "archive")
    with worker_on(warehouse, archive, embedded_environ, difficulty_table) as made:
        yield made


def built(monkeypatch: pytest.MonkeyPatch, around: Any) -> None:
    """Let ``around(day, build)`` build each day."""
    replace_day = working.replace_day  # type: ignore[attr-defined]

    def replaced(engine: Engine, fetched: Any, *args: Any, **kwargs: Any) -> Any:
        return around(fetched.archived.day, lambda: replace_day(engine, fetched, *args, **kwargs))

    monkeypatch.setattr(working, "replace_day", replaced)


def test_a_day_is_built_while_the_one_before_is_and_told_after_it(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_is_built = threading.Event()

    def around(day: dt.date, build: Any) -> Any:
        if day == DAYS[0]:
            assert second_is_built.wait(PATIENCE_S), "the second day waits for the first"
        figures = build()
        if day == DAYS[1]:
            second_is_built.set()
        return figures

    built(monkeypatch, around)
    told = list(worker.ingest(DAYS, fetch=False))
    assert [day for day, _ in told] == DAYS
    assert [outcome.day for _, outcome in told if isinstance(outcome, DayReport)] == DAYS


@pytest.mark.slow
def test_a_day_that_fails_is_told_in_its_place_and_the_one_beside_it_is_built(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def around(day: dt.date, build: Any) -> Any:
        if day == DAYS[1]:
            raise DayFailedError(f"{day}: it cannot be built")
        return build()

    built(monkeypatch, around)
    told = list(worker.ingest(DAYS, fetch=False))
    assert [(day, type(outcome)) for day, outcome in told] == [
        (DAYS[0], DayReport),
        (DAYS[1], DayFailedError),
        (DAYS[2], DayReport),
        (DAYS[3], DayReport),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["wind_bids", "turn_up_of", "bids_by_unit"])
def test_what_goes_wrong_beside_the_tables_fails_its_day_in_its_own_words_and_leaves_all_as_it_was(
    worker: Worker, warehouse: Engine, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def goes_wrong(*_: Any) -> Any:
        raise DayFailedError(f"it has no {part}")

    def built_at() -> list[Any]:
        with warehouse.connect() as connection:
            return list(connection.execute(text("SELECT summary_date, built_at FROM minerecon.daily_summaries")))

    monkeypatch.setattr(evaluators if part == "bids_by_unit" else building, part, goes_wrong)
    before = built_at()
    told = [(day, str(outcome)) for day, outcome in worker.ingest(DAYS, fetch=False)]
    assert told == [(day, f"it has no {part}") for day in DAYS]
    assert built_at() == before
    for day in DAYS:
        with day_lock(warehouse, day, wait_s=1):
            pass


@pytest.mark.slow
def test_a_day_that_another_run_does_not_let_go_keeps_no_other_from_being_done(
    worker: Worker, warehouse: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "day_lock", partial(day_lock, wait_s=0.5))
    with day_lock(warehouse, DAYS[1]):
        told = [*worker.ingest(DAYS, fetch=False), *worker.recalculate(DAYS, working.MODEL_NAMES)]
    assert [day for day, _ in told] == [*DAYS, *DAYS]
    for day, outcome in told:
        assert isinstance(outcome, DayBusyError if day == DAYS[1] else DayReport), outcome


@pytest.mark.slow
def test_of_days_that_are_asked_for_each_is_built_after_the_one_before(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work: set[dt.date] = set()
    beside: list[set[dt.date]] = []

    def around(day: dt.date, build: Any) -> Any:
        at_work.add(day)
        figures = build()
        beside.append(set(at_work))
        at_work.remove(day)
        return figures

    built(monkeypatch, around)
    assert [day for day, _ in worker.ingest(DAYS)] == DAYS
    assert beside == [{day} for day in DAYS]


@pytest.mark.slow
def test_who_waits_no_more_leaves_the_day_in_hand_whole_and_no_lock(
    worker: Worker, warehouse: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[dt.date] = []
    third_has_begun, goes_on = threading.Event(), threading.Event()

    def around(day: dt.date, build: Any) -> Any:
        if day == DAYS[2]:
            third_has_begun.set()
            assert goes_on.wait(PATIENCE_S)
        figures = build()
        done.append(day)
        return figures

    built(monkeypatch, around)
    work = worker.ingest(DAYS, fetch=False)
    assert next(work)[0] == DAYS[0]
    assert third_has_begun.wait(PATIENCE_S)
    ending = threading.Thread(target=work.close)
    ending.start()
    goes_on.set()
    ending.join(PATIENCE_S)
    assert not ending.is_alive()
    assert sorted(done) == DAYS[:3]
    for day in DAYS:
        with day_lock(warehouse, day, wait_s=1):
            pass


@pytest.mark.slow
def test_who_waits_no_more_waits_for_no_lock_of_another_run_either(worker: Worker, warehouse: Engine) -> None:
    """Ctrl-C and SIGTERM were heeded once the other run was done, or a quarter of an hour later."""
    work = worker.ingest(DAYS, fetch=False)
    ending = threading.Thread(target=work.close)
    with warehouse.connect() as watcher, day_lock(warehouse, DAYS[1]):
        assert next(work)[0] == DAYS[0]
        while not watcher.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one():
            watcher.rollback()
        ending.start()
        ending.join(PATIENCE_S)
        assert not ending.is_alive()
    for day in DAYS:
        with day_lock(warehouse, day, wait_s=1):
            pass
