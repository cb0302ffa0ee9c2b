"""Rows into a table by COPY: every value as it was, whatever is in it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from sqlalchemy import text

from minerecon_dagster.warehouse.copying import copy_rows
from minerecon_dagster.warehouse.store import cursor, open_warehouse

NAMES = ["day", "at", "name", "mwh", "count", "is_so"]
ROWS = [
    (dt.date(2025, 3, 30), dt.datetime(2025, 3, 30, 1, tzinfo=dt.UTC), "a\tb\\n\\N", Decimal("-0.000000001"), 1, True),
    (dt.date(2025, 3, 30), None, "", Decimal("1E+3"), 0, False),
    (dt.date(2025, 3, 30), None, "first\nsecond\r\\.", None, None, None),
    (dt.date(2025, 3, 30), None, None, Decimal("12345678901234567890.123456789012345678"), -1, None),
]


def test_every_value_arrives_as_it_was(fresh_database: str) -> None:
    columns = "day date, at timestamptz, name text, mwh numeric, count integer, is_so boolean"
    engine = open_warehouse(fresh_database, as_owner=True)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TEMPORARY TABLE copied ({columns}) ON COMMIT DROP"))
        with cursor(connection) as many:
            copy_rows(many, "copied", NAMES, ROWS)
        stored = [tuple(row) for row in connection.execute(text("SELECT * FROM copied"))]
    engine.dispose()
    assert stored == ROWS
