"""A backfill as the UI starts one: what becomes of it where something optional did not come (FR-43)."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable

import dagster as dg
import pytest
from dagster._core.errors import DagsterAssetBackfillDataLoadError, DagsterDefinitionChangedDeserializationError
from dagster._core.execution import asset_backfill
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import InProcessTestWorkspaceLoadTarget, instance_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._time import get_current_timestamp

from minerecon_dagster import asset_keys
from minerecon_dagster.defs import catalog
from minerecon_dagster.instance import Storage
from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster_tests.fake_elexon import Fault
from minerecon_dagster_tests.project import DAY, Project

OPTIONAL: dict[str, Callable[[str], bool]] = {
    "neither came": lambda path: "cashflows" in path or "wind-and-solar" in path,
    "all came": lambda path: False,
}
ENDED = (
    BulkActionStatus.COMPLETED,
    BulkActionStatus.COMPLETED_SUCCESS,
    BulkActionStatus.COMPLETED_FAILED,
    BulkActionStatus.FAILED,
    BulkActionStatus.CANCELED,
)
WITHIN_S = 300


@pytest.mark.slow
@pytest.mark.parametrize("what", OPTIONAL)
def test_a_backfill_whose_runs_all_succeed_is_a_success_whatever_optional_answer_did_not_come(
    project: Project, what: str
) -> None:
    project.elexon.faults = lambda path: Fault(400) if OPTIONAL[what](path) else None
    days = [str(DAY), str(DAY + dt.timedelta(days=1))]
    origin = LoadableTargetOrigin(module_name="minerecon_dagster.definitions", working_directory=str(PROJECT_ROOT))
    # All of it in this process: a server of its own would need as long to start as the runs take.
    target = InProcessTestWorkspaceLoadTarget(InProcessCodeLocationOrigin(origin))
    with (
        instance_for_test(
            set_dagster_home=False, synchronous_run_coordinator=True, synchronous_run_launcher=True
        ) as instance,
        WorkspaceProcessContext(instance, target) as workspace,
    ):
        graph = workspace.create_request_context().asset_graph
        keys = [key for key in graph.get_all_asset_keys() if key in {*asset_keys.CALCULATIONS, *DAY_KEYS}]
        assert asset_keys.OF_DATASETS["cashflows"] in keys
        instance.add_backfill(
            PartitionBackfill.from_asset_partitions(
                backfill_id="optional",
                asset_graph=graph,
                partition_names=days,
                asset_selection=keys,
                backfill_timestamp=get_current_timestamp(),
                tags={},
                dynamic_partitions_store=instance,
                all_partitions=False,
                title=None,
                description=None,
                run_config=None,
            )
        )
        deadline = time.monotonic() + WITHIN_S
        while (backfill := instance.get_backfill("optional")) and backfill.status not in ENDED:
            assert time.monotonic() < deadline, "the backfill did not end"
            assert not [e for e in execute_backfill_iteration(workspace, logging.getLogger("backfill")) if e]
        runs = [record.dagster_run for record in instance.get_run_records()]
        failures = [
            e.user_message for r in runs if not r.is_success for e in instance.all_logs(r.run_id) if e.level >= 40
        ]
        assert failures == []
        assert all(run.is_success for run in runs)
        assert backfill is not None
        assert backfill.status == BulkActionStatus.COMPLETED_SUCCESS
        for key in keys:
            assert instance.get_materialized_partitions(key) == set(days), key


DAY_KEYS = {spec.key for spec in catalog.settlement_day_specs(dg.DailyPartitionsDefinition("2025-01-01"))}


def test_a_backfill_waits_for_a_code_server_that_is_being_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise DagsterDefinitionChangedDeserializationError("daily_summaries existed, but no longer does")

    monkeypatch.setattr(asset_backfill, "_get_unloadable_location_names", lambda *_: ["minerecon_dagster"])
    monkeypatch.setattr(asset_backfill, "_check_asset_backfill_data_validity", gone)
    for variable in ("DAGSTER_HOME", "DAGSTER_POSTGRES_URL", "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"):
        monkeypatch.setenv(variable, "")  # so that it is put back, whoever sets it
        monkeypatch.delenv(variable)

    def goes_on() -> bool:
        look = asset_backfill._check_validity_of_asset_backfill_data_and_should_process_backfill
        return look(None, "a backfill", None, None, None, logging.getLogger("backfill"))  # type: ignore[arg-type]

    with pytest.raises(DagsterAssetBackfillDataLoadError):
        goes_on()
    Storage.from_config_value(None, {})
    assert not goes_on()
