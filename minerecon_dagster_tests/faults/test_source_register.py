"""Faults of Elexon's register, and of ours: what a day's rows say of it, and what its own past says."""

from __future__ import annotations

import hashlib
import json

import pytest

from minerecon_dagster.core import checks as c
from minerecon_dagster.register.store import WIND_UNITS_MAPPED
from minerecon_dagster.register.zones import ZONES_STAY
from minerecon_dagster.sample.units import MAPPED_WIND, UNMAPPED_WIND
from minerecon_dagster_tests.faults.conftest import DAY, World
from minerecon_dagster_tests.faults.test_faults import REACHED, all_green

LARGE, SMALL = "T_SYNTO-4", "2__SYNTH008"
"""Farms of 1,075 and 25.3 MW."""


def forget(world: World, unit: str) -> None:
    """Let the register in the warehouse be one that never had a unit."""
    world.put(f"DELETE FROM minerecon.bm_units WHERE bmu_id = '{unit}'")


@pytest.mark.slow
def test_fr_03_a_large_farm_that_the_register_does_not_have(world: World) -> None:
    before = world.content()
    forget(world, LARGE)
    assert not world.job("ingest", DAY, from_archive=True)
    assert f"{LARGE} (unknown)" in world.said
    assert {c.UNCOUNTED_ENERGY_IS_SMALL.full_name, c.WIND_LIKE_UNITS_MAPPED.full_name} <= world.red(DAY)
    assert world.status(DAY) == "failing"
    assert world.content() == before, "what was stored stays"
    # What the result names: the register is fetched again, and the day rebuilt.
    assert world.job("bm_units_refresh"), world.said
    assert world.job("ingest", DAY, from_archive=True), world.said
    all_green(world)
    assert world.content() == before


@pytest.mark.slow
def test_fr_03_a_small_farm_that_the_register_learns_of_after_its_days_were_stored(world: World) -> None:
    before = world.content()
    forget(world, SMALL)
    assert world.job("ingest", DAY, from_archive=True), world.said
    assert world.status(DAY) == "warned"
    assert c.WIND_LIKE_UNITS_MAPPED.full_name in world.red(DAY)
    red = world.inventory()
    assert {c.EVERY_WIND_UNIT_IS_COUNTED.full_name, f"{c.EVERY_WIND_UNIT_IS_COUNTED.full_name}[{SMALL}]"} <= red
    assert world.job("bm_units_refresh"), world.said
    assert c.EVERY_DAY_COUNTS_ITS_UNITS.full_name in world.inventory()
    assert world.job("ingest", DAY, from_archive=True), world.said
    assert world.inventory() == set()
    all_green(world)
    assert world.content() == before


@pytest.mark.slow
def test_fr_05_an_answer_in_which_half_of_the_farms_have_lost_their_fuel_type(world: World) -> None:
    before = world.content()
    world.elexon.world.register_as = {unit.bmu_id: {"fuelType": None} for unit in MAPPED_WIND[::2]}
    assert not world.job("bm_units_refresh")
    assert "of 12 wind units in force" in world.said
    assert world.job("ingest", DAY, force=True), world.said
    assert world.content() == before
    assert world.status(DAY) == "complete", "built by the versions in force"
    assert c.REGISTER_IS_BELIEVED.full_name in world.inventory()
    world.elexon.world.register_as = {}
    assert world.job("bm_units_refresh"), world.said
    assert world.inventory() == set(), "a newer answer is believed"


@pytest.mark.slow
def test_fr_05_the_same_answer_taken_by_a_person(world: World) -> None:
    # As if the register was there before today: of its first day a version would be replaced.
    world.put("UPDATE minerecon.bm_units SET valid_from = valid_from - 30")
    world.elexon.world.register_as = {unit.bmu_id: {"leadPartyName": None} for unit in MAPPED_WIND[::2]}
    assert not world.job("bm_units_refresh")
    assert c.REGISTER_IS_BELIEVED.full_name in world.inventory()
    sha256 = hashlib.sha256(json.dumps(world.elexon.world.register()).encode()).hexdigest()
    assert world.job("accept_register", sha256=sha256, accepted_by="A. Person"), world.said
    assert world.inventory() == set()
    all_green(world)


@pytest.mark.slow
def test_a_farm_without_its_fuel_type_is_on_record_after_each_look_at_the_register(world: World) -> None:
    last = (
        "SELECT scope, passed, severity, looked_at, violation_count, repair, run_id IS NOT NULL"
        " FROM minerecon.reconciliation_results WHERE check_name = 'wind_units_mapped' ORDER BY result_id DESC LIMIT 1"
    )
    assert world.job("bm_units_refresh"), world.said
    assert WIND_UNITS_MAPPED.full_name in world.red(scope="all")
    REACHED.add(WIND_UNITS_MAPPED.full_name)
    ((scope, passed, severity, looked_at, wrong, repair, is_of_a_run),) = world.sql(last)
    assert (scope, passed, severity, wrong, is_of_a_run) == ("all", False, "WARN", len(UNMAPPED_WIND), True)
    assert looked_at > wrong
    assert repair == "ask Elexon to give the unit its fuel type; minerecon register refresh"
    assert world.inventory() == set(), "it is no property of the days"
    all_green(world)
    world.elexon.world.register_as = {unit.bmu_id: {"fuelType": "WIND"} for unit in UNMAPPED_WIND}
    assert world.job("bm_units_refresh"), world.said
    assert world.sql(last)[0][1] is True
    assert WIND_UNITS_MAPPED.full_name not in world.red(scope="all")


@pytest.mark.slow
def test_a_farm_without_a_zone_that_was_turned_down(world: World) -> None:
    world.put(f"UPDATE minerecon.bm_units SET gsp_group_id = NULL, zone_basis = NULL WHERE bmu_id = '{LARGE}'")
    assert world.verify() == {c.UNITS_LOCATED.full_name}
    REACHED.add(c.UNITS_LOCATED.full_name)
    assert world.status(DAY) == "warned"
    ((zone, mwh),) = world.sql(
        "SELECT zone, curtailed_mwh FROM analytics.curtailment_by_zone_day"
        " WHERE settlement_date = :day AND above_b6 IS NULL",
        day=DAY,
    )
    assert (zone, mwh > 0) == ("unknown", True)
    assert world.job("bm_units_refresh"), world.said
    all_green(world)


@pytest.mark.slow
def test_a_farm_that_moves_from_scotland_to_england(world: World) -> None:
    world.put("UPDATE minerecon.bm_units SET valid_from = valid_from - 30")
    world.elexon.world.register_as = {"E_SYNTW-7": {"gspGroupId": "_A"}}
    assert world.job("bm_units_refresh"), world.said
    assert ZONES_STAY.full_name in world.red(scope="all")
    REACHED.add(ZONES_STAY.full_name)
    world.elexon.world.register_as = {"E_SYNTW-7": {"gspGroupId": "_P"}}
    assert world.job("bm_units_refresh"), world.said
    assert ZONES_STAY.full_name not in world.red(scope="all"), "within Scotland it may"
