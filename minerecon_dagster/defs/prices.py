"""The daily price of Bitcoin, on the partitions of the settlement days.

A range is one step and few requests. It logs a materialization for each day that has a price; a day
without one, or not over yet, stays unmaterialized. The step fails only where the source did.
"""

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from minerecon_dagster.asset_keys import PRICE
from minerecon_dagster.core.answers import is_synthetic
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.core.checks import SAMPLE_SIZE, Result
from minerecon_dagster.core.repairs import Repair
from minerecon_dagster.core.spans import span_text
from minerecon_dagster.day.build import record_results
from minerecon_dagster.defs import catalog, inputs, remedies
from minerecon_dagster.defs.resources import ClockResource, PriceResource, WarehouseResource
from minerecon_dagster.instance import hold_connections
from minerecon_dagster.prices.store import PRICES_KNOWN, PriceReport, prices_known, refresh_prices
from minerecon_dagster.warehouse import tables

_log = logging.getLogger(__name__)


def build_prices(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset on the given daily partitions."""

    @dg.multi_asset(
        name="bitcoin_price",
        specs=[
            catalog.table_spec(
                PRICE,
                tables.bitcoin_price_gbp,
                group="bitcoin",
                partitions=partitions,
                kinds=frozenset({"api", "postgres"}),
                skippable=True,
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                PRICES_KNOWN.name, asset=PRICE, description=f"{PRICES_KNOWN.meaning} ({PRICES_KNOWN.severity})"
            )
        ],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def bitcoin_price(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, price: PriceResource, clock: ClockResource
    ) -> Iterator[Any]:
        hold_connections(context.instance)
        days = [dt.date.fromisoformat(key) for key in context.partition_keys]
        with warehouse.open() as opened:
            source = price.source()
            report = refresh_prices(opened.engine, source, days, clock.now())
            _log_days(context, report)
            _log.info("%s", _line(days, report, source.name))
            now = clock.now()
            with opened.transaction() as connection:
                checked = prices_known(connection, days, now)
                record_results(
                    connection, settlement_date(now), [checked], now=now, run_id=context.run.run_id, scope="all"
                )
        yield _evaluated(checked)

    return bitcoin_price


def _log_days(context: dg.AssetExecutionContext, report: PriceReport) -> None:
    new = set(report.new)
    for day, price in report.prices.items():
        metadata: dict[str, Any] = {
            "price_gbp": float(price.price_gbp),
            "stored": "new" if day in new else "changed" if day in report.changed else "unchanged",
            "source": price.url,
        }
        if day in report.changed:
            metadata["old_price_gbp"] = float(report.changed[day])
        if is_synthetic(price.url):
            metadata["synthetic"] = True
        tags = inputs.version_of(price.price_gbp)
        context.log_event(dg.AssetMaterialization(PRICE, partition=day.isoformat(), metadata=metadata, tags=tags))


def _line(days: Sequence[dt.date], report: PriceReport, source: str) -> str:
    unchanged = len(report.prices) - len(report.new) - len(report.changed)
    if any(is_synthetic(price.url) for price in report.prices.values()):
        source = "the bundled sample: SYNTHETIC"
    which = span_text(days[0], days[-1])
    text = (
        f"{which}: prices: {len(report.new)} new, {len(report.changed)} changed, {unchanged} unchanged; from {source}"
    )
    if report.without:
        text += f"; it has none of {_some(report.without)}"
    if report.not_over:
        text += f"; not over yet, and not asked for: {_some(report.not_over)}"
    return text


def _some(days: Sequence[dt.date]) -> str:
    more = len(days) - SAMPLE_SIZE
    return ", ".join(map(str, days[:SAMPLE_SIZE])) + (f" and {more} more" if more > 0 else "")


def _evaluated(checked: Result) -> dg.AssetCheckResult:
    if not checked.passed:
        _log.warning("%s", checked)
    return dg.AssetCheckResult(
        asset_key=PRICE,
        check_name=checked.checked.name,
        passed=checked.passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            remedies.PROBLEM: "none" if checked.passed else f"expected {checked.expected}; found {checked.actual}",
            **remedies.metadata(checked.repair if not checked.passed else Repair()),
            "days_without_a_price": checked.violation_count,
            "violations": dg.MetadataValue.json(list(checked.violations)),
            "looked_at": checked.looked_at,
        },
    )
