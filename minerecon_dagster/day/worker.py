"""Work through settlement days: each alone and whole, one bad day in nobody else's way."""

from __future__ import annotations

import datetime as dt
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from minerecon_dagster.checks import evaluators
from minerecon_dagster.checks.evaluators import MatchRate
from minerecon_dagster.checks.turn_up import turn_up_reckoned_again
from minerecon_dagster.checks.uncounted import Uncounted, find_uncounted, store_uncounted
from minerecon_dagster.core.answers import Answer, AnswerKey, is_synthetic
from minerecon_dagster.core.calendar import StackSide, settlement_date
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.errors import (
    ArchiveError,
    ConfigurationError,
    DayFailedError,
    DifficultyAwaitedError,
    DifficultyError,
    MinereconError,
    NoDifficultyError,
)
from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.core.potential import DayVolumes
from minerecon_dagster.core.register import BmUnit, Register
from minerecon_dagster.core.restatement import ITS_CHECKS
from minerecon_dagster.core.states import accepting_first_run
from minerecon_dagster.day.build import (
    ChecksFailedError,
    DayInputs,
    LookFailedError,
    RestatementRefusedError,
    check_answers,
    check_day,
    recalculate_day,
    record_failed_attempt,
    record_rates,
    record_results,
    replace_day,
)
from minerecon_dagster.day.closing import DayClosedError, close_day, follow
from minerecon_dagster.day.decisions import NO_DECISIONS, read_day_decisions
from minerecon_dagster.day.later import Later, LaterReport, built_from, volumes_of_day
from minerecon_dagster.day.stored import StoredDay, is_same_object
from minerecon_dagster.decisions.unavailable import Unavailable
from minerecon_dagster.elexon.datasets import of_the_day
from minerecon_dagster.elexon.datasets.stack import STACK, Bid, wind_bids, wind_volumes
from minerecon_dagster.elexon.fetch import (
    FetchedDay,
    FetchFailedError,
    fetch_day,
    from_archive,
    read_archived,
    says_otherwise,
)
from minerecon_dagster.elexon.reading import DayReading
from minerecon_dagster.elexon.turn_up import FuelOf, turn_up_of
from minerecon_dagster.register.store import RegisterReport, load_register, rebuild_register, record_register
from minerecon_dagster.register.zones import locate_versions
from minerecon_dagster.warehouse.clock import check_clock
from minerecon_dagster.warehouse.migrate import require_reference_data
from minerecon_dagster.warehouse.sample import refuse_to_mix
from minerecon_dagster.warehouse.store import day_lock, statement
from minerecon_dagster.warehouse.warehouse import Warehouse

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.difficulty.source import DayDifficulties, DifficultyTable
    from minerecon_dagster.elexon.archive import Archive
    from minerecon_dagster.elexon.client import ElexonClient
    from minerecon_dagster.http.traffic import ClientStats

_log = logging.getLogger(__name__)

_ASKED = "; the register was asked in this run, and does not have them as wind"
_MOST_REMEMBERED_DAYS = 31
"""So many days' accepted volumes, a megabyte each on a windy one, are kept for what follows them in the same run."""
_TURN_S = 0.0002
"""How long a thread keeps the interpreter while another wants it. With Python's own 5 ms, the answer to each of a day's
thirty small statements waits for the thread that reckons beside it."""
_BUILT_AT_ONCE = 2
"""So many days are built at once: while PostgreSQL derives and compares one, the rows of another are made."""
INTERRUPTED = "interrupted: ending with the days in hand, and the answers that are under way"
MODEL_NAMES = tuple(model.name for model in MINER_MODELS)


@dataclass(frozen=True)
class BuiltDay:
    """A day that was just built, as its datasets report on it.

    Args:
        reading: what its answers say.
        answers: these.
        wind_units: the wind farms in force on the day, by unit id.
        figures, results: what it holds now, and how its checks went.
        uncounted: units that may be wind farms, were turned down on the day, and are not counted.
    """

    reading: DayReading
    answers: Mapping[AnswerKey, Answer]
    wind_units: Mapping[str, BmUnit]
    figures: StoredDay
    results: Sequence[Result]
    uncounted: Uncounted


@dataclass(frozen=True)
class DayReport:
    """What was done with a day, and what it holds now."""

    day: dt.date
    figures: StoredDay
    results: Sequence[Result]
    models: Sequence[str]
    seconds: float
    fetch_seconds: float = 0.0
    request_count: int = 0
    retry_count: int = 0
    archive_uri: str | None = None
    brought_something_new: bool = False
    duplicate_count: int = 0
    of_datasets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the materialization of each dataset says, by its name; empty where the day was not built from answers."""


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


class _Accepted(NamedTuple):
    """What was accepted of a day's wind units, as long as these are they and the day is that of this archive object."""

    archive_uri: str
    wind_units: Mapping[str, BmUnit]
    volumes: DayVolumes


class Worker:
    """Everything that the work on days needs, opened once for a run.

    Args:
        engine: the warehouse, at the code's revision.
        archive: the raw archive.
        difficulty: the difficulty table.
        open_client: makes the Elexon client, when something has to be asked.
        source_url: the base URL that the client asks.
        sides: sides of the stack to fetch.
        waivers_file: the file of what people have decided of days.
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
        waivers_file: Path,
        now: Callable[[], dt.datetime],
        run_id: str | None,
    ) -> None:
        self._engine = engine
        self._archive = archive
        self._table = difficulty
        self._open_client = open_client
        self._source_url = source_url
        self._sides = sides
        self._waivers_file = waivers_file
        self._now = now
        self._run_id = run_id
        self._opened: ElexonClient | None = None
        self._difficulties: DayDifficulties | None = None
        self._opening = threading.Lock()
        self.register_report: RegisterReport | None = None
        """What a register brought that was asked for because of a day's rows; None where none was, or it was no use."""
        self._may_ask_register = False
        self._asked_register = ""
        self._register = Register([])
        self._decisions = NO_DECISIONS
        self._later = Later(
            engine=engine,
            archive=archive,
            open_client=self._client,
            now=now,
            run_id=run_id,
            volumes=self._volumes_of,
            accepted=self.accepted,
        )
        self._volumes: dict[dt.date, _Accepted] = {}
        self.newly_closed: list[tuple[dt.date, Unavailable]] = []
        """The days that this run has closed, each with the entry that closes it."""

    def prepare(self, days: Collection[dt.date], *, from_archive: bool, ask_register: bool = False) -> None:
        """Read once what all days need: decisions, reference data, the register, the difficulties.

        The warehouse follows the decisions: days that were closed, or opened, since the last run.

        Args:
            days: settlement dates.
            from_archive: ask Elexon for nothing.
            ask_register: ask Elexon for the register, once, where a day has units that the stored one does not map.

        Raises:
            ConfigurationError, RegisterError, SourceError: none of the days can be done.
        """
        now = self._now()
        self._decisions = read_day_decisions(self._waivers_file, today=settlement_date(now))
        with Warehouse(self._engine).transaction(require_current=True) as connection:
            require_reference_data(connection)
            check_clock(connection)
        locate_versions(self._engine, self._archive)
        with self._engine.connect() as connection:
            self._register = load_register(connection)
        self.newly_closed += follow(self._engine, self._decisions.closed, now=now).closed
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
            self._difficulties = self._table.read(around)
        except DifficultyError:
            # DynamoDB does not answer now: each day asks for itself then, and is answered or fails alone.
            self._difficulties = None

    def ingest(
        self,
        days: Sequence[dt.date],
        *,
        fetch: bool = True,
        force: bool = False,
        periods: Collection[int] | None = None,
        accept_restatement: str | None = None,
    ) -> Generator[tuple[dt.date, DayReport | MinereconError | SQLAlchemyError], None, None]:
        """Fetch days where that is needed, and rebuild each and all that is derived from it, in their order.

        The next day is fetched while one is built, and from the archive two are built at once: source, database and
        interpreter wait for each other no more than they must. Each day is locked from its fetch to its commit.

        Args:
            days: settlement dates, ascending: two runs that meet then never wait for each other in a ring.
            fetch: False to take the newest archived answers.
            force: fetch even if the archive holds the day final.
            periods: fetch these periods only.
            accept_restatement: who takes what Elexon says of a final day though it loses too much of it to be
                believed; None to refuse that. Elexon is then asked in any case, if it is asked.

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
        sys.setswitchinterval(_TURN_S)
        # Of days that are asked for, the source sets the pace, and the register may change from one to the next.
        builders = 1 if fetch else _BUILT_AT_ONCE
        ahead: deque[tuple[dt.date, Future[_Fetched], Future[DayReport]]] = deque()
        todo, is_over = iter(days), threading.Event()
        with ThreadPoolExecutor(builders, "build") as building, ThreadPoolExecutor(1, "fetch-ahead") as fetching:
            try:
                while True:
                    while len(ahead) < builders + 1 and (day := next(todo, None)) is not None:
                        fetched = fetching.submit(
                            self._fetch_locked, day, fetch, force, periods, accept_restatement, is_over
                        )
                        built = building.submit(
                            self._build_fetched, day, fetched, not fetch, accept_restatement, is_over
                        )
                        ahead.append((day, fetched, built))
                    if not ahead:
                        return
                    day, _, built = ahead[0]
                    try:
                        # It stays among those ahead until it is had: an interruption here leaves no lock behind.
                        report = built.result()
                    except ConfigurationError:
                        raise
                    except (MinereconError, SQLAlchemyError) as error:
                        # One day's failure is its own: it is handed to the caller, and the others go on.
                        ahead.popleft()
                        yield day, error
                    else:
                        ahead.popleft()
                        yield day, report
            except BaseException as error:
                if not isinstance(error, Exception | GeneratorExit):
                    _log.warning(INTERRUPTED)
                raise
            finally:
                # The days that are being built are built whole, no other is begun, and none is waited for.
                is_over.set()
                for _, fetched, built in ahead:
                    is_left = built.cancel()
                    if not fetched.cancel() and is_left and fetched.exception() is None:
                        fetched.result().unlock.close()

    def _build_fetched(
        self,
        day: dt.date,
        fetched: Future[_Fetched],
        rebuild: bool,
        accept_restatement: str | None,
        is_over: threading.Event,
    ) -> DayReport:
        with fetched.result() as had:
            if is_over.is_set():
                raise CancelledError  # nobody waits for it any more
            return self._build(day, had, rebuild=rebuild, accept_restatement=accept_restatement)

    def _fetch_locked(
        self,
        day: dt.date,
        fetch: bool,
        force: bool,
        periods: Collection[int] | None,
        accept_restatement: str | None,
        is_over: threading.Event,
    ) -> _Fetched:
        started = time.perf_counter()
        with ExitStack() as stack:
            stack.enter_context(day_lock(self._engine, day, is_given_up=is_over.is_set))
            started = time.perf_counter()
            if (entry := self._closed(day)) is not None:
                raise self._asked_all_the_same(day, entry) if fetch and force else DayClosedError(day, entry)
            waived = self.is_control_total_waived(day)
            try:
                found = (
                    fetch_day(
                        day,
                        client=self._client,
                        source_url=self._source_url,
                        archive=self._archive,
                        sides=self._sides,
                        now=self._now,
                        force=force or accept_restatement is not None,
                        periods=periods,
                        controls_waived=waived,
                    )
                    if fetch
                    else from_archive(
                        day,
                        self._archive,
                        self._sides,
                        accept_restatement=accept_restatement is not None,
                        controls_waived=waived,
                    )
                )
            except FetchFailedError as failure:
                record_failed_attempt(self._engine, failure, looked_at=self._now())
                failure.results = self.accepted(day, evaluators.completeness(failure.reading))
                self._record(day, failure.results)
                raise
            return _Fetched(found, time.perf_counter() - started, stack.pop_all())

    def later(self, day: dt.date, *, fetch: bool, force: bool = False) -> Iterator[LaterReport]:
        """What comes days after a day and is due of it, or, without fetching, is held; no day fails by it.

        With ``force`` all whose time has come is asked for, though it is there.
        """
        try:
            if self.closed(day) is None and built_from(self._engine, day) is not None:
                yield from self._later.of(day, self._register.wind_units(day), ask=fetch, force=force)
        finally:
            self._volumes.pop(day, None)

    def _volumes_of(self, day: dt.date, wind_units: Mapping[str, BmUnit]) -> DayVolumes:
        """What was accepted of the wind units of a stored day, under its lock: as this run has built it, or else as the
        archive has it; another run may have built it since, or the register may have changed.
        """
        known = self._volumes.get(day)
        if (
            known is not None
            and known.wind_units.keys() == wind_units.keys()
            and is_same_object(known.archive_uri, built_from(self._engine, day) or "")
        ):
            return known.volumes
        return volumes_of_day(self._engine, self._archive, self._sides, day, wind_units)

    def closed(self, day: dt.date) -> Unavailable | None:
        """The entry by which a person has closed a day; None where it is open."""
        return self._decisions.closed.of(day)

    def is_control_total_waived(self, day: dt.date) -> bool:
        """Whether a person accepts that the day is built without Elexon's control totals."""
        today = settlement_date(self._now())
        return self._decisions.waivers.of_control_total(day, today=today) is not None

    def _closed(self, day: dt.date) -> Unavailable | None:
        """The entry that closes a day, of which nothing is stored then; under the day's lock."""
        if (entry := self.closed(day)) is not None:
            with self._engine.begin() as connection:
                # Closed by an earlier run, as a rule; or by this one, if another worked on it when this one began.
                if close_day(connection, day, entry, now=self._now()):
                    self.newly_closed.append((day, entry))
        return entry

    def _asked_all_the_same(self, day: dt.date, entry: Unavailable) -> DayClosedError:
        """Ask Elexon for a closed day, keep what comes in the archive, and say what it is."""
        try:
            found = fetch_day(
                day,
                client=self._client,
                source_url=self._source_url,
                archive=self._archive,
                sides=self._sides,
                now=self._now,
                force=True,
                controls_waived=self.is_control_total_waived(day),
            )
        except FetchFailedError as failure:
            return DayClosedError(day, entry, answered=failure.reading.problem())
        reading = found.reading
        judgement, rows = reading.judgement, sum(map(len, reading.rows.values()))
        answered = (
            f"{judgement.state}, {judgement.periods_present} of {judgement.periods_expected} periods, {rows:,} rows, "
            f"kept as {found.archived.uri}"
        )
        is_there = judgement.state in ("provisional", "final") and rows > 0
        return DayClosedError(day, entry, answered=answered, is_there=is_there)

    def _build(self, day: dt.date, fetched: _Fetched, *, rebuild: bool, accept_restatement: str | None) -> DayReport:
        started = time.perf_counter()
        found = self._accepting(fetched.found)
        uncounted = self._finding_uncounted(found)
        wind_units = self._register.wind_units(day)
        remembers = len(self._volumes) < _MOST_REMEMBERED_DAYS
        volumes: DayVolumes | None = None

        def remember(bids: Sequence[Bid]) -> None:
            nonlocal volumes
            volumes = wind_volumes(found.reading, bids, wind_units)

        def build(found: FetchedDay, accepted_by: str | None = None) -> tuple[StoredDay, list[Result]]:
            return replace_day(
                self._engine,
                found,
                DayInputs(
                    wind_units,
                    self._difficulty(day),
                    self._table.name,
                    MODEL_NAMES,
                    uncounted,
                    self._fuel_of(day),
                    remember if remembers else lambda _: None,
                ),
                rebuild=rebuild,
                now=self._now(),
                run_id=self._run_id,
                waivers=self._decisions.waivers,
                load=self._reading_at,
                accepted_by=accepted_by,
                source_changed=lambda uri: self._says_otherwise(found, uri),
                take=lambda: self._archive.accept(
                    found.archived, "", accepted_by=ITS_CHECKS, now=self._now(), run_id=self._run_id
                ),
            )

        def build_or_refuse() -> tuple[StoredDay, list[Result]]:
            try:
                return build(found)
            except RestatementRefusedError as refusal:
                # Where the answers are those that the stored day was built from, they are not what is wrong.
                of_answers = not is_same_object(found.archived.uri, refusal.built_from or "")
                if accept_restatement is None:
                    if of_answers:
                        self._archive.refuse(found.archived, refusal.why, now=self._now(), run_id=self._run_id)
                    raise
                taken = found
                if of_answers:
                    # Before the day is built: an object that a person took is built from whoever builds next.
                    archived = self._archive.accept(
                        found.archived,
                        refusal.why,
                        accepted_by=accept_restatement,
                        now=self._now(),
                        run_id=self._run_id,
                    )
                    taken = replace(found, archived=archived)
                return build(taken, accept_restatement)

        figures, results = self._recording(day, build_or_refuse)
        if volumes is not None:  # else they are read from the archive
            self._volumes[day] = _Accepted(figures.archive_uri, wind_units, volumes)
        built = BuiltDay(found.reading, found.archived.answers, wind_units, figures, results, uncounted())
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
            duplicate_count=found.reading.of(STACK).duplicate_count,
            of_datasets={dataset.name: dataset.metadata(built) for dataset in of_the_day()},
        )

    def recalculate(
        self, days: Sequence[dt.date], models: Sequence[str]
    ) -> Generator[tuple[dt.date, DayReport | MinereconError | SQLAlchemyError], None, None]:
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
                    if (entry := self._closed(day)) is not None:
                        raise DayClosedError(day, entry)
                    rebuilt, figures, results = self._recalculate(day, models)
            except ConfigurationError:
                raise
            except (MinereconError, SQLAlchemyError) as error:
                # One day's failure is its own: it is handed to the caller, and the others go on.
                yield day, error
            else:
                seconds = time.perf_counter() - started
                yield day, DayReport(day=day, figures=figures, results=results, models=rebuilt, seconds=seconds)

    def _recalculate(self, day: dt.date, models: Sequence[str]) -> tuple[Sequence[str], StoredDay, list[Result]]:
        rebuilt: Sequence[str] = models

        def build() -> tuple[StoredDay, list[Result]]:
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
                waivers=self._decisions.waivers,
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
        except ConfigurationError:
            raise
        except (ArchiveError, DayFailedError) as error:
            results = self.accepted(day, evaluators.not_run(day, str(error)))
            self._record(day, results)
            raise LookFailedError(str(error), results) from error
        results = self.accepted(day, results)
        with self._engine.begin() as connection:
            store_uncounted(connection, day, uncounted)
            record_results(connection, day, results, now=self._now(), run_id=self._run_id)
            record_rates(connection, day, rates, now=self._now())
        return results

    def _look(self, day: dt.date) -> tuple[list[Result], list[MatchRate], Uncounted]:
        waived = self.is_control_total_waived(day)
        found = self._accepting(from_archive(day, self._archive, self._sides, controls_waived=waived))
        wind_units = self._register.wind_units(day)
        bids = list(wind_bids(found.reading, wind_units))
        with Warehouse(self._engine).snapshot() as connection, ThreadPoolExecutor(1, "checks") as beside:
            if connection.execute(statement("checks/stored_coverage"), {"day": day}).one_or_none() is None:
                raise DayFailedError(f"{day}: nothing is stored of this day; fetch it: minerecon reingest {day}")
            uncounted = cache(partial(find_uncounted, found.reading, self._register))
            walked = partial(turn_up_of, found.reading, bids, wind_units, self._fuel_of(day))
            of_answers = beside.submit(check_answers, found, bids, wind_units, uncounted, walked)
            results, rates = check_day(connection, found, bids, wind_units, of_answers)
            results.append(turn_up_reckoned_again(connection, found.reading, bids))
            try:
                results += evaluators.difficulty(connection, day, self._difficulty(day), self._table.name)
            except DifficultyError as error:
                results += evaluators.difficulty_missing(day, str(error))
        return results, rates, uncounted()

    def accepted(self, day: dt.date, results: Iterable[Result]) -> list[Result]:
        """The results of a day with what is waived of them today, by the waivers that `prepare` has read."""
        return self._decisions.waivers.applied(day, results, today=settlement_date(self._now()))

    def _accepting(self, found: FetchedDay) -> FetchedDay:
        """A fetched day with what a person has accepted of it: that Elexon will not run it again."""
        (of_rerun,) = self.accepted(found.archived.day, [evaluators.rows_of_the_rerun(found.reading)])
        if not of_rerun.is_waived:
            return found
        judgement = accepting_first_run(found.reading.judgement)
        return replace(found, reading=replace(found.reading, judgement=judgement))

    def traffic(self) -> ClientStats | None:
        """What was asked of Elexon so far; None where nothing was."""
        return self._opened.stats.snapshot() if self._opened is not None else None

    def close(self) -> None:
        """Give back the connections to Elexon; those of the warehouse are for whoever opened it."""
        if self._opened is not None:
            self._opened.close()

    def _client(self) -> ElexonClient:
        with self._opening:  # a day is fetched in another thread than the register may be
            if self._opened is None:
                self._opened = self._open_client()
            return self._opened

    def _difficulty(self, day: dt.date) -> Decimal:
        known = self._difficulties
        if known is None or (day not in known.values and day not in known.refused):
            return self._table.require([day])[day]
        return self._table.of(day, known)

    def _recording(
        self, day: dt.date, build: Callable[[], tuple[StoredDay, list[Result]]]
    ) -> tuple[StoredDay, list[Result]]:
        try:
            return build()
        except ChecksFailedError as failure:
            self._record(day, failure.results)
            raise
        except DifficultyError as failure:
            if isinstance(failure, NoDifficultyError) and day >= settlement_date(self._now()):
                # Its figures are not due before it is over; tomorrow the same is a failure.
                said = f"{day}: it is in progress, and is built once its difficulty is there: {failure}"
                raise DifficultyAwaitedError(said) from failure
            self._record(day, self.accepted(day, evaluators.difficulty_missing(day, str(failure))))
            raise

    def _record(self, day: dt.date, results: Collection[Result]) -> None:
        with self._engine.begin() as connection:
            record_results(connection, day, results, now=self._now(), run_id=self._run_id)

    def _reading_at(self, uri: str) -> DayReading | None:
        try:
            return read_archived(self._archive.load(uri), self._sides)
        except ConfigurationError:
            raise
        except ArchiveError:
            return None  # the stored sums stand in for it

    def _fuel_of(self, day: dt.date) -> FuelOf:
        """The fuel of a unit on a day, by the register of now."""

        def fuel(bmu_id: str) -> str | None:
            unit = self._register.in_force(bmu_id, day)
            return unit.fuel_type if unit is not None else None

        return fuel

    def _finding_uncounted(self, fetched: FetchedDay) -> Callable[[], Uncounted]:
        """Finds once what a day does not count; at once where the register may be asked for it, and change."""
        find = cache(partial(self._uncounted, fetched))
        if self._may_ask_register:
            find()
        return find

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

    def _says_otherwise(self, found: FetchedDay, uri: str) -> bool:
        """Whether a day's answers say another thing than those that it was built from before; unknown counts as so."""
        before = self._reading_at(uri)
        return before is None or says_otherwise(before, found.reading)
