"""All assets, and the check that looks at all of them."""

from __future__ import annotations

import datetime as dt

import dagster as dg

from minerecon_dagster import asset_keys
from minerecon_dagster.defs.catalog import table_spec
from minerecon_dagster.defs.exports import build_exports
from minerecon_dagster.defs.inventory import build_inventory
from minerecon_dagster.defs.partitions import daily_partitions, monthly_partitions, yearly_partitions
from minerecon_dagster.defs.prices import build_prices
from minerecon_dagster.defs.register import bm_units
from minerecon_dagster.defs.reports import build_monthly_report, latest_report
from minerecon_dagster.defs.settlement_day import build_settlement_day
from minerecon_dagster.defs.sums import build_months, build_years
from minerecon_dagster.warehouse import tables


def build_assets(first_day: dt.date) -> dg.Definitions:
    """The assets of days, months and years from ``first_day`` on, and those without partitions."""
    days, months, years = daily_partitions(first_day), monthly_partitions(first_day), yearly_partitions(first_day)
    return dg.Definitions(
        assets=[
            bm_units,
            build_settlement_day(days),
            build_prices(days),
            build_months(months),
            build_years(years),
            build_exports(months),
            build_monthly_report(months),
            latest_report,
            table_spec(asset_keys.MODELS, tables.miner_models, group="bitcoin"),
            table_spec(asset_keys.RESTATEMENTS, tables.restatements, group="reconciliation", deps=[asset_keys.DAILY]),
            table_spec(
                asset_keys.RESULTS,
                tables.reconciliation_results,
                group="reconciliation",
                deps=[asset_keys.BITCOIN_DAILY],
            ),
        ],
        asset_checks=[build_inventory(first_day)],
    )
