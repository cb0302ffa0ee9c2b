"""A settlement day as it is stored: the one read model of its figures, for whoever shows, compares or passes them on.

How a day *stands* (its status, its checks) is told of days that are not stored too: that is
`minerecon_dagster.standing.inventory.Standing`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, make_dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from minerecon_dagster.warehouse.store import statement
from minerecon_dagster.warehouse.sums import SUMMED

if TYPE_CHECKING:

    class _Summed:
        """Those that the code reads by name, for the type checker; at run time all of `SUMMED` are there."""

        curtailed_mwh: Decimal
        paid_gbp: Decimal
        refunded_gbp: Decimal
        unpriced_mwh: Decimal
        all_bids_mwh: Decimal
        all_bids_payment_gbp: Decimal
        record_count: int
        so_record_count: int
        wind_generation_mwh: Decimal | None
        turn_up_mwh: Decimal | None
        turn_up_target_mwh: Decimal | None
        turn_up_estimate_gbp: Decimal | None
        co2_ccgt_t: Decimal | None

else:
    _Summed = make_dataclass("_Summed", SUMMED, frozen=True)


@dataclass(frozen=True)
class StoredDay(_Summed):
    """A row of ``daily_summaries``, exact, with the day's Bitcoin; the columns that add up are those of `SUMMED`.

    Args:
        day: settlement date.
        mined_btc: BTC by miner model.
    """

    day: dt.date
    payment_gbp: Decimal
    curtailed_share: Decimal | None
    turn_up_coverage: Decimal | None
    co2_known_share: Decimal | None
    bmu_count: int
    periods_expected: int
    periods_due: int
    periods_present: int
    state: str
    is_final: bool
    mined_btc: Mapping[str, Decimal]
    is_synthetic: bool
    archive_uri: str
    built_from: str | None
    built_at: dt.datetime

    def as_dict(self, number: Callable[[Decimal], str] = "{:f}".format) -> dict[str, Any]:
        """Plain values for JSON: exact numbers as strings, as ``number`` writes them; dates and times as ISO text."""
        return {name: _plain(getattr(self, name), number) for name in _FIELDS}


_FIELDS = tuple(field.name for field in fields(StoredDay))


def read_stored_day(connection: Connection, day: dt.date) -> StoredDay | None:
    """What is stored of a day; None where nothing is."""
    return read_stored_days(connection, day, day).get(day)


def read_stored_days(connection: Connection, first: dt.date, last: dt.date) -> dict[dt.date, StoredDay]:
    """The stored days from ``first`` to ``last``, in order, and all of one instant: it is one statement."""
    found = connection.execute(statement("day/stored_days"), {"first": first, "last": last})
    days = ({name: row[name] for name in _FIELDS} for row in found.mappings())
    return {
        day["day"]: StoredDay(**day | {"mined_btc": {model: Decimal(btc) for model, btc in day["mined_btc"].items()}})
        for day in days
    }


def is_same_object(uri: str, other: str) -> bool:
    """Whether two addresses are of one archive object of a day: by its name, as the archive may have been moved."""
    return uri.rpartition("/")[2] == other.rpartition("/")[2]


def _plain(value: Any, number: Callable[[Decimal], str]) -> Any:
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    return {k: _plain(v, number) for k, v in value.items()} if isinstance(value, Mapping) else value
