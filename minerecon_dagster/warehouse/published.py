"""Totals that others have published, to compare with: the master of the table ``published_figures``.

A figure stands here as it was published, its rounding and its faults included; the note says what a
comparison must know. Add one by adding a line, with its source.
"""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from minerecon_dagster.core.units import unit_of

Basis = Literal["so_flagged", "all_bids"]

_EARLIER = "The earlier system of this project"
_CLOCK = "The Subsidy Clock, data of wind bids per unit and day (CC BY 4.0)"
_OTHERS = "Users of this basis, as noted when this project began; the page is not on record"


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """One published total.

    Args:
        period: the day, month or year, as in ``2025-03-28``, ``2025-03`` or ``2025``.
        basis: which bids it counts.
        figure: ``curtailed_mwh`` (MWh), ``payment_gbp`` (GBP, net) or ``mined_btc`` (BTC).
        value: as published.
        source: who published it.
        note: what a comparison must know.
        miner_model: of a ``mined_btc``.
        difficulty: the network difficulty that a ``mined_btc`` was published with, if it is known.
        is_known_wrong: whether the note says that it is wrong.
    """

    period: str
    basis: Basis
    figure: str
    value: Decimal
    source: str
    note: str
    miner_model: str | None = None
    difficulty: Decimal | None = None
    is_known_wrong: bool = False

    @property
    def figure_id(self) -> str:
        """Its name: what nothing else on the list is called."""
        of_model = f"/{self.miner_model}" if self.miner_model else ""
        return f"{self.period}/{self.basis}/{self.figure}{of_model}"

    @property
    def unit(self) -> str:
        """``MWh``, ``GBP`` or ``BTC``."""
        unit = unit_of(self.figure, "numeric")
        assert unit is not None
        return unit

    @property
    def days(self) -> tuple[dt.date, dt.date]:
        """The first and the last settlement date that it is of."""
        year, month, day = (*map(int, self.period.split("-")), 0, 0)[:3]
        last_month = month or 12
        last_day = day or calendar.monthrange(year, last_month)[1]
        return dt.date(year, month or 1, day or 1), dt.date(year, last_month, last_day)


def _mined(
    period: str, s19j_pro: str, m20s: str, s9: str, note: str, *, difficulty: str | None = None, wrong: bool = False
) -> tuple[PublishedFigure, ...]:
    return tuple(
        PublishedFigure(
            period,
            "so_flagged",
            "mined_btc",
            Decimal(value),
            _EARLIER,
            note,
            model,
            Decimal(difficulty) if difficulty else None,
            wrong,
        )
        for model, value in (("S19J_PRO", s19j_pro), ("M20S", m20s), ("S9", s9))
    )


def _energy(period: str, mwh: str, note: str) -> PublishedFigure:
    return PublishedFigure(period, "so_flagged", "curtailed_mwh", Decimal(mwh), _EARLIER, note)


_AUDITED = "From its last verification report; energy and Bitcoin agree with each other to 5e-7."
_PART_RUN = "From its documentation, before its own later audit of the day."
_WRONG = (
    "Known to be wrong: the three models were computed on different rows, so that their ratios, which are fixed, "
    "do not hold."
)
_ALL = "The basis of the Renewable Energy Foundation and The Subsidy Clock."
_FLAGGED = "The basis of wastedwind.energy (Octopus) and of the headline here."

PUBLISHED_FIGURES: tuple[PublishedFigure, ...] = (
    PublishedFigure("2026-06", "all_bids", "curtailed_mwh", Decimal("707488"), _OTHERS, _ALL),
    PublishedFigure(
        "2026-06", "all_bids", "payment_gbp", Decimal("25050000"), _OTHERS, f"{_ALL} Published as £25.05m."
    ),
    PublishedFigure("2026-06", "so_flagged", "curtailed_mwh", Decimal("605943"), _OTHERS, _FLAGGED),
    PublishedFigure(
        "2026-06", "so_flagged", "payment_gbp", Decimal("20440000"), _OTHERS, f"{_FLAGGED} Published as £20.44m."
    ),
    PublishedFigure("2025-01-17", "all_bids", "curtailed_mwh", Decimal("46344.51"), _CLOCK, "Sum over the units."),
    PublishedFigure("2025-02-11", "all_bids", "curtailed_mwh", Decimal("42222"), _CLOCK, "Sum over the units."),
    PublishedFigure(
        "2025-02-11", "all_bids", "payment_gbp", Decimal("-11550"), _CLOCK, "Sum over the units: farms paid, net."
    ),
    _energy("2025-03-01", "21178.62", _PART_RUN),
    _energy("2025-03-02", "61575.86", f"{_PART_RUN} The audit found 61,590.99 MWh."),
    _energy("2025-03-21", "49604.12", _AUDITED),
    *_mined("2025-03-21", "37.985", "23.447", "11.82", _AUDITED, difficulty="112149504190349"),
    _energy("2025-03-28", "99864.95", _AUDITED),
    *_mined("2025-03-28", "75.3921", "46.5367", "23.4639", _AUDITED, difficulty="113757508810853"),
    _energy("2025-03-29", "70295.89", _AUDITED),
    *_mined("2025-03-29", "53.0692", "32.7576", "16.5164", _AUDITED, difficulty="113757508810853"),
    *_mined("2025-03-06", "34.58136172", "21.28012335", "10.71975614", _WRONG, wrong=True),
    *_mined("2025-03", "260.28916727", "159.87284065", "80.60844328", _WRONG, wrong=True),
    *_mined("2025", "903.24720919", "556.74644712", "280.71290970", _WRONG, wrong=True),
)
