"""What the sample's server is asked, taken apart; what is wrong with it is said as Elexon does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from minerecon_dagster.core.calendar import STACK_SIDES, UTC, StackSide, period_count

_LONGEST_RANGE = dt.timedelta(days=7)
_MOST_PERIODS = 50


class ProblemError(Exception):
    """A question that is answered with a problem document."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True)
class Asked:
    """A question. Its methods raise `ProblemError` where what they read is wrong, or not in the sample.

    Args:
        days: the settlement dates that the sample has.
        path: below the base URL, without slashes at its ends.
        query: the values of each parameter.
    """

    days: Sequence[dt.date]
    path: str
    query: Mapping[str, Sequence[str]]

    def matches(self, pattern: str) -> list[str] | None:
        """The parts of the path that stand for the stars of ``pattern``; None where it is another path."""
        parts, wanted = self.path.split("/"), pattern.split("/")
        if len(parts) != len(wanted) or any(w not in ("*", p) for p, w in zip(parts, wanted, strict=True)):
            return None
        return [part for part, want in zip(parts, wanted, strict=True) if want == "*"]

    def side(self, text: str) -> StackSide:
        """The side of the stack that is asked for."""
        for side in STACK_SIDES:
            if text == side:
                return side
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"bidOffer must be bid or offer, not {text!r}.")

    def day(self, text: str) -> dt.date:
        """The settlement date that is asked for."""
        try:
            day = dt.date.fromisoformat(text)
        except ValueError:
            day = None
        if day is None or day.isoformat() != text:
            raise ProblemError(HTTPStatus.BAD_REQUEST, f"settlementDate must be a date as in 2025-03-28, not {text!r}.")
        if day not in self.days:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"{self._only_these()}, not {day}.")
        return day

    def period(self, day: dt.date, text: str) -> int:
        """The settlement period of ``day`` that is asked for."""
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST_PERIODS):
            raise ProblemError(
                HTTPStatus.BAD_REQUEST, f"settlementPeriod must be from 1 to {_MOST_PERIODS}, not {text!r}."
            )
        if int(text) > period_count(day):
            raise ProblemError(HTTPStatus.NOT_FOUND, f"{day} has only {period_count(day)} settlement periods.")
        return int(text)

    def range(self) -> tuple[dt.datetime, dt.datetime]:
        """The instants that are asked for, both included."""
        try:
            first, last = (dt.datetime.fromisoformat(self.query[name][0]) for name in ("from", "to"))
        except (KeyError, ValueError):
            raise ProblemError(
                HTTPStatus.BAD_REQUEST, "from and to must be times as in 2025-03-28T00:00:00Z."
            ) from None
        first, last = (t if t.tzinfo else t.replace(tzinfo=UTC) for t in (first, last))
        if not dt.timedelta() <= last - first <= _LONGEST_RANGE:
            raise ProblemError(HTTPStatus.BAD_REQUEST, "to must be at most 7 days after from, and not before it.")
        return first, last

    def not_there(self) -> ProblemError:
        """That the sample has nothing in what is asked for."""
        return ProblemError(HTTPStatus.NOT_FOUND, f"{self._only_these()}.")

    def _only_these(self) -> str:
        return f"The bundled sample has only these days: {', '.join(map(str, self.days))}"
