"""The whole project over real services: a fresh warehouse, a folder archive, a fake Elexon, Dagster's own runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from sqlalchemy import Engine, text

from minerecon_dagster.core.difficulty import read_retargets, values_by_day
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.resources.archive import Archive
from minerecon_dagster.resources.dagster_resources import ClockResource
from minerecon_dagster.resources.difficulty import DifficultyTable
from minerecon_dagster.sample import SAMPLE_DIFFICULTY_CSV
from minerecon_dagster_tests.fake_elexon import FakeElexon, fake_elexon

DAY = dt.date(2025, 3, 28)
TABLES = (
    "curtailment_records",
    "bitcoin_difficulty",
    "historical_bitcoin_calculations",
    "daily_summaries",
    "bitcoin_daily_summaries",
    "ingestion_progress",
)
OUR_TIMES = {"built_at", "fetched_at", "archive_uri"}
"""Timestamps of our own, and the object's name, which holds one: never equal between two fetches."""


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
        defs = build_defs({"clock": ClockResource(stopped_at=self.now)})
        job = defs.resolve_job_def("ingest")
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=selection,
            run_config={"ops": {"settlement_day": {"config": config}}},
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


@pytest.fixture
def elexon() -> Iterator[FakeElexon]:
    with fake_elexon(
        DAY,
        dt.date(2025, 3, 29),
        dt.date(2025, 3, 30),
        dt.date(2025, 10, 26),
        dt.date(2025, 6, 15),
        dt.date(2024, 4, 20),
    ) as server:
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
    archive_url = str(tmp_path / "archive")
    values = embedded_environ | {
        "DATABASE_URL": warehouse.url.render_as_string(hide_password=False),
        "ELEXON_BASE_URL": elexon.base_url,
        "ELEXON_MAX_REQUESTS_PER_MINUTE": "0",
        "MINERECON_ARCHIVE_URL": archive_url,
        "MINERECON_HOME": str(tmp_path),
    }
    for variable, value in values.items():
        monkeypatch.setenv(variable, value)
    made = Project(warehouse, elexon, archive_url)
    yield made
    made.instance.dispose()
