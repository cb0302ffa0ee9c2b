"""Days as an older version stored them. Spelled out: today's own statements may name columns that came later."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection, text

_NUMBERS = (
    "curtailed_mwh", "paid_gbp", "refunded_gbp", "unpriced_mwh", "all_bids_mwh",
    "all_bids_payment_gbp", "record_count", "so_record_count", "bmu_count",
)  # fmt: skip
"""The sums of a day that migration 0003 found there."""
_DAY = (
    f"INSERT INTO minerecon.daily_summaries (summary_date, {', '.join(_NUMBERS)}, periods_expected, periods_due,"
    " periods_present, state, archive_uri, is_synthetic, built_from, built_at)"
    f" VALUES (:day{', 0' * len(_NUMBERS)}, 48, 48, 48, 'final', 'days/' || :day, :is_synthetic, '', :built_at)"
)


def store_old_day(
    connection: Connection, day: dt.date, *, is_synthetic: bool = True, built_at: dt.datetime | None = None
) -> None:
    """A final day of 48 periods whose sums are all 0, in a warehouse of migration 0003 or 0004."""
    values = {"day": day, "is_synthetic": is_synthetic, "built_at": built_at or dt.datetime.now(dt.UTC)}
    connection.execute(text(_DAY), values)
