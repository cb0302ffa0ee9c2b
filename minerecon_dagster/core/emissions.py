"""Emission factors of fuels: what a kilowatt hour of each gives off.

As the GB carbon intensity methodology has them. The factor 0 of storage is a convention: it was charged by something.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

SOURCE = "NESO, Carbon Intensity API, /intensity/factors (CC BY 4.0)"
ALL_DAYS = dt.date.min
CCGT = "CCGT"
"""The fuel that stands for all replacement where one figure is given for it: co2_ccgt_t."""


@dataclass(frozen=True, slots=True)
class EmissionFactor:
    """What energy of a fuel gives off.

    Args:
        fuel: as the register of BM units has it.
        g_per_kwh: grams of CO2 per kWh.
        valid_from: the first day of which it holds; `ALL_DAYS`: of all before, too.
        source: who publishes it.
    """

    fuel: str
    g_per_kwh: Decimal
    valid_from: dt.date = ALL_DAYS
    source: str = SOURCE


_G_PER_KWH = {
    "BIOMASS": 120,
    CCGT: 394,
    "COAL": 937,
    "INTELEC": 53,
    "INTEW": 458,
    "INTFR": 53,
    "INTGRNL": 458,
    "INTIFA2": 53,
    "INTIRL": 458,
    "INTNED": 474,
    "NPSHYD": 0,
    "NUCLEAR": 0,
    "OCGT": 651,
    "OIL": 935,
    "OTHER": 300,
    "PS": 0,
    "WIND": 0,
}
"""By the register's fuel types. Of the other interconnectors the method has no factor, and of no fuel neither."""

EMISSION_FACTORS: Sequence[EmissionFactor] = tuple(EmissionFactor(f, Decimal(g)) for f, g in _G_PER_KWH.items())


def factor_on(day: dt.date, fuel: str, factors: Sequence[EmissionFactor] = EMISSION_FACTORS) -> Decimal | None:
    """The factor of a fuel on a day, in g/kWh; None where there is none."""
    found = [factor for factor in factors if factor.fuel == fuel and factor.valid_from <= day]
    return max(found, key=lambda factor: factor.valid_from).g_per_kwh if found else None
