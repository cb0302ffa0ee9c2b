"""Build and wire: what Dagster loads. It does nothing else, and reads only MINERECON_START_DATE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from minerecon_dagster.assets import catalog
from minerecon_dagster.assets.register import bm_units
from minerecon_dagster.assets.settlement_day import build_settlement_day
from minerecon_dagster.jobs import build_jobs
from minerecon_dagster.partitions import daily_partitions
from minerecon_dagster.resources.dagster_resources import (
    ArchiveResource,
    ClockResource,
    DifficultyResource,
    ElexonResource,
    WarehouseResource,
)
from minerecon_dagster.settings import start_date
from minerecon_dagster.warehouse import tables


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The whole project, with resources swapped where a test asks for it."""
    partitions = daily_partitions(start_date())
    settlement_day = build_settlement_day(partitions)
    return dg.Definitions(
        assets=[
            bm_units,
            settlement_day,
            catalog.table_spec(catalog.MODELS, tables.miner_models, group="bitcoin"),
            catalog.table_spec(
                catalog.RESULTS, tables.reconciliation_results, group="reconciliation", deps=[catalog.BITCOIN_DAILY]
            ),
        ],
        jobs=build_jobs(settlement_day),
        resources={
            "warehouse": WarehouseResource(),
            "elexon": ElexonResource(),
            "archive": ArchiveResource(),
            "difficulty": DifficultyResource(),
            "clock": ClockResource(),
            **(resource_overrides or {}),
        },
        # One process a run: days share a step, so a process per step would only add start-up time.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What a code location loads."""
    return build_defs()
