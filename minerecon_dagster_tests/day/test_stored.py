"""A stored day as it is read: every column of its row, exact, in one statement."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import fields
from decimal import Decimal

from sqlalchemy import Engine, event, text

from minerecon_dagster.day.stored import StoredDay, read_stored_day, read_stored_days
from minerecon_dagster.warehouse import tables

FIRST, LAST = dt.date(2025, 3, 28), dt.date(2025, 3, 31)


def test_a_stored_day_has_every_column_of_its_row_and_its_bitcoin() -> None:
    columns = {"day" if c.primary_key else c.name for c in tables.daily_summaries.columns}
    assert {f.name for f in fields(StoredDay)} == columns | {"mined_btc"}


def test_days_of_a_range_are_read_in_order_exactly_and_in_one_statement(filled: Engine) -> None:
    statements: list[str] = []
    with filled.connect() as connection:
        event.listen(filled, "before_cursor_execute", lambda *args: statements.append(args[2]))
        days = read_stored_days(connection, FIRST, LAST)
        assert len(statements) == 1
        rows = connection.execute(
            text("SELECT * FROM minerecon.daily_summaries WHERE summary_date BETWEEN :first AND :last ORDER BY 1"),
            {"first": FIRST, "last": LAST},
        ).all()
        mined = connection.execute(text("SELECT * FROM minerecon.bitcoin_daily_summaries")).all()
    assert list(days) == [row.summary_date for row in rows]
    assert len(days) == 4
    for row in rows:
        day = vars(days[row.summary_date])
        of_the_day = {r.miner_model: str(r.mined_btc) for r in mined if r.summary_date == row.summary_date}
        assert {model: str(btc) for model, btc in day.pop("mined_btc").items()} == of_the_day
        assert {day.pop("day"), *map(str, day.values())} == {row[0], *map(str, row[1:])}


def test_of_a_day_that_is_not_stored_there_is_nothing(filled: Engine) -> None:
    with filled.connect() as connection:
        assert read_stored_day(connection, dt.date(2019, 1, 1)) is None
        assert read_stored_days(connection, dt.date(2019, 1, 1), dt.date(2019, 12, 31)) == {}


def test_its_plain_values_lose_no_digit_and_are_written_as_the_caller_writes_numbers(filled: Engine) -> None:
    with filled.begin() as connection:
        tiny = "UPDATE minerecon.bitcoin_daily_summaries SET mined_btc = 0.00000000120 WHERE summary_date = :day"
        connection.execute(text(tiny), {"day": FIRST})
        day = read_stored_day(connection, FIRST)
    assert day is not None
    plain = day.as_dict()
    assert set(plain["mined_btc"].values()) == {"0.00000000120"}
    assert set(day.as_dict(number=str)["mined_btc"].values()) == {"1.20E-9"}
    assert json.loads(json.dumps(plain)) == plain
    assert (plain["day"], plain["built_at"]) == ("2025-03-28", day.built_at.isoformat())
    assert (plain["periods_expected"], plain["is_synthetic"]) == (48, True)
    exact = {name: value for name, value in vars(day).items() if isinstance(value, Decimal)}
    assert {name: Decimal(plain[name]) for name in exact} == exact
    assert {"curtailed_mwh", "unpriced_mwh", "all_bids_payment_gbp", "wind_offshore_mwh"} <= set(exact)
