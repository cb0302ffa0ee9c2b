"""Every job: what it runs and what for. A new one is an entry here, with its name in `minerecon_dagster.jobs`.

What alerts take for making a failed run good is `alerts.clearing.WORKS`, by the same names.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import dagster as dg

from minerecon_dagster import asset_keys, jobs
from minerecon_dagster.asset_keys import EXPORTS, LATEST_REPORT, MONTHLY_REPORT, PRICE
from minerecon_dagster.defs.exports import sweep_exports
from minerecon_dagster.defs.inventory import CHECK_KEYS
from minerecon_dagster.defs.partitions import daily_partitions
from minerecon_dagster.defs.register import accept_answer
from minerecon_dagster.defs.reports import sweep_reports
from minerecon_dagster.defs.retention import delete_superseded_runs
from minerecon_dagster.defs.sums import sweep
from minerecon_dagster.defs.verification import fix_period, verify_days


@dataclass(frozen=True)
class Job:
    """A job.

    Args:
        name: as users and scripts have it.
        runs: the assets or checks that it makes, on their partitions, or the step that it is.
        purpose: what it does, for the UI and the documentation.
        is_of_days: whether it is started for settlement days, where it is a step.
    """

    name: str
    runs: dg.AssetSelection | dg.OpDefinition
    purpose: str
    is_of_days: bool = False

    def build(self, days: dg.DailyPartitionsDefinition) -> dg.JobDefinition | dg.UnresolvedAssetJobDefinition:
        """What Dagster is given, where ``days`` are the settlement days that are kept."""
        if isinstance(self.runs, dg.AssetSelection):
            return dg.define_asset_job(self.name, selection=self.runs, description=self.purpose)
        graph = dg.GraphDefinition(name=self.name, node_defs=[self.runs], description=self.purpose)
        return graph.to_job(partitions_def=days if self.is_of_days else None)


_assets = dg.AssetSelection.assets

JOBS = (
    Job(
        jobs.INGEST,
        _assets(*asset_keys.SETTLEMENT_DAY),
        "Fetch the days that the archive does not hold final, rebuild them, and check them.",
    ),
    Job(
        jobs.RECALCULATE,
        _assets(*sorted(asset_keys.RECALCULATED)),
        "Rebuild calculations and their sums from stored records: after a new model, a corrected difficulty or a new "
        "formula. Asks Elexon for nothing.",
    ),
    Job(
        jobs.VERIFY,
        verify_days,
        "Check stored days, compare them with what Elexon answers now, and, where it is asked for, repair them by "
        "fetching them again or rebuilding them from the archive. Every look and repair is on record in "
        "`verifications`. Without configuration it looks, and changes nothing.",
        is_of_days=True,
    ),
    Job(
        jobs.SPOT_FIX,
        fix_period,
        "Fetch one settlement period of a day again, carry the other answers over, rebuild the day, and put on record "
        "what changed.",
        is_of_days=True,
    ),
    Job(
        jobs.BM_UNITS_REFRESH,
        _assets(asset_keys.BM_UNITS),
        "Fetch Elexon's register of BM units and store what changed.",
    ),
    Job(
        jobs.ACCEPT_REGISTER,
        accept_answer,
        "Take an answer of the register of BM units that was refused as unbelievable, as a person has decided. It is "
        "in force from today on; who and when is recorded in register_refusals.",
    ),
    Job(
        jobs.REFRESH_PRICES,
        _assets(PRICE),
        "Fetch the price of Bitcoin of days that are over, and store what is new or has changed.",
    ),
    Job(
        jobs.ROLL_UP_MONTHS,
        _assets(asset_keys.MONTHLY, asset_keys.BITCOIN_MONTHLY),
        "Sum months again from the daily tables, whether or not a day of them fails.",
    ),
    Job(
        jobs.ROLL_UP_YEARS,
        _assets(asset_keys.YEARLY, asset_keys.BITCOIN_YEARLY),
        "Sum years again from the daily tables, whether or not a day of them fails.",
    ),
    # The sweeps' runs are short, and have no partition: they find what the update chain has lost.
    Job(
        jobs.ROLLUP_SWEEP,
        sweep,
        "Sum every month and year again that is not what its days say, and check all of them.",
    ),
    Job(
        jobs.EXPORT_MONTHS,
        _assets(EXPORTS),
        "Write months of the analysts' views as Parquet and CSV files, and a manifest each.",
    ),
    Job(
        jobs.EXPORT_SWEEP,
        sweep_exports,
        "Export every month that has a stored day or an export, and write what differs from the files that are there.",
    ),
    Job(jobs.REPORT_MONTHS, _assets(MONTHLY_REPORT), "Draw the reports of months."),
    Job(
        jobs.REPORT_SWEEP,
        sweep_reports,
        "Draw every month that has a stored day, a closed one or a page, and write the pages that differ.",
    ),
    Job(jobs.REPORT_LATEST, _assets(LATEST_REPORT), "Draw the report of the latest state."),
    Job(
        jobs.STANDING_INVENTORY,
        dg.AssetSelection.checks(*CHECK_KEYS),
        "Look at freshness and at all settlement days since the first partition: what is missing, failing, unfinished "
        "for too long, or not the sums of its rows. Changes no figure; days that `waivers.toml` closes or opens follow "
        "it.",
    ),
    Job(
        jobs.PURGE_SUPERSEDED_RUNS,
        delete_superseded_runs,
        "Delete old runs whose every materialization has been replaced by a newer one.",
    ),
)


def build_jobs(first_day: dt.date) -> dg.Definitions:
    """All jobs, for the settlement days from ``first_day`` on."""
    days = daily_partitions(first_day)
    return dg.Definitions(jobs=[job.build(days) for job in JOBS])
