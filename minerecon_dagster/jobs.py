"""The jobs that operators and the command line run."""

from __future__ import annotations

import dagster as dg

from minerecon_dagster.assets import catalog
from minerecon_dagster.assets.rollups import sweep

INGEST = "ingest"
RECALCULATE = "recalculate"
BM_UNITS_REFRESH = "bm_units_refresh"
ROLL_UP_MONTHS = "roll_up_months"
ROLL_UP_YEARS = "roll_up_years"
ROLLUP_SWEEP = "rollup_sweep"


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
            ROLL_UP_MONTHS,
            selection=dg.AssetSelection.assets(catalog.MONTHLY, catalog.BITCOIN_MONTHLY),
            description="Sum months again from the daily tables, whether or not a day of them fails.",
        ),
        dg.define_asset_job(
            ROLL_UP_YEARS,
            selection=dg.AssetSelection.assets(catalog.YEARLY, catalog.BITCOIN_YEARLY),
            description="Sum years again from the daily tables, whether or not a day of them fails.",
        ),
    ]


def build_sweep() -> dg.JobDefinition:
    """The job that finds sums which the update chain has lost. Its runs are short, and have no partition."""
    return dg.GraphDefinition(
        name=ROLLUP_SWEEP,
        node_defs=[sweep],
        description="Sum every month and year again that is not what its days say, and check all of them.",
    ).to_job()
