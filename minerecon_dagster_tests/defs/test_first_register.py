"""A new installation asks for the register by itself, before a person asks for a day; and then never again."""

from __future__ import annotations

import datetime as dt

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from minerecon_dagster import asset_keys
from minerecon_dagster.defs.resources import ElexonResource
from minerecon_dagster.defs.sensors import build_sensors
from minerecon_dagster_tests.fake_elexon import fake_elexon
from minerecon_dagster_tests.stopped_clock import StoppedClock

NOW = dt.datetime.fromisoformat("2025-06-16T06:00:07+01:00")
(SENSOR,) = (sensor for sensor in build_sensors().sensors or () if sensor.name == "first_register")


def tick(instance: dg.DagsterInstance, now: dt.datetime = NOW) -> SensorExecutionData:
    clock = StoppedClock(stopped_at=now.isoformat())
    with dg.build_sensor_context(instance, resources={"elexon": ElexonResource(), "clock": clock}) as context:
        return SENSOR.evaluate_tick(context)


@pytest.fixture
def instance(kept_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    monkeypatch.setenv("ELEXON_BASE_URL", "http://elexon.invalid/bmrs/api/v1")
    return kept_instance


def test_it_asks_where_there_never_was_one_and_the_next_day_again_if_that_fails(
    instance: dg.DagsterInstance,
) -> None:
    assert SENSOR.job_name == "bm_units_refresh"
    assert SENSOR.default_status == dg.DefaultSensorStatus.RUNNING
    keys = [
        [request.run_key for request in tick(instance, NOW + dt.timedelta(hours=hours)).run_requests or ()]
        for hours in (0, 1, 24)
    ]
    # Of one key Dagster starts one run.
    assert keys[0] == keys[1] != keys[2]
    assert [len(each) for each in keys] == [1, 1, 1]


def test_it_asks_no_more_once_a_day_or_a_refresh_has_brought_one(instance: dg.DagsterInstance) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(asset_keys.BM_UNITS))
    found = tick(instance)
    assert not found.run_requests
    assert "the register is there" in str(found.skip_message)


def test_it_leaves_the_bundled_sample_alone(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_elexon() as sample:
        monkeypatch.setenv("ELEXON_BASE_URL", sample.base_url)
    found = tick(instance)
    assert not found.run_requests
    assert "the bundled sample" in str(found.skip_message)
