"""What one request brought: the unit that is fetched, archived and parsed."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

from minerecon_dagster.core.calendar import StackSide


@dataclass(frozen=True, slots=True, order=True)
class AnswerKey:
    """Which answer of a settlement day.

    Args:
        kind: the name of the dataset (`elexon.datasets`).
        side: of an answer that is of one side of the settlement stack.
        period: settlement period, counted from 1, of an answer that is of one; 0 of one that is of the whole day.
        run: which run of Elexon's, of a dataset that is published again by later ones.
        part: counted from 1, of a question that was too long for one request; 0 of one that was not.
    """

    kind: str
    side: StackSide | None = None
    period: int = 0
    run: str = ""
    part: int = 0

    def __str__(self) -> str:
        """As in ``stack/bid/07``, ``boav/offer``, ``agws`` and ``pn/2``: also a member's name in an archive object."""
        side = f"/{self.side}" if self.side else ""
        run = f"/{self.run}" if self.run else ""
        part = f"/{self.part}" if self.part else ""
        return self.kind + side + (f"/{self.period:02d}" if self.period else "") + run + part


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


SOURCE = "Contains BMRS data © Elexon Limited copyright and database right."
SYNTHETIC_SOURCE = "Synthetic data, made up by a generator; not Elexon's."
SYNTHETIC_PATH = "/synthetic/"
"""In every URL of the bundled sample's server, so that whatever keeps the URL keeps the mark."""


def is_synthetic(url: str) -> bool:
    """Whether ``url`` is the bundled sample's: its answers are made up."""
    return SYNTHETIC_PATH in url


def source_of(*, synthetic: bool) -> str:
    """What whoever shows figures says of where they are from."""
    return SYNTHETIC_SOURCE if synthetic else SOURCE
