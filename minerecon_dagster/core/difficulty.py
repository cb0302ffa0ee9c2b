"""Bitcoin's network difficulty: from retargets to a value a day, and what a believable value is.

Source of the rules: the Bitcoin protocol. A block's header holds its target as a *compact* number ("bits"),
target = mantissa × 256^(exponent − 3) with a mantissa of 3 bytes whose highest bit is 0, and the difficulty is
0xFFFF × 2^208 / target: most numbers are none. It changes every 2,016 blocks, each time by a factor of at most
four, and a retarget takes about two weeks to the next.
"""

from __future__ import annotations

import csv
import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from minerecon_dagster.core.calendar import UTC
from minerecon_dagster.core.errors import ConfigurationError, DifficultyError

BLOCKS_PER_RETARGET = 2016
LARGEST_FACTOR = 4
LARGEST_TARGET = 0xFFFF << 208
"""The target of difficulty 1; there is none above it."""
COMPACT_TOLERANCE = Decimal("1e-9")
"""Relative. Neighbouring compact targets are at least 1.2e-7 apart; a difficulty of today as a whole number or as an
IEEE double is within 1e-14 of its own, and one that was rounded to be read is not."""
CARRIED_AFTER_LAST_RETARGET = dt.timedelta(days=14)
"""By then the next retarget has usually happened: a table says nothing about later days."""
CARRIED_BEFORE_A_GAP = dt.timedelta(days=10)
"""How long a retarget is sure to be in force where the next one is not known: none since 2018 took under 11 days."""

LOAD_REMEDY = "load it with `minerecon difficulty load FILE.csv`"
WARN_AHEAD_DAYS = 3
"""Warn when the difficulty table reaches no further than so many days from today."""

_COLUMNS = ("height", "time_utc", "difficulty")
_LARGEST_MANTISSA = 0x7FFFFF
# Without traps a product that overflows is infinite and compares as such.
_WIDE = Context(prec=60, traps=[])
_SHOWN = Context(prec=17)
"""The digits that tell any two IEEE doubles apart."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Retarget:
    """A block at which the difficulty changed.

    Args:
        height: block height, a multiple of 2,016.
        time_utc: the block's time, with a time zone.
        difficulty: the network difficulty from this block on; None where it is not known.
        where: where it was read, for messages.
    """

    height: int
    time_utc: dt.datetime
    difficulty: Decimal | None
    where: str = field(default="retargets", compare=False)

    def __str__(self) -> str:
        return f"{self.where}: height {self.height} of {self.time_utc:%Y-%m-%d}"


@dataclass(frozen=True)
class Retargets:
    """The retargets of a file that fit each other, oldest first, and why each other row was refused.

    A row whose difficulty alone is refused is among the retargets without one: the one before it ends there.
    """

    retargets: Sequence[Retarget]
    refused: Sequence[str]

    def __iter__(self) -> Iterator[Retarget]:
        return iter(self.retargets)

    def __len__(self) -> int:
        return len(self.retargets)


def nearest_compact_difficulty(value: Decimal) -> Decimal:
    """The difficulty nearest to ``value`` that a block's header can hold, to 60 digits.

    Args:
        value: a positive, finite number.
    """
    # Bounded first: the digits of a number like 1e999999 could hardly be held as a fraction.
    exact = Fraction(LARGEST_TARGET) / Fraction(min(max(value, Decimal(1)), Decimal(LARGEST_TARGET)))
    size = (int(exact).bit_length() + 7) // 8
    candidates = set()
    # As many bytes as it has, or one more, for its highest bit.
    for bytes_ in (size, size + 1):
        unit = 256 ** max(bytes_ - 3, 0)
        below = int(exact / unit)
        candidates |= {m * unit for m in (below, below + 1) if m <= _LARGEST_MANTISSA}
    target = min((t for t in candidates if t <= LARGEST_TARGET), key=lambda t: abs(1 / Fraction(t) - 1 / exact))
    return _WIDE.divide(Decimal(LARGEST_TARGET), Decimal(target))


def is_compact(value: Decimal) -> bool:
    """Whether a positive, finite ``value`` is within `COMPACT_TOLERANCE` of a difficulty that a header can hold."""
    nearest = nearest_compact_difficulty(value)
    return abs(_WIDE.subtract(value, nearest)) <= _WIDE.multiply(nearest, COMPACT_TOLERANCE)


def read_retargets(path: Path) -> Retargets:
    """The retargets in a CSV file with the columns ``height,time_utc,difficulty``; further columns are ignored.

    Rows may stand in any order. One that Bitcoin cannot have made is refused by itself, and the others are taken: of
    rows that contradict each other those that most others fit.

    Raises:
        ConfigurationError: naming the file: it cannot be read, lacks a column, or has no row.
    """
    found: list[Retarget] = []
    refused: list[str] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [column for column in _COLUMNS if column not in (reader.fieldnames or ())]:
                raise ConfigurationError(
                    f"{path} line 1: no column {missing[0]}; the first line must be as {','.join(_COLUMNS)}"
                )
            for row in reader:
                try:
                    found.append(_retarget(row, f"{path} line {reader.line_num}"))
                except ValueError as error:
                    refused.append(str(error))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{path}: not a CSV file in UTF-8: {error}") from error
    if not found and not refused:
        raise ConfigurationError(f"{path}: holds no retargets")
    return _believed(found, refused)


def values_by_day(retargets: Iterable[Retarget]) -> dict[dt.date, Decimal]:
    """The difficulty in force at 00:00 UTC of each date, from the first retarget to 14 days after the last.

    A retarget that is missing or has no difficulty leaves its days without a value: the one before it is never
    carried on over them. Where not even its time is known, the one before is carried for as long as is sure.

    Args:
        retargets: in the order of their heights.
    """
    sequence = list(retargets)
    if not sequence:
        return {}
    times = [retarget.time_utc for retarget in sequence]
    ends = [
        later.time_utc
        if later.height == retarget.height + BLOCKS_PER_RETARGET
        else min(later.time_utc, retarget.time_utc + CARRIED_BEFORE_A_GAP)
        for retarget, later in pairwise(sequence)
    ]
    ends.append(times[-1] + CARRIED_AFTER_LAST_RETARGET + dt.timedelta.resolution)  # at its very instant still
    first, last = times[0].astimezone(UTC).date(), ends[-1].astimezone(UTC).date()
    values: dict[dt.date, Decimal] = {}
    for n in range((last - first).days + 1):
        day = first + dt.timedelta(days=n)
        begin = dt.datetime.combine(day, dt.time(), UTC)
        at = bisect_right(times, begin) - 1
        if at >= 0 and begin < ends[at] and (value := sequence[at].difficulty) is not None:
            values[day] = value
    return values


def days_between(values: Iterable[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """The first and last of the days between those of ``values`` that are not among them, of each gap."""
    one = dt.timedelta(days=1)
    return [(a + one, b - one) for a, b in pairwise(sorted(values)) if b - a > one]


def validate_difficulty(day: dt.date, value: Decimal, previous: Decimal | None, where: str) -> Decimal:
    """``value``, if the network can have had it on ``day``.

    Args:
        day: the date that the value is for.
        value: the difficulty.
        previous: the difficulty of the day before, None where it is not known.
        where: the table that it came from, for the message.

    Raises:
        DifficultyError: it is not positive and finite, no compact target, or more than a factor of four from
            ``previous``.
    """
    if problem := why_unbelievable(value):
        raise DifficultyError(f"the difficulty for {day} in {where} is {value}, {problem}: {LOAD_REMEDY}")
    if previous is not None and _too_far_apart(value, previous):
        raise DifficultyError(
            f"the difficulty for {day} in {where} is {value}, more than a factor of {LARGEST_FACTOR} from "
            f"{previous} the day before: find which is wrong, and {LOAD_REMEDY}"
        )
    return value


def why_unbelievable(value: Decimal) -> str | None:
    """Why ``value`` is no difficulty of any block, with the nearest one that is; None where it is one."""
    if not (value.is_finite() and value > 0):
        return "not a positive number"
    if is_compact(value):
        return None
    return (
        "no compact target, as every difficulty of Bitcoin is (the nearest is "
        f"{_SHOWN.plus(nearest_compact_difficulty(value)).normalize():f}; was it rounded?)"
    )


def _retarget(row: Mapping[str, str | None], where: str) -> Retarget:
    height, time_utc, difficulty = (row[column] or "" for column in _COLUMNS)
    try:
        instant = dt.datetime.fromisoformat(time_utc.strip())
    except ValueError:
        raise ValueError(f"{where}: time_utc must be a time as in 2025-03-23T11:13:43Z, not {time_utc!r}") from None
    try:
        retarget = Retarget(
            height=int(height),
            time_utc=instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC),
            difficulty=Decimal(difficulty),
            where=where,
        )
    except (ValueError, InvalidOperation):
        raise ValueError(
            f"{where}: height must be a whole number and difficulty a number, not {height!r} and {difficulty!r} "
            f"({instant:%Y-%m-%d})"
        ) from None
    if retarget.height < 0 or retarget.height % BLOCKS_PER_RETARGET:
        raise ValueError(f"{retarget}: the height is not a multiple of {BLOCKS_PER_RETARGET}")
    return retarget


def _believed(found: Iterable[Retarget], refused: Iterable[str]) -> Retargets:
    """What of the rows fits Bitcoin and each other; ``refused`` is what could not be read."""
    says = list(refused)
    by_height: dict[int, list[Retarget]] = defaultdict(list)
    for retarget in found:
        if retarget not in by_height[retarget.height]:
            by_height[retarget.height].append(retarget)
    in_order: list[Retarget] = []
    for _, rows in sorted(by_height.items()):
        if len(rows) == 1:
            in_order += rows
        else:
            contradict = f"{len(rows)} rows of this height contradict each other, and none is taken"
            says += [f"{retarget}: {contradict}" for retarget in rows]
    timed = _longest_chain(in_order, lambda one, other: one.time_utc < other.time_utc)
    says += [_ill_timed(r, timed) for r in in_order if r not in timed]
    valued = []
    for retarget in timed:
        assert retarget.difficulty is not None
        if problem := why_unbelievable(retarget.difficulty):
            says.append(f"{retarget}: difficulty {retarget.difficulty} is {problem}")
        else:
            valued.append(retarget)
    near = _longest_chain(valued, _is_reachable)
    says += [_ill_valued(r, near) for r in valued if r not in near]
    known = {retarget.height for retarget in near}
    return Retargets([r if r.height in known else replace(r, difficulty=None) for r in timed], says)


def _longest_chain(items: Sequence[_T], fits: Callable[[_T, _T], bool]) -> list[_T]:
    """The most of ``items``, in their order, of which each fits the one before; the earlier ones of equal chains."""
    length: list[int] = []
    before: list[int | None] = []
    for n, item in enumerate(items):
        best = max((m for m in range(n) if fits(items[m], item)), key=lambda m: (length[m], -m), default=None)
        before.append(best)
        length.append(1 + (length[best] if best is not None else 0))
    chain = []
    at: int | None = max(range(len(items)), key=lambda n: (length[n], -n), default=None)
    while at is not None:
        chain.append(items[at])
        at = before[at]
    return chain[::-1]


def _is_reachable(one: Retarget, other: Retarget) -> bool:
    """Whether the difficulty of ``one`` can have become that of ``other`` over the retargets between them."""
    assert one.difficulty is not None
    assert other.difficulty is not None
    retargets = (other.height - one.height) // BLOCKS_PER_RETARGET
    return not _too_far_apart(one.difficulty, other.difficulty, retargets)


def _ill_timed(retarget: Retarget, chain: Sequence[Retarget]) -> str:
    before = [r for r in chain if r.height < retarget.height]
    if before and before[-1].time_utc >= retarget.time_utc:
        other = f"after {before[-1].time_utc.isoformat()} of the retarget before"
    else:
        later = next(r for r in chain if r.height > retarget.height)
        other = f"before {later.time_utc.isoformat()} of the retarget after"
    return f"{retarget}: time_utc {retarget.time_utc.isoformat()} is not {other}"


def _ill_valued(retarget: Retarget, chain: Sequence[Retarget]) -> str:
    before = next((r for r in reversed(chain) if r.height < retarget.height), None)
    after = next((r for r in chain if r.height > retarget.height), None)
    # The last one that can have become of the one before would be in the chain.
    is_after = before is None or _is_reachable(before, retarget)
    other, which = (after, "after") if is_after else (before, "before")
    assert other is not None
    return (
        f"{retarget}: difficulty {retarget.difficulty} is more than a factor of {LARGEST_FACTOR} a retarget from "
        f"{other.difficulty} of the retarget {which}, which Bitcoin does not allow"
    )


def _too_far_apart(one: Decimal, other: Decimal, retargets: int = 1) -> bool:
    factor = Decimal(LARGEST_FACTOR ** min(retargets, BLOCKS_PER_RETARGET))
    return one > _WIDE.multiply(other, factor) or other > _WIDE.multiply(one, factor)
