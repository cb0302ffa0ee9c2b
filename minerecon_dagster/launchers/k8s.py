"""Runs as jobs of Kubernetes, guarded.

In ``dagster.yaml``, as ``run_launcher``: this module and the class `K8sRunLauncher`. It needs the extra ``k8s``.
"""

from __future__ import annotations

from typing import Any

from dagster_k8s import K8sRunLauncher as _K8sRunLauncher

from minerecon_dagster.launchers.guard import ANSWERED_WITHIN_S, CONNECTED_WITHIN_S, Guard


class K8sRunLauncher(Guard, _K8sRunLauncher):
    """Dagster's own launcher, with its configuration; a run that lives is not failed, and no question is for ever.

    As released, the API is asked without a time-out: one that hangs would stop the daemon from looking after any run.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for api in (self._api_client.batch_api, self._api_client.core_api):
            _end_questions(api.api_client)


def _end_questions(client: Any) -> None:
    """Give each question of a client a time-out, but for those that have their own."""
    ask = client.request

    def ask_for_a_while(*args: Any, _request_timeout: Any = None, **kwargs: Any) -> Any:
        within = _request_timeout or (CONNECTED_WITHIN_S, ANSWERED_WITHIN_S)
        return ask(*args, _request_timeout=within, **kwargs)

    client.request = ask_for_a_while
