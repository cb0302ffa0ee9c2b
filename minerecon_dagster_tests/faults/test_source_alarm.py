"""Faults of ourselves that broke the alarm, or made a run say what is not so: docs/build/faults.md, part two."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.core import checks as c
from minerecon_dagster.day import worker
from minerecon_dagster_tests.alerts.test_alerts import Alarm, Receiver
from minerecon_dagster_tests.alerts.test_alerts import receiver as receiver
from minerecon_dagster_tests.faults.conftest import DAY, World

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::dagster.BetaWarning")]


@pytest.fixture
def alarm(world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Alarm:
    """The alerts over the world, after their first tick; the time is that of now."""
    monkeypatch.setenv("MINERECON_ALERT_WEBHOOK_URL", receiver.url)
    made = Alarm(world.instance, world.engine, receiver)
    made.now = dt.datetime.now(dt.UTC)
    made.tick()
    return made


def test_prices_that_no_network_brought_are_not_cleared_by_a_look_at_their_day(
    world: World, alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 9, 6: a failed `refresh_prices` was told as cleared after an ingestion and a verification of its days."""
    # An address that answers 404 to everything is given up at once.
    monkeypatch.setenv("BITCOIN_PRICE_BASE_URL", world.elexon.base_url)
    assert not world.job("refresh_prices", DAY)
    (told,) = alarm.tick()
    assert told.startswith(f"[SYNTHETIC] RUN FAILED: refresh_prices of {DAY}: ")
    assert f"`minerecon prices {DAY}`" in told
    assert world.job("ingest", DAY, force=True), world.said
    world.verify()
    assert c.SOURCE_UNCHANGED.full_name not in world.red(DAY)
    assert [line for line in alarm.tick() if "refresh_prices" in line] == [], "a false all-clear"


def test_a_day_that_is_stored_is_not_reported_as_not_done_when_its_locks_connection_dies(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FR-37: a database that restarts after the commit left days stored, and failed in the UI."""
    real = worker.replace_day

    def and_then_the_database_restarts(engine: Engine, *rest: object, **options: object) -> object:
        done = real(engine, *rest, **options)  # type: ignore[arg-type]
        with world.engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in trans%'"
                )
            )
        return done

    monkeypatch.setattr(worker, "replace_day", and_then_the_database_restarts)
    assert world.job("ingest", DAY, force=True), world.said
