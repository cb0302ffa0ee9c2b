"""What a dataset of a settlement day is: everything that is to be known of one, in one place.

A dataset is a module beside this one, and stands in the list of ``__init__``: a `DayDataset` comes with its day, a
`later.LaterDataset` days after it. Whatever fetches, reads, builds, deletes,
compares, catalogues or serves settlement days goes through that list and names none of them.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar, cast

from sqlalchemy import Connection, Table

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import StackSide
from minerecon_dagster.core.checks import Property, Result
from minerecon_dagster.core.errors import MinereconError, SilentSourceError
from minerecon_dagster.warehouse.copying import copy_rows

if TYPE_CHECKING:  # these go through the datasets, and are only named here
    from psycopg2.extensions import cursor as PostgresCursor  # noqa: N812 - a class of that name

    from minerecon_dagster.core.register import BmUnit
    from minerecon_dagster.day.worker import BuiltDay
    from minerecon_dagster.elexon.datasets.stack import Bid
    from minerecon_dagster.elexon.reading import DayReading
    from minerecon_dagster.sample.ask import Asked
    from minerecon_dagster.sample.generate import SampleWorld


@dataclass(frozen=True)
class Came:
    """What came of a settlement day.

    Args:
        day: settlement date.
        sides: the sides of the stack that are fetched.
        answers: what came, new or carried over.
        failures: what did not come, and why.
        silent: answers that came after those of ``answers``, and lack rows that these have. Of a whole-day answer what
            they do have is taken.
    """

    day: dt.date
    sides: tuple[StackSide, ...]
    answers: Mapping[AnswerKey, Answer]
    failures: Mapping[AnswerKey, MinereconError]
    silent: Mapping[AnswerKey, Answer]

    def whole_day(self, key: AnswerKey, *, but_failed: bool = True) -> Answer:
        """The answer that decides by itself what an absence means, so that an absence of its own decides nothing.

        Args:
            key: which answer.
            but_failed: False to take what is held although asking for it again has failed.

        Raises:
            MinereconError: it did not come, or says nothing.
        """
        if but_failed and key in self.failures:
            raise self.failures[key]
        answer = self.answers.get(key)
        if answer is None:
            raise self.failures.get(key) or MinereconError("it was not fetched")
        if answer.status != 200:
            raise SilentSourceError(f"GET {answer.url}: HTTP {answer.status}, no control total for the day")
        return answer


@dataclass(frozen=True)
class Said:
    """What a dataset says of a day; each has a class of its own.

    Args:
        kept: the periods by answer that had rows, and came without any when last asked for.
    """

    kept: Mapping[AnswerKey, tuple[int, ...]] = field(default_factory=dict, kw_only=True)

    @property
    def answer_count(self) -> int:
        """How many of its answers say something."""
        raise NotImplementedError


SaidT = TypeVar("SaidT", bound=Said)


class Dataset(ABC):
    """A dataset of Elexon's that is asked for of every settlement day.

    Attributes:
        name: in the keys of its answers and so in the archive: never changed.
        plain: what a reader calls it who does not know Elexon's names; empty: nothing but its name.
        report: Elexon's name for it, as messages and tables have it.
        source: where its rows are from, for the data dictionary.
        is_bare: whether an answer is the list of rows itself.
        table: where its rows go; it has a ``settlement_date``.
        more_tables: others that it writes, which have one too.
        columns: those that its rows have, in their order.
        group: of its asset.
        reads_register: whether its rows depend on the register of BM units.
        properties: what must hold of it, in the order in which the documentation has them.
    """

    name: ClassVar[str]
    plain: ClassVar[str] = ""
    report: ClassVar[str]
    source: ClassVar[str]
    is_bare: ClassVar[bool] = False
    table: ClassVar[Table]
    more_tables: ClassVar[Sequence[Table]] = ()
    columns: ClassVar[Sequence[str]]
    group: ClassVar[str] = "elexon"
    reads_register: ClassVar[bool] = True
    properties: ClassVar[Sequence[Property]] = ()

    @abstractmethod
    def sample(self, world: SampleWorld, asked: Asked) -> list[dict[str, Any]] | None:
        """The rows with which the sample's server answers; None where another dataset is asked for."""

    def insert(self, many: PostgresCursor, rows: Iterable[tuple[object, ...]]) -> None:
        """Write rows; what was stored in their place is deleted before."""
        copy_rows(many, self.table.fullname, self.columns, rows)


class DayDataset(Dataset, Generic[SaidT]):
    """One that comes with the day, and that the day is built from; a newer answer replaces the one before.

    Attributes:
        is_required: whether the day fails without it; else it is built all the same, and a check warns.
        has_side, has_period: whether an answer is of one side of the stack, and of one settlement period.
        held_stands_in: whether what is held of an answer counts where asking for it again has failed.
        unseen_as: the property that has looked at nothing where an answer did not come: such a day is asked again.
    """

    is_required: ClassVar[bool] = False
    has_side: ClassVar[bool] = False
    has_period: ClassVar[bool] = False
    held_stands_in: ClassVar[bool] = True
    unseen_as: ClassVar[Property | None] = None

    @abstractmethod
    def keys(self, sides: Collection[StackSide], periods: Iterable[int]) -> list[AnswerKey]:
        """What is asked of a day, given the sides of the stack that are fetched and the periods that are over."""

    @abstractmethod
    def path(self, key: AnswerKey, day: dt.date) -> str:
        """Path and query of a question, below the base URL."""

    def parse(self, key: AnswerKey, day: dt.date, answer: Answer) -> Sequence[Any]:
        """The rows of one answer, as Elexon's description has them.

        Raises:
            SchemaDriftError: it is not what that says.
        """
        raise NotImplementedError

    @abstractmethod
    def read(self, came: Came) -> SaidT:
        """What came of a day; whatever is wrong with it is in what is returned."""

    def of(self, said: Mapping[str, Said]) -> SaidT:
        """What it says, of what all say by their names."""
        return cast("SaidT", said[self.name])

    def completeness(self, reading: DayReading) -> list[Result]:
        """Whether it came: evaluated of a day that fails for want of answers, too."""
        return []

    def check(self, reading: DayReading, bids: Sequence[Bid], wind_units: Mapping[str, BmUnit]) -> list[Result]:
        """The evaluation of its `properties`, but for those of `completeness`.

        Args:
            reading: the day.
            bids: its accepted wind bids.
            wind_units: the wind farms in force on the day, by unit id.
        """
        return []

    def stored_otherwise(
        self, connection: Connection, reading: DayReading, bids: Sequence[Bid]
    ) -> list[dict[str, Any]]:
        """What `table` has of the day otherwise than its answers: the violators of `records_match_archive`.

        The rows of the stack are compared by that property itself.
        """
        return []

    def beside(self, says: SaidT, period: int) -> str:
        """What it says of a period of which the stack and the control totals are silent; empty where nothing."""
        return ""

    def asked_again(self, held: DayReading) -> list[AnswerKey]:
        """What is asked for of a day that is held final, since it is not all known yet."""
        return []

    @abstractmethod
    def lacks(self, key: AnswerKey, answer: Answer, held: DayReading, now: DayReading) -> set[int]:
        """The periods that were known, and are not in an answer that came just now: silence, and no change."""

    @abstractmethod
    def rows(
        self, reading: DayReading, bids: Sequence[Bid], wind_units: Mapping[str, BmUnit]
    ) -> Iterable[tuple[object, ...]]:
        """The rows of `table`; arguments as `check` has them."""

    def write(
        self, many: PostgresCursor, reading: DayReading, bids: Sequence[Bid], wind_units: Mapping[str, BmUnit]
    ) -> None:
        """Write its rows; what was stored of the day is deleted before."""
        self.insert(many, self.rows(reading, bids, wind_units))

    @abstractmethod
    def metadata(self, built: BuiltDay) -> dict[str, Any]:
        """What its materialization says; figures are rounded by the caller's own rules, times are `datetime`."""


def rounded(exact: Decimal, digits: int) -> float:
    """A figure to be read and plotted; the exact one is in the table."""
    return float(round(exact, digits))


MWH_DIGITS: Final = 3
GBP_DIGITS: Final = 2
"""To how many digits MWh and GBP are shown with a materialization."""
