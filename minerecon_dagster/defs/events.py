"""What a run tells Dagster about a settlement day: its materializations and the evaluations of its checks.

For any run that works on days, of the assets or of a job of ops. A day's events are logged as it ends, and stored
together: then each day has its own status, whatever becomes of the others.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as _Target,
)
from sqlalchemy import Engine

from minerecon_dagster import asset_keys
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.core.checks import (
    DIFFICULTY_KNOWN,
    PERIODS_PRESENT,
    ROWS_OF_THE_RERUN,
    Result,
)
from minerecon_dagster.core.exact import pounds
from minerecon_dagster.core.repairs import LOAD_DIFFICULTY, of_day
from minerecon_dagster.core.statuses import UNAVAILABLE
from minerecon_dagster.day.closing import follow
from minerecon_dagster.day.decisions import read_day_decisions
from minerecon_dagster.day.later import LaterReport
from minerecon_dagster.day.worker import DayReport
from minerecon_dagster.decisions.unavailable import Unavailable
from minerecon_dagster.defs import catalog, inputs, links, remedies
from minerecon_dagster.elexon.datasets import later
from minerecon_dagster.elexon.datasets.base import GBP_DIGITS, MWH_DIGITS, rounded
from minerecon_dagster.instance import storing_together
from minerecon_dagster.settings import Settings

RunContext = dg.AssetExecutionContext | dg.OpExecutionContext

_BTC_DIGITS = 8
_OF_THE_BUILDING = {"archive_uri", "built_from", "built_at"}
"""What is no figure of a day: it differs between two times that the same was built."""
_SAID = "Day"
"""The entry that says a day's figures with their basis and units."""


def periods_of(report: DayReport) -> str:
    """How many periods are there, which of those that are due are not, and which are of the first run still."""
    f = report.figures
    missing = [r.actual for r in report.results if r.checked in (PERIODS_PRESENT, ROWS_OF_THE_RERUN) and not r.passed]
    counted = f"{f.periods_present} of {f.periods_expected} periods"
    return f"{counted} ({'; '.join(missing)})" if missing else counted


def log_day(context: RunContext, report: DayReport, say: Callable[[], None] = lambda: None) -> None:
    """Log a materialization for everything that was rebuilt, selected or not, and the day's checks.

    Args:
        context: the run.
        report: the day.
        say: writes the day's line into the run's log, which is stored with the checks.
    """
    with storing_together(context.instance) as made:
        _log_made(context, report)
    log_checks(context, report.day, report.results, made=made, say=say)


def _log_made(context: RunContext, report: DayReport) -> None:
    f = report.figures
    whole = report.archive_uri is not None
    if whole:
        _materialize(
            context,
            asset_keys.PROGRESS,
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
        for name, key in asset_keys.OF_DATASETS.items():
            # One of which nothing is known is logged too: a backfill is told as failed for every asset of a day that
            # has no materialization.
            said = {k: _shown(value) for k, value in report.of_datasets[name].items()}
            _materialize(context, key, report, **said)
    difficulty = next((r.actual for r in report.results if r.checked is DIFFICULTY_KNOWN), None)
    _materialize(context, asset_keys.DIFFICULTY, report, difficulty=difficulty)
    for key, model in asset_keys.CALCULATIONS.items():
        if model in report.models:
            _materialize(context, key, report, mined_btc=rounded(f.mined_btc[model], _BTC_DIGITS))
    if whole:
        _materialize(
            context,
            asset_keys.DAILY,
            report,
            **{_SAID: _said(report)},
            curtailed_mwh=rounded(f.curtailed_mwh, MWH_DIGITS),
            payment_gbp=rounded(f.payment_gbp, GBP_DIGITS),
            all_bids_mwh=rounded(f.all_bids_mwh, MWH_DIGITS),
            all_bids_payment_gbp=rounded(f.all_bids_payment_gbp, GBP_DIGITS),
            state=f.state,
        )
    bitcoin = {f"{model}_btc": rounded(btc, _BTC_DIGITS) for model, btc in f.mined_btc.items()}
    _materialize(context, asset_keys.BITCOIN_DAILY, report, **bitcoin)


def _said(report: DayReport) -> str:
    f = report.figures
    return (
        f"{f.curtailed_mwh:,.2f} MWh turned down for the system (SO-flagged, the headline), "
        f"{pounds(f.payment_gbp)} net; "
        f"of all accepted bids {f.all_bids_mwh:,.2f} MWh, {pounds(f.all_bids_payment_gbp)} net"
    )


def log_later(context: RunContext, report: LaterReport) -> None:
    """Log what became of a dataset that comes later: that it is not there is said too, and is no failure of the day."""
    metadata = {k: _shown(value) for k, value in report.metadata.items()}
    key = asset_keys.key_of(report.dataset)
    with storing_together(context.instance) as made:
        context.log_event(dg.AssetMaterialization(key, partition=report.day.isoformat(), metadata=metadata))
    log_checks(context, report.day, report.results, made=made)


def log_closed(context: RunContext, days: Iterable[tuple[date, Unavailable]]) -> None:
    """Log of days that a person has closed that nothing of them is to be had: their months and years follow that.

    No check is evaluated of such a day: there is nothing to look at.
    """
    for day, entry in days:
        for key in (*asset_keys.SETTLEMENT_DAY, *(asset_keys.key_of(dataset) for dataset in later())):
            metadata = {"state": UNAVAILABLE, "reason": entry.reason, "accepted_by": entry.accepted_by}
            context.log_event(dg.AssetMaterialization(key, partition=day.isoformat(), metadata=metadata))


def log_awaited(context: RunContext, day: date, why: str) -> None:
    """Log of the day in progress that it waits for its difficulty: a warning, since nothing of it is due yet."""
    key, family = catalog.CHECKED_ASSET[DIFFICULTY_KNOWN.family], DIFFICULTY_KNOWN.family
    evaluation = dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=family,
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        blocking=False,
        partition=day.isoformat(),
        target_materialization_data=_target(context, key, day),
        metadata={remedies.PROBLEM: why} | remedies.metadata(LOAD_DIFFICULTY),
        description=why,
    )
    # An op may log evaluations as an asset may; only the annotation of its method does not say so.
    context.log_event(evaluation)  # type: ignore[arg-type]


def follow_decisions(context: RunContext, engine: Engine, now: datetime) -> None:
    """Let the warehouse follow what people have decided of days, and log what changed.

    Raises:
        ConfigurationError: the file of decisions is wrong.
    """
    decisions = read_day_decisions(Settings.from_environ().waivers_file, today=settlement_date(now))
    log_closed(context, follow(engine, decisions.closed, now=now).closed)


def _shown(value: Any) -> Any:
    return dg.MetadataValue.timestamp(value) if isinstance(value, datetime) else value


def _materialize(context: RunContext, key: dg.AssetKey, report: DayReport, **metadata: Any) -> None:
    if report.figures.is_synthetic:
        metadata["synthetic"] = True
    metadata |= catalog.lineage_of(key)
    tags: dict[str, str] = {}
    if key in (asset_keys.DAILY, asset_keys.BITCOIN_DAILY):
        metadata = links.to_day(report.day) | metadata
        plain = report.figures.as_dict()
        tags = inputs.version_of(sorted((name, plain[name]) for name in plain.keys() - _OF_THE_BUILDING))
    context.log_event(dg.AssetMaterialization(key, partition=report.day.isoformat(), metadata=metadata, tags=tags))


def _target(context: RunContext, key: dg.AssetKey, day: date) -> _Target | None:
    """The day's latest materialization: Dagster ignores an evaluation that is not of that one.

    None where there is none: of a day that was never stored an evaluation counts by itself.
    """
    latest = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=key, asset_partitions=[day.isoformat()]), limit=1
    ).records
    return _target_of(latest[0]) if latest else None


def _target_of(made: dg.EventLogRecord) -> _Target:
    return _Target(storage_id=made.storage_id, run_id=made.run_id, timestamp=made.timestamp)


def log_checks(
    context: RunContext,
    day: date,
    results: Sequence[Result],
    *,
    made: Mapping[dg.AssetKey, dg.EventLogRecord] | None = None,
    say: Callable[[], None] = lambda: None,
) -> None:
    """Log an evaluation for each family that has a result.

    A family fails if one of its properties has not passed, waived or not. It fails at ERROR only if one does
    that stops the day from being published.

    Args:
        context: the run.
        day: settlement date.
        results: of the day's checks.
        made: the day's materializations that were stored just now, by asset; the others are asked for.
        say: writes into the run's log what is to be stored with them.
    """
    by_family = sorted(results, key=lambda r: r.checked.family)
    checked = catalog.checked_assets()
    targets = {
        key: _target_of(made[key]) if made and key in made else _target(context, key, day)
        for key in {checked[r.checked.family] for r in results}
    }
    with storing_together(context.instance):
        for family, group in groupby(by_family, key=lambda r: r.checked.family):
            evaluation = _evaluation(family, list(group), day, checked[family], targets[checked[family]])
            # An op may log evaluations as an asset may; only the annotation of its method does not say so.
            context.log_event(evaluation)  # type: ignore[arg-type]
        say()


def _evaluation(
    family: str, results: Sequence[Result], day: date, key: dg.AssetKey, target: _Target | None
) -> dg.AssetCheckEvaluation:
    passed, severe = all(r.passed for r in results), any(r.blocks for r in results)
    metadata = check_metadata(results, day)
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=family,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR if passed or severe else dg.AssetCheckSeverity.WARN,
        blocking=passed or severe,
        partition=day.isoformat(),
        target_materialization_data=target,
        metadata=metadata,
        description=metadata[remedies.PROBLEM],
    )


def check_metadata(results: Sequence[Result], day: date) -> dict[str, Any]:
    """What whoever is woken by a family reads, in this order: the problem, the repair, each property, the violators."""
    failed = sorted((r for r in results if not r.passed), key=lambda r: (r.is_waived, r.checked.severity))
    # Of commands that do more or less of the same the strongest is enough.
    repair = of_day((r.repair for r in failed if not r.is_waived), day).over(day)
    metadata: dict[str, Any] = {
        remedies.PROBLEM: _problem(failed, len(results)),
        **remedies.metadata(repair),
        "Wrong": sum(r.violation_count for r in failed if not r.is_waived),
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
