"""The warehouse is opened, seen at one instant, checked and closed in one place."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

import minerecon_dagster
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.warehouse.store import WarehouseError
from minerecon_dagster.warehouse.warehouse import Warehouse

PACKAGE = Path(minerecon_dagster.__file__).parent
_POWER = text("SELECT power_w FROM minerecon.miner_models WHERE miner_model = 'S9'")
_MORE_POWER = text("UPDATE minerecon.miner_models SET power_w = power_w + 1 WHERE miner_model = 'S9'")
Opening = Callable[..., AbstractContextManager[Connection]]
OPENINGS: dict[str, Callable[[Warehouse], Opening]] = {
    "a connection": lambda warehouse: warehouse.connection,
    "a transaction": lambda warehouse: warehouse.transaction,
    "a snapshot": lambda warehouse: warehouse.snapshot,
}


def seen_before_and_after_a_change(connection: Connection, warehouse: Warehouse) -> tuple[int, int]:
    before = connection.execute(_POWER).scalar_one()
    with warehouse.transaction() as other:
        other.execute(_MORE_POWER)
    return before, connection.execute(_POWER).scalar_one()


def test_a_snapshot_sees_one_instant(warehouse: Engine) -> None:
    with Warehouse(warehouse).snapshot() as connection:
        before, after = seen_before_and_after_a_change(connection, Warehouse(warehouse))
    assert after == before


def test_a_transaction_of_one_instant_sees_one_and_may_write(warehouse: Engine) -> None:
    with Warehouse(warehouse).transaction(of_one_instant=True) as connection:
        before, after = seen_before_and_after_a_change(connection, Warehouse(warehouse))
        connection.execute(text("INSERT INTO minerecon.day_locks VALUES ('2025-03-28')"))
    assert after == before


@pytest.mark.parametrize("what", ["a connection", "a transaction"])
def test_others_see_what_is_committed_meanwhile(warehouse: Engine, what: str) -> None:
    with OPENINGS[what](Warehouse(warehouse))() as connection:
        before, after = seen_before_and_after_a_change(connection, Warehouse(warehouse))
    assert after == before + 1


def test_a_snapshot_cannot_write_and_the_connection_can_afterwards(warehouse: Engine) -> None:
    opened = Warehouse(warehouse)
    with pytest.raises(WarehouseError, match="read-only transaction"), opened.snapshot() as connection:
        connection.execute(_MORE_POWER)
    with opened.transaction() as connection:
        assert connection.execute(_MORE_POWER).rowcount == 1
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"


def test_a_transaction_is_committed_and_one_that_fails_is_not(warehouse: Engine) -> None:
    opened = Warehouse(warehouse)
    with opened.connection() as connection:
        before = connection.execute(_POWER).scalar_one()
    with opened.transaction() as connection:
        connection.execute(_MORE_POWER)
    with pytest.raises(ZeroDivisionError), opened.transaction() as connection:
        connection.execute(_MORE_POWER)
        raise ZeroDivisionError
    with opened.connection() as connection:
        connection.execute(_MORE_POWER)  # of a connection: not committed
    with opened.connection() as connection:
        assert connection.execute(_POWER).scalar_one() == before + 1


@pytest.mark.parametrize("what", OPENINGS)
def test_another_revision_is_refused_where_that_is_asked_for(fresh_database: str, what: str) -> None:
    with Warehouse.open(fresh_database) as warehouse:
        opening = OPENINGS[what](warehouse)
        with opening() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
        with pytest.raises(ConfigurationError, match="minerecon db upgrade"), opening(require_current=True):
            pytest.fail("it was given")
        with pytest.raises(ConfigurationError, match="minerecon db upgrade"):
            warehouse.require_current()


@pytest.mark.parametrize("what", OPENINGS)
def test_the_codes_own_revision_is_taken(warehouse: Engine, what: str) -> None:
    with OPENINGS[what](Warehouse(warehouse))(require_current=True) as connection:
        assert connection.execute(_POWER).scalar_one() > 0


@pytest.mark.parametrize("fails", [False, True])
def test_whoever_opens_it_leaves_no_connection_behind(warehouse: Engine, fails: bool) -> None:
    connected = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
    with warehouse.connect() as watcher:
        with suppress(ZeroDivisionError), Warehouse.open(warehouse.url.render_as_string(hide_password=False)) as opened:
            with opened.connection() as connection:
                pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            assert watcher.execute(connected, {"pid": pid}).scalar() == 1, "it is kept until the block is left"
            if fails:
                raise ZeroDivisionError
        deadline = time.monotonic() + 20
        watcher.rollback()
        while watcher.execute(connected, {"pid": pid}).scalar():  # the server takes note a little later
            assert time.monotonic() < deadline, "it is still connected"
            watcher.rollback()


ONLY_IN_THE_WAREHOUSE = {
    "opens an engine": {"open_warehouse", "create_engine"},
    "closes one": {"dispose"},
    "sets an isolation level": {"isolation_level", "postgresql_readonly", "REPEATABLE READ", "SERIALIZABLE"},
}
"""What a file does that has one of these names."""


def names_in(code: str) -> Iterator[str]:
    """The names, attributes, arguments and whole strings of a file's code."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) | ast.keyword(arg=str(name)):
                yield name
            case ast.Constant(value=str(name)):
                yield name


def done_by_hand(code: str) -> set[str]:
    """What ``code`` does that only ``warehouse/`` does."""
    names = set(names_in(code))
    found = {what for what, marks in ONLY_IN_THE_WAREHOUSE.items() if names & marks}
    imported = {
        alias.name
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and node.module == "minerecon_dagster.warehouse.migrate"
        for alias in node.names
    }
    called_of_it = {
        node.attr
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "migrate"
    }
    return found | ({"checks the revision"} if "require_current" in imported | called_of_it else set())


WITH_A_LOGIN_OF_ITS_OWN = {"web/database.py": {"sets an isolation level"}}
"""The read API knows no address but its own, and keeps a few connections by itself: it starts without SQLAlchemy."""


@pytest.mark.slow
def test_nothing_outside_the_warehouse_opens_disposes_sets_isolation_or_checks_the_revision_by_hand() -> None:
    files = [f for f in PACKAGE.rglob("*.py") if f.relative_to(PACKAGE).parts[0] != "warehouse"]
    assert len(files) > 100
    found = {str(f.relative_to(PACKAGE)): done_by_hand(f.read_text("utf-8")) for f in files}
    assert {name: what for name, what in found.items() if what} == WITH_A_LOGIN_OF_ITS_OWN


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("from minerecon_dagster.warehouse.store import open_warehouse", "opens an engine"),
        ("sqlalchemy.create_engine(url)", "opens an engine"),
        ("engine.dispose()", "closes one"),
        ("engine.connect().execution_options(isolation_level='X')", "sets an isolation level"),
        ("options = {'postgresql_readonly': True}", "sets an isolation level"),
        ("from minerecon_dagster.warehouse.migrate import require_current", "checks the revision"),
        ("migrate.require_current(connection)", "checks the revision"),
    ],
)
def test_what_is_done_by_hand_is_noticed(code: str, what: str) -> None:
    assert done_by_hand(code) == {what}


def test_what_the_warehouse_gives_is_not_by_hand() -> None:
    code = '"""All is REPEATABLE READ."""\nwith warehouse.snapshot(require_current=True) as c: ...'
    assert done_by_hand(code) == set()
