"""Code of two versions on one warehouse, and hosts whose clocks differ."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.core import mining
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.warehouse import clock, migrate
from minerecon_dagster.warehouse.store import act_as_owner
from minerecon_dagster.warehouse.warehouse import Warehouse


def by_a_newer_version(warehouse: Engine, *statements: str) -> None:
    """As if a newer version had migrated."""
    with warehouse.begin() as connection:
        act_as_owner(connection)
        for statement in ("UPDATE minerecon.alembic_version SET version_num = '9999'", *statements):
            connection.execute(text(statement))


def test_code_goes_on_working_on_a_schema_that_is_newer_by_a_compatible_step(warehouse: Engine) -> None:
    by_a_newer_version(warehouse)
    with Warehouse(warehouse).connection(require_current=True) as connection:
        assert connection.execute(text("SELECT count(*) FROM minerecon.miner_models")).scalar_one() > 0
    assert not migrate.is_current(warehouse)


def test_code_that_is_too_old_for_a_schema_is_refused_and_told_so(warehouse: Engine) -> None:
    compatible = "minerecon.schema_compatibility"
    for change in (f"UPDATE {compatible} SET min_code_revision = '9998'", f"DELETE FROM {compatible}"):
        by_a_newer_version(warehouse, change)
        with pytest.raises(ConfigurationError, match=r"9999, which is newer than the code's, .*update this program"):
            Warehouse(warehouse).require_current()


def test_an_upgrade_by_code_that_is_older_than_the_schema_is_refused_and_changes_nothing(warehouse: Engine) -> None:
    """It ended with a traceback of Alembic's, as did whatever upgrades the embedded warehouse when it starts."""
    by_a_newer_version(warehouse, "COMMENT ON SCHEMA analytics IS 'of a newer version'")
    with pytest.raises(ConfigurationError, match=r"9999, which is newer than the code's, .*update this program"):
        migrate.upgrade(warehouse)
    with warehouse.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM minerecon.alembic_version")).scalar_one() == "9999"
        said = connection.execute(text("SELECT obj_description('analytics'::regnamespace, 'pg_namespace')"))
        assert said.scalar_one() == "of a newer version"


def test_code_is_refused_by_a_schema_that_is_older(warehouse: Engine) -> None:
    by_a_newer_version(warehouse, "UPDATE minerecon.alembic_version SET version_num = '0012'")
    with pytest.raises(ConfigurationError, match=r"at revision 0012 and the code needs .*minerecon db upgrade"):
        Warehouse(warehouse).require_current()


def test_an_upgrade_says_which_code_may_work_on_the_schema(warehouse: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with warehouse.connect() as connection:
        least = connection.execute(text("SELECT min_code_revision FROM minerecon.schema_compatibility")).scalar_one()
        head = connection.execute(text("SELECT version_num FROM minerecon.alembic_version")).scalar_one()
    assert least == migrate.min_code_revision() <= head
    walk = [Revision("12", expands_only=True), Revision("11", expands_only=True), Revision("10"), Revision("9")]
    monkeypatch.setattr(migrate.ScriptDirectory, "walk_revisions", lambda _: iter(walk))
    assert migrate.min_code_revision() == "10"


class Revision:
    """A step of the schema, which only adds to it, or not."""

    def __init__(self, revision: str, *, expands_only: bool = False) -> None:
        self.revision = revision
        self.module = type("module", (), {"expands_only": True} if expands_only else {})


@pytest.fixture
def check(warehouse: Engine) -> Callable[[], None]:
    def run() -> None:
        with Warehouse(warehouse).connection() as connection:
            migrate.require_reference_data(connection)

    return run


def lists_of_another_version(warehouse: Engine, change: str) -> None:
    with warehouse.begin() as connection:
        act_as_owner(connection)
        connection.execute(text("UPDATE minerecon.schema_compatibility SET reference_sha256 = 'of another version'"))
        connection.execute(text(change))


def test_what_a_newer_version_has_brought_beside_the_lists_does_no_harm_and_stays(
    warehouse: Engine, check: Callable[[], None]
) -> None:
    lists_of_another_version(warehouse, "INSERT INTO minerecon.miner_models VALUES ('NEW', 1, 1)")
    check()
    assert not migrate.is_current(warehouse)
    with warehouse.connect() as connection:
        models = connection.execute(text("SELECT miner_model FROM minerecon.miner_models")).scalars().all()
    assert "NEW" in models


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE minerecon.miner_models SET power_w = power_w + 1 WHERE miner_model = 'S9'",
        "DELETE FROM minerecon.block_subsidies WHERE first_height = 840000",
    ],
)
def test_a_list_by_which_is_computed_and_which_is_not_the_codes_stops_a_run(
    warehouse: Engine, check: Callable[[], None], change: str
) -> None:
    check()
    lists_of_another_version(warehouse, change)
    with pytest.raises(ConfigurationError, match=r"of the warehouse is not the code's list .*minerecon db upgrade"):
        check()


def test_a_model_that_is_new_in_the_code_needs_an_upgrade(
    warehouse: Engine, check: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    new = dataclasses.replace(mining.MINER_MODELS[0], name="NEW")
    monkeypatch.setattr(migrate, "MINER_MODELS", (*mining.MINER_MODELS, new))
    assert not migrate.is_current(warehouse)
    with pytest.raises(ConfigurationError, match=r"miner_models of the warehouse .*\(first: NEW\)"):
        check()
    migrate.upgrade(warehouse)
    check()
    assert migrate.is_current(warehouse)


@pytest.mark.parametrize("off_s", [0.5, -0.5])
def test_a_clock_that_is_the_warehouses_is_not_told_of(
    warehouse: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, off_s: float
) -> None:
    said = with_a_clock(warehouse, monkeypatch, caplog, off_s)
    assert said == []


@pytest.mark.parametrize(("off_s", "which"), [(5.0, "ahead of"), (-5.0, "behind")])
def test_a_clock_that_is_off_is_told_of(
    warehouse: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, off_s: float, which: str
) -> None:
    (said,) = with_a_clock(warehouse, monkeypatch, caplog, off_s)
    assert which in said
    assert said.startswith("this host's clock is ")


@pytest.mark.parametrize(("off_s", "which"), [(90.0, "ahead of"), (-90.0, "behind")])
def test_a_clock_that_is_far_off_decides_nothing(
    warehouse: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, off_s: float, which: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"^this host's clock is \d+\.\d s {which} the warehouse's: days"):
        with_a_clock(warehouse, monkeypatch, caplog, off_s)


def with_a_clock(
    warehouse: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, off_s: float
) -> list[str]:
    class Clock:
        time = staticmethod(lambda: time.time() + off_s)

    monkeypatch.setattr(clock, "time", Clock)
    with caplog.at_level(logging.WARNING, "minerecon_dagster"), warehouse.connect() as connection:
        clock.check_clock(connection)
    return caplog.messages
