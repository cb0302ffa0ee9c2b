"""Datasets that come days after their settlement day: which are due, asking for them, and writing their own tables.

Beside the build of a day and never in its way: whatever goes wrong here is on record, and is told of the dataset alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, delete
from sqlalchemy.exc import SQLAlchemyError

from minerecon_dagster.core.answers import Answer, is_synthetic
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.errors import DayFailedError, MinereconError, SourceError, one_line
from minerecon_dagster.core.register import BmUnit
from minerecon_dagster.day.build import record_results
from minerecon_dagster.day.closing import is_closed
from minerecon_dagster.elexon.datasets import later
from minerecon_dagster.elexon.datasets.later import LaterDataset, Look, Run
from minerecon_dagster.warehouse.sample import refuse_to_mix
from minerecon_dagster.warehouse.store import cursor, day_lock, statement

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.elexon.archive import Archive
    from minerecon_dagster.elexon.client import ElexonClient


@dataclass(frozen=True)
class LaterReport:
    """What became of a dataset on a day."""

    dataset: LaterDataset
    day: dt.date
    metadata: Mapping[str, Any]
    results: Sequence[Result] = field(default_factory=tuple)


def days_due_later(connection: Connection, *, first_day: dt.date, today: dt.date) -> set[dt.date]:
    """The stored days of which a dataset is due, oldest first, of each dataset at most its `days_a_run`."""
    found: set[dt.date] = set()
    for dataset in later():
        first = max(first_day, today - dt.timedelta(days=dataset.reaches_back_days))
        days = dict.fromkeys(day for day, _ in _due(connection, dataset, first, today, today))
        found.update(list(days)[: dataset.days_a_run])
    return found


def _due(
    connection: Connection, dataset: LaterDataset, first: dt.date, last: dt.date, today: dt.date
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
        "most_attempts": dataset.most_attempts,
    }
    return [(r.settlement_date, by_name[r.run]) for r in connection.execute(statement("later/due"), parameters)]


class Later:
    """Asks for what comes later of a day, and writes it.

    Args:
        engine: the warehouse.
        archive: the raw archive.
        open_client: makes the Elexon client, when something has to be asked.
        now: the clock.
        run_id: the Dagster run, for the record.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        archive: Archive,
        open_client: Callable[[], ElexonClient],
        now: Callable[[], dt.datetime],
        run_id: str | None,
    ) -> None:
        self._engine = engine
        self._archive = archive
        self._open_client = open_client
        self._now = now
        self._run_id = run_id

    def of(self, day: dt.date, wind_units: Mapping[str, BmUnit], *, ask: bool) -> Iterator[LaterReport]:
        """Everything of a day that is due, or, without asking, all of it that the archive holds.

        Args:
            day: settlement date.
            wind_units: the wind farms in force on the day, by unit id.
            ask: ask Elexon for what is due; else build again what is held.
        """
        for dataset in later():
            try:
                with day_lock(self._engine, day):
                    yield self._asked(dataset, day, wind_units) if ask else self._held(dataset, day, wind_units)
            except (MinereconError, SQLAlchemyError) as error:
                # Told of the dataset: the day is built, and the next dataset is none the worse.
                yield LaterReport(dataset, day, {"missing": one_line(error)})

    def _asked(self, dataset: LaterDataset, day: dt.date, wind_units: Mapping[str, BmUnit]) -> LaterReport:
        with self._engine.connect() as connection:
            due = [run for _, run in _due(connection, dataset, day, day, settlement_date(self._now()))]
        said: dict[str, Any] = {}
        results: list[Result] = []
        units = dataset.units(wind_units)
        for run in due if units else ():
            key = dataset.key(run)
            got = self._open_client().ask({key: dataset.path(day, run, units)})[key]
            try:
                if isinstance(got, SourceError):
                    raise got
                found, of_run = self._taken(dataset, day, run, units, wind_units, got)
            except (MinereconError, SQLAlchemyError) as error:
                self._record(dataset, day, run, reason=one_line(error))
                said[_name("missing", run)] = one_line(error)
                continue
            results += of_run
            said |= {_name(name, run): value for name, value in found.items()}
            if "missing" not in found:
                break  # a lower run no longer counts
        return LaterReport(dataset, day, said or {"missing": "nothing of it is due"}, results)

    def _taken(
        self,
        dataset: LaterDataset,
        day: dt.date,
        run: Run,
        units: Sequence[str],
        wind_units: Mapping[str, BmUnit],
        answer: Answer,
    ) -> tuple[dict[str, Any], list[Result]]:
        """Archive an answer, and write it if it says something: what its materialization says, and the results."""
        look = Look(day, run, units, wind_units, answer, dataset.parse(dataset.key(run), day, answer))
        if not look.rows:
            reason = f"HTTP {answer.status} without rows: not published yet"
            self._record(dataset, day, run, reason=reason)
            return {"missing": reason}, []
        archived = self._archive.record_of(dataset.name, day, dataset.key(run), answer, now=self._now())
        return self._written(dataset, look, archived.uri, asked=True)

    def _written(
        self, dataset: LaterDataset, look: Look, archive_uri: str, *, asked: bool
    ) -> tuple[dict[str, Any], list[Result]]:
        results = dataset.check(look)
        blocking = [r for r in results if r.blocks]
        table, day = dataset.table, look.day
        with self._engine.begin() as connection:
            if is_closed(connection, day):
                raise DayFailedError(f"{day}: a person has closed this day meanwhile; nothing was stored")
            refuse_to_mix(connection, synthetic=is_synthetic(look.answer.url))
            record_results(connection, day, results, now=self._now(), run_id=self._run_id)
            if not blocking:
                stored = delete(table).where(table.c.settlement_date == day)
                if dataset.run_column is not None:
                    stored = stored.where(table.c[dataset.run_column] == look.run.name)
                connection.execute(stored)
                with cursor(connection) as many:
                    dataset.insert(many, dataset.rows(look))
        reason = "; ".join(map(str, blocking)) or None
        self._record(dataset, day, look.run, reason=reason, archive_uri=archive_uri, asked=asked)
        return ({"missing": reason} if reason else dataset.metadata(look)), results

    def _held(self, dataset: LaterDataset, day: dt.date, wind_units: Mapping[str, BmUnit]) -> LaterReport:
        archived = self._archive.newest_of(dataset.name, day)
        said: dict[str, Any] = {}
        results: list[Result] = []
        # Lower ranks first: where a newer answer replaces any before, the highest is what stays.
        for run in sorted(dataset.runs, key=lambda run: run.rank) if archived is not None else ():
            assert archived is not None
            answer = archived.answers.get(dataset.key(run))
            if answer is not None:
                rows = dataset.parse(dataset.key(run), day, answer)
                look = Look(day, run, dataset.units(wind_units), wind_units, answer, rows)
                found, of_run = self._written(dataset, look, archived.uri, asked=False)
                said |= {_name(name, run): value for name, value in found.items()}
                results += of_run
        return LaterReport(dataset, day, said or {"missing": "the archive holds nothing of it"}, results)

    def _record(
        self,
        dataset: LaterDataset,
        day: dt.date,
        run: Run,
        *,
        reason: str | None,
        archive_uri: str | None = None,
        asked: bool = True,
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
                },
            )


def _name(name: str, run: Run) -> str:
    """A name of metadata, told apart by run where there are several."""
    return f"{run.name}_{name}" if run.name else name
