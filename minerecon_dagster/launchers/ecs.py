"""Runs as tasks of ECS, guarded: in ``dagster.yaml``, as ``run_launcher``, this module and `EcsRunLauncher`."""

from __future__ import annotations

from botocore.config import Config
from dagster_aws.ecs import EcsRunLauncher as _EcsRunLauncher

from minerecon_dagster.launchers.guard import ANSWERED_WITHIN_S, CONNECTED_WITHIN_S, Guard


class EcsRunLauncher(Guard, _EcsRunLauncher):
    """Dagster's own launcher, with its configuration; a run that lives is not failed, and no question is for ever."""

    def get_boto_client_config(self) -> Config:
        """How AWS is asked: what is throttled or fails is asked again, twice unless ``AWS_MAX_ATTEMPTS`` says else."""
        return Config(connect_timeout=CONNECTED_WITHIN_S, read_timeout=ANSWERED_WITHIN_S, retries={"mode": "standard"})
