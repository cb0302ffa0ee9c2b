"""The register of a day on which Elexon changes its mind."""

from __future__ import annotations

import json

import pytest

from minerecon_dagster.definitions import build_defs
from minerecon_dagster_tests.fake_elexon import Fault
from minerecon_dagster_tests.project import DAY, Project

REGISTER = "/reference/bmunits/all"
UNIT = "T_SYNTW-1"


def refresh(project: Project, fuel_type: str | None) -> None:
    answer = [
        unit | ({"fuelType": fuel_type} if unit["elexonBmUnit"] == UNIT else {})
        for unit in project.elexon.world.register()
    ]
    project.elexon.faults = lambda path: Fault(200, json.dumps(answer).encode()) if path == REGISTER else None
    job = build_defs().resolve_job_def("bm_units_refresh")
    assert job.execute_in_process(instance=project.instance).success


def rows(project: Project) -> int:
    ((count,),) = project.sql(
        "SELECT count(*) FROM minerecon.curtailment_records WHERE settlement_date = :d AND bmu_id = :u", d=DAY, u=UNIT
    )
    return int(count)


@pytest.mark.slow
def test_a_farm_that_loses_its_fuel_type_on_the_day_on_which_it_was_first_seen_keeps_its_past(project: Project) -> None:
    project.elexon.world.quiet_farms = 120  # of a dozen, one is too many to lose
    project.elexon.world.register_as = {"T_QUIAW-1": {"generationCapacity": "9000.000"}}
    project.ingest()
    before, content = rows(project), project.content()
    assert before > 0
    for fuel_type in (None, "OTHER", "WIND", None):
        refresh(project, fuel_type)
        project.ingest(from_archive=True)
        assert project.content() == content
    versions = project.sql(
        "SELECT fuel_type, valid_to IS NULL FROM minerecon.bm_units WHERE bmu_id = :u ORDER BY valid_from", u=UNIT
    )
    assert versions == [("WIND", False), (None, True)], "and today it is none"


def test_a_farm_that_is_recognised_on_the_day_on_which_it_was_first_seen_was_one_before(project: Project) -> None:
    project.elexon.faults = lambda _: None
    refresh(project, None)
    assert not project.run(DAY).success, "it is more than 1 % of the day, and not counted"
    assert rows(project) == 0
    refresh(project, "WIND")
    project.ingest()
    assert rows(project) > 0
