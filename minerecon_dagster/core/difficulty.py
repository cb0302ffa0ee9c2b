"""Bitcoin's network difficulty: from retargets to a value a day, and what a believable value is.

Source of the rules: the Bitcoin protocol. The difficulty changes every 2,016 blocks, each time by a
factor of at most four, and a retarget takes about two weeks to the next.
"""

from __future__ import annotations

import csv
import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path

from minerecon_dagster.core.calendar import UTC
from minerecon_dagster.core.errors import ConfigurationError, DifficultyError

BLOCKS_PER_RETARGET = 2016
LARGEST_FACTOR = 4
CARRIED_AFTER_LAST_RETARGET = dt.timedelta(days=14)
"""By then the next retarget has usually happened: a table says nothing about later days."""

LOAD_REMEDY = "load it with `minerecon difficulty load FILE.csv`"

_COLUMNS = ("height", "time_utc", "difficulty")
# Without traps a product that overflows is infinite and compares as such.
_WIDE = Context(prec=60, traps=[])


@dataclass(frozen=True, slots=True)
class Retarget:
    """A block at which the difficulty changed.

    Args:
        height: block height, a multiple of 2,016.
        time_utc: the block's time, with a time zone.
        difficulty: the network difficulty from this block on.
        where: where it was read, for messages.
    """

    height: int
    time_utc: dt.datetime
    difficulty: Decimal
    where: str = field(default="retargets", compare=False)


def read_retargets(path: Path) -> list[Retarget]:
    """The retargets in a CSV file with the columns ``height,time_utc,difficulty``; further columns are ignored.

    Raises:
        ConfigurationError: naming the file, and the line that is not what it should be.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [column for column in _COLUMNS if column not in (reader.fieldnames or ())]:
                raise ConfigurationError(
                    f"{path} line 1: no column {missing[0]}; the first line must be as {','.join(_COLUMNS)}"
                )
            retargets = [
                _retarget(row["height"], row["time_utc"], row["difficulty"], f"{path} line {reader.line_num}")
                for row in reader
            ]
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{path}: not a CSV file in UTF-8: {error}") from error
    if not retargets:
        raise ConfigurationError(f"{path}: holds no retargets")
    return retargets


def values_by_day(retargets: Iterable[Retarget]) -> dict[dt.date, Decimal]:
    """The difficulty in force at 00:00 UTC of each date, from the first retarget to 14 days after the last.

    Args:
        retargets: every retarget from the first to the last, oldest first.

    Raises:
        ConfigurationError: they are not consecutive, or not what the protocol allows; names the first such.
    """
    sequence = list(retargets)
    _refuse_impossible(sequence)
    if not sequence:
        return {}
    times = [retarget.time_utc for retarget in sequence]
    first = times[0].astimezone(UTC).date()
    last = (times[-1] + CARRIED_AFTER_LAST_RETARGET).astimezone(UTC).date()
    values: dict[dt.date, Decimal] = {}
    for n in range((last - first).days + 1):
        day = first + dt.timedelta(days=n)
        passed = bisect_right(times, dt.datetime.combine(day, dt.time(), UTC))
        if passed:
            values[day] = sequence[passed - 1].difficulty
    return values


def validate_difficulty(day: dt.date, value: Decimal, previous: Decimal | None, where: str) -> Decimal:
    """``value``, if the network can have had it on ``day``.

    Args:
        day: the date that the value is for.
        value: the difficulty.
        previous: the difficulty of the day before, None where it is not known.
        where: the table that it came from, for the message.

    Raises:
        DifficultyError: it is not positive and finite, or more than a factor of four from ``previous``.
    """
    if not _is_positive(value):
        raise DifficultyError(f"the difficulty for {day} in {where} is {value}, not a positive number: {LOAD_REMEDY}")
    if previous is not None and _too_far_apart(value, previous):
        raise DifficultyError(
            f"the difficulty for {day} in {where} is {value}, more than a factor of {LARGEST_FACTOR} from "
            f"{previous} the day before: find which is wrong, and {LOAD_REMEDY}"
        )
    return value


def _retarget(height: str | None, time_utc: str | None, difficulty: str | None, where: str) -> Retarget:
    try:
        instant = dt.datetime.fromisoformat((time_utc or "").strip())
    except ValueError:
        raise ConfigurationError(
            f"{where}: time_utc must be a time as in 2025-03-23T11:13:43Z, not {time_utc or ''!r}"
        ) from None
    try:
        return Retarget(
            height=int(height or ""),
            time_utc=instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC),
            difficulty=Decimal(difficulty or ""),
            where=where,
        )
    except (ValueError, InvalidOperation):
        raise ConfigurationError(
            f"{where}: height must be a whole number and difficulty a number, "
            f"not {height or ''!r} and {difficulty or ''!r}"
        ) from None


def _refuse_impossible(retargets: Sequence[Retarget]) -> None:
    for retarget in retargets:
        if retarget.height < 0 or retarget.height % BLOCKS_PER_RETARGET:
            raise ConfigurationError(
                f"{retarget.where}: height {retarget.height} is not a multiple of {BLOCKS_PER_RETARGET}"
            )
        if not _is_positive(retarget.difficulty):
            raise ConfigurationError(f"{retarget.where}: difficulty {retarget.difficulty} is not a positive number")
    for before, after in pairwise(retargets):
        if after.height != before.height + BLOCKS_PER_RETARGET:
            # A retarget that is left out would let the one before it be used for days that it is wrong for.
            raise ConfigurationError(
                f"{after.where}: height {after.height} after {before.height}: the next retarget is at height "
                f"{before.height + BLOCKS_PER_RETARGET}; put all of them in, in order"
            )
        if after.time_utc <= before.time_utc:
            raise ConfigurationError(
                f"{after.where}: time_utc {after.time_utc.isoformat()} is not after "
                f"{before.time_utc.isoformat()} of the retarget before"
            )
        if _too_far_apart(after.difficulty, before.difficulty):
            raise ConfigurationError(
                f"{after.where}: difficulty {after.difficulty} is more than a factor of {LARGEST_FACTOR} from "
                f"{before.difficulty} of the retarget before, which Bitcoin does not allow"
            )


def _is_positive(value: Decimal) -> bool:
    return value.is_finite() and value > 0


def _too_far_apart(one: Decimal, other: Decimal) -> bool:
    return one > _WIDE.multiply(other, Decimal(LARGEST_FACTOR)) or other > _WIDE.multiply(one, Decimal(LARGEST_FACTOR))
