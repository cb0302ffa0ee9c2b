"""Where runs are launched on other hosts, a folder is no archive: whoever would open it says so in one line."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from minerecon_dagster import jobs
from minerecon_dagster.cli.environment import runs_are_launched_elsewhere
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.defs.jobs import JOBS
from minerecon_dagster.defs.resources import ArchiveResource
from minerecon_dagster.doctor.line import State
from minerecon_dagster.doctor.services import archive_line
from minerecon_dagster.launchers.guard import runs_elsewhere
from minerecon_dagster.settings import PROJECT_ROOT, dagster_folder
from minerecon_dagster_tests.launchers.test_guard import instance_with
from minerecon_dagster_tests.project import DAY, QUIET, Project, definitions, not_done

SAYS = "MINERECON_ARCHIVE_URL is a folder, and runs are launched on any host"
ON_A_CLUSTER = "minerecon_dagster.launchers.k8s.K8sRunLauncher"
CLUSTER = {"service_account_name": "minerecon-run", "instance_config_map": "x", "load_incluster_config": True}
"""As in deploy/kubernetes: of the cluster's account a run has no token, so that the launcher cannot be made in one."""


@contextmanager
def remote() -> Iterator[dg.DagsterInstance]:
    with instance_with(ON_A_CLUSTER, CLUSTER) as instance:
        yield instance


RUNS: dict[str, dict[str, Any]] = {
    jobs.INGEST: {"partition_key": str(DAY)},
    jobs.VERIFY: {"partition_key": str(DAY)},
    jobs.SPOT_FIX: {
        "partition_key": str(DAY),
        "run_config": {"ops": {jobs.SPOT_FIX_OP: {"config": {"period": 3, "bmu": "T_WIND-1"}}}},
    },
    jobs.BM_UNITS_REFRESH: {},
    jobs.ACCEPT_REGISTER: {
        "run_config": {"ops": {jobs.ACCEPT_REGISTER_OP: {"config": {"sha256": "0" * 64, "accepted_by": "me"}}}}
    },
    jobs.EXPORT_MONTHS: {"partition_key": f"{DAY:%Y-%m}"},
    jobs.EXPORT_SWEEP: {},
    jobs.REPORT_MONTHS: {"partition_key": f"{DAY:%Y-%m}"},
    jobs.REPORT_SWEEP: {},
    jobs.REPORT_LATEST: {},
}


def needs_the_archive(job: dg.JobDefinition) -> bool:
    return any("archive" in node.definition.required_resource_keys for node in job.nodes)  # type: ignore[attr-defined]


def test_the_jobs_that_open_the_archive_are_all_tried_here() -> None:
    need_it = {job.name for job in JOBS if needs_the_archive(definitions(None).resolve_job_def(job.name))}
    assert need_it - {jobs.RECALCULATE} == RUNS.keys(), "to recalculate is the step of the days, as to ingest is"


@pytest.mark.first_quick
@pytest.mark.parametrize("name", RUNS)
def test_a_run_on_another_host_refuses_a_folder_as_the_archive(project: Project, name: str) -> None:
    given = RUNS[name]
    with remote() as instance:
        result = (
            definitions(None)
            .resolve_job_def(name)
            .execute_in_process(
                instance=instance,
                run_config=given.get("run_config", {}) | QUIET,
                partition_key=given.get("partition_key"),
                raise_on_error=False,
            )
        )
    assert not result.success
    assert SAYS in not_done(result)
    assert not Path(project.archive._store.root).exists(), "nothing was written"


def test_what_is_opened_in_a_run_is_opened_by_the_resource_that_looks() -> None:
    by = {
        file.name
        for file in (PROJECT_ROOT / "minerecon_dagster" / "defs").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Name | ast.Attribute)
        and (node.id if isinstance(node, ast.Name) else node.attr) in ("open_store", "from_url", "archive_url")
    }
    assert by == {"resources.py"}


@pytest.mark.slow
def test_where_runs_are_launched_is_known_without_a_right_in_the_cluster() -> None:
    with remote() as instance:
        assert runs_elsewhere(instance)
        with pytest.raises(Exception, match="Service host/port is not set"):
            _ = instance.run_launcher
    with dg.instance_for_test() as instance:
        assert not runs_elsewhere(instance)
    assert not runs_elsewhere(dg.DagsterInstance.ephemeral())


def test_a_bucket_is_opened_anywhere_and_a_folder_where_runs_are_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINERECON_ARCHIVE_URL", "s3://bucket/prefix")
    with remote() as instance, dg.build_resources({"archive": ArchiveResource()}, instance) as given:
        assert given.archive.store().root.startswith("s3://")
        monkeypatch.setenv("MINERECON_ARCHIVE_URL", "/a/folder")
        for opened in (given.archive.archive, given.archive.store):
            with pytest.raises(ConfigurationError, match=SAYS):
                opened()
    with dg.instance_for_test() as instance, dg.build_resources({"archive": ArchiveResource()}, instance) as given:
        assert given.archive.store().root == "/a/folder"


def test_the_doctor_says_so_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert archive_line(str(tmp_path), runs_are_launched_elsewhere).state is State.OK
    monkeypatch.setenv("DAGSTER_HOME", str(home_of_a_cluster(tmp_path / "home")))
    line = archive_line(str(tmp_path), runs_are_launched_elsewhere)
    assert line.state is not State.OK
    assert SAYS in line.says


def home_of_a_cluster(folder: Path) -> Path:
    """The project's own instance, whose runs are jobs of Kubernetes."""
    folder.mkdir()
    module, _, name = ON_A_CLUSTER.rpartition(".")
    settings = yaml.safe_load((dagster_folder() / "dagster.yaml").read_text("utf-8"))
    settings["run_launcher"] = {"module": module, "class": name, "config": CLUSTER}
    (folder / "dagster.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    return folder
