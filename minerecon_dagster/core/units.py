"""The unit of measure of every column: the one list that the dictionary, the exports and the published totals use.

A column's name says its unit: its last words do, and the longest ending on the list counts. What has a number and no
unit has a word here all the same (a count, a ratio, an identifier), so that a column that nobody thought of is found:
a test goes through every column of every table and view.
"""

from __future__ import annotations

from collections.abc import Mapping

COUNT = "number"
RATIO = "0 to 1"
IDENTIFIER = "identifier"
ORDINAL = "ordinal"
AMOUNTS = frozenset({"MWh", "GBP", "t", "BTC"})
"""The units of what may be added up over days and farms: no ratio, price, power, count or state."""

UNITS: Mapping[str, str] = {
    "mwh": "MWh",
    "mw": "MW",
    "w": "W",
    "ths": "TH/s",
    "hours": "h",
    "hours_running": "h",
    "hours_at_full_load": "h",
    "t": "t",
    "g_per_kwh": "g/kWh",
    "gbp": "GBP",
    "gbp_per_mwh": "GBP/MWh",
    "price_gbp": "GBP/BTC",
    "btc": "BTC",
    "btc_per_mwh": "BTC/MWh",
    "gbp_per_machine": "GBP/machine",
    "btc_per_machine": "BTC/machine",
    "latitude": "degrees",
    "longitude": "degrees",
    "difficulty": "multiple of difficulty 1",
    "percent": "%",
    "share": RATIO,
    "share_of_curtailed": RATIO,
    "share_of_all_bids": RATIO,
    "share_of_ceiling": RATIO,
    "share_of_potential": RATIO,
    "share_of_metered": RATIO,
    "utilisation": RATIO,
    "delivered_against_instructed": "multiple",
    "coverage": RATIO,
    "count": COUNT,
    "days_checked": COUNT,
    "days_expected": COUNT,
    "days_final": COUNT,
    "days_present": COUNT,
    "days_mined": COUNT,
    "days_priced": COUNT,
    "days_stored": COUNT,
    "days_unavailable": COUNT,
    "days_incomplete": COUNT,
    "periods": COUNT,
    "periods_with_pn": COUNT,
    "negative_periods": COUNT,
    "units_asked": COUNT,
    "units_present": COUNT,
    "units_with_bid": COUNT,
    "units_with_bid_and_pn": COUNT,
    "potential_days": COUNT,
    "metered_days": COUNT,
    "turn_up_days": COUNT,
    "co2_days": COUNT,
    "offer_rows": COUNT,
    "periods_due": COUNT,
    "periods_expected": COUNT,
    "periods_present": COUNT,
    "looked_at": COUNT,
    "id": IDENTIFIER,
    "seed": IDENTIFIER,
    "settlement_period": ORDINAL,
    "sequence_number": ORDINAL,
    "run_rank": ORDINAL,
    "height": ORDINAL,
    "version": ORDINAL,
    "year": "calendar year",
    "value": "as the column unit says",
}
"""What the last words of a column's name say of its numbers."""

OF_TYPES: Mapping[str, str] = {
    "date": "date",
    "timestamp with time zone": "UTC",
    "timestamp without time zone": "London time",
}
"""What PostgreSQL's type says by itself."""

_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")


def has_number(sql_type: str) -> bool:
    """Whether PostgreSQL's type is of numbers, or of lists of them."""
    return sql_type.partition("(")[0].removesuffix("[]") in _NUMBERS


def unit_of(column: str, sql_type: str) -> str | None:
    """The unit of a column, or the word for what its numbers are; None of texts and flags, and of what nobody listed.

    Args:
        column: its name, as in ``payment_gbp_per_mwh``.
        sql_type: its type, as PostgreSQL's ``format_type`` writes it.
    """
    if not has_number(sql_type):
        return OF_TYPES.get(sql_type)
    words = column.split("_")
    # From the longest ending, which is the whole name, on.
    endings = ("_".join(words[n:]) for n in range(len(words)))
    return next((UNITS[ending] for ending in endings if ending in UNITS), None)
