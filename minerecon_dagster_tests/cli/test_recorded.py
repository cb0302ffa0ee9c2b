"""What Dagster's record of a command's run has: its days, the command, and where it can be executed again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import dagster as dg
import pytest
from dagster._core.storage.tags import PARTITION_NAME_TAG
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_postgres import PostgresRunStorage

from minerecon_dagster.cli import recorded
from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster_tests.cli.conftest import Ran
from minerecon_dagster_tests.project import DAY

Run = Callable[..., Ran]


def run_of(environ: dict[str, str], run_id: str) -> dg.DagsterRun:
    storage = PostgresRunStorage(environ["DAGSTER_POSTGRES_URL"], should_autocreate_tables=False)
    try:
        (run,) = storage.get_runs(dg.RunsFilter(run_ids=[run_id]))
    finally:
        storage.dispose()
    return run


@pytest.mark.slow
def test_the_run_of_a_command_names_its_day_and_its_command_and_can_be_executed_again(
    minerecon: Run, environ: dict[str, str]
) -> None:
    ran = minerecon("reingest", str(DAY), "--json")
    run = run_of(environ, ran.json["run_ids"][0])
    shown = {key: value for key, value in run.tags.items() if not key.startswith(".dagster/")}
    assert shown == {
        "dagster/code_location": "minerecon_dagster",
        "dagster/max_retries": "0",
        PARTITION_NAME_TAG: str(DAY),
        "typed": f"minerecon reingest {DAY} --json",
    }
    assert run.remote_job_origin is not None
    (served,) = WorkspaceFileTarget([str(PROJECT_ROOT / "workspace.yaml")]).create_origins()
    assert run.remote_job_origin.repository_origin.code_location_origin == served
    assert run.remote_job_origin.job_name == "ingest"


def test_a_range_is_named_by_what_it_is_of() -> None:
    last = DAY + dt.timedelta(days=3)
    assert recorded.tags(str(DAY), str(last))["days"] == f"{DAY} to {last}"
    assert recorded.tags("2025-03", "2025-04")["months"] == "2025-03 to 2025-04"
    assert recorded.tags("2024", "2025")["years"] == "2024 to 2025"
    assert "years" not in recorded.tags("2025", "2025"), "one partition is shown by Dagster itself"
    assert set(recorded.tags(None, None)) == {"dagster/max_retries", "typed"}
