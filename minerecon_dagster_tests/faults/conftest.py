"""A filled warehouse, copied for each fault, and the table of faults at the end of the session."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from minerecon_dagster.checks.properties import PROPERTIES
from minerecon_dagster.core.checks import INVENTORY
from minerecon_dagster.difficulty.source import DifficultyTable
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.fake_elexon import fake_elexon
from minerecon_dagster_tests.project import (
    DAY,
    QUIET,
    Project,
    definitions,
    difficulty_table,
    not_done,
)

__all__ = ["difficulty_table"]

WINDLESS = dt.date(2025, 6, 15)
SHORT, LONG = dt.date(2025, 3, 30), dt.date(2025, 10, 26)
NEXT = DAY + dt.timedelta(days=1)
TWO_DAYS_LATER = dt.datetime(2025, 3, 30, 13, tzinfo=dt.UTC)
"""The day is due to be final, and the next one to be there."""


class World(Project):
    """A project whose first day is `DAY`, stored and right with its month and year, to put a fault into."""

    difficulty: DifficultyTable

    def job(self, name: str, day: dt.date | None = None, *, now: dt.datetime | None = None, **config: Any) -> bool:
        """Run a job of the project; whether it succeeded. ``config`` is of its only op."""
        self.ran = definitions(now.isoformat() if now else None)
        ops = {
            "ingest": "settlement_day",
            "recalculate": "settlement_day",
            "verify": "verify_days",
            "accept_register": "accept_answer",
        }
        tags = (
            {} if day is None else {ASSET_PARTITION_RANGE_START_TAG: f"{day}", ASSET_PARTITION_RANGE_END_TAG: f"{day}"}
        )
        result = self.ran.resolve_job_def(name).execute_in_process(
            instance=self.instance,
            run_config=({"ops": {ops[name]: {"config": config}}} if config else {}) | QUIET,
            tags=tags,
            raise_on_error=False,
        )
        # An evaluation that an op logs is among the instance's events, and not among the result's.
        records = self.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        found = [record.dagster_event.asset_check_evaluation_data for record in records if record.dagster_event]
        self.evaluations = {e.check_name: e for e in found}
        self.said = "" if result.success else not_done(result)
        return bool(result.success)

    def verify(self, day: dt.date = DAY, **config: Any) -> set[str]:
        """Look at a day; the properties that are red then, by name."""
        self.job("verify", day, **config)
        return self.red(day)

    def sums(self) -> set[str]:
        """Look at all months and years; what was red of them then, before the sweep mended it."""
        before = self.sql("SELECT coalesce(max(result_id), 0) FROM minerecon.reconciliation_results")[0][0]
        # Sums have an hour to follow their days.
        self.job("rollup_sweep", now=dt.datetime.now(dt.UTC) + dt.timedelta(hours=2))
        rows = self.sql(
            "SELECT DISTINCT check_family || '.' || check_name FROM minerecon.reconciliation_results"
            " WHERE scope IN ('month', 'year') AND NOT passed AND result_id > :before",
            before=before,
        )
        return {name for (name,) in rows}

    def inventory(self, now: dt.datetime = TWO_DAYS_LATER) -> set[str]:
        """Look at all days of the calendar until ``now``; what is red of freshness and the inventory."""
        self.job("standing_inventory", now=now)
        shown = {p.full_name.partition(".")[0] for p in PROPERTIES if p.evaluated == INVENTORY}
        return {name for name in self.red(scope="all") if name.partition(".")[0] in shown}

    def red(self, day: dt.date | None = None, scope: str = "day") -> set[str]:
        rows = self.sql(
            "SELECT check_family || '.' || check_name FROM minerecon.reconciliation_latest"
            " WHERE scope = :scope AND NOT passed AND (:day IS NULL OR settlement_date = CAST(:day AS date))",
            scope=scope,
            day=None if day is None else str(day),
        )
        return {name for (name,) in rows}

    def put(self, *statements: str, day: dt.date = DAY) -> None:
        """Change the warehouse as somebody with the owner's rights and a psql might."""
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement.replace(":day", f"'{day}'"))

    def forget(self, day: dt.date) -> None:
        """Take a day out of archive and warehouse, so that it is fetched as if it never had been."""
        shutil.rmtree(self.archive._store.root)
        self.put("DELETE FROM minerecon.daily_summaries WHERE summary_date = :day", day=day)
        for table in ("curtailment_records", "historical_bitcoin_calculations", "ingestion_progress"):
            self.put(f"DELETE FROM minerecon.{table} WHERE settlement_date = :day", day=day)

    def dynamodb(self, day: dt.date, value: str | None) -> None:
        """Put another difficulty into the table, or take the day's out."""
        if value is not None:
            self.difficulty.load({day: Decimal(value)})
            return
        region = os.environ["AWS_REGION"]
        items = boto3.session.Session().resource("dynamodb", region_name=region).Table(self.difficulty.name)
        items.delete_item(Key={"Date": str(day)})


@pytest.fixture(scope="module")
def template(
    migrated: str, embedded_environ: dict[str, str], difficulty_table: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The days, stored once by the project's own jobs."""
    with (
        pytest.MonkeyPatch.context() as patch,
        fake_elexon(DAY, NEXT, SHORT, LONG, WINDLESS) as elexon,
        databases.database(embedded_environ["DATABASE_URL"], migrated) as url,
    ):
        engine = open_warehouse(url, as_owner=True)
        archive_url = str(tmp_path_factory.mktemp("faults") / "archive")
        for variable, value in (embedded_environ | _environ(url, elexon.base_url, archive_url)).items():
            patch.setenv(variable, value)
        patch.delenv("MINERECON_WAIVERS", raising=False)
        world = World(engine, elexon, archive_url)
        world.difficulty = DifficultyTable(difficulty_table, region=embedded_environ["AWS_REGION"])
        for day in (DAY, NEXT, WINDLESS):
            assert world.job("ingest", day), world.said
        world.sums()
        engine.dispose()
        databases.close(url)
        yield world
        world.instance.dispose()


def _environ(database_url: str, elexon_url: str, archive_url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "ELEXON_BASE_URL": elexon_url,
        "ELEXON_MAX_REQUESTS_PER_MINUTE": "0",
        "MINERECON_ARCHIVE_URL": archive_url,
        "MINERECON_HOME": str(Path(archive_url).parent),
        "MINERECON_START_DATE": str(DAY),
    }


@pytest.fixture
def world(
    template: World, embedded_environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A copy of the template's warehouse and archive, to break."""
    with databases.database(embedded_environ["DATABASE_URL"], str(template.engine.url.database)) as url:
        archive_url = str(tmp_path / "archive")
        shutil.copytree(template.archive._store.root, archive_url)
        for variable, value in _environ(url, template.elexon.base_url, archive_url).items():
            monkeypatch.setenv(variable, value)
        made = World(open_warehouse(url, as_owner=True), template.elexon, archive_url)
        made.difficulty = template.difficulty
        before = made.difficulty.values([DAY])
        with contextlib.ExitStack() as stack:
            stack.callback(made.instance.dispose)
            stack.callback(made.engine.dispose)
            stack.callback(made.difficulty.load, before)
            stack.callback(_heal, made)
            yield made


def _heal(world: World) -> None:
    world.elexon.faults = lambda _: None
    world.elexon.world.hide.clear()
    world.elexon.world.hide_controls = False
    world.elexon.world.revise.clear()
    world.elexon.world.unregistered = set()
    world.elexon.world.register_as = {}
    world.elexon.world.respelt = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the test last that asks whether every check was turned red: after the faults of all modules."""
    items.sort(key=lambda item: item.name.startswith("test_every_mode_has_a_fault"))
