"""Over all stored days: the units that are not counted and nobody has looked at, and what the register has learned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from minerecon_dagster.core import checks as c
from minerecon_dagster.core.checks import Property, Result, result
from minerecon_dagster.core.exact import pounds
from minerecon_dagster.core.register import spelling
from minerecon_dagster.core.repairs import REBUILD, REFRESH_REGISTER, Repair, words
from minerecon_dagster.core.spans import spans
from minerecon_dagster.decisions.reviewed_units import reviewed_units
from minerecon_dagster.warehouse.store import statement


@dataclass(frozen=True, slots=True)
class OpenUnit:
    """A unit that is not counted on some stored days, and at which nobody has looked; MWh and GBP over those days."""

    bmu_id: str
    reason: str
    likely_bmu_id: str | None
    name: str | None
    is_wind_like: bool
    first_day: dt.date
    last_day: dt.date
    day_count: int
    curtailed_mwh: Decimal
    payment_gbp: Decimal
    all_bids_mwh: Decimal
    all_bids_payment_gbp: Decimal

    def __str__(self) -> str:
        """One line: which unit, why, its energy and money on both bases, and on which days."""
        likely = f", likely {self.likely_bmu_id}" if self.likely_bmu_id else ""
        name = f" {self.name}" if self.name else ""
        days = (
            str(self.first_day)
            if self.day_count == 1
            else f"{self.day_count} days, {self.first_day} to {self.last_day}"
        )
        return (
            f"{self.shown_id}{name} ({self.reason}{likely}): {self.all_bids_mwh:,.2f} MWh, "
            f"{pounds(self.all_bids_payment_gbp, 0)} of all bids, {self.curtailed_mwh:,.2f} MWh, "
            f"{pounds(self.payment_gbp, 0)} SO-flagged, on {days}"
        )

    @property
    def shown_id(self) -> str:
        """Its id; in quotes where blanks or worse would mislead a reader."""
        plain = self.bmu_id.isascii() and self.bmu_id.isprintable() and self.bmu_id == spelling(self.bmu_id)
        return self.bmu_id if plain else repr(self.bmu_id)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: v if isinstance(v, bool | int | None) else str(v) for name, v in values}


def read_open_units(connection: Connection, first: dt.date, last: dt.date, today: dt.date) -> list[OpenUnit]:
    """The units that are not counted on stored days and at which nobody has looked, the largest first.

    Args:
        connection: the warehouse.
        first: the first day.
        last: the last day.
        today: the day in London: decides which waivers hold.
    """
    parameters = {"first_day": first, "last_day": last, "today": today, "reviewed": list(reviewed_units())}
    rows = connection.execute(statement("inventory/uncounted_units"), parameters)
    return [OpenUnit(**row._mapping) for row in rows]


def by_unit(connection: Connection, units: Sequence[OpenUnit]) -> list[Result]:
    """A result for each unit, so that each is told once and clears by itself: red of those, green of those before.

    They are of `c.EVERY_WIND_UNIT_IS_COUNTED` under a name of their own, at ERROR, which is what alerts tell.
    """
    red = [
        result(
            _of_unit(unit.shown_id),
            looked_at=unit.day_count,
            expected="a unit that is counted, or that a person has reviewed",
            actual=str(unit),
            repair=REFRESH_REGISTER.then(words("or review it (docs/operate/checks.md says how)")),
            violations=[unit.as_dict()],
        )
        for unit in units
    ]
    told = connection.execute(
        statement("inventory/told_units"), {"family": _BY_UNIT.family, "prefix": f"{_BY_UNIT.name}["}
    ).scalars()
    still = {r.checked.name for r in red}
    over = [
        result(
            replace(_BY_UNIT, name=name), looked_at=1, expected="a unit that is counted, or reviewed",
            actual="no stored day lacks it", repair=_BY_UNIT.repair,
        )
        for name in told
        if name not in still
    ]  # fmt: skip
    return [*red, *over]


_BY_UNIT = replace(c.EVERY_WIND_UNIT_IS_COUNTED, severity="ERROR")


def _of_unit(shown_id: str) -> Property:
    return replace(_BY_UNIT, name=f"{_BY_UNIT.name}[{shown_id[:40]}]")


def days_to_rebuild(connection: Connection) -> list[Repair]:
    """What rebuilds the stored days which lack a unit that the register has as wind by now."""
    span = {"first_day": dt.date.min, "last_day": dt.date.max}
    days = [r.settlement_date for r in connection.execute(statement("inventory/days_and_register"), span) if r.learned]
    return [REBUILD.over(first, last) for first, last in spans(days)]
