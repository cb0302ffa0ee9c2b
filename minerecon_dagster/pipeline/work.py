"""Work through settlement days: each alone and whole, one bad day in nobody else's way."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
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
from minerecon_dagster.pipeline.checks import Rate
from minerecon_dagster.pipeline.controls import ControlFigures, boav_figures, ebocf_figures
from minerecon_dagster.pipeline.fetch import FetchedDay, FetchFailedError, fetch_day, from_archive
from minerecon_dagster.pipeline.register import RegisterReport, load_register, rebuild_register, record_register
from minerecon_dagster.pipeline.uncounted import Uncounted, find_uncounted, store_uncounted
from minerecon_dagster.settings import Settings
from minerecon_dagster.warehouse.migrate import require_current, sync_reference_data
from minerecon_dagster.warehouse.store import day_lock, statement

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.resources.archive import Archive
    from minerecon_dagster.resources.difficulty import DifficultyTable
    from minerecon_dagster.resources.elexon import ClientStats, ElexonClient

_log = logging.getLogger(__name__)

_ASKED = "; the register was asked in this run, and does not have them as wind"
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
    uncounted_mwh: dict[str, Decimal] = field(default_factory=dict)
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
        self._opening = threading.Lock()
        self.register_report: RegisterReport | None = None
        """What a register brought that was asked for because of a day's rows; None where none was, or it was no use."""
        self._may_ask_register = False
        self._asked_register = ""
        self._difficulties: dict[dt.date, Decimal] = {}
        self._register = Register([])
        self._waivers = NO_WAIVERS

    def prepare(self, days: Collection[dt.date], *, from_archive: bool, ask_register: bool = False) -> None:
        """Read once what all days need: reference data, the register, the waivers, the difficulties.

        Args:
            days: settlement dates.
            from_archive: ask Elexon for nothing.
            ask_register: ask Elexon for the register, once, where a day has units that the stored one does not map.

        Raises:
            ConfigurationError, RegisterError, SourceError: none of the days can be done.
        """
        self._waivers = read_waivers(Settings.from_environ().waivers_file)
        with self._engine.begin() as connection:
            require_current(connection)
            sync_reference_data(connection)
            self._register = load_register(connection)
        self._may_ask_register = ask_register and not from_archive and not is_synthetic(self._source_url)
        if not len(self._register):
            self._may_ask_register = False
            if from_archive:
                rebuild_register(self._engine, self._archive)
            else:
                record_register(self._engine, self._archive, self._client().fetch_register(), now=self._now())
                self._asked_register = _ASKED
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
        found = fetched.found
        uncounted = self._uncounted(found)
        wind_units = self._register.wind_units(day)
        figures, results = self._recording(
            day,
            lambda: replace_day(
                self._engine,
                found,
                DayInputs(wind_units, self._difficulty(day), self._table.name, MODEL_NAMES, uncounted),
                rebuild=rebuild,
                now=self._now(),
                run_id=self._run_id,
                waivers=self._waivers,
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
            uncounted_mwh={u.bmu_id: u.mwh for u in uncounted.units},
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
                results, rates, uncounted = self._look(day)
        except (ArchiveError, DayFailedError) as error:
            results = self.accepted(day, checks.not_run(day, str(error)))
            self._record(day, results)
            raise LookFailedError(str(error), results) from error
        results = self.accepted(day, results)
        with self._engine.begin() as connection:
            store_uncounted(connection, day, uncounted)
            record_results(connection, day, results, now=self._now(), run_id=self._run_id)
            record_rates(connection, day, rates, now=self._now())
        return results

    def _look(self, day: dt.date) -> tuple[list[Result], list[Rate], Uncounted]:
        found = from_archive(day, self._archive, self._sides)
        wind_units = self._register.wind_units(day)
        bids = list(wind_bids(found.reading, wind_units))
        snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self._engine.connect().execution_options(**snapshot) as connection, connection.begin():
            if connection.execute(statement("checks/stored_coverage"), {"day": day}).one_or_none() is None:
                raise DayFailedError(f"{day}: nothing is stored of this day; fetch it: minerecon reingest {day}")
            uncounted = find_uncounted(found.reading, self._register)
            results, rates = check_day(connection, found, bids, wind_units, uncounted)
            try:
                results += checks.difficulty(connection, day, self._difficulty(day), self._table.name)
            except DifficultyError as error:
                results += checks.difficulty_missing(day, str(error))
        return results, rates, uncounted

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
        with self._opening:  # a day is fetched in another thread than the register may be
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

    def _uncounted(self, fetched: FetchedDay) -> Uncounted:
        """The units of a day that may be wind farms and are not counted, once the register was asked about them."""
        found = find_uncounted(fetched.reading, self._register)
        if found.is_news and self._may_ask_register:
            self._may_ask_register = False
            self._ask_register()
            found = find_uncounted(fetched.reading, self._register)
        return replace(found, note=self._asked_register)

    def _ask_register(self) -> None:
        """Ask Elexon for the register as the asset does; whatever comes of it, the days go on."""
        try:
            answer = self._client().fetch_register()
            self.register_report = record_register(self._engine, self._archive, answer, now=self._now())
            with self._engine.connect() as connection:
                self._register = load_register(connection)
            self._asked_register = _ASKED
        except (MinereconError, SQLAlchemyError) as error:
            # No day fails by it: they are built by the versions in force, and a refusal is on record.
            why = " ".join(str(getattr(error, "orig", None) or error).split())
            self._asked_register = f"; the register was asked in this run in vain: {why}"
            _log.error("the register could not be taken over, the days go on with the versions in force: %s", why)
