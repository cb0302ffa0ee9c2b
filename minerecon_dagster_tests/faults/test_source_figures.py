"""Faults of the source that reach the figures: a rounded difficulty, wind output of 0, prices at the limit.

Each test names its case (FR-17, FR-21, FR-24, FR-33, FR-43) of what people who do this job met: the fault goes in, the
named guard acts, and the command that it names clears it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import boto3
import dagster as dg
import pytest

from minerecon_dagster import asset_keys
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.calendar import period_starts
from minerecon_dagster.defs import catalog
from minerecon_dagster.elexon.datasets.agws import WIND_OUTPUT_ABOVE_ZERO
from minerecon_dagster.elexon.datasets.stack import PRICES_BELOW_LIMIT
from minerecon_dagster_tests.fake_elexon import Fault, stack_path
from minerecon_dagster_tests.faults.conftest import DAY, NEXT, World
from minerecon_dagster_tests.faults.test_faults import REACHED, all_green

ROUNDED = 108_000_000_000_000
"""What a block explorer might round a difficulty of that spring to; no target gives it."""
STORED = (
    "SELECT state, curtailed_mwh, payment_gbp, wind_generation_mwh, curtailed_share FROM minerecon.daily_summaries"
    " WHERE summary_date = :day"
)


def put_difficulty(world: World, value: int | str) -> None:
    """Write a difficulty into the table as anybody might who fills it."""
    dynamodb = boto3.session.Session().resource("dynamodb", region_name=os.environ["AWS_REGION"])
    dynamodb.Table(world.difficulty.name).put_item(Item={"ID": str(DAY), "Date": str(DAY), "Difficulty": value})


@pytest.mark.slow
@pytest.mark.parametrize("value", [ROUNDED, "1.08e14"])
def test_fr_24_a_rounded_difficulty_in_the_table_is_of_no_day(world: World, value: int | str) -> None:
    before = world.content()
    right = world.difficulty.values([DAY])[DAY]
    put_difficulty(world, value)
    assert world.verify() == {c.DIFFICULTY_KNOWN.full_name, c.DIFFICULTY_MATCHES_SOURCE.full_name}
    result = world.run(DAY, NEXT, force=True)
    assert not result.success
    (failure,) = result.get_step_failure_events()
    data = failure.step_failure_data.user_failure_data
    assert data is not None
    said = str(data.description)
    assert "1 of 2 days not done" in said
    assert f"the difficulty for {DAY} in DynamoDB table {world.difficulty.name} is {Decimal(value)}" in said
    assert "107999734186174.79" in said, "the nearest"
    assert "minerecon difficulty load FILE.csv" in said
    assert world.status() == "failing"
    assert world.content()["historical_bitcoin_calculations"] == before["historical_bitcoin_calculations"]
    REACHED.update({c.DIFFICULTY_KNOWN.full_name, c.DIFFICULTY_MATCHES_SOURCE.full_name})
    world.difficulty.load({DAY: right})
    assert world.job("recalculate", DAY), world.said
    all_green(world)


@pytest.mark.slow
def test_fr_24_a_day_stored_with_a_rounded_difficulty_is_found_by_the_standing_inventory(world: World) -> None:
    assert world.inventory() == set()
    world.put(
        f"UPDATE minerecon.bitcoin_difficulty SET difficulty = {ROUNDED} WHERE settlement_date = :day",
        "UPDATE minerecon.historical_bitcoin_calculations AS h SET difficulty = d.difficulty, mined_btc ="
        " minerecon.mined_btc(h.curtailed_mwh, m.hashrate_ths, m.power_w, d.difficulty, h.block_subsidy_btc)"
        " FROM minerecon.bitcoin_difficulty AS d, minerecon.miner_models AS m WHERE h.settlement_date = :day"
        " AND d.settlement_date = :day AND m.miner_model = h.miner_model",
        "UPDATE minerecon.bitcoin_daily_summaries AS s SET mined_btc = (SELECT sum(mined_btc) FROM"
        " minerecon.historical_bitcoin_calculations AS h WHERE h.settlement_date = :day AND h.miner_model ="
        " s.miner_model) WHERE summary_date = :day",
    )
    of_the_month = c.EVERY_SUM_IS_OF_ITS_DAYS.full_name
    assert world.inventory() == {c.EVERY_INPUT_IS_BELIEVABLE.full_name, of_the_month}, "within the day all agrees"
    ((repair, violations),) = world.sql(
        "SELECT repair, violations FROM minerecon.reconciliation_results WHERE scope = 'all' AND NOT passed"
        " AND check_name = 'every_input_is_believable' ORDER BY result_id DESC LIMIT 1"
    )
    assert repair == f"minerecon difficulty load FILE.csv; minerecon recalculate {DAY}"
    assert "108000000000000, no compact target" in json.dumps(violations)
    REACHED.add(c.EVERY_INPUT_IS_BELIEVABLE.full_name)
    assert world.job("recalculate", DAY), world.said
    world.sums()
    assert world.inventory() == set()


def agws(world: World, zero: Callable[[int, str], bool]) -> Callable[[str], Fault | None]:
    """The day's wind output with 0 in some periods and of some kinds, as a report that lacks them has it."""
    starts = period_starts(DAY)
    rows = [
        {**row, "quantity": 0} if zero(row["settlementPeriod"], row["psrType"]) else row
        for row in world.elexon.world.wind_and_solar(starts[0], starts[-1])
    ]
    body = json.dumps({"data": rows}).encode()
    return lambda path: Fault(200, body) if "wind-and-solar" in path else None


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [("Wind Onshore", "Wind Offshore"), ("Wind Offshore",)], ids=["both", "one"])
def test_fr_17_a_wind_output_of_0_beside_wind_bids_is_not_known(world: World, kinds: tuple[str, ...]) -> None:
    before = world.sql(STORED, day=DAY)
    with_bids = {
        period
        for (period,) in world.sql(
            "SELECT settlement_period FROM minerecon.period_summaries WHERE settlement_date = :day", day=DAY
        )
    }
    hours = set(sorted(with_bids)[:6])
    world.elexon.faults = agws(world, lambda period, kind: period in hours and kind in kinds)
    assert world.job("ingest", DAY, force=True), world.said
    assert world.red(DAY) == {WIND_OUTPUT_ABOVE_ZERO.full_name}
    assert world.status() == "warned"
    REACHED.add(WIND_OUTPUT_ABOVE_ZERO.full_name)
    ((*same, generated, share),) = world.sql(STORED, day=DAY)
    assert same == list(before[0][:3]), "no figure of the bids is touched"
    assert (generated, share) == (None, None), "not 0, and not all of it curtailed"
    shares = world.sql(
        "SELECT settlement_period, curtailed_share FROM analytics.curtailment_by_period WHERE settlement_date = :day"
        " AND curtailed_mwh > 0",
        day=DAY,
    )
    assert {period for period, of_period in shares if of_period is None} == {p for p, _ in shares} & hours
    assert all(of_period is None or of_period < 1 for _, of_period in shares)
    world.elexon.faults = lambda path: None
    world.elexon.requests.clear()
    assert world.job("ingest", DAY), world.said
    assert world.elexon.requests.total() == 1, "it is asked for again, alone"
    assert world.sql(STORED, day=DAY) == before
    all_green(world)


@pytest.mark.slow
def test_fr_17_a_zero_that_was_stored_as_known_is_found_by_the_standing_inventory(world: World) -> None:
    (period,) = world.sql(
        "SELECT min(settlement_period) FROM minerecon.period_summaries WHERE settlement_date = :day", day=DAY
    )[0]
    world.put(
        f"UPDATE minerecon.wind_generation_data SET wind_onshore_mw = 0 WHERE settlement_date = :day"
        f" AND settlement_period = {period}",
        "UPDATE minerecon.daily_summaries AS s SET wind_onshore_mwh = w.mwh, wind_generation_mwh = w.mwh +"
        " wind_offshore_mwh FROM (SELECT sum(wind_onshore_mw) / 2 AS mwh FROM minerecon.wind_generation_data"
        " WHERE settlement_date = :day) AS w WHERE summary_date = :day",
    )
    assert c.EVERY_INPUT_IS_BELIEVABLE.full_name in world.inventory()
    REACHED.add(c.EVERY_INPUT_IS_BELIEVABLE.full_name)
    assert world.job("ingest", DAY, from_archive=True), world.said
    world.sums()
    assert world.inventory() == set()


def priced(world: World, price: int) -> Callable[[str], Fault | None]:
    """A wind bid at ``price``, in the stack and in the cashflows alike."""
    for period in range(1, 49):
        rows = [dict(row) for row in world.elexon.world.stack(DAY, "bid", period)]
        units = wind_units(world)
        bid = next((r for r in rows if r["id"] in units and r["volume"] < -1 and r["originalPrice"]), None)
        if bid is not None and sum(r == bid for r in rows) == 1:
            break
    assert bid is not None
    more = bid["volume"] * (price - bid["originalPrice"])
    bid["originalPrice"] = price
    flows = [
        {**row, "totalCashflow": row["totalCashflow"] + more}
        if (row["bmUnit"], row["settlementPeriod"]) == (bid["id"], period)
        else row
        for row in world.elexon.world.cashflows(DAY, "bid")
    ]
    answers: dict[str, Iterable[Any]] = {
        stack_path("bid", DAY, period): rows,
        f"/balancing/settlement/indicative/cashflows/all/bid/{DAY}": flows,
    }
    bodies = {path: json.dumps({"data": list(data)}).encode() for path, data in answers.items()}
    return lambda path: Fault(200, bodies[path]) if path in bodies else None


def wind_units(world: World) -> set[str]:
    return {r["elexonBmUnit"] for r in world.elexon.world.register() if r["fuelType"] == "WIND"} - {None}


@pytest.mark.slow
@pytest.mark.parametrize("price", [-99_999, 99_999, -100_500])
def test_fr_21_a_price_at_the_limit_is_told_though_the_cashflows_carry_it_too(world: World, price: int) -> None:
    world.elexon.faults = priced(world, price)
    assert world.job("ingest", DAY, force=True), world.said
    assert world.red(DAY) == {PRICES_BELOW_LIMIT.full_name}, "the two accounts agree"
    assert world.status() == "warned"
    REACHED.add(PRICES_BELOW_LIMIT.full_name)
    ((actual, violations),) = world.sql(
        "SELECT actual, violations FROM minerecon.reconciliation_results WHERE check_name = 'prices_below_limit'"
        " AND NOT passed ORDER BY result_id DESC LIMIT 1"
    )
    (bid,) = violations
    assert f"at £{price:,}/MWh" in actual
    assert f"{bid['bmu_id']} in period {bid['settlement_period']}" in actual
    assert f"{-Decimal(bid['volume_mwh']):,.3f} MWh" in actual
    assert Decimal(bid["payment_gbp"]) == Decimal(bid["volume_mwh"]) * price
    world.elexon.faults = lambda path: None
    # Half of the day's money was that price: that it is gone again is for a person to take.
    assert world.job("ingest", DAY, force=True, accept_restatement=True, requested_by="a test"), world.said
    all_green(world)


@pytest.mark.slow
def test_fr_21_a_price_one_pound_within_the_limit_is_believed(world: World) -> None:
    world.elexon.faults = priced(world, -99_998)
    assert world.job("ingest", DAY, force=True), world.said
    assert world.red(DAY) == set()


@pytest.mark.slow
def test_fr_21_a_price_at_the_limit_of_a_day_that_was_checked_before_there_was_such_a_check(world: World) -> None:
    world.elexon.faults = priced(world, -99_999)
    assert world.job("ingest", DAY, force=True), world.said
    assert c.EVERY_INPUT_IS_BELIEVABLE.full_name not in world.inventory(), "its own check tells of it"
    world.put(
        "DELETE FROM minerecon.reconciliation_latest WHERE settlement_date = :day AND check_name = 'prices_below_limit'"
    )
    assert c.EVERY_INPUT_IS_BELIEVABLE.full_name in world.inventory()
    assert world.job("ingest", DAY, from_archive=True), world.said
    assert c.EVERY_INPUT_IS_BELIEVABLE.full_name not in world.inventory()
    assert world.red(DAY) == {PRICES_BELOW_LIMIT.full_name}


DAY_KEYS = {spec.key for spec in catalog.settlement_day_specs(dg.DailyPartitionsDefinition("2025-01-01"))}


@pytest.mark.slow
@pytest.mark.parametrize("path", ["fetch", "from the archive", "verify's repair"])
def test_fr_43_every_asset_of_a_day_is_materialized_though_what_is_optional_did_not_come(
    world: World, path: str
) -> None:
    world.elexon.faults = lambda path: Fault(400) if "cashflows" in path or "wind-and-solar" in path else None
    fetch_into_an_empty_archive(world)
    if path == "verify's repair":
        assert not world.job("verify", DAY, action="force-fix"), "what is missing could not be compared"
        run_id = world.instance.get_run_records(limit=1)[0].dagster_run.run_id
    else:
        result = world.run(DAY, force=path == "fetch", from_archive=path != "fetch")
        assert result.success
        run_id = result.run_id
    events = world.instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    made = {e.dagster_event.asset_key: e.asset_materialization for e in events if e.dagster_event}
    assert made.keys() == DAY_KEYS
    ebocf, wind = made[asset_keys.OF_DATASETS["cashflows"]], made[asset_keys.WIND]
    assert ebocf is not None
    assert wind is not None
    assert "400" in str(ebocf.metadata["missing"].value) or "it was not fetched" in str(ebocf.metadata["missing"].value)
    assert "0 known" in str(wind.metadata["missing"].value)
    boav = made[asset_keys.OF_DATASETS["boav"]]
    assert boav is not None
    assert "missing" not in boav.metadata


def fetch_into_an_empty_archive(world: World) -> None:
    """Leave nothing of the day in the archive, from which what did not come would be carried over."""
    for uri in world.archive_objects():
        world.archive._store.delete(uri.removeprefix(f"{world.archive._store.root}/"))
    assert world.job("ingest", DAY, force=True), world.said
