"""The assets of a settlement day: one subsettable step that takes its days one by one.

One step, because days are isolated from each other only within a step; and because a day's records,
calculations and sums become visible in one transaction, whatever part of them was asked for. Each
finished day logs its own materializations and check evaluations; the step fails at its end, naming
the days that are not done.
"""

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby
from typing import Any

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from minerecon_dagster.assets import catalog
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.errors import ConfigurationError, MinereconError
from minerecon_dagster.core.periods import parse_periods
from minerecon_dagster.pipeline.build import ChecksFailedError
from minerecon_dagster.pipeline.work import MODEL_NAMES, DayReport, Worker
from minerecon_dagster.resources.dagster_resources import (
    ArchiveResource,
    ClockResource,
    DifficultyResource,
    ElexonResource,
    WarehouseResource,
)
from minerecon_dagster.settings import Settings

_log = logging.getLogger(__name__)

DAYS_PER_RUN = 31
"""A backfill from the UI is cut into runs of at most so many days: a run's start costs more than a day's work."""


class SettlementDayConfig(dg.Config):
    """How a run treats its days."""

    force: bool = False
    """Ask Elexon again, even for days that the archive holds final."""
    from_archive: bool = False
    """Ask Elexon for nothing: rebuild from the newest archived answers."""
    periods: str = ""
    """Ask for these settlement periods only, as in 44-48 or 1,12,24; the other answers are carried over."""


def build_settlement_day(partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The multi-asset on the given daily partitions."""

    @dg.multi_asset(
        name="settlement_day",
        specs=catalog.settlement_day_specs(partitions),
        check_specs=catalog.check_specs(partitions),
        can_subset=True,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(DAYS_PER_RUN),
    )
    def settlement_day(
        context: dg.AssetExecutionContext,
        config: SettlementDayConfig,
        warehouse: WarehouseResource,
        elexon: ElexonResource,
        archive: ArchiveResource,
        difficulty: DifficultyResource,
        clock: ClockResource,
    ) -> Iterator[Any]:
        days = [dt.date.fromisoformat(key) for key in context.partition_keys]
        selected = context.selected_asset_keys
        fetch = catalog.PROGRESS in selected and not config.from_archive
        worker = Worker(
            engine=warehouse.engine(),
            archive=archive.archive(),
            difficulty=difficulty.table(),
            open_client=elexon.client,
            source_url=elexon.base_url(),
            sides=Settings.from_environ().elexon_stack_sides,
            now=clock.now,
            run_id=context.run.run_id,
        )
        not_done: dict[str, str] = {}
        try:
            periods = parse_periods(config.periods)
            worker.prepare(days, from_archive=not fetch)
            for number, day in enumerate(days, 1):
                try:
                    if selected & {catalog.PROGRESS, catalog.RECORDS, catalog.DAILY}:
                        report = worker.ingest(day, fetch=fetch, force=config.force, periods=periods)
                    else:
                        report = worker.recalculate(day, _models(selected))
                except ConfigurationError:
                    raise
                except (MinereconError, SQLAlchemyError) as error:
                    # One day's failure is its own: it is reported, the others go on, and the step fails at its end.
                    why = _one_line(error)
                    not_done[day.isoformat()] = why if str(day) in why else f"{day}: {why}"
                    _log.error("not done: %s", not_done[day.isoformat()])
                    if isinstance(error, ChecksFailedError):
                        _log_checks(context, day, error.results)
                    continue
                _log_day(context, report)
                _log.info("%s [%d of %d]", _line(report), number, len(days))
        finally:
            worker.close()
        if not_done:
            raise dg.Failure(
                f"{len(not_done)} of {len(days)} days not done: " + "; ".join(not_done.values()),
                metadata={"days_not_done": dg.MetadataValue.json(not_done)},
                allow_retries=False,
            )
        yield from ()

    return settlement_day


def _models(selected: AbstractSet[dg.AssetKey]) -> Sequence[str]:
    if selected & {catalog.DIFFICULTY, catalog.BITCOIN_DAILY}:
        return MODEL_NAMES
    return [model for key, model in catalog.CALCULATIONS.items() if key in selected]


def _one_line(error: Exception) -> str:
    text = str(getattr(error, "orig", None) or error).strip()
    return " ".join(text.split())


def _line(report: DayReport) -> str:
    f = report.figures
    retries = f" ({report.retry_count} retries)" if report.retry_count else ""
    return (
        f"{report.day}: {f.state}, {f.periods_present} of {f.periods_expected} periods, {f.record_count} records, "
        f"{f.curtailed_mwh:,.2f} MWh, £{f.payment_gbp:,.2f}, {report.request_count} requests{retries}, "
        f"{report.seconds:.2f} s"
    )


def _log_day(context: dg.AssetExecutionContext, report: DayReport) -> None:
    """Log a materialization for everything that was rebuilt, selected or not, and the day's checks."""
    f = report.figures
    whole = report.archive_uri is not None
    if whole:
        _materialize(
            context,
            catalog.PROGRESS,
            report,
            state=f.state,
            periods=f"{f.periods_present} of {f.periods_expected}",
            requests=report.request_count,
            retries=report.retry_count,
            fetch_seconds=report.fetch_seconds,
            seconds=report.seconds,
            archive_uri=report.archive_uri,
            new_archive_object=report.brought_something_new,
            duplicate_rows_dropped=report.duplicate_count,
        )
        _materialize(
            context,
            catalog.RECORDS,
            report,
            rows=f.record_count,
            so_flagged_rows=f.so_record_count,
            all_bids_mwh=float(f.all_bids_mwh),
            all_bids_payment_gbp=float(f.all_bids_payment_gbp),
            unmapped_wind_like_units={unit: str(mwh) for unit, mwh in report.unmapped_mwh.items()},
        )
    _materialize(context, catalog.DIFFICULTY, report)
    for key, model in catalog.CALCULATIONS.items():
        if model in report.models:
            _materialize(context, key, report, mined_btc=float(f.mined_btc[model]))
    if whole:
        _materialize(
            context,
            catalog.DAILY,
            report,
            curtailed_mwh=float(f.curtailed_mwh),
            payment_gbp=float(f.payment_gbp),
            state=f.state,
        )
    _materialize(context, catalog.BITCOIN_DAILY, report, **{f"{m}_btc": float(b) for m, b in f.mined_btc.items()})
    _log_checks(context, report.day, report.results)


def _materialize(context: dg.AssetExecutionContext, key: dg.AssetKey, report: DayReport, **metadata: Any) -> None:
    if report.figures.is_synthetic:
        metadata["synthetic"] = True
    context.log_event(dg.AssetMaterialization(key, partition=report.day.isoformat(), metadata=metadata))


def _log_checks(context: dg.AssetExecutionContext, day: dt.date, results: Sequence[Result]) -> None:
    by_family = sorted(results, key=lambda r: r.checked.family)
    for family, group in groupby(by_family, key=lambda r: r.checked.family):
        of_family = list(group)
        failed = [r for r in of_family if not r.passed]
        severe = any(r.checked.severity == "ERROR" for r in failed) or not failed
        metadata: dict[str, Any] = {"violations": sum(r.violation_count for r in of_family)}
        for r in of_family:
            word = "passed" if r.passed else "FAILED"
            metadata[r.checked.name] = f"{word}: expected {r.expected}; found {r.actual}; looked at {r.looked_at}"
            if r.violations:
                metadata[f"{r.checked.name}_violations"] = dg.MetadataValue.json(list(r.violations))
        metadata["repair"] = "; ".join(dict.fromkeys(r.repair for r in failed or of_family))
        context.log_event(
            dg.AssetCheckEvaluation(
                asset_key=catalog.CHECKED_ASSET[family],
                check_name=family,
                passed=not failed,
                severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
                blocking=severe,
                partition=day.isoformat(),
                metadata=metadata,
            )
        )
