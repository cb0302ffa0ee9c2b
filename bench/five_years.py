"""Five years of stored data, made up by SQL: about 4 million calculations to measure checks and queries on.

No answer of Elexon is behind it and no archive: it fills the tables as the pipeline would have left them,
sums equal to their parts, every row marked as synthetic. The same asking gives the same data.

    python -m bench.five_years postgresql://…/an_empty_database [first day]
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Template

from psycopg2.extensions import cursor as PostgresCursor  # noqa: N812 - a class of that name
from psycopg2.extras import execute_values
from sqlalchemy import Engine, text

from minerecon_dagster.checks.properties import DAY_PROPERTIES
from minerecon_dagster.core.mining import FORMULA_VERSION
from minerecon_dagster.settings import Settings
from minerecon_dagster.sums.rollups import roll_up_months, roll_up_years
from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.store import cursor, open_warehouse

FIRST_DAY = dt.date(2021, 1, 1)
_SQL = Path(__file__).with_name("five_years.sql")
_MANY_ROWS = ("minerecon.curtailment_records", "minerecon.historical_bitcoin_calculations")


def make_five_years(database_url: str, start: dt.date = FIRST_DAY, days: int | None = None) -> None:
    """Migrate an empty warehouse and fill it with ``days`` settlement days from ``start`` on.

    Args:
        database_url: of the owner of the database.
        start: the first settlement day.
        days: how many; None for five calendar years.

    Raises:
        ValueError: the warehouse holds days already.
    """
    count = days if days is not None else (start.replace(year=start.year + 5) - start).days
    engine = open_warehouse(Settings.from_environ({"DATABASE_URL": database_url}).database_url, as_owner=True)
    try:
        migrate.upgrade(engine)
        _fill(engine, start, count)
        made = [start + dt.timedelta(days=n) for n in range(count)]
        summed_at = dt.datetime.combine(made[-1] + dt.timedelta(days=3), dt.time(3, 30), dt.UTC)
        roll_up_months(engine, {f"{day:%Y-%m}" for day in made}, summed_at)
        roll_up_years(engine, {day.year for day in made}, summed_at)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    finally:
        engine.dispose()


def _fill(engine: Engine, start: dt.date, days: int) -> None:
    # Here, since older versions lack it, which `bench.pairs` measures in what needs no five years.
    from minerecon_dagster.warehouse.sums import names

    with engine.begin() as connection:
        if connection.execute(text("SELECT EXISTS (SELECT FROM minerecon.daily_summaries)")).scalar():
            raise ValueError("the warehouse holds days already: five years are made in an empty one")
        with cursor(connection) as sql, _without_keys(sql):
            sql.execute(
                "CREATE TEMP TABLE asked ON COMMIT DROP AS"
                " SELECT CAST(%s AS date) AS first_day, %s AS day_count, %s AS formula_version",
                (start, days, FORMULA_VERSION),
            )
            sql.execute("CREATE TEMP TABLE property (family text, name text, severity text) ON COMMIT DROP")
            of_a_day = [(p.family, p.name, p.severity) for p in DAY_PROPERTIES]
            execute_values(sql, "INSERT INTO property VALUES %s", of_a_day)
            sql.execute(Template(_SQL.read_text("utf-8")).substitute(names()))


@contextlib.contextmanager
def _without_keys(sql: PostgresCursor) -> Iterator[None]:
    """Drop the unique keys of the big tables, and make them again afterwards: four times as fast."""
    sql.execute(
        "SELECT CAST(conrelid AS regclass)::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype IN ('p', 'u') AND conrelid = ANY(CAST(%s AS regclass[]))",
        (list(_MANY_ROWS),),
    )
    keys = sql.fetchall()
    for table, name, _ in keys:
        sql.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    yield
    for table, name, definition in keys:
        sql.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


if __name__ == "__main__":
    make_five_years(sys.argv[1], dt.date.fromisoformat(sys.argv[2]) if len(sys.argv) > 2 else FIRST_DAY)
