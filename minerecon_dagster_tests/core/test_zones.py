"""Zones of BM units: derived within one answer of the register, and kept by version."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from minerecon_dagster.core.register import BmUnit, UnitVersion
from minerecon_dagster.core.zones import NOWHERE, Place, Zone, with_zones, zones

NORTH, SOUTH = Zone("_P", "loss_factor"), Zone("_N", "loss_factor")
MARCH, MAY, JULY = (dt.date(2025, month, 1) for month in (3, 5, 7))


def test_a_unit_with_a_group_is_there_and_one_without_is_where_its_factor_is() -> None:
    places = [Place("_P", "-0.0300"), Place(None, "-0.03"), Place("_A", "0.01"), Place(None, "0.01")]
    assert zones(places) == [Zone("_P", "gsp_group"), NORTH, Zone("_A", "gsp_group"), Zone("_A", "loss_factor")]


def test_where_the_located_units_with_a_factor_differ_it_says_nothing() -> None:
    places = [Place("_P", "-0.03"), Place("_N", "-0.03"), Place(None, "-0.03")]
    assert zones(places) == [Zone("_P", "gsp_group"), Zone("_N", "gsp_group"), NOWHERE]


@pytest.mark.parametrize("factor", [None, "", "n/a", "NaN", "Infinity", "0.02"])
def test_without_a_factor_or_a_neighbour_a_unit_has_no_zone(factor: object) -> None:
    assert zones([Place("_P", "-0.03"), Place("_A", factor if factor != "0.02" else None), Place(None, factor)])[2] == (
        NOWHERE
    )


def test_a_factor_that_is_no_number_is_nobodys_though_two_have_it() -> None:
    assert zones([Place("_P", "Infinity"), Place(None, "Infinity")]) == [Zone("_P", "gsp_group"), Zone(None, None)]
    assert zones([Place("_P", "NaN"), Place(None, "NaN"), Place("_P", None), Place(None, None)])[1::2] == [
        Zone(None, None), Zone(None, None),
    ]  # fmt: skip


def test_a_factor_that_is_none_is_not_looked_into_however_deep_it_is() -> None:
    deep: object = []
    for _ in range(100_000):
        deep = [deep]
    assert zones([Place("_P", deep), Place(None, deep), Place(None, {"a": 1}), Place(None, "1e999999999999")]) == [
        Zone("_P", "gsp_group"), NOWHERE, NOWHERE, NOWHERE,
    ]  # fmt: skip
    while isinstance(deep, list) and deep:  # not all at once, which takes the interpreter's own stack
        deep = deep.pop()


def test_what_is_no_gsp_group_is_none() -> None:
    assert zones([Place("North Scotland", "-0.03"), Place("_P", "-0.03")])[0] == NORTH


def test_a_factor_that_changes_with_the_season_moves_nobody() -> None:
    summer = [Place("_P", "-0.03"), Place(None, "-0.03")]
    winter = [Place("_P", "-0.05"), Place(None, "-0.05")]
    assert zones(summer) == zones(winter)


def version(first: dt.date, end: dt.date | None = None, name: str = "a") -> UnitVersion:
    return UnitVersion(BmUnit("T_TESTW-1", None, name, None, "WIND", "T", None), first, end)


def zoned(versions: list[UnitVersion]) -> list[tuple[str | None, str | None, dt.date, dt.date | None]]:
    return [(v.unit.gsp_group_id, v.unit.zone_basis, v.valid_from, v.valid_to) for v in versions]


def test_versions_get_the_zone_of_their_days_and_one_is_split_where_it_changes() -> None:
    versions = [version(MARCH, MAY), version(MAY, None, "b")]
    found = with_zones(versions, [(MARCH, NORTH), (JULY, SOUTH)])
    assert zoned(found) == [
        ("_P", "loss_factor", MARCH, MAY),
        ("_P", "loss_factor", MAY, JULY),
        ("_N", "loss_factor", JULY, None),
    ]
    assert [v.unit.name for v in found] == ["a", "b", "b"]


def test_a_zone_that_begins_or_ends_with_a_version_splits_none() -> None:
    known = [(MARCH, NORTH), (MAY, SOUTH)]
    assert zoned(with_zones([version(MARCH, MAY)], known)) == [("_P", "loss_factor", MARCH, MAY)]
    assert zoned(with_zones([version(MAY)], known)) == [("_N", "loss_factor", MAY, None)]
    assert zoned(with_zones([version(JULY)], known)) == [("_N", "loss_factor", JULY, None)]


def test_the_first_zone_that_is_known_covers_all_days_before() -> None:
    assert zoned(with_zones([version(MARCH)], [(MAY, NORTH)])) == [("_P", "loss_factor", MARCH, None)]


def test_a_unit_of_which_no_answer_is_left_stays_as_it_is() -> None:
    assert with_zones([version(MARCH)], []) == [version(MARCH)]
    assert zoned(with_zones([version(MARCH, MAY)], [(MAY, SOUTH)])) == [("_N", "loss_factor", MARCH, MAY)]


def test_how_a_zone_is_known_makes_no_other_unit_and_another_zone_does() -> None:
    unit = version(MARCH).unit
    of_peers, of_itself = (replace(unit, gsp_group_id="_P", zone_basis=basis) for basis in ("loss_factor", "gsp_group"))
    assert of_peers == of_itself != unit
