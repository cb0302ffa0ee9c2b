"""The whole project over real services: a fresh warehouse, a folder archive, a fake Elexon, Dagster's own runs."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from sqlalchemy import Engine, text

from minerecon_dagster.core.difficulty import read_retargets, values_by_day
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.difficulty.source import DifficultyTable
from minerecon_dagster.elexon.archive import Archive
from minerecon_dagster.sample import SAMPLE_DIFFICULTY_CSV
from minerecon_dagster.settings import start_date
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.fake_elexon import FakeElexon, fake_elexon
from minerecon_dagster_tests.stopped_clock import StoppedClock

DAY = dt.date(2025, 3, 28)
TABLES = (
    "curtailment_records",
    "bitcoin_difficulty",
    "historical_bitcoin_calculations",
    "daily_summaries",
    "bitcoin_daily_summaries",
    "turn_up_by_period",
    "turn_up_by_fuel_day",
    "ingestion_progress",
)
OUR_TIMES = {"built_at", "fetched_at", "archive_uri", "built_from"}
"""Timestamps of our own, the object's name, which holds one, and what is hashed from that: never equal between two
fetches, or in two folders."""


QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Run configuration: no line for each event, which nobody reads."""


def definitions(now: str | None) -> dg.Definitions:
    """The project with its clock stopped at ``now``, built once for all tests that ask for the same."""
    return _definitions(now, start_date())


@lru_cache(maxsize=64)
def _definitions(now: str | None, start: dt.date) -> dg.Definitions:
    """``start`` is all that is read of the environment."""
    return build_defs({"clock": StoppedClock(stopped_at=now)})


class Project:
    """Everything that a test drives: runs of the job, the warehouse, the archive."""

    def __init__(self, engine: Engine, elexon: FakeElexon, archive_url: str) -> None:
        self.engine = engine
        self.elexon = elexon
        self.archive = Archive.from_url(archive_url)
        self.instance = dg.DagsterInstance.ephemeral()
        self.now: str | None = None

    def run(
        self, first: dt.date, last: dt.date | None = None, *, selection: list[dg.AssetKey] | None = None, **config: Any
    ) -> dg.ExecuteInProcessResult:
        job = definitions(self.now).resolve_job_def("ingest")
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=selection,
            run_config={"ops": {"settlement_day": {"config": config}}} | QUIET,
            tags={
                ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
                ASSET_PARTITION_RANGE_END_TAG: (last or first).isoformat(),
            },
            raise_on_error=False,
        )

    def ingest(self, day: dt.date = DAY, **config: Any) -> None:
        result = self.run(day, **config)
        assert result.success, not_done(result)

    def sql(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), parameters)]

    def sql_write(self, statement: str, **parameters: Any) -> None:
        """Change the tables as other hands might."""
        with self.engine.begin() as connection:
            connection.execute(text(statement), parameters)

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of the day tables, without our own times: what "the same" means."""
        found = {}
        for table in TABLES:
            columns = self.sql(
                "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:t AS regclass) AND attnum > 0 ORDER BY attnum",
                t=f"minerecon.{table}",
            )
            names = ", ".join(name for (name,) in columns if name not in OUR_TIMES)
            found[table] = sorted(self.sql(f"SELECT {names} FROM minerecon.{table}"), key=repr)
        return found

    def status(self, day: dt.date = DAY) -> str | None:
        found = self.sql("SELECT status FROM analytics.reconciliation_status WHERE settlement_date = :d", d=day)
        return found[0][0] if found else None

    def archive_objects(self, day: dt.date = DAY) -> list[str]:
        return self.archive.versions(day)


def not_done(result: dg.ExecuteInProcessResult) -> str:
    """What the failed step said."""
    return " ".join(
        str(e.step_failure_data.error.to_string() if e.step_failure_data.error else "")
        + str(e.step_failure_data.user_failure_data)
        for e in result.get_step_failure_events()
    )


@pytest.fixture(scope="session")
def difficulty_table(embedded_environ: dict[str, str]) -> str:
    """The embedded difficulty table, loaded with the real difficulties of the sample's year."""
    name = embedded_environ["DYNAMODB_DIFFICULTY_TABLE"]
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in embedded_environ.items():
            patch.setenv(variable, value)
        table = DifficultyTable(name, region=embedded_environ["AWS_REGION"])
        table.load(values_by_day(read_retargets(SAMPLE_DIFFICULTY_CSV)))
        table.load({dt.date(2024, 4, 20) - dt.timedelta(days=n): Decimal("86388558925171.02") for n in (0, 1)})
    return name


SERVED = tuple(
    dt.date.fromisoformat(day)
    for day in ("2025-03-28", "2025-03-29", "2025-03-30", "2025-10-26", "2025-06-15", "2024-04-20")
)


@pytest.fixture
def elexon() -> Iterator[FakeElexon]:
    with fake_elexon(*SERVED) as server:
        yield server


@pytest.fixture
def project(
    warehouse: Engine,
    elexon: FakeElexon,
    embedded_environ: dict[str, str],
    difficulty_table: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Project]:
    made = _project(monkeypatch, embedded_environ, warehouse, elexon, tmp_path)
    yield made
    made.instance.dispose()


def _project(
    patch: pytest.MonkeyPatch, embedded: dict[str, str], warehouse: Engine, elexon: FakeElexon, home: Path
) -> Project:
    archive_url = str(home / "archive")
    values = embedded | {
        "DATABASE_URL": warehouse.url.render_as_string(hide_password=False),
        "ELEXON_BASE_URL": elexon.base_url,
        "ELEXON_MAX_REQUESTS_PER_MINUTE": "0",
        "MINERECON_ARCHIVE_URL": archive_url,
        "MINERECON_HOME": str(home),
    }
    for variable, value in values.items():
        patch.setenv(variable, value)
    return Project(warehouse, elexon, archive_url)


@contextlib.contextmanager
def days_kept(
    embedded: dict[str, str],
    migrated: str,
    home: Path,
    days: Sequence[dt.date] = (DAY,),
    begin: Callable[[Project, pytest.MonkeyPatch], object] = lambda project, patch: None,
) -> Iterator[tuple[str, Path]]:
    """A template and an archive with days as the job `ingest` stores them, once for many tests.

    Args:
        embedded: the embedded services.
        migrated: the template of an empty warehouse.
        home: where the archive stays.
        days: those of `SERVED` that are stored.
        begin: what is done before they are.
    """
    with databases.database(embedded["DATABASE_URL"], migrated) as url:
        # What is in the environment here is gone before any test begins.
        with pytest.MonkeyPatch.context() as patch, fake_elexon(*SERVED) as elexon:
            patch.delenv("MINERECON_WAIVERS", raising=False)
            made = _project(patch, embedded, open_warehouse(url), elexon, home)
            begin(made, patch)
            for day in days:
                made.ingest(day)
            made.instance.dispose()
            made.engine.dispose()
        databases.close(url)
        yield url.rpartition("/")[2], home / "archive"


@pytest.fixture(scope="session")
def one_day(
    migrated: str,
    embedded_environ: dict[str, str],
    difficulty_table: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Path]]:
    """The template and the archive of `day_stored`."""
    with days_kept(embedded_environ, migrated, tmp_path_factory.mktemp("one day")) as kept:
        yield kept


@pytest.fixture
def day_stored(
    one_day: tuple[str, Path], project: Project, embedded_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Give `project` another warehouse and archive, with `DAY` as its job `ingest` has just stored it.

    Dagster's instance knows nothing of that run, and this test's Elexon has been asked nothing.
    """
    with days_stored(one_day, project, embedded_environ, monkeypatch):
        yield


@contextlib.contextmanager
def days_stored(
    kept: tuple[str, Path], project: Project, embedded: dict[str, str], patch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Give a project another warehouse and archive: those of `days_kept`."""
    template, archive = kept
    shutil.copytree(archive, project.archive._store.root)
    with databases.database(embedded["DATABASE_URL"], template) as url:
        patch.setenv("DATABASE_URL", url)
        project.engine = open_warehouse(url)
        yield
        project.engine.dispose()


@pytest.fixture(scope="session")
def new_dagster_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an instance of Dagster without a run: making their tables takes longer than most tests."""
    home = tmp_path_factory.mktemp("a new DAGSTER_HOME")
    with dg.instance_for_test(temp_dir=str(home)) as instance:
        assert not instance.get_runs()
        assert not instance.all_instigator_state()
    return home


@pytest.fixture(scope="session")
def dagster_tables(embedded_environ: dict[str, str]) -> Iterator[str]:
    """The template of `new_dagster_database`."""

    def fill(url: str) -> None:
        storage = {"postgres": {"postgres_url": url}}
        with dg.instance_for_test(overrides={"storage": storage}) as instance:
            assert not instance.get_runs()
            assert not instance.all_instigator_state()

    with databases.template(embedded_environ["DATABASE_URL"], fill) as name:
        yield name


@pytest.fixture
def new_dagster_database(dagster_tables: str, embedded_environ: dict[str, str]) -> Iterator[str]:
    """The URL of a database with Dagster's tables, and nothing in them."""
    with databases.database(embedded_environ["DATABASE_URL"], dagster_tables) as url:
        yield url


@pytest.fixture
def kept_instance(new_dagster_home: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A new instance of Dagster on files, which can be opened again, as schedules do."""
    home = shutil.copytree(new_dagster_home, tmp_path / "DAGSTER_HOME")
    with dg.instance_for_test(temp_dir=str(home)) as instance:
        yield instance
