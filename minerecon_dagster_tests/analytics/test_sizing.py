"""Sizing a fleet at a wind farm, against cases worked by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from minerecon_dagster.core.mining import MINER_MODELS, mined_btc
from minerecon_dagster_tests.analytics.by_hand import UNIT, store_day, store_record

S19J_PRO = next(model for model in MINER_MODELS if model.name == "S19J_PRO")
EASY, HARD = Decimal("100000000000000"), Decimal("125000000000000")
MACHINES = 1000
"""Of 3,050 W: 3.05 MW, which use 1.525 MWh in half an hour."""
FARM = "Hand Made"


def btc(mwh: str, difficulty: Decimal = EASY, subsidy: str = "3.125") -> Decimal:
    return mined_btc(Decimal(mwh), S19J_PRO, difficulty, Decimal(subsidy))


def sizing(connection: Connection, first: dt.date, last: dt.date, **given: Any) -> Any:
    given = {"farm_name": FARM, "miner_model": "S19J_PRO"} | (given or {"machines": MACHINES})
    names = ", ".join(f"{name} => :{name}" for name in given)
    (row,) = connection.execute(
        text(f"SELECT * FROM analytics.sizing(from_date => :first, to_date => :last, {names})"),
        {"first": first, "last": last, **given},
    )
    return row


def near(found: Decimal, expected: Decimal) -> bool:
    return abs(found / expected - 1) < Decimal("1e-15")


def test_a_short_day_of_two_units_by_hand(warehouse: Engine) -> None:
    day = dt.date(2025, 3, 30)
    with warehouse.begin() as connection:
        store_record(connection, day, 1, mwh=Decimal("1.0"))
        store_record(connection, day, 1, mwh=Decimal("0.5"), unit="T_HANDW-2")  # together less than the fleet can use
        store_record(connection, day, 2, mwh=Decimal("3"))  # about twice as much as it can use
        store_record(connection, day, 3, mwh=Decimal("9"), so_flag=False)  # not of the headline
        store_record(connection, day, 46, mwh=Decimal("1.525"))  # just enough
        store_record(connection, day, 5, mwh=Decimal("9"), unit="T_OTHRW-1")
        connection.execute(text("UPDATE minerecon.bm_units SET name = 'Elsewhere' WHERE bmu_id = 'T_OTHRW-1'"))
        store_day(connection, day, difficulty=EASY)
        connection.execute(
            text("INSERT INTO minerecon.bitcoin_price_gbp VALUES (:day, 50000, 'by hand', now(), true)"), {"day": day}
        )
        row = sizing(connection, day, day)
    assert (row.machine_count, row.fleet_mw) == (1000, Decimal("3.05"))
    assert (row.hours_running, row.hours_at_full_load) == (Decimal("1.5"), Decimal("1.0"))
    assert (row.energy_available_mwh, row.energy_used_mwh, row.energy_left_mwh) == (
        Decimal("6.025"),
        Decimal("4.55"),
        Decimal("1.475"),
    )
    assert near(row.full_load_hours, Decimal("4.55") / Decimal("3.05"))
    assert near(row.utilisation, Decimal("4.55") / (Decimal("3.05") * 23))
    assert near(row.mined_btc, btc("4.55"))
    assert near(row.ceiling_btc, btc("6.025"))
    assert near(row.share_of_ceiling, Decimal("4.55") / Decimal("6.025"))
    assert near(row.mined_btc_per_machine, btc("4.55") / 1000)
    assert near(row.value_gbp, btc("4.55") * 50000)
    assert (row.priced_btc_share, row.payment_gbp) == (1, Decimal("301.25"))
    assert (row.periods_expected, row.periods_present, row.coverage, row.days_final) == (46, 46, 1, 1)


def test_each_day_is_mined_at_its_own_difficulty_and_valued_at_its_own_price(warehouse: Engine) -> None:
    before, after = dt.date(2025, 1, 10), dt.date(2025, 1, 11)
    with warehouse.begin() as connection:
        for day, difficulty in ((before, EASY), (after, HARD)):
            store_record(connection, day, 10, mwh=Decimal(1))
            store_record(connection, day, 11, mwh=Decimal(2))
            store_day(connection, day, difficulty=difficulty)
        connection.execute(
            text("INSERT INTO minerecon.bitcoin_price_gbp VALUES (:day, 40000, 'by hand', now(), true)"),
            {"day": before},
        )
        row = sizing(connection, before, after)
    assert near(row.mined_btc, btc("2.525") + btc("2.525", HARD))
    assert near(row.ceiling_btc, btc("3") + btc("3", HARD))
    # Of the second day the price is not known: it is in no value.
    assert near(row.value_gbp, btc("2.525") * 40000)
    assert near(row.priced_btc_share, btc("2.525") / (btc("2.525") + btc("2.525", HARD)))


def test_on_the_day_of_a_halving_each_half_hour_has_its_own_subsidy(warehouse: Engine) -> None:
    day = dt.date(2024, 4, 20)  # block 840,000: 01:09:27 in London, within period 3
    with warehouse.begin() as connection:
        for period in (3, 4):
            store_record(connection, day, period, mwh=Decimal(2))
        store_day(connection, day, difficulty=EASY)
        row = sizing(connection, day, day)
    assert near(row.mined_btc, btc("1.525", subsidy="6.25") + btc("1.525", subsidy="3.125"))
    assert near(row.ceiling_btc, btc("2", subsidy="6.25") + btc("2", subsidy="3.125"))


def test_the_ceiling_is_what_is_stored_of_the_farm(warehouse: Engine) -> None:
    day = dt.date(2025, 1, 10)
    with warehouse.begin() as connection:
        for period in range(1, 40):
            store_record(connection, day, period, mwh=Decimal(period) / 7)
        store_day(connection, day, difficulty=HARD)
        stored = connection.execute(
            text("SELECT sum(mined_btc) FROM minerecon.historical_bitcoin_calculations WHERE miner_model = 'S19J_PRO'")
        ).scalar_one()
        row = sizing(connection, day, day, machines=10**6)
        assert near(row.ceiling_btc, stored)
        assert near(row.mined_btc, stored)
        assert row.energy_left_mwh == 0


def test_a_power_buys_as_many_whole_machines_as_it_feeds(warehouse: Engine) -> None:
    day = dt.date(2025, 1, 10)
    with warehouse.begin() as connection:
        store_record(connection, day, 1, mwh=Decimal(5))
        store_day(connection, day, difficulty=EASY)
        row = sizing(connection, day, day, power_mw=Decimal("3.06"))
        assert (row.machine_count, row.fleet_mw) == (1003, Decimal("3.05915"))
        assert row == sizing(connection, day, day, machines=1003)
        assert row == sizing(connection, day, day, machines=1003, farm_name=None, bmu_ids=[UNIT])


def test_a_curve_has_each_size_once_and_more_machines_never_mine_less(warehouse: Engine) -> None:
    day = dt.date(2025, 1, 10)
    with warehouse.begin() as connection:
        for period in range(1, 20):
            store_record(connection, day, period, mwh=Decimal(period))
        store_day(connection, day, difficulty=EASY)
        rows = list(
            connection.execute(
                text(
                    "SELECT * FROM analytics.sizing_curve(:farm, 'S19J_PRO', :day, :day,"
                    " machines => ARRAY[5000, 10, 1000, 10])"
                ),
                {"farm": FARM, "day": day},
            )
        )
        singles = [sizing(connection, day, day, machines=n) for n in (10, 1000, 5000)]
    assert rows == singles
    assert [row.machine_count for row in rows] == [10, 1000, 5000]
    assert rows[0].mined_btc < rows[1].mined_btc < rows[2].mined_btc < rows[2].ceiling_btc
    assert rows[0].utilisation > rows[1].utilisation > rows[2].utilisation > 0


def test_a_quiet_farm_mines_nothing_and_of_days_that_are_not_stored_nothing_is_known(warehouse: Engine) -> None:
    day, missing = dt.date(2025, 1, 10), dt.date(2025, 1, 11)
    with warehouse.begin() as connection:
        store_record(connection, day, 1, mwh=Decimal(1), unit="T_HANDW-2")
        store_record(connection, day, 1, mwh=Decimal(1))
        store_day(connection, day, difficulty=EASY)
        connection.execute(text("DELETE FROM minerecon.curtailment_records WHERE bmu_id = :unit"), {"unit": UNIT})
        quiet = sizing(connection, day, day, machines=1, farm_name=None, bmu_ids=[UNIT])
        half = sizing(connection, day, missing)
        connection.execute(text("UPDATE minerecon.curtailment_records SET original_price_gbp_per_mwh = NULL"))
        unpriced = sizing(connection, day, day)
        unknown = sizing(connection, missing, missing)
    assert (quiet.mined_btc, quiet.hours_running, quiet.utilisation, quiet.coverage) == (0, 0, 0, 1)
    assert quiet.share_of_ceiling is None
    assert (quiet.payment_gbp, unpriced.payment_gbp, unpriced.energy_used_mwh) == (0, None, 1), "no price is no 0"
    assert (half.coverage, half.periods_expected, half.energy_used_mwh) == (Decimal("0.5"), 96, 1)
    assert (unknown.mined_btc, unknown.energy_used_mwh, unknown.utilisation, unknown.coverage) == (None, None, None, 0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"farm_name": "Nowhere", "machines": 1}, "there is no wind farm Nowhere"),
        ({"miner_model": "S99", "machines": 1}, "there is no miner model S99"),
        ({"machines": 0}, "a fleet has one machine at least"),
        ({"power_mw": Decimal("0.003")}, r"one S19J_PRO draws 0\.00305 MW"),
        ({"machines": 1, "power_mw": 1}, "machines or as power_mw"),
        ({"farm_name": None, "machines": 1}, "a farm_name or bmu_ids"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_one_clear_line(
    warehouse: Engine, given: dict[str, Any], message: str
) -> None:
    day = dt.date(2025, 1, 10)
    with warehouse.begin() as connection:
        store_record(connection, day, 1, mwh=Decimal(1))
        store_day(connection, day, difficulty=EASY)
    with warehouse.connect() as connection, pytest.raises(DBAPIError, match=message):
        sizing(connection, day, day, **given)


def test_the_analyst_may_ask(warehouse: Engine) -> None:
    day = dt.date(2025, 1, 10)
    with warehouse.begin() as connection:
        store_record(connection, day, 1, mwh=Decimal(1))
        store_day(connection, day, difficulty=EASY)
    with warehouse.connect() as connection:
        connection.execute(text("SET ROLE NONE"))
        connection.execute(text("GRANT minerecon_analyst TO CURRENT_USER"))
        connection.execute(text("SET ROLE minerecon_analyst"))
        assert sizing(connection, day, day).energy_used_mwh == 1
