"""An answer of the register that is not believed: refused as a whole, kept, told, and taken by a person only."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from minerecon_dagster.register.store import rebuild_register
from minerecon_dagster.sample.units import MAPPED_WIND
from minerecon_dagster_tests.fake_elexon import Fault
from minerecon_dagster_tests.project import DAY, Project, days_kept, days_stored, definitions, not_done

REGISTER = "/reference/bmunits/all"
NOW = dt.datetime(2025, 4, 7, 4, 30, tzinfo=dt.UTC)
HALF = [unit.bmu_id for unit in MAPPED_WIND[::2]]


def register_of_132_farms(project: Project, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("ELEXON_BASE_URL", project.elexon.real_base_url)
    patch.setenv("MINERECON_START_DATE", str(DAY))
    project.elexon.world.quiet_farms = 120


@pytest.fixture(scope="module")
def kept(
    migrated: str, embedded_environ: dict[str, str], difficulty_table: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    home = tmp_path_factory.mktemp("132 farms")
    with days_kept(embedded_environ, migrated, home, begin=register_of_132_farms) as kept:
        yield kept


@pytest.fixture
def stored(
    kept: tuple[str, Path], project: Project, embedded_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """A stored day, and 132 wind farms in force since a week before `NOW`."""
    register_of_132_farms(project, monkeypatch)
    with days_stored(kept, project, embedded_environ, monkeypatch):
        project.sql_write("UPDATE minerecon.bm_units SET valid_from = '2025-04-01'")
        yield project


def refresh(project: Project, now: dt.datetime | None = None) -> dg.ExecuteInProcessResult:
    job = definitions(now.isoformat() if now else None).resolve_job_def("bm_units_refresh")
    return job.execute_in_process(instance=project.instance, raise_on_error=False)


def accept(project: Project, sha256: str, by: str = "A. Person", now: dt.datetime = NOW) -> dg.ExecuteInProcessResult:
    job = definitions(now.isoformat()).resolve_job_def("accept_register")
    config = {"ops": {"accept_answer": {"config": {"sha256": sha256, "accepted_by": by}}}}
    return job.execute_in_process(instance=project.instance, run_config=config, raise_on_error=False)


def sha256_of_the_answer(project: Project) -> str:
    return hashlib.sha256(json.dumps(project.elexon.world.register()).encode()).hexdigest()


def wind_units(project: Project) -> int:
    return int(
        project.sql("SELECT count(*) FROM minerecon.bm_units WHERE valid_to IS NULL AND fuel_type = 'WIND'")[0][0]
    )


def refusals(project: Project) -> list[tuple[Any, ...]]:
    return project.sql(
        "SELECT payload_sha256, state, lost_unit_count FROM minerecon.register_refusals ORDER BY refusal_id"
    )


def blank_half(project: Project) -> str:
    project.elexon.world.register_as = {bmu_id: {"fuelType": None} for bmu_id in HALF}
    return sha256_of_the_answer(project)


@pytest.mark.slow
def test_half_the_farms_without_their_fuel_are_refused_in_one_line_and_days_go_on_as_they_were(stored: Project) -> None:
    content, versions = stored.content(), stored.sql("SELECT * FROM minerecon.bm_units ORDER BY bmu_id, valid_from")
    sha256 = blank_half(stored)
    ran = refresh(stored)
    assert not ran.success
    said = not_done(ran)
    assert "of 132 wind units in force (9,949 MW) 6 lose WIND" in said
    assert f"minerecon register accept {sha256}" in said
    assert stored.sql("SELECT * FROM minerecon.bm_units ORDER BY bmu_id, valid_from") == versions
    assert refusals(stored) == [(sha256, "waiting", 6)]
    stored.ingest(force=True)
    assert stored.content() == content
    assert stored.status() == "complete"


@pytest.mark.first_quick
@pytest.mark.parametrize(("lost", "refused"), [(1, False), (6, False), (7, True), (100, True)])
def test_as_many_may_vanish_as_the_thresholds_allow(stored: Project, lost: int, refused: bool) -> None:
    quiet = [row["elexonBmUnit"] for row in stored.elexon.world.register() if "QUI" in (row["elexonBmUnit"] or "")]
    stored.elexon.world.register_as = {}
    # Small ones: by their number, then.
    stored.sql_write("UPDATE minerecon.bm_units SET generation_capacity_mw = 1 WHERE bmu_id LIKE 'T_QUI%'")
    stored.elexon.world.unregistered = set(quiet[:lost])
    assert refresh(stored).success is not refused
    assert wind_units(stored) == (132 if refused else 132 - lost)


@pytest.mark.slow
def test_the_same_wrong_answer_a_week_later_is_refused_again_and_waits_once(stored: Project) -> None:
    sha256 = blank_half(stored)
    assert not refresh(stored, NOW).success
    assert not refresh(stored, NOW + dt.timedelta(days=7)).success
    assert refusals(stored) == [(sha256, "waiting", 6)]
    ((days,),) = stored.sql("SELECT last_seen_at - first_seen_at FROM minerecon.register_refusals")
    assert days == dt.timedelta(days=7)


@pytest.mark.slow
def test_a_newer_answer_that_is_believed_ends_the_waiting(stored: Project) -> None:
    sha256 = blank_half(stored)
    assert not refresh(stored).success
    stored.elexon.world.register_as = {}
    assert refresh(stored).success
    assert refusals(stored) == [(sha256, "superseded", 6)]
    assert not accept(stored, sha256).success, "it would put the older one in its place"
    blank_half(stored)
    assert not refresh(stored).success
    assert [state for _, state, _ in refusals(stored)] == ["superseded", "waiting"]


def test_a_refused_answer_is_no_version_where_the_register_is_rebuilt_from_the_archive(stored: Project) -> None:
    sha256 = blank_half(stored)
    assert not refresh(stored).success
    stored.sql_write("DELETE FROM minerecon.bm_units")
    rebuild_register(stored.engine, stored.archive)
    assert wind_units(stored) == 132
    assert stored.archive.refused_register(sha256) is not None


@pytest.mark.slow
def test_what_a_person_accepts_is_in_force_from_that_day_and_on_record_and_survives_a_rebuild(stored: Project) -> None:
    content = stored.content()
    sha256 = blank_half(stored)
    assert not refresh(stored).success
    later = NOW + dt.timedelta(days=2)
    ran = accept(stored, sha256, now=later)
    assert ran.success, not_done(ran)
    assert wind_units(stored) == 132 - 6
    ((state, by, at, changes),) = stored.sql(
        "SELECT state, accepted_by, accepted_at, changes FROM minerecon.register_refusals"
    )
    assert (state, by, at) == ("accepted", "A. Person", later)
    assert sorted(c["bmu_id"] for c in changes) == sorted(HALF)
    assert {c["change"] for c in changes} == {"no longer wind"}
    assert {
        d for (d,) in stored.sql("SELECT DISTINCT valid_to FROM minerecon.bm_units WHERE valid_to IS NOT NULL")
    } == {later.date()}, "days before it keep their farms"
    stored.ingest(from_archive=True)
    assert stored.content() == content
    assert refresh(stored, later).success, "the same answer is believed from now on"
    stored.sql_write("DELETE FROM minerecon.bm_units")
    rebuild_register(stored.engine, stored.archive)
    assert wind_units(stored) == 132 - 6


def test_an_unknown_sha256_is_a_usage_error_that_lists_what_waits(stored: Project) -> None:
    assert "none does" in not_done(accept(stored, "0" * 64))
    sha256 = blank_half(stored)
    assert not refresh(stored).success
    ran = accept(stored, "0" * 64)
    assert not ran.success
    assert f"these do: {sha256}" in not_done(ran)
    assert wind_units(stored) == 132


@pytest.mark.slow
def test_losses_that_are_small_each_week_are_refused_when_they_add_up_and_an_acceptance_begins_anew(
    stored: Project,
) -> None:
    quiet = [row["elexonBmUnit"] for row in stored.elexon.world.register() if "QUI" in (row["elexonBmUnit"] or "")]
    for taken in (3, 6):
        stored.elexon.world.unregistered = set(quiet[:taken])
        ran = refresh(stored)
        if taken == 3:
            assert ran.success, not_done(ran)
        a_week_passes(stored)
    assert not ran.success, "3 of 132 a week are 1.5 % of the capacity, and twice that 3 %"
    assert "of 132 wind units since 20" in not_done(ran)
    assert accept(stored, sha256_of_the_answer(stored), now=dt.datetime.now(dt.UTC)).success
    a_week_passes(stored)
    stored.elexon.world.unregistered = set(quiet[:9])
    ran = refresh(stored)
    assert ran.success, not_done(ran)


def a_week_passes(project: Project) -> None:
    """Put what is stored of the register a week back: its versions are dated by the answers, which come now."""
    project.sql_write("UPDATE minerecon.bm_units SET valid_from = valid_from - 7, valid_to = valid_to - 7")
    project.sql_write("UPDATE minerecon.register_refusals SET accepted_at = accepted_at - INTERVAL '7 days'")


def answered(project: Project, change: Any) -> None:
    rows = change(project.elexon.world.register())
    project.elexon.faults = lambda path: Fault(200, json.dumps(rows).encode()) if path == REGISTER else None


def of_unit(rows: list[dict[str, Any]], **fields: Any) -> list[dict[str, Any]]:
    return [row | (fields if row["elexonBmUnit"] == "T_SYNTW-1" else {}) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: of_unit(rows, elexonBmUnit="T_SYNTW-1 "), "spells 1 wind units in force otherwise: 'T_SYNTW-1 '"),
        (lambda rows: of_unit(rows, elexonBmUnit="t_syntw-1"), "spells 1 wind units in force otherwise"),
        (lambda rows: of_unit(rows, generationCapacity=322), "got `int`"),
        (lambda rows: of_unit(rows, elexonBmUnit=7), "got `int`"),
        (lambda rows: [*rows, rows[0] | {"fuelType": "CCGT"}], "as wind and with another fuel type: T_SYNTW-1"),
        (lambda rows: [], "no wind farm"),
        (lambda rows: rows[:4], "wind units in force"),
    ],
    ids=["blank", "case", "capacity a number", "id a number", "two fuels", "empty", "short"],
)
def test_a_register_that_is_odd_changes_nothing_and_says_why_in_one_line(
    stored: Project, change: Any, said: str
) -> None:
    content, versions = stored.content(), stored.sql("SELECT * FROM minerecon.bm_units ORDER BY bmu_id, valid_from")
    answered(stored, change)
    ran = refresh(stored)
    assert not ran.success
    assert said in not_done(ran)
    assert stored.sql("SELECT * FROM minerecon.bm_units ORDER BY bmu_id, valid_from") == versions
    stored.ingest(force=True)
    assert stored.content() == content
    assert stored.status() == "complete"


@pytest.mark.slow
def test_a_look_that_repairs_refuses_it_too_and_the_inventory_tells_until_it_is_over(stored: Project) -> None:
    sha256 = blank_half(stored)
    job = definitions(None).resolve_job_def("verify")
    tags = {"dagster/asset_partition_range_start": str(DAY), "dagster/asset_partition_range_end": str(DAY)}
    config = {"ops": {"verify_days": {"config": {"action": "fix"}}}}
    job.execute_in_process(instance=stored.instance, run_config=config, tags=tags, raise_on_error=False)
    assert refusals(stored) == [(sha256, "waiting", 6)]
    assert wind_units(stored) == 132
    assert believed(stored) == (False, f"minerecon register accept {sha256}")
    assert accept(stored, sha256).success
    assert believed(stored)[0]


def believed(project: Project) -> tuple[Any, ...]:
    defs = definitions(f"{DAY + dt.timedelta(days=1)}T13:00:00+00:00")
    defs.resolve_job_def("standing_inventory").execute_in_process(instance=project.instance, raise_on_error=False)
    return project.sql(
        "SELECT passed, repair FROM minerecon.reconciliation_results WHERE check_name = 'register_is_believed'"
        " ORDER BY result_id DESC LIMIT 1"
    )[0]
