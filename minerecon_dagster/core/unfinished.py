"""What a run did not finish: days, months and years, each with its reason, as the run says it and others read it.

A run says it in the metadata of its failure, under `KEY`. Whoever reads it may meet what an older version wrote, or
what is none of the three: that is kept as a text and told, and never stops the reader.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

KEY = "days_not_done"
"""The metadata key; its name is older than months and years in it."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_YEAR = re.compile(r"[0-9]{4}")
_MOST_OF_A_TEXT = 300


@dataclass(frozen=True)
class Unfinished:
    """What a run did not finish, and why.

    Args:
        days: settlement dates, each with its reason.
        months: months as in ``2025-03``, each with its reason.
        years: years as in ``2025``, each with its reason.
        unreadable: what was found and is none of these, as it was written.
    """

    days: Mapping[dt.date, str] = field(default_factory=dict)
    months: Mapping[str, str] = field(default_factory=dict)
    years: Mapping[str, str] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.days or self.months or self.years or self.unreadable)

    @property
    def reasons(self) -> dict[str, str]:
        """Each day, month and year as it is written, with its reason; in this order."""
        return {**{day.isoformat(): why for day, why in self.days.items()}, **self.months, **self.years}

    @classmethod
    def of(cls, reasons: Mapping[Any, object]) -> Self:
        """What keys such as ``2025-03-28``, ``2025-03`` and ``2025`` say, each with its reason."""
        days: dict[dt.date, str] = {}
        months: dict[str, str] = {}
        years: dict[str, str] = {}
        unreadable = []
        for key, reason in reasons.items():
            label, why = str(key), str(reason)
            if (day := _day(label)) is not None:
                days[day] = why
            elif _MONTH.fullmatch(label):
                months[label] = why
            elif _YEAR.fullmatch(label):
                years[label] = why
            else:
                unreadable.append(_clipped(f"{label}: {why}"))
        return cls(days, months, years, tuple(unreadable))

    def to_metadata(self) -> dict[str, dict[str, str]]:
        """The entry of a failure's metadata."""
        return {KEY: self.reasons}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, object]) -> Self:
        """What a failure's metadata says; nothing where it says nothing of it.

        Args:
            metadata: values as they are, or wrapped in something whose ``value`` they are.
        """
        found = metadata.get(KEY)
        value = getattr(found, "value", found)
        if value is None:
            return cls()
        if not isinstance(value, Mapping):
            return cls(unreadable=(_clipped(f"{KEY} is {value!r}"),))
        return cls.of(value)


def _day(label: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(label) if _DAY.fullmatch(label) else None
    except ValueError:
        return None


def _clipped(text: str) -> str:
    return text if len(text) <= _MOST_OF_A_TEXT else f"{text[: _MOST_OF_A_TEXT - 1]}…"
