"""Sums of days for the sentences: exact, of the days that have the figure, and saying of how many."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from minerecon_dagster.web.pages.figures import field_of, price_of, total
from minerecon_dagster.web.pages.reader import Row
from minerecon_dagster.web.pages.state import State, state_of


@dataclass(frozen=True)
class TurnUp:
    """The turn-up estimate of the days of a range that have one: of SO-flagged bids, whatever the basis.

    Args:
        gbp: the estimate.
        coverage: what of the bids offers cover (0 to 1); None where there was nothing to cover.
        days: how many days it is of.
    """

    gbp: Decimal
    coverage: Decimal | None
    days: int


@dataclass(frozen=True)
class Sum:
    """A range of days, summed.

    Args:
        first, last: the range.
        mwh, gbp: None where no day has it.
        share: of what the wind offered, over the `share_days` whose wind output is known.
        state: of its days.
        days: stored ones among `asked`.
        gbp_per_mwh: net payment over the energy that has a price.
        all_bids_mwh: the energy of all accepted bids, whatever the basis.
        turn_up: what its replacement would have cost; None where no day has it.
    """

    first: dt.date
    last: dt.date
    mwh: Decimal | None
    gbp: Decimal | None
    share: Decimal | None
    share_days: int
    state: State
    days: int
    asked: int
    gbp_per_mwh: Decimal | None
    all_bids_mwh: Decimal | None
    turn_up: TurnUp | None


SUMMED = (
    "settlement_date",
    "status",
    "is_final",
    "periods_present",
    "periods_expected",
    "curtailed_mwh",
    "payment_gbp",
    "all_bids_mwh",
    "all_bids_payment_gbp",
    "wind_generation_mwh",
    "is_synthetic",
    "unpriced_mwh",
    "all_bids_unpriced_mwh",
    "turn_up_mwh",
    "turn_up_target_mwh",
    "turn_up_estimate_gbp",
)
"""The fields of days that a sum needs."""


def lacks_half_hours(row: Row) -> bool:
    """Whether a day is there in part, as one in progress is, whatever its status says."""
    return int(row["periods_present"]) < int(row["periods_expected"])


def of_days(rows: Sequence[Row], first: dt.date, last: dt.date, basis: str, meta: Mapping[str, Any]) -> Sum:
    """The sum of the days of a range among ``rows``.

    Args:
        rows: of the API's days, with `SUMMED`.
        first: of the range.
        last: of the range.
        basis: so or all.
        meta: of the answer that the rows are of: `as_of` is taken from it.
    """
    days = [row for row in rows if str(first) <= row["settlement_date"] <= str(last)]
    mwh, gbp = field_of("energy", basis), field_of("payment", basis)
    windy = [row for row in days if row["wind_generation_mwh"] is not None and row[mwh] is not None]
    lost, output = total(windy, mwh) or Decimal(), total(windy, "wind_generation_mwh") or Decimal()
    statuses = Counter(row["status"] for row in days)
    about = {
        "statuses": statuses,
        "days_expected": len(days),
        "days_present": sum(row[mwh] is not None for row in days),
        "as_of": meta["as_of"],
        "basis": basis,
        "is_synthetic": any(row["is_synthetic"] for row in days),
        "days_in_part": sum(row[mwh] is not None and lacks_half_hours(row) for row in days),
    }
    return Sum(
        first,
        last,
        total(days, mwh),
        total(days, gbp),
        lost / (lost + output) if lost + output else None,
        len(windy),
        state_of(about),
        sum(row[mwh] is not None for row in days),
        len(days),
        price_of(days, basis),
        total(days, "all_bids_mwh"),
        _turn_up(days),
    )


def _turn_up(days: Sequence[Row]) -> TurnUp | None:
    gbp = total(days, "turn_up_estimate_gbp")
    if gbp is None:
        return None
    mwh, target = total(days, "turn_up_mwh"), total(days, "turn_up_target_mwh")
    count = sum(row["turn_up_estimate_gbp"] is not None for row in days)
    return TurnUp(gbp, mwh / target if mwh is not None and target else None, count)


def same_days(
    rows: Sequence[Row], first: dt.date, last: dt.date, basis: str, meta: Mapping[str, Any]
) -> tuple[Sum, Sum] | None:
    """A range and the same days of the year before, over the days that are stored in both; None: there are none."""
    name = field_of("energy", basis)
    by_day = {row["settlement_date"]: row for row in rows if row[name] is not None}
    pairs = []
    day = first
    while day <= last:
        before = _counterpart(day)
        if before is not None and str(day) in by_day and str(before) in by_day:
            pairs.append((by_day[str(day)], by_day[str(before)]))
        day += dt.timedelta(days=1)
    if not pairs:
        return None
    now, then = ([pair[n] for pair in pairs] for n in (0, 1))
    ends = [dt.date.fromisoformat(d) for d in (then[0]["settlement_date"], then[-1]["settlement_date"])]
    return of_days(now, first, last, basis, meta), of_days(then, ends[0], ends[1], basis, meta)


def _counterpart(day: dt.date) -> dt.date | None:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # 29 February
        return None


def year_before(day: dt.date) -> dt.date:
    """The same day of the year before; of 29 February the day before it there."""
    return _counterpart(day) or day.replace(year=day.year - 1, day=28)
