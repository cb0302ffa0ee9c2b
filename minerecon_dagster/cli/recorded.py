"""What Dagster's record of a command's run has, so that the UI shows it, and can execute it again."""

from __future__ import annotations

import shlex
import sys
from functools import partial

import dagster as dg
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    MAX_RETRIES_TAG,
    PARTITION_NAME_TAG,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

COMMAND_TAG = "typed"
_KEYS_TAGS = {len("YYYY"): "years", len("YYYY-MM"): "months", len("YYYY-MM-DD"): "days"}
"""The tag that names a range of partitions, by the length of their keys: the UI shows one, and a range nowhere."""
_MODULE, _LOCATION = "minerecon_dagster.definitions", "minerecon_dagster"
"""As workspace.yaml has them."""
_REPOSITORY = "__repository__"
"""As Dagster calls the one that is not named."""


def tags(first: str | None, last: str | None) -> dict[str, str]:
    """The tags of a command's run over the partitions from ``first`` to ``last``; None for a job without partitions.

    Dagster does not start such a run again by itself: whoever gave the command sees how it ended.
    """
    found = {MAX_RETRIES_TAG: "0", COMMAND_TAG: shlex.join(["minerecon", *sys.argv[1:]])}
    if first is None or last is None:
        return found
    if first == last:
        return found | {PARTITION_NAME_TAG: first}
    ends = {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}
    return found | ends | {_KEYS_TAGS[len(first)]: f"{first} to {last}"}


def origin(job: str) -> RemoteJobOrigin:
    """Where a job is found by the processes that serve it, by workspace.yaml.

    Without one the UI's button *Re-execute* ends in a traceback.
    """
    target = LoadableTargetOrigin(module_name=_MODULE)
    location = ManagedGrpcPythonEnvCodeLocationOrigin(loadable_target_origin=target, location_name=_LOCATION)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, _REPOSITORY), job)


def give_origin(instance: dg.DagsterInstance, job: str) -> None:
    """Let the runs of ``job`` that this instance creates in this process have an `origin`."""
    # Dagster gives one to the runs that its servers start, and has no argument for it where a run is in this process.
    vars(instance)["create_run_for_job"] = partial(instance.create_run_for_job, remote_job_origin=origin(job))
