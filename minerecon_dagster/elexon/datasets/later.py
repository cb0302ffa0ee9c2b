"""A dataset that comes days after its settlement day: when, for whom, in which runs, and how far back it is filled.

It writes its own tables alone. The build of a day never waits for it, and never fails by it; `day.later` asks for
it beside the day.
"""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Connection, delete

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.checks import Property, Result
from minerecon_dagster.core.potential import DayVolumes
from minerecon_dagster.elexon.datasets.base import Dataset
from minerecon_dagster.warehouse.store import cursor

if TYPE_CHECKING:  # only named here
    from minerecon_dagster.core.register import BmUnit

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """A run of Elexon's that publishes the dataset.

    Args:
        name: in keys and tables; empty where there is but one.
        rank: of the runs that are there the highest counts, and lower ones are not asked for any more.
        after_days: so many days after the settlement day it is due.
        with_scan: it is then due on the day of the next monthly scan.
    """

    name: str
    rank: int
    after_days: int
    with_scan: bool = False


@dataclass(frozen=True)
class Look:
    """An answer, beside what was asked.

    Args:
        day: settlement date.
        run: which run of Elexon's.
        units: the BM units that it was asked for.
        wind_units: the wind farms in force on the day, by unit id.
        answer: as it came; the first one, where it took several.
        rows: what it holds.
        volumes: what was accepted of the wind units of the day, where the dataset `reads_volumes`.
    """

    day: dt.date
    run: Run
    units: Sequence[str]
    wind_units: Mapping[str, BmUnit]
    answer: Answer
    rows: Sequence[Any]
    volumes: DayVolumes | None = None
    _worked_out: dict[Callable[[Look], Any], Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, work_out: Callable[[Look], T]) -> T:
        """What a function makes of it: worked out once for checks, tables and metadata."""
        if work_out not in self._worked_out:
            self._worked_out[work_out] = work_out(self)
        found: T = self._worked_out[work_out]
        return found


class LaterDataset(Dataset):
    """One that comes later.

    Attributes:
        runs: in which it comes.
        run_column: where its table has the run; None where a newer answer replaces that of any run before.
        reaches_back_days: so far back stored days are filled, oldest first.
        days_a_run: how many days the schedule adds at most to what it asks for.
        most_attempts: so often a run of a day is asked for at most; the distances grow as those of a silent day do.
        runs_are_looks: whether every request brings the newest there is, and a run is but the time of a look: of
            several that are due one is then asked for, and another day the next, so that a day is asked for at most as
            often as there are runs.
        most_units: more units than these are asked for in several requests.
        follows_day: whether its rows or checks go by what the day says: they are made again from the archive, without a
            request, when the day was built again.
        reads_volumes: whether it needs what was accepted of the day's wind units.
        is_summed: whether sums of months and years are made of it too, and follow it.
        against_the_day: the properties that hold it against what is stored of the day. Where one fails, it is not
            shown, and the answer is not refused: the day may be what is behind.
    """

    runs: ClassVar[Sequence[Run]]
    run_column: ClassVar[str | None] = None
    reaches_back_days: ClassVar[int]
    days_a_run: ClassVar[int]
    most_attempts: ClassVar[int]
    runs_are_looks: ClassVar[bool] = False
    most_units: ClassVar[int | None] = None
    follows_day: ClassVar[bool] = False
    reads_volumes: ClassVar[bool] = False
    is_summed: ClassVar[bool] = False
    against_the_day: ClassVar[Collection[Property]] = ()

    def is_asked_for(self) -> bool:
        """Whether a person wants it; where not, it is not asked for, and what is held of it stays."""
        return True

    def most_requests_a_run(self) -> int | None:
        """How many requests of it a run makes at most; None where only the days limit them."""
        return None

    def key(self, run: Run, part: int = 0) -> AnswerKey:
        """The key of a run's answer, or of a part of it."""
        return AnswerKey(self.name, run=run.name, part=part)

    def key_named(self, parts: Sequence[str]) -> AnswerKey | None:
        """The key of whose text ``parts`` stand after the name; None where there is none such."""
        for run in self.runs:
            of_run = [run.name] if run.name else []
            if list(parts[: len(of_run)]) == of_run:
                match list(parts[len(of_run) :]):
                    case []:
                        return self.key(run)
                    case [number] if number.isascii() and number.isdigit() and int(number) > 0:
                        return self.key(run, int(number))
        return None

    def units(self, wind_units: Mapping[str, BmUnit]) -> list[str]:
        """The BM units that it is asked for, given the wind farms in force on the day."""
        return sorted(wind_units)

    def questions(self, day: dt.date, run: Run, units: Sequence[str], parts: int = 0) -> dict[AnswerKey, str]:
        """Path and query of each request for a run of a day.

        Args:
            day: settlement date.
            run: which run.
            units: the units that are asked for.
            parts: in how many requests; 0 for as few as `most_units` allows.
        """
        if not parts:
            parts = -(-len(units) // self.most_units) if self.most_units else 1
        if parts < 2:
            return {self.key(run): self.path(day, run, units)}
        size = -(-len(units) // parts)
        pieces = [units[at : at + size] for at in range(0, len(units), size)]
        return {self.key(run, number): self.path(day, run, piece) for number, piece in enumerate(pieces, 1)}

    def held(self, run: Run, answers: Mapping[AnswerKey, Answer]) -> dict[AnswerKey, Answer]:
        """The answers of a run among those that the archive holds: of the newest request, where its parts changed.

        A part replaces older ones that were asked for one of its units; the whole replaces all that are older.
        """
        of_run = [(key, answer) for key, answer in answers.items() if key.run == run.name]
        taken: dict[AnswerKey, Answer] = {}
        asked: set[str] = set()
        # Of several at the same time the whole first.
        for key, answer in sorted(of_run, key=lambda found: (found[1].fetched_at, -found[0].part), reverse=True):
            if not key.part:
                taken = taken or {key: answer}
                break
            if not asked & (units := _units_named(answer)):
                taken[key] = answer
                asked |= units
        return dict(sorted(taken.items()))

    def units_asked(self, answers: Iterable[Answer], wind_units: Mapping[str, BmUnit]) -> list[str]:
        """The units that answers were asked for, as their URLs say; a register of today may have others."""
        asked = {unit for answer in answers for unit in _units_named(answer)}
        return sorted(asked) or self.units(wind_units)

    @abstractmethod
    def path(self, day: dt.date, run: Run, units: Sequence[str]) -> str:
        """Path and query of a question, below the base URL."""

    @abstractmethod
    def parse(self, key: AnswerKey, day: dt.date, answer: Answer) -> Sequence[Any]:
        """The rows of an answer; none means that it is not published yet.

        Raises:
            SchemaDriftError: it is not what Elexon's description says.
        """

    @abstractmethod
    def rows(self, look: Look) -> Iterable[tuple[object, ...]]:
        """The rows of `table`."""

    def units_lost(self, connection: Connection, look: Look) -> set[str]:
        """The units of which an answer that has just come lacks something that is stored of the day: it is not taken.

        None as a rule: what is written beside what is stored displaces nothing.
        """
        return set()

    def check(self, look: Look) -> list[Result]:
        """The evaluation of its `properties`: one that blocks keeps the answer out of the table."""
        return []

    def unreadable(self, day: dt.date, units: Sequence[str], why: str) -> list[Result]:
        """The evaluation of answers that came and are not what they should be: nothing of them is used.

        Args:
            day: settlement date.
            units: the units that were asked for.
            why: what is wrong with them, in one line.
        """
        return []

    def write(self, connection: Connection, look: Look) -> None:
        """Write its rows in place of those that are stored of the day, or of its run."""
        stored = delete(self.table).where(self.table.c.settlement_date == look.day)
        if self.run_column is not None:
            stored = stored.where(self.table.c[self.run_column] == look.run.name)
        connection.execute(stored)
        with cursor(connection) as many:
            self.insert(many, self.rows(look))

    def check_stored(self, connection: Connection, look: Look) -> list[Result]:
        """The evaluation of those of its `properties` that the tables decide, once its rows are in them.

        One that blocks takes them out again.
        """
        return []

    def metadata(self, look: Look) -> dict[str, Any]:
        """What its materialization says."""
        return {"rows": len(look.rows), "units_asked": len(look.units)}


def _units_named(answer: Answer) -> set[str]:
    """The units that an answer was asked for, as its URL names them."""
    return set(parse_qs(urlsplit(answer.url).query).get("bmUnit", ()))
