"""The jobs `verify` and `spot_fix`: days compared with Elexon, and repaired, each in a step of its own.

They are ops and not assets, since a look makes nothing. What they find is logged per day as evaluations of
the days' checks, and what they repair as materializations, so that the UI shows both where the days are.
"""

import datetime as dt
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any, Literal

import dagster as dg
from pydantic import ConfigDict, Field

from minerecon_dagster import asset_keys
from minerecon_dagster.core.unfinished import Unfinished
from minerecon_dagster.day.worker import Worker
from minerecon_dagster.defs.events import log_checks, log_closed, log_day, log_later
from minerecon_dagster.defs.resources import (
    ArchiveResource,
    ClockResource,
    DifficultyResource,
    ElexonResource,
    WarehouseResource,
)
from minerecon_dagster.defs.sums import look_at_sums_of
from minerecon_dagster.instance import hold_connections
from minerecon_dagster.jobs import SPOT_FIX_OP, VERIFY_OP
from minerecon_dagster.launchers.heartbeat import beating
from minerecon_dagster.settings import Settings
from minerecon_dagster.verify.record import Order, Verification, differences
from minerecon_dagster.verify.verifier import Verifier

MOST_ROWS_SHOWN = 50
"""Of more periods, units or days than these the run's metadata shows the first; `verifications` has all."""

_log = logging.getLogger(__name__)


class VerifyConfig(dg.Config):
    """What a run does with its days; without any of it, it looks, at all periods."""

    model_config = ConfigDict(use_attribute_docstrings=True)  # the launchpad shows them

    action: Literal["verify", "fix", "force-fix"] = "verify"
    """verify: look. fix: repair what is wrong. force-fix: fetch again whether or not something is."""
    sampling: Literal["full", "controls", "progressive", "random", "fixed"] = "full"
    """Which periods are compared with Elexon: all, after the control totals; all, if a control total differs; 1, 12,
    24, 36 and the last, and 10 more if one differs; 10 at random; 1, 12, 24, 36 and the last. Only after all periods is
    a day recorded as right; after some of them it is right in part."""
    seed: int | None = None
    """Of the periods that are drawn at random; drawn, logged and stored where none is given."""
    requested_by: str = "job verify"
    """Who or what asks, for the record."""
    max_days_repaired: int = Field(default=0, ge=0)
    """Repair at most so many days, and only look at the others; 0: no limit."""
    max_attempts: int = Field(default=0, ge=0)
    """Leave a day to a person that was repaired in vain so often since it was last right; 0: never."""
    accept_restatement: bool = False
    """A repair takes what Elexon says of a final day though it loses too much to be believed."""


class SpotFixConfig(dg.Config):
    """The settlement period and the wind unit for which it is fetched again."""

    model_config = ConfigDict(use_attribute_docstrings=True)  # the launchpad shows them

    period: int
    """Settlement period, counted from 1."""
    bmu: str
    """BM unit, as in T_SGRWO-1."""
    requested_by: str = "job spot_fix"
    """Who or what asks, for the record."""


@dg.op(name=VERIFY_OP)
def verify_days(
    context: dg.OpExecutionContext,
    config: VerifyConfig,
    warehouse: WarehouseResource,
    elexon: ElexonResource,
    archive: ArchiveResource,
    difficulty: DifficultyResource,
    clock: ClockResource,
) -> None:
    """Compare days with Elexon, and repair them where that is asked for."""
    days = _days(context)
    order = Order(
        action=config.action,
        sampling=config.sampling,
        seed=config.seed,
        requested_by=config.requested_by,
        most_days=config.max_days_repaired,
        most_attempts=config.max_attempts,
        accept_restatement=config.requested_by if config.accept_restatement else None,
    )
    found = []
    with _verifier(context, warehouse, elexon, archive, difficulty, clock) as verifier:
        for number, verification in enumerate(verifier.verify(days, order), 1):
            if number == 1 and verifier.register_report is not None:
                begun, ended = verifier.register_report.begun_count, verifier.register_report.ended_count
                metadata = {"versions_begun": begun, "versions_ended": ended}
                context.log_event(dg.AssetMaterialization(asset_keys.BM_UNITS, metadata=metadata))
            in_short = f"{verification.in_short} [{number} of {len(days)}]"
            progress = {"days_done": number, "days_total": len(days), "in_short": in_short}
            level = logging.ERROR if verification.is_trouble else logging.INFO
            _log.log(level, "%s [%d of %d]", verification, number, len(days), extra=progress)
            _log_events(context, verification)
            found.append(verification)
    with warehouse.open() as opened:
        sums = look_at_sums_of(context, opened.engine, days, clock.now(), mend=config.action != "verify")
    for key, problem in sums.items():
        _log.error("%s: %s", key, problem)
    _conclude(context, found, sums)


@dg.op(name=SPOT_FIX_OP)
def fix_period(
    context: dg.OpExecutionContext,
    config: SpotFixConfig,
    warehouse: WarehouseResource,
    elexon: ElexonResource,
    archive: ArchiveResource,
    difficulty: DifficultyResource,
    clock: ClockResource,
) -> None:
    """Fetch one settlement period again, and rebuild its day."""
    days = _days(context)
    if len(days) > 1:
        raise dg.Failure("a spot fix is of one settlement period of one day: choose one day", allow_retries=False)
    with _verifier(context, warehouse, elexon, archive, difficulty, clock) as verifier:
        found = verifier.spot_fix(days[0], config.period, config.bmu, requested_by=config.requested_by)
    _log.log(logging.ERROR if found.is_trouble else logging.INFO, "%s", found)
    _log_events(context, found)
    _conclude(context, [found])


def _days(context: dg.OpExecutionContext) -> list[dt.date]:
    if not (context.has_partition_key or context.has_partition_key_range):
        raise dg.Failure("no day was chosen: start the job for a partition", allow_retries=False)
    return [dt.date.fromisoformat(key) for key in context.partition_keys]


@contextmanager
def _verifier(
    context: dg.OpExecutionContext,
    warehouse: WarehouseResource,
    elexon: ElexonResource,
    archive: ArchiveResource,
    difficulty: DifficultyResource,
    clock: ClockResource,
) -> Iterator[Verifier]:
    hold_connections(context.instance)
    client = cache(elexon.client)  # the looks and the repairs share one, and its connections
    settings, run_id = Settings.from_environ(), context.run.run_id
    with beating(context.instance, run_id), warehouse.open() as opened:
        shared: dict[str, Any] = {
            "engine": opened.engine,
            "archive": archive.archive(),
            "open_client": client,
            "source_url": elexon.base_url(),
            "sides": settings.elexon_stack_sides,
            "now": clock.now,
            "run_id": run_id,
        }
        worker = Worker(difficulty=difficulty.table(), waivers_file=settings.waivers_file, **shared)
        try:
            yield Verifier(worker=worker, **shared)
            log_closed(context, worker.newly_closed)
        finally:
            client().close()
            worker.close()


def _log_events(context: dg.OpExecutionContext, found: Verification) -> None:
    """Show a repaired day's materializations, with what followed it, and the latest result of every check of it."""
    if found.report is not None:
        log_day(context, replace(found.report, results=found.results))
    else:
        log_checks(context, found.day, found.results)
    for report in found.followed:
        if report.has_news or report.problem:
            log_later(context, report)
        if report.problem:
            _log.warning("%s", report.problem)


def _conclude(
    context: dg.OpExecutionContext, found: Sequence[Verification], sums: Mapping[str, str] | None = None
) -> None:
    """Show what was found, and fail if the figures of a day, or the sums of its month or year, cannot be relied on."""
    metadata: dict[str, Any] = {
        "days_looked_at": len(found),
        "days_wrong": sum(bool(v.left) for v in found),
        "days_repaired": sum(v.outcome == "repaired" for v in found),
        "days": dg.MetadataValue.md(_table(found)),
    }
    if len(found) == 1:
        periods = differences(found[0], "settlement_period", lambda period, _: period)
        units = differences(found[0], "bmu_id", lambda _, unit: unit)
        metadata |= {
            "periods_that_differ": dg.MetadataValue.json(periods[:MOST_ROWS_SHOWN]),
            "units_that_differ": dg.MetadataValue.json(units[:MOST_ROWS_SHOWN]),
        }
    trouble = {v.day.isoformat(): str(v) for v in found if v.is_trouble}
    wrong_days = len(trouble)
    trouble |= {key: f"{key}: {problem}" for key, problem in (sums or {}).items()}
    if trouble:
        what = f"{wrong_days} of {len(found)} days are wrong" if wrong_days else "sums of months or years are wrong"
        raise dg.Failure(
            f"{what}: " + "; ".join(trouble.values()),
            metadata=metadata | Unfinished.of(trouble).to_metadata(),
            allow_retries=False,
        )
    context.add_output_metadata(metadata)


def _table(found: Sequence[Verification]) -> str:
    """The days as a Markdown table; those that are wrong first."""
    rows = sorted(found, key=lambda v: (not v.left, v.day))
    lines = ["| day | outcome | compared with Elexon | done | wrong | repair |", "|---|---|---|---|---|---|"]
    for v in rows[:MOST_ROWS_SHOWN]:
        extent = v.comparison.extent() if v.comparison is not None else ""
        wrong = ", ".join(p.name for p in v.left)
        remedy = f"`{v.remedy}`" if v.remedy else ""
        lines.append(f"| {v.day} | {v.outcome} | {extent} | {v.repair or ''} | {wrong} | {remedy} |")
    if len(rows) > MOST_ROWS_SHOWN:
        lines.append(f"| … and {len(rows) - MOST_ROWS_SHOWN} more: `minerecon.verifications` | | | | | |")
    return "\n".join(lines)
