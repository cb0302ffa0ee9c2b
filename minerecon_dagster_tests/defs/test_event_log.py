"""Events that are stored together are what Dagster stores one by one."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from minerecon_dagster.instance import EventLog, planning_together, storing_together
from minerecon_dagster.warehouse.store import open_warehouse

DAYS = dg.DailyPartitionsDefinition("2025-03-28")
DAY = "2025-03-28"
UNITS, SUMS = dg.AssetKey(["bm", "units"]), dg.AssetKey("sums")
_OF_THE_RUN = ("run_id", "pid", "timestamp", "storage_id", "step_start", "run_timestamp")


@dg.multi_asset(
    specs=[dg.AssetSpec(key, partitions_def=DAYS, skippable=True) for key in (SUMS, UNITS)],
    check_specs=[dg.AssetCheckSpec(name, asset=SUMS, partitions_def=DAYS) for name in ("whole", "right")],
    partitions_def=DAYS,
    can_subset=True,
)
def days(context: dg.AssetExecutionContext) -> Iterator[Any]:
    with storing_together(context.instance) as made:
        for key in (SUMS, UNITS, SUMS):
            context.log_event(dg.AssetMaterialization(key, partition=DAY, metadata={"mwh": 1.5}, tags={"a": "b"}))
        context.log.info("between")
    assert set(made) in (set(), {SUMS, UNITS})
    with storing_together(context.instance):
        for name, passed in (("whole", True), ("right", False)):
            evaluation = dg.AssetCheckEvaluation(
                asset_key=SUMS, check_name=name, passed=passed, partition=DAY, metadata={"wrong": 1}, blocking=False
            )
            context.log_event(evaluation)  # type: ignore[arg-type]
    yield from ()


@pytest.fixture
def instance(warehouse: Engine) -> Iterator[dg.DagsterInstance]:
    """One in PostgreSQL, as the project has it."""
    name = f"{warehouse.url.database}_events"
    owner = open_warehouse(warehouse.url.render_as_string(hide_password=False), as_owner=True)
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    owner.dispose()
    storage = {"custom": {"module": "minerecon_dagster.instance", "class": "Storage"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_POSTGRES_URL", warehouse.url.set(database=name).render_as_string(hide_password=False))
        with dg.instance_for_test(overrides={"storage": storage}) as made:
            yield made


def test_what_is_stored_together_is_what_dagster_stores_one_by_one(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = instance.event_log_storage
    assert isinstance(log, EventLog)
    statements = []
    together = log._store_together
    monkeypatch.setattr(log, "_store_together", lambda events: (statements.append(len(events)), together(events))[1])
    first = _run(instance)
    assert statements == [4, 4, 2], "plans; materializations, and the line between them; evaluations"
    monkeypatch.setattr("minerecon_dagster.instance.EventLog.together", _one_by_one)
    monkeypatch.setattr("minerecon_dagster.instance.EventLog.plans_together", _one_by_one)
    assert _run(instance) == first
    assert statements == [4, 4, 2]


@pytest.mark.slow
def test_a_day_whose_events_are_stored_together_is_materialized_and_checked(instance: dg.DagsterInstance) -> None:
    assert dg.materialize([days], instance=instance, partition_key=DAY).success
    assert instance.get_materialized_partitions(UNITS) == {DAY}
    latest = instance.get_latest_materialization_event(SUMS)
    assert latest is not None
    with_id = instance.fetch_materializations(SUMS, limit=1).records[0]
    assert instance.get_asset_records([SUMS])[0].asset_entry.last_materialization_record == with_id
    keys = [dg.AssetCheckKey(SUMS, name) for name in ("whole", "right")]
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    assert [found[key].status.value for key in keys] == ["SUCCEEDED", "FAILED"]


@pytest.mark.slow
def test_what_a_run_is_to_make_is_stored_before_its_start(instance: dg.DagsterInstance) -> None:
    with planning_together(instance):
        run = dg.materialize([days], instance=instance, partition_key=DAY)
    kinds = [record.event_log_entry.dagster_event_type for record in instance.get_records_for_run(run.run_id).records]
    planned = [number for number, kind in enumerate(kinds) if kind is not None and kind.value.endswith("_PLANNED")]
    assert planned == [0, 1, 2, 3]


@pytest.mark.slow
def test_an_evaluation_that_was_not_planned_is_stored(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def checks_another(context: dg.AssetExecutionContext) -> None:
        with storing_together(context.instance):
            for name in ("whole", "right"):
                evaluation = dg.AssetCheckEvaluation(asset_key=SUMS, check_name=name, passed=True, metadata={})
                context.log_event(evaluation)  # type: ignore[arg-type]

    assert dg.materialize([checks_another], instance=instance).success
    keys = [dg.AssetCheckKey(SUMS, name) for name in ("whole", "right")]
    assert set(instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)) == set(keys)


@pytest.mark.slow
def test_what_was_logged_before_a_failure_is_stored(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def fails(context: dg.AssetExecutionContext) -> None:
        with storing_together(context.instance):
            context.log_event(dg.AssetMaterialization("before"))
            raise dg.Failure("on purpose")

    assert not dg.materialize([fails], instance=instance, raise_on_error=False).success
    assert instance.get_latest_materialization_event(dg.AssetKey("before")) is not None


def _one_by_one(self: EventLog) -> Any:
    from contextlib import nullcontext

    return nullcontext({})


def _run(instance: dg.DagsterInstance) -> dict[str, list[Any]]:
    """What a run stores, but for what differs from run to run."""
    with planning_together(instance):
        run = dg.materialize([days], instance=instance, partition_key=DAY)
    engine: Engine = instance.event_log_storage._engine  # type: ignore[attr-defined]
    with engine.connect() as connection:
        ask = lambda sql: [tuple(map(_plain, row)) for row in connection.execute(sa.text(sql), {"run": run.run_id})]  # noqa: E731
        return {
            "events": ask(
                "SELECT dagster_event_type, step_key, asset_key, partition, event FROM event_logs"
                " WHERE run_id = :run AND (dagster_event_type IS NULL"
                " OR dagster_event_type ~ '^ASSET_(MATERIALIZATION|CHECK_EVALUATION)(_PLANNED)?$') ORDER BY id"
            ),
            "assets": ask(
                "SELECT asset_key, last_run_id = :run, last_materialization, cached_status_data FROM asset_keys"
                " ORDER BY asset_key"
            ),
            "checks": ask(
                "SELECT asset_key, check_name, partition, execution_status, evaluation_event,"
                " materialization_event_storage_id FROM asset_check_executions WHERE run_id = :run ORDER BY check_name"
            ),
            "tags": ask(
                "SELECT t.asset_key, t.key, t.value FROM asset_event_tags AS t JOIN event_logs AS e"
                " ON e.id = t.event_id WHERE e.run_id = :run ORDER BY t.event_id"
            ),
            "times": ask(
                "SELECT count(*) FROM event_logs AS e JOIN asset_check_executions AS c"
                " ON c.evaluation_event_storage_id = e.id AND c.evaluation_event_timestamp = e.timestamp"
                " WHERE e.run_id = :run"
            ),
        }


def _plain(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    return _without(json.loads(value))


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without(v) for k, v in value.items() if k not in _OF_THE_RUN and k != "user_message"}
    return [_without(v) for v in value] if isinstance(value, list) else value
