"""The reports: a page of pictures per month, and one of the latest state."""

import datetime as dt
import logging
from collections.abc import Iterator
from typing import Any

import dagster as dg

from minerecon_dagster import asset_keys
from minerecon_dagster.asset_keys import MONTHLY_REPORT, PRICE
from minerecon_dagster.defs import automation, catalog, inputs, links
from minerecon_dagster.defs.months import month_by_month
from minerecon_dagster.defs.resources import ArchiveResource, ClockResource, WarehouseResource
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
        from minerecon_dagster.reports.publish import publish_month

        with warehouse.open() as opened:
            engine, store = opened.engine, archive.store()

            def make(month: str) -> None:
                tags = inputs.read_by_now(context.instance, _INPUTS)
                report = publish_month(engine, store, month, clock.now())
                if report is None:
                    _log.info("no day is stored of %s: no report", month)
                    return
                _log.info("%s: %s %s", month, report.uri, report.states)
                context.log_event(
                    dg.AssetMaterialization(
                        MONTHLY_REPORT, partition=month, metadata=_metadata(report, f"{month}.html"), tags=tags
                    )
                )

            month_by_month(context.partition_keys, make)
        yield from ()

    return monthly_report


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
    mwh, gbp = facts.total(lambda d: d.curtailed_mwh), facts.total(lambda d: d.payment_gbp)
    metadata |= {
        "file": links.to_file(report.uri),
        "state": report.states,
        "curtailed_mwh": float(mwh),  # a number is plotted, and a text is exact
        "payment_gbp": float(gbp),
        "curtailed_mwh_exact": str(mwh),
        "payment_gbp_exact": str(gbp),
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
