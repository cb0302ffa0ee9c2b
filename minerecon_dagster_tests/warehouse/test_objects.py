"""An upgrade of a warehouse that people read: what has not changed is not touched, and who is in the way is named."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.warehouse import migrate, objects
from minerecon_dagster.warehouse.store import act_as_owner

READER, WORD = "reader_at_work", "long-enough-for-a-test"
VIEWS = "23_analyst_views.sql"
CHANGED = ("avg(CASE WHEN i.status IN ('rows', 'empty') THEN 1 ELSE 0 END)",
           "avg(CASE WHEN i.status IN ('empty', 'rows') THEN 1 ELSE 0 END)")  # fmt: skip
"""In curtailment_by_period, on which no other view stands."""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files, which upgrades of the test go by."""
    copy = shutil.copytree(objects._FILES, tmp_path / "objects")
    monkeypatch.setattr(objects, "_FILES", copy)
    return copy


def change(files: Path, old: str, new: str, name: str = VIEWS) -> None:
    written = (files / name).read_text("utf-8")
    assert written.count(old) == 1, old
    (files / name).write_text(written.replace(old, new), "utf-8")


def oids(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT relname, oid FROM pg_class WHERE relnamespace = 'analytics'::regnamespace AND relkind = 'v'")
        )
        return {name: int(oid) for name, oid in rows}


def in_force(engine: Engine) -> Any:
    with engine.connect() as connection:
        return {
            name: (o.says, o.comment, o.column_comments)
            for name, o in objects._in_force(connection, "analytics").items()
        }


@pytest.fixture
def reader(warehouse: Engine) -> Iterator[Engine]:
    """The warehouse, with a login of a reader's."""
    migrate.add_reader(warehouse, READER, WORD)
    yield warehouse
    migrate.remove_reader(warehouse, READER)


@contextlib.contextmanager
def reading(engine: Engine, view: str) -> Iterator[Any]:
    """A reader's session with an open transaction that has read a view."""
    url = engine.url
    connection = psycopg2.connect(
        host=url.host, port=url.port, dbname=url.database, user=READER, password=WORD, application_name="a reader"
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM analytics.{view}")
        yield cursor


def is_alive(cursor: Any) -> bool:
    try:
        cursor.execute("SELECT 1")
    except (psycopg2.OperationalError, psycopg2.InterfaceError):
        return False
    return True


@pytest.mark.slow
def test_a_warehouse_whose_views_are_of_other_texts_is_not_current_until_an_upgrade(
    warehouse: Engine, files: Path
) -> None:
    assert migrate.is_current(warehouse)
    change(files, *CHANGED)
    assert not migrate.is_current(warehouse)
    migrate.upgrade(warehouse)
    assert migrate.is_current(warehouse)


@pytest.mark.parametrize("said", ["NULL", "'Views for analysts'", "'Views for analysts; made from 0123'"])
def test_a_schema_that_says_nothing_of_its_texts_is_of_another_version(warehouse: Engine, said: str) -> None:
    with warehouse.begin() as connection:
        act_as_owner(connection)
        connection.execute(text(f"COMMENT ON SCHEMA analytics IS {said}"))
    assert not migrate.is_current(warehouse)


def test_an_upgrade_where_nothing_has_changed_waits_for_no_reader_and_touches_no_view(reader: Engine) -> None:
    before = oids(reader)
    with reading(reader, "curtailment_by_day") as cursor:
        began = time.monotonic()
        done = migrate.upgrade(reader)
        assert time.monotonic() - began < migrate.LOCK_TIMEOUT_S
        assert done.ended == []
        assert is_alive(cursor)
    assert oids(reader) == before


@pytest.mark.slow
def test_only_what_has_changed_and_stands_on_it_is_made_anew_as_a_new_warehouse_has_it(
    warehouse: Engine, files: Path
) -> None:
    before, as_made = oids(warehouse), in_force(warehouse)
    original = (files / VIEWS).read_text("utf-8")
    change(files, *CHANGED)
    migrate.upgrade(warehouse)
    now = oids(warehouse)
    assert {name for name in now if now[name] != before.get(name)} == {"curtailment_by_period"}

    # Months stand on it, and on them the months of everything else.
    change(files, "c.settlement_date,\n       to_char", "c.settlement_date + 0 AS settlement_date,\n       to_char")
    migrate.upgrade(warehouse)
    later = oids(warehouse)
    untouched = {name for name in later if later[name] == now[name]}
    assert untouched == {"checks_now", "questions", "reconciliation_rate", "reconciliation_status", "wind_farms"}

    (files / VIEWS).write_text(original, "utf-8")
    migrate.upgrade(warehouse)
    assert in_force(warehouse) == as_made
    last = oids(warehouse)
    assert migrate.upgrade(warehouse).ended == []
    assert oids(warehouse) == last


@pytest.mark.slow
def test_a_comment_a_view_that_is_new_and_one_that_is_gone_touch_no_other(warehouse: Engine, files: Path) -> None:
    before, as_made = oids(warehouse), in_force(warehouse)
    change(files, "'Grain: bmu_id. The wind farm of", "'Grain: bmu_id. That''s the wind farm, 100 % of it, of")
    (files / "24_made_up.sql").write_text(
        "CREATE VIEW analytics.made_up AS SELECT 1 AS \"a Column\"; COMMENT ON VIEW analytics.made_up IS 'Grain: x';\n"
        "COMMENT ON COLUMN analytics.made_up.\"a Column\" IS 'One.';"
    )
    migrate.upgrade(warehouse)
    now = oids(warehouse)
    assert now.keys() - before.keys() == {"made_up"}
    assert {name: now[name] for name in before} == before
    said = in_force(warehouse)
    assert said["VIEW wind_farms"][1].startswith("Grain: bmu_id. That's the wind farm, 100 % of it, of")
    assert said["VIEW made_up"][1:] == ("Grain: x", ("One.",))
    (files / "24_made_up.sql").unlink()
    change(files, "'Grain: bmu_id. That''s the wind farm, 100 % of it, of", "'Grain: bmu_id. The wind farm of")
    migrate.upgrade(warehouse)
    assert in_force(warehouse) == as_made
    assert oids(warehouse) == before


def test_what_other_hands_have_changed_is_made_as_it_was(warehouse: Engine) -> None:
    as_made = in_force(warehouse)
    with warehouse.begin() as connection:
        act_as_owner(connection)
        connection.execute(text("DROP VIEW analytics.checks_now"))
        connection.execute(text("CREATE VIEW analytics.checks_now AS SELECT 1 AS one"))
        connection.execute(text("COMMENT ON VIEW analytics.wind_farms IS 'nothing'"))
    migrate.upgrade(warehouse)
    assert in_force(warehouse) == as_made


def test_a_reader_who_holds_what_has_changed_is_ended_and_named_and_no_other(reader: Engine, files: Path) -> None:
    change(files, *CHANGED)
    with reading(reader, "curtailment_by_period") as held, reading(reader, "wind_farms") as beside:
        began = time.monotonic()
        done = migrate.upgrade(reader)
        assert time.monotonic() - began < 2 * migrate.LOCK_TIMEOUT_S
        (ended,) = done.ended
        assert ended.startswith(f"{READER} (process ")
        assert ended.endswith("SELECT count(*) FROM analytics.curtailment_by_period")
        assert not is_alive(held)
        assert is_alive(beside)


@pytest.mark.slow
def test_a_reader_who_holds_a_table_that_a_migration_wants_is_ended_too(reader: Engine, files: Path) -> None:
    (files / "05_wanted.sql").write_text("LOCK TABLE minerecon.daily_summaries IN ACCESS EXCLUSIVE MODE")
    with reading(reader, "curtailment_by_day") as held:
        done = migrate.upgrade(reader)
        assert len(done.ended) == 1
        assert not is_alive(held)


@pytest.mark.slow
def test_whoever_is_no_reader_is_waited_for_in_short_tries_between_which_others_read(
    reader: Engine, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "TRIES", 2)
    change(files, *CHANGED)
    as_it_was = in_force(reader)
    with reader.connect() as pipeline:
        pipeline.execute(text("SELECT count(*) FROM analytics.curtailment_by_period"))
        with pytest.raises(ConfigurationError, match=r"nothing was changed: .*lock") as caught:
            migrate.upgrade(reader, lock_timeout_s=1)
        assert "another session holds what a statement needs" in str(caught.value)
        assert pipeline.execute(text("SELECT 1")).scalar_one() == 1
    assert in_force(reader) == as_it_was
    assert migrate.upgrade(reader).ended == []


@pytest.mark.slow
def test_a_view_of_somebody_elses_that_stands_on_a_changed_one_is_named_and_left_alone(
    warehouse: Engine, files: Path
) -> None:
    with warehouse.begin() as connection:
        act_as_owner(connection)
        connection.execute(text("CREATE VIEW public.theirs AS SELECT * FROM analytics.curtailment_by_period"))
    migrate.upgrade(warehouse)  # of what has not changed nobody else's has to go
    change(files, *CHANGED)
    with pytest.raises(
        ConfigurationError, match=r"view theirs depends on view analytics.curtailment_by_period.*drop it"
    ):
        migrate.upgrade(warehouse)
