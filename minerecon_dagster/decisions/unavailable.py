"""Settlement days that a person has closed: the source has nothing of them, and never will."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from minerecon_dagster.core.spans import span_text
from minerecon_dagster.decisions.reader import Decision

_ONE_DAY = dt.timedelta(days=1)


class Unavailable(Decision, frozen=True):
    """Days of which no figure is to be had.

    Args:
        first_day, last_day: settlement dates, both included.
        reason: why they are closed.
        accepted_by: who has closed them.
    """

    kind = "unavailable"

    first_day: dt.date
    last_day: dt.date
    reason: str
    accepted_by: str

    @property
    def title(self) -> str:
        """Its days."""
        return span_text(self.first_day, self.last_day)

    def problem(self) -> str | None:
        """Days in the wrong order."""
        return f"last_day {self.last_day} is before first_day" if self.last_day < self.first_day else None

    def days(self) -> Iterator[dt.date]:
        """Its days, in order."""
        day = self.first_day
        while day <= self.last_day:
            yield day
            day += _ONE_DAY

    def __str__(self) -> str:
        """Why, and by whom."""
        return f"{self.reason} (accepted by {self.accepted_by})"


@dataclass(frozen=True)
class ClosedDays:
    """All days that are closed; no two entries have a day in common."""

    entries: Sequence[Unavailable] = ()

    def of(self, day: dt.date) -> Unavailable | None:
        """The entry that closes a day; None where it is open."""
        return next((e for e in self.entries if e.first_day <= day <= e.last_day), None)

    def by_day(self) -> dict[dt.date, Unavailable]:
        """Each closed day with its entry, in order."""
        return {day: e for e in sorted(self.entries, key=lambda e: e.first_day) for day in e.days()}


NOTHING_CLOSED = ClosedDays()
