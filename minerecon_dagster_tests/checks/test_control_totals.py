"""The control totals (BOAV, EBOCF): what is stored of them, and every check that holds the stack against them."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from minerecon_dagster.checks.control_totals import against_control_totals
from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide, period_count, period_starts, rerun_done_at
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.errors import MinereconError
from minerecon_dagster.core.register import BmUnit
from minerecon_dagster.day.build import wind_bids
from minerecon_dagster.elexon.datasets.agws import AGWS, WindOutput, believed_wind_output, wind_output_above_zero
from minerecon_dagster.elexon.datasets.cashflows import CASHFLOWS
from minerecon_dagster.elexon.datasets.stack import prices_below_limit
from minerecon_dagster.elexon.reading import DayReading, read_day
from minerecon_dagster.sample.generate import Row, SampleWorld
from minerecon_dagster.sample.units import MAPPED_WIND
from minerecon_dagster.standing.due import days_to_ingest
from minerecon_dagster_tests.day.test_one_day import fake_clock
from minerecon_dagster_tests.fake_elexon import NOT_FOUND, Fault, stack_path
from minerecon_dagster_tests.project import DAY, Project, not_done

WINDLESS = dt.date(2025, 6, 15)
WORLD = SampleWorld((DAY, WINDLESS))
UNITS = {u.bmu_id: BmUnit(u.bmu_id, None, u.name, None, "WIND", "T", Decimal(100)) for u in MAPPED_WIND}
FARM, GAS = "T_SYNTW-1", "T_SYNGT-1"
BOTH: tuple[StackSide, ...] = STACK_SIDES
BID_FLOWS, OFFER_FLOWS = (AnswerKey("cashflows", side) for side in BOTH)
BID_VOLUMES, OFFER_VOLUMES = (AnswerKey("boav", side) for side in BOTH)
NAMES = (
    "boav_wind_volume",
    "no_reduction_on_offer_side",
    "empty_day_has_empty_control",
    "controls_not_silent",
    "ebocf_wind_cashflow",
)

Rows = dict[AnswerKey, list[Row]]


# The checks, on what a day's answers say.


def rows_of(day: dt.date = DAY, sides: tuple[StackSide, ...] = BOTH) -> Rows:
    """The sample's answers of a day, to be changed by a test."""
    found = {AnswerKey("boav", side): WORLD.volumes(day, side) for side in BOTH}
    found |= {AnswerKey("cashflows", side): WORLD.cashflows(day, side) for side in BOTH}
    for side in sides:
        for period in range(1, period_count(day) + 1):
            found[AnswerKey("stack", side, period)] = WORLD.stack(day, side, period)
    return found


def read(
    rows: Rows,
    day: dt.date = DAY,
    *,
    sides: tuple[StackSide, ...] = BOTH,
    failures: Mapping[AnswerKey, str] | None = None,
    late: Mapping[AnswerKey, dt.timedelta] | None = None,
) -> DayReading:
    seen_at = rerun_done_at(day) + dt.timedelta(days=1)
    answers = {
        key: Answer(f"http://{key}", 200, seen_at - (late or {}).get(key, dt.timedelta()), body(each))
        for key, each in rows.items()
    }
    errors = {key: MinereconError(why) for key, why in (failures or {}).items()}
    return read_day(day, answers, errors, sides=sides, now=seen_at)


def body(rows: list[Row]) -> bytes:
    return json.dumps({"data": rows}).encode()


def checked(reading: DayReading) -> dict[str, Result]:
    results = against_control_totals(reading, list(wind_bids(reading, UNITS)), UNITS)
    assert tuple(r.checked.name for r in results) == NAMES
    assert all(str(r.repair).startswith(f"minerecon reingest {reading.day}") for r in results)
    return {r.checked.name: r for r in results}


def failing(reading: DayReading) -> set[str]:
    return {name for name, r in checked(reading).items() if not r.passed}


def boav_row(unit: str, mwh: float | None, *, day: dt.date = DAY, period: int = 20) -> Row:
    like = next(r for r in WORLD.volumes(day, "offer") if r["settlementPeriod"] == period)
    return like | {"bmUnit": unit, "totalVolumeAccepted": mwh}


def ebocf_row(unit: str, gbp: float, *, day: dt.date = DAY, period: int = 20) -> Row:
    like = next(r for r in WORLD.cashflows(day, "offer") if r["settlementPeriod"] == period)
    return like | {"bmUnit": unit, "totalCashflow": gbp}


def volume_of(rows: Rows, unit: str, key: AnswerKey = BID_VOLUMES) -> float:
    return sum(r["totalVolumeAccepted"] for r in rows[key] if r["bmUnit"] == unit)


@pytest.mark.parametrize("day", [DAY, WINDLESS], ids=["windy", "windless"])
@pytest.mark.parametrize("sides", [BOTH, ("bid",)], ids=["both sides", "bids only"])
def test_a_sound_day_passes_every_check_and_each_has_looked_at_something(
    day: dt.date, sides: tuple[StackSide, ...]
) -> None:
    rows = rows_of(day, sides)
    results = checked(read(rows, day, sides=sides))
    assert not {name: str(r) for name, r in results.items() if not r.passed}
    volumes, flows = (sum(1 + len(rows[AnswerKey(kind, side)]) for side in BOTH) for kind in ("boav", "cashflows"))
    offers = sum(len(each) for key, each in rows.items() if (key.kind, key.side) == ("stack", "offer"))
    assert {name: r.looked_at for name, r in results.items()} == {
        "boav_wind_volume": volumes,
        "no_reduction_on_offer_side": 1 + len(rows[OFFER_VOLUMES]) + offers,
        "empty_day_has_empty_control": volumes + flows,
        "controls_not_silent": 4,
        "ebocf_wind_cashflow": flows,
    }


def with_price(price: float | None, period: int = 20) -> tuple[Rows, Row]:
    """The day with another price on its first wind bid of a period."""
    rows = rows_of()
    key = AnswerKey("stack", "bid", period)
    place = next(n for n, row in enumerate(rows[key]) if row["id"] in UNITS and row["volume"] < 0)
    rows[key] = [row | {"originalPrice": price} if n == place else row for n, row in enumerate(rows[key])]
    return rows, rows[key][place]


@pytest.mark.parametrize(
    ("price", "fails"), [(-99_999, True), (99_999, True), (-250_000, True), (-99_998.99, False), (None, False)]
)
def test_a_price_at_the_limit_is_told_with_unit_period_price_energy_and_money(price: float, fails: bool) -> None:
    rows, bid = with_price(price)
    reading = read(rows)
    result = prices_below_limit(reading, list(wind_bids(reading, UNITS)))
    assert result.passed is not fails
    assert result.looked_at > 0
    assert not result.blocks
    if fails:
        (found,) = result.violations
        assert (found["bmu_id"], found["settlement_period"]) == (bid["id"], 20)
        assert Decimal(found["payment_gbp"]) == Decimal(str(bid["volume"])) * Decimal(str(price))
        assert f"{bid['id']} in period 20 at £{price:,}/MWh" in result.actual


def wind_rows(*, zero: Mapping[int, str], only: range = range(1, 49)) -> Rows:
    """The day with its wind output, 0 of a kind in some periods, and no output but of some."""
    rows, starts = rows_of(), period_starts(DAY)
    rows[AnswerKey("agws")] = [
        row | {"quantity": 0} if zero.get(row["settlementPeriod"], "none") in row["psrType"] else row
        for row in WORLD.wind_and_solar(starts[0], starts[-1])
        if row["settlementPeriod"] in only
    ]
    return rows


def test_wind_output_of_0_beside_wind_bids_is_told_and_where_there_are_none_it_is_believed() -> None:
    reading = read(wind_rows(zero={}))
    bids = list(wind_bids(reading, UNITS))
    busy = sorted({period for _, period, _ in bids})
    assert wind_output_above_zero(reading, bids).passed
    assert believed_wind_output(reading.of(AGWS).by_period, busy) == reading.of(AGWS).by_period
    assert not AGWS.asked_again(reading)
    zero = {busy[0]: "Wind Onshore", busy[1]: "Wind", busy[2]: "Wind Offshore"}
    reading = read(wind_rows(zero=zero))
    result = wind_output_above_zero(reading, bids)
    assert [v["settlement_period"] for v in result.violations] == busy[:3]
    assert not result.blocks
    assert AGWS.asked_again(reading), "it is asked for again"
    believed = believed_wind_output(reading.of(AGWS).by_period, busy)
    assert believed[busy[0]].onshore_mw is None
    assert believed[busy[0]].offshore_mw == reading.of(AGWS).by_period[busy[0]].offshore_mw
    assert believed[busy[1]] == WindOutput(None, None)
    without = [bid for bid in bids if bid[1] not in busy[:3]]
    assert wind_output_above_zero(reading, without).passed
    assert believed_wind_output(reading.of(AGWS).by_period, busy[3:]) == reading.of(AGWS).by_period


def test_wind_output_that_is_not_there_is_not_0() -> None:
    reading = read(wind_rows(zero={}, only=range(1, 10)))
    assert wind_output_above_zero(reading, list(wind_bids(reading, UNITS))).passed


@pytest.mark.parametrize(("share", "fails"), [(0.0049, False), (0.0051, True), (-0.0051, True)])
def test_volumes_may_differ_by_half_a_per_cent(share: float, fails: bool) -> None:
    rows = rows_of()
    off = volume_of(rows, FARM) * share
    assert abs(off) > 1
    rows[BID_VOLUMES].append(boav_row(FARM, -abs(off)))
    if share < 0:  # the other way: a control that is too small
        rows[BID_VOLUMES] = scaled(rows_of()[BID_VOLUMES], FARM, "totalVolumeAccepted", 1 + share)
    result = checked(read(rows))["boav_wind_volume"]
    assert result.passed is not fails
    assert [v["bmu_id"] for v in result.violations] == [FARM] * fails


@pytest.mark.parametrize(("mwh", "fails"), [(-0.99, False), (-1.01, True)])
def test_volumes_of_a_unit_without_a_row_may_be_one_mwh(mwh: float, fails: bool) -> None:
    rows = without(rows_of(), FARM)
    rows[BID_VOLUMES].append(boav_row(FARM, mwh))
    assert failing(read(rows)) == ({"boav_wind_volume"} if fails else set())


def test_rows_that_the_stack_lost_are_found_by_the_volumes_and_by_the_cashflows() -> None:
    rows = rows_of()
    for key in rows:
        if key.kind == "stack" and key.side == "bid":
            rows[key] = [r for r in rows[key] if r["id"] != FARM]
    result = checked(read(rows))["boav_wind_volume"]
    assert result.blocks
    assert result.violations[0]["records_mwh"] == "0"
    assert failing(read(rows)) == {"boav_wind_volume", "ebocf_wind_cashflow"}


def test_without_volumes_nothing_of_the_family_passes_on_what_is_left() -> None:
    rows = rows_of()
    del rows[BID_VOLUMES], rows[OFFER_VOLUMES]
    reading = read(rows, failures={BID_VOLUMES: "HTTP 500", OFFER_VOLUMES: "HTTP 500"})
    assert failing(reading) == set(NAMES) - {"ebocf_wind_cashflow", "controls_not_silent"}
    for name in ("boav_wind_volume", "no_reduction_on_offer_side", "empty_day_has_empty_control"):
        assert {"control_total": "BOAV offer", "error": "HTTP 500"} in checked(reading)[name].violations
    assert checked(reading)["boav_wind_volume"].looked_at == 0


def test_one_side_of_the_volumes_that_did_not_come_is_missed() -> None:
    rows = rows_of()
    del rows[BID_VOLUMES]
    assert failing(read(rows)) == {"boav_wind_volume", "empty_day_has_empty_control"}


def test_a_reduction_on_the_offer_side_is_found_in_the_volumes_whether_or_not_offers_are_fetched() -> None:
    for sides in (BOTH, ("bid",)):
        rows = rows_of(sides=sides)
        rows[OFFER_VOLUMES].append(boav_row(FARM, -0.25))
        result = checked(read(rows, sides=sides))["no_reduction_on_offer_side"]
        assert (result.passed, result.blocks) == (False, False)
        assert result.violations == ({"report": "BOAV", "bmu_id": FARM, "volume_mwh": "-0.25"},)


def test_a_reduction_on_the_offer_side_is_found_in_the_stack() -> None:
    rows = rows_of()
    key = AnswerKey("stack", "offer", 20)
    offer = rows[key][0]
    rows[key].append(offer | {"id": FARM, "volume": -50, "originalPrice": -9000, "sequenceNumber": 900})
    reading = read(rows)
    assert failing(reading) == {"no_reduction_on_offer_side", "boav_wind_volume"}, "its cashflow is not of the bids"
    result = checked(reading)["no_reduction_on_offer_side"]
    assert result.violations == ({"report": "stack", "bmu_id": FARM, "volume_mwh": "-50"},)


@pytest.mark.parametrize(("unit", "mwh"), [(GAS, -5.0), (FARM, 5.0), (FARM, None), (FARM, -0.0)])
def test_what_is_no_reduction_of_a_wind_farm_is_none_on_the_offer_side(unit: str, mwh: float | None) -> None:
    rows = rows_of()
    rows[OFFER_VOLUMES].append(boav_row(unit, mwh))
    assert "no_reduction_on_offer_side" not in failing(read(rows))


@pytest.mark.parametrize(
    ("key", "row", "fails"),
    [
        (BID_VOLUMES, boav_row(FARM, -0.001, day=WINDLESS), True),
        (OFFER_VOLUMES, boav_row(FARM, -0.001, day=WINDLESS), True),
        (OFFER_VOLUMES, boav_row(FARM, 3.0, day=WINDLESS), False),
        (BID_VOLUMES, boav_row(FARM, 0.0, day=WINDLESS), False),
        (BID_VOLUMES, boav_row(FARM, None, day=WINDLESS), False),
        (BID_VOLUMES, boav_row(GAS, -3.0, day=WINDLESS), False),
        (BID_FLOWS, ebocf_row(FARM, 0.01, day=WINDLESS), True),
        (BID_FLOWS, ebocf_row(FARM, 0.0, day=WINDLESS), False),
        (OFFER_FLOWS, ebocf_row(FARM, 90.0, day=WINDLESS), False),
        (BID_FLOWS, ebocf_row(GAS, 0.01, day=WINDLESS), False),
    ],
)
def test_a_day_without_wind_bids_has_none_in_its_controls(key: AnswerKey, row: Row, fails: bool) -> None:
    rows = rows_of(WINDLESS)
    rows[key].append(row)
    result = checked(read(rows, WINDLESS))["empty_day_has_empty_control"]
    assert result.passed is not fails
    assert result.blocks is fails
    report = "BOAV" if key.kind == "boav" else "EBOCF"
    assert [v["control_total"] for v in result.violations] == [f"{report} {key.side}"] * fails


def empty_day() -> Rows:
    return {key: [] for key in rows_of(WINDLESS)}


def test_a_day_without_any_row_passes_with_controls_without_any_and_looks_at_the_four_of_them() -> None:
    results = checked(read(empty_day(), WINDLESS))
    assert all(r.passed for r in results.values())
    assert results["empty_day_has_empty_control"].looked_at == 4
    assert results["ebocf_wind_cashflow"].looked_at == 2


def test_a_day_without_any_row_has_no_period_that_could_be_compared() -> None:
    reading = read(empty_day(), WINDLESS)
    assert reading.judgement.state == "incomplete"
    assert reading.present_periods("bid") == reading.present_periods("offer") == set()


def test_a_day_that_is_not_published_yet_is_incomplete_and_not_empty() -> None:
    rows = {key: [] if key.kind == "stack" else each for key, each in rows_of().items()}
    reading = read(rows)
    assert reading.judgement.state == "incomplete"
    assert not failing(reading)


def test_cashflows_that_are_not_known_leave_the_empty_day_to_the_volumes() -> None:
    rows = empty_day()
    del rows[BID_FLOWS], rows[OFFER_FLOWS]
    reading = read(rows, WINDLESS)
    assert failing(reading) == {"ebocf_wind_cashflow"}
    assert "EBOCF bid, offer not known" in checked(reading)["empty_day_has_empty_control"].actual


def scaled(rows: list[Row], unit: str, name: str, factor: float) -> list[Row]:
    return [r | {name: r[name] * factor} if r["bmUnit"] == unit else r for r in rows]


def without(rows: Rows, unit: str) -> Rows:
    """The day as if the unit had no accepted bid."""
    return {
        key: [r for r in each if r.get("id", r.get("bmUnit")) != unit] if key.side == "bid" else each
        for key, each in rows.items()
    }


def payments(rows: Rows, unit: str) -> float:
    """What the stack's bids pay a unit, by floats and apart from the code under test."""
    found = {json.dumps(r): r for key, each in rows.items() if (key.kind, key.side) == ("stack", "bid") for r in each}
    return sum(r["volume"] * r["originalPrice"] for r in found.values() if r["id"] == unit)


@pytest.mark.parametrize(("factor", "fails"), [(1 / 0.951, False), (1 / 0.949, True), (0.96, False), (0.95, True)])
def test_a_unit_may_differ_by_five_per_cent_of_its_gross_cashflow(factor: float, fails: bool) -> None:
    rows = rows_of()
    served = sum(r["totalCashflow"] for r in rows[BID_FLOWS] if r["bmUnit"] == FARM)
    paid = payments(rows, FARM)
    assert paid > 10_000
    rows[BID_FLOWS] = scaled(rows[BID_FLOWS], FARM, "totalCashflow", paid * factor / served)
    result = checked(read(rows))["ebocf_wind_cashflow"]
    assert result.passed is not fails
    assert not result.blocks
    assert [v["bmu_id"] for v in result.violations] == [FARM] * fails


def test_the_five_per_cent_are_of_the_gross_and_not_of_what_is_left_of_it() -> None:
    rows = rows_of()
    paid = payments(rows, FARM)
    rows[BID_FLOWS] += [ebocf_row(FARM, 2 * paid, period=1), ebocf_row(FARM, -2.1 * paid, period=2)]
    assert 0.1 * paid > 100
    assert not failing(read(rows))


@pytest.mark.parametrize(("gbp", "fails"), [(99.99, False), (-99.99, False), (100.01, True), (-100.01, True)])
def test_a_unit_without_a_bid_may_have_a_hundred_pounds(gbp: float, fails: bool) -> None:
    rows = without(rows_of(), FARM)
    rows[BID_FLOWS].append(ebocf_row(FARM, gbp))
    assert failing(read(rows)) == ({"ebocf_wind_cashflow"} if fails else set())


def test_a_sign_that_is_turned_round_is_found_at_every_unit() -> None:
    rows = rows_of()
    rows[BID_FLOWS] = [r | {"totalCashflow": -r["totalCashflow"]} for r in rows[BID_FLOWS]]
    result = checked(read(rows))["ebocf_wind_cashflow"]
    assert result.violation_count == len({r["bmUnit"] for r in rows[BID_FLOWS]} & UNITS.keys()) == len(UNITS)


def test_cashflows_without_a_row_are_not_taken_for_a_day_without_payments() -> None:
    rows = rows_of() | {BID_FLOWS: []}
    assert failing(read(rows)) == {"controls_not_silent", "ebocf_wind_cashflow"}


def test_cashflows_of_other_fuels_and_of_offers_are_nobodys_business_here() -> None:
    rows = rows_of()
    rows[BID_FLOWS].append(ebocf_row(GAS, 1e6))
    rows[OFFER_FLOWS].append(ebocf_row(FARM, 1e6))
    assert not failing(read(rows))


def test_a_bid_without_a_price_is_left_out_and_said() -> None:
    rows = rows_of()
    key, place = next(
        (key, n)
        for key, each in rows.items()
        for n, r in enumerate(each)
        if key.kind == "stack" and r["id"] == FARM and 0 > r["volume"] > -1
    )
    rows[key][place] = rows[key][place] | {"originalPrice": None}
    result = checked(read(rows))["ebocf_wind_cashflow"]
    assert result.passed
    assert "1 bids without a price left out" in result.actual


@pytest.mark.parametrize("key", [BID_FLOWS, OFFER_FLOWS])
def test_cashflows_that_did_not_come_were_not_looked_at_and_the_check_says_why(key: AnswerKey) -> None:
    rows = rows_of()
    del rows[key]
    for failures, why in (
        ({key: "GET http://here: HTTP 500"}, "GET http://here: HTTP 500"),
        (None, "it was not fetched"),
    ):
        reading = read(rows, failures=failures)  # type: ignore[arg-type]
        assert reading.judgement.state == "final"
        assert failing(reading) == {"ebocf_wind_cashflow"}
        result = checked(reading)["ebocf_wind_cashflow"]
        assert (result.looked_at, result.blocks) == (0, False)
        assert "could not look" in result.actual
        assert result.violations == ({"control_total": f"EBOCF {key.side}", "error": why},)


def test_cashflows_of_an_earlier_look_than_the_volumes_are_no_control_and_a_few_minutes_do_not_make_one() -> None:
    for minutes, fails in ((14, False), (16, True)):
        reading = read(rows_of(), late={BID_FLOWS: dt.timedelta(minutes=minutes)})
        assert failing(reading) == ({"ebocf_wind_cashflow"} if fails else set())
        assert BID_FLOWS.side in reading.of(CASHFLOWS).errors or not fails
    assert "what is held of it is of 2025-03-31" in reading.of(CASHFLOWS).errors["bid"]


def test_cashflows_that_are_held_and_not_old_count_though_asking_again_has_failed() -> None:
    reading = read(rows_of(), failures={BID_FLOWS: "HTTP 500"}, late={BID_FLOWS: dt.timedelta(minutes=14)})
    assert not reading.of(CASHFLOWS).errors
    assert not failing(reading)


def test_only_the_periods_that_are_present_are_compared() -> None:
    rows = rows_of()
    for period in range(20, 30):
        rows[AnswerKey("stack", "bid", period)] = []
    reading = read(rows)
    assert reading.judgement.state == "incomplete"
    assert not failing(reading)


# What is fetched, stored and shown.


def ebocf_path(side: StackSide, day: dt.date = DAY) -> str:
    return f"/balancing/settlement/indicative/cashflows/all/{side}/{day}"


def stored(project: Project) -> tuple[dict[Any, Any], dict[Any, Any]]:
    boav = project.sql("SELECT stack_side, bmu_id, volume_mwh FROM minerecon.boav_control_totals")
    ebocf = project.sql(
        "SELECT stack_side, bmu_id, cashflow_gbp, gross_cashflow_gbp FROM minerecon.ebocf_control_totals"
    )
    return {row[:2]: row[2] for row in boav}, {row[:2]: row[2:] for row in ebocf}


def served(project: Project, day: dt.date = DAY) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """The same by the exact decimals of the JSON that the fake serves."""
    boav: dict[Any, Decimal] = defaultdict(Decimal)
    ebocf: dict[Any, tuple[Decimal, Decimal]] = defaultdict(lambda: (Decimal(), Decimal()))
    for side in BOTH:
        for row in json.loads(json.dumps(project.elexon.world.volumes(day, side)), parse_float=Decimal):
            if row["bmUnit"] in UNITS and row["totalVolumeAccepted"] < 0:
                boav[side, row["bmUnit"]] += row["totalVolumeAccepted"]
        for row in json.loads(json.dumps(project.elexon.world.cashflows(day, side)), parse_float=Decimal):
            if row["bmUnit"] in UNITS:
                net, gross = ebocf[side, row["bmUnit"]]
                ebocf[side, row["bmUnit"]] = net + row["totalCashflow"], gross + abs(row["totalCashflow"])
    return dict(boav), dict(ebocf)


def results(project: Project, name: str, day: dt.date = DAY) -> list[tuple[Any, ...]]:
    """The newest evaluation of a property."""
    return project.sql(
        "SELECT passed, severity, looked_at, CAST(violations AS text) FROM minerecon.reconciliation_results"
        " WHERE check_name = :name AND settlement_date = :day ORDER BY result_id DESC LIMIT 1",
        name=name,
        day=day,
    )


@pytest.mark.slow
def test_a_days_control_totals_are_stored_per_unit_and_side_and_replaced_with_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = project.elexon.world
    flows = {side: world.cashflows(DAY, side) for side in BOTH}
    pays = next(row for row in flows["bid"] if row["bmUnit"] == FARM)
    pays["totalCashflow"] = -pays["totalCashflow"]
    monkeypatch.setattr(world, "cashflows", lambda day, side: flows[side])
    project.ingest()
    boav, ebocf = stored(project)
    assert (boav, ebocf) == served(project)
    assert {side for side, _ in boav} == {"bid"}
    assert {side for side, _ in ebocf} == {"bid", "offer"}
    assert [unit for (side, unit), (net, gross) in ebocf.items() if side == "bid" and net < gross] == [FARM]
    world.revise[DAY] = 1.004
    project.ingest(force=True)
    assert stored(project) == served(project)
    assert stored(project) != (boav, ebocf)


@pytest.mark.slow
def test_only_periods_that_are_present_are_in_the_stored_totals(project: Project) -> None:
    hidden = set(range(1, 40))
    for side in BOTH:
        project.elexon.world.hide[DAY, side] = hidden
    project.ingest()
    project.elexon.world.hide_controls = True
    assert stored(project) == served(project)


def test_each_day_materializes_both_controls_with_their_units_sums_and_time(project: Project) -> None:
    ran = project.run(DAY)
    assert ran.success
    boav, ebocf = served(project)
    metadata = {
        event.asset_key.path[0]: {name: value.value for name, value in event.materialization.metadata.items()}
        for event in ran.get_asset_materialization_events()
        if event.asset_key is not None and event.partition == str(DAY)
    }
    seen = metadata["boav_control_totals"]
    assert seen["units"] == len({unit for _, unit in boav})
    assert seen["bid_mwh"] == pytest.approx(float(sum(boav.values())), abs=0.0006)
    assert seen["offer_mwh"] == 0
    answers = project.archive.load(project.archive_objects()[0]).answers
    assert seen["fetched_at"] == min(answers[key].fetched_at for key in (BID_VOLUMES, OFFER_VOLUMES)).timestamp()
    seen = metadata["ebocf_control_totals"]
    assert seen["units"] == len({unit for _, unit in ebocf})
    for side in BOTH:
        total = sum(net for (of_side, _), (net, _) in ebocf.items() if of_side == side)
        assert seen[f"{side}_gbp"] == pytest.approx(float(total), abs=0.006)
    assert seen["fetched_at"] == min(answers[key].fetched_at for key in (BID_FLOWS, OFFER_FLOWS)).timestamp()


@pytest.mark.slow
def test_a_controls_key_alone_rebuilds_the_day_from_the_archive(project: Project) -> None:
    project.ingest()
    project.elexon.requests.clear()
    ran = project.run(DAY, selection=[dg.AssetKey("ebocf_control_totals")])
    assert ran.success, not_done(ran)
    assert not project.elexon.requests
    keys = {event.asset_key for event in ran.get_asset_materialization_events()}
    assert {dg.AssetKey("boav_control_totals"), dg.AssetKey("curtailment_records")} < keys


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(400), "HTTP 400"),
        (NOT_FOUND, "no control total for the day"),
        (Fault(200, b'{"data": [{"settlementDate": "2025-03-28"}]}'), "required field"),
    ],
    ids=["refused", "not found", "drift"],
)
def test_without_cashflows_the_day_is_published_with_a_warning_and_the_next_look_asks_for_them_alone(
    project: Project, fault: Fault, why: str
) -> None:
    project.elexon.faults = lambda path: fault if "cashflows" in path else None
    project.ingest()
    assert project.sql("SELECT state FROM minerecon.daily_summaries") == [("final",)]
    ((passed, severity, looked_at, violations),) = results(project, "ebocf_wind_cashflow")
    assert (passed, severity, looked_at) == (False, "WARN", 0)
    assert why in violations
    assert all(results(project, name)[0][0] for name in NAMES[:3])
    assert project.status() == "warned"
    event = project.instance.get_latest_materialization_event(dg.AssetKey("ebocf_control_totals"))
    assert event is not None
    assert event.asset_materialization is not None
    assert why in str(event.asset_materialization.metadata["missing"].value), "a backfill is no failure for it"
    assert stored(project) == (served(project)[0], {})
    project.elexon.faults = lambda path: None
    project.elexon.requests.clear()
    project.ingest()
    assert set(project.elexon.requests) == {ebocf_path("bid"), ebocf_path("offer")}
    assert project.elexon.requests.total() == 2
    assert results(project, "ebocf_wind_cashflow")[0][0]
    assert project.status() == "complete"
    assert stored(project) == served(project)
    assert project.sql("SELECT count(*) FROM minerecon.restatements") == [(0,)], "no bid has changed"
    project.elexon.requests.clear()
    project.ingest()
    assert not project.elexon.requests


@pytest.mark.slow
def test_one_side_that_is_missing_is_asked_for_alone_and_stays_missing_until_it_comes(project: Project) -> None:
    project.elexon.faults = lambda path: Fault(400) if path == ebocf_path("offer") else None
    project.ingest()
    assert {side for side, _ in stored(project)[1]} == {"bid"}
    for _ in range(2):
        project.elexon.requests.clear()
        project.ingest()
        assert dict(project.elexon.requests) == {ebocf_path("offer"): 1}
        assert results(project, "ebocf_wind_cashflow")[0][:3] == (False, "WARN", 0)
    assert len(project.archive_objects()) == 1


@pytest.mark.slow
def test_cashflows_that_stopped_coming_leave_the_held_ones_to_what_they_were_a_control_of(project: Project) -> None:
    project.now = (rerun_done_at(DAY) + dt.timedelta(hours=1)).isoformat()
    with fake_clock(project):
        project.ingest()
    project.now = (rerun_done_at(DAY) + dt.timedelta(hours=3)).isoformat()
    project.elexon.faults = lambda path: Fault(400) if "cashflows" in path else None
    with fake_clock(project):
        project.ingest(force=True)
    ((passed, _, looked_at, violations),) = results(project, "ebocf_wind_cashflow")
    assert (passed, looked_at) == (False, 0)
    assert "HTTP 400" in violations
    assert "what is held of it is of 2025-03-30 01:44 UTC" in violations
    project.elexon.faults = lambda path: None
    project.elexon.requests.clear()
    with fake_clock(project):
        project.ingest()
    assert set(project.elexon.requests) == {ebocf_path("bid"), ebocf_path("offer")}
    assert project.status() == "complete"
    assert len(project.archive_objects()) == 1, "nothing new came, so only the times of the looks were kept"


@pytest.mark.slow
def test_a_held_final_day_without_cashflows_is_due_for_a_fortnight_and_no_longer(project: Project) -> None:
    def due(days_later: int) -> bool:
        today = DAY + dt.timedelta(days=days_later)
        return DAY in days_to_ingest(project.engine, first_day=DAY, today=today)

    project.elexon.faults = lambda path: Fault(400) if "cashflows" in path else None
    project.ingest()
    assert [due(n) for n in (2, 14, 15)] == [True, True, False]
    project.elexon.faults = lambda path: None
    project.ingest()
    assert not due(2)


@pytest.mark.slow
def test_cashflows_that_differ_warn_and_are_no_reason_to_ask_every_day(project: Project) -> None:
    flows = project.elexon.world.cashflows(DAY, "bid")
    wrong = body([row | {"totalCashflow": -row["totalCashflow"]} for row in flows])
    project.elexon.faults = lambda path: Fault(200, wrong) if path == ebocf_path("bid") else None
    project.ingest()
    assert results(project, "ebocf_wind_cashflow")[0][:2] == (False, "WARN")
    assert project.status() == "warned"
    assert DAY not in days_to_ingest(project.engine, first_day=DAY, today=DAY + dt.timedelta(days=2))
    project.elexon.faults = lambda path: None
    project.ingest(force=True)
    assert project.status() == "complete"


@pytest.mark.slow
def test_a_cashflow_of_a_wind_farm_on_a_windless_day_is_not_published(project: Project) -> None:
    stray = body([*project.elexon.world.cashflows(WINDLESS, "bid"), ebocf_row(FARM, 1.0, day=WINDLESS)])
    path = ebocf_path("bid", WINDLESS)
    project.elexon.faults = lambda asked: Fault(200, stray) if asked == path else None
    ran = project.run(WINDLESS)
    assert not ran.success
    assert "empty_day_has_empty_control" in not_done(ran)
    assert project.sql("SELECT count(*) FROM minerecon.daily_summaries") == [(0,)]
    project.elexon.faults = lambda asked: None
    project.ingest(WINDLESS, force=True)
    assert project.status(WINDLESS) == "complete"


@pytest.mark.slow
def test_with_bids_alone_the_volumes_of_the_offers_find_what_would_be_missed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELEXON_STACK_SIDES", "bid")
    reduced = body([*project.elexon.world.volumes(DAY, "offer"), boav_row(FARM, -7.0)])
    path = "/balancing/settlement/acceptance/volumes/all/offer/2025-03-28"
    project.elexon.faults = lambda asked: Fault(200, reduced) if asked == path else None
    ran = project.run(DAY)
    assert "boav_wind_volume" in not_done(ran)
    assert not results(project, "no_reduction_on_offer_side")[0][0]
    project.elexon.faults = lambda asked: None
    project.elexon.requests.clear()
    project.ingest(force=True)
    assert project.elexon.requests.total() == 48 + 5 + 2, "notifications and meters stand beside the day"
    assert not any(stack_path("offer", DAY, period) in project.elexon.requests for period in range(1, 49))
    assert project.status() == "complete"
