"""Work through settlement days: each alone and whole, one bad day in nobody else's way."""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Self

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from minerecon_dagster.core.answers import is_synthetic
from minerecon_dagster.core.calendar import StackSide, settlement_date
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.difficulty import validate_difficulty
from minerecon_dagster.core.errors import (
    ArchiveError,
    ConfigurationError,
    DayFailedError,
    DifficultyError,
    MinereconError,
)
from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.core.register import Register
from minerecon_dagster.core.waivers import read_waivers
from minerecon_dagster.pipeline import checks
from minerecon_dagster.pipeline.build import (
    NO_WAIVERS,
    ChecksFailedError,
    DayFigures,
    DayInputs,
    LookFailedError,
    check_day,
    recalculate_day,
    record_failed_attempt,
    record_rates,
    record_results,
    replace_day,
    wind_bids,
)
from minerecon_dagster.pipeline.checks import Rate, UnmappedUnit
from minerecon_dagster.pipeline.controls import ControlFigures, boav_figures, ebocf_figures
from minerecon_dagster.pipeline.fetch import (
    FetchedDay,
    FetchFailedError,
    fetch_day,
    from_archive,
    read_archived,
    says_otherwise,
)
from minerecon_dagster.pipeline.register import load_register, rebuild_register, record_register
from minerecon_dagster.settings import Settings
from minerecon_dagster.warehouse.migrate import require_current, sync_reference_data
from minerecon_dagster.warehouse.sample import refuse_to_mix
from minerecon_dagster.warehouse.store import day_lock, statement

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.resources.archive import Archive
    from minerecon_dagster.resources.difficulty import DifficultyTable
    from minerecon_dagster.resources.elexon import ClientStats, ElexonClient

MODEL_NAMES = tuple(model.name for model in MINER_MODELS)


@dataclass(frozen=True)
class DayReport:
    """What was done with a day, and what it holds now."""

    day: dt.date
    figures: DayFigures
    results: Sequence[Result]
    models: Sequence[str]
    seconds: float
    fetch_seconds: float = 0.0
    request_count: int = 0
    retry_count: int = 0
    archive_uri: str | None = None
    brought_something_new: bool = False
    duplicate_count: int = 0
    unmapped_mwh: dict[str, Decimal] = field(default_factory=dict)
    boav: ControlFigures | None = None
    ebocf: ControlFigures | None = None


@dataclass(frozen=True)
class _Fetched:
    """A day's answers, the seconds that they took, and the lock under which they are to be built."""

    found: FetchedDay
    seconds: float
    unlock: ExitStack

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.unlock.close()


class Worker:
    """Everything that the work on days needs, opened once for a run.

    Args:
        engine: the warehouse, at the code's revision.
        archive: the raw archive.
        difficulty: the difficulty table.
        open_client: makes the Elexon client, when something has to be asked.
        source_url: the base URL that the client asks.
        sides: sides of the stack to fetch.
        now: the clock.
        run_id: the Dagster run, for the record.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        archive: Archive,
        difficulty: DifficultyTable,
        open_client: Callable[[], ElexonClient],
        source_url: str,
        sides: tuple[StackSide, ...],
        now: Callable[[], dt.datetime],
        run_id: str | None,
    ) -> None:
        self._engine = engine
        self._archive = archive
        self._table = difficulty
        self._open_client = open_client
        self._source_url = source_url
        self._sides = sides
        self._now = now
        self._run_id = run_id
        self._opened: ElexonClient | None = None
        self._difficulties: dict[dt.date, Decimal] = {}
        self._register = Register([])
        self._waivers = NO_WAIVERS

    def prepare(self, days: Collection[dt.date], *, from_archive: bool) -> None:
        """Read once what all days need: reference data, the register, the waivers, the difficulties.

        Raises:
            ConfigurationError, RegisterError, SourceError: none of the days can be done.
        """
        self._waivers = read_waivers(Settings.from_environ().waivers_file)
        with self._engine.begin() as connection:
            require_current(connection)
            sync_reference_data(connection)
            self._register = load_register(connection)
        if not len(self._register):
            if from_archive:
                rebuild_register(self._engine, self._archive)
            else:
                record_register(self._engine, self._archive, self._client().fetch_register(), now=self._now())
            with self._engine.connect() as connection:
                self._register = load_register(connection)
        around = {day - dt.timedelta(days=n) for day in days for n in (0, 1)}
        try:
            self._difficulties = self._table.values(around)
        except DifficultyError:
            # One bad value must fail its own day only: each day asks for itself then, and meets it or not.
            self._difficulties = {}

    def ingest(
        self,
        days: Sequence[dt.date],
        *,
        fetch: bool = True,
        force: bool = False,
        periods: Collection[int] | None = None,
    ) -> Iterator[tuple[dt.date, DayReport | MinereconError | SQLAlchemyError]]:
        """Fetch days where that is needed, and rebuild each and all that is derived from it, in their order.

        The next day is fetched while one is built: the source and the database wait for each other no
        more than they must. Each day is locked from its fetch to its commit.

        Args:
            days: settlement dates, ascending: two runs that meet then never wait for each other in a ring.
            fetch: False to take the newest archived answers.
            force: fetch even if the archive holds the day final.
            periods: fetch these periods only.

        Yields:
            Each day with its report, or with the reason why it was not done: what was stored of it is
            untouched then, and the attempt is on record.

        Raises:
            ConfigurationError: nothing can be done; no further day is tried.
        """
        if fetch:
            # Before anything is asked: what cannot be stored is not archived either.
            with self._engine.connect() as connection:
                refuse_to_mix(connection, synthetic=is_synthetic(self._source_url))
        ahead: deque[tuple[dt.date, Future[_Fetched]]] = deque()
        todo = iter(days)
        with ThreadPoolExecutor(1, "fetch-ahead") as pool:
            try:
                while True:
                    while len(ahead) < 2 and (day := next(todo, None)) is not None:
                        ahead.append((day, pool.submit(self._fetch_locked, day, fetch, force, periods)))
                    if not ahead:
                        return
                    day, future = ahead.popleft()
                    try:
                        with future.result() as fetched:
                            report = self._build(day, fetched, rebuild=not fetch)
                    except ConfigurationError:
                        raise
                    except (MinereconError, SQLAlchemyError) as error:
                        # One day's failure is its own: it is handed to the caller, and the others go on.
                        yield day, error
                    else:
                        yield day, report
            finally:
                for _, future in ahead:
                    if not future.cancel() and future.exception() is None:
                        future.result().unlock.close()

    def _fetch_locked(self, day: dt.date, fetch: bool, force: bool, periods: Collection[int] | None) -> _Fetched:
        started = time.perf_counter()
        with ExitStack() as stack:
            stack.enter_context(day_lock(self._engine, day))
            started = time.perf_counter()
            try:
                found = (
                    fetch_day(
                        day,
                        client=self._client,
                        source_url=self._source_url,
                        archive=self._archive,
                        sides=self._sides,
                        now=self._now,
                        force=force,
                        periods=periods,
                    )
                    if fetch
                    else from_archive(day, self._archive, self._sides)
                )
            except FetchFailedError as failure:
                record_failed_attempt(self._engine, failure, looked_at=self._now())
                failure.results = self.accepted(day, checks.completeness(failure.reading))
                self._record(day, failure.results)
                raise
            return _Fetched(found, time.perf_counter() - started, stack.pop_all())

    def _build(self, day: dt.date, fetched: _Fetched, *, rebuild: bool) -> DayReport:
        started = time.perf_counter()
        found, wind_units = fetched.found, self._register.wind_units(day)
        unmapped = self._unmapped(found)
        figures, results = self._recording(
            day,
            lambda: replace_day(
                self._engine,
                found,
                DayInputs(wind_units, self._difficulty(day), self._table.name, MODEL_NAMES, unmapped),
                rebuild=rebuild,
                now=self._now(),
                run_id=self._run_id,
                waivers=self._waivers,
                source_changed=lambda uri: self._says_otherwise(found, uri),
            ),
        )
        return DayReport(
            day=day,
            figures=figures,
            results=results,
            models=MODEL_NAMES,
            seconds=fetched.seconds + time.perf_counter() - started,
            fetch_seconds=fetched.seconds,
            request_count=found.request_count,
            retry_count=found.retry_count,
            archive_uri=found.archived.uri,
            brought_something_new=found.brought_something_new,
            duplicate_count=found.reading.duplicate_count,
            unmapped_mwh={u.unit.bmu_id: u.mwh for u in unmapped},
            boav=boav_figures(found, wind_units),
            ebocf=ebocf_figures(found, wind_units),
        )

    def recalculate(
        self, days: Sequence[dt.date], models: Sequence[str]
    ) -> Iterator[tuple[dt.date, DayReport | MinereconError | SQLAlchemyError]]:
        """Rebuild the calculations of ``models`` and their sums from the stored records, day by day.

        Of a day whose difficulty has changed, all models are rebuilt: they never differ in their inputs.

        Args:
            days: settlement dates.
            models: names of miner models.

        Yields:
            Each day with its report, or with the reason why it was not done.
        """
        for day in days:
            started = time.perf_counter()
            try:
                with day_lock(self._engine, day):
                    rebuilt, figures, results = self._recalculate(day, models)
            except ConfigurationError:
                raise
            except (MinereconError, SQLAlchemyError) as error:
                # One day's failure is its own: it is handed to the caller, and the others go on.
                yield day, error
            else:
                seconds = time.perf_counter() - started
                yield day, DayReport(day=day, figures=figures, results=results, models=rebuilt, seconds=seconds)

    def _recalculate(self, day: dt.date, models: Sequence[str]) -> tuple[Sequence[str], DayFigures, list[Result]]:
        rebuilt: Sequence[str] = models

        def build() -> tuple[DayFigures, list[Result]]:
            nonlocal rebuilt
            rebuilt, figures, results = recalculate_day(
                self._engine,
                day,
                difficulty=self._difficulty(day),
                difficulty_source=self._table.name,
                models=models,
                all_models=MODEL_NAMES,
                now=self._now(),
                run_id=self._run_id,
                waivers=self._waivers,
            )
            return figures, results

        figures, results = self._recording(day, build)
        return rebuilt, figures, results

    def check(self, day: dt.date) -> list[Result]:
        """Evaluate every property of a stored day but drift, against its archive object, the tables and the table of
        difficulties, and record the results. Nothing is built, and Elexon is not asked.

        It looks at one snapshot, under the day's lock: no other run replaces the day between archive and tables.

        Args:
            day: settlement date, among those of `prepare`.

        Returns:
            The results, what is waived among them.

        Raises:
            LookFailedError: the archive cannot be read or has no whole day, or nothing is stored; every blocking
                family is then on record as failed.
            ConfigurationError: no day can be looked at.
        """
        try:
            with day_lock(self._engine, day):
                results, rates = self._look(day)
        except (ArchiveError, DayFailedError) as error:
            results = self.accepted(day, checks.not_run(day, str(error)))
            self._record(day, results)
            raise LookFailedError(str(error), results) from error
        results = self.accepted(day, results)
        with self._engine.begin() as connection:
            record_results(connection, day, results, now=self._now(), run_id=self._run_id)
            record_rates(connection, day, rates, now=self._now())
        return results

    def _look(self, day: dt.date) -> tuple[list[Result], list[Rate]]:
        found = from_archive(day, self._archive, self._sides)
        wind_units = self._register.wind_units(day)
        bids = list(wind_bids(found.reading, wind_units))
        snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self._engine.connect().execution_options(**snapshot) as connection, connection.begin():
            if connection.execute(statement("checks/stored_coverage"), {"day": day}).one_or_none() is None:
                raise DayFailedError(f"{day}: nothing is stored of this day; fetch it: minerecon reingest {day}")
            results, rates = check_day(connection, found, bids, wind_units, self._unmapped(found))
            try:
                results += checks.difficulty(connection, day, self._difficulty(day), self._table.name)
            except DifficultyError as error:
                results += checks.difficulty_missing(day, str(error))
        return results, rates

    def accepted(self, day: dt.date, results: Iterable[Result]) -> list[Result]:
        """The results of a day with what is waived of them today, by the waivers that `prepare` has read."""
        return self._waivers.applied(day, results, today=settlement_date(self._now()))

    def traffic(self) -> ClientStats | None:
        """What was asked of Elexon so far; None where nothing was."""
        return self._opened.stats.snapshot() if self._opened is not None else None

    def close(self) -> None:
        """Give back the connections."""
        if self._opened is not None:
            self._opened.close()
        self._engine.dispose()

    def _client(self) -> ElexonClient:
        if self._opened is None:
            self._opened = self._open_client()
        return self._opened

    def _difficulty(self, day: dt.date) -> Decimal:
        if day not in self._difficulties:
            return self._table.require([day])[day]
        previous = self._difficulties.get(day - dt.timedelta(days=1))
        return validate_difficulty(day, self._difficulties[day], previous, f"DynamoDB table {self._table.name}")

    def _recording(
        self, day: dt.date, build: Callable[[], tuple[DayFigures, list[Result]]]
    ) -> tuple[DayFigures, list[Result]]:
        try:
            return build()
        except ChecksFailedError as failure:
            self._record(day, failure.results)
            raise
        except DifficultyError as failure:
            self._record(day, self.accepted(day, checks.difficulty_missing(day, str(failure))))
            raise

    def _record(self, day: dt.date, results: Collection[Result]) -> None:
        with self._engine.begin() as connection:
            record_results(connection, day, results, now=self._now(), run_id=self._run_id)

    def _says_otherwise(self, found: FetchedDay, uri: str) -> bool:
        """Whether a day's answers say another thing than those that it was built from before; unknown counts as so."""
        try:
            before = self._archive.load(uri)
        except ArchiveError:
            return True
        return says_otherwise(read_archived(before, self._sides), found.reading)

    def _unmapped(self, fetched: FetchedDay) -> list[UnmappedUnit]:
        units = self._register.unmapped_wind_like(fetched.archived.day)
        totals: dict[str, Decimal] = {}
        for _, _, row in wind_bids(fetched.reading, units):
            assert row.id is not None
            totals[row.id] = totals.get(row.id, Decimal()) - row.volume
        return [UnmappedUnit(units[bmu_id], mwh) for bmu_id, mwh in totals.items()]
