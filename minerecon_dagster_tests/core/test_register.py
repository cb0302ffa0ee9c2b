"""The register: one unit once, dated versions, and hints at what is not mapped."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from minerecon_dagster.core.register import BmUnit, Register, UnitVersion, changes, one_of_each

D = dt.date.fromisoformat


def unit(
    bmu_id: str = "T_SGRWO-1", name: str | None = "Seagreen", fuel: str | None = "WIND", **kwargs: object
) -> BmUnit:
    values: dict[str, object] = {
        "bmu_id": bmu_id,
        "national_grid_bmu_id": bmu_id[2:],
        "name": name,
        "lead_party_name": "A Party",
        "fuel_type": fuel,
        "bmu_type": "T",
        "generation_capacity_mw": Decimal(100),
    }
    return BmUnit(**(values | kwargs))  # type: ignore[arg-type]


def test_a_repeated_unit_is_kept_once_with_each_fields_first_known_value() -> None:
    found = one_of_each([unit(name=None), unit(lead_party_name="Another"), unit("T_X-1")])
    assert set(found) == {"T_SGRWO-1", "T_X-1"}
    assert found["T_SGRWO-1"] == unit()


def test_of_repeated_rows_without_wind_the_first_is_kept_too() -> None:
    found = one_of_each([unit(fuel=None), unit(fuel=None, lead_party_name="Another")])
    assert found["T_SGRWO-1"] == unit(fuel=None)


@pytest.mark.parametrize("first", [None, "OTHER"])
def test_a_repeated_unit_is_wind_if_any_row_says_so(first: str | None) -> None:
    assert one_of_each([unit(fuel=first), unit(fuel="WIND")])["T_SGRWO-1"].is_wind


def test_the_first_version_covers_all_days_before_it_and_later_ones_their_own() -> None:
    old, new = unit(fuel=None), unit()
    register = Register([UnitVersion(new, D("2026-08-01")), UnitVersion(old, D("2025-11-01"), D("2026-08-01"))])
    assert register.in_force("T_SGRWO-1", D("2022-01-01")) == old
    assert register.in_force("T_SGRWO-1", D("2026-07-31")) == old
    assert register.in_force("T_SGRWO-1", D("2026-08-01")) == new
    assert list(register.wind_units(D("2026-08-01"))) == ["T_SGRWO-1"]
    assert register.wind_units(D("2026-07-31")) == {}


def test_a_unit_that_has_gone_is_no_longer_in_force_and_is_reported() -> None:
    register = Register([UnitVersion(unit("T_ABCD-1", "A"), D("2025-01-01"), D("2025-06-01"))])
    assert register.in_force("T_ABCD-1", D("2025-06-01")) is None
    assert register.wind_units(D("2025-06-01")) == {}
    assert list(register.unmapped_wind_like(D("2025-06-01"))) == ["T_ABCD-1"]
    assert register.unmapped_wind_like(D("2025-05-31")) == {}


def test_changes_are_what_is_new_different_or_gone() -> None:
    same, before, after, gone, new = unit("A"), unit("B"), unit("B", fuel=None), unit("C"), unit("D")
    found = changes({"A": same, "B": before, "C": gone}, {"A": same, "B": after, "D": new})
    assert found.ended == ("B", "C")
    assert found.begun == (after, new)


@pytest.mark.parametrize(
    ("bmu_id", "name", "fuel", "looks"),
    [
        ("T_CRGHD-1", "Carraig Gheal Wind Farm", None, True),
        ("E_GFLDW-1", "Goole Fields Wind Farm", None, True),
        ("T_HAGHW-2", "Hagshaw Repower 2", None, True),
        ("E_KHLLW-1", "Kirk Hill WF", None, True),
        ("T_HAGHW-3", None, None, True),
        ("T_GLNDO-1", "Glendoe Generator 1", "NPSHYD", False),
        ("E_DERW-1", "Derwent Cogeneration Ltd", None, False),
        ("T_GRIFWD-1", "Griffin Windfarm Demand BMU", None, False),
        ("I_I2D-BAYW1", "Flow from UK over IFA2", None, False),
        ("I_WNDFM-1", "Some Wind Farm", None, False),
        ("T_DRAXX-1", "Drax", "BIOMASS", False),
    ],
)
def test_what_looks_like_a_wind_farm(bmu_id: str, name: str | None, fuel: str | None, looks: bool) -> None:
    assert unit(bmu_id, name, fuel).looks_like_wind is looks


def test_how_the_zone_of_a_unit_is_known_makes_no_other_unit() -> None:
    unit = BmUnit("T_A-1", None, None, None, "WIND", "T", None)
    assert (unit.gsp_group_id, unit.zone_basis) == (None, None)
    assert replace(unit, zone_basis="gsp_group") == unit
    assert replace(unit, gsp_group_id="_P") != unit
