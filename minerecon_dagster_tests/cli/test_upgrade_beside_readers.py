"""`minerecon db upgrade` says whose session it ended."""

from __future__ import annotations

from collections.abc import Callable

import psycopg2
import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.store import act_as_owner
from minerecon_dagster_tests.cli.conftest import Ran

READER, WORD = "reader_of_the_command", "long-enough-for-a-test"


@pytest.mark.slow
def test_a_readers_session_that_was_in_the_way_is_named_on_standard_error(
    minerecon: Callable[..., Ran], warehouse: Engine
) -> None:
    migrate.add_reader(warehouse, READER, WORD)
    place = warehouse.url
    try:
        with warehouse.begin() as connection:
            act_as_owner(connection)
            connection.execute(text("ALTER VIEW analytics.checks_now RENAME COLUMN repair TO of_other_hands"))
        held = psycopg2.connect(host=place.host, port=place.port, dbname=place.database, user=READER, password=WORD)
        held.cursor().execute("SELECT count(*) FROM analytics.checks_now")
        ran = minerecon("db", "upgrade")
        held.close()
        assert ran.code == 0, ran.err
        said = "ended a reader's session, which held what the migration wanted: "
        (line,) = [line for line in ran.err.splitlines() if line.startswith(said)]
        assert line.removeprefix(said).startswith(f"{READER} (process ")
        assert line.endswith("SELECT count(*) FROM analytics.checks_now")
    finally:
        migrate.remove_reader(warehouse, READER)
