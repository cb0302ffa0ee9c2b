"""What a run tells Dagster about a settlement day: its materializations and the evaluations of its checks.

For any run that works on days, of the assets or of a job of ops. Events are logged one by one, as each day
ends: then each day has its own status, whatever becomes of the others.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as _Target,
)
from sqlalchemy import Engine

from minerecon_dagster.assets import catalog
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.core.checks import (
    DIFFICULTY_KNOWN,
    PERIODS_PRESENT,
    ROWS_OF_THE_RERUN,
    WIND_OUTPUT_ABOVE_ZERO,
    WIND_OUTPUT_KNOWN,
    Result,
)
from minerecon_dagster.core.repairs import all_of
from minerecon_dagster.core.statuses import UNAVAILABLE
from minerecon_dagster.decisions.days import read_day_decisions
from minerecon_dagster.decisions.unavailable import Unavailable
from minerecon_dagster.pipeline.closing import follow
from minerecon_dagster.pipeline.work import DayReport
from minerecon_dagster.settings import Settings

RunContext = dg.AssetExecutionContext | dg.OpExecutionContext

_MWH_DIGITS, _GBP_DIGITS, _BTC_DIGITS = 3, 2, 8


def periods_of(report: DayReport) -> str:
    """How many periods are there, which of those that are due are not, and which are of the first run still."""
    f = report.figures
    missing = [r.actual for r in report.results if r.checked in (PERIODS_PRESENT, ROWS_OF_THE_RERUN) and not r.passed]
    counted = f"{f.periods_present} of {f.periods_expected} periods"
    return f"{counted} ({'; '.join(missing)})" if missing else counted


def log_day(context: RunContext, report: DayReport) -> None:
    """Log a materialization for everything that was rebuilt, selected or not, and the day's checks."""
    f = report.figures
    whole = report.archive_uri is not None
    if whole:
        _materialize(
            context,
            catalog.PROGRESS,
            report,
            state=f.state,
            periods=periods_of(report),
            requests=report.request_count,
            retries=report.retry_count,
            fetch_seconds=round(report.fetch_seconds, 3),
            seconds=round(report.seconds, 3),
            archive_uri=report.archive_uri,
            new_archive_object=report.brought_something_new,
            duplicate_rows_dropped=report.duplicate_count,
        )
        _materialize_controls(context, report)
        _materialize(
            context,
            catalog.RECORDS,
            report,
            rows=f.record_count,
            so_flagged_rows=f.so_record_count,
            all_bids_mwh=_rounded(f.all_bids_mwh, _MWH_DIGITS),
            all_bids_payment_gbp=_rounded(f.all_bids_payment_gbp, _GBP_DIGITS),
            uncounted_units_mwh={u: _rounded(mwh, _MWH_DIGITS) for u, mwh in report.uncounted_mwh.items()},
        )
        _materialize(context, catalog.WIND, report, **_wind_output(report))
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
    log_checks(context, report.day, report.results)


def log_closed(context: RunContext, days: Iterable[tuple[date, Unavailable]]) -> None:
    """Log of days that a person has closed that nothing of them is to be had: their months and years follow that.

    No check is evaluated of such a day: there is nothing to look at.
    """
    for day, entry in days:
        for key in catalog.SETTLEMENT_DAY:
            metadata = {"state": UNAVAILABLE, "reason": entry.reason, "accepted_by": entry.accepted_by}
            context.log_event(dg.AssetMaterialization(key, partition=day.isoformat(), metadata=metadata))


def follow_decisions(context: RunContext, engine: Engine, now: datetime) -> None:
    """Let the warehouse follow what people have decided of days, and log what changed.

    Raises:
        ConfigurationError: the file of decisions is wrong.
    """
    decisions = read_day_decisions(Settings.from_environ().waivers_file, today=settlement_date(now))
    log_closed(context, follow(engine, decisions.closed, now=now).closed)


def _rounded(exact: Decimal, digits: int) -> float:
    """A figure to be read and plotted; the exact one is in the table."""
    return float(round(exact, digits))


def _materialize(context: RunContext, key: dg.AssetKey, report: DayReport, **metadata: Any) -> None:
    if report.figures.is_synthetic:
        metadata["synthetic"] = True
    metadata |= catalog.lineage_of(key)
    context.log_event(dg.AssetMaterialization(key, partition=report.day.isoformat(), metadata=metadata))


def _materialize_controls(context: RunContext, report: DayReport) -> None:
    """Log the control totals with their sums by side, and why a side is missing.

    One of which neither side is known is logged too: it is optional, and a backfill is told as failed for every
    asset of a day that has no materialization.
    """
    for key, figures, unit, digits in (
        (catalog.BOAV, report.boav, "mwh", _MWH_DIGITS),
        (catalog.EBOCF, report.ebocf, "gbp", _GBP_DIGITS),
    ):
        if figures is None:
            _materialize(context, key, report, missing="it was not looked at")
            continue
        missing = {f"{side}_missing": why for side, why in figures.missing.items()}
        if figures.fetched_at is None:
            _materialize(context, key, report, missing="; ".join(map(str, figures.missing.values())), **missing)
            continue
        sums = {f"{side}_{unit}": _rounded(total, digits) for side, total in figures.totals.items()}
        fetched_at = dg.MetadataValue.timestamp(figures.fetched_at)
        _materialize(context, key, report, units=figures.unit_count, **sums, fetched_at=fetched_at, **missing)


def _wind_output(report: DayReport) -> dict[str, Any]:
    """The day's wind output, or why it is missing."""
    mwh = report.figures.wind_generation_mwh
    if mwh is not None:
        return {"wind_generation_mwh": _rounded(mwh, _MWH_DIGITS)}
    of_it = [r for r in report.results if r.checked in (WIND_OUTPUT_KNOWN, WIND_OUTPUT_ABOVE_ZERO)]
    why = "; ".join(r.actual for r in of_it if not r.passed) or "not known of every period yet"
    return {"wind_generation_mwh": None, "missing": why}


def _target(context: RunContext, key: dg.AssetKey, day: date) -> _Target | None:
    """The day's latest materialization: Dagster ignores an evaluation that is not of that one.

    None where there is none: of a day that was never stored an evaluation counts by itself.
    """
    latest = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=key, asset_partitions=[day.isoformat()]), limit=1
    ).records
    if not latest:
        return None
    return _Target(storage_id=latest[0].storage_id, run_id=latest[0].run_id, timestamp=latest[0].timestamp)


def log_checks(context: RunContext, day: date, results: Sequence[Result]) -> None:
    """Log an evaluation for each family that has a result.

    A family fails if one of its properties has not passed, waived or not. It fails at ERROR only if one does
    that stops the day from being published.
    """
    by_family = sorted(results, key=lambda r: r.checked.family)
    targets = {key: _target(context, key, day) for key in {catalog.CHECKED_ASSET[r.checked.family] for r in results}}
    for family, group in groupby(by_family, key=lambda r: r.checked.family):
        of_family = list(group)
        passed, severe = all(r.passed for r in of_family), any(r.blocks for r in of_family)
        metadata = check_metadata(of_family)
        evaluation = dg.AssetCheckEvaluation(
            asset_key=catalog.CHECKED_ASSET[family],
            check_name=family,
            passed=passed,
            severity=dg.AssetCheckSeverity.ERROR if passed or severe else dg.AssetCheckSeverity.WARN,
            blocking=passed or severe,
            partition=day.isoformat(),
            target_materialization_data=targets[catalog.CHECKED_ASSET[family]],
            metadata=metadata,
            description=metadata["problem"],
        )
        # An op may log evaluations as an asset may; only the annotation of its method does not say so.
        context.log_event(evaluation)  # type: ignore[arg-type]


def check_metadata(results: Sequence[Result]) -> dict[str, Any]:
    """What whoever is woken by a family reads, in this order: the problem, the repair, each property, the violators."""
    failed = sorted((r for r in results if not r.passed), key=lambda r: (r.is_waived, r.checked.severity))
    repair = all_of(r.repair for r in failed if not r.is_waived)
    metadata: dict[str, Any] = {
        "problem": _problem(failed, len(results)),
        "repair": str(repair or "nothing to repair"),
        "wrong": sum(r.violation_count for r in failed if not r.is_waived),
    }
    for r in results:
        metadata[r.checked.name] = (
            f"{_word(r)}: expected {r.expected}; found {r.actual}; looked at {r.looked_at:,}; {r.checked.meaning}"
        )
    for r in failed:
        if r.violations:
            metadata[f"{r.checked.name}_violations"] = dg.MetadataValue.json(r.sample)
    return metadata


def _problem(failed: Sequence[Result], count: int) -> str:
    """One sentence: what is wrong, and how many of how many."""
    if not failed:
        return f"none: {count} of {count} properties hold"
    if len(failed) == 1:
        (r,) = failed
        return f"{_failure(r)}: expected {r.expected}, found {r.actual}"
    return f"{len(failed)} of {count} properties do not hold: " + "; ".join(map(_failure, failed))


def _failure(r: Result) -> str:
    name = f"{r.checked.name} ({r.checked.severity})"
    found = f"{r.violation_count:,} of {r.looked_at:,} wrong" if r.looked_at else "nothing was looked at"
    return f"{name} {_word(r)}, {found}" if r.is_waived else f"{name}, {found}"


def _word(r: Result) -> str:
    if r.is_waived:
        return f"WAIVED until {r.waived_until}: {r.waiver}"
    return "passed" if r.passed else f"FAILED ({r.checked.severity})"
