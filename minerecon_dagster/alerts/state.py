"""What the alerts remember from one tick to the next: the sensor's cursor, as JSON.

It holds what fails and was told, how far the restatements and failed runs were read, and the messages that
wait for delivery. It is a value: a tick works on its own copy, and Dagster keeps it when the tick has ended.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, cast

from minerecon_dagster.core.checks import Scope

VERSION = 1
MOST_WAITING = 500
"""So many messages wait for a webhook that is down; beyond it the oldest become one that says how many they are."""
MOST_FAILED_RUNS = 200
"""So many failed runs are watched for what makes them good; beyond it the oldest are not."""
GRACE = dt.timedelta(hours=1)
"""So long after it was numbered a row may still come to be seen: numbers are given before transactions commit."""
_COMPRESS_FROM = 4_000
"""Dagster keeps the cursor with each tick, for a day; beyond so many characters it is stored compressed."""

Place = int
"""A day, month or year as a number, such that neighbours differ by one; 0 for a look at all of them."""
Span = tuple[Place, Place]


def place_of(scope: Scope, date: dt.date) -> Place:
    """The place of a result, of which ``date`` is the day or the first day."""
    if scope == "day":
        return date.toordinal()
    if scope == "month":
        return date.year * 12 + date.month - 1
    return date.year if scope == "year" else 0


def label(scope: Scope, place: Place) -> str:
    """A place as people write it: ``2025-03-28``, ``2025-03``, ``2025`` or ``all``."""
    if scope == "day":
        return dt.date.fromordinal(place).isoformat()
    if scope == "month":
        return f"{place // 12:04d}-{place % 12 + 1:02d}"
    return f"{place:04d}" if scope == "year" else "all"


def place_from(scope: Scope, text: str) -> Place:
    """The place with the label ``text``."""
    if scope == "all":
        return 0
    return place_of(scope, dt.date.fromisoformat({"day": text, "month": f"{text}-01", "year": f"{text}-01-01"}[scope]))


def spans(places: Iterable[Place]) -> list[Span]:
    """Places cut into runs of neighbours, as (first, last), in order."""
    cut: list[Span] = []
    for place in sorted(set(places)):
        if cut and place == cut[-1][1] + 1:
            cut[-1] = cut[-1][0], place
        else:
            cut.append((place, place))
    return cut


@dataclass(frozen=True, slots=True, order=True)
class Check:
    """A property, and what it is evaluated of."""

    scope: Scope
    family: str
    name: str

    def __str__(self) -> str:
        """As in ``conservation.records_match_archive``."""
        return f"{self.family}.{self.name}"


@dataclass(frozen=True, slots=True)
class Message:
    """A message that waits for delivery.

    Args:
        kind: its first words: FAILING, CLEARED, RUN FAILED, RESTATED, UNREACHABLE; DELAYED where it stands for others.
        text: what is sent; nothing secret.
        at: when it was written (UTC, ISO).
        stands_for: how many messages of each kind it stands for, where it is DELAYED.
    """

    kind: str
    text: str
    at: str
    stands_for: dict[str, int] = field(default_factory=dict)

    @property
    def is_bad_news(self) -> bool:
        """Whether somebody should act on it."""
        return self.kind not in ("CLEARED", "ACCEPTED", "RESTATED")


@dataclass(frozen=True, slots=True)
class FailedRuns:
    """Runs of one job that failed for good with the same error, told and not made good yet.

    Args:
        job: the job's name, as Dagster has it.
        title: what people call it.
        error: a fingerprint of the error.
        keys: the first and last partition keys of what is to be made good; none of a job without partitions.
        started_at: when the first of them began (UTC, ISO).
        told_at: when it was told (UTC, ISO).
        run_count: how many runs failed so, the silent repetitions too.
    """

    job: str
    title: str
    error: str
    keys: tuple[tuple[str, str], ...]
    started_at: str
    told_at: str
    run_count: int = 1


@dataclass
class Watermark:
    """How far a numbered table was read, in spite of rows that appear out of their order.

    Args:
        after: every row up to this number has been seen, or will never be.
        seen: the rows beyond it that have been seen, with their times in seconds since the epoch.
    """

    after: int
    seen: dict[int, float] = field(default_factory=dict)

    def is_new(self, number: int, at: float) -> bool:
        """Whether row ``number``, made at ``at``, is met for the first time; from then on it is not."""
        if number <= self.after or number in self.seen:
            return False
        self.seen[number] = at
        return True

    def settle(self, now: dt.datetime) -> None:
        """Forget the single rows that are older than `GRACE`: nothing can appear among them any more."""
        until = now.timestamp() - GRACE.total_seconds()
        self.after = max((n for n, at in self.seen.items() if at < until), default=self.after)
        self.seen = {n: at for n, at in self.seen.items() if n > self.after}


@dataclass
class State:
    """Everything that the alerts remember.

    Args:
        failing: what fails and was told, with the instant since when (UTC, ISO); None: the warehouse was never read.
        failed_runs: failed runs that were told, and not made good yet.
        retrying: failed runs that Dagster may start again by itself, with when they were met (UTC, ISO).
        restatements: how far `restatements` was read; None as above.
        run_failures: how far Dagster's events of failed runs were read; None at the first tick.
        unreachable_since: since when the warehouse cannot be read (UTC, ISO); None while it can.
        queue: the messages that wait, oldest first.
    """

    failing: dict[Check, dict[Place, str]] | None = None
    failed_runs: list[FailedRuns] = field(default_factory=list)
    retrying: dict[str, str] = field(default_factory=dict)
    restatements: Watermark | None = None
    run_failures: Watermark | None = None
    unreachable_since: str | None = None
    queue: list[Message] = field(default_factory=list)

    @property
    def open_count(self) -> int:
        """How many ranges and runs fail."""
        ranges = sum(len(spans(places)) for places in (self.failing or {}).values())
        return ranges + len(self.failed_runs) + (self.unreachable_since is not None)

    def add(self, messages: Sequence[Message]) -> None:
        """Let messages wait for delivery; where too many do, the oldest become one."""
        self.queue += messages
        if (surplus := len(self.queue) - MOST_WAITING) > 0:
            self.queue[: surplus + 1] = [_merged(self.queue[: surplus + 1])]

    @classmethod
    def from_cursor(cls, cursor: str | None) -> Self:
        """The state that a cursor holds; a new one for None.

        Raises:
            ValueError: it is not one of ours.
        """
        if cursor is None:
            return cls()
        try:
            text = cursor if cursor.startswith("{") else zlib.decompress(base64.b85decode(cursor)).decode()
            return cls._from_json(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
            raise ValueError(f"not a cursor of the alerts: {type(error).__name__}") from error

    @classmethod
    def _from_json(cls, found: dict[str, Any]) -> Self:
        if found["version"] != VERSION:
            raise ValueError(f"version {found['version']}")
        failing = found["failing"]
        return cls(
            failing=None
            if failing is None
            else {_check(name): _unfolded(name, rows) for name, rows in failing.items()},
            failed_runs=[
                FailedRuns(**run | {"keys": tuple((first, last) for first, last in run["keys"])})
                for run in found["failed_runs"]
            ],
            retrying=found["retrying"],
            restatements=_watermark(found["restatements"]),
            run_failures=_watermark(found["run_failures"]),
            unreachable_since=found["unreachable_since"],
            queue=[Message(**message) for message in found["queue"]],
        )

    def to_cursor(self) -> str:
        """The state as JSON; compressed where it is long."""
        failing = self.failing
        text = json.dumps(
            {
                "version": VERSION,
                "failing": None if failing is None else {_name(c): _folded(c.scope, p) for c, p in failing.items()},
                "failed_runs": [_fields(run) for run in self.failed_runs[-MOST_FAILED_RUNS:]],
                "retrying": self.retrying,
                "restatements": _fields(self.restatements),
                "run_failures": _fields(self.run_failures),
                "unreachable_since": self.unreachable_since,
                "queue": [_fields(message) for message in self.queue],
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )
        if len(text) < _COMPRESS_FROM:
            return text
        return base64.b85encode(zlib.compress(text.encode(), 9)).decode()


def _merged(messages: Sequence[Message]) -> Message:
    counts: dict[str, int] = {}
    for message in messages:
        for kind, count in (message.stands_for or {message.kind: 1}).items():
            counts[kind] = counts.get(kind, 0) + count
    first, last = messages[0].at, messages[-1].at
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    text = (
        f"DELAYED: {sum(counts.values()):,} older messages, {first} to {last}, could not be delivered one by one, "
        f"because more than {MOST_WAITING} waited: {kinds}.\nWhat is wrong now: `minerecon status`"
    )
    return Message("DELAYED", text, first, counts)


def _name(check: Check) -> str:
    return f"{check.scope} {check}"


def _check(name: str) -> Check:
    scope, _, full_name = name.partition(" ")
    family, _, own_name = full_name.partition(".")
    if scope not in ("day", "month", "year", "all"):
        raise ValueError(f"scope {scope}")
    return Check(cast("Scope", scope), family, own_name)


def _folded(scope: Scope, places: dict[Place, str]) -> list[list[str]]:
    """Places as ranges: first, last, since when."""
    ranges: list[tuple[Place, Place, str]] = []
    for place, since in sorted(places.items()):
        if ranges and ranges[-1][1:] == (place - 1, since):
            ranges[-1] = ranges[-1][0], place, since
        else:
            ranges.append((place, place, since))
    return [[label(scope, first), label(scope, last), since] for first, last, since in ranges]


def _unfolded(name: str, ranges: Iterable[Sequence[str]]) -> dict[Place, str]:
    scope = _check(name).scope
    return {
        place: since
        for first, last, since in ranges
        for place in range(place_from(scope, first), place_from(scope, last) + 1)
    }


def _watermark(found: dict[str, Any] | None) -> Watermark | None:
    if found is None:
        return None
    return Watermark(int(found["after"]), {int(n): float(at) for n, at in found["seen"].items()})


def _fields(value: Message | FailedRuns | Watermark | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
