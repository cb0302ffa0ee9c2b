"""The jobs that operators and the command line run."""

from __future__ import annotations

import dagster as dg

from minerecon_dagster.assets import catalog
from minerecon_dagster.assets.exports import EXPORTS
from minerecon_dagster.assets.inventory import CHECK_KEYS
from minerecon_dagster.assets.price import PRICE
from minerecon_dagster.assets.reports import LATEST_REPORT, MONTHLY_REPORT, REPORT_LATEST, REPORT_MONTHS
from minerecon_dagster.assets.rollups import sweep

INGEST = "ingest"
RECALCULATE = "recalculate"
BM_UNITS_REFRESH = "bm_units_refresh"
ACCEPT_REGISTER = "accept_register"
ACCEPT_REGISTER_OP = "accept_answer"
REFRESH_PRICES = "refresh_prices"
EXPORT_MONTHS = "export_months"
ROLL_UP_MONTHS = "roll_up_months"
ROLL_UP_YEARS = "roll_up_years"
ROLLUP_SWEEP = "rollup_sweep"
STANDING_INVENTORY = "standing_inventory"
VERIFY = "verify"
VERIFY_OP = "verify_days"
SPOT_FIX = "spot_fix"
SPOT_FIX_OP = "fix_period"


def build_jobs(settlement_day: dg.AssetsDefinition) -> list[dg.JobDefinition | dg.UnresolvedAssetJobDefinition]:
    """All jobs, over the given assets."""
    return [
        dg.define_asset_job(
            INGEST,
            selection=dg.AssetSelection.assets(settlement_day),
            description="Fetch the days that the archive does not hold final, rebuild them, and check them.",
        ),
        dg.define_asset_job(
            RECALCULATE,
            selection=dg.AssetSelection.assets(catalog.DIFFICULTY, *catalog.CALCULATIONS, catalog.BITCOIN_DAILY),
            description="Rebuild calculations and their sums from stored records: after a new model, a corrected "
            "difficulty or a new formula. Asks Elexon for nothing.",
        ),
        dg.define_asset_job(
            BM_UNITS_REFRESH,
            selection=dg.AssetSelection.assets(catalog.BM_UNITS),
            description="Fetch Elexon's register of BM units and store what changed.",
        ),
        dg.define_asset_job(
            REFRESH_PRICES,
            selection=dg.AssetSelection.assets(PRICE),
            description="Fetch the price of Bitcoin of days that are over, and store what is new or has changed.",
        ),
        dg.define_asset_job(
            EXPORT_MONTHS,
            selection=dg.AssetSelection.assets(EXPORTS),
            description="Write months of the analysts' views as Parquet and CSV files, and a manifest each.",
        ),
        dg.define_asset_job(
            REPORT_MONTHS,
            selection=dg.AssetSelection.assets(MONTHLY_REPORT),
            description="Draw the reports of months.",
        ),
        dg.define_asset_job(
            REPORT_LATEST,
            selection=dg.AssetSelection.assets(LATEST_REPORT),
            description="Draw the report of the latest state.",
        ),
        dg.define_asset_job(
            ROLL_UP_MONTHS,
            selection=dg.AssetSelection.assets(catalog.MONTHLY, catalog.BITCOIN_MONTHLY),
            description="Sum months again from the daily tables, whether or not a day of them fails.",
        ),
        dg.define_asset_job(
            ROLL_UP_YEARS,
            selection=dg.AssetSelection.assets(catalog.YEARLY, catalog.BITCOIN_YEARLY),
            description="Sum years again from the daily tables, whether or not a day of them fails.",
        ),
        dg.define_asset_job(
            STANDING_INVENTORY,
            selection=dg.AssetSelection.checks(*CHECK_KEYS),
            description="Look at freshness and at all settlement days since the first partition: what is missing, "
            "failing, unfinished for too long, or not the sums of its rows. Changes nothing.",
        ),
    ]


def build_sweep() -> dg.JobDefinition:
    """The job that finds sums which the update chain has lost. Its runs are short, and have no partition."""
    return dg.GraphDefinition(
        name=ROLLUP_SWEEP,
        node_defs=[sweep],
        description="Sum every month and year again that is not what its days say, and check all of them.",
    ).to_job()
