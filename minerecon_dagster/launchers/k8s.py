"""Runs as jobs of Kubernetes, guarded.

In ``dagster.yaml``, as ``run_launcher``: this module and the class `K8sRunLauncher`. It needs the extra ``k8s``.
"""

from __future__ import annotations

from dagster_k8s import K8sRunLauncher as _K8sRunLauncher

from minerecon_dagster.launchers.guard import Guard


class K8sRunLauncher(Guard, _K8sRunLauncher):
    """Dagster's own launcher, with its configuration; a run that lives is not failed."""
