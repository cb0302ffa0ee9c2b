"""The indicative cashflows against the payments: per unit, to the tolerance, if they are of the volumes' look."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.errors import MinereconError
from minerecon_dagster.elexon.datasets.base import Came
from minerecon_dagster.elexon.datasets.cashflows import CASHFLOWS, EBOCF_WIND_CASHFLOW, CashflowSum, EbocfRow
from minerecon_dagster.elexon.datasets.control_total import TurnedDown
from minerecon_dagster.elexon.datasets.stack import wind_bids
from minerecon_dagster.elexon.reading import DayReading
from minerecon_dagster_tests.elexon.small import (
    AT,
    DAY,
    UNIT,
    answer,
    in_boav,
    in_cashflows,
    in_stack,
    of_itself,
    read,
    whole_day,
)

BID, OFFER = AnswerKey("cashflows", "bid"), AnswerKey("cashflows", "offer")
VOLUMES = AnswerKey("boav", "bid")
OTHER = "T_OTHER-1"
UNITS: Any = {UNIT: None, OTHER: None}
MINUTE = dt.timedelta(minutes=1)


def row(gbp: float) -> EbocfRow:
    (found,) = CASHFLOWS.parse(BID, DAY, answer([in_cashflows(1, totalCashflow=gbp)]))
    return found


def day(stack: list[dict[str, Any]], bid: list[dict[str, Any]], **more: Any) -> DayReading:
    """A day whose period 1 alone is of wind."""
    rows = {key: [r | {"id": "T_GAS-1"} for r in each] if key.kind == "stack" else each for key, each in
            whole_day().items()}  # fmt: skip
    offer = [in_cashflows(1, totalCashflow=-77)]
    return read(rows | {AnswerKey("stack", "bid", 1): stack, BID: bid, OFFER: offer}, **more)


def checked(stack: list[dict[str, Any]], bid: list[dict[str, Any]], **more: Any) -> Result:
    reading = day(stack, bid, **more)
    (found,) = CASHFLOWS.check(reading, list(wind_bids(reading, UNITS)), UNITS)
    return found


@pytest.mark.parametrize(("gbp", "flows"), [(1, True), (-0.01, True), (0, False), (-0.0, False)])
def test_a_row_has_a_cashflow_if_it_is_not_zero(gbp: float, flows: bool) -> None:
    assert row(gbp).has_cashflow is CASHFLOWS.has_amount(row(gbp)) is flows


@pytest.mark.parametrize(
    ("gbp", "side", "text"), [(1.5, "bid", "£1.5"), (-2, "bid", "£-2"), (0, "bid", None), (5, "offer", None)]
)
def test_a_day_without_bids_should_have_no_cashflow_of_a_farms_bid(gbp: float, side: Any, text: str | None) -> None:
    assert CASHFLOWS.unexpected(row(gbp), side) == text


def test_a_unit_is_paid_by_the_periods_that_are_there_with_their_signs_and_without() -> None:
    of = [
        in_cashflows(1, totalCashflow=100), in_cashflows(2, totalCashflow=-30), in_cashflows(3, totalCashflow=7),
        in_cashflows(1, bmUnit=None), in_cashflows(1, bmUnit=OTHER, totalCashflow=-5),
    ]  # fmt: skip
    reading = read(whole_day() | {BID: of}, failures={AnswerKey("stack", "bid", 3): MinereconError("x")})
    assert CASHFLOWS.sums(reading, "bid", {UNIT}) == {UNIT: CashflowSum(Decimal(70), Decimal(130))}
    assert CASHFLOWS.by_unit(reading, "bid", UNITS) == {UNIT: (70, 130), OTHER: (-5, 5)}
    gone = read({key: each for key, each in whole_day().items() if key != BID})
    assert CASHFLOWS.sums(gone, "bid", {UNIT}) == {}


def test_a_unit_was_turned_down_if_any_money_flowed_for_a_bid_and_by_how_much_is_not_known() -> None:
    of = [
        in_cashflows(1, totalCashflow=9),
        in_cashflows(2, totalCashflow=-9),
        in_cashflows(1, bmUnit=OTHER, totalCashflow=0),
    ]
    reading = read(whole_day() | {BID: of, OFFER: [in_cashflows(1, totalCashflow=50)]})
    assert CASHFLOWS.turned_down(reading, UNITS) == {UNIT: TurnedDown(None, Decimal(0))}


# Which look they are of.


def came(
    older_by: dt.timedelta, *, failure: str | None = None, silent: bool = False, volumes: bool = True
) -> tuple[Came, Answer]:
    held = answer([in_cashflows(5), in_cashflows(6, totalCashflow=0)], AT - older_by)
    answers = {BID: held} | ({VOLUMES: answer([in_boav(1)])} if volumes else {})
    failures = {} if failure is None else {BID: MinereconError(failure)}
    return Came(DAY, STACK_SIDES, answers, failures, {BID: answer([])} if silent else {}), held


@pytest.mark.parametrize(
    ("older_by", "volumes", "late"),
    [(15 * MINUTE, True, None), (16 * MINUTE, True, {5}), (-60 * MINUTE, True, None), (60 * MINUTE, False, None)],
)
def test_they_are_late_if_they_are_over_15_minutes_older_than_the_volumes(
    older_by: dt.timedelta, volumes: bool, late: set[int] | None
) -> None:
    of_day, _ = came(older_by, volumes=volumes)
    assert CASHFLOWS.late(of_day, BID) == late
    assert CASHFLOWS.late(Came(DAY, STACK_SIDES, {VOLUMES: answer([])}, {}, {}), BID) is None


def test_what_is_held_and_not_late_counts_though_asking_again_has_failed() -> None:
    of_day, held = came(15 * MINUTE, failure="timed out")
    assert CASHFLOWS.answer_of(of_day, BID) is held


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"failure": "timed out"}, "timed out"),
        ({}, "it did not come with the day's other answers"),
        ({"silent": True}, "it came without rows with the day's other answers"),
    ],
)
def test_what_is_held_and_late_does_not_count_and_says_why(more: dict[str, Any], why: str) -> None:
    of_day, held = came(16 * MINUTE, **more)
    with pytest.raises(MinereconError) as error:
        CASHFLOWS.answer_of(of_day, BID)
    assert str(error.value) == f"{why}; what is held of it is of {held.fetched_at:%Y-%m-%d %H:%M} UTC"


def test_a_side_that_is_late_says_of_which_periods_and_is_asked_again() -> None:
    of_day, _ = came(16 * MINUTE)
    says = CASHFLOWS.read(of_day)
    assert says.late == {"bid": {5}}
    assert says.errors.keys() == says.absent == {"bid", "offer"}


@pytest.mark.parametrize(("missing", "again"), [((), []), ((OFFER,), [OFFER]), ((BID, OFFER), [BID, OFFER])])
def test_the_sides_that_are_not_known_are_asked_again(missing: tuple[AnswerKey, ...], again: list[AnswerKey]) -> None:
    reading = read({key: each for key, each in whole_day().items() if key not in missing})
    assert CASHFLOWS.asked_again(reading) == again


@pytest.mark.parametrize(
    ("known", "status", "can_lack"), [(True, 200, True), (True, 404, True), (False, 200, False), (False, 404, True)]
)
def test_an_answer_that_cannot_be_read_lacks_nothing(known: bool, status: int, can_lack: bool) -> None:
    says = read({key: each for key, each in whole_day().items() if known or key != BID}).of(CASHFLOWS)
    assert CASHFLOWS.came(says, "bid", Answer("u", status, AT, b"")) is can_lack


# The check.


@pytest.mark.parametrize(
    ("payment", "gbp", "passes"),
    [(1000, 900, True), (1000, 899.99, False), (1000, 1100, True), (1000, 1100.01, False), (9500, 10_000, True),
     (9499.99, 10_000, False), (10_500, 10_000, True), (10_500.01, 10_000, False)],
)  # fmt: skip
def test_a_units_cashflow_is_its_payment_to_a_hundred_pounds_or_five_per_cent(
    payment: float, gbp: float, passes: bool
) -> None:
    found = checked([in_stack(1, volume=-1, originalPrice=-payment)], [in_cashflows(1, totalCashflow=gbp)])
    assert found.passed is passes
    assert list(found.violations) == ([] if passes else [
        {"bmu_id": UNIT, "ebocf_gbp": str(gbp), "ebocf_gross_gbp": str(gbp), "payment_gbp": str(Decimal(str(payment)))}
    ])  # fmt: skip


def test_the_five_per_cent_are_of_what_flowed_without_its_signs() -> None:
    flows = [in_cashflows(1, totalCashflow=10_000), in_cashflows(2, totalCashflow=-10_000)]
    assert checked([in_stack(1, volume=-1, originalPrice=-1000)], flows).passed
    assert not checked([in_stack(1, volume=-1, originalPrice=-1000.01)], flows).passed


def test_payments_are_of_priced_acceptances_of_bids_and_what_only_one_has_is_found() -> None:
    found = checked(
        [
            in_stack(1, volume=-2, originalPrice=-100), in_stack(1, volume=-3, originalPrice=-100, sequenceNumber=2),
            in_stack(1, volume=-4, originalPrice=None, sequenceNumber=3),
            in_stack(1, volume=-5, originalPrice=-100, sequenceNumber=4, acceptanceId=None),
        ],
        [in_cashflows(1, bmUnit=OTHER, totalCashflow=123.456), in_cashflows(1, bmUnit="T_GAS-1")],
    )  # fmt: skip
    assert list(found.violations) == [
        {"bmu_id": OTHER, "ebocf_gbp": "123.456", "ebocf_gross_gbp": "123.456", "payment_gbp": "0"},
        {"bmu_id": UNIT, "ebocf_gbp": "0", "ebocf_gross_gbp": "0", "payment_gbp": "500"},
    ]
    assert found.checked is EBOCF_WIND_CASHFLOW
    assert (found.looked_at, found.expected, found.actual) == (
        5, "£123.46 of 1 units in EBOCF", "£500.00 of 1 units in the stack; 1 bids without a price left out",
    )  # fmt: skip
    assert str(found.repair) == "minerecon reingest 2025-03-28 --force"


def test_a_bid_among_the_offers_is_no_payment_of_a_bid() -> None:
    reading = read(whole_day() | {AnswerKey("stack", "offer", 1): [in_stack(1, volume=-2, originalPrice=-100)]})
    bids = [(side, period, r) for side, period, r in wind_bids(reading, {UNIT}) if side == "offer"]
    (found,) = CASHFLOWS.check(reading, bids, {"T_NOBODY-1": None})  # type: ignore[dict-item]
    assert (found.actual, found.passed) == ("£0.00 of 0 units in the stack", True)


def test_where_a_side_is_not_known_the_check_could_not_look() -> None:
    found = checked([in_stack(1)], [], failures={BID: MinereconError("x")})
    assert found.passed is False
    reading = read({key: each for key, each in whole_day().items() if key != OFFER})
    (found,) = CASHFLOWS.check(reading, [], UNITS)
    assert (found.looked_at, found.expected, found.actual) == (
        0, "indicative cashflows (EBOCF) of both sides", "could not look: EBOCF is not known",
    )  # fmt: skip
    assert list(found.violations) == [{"control_total": "EBOCF offer", "error": "it was not fetched"}]
    assert str(found.repair) == "minerecon reingest 2025-03-28"


def test_it_declares_of_itself_what_the_others_go_by() -> None:
    assert of_itself(CASHFLOWS) == {
        "name": "cashflows",
        "report": "EBOCF",
        "source": "Elexon's indicative cashflows (EBOCF)",
        "is_bare": False,
        "columns": ("settlement_date", "stack_side", "bmu_id", "cashflow_gbp", "gross_cashflow_gbp"),
        "group": "elexon",
        "reads_register": True,
        "is_required": False,
        "has_side": True,
        "has_period": False,
        "held_stands_in": False,
        "what": "indicative cashflows",
        "amount": "cashflow (EBOCF)",
        "wind_amount": "cashflow",
        "where": "indicative/cashflows",
        "compared_as": "EBOCF (GBP; gross)",
        "unit": "gbp",
        "digits": 2,
        "table": "ebocf_control_totals",
        "may_be_null": [],
        "properties": ["ebocf_wind_cashflow"],
        "unseen_as": "ebocf_wind_cashflow",
    }
