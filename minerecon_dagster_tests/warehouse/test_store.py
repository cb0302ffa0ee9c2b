"""Connections and the lock of a day."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.warehouse.store import check_reachable, day_lock, open_warehouse

DAY = dt.date(2025, 3, 28)


def test_a_second_holder_waits_until_the_first_is_done(warehouse: Engine) -> None:
    order: list[str] = []
    held = threading.Event()

    def first() -> None:
        with day_lock(warehouse, DAY):
            held.set()
            waiting.wait(10)
            order.append("first")

    def second() -> None:
        held.wait(10)
        with day_lock(warehouse, DAY):
            order.append("second")

    waiting = threading.Event()
    threads = [threading.Thread(target=f) for f in (first, second)]
    for thread in threads:
        thread.start()
    held.wait(10)
    with warehouse.connect() as connection:
        while not connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one():
            connection.rollback()
    waiting.set()
    for thread in threads:
        thread.join(10)
    assert order == ["first", "second"]


def test_other_days_are_free_and_a_day_that_stays_held_is_a_clear_error(warehouse: Engine) -> None:
    with (
        day_lock(warehouse, DAY),
        day_lock(warehouse, DAY + dt.timedelta(days=1)),
        pytest.raises(ConfigurationError, match="2025-03-28: another run"),
        day_lock(warehouse, DAY, wait_s=1),
    ):
        pass


def test_a_reader_cannot_hold_the_lock(warehouse: Engine) -> None:
    with warehouse.connect() as connection:
        connection.execute(text("SET ROLE minerecon_analyst"))
        with pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text("INSERT INTO minerecon.day_locks VALUES ('2025-03-28')"))


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    engine = open_warehouse("postgresql+psycopg2://somebody:hush@127.0.0.1:1/nowhere")
    with pytest.raises(ConfigurationError, match=r"DATABASE_URL: cannot connect to .*127.0.0.1:1/nowhere") as caught:
        check_reachable(engine)
    assert "hush" not in str(caught.value)


def test_a_lock_whose_connection_dies_after_the_work_leaves_the_work_done_and_says_so(
    warehouse: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """FR-37: a day that is stored was reported as not done."""
    with day_lock(warehouse, DAY):
        end_the_others(warehouse)
    assert f"{DAY}: the connection that held the day's lock was lost: " in caplog.text
    with day_lock(warehouse, DAY, wait_s=1):
        pass


def test_an_error_under_a_lock_whose_connection_died_is_that_error(warehouse: Engine) -> None:
    with pytest.raises(ZeroDivisionError), day_lock(warehouse, DAY):
        end_the_others(warehouse)
        raise ZeroDivisionError


def end_the_others(warehouse: Engine) -> None:
    """End every other session of the database, as a server that restarts does."""
    with warehouse.connect() as connection:
        connection.execute(text("RESET ROLE"))  # the pipeline's role sees nobody else's session
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        )
