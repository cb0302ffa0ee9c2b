"""Connections and the lock of a day."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError

from minerecon_dagster.core.answers import Answer
from minerecon_dagster.core.errors import ConfigurationError, DayBusyError
from minerecon_dagster.exports import month as exports
from minerecon_dagster.register import store as register
from minerecon_dagster.sample.units import register_rows
from minerecon_dagster.sums.rollups import roll_up_months, roll_up_years
from minerecon_dagster.warehouse import migrate, store
from minerecon_dagster.warehouse.store import (
    WarehouseError,
    alone,
    check_reachable,
    cursor,
    day_lock,
    open_warehouse,
    waiting_for_locks,
)

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
        pytest.raises(DayBusyError, match="2025-03-28: another run"),
        day_lock(warehouse, DAY, wait_s=1),
    ):
        pass


class Interruption(BaseException):
    """As Ctrl-C and SIGTERM raise them, of a signal that test runners leave alone."""


def test_an_interruption_ends_the_wait_for_a_lock(warehouse: Engine) -> None:
    """The signal was heeded once another run was done with the day, or a quarter of an hour later."""
    ended = threading.Event()
    was_soon: list[bool] = []

    def interrupted(*_: object) -> None:
        raise Interruption

    def another_run() -> None:
        with day_lock(warehouse, DAY), warehouse.connect() as watcher:
            held.set()
            while not watcher.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one():
                watcher.rollback()
            os.kill(os.getpid(), signal.SIGUSR1)
            was_soon.append(ended.wait(20))

    held = threading.Event()
    before = signal.signal(signal.SIGUSR1, interrupted)
    thread = threading.Thread(target=another_run)
    try:
        thread.start()
        assert held.wait(10)
        with pytest.raises(Interruption), day_lock(warehouse, DAY):
            pass
        ended.set()
    finally:
        thread.join(60)
        signal.signal(signal.SIGUSR1, before)
    assert was_soon == [True]


def test_an_interruption_while_the_wait_for_a_lock_begins_ends_it_too(
    warehouse: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement was under way, and nobody knew of it: it was waited for."""
    ended, held = threading.Event(), threading.Event()
    was_soon: list[bool] = []

    class Interrupted(threading.Thread):
        def start(self) -> None:
            super().start()
            with warehouse.connect() as watcher:
                while not watcher.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one():
                    watcher.rollback()
            raise Interruption

    def another_run() -> None:
        with day_lock(warehouse, DAY):
            held.set()
            was_soon.append(ended.wait(20))

    thread = threading.Thread(target=another_run)
    try:
        thread.start()
        assert held.wait(10)
        monkeypatch.setattr(store, "Thread", Interrupted)
        with pytest.raises(Interruption), day_lock(warehouse, DAY):
            pass
        ended.set()
    finally:
        thread.join(60)
    assert was_soon == [True]


def test_a_reader_cannot_hold_the_lock(warehouse: Engine) -> None:
    with warehouse.connect() as connection:
        connection.execute(text("SET ROLE minerecon_analyst"))
        with pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text("INSERT INTO minerecon.day_locks VALUES ('2025-03-28')"))


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("SELECT * FROM analytics.of_tomorrow", 'relation "analytics.of_tomorrow"'),
        ("SELECT * FROM of_tomorrow.days", 'relation "of_tomorrow.days"'),
        ("SELECT of_tomorrow FROM analytics.settlement_days", 'column "of_tomorrow"'),
        ("SELECT analytics.of_tomorrow()", "function analytics.of_tomorrow()"),
    ],
)
def test_what_a_warehouse_of_another_version_lacks_is_one_line_that_says_what_to_do(
    warehouse: Engine, asked: str, names: str
) -> None:
    with warehouse.connect() as connection, pytest.raises(ConfigurationError) as caught:
        connection.execute(text(asked))
    said = f"the warehouse is not as this version needs it: {names} does not exist; run `minerecon db upgrade`"
    assert str(caught.value) == said


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    engine = open_warehouse("postgresql+psycopg2://somebody:hush@127.0.0.1:1/nowhere")
    with pytest.raises(ConfigurationError, match=r"DATABASE_URL: cannot connect to .*127.0.0.1:1/nowhere") as caught:
        check_reachable(engine)
    assert "hush" not in str(caught.value)


def test_a_standby_that_takes_no_change_is_told_with_where_the_address_should_lead(warehouse: Engine) -> None:
    """FR-39: after a failover the old primary is read-only."""
    where = f"ALTER ROLE {warehouse.url.username} IN DATABASE {warehouse.url.database}"
    with warehouse.begin() as connection:
        connection.exec_driver_sql(f"RESET ROLE; {where} SET default_transaction_read_only = on")
    standby = open_warehouse(warehouse.url.render_as_string(hide_password=False))
    with (
        pytest.raises(WarehouseError, match=r"takes no change now: .*let it lead to the primary"),
        day_lock(standby, DAY),
    ):
        pass
    standby.dispose()
    with warehouse.begin() as connection:
        connection.exec_driver_sql(f"RESET ROLE; SET transaction_read_only = off; {where} RESET ALL")


NOW = dt.datetime(2025, 4, 2, tzinfo=dt.UTC)


@pytest.fixture
def hurried(warehouse: Engine) -> Iterator[Engine]:
    """The warehouse as a login meets it whose statements and transactions may not take a second."""
    with warehouse.begin() as connection:
        connection.execute(text("RESET ROLE"))
        version = connection.execute(text("SELECT current_setting('server_version_num')::int")).scalar_one()
        limits = ["statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout"]
        for limit in [*limits, "transaction_timeout"] if version >= 170000 else limits:
            at = "500ms" if limit == "statement_timeout" else "1s"
            connection.exec_driver_sql(
                f"ALTER ROLE {warehouse.url.username} IN DATABASE {warehouse.url.database} SET {limit} = '{at}'"
            )
    engine = open_warehouse(warehouse.url.render_as_string(hide_password=False))
    yield engine
    engine.dispose()


def hold_the_day(engine: Engine) -> None:
    with day_lock(engine, DAY):
        pass


def export_the_month(engine: Engine) -> None:
    with alone(engine, exports._LOCK, 2025 * 12 + 3):
        pass


def store_the_register(engine: Engine) -> None:
    body = json.dumps(register_rows()).encode()
    register._store(engine, Answer("http://127.0.0.1/synthetic/register", 200, NOW, body), "somewhere")


WAITS: dict[str, tuple[str, Callable[[Engine], object]]] = {
    "a day": ("INSERT INTO minerecon.day_locks VALUES ('2025-03-28')", hold_the_day),
    "months": (
        "LOCK TABLE minerecon.monthly_summaries IN SHARE ROW EXCLUSIVE MODE",
        lambda engine: roll_up_months(engine, ["2025-03"], NOW),
    ),
    "years": (
        "LOCK TABLE minerecon.yearly_summaries IN SHARE ROW EXCLUSIVE MODE",
        lambda engine: roll_up_years(engine, [2025], NOW),
    ),
    "an export": (f"SELECT pg_advisory_xact_lock({exports._LOCK}, {2025 * 12 + 3})", export_the_month),
    "the register": (f"SELECT pg_advisory_xact_lock({register.REGISTER_LOCK})", store_the_register),
    "an upgrade": (f"SELECT pg_advisory_xact_lock({migrate._ADVISORY_LOCK})", migrate.upgrade),
}


@pytest.mark.first_quick
@pytest.mark.parametrize("what", WAITS)
def test_a_wait_on_purpose_outlasts_the_limits_of_a_role(warehouse: Engine, hurried: Engine, what: str) -> None:
    taken, wait = WAITS[what]
    ended: list[BaseException | None] = []

    def waiter() -> None:
        try:
            wait(hurried)
        except (ConfigurationError, DayBusyError, SQLAlchemyError) as error:
            ended.append(error)
        else:
            ended.append(None)

    thread = threading.Thread(target=waiter)
    with warehouse.connect() as holder, warehouse.connect() as watcher:
        for connection in (holder, watcher):  # of before the limits: they hold for new connections
            connection.execute(text("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0"))
            connection.execute(text("SET lock_timeout = 0; SET ROLE NONE"))
            connection.commit()
        with contextlib.suppress(DBAPIError):
            holder.execute(text("SET transaction_timeout = 0"))
        holder.rollback()
        with contextlib.suppress(DBAPIError):
            holder.execute(text("SET LOCAL transaction_timeout = 0"))
        holder.execute(text(taken))
        thread.start()
        longer_than_the_limits = text(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            " AND clock_timestamp() - query_start > interval '1.5 s'"
        )
        while thread.is_alive() and not watcher.execute(longer_than_the_limits).scalar_one():
            watcher.rollback()
        assert thread.is_alive(), f"it did not wait: {ended}"
        holder.rollback()
    thread.join(60)
    assert ended == [None]


@pytest.mark.slow
def test_a_lock_is_held_for_longer_than_a_role_may_be_idle_or_in_a_transaction(
    warehouse: Engine, hurried: Engine
) -> None:
    with day_lock(hurried, DAY), warehouse.connect() as watcher:
        watcher.execute(text("SET ROLE NONE"))
        watcher.commit()
        held = text(
            "SELECT clock_timestamp() - xact_start > interval '1.5 s' FROM pg_stat_activity"
            " WHERE state = 'idle in transaction' AND datname = current_database() AND query LIKE '%day_locks%'"
        )
        while (is_long := watcher.execute(held).scalar_one_or_none()) is False:
            watcher.rollback()
        assert is_long, "the session that held the lock is gone"
        with pytest.raises(DayBusyError, match="another run"), day_lock(warehouse, DAY, wait_s=0.2):
            pass


def test_after_the_wait_the_limits_of_the_role_hold_again_and_no_snapshot_was_taken(
    warehouse: Engine, hurried: Engine
) -> None:
    with hurried.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        with waiting_for_locks(connection):
            connection.execute(text("LOCK TABLE minerecon.day_locks IN SHARE MODE NOWAIT"))
            assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "0"
            with warehouse.begin() as other:
                other.execute(text("UPDATE minerecon.miner_models SET power_w = power_w + 1 WHERE miner_model = 'S9'"))
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "500ms"
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "1s"
        seen = text("SELECT power_w FROM minerecon.miner_models WHERE miner_model = 'S9'")
        assert connection.execute(seen).scalar() == 1324


@pytest.mark.first_quick
@pytest.mark.parametrize("by", ["statement", "cursor"])
def test_any_other_statement_that_a_limit_ends_is_one_line_with_what_to_do(hurried: Engine, by: str) -> None:
    with hurried.connect() as connection, pytest.raises(WarehouseError) as caught:
        if by == "statement":
            connection.execute(text("SELECT pg_sleep(30)"))
        else:
            with cursor(connection) as many:
                many.execute("SELECT pg_sleep(30)")
    said = str(caught.value)
    assert "\n" not in said
    assert "timeout" in said
    assert f"ALTER ROLE {hurried.url.username} SET statement_timeout = 0" in said


def test_an_error_of_a_raw_cursor_is_one_that_callers_expect(warehouse: Engine) -> None:
    with warehouse.connect() as connection, pytest.raises(SQLAlchemyError) as caught, cursor(connection) as many:
        many.execute("SELECT 1 / 0")
    assert "division by zero" in str(getattr(caught.value, "orig", ""))


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


def test_a_session_ends_a_minute_after_its_host_has_died_without_a_word(warehouse: Engine) -> None:
    assert warehouse.url.query.get("host") is None, "by a socket there is nothing to be seen"
    with warehouse.connect() as connection:
        shown = {
            name: connection.execute(text(f"SELECT setting FROM pg_settings WHERE name = '{name}'")).scalar_one()
            for name in ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
        }
    assert shown == {
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "60000",
    }
    idle, interval, count = (int(shown[f"tcp_keepalives_{name}"]) for name in ("idle", "interval", "count"))
    assert idle + interval * count <= 75


def test_a_dead_server_is_noticed_by_the_kernel_of_its_client(warehouse: Engine) -> None:
    with warehouse.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        with socket.socket(fileno=os.dup(raw.fileno())) as own:
            assert own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
            assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
