"""Old runs are deleted where newer ones stand in for them, and no partition is otherwise for it."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import text

from minerecon_dagster.defs.catalog import CHECKED_ASSET
from minerecon_dagster.defs.retention import Purged, purge_superseded_runs
from minerecon_dagster.jobs import PURGE_SUPERSEDED_RUNS
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster_tests.project import DAY, Project, definitions

ONE_DAY = dt.timedelta(days=1)
DAYS = dg.DailyPartitionsDefinition("2025-06-01", end_date="2025-06-10")
UNIT = dg.AssetKey("register")


class Outcome(dg.Config):
    fails: bool = False
    idle: bool = False


@dg.multi_asset(
    specs=[dg.AssetSpec("records", skippable=True), dg.AssetSpec("sums", skippable=True)],
    partitions_def=DAYS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def day(context: dg.AssetExecutionContext, config: Outcome) -> Iterator[dg.AssetMaterialization]:
    if config.fails:
        raise dg.Failure("no answer", allow_retries=False)
    for partition in () if config.idle else context.partition_keys:
        for key in sorted(context.selected_asset_keys):
            context.log_event(dg.AssetMaterialization(key, partition=partition))
    yield from ()


@dg.asset(key=UNIT)
def register() -> None: ...


class History:
    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance

    def run(self, *days: str, fails: bool = False, idle: bool = False, only: str | None = None) -> str:
        job = dg.Definitions([day], jobs=[dg.define_asset_job("ingest", [day])]).resolve_job_def("ingest")
        return job.execute_in_process(
            instance=self.instance,
            run_config={"ops": {"day": {"config": {"fails": fails, "idle": idle}}}},
            asset_selection=[dg.AssetKey(only)] if only else None,
            tags={"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]},
            raise_on_error=False,
        ).run_id

    def status(self) -> dict[str, dict[str, str]]:
        return {
            key: {
                partition: status.value
                for partition, status in (
                    self.instance.get_status_by_partition(dg.AssetKey(key), DAYS.get_partition_keys(), DAYS) or {}
                ).items()
                if status is not None
            }
            for key in ("records", "sums")
        }

    def purge(self, after: dt.timedelta = 31 * ONE_DAY, **config: int) -> set[str]:
        """Run the project's own job when ``after`` has passed; the runs that went."""
        before = self.runs()
        later = dt.datetime.now(dt.UTC) + after
        defs = definitions(later.isoformat())
        result = defs.resolve_job_def(PURGE_SUPERSEDED_RUNS).execute_in_process(
            instance=self.instance, run_config={"ops": {"delete_superseded_runs": {"config": config}}}
        )
        assert result.success
        return before - self.runs()

    def runs(self) -> set[str]:
        return {run.run_id for run in self.instance.get_runs() if run.job_name != PURGE_SUPERSEDED_RUNS}


@pytest.fixture
def history() -> Iterator[History]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield History(instance)


@pytest.mark.slow
def test_of_many_runs_over_a_day_the_last_stays_and_the_status_is_the_same(history: History) -> None:
    older = {history.run("2025-06-01") for _ in range(3)}
    history.run("2025-06-01")
    before = history.status()
    assert history.purge() == older
    assert history.status() == before
    assert before["sums"] == {"2025-06-01": "MATERIALIZED"}
    assert not any(history.instance.all_logs(run_id) for run_id in older)


def test_a_range_stays_while_one_of_its_days_or_assets_has_nothing_newer(history: History) -> None:
    whole = history.run("2025-06-01", "2025-06-03")
    history.run("2025-06-01", "2025-06-02")
    history.run("2025-06-03", only="records")
    before = history.status()
    assert history.purge() == set()
    history.run("2025-06-03", only="sums")
    assert history.purge() == {whole}
    assert history.status() == before


@pytest.mark.slow
def test_a_failure_that_is_the_last_word_on_a_day_stays(history: History) -> None:
    history.run("2025-06-05")
    failed = history.run("2025-06-05", fails=True)
    never = history.run("2025-06-06", fails=True)
    before = history.status()
    assert before["records"] == {"2025-06-05": "FAILED", "2025-06-06": "FAILED"}
    assert history.purge() == set()
    assert history.status() == before
    history.run("2025-06-05", "2025-06-06")
    assert {failed, never} < history.purge()
    assert history.status()["records"] == {"2025-06-05": "MATERIALIZED", "2025-06-06": "MATERIALIZED"}


def test_a_run_that_found_nothing_to_do_goes_and_leaves_the_one_that_did_the_work(history: History) -> None:
    worked = history.run("2025-06-01")
    looked = history.run("2025-06-01", idle=True)
    failed = history.run("2025-06-01", fails=True)
    assert history.purge() == {looked}
    assert history.runs() == {worked, failed}


def test_recent_runs_stay(history: History) -> None:
    recent = history.run("2025-06-01")
    history.run("2025-06-01")
    assert history.purge(29 * ONE_DAY) == set()
    assert history.purge(29 * ONE_DAY, older_than_days=7) == {recent}


def test_an_asset_without_partitions_keeps_its_newest_run(history: History) -> None:
    first, second = (dg.materialize([register], instance=history.instance).run_id for _ in range(2))
    assert history.purge() == {first}
    assert history.instance.get_latest_materialization_event(UNIT).run_id == second  # type: ignore[union-attr]


@pytest.mark.slow
def test_days_of_the_project_on_postgres_keep_their_status_and_their_checks(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{project.engine.url.database}_dagster"
    owner = open_warehouse(project.engine.url.render_as_string(hide_password=False), as_owner=True)
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    owner.dispose()
    url = project.engine.url.set(database=name).render_as_string(hide_password=False)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    storage = {"custom": {"module": "minerecon_dagster.instance", "class": "Storage"}}
    with dg.instance_for_test(overrides={"storage": storage}) as instance:
        monkeypatch.setattr(project, "instance", instance)
        project.ingest()
        for factor in (1.004, 1.002):
            project.elexon.world.revise[DAY] = factor
            project.ingest(force=True)
        # The first run made the register too, and nothing newer stands in for that.
        last, middle, first = (run.run_id for run in instance.get_runs())
        printed = Path(instance.storage_directory())
        assert (printed / middle).is_dir()
        assert purge_superseded_runs(instance, ended_before=dt.datetime.now(dt.UTC) + ONE_DAY) == Purged(3, 1)
        assert [run.run_id for run in instance.get_runs()] == [last, first]
        assert [(printed / run_id).is_dir() for run_id in (first, middle, last)] == [True, False, True]
        checks = [dg.AssetCheckKey(asset, family) for family, asset in CHECKED_ASSET.items()]
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key(checks)
        for check in checks:
            assert instance.get_materialized_partitions(check.asset_key) == {str(DAY)}
            assert found[check].run_id == last
