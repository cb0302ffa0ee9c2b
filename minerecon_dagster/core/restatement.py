"""What later answers may take from final days before a person has to look at it.

Elexon restates days by routine and by little. A final day that loses a good part of its energy, its units or its money
has rather lost rows on the way, at once or in several answers, and so have many days that each lose some of it. Money
is gross, what is paid plus what is refunded: a net payment may be near 0, or below, and a tenth of it means nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from decimal import Decimal, localcontext
from typing import Any, Protocol

from minerecon_dagster.core.exact import EXACT

MOST_LOST = Decimal("0.10")
"""The share of a figure that a final day may lose, at once and by all that was believed of it since it was final."""
MOST_LOST_OF_MANY = Decimal("0.01")
"""The share of a figure that a final day may lose though many others have lost more than that of theirs too."""
MOST_DAYS = 5
"""How many final days may each lose more than `MOST_LOST_OF_MANY` within `WITHIN`, over all runs."""
WITHIN = dt.timedelta(hours=24)
"""The time within which the days that lose are counted."""
ITS_CHECKS = "its checks, which it passes now"
"""Who took an answer that was refused, where no person has to."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is of a day, on both bases: of all accepted wind bids, and of the SO-flagged ones.

    Args:
        all_bids_mwh, curtailed_mwh: energy, positive.
        all_bids_gross_gbp, gross_gbp: what is paid plus what is refunded.
        bmu_count, so_bmu_count: units with a bid.
    """

    all_bids_mwh: Decimal
    curtailed_mwh: Decimal
    all_bids_gross_gbp: Decimal
    gross_gbp: Decimal
    bmu_count: Decimal
    so_bmu_count: Decimal


class Bid(Protocol):
    """An accepted wind bid: its unit, volume in MWh (negative), price in GBP/MWh and flag."""

    @property
    def id(self) -> str | None:
        """Its BM unit."""

    @property
    def volume(self) -> Decimal:
        """MWh."""

    @property
    def original_price(self) -> Decimal | None:
        """GBP/MWh; None where Elexon has none."""

    @property
    def so_flag(self) -> bool | None:
        """Whether it was for system reasons."""


def extent_of(bids: Iterable[Bid]) -> Extent:
    """How much some accepted wind bids are."""
    mwh, so_mwh, gross, so_gross = Decimal(), Decimal(), Decimal(), Decimal()
    units: set[str | None] = set()
    so_units: set[str | None] = set()
    with localcontext(EXACT):
        for row in bids:
            volume, price = row.volume, row.original_price
            gbp = abs(volume * price) if price is not None else Decimal()
            mwh -= volume
            gross += gbp
            units.add(row.id)
            if row.so_flag:
                so_mwh -= volume
                so_gross += gbp
                so_units.add(row.id)
    return Extent(mwh, so_mwh, gross, so_gross, Decimal(len(units)), Decimal(len(so_units)))


def unbelievable_losses(before: Extent, after: Extent, at_most: Decimal = MOST_LOST) -> list[dict[str, Any]]:
    """The figures of which more than the share ``at_most`` is gone, each with what it was and what it would be."""
    return [
        {"figure": f.name, "before": f"{was:f}", "after": f"{now:f}", "lost": f"{100 * (1 - now / was):.1f} %"}
        for f in fields(Extent)
        if (was := getattr(before, f.name)) > 0 and (now := getattr(after, f.name)) < (1 - at_most) * was
    ]


def losses_text(losses: Collection[dict[str, Any]]) -> str:
    """Losses as a reader writes them, with what they are counted with."""
    counted_with = dict.fromkeys(loss["counted_with"] for loss in losses if "counted_with" in loss)
    return ", ".join([*(f"{loss['lost']} of {loss['figure']}" for loss in losses), *counted_with])
