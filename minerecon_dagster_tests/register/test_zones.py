"""Zones in the register: with each answer, and of versions that were stored before zones were kept."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from minerecon_dagster.core.answers import Answer
from minerecon_dagster.register.store import record_register
from minerecon_dagster.register.zones import locate_versions, zones_stay
from minerecon_dagster_tests.project import Project

JANUARY, MARCH, MAY = (dt.datetime(2025, month, 10, 5, tzinfo=dt.UTC) for month in (1, 3, 5))
FORGET = "UPDATE minerecon.bm_units SET gsp_group_id = NULL, zone_basis = NULL"
VERSIONS = (
    "SELECT bmu_id, gsp_group_id, zone_basis, above_b6, above_b4, valid_from, valid_to FROM minerecon.bm_units"
    " WHERE fuel_type = 'WIND' ORDER BY bmu_id, valid_from"
)


def look(project: Project, at: dt.datetime, **moved: dict[str, str]) -> None:
    rows = [row | moved.get(str(row["elexonBmUnit"]).replace("-", "_"), {}) for row in project.elexon.world.register()]
    answer = Answer(f"{project.elexon.base_url}/reference/bmunits/all", 200, at, json.dumps(rows).encode())
    record_register(project.engine, project.archive, answer, now=at)


def test_every_wind_unit_has_a_zone_and_its_side_of_the_border(project: Project) -> None:
    look(project, MARCH)
    found = {row[0]: row[1:5] for row in project.sql(VERSIONS)}
    assert found["E_SYNTW-7"] == ("_N", "gsp_group", True, False)
    assert found["T_SYNTW-6"] == ("_N", "loss_factor", True, False)
    assert found["T_SYNTO-1"] == ("_P", "loss_factor", True, True)
    assert found["T_SYNTO-4"] == ("_A", "loss_factor", False, False)
    assert None not in {zone for zone, *_ in found.values()}


def test_other_loss_factors_in_another_season_begin_no_version(project: Project) -> None:
    look(project, MARCH)
    before = project.sql(VERSIONS)
    rows = [
        row | {"transmissionLossFactor": f"{float(row['transmissionLossFactor'] or 0) * 2:.7f}"}
        for row in project.elexon.world.register()
    ]
    answer = Answer(f"{project.elexon.base_url}/reference/bmunits/all", 200, MAY, json.dumps(rows).encode())
    assert record_register(project.engine, project.archive, answer, now=MAY).begun_count == 0
    assert project.sql(VERSIONS) == before


def test_units_that_lose_their_zone_by_another_units_group_are_told(project: Project) -> None:
    look(project, MARCH)
    with project.engine.connect() as connection:
        assert zones_stay(connection, MARCH.date()).passed
    # Of two embedded units with the same loss factor one is said to be elsewhere: it is nobody's zone then.
    look(project, MAY, E_SYNUW_2={"gspGroupId": "_N"})
    lost = {unit for unit, zone, *_, ended in project.sql(VERSIONS) if zone is None and ended is None}
    with project.engine.connect() as connection:
        told = zones_stay(connection, MAY.date())
    assert {"T_SYNTW-1", "T_SYNTO-1"} <= lost
    assert not told.passed
    assert lost <= {violation["bmu_id"] for violation in told.violations}


def test_versions_of_before_get_what_a_look_at_the_time_would_have_given_them_and_nothing_is_asked(
    project: Project,
) -> None:
    look(project, JANUARY)
    look(project, MARCH, E_SYNTW_7={"gspGroupId": "_P"})
    look(project, MAY, E_SYNTW_7={"gspGroupId": "_P"}, T_SYNTO_1={"leadPartyName": "Another"})
    known = project.sql(VERSIONS)
    hill = [row[1:] for row in known if row[0] == "E_SYNTW-7"]
    assert [row[0] for row in hill] == ["_N", "_P"]
    # As it was before: one version over both zones, since nothing else of the unit has changed.
    project.sql_write("DELETE FROM minerecon.bm_units WHERE bmu_id = 'E_SYNTW-7' AND valid_to IS NULL")
    project.sql_write("UPDATE minerecon.bm_units SET valid_to = NULL WHERE bmu_id = 'E_SYNTW-7'")
    project.sql_write(FORGET)
    asked = len(project.elexon.requests)
    assert locate_versions(project.engine, project.archive) > 12
    assert project.sql(VERSIONS) == known
    assert locate_versions(project.engine, project.archive) == 0, "once is enough"
    assert len(project.elexon.requests) == asked


def test_a_new_answer_after_the_upgrade_begins_no_version_for_a_zone_alone(project: Project) -> None:
    look(project, JANUARY)
    known = project.sql(VERSIONS)
    project.sql_write(FORGET)
    look(project, MARCH)
    assert project.sql(VERSIONS) == known


@pytest.mark.slow
def test_a_run_on_days_locates_the_versions_of_before(project: Project, day_stored: None) -> None:
    known = project.sql(VERSIONS)
    project.sql_write(FORGET)
    project.ingest()
    assert project.sql(VERSIONS) == known
    assert not project.elexon.requests, "the day is held, and the register is in the archive"
