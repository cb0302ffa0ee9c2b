"""The assets of a settlement day: one subsettable step that takes its days one by one.

One step, because days are isolated from each other only within a step; and because a day's records,
calculations and sums become visible in one transaction, whatever part of them was asked for. Each
finished day logs its own materializations and check evaluations; the step fails at its end, naming
the days that are not done.
"""

import datetime as dt
import logging
import time
from collections.abc import Generator, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, closing
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

import dagster as dg

from minerecon_dagster import asset_keys
from minerecon_dagster.asset_keys import INGESTED
from minerecon_dagster.checks.evaluators import not_run
from minerecon_dagster.core.errors import one_line
from minerecon_dagster.core.exact import pounds
from minerecon_dagster.core.periods import parse_periods
from minerecon_dagster.core.unfinished import Unfinished
from minerecon_dagster.day.build import ChecksFailedError
from minerecon_dagster.day.closing import DayClosedError
from minerecon_dagster.day.worker import MODEL_NAMES, DayReport, Worker
from minerecon_dagster.defs import catalog
from minerecon_dagster.defs.events import log_checks, log_closed, log_day, log_later, periods_of
from minerecon_dagster.defs.resources import (
    ArchiveResource,
    ClockResource,
    DifficultyResource,
    ElexonResource,
    WarehouseResource,
)
from minerecon_dagster.elexon.datasets import later
from minerecon_dagster.elexon.fetch import FetchFailedError
from minerecon_dagster.instance import hold_connections
from minerecon_dagster.launchers.guard import is_remote
from minerecon_dagster.launchers.heartbeat import beating
from minerecon_dagster.settings import Settings, require_shared_archive

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.http.traffic import ClientStats

_log = logging.getLogger(__name__)

CHECKS_OF_A_RECALCULATION = frozenset({"calculation", "conservation"})
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
    accept_restatement: bool = False
    """Take what Elexon says of a final day though it loses more than 10 % of its energy, units or money."""
    requested_by: str = "job ingest"
    """Who or what asks: on record where a restatement is taken."""


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
        fetch = asset_keys.PROGRESS in selected and not config.from_archive
        settings = Settings.from_environ()
        require_shared_archive(is_remote(context.instance.run_launcher), settings.archive_url)
        not_done: dict[str, str] = {}
        with (
            beating(context.instance, context.run.run_id),
            warehouse.open() as opened,
            closing(
                Worker(
                    engine=opened.engine,
                    archive=archive.archive(),
                    difficulty=difficulty.table(),
                    open_client=elexon.client,
                    source_url=elexon.base_url(),
                    sides=settings.elexon_stack_sides,
                    waivers_file=settings.waivers_file,
                    now=clock.now,
                    run_id=context.run.run_id,
                )
            ) as worker,
            ExitStack() as stack,
        ):
            started = time.perf_counter()
            periods = parse_periods(config.periods)
            worker.prepare(days, from_archive=not fetch, ask_register=True)
            _tell_of_register(context)
            log_closed(context, ((day, entry) for day, entry in worker.newly_closed if day not in days))
            ingests = bool(selected & INGESTED)
            work = (
                worker.ingest(
                    days,
                    fetch=fetch,
                    force=config.force,
                    periods=periods,
                    accept_restatement=config.requested_by if config.accept_restatement else None,
                )
                if ingests
                else worker.recalculate(days, _models(selected))
            )
            stack.push(partial(_end, work))
            for number, (day, outcome) in enumerate(work, 1):
                progress = {"days_done": number, "days_total": len(days)}
                if isinstance(outcome, DayReport):
                    line = f"{_line(outcome)} [{number} of {len(days)}]"
                    log_day(context, outcome, partial(_log.info, "%s", line, extra=progress))
                    continue
                if isinstance(outcome, DayClosedError):
                    log_closed(context, [(day, outcome.entry)])
                    level = logging.ERROR if outcome.is_there else logging.INFO
                    _log.log(level, "%s [%d of %d]", outcome, number, len(days), extra=progress)
                    if outcome.is_there:
                        not_done[day.isoformat()] = str(outcome)
                    continue
                why = one_line(outcome)
                # What the server adds may have the day too, in a row that it quotes.
                is_named = str(day) in why.partition(" CONTEXT: ")[0]
                not_done[day.isoformat()] = why if is_named else f"{day}: {why}"
                _log.error("not done: %s", not_done[day.isoformat()], extra=progress)
                results = outcome.results if isinstance(outcome, ChecksFailedError | FetchFailedError) else ()
                of = None if ingests else CHECKS_OF_A_RECALCULATION
                log_checks(context, day, [*results, *not_run(day, not_done[day.isoformat()], results=results, of=of)])
            for day in days if ingests and later() else ():
                for report in worker.later(day, fetch=fetch):
                    log_later(context, report)
            if (register := worker.register_report) is not None:
                metadata = {"versions_begun": register.begun_count, "versions_ended": register.ended_count}
                context.log_event(dg.AssetMaterialization(asset_keys.BM_UNITS, metadata=metadata))
            traffic, seconds = worker.traffic(), time.perf_counter() - started
            if len(days) > 1 or traffic is not None:
                _log.info("%s", _summary(len(days), len(not_done), traffic, seconds))
        if not_done:
            raise dg.Failure(
                f"{len(not_done)} of {len(days)} days not done: " + "; ".join(not_done.values()),
                metadata=Unfinished.of(not_done).to_metadata(),
                allow_retries=False,
            )
        yield from ()

    return settlement_day


def _end(
    work: Generator[Any, None, None], kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
) -> None:
    """End the work on days before the services: an interruption waits for the fetch under way, and leaves no lock."""
    if kind is not None and not issubclass(kind, Exception):
        _log.warning("interrupted: waiting for the answers that are under way")
    work.close()


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of the run's log says something: Dagster misses outputs for checks that are logged day by day."""
    return "did not yield or return expected outputs" not in record.getMessage()


def _tell_of_register(context: dg.AssetExecutionContext) -> None:
    """Let Dagster know of a register that the first day brought, or it warns that the days' input is missing."""
    if context.instance.get_latest_materialization_event(asset_keys.BM_UNITS) is None:
        context.log_event(
            dg.AssetMaterialization(asset_keys.BM_UNITS, description="In the warehouse, and used by a day.")
        )


def _models(selected: AbstractSet[dg.AssetKey]) -> Sequence[str]:
    if selected & {asset_keys.DIFFICULTY, asset_keys.BITCOIN_DAILY}:
        return MODEL_NAMES
    return [model for key, model in asset_keys.CALCULATIONS.items() if key in selected]


def _line(report: DayReport) -> str:
    f = report.figures
    retries = f" ({report.retry_count} retries)" if report.retry_count else ""
    return (
        f"{report.day}: {f.state}, {periods_of(report)}, {f.so_record_count} SO-flagged records, "
        f"{f.curtailed_mwh:,.2f} MWh, {pounds(f.payment_gbp)}, {report.request_count} requests{retries}, "
        f"{report.seconds:.2f} s"
    )


def _summary(days: int, not_done: int, traffic: "ClientStats | None", seconds: float) -> str:
    text = f"{days - not_done} of {days} days done in {seconds:.1f} s"
    if traffic is None:
        return text
    waiting = traffic.limit_wait_s / ((traffic.limit_wait_s + traffic.request_s) or 1)
    return (
        f"{text}: {traffic.requests:,} requests, {traffic.requests / seconds:.1f} a second, {traffic.retries} retries; "
        f"{waiting:.0%} of the time waiting for the rate limit"
    )
