"""Published days with a register that is short: the six units of Seagreen, and half of the farms (slow)."""

from __future__ import annotations

import contextlib
import csv
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal

import pytest

from minerecon_dagster.definitions import build_defs
from minerecon_dagster.difficulty.source import DifficultyTable
from minerecon_dagster.standing.inventory import Finding, look_at_rows
from minerecon_dagster_tests.analytics.test_replay import DAY, DIFFICULTY, REPLAY, needs_replay
from minerecon_dagster_tests.project import Project, not_done

SEAGREEN = [f"T_SGRWO-{n}" for n in range(1, 7)]


@contextlib.contextmanager
def replay(*options: str) -> Iterator[str]:
    """The base URL of a replay with these options."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, str(REPLAY), "--port", str(port), *options], stdout=subprocess.PIPE)
    assert server.stdout is not None
    try:
        server.stdout.readline()
        yield f"http://127.0.0.1:{port}/bmrs/api/v1"
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


@pytest.fixture
def expected() -> dict[str, Decimal]:
    """The published MWh of the day by unit."""
    asked = subprocess.run(
        [sys.executable, str(REPLAY), "--expect", str(DAY)], capture_output=True, text=True, check=True
    )
    return {row["bmu"]: -Decimal(row["volume_mwh"]) for row in csv.DictReader(asked.stdout.splitlines())}


@pytest.fixture
def day(project: Project) -> Project:
    table = DifficultyTable(os.environ["DYNAMODB_DIFFICULTY_TABLE"], region=os.environ["AWS_REGION"])
    table.load({DAY: DIFFICULTY, DAY.replace(day=DAY.day - 1): DIFFICULTY})
    return project


@needs_replay
@pytest.mark.slow
def test_the_six_units_of_seagreen_that_the_register_lacks_keep_the_day_from_being_published(
    day: Project, expected: dict[str, Decimal], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [part for unit in SEAGREEN for part in ("--unregistered", unit)]
    with replay(*options) as url:
        monkeypatch.setenv("ELEXON_BASE_URL", url)
        ran = day.run(DAY)
    assert not ran.success
    assert day.status(DAY) == "failing"
    ((violations,),) = day.sql(
        "SELECT violations FROM minerecon.reconciliation_results WHERE check_name = 'uncounted_energy_is_small'"
    )
    found = {v["bmu_id"]: Decimal(v["not_counted_mwh"]) for v in violations}
    seagreen = {unit: expected[unit] for unit in SEAGREEN if unit in expected}
    assert found.keys() == seagreen.keys()
    assert all(abs(found[unit] - mwh) < Decimal("1e-6") for unit, mwh in seagreen.items())
    # Once Elexon has them, the same command stores the day whole: the register is asked in that run.
    with replay() as url:
        monkeypatch.setenv("ELEXON_BASE_URL", url)
        ran = day.run(DAY, force=True)
    assert ran.success, not_done(ran)
    ((mwh,),) = day.sql("SELECT all_bids_mwh FROM minerecon.daily_summaries")
    assert abs(mwh - sum(expected.values())) < Decimal("1e-4")


@needs_replay
@pytest.mark.slow
def test_half_of_the_farms_without_a_fuel_type_are_refused_and_the_day_is_built_by_the_versions_in_force(
    day: Project, expected: dict[str, Decimal], monkeypatch: pytest.MonkeyPatch
) -> None:
    with replay() as url:
        monkeypatch.setenv("ELEXON_BASE_URL", url)
        day.ingest(DAY)
    wind = [unit for (unit,) in day.sql("SELECT bmu_id FROM minerecon.bm_units WHERE fuel_type = 'WIND' ORDER BY 1")]
    with replay(*[part for unit in wind[::2] for part in ("--unmapped", unit)]) as url:
        monkeypatch.setenv("ELEXON_BASE_URL", url)
        ran = (
            build_defs()
            .resolve_job_def("bm_units_refresh")
            .execute_in_process(instance=day.instance, raise_on_error=False)
        )
        assert not ran.success
        assert f"of {len(wind)} wind units in force" in not_done(ran)
        assert f"{len(wind[::2])} lose WIND" in not_done(ran)
        day.ingest(DAY, force=True)
    found = dict(day.sql("SELECT bmu_id, sum(curtailed_mwh) FROM minerecon.curtailment_records GROUP BY 1"))
    # The replay makes up bids of other fuels for units without a fuel type: theirs may be more than what is published.
    assert all(found[unit] > mwh - Decimal("1e-6") for unit, mwh in expected.items())
    of_the_register = (
        "SELECT bool_and(passed) FROM minerecon.reconciliation_latest WHERE scope = 'day' AND check_family = 'register'"
    )
    assert day.sql(of_the_register) == [(True,)]


@needs_replay
@pytest.mark.slow
def test_farms_that_no_id_or_name_gives_away_are_missed_as_soon_as_the_register_maps_them(
    day: Project, expected: dict[str, Decimal], monkeypatch: pytest.MonkeyPatch
) -> None:
    farms = sorted({"2__PSTAT001", "C__PSTAT011"} & expected.keys())
    assert farms
    with replay(*[part for unit in farms for part in ("--unmapped", unit)]) as url:
        monkeypatch.setenv("ELEXON_BASE_URL", url)
        day.ingest(DAY)
        mwh = dict(day.sql("SELECT unnest(bmu_ids), unnest(all_bids_mwh) FROM minerecon.left_out_units"))
    assert not [found for found in inventory(day) if found.groups]
    with replay() as url:
        monkeypatch.setenv("ELEXON_BASE_URL", url)
        build_defs().resolve_job_def("bm_units_refresh").execute_in_process(instance=day.instance)
    (group,) = [group for found in inventory(day) for group in found.groups]
    lacks = ", ".join(f"{unit} ({mwh[unit]:,.3f} MWh)" for unit in farms)
    assert str(group) == (
        f"{DAY} is without {lacks}, which the register has as wind by now: minerecon reingest {DAY} --from-archive"
    )
    day.ingest(DAY, from_archive=True)
    assert not [found for found in inventory(day) if found.groups]


def inventory(project: Project) -> list[Finding]:
    """What the standing inventory finds of the day's rows; of the units that it counts comes last."""
    with project.engine.connect() as connection:
        return look_at_rows(connection, DAY, DAY)
