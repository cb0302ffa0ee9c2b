"""What the alerts remember from one tick to the next: the sensor's cursor, as JSON.

It holds what fails and was told, how far the restatements and failed runs were read, and the messages that
wait for delivery. It is a value: a tick works on its own copy, and Dagster keeps it when the tick has ended.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, cast

from minerecon_dagster.core.checks import Scope
from minerecon_dagster.core.spans import spans

_SCOPES: tuple[Scope, ...] = ("day", "month", "year", "all")
_FORMS: tuple[tuple[Scope, re.Pattern[str]], ...] = (
    ("day", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")),
    ("month", re.compile(r"[0-9]{4}-[0-9]{2}")),
    ("year", re.compile(r"[0-9]{4}")),
)
UNREADABLE = "UNREADABLE"
"""The kind of a message about what the alerts met and could not read."""
INSTANT = "%Y-%m-%d %H:%M UTC"
"""How an instant is written for people, in UTC."""
VERSION = 2
"""Since 2 a failed run has `left` and `assets`; before it had `started_at`, and was watched as a whole."""
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
Part = tuple[Scope, Place]
"""A day, a month or a year; ("all", 0) is the work of a job that has no partitions."""
Keys = tuple[tuple[str, str], ...]
"""Partition keys as ranges of (first, last)."""
WHOLE: Part = ("all", 0)


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


def parts_of(keys: Keys) -> list[Part]:
    """The days, months and years of partition keys; `WHOLE` for no keys, and for what is none of the three."""
    found: list[Part] = []
    for first, last in keys:
        scope = next((s for s, form in _FORMS if form.fullmatch(first) and form.fullmatch(last)), None)
        try:
            found += (
                []
                if scope is None
                else [(scope, place) for place in range(place_from(scope, first), place_from(scope, last) + 1)]
            )
        except ValueError:  # of the form of a day, and none: 2025-02-30
            scope = None
        if scope is None:
            found.append(WHOLE)
    return list(dict.fromkeys(found)) or [WHOLE]


def keys_of(parts: Iterable[Part]) -> Keys:
    """Days, months and years as ranges of partition keys; `WHOLE` has none."""
    by_scope: dict[Scope, list[Place]] = {}
    for scope, place in parts:
        by_scope.setdefault(scope, []).append(place)
    return tuple(
        (label(scope, first), label(scope, last))
        for scope in _SCOPES
        if scope != "all"
        for first, last in spans(by_scope.get(scope, ()))
    )


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
        kind: its first words: FAILING, CLEARED, RUN FAILED, RESTATED, UNREACHABLE, UNREADABLE; DELAYED where it
            stands for others.
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
        keys: the first and last partition keys of what was told; none of a job without partitions.
        left: what of it is not made good yet, each with the instant of its latest failure (UTC, ISO).
        told_at: when it was told (UTC, ISO).
        assets: the assets that were to be made; none where they are all of the job's.
        run_count: how many runs failed so, the silent repetitions too.
    """

    job: str
    title: str
    error: str
    keys: Keys
    left: dict[Part, str]
    told_at: str
    assets: tuple[str, ...] = ()
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
        named: of each look at all days that fails, by its name, the days that it named as wrong.
        unreachable_since: since when the warehouse cannot be read (UTC, ISO); None while it can.
        queue: the messages that wait, oldest first.
    """

    failing: dict[Check, dict[Place, str]] | None = None
    failed_runs: list[FailedRuns] = field(default_factory=list)
    retrying: dict[str, str] = field(default_factory=dict)
    restatements: Watermark | None = None
    run_failures: Watermark | None = None
    named: dict[str, list[Place]] = field(default_factory=dict)
    unreachable_since: str | None = None
    queue: list[Message] = field(default_factory=list)

    @property
    def open_count(self) -> int:
        """How many ranges and runs fail."""
        ranges = sum(len(spans(places)) for places in (self.failing or {}).values())
        return ranges + len(self.failed_runs) + (self.unreachable_since is not None)

    @property
    def waiting_since(self) -> dt.datetime | None:
        """When the oldest message that waits was written; None where none waits, or that cannot be read."""
        try:
            return dt.datetime.strptime(self.queue[0].at, INSTANT).replace(tzinfo=dt.UTC) if self.queue else None
        except ValueError:
            return None

    def add(self, messages: Sequence[Message]) -> None:
        """Let messages wait for delivery; where too many do, the oldest become one."""
        self.queue += messages
        if (surplus := len(self.queue) - MOST_WAITING) > 0:
            self.queue[: surplus + 1] = [_merged(self.queue[: surplus + 1])]

    @classmethod
    def from_cursor(cls, cursor: str | None) -> Self:
        """What of a cursor can be read, as `read` has it."""
        return cls.read(cursor)[0]

    @classmethod
    def read(cls, cursor: str | None) -> tuple[Self, list[str]]:
        """The state that a cursor holds, a new one for None; and what of it could not be read, in words.

        Each part is read by itself, whichever version wrote it: one that is damaged costs only what it held.
        """
        if cursor is None:
            return cls(), []
        try:
            text = cursor if cursor.startswith("{") else zlib.decompress(base64.b85decode(cursor)).decode()
            found = json.loads(text)
            version = int(found["version"])
        except _UNREADABLE as error:
            return cls(), [f"all of it ({type(error).__name__})"]
        state, lost = cls(), list[str]()

        def read(name: str, decode: Callable[[Any], Any]) -> None:
            try:
                setattr(state, name, decode(found[name]))
            except _UNREADABLE as error:
                lost.append(f"{name} ({type(error).__name__} in version {version})")

        def each(name: str, decode: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
            return lambda items: [made for item in items if (made := _one(name, decode, item, lost)) is not None]

        read("failing", lambda checks: None if checks is None else dict(each("failing", _checked)(checks.items())))
        read("failed_runs", each("failed_runs", _failed_runs))
        read("retrying", lambda runs: dict(each("retrying", _retried)(runs.items())))
        read("restatements", _watermark)
        read("run_failures", _watermark)
        if version > 1:
            read("named", lambda named: {str(name): _days_unfolded(days) for name, days in named.items()})
        read("unreachable_since", lambda since: None if since is None else str(since))
        read("queue", each("queue", lambda message: Message(**message)))
        return state, lost

    def to_cursor(self) -> str:
        """The state as JSON; compressed where it is long."""
        failing = self.failing
        text = json.dumps(
            {
                "version": VERSION,
                "failing": None if failing is None else {_name(c): _folded(c.scope, p) for c, p in failing.items()},
                "failed_runs": [
                    _fields(run) | {"left": _left_folded(run.left)} for run in self.failed_runs[-MOST_FAILED_RUNS:]
                ],
                "retrying": self.retrying,
                "restatements": None if self.restatements is None else _fields(self.restatements),
                "run_failures": None if self.run_failures is None else _fields(self.run_failures),
                "named": {name: spans(days) for name, days in self.named.items()},
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
    ranges = spans(places, alike=places.get)
    return [[label(scope, first), label(scope, last), places[first]] for first, last in ranges]


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


def _fields(value: Message | FailedRuns | Watermark) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, zlib.error)
"""What reading a damaged value comes to; ValueError has those of JSON, of base 85 and of UTF-8 among it."""


def _one(name: str, decode: Callable[[Any], Any], item: Any, lost: list[str]) -> Any:
    """One item of several; None if it cannot be read, which is put down."""
    try:
        return decode(item)
    except _UNREADABLE as error:
        lost.append(f"one of {name} ({type(error).__name__})")
        return None


def _checked(item: tuple[str, Any]) -> tuple[Check, dict[Place, str]]:
    name, ranges = item
    return _check(name), _unfolded(name, ranges)


def _retried(item: tuple[str, Any]) -> tuple[str, str]:
    run_id, met_at = item
    return run_id, dt.datetime.fromisoformat(met_at).isoformat()


def _failed_runs(found: Mapping[str, Any]) -> FailedRuns:
    keys: Keys = tuple((str(first), str(last)) for first, last in found["keys"])
    if "left" in found:
        left = _left_unfolded(found["left"])
    else:  # version 1
        left = dict.fromkeys(parts_of(keys), dt.datetime.fromisoformat(found["started_at"]).isoformat())
    return FailedRuns(
        job=found["job"],
        title=found["title"],
        error=found["error"],
        keys=keys,
        left=left,
        told_at=found["told_at"],
        assets=tuple(found.get("assets", ())),
        run_count=int(found["run_count"]),
    )


def _days_unfolded(found: Iterable[Sequence[Any]]) -> list[Place]:
    return [place for first, last in found for place in range(int(first), int(last) + 1)]


def _left_folded(left: Mapping[Part, str]) -> dict[str, list[list[str]]]:
    return {
        scope: _folded(scope, {place: at for (of, place), at in left.items() if of == scope})
        for scope in _SCOPES
        if any(of == scope for of, _ in left)
    }


def _left_unfolded(found: Mapping[str, Iterable[Sequence[str]]]) -> dict[Part, str]:
    return {
        (scope, place): dt.datetime.fromisoformat(at).isoformat()
        for scope in _SCOPES
        for first, last, at in found.get(scope, ())
        for place in range(place_from(scope, first), place_from(scope, last) + 1)
    }
