"""The assets of a settlement day: one subsettable step that takes its days one by one.

One step, because days are isolated from each other only within a step; and because a day's records,
calculations and sums become visible in one transaction, whatever part of them was asked for. Each
finished day logs its own materializations and check evaluations; the step fails at its end, naming
the days that are not done.
"""

import datetime as dt
import logging
import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, closing
from functools import partial
from inspect import GEN_CLOSED, getgeneratorstate
from types import TracebackType
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import ConfigDict
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from minerecon_dagster import asset_keys
from minerecon_dagster.asset_keys import RECALCULATED
from minerecon_dagster.checks.evaluators import not_run
from minerecon_dagster.core.difficulty import LOAD_REMEDY
from minerecon_dagster.core.errors import DifficultyAwaitedError, DifficultyError, MinereconError, one_line
from minerecon_dagster.core.exact import pounds
from minerecon_dagster.core.periods import parse_periods
from minerecon_dagster.core.repairs import LOAD_DIFFICULTY, REINGEST, Repair, all_of, of_day
from minerecon_dagster.core.spans import spans
from minerecon_dagster.core.unfinished import Unfinished
from minerecon_dagster.day.build import ChecksFailedError
from minerecon_dagster.day.closing import DayClosedError
from minerecon_dagster.day.worker import INTERRUPTED, MODEL_NAMES, DayReport, Worker
from minerecon_dagster.defs import catalog, remedies
from minerecon_dagster.defs.events import log_awaited, log_checks, log_closed, log_day, log_later, periods_of
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
from minerecon_dagster.jobs import RECALCULATE
from minerecon_dagster.launchers.heartbeat import beating
from minerecon_dagster.settings import Settings
from minerecon_dagster.standing.due import stored_days

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.http.traffic import ClientStats

_log = logging.getLogger(__name__)

CHECKS_OF_A_RECALCULATION = frozenset({"calculation", "conservation"})
"""The families that are evaluated where a day's records stay as they are."""
MOST_REASONS = 3
"""Of more days than these a red run's first words name the days, and leave why to its log and its metadata."""
_NOT_BUILT = "the day was not built; why, its run says"
DAYS_PER_RUN = 31
"""A backfill from the UI is cut into runs of at most so many days: a run's start costs more than a day's work."""


class SettlementDayConfig(dg.Config):
    """How a run treats its days."""

    model_config = ConfigDict(use_attribute_docstrings=True)  # the launchpad shows them

    force: bool = False
    """Ask Elexon again, even for days that the archive holds final."""
    from_archive: bool = False
    """Ask Elexon for nothing: rebuild from the newest archived answers."""
    periods: str = ""
    """Ask for these settlement periods only, as in 44-48 or 1,12,24; the other answers are carried over."""
    accept_restatement: bool = False
    """Take what Elexon says of a final day though it loses too much of its energy, units or money to be believed."""
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
        settings = Settings.from_environ()
        not_done: dict[str, str] = {}
        repairs: dict[dt.date, Repair] = {}
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
            ingested = _to_ingest(context, opened.engine, days)
            fetch = bool(ingested) and not config.from_archive
            worker.prepare(days, from_archive=not fetch, ask_register=True)
            _tell_of_register(context)
            log_closed(context, ((day, entry) for day, entry in worker.newly_closed if day not in days))
            work = _work(
                worker.ingest(
                    ingested,
                    fetch=fetch,
                    force=config.force,
                    periods=periods,
                    accept_restatement=config.requested_by if config.accept_restatement else None,
                ),
                worker.recalculate([day for day in days if day not in ingested], _models(selected)),
            )
            stack.push(partial(_end, work))

            of_days = Counter[str]()  # the requests that lines of days have

            def tell(number: int, day: dt.date, outcome: DayReport | MinereconError | SQLAlchemyError) -> None:
                progress: dict[str, Any] = {"days_done": number, "days_total": len(days)}
                if isinstance(outcome, DayReport):
                    of_days["requests"] += outcome.request_count
                    count = _count(number, len(days))
                    progress["in_short"] = _in_short(outcome) + count
                    log_day(context, outcome, partial(_log.info, "%s", _line(outcome) + count, extra=progress))
                    return
                if isinstance(outcome, DayClosedError):
                    log_closed(context, [(day, outcome.entry)])
                    level = logging.ERROR if outcome.is_there else logging.INFO
                    _log.log(level, "%s%s", outcome, _count(number, len(days)), extra=progress)
                    if outcome.is_there:
                        not_done[day.isoformat()] = str(outcome)
                    return
                if isinstance(outcome, DifficultyAwaitedError):
                    _log.warning("%s%s", outcome, _count(number, len(days)), extra=progress)
                    log_awaited(context, day, str(outcome))
                    return
                why = one_line(outcome)
                # What the server adds may have the day too, in a row that it quotes.
                is_named = str(day) in why.partition(" CONTEXT: ")[0]
                not_done[day.isoformat()] = why if is_named else f"{day}: {why}"
                _log.error("not done: %s", not_done[day.isoformat()], extra=progress)
                results = outcome.results if isinstance(outcome, ChecksFailedError | FetchFailedError) else ()
                repairs[day] = _repair(day, outcome)
                of = None if day in ingested else CHECKS_OF_A_RECALCULATION
                log_checks(context, day, [*results, *not_run(day, _NOT_BUILT, results=results, of=of)])

            def follow_up(day: dt.date) -> list[str]:
                had: list[str] = []
                for report in worker.later(day, fetch=fetch, force=config.force):
                    log_later(context, report)
                    if report.problem:
                        _log.warning("%s", report.problem)
                    if report.has_news:
                        name, plain = report.dataset.name.upper(), report.dataset.plain
                        had.append(f"{plain} ({name})" if plain else name)
                return had

            # Elexon is asked for what comes later once all days are there; the archive, while a day is still at hand.
            followed = ingested if later() else []
            for number, (day, outcome) in enumerate(work, 1):
                tell(number, day, outcome)
                if day in followed and not fetch:
                    follow_up(day)
            for number, day in enumerate(followed if fetch else (), 1):
                if had := follow_up(day):
                    progress = {"days_followed": number, "days_total": len(ingested)}
                    also = f"{day}: also {' and '.join(had)}"
                    _log.info("%s%s", also, _count(number, len(ingested)), extra=progress)
            if (register := worker.register_report) is not None:
                metadata = {"versions_begun": register.begun_count, "versions_ended": register.ended_count}
                context.log_event(dg.AssetMaterialization(asset_keys.BM_UNITS, metadata=metadata))
            traffic, seconds = worker.traffic(), time.perf_counter() - started
            if len(days) > 1 or traffic is not None:
                _log.info("%s", _summary(len(days), len(not_done), of_days["requests"], traffic, seconds))
        if not_done:
            repair = all_of(repairs[first].over(first, last) for first, last in spans(repairs, alike=repairs.get))
            raise dg.Failure(
                _red(len(days), not_done, repair),
                metadata={**remedies.metadata(repair), **Unfinished.of(not_done).to_metadata()},
                allow_retries=False,
            )
        yield from ()

    return settlement_day


def _to_ingest(context: dg.AssetExecutionContext, engine: Engine, days: Sequence[dt.date]) -> list[dt.date]:
    """The days that are fetched and built as a whole; the others are calculated again from their records.

    Whatever is chosen of a day, the day is there afterwards: the calculations of one that is not stored are made by
    building it. Only the job that is to ask for nothing leaves it alone.
    """
    if context.selected_asset_keys - RECALCULATED:
        return list(days)
    if context.run.job_name == RECALCULATE:
        return []
    return sorted(set(days) - set(stored_days(engine, first_day=min(days), last_day=max(days))))


def _work(
    *parts: Generator[tuple[dt.date, DayReport | MinereconError | SQLAlchemyError], None, None],
) -> Generator[tuple[dt.date, DayReport | MinereconError | SQLAlchemyError], None, None]:
    """One after the other; ended, the one in hand ends."""
    for part in parts:
        yield from part


def _red(day_count: int, not_done: Mapping[str, str], repair: Repair) -> str:
    """What a red run says, and Dagster shows first: the days, why, the command and the job."""
    shown = [why.partition("; try again: ")[0] for why in list(not_done.values())[:MOST_REASONS]]
    more = [f"and {len(not_done) - MOST_REASONS} more: the run's log says why"] if len(not_done) > MOST_REASONS else []
    first = f"{len(not_done)} of {day_count} days not done: {', '.join(not_done)}"
    what = [f"Repair: {repair}", f"Or in the UI: {remedies.by_a_job(repair)}"] if repair else []
    return "\n".join([first, *shown, *more, *what])


def _repair(day: dt.date, error: Exception) -> Repair:
    """What mends a day that is not done, with DATE for it."""
    if isinstance(error, DifficultyError) and LOAD_REMEDY in str(error):
        return LOAD_DIFFICULTY.then(REINGEST)
    results = error.results if isinstance(error, ChecksFailedError | FetchFailedError) else ()
    return of_day((r.repair for r in results if r.blocks), day) or REINGEST


def _end(
    work: Generator[Any, None, None], kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
) -> None:
    """End the work on days before the services: an interruption waits for the fetch under way, and leaves no lock."""
    is_at_work = getgeneratorstate(work) != GEN_CLOSED  # otherwise it was met there, which has said so, and ended all
    if is_at_work and kind is not None and not issubclass(kind, Exception):
        _log.warning(INTERRUPTED)
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
    retries = f" ({report.retry_count:,} retries)" if report.retry_count else ""
    return (
        f"{report.day}: {f.state}, {periods_of(report)}, {f.so_record_count:,} SO-flagged records, "
        f"{f.curtailed_mwh:,.2f} MWh, {pounds(f.payment_gbp)}, {report.request_count} requests{retries}, "
        f"{report.seconds:.2f} s"
    )


def _in_short(report: DayReport) -> str:
    """The same for a terminal of 80 columns, where that leaves out no more than counts."""
    f = report.figures
    periods, counted = f"{f.periods_present} of {f.periods_expected} periods", periods_of(report)
    if counted != periods:
        return _line(report)
    return f"{report.day}: {f.state}, {periods}, {f.curtailed_mwh:,.2f} MWh, {pounds(f.payment_gbp)}"


def _count(number: int, of: int) -> str:
    """How far a run has come, behind a line of it; nothing where there is but one."""
    return f" [{number} of {of}]" if of > 1 else ""


def _summary(days: int, not_done: int, of_days: int, traffic: "ClientStats | None", seconds: float) -> str:
    """What a run took, where ``of_days`` of its requests are those that the days' own lines have."""
    text = f"{days - not_done} of {days} days done in {seconds:.1f} s" if days > 1 else f"all in {seconds:.1f} s"
    if traffic is None:
        return text
    beside = traffic.requests - of_days
    which = f" ({of_days:,} of the day{'s' if days > 1 else ''}, {beside:,} beside)" if of_days and beside > 0 else ""
    waiting = traffic.limit_wait_s / ((traffic.limit_wait_s + traffic.request_s) or 1)
    return (
        f"{text}: {traffic.requests:,} requests{which}, {traffic.requests / seconds:.1f} a second, {traffic.retries:,} "
        f"retries; {waiting:.0%} of the time waiting for the rate limit"
    )
