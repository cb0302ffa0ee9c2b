"""Datasets that come days after their settlement day: which are due, asking for them, and writing their own tables.

Beside the build of a day and never in its way: whatever goes wrong here is on record, and is told of the dataset alone.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from minerecon_dagster.core.answers import Answer, AnswerKey, is_synthetic
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide, settlement_date
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.errors import (
    DayFailedError,
    MinereconError,
    SchemaDriftError,
    SourceError,
    TransientSourceError,
    one_line,
)
from minerecon_dagster.core.potential import DayVolumes
from minerecon_dagster.core.register import BmUnit
from minerecon_dagster.core.repairs import REFETCH
from minerecon_dagster.core.restatement import ITS_CHECKS
from minerecon_dagster.day.build import record_results
from minerecon_dagster.day.closing import is_closed
from minerecon_dagster.day.stored import is_same_object
from minerecon_dagster.elexon.datasets import later
from minerecon_dagster.elexon.datasets.later import LaterDataset, Look, Run
from minerecon_dagster.elexon.datasets.stack import wind_bids, wind_volumes
from minerecon_dagster.elexon.fetch import read_archived
from minerecon_dagster.warehouse.sample import refuse_to_mix
from minerecon_dagster.warehouse.store import day_lock, statement
from minerecon_dagster.warehouse.tables import daily_summaries

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.elexon.archive import Archive, ArchivedDay
    from minerecon_dagster.elexon.client import ElexonClient


SCAN_DAY_OF_MONTH: Final = 3
"""On which `monthly_restatement_scan` runs."""
_URI_TOO_LONG = 414
MOST_UNITS_NAMED: Final = 5


class UnitsLostError(MinereconError):
    """An answer lacks what is stored of units."""


@dataclass(frozen=True)
class LaterReport:
    """What became of a dataset on a day.

    Args:
        dataset: which.
        day: settlement date.
        metadata: what its materialization says.
        results: its properties.
        problem: why it could not be had or used, in one line, with the command that tries again; empty where it could,
            and where nothing was to be had yet.
    """

    dataset: LaterDataset
    day: dt.date
    metadata: Mapping[str, Any]
    results: Sequence[Result] = field(default_factory=tuple)
    problem: str = ""

    @property
    def has_news(self) -> bool:
        """Whether something was written of it, and not only said why nothing was."""
        return any("missing" not in name for name in self.metadata)


def days_due_later(connection: Connection, *, first_day: dt.date, today: dt.date) -> set[dt.date]:
    """The stored days of which a dataset is due, oldest first, of each dataset at most its `days_a_run`.

    And those that were built again since, of a dataset that follows them.
    """
    found: set[dt.date] = set()
    for dataset in later():
        first = max(first_day, today - dt.timedelta(days=dataset.reaches_back_days))
        most = min(dataset.days_a_run, dataset.most_requests_a_run() or dataset.days_a_run)
        if dataset.is_asked_for():
            days = dict.fromkeys(day for day, _ in _due(connection, dataset, first, today, today))
            found.update(list(days)[:most])
        if dataset.follows_day:
            found.update(_left_behind(connection, dataset, first, today)[: dataset.days_a_run])
    return found


def _due(
    connection: Connection,
    dataset: LaterDataset,
    first: dt.date,
    last: dt.date,
    today: dt.date,
    *,
    force: bool = False,
) -> list[tuple[dt.date, Run]]:
    by_name = {run.name: run for run in dataset.runs}
    parameters = {
        "dataset": dataset.name,
        "first_day": first,
        "last_day": last,
        "today": today,
        "runs": list(by_name),
        "ranks": [run.rank for run in dataset.runs],
        "after_days": [run.after_days for run in dataset.runs],
        "with_scan": [run.with_scan for run in dataset.runs],
        "scan_day": SCAN_DAY_OF_MONTH,
        "most_attempts": dataset.most_attempts,
        "is_look": dataset.runs_are_looks,
        "force": force,
    }
    return [(r.settlement_date, by_name[r.run]) for r in connection.execute(statement("later/due"), parameters)]


def _left_behind(connection: Connection, dataset: LaterDataset, first: dt.date, last: dt.date) -> list[dt.date]:
    """The days that were built again since the rows of a dataset that follows them were written."""
    parameters = {"dataset": dataset.name, "first_day": first, "last_day": last}
    return list(connection.execute(statement("later/left_behind"), parameters).scalars())


def volumes_of_day(
    engine: Engine, archive: Archive, sides: tuple[StackSide, ...], day: dt.date, wind_units: Mapping[str, BmUnit]
) -> DayVolumes:
    """What was accepted of the wind units of a day, by the answers that the stored day was built from.

    Others may be newer in the archive, of a day that its checks have refused.

    Raises:
        DayFailedError: the day is not stored.
        ArchiveError: its answers cannot be read.
    """
    uri = built_from(engine, day)
    if uri is None:
        raise DayFailedError(f"{day}: nothing is stored of this day; fetch it: minerecon reingest {day}")
    reading = read_archived(archive.load(uri), sides)
    return wind_volumes(reading, wind_bids(reading, wind_units), wind_units)


def built_from(engine: Engine, day: dt.date) -> str | None:
    """The address of the archive object that a stored day was built from; None where it is not stored."""
    with engine.connect() as connection:
        of_day = select(daily_summaries.c.archive_uri).where(daily_summaries.c.summary_date == day)
        uri: str | None = connection.execute(of_day).scalar_one_or_none()
        return uri


class Later:
    """Asks for what comes later of a day, and writes it.

    Args:
        engine: the warehouse.
        archive: the raw archive.
        open_client: makes the Elexon client, when something has to be asked.
        now: the clock.
        run_id: the Dagster run, for the record.
        volumes: what was accepted of the wind units of a stored day, under whose lock it is asked for; None to read it
            from the archive.
        accepted: the results of a day with what a person has accepted of them.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        archive: Archive,
        open_client: Callable[[], ElexonClient],
        now: Callable[[], dt.datetime],
        run_id: str | None,
        volumes: Callable[[dt.date, Mapping[str, BmUnit]], DayVolumes] | None = None,
        accepted: Callable[[dt.date, list[Result]], list[Result]] = lambda _, results: results,
    ) -> None:
        self._engine = engine
        self._archive = archive
        self._open_client = open_client
        self._now = now
        self._run_id = run_id
        self._volumes = volumes or partial(volumes_of_day, engine, archive, STACK_SIDES)
        self._accepted = accepted
        self._requests: Counter[str] = Counter()
        """How many requests were made of each dataset."""

    def of(
        self, day: dt.date, wind_units: Mapping[str, BmUnit], *, ask: bool, force: bool = False
    ) -> Iterator[LaterReport]:
        """Everything of a day that is due, or, without asking, all of it that the archive holds.

        Args:
            day: settlement date.
            wind_units: the wind farms in force on the day, by unit id.
            ask: ask Elexon for what is due; else build again what is held.
            force: ask for all whose time has come, though it is there, or was asked for in vain too often.
        """
        for dataset in later():
            try:
                with day_lock(self._engine, day):
                    yield self._asked(dataset, day, wind_units, force) if ask else self._held(dataset, day, wind_units)
            except (MinereconError, SQLAlchemyError) as error:
                # Told of the dataset: the day is built, and the next dataset is none the worse.
                why = one_line(error)
                yield LaterReport(dataset, day, {"missing": why}, problem=_problem(dataset, day, why))

    def _asked(self, dataset: LaterDataset, day: dt.date, wind_units: Mapping[str, BmUnit], force: bool) -> LaterReport:
        with self._engine.connect() as connection:
            today = settlement_date(self._now())
            due = [run for _, run in _due(connection, dataset, day, day, today, force=force)]
            is_behind = dataset.follows_day and bool(_left_behind(connection, dataset, day, day))
        said: dict[str, Any] = {}
        results: list[Result] = []
        problems: list[str] = []
        units = dataset.units(wind_units)
        why = self._not_asked(dataset, units)
        if force and due and why and dataset.is_asked_for():
            problems.append(why)  # who asks in any case is told that it was not
        for run in due if units and not why else ():
            try:
                found, of_run = self._taken(dataset, day, run, units, wind_units, self._ask(dataset, day, run, units))
            except SchemaDriftError as error:
                problems.append(one_line(error))
                found, of_run = self._unreadable(dataset, day, run, units, problems[-1])
            except (MinereconError, SQLAlchemyError) as error:
                problems.append(one_line(error))
                self._record(dataset, day, run, reason=problems[-1], answered=_is_answer(error))
                found, of_run = {"missing": problems[-1]}, []
            if _is_refused(of_run):
                problems.append(found["missing"])
            results += of_run
            said |= {_name(name, run): value for name, value in found.items()}
            if "missing" not in found or dataset.runs_are_looks:
                break  # a lower run no longer counts; another look is another day's
        problem = _problem(dataset, day, "; ".join(dict.fromkeys(problems))) if problems else ""
        report = LaterReport(dataset, day, said or {"missing": why or "nothing of it is due"}, results, problem)
        if is_behind and not report.has_news:
            held = self._held(dataset, day, wind_units)
            return replace(held, problem="; ".join(filter(None, (problem, held.problem))))
        return report

    def _not_asked(self, dataset: LaterDataset, units: Sequence[str]) -> str:
        """Why a dataset is not asked for now; empty where it is."""
        if not dataset.is_asked_for():
            return "not asked for: it is switched off"
        most = dataset.most_requests_a_run()
        if most is not None and self._requests[dataset.name] >= most:
            return f"not asked for: {most} requests of it are as many as a run makes"
        return "" if units else "the register has no wind unit on the day"

    def _ask(self, dataset: LaterDataset, day: dt.date, run: Run, units: Sequence[str]) -> dict[AnswerKey, Answer]:
        """The answers of a run, in as many requests as it takes: a URL that is too long (HTTP 414) is halved once.

        Raises:
            SourceError: one of them did not come.
        """
        paths = dataset.questions(day, run, units)
        try:
            return self._answers(dataset, paths)
        except SourceError as error:
            if error.status != _URI_TOO_LONG:
                raise
            return self._answers(dataset, dataset.questions(day, run, units, 2 * len(paths)))

    def _answers(self, dataset: LaterDataset, paths: Mapping[AnswerKey, str]) -> dict[AnswerKey, Answer]:
        self._requests[dataset.name] += len(paths)
        got = self._open_client().ask(paths)
        for answer in got.values():
            if isinstance(answer, SourceError):
                raise answer
        return {key: answer for key, answer in got.items() if isinstance(answer, Answer)}

    def _taken(
        self,
        dataset: LaterDataset,
        day: dt.date,
        run: Run,
        units: Sequence[str],
        wind_units: Mapping[str, BmUnit],
        answers: Mapping[AnswerKey, Answer],
    ) -> tuple[dict[str, Any], list[Result]]:
        """Archive answers, and write them if they say something: what its materialization says, and the results.

        Raises:
            SchemaDriftError: they are not what they should be. They are kept, refused.
            UnitsLostError: they lack what is stored. They are kept, refused.
        """
        try:
            rows = _rows(dataset, day, answers)
        except SchemaDriftError as error:
            self._refuse(dataset, run, self._kept(dataset, day, answers), one_line(error))
            raise
        if not rows:
            status = ", ".join(sorted({str(answer.status) for answer in answers.values()}))
            reason = f"HTTP {status} without rows: not published yet"
            self._record(dataset, day, run, reason=reason)
            return {"missing": reason}, []
        look = self._look(dataset, day, run, units, wind_units, answers, rows)
        lost = self._lost(dataset, look)
        archived = self._kept(dataset, day, answers)
        if lost:
            self._refuse(dataset, run, archived, lost)
            raise UnitsLostError(lost)
        found, results = self._written(dataset, look, archived.uri, asked=True)
        if _is_refused(r for r in results if r.checked not in dataset.against_the_day):
            self._refuse(dataset, run, archived, found["missing"])
        elif not _is_refused(results):
            self._take(archived)
        return found, results

    def _lost(self, dataset: LaterDataset, look: Look) -> str:
        """What an answer lacks that is stored; empty where nothing, and where its own checks refuse it and say why."""
        with self._engine.connect() as connection:
            lost = dataset.units_lost(connection, look)
        if not lost or _is_refused(self._checked(dataset, look)):
            return ""
        some = ", ".join(sorted(lost)[:MOST_UNITS_NAMED])
        return f"the answer lacks what is stored of units, {len(lost)} in number ({some}), and is not taken"

    def _kept(self, dataset: LaterDataset, day: dt.date, answers: Mapping[AnswerKey, Answer]) -> ArchivedDay:
        return self._archive.record_of(dataset.name, day, answers, now=self._now())

    def _refuse(self, dataset: LaterDataset, run: Run, archived: ArchivedDay, why: str) -> None:
        """Let nothing be built again from an answer that has just come: what was held before it stays current.

        Where what is stored of the run was made of the very same, the answer is not what is wrong.
        """
        if archived.is_refused:
            return
        if not is_same_object(self._made_from(dataset, archived.day).get(run.name, ""), archived.uri):
            self._archive.refuse(archived, why, now=self._now(), run_id=self._run_id)

    def _made_from(self, dataset: LaterDataset, day: dt.date) -> dict[str, str]:
        """The objects that what is stored was made from, by the name of the run."""
        with self._engine.connect() as connection:
            found = connection.execute(statement("later/made_from"), {"dataset": dataset.name, "day": day})
            return {r.run: r.archive_uri for r in found}

    def _take(self, archived: ArchivedDay) -> None:
        """Let an answer that is written now be built from again, where it was refused before."""
        if archived.refusal is not None and archived.is_refused:
            why, now = archived.refusal.why, self._now()
            self._archive.accept(archived, why, accepted_by=ITS_CHECKS, now=now, run_id=self._run_id)

    def _unreadable(
        self, dataset: LaterDataset, day: dt.date, run: Run, units: Sequence[str], why: str
    ) -> tuple[dict[str, Any], list[Result]]:
        """Put on record that answers came which nobody can use: no later day would be the better for silence."""
        results = self._accepted(day, dataset.unreadable(day, units, why))
        with self._engine.begin() as connection:
            if results and not is_closed(connection, day):
                record_results(connection, day, results, now=self._now(), run_id=self._run_id)
        self._record(dataset, day, run, reason=why)
        return {"missing": why}, results

    def _look(
        self,
        dataset: LaterDataset,
        day: dt.date,
        run: Run,
        units: Sequence[str],
        wind_units: Mapping[str, BmUnit],
        answers: Mapping[AnswerKey, Answer],
        rows: Sequence[Any],
    ) -> Look:
        volumes = self._volumes(day, wind_units) if dataset.reads_volumes else None
        return Look(day, run, units, wind_units, next(iter(answers.values())), rows, volumes)

    def _checked(self, dataset: LaterDataset, look: Look) -> list[Result]:
        """How the answer's own checks go, with what a person has accepted."""
        return self._accepted(look.day, look.once(dataset.check))

    def _written(
        self, dataset: LaterDataset, look: Look, archive_uri: str, *, asked: bool
    ) -> tuple[dict[str, Any], list[Result]]:
        day = look.day
        results = self._checked(dataset, look)
        blocking = [r for r in results if r.blocks]
        with self._engine.begin() as connection:
            if is_closed(connection, day):
                raise DayFailedError(f"{day}: a person has closed this day meanwhile; nothing was stored")
            refuse_to_mix(connection, synthetic=is_synthetic(look.answer.url))
            if not blocking:
                # What the tables say against it takes its rows out again, and leaves what was there.
                with connection.begin_nested() as written:
                    dataset.write(connection, look)
                    of_tables = self._accepted(day, dataset.check_stored(connection, look))
                    blocking = [r for r in of_tables if r.blocks]
                    if blocking:
                        written.rollback()
                results += of_tables
            if results:
                record_results(connection, day, results, now=self._now(), run_id=self._run_id)
        reason = "; ".join(map(str, blocking)) or None
        self._record(dataset, day, look.run, reason=reason, archive_uri=archive_uri, asked=asked)
        if any(r.checked not in dataset.against_the_day for r in blocking):
            return {"missing": _refused(reason or "")}, results
        if reason:
            return {
                "missing": f"the answer is kept and not shown, for the stored day says otherwise: {reason}"
            }, results
        return dataset.metadata(look), results

    def _held(self, dataset: LaterDataset, day: dt.date, wind_units: Mapping[str, BmUnit]) -> LaterReport:
        stored = self._made_from(dataset, day)
        archived, looks, problems = self._to_build_from(dataset, day, stored, wind_units)
        said: dict[str, Any] = {}
        results: list[Result] = []
        if archived is not None:
            for look in looks:
                if archived.is_refused and (why := self._lost_by(archived, dataset, look, stored)):
                    raise UnitsLostError(why)
                found, of_run = self._written(dataset, look, archived.uri, asked=False)
                said |= {_name(name, look.run): value for name, value in found.items()}
                results += of_run
                if _is_refused(of_run):
                    problems.append(found["missing"])
            if looks and not _is_refused(results):
                self._take(archived)
        nothing = "the archive holds nothing of it"
        if not said and (lost := next(iter(stored.values()), "")):
            problems.append(f"{nothing}, and its rows were made from {lost}")
        # What was just refused is looked at again where there is nothing else, and says the same.
        problem = _problem(dataset, day, "; ".join(dict.fromkeys(problems))) if problems else ""
        return LaterReport(dataset, day, said or {"missing": nothing}, results, problem)

    def _to_build_from(
        self, dataset: LaterDataset, day: dt.date, stored: Mapping[str, str], wind_units: Mapping[str, BmUnit]
    ) -> tuple[ArchivedDay | None, list[Look], list[str]]:
        """The object to build again from, what its runs say, and what is to be told of newer ones.

        It is the newest that was not refused, and that is none of those that ought to have been: a run may have ended
        between the archive and its mark, and an older version of this program marked none. Where there is nothing else,
        what was refused is looked at again, as a person may have waived what was against it.
        """
        refused = self._archive.newest_refused_of(dataset.name, day)
        if refused is not None and any(is_same_object(uri, refused.uri) for uri in stored.values()):
            # It was written since, and the run ended before it said so in the archive.
            return refused, self._looks(dataset, refused, wind_units), []
        told: list[str] = []
        while (archived := self._archive.newest_of(dataset.name, day)) is not None:
            try:
                looks = self._looks(dataset, archived, wind_units)
                why = self._unfit(dataset, archived, looks, stored)
            except SchemaDriftError as error:
                looks, why = [], one_line(error)
            if not why:
                return archived, looks, told
            self._archive.refuse(archived, why, now=self._now(), run_id=self._run_id)
            told.append(_refused(why))
        refused = self._archive.newest_refused_of(dataset.name, day)
        return refused, [] if refused is None else self._looks(dataset, refused, wind_units), told

    def _looks(self, dataset: LaterDataset, archived: ArchivedDay, wind_units: Mapping[str, BmUnit]) -> list[Look]:
        """What an object says of each run, lower ranks first: where one replaces another, the highest is what stays.

        Raises:
            SchemaDriftError: it cannot be read.
        """
        looks = []
        for run in sorted(dataset.runs, key=lambda run: run.rank):
            if answers := dataset.held(run, archived.answers):
                rows = _rows(dataset, archived.day, answers)
                units = dataset.units_asked(answers.values(), wind_units)
                looks.append(self._look(dataset, archived.day, run, units, wind_units, answers, rows))
        return looks

    def _unfit(
        self, dataset: LaterDataset, archived: ArchivedDay, looks: Sequence[Look], stored: Mapping[str, str]
    ) -> str:
        """Why an object should have been refused; empty where it should not."""
        for look in looks:
            if blocking := [r for r in self._checked(dataset, look) if r.blocks]:
                return "; ".join(map(str, blocking))
            if lost := self._lost_by(archived, dataset, look, stored):
                return lost
        return ""

    def _lost_by(self, archived: ArchivedDay, dataset: LaterDataset, look: Look, stored: Mapping[str, str]) -> str:
        """As `_lost`; empty where what is stored was made from the very object."""
        if is_same_object(stored.get(look.run.name, ""), archived.uri):
            return ""
        return self._lost(dataset, look)

    def _record(
        self,
        dataset: LaterDataset,
        day: dt.date,
        run: Run,
        *,
        reason: str | None,
        archive_uri: str | None = None,
        asked: bool = True,
        answered: bool = True,
    ) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                statement("later/upsert_answer"),
                {
                    "dataset": dataset.name,
                    "day": day,
                    "run": run.name,
                    "is_there": reason is None,
                    "reason": reason,
                    "at": self._now(),
                    "archive_uri": archive_uri,
                    "asked": asked,
                    "answered": asked and answered,
                },
            )


def _refused(why: str) -> str:
    return f"the answer is refused, and what is stored stays: {why}"


def _is_refused(results: Iterable[Result]) -> bool:
    return any(r.blocks for r in results)


def _is_answer(error: Exception) -> bool:
    """Whether Elexon said something, if only what is of no use; where it is down, or the fault is ours, it did not."""
    is_answer = isinstance(error, SchemaDriftError | SourceError | UnitsLostError)
    return is_answer and not isinstance(error, TransientSourceError)


def _problem(dataset: LaterDataset, day: dt.date, why: str) -> str:
    """What a person reads of a dataset that could not be had or used: the day's other figures are none the worse."""
    return (
        f"{day}: nothing new of {dataset.source}: {why}; all else of the day is as it should be; "
        f"to ask for it: {REFETCH.over(day)}"
    )


def _rows(dataset: LaterDataset, day: dt.date, answers: Mapping[AnswerKey, Answer]) -> list[Any]:
    return [row for key, answer in answers.items() for row in dataset.parse(key, day, answer)]


def _name(name: str, run: Run) -> str:
    """A name of metadata, told apart by run where there are several."""
    return f"{run.name}_{name}" if run.name else name
