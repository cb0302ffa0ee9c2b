"""The jobs that operators and the command line run."""

from __future__ import annotations

import dagster as dg

from minerecon_dagster.assets import catalog

INGEST = "ingest"
BM_UNITS_REFRESH = "bm_units_refresh"


def build_jobs(settlement_day: dg.AssetsDefinition) -> list[dg.JobDefinition | dg.UnresolvedAssetJobDefinition]:
    """All jobs, over the given assets."""
    return [
        dg.define_asset_job(
            INGEST,
            selection=dg.AssetSelection.assets(settlement_day),
            description="Fetch the days that the archive does not hold final, rebuild them, and check them.",
        ),
        dg.define_asset_job(
            BM_UNITS_REFRESH,
            selection=dg.AssetSelection.assets(catalog.BM_UNITS),
            description="Fetch Elexon's register of BM units and store what changed.",
        ),
    ]
