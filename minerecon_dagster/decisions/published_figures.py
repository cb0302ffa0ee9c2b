"""Totals that others have published, to compare with: ``published_figures.toml`` is the master of the table."""

from __future__ import annotations

import calendar
import datetime as dt
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Literal

from minerecon_dagster.core.units import unit_of
from minerecon_dagster.decisions.reader import FOLDER, Decision, only, read, refuse_twice

FILE = FOLDER / "published_figures.toml"

Basis = Literal["so_flagged", "all_bids"]


class PublishedFigure(Decision, frozen=True):
    """One published total.

    Args:
        period: the day, month or year, as in ``2025-03-28``, ``2025-03`` or ``2025``.
        basis: which bids it counts.
        figure: ``curtailed_mwh`` (MWh), ``payment_gbp`` (GBP, net), ``mined_btc`` (BTC) or
            ``turn_up_estimate_gbp`` (GBP, of SO-flagged bids).
        value: as published.
        source: who published it.
        note: what a comparison must know.
        miner_model: of a ``mined_btc``.
        difficulty: the network difficulty that a ``mined_btc`` was published with, if it is known.
        is_known_wrong: whether the note says that it is wrong.
    """

    kind = "figure"

    period: str
    basis: Basis
    figure: Literal["curtailed_mwh", "payment_gbp", "mined_btc", "turn_up_estimate_gbp"]
    value: Decimal
    source: str
    note: str
    miner_model: str | None = None
    difficulty: Decimal | None = None
    is_known_wrong: bool = False

    @property
    def title(self) -> str:
        """Its name."""
        return self.figure_id

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

    def problem(self) -> str | None:
        """A period that is none, or Bitcoin without its model."""
        try:
            _ = self.days
        except ValueError:
            return f"period must be as in 2025-03-28, 2025-03 or 2025, not {self.period!r}"
        if self.figure == "turn_up_estimate_gbp" and self.basis != "so_flagged":
            return "turn_up_estimate_gbp is of SO-flagged bids"
        if (self.figure == "mined_btc") != (self.miner_model is not None):
            return "miner_model goes with mined_btc, and with nothing else"
        return None


@cache
def published_figures(file: Path = FILE) -> tuple[PublishedFigure, ...]:
    """The figures of ``file``, in its order.

    Raises:
        ConfigurationError: the file cannot be read, or an entry is wrong or there twice.
    """
    figures = only(PublishedFigure, read(file, PublishedFigure))
    refuse_twice(file, figures)
    return tuple(figures)
