"""The assets of months and years, and the nightly sweep that finds what the update chain has lost.

A step sums all its partitions at once, in one transaction, and logs a materialization for each that
holds a day; a month without any stored day stays unmaterialized. What belongs to months and belongs to
their Bitcoin is always made together.
"""

import datetime as dt
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from sqlalchemy import Engine

from minerecon_dagster import automation
from minerecon_dagster.assets import catalog
from minerecon_dagster.core import checks as c
from minerecon_dagster.pipeline.rollups import (
    Grain,
    RollUp,
    months_to_update,
    roll_up_months,
    roll_up_years,
    sums_not_older_than_parts,
    years_to_update,
)
from minerecon_dagster.resources.dagster_resources import ClockResource, WarehouseResource

_log = logging.getLogger(__name__)

SUMS: Mapping[Grain, dg.AssetKey] = {"month": catalog.MONTHLY, "year": catalog.YEARLY}
"""The asset of each grain's energy and money; the check of its sums is shown there."""
_BITCOIN: Mapping[Grain, dg.AssetKey] = {"month": catalog.BITCOIN_MONTHLY, "year": catalog.BITCOIN_YEARLY}


def build_months(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The monthly sums on the given partitions."""

    @dg.multi_asset(
        name="months",
        specs=automation.following_days(catalog.month_specs(partitions)),
        check_specs=[_check_spec("month")],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def months(context: dg.AssetExecutionContext, warehouse: WarehouseResource, clock: ClockResource) -> Iterator[Any]:
        engine = warehouse.engine()
        try:
            _update(context, engine, "month", context.partition_keys, clock.now())
            yield _checked(engine, "month", clock.now())
        finally:
            engine.dispose()

    return months


def build_years(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The yearly sums on the given partitions."""

    @dg.multi_asset(
        name="years",
        specs=automation.following_months(catalog.year_specs(partitions)),
        check_specs=[_check_spec("year")],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def years(context: dg.AssetExecutionContext, warehouse: WarehouseResource, clock: ClockResource) -> Iterator[Any]:
        engine = warehouse.engine()
        try:
            _update(context, engine, "year", context.partition_keys, clock.now())
            yield _checked(engine, "year", clock.now())
        finally:
            engine.dispose()

    return years


@dg.op
def sweep(context: dg.OpExecutionContext, warehouse: WarehouseResource, clock: ClockResource) -> None:
    """Bring every sum up to date that is not, but those that wait for a failing day; then check them all."""
    engine = warehouse.engine()
    try:
        with engine.connect() as connection:
            months, years = months_to_update(connection), years_to_update(connection)
        _log.info("months to update: %s; years: %s", ", ".join(months) or "none", ", ".join(map(str, years)) or "none")
        _update(context, engine, "month", months, clock.now())
        _update(context, engine, "year", [str(year) for year in years], clock.now())
        for grain in SUMS:
            check = _checked(engine, grain, clock.now())
            evaluation = dg.AssetCheckEvaluation(
                SUMS[grain], str(check.check_name), check.passed, check.metadata, severity=check.severity
            )
            # An op may log evaluations as an asset may; only the annotation of its method does not say so.
            context.log_event(evaluation)  # type: ignore[arg-type]
    finally:
        engine.dispose()


def _check_spec(grain: Grain) -> dg.AssetCheckSpec:
    checked = c.SUMS_NOT_OLDER_THAN_PARTS
    return dg.AssetCheckSpec(
        checked.name, asset=SUMS[grain], description=f"{checked.meaning} ({checked.severity}; it looks at all {grain}s)"
    )


def _update(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    engine: Engine,
    grain: Grain,
    keys: Sequence[str],
    now: dt.datetime,
) -> None:
    """Sum, and log a materialization of both assets for each partition that has a day."""
    if not keys:
        return
    made = roll_up_months(engine, keys, now) if grain == "month" else roll_up_years(engine, map(int, keys), now)
    for sums in made:
        coverage: dict[str, Any] = {
            "days_present": sums.days_present,
            "days_expected": sums.days_expected,
            "days_final": sums.days_final,
            "is_complete": sums.is_complete,
        }
        if sums.is_synthetic:
            coverage["synthetic"] = True
        figures = {"curtailed_mwh": float(sums.curtailed_mwh), "payment_gbp": float(sums.payment_gbp)}
        bitcoin = {f"{model}_btc": float(btc) for model, btc in sums.mined_btc.items()}
        for key, metadata in ((SUMS[grain], figures), (_BITCOIN[grain], bitcoin)):
            context.log_event(dg.AssetMaterialization(key, partition=sums.key, metadata=metadata | coverage))
        _log.info("%s", _line(sums))
    if without := sorted(set(keys) - {sums.key for sums in made}):
        _log.info("no day is stored of %s: no sums", ", ".join(without))


def _checked(engine: Engine, grain: Grain, now: dt.datetime) -> dg.AssetCheckResult:
    with engine.connect() as connection:
        result = sums_not_older_than_parts(connection, grain, now)
    if not result.passed:
        _log.error("%s", result)
    return dg.AssetCheckResult(
        asset_key=SUMS[grain],
        check_name=result.checked.name,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "stale": result.violation_count,
            "violations": dg.MetadataValue.json(list(result.violations)),
            "looked_at": result.looked_at,
            "repair": result.repair,
        },
    )


def _line(sums: RollUp) -> str:
    complete = "complete" if sums.is_complete else "not complete"
    return (
        f"{sums.key}: {complete}, {sums.days_present} of {sums.days_expected} days, {sums.days_final} final, "
        f"{sums.curtailed_mwh:,.2f} MWh, £{sums.payment_gbp:,.2f}"
    )
