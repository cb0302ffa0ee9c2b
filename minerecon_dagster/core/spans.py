"""Neighbours cut into ranges: days, settlement periods, or whatever is numbered so that neighbours differ by one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import TypeVar

Place = TypeVar("Place", int, dt.date)


def spans(
    places: Iterable[Place], *, alike: Callable[[Place], object] = lambda _: None, at_most: int | None = None
) -> list[tuple[Place, Place]]:
    """Cut days or numbers into ranges without a gap, as (first, last), in order; each counts once.

    Args:
        places: what is cut.
        alike: what neighbours have in common that are in one range.
        at_most: how many are in a range; None for no limit.
    """
    cut: list[tuple[Place, Place]] = []
    for place in sorted(set(places)):
        if cut:
            first, last = cut[-1]
            is_short = at_most is None or _number(place) - _number(first) < at_most
            if _number(place) - _number(last) == 1 and is_short and alike(place) == alike(last):
                cut[-1] = first, place
                continue
        cut.append((place, place))
    return cut


def _number(place: int | dt.date) -> int:
    return place.toordinal() if isinstance(place, dt.date) else place


def span_text(first: object, last: object) -> str:
    """A range as a reader writes it: ``2025-03-28``, or ``2025-03-28 to 2025-03-30``."""
    return str(first) if first == last else f"{first} to {last}"


def days_text(days: Iterable[dt.date]) -> str:
    """Days as a reader writes them, without naming each of a range: ``2025-03-28 to 2025-03-30, 2025-04-02``."""
    return ", ".join(span_text(first, last) for first, last in spans(days))


def periods_text(periods: Iterable[int]) -> str:
    """Settlement periods as a reader writes them: ``1-3, 7``."""
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans(periods))
