"""A dataset that comes days after its settlement day: when, for whom, in which runs, and how far back it is filled.

It writes its own tables alone. The build of a day never waits for it, and never fails by it; `day.later` asks for
it beside the day.
"""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.checks import Result
from minerecon_dagster.elexon.datasets.base import Dataset

if TYPE_CHECKING:  # only named here
    from minerecon_dagster.core.register import BmUnit


@dataclass(frozen=True)
class Run:
    """A run of Elexon's that publishes the dataset.

    Args:
        name: in keys and tables; empty where there is but one.
        rank: of the runs that are there the highest counts, and lower ones are not asked for any more.
        after_days: so many days after the settlement day it is due.
    """

    name: str
    rank: int
    after_days: int


@dataclass(frozen=True)
class Look:
    """An answer, beside what was asked.

    Args:
        day: settlement date.
        run: which run of Elexon's.
        units: the BM units that it was asked for.
        wind_units: the wind farms in force on the day, by unit id.
        answer: as it came.
        rows: what it holds.
    """

    day: dt.date
    run: Run
    units: Sequence[str]
    wind_units: Mapping[str, BmUnit]
    answer: Answer
    rows: Sequence[Any]


class LaterDataset(Dataset):
    """One that comes later.

    Attributes:
        runs: in which it comes.
        run_column: where its table has the run; None where a newer answer replaces that of any run before.
        reaches_back_days: so far back stored days are filled, oldest first.
        days_a_run: how many days the schedule adds at most to what it asks for.
        most_attempts: so often a run of a day is asked for at most; the distances grow as those of a silent day do.
    """

    runs: ClassVar[Sequence[Run]]
    run_column: ClassVar[str | None] = None
    reaches_back_days: ClassVar[int]
    days_a_run: ClassVar[int]
    most_attempts: ClassVar[int]

    def key(self, run: Run) -> AnswerKey:
        """The key of a run's answer."""
        return AnswerKey(self.name, run=run.name)

    def units(self, wind_units: Mapping[str, BmUnit]) -> list[str]:
        """The BM units that it is asked for, given the wind farms in force on the day."""
        return sorted(wind_units)

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

    def check(self, look: Look) -> list[Result]:
        """The evaluation of its `properties`: one that blocks keeps the answer out of the table."""
        return []

    def metadata(self, look: Look) -> dict[str, Any]:
        """What its materialization says."""
        return {"rows": len(look.rows), "units_asked": len(look.units)}
