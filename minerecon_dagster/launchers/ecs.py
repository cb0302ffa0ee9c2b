"""Runs as tasks of ECS, guarded: in ``dagster.yaml``, as ``run_launcher``, this module and `EcsRunLauncher`."""

from __future__ import annotations

from dagster_aws.ecs import EcsRunLauncher as _EcsRunLauncher

from minerecon_dagster.launchers.guard import Guard


class EcsRunLauncher(Guard, _EcsRunLauncher):
    """Dagster's own launcher, with its configuration; a run that lives is not failed."""
