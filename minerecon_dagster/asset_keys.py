"""The keys of the assets: what the definitions, the alerts and the command line share.

What they are made of is in `minerecon_dagster.defs`.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.elexon.datasets import later, of_the_day
from minerecon_dagster.elexon.datasets.agws import AGWS
from minerecon_dagster.elexon.datasets.base import Dataset
from minerecon_dagster.elexon.datasets.stack import STACK

PROGRESS = dg.AssetKey("ingestion_progress")
RECORDS = dg.AssetKey(STACK.table.name)
WIND = dg.AssetKey(AGWS.table.name)
DIFFICULTY = dg.AssetKey("bitcoin_difficulty")
DAILY = dg.AssetKey("daily_summaries")
BITCOIN_DAILY = dg.AssetKey("bitcoin_daily_summaries")
MONTHLY = dg.AssetKey("monthly_summaries")
BITCOIN_MONTHLY = dg.AssetKey("bitcoin_monthly_summaries")
YEARLY = dg.AssetKey("yearly_summaries")
BITCOIN_YEARLY = dg.AssetKey("bitcoin_yearly_summaries")
BM_UNITS = dg.AssetKey("bm_units")
MODELS = dg.AssetKey("miner_models")
RESULTS = dg.AssetKey("reconciliation_results")
RESTATEMENTS = dg.AssetKey("restatements")
PRICE = dg.AssetKey("bitcoin_price_gbp")
EXPORTS = dg.AssetKey("exports")
MONTHLY_REPORT = dg.AssetKey("monthly_report")
LATEST_REPORT = dg.AssetKey("latest_report")


def calculations(model: str) -> dg.AssetKey:
    """The key of one model's calculations."""
    return dg.AssetKey(["historical_bitcoin_calculations", model])


def key_of(dataset: Dataset) -> dg.AssetKey:
    """The asset that a dataset is: its table."""
    return dg.AssetKey(dataset.table.name)


CALCULATIONS: Mapping[dg.AssetKey, str] = {calculations(m.name): m.name for m in MINER_MODELS}
OF_DATASETS: Mapping[str, dg.AssetKey] = {d.name: key_of(d) for d in of_the_day()}
"""The assets that the datasets of a day are, by their names."""
SUMMED_LATER = tuple(key_of(d) for d in later() if d.is_summed)
"""What comes after its day, and is in the sums of its month and year."""

SETTLEMENT_DAY = (PROGRESS, *OF_DATASETS.values(), DIFFICULTY, *CALCULATIONS, DAILY, BITCOIN_DAILY)
"""What is made of a settlement day, in the order in which it is."""
INGESTED = frozenset({PROGRESS, *OF_DATASETS.values(), DAILY})
"""What is built from a day's answers."""
RECALCULATED = frozenset({DIFFICULTY, *CALCULATIONS, BITCOIN_DAILY})
"""What is calculated from stored records: whoever selects anything else of a day has it ingested."""
