"""The assets of a settlement day: one subsettable step that takes its days one by one.

One step, because days are isolated from each other only within a step; and because a day's records,
calculations and sums become visible in one transaction, whatever part of them was asked for. Each
finished day logs its own materializations and check evaluations; the step fails at its end, naming
the days that are not done.
"""

import datetime as dt
import logging
import time
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as _Target,
)

from minerecon_dagster.assets import catalog
from minerecon_dagster.core.checks import DIFFICULTY_KNOWN, PERIODS_PRESENT, PROPERTIES, Result, result
from minerecon_dagster.core.periods import parse_periods
from minerecon_dagster.instance import hold_connections
from minerecon_dagster.pipeline.build import ChecksFailedError
from minerecon_dagster.pipeline.fetch import FetchFailedError
from minerecon_dagster.pipeline.work import MODEL_NAMES, DayReport, Worker
from minerecon_dagster.resources.dagster_resources import (
    ArchiveResource,
    ClockResource,
    DifficultyResource,
    ElexonResource,
    WarehouseResource,
)
from minerecon_dagster.settings import Settings

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.resources.elexon import ClientStats

_log = logging.getLogger(__name__)

_MWH_DIGITS, _GBP_DIGITS, _BTC_DIGITS = 3, 2, 8

_CHECKS_OF_A_RECALCULATION = frozenset({"calculation", "conservation"})
"""The families that are evaluated where a day's records stay as they are."""
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
        hold_connections(context.instance)
        context.log.addFilter(_is_news)
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
        started = time.perf_counter()
        try:
            periods = parse_periods(config.periods)
            worker.prepare(days, from_archive=not fetch)
            _tell_of_register(context)
            ingests = bool(selected & {catalog.PROGRESS, catalog.RECORDS, catalog.WIND, catalog.DAILY})
            work = (
                worker.ingest(days, fetch=fetch, force=config.force, periods=periods)
                if ingests
                else worker.recalculate(days, _models(selected))
            )
            for number, (day, outcome) in enumerate(work, 1):
                progress = {"days_done": number, "days_total": len(days)}
                if isinstance(outcome, DayReport):
                    _log_day(context, outcome)
                    _log.info("%s [%d of %d]", _line(outcome), number, len(days), extra=progress)
                    continue
                why = _one_line(outcome)
                not_done[day.isoformat()] = why if str(day) in why else f"{day}: {why}"
                _log.error("not done: %s", not_done[day.isoformat()], extra=progress)
                results = outcome.results if isinstance(outcome, ChecksFailedError | FetchFailedError) else ()
                _log_checks(context, day, [*results, *_not_run(day, results, not_done[day.isoformat()], ingests)])
            traffic, seconds = worker.traffic(), time.perf_counter() - started
            if len(days) > 1 or traffic is not None:
                _log.info("%s", _summary(len(days), len(not_done), traffic, seconds))
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


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of the run's log says something: Dagster misses outputs for checks that are logged day by day."""
    return "did not yield or return expected outputs" not in record.getMessage()


def _tell_of_register(context: dg.AssetExecutionContext) -> None:
    """Let Dagster know of a register that the first day brought, or it warns that the days' input is missing."""
    if context.instance.get_latest_materialization_event(catalog.BM_UNITS) is None:
        context.log_event(dg.AssetMaterialization(catalog.BM_UNITS, description="In the warehouse, and used by a day."))


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
        f"{report.day}: {f.state}, {_periods(report)}, {f.record_count} records, "
        f"{f.curtailed_mwh:,.2f} MWh, £{f.payment_gbp:,.2f}, {report.request_count} requests{retries}, "
        f"{report.seconds:.2f} s"
    )


def _periods(report: DayReport) -> str:
    """How many periods are there, and which of those that are due are not."""
    f = report.figures
    missing = [r.actual for r in report.results if r.checked == PERIODS_PRESENT and not r.passed]
    counted = f"{f.periods_present} of {f.periods_expected} periods"
    return f"{counted} ({'; '.join(missing)})" if missing else counted


def _summary(days: int, not_done: int, traffic: "ClientStats | None", seconds: float) -> str:
    text = f"{days - not_done} of {days} days done in {seconds:.1f} s"
    if traffic is None:
        return text
    waiting = traffic.limit_wait_s / ((traffic.limit_wait_s + traffic.request_s) or 1)
    return (
        f"{text}: {traffic.requests:,} requests, {traffic.requests / seconds:.1f} a second, {traffic.retries} retries; "
        f"{waiting:.0%} of the time waiting for the rate limit"
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
            periods=_periods(report),
            requests=report.request_count,
            retries=report.retry_count,
            fetch_seconds=round(report.fetch_seconds, 3),
            seconds=round(report.seconds, 3),
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
            all_bids_mwh=_rounded(f.all_bids_mwh, _MWH_DIGITS),
            all_bids_payment_gbp=_rounded(f.all_bids_payment_gbp, _GBP_DIGITS),
            unmapped_wind_like_units_mwh={u: _rounded(mwh, _MWH_DIGITS) for u, mwh in report.unmapped_mwh.items()},
        )
        wind_mwh = None if f.wind_generation_mwh is None else _rounded(f.wind_generation_mwh, _MWH_DIGITS)
        _materialize(context, catalog.WIND, report, wind_generation_mwh=wind_mwh)
    difficulty = next((r.actual for r in report.results if r.checked is DIFFICULTY_KNOWN), None)
    _materialize(context, catalog.DIFFICULTY, report, difficulty=difficulty)
    for key, model in catalog.CALCULATIONS.items():
        if model in report.models:
            _materialize(context, key, report, mined_btc=_rounded(f.mined_btc[model], _BTC_DIGITS))
    if whole:
        _materialize(
            context,
            catalog.DAILY,
            report,
            curtailed_mwh=_rounded(f.curtailed_mwh, _MWH_DIGITS),
            payment_gbp=_rounded(f.payment_gbp, _GBP_DIGITS),
            state=f.state,
        )
    bitcoin = {f"{model}_btc": _rounded(btc, _BTC_DIGITS) for model, btc in f.mined_btc.items()}
    _materialize(context, catalog.BITCOIN_DAILY, report, **bitcoin)
    _log_checks(context, report.day, report.results)


def _rounded(exact: Decimal, digits: int) -> float:
    """A figure to be read and plotted; the exact one is in the table."""
    return float(round(exact, digits))


def _materialize(context: dg.AssetExecutionContext, key: dg.AssetKey, report: DayReport, **metadata: Any) -> None:
    if report.figures.is_synthetic:
        metadata["synthetic"] = True
    context.log_event(dg.AssetMaterialization(key, partition=report.day.isoformat(), metadata=metadata))


def _not_run(day: dt.date, results: Sequence[Result], why: str, ingests: bool) -> list[Result]:
    """A failed result for each blocking check that a day did not come to: a check that could not run has failed."""
    ran = {r.checked.family for r in results}
    return [
        result(p, looked_at=0, expected="a check of the day", actual=why, repair=f"minerecon reingest {day}")
        for p in {p.family: p for p in PROPERTIES if p.severity == "ERROR"}.values()
        if p.family not in ran and (ingests or p.family in _CHECKS_OF_A_RECALCULATION)
    ]


def _target(context: dg.AssetExecutionContext, key: dg.AssetKey, day: dt.date) -> _Target | None:
    """The day's latest materialization: Dagster ignores an evaluation that is not of that one.

    None where there is none: of a day that was never stored an evaluation counts by itself.
    """
    latest = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=key, asset_partitions=[day.isoformat()]), limit=1
    ).records
    if not latest:
        return None
    return _Target(storage_id=latest[0].storage_id, run_id=latest[0].run_id, timestamp=latest[0].timestamp)


def _log_checks(context: dg.AssetExecutionContext, day: dt.date, results: Sequence[Result]) -> None:
    by_family = sorted(results, key=lambda r: r.checked.family)
    targets = {key: _target(context, key, day) for key in {catalog.CHECKED_ASSET[r.checked.family] for r in results}}
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
        if failed:
            metadata["repair"] = "; ".join(dict.fromkeys(r.repair for r in failed))
        context.log_event(
            dg.AssetCheckEvaluation(
                asset_key=catalog.CHECKED_ASSET[family],
                check_name=family,
                passed=not failed,
                severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
                blocking=severe,
                partition=day.isoformat(),
                target_materialization_data=targets[catalog.CHECKED_ASSET[family]],
                metadata=metadata,
            )
        )
