"""The reports: a page of pictures per month, the nightly sweep over all of them, and the page of the latest state."""

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from minerecon_dagster import asset_keys
from minerecon_dagster.asset_keys import MONTHLY_REPORT, PRICE
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.defs import automation, catalog, inputs, links
from minerecon_dagster.defs.months import month_by_month, months_to_sweep
from minerecon_dagster.defs.resources import ArchiveResource, ClockResource, WarehouseResource
from minerecon_dagster.instance import hold_connections
from minerecon_dagster.launchers.heartbeat import beating
from minerecon_dagster.settings import Settings

_log = logging.getLogger(__name__)
_NO_LINK = "no link: set MINERECON_REPORTS_URL to where people reach reports/ in the archive's place"
_INPUTS = (asset_keys.MONTHLY, asset_keys.BITCOIN_MONTHLY, PRICE)
_WHERE = (
    "One HTML file under `reports/` in the archive's place, which needs neither a network nor a script. The link in "
    "its metadata opens it."
)


def build_monthly_report(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The report of a month, on the given monthly partitions."""
    parts = dg.AssetSelection.assets(asset_keys.MONTHLY, asset_keys.BITCOIN_MONTHLY, PRICE)
    condition = (
        automation.changed_since_summed(parts)
        & ~dg.AutomationCondition.any_deps_in_progress()
        & ~dg.AutomationCondition.in_progress()
        & ~dg.AutomationCondition.in_latest_time_window()
    )

    @dg.multi_asset(
        name="monthly_report",
        specs=[
            dg.AssetSpec(
                MONTHLY_REPORT,
                deps=_INPUTS,
                description="A month in pictures: MWh and GBP by day with the state of each, a heat map of its half "
                "hours, the farms that were curtailed most, the Bitcoin per model, the payment to stop against the "
                f"value of the Bitcoin, and what Elexon changed afterwards. {_WHERE}",
                group_name="reports",
                owners=catalog.OWNERS,
                kinds={"html"},
                partitions_def=partitions,
                automation_condition=condition.with_label("follows its month"),
                skippable=True,
            )
        ],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def monthly_report(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, archive: ArchiveResource, clock: ClockResource
    ) -> Iterator[Any]:
        _draw(context, context.partition_keys, warehouse, archive, clock.now(), log_all=True)
        yield from ()

    return monthly_report


@dg.op
def sweep_reports(
    context: dg.OpExecutionContext, warehouse: WarehouseResource, archive: ArchiveResource, clock: ClockResource
) -> None:
    """Find what changed without a month being summed: statuses, days that were closed, opened or went, names."""
    from minerecon_dagster.reports.publish import ENDING, FOLDER

    now = clock.now()
    # Pages end with yesterday: on a month's first day it has none.
    begun = f"{settlement_date(now) - dt.timedelta(days=1):%Y-%m}"
    months = [m for m in months_to_sweep(warehouse, archive.store(), FOLDER, ENDING) if m <= begun]
    _draw(context, months, warehouse, archive, now, log_all=False)


def _draw(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    months: Sequence[str],
    warehouse: WarehouseResource,
    archive: ArchiveResource,
    now: dt.datetime,
    *,
    log_all: bool,
) -> None:
    """Draw months, and log a materialization of each: of all of them, or only where the page had to be written.

    Raises:
        dg.Failure: a month cannot be drawn; the others are.
        ConfigurationError: none can.
    """
    from minerecon_dagster.reports.publish import ENDING, publish_month

    hold_connections(context.instance)
    with beating(context.instance, context.run.run_id), warehouse.open() as opened:
        engine, store = opened.engine, archive.store()

        def make(month: str) -> None:
            tags = inputs.read_by_now(context.instance, _INPUTS)
            report = publish_month(engine, store, month, now)
            if report is None:
                _log.info("no day is stored of %s: no report", month)
                return
            _log.info("%s: %s %s", month, report.uri, report.states)
            if log_all or report.written:
                metadata = _metadata(report, f"{month}{ENDING}")
                context.log_event(
                    dg.AssetMaterialization(MONTHLY_REPORT, partition=month, metadata=metadata, tags=tags)
                )

        month_by_month(months, make)


@dg.asset(
    name="latest_report",
    deps=[asset_keys.DAILY, asset_keys.BITCOIN_DAILY, PRICE],
    description="The latest state in pictures: yesterday, the month and the year so far, what is wrong now with the "
    f"command that mends it, and the last 90 days. {_WHERE}",
    group_name="reports",
    owners=catalog.OWNERS,
    kinds={"html"},
)
def latest_report(warehouse: WarehouseResource, archive: ArchiveResource, clock: ClockResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Write the page of the latest state."""
    from minerecon_dagster.reports.publish import LATEST, publish_latest

    with warehouse.open() as opened:
        report = publish_latest(opened.engine, archive.store(), clock.now())
    _log.info("%s %s", report.uri, report.states)
    return dg.MaterializeResult(metadata=_metadata(report, f"{LATEST}.html"))


def _metadata(report: Any, name: str) -> dict[str, Any]:
    """What the UI shows of a report, its link first."""
    base = Settings.from_environ().reports_url
    metadata: dict[str, Any] = {links.OPEN: dg.MetadataValue.url(f"{base}/{name}") if base is not None else _NO_LINK}
    facts = report.facts
    as_of: dt.datetime | None = facts.as_of
    metadata |= {"file": links.to_file(report.uri), "state": report.states}
    if facts.stored:  # of nothing there is no figure, and 0 is one
        mwh, gbp = facts.total(lambda d: d.curtailed_mwh), facts.total(lambda d: d.payment_gbp)
        metadata |= {
            "curtailed_mwh": float(mwh),  # a number is plotted, and a text is exact
            "payment_gbp": float(gbp),
            "curtailed_mwh_exact": str(mwh),
            "payment_gbp_exact": str(gbp),
        }
    metadata |= {
        "days_stored": str(len(facts.stored)),
        # What is a number here is drawn by the UI, and says nothing as a line: so it is within a value.
        "counts": dg.MetadataValue.json({"days_stored": len(facts.stored)}),
        "bytes": len(report.body.encode()),
        "seconds": round(report.seconds, 3),
    }
    if as_of is not None:
        metadata["newest_day_built_at"] = as_of.isoformat(timespec="seconds")
    if facts.is_synthetic:
        metadata["synthetic"] = True
    return metadata
