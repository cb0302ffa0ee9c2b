"""What the warehouse holds of some days, as a table for people and as JSON for machines."""

from __future__ import annotations

import datetime as dt
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from sqlalchemy import text

from minerecon_dagster.cli.tables import Column, console, print_columns
from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.core.printable import printable_lines
from minerecon_dagster.core.spans import spans
from minerecon_dagster.core.statuses import STATUSES, UNAVAILABLE
from minerecon_dagster.day.stored import StoredDay, read_stored_days
from minerecon_dagster.decisions.unavailable import ClosedDays
from minerecon_dagster.standing.inventory import Group, Standing, mend, read_standings
from minerecon_dagster.warehouse.store import statement
from minerecon_dagster.warehouse.warehouse import Warehouse

_FIGURES = (
    "record_count", "so_record_count", "curtailed_mwh", "payment_gbp", "all_bids_mwh", "all_bids_payment_gbp",
    "periods_expected", "periods_due", "periods_present", "is_synthetic", "mined_btc",
)  # fmt: skip
_HEADINGS = {"unavailable": "unavail-\nable", "provisional": "provi-\nsional", "incomplete": "incom-\nplete"}
"""Of words that are long for a column."""


@dataclass(frozen=True)
class DayRow:
    """A day in the table: how it stands, what is stored of it, and its checks.

    Args:
        standing: how it stands.
        stored: its figures; None where nothing is stored, and of a day that a person has closed.
        check_count: how many of its properties were looked at; None of a day that was never attempted, or is closed.
    """

    standing: Standing
    stored: StoredDay | None
    check_count: int | None

    @property
    def day(self) -> dt.date:
        """The settlement date."""
        return self.standing.day

    @property
    def status(self) -> str:
        """Its status in one word."""
        return self.standing.status

    @property
    def not_passed(self) -> list[str]:
        """The properties that do not hold, without the waived ones."""
        return sorted(p.name for p in self.standing.open_problems)

    @property
    def waived(self) -> list[str]:
        """The properties that do not hold, which is accepted for a time."""
        return sorted(p.name for p in self.standing.problems if p.waiver is not None)

    @property
    def is_wrong(self) -> bool:
        """Whether a person has to act: the day is failing, missing or incomplete."""
        return self.status in ("failing", "missing", "incomplete")

    @property
    def is_synthetic(self) -> bool:
        """Whether the day is the bundled sample's."""
        return self.stored is not None and self.stored.is_synthetic

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: exact numbers as strings, dates as ISO text."""
        return {
            "settlement_date": self.day.isoformat(),
            "status": self.status,
            **self._figures(),
            "check_count": self.check_count or 0,
            "not_passed": self.not_passed,
            "waived": self.waived,
        }

    def _figures(self) -> dict[str, Any]:
        if self.stored is not None:
            plain = self.stored.as_dict(number=str)
            return {name: plain[name] for name in _FIGURES}
        # Of a day that was tried in vain its figures are null, and a day never tried has none.
        tried = self.check_count is not None
        return (dict.fromkeys(_FIGURES) | {"is_synthetic": False} if tried else {}) | {"mined_btc": {}}


def read_days(database_url: str, days: Sequence[dt.date], closed: ClosedDays | None = None) -> list[DayRow]:
    """What is stored of each of ``days``; a day never attempted is ``missing``.

    Args:
        database_url: the warehouse.
        days: settlement dates.
        closed: what people decide now, where the warehouse may not have followed it yet: such a day shows no figures.
    """
    if not days:
        return []
    with Warehouse.open(database_url) as warehouse, warehouse.connection() as connection:
        standings = {s.day: s for s in read_standings(connection, min(days), max(days), closed)}
        stored = read_stored_days(connection, min(days), max(days))
        counted = connection.execute(statement("status/check_counts"), {"days": list(days)}).all()
    check_counts = {row.settlement_date: row.check_count for row in counted}
    return [
        DayRow(standings[day], None, None)
        if standings[day].status == UNAVAILABLE
        else DayRow(standings[day], stored.get(day), check_counts.get(day))
        for day in days
    ]


def print_days(rows: Sequence[DayRow]) -> None:
    """Print a table of days: periods, records, MWh, GBP, BTC per model, all of SO-flagged bids; and checks.

    In a terminal Bitcoin goes first where not all fits, and then the records; what a check found is below the table.
    """
    # Of a day without a period nothing is known, and 0 is a figure.
    seen = [row.stored if row.stored is not None and row.stored.periods_present > 0 else None for row in rows]

    def figures(shown: Callable[[StoredDay], str]) -> list[str]:
        return ["-" if stored is None else shown(stored) for stored in seen]

    def bitcoin(model: str) -> list[str]:
        return figures(lambda d: f"{d.mined_btc[model]:.8f}" if model in d.mined_btc else "-")

    is_whole = print_columns(
        [
            Column("day", [f"{row.day}{' (synthetic)' if row.is_synthetic else ''}" for row in rows], justify="left"),
            Column("status", [row.status for row in rows], justify="left"),
            Column("periods", [_periods(row.stored) for row in rows], goes=1),
            Column("records", figures(lambda d: f"{d.so_record_count:,}"), goes=2),
            Column("MWh", figures(lambda d: f"{d.curtailed_mwh:,.2f}")),
            Column("£ net", figures(lambda d: f"{d.payment_gbp:,.2f}")),
            *(Column(f"BTC {model.name}", bitcoin(model.name), goes=3) for model in MINER_MODELS),
            Column("checks", [_checks(row) for row in rows], goes=1),
        ],
        title="Wind curtailment (SO-flagged), per settlement day",
    )
    for row in rows:
        if row.waived:
            _say(f"{row.day}: waived: {', '.join(row.waived)}")
    if len({row.check_count for row in rows if row.check_count}) > 1:
        _say(
            "The number of checks differs by day: one that had nothing to look at, or that failed as a mere remark, is "
            "not counted."
        )
    if not is_whole:
        _say("More columns (Bitcoin per model): a wider terminal, or --json.")
    if any(row.is_synthetic for row in rows):
        _say("Days marked (synthetic) are the bundled sample: made up, not Elexon's data.")


def _periods(stored: StoredDay | None) -> str:
    return f"{stored.periods_present}/{stored.periods_expected}" if stored else "-"


def _checks(row: DayRow) -> str:
    """How many of the checks that were looked at pass."""
    if not row.check_count:
        return "-"
    return f"{row.check_count - len(row.not_passed) - len(row.waived)}/{row.check_count}"


def _say(text: str) -> None:
    console().print(printable_lines(text), markup=False, soft_wrap=not sys.stdout.isatty())


def status_table(rows: Sequence[DayRow], rates: Mapping[str, str] | None = None) -> Table:
    """A table by month: how many days are in which state, and how many of its calculations are right.

    A state that no day is in has no column, and months in a row of which every day is missing are one line,
    so that years fit into a terminal of 80 columns.

    Args:
        rows: the days.
        rates: per month, as in ``2025-03``, what to show of its rate; None for no such column.
    """
    words = [word for word in STATUSES if any(row.status == word for row in rows)]
    table = Table(title="Settlement days by month", title_justify="left", box=SIMPLE_HEAD, padding=0)
    for name in (
        "month",
        "days",
        *(_HEADINGS.get(word, word) for word in words),
        *(["right of\nstored"] if rates else []),
    ):
        table.add_column(name, justify="left" if name == "month" else "right")
    months = {m: Counter(row.status for row in of) for m, of in groupby(rows, key=lambda row: f"{row.day:%Y-%m}")}
    for is_empty, run in groupby(months.items(), key=lambda month: set(month[1]) == {"missing"}):
        span = list(run)
        for part in [span] if is_empty else [[month] for month in span]:
            counts = sum((counts for _, counts in part), Counter[str]())
            first, last = part[0][0], part[-1][0]
            table.add_row(
                first if first == last else f"{first}\n to {last}",
                f"{counts.total():,}",
                *(f"{counts[word]:,}" if counts[word] else "" for word in words),
                *([rates.get(first, "")] if rates else []),
            )
    return table


def wrong_days(rows: Iterable[DayRow]) -> list[Group]:
    """The days that are wrong; those in a row that have the same status for the same reasons are one group."""
    kinds = {row.day: (row.status, row.not_passed, mend(row.standing)) for row in rows if row.is_wrong}
    return [
        Group(first, last, status, "ERROR", not_passed, repair.over(first, last))
        for first, last in spans(kinds, alike=kinds.get)
        for status, not_passed, repair in (kinds[first],)
    ]


def unmapped_units(database_url: str) -> list[str]:
    """Units of the register in force that look like wind farms and are not mapped as wind."""
    query = (
        "SELECT coalesce(array_agg(bmu_id ORDER BY bmu_id), '{}') FROM minerecon.bm_units"
        " WHERE valid_to IS NULL AND looks_like_wind AND fuel_type IS DISTINCT FROM 'WIND'"
    )
    return list(_scalar(database_url, query))


def _scalar(database_url: str, query: str) -> Any:
    with Warehouse.open(database_url) as warehouse, warehouse.connection() as connection:
        return connection.execute(text(query)).scalar()
