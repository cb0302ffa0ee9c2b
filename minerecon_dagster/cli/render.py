"""What the warehouse holds of some days, as a table for people and as JSON for machines."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.warehouse.store import open_warehouse, statement


@dataclass(frozen=True)
class DayRow:
    """A day as stored: its status in one word, its figures, and its checks."""

    day: dt.date
    status: str
    figures: dict[str, Any]
    mined_btc: dict[str, Decimal]
    check_count: int
    not_passed: Sequence[str]
    error_count: int

    @property
    def is_wrong(self) -> bool:
        """Whether a person has to act: the day is failing, missing or incomplete."""
        return self.status in ("failing", "missing", "incomplete")

    @property
    def is_synthetic(self) -> bool:
        """Whether the day is the bundled sample's."""
        return bool(self.figures.get("is_synthetic"))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: exact numbers as strings, dates as ISO text."""
        return {
            "settlement_date": self.day.isoformat(),
            "status": self.status,
            **{k: v if isinstance(v, bool | int | None) else str(v) for k, v in self.figures.items()},
            "mined_btc": {model: str(btc) for model, btc in self.mined_btc.items()},
            "check_count": self.check_count,
            "not_passed": list(self.not_passed),
        }


def read_days(database_url: str, days: Sequence[dt.date]) -> list[DayRow]:
    """What is stored of each of ``days``; a day never attempted is ``missing``."""
    engine = open_warehouse(database_url)
    try:
        with engine.connect() as connection:
            found = {
                row.settlement_date: row for row in connection.execute(statement("status/days"), {"days": list(days)})
            }
            mined = connection.execute(
                text(
                    "SELECT summary_date, miner_model, mined_btc FROM minerecon.bitcoin_daily_summaries"
                    " WHERE summary_date = ANY(:days)"
                ),
                {"days": list(days)},
            ).all()
    finally:
        engine.dispose()
    btc: dict[dt.date, dict[str, Decimal]] = {}
    for row in mined:
        btc.setdefault(row.summary_date, {})[row.miner_model] = row.mined_btc
    rows = []
    for day in days:
        stored = found.get(day)
        if stored is None:
            rows.append(DayRow(day, "missing", {}, {}, 0, (), 0))
            continue
        names = (
            "record_count", "so_record_count", "curtailed_mwh", "payment_gbp", "all_bids_mwh", "all_bids_payment_gbp",
            "periods_expected", "periods_due", "periods_present", "is_synthetic",
        )  # fmt: skip
        figures = {name: getattr(stored, name) for name in names}
        rows.append(
            DayRow(
                day, stored.status, figures, btc.get(day, {}), stored.check_count, stored.not_passed, stored.error_count
            )
        )
    return rows


def console() -> Console:
    """Standard output: as wide as the terminal, or wide enough for a table where there is none."""
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)


def print_days(rows: Sequence[DayRow]) -> None:
    """Print a table of days: periods, records, MWh, GBP, BTC per model, checks."""
    models = [model.name for model in MINER_MODELS]
    table = Table(title="Wind curtailment (SO-flagged), per settlement day", title_justify="left")
    table.add_column("day")
    table.add_column("status")
    for name in ("periods", "records", "MWh", "£ net", *(f"BTC {m}" for m in models)):
        table.add_column(name, justify="right")
    table.add_column("checks")
    for row in rows:
        f = row.figures
        known = f.get("curtailed_mwh") is not None
        checks = f"{row.check_count - len(row.not_passed)} of {row.check_count} pass"
        table.add_row(
            row.day.isoformat() + (" (synthetic)" if row.is_synthetic else ""),
            row.status,
            f"{f['periods_present']}/{f['periods_expected']}" if known else "-",
            f"{f['record_count']:,}" if known else "-",
            f"{f['curtailed_mwh']:,.2f}" if known else "-",
            f"{f['payment_gbp']:,.2f}" if known else "-",
            *(f"{row.mined_btc[m]:.8f}" if m in row.mined_btc else "-" for m in models),
            checks + (f"; not: {', '.join(row.not_passed)}" if row.not_passed else ""),
        )
    console().print(table)
    if any(row.is_synthetic for row in rows):
        console().print("Days marked (synthetic) are the bundled sample: made up, not Elexon's data.")


def status_table(rows: Sequence[DayRow]) -> Table:
    """A table by month: how many days are in which state."""
    words = ("complete", "provisional", "incomplete", "failing", "missing")
    table = Table(title="Settlement days by month", title_justify="left")
    table.add_column("month")
    for word in ("days", *words):
        table.add_column(word, justify="right")
    for month in sorted({row.day.strftime("%Y-%m") for row in rows}):
        of_month = [row for row in rows if row.day.strftime("%Y-%m") == month]
        counts = [sum(row.status == word for row in of_month) for word in words]
        table.add_row(month, str(len(of_month)), *(str(n) if n else "" for n in counts))
    return table


@dataclass(frozen=True)
class StatusSpan:
    """Days in a row that have the same status, for the same reasons."""

    rows: Sequence[DayRow]

    def __str__(self) -> str:
        """One line: which days, what they are and why, and the command that mends them."""
        first, last = self.rows[0].day, self.rows[-1].day
        why = f" ({', '.join(self.rows[0].not_passed)})" if self.rows[0].not_passed else ""
        if first == last:
            return f"{first} is {self.rows[0].status}{why}: minerecon reingest {first}"
        days = f"{first} to {last}, {len(self.rows)} days,"
        return f"{days} are {self.rows[0].status}{why}: minerecon reingest {first} {last}"


def status_spans(rows: Sequence[DayRow]) -> list[StatusSpan]:
    """Consecutive ``rows`` grouped by status and reasons."""
    grouped = groupby(rows, key=lambda row: (row.status, tuple(row.not_passed)))
    return [StatusSpan(list(group)) for _, group in grouped]


def first_day(database_url: str) -> dt.date | None:
    """The first day that was ever attempted; None where none was."""
    found: dt.date | None = _scalar(database_url, "SELECT min(settlement_date) FROM analytics.reconciliation_status")
    return found


def unmapped_units(database_url: str) -> list[str]:
    """Units of the register in force that look like wind farms and are not mapped as wind."""
    query = (
        "SELECT coalesce(array_agg(bmu_id ORDER BY bmu_id), '{}') FROM minerecon.bm_units"
        " WHERE valid_to IS NULL AND looks_like_wind AND fuel_type IS DISTINCT FROM 'WIND'"
    )
    return list(_scalar(database_url, query))


def _scalar(database_url: str, query: str) -> Any:
    engine = open_warehouse(database_url)
    try:
        with engine.connect() as connection:
            return connection.execute(text(query)).scalar()
    finally:
        engine.dispose()


def print_json(value: object) -> None:
    """Print one JSON object on one line."""
    sys.stdout.write(json.dumps(value) + "\n")
