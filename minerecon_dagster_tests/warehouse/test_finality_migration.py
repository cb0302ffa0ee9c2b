"""A warehouse from before rows said of which run they are shows the right states with the upgrade."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from alembic import command
from sqlalchemy import text

from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster_tests.analytics.by_hand import store_record
from minerecon_dagster_tests.warehouse.old_days import store_old_day

EARLY, RERUN, SILENT, EMPTY = (dt.date(2025, 3, 25) + dt.timedelta(days=n) for n in range(4))


@pytest.mark.slow
def test_an_upgrade_makes_days_of_the_first_run_provisional_and_partial_looks_right_in_part(
    fresh_database: str,
) -> None:
    engine = open_warehouse(fresh_database)
    with engine.begin() as connection:
        for schema in ("minerecon", "analytics"):
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        built = dt.datetime(2025, 4, 1, tzinfo=dt.UTC)
        for day in (EARLY, RERUN, SILENT, EMPTY):
            for period in (1, 2) if day != EMPTY else ():
                store_record(connection, day, period, mwh=Decimal("1.5"))
            store_old_day(connection, day, built_at=built)
        # Of the first day one of two periods was never run again.
        for day, period, after in ((EARLY, 1, "44 minutes"), (EARLY, 2, "24:44:32"), (RERUN, 1, "24:44:32")):
            connection.execute(
                text(
                    "UPDATE minerecon.curtailment_records SET elexon_created_at = start_time + CAST(:after AS interval)"
                    " WHERE settlement_date = :day AND settlement_period = :period"
                ),
                {"after": after, "day": day, "period": period},
            )
        for outcome, share in (("right", 1), ("right", "0.1"), ("right", None), ("repaired", None)):
            connection.execute(
                text(
                    "INSERT INTO minerecon.verifications (settlement_date, requested_by, action, problems,"
                    " period_differences, unit_differences, outcome, detection_share, started_at, finished_at)"
                    " VALUES (:day, 'a test', 'verify', '[]', '[]', '[]', :outcome, :share, now(), now())"
                ),
                {"day": RERUN, "outcome": outcome, "share": share},
            )
    migrate.upgrade(engine)
    with engine.connect() as connection:
        states = connection.execute(
            text("SELECT summary_date, state, built_at > :built FROM minerecon.daily_summaries ORDER BY 1"),
            {"built": built},
        ).all()
        outcomes = connection.execute(text("SELECT outcome FROM minerecon.verifications ORDER BY verification_id"))
        assert [tuple(row) for row in states] == [
            (EARLY, "provisional", True),
            (RERUN, "final", False),
            (SILENT, "final", False),
            (EMPTY, "final", False),
        ]
        assert list(outcomes.scalars()) == ["right", "right in part", "right in part", "repaired"]
    engine.dispose()
