"""Build and wire: what Dagster loads. Of the environment it reads MINERECON_START_DATE, and what `places` checks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from minerecon_dagster import asset_keys, places
from minerecon_dagster.defs import catalog
from minerecon_dagster.defs.exports import build_exports
from minerecon_dagster.defs.inventory import build_inventory
from minerecon_dagster.defs.jobs import build_jobs
from minerecon_dagster.defs.partitions import daily_partitions, monthly_partitions, yearly_partitions
from minerecon_dagster.defs.prices import build_prices
from minerecon_dagster.defs.register import bm_units
from minerecon_dagster.defs.reports import build_monthly_report, latest_report
from minerecon_dagster.defs.resources import (
    PLACES,
    ArchiveResource,
    ClockResource,
    DifficultyResource,
    ElexonResource,
    PlacesResource,
    PriceResource,
    WarehouseResource,
)
from minerecon_dagster.defs.schedules import build_schedules
from minerecon_dagster.defs.sensors import build_sensors
from minerecon_dagster.defs.settlement_day import build_settlement_day
from minerecon_dagster.defs.sums import build_months, build_years
from minerecon_dagster.settings import start_date
from minerecon_dagster.warehouse import tables


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The whole project, with resources swapped where a test asks for it."""
    partitions = daily_partitions(start_date())
    return dg.Definitions(
        assets=[
            bm_units,
            build_settlement_day(partitions),
            build_prices(partitions),
            build_months(monthly_partitions(start_date())),
            build_years(yearly_partitions(start_date())),
            build_exports(monthly_partitions(start_date())),
            build_monthly_report(monthly_partitions(start_date())),
            latest_report,
            catalog.table_spec(asset_keys.MODELS, tables.miner_models, group="bitcoin"),
            catalog.table_spec(
                asset_keys.RESTATEMENTS, tables.restatements, group="reconciliation", deps=[asset_keys.DAILY]
            ),
            catalog.table_spec(
                asset_keys.RESULTS,
                tables.reconciliation_results,
                group="reconciliation",
                deps=[asset_keys.BITCOIN_DAILY],
            ),
        ],
        asset_checks=[build_inventory(start_date())],
        jobs=build_jobs(partitions),
        schedules=build_schedules(start_date()),
        sensors=build_sensors(),
        resources={
            "warehouse": WarehouseResource(),
            "elexon": ElexonResource(),
            "archive": ArchiveResource(),
            "difficulty": DifficultyResource(),
            "price": PriceResource(),
            "clock": ClockResource(),
            **(resource_overrides or {}),
        },
        # One process a run: days share a step, so a process per step would only add start-up time.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What a code location loads, if it uses the addresses that were set; it says which, by their fingerprints.

    Raises:
        MisplacedError: it would use others.
    """
    places.check(os.environ, Path.cwd())
    places.require_dagster_yaml(os.environ)
    used = places.fingerprints(os.environ)
    return build_defs({PLACES: PlacesResource(fingerprints=used)} if used else None)
