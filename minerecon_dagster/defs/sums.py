"""The assets of months and years, and the nightly sweep that finds what the update chain has lost.

A step sums all its partitions at once, in one transaction, and logs a materialization for each that
holds a day; a month without any stored day stays unmaterialized. What belongs to months and belongs to
their Bitcoin is always made together.
"""

import datetime as dt
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from sqlalchemy import Engine

from minerecon_dagster import asset_keys
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.exact import pounds
from minerecon_dagster.day.closing import stored_closed_days
from minerecon_dagster.defs import automation, catalog, inputs, links, remedies
from minerecon_dagster.defs.events import follow_decisions
from minerecon_dagster.defs.resources import ClockResource, WarehouseResource
from minerecon_dagster.sums.rollups import (
    TYPED_IN,
    RollUp,
    compare,
    look_at_sums,
    months_to_update,
    overall,
    record_sums,
    roll_up_months,
    roll_up_years,
    years_to_update,
)
from minerecon_dagster.warehouse.sums import Grain

_log = logging.getLogger(__name__)

SUMS: Mapping[Grain, dg.AssetKey] = {"month": asset_keys.MONTHLY, "year": asset_keys.YEARLY}
"""The asset of each grain's energy and money; the check of its sums is shown there."""
_BITCOIN: Mapping[Grain, dg.AssetKey] = {"month": asset_keys.BITCOIN_MONTHLY, "year": asset_keys.BITCOIN_YEARLY}


def build_months(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The monthly sums on the given partitions."""

    @dg.multi_asset(
        name="months",
        specs=automation.following_days(catalog.month_specs(partitions)),
        check_specs=_check_specs("month"),
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def months(context: dg.AssetExecutionContext, warehouse: WarehouseResource, clock: ClockResource) -> Iterator[Any]:
        with warehouse.open() as opened:
            _update(context, opened.engine, "month", context.partition_keys, clock.now())
            for checked in _checked(context, opened.engine, "month", context.partition_keys, clock.now()):
                yield _check_result("month", checked)

    return months


def build_years(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The yearly sums on the given partitions."""

    @dg.multi_asset(
        name="years",
        specs=automation.following_months(catalog.year_specs(partitions)),
        check_specs=_check_specs("year"),
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def years(context: dg.AssetExecutionContext, warehouse: WarehouseResource, clock: ClockResource) -> Iterator[Any]:
        with warehouse.open() as opened:
            _update(context, opened.engine, "year", context.partition_keys, clock.now())
            for checked in _checked(context, opened.engine, "year", context.partition_keys, clock.now()):
                yield _check_result("year", checked)

    return years


@dg.op
def sweep(context: dg.OpExecutionContext, warehouse: WarehouseResource, clock: ClockResource) -> None:
    """Check all sums, bring up to date those that are not, but those that wait for a failing day, and check again.

    What was wrong is on record before it is mended: a total that somebody typed in does not vanish unseen.
    """
    with warehouse.open() as opened:
        follow_decisions(context, opened.engine, clock.now())
        _look(context, opened.engine, clock.now())
        with opened.connection() as connection:
            months, years = months_to_update(connection), years_to_update(connection)
        _log.info("months to update: %s; years: %s", ", ".join(months) or "none", ", ".join(map(str, years)) or "none")
        _update(context, opened.engine, "month", months, clock.now())
        _update(context, opened.engine, "year", [str(year) for year in years], clock.now())
        if months or years:
            _look(context, opened.engine, clock.now())


def look_at_sums_of(
    context: dg.OpExecutionContext, engine: Engine, days: Collection[dt.date], now: dt.datetime, *, mend: bool
) -> dict[str, str]:
    """Look at all sums, and mend those of the months and years of ``days`` if that is asked for.

    Args:
        context: of the run, which logs an evaluation of each check.
        engine: the warehouse.
        days: settlement dates.
        now: the time of the look.
        mend: bring what is wrong up to date, and look again.

    Returns:
        What is wrong with the sums of ``days`` in the end, with the command that mends it, by month or year.
        Those that wait for a failing day are left out: the day is told by itself. So are those that were never made:
        the update chain makes them, and the sweep finds what it lost. What somebody typed in is never left out.
    """
    touched: dict[Grain, set[str]] = {"month": {f"{d:%Y-%m}" for d in days}, "year": {f"{d:%Y}" for d in days}}
    _look(context, engine, now, tell=False)
    with engine.connect() as connection:
        stale: dict[Grain, list[str]] = {
            "month": [key for key in months_to_update(connection) if key in touched["month"]],
            "year": [str(key) for key in years_to_update(connection) if str(key) in touched["year"]],
        }
    if mend and any(stale.values()):
        for grain, keys in stale.items():
            _update(context, engine, grain, keys, now)
        _look(context, engine, now, tell=False)
    with engine.connect() as connection:
        left = {
            x.key
            for grain in SUMS
            for x in compare(connection, grain)
            if x.problem == "missing" or (x.waits_for and x.problem != TYPED_IN)
        }
        return {
            key: "; ".join(str(r) for r in results if not r.passed)
            for grain in SUMS
            for key, results in look_at_sums(connection, grain, now).items()
            if key in touched[grain] - left and not all(r.passed for r in results)
        }


def _look(context: dg.OpExecutionContext, engine: Engine, now: dt.datetime, *, tell: bool = True) -> None:
    """Look at all sums, log an evaluation of each check, and a line of each that fails where that is asked for."""
    for grain in SUMS:
        for checked in _checked(context, engine, grain, None, now):
            if tell and not checked.passed:
                _log.error("%s", checked)
            check = _check_result(grain, checked)
            evaluation = dg.AssetCheckEvaluation(
                SUMS[grain], str(check.check_name), check.passed, check.metadata, severity=check.severity
            )
            # An op may log evaluations as an asset may; only the annotation of its method does not say so.
            context.log_event(evaluation)  # type: ignore[arg-type]


def _check_specs(grain: Grain) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            checked.name,
            asset=SUMS[grain],
            description=f"{checked.meaning} ({checked.severity}; it looks at all {grain}s)",
        )
        for checked in (c.SUMS_NOT_OLDER_THAN_PARTS, c.ROLLUP_MODEL_RATIOS)
    ]


def _update(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    engine: Engine,
    grain: Grain,
    keys: Sequence[str],
    now: dt.datetime,
) -> None:
    """Sum, and log a materialization of both assets for each partition that has a day, stored or closed by a person."""
    if not keys:
        return
    tags = {key: inputs.read_by_now(context.instance, catalog.PARTS[key]) for key in (SUMS[grain], _BITCOIN[grain])}
    made = roll_up_months(engine, keys, now) if grain == "month" else roll_up_years(engine, map(int, keys), now)
    for sums in made:
        coverage: dict[str, Any] = {
            "days": _days(sums),
            "is_complete": sums.is_complete,
        }
        if sums.is_synthetic:
            coverage["synthetic"] = True
        figures = {"curtailed_mwh": float(sums.curtailed_mwh), "payment_gbp": float(sums.payment_gbp)}
        bitcoin = {f"{model}_btc": float(btc) for model, btc in sums.mined_btc.items()}
        for key, metadata in ((SUMS[grain], figures), (_BITCOIN[grain], bitcoin)):
            context.log_event(
                dg.AssetMaterialization(
                    key,
                    partition=sums.key,
                    metadata=links.to_span(sums.key) | metadata | coverage | catalog.lineage_of(key),
                    tags=tags[key] | inputs.version_of((sums.curtailed_mwh, sums.payment_gbp, bitcoin, coverage)),
                )
            )
        _log.info("%s", _line(sums))
    if without := sorted(set(keys) - {sums.key for sums in made}):
        _log.info("no day is stored of %s: no sums", ", ".join(without))
        with engine.connect() as connection:
            closed = [day.isoformat() for day in stored_closed_days(connection)]
        for empty in without:
            # What was made of the sums before, exports and reports, has to follow that there are none.
            if count := sum(day.startswith(f"{empty}-") for day in closed):
                none: dict[str, Any] = {"days": f"0; {count} closed by a person", "is_complete": False}
                for asset, read in tags.items():
                    context.log_event(dg.AssetMaterialization(asset, partition=empty, metadata=none, tags=read))


def _checked(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    engine: Engine,
    grain: Grain,
    keys: Collection[str] | None,
    now: dt.datetime,
) -> list[Result]:
    """Look at all sums, record what was found of ``keys`` (None: of all) and what is new of the others."""
    with engine.begin() as connection:
        of_each = look_at_sums(connection, grain, now)
        record_sums(connection, grain, of_each, keys=keys, now=now, run_id=context.run.run_id)
    return overall(grain, of_each)


def _check_result(grain: Grain, result: Result) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=SUMS[grain],
        check_name=result.checked.name,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            remedies.PROBLEM: f"expected {result.expected}; found {result.actual}",
            **remedies.metadata(result.repair),
            "Wrong": result.violation_count,
            "sample": dg.MetadataValue.json(result.sample),
            "looked_at": result.looked_at,
        },
    )


def _days(sums: RollUp) -> str:
    """How many days a sum is of: a text, since a plot of it says nothing."""
    closed = f", {sums.days_unavailable} closed by a person" if sums.days_unavailable else ""
    return f"{sums.days_present} of {sums.days_expected}, {sums.days_final} final{closed}"


def _line(sums: RollUp) -> str:
    complete = "complete" if sums.is_complete else "not complete"
    return f"{sums.key}: {complete}, days: {_days(sums)}, {sums.curtailed_mwh:,.2f} MWh, {pounds(sums.payment_gbp)}"
