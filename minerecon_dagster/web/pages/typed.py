"""Days, months and years as people type them into a field: March 2025, 28/03/2025, 2025-3, Fri 28 March 2025."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Sequence

from minerecon_dagster.web.question import days_of

EXAMPLES = "28 March 2025, March 2025 or 2025"
"""As a refusal and a field have it."""

_YEAR_FIRST = re.compile(r"(?P<y>\d{4})[-/. ](?P<m>\d{1,2})(?:[-/. ](?P<d>\d{1,2}))?", re.ASCII)
_DAY_FIRST = re.compile(r"(?:(?P<d>\d{1,2})[-/. ])?(?P<m>\d{1,2})[-/. ](?P<y>\d{4})", re.ASCII)
_WORD = re.compile(r"\d+(?=st\b|nd\b|rd\b|th\b)|\d+|[a-z]+", re.ASCII)
_ORDINALS = ("st", "nd", "rd", "th")
_LEAST_LETTERS = 3
"""So much of the name of a month or a weekday tells it from all others."""
_LONGEST = 40


def typed(text: str) -> tuple[dt.date, dt.date] | None:
    """The first and last day of what was typed; of figures alone the day comes before the month, as in Great Britain.

    Returns:
        None where it is no day, month or year, or where it could be two.
    """
    text = " ".join(text.split()).lower()
    if len(text) > _LONGEST:
        return None
    if found := _YEAR_FIRST.fullmatch(text) or _DAY_FIRST.fullmatch(text):
        return _days(found["y"], found["m"], found["d"])
    if not text.isascii() or re.search(r"[^a-z0-9 ,./-]", text):
        return None
    months: list[int] = []
    numbers: list[str] = []
    for word in _WORD.findall(text):
        if word.isdigit():
            numbers.append(word)
        elif month := _named(word, calendar.month_name[1:]):
            months.append(month)
        elif not (_named(word, tuple(calendar.day_name)) or (word in _ORDINALS and numbers) or word == "of"):
            return None
    years = [n for n in numbers if len(n) == len("YYYY")]
    others = [n for n in numbers if n not in years]
    if len(years) != 1 or len(months) > 1 or len(others) > len(months):
        return None
    return _days(years[0], str(months[0]) if months else None, others[0] if others else None)


def _named(word: str, names: Sequence[str]) -> int:
    """The number from 1 of a name that is written whole, or by its first letters; 0: it is none of them."""
    if len(word) < _LEAST_LETTERS:
        return 0
    return next((n for n, name in enumerate(names, 1) if name.lower().startswith(word)), 0)


def _days(year: str, month: str | None, day: str | None) -> tuple[dt.date, dt.date] | None:
    return days_of("-".join(part.zfill(2) for part in (year, month, day) if part is not None))
