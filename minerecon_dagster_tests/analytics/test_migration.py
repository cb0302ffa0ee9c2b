"""A warehouse from before the analysts' sums gets them with the upgrade, for every day that it holds."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from alembic import command
from sqlalchemy import text

from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.store import execute_script, open_warehouse
from minerecon_dagster_tests.analytics.by_hand import store_record
from minerecon_dagster_tests.warehouse.old_days import store_old_day

TABLES = ("unit_daily_summaries", "period_summaries")


def test_an_upgrade_makes_the_sums_that_a_days_own_transaction_makes(fresh_database: str) -> None:
    engine = open_warehouse(fresh_database)
    day, dropped = dt.date(2025, 3, 28), dt.date(2025, 3, 29)
    with engine.begin() as connection:
        for schema in ("minerecon", "analytics"):
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        store_record(connection, day, 1, mwh=Decimal("1.5"))
        store_record(connection, day, 1, mwh=Decimal("2.5"), price=Decimal(20))
        store_record(connection, day, 1, mwh=Decimal("0.5"), price=None)
        store_record(connection, day, 2, mwh=Decimal("4"), so_flag=False, unit="T_HANDW-2")
        store_record(connection, dropped, 1, mwh=Decimal(1))  # records without their day are of no day
        store_old_day(connection, day)
    migrate.upgrade(engine)
    with engine.begin() as connection:

        def sums() -> list[list[tuple[object, ...]]]:
            return [
                sorted((tuple(row) for row in connection.execute(text(f"SELECT * FROM minerecon.{table}"))), key=repr)
                for table in TABLES
            ]

        migrated = sums()
        for table in TABLES:
            connection.execute(text(f"DELETE FROM minerecon.{table}"))
        execute_script(connection, "day/insert_parts", {"day": day})
        assert migrated == sums()
        assert [len(rows) for rows in migrated] == [2, 2]
        refunded = connection.execute(text("SELECT sum(refunded_gbp) FROM minerecon.unit_daily_summaries")).scalar_one()
        assert refunded == 50
    engine.dispose()
