"""Run a Dagster job in this process, recorded on the instance like any other run."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from minerecon_dagster.definitions import build_defs

_QUIET_DAGSTER = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's own events are in the UI; a terminal shows what the project's code says."""


def execute(job: str, first: dt.date, last: dt.date, run_config: dict[str, Any]) -> dg.ExecuteInProcessResult:
    """Run ``job`` over the daily partitions from ``first`` to ``last``, as one run.

    Args:
        job: name of a job of the project.
        first: the first day.
        last: the last day, included.
        run_config: Dagster run configuration.
    """
    definition = build_defs().resolve_job_def(job)
    with dg.DagsterInstance.get() as instance, _our_lines():
        return definition.execute_in_process(
            instance=instance,
            run_config=run_config | _QUIET_DAGSTER,
            tags={
                ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
                ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
            },
            raise_on_error=False,
        )


@contextmanager
def _our_lines() -> Iterator[None]:
    """Print what the project's own code logs, a line each, on standard error."""
    logger, handler = logging.getLogger("minerecon_dagster"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
