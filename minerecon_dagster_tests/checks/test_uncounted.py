"""The rows against the register: units that are turned down and not counted, from the row to the alert."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from minerecon_dagster.checks import uncounted
from minerecon_dagster.core import checks as c
from minerecon_dagster.day.build import record_results
from minerecon_dagster.decisions.reviewed_units import reviewed_units
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.register.open_units import by_unit, read_open_units
from minerecon_dagster.warehouse.store import statement
from minerecon_dagster_tests.fake_elexon import Fault
from minerecon_dagster_tests.project import DAY, Project, definitions, not_done

NEXT = DAY + dt.timedelta(days=1)
REGISTER = "/reference/bmunits/all"
SMALL, LARGE = "2__SYNTH008", "T_SYNTO-4"
"""Farms of 25.3 and 1,075 MW."""


@pytest.fixture
def real(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose source is not the bundled sample's, with as many wind farms as Britain has."""
    monkeypatch.setenv("ELEXON_BASE_URL", project.elexon.real_base_url)
    project.elexon.world.quiet_farms = 120
    return project


def result(project: Project, name: str, day: dt.date = DAY) -> Any:
    rows = project.sql(
        "SELECT passed, severity, actual, violations, repair FROM minerecon.reconciliation_results"
        " WHERE check_name = :n AND settlement_date = :d ORDER BY result_id DESC LIMIT 1",
        n=name,
        d=day,
    )
    return rows[0] if rows else None


def test_a_farm_that_the_register_lacks_is_an_error_and_its_day_is_not_published(real: Project) -> None:
    real.elexon.world.unregistered = {LARGE}
    ran = real.run(DAY)
    assert not ran.success
    assert "register.uncounted_energy_is_small" in not_done(ran)
    passed, severity, actual, violations, _ = result(real, "uncounted_energy_is_small")
    assert (passed, severity) == (False, "ERROR")
    assert "T_SYNTO-4 (unknown)" in actual
    assert "was asked in this run" in actual
    assert [v["bmu_id"] for v in violations] == [LARGE]
    assert real.status() == "failing"
    assert real.elexon.requests[REGISTER] == 1


@pytest.mark.slow
def test_a_farm_that_the_register_has_learned_of_is_counted_in_the_same_run_which_asks_once(real: Project) -> None:
    world = real.elexon.world
    world.unregistered = {SMALL}
    real.ingest()
    assert real.elexon.requests[REGISTER] == 1, "the first one of the warehouse"
    assert result(real, "wind_like_units_mapped")[:2] == (False, "WARN")
    world.unregistered.clear()
    real.ingest(NEXT, force=True)
    ran = real.run(DAY, NEXT, force=True)
    assert ran.success, not_done(ran)
    assert real.elexon.requests[REGISTER] == 2, "once, for the first day that has the unit"
    assert result(real, "wind_like_units_mapped")[0]
    assert real.sql("SELECT count(*) FROM minerecon.uncounted_units WHERE bmu_id = :u", u=SMALL) == [(0,)]
    assert real.sql(
        "SELECT count(DISTINCT settlement_date) FROM minerecon.curtailment_records WHERE bmu_id = :u", u=SMALL
    ) == [(2,)]
    assert real.elexon.requests[REGISTER] == 2


@pytest.mark.slow
def test_a_unit_that_stays_unknown_is_asked_about_once_for_all_days_of_a_run(real: Project) -> None:
    real.elexon.world.unregistered = {SMALL}
    real.ingest()
    ran = real.run(DAY, NEXT, force=True)
    assert ran.success, not_done(ran)
    assert real.elexon.requests[REGISTER] == 2
    for day in (DAY, NEXT):
        assert "was asked in this run" in result(real, "wind_like_units_mapped", day)[2]
        assert result(real, "uncounted_energy_is_small", day)[0], "it is under 1 %"
        assert real.status(day) == "warned"


@pytest.mark.slow
def test_nothing_is_asked_where_the_archive_is_read_or_the_sample_is(
    real: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real.elexon.world.unregistered = {SMALL}
    real.ingest()
    real.ingest(from_archive=True)
    assert real.elexon.requests[REGISTER] == 1


@pytest.mark.slow
def test_the_sample_is_not_asked_about_its_unmapped_unit(project: Project) -> None:
    project.elexon.world.unregistered = {SMALL}
    project.ingest()
    project.ingest(force=True)
    assert project.elexon.requests[REGISTER] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", [Fault(404), Fault(200, b'{"no": "array"}'), Fault(200, b"[]")], ids=["404", "drift", "empty"]
)
def test_a_register_that_cannot_be_taken_fails_no_day(real: Project, fault: Fault) -> None:
    real.elexon.world.unregistered = {SMALL}
    real.ingest()
    real.elexon.faults = lambda path: fault if path == REGISTER else None
    real.ingest(force=True)
    assert "was asked in this run in vain" in result(real, "wind_like_units_mapped")[2]
    assert real.status() == "warned"
    assert real.elexon.requests[REGISTER] == 2


def test_a_day_keeps_each_unit_with_its_energy_and_money_on_both_bases(real: Project) -> None:
    totals = real.elexon.world.expected_totals(DAY)
    real.elexon.world.unregistered = {SMALL}
    real.ingest()
    (row,) = real.sql(
        "SELECT reason, is_wind_like, curtailed_mwh, payment_gbp, all_bids_mwh, all_bids_payment_gbp, seen_in"
        " FROM minerecon.uncounted_units WHERE bmu_id = :u",
        u=SMALL,
    )
    of = totals[SMALL]
    assert row == ("unknown", False, of.so_mwh, of.so_gbp, of.mwh, of.gbp, "stack")
    assert ("T_SYNUW-1", "unmapped") in real.sql("SELECT bmu_id, reason FROM minerecon.uncounted_units")


@pytest.mark.slow
@pytest.mark.parametrize("written", ["t_syntw-5", " T_SYNTW-5", "T_SYNTW-5 ", "T_SYNTW -5"])
def test_an_id_that_differs_in_blanks_or_case_is_neither_counted_nor_merged(real: Project, written: str) -> None:
    real.ingest(NEXT)
    real.elexon.world.respelt = {"T_SYNTW-5": written}
    ran = real.run(DAY)
    assert not ran.success, "it is more than 1 % of the day"
    _, _, actual, violations, _ = result(real, "uncounted_energy_is_small")
    assert f"{written!r} (spelt otherwise, likely T_SYNTW-5)" in actual
    assert [(v["bmu_id"], v["likely_bmu_id"]) for v in violations] == [(written, "T_SYNTW-5")]
    real.elexon.world.respelt = {}


@pytest.mark.slow
def test_a_renamed_farm_is_named_with_the_one_that_it_probably_is(real: Project) -> None:
    real.ingest(NEXT)
    real.elexon.world.respelt = {"T_SYNTW-5": "E_SYNTW-5"}
    assert not real.run(DAY).success
    assert "E_SYNTW-5 (renamed, likely T_SYNTW-5)" in result(real, "uncounted_energy_is_small")[2]


@pytest.mark.slow
def test_a_reviewed_unit_is_silent_until_it_is_large(real: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = dict(reviewed_units())
    listed[LARGE] = listed["T_SYNUW-1"]
    listed[SMALL] = listed["T_SYNUW-1"]
    real.elexon.world.unregistered = {SMALL}
    monkeypatch.setattr(uncounted, "reviewed_units", lambda: listed)
    real.ingest()
    assert result(real, "wind_like_units_mapped")[0]
    assert f"reviewed, and not counted: {SMALL}" in result(real, "wind_like_units_mapped")[2]
    assert real.elexon.requests[REGISTER] == 1
    real.sql_write("DELETE FROM minerecon.bm_units WHERE bmu_id = :u", u=LARGE)
    real.ingest(from_archive=True, accept_restatement=True, requested_by="a test")
    passed, severity, _, violations, _ = result(real, "wind_like_units_mapped")
    assert (passed, severity) == (False, "WARN")
    assert LARGE in {v["bmu_id"] for v in violations}
    assert result(real, "uncounted_energy_is_small")[0], "a person knows of it"


@pytest.mark.slow
def test_a_unit_of_which_only_a_control_total_knows_is_found(real: Project) -> None:
    world = real.elexon.world
    real.ingest(NEXT)
    stack = world.stack
    world.stack = lambda day, side, period: [r for r in stack(day, side, period) if r["id"] != SMALL]  # type: ignore[method-assign]
    world.unregistered = {SMALL}
    real.sql_write("DELETE FROM minerecon.bm_units WHERE bmu_id = :u", u=SMALL)
    real.ingest()
    ((seen_in, mwh, gbp),) = real.sql(
        "SELECT seen_in, all_bids_mwh, all_bids_payment_gbp FROM minerecon.uncounted_units WHERE bmu_id = :u", u=SMALL
    )
    assert seen_in == "BOAV"
    assert mwh > 0
    assert gbp != 0


# All days: what the register has learned, and what is told once.


def inventory(project: Project, day: dt.date = NEXT) -> None:
    defs = definitions(f"{day + dt.timedelta(days=1)}T13:00:00+00:00")
    defs.resolve_job_def("standing_inventory").execute_in_process(instance=project.instance, raise_on_error=False)


def standing(project: Project, name: str) -> Any:
    return project.sql(
        "SELECT passed, severity, actual, repair FROM minerecon.reconciliation_results WHERE scope = 'all'"
        " AND check_name = :n ORDER BY result_id DESC LIMIT 1",
        n=name,
    )[0]


@pytest.mark.slow
def test_days_stored_before_the_register_knew_a_unit_are_named_with_the_command_and_mended_by_it(
    real: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINERECON_START_DATE", str(DAY))
    world = real.elexon.world
    world.unregistered = {SMALL}
    assert real.run(DAY, NEXT).success
    inventory(real)
    assert standing(real, "every_day_counts_its_units")[0]
    unit = f"every_wind_unit_is_counted[{SMALL}]"
    passed, severity, actual, _ = standing(real, unit)
    assert (passed, severity) == (False, "ERROR")
    assert f"on 2 days, {DAY} to {NEXT}" in actual
    assert standing(real, "every_wind_unit_is_counted")[:2] == (False, "WARN")
    told = [row for row in failing(real) if "every_wind_unit" in row]
    assert told == [unit], "an alert for the unit, and not one for each day"
    world.unregistered.clear()
    ran = build_defs().resolve_job_def("bm_units_refresh").execute_in_process(instance=real.instance)
    command = f"minerecon reingest {DAY} {NEXT} --from-archive"
    (made,) = ran.get_asset_materialization_events()
    assert made.materialization.metadata["days_to_rebuild"].value == command
    inventory(real)
    passed, severity, _, repair = standing(real, "every_day_counts_its_units")
    assert (passed, severity, repair) == (False, "ERROR", command)
    assert real.run(DAY, NEXT, from_archive=True).success
    inventory(real)
    assert standing(real, "every_day_counts_its_units")[0]
    assert standing(real, unit)[0], "it clears by itself"
    assert "every_wind_unit" not in " ".join(failing(real))


def test_a_unit_is_over_once_though_a_clock_that_was_ahead_has_left_a_look_to_come(warehouse: Engine) -> None:
    checked = replace(c.EVERY_WIND_UNIT_IS_COUNTED, name=f"every_wind_unit_is_counted[{SMALL}]", severity="ERROR")

    def look(day: dt.date, wrong: bool) -> None:
        found = [{"bmu_id": SMALL}] if wrong else []
        of_unit = c.result(checked, looked_at=1, expected="", actual="", repair=checked.repair, violations=found)
        now = dt.datetime.combine(day, dt.time(9, 5), dt.UTC)
        with warehouse.begin() as connection:
            record_results(connection, day, [of_unit], now=now, run_id=None, scope="all")

    look(NEXT + dt.timedelta(days=365), wrong=False)
    look(NEXT, wrong=True)
    with warehouse.connect() as connection:
        (over,) = by_unit(connection, [])
    assert (over.checked.name, over.passed) == (checked.name, True)


def without_a_sign_of_wind(project: Project, fuel_type: str | None) -> None:
    """Let the register have `SMALL` as no wind farm, and by nothing else look like one."""
    project.elexon.world.register_as = {SMALL: {"fuelType": fuel_type, "bmUnitName": "SYNTHETIC Aggregated 8"}}


def kept(project: Project) -> dict[str, Any]:
    return dict(project.sql("SELECT unnest(bmu_ids), unnest(all_bids_mwh) FROM minerecon.left_out_units"))


@pytest.mark.slow
@pytest.mark.parametrize("fuel_type", [None, "OTHER"])
def test_days_built_before_the_register_had_a_unit_as_wind_are_named_with_its_energy_until_they_are_built_again(
    real: Project, monkeypatch: pytest.MonkeyPatch, fuel_type: str | None
) -> None:
    monkeypatch.setenv("MINERECON_START_DATE", str(DAY))
    mwh = real.elexon.world.expected_totals(DAY)[SMALL].mwh + real.elexon.world.expected_totals(NEXT)[SMALL].mwh
    without_a_sign_of_wind(real, fuel_type)
    assert real.run(DAY, NEXT).success
    inventory(real)
    assert standing(real, "every_day_counts_its_units")[0]
    real.elexon.world.register_as = {SMALL: {"bmUnitName": "SYNTHETIC Aggregated 8"}}
    ran = build_defs().resolve_job_def("bm_units_refresh").execute_in_process(instance=real.instance)
    command = f"minerecon reingest {DAY} {NEXT} --from-archive"
    (made,) = ran.get_asset_materialization_events()
    assert made.materialization.metadata["days_to_rebuild"].value == command
    inventory(real)
    ((passed, severity, repair, (group,)),) = real.sql(
        "SELECT passed, severity, repair, violations FROM minerecon.reconciliation_results WHERE scope = 'all'"
        " AND check_name = 'every_day_counts_its_units' ORDER BY result_id DESC LIMIT 1"
    )
    assert (passed, severity, repair) == (False, "ERROR", command)
    assert (group["first"], group["last"]) == (str(DAY), str(NEXT))
    assert group["what"] == f"without {SMALL} ({mwh:,.3f} MWh), which the register has as wind by now"
    assert real.run(DAY, NEXT, from_archive=True).success
    inventory(real)
    assert standing(real, "every_day_counts_its_units")[0]
    assert SMALL not in kept(real)


@pytest.mark.slow
def test_a_unit_without_a_sign_of_wind_is_kept_and_told_to_nobody(
    real: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINERECON_START_DATE", str(DAY))
    mwh = real.elexon.world.expected_totals(DAY)[SMALL].mwh
    without_a_sign_of_wind(real, None)
    ran = real.run(DAY)
    assert ran.success
    assert kept(real)[SMALL] == mwh
    assert real.elexon.requests[REGISTER] == 1, "the first one of the warehouse"
    inventory(real)
    told = "SELECT count(*) FROM minerecon.reconciliation_results AS r WHERE CAST(r AS text) LIKE :u"
    assert real.sql(told, u=f"%{SMALL}%") == [(0,)]
    assert real.sql("SELECT count(*) FROM minerecon.uncounted_units WHERE bmu_id = :u", u=SMALL) == [(0,)]
    for made in ran.get_asset_materialization_events():
        assert SMALL not in repr(made.materialization.metadata)
    with real.engine.connect() as connection:
        assert SMALL not in repr(read_open_units(connection, DAY, NEXT, NEXT))


@pytest.mark.slow
def test_a_day_stored_before_such_units_were_kept_stands_as_it_did_and_has_them_once_it_is_looked_at(
    real: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINERECON_START_DATE", str(DAY))
    without_a_sign_of_wind(real, None)
    real.ingest()
    content = real.content()
    real.sql_write("DELETE FROM minerecon.left_out_units")
    inventory(real)
    assert standing(real, "every_day_counts_its_units")[0]
    assert kept(real) == {}
    real.ingest(from_archive=True)
    assert SMALL in kept(real)
    assert real.content() == content


@pytest.mark.slow
def test_a_unit_of_which_only_a_control_total_knows_is_kept_too(real: Project) -> None:
    world = real.elexon.world
    mwh = world.expected_totals(DAY)[SMALL].mwh
    without_a_sign_of_wind(real, None)
    stack = world.stack
    world.stack = lambda day, side, period: [r for r in stack(day, side, period) if r["id"] != SMALL]  # type: ignore[method-assign]
    real.ingest()
    assert abs(kept(real)[SMALL] - mwh) < Decimal("1e-9"), "as BOAV sums it"


def failing(project: Project) -> list[str]:
    with project.engine.connect() as connection:
        rows = connection.execute(statement("alerts/failing"), {"today": dt.date(2026, 1, 1)}).all()
    return [row.check_name for row in rows]


@pytest.mark.slow
def test_days_that_were_stored_before_rows_were_compared_are_found_and_compared_from_the_archive(
    real: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINERECON_START_DATE", str(DAY))
    real.elexon.world.unregistered = {SMALL}
    real.ingest()
    real.sql_write("DELETE FROM minerecon.uncounted_units")
    real.sql_write("DELETE FROM minerecon.reconciliation_latest WHERE check_name = 'uncounted_energy_is_small'")
    inventory(real)
    passed, _, _, repair = standing(real, "every_day_counts_its_units")
    assert (passed, repair) == (False, f"minerecon reingest {DAY} --from-archive")
    real.ingest(from_archive=True)
    inventory(real)
    assert standing(real, "every_day_counts_its_units")[0]
    assert real.sql("SELECT count(*) FROM minerecon.uncounted_units WHERE bmu_id = :u", u=SMALL) == [(1,)]


@pytest.mark.slow
def test_a_waived_day_is_told_no_more(real: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    waivers = tmp_path / "waivers.toml"
    waivers.write_text(
        f'[[waiver]]\ncheck = "register.wind_like_units_mapped"\nfirst_day = {DAY}\nlast_day = {DAY}\n'
        f'unit = "{SMALL}"\nreason = "known"\naccepted_by = "A. Person"\nexpires = 2099-01-01\n'
    )
    monkeypatch.setenv("MINERECON_WAIVERS", str(waivers))
    real.elexon.world.unregistered = {SMALL}
    real.ingest()
    assert real.status() == "waived"
    inventory(real)
    assert standing(real, "every_wind_unit_is_counted")[0]
