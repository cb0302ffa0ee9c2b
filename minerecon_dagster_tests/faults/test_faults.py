"""Thirty ways in which the earlier system went wrong, each put in, and each guard seen to act.

A fault goes into the tables, the archive, the register, the difficulty table or the server, and never into the
code. It is prevented, or turns the named check red; clearing it turns all checks green again. The numbers are
those of docs/build/faults.md; 0 is a fault that the earlier system is not known to have had.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DatabaseError

import minerecon_dagster
from minerecon_dagster.checks.control_totals import EMPTY_DAY_HAS_EMPTY_CONTROL
from minerecon_dagster.checks.properties import PROPERTIES
from minerecon_dagster.core import checks as c
from minerecon_dagster.core.calendar import period_count
from minerecon_dagster.core.checks import Property
from minerecon_dagster.core.mining import block_subsidy_btc
from minerecon_dagster.elexon.datasets.agws import WIND_OUTPUT_KNOWN
from minerecon_dagster.elexon.datasets.boav import BOAV_WIND_VOLUME, NO_REDUCTION_ON_OFFER_SIDE
from minerecon_dagster.elexon.datasets.cashflows import EBOCF_WIND_CASHFLOW
from minerecon_dagster.elexon.datasets.stack import BIDS_ARE_PRICED
from minerecon_dagster_tests.docs.made import compare, filled
from minerecon_dagster_tests.fake_elexon import NO_ROWS, NOT_FOUND, Fault, boav_path, stack_path
from minerecon_dagster_tests.faults.conftest import DAY, LONG, NEXT, SHORT, WINDLESS, World
from minerecon_dagster_tests.faults.ledger import FAULTS
from minerecon_dagster_tests.notified import spoil

ONE_RECORD = "ctid = (SELECT min(ctid) FROM minerecon.curtailment_records WHERE settlement_date = :day AND so_flag)"
ONE_CALCULATION = (
    "ctid = (SELECT min(ctid) FROM minerecon.historical_bitcoin_calculations WHERE settlement_date = :day"
    " AND miner_model = 'S9')"
)
EARLIER_DAY = {"S19J_PRO": "34.58136172", "M20S": "21.28012335", "S9": "10.71975614"}
EARLIER_MONTH = {"S19J_PRO": "260.28916727", "M20S": "159.87284065", "S9": "80.60844328"}
EARLIER_YEAR = {"S19J_PRO": "903.24720919", "M20S": "556.74644712", "S9": "280.71290970"}
"""What the earlier system published of 2025-03-06, March 2025 and 2025: made from different rows for each model."""
PACKAGE = Path(minerecon_dagster.__file__).parent
DOCS = PACKAGE.parent / "docs" / "build" / "faults.md"


@dataclass(frozen=True)
class InTables:
    """A fault that SQL puts in, what is red then, and how it is mended.

    Args:
        mode: its number in docs/build/faults.md.
        what: the fault, in words.
        guards: the checks that must be red.
        put: statements; ``:day`` stands for the day.
        mend: rebuild (from the archive), recalculate, fix (verify and repair) or sums.
        back: statements that give back what the database would have refused to lose, before it is mended.
    """

    mode: int
    what: str
    guards: tuple[Property, ...]
    put: tuple[str, ...]
    mend: str = "rebuild"
    back: tuple[str, ...] = ()


def typed_in(table: str, key: str, totals: dict[str, str]) -> tuple[str, ...]:
    return tuple(
        f"UPDATE minerecon.{table} SET mined_btc = {btc} WHERE {key} AND miner_model = '{model}'"
        for model, btc in totals.items()
    )


IN_TABLES = (
    InTables(
        3,
        "one acceptance of several kept, for each period and unit",
        (c.RECORDS_MATCH_ARCHIVE, c.SUMS_MATCH_PARTS),
        (
            "DELETE FROM minerecon.curtailment_records AS r WHERE settlement_date = :day AND EXISTS (SELECT FROM"
            " minerecon.curtailment_records AS o WHERE (o.settlement_date, o.settlement_period, o.bmu_id) ="
            " (r.settlement_date, r.settlement_period, r.bmu_id) AND o.ctid < r.ctid)",
        ),
    ),
    InTables(
        4,
        "ten rows deleted as duplicates, which they were not",
        (c.RECORDS_MATCH_ARCHIVE, c.SUMS_MATCH_PARTS),
        (
            "DELETE FROM minerecon.curtailment_records WHERE ctid = ANY(ARRAY(SELECT ctid"
            " FROM minerecon.curtailment_records WHERE settlement_date = :day ORDER BY bmu_id LIMIT 10))",
        ),
        "fix",
    ),
    InTables(
        6,
        "a volume with the other sign",
        (c.SIGNS_BY_FORMULA, c.RECORDS_MATCH_ARCHIVE),
        (
            "ALTER TABLE minerecon.curtailment_records DROP CONSTRAINT curtailment_records_volume_negative_check",
            f"UPDATE minerecon.curtailment_records SET volume_mwh = -volume_mwh WHERE {ONE_RECORD}",
        ),
        "fix",
    ),
    InTables(
        6,
        "a price with the other sign",
        (c.RECORDS_MATCH_ARCHIVE, c.PAYMENT_IS_VOLUME_TIMES_PRICE),
        (
            "UPDATE minerecon.curtailment_records SET original_price_gbp_per_mwh = -original_price_gbp_per_mwh"
            f" WHERE {ONE_RECORD}",
        ),
        "fix",
    ),
    InTables(
        6,
        "a payment with the other sign, its formula taken off",
        (c.SIGNS_BY_FORMULA, c.PAYMENT_IS_VOLUME_TIMES_PRICE),
        (
            "ALTER TABLE minerecon.curtailment_records ALTER payment_gbp DROP EXPRESSION",
            f"UPDATE minerecon.curtailment_records SET payment_gbp = -payment_gbp WHERE {ONE_RECORD}",
        ),
        back=(
            "ALTER TABLE minerecon.curtailment_records DROP payment_gbp CASCADE",
            "ALTER TABLE minerecon.curtailment_records ADD payment_gbp numeric"
            " GENERATED ALWAYS AS (volume_mwh * original_price_gbp_per_mwh) STORED",
        ),
    ),
    InTables(
        7,
        "what farms paid back counted as paid to them",
        (c.NET_IS_PAID_MINUS_REFUNDED, c.SUMS_MATCH_PARTS),
        (
            "UPDATE minerecon.daily_summaries SET paid_gbp = paid_gbp + refunded_gbp + 1, refunded_gbp = 0"
            " WHERE summary_date = :day",
        ),
    ),
    InTables(
        8,
        "a day computed with a default difficulty",
        (c.DIFFICULTY_MATCHES_SOURCE, c.BTC_RECOMPUTED),
        ("UPDATE minerecon.bitcoin_difficulty SET difficulty = 71e12 WHERE settlement_date = :day",),
        "recalculate",
    ),
    InTables(
        9,
        "a period's rows invented from another's",
        (c.RECORDS_MATCH_ARCHIVE, c.CALCULATIONS_MATCH_RECORDS, c.SUMS_MATCH_PARTS),
        (
            "INSERT INTO minerecon.curtailment_records (settlement_date, settlement_period, start_time, stack_side,"
            " bmu_id, acceptance_id, bid_offer_pair_id, sequence_number, lead_party_name, volume_mwh,"
            " original_price_gbp_per_mwh, so_flag) SELECT settlement_date, settlement_period, start_time, stack_side,"
            " bmu_id, acceptance_id, bid_offer_pair_id, sequence_number + 5000, lead_party_name, volume_mwh * 0.97,"
            " original_price_gbp_per_mwh, so_flag FROM minerecon.curtailment_records WHERE settlement_date = :day"
            " AND settlement_period = 20",
        ),
    ),
    InTables(
        10,
        "a day's energy typed in",
        (c.SUMS_MATCH_PARTS,),
        (
            "UPDATE minerecon.daily_summaries SET curtailed_mwh = 1234.5, all_bids_mwh = 99999"
            " WHERE summary_date = :day",
        ),
    ),
    InTables(
        10,
        "the earlier system's Bitcoin of a day typed in",
        (c.MODEL_RATIOS, c.SUMS_MATCH_PARTS),
        typed_in("bitcoin_daily_summaries", "summary_date = :day", EARLIER_DAY),
        "recalculate",
    ),
    InTables(
        10,
        "the earlier system's Bitcoin of a month typed in",
        (c.ROLLUP_MODEL_RATIOS, c.SUMS_NOT_OLDER_THAN_PARTS),
        typed_in("bitcoin_monthly_summaries", "year_month = '2025-03'", EARLIER_MONTH),
        "sums",
    ),
    InTables(
        10,
        "the earlier system's Bitcoin of a year typed in",
        (c.ROLLUP_MODEL_RATIOS, c.SUMS_NOT_OLDER_THAN_PARTS),
        typed_in("bitcoin_yearly_summaries", "year = 2025", EARLIER_YEAR),
        "sums",
    ),
    InTables(
        11,
        "a day's energy scaled down because it looked too big",
        (c.RECORDS_MATCH_ARCHIVE, c.CALCULATIONS_MATCH_RECORDS),
        ("UPDATE minerecon.curtailment_records SET volume_mwh = volume_mwh * 0.5 WHERE settlement_date = :day",),
        "fix",
    ),
    InTables(
        12,
        "a calculation by another formula",
        (c.BTC_RECOMPUTED, c.SUMS_MATCH_PARTS),
        (
            f"UPDATE minerecon.historical_bitcoin_calculations SET mined_btc = mined_btc * 1.0001"
            f" WHERE {ONE_CALCULATION}",
        ),
        "recalculate",
    ),
    InTables(
        12,
        "a calculation of an older version of the formula",
        (c.ONE_FORMULA_VERSION,),
        (f"UPDATE minerecon.historical_bitcoin_calculations SET formula_version = 0 WHERE {ONE_CALCULATION}",),
        "recalculate",
    ),
    InTables(
        13,
        "the halving ignored",
        (c.SUBSIDY_BY_HEIGHT, c.SUMS_MATCH_PARTS),
        (
            "UPDATE minerecon.historical_bitcoin_calculations SET block_subsidy_btc = 6.25, mined_btc = mined_btc * 2"
            " WHERE settlement_date = :day",
        ),
        "recalculate",
    ),
    InTables(
        14,
        "calculations for ten of all rows",
        (c.CALCULATIONS_MATCH_RECORDS, c.SUMS_MATCH_PARTS),
        (
            "DELETE FROM minerecon.historical_bitcoin_calculations WHERE settlement_date = :day AND ctid <> ALL(ARRAY("
            "SELECT ctid FROM minerecon.historical_bitcoin_calculations WHERE settlement_date = :day LIMIT 10))",
        ),
        "fix",
    ),
    InTables(
        14,
        "a model left out",
        (c.CALCULATIONS_MATCH_RECORDS, c.MODEL_RATIOS),
        (
            "DELETE FROM minerecon.historical_bitcoin_calculations WHERE settlement_date = :day AND miner_model = 'S9'",
            "DELETE FROM minerecon.bitcoin_daily_summaries WHERE summary_date = :day AND miner_model = 'S9'",
        ),
        "recalculate",
    ),
    InTables(
        18,
        "MW added up as MWh",
        (c.SUMS_MATCH_PARTS,),
        (
            "UPDATE minerecon.daily_summaries SET wind_generation_mwh = wind_generation_mwh * 2,"
            " wind_onshore_mwh = wind_onshore_mwh * 2, wind_offshore_mwh = wind_offshore_mwh * 2"
            " WHERE summary_date = :day",
        ),
    ),
    InTables(
        18,
        "more wind output than all farms can give",
        (c.WIND_OUTPUT_WITHIN_CAPACITY, c.RECORDS_MATCH_ARCHIVE),
        (
            "UPDATE minerecon.wind_generation_data SET wind_onshore_mw = 50000, wind_offshore_mw = 50000"
            " WHERE settlement_date = :day AND settlement_period = 9",
        ),
    ),
    InTables(
        21,
        "rows of a unit that the register has not got",
        (c.UNITS_IN_FORCE, c.RECORDS_MATCH_ARCHIVE),
        (
            "INSERT INTO minerecon.curtailment_records (settlement_date, settlement_period, start_time, stack_side,"
            " bmu_id, sequence_number, volume_mwh, so_flag)"
            " VALUES (:day, 1, '2025-03-28Z', 'bid', 'T_NOBODY-1', 999, -5, false)",
        ),
    ),
    InTables(
        22,
        "rows under a lead party that the unit has not got",
        (c.LEAD_PARTIES_IN_FORCE,),
        (
            "UPDATE minerecon.curtailment_records SET lead_party_name = 'Somebody else' WHERE settlement_date = :day"
            " AND bmu_id = (SELECT min(bmu_id) FROM minerecon.curtailment_records WHERE settlement_date = :day)",
        ),
    ),
    InTables(
        29,
        "more energy in a half hour than the unit's capacity gives: reported, and left as it is",
        (c.UNIT_ENERGY_WITHIN_CAPACITY,),
        ("UPDATE minerecon.bm_units SET generation_capacity_mw = 0.001 WHERE fuel_type = 'WIND'",),
        "nothing",
        back=("UPDATE minerecon.bm_units SET generation_capacity_mw = 5000 WHERE fuel_type = 'WIND'",),
    ),
)


def note(request: pytest.FixtureRequest, mode: int, fault: str, guard: str) -> Callable[[str], None]:
    """Put a row into the session's table: SURVIVED until the test says otherwise."""
    rows = request.config.stash[FAULTS]
    rows.append((mode, fault, guard, "SURVIVED"))
    place = len(rows) - 1

    def say(result: str) -> None:
        rows[place] = (mode, fault, guard, result)

    return say


REACHED: set[str] = set()
"""The properties that a fault of this session has turned red."""


def all_green(world: World) -> None:
    assert world.verify() == set()
    assert all(e.passed for e in world.evaluations.values())
    assert world.status() == "complete"


@pytest.mark.slow
@pytest.mark.parametrize("fault", IN_TABLES, ids=lambda f: f"{f.mode}: {f.what}")
def test_a_fault_in_the_tables(world: World, request: pytest.FixtureRequest, fault: InTables) -> None:
    names = {p.full_name for p in fault.guards}
    say = note(request, fault.mode, fault.what, ", ".join(sorted(names)))
    world.put(*fault.put)
    if fault.mend == "sums":
        assert world.sums() >= names
    else:
        found = world.verify()
        assert found >= names, (found, world.said, world.evaluations)
        for checked in fault.guards:
            assert not world.evaluations[checked.family].passed, checked.full_name
        if any(p.severity == "ERROR" for p in fault.guards):
            assert world.status() == "failing"
    REACHED.update(names)
    world.put(*fault.back)
    match fault.mend:
        case "rebuild":
            assert world.job("ingest", DAY, from_archive=True), world.said
        case "recalculate":
            assert world.job("recalculate", DAY), world.said
        case "fix":
            assert world.job("verify", DAY, action="fix"), world.said
    if fault.mend == "sums":
        assert world.sums() == set()
    else:
        all_green(world)
    say("red, then green")


def replaced(world: World, path: str, body: bytes) -> None:
    world.elexon.faults = lambda p: Fault(200, body) if p == path else None


def rows(answer: list[dict[str, object]]) -> bytes:
    return json.dumps({"data": answer}).encode()


@dataclass(frozen=True)
class AtTheServer:
    """A fault of Elexon's answers during a fetch of the day, what is red then, and whether the day is replaced."""

    mode: int
    what: str
    guards: tuple[Property, ...]
    put: Callable[[World], None]
    replaces: bool
    day: dt.date = DAY


def fails(where: str, fault: Fault = Fault(400)) -> Callable[[World], None]:  # noqa: B008 - frozen
    def put(world: World) -> None:
        world.elexon.faults = lambda path: fault if where in path else None

    return put


def hides(periods: set[int], *, controls: bool = False) -> Callable[[World], None]:
    def put(world: World) -> None:
        world.elexon.world.hide[DAY, "bid"] = periods
        world.elexon.world.hide_controls = controls

    return put


def boav(
    change: Callable[[World], list[dict[str, object]]], side: str = "bid", day: dt.date = DAY
) -> Callable[[World], None]:
    return lambda world: replaced(world, boav_path(side, day), rows(change(world)))  # type: ignore[arg-type]


def _one_unit_more(world: World) -> list[dict[str, object]]:
    return [
        row | ({"totalVolumeAccepted": row["totalVolumeAccepted"] * 3} if row["bmUnit"] == "T_SYNTW-1" else {})
        for row in world.elexon.world.volumes(DAY, "bid")
    ]


def _an_offer_that_reduces(world: World) -> list[dict[str, object]]:
    found = world.elexon.world.volumes(DAY, "offer")
    return [*found, found[0] | {"bmUnit": "T_SYNTW-1", "totalVolumeAccepted": -0.5}]


def _volume_on_a_windless_day(world: World) -> list[dict[str, object]]:
    found = world.elexon.world.volumes(WINDLESS, "bid")
    return [*found, found[0] | {"bmUnit": "T_SYNTW-1", "totalVolumeAccepted": -0.7}]


def _cashflows_turned(world: World) -> None:
    path = f"/balancing/settlement/indicative/cashflows/all/bid/{DAY}"
    flows = world.elexon.world.cashflows(DAY, "bid")
    replaced(world, path, rows([row | {"totalCashflow": -row["totalCashflow"]} for row in flows]))


AT_THE_SERVER = (
    AtTheServer(
        1, "a period that answers with an error", (c.PERIODS_FETCHED,), fails(stack_path("bid", DAY, 17)), False
    ),
    AtTheServer(
        1, "a control total that answers with an error", (c.CONTROL_TOTAL_PRESENT,), fails(boav_path("offer", DAY)),
        False,
    ),
    AtTheServer(1, "everything answers with an error", (c.PERIODS_FETCHED,), fails(f"/{DAY}"), False),
    AtTheServer(
        1, "a period that answers with nothing while the control total has volume", (c.PERIODS_PRESENT,),
        fails(stack_path("bid", DAY, 17), NO_ROWS), True,
    ),
    AtTheServer(
        16, "a period that is not there (404)", (c.PERIODS_PRESENT,), fails(stack_path("bid", DAY, 30), NOT_FOUND), True
    ),
    AtTheServer(
        17, "fourteen periods missing, a gap at Elexon", (c.PERIODS_PRESENT,), hides(set(range(20, 34))), True
    ),
    AtTheServer(
        17, "a unit of which the control total has three times the stack's volume", (BOAV_WIND_VOLUME,),
        boav(_one_unit_more), False,
    ),
    AtTheServer(
        0, "a wind unit reduced on the offer side", (NO_REDUCTION_ON_OFFER_SIDE,),
        boav(_an_offer_that_reduces, "offer"), True,
    ),
    AtTheServer(
        17, "a day without bids whose control total has some", (EMPTY_DAY_HAS_EMPTY_CONTROL,),
        boav(_volume_on_a_windless_day, day=WINDLESS), False, WINDLESS,
    ),
    AtTheServer(7, "payments that the cashflows contradict", (EBOCF_WIND_CASHFLOW,), _cashflows_turned, True),
    AtTheServer(
        20, "cashflows that cannot be had: the check could not look", (EBOCF_WIND_CASHFLOW,), fails("cashflows"), True
    ),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("fault", AT_THE_SERVER, ids=lambda f: f"{f.mode}: {f.what}")
def test_a_fault_at_the_server(world: World, request: pytest.FixtureRequest, fault: AtTheServer) -> None:
    names = {p.full_name for p in fault.guards}
    say = note(request, fault.mode, fault.what, ", ".join(sorted(names)))
    before = world.content()
    # What the archive holds final is not asked for again, and its answers stay: a day that is fetched anew.
    if fault.replaces:
        world.forget(fault.day)
    else:
        shutil.rmtree(world.archive._store.root)
    fault.put(world)
    done = world.job("ingest", fault.day, force=True)
    assert done is fault.replaces, world.said
    assert world.red(fault.day) >= names
    assert not world.evaluations[fault.guards[0].family].passed
    assert world.status(fault.day) in ("failing", "incomplete", "warned")
    if not fault.replaces:
        after = world.content()
        assert {t: r for t, r in after.items() if t != "ingestion_progress"} == {
            t: r for t, r in before.items() if t != "ingestion_progress"
        }, "nothing of the day is replaced"
        assert str(fault.day) in world.said
    REACHED.update(names)
    world.elexon.faults = lambda _: None
    world.elexon.world.hide.clear()
    assert world.job("verify", fault.day, action="fix"), world.said
    assert world.red(fault.day) == set()
    assert world.status(fault.day) == "complete"
    assert world.content() == before
    say("red, then green" if fault.replaces else "red and nothing replaced, then green")


# Faults of other kinds, one by one.

Act = Iterator[None]


@pytest.mark.slow
def test_2_a_rebuild_that_breaks_off_in_the_middle(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 2, "the last table of a day refuses its rows", "one transaction")
    before = world.content()
    world.put(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'disk full'; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON minerecon.bitcoin_daily_summaries"
        " EXECUTE FUNCTION public.refuse()",
    )
    assert not world.job("ingest", DAY, from_archive=True)
    assert "disk full" in world.said
    assert world.content() == before, "readers see the old day, whole"
    world.put("DROP TRIGGER refuse ON minerecon.bitcoin_daily_summaries")
    assert world.job("ingest", DAY, from_archive=True), world.said
    all_green(world)
    say("prevented: the old day stays whole")


@pytest.mark.slow
def test_4_rows_that_elexon_repeats(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 4, "every row of a period sent twice", "distinct_rows")
    before = world.content()
    twice = world.elexon.world.stack(DAY, "bid", 20)
    replaced(world, stack_path("bid", DAY, 20), rows(twice + twice))
    assert world.job("ingest", DAY, force=True), world.said
    after = world.content()
    assert after["curtailment_records"] == before["curtailment_records"]
    event = world.instance.get_latest_materialization_event(_key("ingestion_progress"))
    assert event is not None
    assert event.asset_materialization is not None
    dropped = event.asset_materialization.metadata["duplicate_rows_dropped"].value
    # The sample's own periods hold repeated rows too.
    assert isinstance(dropped, int)
    assert dropped >= len({json.dumps(row, sort_keys=True) for row in twice}) > 0
    all_green(world)
    say("prevented: dropped and counted")


@pytest.mark.slow
def test_5_a_day_run_again(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 5, "a day ingested twice more, and its rows inserted again", "replacement, the full key")
    before = world.content()
    assert world.job("ingest", DAY, force=True), world.said
    assert world.job("ingest", DAY, from_archive=True), world.said
    assert world.content() == before
    with pytest.raises(DatabaseError, match="duplicate key"):
        world.put(
            "INSERT INTO minerecon.curtailment_records (settlement_date, settlement_period, start_time, stack_side,"
            " bmu_id, acceptance_id, bid_offer_pair_id, sequence_number, volume_mwh) SELECT settlement_date,"
            " settlement_period, start_time, stack_side, bmu_id, acceptance_id, bid_offer_pair_id, sequence_number,"
            " volume_mwh FROM minerecon.curtailment_records"
        )
    say("prevented: equal to the last digit, and refused")


@pytest.mark.slow
def test_6_a_sign_that_the_database_refuses(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 6, "positive volumes, and payments written by hand", "constraint, generated columns")
    with pytest.raises(DatabaseError, match="volume_negative"):
        world.put(f"UPDATE minerecon.curtailment_records SET volume_mwh = -volume_mwh WHERE {ONE_RECORD}")
    with pytest.raises(DatabaseError, match="payment_gbp"):
        world.put("UPDATE minerecon.curtailment_records SET payment_gbp = abs(payment_gbp)")
    say("prevented: refused")


@pytest.mark.slow
def test_8_no_difficulty(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 8, "a day without a value in the difficulty table", c.DIFFICULTY_KNOWN.full_name)
    before = world.content()
    world.dynamodb(DAY, None)
    assert not world.job("ingest", DAY, force=True)
    assert str(DAY) in world.said
    assert world.difficulty.name in world.said
    assert c.DIFFICULTY_KNOWN.full_name in world.red(DAY)
    assert world.content()["historical_bitcoin_calculations"] == before["historical_bitcoin_calculations"]
    REACHED.add(c.DIFFICULTY_KNOWN.full_name)
    world.dynamodb(DAY, before["bitcoin_difficulty"][0][1])
    assert world.job("verify", DAY, action="fix"), world.said
    all_green(world)
    say("red and nothing computed, then green")


@pytest.mark.slow
def test_8_a_difficulty_changed_in_dynamodb(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 8, "a difficulty corrected at its source", c.DIFFICULTY_MATCHES_SOURCE.full_name)
    world.dynamodb(DAY, "113757508810999")
    assert world.verify() == {c.DIFFICULTY_MATCHES_SOURCE.full_name}
    assert world.job("recalculate", DAY), world.said
    all_green(world)
    ((stored,),) = world.sql("SELECT difficulty FROM minerecon.bitcoin_difficulty WHERE settlement_date = :d", d=DAY)
    assert str(stored) == "113757508810999"
    say("red, then green")


@pytest.mark.slow
def test_10_another_role_that_writes_a_summary(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 10, "an analyst who types a total in", "grants")
    for statement in (
        "UPDATE minerecon.daily_summaries SET curtailed_mwh = 0",
        "INSERT INTO minerecon.monthly_summaries (year_month) VALUES ('2025-03')",
        "DELETE FROM minerecon.bitcoin_yearly_summaries",
    ):
        with pytest.raises(DatabaseError, match="permission denied"), world.engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL ROLE minerecon_analyst")
            connection.exec_driver_sql(statement)
    say("prevented: refused")


@pytest.mark.slow
def test_13_the_subsidy_is_of_the_periods_start(request: pytest.FixtureRequest) -> None:
    say = note(request, 13, "the halving, by the clock of whoever computes", "block_subsidy_btc")
    halving = dt.datetime(2024, 4, 20, 0, 9, 27, tzinfo=dt.UTC)
    assert block_subsidy_btc(halving - dt.timedelta(seconds=1)) == 2 * block_subsidy_btc(halving)
    say("prevented: no clock is asked")


VIEWS = {
    "curtailment_by_period": "settlement_date, settlement_period",
    "curtailment_by_unit_day": "settlement_date, bmu_id",
    "curtailment_by_farm_day": "settlement_date, farm_name",
    "mining_potential_by_day": "settlement_date, miner_model",
    "reconciliation_status": "settlement_date",
}


@pytest.mark.slow
def test_15_a_unit_with_two_versions_in_force(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 15, "two versions of a unit in force at once", "grain of the views")
    sums = (
        "SELECT (SELECT sum(curtailed_mwh) FROM analytics.curtailment_by_unit_day),"
        " (SELECT sum(curtailed_mwh) FROM analytics.curtailment_by_farm_day),"
        " (SELECT sum(mined_btc) FROM analytics.mining_potential_by_day)"
    )
    before = world.sql(sums)
    try:
        world.put(
            "INSERT INTO minerecon.bm_units (bmu_id, valid_from, name, fuel_type, looks_like_wind, is_synthetic)"
            " SELECT DISTINCT ON (bmu_id) bmu_id, valid_from - 700, 'Another name', fuel_type, true, is_synthetic"
            " FROM minerecon.bm_units WHERE fuel_type = 'WIND' ORDER BY bmu_id"
        )
    except DatabaseError:
        say("prevented: refused")
        return
    assert world.sql(sums) == before
    for view, grain in VIEWS.items():
        twice = world.sql(f"SELECT {grain} FROM analytics.{view} GROUP BY {grain} HAVING count(*) > 1 LIMIT 1")
        assert twice == [], view
    say("prevented: nothing is multiplied")


@pytest.mark.slow
def test_16_a_day_of_which_nothing_is_held(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 16, "a day deleted with every trace", c.EVERY_DAY_IS_COMPLETE.full_name)
    assert world.inventory() == set()
    tables = (
        "historical_bitcoin_calculations", "curtailment_records", "wind_generation_data", "bitcoin_difficulty",
        "ingestion_progress", "reconciliation_results", "boav_control_totals", "ebocf_control_totals",
    )  # fmt: skip
    world.put(
        *(f"DELETE FROM minerecon.{table} WHERE settlement_date = :day" for table in tables),
        "DELETE FROM minerecon.reconciliation_latest WHERE settlement_date = :day AND scope = 'day'",
        "DELETE FROM minerecon.daily_summaries WHERE summary_date = :day",
        day=NEXT,
    )
    red = world.inventory()
    assert {c.EVERY_DAY_IS_COMPLETE.full_name, c.YESTERDAY_IS_THERE.full_name} <= red
    REACHED.update(red)
    assert world.job("ingest", NEXT), world.said
    assert world.inventory() == set()
    say("red, then green")


@pytest.mark.slow
def test_19_wind_output_that_is_not_known(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 19, "wind output that cannot be had", WIND_OUTPUT_KNOWN.full_name)
    shutil.rmtree(world.archive._store.root)
    fails("wind-and-solar")(world)
    assert world.job("ingest", DAY, force=True), world.said
    assert WIND_OUTPUT_KNOWN.full_name in world.red(DAY)
    figures = "SELECT wind_generation_mwh, curtailed_share FROM minerecon.daily_summaries WHERE summary_date = :d"
    assert world.sql(figures, d=DAY) == [(None, None)], "unknown, and neither guessed nor 0"
    REACHED.add(WIND_OUTPUT_KNOWN.full_name)
    world.elexon.faults = lambda _: None
    assert world.job("ingest", DAY), world.said
    all_green(world)
    say("red and NULL, then green")


@pytest.mark.slow
def test_20_a_sample_that_could_not_be_taken(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 20, "Elexon out of reach during a sampled look", c.SOURCE_UNCHANGED.full_name)
    fails("/balancing/")(world)
    assert c.SOURCE_UNCHANGED.full_name in world.verify(sampling="random", seed=1)
    ((looked_at,),) = world.sql(
        "SELECT looked_at FROM minerecon.reconciliation_results WHERE check_name = 'source_unchanged'"
        " ORDER BY result_id DESC LIMIT 1"
    )
    assert looked_at == 0
    REACHED.add(c.SOURCE_UNCHANGED.full_name)
    world.elexon.faults = lambda _: None
    all_green(world)
    say("red: could not look; then green")


@pytest.mark.slow
def test_0_a_day_restated_at_the_source(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 0, "a day that Elexon has revised", c.SOURCE_UNCHANGED.full_name)
    world.elexon.world.revise[DAY] = 1.004
    assert c.SOURCE_UNCHANGED.full_name in world.verify()
    assert world.job("verify", DAY, action="fix"), world.said
    assert len(world.sql("SELECT * FROM minerecon.restatements")) == 1
    all_green(world)
    say("red, then green, and a restatement")


@pytest.mark.slow
def test_0_wind_output_restated_at_the_source(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 0, "wind output that Elexon has revised", c.OFFERS_AND_OUTPUT_UNCHANGED.full_name)

    def revised(answer: Any) -> Any:
        return answer | {"data": [row | {"quantity": row["quantity"] + 1} for row in answer["data"]]}

    spoil(world.elexon, "/generation/actual/per-type/wind-and-solar", revised)
    red = world.verify()
    assert red == {c.OFFERS_AND_OUTPUT_UNCHANGED.full_name}
    REACHED.update(red)
    assert world.job("verify", DAY, action="fix"), world.said
    all_green(world)
    say("red, then green")


@pytest.mark.slow
def test_22_a_farm_that_the_register_has_lost(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 22, "a wind farm without its fuel type", c.WIND_LIKE_UNITS_MAPPED.full_name)
    ((unit, before),) = world.sql(
        "SELECT bmu_id, count(*) FROM minerecon.curtailment_records WHERE settlement_date = :d AND bmu_id LIKE 'T_%W-%'"
        " GROUP BY 1 ORDER BY 2 DESC LIMIT 1",
        d=DAY,
    )
    world.put(f"UPDATE minerecon.bm_units SET fuel_type = NULL WHERE bmu_id = '{unit}'")
    red = world.verify()
    assert {c.UNITS_IN_FORCE.full_name, c.REGISTER_UNCHANGED.full_name} <= red
    REACHED.update(red)
    # Built with that register the day lacks the unit; its control total has nothing of it either, and says nothing.
    assert not world.job("ingest", DAY, from_archive=True)
    red = world.red(DAY)
    assert {c.WIND_LIKE_UNITS_MAPPED.full_name, c.UNCOUNTED_ENERGY_IS_SMALL.full_name} <= red
    REACHED.update(red)
    assert world.job("bm_units_refresh"), world.said
    world.put(f"UPDATE minerecon.bm_units SET fuel_type = 'WIND' WHERE bmu_id = '{unit}'")
    assert world.job("ingest", DAY, from_archive=True), world.said
    all_green(world)
    assert world.sql(
        "SELECT count(*) FROM minerecon.curtailment_records WHERE settlement_date = :d AND bmu_id = :u", d=DAY, u=unit
    ) == [(before,)]
    say("red, then green")


@pytest.mark.slow
def test_23_rows_with_nothing_in_their_nullable_fields(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 23, "bids without a price, and without a final price", BIDS_ARE_PRICED.full_name)
    path, answer = stack_path("bid", DAY, 20), world.elexon.world.stack(DAY, "bid", 20)
    replaced(world, path, rows([row | {"finalPrice": None, "originalPrice": None} for row in answer]))
    ((before,),) = world.sql("SELECT count(*) FROM minerecon.curtailment_records WHERE settlement_date = :d", d=DAY)
    assert world.job("ingest", DAY, force=True), world.said
    assert BIDS_ARE_PRICED.full_name in world.red(DAY)
    ((after, unpaid),) = world.sql(
        "SELECT count(*), count(*) FILTER (WHERE payment_gbp IS NULL) FROM minerecon.curtailment_records"
        " WHERE settlement_date = :d",
        d=DAY,
    )
    assert after == before, "no row is lost"
    assert unpaid > 0
    REACHED.add(BIDS_ARE_PRICED.full_name)
    world.elexon.faults = lambda _: None
    assert world.job("ingest", DAY, force=True), world.said
    all_green(world)
    say("red and no row lost, then green")


@pytest.mark.slow
def test_24_a_month_that_no_longer_follows(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 24, "a day restated and its month not summed again", c.SUMS_NOT_OLDER_THAN_PARTS.full_name)
    world.elexon.world.revise[DAY] = 1.1
    assert world.job("ingest", DAY, force=True), world.said
    assert c.SUMS_NOT_OLDER_THAN_PARTS.full_name in world.sums()
    assert world.sums() == set()
    ((month,),) = world.sql("SELECT curtailed_mwh FROM minerecon.monthly_summaries WHERE year_month = '2025-03'")
    ((days,),) = world.sql(
        "SELECT sum(curtailed_mwh) FROM minerecon.daily_summaries WHERE summary_date BETWEEN :d AND :n", d=DAY, n=NEXT
    )
    assert month == days
    REACHED.add(c.SUMS_NOT_OLDER_THAN_PARTS.full_name)
    say("red, then green")


@pytest.mark.slow
def test_25_a_constraint_that_is_missing(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 25, "the key of a table dropped", "the run fails")
    before = world.content()
    world.put("ALTER TABLE minerecon.bitcoin_difficulty DROP CONSTRAINT bitcoin_difficulty_pkey")
    assert not world.job("ingest", DAY, from_archive=True)
    assert "ON CONFLICT" in world.said
    assert str(DAY) in world.said
    assert world.content() == before
    assert not all(e.passed for e in world.evaluations.values())
    world.put("ALTER TABLE minerecon.bitcoin_difficulty ADD PRIMARY KEY (settlement_date)")
    assert world.job("ingest", DAY, from_archive=True), world.said
    all_green(world)
    say("prevented: the run fails and names the day")


@pytest.mark.slow
def test_26_a_column_that_is_gone(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 26, "a column dropped under the code", "the run fails")
    world.put("ALTER TABLE minerecon.curtailment_records DROP cadl_flag CASCADE")
    assert not world.job("ingest", DAY, from_archive=True)
    assert "cadl_flag" in world.said
    world.put("ALTER TABLE minerecon.curtailment_records ADD cadl_flag boolean")
    assert world.job("ingest", DAY, from_archive=True), world.said
    all_green(world)
    say("prevented: the run fails and names the column")


DATE = re.compile(r"(?<!\d)20\d\d-[01]\d-[0-3]\d(?!\d)|\bdate\(20\d\d,|\bdatetime\(20\d\d,")
ERAS = {"core/mining.py", "settings.py"}
"""Where dates are facts: the blocks at which the subsidy was halved, and the first day that is kept by default."""
MADE_UP = ("sample/", "warehouse/migrations/", "warehouse/sql/objects/26_questions.sql")
"""What transforms nothing: the sample's generator, the steps by which a schema came to be, questions as texts."""


def dates_in_transformations(package: Path) -> list[str]:
    """Lines of the code that transforms which name a date, but for comments, docstrings and help."""
    found = []
    for pattern in ("*.py", "*.sql"):
        for file in sorted(package.rglob(pattern)):
            name = file.relative_to(package).as_posix()
            if name in ERAS or name.startswith(MADE_UP):
                continue
            text = re.sub(r'"""(?:.|\n)*?"""', "", file.read_text("utf-8"))
            for line in text.splitlines():
                code = re.sub(r"\s*(#|--).*", "", line)
                if DATE.search(code) and "as in" not in code and "example=" not in code:
                    found.append(f"{name}: {line.strip()}")
    return found


@pytest.mark.slow
def test_27_a_date_with_a_rule_of_its_own(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    say = note(request, 27, "a date written into a transformation", "scan of the code")
    assert dates_in_transformations(PACKAGE) == []
    copy = tmp_path / "package"
    shutil.copytree(PACKAGE, copy)
    with (copy / "day" / "build.py").open("a") as file:
        file.write('\nSPECIAL = "2025-03-06"\n')
    with (copy / "warehouse/sql/day/upsert_daily_summary.sql").open("a") as file:
        file.write("\nUPDATE minerecon.daily_summaries SET x = 1 WHERE summary_date = '2025-03-04';\n")
    assert len(dates_in_transformations(copy)) == 2
    say("prevented: the scan finds it")


@pytest.mark.slow
def test_28_days_of_46_and_50_periods(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 28, "days of 46 and 50 periods", "the calendar")
    for day, count in ((SHORT, 46), (LONG, 50)):
        assert period_count(day) == count
        world.elexon.requests.clear()
        assert world.job("ingest", day), world.said
        asked = {p for p in world.elexon.requests if "/stack/all/bid/" in p}
        assert asked == {stack_path("bid", day, p) for p in range(1, count + 1)}
        assert world.verify(day) == set()
        assert world.status(day) == "complete"
    with pytest.raises(DatabaseError, match="period_range"):
        world.put("UPDATE minerecon.curtailment_records SET settlement_period = 51")
    # A day's last periods are lost, and the calendar still says how many there should be.
    world.elexon.world.hide[SHORT, "bid"] = {45, 46}
    world.forget(SHORT)
    assert world.job("ingest", SHORT, force=True), world.said
    assert c.PERIODS_PRESENT.full_name in world.red(SHORT)
    REACHED.add(c.PERIODS_PRESENT.full_name)
    say("prevented, and red where they are not all there")


@pytest.mark.slow
def test_29_a_day_of_very_much_curtailment(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 29, "a day of over 10,000 MWh", "bounds from physics")
    world.elexon.world.revise[DAY] = 3.0
    assert world.job("ingest", DAY, force=True), world.said
    ((mwh,),) = world.sql("SELECT all_bids_mwh FROM minerecon.daily_summaries WHERE summary_date = :d", d=DAY)
    assert mwh > 10_000
    remarks = {p.full_name for p in PROPERTIES if p.is_beside and p.severity == "WARN"}
    assert world.red(DAY) - remarks <= {c.UNIT_ENERGY_WITHIN_CAPACITY.full_name}, "no bound of folklore"
    say("prevented: stored as it is")


@pytest.mark.slow
def test_30_a_look_at_nothing(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 30, "nothing in the archive, and nothing in the warehouse", "a check that looked at nothing")
    shutil.rmtree(world.archive._store.root)
    red = world.verify()
    assert c.RECORDS_MATCH_ARCHIVE.full_name in red
    assert not world.evaluations["conservation"].passed
    world.put("TRUNCATE minerecon.daily_summaries, minerecon.monthly_summaries, minerecon.yearly_summaries CASCADE")
    world.put("TRUNCATE minerecon.bm_units")
    red = world.inventory()
    assert {p.full_name for p in PROPERTIES if p.evaluated == c.INVENTORY} <= red
    REACHED.update(red)
    say("red: nothing looked at is a failure")


@pytest.mark.slow
def test_0_a_day_that_never_becomes_final(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 0, "a day still provisional two days later", c.DAYS_BECOME_FINAL.full_name)
    world.put("UPDATE minerecon.daily_summaries SET state = 'provisional' WHERE summary_date = :day")
    red = world.inventory()
    assert c.DAYS_BECOME_FINAL.full_name in red
    REACHED.update(red)
    assert world.job("ingest", DAY, from_archive=True), world.said
    assert world.inventory() == set()
    say("red, then green")


@pytest.mark.slow
def test_10_typed_in_totals_of_a_day_found_by_the_inventory(world: World, request: pytest.FixtureRequest) -> None:
    say = note(request, 10, "the same, of any day, found the next morning", c.EVERY_MODEL_RATIO_HOLDS.full_name)
    assert world.inventory() == set(), "real days do not break the ratios"
    world.put(*typed_in("bitcoin_daily_summaries", "summary_date = :day", EARLIER_DAY))
    red = world.inventory()
    assert {c.EVERY_MODEL_RATIO_HOLDS.full_name, c.EVERY_DAY_MATCHES_ITS_ROWS.full_name} <= red
    REACHED.update(red)
    assert world.job("recalculate", DAY), world.said
    assert world.inventory() == set()
    say("red, then green")


@pytest.mark.slow
def test_every_mode_has_a_fault_and_every_check_was_turned_red(request: pytest.FixtureRequest) -> None:
    selected = {item.name.split("[")[0] for item in request.session.items if "faults" in str(item.path)}
    everything = {name for name in globals() if name.startswith("test_")}
    modules = {item.path for item in request.session.items}
    others = set(Path(__file__).parent.glob("test_source_*.py"))
    if not everything <= selected or not others <= modules:
        pytest.skip("only a part of the faults was selected")
    rows = request.config.stash[FAULTS]
    assert {mode for mode, *_ in rows} >= set(range(1, 31))
    assert [row for row in rows if row[3] == "SURVIVED"] == []
    assert {p.full_name for p in PROPERTIES} - REACHED == set()
    compare(DOCS, filled(DOCS, {"faults": as_table(rows)}.get))


def as_table(rows: list[tuple[int, str, str, str]]) -> str:
    """The session's faults as the Markdown table of docs/build/faults.md."""
    lines = ["| mode | fault | guard | result |", "|---|---|---|---|"]
    lines += [f"| {mode or '–'} | {fault} | {guard} | {result} |" for mode, fault, guard, result in sorted(rows)]
    return "\n".join(lines)


def _key(name: str) -> object:
    import dagster as dg

    return dg.AssetKey(name)
