"""What one request brought: the unit that is fetched, archived and parsed."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Self

from minerecon_dagster.core.calendar import StackSide

AnswerKind = Literal["stack", "boav", "cashflows", "agws"]


@dataclass(frozen=True, slots=True, order=True)
class AnswerKey:
    """Which answer of a settlement day.

    ``stack`` is the settlement stack of one period (counted from 1) and side; ``boav`` is the whole day's
    accepted volumes of a side, and ``cashflows`` its indicative cashflows (EBOCF); ``agws`` is the whole
    day's wind and solar output, which has no side.
    """

    kind: AnswerKind
    side: StackSide | None = None
    period: int = 0

    def __str__(self) -> str:
        """As in ``stack/bid/07``, ``cashflows/offer`` and ``agws``: also the member's name in an archive object."""
        side = f"/{self.side}" if self.side else ""
        return self.kind + side + (f"/{self.period:02d}" if self.kind == "stack" else "")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of ``str``. Raises ValueError where ``text`` is no key."""
        match text.split("/"):
            case ["agws"]:
                return cls("agws")
            case ["boav" | "cashflows" as kind, "bid" | "offer" as side]:
                return cls(kind, side)
            case ["stack", "bid" | "offer" as side, period] if period.isdigit():
                return cls("stack", side, int(period))
        raise ValueError(f"not the name of an answer: {text!r}")


@dataclass(frozen=True)
class Answer:
    """One answer of Elexon, as it came.

    Args:
        url: what was asked.
        status: HTTP status, 200 or 404.
        fetched_at: when the answer was complete (UTC).
        body: the decoded body (content encoding undone), byte for byte.
        settled_at: the first look after the day's re-run that found it to say this, as the archive knows; None where
            there was none yet, or the archive has not seen it.
    """

    url: str
    status: int
    fetched_at: dt.datetime
    body: bytes
    settled_at: dt.datetime | None = None

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of ``body``, hexadecimal."""
        return hashlib.sha256(self.body).hexdigest()

    def says_the_same_as(self, other: Answer) -> bool:
        """Whether both have the same status and body, whenever they were fetched."""
        return (self.status, self.sha256) == (other.status, other.sha256)

    def at(self, fetched_at: dt.datetime) -> Answer:
        """The same answer, seen at another time."""
        return replace(self, fetched_at=fetched_at)


SYNTHETIC_PATH = "/synthetic/"
"""In every URL of the bundled sample's server, so that whatever keeps the URL keeps the mark."""


def is_synthetic(url: str) -> bool:
    """Whether ``url`` is the bundled sample's: its answers are made up."""
    return SYNTHETIC_PATH in url
