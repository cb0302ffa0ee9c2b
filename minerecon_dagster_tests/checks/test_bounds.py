"""What a property says of the smallest data that decides it: at a bound, beside other days' rows, of one row alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.checks.evaluators import MatchRate, calculations, in_sql, records_match_archive, sums
from minerecon_dagster.core.answers import Answer
from minerecon_dagster.core.calendar import period_count
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.emissions import CCGT
from minerecon_dagster.core.exact import EXACT
from minerecon_dagster.core.mining import FORMULA_VERSION, MINER_MODELS
from minerecon_dagster.core.register import BmUnit
from minerecon_dagster.core.settlement_run import RERUN_NOT_BEFORE
from minerecon_dagster.day.build import CALCULATED_BY, SUMMED_BY
from minerecon_dagster.decisions.reviewed_units import reviewed_units
from minerecon_dagster.elexon.datasets import meters, pn
from minerecon_dagster.elexon.datasets.agws import AGWS
from minerecon_dagster.elexon.datasets.later import Look
from minerecon_dagster.elexon.datasets.stack import PRICES_BELOW_LIMIT
from minerecon_dagster.standing.inventory import (
    Standing,
    _days_and_their_rows,
    _every_day_counts_its_units,
    _every_input_is_believable,
    _every_wind_unit_is_counted,
    read_standings,
)
from minerecon_dagster.sums.rollups import TYPED_IN, compare, look_at_sums, roll_up_months
from minerecon_dagster.warehouse.store import script
from minerecon_dagster_tests.elexon import small

DAY = dt.date(2025, 3, 14)
BEFORE, AFTER = DAY - dt.timedelta(days=1), DAY + dt.timedelta(days=1)
FIRST, LAST = DAY.replace(day=1), dt.date(2025, 3, 31)
MONTH_BEFORE, MONTH_AFTER = FIRST - dt.timedelta(days=1), LAST + dt.timedelta(days=1)
BUILT = dt.datetime(2025, 5, 2, 6, tzinfo=dt.UTC)
MODELS = [m.name for m in MINER_MODELS]
DIFFICULTY = Decimal("113757508810854")
A, B = "T_AAAAW-1", "T_BBBBW-1"


@dataclass(frozen=True)
class Row:
    """An accepted bid; MWh are below 0."""

    period: int = 10
    unit: str = A
    mwh: str = "-10"
    price: str | None = "-70"
    so_flag: bool | None = True
    side: str = "bid"
    after_start: dt.timedelta = dt.timedelta(hours=25)


def put(engine: Engine, *statements: str, **values: Any) -> None:
    with engine.begin() as connection:
        for one in statements:
            connection.execute(text(one), {"day": DAY, **values})


def store(
    engine: Engine,
    *rows: Row,
    day: dt.date = DAY,
    wind_mw: Sequence[tuple[object, object]] = (),
    has_turn_up: bool = True,
    state: str = "final",
    difficulty: Decimal = DIFFICULTY,
    built_at: dt.datetime = BUILT,
) -> None:
    """A day with these bids and with all that the build derives from them.

    Args:
        engine: the warehouse.
        rows: the bids.
        day: settlement date.
        wind_mw: onshore and offshore output of its first periods.
        has_turn_up: whether it has an estimate, of all that is curtailed by one fuel.
        state: as of the day's answers.
        difficulty: of the network.
        built_at: when it was built.
    """
    starts = f"CAST('{day}' AS timestamp) AT TIME ZONE 'Europe/London'"
    with engine.begin() as connection:
        for n, r in enumerate(rows):
            connection.execute(
                text(
                    "INSERT INTO minerecon.curtailment_records (settlement_date, settlement_period, start_time,"
                    " stack_side, bmu_id, sequence_number, lead_party_name, volume_mwh, original_price_gbp_per_mwh,"
                    f" so_flag, elexon_created_at) SELECT :day, :period, start, :side, :unit, {n}, 'Party', :mwh,"
                    f" :price, :so_flag, start + :after_start FROM (SELECT {starts} + (:period - 1) *"
                    " interval '30 minutes' AS start) AS s"
                ),
                {"day": day, **vars(r)},
            )
        for period, (onshore, offshore) in enumerate(wind_mw, start=1):
            connection.execute(
                text(
                    "INSERT INTO minerecon.wind_generation_data (settlement_date, settlement_period, start_time,"
                    f" wind_onshore_mw, wind_offshore_mw) VALUES (:day, :period, {starts}, :onshore, :offshore)"
                ),
                {"day": day, "period": period, "onshore": onshore, "offshore": offshore},
            )
        if has_turn_up:
            connection.execute(
                text(
                    "INSERT INTO minerecon.turn_up_by_period SELECT settlement_date, settlement_period, mwh, mwh, 0,"
                    " mwh * 90, mwh, 0, 0, 0, 0 FROM (SELECT settlement_date, settlement_period, sum(curtailed_mwh)"
                    " AS mwh FROM minerecon.curtailment_records WHERE settlement_date = :day AND so_flag"
                    " GROUP BY 1, 2) AS p"
                ),
                {"day": day},
            )
            connection.execute(
                text(
                    "INSERT INTO minerecon.turn_up_by_fuel_day SELECT settlement_date, 'unknown', sum(turn_up_mwh),"
                    " sum(turn_up_estimate_gbp), NULL FROM minerecon.turn_up_by_period WHERE settlement_date = :day"
                    " GROUP BY 1"
                ),
                {"day": day},
            )
        count = period_count(day)
        connection.execute(
            text(
                "INSERT INTO minerecon.ingestion_progress (settlement_date, settlement_period, stack_side, status,"
                f" row_count, fetched_at, is_synthetic) SELECT :day, period, side, 'rows', 1, {starts} + interval"
                " '54 hours', true FROM generate_series(1, :count) AS period, unnest(ARRAY['bid', 'offer']) AS side"
            ),
            {"day": day, "count": count},
        )
        connection.execute(
            script(*CALCULATED_BY, *SUMMED_BY),
            {
                "day": day, "difficulty": difficulty, "source_table": "table", "models": MODELS,
                "formula_version": FORMULA_VERSION, "archive_uri": "archive", "is_synthetic": True,
                "has_turn_up": has_turn_up, "ccgt": CCGT, "built_from": "answers", "built_at": built_at,
                "periods_expected": count, "periods_due": count, "periods_present": count, "state": state,
            },
        )  # fmt: skip


def told(
    engine: Engine,
    name: str,
    *,
    day: dt.date = DAY,
    passed: bool = False,
    scope: str = "day",
    severity: str = "ERROR",
    is_beside: bool = False,
    waived_until: dt.date | None = None,
) -> None:
    """Record an evaluation of ``family.name``."""
    family, check = name.split(".")
    put(
        engine,
        "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name, passed, severity,"
        " looked_at, violation_count, violations, repair, evaluated_at, scope, is_beside, waiver, waived_until)"
        " VALUES (:day, :family, :check, :passed, :severity, 1, :violations, '[]', 'minerecon verify', now(), :scope,"
        " :is_beside, :waiver, :until)",
        day=day,
        family=family,
        check=check,
        passed=passed,
        severity=severity,
        violations=0 if passed else 1,
        scope=scope,
        is_beside=is_beside,
        waiver=waived_until and "by agreement",
        until=waived_until,
    )


def red(results: Iterable[Result]) -> set[str]:
    return {r.checked.name for r in results if not r.passed}


def today(engine: Engine) -> dt.date:
    with engine.connect() as connection:
        found: dt.date = connection.execute(text("SELECT (now() AT TIME ZONE 'Europe/London')::date")).scalar_one()
    return found


# Records beside the archive.


def beside_archive(engine: Engine, row: Row, archived: Row | None = None) -> bool:
    """Whether a bid that is stored alone is the one of the archive."""
    reading = small.read(small.whole_day())
    archived = archived or row
    store(engine, row, day=reading.day)
    put(engine, "DELETE FROM minerecon.wind_generation_data")
    for period, wind in AGWS.believed(reading, []).items():
        put(
            engine,
            "INSERT INTO minerecon.wind_generation_data VALUES (:of, :period, now(), :onshore, :offshore)",
            of=reading.day,
            period=period,
            onshore=wind.onshore_mw,
            offshore=wind.offshore_mw,
        )
    mwh, gbp = Decimal(archived.mwh), Decimal(archived.mwh) * Decimal(archived.price or 0)
    so = bool(archived.so_flag)
    of_unit = [1, mwh, gbp, int(so), so * mwh, so * gbp, mwh * (2 * archived.period + (archived.side == "offer"))]
    with engine.connect() as connection:
        found = records_match_archive(connection, reading, [], {row.unit: [Decimal(x) for x in of_unit]})
    return found.passed


@pytest.mark.first_quick
@pytest.mark.parametrize(
    "row",
    [Row(), Row(price=None), Row(so_flag=False), Row(so_flag=None, side="offer")],
    ids=["as most", "no price", "no flag", "on the other side"],
)
def test_a_unit_with_one_bid_is_as_the_archive_has_it(warehouse: Engine, row: Row) -> None:
    assert beside_archive(warehouse, row)


def test_a_bid_on_the_other_side_than_in_the_archive_is_found(warehouse: Engine) -> None:
    assert not beside_archive(warehouse, Row(side="bid"), Row(side="offer"))


# Calculations beside records.


def calculated(engine: Engine, day: dt.date = DAY) -> tuple[set[str], dict[str, tuple[int, int]]]:
    """What is red, and of each model how many there should be and how many are right."""
    with engine.connect() as connection:
        results, rates = calculations(connection, day)
    assert all(isinstance(r, MatchRate) for r in rates)
    return red(results), {r.miner_model: (r.expected_count, r.matched_count) for r in rates}


CALCULATION = "minerecon.historical_bitcoin_calculations"
OF_S9 = f"FROM {CALCULATION} WHERE miner_model = 'S9' AND settlement_date = :day"
ALL_RED = {"calculations_match_records", "one_formula_version", "btc_recomputed", "subsidy_by_height"}


def test_of_a_day_without_any_calculation_nothing_passes_and_none_is_right(warehouse: Engine) -> None:
    store(warehouse, Row(), Row(unit=B))
    put(warehouse, f"DELETE FROM {CALCULATION}")
    assert calculated(warehouse) == (ALL_RED, dict.fromkeys(MODELS, (2, 0)))


@pytest.mark.first_quick
@pytest.mark.parametrize(
    "others",
    [[], [Row(unit=B)], [Row(period=11)], [Row(period=11), Row(period=12), Row(period=12, unit=B)]],
    ids=["no other", "another unit in the period", "another period", "several"],
)
def test_one_calculation_of_a_model_that_is_gone_is_found(warehouse: Engine, others: list[Row]) -> None:
    for day in (BEFORE, DAY, AFTER):
        store(warehouse, Row(), *others, day=day)
    put(warehouse, f"DELETE {OF_S9} AND settlement_period = 10 AND bmu_id = '{A}'")
    of_all = 1 + len(others)
    assert calculated(warehouse) == (
        {"calculations_match_records"},
        {model: (of_all, of_all - (model == "S9")) for model in MODELS},
    )


def test_a_record_without_a_calculation_of_any_model_is_one_that_there_should_be(warehouse: Engine) -> None:
    store(warehouse, Row(), Row(unit=B), Row(period=11))
    put(warehouse, f"DELETE FROM {CALCULATION} WHERE bmu_id = '{B}'")
    assert calculated(warehouse) == ({"calculations_match_records"}, dict.fromkeys(MODELS, (3, 2)))


def test_a_calculation_of_no_record_is_none_that_there_should_be(warehouse: Engine) -> None:
    store(warehouse, Row(), Row(unit=B))
    put(
        warehouse,
        f"INSERT INTO {CALCULATION} SELECT settlement_date, 12, bmu_id, miner_model, curtailed_mwh, difficulty,"
        f" block_subsidy_btc, mined_btc, formula_version {OF_S9} AND bmu_id = '{A}'",
    )
    assert calculated(warehouse) == ({"calculations_match_records"}, dict.fromkeys(MODELS, (2, 2)))


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("curtailed_mwh = curtailed_mwh * 2, mined_btc = mined_btc * 2", "calculations_match_records"),
        ("formula_version = 0", "one_formula_version"),
        ("mined_btc = mined_btc * 2", "btc_recomputed"),
        ("difficulty = difficulty * 2, mined_btc = mined_btc / 2", "btc_recomputed"),
        ("block_subsidy_btc = 6.25, mined_btc = mined_btc * 2", "subsidy_by_height"),
    ],
)
def test_a_calculation_that_is_wrong_in_one_thing_is_not_counted_as_right(
    warehouse: Engine, change: str, name: str
) -> None:
    store(warehouse, Row(), Row(unit=B))
    put(warehouse, f"UPDATE {CALCULATION} SET {change} WHERE miner_model = 'S9' AND bmu_id = '{A}'")
    assert calculated(warehouse) == ({name}, {model: (2, 2 - (model == "S9")) for model in MODELS})


@pytest.mark.parametrize(("over", "is_wrong"), [("0.000000000001", False), ("0.000000000001000001", True)])
def test_a_calculation_may_be_off_by_the_tolerance_and_no_more(warehouse: Engine, over: str, is_wrong: bool) -> None:
    # 1,323 MWh at 1,323 W, and a power of ten as the difficulty: the quotient ends, and the bound can be met.
    store(warehouse, Row(mwh="-1323"), difficulty=Decimal(10**13))
    formula = Decimal("3.125") * Decimal("13.5") * 3_600_000_000 * 10**12
    mined_btc = EXACT.divide(EXACT.multiply(formula, 1 + Decimal(over)), Decimal(10**13 * 2**32))
    assert EXACT.multiply(mined_btc, Decimal(10**13 * 2**32)) == EXACT.multiply(formula, 1 + Decimal(over))
    put(warehouse, f"UPDATE {CALCULATION} SET mined_btc = :mined_btc WHERE miner_model = 'S9'", mined_btc=mined_btc)
    assert calculated(warehouse)[0] == ({"btc_recomputed"} if is_wrong else set())


# Sums beside their parts, and money.

BIDS = [
    Row(price="-70"),
    Row(unit=B, price="15"),
    Row(period=11, price="15", so_flag=False),
    Row(period=11, unit=B, price="-70", so_flag=None),
    Row(period=12, price=None),
    Row(period=12, unit=B, price=None, so_flag=False),
]
"""Paid, refunded and without a price, with the flag and without."""
FARM = BmUnit(A, None, None, "Party", "WIND", "T", Decimal(100), "_P")
FARMS = {A: FARM, B: replace(FARM, bmu_id=B)}


def evaluated(engine: Engine, units: Mapping[str, BmUnit] = FARMS, day: dt.date = DAY) -> set[str]:
    """What is red of the sums and of what the tables and the register decide alone."""
    with engine.connect() as connection:
        return red([*sums(connection, day), *in_sql(connection, day, units)])


@pytest.mark.first_quick
@pytest.mark.parametrize("alone", [None, *range(len(BIDS))])
def test_the_sums_of_bids_of_each_kind_are_those_that_are_stored(warehouse: Engine, alone: int | None) -> None:
    store(warehouse, *(BIDS if alone is None else [BIDS[alone]]))
    assert evaluated(warehouse) == set()
    assert of_rows(warehouse) == set()


def test_a_machine_that_the_list_has_no_more_is_none_that_a_day_lacks(warehouse: Engine) -> None:
    store(warehouse, Row())
    put(warehouse, "INSERT INTO minerecon.miner_models VALUES ('S1', 1, 1000)")
    assert evaluated(warehouse) == set()


# Physics. Two farms of 100 MW: at most 55 MWh of each in a period, and 250 MW of wind.

IN_A_PERIOD, IN_ALL = "unit_energy_within_capacity", "wind_output_within_capacity"


@pytest.mark.parametrize(("mwh", "wrong"), [("-55", set()), ("-55.000000001", {IN_A_PERIOD})])
def test_a_unit_may_be_curtailed_by_its_capacity_and_a_tenth(warehouse: Engine, mwh: str, wrong: set[str]) -> None:
    store(warehouse, Row(mwh=mwh), Row(unit=B))
    assert evaluated(warehouse) == wrong


def test_a_unit_whose_capacity_is_0_is_not_judged(warehouse: Engine) -> None:
    store(warehouse, Row(), Row(unit=B))
    assert evaluated(warehouse, FARMS | {B: replace(FARMS[B], generation_capacity_mw=Decimal())}) == set()


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("output", "wrong"),
    [
        ((100, 150), set()),
        ((None, 250), set()),
        ((250, None), set()),
        ((100, "150.001"), {IN_ALL}),
        (("0.001", 250), {IN_ALL}),
        ((None, "250.001"), {IN_ALL}),
        (("250.001", None), {IN_ALL}),
        ((None, None), set()),
    ],
)
def test_the_wind_of_a_period_may_be_all_farms_capacity_and_a_quarter_each_kind_by_itself(
    warehouse: Engine, output: tuple[object, object], wrong: set[str]
) -> None:
    store(warehouse, Row(), wind_mw=[(1, 1), output])
    assert evaluated(warehouse) == wrong


def test_the_wind_of_another_day_is_not_this_days(warehouse: Engine) -> None:
    store(warehouse, Row(), wind_mw=[(1, 1)])
    store(warehouse, Row(), wind_mw=[(1000, 1000)], day=AFTER)
    assert evaluated(warehouse) == set()
    assert evaluated(warehouse, day=AFTER) == {IN_ALL}


@pytest.mark.parametrize(("more", "wrong"), [(0, set()), ("0.001", {IN_ALL})])
def test_the_wind_of_a_day_may_be_as_much_in_every_period(warehouse: Engine, more: object, wrong: set[str]) -> None:
    store(warehouse, Row(), wind_mw=[(100, 150)] * period_count(DAY))
    put(warehouse, "UPDATE minerecon.daily_summaries SET wind_generation_mwh = wind_generation_mwh + :more", more=more)
    with warehouse.connect() as connection:
        assert red(in_sql(connection, DAY, FARMS)) == wrong


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("capacity_mw", "wrong"),
    [("0.8", set()), ("1", set()), ("0", {IN_ALL}), (None, {IN_ALL})],
)
def test_without_any_capacity_no_wind_output_is_within_it(
    warehouse: Engine, capacity_mw: str | None, wrong: set[str]
) -> None:
    store(warehouse, wind_mw=[(0, 0)])
    capacity = Decimal(capacity_mw) if capacity_mw else None
    assert evaluated(warehouse, {A: replace(FARM, generation_capacity_mw=capacity)}) == wrong


# Turn-up.


def put_turn_up(engine: Engine, period: int, target: str, turn_up: str, uncovered: str) -> None:
    put(
        engine,
        "INSERT INTO minerecon.turn_up_by_period VALUES (:day, :period, :target, :turn_up, :uncovered, 0, 0, 0, 0, 0,"
        " 0)"
        " ON CONFLICT (settlement_date, settlement_period) DO UPDATE SET target_mwh = excluded.target_mwh,"
        " turn_up_mwh = excluded.turn_up_mwh, uncovered_mwh = excluded.uncovered_mwh",
        period=period,
        target=Decimal(target),
        turn_up=Decimal(turn_up),
        uncovered=Decimal(uncovered),
    )


def test_of_a_day_without_turn_up_no_period_lacks_it_and_one_that_has_it_is_held_to_its_energy(
    warehouse: Engine,
) -> None:
    store(warehouse, Row(), has_turn_up=False)
    assert evaluated(warehouse) == set()
    put_turn_up(warehouse, 10, "9", "0", "9")
    assert evaluated(warehouse) == {"turn_up_target_is_curtailed"}


def test_a_period_without_curtailed_energy_has_no_turn_up(warehouse: Engine) -> None:
    store(warehouse, Row())
    put_turn_up(warehouse, 11, "1", "0", "1")
    assert evaluated(warehouse) == {"turn_up_target_is_curtailed"}


def test_turn_up_is_not_more_than_its_target_although_they_add_up(warehouse: Engine) -> None:
    store(warehouse, Row(), Row(period=11))
    put_turn_up(warehouse, 10, "10", "11", "-1")
    put_turn_up(warehouse, 11, "10", "9", "1")
    assert evaluated(warehouse) == {"turn_up_adds_up"}


# Notified potential and metered output, of one farm of one unit unless it says otherwise.

A2 = "T_AAAAW-2"
"""Of the same farm as `A`, by its id."""


@dataclass(frozen=True)
class Notified:
    """What a unit notified for a day, and what was accepted of it; MWh."""

    potential: str | None = "100"
    bids: str = "-10"
    taken_back: str | None = "0"
    instructed: str | None = "90"
    unit: str = A
    zone: str = "_P"
    day: dt.date = DAY


NAUGHT = (
    "paid_gbp", "refunded_gbp", "unpriced_mwh", "record_count", "so_record_count", "all_bids_paid_gbp",
    "all_bids_refunded_gbp", "all_bids_unpriced_mwh", "period_count", "so_period_count",
)  # fmt: skip
"""What no property here looks at of a unit's sums."""


def notified(
    engine: Engine,
    *rows: Notified,
    agws_mwh: object = 0,
    are_of_periods: bool = True,
    records: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> dict[str, bool]:
    """Of each property that is looked at, whether it passes.

    Args:
        engine: the warehouse.
        rows: what units notified.
        agws_mwh: the day's wind output.
        are_of_periods: whether periods and zones have it, too.
        records: by unit what the day's records have of it, all bids and SO-flagged ones; else that of ``rows``.
    """
    for r in rows:
        put(
            engine,
            "INSERT INTO minerecon.unit_daily_potential VALUES (:of, :unit, CAST(:potential AS numeric),"
            " coalesce(CAST(:potential AS numeric), 0), 48, 48, :bids, :bids, CAST(:taken_back AS numeric),"
            " CAST(:instructed AS numeric))",
            of=r.day,
            **{k: v for k, v in vars(r).items() if k not in ("day", "zone", "bids")},
            bids=Decimal(r.bids),
        )
    store_once(engine, DAY)
    put(
        engine,
        "UPDATE minerecon.daily_summaries SET wind_generation_mwh = :agws WHERE summary_date = :day",
        agws=agws_mwh,
    )
    of_day = [r for r in rows if r.day == DAY]
    for unit, (all_bids, so_bids) in ({r.unit: (r.bids, r.bids) for r in of_day} | dict(records)).items():
        put(
            engine,
            "INSERT INTO minerecon.unit_daily_summaries (settlement_date, bmu_id, curtailed_mwh, all_bids_mwh,"
            f" {', '.join(NAUGHT)}) SELECT :day, :unit, -CAST(:so AS numeric), -CAST(:all AS numeric),"
            f" {', '.join('0' for _ in NAUGHT)} WHERE CAST(:all AS numeric) <> 0 ON CONFLICT DO NOTHING",
            unit=unit,
            all=all_bids,
            so=so_bids,
        )
    for zone in {r.zone for r in of_day} if are_of_periods else ():
        of_zone = [r for r in of_day if r.zone == zone]
        put(
            engine,
            "INSERT INTO minerecon.period_potential VALUES (:day, 1, :zone, :mwh, :present, :present, 0, 0, 0, 0, 0)",
            zone=zone,
            mwh=sum(Decimal(r.potential or 0) for r in of_zone),
            present=48 * len(of_zone),
        )
    units = {r.unit: replace(FARM, bmu_id=r.unit, gsp_group_id=r.zone) for r in of_day}
    look = Look(DAY, pn.PN.runs[0], list(units), units, NOTHING, [])
    with engine.connect() as connection:
        return {r.checked.name: r.passed for r in pn.of_tables(connection, look)}


NOTHING = Answer("http://elexon", 200, BUILT, b"[]")


def store_once(engine: Engine, *days: dt.date) -> None:
    """Days without bids, where they are not stored yet."""
    with engine.connect() as connection:
        there = set(connection.execute(text("SELECT summary_date FROM minerecon.daily_summaries")).scalars())
    for day in days:
        if day not in there:
            store(engine, day=day)


OF_DAY, OF_MONTH = "net_share_within_bounds", "net_share_of_month_within_bounds"
BESIDE = "instructed_beside_output"
NO_POTENTIAL = (
    "DELETE FROM minerecon.unit_daily_potential",
    "DELETE FROM minerecon.period_potential",
    "DELETE FROM minerecon.unit_daily_summaries",
)
RIGHT = {"sums_agree": True, "bids_agree": True, OF_DAY: True, OF_MONTH: True}


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("bids", "taken_back", "is_right"),
    [
        ("-100.01", "0", True),
        ("-100.010001", "0", False),
        ("-150", "0", False),
        ("-150", "60", True),
        ("-10", "10.01", True),
        ("-10", "10.010001", False),
    ],
)
def test_a_net_share_of_a_day_and_of_its_month_is_from_0_to_1_but_for_the_tolerance(
    warehouse: Engine, bids: str, taken_back: str, is_right: bool
) -> None:
    found = notified(warehouse, Notified("100", bids, taken_back))
    assert found == RIGHT | {OF_DAY: is_right, OF_MONTH: is_right}


def test_farms_and_zones_have_their_share_though_each_of_their_units_is_right(warehouse: Engine) -> None:
    none = Notified("-10", "0", instructed="-10", unit=A2)
    assert notified(warehouse, Notified("10", "-10"), replace(none, zone="_N")) == RIGHT | {
        OF_DAY: False, OF_MONTH: False
    }, "a farm in two zones"  # fmt: skip
    put(warehouse, *NO_POTENTIAL)
    assert notified(warehouse, Notified("10", "-10"), replace(none, unit=B)) == RIGHT | {OF_DAY: False}, (
        "a zone of two farms"
    )


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("other", "is_right"),
    [
        (Notified("100", "-1000", day=MONTH_BEFORE), True),
        (Notified("100", "-1000", day=MONTH_AFTER), True),
        (Notified(None, "-1000", day=AFTER), True),
        (Notified("-95", "-1000", None, day=AFTER), True),
        (Notified("100", "-1000", day=FIRST), False),
        (Notified("100", "-1000", day=LAST), False),
    ],
    ids=["the month before", "the month after", "not known", "offers not known", "its first day", "its last day"],
)
def test_the_share_of_a_month_is_of_its_known_days_and_no_others(
    warehouse: Engine, other: Notified, is_right: bool
) -> None:
    assert notified(warehouse, Notified(), other) == RIGHT | {OF_MONTH: is_right}


def test_units_without_the_sums_of_zones_do_not_agree_with_them(warehouse: Engine) -> None:
    assert notified(warehouse, Notified(), are_of_periods=False) == RIGHT | {"sums_agree": False}


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("bids", "records", "is_right"),
    [
        ("-10", ("-10", "-10"), True),
        ("-10.0", ("-10.00", "-10"), True),
        ("-10", ("-10.000001", "-10"), False),
        ("-10", ("-11", "-9"), False),
        ("-10", ("-10", "-9.999999"), False),
        ("-10", ("0", "0"), False),
        ("0", ("0", "0"), True),
        ("0", ("-1", "0"), False),
    ],
)
def test_the_bids_beside_notifications_are_those_of_the_days_records(
    warehouse: Engine, bids: str, records: tuple[str, str], is_right: bool
) -> None:
    beside = Notified(unit=B), Notified(bids=bids)
    assert notified(warehouse, *beside, records={A: records}) == RIGHT | {"bids_agree": is_right}


def test_the_records_of_another_day_are_not_those_beside_notifications(warehouse: Engine) -> None:
    store_once(warehouse, AFTER)
    assert notified(warehouse, Notified(), records={A: ("-10", "-9")})["bids_agree"] is False
    put(warehouse, "UPDATE minerecon.unit_daily_summaries SET settlement_date = :after", after=AFTER)
    put(warehouse, *NO_POTENTIAL[:2])
    assert notified(warehouse, Notified())["bids_agree"]


def test_instructions_are_beside_any_wind_output_that_is_not_nothing(warehouse: Engine) -> None:
    for agws_mwh, found in ((0, {}), ("0.5", {BESIDE: False}), (150, {BESIDE: True})):
        put(warehouse, *NO_POTENTIAL)
        assert notified(warehouse, Notified(), agws_mwh=agws_mwh) == RIGHT | found, agws_mwh


WITHIN, DELIVERED = "metered_within_output", "delivered_as_instructed"


def metered(
    engine: Engine, *rows: tuple[Notified, Mapping[str, str | None]], agws_mwh: object = 1000
) -> dict[str, bool]:
    """The same of metered output: what each run says of a unit's day."""
    for r, of_runs in rows:
        store_once(engine, r.day)
        for run, mwh in of_runs.items():
            put(
                engine,
                "INSERT INTO minerecon.unit_daily_metered VALUES (:of, :unit, :run, :rank, CAST(:mwh AS numeric), 48,"
                " 0)",
                of=r.day,
                unit=r.unit,
                run=run,
                rank=meters.rank_of(run),
                mwh=mwh,
            )
    notified(engine, *(r for r, _ in rows), agws_mwh=agws_mwh)
    look = Look(DAY, meters.B1610.runs[0], [A], {A: FARM}, NOTHING, [])
    with engine.connect() as connection:
        return {r.checked.name: r.passed for r in meters.of_tables(connection, look)}


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("mwh", "agws_mwh", "found"),
    [
        ("100", "100", {WITHIN: True, DELIVERED: True}),
        ("100", "99.999", {WITHIN: False, DELIVERED: True}),
        ("90", "100", {WITHIN: True, DELIVERED: True}),
        ("89.999", "100", {WITHIN: True, DELIVERED: False}),
        ("110", "200", {WITHIN: True, DELIVERED: True}),
        ("110.001", "200", {WITHIN: True, DELIVERED: False}),
    ],
)
def test_metered_output_may_be_all_wind_and_a_tenth_from_what_was_instructed(
    warehouse: Engine, mwh: str, agws_mwh: str, found: dict[str, bool]
) -> None:
    assert metered(warehouse, (Notified(instructed="100"), {"II": mwh}), agws_mwh=agws_mwh) == found


def test_of_a_farm_that_was_to_give_nothing_there_is_no_share(warehouse: Engine) -> None:
    assert metered(warehouse, (Notified(instructed="0"), {"II": "5"})) == {WITHIN: True}


def test_of_runs_that_nobody_knows_the_first_by_name_counts_whatever_their_order(warehouse: Engine) -> None:
    for names in (("XA", "XB"), ("XB", "XA")):
        put(warehouse, *NO_POTENTIAL, "DELETE FROM minerecon.unit_daily_metered")
        runs = {name: {"XA": "100", "XB": "2000"}[name] for name in names}
        assert metered(warehouse, (Notified(instructed="100"), runs)) == {WITHIN: True, DELIVERED: True}


def test_of_runs_the_highest_that_is_whole_counts(warehouse: Engine) -> None:
    runs = {"II": "50", "SF": "2000", "R1": None}
    assert metered(warehouse, (Notified(instructed="2000"), runs)) == {WITHIN: False, DELIVERED: True}


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("day", "is_right"), [(MONTH_BEFORE, True), (MONTH_AFTER, True), (FIRST, False), (LAST, False)]
)
def test_what_a_farm_delivers_in_a_month_is_of_its_days_and_no_others(
    warehouse: Engine, day: dt.date, is_right: bool
) -> None:
    days = (Notified(instructed="100"), {"II": "100"}), (Notified(instructed="100", day=day), {"II": "20"})
    assert metered(warehouse, *days) == {WITHIN: True, DELIVERED: is_right}


# How days stand.


def standing(engine: Engine, day: dt.date = DAY) -> Standing:
    with engine.connect() as connection:
        (found,) = read_standings(connection, day, day)
    return found


def open_problems(engine: Engine, day: dt.date = DAY) -> list[str]:
    return [p.name for p in standing(engine, day).open_problems]


def test_a_failed_property_is_a_problem_of_its_day_unless_it_is_a_remark_beside_it(warehouse: Engine) -> None:
    store(warehouse, Row())
    told(warehouse, "pn.remark", severity="WARN", is_beside=True)
    told(warehouse, "rollups.of_the_month", scope="month")
    assert open_problems(warehouse) == []
    told(warehouse, "pn.not_shown", severity="ERROR", is_beside=True)
    told(warehouse, "drift.source_unchanged")
    told(warehouse, "money.warning", severity="WARN")
    assert open_problems(warehouse) == ["drift.source_unchanged", "pn.not_shown", "money.warning"]


def test_what_a_comparison_with_the_source_said_is_no_problem_of_a_day_that_is_not_stored(warehouse: Engine) -> None:
    told(warehouse, "drift.source_unchanged")
    told(warehouse, "completeness.periods_fetched")
    assert open_problems(warehouse) == ["completeness.periods_fetched"]


def test_a_day_that_is_closed_has_no_problem_and_is_not_final(warehouse: Engine) -> None:
    store(warehouse, Row())
    told(warehouse, "money.signs_by_formula")
    assert (standing(warehouse).is_final, open_problems(warehouse)) == (True, ["money.signs_by_formula"])
    put(warehouse, "INSERT INTO minerecon.unavailable_days VALUES (:day, 'a reason', 'A. Person', NULL, now())")
    assert (standing(warehouse).status, standing(warehouse).is_final) == ("unavailable", False)
    assert open_problems(warehouse) == []


@pytest.mark.parametrize("days_over", [0, 1])
def test_a_waiver_holds_on_its_last_day_and_not_after(warehouse: Engine, days_over: int) -> None:
    store(warehouse, Row())
    until = today(warehouse) - dt.timedelta(days=days_over)
    told(warehouse, "money.signs_by_formula", waived_until=until)
    assert open_problems(warehouse) == ["money.signs_by_formula"] * days_over


# The inventory of one day.


def of_rows(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return red(f.result for f in _days_and_their_rows(connection, DAY, DAY))


@pytest.mark.parametrize("factor", ["0.5", "2"])
def test_one_calculation_of_another_difficulty_is_found_though_the_sums_are_right(
    warehouse: Engine, factor: str
) -> None:
    store(warehouse, Row(), Row(unit=B))
    put(
        warehouse,
        f"UPDATE {CALCULATION} SET difficulty = difficulty * :factor WHERE miner_model = 'S9' AND bmu_id = '{A}'",
        factor=Decimal(factor),
    )
    assert of_rows(warehouse) == {"every_day_matches_its_rows"}


FIRST_RUN = "every_final_day_was_run_again"
SOON = dt.timedelta(minutes=44)
A_SECOND = dt.timedelta(seconds=1)


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("state", "made", "wrong"),
    [
        ("final", [SOON], True),
        ("final", [RERUN_NOT_BEFORE - A_SECOND], True),
        ("final", [RERUN_NOT_BEFORE], False),
        ("provisional", [SOON], False),
    ],
)
def test_a_final_day_is_of_rows_that_were_made_with_the_rerun_or_after(
    warehouse: Engine, state: str, made: list[dt.timedelta], wrong: bool
) -> None:
    again = [Row(period=20, unit=A, after_start=SOON), Row(period=20, unit=B)]
    store(warehouse, *(Row(period=n, after_start=after) for n, after in enumerate(made, start=1)), *again, state=state)
    assert of_rows(warehouse) == ({FIRST_RUN} if wrong else set())


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("name", "said", "days_over", "wrong"),
    [
        ("completeness.rows_of_the_rerun", {"passed": True}, None, False),
        ("completeness.rows_of_the_rerun", {}, None, True),
        ("completeness.rows_of_the_rerun", {}, 0, False),
        ("completeness.rows_of_the_rerun", {}, 1, True),
        ("completeness.rows_of_the_rerun", {"passed": True, "scope": "month"}, None, True),
        ("completeness.rows_of_the_rerun", {"passed": True, "day": AFTER}, None, True),
        ("completeness.periods_present", {"passed": True}, None, True),
        ("another.rows_of_the_rerun", {"passed": True}, None, True),
    ],
)
def test_only_the_days_own_check_of_all_its_rows_says_that_it_was_run_again(
    warehouse: Engine, name: str, said: dict[str, Any], days_over: int | None, wrong: bool
) -> None:
    store(warehouse, Row(after_start=SOON))
    until = None if days_over is None else today(warehouse) - dt.timedelta(days=days_over)
    told(warehouse, name, **said, waived_until=until)
    assert of_rows(warehouse) == ({FIRST_RUN} if wrong else set())


PROGRESS = "minerecon.ingestion_progress"
DAYS = "minerecon.daily_summaries"


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("state", "changed", "wrong"),
    [
        ("final", [], False),
        ("provisional", [], False),
        ("final", [f"UPDATE {DAYS} SET periods_present = 47"], True),
        ("provisional", [f"UPDATE {DAYS} SET periods_present = 47"], True),
        ("final", [f"UPDATE {DAYS} SET periods_due = 47"], True),
        ("provisional", [f"UPDATE {DAYS} SET periods_due = 47"], False),
        ("final", [f"DELETE FROM {PROGRESS}"], True),
        ("final", [f"DELETE FROM {PROGRESS} WHERE settlement_period = 7"], True),
        ("final", [f"DELETE FROM {PROGRESS} WHERE settlement_period = 7 AND stack_side = 'offer'"], True),
        ("final", [f"DELETE FROM {PROGRESS} WHERE stack_side = 'offer'"], False),
        ("final", [f"UPDATE {PROGRESS} SET status = 'empty', row_count = 0 WHERE settlement_period = 7"], False),
        ("final", [f"UPDATE {PROGRESS} SET status = 'unpublished', row_count = 0 WHERE settlement_period = 7"], True),
        (
            "final",
            [
                f"DELETE FROM {PROGRESS} WHERE stack_side = 'offer'",
                f"UPDATE {PROGRESS} SET status = 'unpublished', row_count = 0 WHERE settlement_period = 7",
            ],
            True,
        ),
        (
            "provisional",
            [
                f"UPDATE {PROGRESS} SET status = 'unpublished', row_count = 0 WHERE settlement_period = 7",
                f"UPDATE {DAYS} SET periods_present = 47",
            ],
            False,
        ),
        (
            "final",
            [
                f"UPDATE {PROGRESS} SET status = 'unpublished', row_count = 0 WHERE settlement_period = 7",
                f"UPDATE {DAYS} SET periods_present = 47",
            ],
            True,
        ),
        *(
            (
                state,
                [
                    f"UPDATE {PROGRESS} SET status = 'unpublished', row_count = 0, error = 'no rows'"
                    " WHERE settlement_period = 7 AND stack_side = 'bid'",
                    f"UPDATE {DAYS} SET periods_present = 47",
                ],
                state != "incomplete",
            )
            for state in ("incomplete", "provisional", "final")
        ),
        ("incomplete", [], True),
        # The re-run is over at 00:44 two days later, and counts as over half an hour after.
        (
            "final",
            [f"UPDATE {PROGRESS} SET fetched_at = :rerun WHERE settlement_period = 7 AND stack_side = 'bid'"],
            True,
        ),
        ("final", [f"UPDATE {PROGRESS} SET fetched_at = :rerun + interval '1 second'"], False),
        ("provisional", [f"UPDATE {PROGRESS} SET fetched_at = :rerun"], False),
        ("provisional", [f"DELETE FROM {PROGRESS}", f"UPDATE {DAYS} SET periods_present = 0"], False),
        ("final", [f"UPDATE {PROGRESS} SET status = 'failed', row_count = 0 WHERE settlement_period = 7"], False),
        # A later attempt that failed: the day is failing, and was built from what came before.
        (
            "final",
            [f"UPDATE {PROGRESS} SET status = 'failed', row_count = 0, error = 'HTTP 500' WHERE settlement_period = 7"],
            False,
        ),
        (
            "final",
            [
                f"UPDATE {PROGRESS} SET status = 'unpublished', row_count = 0 WHERE settlement_period = 7",
                f"UPDATE {PROGRESS} SET error = 'HTTP 500' WHERE settlement_period = 9 AND stack_side = 'bid'",
            ],
            False,
        ),
    ],
)
def test_a_day_is_as_final_and_as_whole_as_the_record_of_its_answers(
    warehouse: Engine, state: str, changed: list[str], wrong: bool
) -> None:
    for day in (BEFORE, DAY, AFTER):
        store(warehouse, Row(), day=day)
    put(warehouse, f"UPDATE {DAYS} SET state = '{state}' WHERE summary_date = :day")
    rerun = dt.datetime.combine(AFTER + dt.timedelta(days=1), dt.time(0, 44), dt.UTC)
    for one in changed:
        of_day = "summary_date" if DAYS in one else "settlement_date"
        put(warehouse, f"{one} {'AND' if 'WHERE' in one else 'WHERE'} {of_day} = :day", rerun=rerun)
    assert of_rows(warehouse) == ({"every_day_matches_its_rows"} if wrong else set())


def is_believable(engine: Engine) -> bool:
    with engine.connect() as connection:
        return _every_input_is_believable(connection, DAY, DAY).result.passed


def test_a_wind_output_of_0_beside_bids_is_not_believed_of_the_day_that_has_it(warehouse: Engine) -> None:
    store(warehouse, Row(period=1), wind_mw=[(1, 1)])
    store(warehouse, Row(period=1), wind_mw=[(0, 1)], day=AFTER)
    assert is_believable(warehouse)
    put(warehouse, "UPDATE minerecon.wind_generation_data SET wind_offshore_mw = 0 WHERE settlement_date = :day")
    put(warehouse, "DELETE FROM minerecon.wind_generation_data WHERE settlement_date <> :day")
    assert not is_believable(warehouse)


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("price", "name", "said", "is_right"),
    [
        ("-99998.99", "another.check", {}, True),
        ("-99999", "another.check", {}, False),
        ("-99999", f"stack.{PRICES_BELOW_LIMIT.name}", {}, True),
        ("-99999", f"stack.{PRICES_BELOW_LIMIT.name}", {"scope": "month"}, False),
        ("-99999", f"stack.{PRICES_BELOW_LIMIT.name}", {"day": AFTER}, False),
    ],
)
def test_a_price_at_the_limit_is_believed_where_the_days_own_check_has_told_of_it(
    warehouse: Engine, price: str, name: str, said: dict[str, Any], is_right: bool
) -> None:
    store(warehouse, Row(price=price))
    told(warehouse, name, **said)
    assert is_believable(warehouse) == is_right


COMPARED = "register.uncounted_energy_is_small"


def counts_its_units(engine: Engine) -> bool:
    with engine.connect() as connection:
        return _every_day_counts_its_units(connection, DAY, DAY).result.passed


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("name", "said", "was_compared"),
    [
        (COMPARED, {}, True),
        (COMPARED, {"scope": "month"}, False),
        (COMPARED, {"day": AFTER}, False),
        ("register.units_located", {}, False),
        ("another.uncounted_energy_is_small", {}, False),
    ],
)
def test_a_day_was_compared_with_the_register_where_its_own_check_says_so(
    warehouse: Engine, name: str, said: dict[str, Any], was_compared: bool
) -> None:
    store(warehouse, Row())
    told(warehouse, name, **said)
    assert counts_its_units(warehouse) == was_compared


Version = tuple[dt.date, dt.date | None, str]


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("versions", "is_learned"),
    [
        ([(BEFORE, None, "WIND")], True),
        ([(DAY, None, "WIND")], True),
        ([(AFTER, None, "WIND")], True),
        ([(BEFORE, AFTER, "WIND")], True),
        ([(BEFORE, DAY, "WIND")], False),
        ([(FIRST, BEFORE, "WIND")], False),
        ([(FIRST, DAY, "CCGT"), (DAY, None, "WIND")], True),
        ([(FIRST, DAY, "WIND"), (DAY, None, "CCGT")], False),
        ([(FIRST, AFTER, "CCGT"), (AFTER, None, "WIND")], False),
    ],
)
def test_a_day_lacks_a_unit_that_is_wind_in_the_version_of_the_register_in_force_on_it(
    warehouse: Engine, versions: list[Version], is_learned: bool
) -> None:
    store(warehouse, Row())
    told(warehouse, COMPARED, passed=True)
    put(warehouse, f"INSERT INTO minerecon.left_out_units VALUES (:day, ARRAY['{B}'], ARRAY[5])")
    assert counts_its_units(warehouse)
    for valid_from, valid_to, fuel in versions:
        put(
            warehouse,
            "INSERT INTO minerecon.bm_units (bmu_id, valid_from, valid_to, fuel_type, looks_like_wind, is_synthetic)"
            f" VALUES ('{B}', :valid_from, :valid_to, :fuel, true, true)",
            valid_from=valid_from,
            valid_to=valid_to,
            fuel=fuel,
        )
    assert counts_its_units(warehouse) != is_learned


MAPPED = "register.wind_like_units_mapped"


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("said", "days_over", "of", "is_open"),
    [
        ([(MAPPED, {})], None, {}, True),
        ([(MAPPED, {"passed": True})], None, {}, False),
        ([(MAPPED, {})], 0, {}, False),
        ([(MAPPED, {})], 1, {}, True),
        ([("register.units_located", {})], None, {}, False),
        ([("another.wind_like_units_mapped", {})], None, {}, False),
        ([(MAPPED, {"scope": "month"})], None, {}, False),
        ([(MAPPED, {"day": AFTER})], None, {}, False),
        ([(MAPPED, {})], None, {"unit": next(iter(reviewed_units()))}, False),
        ([(MAPPED, {})], None, {"first": AFTER}, False),
    ],
)
def test_a_unit_is_open_while_its_days_own_check_is_red_of_it_and_nobody_accepts_that(
    warehouse: Engine, said: list[tuple[str, dict[str, Any]]], days_over: int | None, of: dict[str, Any], is_open: bool
) -> None:
    store(warehouse, Row())
    store(warehouse, Row(), day=AFTER)
    put(
        warehouse,
        "INSERT INTO minerecon.uncounted_units (settlement_date, bmu_id, reason, is_wind_like, curtailed_mwh,"
        " payment_gbp, all_bids_mwh, all_bids_payment_gbp, seen_in) VALUES (:day, :unit, 'unknown', true, 1, 1, 1, 1,"
        " 'stack')",
        unit=of.get("unit", B),
    )
    now = today(warehouse)
    for name, how in said:
        until = None if days_over is None else now - dt.timedelta(days=days_over)
        told(warehouse, name, **how, waived_until=until)
    with warehouse.connect() as connection:
        finding = _every_wind_unit_is_counted(connection, of.get("first", FIRST), now)
    assert finding.result.passed != is_open


# Months: summed five minutes after their days were built, looked at two and a half hours after that.

SUMMED_AT = BUILT + dt.timedelta(minutes=5)
NOW = BUILT + dt.timedelta(minutes=150)
MONTHS = {"2025-02", "2025-03", "2025-04"}


def summed(engine: Engine, at: dt.datetime = SUMMED_AT, **changes: Any) -> None:
    for day in (MONTH_BEFORE, FIRST, DAY, LAST, MONTH_AFTER):
        store(engine, Row(), day=day, **changes)
    roll_up_months(engine, MONTHS, at)


def stale(engine: Engine, now: dt.datetime = NOW) -> set[str]:
    """The months whose sums are red."""
    with engine.connect() as connection:
        found = look_at_sums(connection, "month", now)
    assert found.keys() == MONTHS
    return {month for month, (follow, *_) in found.items() if not follow.passed}


def rebuilt(engine: Engine, **minutes: int) -> None:
    for name, after in minutes.items():
        put(
            engine,
            "UPDATE minerecon.daily_summaries SET built_at = :at WHERE summary_date = :of",
            of=globals()[name],
            at=BUILT + dt.timedelta(minutes=after),
        )


def test_a_month_is_the_sum_of_its_days_though_one_is_not_final(warehouse: Engine) -> None:
    summed(warehouse, state="provisional")
    assert stale(warehouse) == set()


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("minutes", "wrong"),
    [
        ({"DAY": 120}, set()),
        ({"DAY": 80}, {"2025-03"}),
        ({"DAY": 120, "MONTH_BEFORE": 10}, {"2025-02"}),
        ({"DAY": 120, "MONTH_AFTER": 10}, {"2025-04"}),
        ({"DAY": 120, "FIRST": 10}, {"2025-03"}),
        ({"DAY": 120, "LAST": 10}, {"2025-03"}),
    ],
)
def test_a_month_may_lag_an_hour_behind_the_first_of_its_days_that_it_lacks(
    warehouse: Engine, minutes: dict[str, int], wrong: set[str]
) -> None:
    summed(warehouse)
    rebuilt(warehouse, **minutes)
    assert stale(warehouse) == wrong


def test_a_day_that_was_built_at_the_very_time_of_the_sums_is_in_them(warehouse: Engine) -> None:
    summed(warehouse, at=BUILT)
    rebuilt(warehouse, DAY=120)
    assert stale(warehouse) == set()


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("others", "wrong"),
    [
        ([], set()),
        ([(MONTH_BEFORE, 10)], set()),
        ([(MONTH_AFTER, 10)], set()),
        ([(LAST, -60)], set()),
        ([(LAST, 5)], set()),
        ([(FIRST, 10)], {"2025-03"}),
        ([(LAST, 10)], {"2025-03"}),
    ],
)
def test_a_month_may_lag_an_hour_behind_the_first_later_answer_that_it_lacks(
    warehouse: Engine, others: list[tuple[dt.date, int]], wrong: set[str]
) -> None:
    summed(warehouse)
    put(warehouse, "INSERT INTO minerecon.period_potential VALUES (:day, 1, '_P', 1, 1, 1, 0, 0, 0, 0, 0)")
    for day, after in [(DAY, 120), *others]:
        put(
            warehouse,
            "INSERT INTO minerecon.later_answers (dataset, settlement_date, run, is_there, first_asked_at,"
            " last_asked_at, asked_count, built_at) VALUES ('pn', :of, '', true, now(), now(), 1, :at)",
            of=day,
            at=BUILT + dt.timedelta(minutes=after),
        )
    assert stale(warehouse) == wrong


def closed(engine: Engine, day: dt.date, after: int, *, was_stored: bool = True, stays: bool = False) -> None:
    """Close a day so many minutes after the days were built; ``stays``: its figures are left, as of a day of later."""
    put(
        engine,
        *([] if stays else ["DELETE FROM minerecon.daily_summaries WHERE summary_date = :of"]),
        "INSERT INTO minerecon.unavailable_days (settlement_date, reason, accepted_by, archive_uri, closed_at)"
        " VALUES (:of, 'lost', 'A. Person', :archive, :at)",
        of=day,
        archive="archive" if was_stored else None,
        at=BUILT + dt.timedelta(minutes=after),
    )


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("closings", "built", "wrong"),
    [
        ([(DAY, 120)], {}, set()),
        ([(DAY, 80)], {}, {"2025-03"}),
        ([(FIRST, 120)], {}, set()),
        ([(LAST, 120)], {}, set()),
        ([(DAY, 120), (FIRST, 10)], {}, {"2025-03"}),
        ([(DAY, 120), (LAST, 10)], {}, {"2025-03"}),
        ([(DAY, 120), (LAST, 5)], {}, set()),
        ([(DAY, 10)], {"LAST": 120}, {"2025-03"}),
        ([(DAY, 120)], {"LAST": 10}, {"2025-03"}),
        ([(DAY, 120)], {"LAST": 120}, set()),
        ([(MONTH_AFTER, 120)], {}, set()),
        ([(MONTH_AFTER, 80)], {}, {"2025-04"}),
    ],
)
def test_a_month_may_lag_an_hour_behind_the_first_of_its_days_that_was_closed(
    warehouse: Engine, closings: list[tuple[dt.date, int]], built: dict[str, int], wrong: set[str]
) -> None:
    summed(warehouse)
    for day, after in closings:
        closed(warehouse, day, after)
    rebuilt(warehouse, **built)
    assert stale(warehouse) == wrong


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("others", "wrong"),
    [
        ([(MONTH_BEFORE, 10, True)], set()),
        ([(MONTH_AFTER, 10, True)], set()),
        ([(AFTER, 10, False)], set()),
        ([(AFTER, 10, True)], {"2025-03"}),
    ],
)
def test_a_month_lags_behind_no_closing_of_another_month_nor_of_a_day_that_was_not_stored(
    warehouse: Engine, others: list[tuple[dt.date, int, bool]], wrong: set[str]
) -> None:
    summed(warehouse)
    closed(warehouse, DAY, 120)
    for day, after, was_stored in others:
        closed(warehouse, day, after, was_stored=was_stored, stays=True)
    assert stale(warehouse) == wrong


@pytest.mark.first_quick
@pytest.mark.parametrize("others", [[], [(AFTER, False)], [(MONTH_BEFORE, True)], [(MONTH_AFTER, True)]])
@pytest.mark.parametrize("gone", [DAY, MONTH_AFTER])
def test_a_day_that_went_by_other_hands_is_given_no_time_by_the_closing_of_another(
    warehouse: Engine, others: list[tuple[dt.date, bool]], gone: dt.date
) -> None:
    summed(warehouse)
    put(warehouse, "DELETE FROM minerecon.daily_summaries WHERE summary_date = :of", of=gone)
    for day, was_stored in others:
        if day != gone:
            closed(warehouse, day, 120, was_stored=was_stored, stays=True)
    assert stale(warehouse) == {f"{gone:%Y-%m}"}


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("closings", "built", "wrong"),
    [
        ([(DAY, 120)], 0, set()),
        ([(DAY, 80)], 0, {"2025-03"}),
        ([(DAY, 80), (FIRST, 120)], 0, set()),
        ([(DAY, 80)], 120, set()),
    ],
)
def test_a_day_that_was_closed_before_the_sums_and_left_the_tables_after_them_is_given_its_time(
    warehouse: Engine, closings: list[tuple[dt.date, int]], built: int, wrong: set[str]
) -> None:
    summed(warehouse, at=BUILT + dt.timedelta(minutes=125))
    for day, after in closings:
        closed(warehouse, day, after)
    rebuilt(warehouse, LAST=built)
    assert stale(warehouse) == wrong


@pytest.mark.first_quick
@pytest.mark.parametrize("day", [DAY, MONTH_AFTER])
@pytest.mark.parametrize(
    "typed",
    [
        "UPDATE minerecon.monthly_summaries SET curtailed_mwh = curtailed_mwh + 0.000001",
        "UPDATE minerecon.bitcoin_monthly_summaries SET mined_btc = mined_btc * 2",
        "DELETE FROM minerecon.monthly_summaries",
    ],
)
def test_sums_that_are_typed_over_while_a_day_is_closed_are_red_at_once(
    warehouse: Engine, typed: str, day: dt.date
) -> None:
    summed(warehouse)
    closed(warehouse, day, 120)
    assert stale(warehouse) == set()
    put(warehouse, f"{typed} WHERE year_month = '{day:%Y-%m}'")
    assert stale(warehouse, BUILT + dt.timedelta(minutes=121)) == {f"{day:%Y-%m}"}


@pytest.mark.parametrize("table", ["monthly_summaries", "bitcoin_monthly_summaries"])
def test_sums_of_which_a_half_is_gone_were_changed_and_are_given_no_time(warehouse: Engine, table: str) -> None:
    summed(warehouse)
    put(warehouse, f"DELETE FROM minerecon.{table} WHERE year_month = '2025-03'")
    assert stale(warehouse, SUMMED_AT) == {"2025-03"}
    with warehouse.connect() as connection:
        assert {x.key: x.problem for x in compare(connection, "month") if x.problem} == {"2025-03": TYPED_IN}
    put(warehouse, "DELETE FROM minerecon.monthly_summaries", "DELETE FROM minerecon.bitcoin_monthly_summaries")
    assert stale(warehouse, SUMMED_AT) == set(), "a month that was not summed yet is given its time"
