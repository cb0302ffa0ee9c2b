"""What all control totals have in common, on the accepted volumes."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES
from minerecon_dagster.core.errors import MinereconError
from minerecon_dagster.elexon.datasets.boav import BOAV, BoavRow
from minerecon_dagster.elexon.datasets.cashflows import CASHFLOWS
from minerecon_dagster.elexon.datasets.control_total import SaidBySide
from minerecon_dagster.elexon.reading import DayReading
from minerecon_dagster.sample.ask import Asked
from minerecon_dagster_tests.elexon.small import (
    AT,
    DAY,
    MADE,
    PERIODS,
    UNIT,
    answer,
    in_boav,
    in_cashflows,
    read,
    whole_day,
)

BID, OFFER = AnswerKey("boav", "bid"), AnswerKey("boav", "offer")
OTHER = "T_OTHER-1"


def rows(*of: dict[str, Any]) -> list[BoavRow]:
    return BOAV.parse(BID, DAY, answer(list(of)))


def of_volumes(bid: list[dict[str, Any]], offer: list[dict[str, Any]] | None = None, **more: Any) -> DayReading:
    return read(whole_day() | {BID: bid, OFFER: offer if offer is not None else [in_boav(1)]}, **more)


def test_it_is_asked_for_both_sides_whatever_is_fetched() -> None:
    assert BOAV.asked == BOAV.keys(("bid",), []) == [BID, OFFER]
    assert BOAV.has_side is CASHFLOWS.has_side is True
    assert BOAV.path(OFFER, DAY) == "/balancing/settlement/acceptance/volumes/all/offer/2025-03-28"
    assert CASHFLOWS.path(AnswerKey("cashflows", "bid"), DAY) == (
        "/balancing/settlement/indicative/cashflows/all/bid/2025-03-28"
    )
    assert list(BOAV.columns) == ["settlement_date", "stack_side", "bmu_id", "volume_mwh"]


@pytest.mark.parametrize(
    ("total", "path", "name"),
    [(BOAV, "acceptance/volumes", "volumes"), (CASHFLOWS, "indicative/cashflows", "cashflows")],
)
def test_the_sample_answers_with_the_rows_of_the_day_and_side(total: Any, path: str, name: str) -> None:
    world = SimpleNamespace(**{name: lambda *of: [{"of": of}]})
    asked = Asked([DAY], f"balancing/settlement/{path}/all/offer/2025-03-28", {})
    assert total.sample(world, asked) == [{"of": (DAY, "offer")}]
    assert total.sample(world, Asked([DAY], f"balancing/settlement/{path}/all/offer", {})) is None


def test_what_is_said_has_its_sides_rows_and_errors() -> None:
    says = SaidBySide(rows={"bid": rows(in_boav(1), in_boav(2))}, errors={"offer": "gone"})
    assert (says.answer_count, says.looked_at(), says.looked_at(["offer"]), says.looked_at(["bid"])) == (1, 3, 0, 3)
    assert SaidBySide(rows={"bid": [], "offer": rows(in_boav(1))}).looked_at() == 3
    empty: SaidBySide[BoavRow] = SaidBySide()
    assert (empty.rows, empty.errors, empty.absent, empty.late) == ({}, {}, frozenset(), {})


def test_a_side_is_taken_away_with_why_and_given_back() -> None:
    of_bid, of_offer = rows(in_boav(1)), rows(in_boav(2))
    says = SaidBySide(rows={"bid": of_bid, "offer": of_offer}, errors={}, absent=frozenset())
    gone = says.without("bid", "silent").without("offer", "silent too")
    assert gone == SaidBySide(rows={}, errors={"bid": "silent", "offer": "silent too"}, absent=frozenset(STACK_SIDES))
    assert says.without("bid", "silent").rows == {"offer": of_offer}
    back = gone.keeping("bid", of_bid)
    assert (back.rows, back.errors) == ({"bid": of_bid}, {"offer": "silent too"})
    assert says.keeping("bid", of_offer).rows == {"bid": [*of_bid, *of_offer], "offer": of_offer}


def test_the_amounts_of_the_same_units_are_added_up_once_and_of_others_anew() -> None:
    says: SaidBySide[BoavRow] = SaidBySide()
    units, equal = [UNIT], [UNIT]
    made = iter([{("bid", UNIT): (Decimal(n),)} for n in (1, 2, 3)])

    def add_up() -> Any:
        return next(made)

    assert [says.totals_once(of, add_up)["bid", UNIT] for of in (units, equal, units, equal)] == [
        (Decimal(1),), (Decimal(2),), (Decimal(1),), (Decimal(2),),
    ]  # fmt: skip


def test_what_was_added_up_is_no_part_of_what_is_said() -> None:
    says: SaidBySide[BoavRow] = SaidBySide()
    units = [UNIT]
    says.totals_once(units, lambda: {("bid", UNIT): (Decimal(1),)})
    assert says == SaidBySide()
    assert repr(says) == repr(SaidBySide())
    assert says.keeping("bid", []).totals_once(units, dict) == {}, "with other rows it is added up anew"


def test_periods_are_those_of_rows_that_have_an_amount() -> None:
    of = [in_boav(1), in_boav(2, totalVolumeAccepted=0), in_boav(3, totalVolumeAccepted=None), in_boav(4), in_boav(4)]
    assert BOAV.periods(rows(*of)) == {1, 4}


@pytest.mark.parametrize(
    ("bid", "failures", "error", "is_absent"),
    [
        ([in_boav(1)], {BID: MinereconError("timed out")}, "timed out", True),
        (None, {}, "it was not fetched", True),
        ([in_boav(1, totalVolumeAccepted="x")], {}, "got `str` - at `$.data[0].totalVolumeAccepted`", False),
    ],
)
def test_a_side_that_did_not_come_is_absent_and_one_that_cannot_be_read_is_wrong(
    bid: list[dict[str, Any]] | None, failures: dict[AnswerKey, MinereconError], error: str, is_absent: bool
) -> None:
    of_day = {key: each for key, each in whole_day().items() if key != BID}
    says = read(of_day if bid is None else of_day | {BID: bid}, failures=failures).of(BOAV)
    assert (says.rows.keys(), says.errors.keys()) == ({"offer"}, {"bid"})
    assert error in says.errors["bid"]
    assert says.absent == ({"bid"} if is_absent else set())
    assert (says.late, says.kept) == ({}, {})


def test_of_a_later_answer_that_lacks_periods_those_held_are_kept_beside_it() -> None:
    held = [in_boav(p, totalVolumeAccepted=-1) for p in (1, 2, 3, 2)]
    later = [in_boav(3, totalVolumeAccepted=-9), in_boav(1, totalVolumeAccepted=0)]
    says = of_volumes(held, silent={BID: later}).of(BOAV)
    assert [(r.settlement_period, r.total_volume_accepted) for r in says.rows["bid"]] == [
        (3, -9), (1, -1), (2, -1), (2, -1),
    ]  # fmt: skip
    assert says.kept == {BID: (1, 2)}


@pytest.mark.parametrize(
    ("now", "lacks"),
    [([in_boav(p) for p in PERIODS], set()), ([in_boav(p) for p in PERIODS if p not in (4, 9)], {4, 9}),
     ([in_boav(1, totalVolumeAccepted="x")], set()), ([], set(PERIODS)), (None, set(PERIODS))],
    ids=["the same", "two fewer", "drift", "nothing", "not there"],
)  # fmt: skip
def test_an_answer_lacks_the_periods_that_had_an_amount_unless_it_cannot_be_read(
    now: list[dict[str, Any]] | None, lacks: set[int]
) -> None:
    of_day = {key: each for key, each in whole_day().items() if key != BID}
    held, says = read(whole_day()), read(of_day if now is None else of_day | {BID: now})
    assert BOAV.lacks(BID, answer([]), held, says) == lacks


def test_of_a_side_that_was_not_known_nothing_can_be_lacking() -> None:
    held = read({key: each for key, each in whole_day().items() if key != BID})
    assert BOAV.lacks(BID, answer([]), held, of_volumes([in_boav(1)])) == set()


def test_what_is_held_late_is_what_can_be_lacking() -> None:
    held = read(whole_day())
    says = replace(held.of(BOAV), late={"bid": {60, 61}})
    assert BOAV.lacks(BID, answer([]), replace(held, said={**held.said, "boav": says}), held) == {60, 61}


def test_what_is_held_stands_in_for_what_its_answer_lacks() -> None:
    held = SaidBySide(rows={"bid": rows(in_boav(1), in_boav(2), in_boav(3))})
    says = SaidBySide(rows={"bid": rows(in_boav(3))}, errors={"bid": "x"})
    found = BOAV.with_kept(says, held, "bid", {1, 2})
    assert [r.settlement_period for r in found.rows["bid"]] == [3, 1, 2]
    assert found.errors == {}
    assert BOAV.with_kept(says, held, "offer", {1}).rows["offer"] == []


def test_a_period_was_made_when_its_newest_row_was() -> None:
    of_cashflows = {
        "bid": [in_cashflows(1, createdDateTime="2025-03-28T04:00:00Z"), in_cashflows(1),
                in_cashflows(1, createdDateTime="2025-03-28T05:00:00Z"), in_cashflows(2, createdDateTime=None)],
    }  # fmt: skip
    says = read(whole_day() | {AnswerKey("cashflows", "bid"): of_cashflows["bid"]}).of(CASHFLOWS)
    found = CASHFLOWS.made_at(says)
    assert found["bid", 1] == dt.datetime.fromisoformat(MADE)
    assert ("bid", 2) not in found
    assert found.keys() == {("bid", 1), *(("offer", p) for p in PERIODS)}


def test_amounts_are_by_side_and_unit_in_order_and_are_what_is_written() -> None:
    of_bid = [in_boav(1, bmUnit=OTHER, totalVolumeAccepted=-1), in_boav(1, totalVolumeAccepted=-2)]
    reading = of_volumes(of_bid, [in_boav(1, totalVolumeAccepted=-4)])
    units: Any = {UNIT: None, OTHER: None}
    assert list(BOAV.totals(reading, units).items()) == [
        (("bid", OTHER), (Decimal(-1),)), (("bid", UNIT), (Decimal(-2),)), (("offer", UNIT), (Decimal(-4),)),
    ]  # fmt: skip
    assert BOAV.rows(reading, [], units) == [
        (DAY, "bid", OTHER, Decimal(-1)), (DAY, "bid", UNIT, Decimal(-2)), (DAY, "offer", UNIT, Decimal(-4)),
    ]  # fmt: skip
    assert BOAV.totals(reading, units) is BOAV.totals(reading, units)


def test_amounts_are_added_up_to_the_last_digit() -> None:
    large, small = Decimal("-1e17"), Decimal("-0.00000000000000000001")
    of_bid = [in_boav(1, totalVolumeAccepted="A"), in_boav(2, totalVolumeAccepted="B")]
    body = answer(of_bid).body.replace(b'"A"', b"-100000000000000000").replace(b'"B"', b"-0.00000000000000000001")
    reading = read(whole_day())
    parsed = BOAV.parse(BID, DAY, Answer("u", 200, AT, body))
    reading = replace(reading, said={**reading.said, "boav": SaidBySide(rows={"bid": parsed})})
    assert str(BOAV.totals(reading, {UNIT})["bid", UNIT][0]) == f"-100000000000000000.{'0' * 19}1"
    assert large + small == large, "which is more than a sum has digits for as a rule"


def test_what_is_stored_is_read_by_side_and_unit() -> None:
    asked: list[str] = []

    def execute(statement: Any) -> list[tuple[Any, ...]]:
        asked.append(str(statement))
        return [("bid", UNIT, Decimal(5), Decimal(6))]

    connection: Any = SimpleNamespace(execute=execute)
    assert CASHFLOWS.stored_totals(connection, DAY) == {("bid", UNIT): (Decimal(5), Decimal(6))}
    (statement,) = asked
    columns = ("stack_side", "bmu_id", "cashflow_gbp", "gross_cashflow_gbp")
    name = CASHFLOWS.table.fullname
    assert " ".join(statement.split()) == (
        f"SELECT {', '.join(f'{name}.{c}' for c in columns)} FROM {name} "
        f"WHERE {name}.settlement_date = :settlement_date_1"
    )


def metadata(reading: DayReading, *units: str) -> dict[str, Any]:
    fetched = {BID: AT, OFFER: AT - dt.timedelta(hours=1)}
    answers = {key: Answer("u", 200, at, b"") for key, at in fetched.items()}
    built: Any = SimpleNamespace(reading=reading, wind_units=dict.fromkeys(units), answers=answers)
    return BOAV.metadata(built)


def test_a_materialization_says_the_sums_by_side_and_since_when() -> None:
    of_bid = [in_boav(1, bmUnit=OTHER, totalVolumeAccepted=-1.23456), in_boav(1, totalVolumeAccepted=-2)]
    reading = of_volumes(of_bid, [in_boav(1, totalVolumeAccepted=-4)])
    assert metadata(reading, UNIT, OTHER) == {
        "units": 2, "bid_mwh": -3.235, "offer_mwh": -4.0, "fetched_at": AT - dt.timedelta(hours=1),
    }  # fmt: skip


def test_a_materialization_says_which_side_is_missing_and_why() -> None:
    failures = {OFFER: MinereconError("timed out")}
    found = metadata(of_volumes([in_boav(1, totalVolumeAccepted=-2)], failures=failures), UNIT)
    assert found == {"units": 1, "bid_mwh": -2.0, "fetched_at": AT, "offer_missing": "timed out"}
    neither = of_volumes([], failures=failures | {BID: MinereconError("gone")})
    assert metadata(neither, UNIT) == {
        "missing": "gone; timed out", "bid_missing": "gone", "offer_missing": "timed out",
    }  # fmt: skip


def test_a_side_that_is_not_known_is_a_violator_and_without_any_it_could_not_look() -> None:
    assert BOAV.unknown({"offer": "b", "bid": "a"}) == [
        {"control_total": "BOAV bid", "error": "a"}, {"control_total": "BOAV offer", "error": "b"},
    ]  # fmt: skip
    neither = read({key: each for key, each in whole_day().items() if key.kind != "boav"})
    assert BOAV.could_not_look(neither) == "could not look: the accepted volumes (BOAV) did not come"
    assert BOAV.could_not_look(of_volumes([in_boav(1)], failures={OFFER: MinereconError("x")})) == ""
    assert CASHFLOWS.told_of(neither, UNIT) == (None, None)
