"""The factors of fuels, as they are published."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from minerecon_dagster.core.emissions import ALL_DAYS, CCGT, EMISSION_FACTORS, EmissionFactor

PUBLISHED_G_PER_KWH = {
    "Biomass": 120, "Coal": 937, "Dutch Imports": 474, "French Imports": 53, "Gas (Combined Cycle)": 394,
    "Gas (Open Cycle)": 651, "Hydro": 0, "Irish Imports": 458, "Nuclear": 0, "Oil": 935, "Other": 300,
    "Pumped Storage": 0, "Wind": 0,
}  # fmt: skip
"""By the names that /intensity/factors has for them."""
FUELS = {
    "Biomass": ["BIOMASS"], "Coal": ["COAL"], "Dutch Imports": ["INTNED"],
    "French Imports": ["INTELEC", "INTFR", "INTIFA2"], "Gas (Combined Cycle)": ["CCGT"], "Gas (Open Cycle)": ["OCGT"],
    "Hydro": ["NPSHYD"], "Irish Imports": ["INTEW", "INTGRNL", "INTIRL"], "Nuclear": ["NUCLEAR"], "Oil": ["OIL"],
    "Other": ["OTHER"], "Pumped Storage": ["PS"], "Wind": ["WIND"],
}  # fmt: skip
"""By the register's names of the fuels, and of the interconnectors."""


def test_each_fuel_of_the_register_has_the_factor_that_is_published_for_it_and_says_by_whom() -> None:
    expected = {fuel: Decimal(g) for name, g in PUBLISHED_G_PER_KWH.items() for fuel in FUELS[name]}
    assert {factor.fuel: factor.g_per_kwh for factor in EMISSION_FACTORS} == expected
    assert {factor.source for factor in EMISSION_FACTORS} == {
        "NESO, Carbon Intensity API, /intensity/factors (CC BY 4.0)"
    }
    assert dt.date.min == ALL_DAYS
    assert {factor.valid_from for factor in EMISSION_FACTORS} == {ALL_DAYS}
    assert EmissionFactor(CCGT, Decimal(394)) in EMISSION_FACTORS
