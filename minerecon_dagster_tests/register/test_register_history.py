"""The register of days on which Elexon changes its mind."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, select, text

from minerecon_dagster.core.answers import Answer
from minerecon_dagster.core.errors import SchemaDriftError
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.elexon.archive import Archive
from minerecon_dagster.register.store import rebuild_register, record_register
from minerecon_dagster.warehouse.tables import bm_units
from minerecon_dagster_tests.fake_elexon import FakeElexon, Fault
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


@pytest.mark.slow
def test_a_farm_that_is_recognised_on_the_day_on_which_it_was_first_seen_was_one_before(project: Project) -> None:
    project.elexon.faults = lambda _: None
    refresh(project, None)
    assert not project.run(DAY).success, "it is more than 1 % of the day, and not counted"
    assert rows(project) == 0
    refresh(project, "WIND")
    project.ingest()
    assert rows(project) > 0


def test_the_register_is_rebuilt_from_the_archive_whatever_versions_there_are_or_not_at_all(
    warehouse: Engine, elexon: FakeElexon, tmp_path: Path
) -> None:
    archive = Archive.from_url(str(tmp_path))
    elexon.world.quiet_farms = 120  # of a dozen, one is too many to lose
    quiet = [row["elexonBmUnit"] for row in elexon.world.register() if "QUI" in (row["elexonBmUnit"] or "")]
    at = dt.datetime(2025, 1, 6, 5, 30, tzinfo=dt.UTC)

    def answer(body: object) -> Answer:
        return Answer(f"{elexon.base_url}{REGISTER}", 200, at, json.dumps(body).encode())

    def versions() -> list[tuple[object, ...]]:
        with warehouse.connect() as connection:
            return [tuple(row) for row in connection.execute(select(bm_units).order_by("bmu_id", "valid_from"))]

    for known, gone in (({}, {quiet[1]}), ({quiet[0]: {"fuelType": None}}, set()), ({}, {quiet[1]}), ({}, set())):
        elexon.world.register_as, elexon.world.unregistered = known, gone
        record_register(warehouse, archive, answer(elexon.world.register()), now=at)
        at += dt.timedelta(days=7)
    before = versions()
    of_changed = [row[:3] for row in before if row[0] in quiet[:2]]
    assert len(of_changed) == 3 + 2, "as wind, without, and as wind again; there, and there again"

    for lost in ("false", f"bmu_id = '{quiet[0]}'", "valid_to IS NULL", "true"):
        with warehouse.begin() as connection:
            connection.execute(delete(bm_units).where(text(lost)))
        rebuild_register(warehouse, archive)
        assert versions() == before

    archive.record_register(answer({"not": "a register"}), now=at)
    with pytest.raises(SchemaDriftError):
        rebuild_register(warehouse, archive)
    assert versions() == before
