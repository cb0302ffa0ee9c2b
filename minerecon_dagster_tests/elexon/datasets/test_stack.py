"""The settlement stack: which of its rows are curtailment, and what is asked of their prices."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from minerecon_dagster.core.answers import AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.errors import MinereconError, SchemaDriftError
from minerecon_dagster.elexon.datasets.stack import (
    BIDS_ARE_PRICED,
    PRICES_BELOW_LIMIT,
    STACK,
    Bid,
    BidRow,
    OfferRow,
    StackRow,
    StackSaid,
    WindBid,
    distinct_rows,
    wind_bids,
    wind_volumes,
)
from minerecon_dagster.elexon.reading import DayReading
from minerecon_dagster.sample.ask import Asked
from minerecon_dagster_tests.elexon.small import (
    DAY,
    MADE,
    PERIODS,
    UNIT,
    answer,
    are_stored,
    in_stack,
    of_itself,
    read,
    whole_day,
)

BID_7, OFFER_7 = AnswerKey("stack", "bid", 7), AnswerKey("stack", "offer", 7)


def rows(*of: dict[str, Any], key: AnswerKey = BID_7) -> list[StackRow]:
    return STACK.parse(key, DAY, answer(list(of)))


def bids(*of: dict[str, Any], side: StackSide = "bid") -> list[Bid]:
    of_side = rows(*(in_stack(7, sequenceNumber=n) | each for n, each in enumerate(of)))
    return [
        (side, 7, WindBid(row, UNIT, row.acceptance_id, row.so_flag, row.volume, row.original_price)) for row in of_side
    ]


def with_stack(**of: list[dict[str, Any]]) -> DayReading:
    return read(whole_day() | {AnswerKey("stack", side, 7): each for side, each in of.items()})  # type: ignore[arg-type]


def test_an_answer_is_asked_for_each_side_and_each_period_of_it() -> None:
    keys = STACK.keys(STACK_SIDES, iter([1, 2]))
    assert list(map(str, keys)) == ["stack/bid/01", "stack/bid/02", "stack/offer/01", "stack/offer/02"]
    assert STACK.path(OFFER_7, DAY) == "/balancing/settlement/stack/all/offer/2025-03-28/7"


def test_the_sample_answers_with_the_rows_of_the_day_side_and_period() -> None:
    world: Any = SimpleNamespace(stack=lambda *of: [{"of": of}])
    asked = Asked([DAY], "balancing/settlement/stack/all/offer/2025-03-28/7", {})
    assert STACK.sample(world, asked) == [{"of": (DAY, "offer", 7)}]
    assert STACK.sample(world, Asked([DAY], "balancing/settlement/stack/all/offer/2025-03-28", {})) is None


def test_the_rows_of_a_side_are_of_that_side_and_of_the_period_that_was_asked_for() -> None:
    assert isinstance(rows(in_stack(7))[0], BidRow)
    assert isinstance(rows(in_stack(7), key=OFFER_7)[0], OfferRow)
    assert [rows(in_stack(7), key=key)[0].identity[2] for key in (BID_7, OFFER_7)] == ["bid", "offer"]
    with pytest.raises(SchemaDriftError, match="8 is not a period asked for"):
        rows(in_stack(8))


@pytest.mark.parametrize(
    ("bmu_id", "acceptance_id", "is_acceptance"),
    [("T_A-1", 1, True), ("T_A-1", None, False), (None, 1, False), ("20", 1, False), ("20", None, False)],
)
def test_a_row_is_of_an_acceptance_if_it_has_one_and_is_of_a_unit(
    bmu_id: str | None, acceptance_id: int | None, is_acceptance: bool
) -> None:
    assert rows(in_stack(7, id=bmu_id, acceptanceId=acceptance_id))[0].is_acceptance is is_acceptance


@pytest.mark.parametrize(
    ("volume", "reduces"), [(-1.5, True), (-0.5, True), (-0.0, False), (0, False), (0.5, False), (-10, True)]
)
def test_a_row_is_a_reduction_if_its_volume_is_below_zero(volume: float, reduces: bool) -> None:
    assert rows(in_stack(7, volume=volume))[0].is_reduction is reduces


def test_what_came_of_a_day_is_by_side_and_period_and_what_went_wrong_too() -> None:
    failures = {AnswerKey("stack", "bid", 3): MinereconError("timed out")}
    of_day = whole_day() | {BID_7: [in_stack(7), in_stack(7), in_stack(7, sequenceNumber=2)]}
    of_day |= {OFFER_7: [in_stack(7, volume=None)], AnswerKey("stack", "offer", 8): [in_stack(8), in_stack(8)]}
    del of_day[AnswerKey("stack", "offer", 48)]
    says = read(of_day, failures=failures, silent={BID_7: [], AnswerKey("boav", "bid"): []}).of(STACK)
    every = {(side, period) for side in STACK_SIDES for period in PERIODS}
    assert every - says.rows.keys() == {("bid", 3), ("offer", 7), ("offer", 48)}
    assert says.errors.keys() == {("bid", 3), ("offer", 7)}
    assert says.errors["bid", 3] == "timed out"
    assert says.duplicate_count == 2
    assert len(says.rows["bid", 7]) == 2
    assert says.kept == {BID_7: (7,)}
    assert says.answer_count == 0


def test_a_day_of_which_nothing_is_said_has_no_rows_and_no_errors() -> None:
    says = StackSaid()
    assert (says.rows, says.errors, says.duplicate_count) == ({}, {}, 0)


def test_of_bids_alone_the_offers_are_not_looked_for() -> None:
    says = read(whole_day(), sides=("bid",)).of(STACK)
    assert {side for side, _ in says.rows} == {"bid"}


ONE: list[dict[str, Any]] = [in_stack(7)]
NONE: list[dict[str, Any]] = [in_stack(7, id="20", acceptanceId=None)]
DRIFT: list[dict[str, Any]] = [in_stack(7, volume=None)]


@pytest.mark.parametrize(
    ("held", "now", "lacks"),
    [(ONE, ONE, False), (ONE, [], True), (ONE, NONE, True), (NONE, [], False), ([], ONE, False), (ONE, DRIFT, False)],
    ids=["the same", "nothing", "no acceptance", "there was none", "there is one", "drift"],
)
def test_an_answer_lacks_its_period_if_there_were_acceptances_and_are_none(
    held: list[dict[str, Any]], now: list[dict[str, Any]], lacks: bool
) -> None:
    found = STACK.lacks(BID_7, answer([]), with_stack(bid=held), with_stack(bid=now))
    assert found == ({7} if lacks else set())


def test_a_period_that_was_not_known_or_is_not_lacks_nothing() -> None:
    without = read({key: each for key, each in whole_day().items() if key != BID_7})
    assert STACK.lacks(BID_7, answer([]), without, with_stack(bid=[])) == set()
    assert STACK.lacks(BID_7, answer([]), with_stack(bid=ONE), without) == set()


@pytest.mark.parametrize(
    ("change", "differ"),
    [({"finalPrice": 1, "volume": -9}, "volume, finalPrice"), ({"soFlag": False}, "soFlag")],
)
def test_rows_of_one_identity_that_differ_are_drift_with_all_that_differs(change: dict[str, Any], differ: str) -> None:
    with pytest.raises(SchemaDriftError) as error:
        distinct_rows(rows(in_stack(7), in_stack(7, **change)))
    assert str(error.value) == (
        f"settlement stack: two rows are 2025-03-28 period 7 bid {UNIT} (acceptance 102563, pair -2, sequence number "
        f"1) and differ in {differ}; the day is not replaced: if asking again shows the same, widen "
        "StackRow.identity in elexon/datasets/stack.py"
    )


def test_rows_that_are_equal_are_one_and_the_first_of_them_stays() -> None:
    first, second, other = rows(in_stack(7, volume=-1), in_stack(7, volume=-1.0), in_stack(7, sequenceNumber=2))
    assert distinct_rows([first, second, other, second]) == ([first, other], 2)
    found, repeated = distinct_rows([first, other])
    assert (found, repeated) == ([first, other], 0)


def test_curtailment_is_what_reduces_a_wind_unit_on_either_side_in_order() -> None:
    reading = read(
        whole_day()
        | {OFFER_7: [in_stack(7, sequenceNumber=n, volume=v) for n, v in ((1, 5), (2, -6), (3, 0))]}
        | {BID_7: [in_stack(7, id="T_GAS-1"), in_stack(7, volume=-1), in_stack(7, sequenceNumber=9, volume=-2)]}
    )
    found = [(side, period, row.volume) for side, period, row in wind_bids(reading, {UNIT}) if period == 7]
    assert found == [("bid", 7, Decimal(-1)), ("bid", 7, Decimal(-2)), ("offer", 7, Decimal(-6))]
    order = [(side, period) for side, period, _ in wind_bids(reading, {UNIT})]
    assert order == sorted(order)


def test_what_was_accepted_of_wind_units_is_summed_by_period_bids_with_and_without_the_flag_and_offers() -> None:
    bids_of_7 = [
        {"id": "T_GAS-1", "volume": -50},
        {"id": None, "volume": -60},
        {"volume": 0, "soFlag": True},
        {"volume": -1, "soFlag": True},
        {"volume": -2, "soFlag": True},
        {"volume": -4, "soFlag": False},
        {"id": "T_FARM-2", "volume": -8, "soFlag": None},
    ]
    offers_of_7 = [{"volume": 16}, {"volume": 32}, {"volume": -64, "soFlag": True}, {"id": "T_GAS-1", "volume": 99}]
    changed = {
        key: [in_stack(7, sequenceNumber=n, **each) for n, each in enumerate(of)]
        for key, of in ((BID_7, bids_of_7), (OFFER_7, offers_of_7))
    }
    reading = read(whole_day() | changed)
    units = {UNIT, "T_FARM-2"}
    found = wind_volumes(reading, wind_bids(reading, units), units)
    assert {key for key in found.by_unit if key[1] == 7} == {(UNIT, 7), ("T_FARM-2", 7)}
    of_unit, of_other = found.by_unit[UNIT, 7], found.by_unit["T_FARM-2", 7]
    assert (of_unit.bids, of_unit.so_bids, of_unit.offers) == (-71, -67, 48)
    assert (of_other.bids, of_other.so_bids, of_other.offers) == (-8, 0, 0)
    assert (UNIT, 8) in found.by_unit
    assert found.has_offers


def test_of_bids_alone_nothing_is_known_of_the_offers() -> None:
    bids_alone = {key: each for key, each in whole_day().items() if key.side != "offer"}
    assert not wind_volumes(read(bids_alone, sides=("bid",)), [], {UNIT}).has_offers


def checked(*of: dict[str, Any]) -> tuple[Result, Result]:
    priced, below = STACK.check(read(whole_day()), bids(*of), {})
    return priced, below


def test_a_bid_without_a_price_is_found() -> None:
    priced, _ = checked({"originalPrice": None}, {"originalPrice": 0}, {"originalPrice": None, "volume": -1.25})
    assert priced.checked is BIDS_ARE_PRICED
    assert priced.checked.full_name == "money.bids_are_priced"
    assert list(priced.violations) == [
        {"stack_side": "bid", "settlement_period": 7, "bmu_id": UNIT, "volume_mwh": mwh} for mwh in ("-23.5", "-1.25")
    ]
    assert (priced.looked_at, priced.expected, priced.actual) == (96, "a price on every bid", "2 without")
    assert str(priced.repair) == "minerecon reingest 2025-03-28 --force"
    assert checked({"originalPrice": 0})[0].passed


@pytest.mark.parametrize("price", [99_998.99, -99_998.99, 0, None])
def test_a_price_within_the_limit_or_none_passes(price: float | None) -> None:
    _, below = checked({"originalPrice": price})
    assert (below.passed, below.looked_at, below.actual) == (True, 96, "all are")
    assert below.expected == "every price between -£99,999 and £99,999/MWh"


def test_prices_at_the_limit_or_beyond_are_found_and_the_first_three_are_told() -> None:
    prices = (99_999, -99_999, 5, 123_456.78, -100_000)
    _, below = checked(*({"originalPrice": price, "volume": -2} for price in prices))
    assert below.checked is PRICES_BELOW_LIMIT
    assert below.checked.full_name == "money.prices_below_limit"
    assert below.actual == (
        "4 bids at it or beyond, 8.000 MWh, £-46,913.56: "
        f"{UNIT} in period 7 at £99,999/MWh, {UNIT} in period 7 at £-99,999/MWh, {UNIT} in period 7 at £123,456.78/MWh"
    )
    assert [(v["price_gbp_per_mwh"], v["volume_mwh"], v["payment_gbp"]) for v in below.violations] == [
        ("99999", "-2", "-199998"), ("-99999", "-2", "199998"), ("123456.78", "-2", "-246913.56"),
        ("-100000", "-2", "200000"),
    ]  # fmt: skip
    assert {(v["stack_side"], v["settlement_period"], v["bmu_id"]) for v in below.violations} == {("bid", 7, UNIT)}
    assert str(below.repair) == "minerecon reingest 2025-03-28 --force"


def test_a_materialization_says_the_rows_and_the_sums_rounded() -> None:
    built: Any = SimpleNamespace(
        figures=SimpleNamespace(
            record_count=5,
            so_record_count=4,
            all_bids_mwh=Decimal("1.23456"),
            all_bids_payment_gbp=Decimal("9.8765"),
        ),
        uncounted=SimpleNamespace(units=[SimpleNamespace(bmu_id="T_X-1", mwh=Decimal("0.12345"))]),
    )
    assert STACK.metadata(built) == {
        "rows": 5,
        "so_flagged_rows": 4,
        "all_bids_mwh": 1.235,
        "all_bids_payment_gbp": 9.88,
        "uncounted_units_mwh": {"T_X-1": 0.123},
    }


def test_its_rows_are_copied_as_lines_into_the_columns_of_the_table() -> None:
    copied: list[tuple[str, str]] = []
    cursor: Any = SimpleNamespace(copy_expert=lambda statement, file: copied.append((statement, file.read(1))))
    farm: Any = SimpleNamespace(lead_party_name="A Party")
    STACK.write(cursor, read(whole_day()), bids({}), {UNIT: farm})
    ((statement, lines),) = copied
    assert statement == f"COPY {STACK.table.fullname} ({', '.join(STACK.columns)}) FROM STDIN"
    made = MADE.replace("T", " ").replace("Z", "+00:00")
    assert lines == (
        f"2025-03-28\t7\t2025-03-28T03:00:00+00:00\tbid\t{UNIT}\t102563\t-2\t0\tA Party\t-23.5\t107.78\t\\N\tt\tf"
        f"\t{made}\n"
    )
    nobodys: Any = SimpleNamespace(lead_party_name=None)
    STACK.write(cursor, read(whole_day()), bids({"acceptanceId": None}), {UNIT: nobodys})
    fields = copied[1][1].split("\t")
    assert (fields[5], fields[8]) == ("\\N", "\\N")
    STACK.write(cursor, read(whole_day()), [], {UNIT: farm})
    assert copied[2][1] == ""
    with pytest.raises(NotImplementedError):
        STACK.rows(read(whole_day()), [], {})


def test_it_declares_of_itself_what_the_others_go_by() -> None:
    assert of_itself(STACK) == {
        "name": "stack",
        "report": "ISPSTACK",
        "source": "Elexon's settlement stack (ISPSTACK)",
        "is_bare": False,
        "columns": STACK.columns,
        "group": "curtailment",
        "reads_register": True,
        "is_required": True,
        "has_side": True,
        "has_period": True,
        "held_stands_in": True,
        "table": "curtailment_records",
        "may_be_null": [
            "acceptance_id", "bid_offer_pair_id", "lead_party_name", "original_price_gbp_per_mwh",
            "final_price_gbp_per_mwh", "payment_gbp", "so_flag", "cadl_flag", "elexon_created_at",
        ],
        "properties": ["bids_are_priced", "prices_below_limit"],
        "unseen_as": None,
    }  # fmt: skip
    assert are_stored(STACK) == ["curtailed_mwh", "payment_gbp"]
    (identity,) = [c for c in STACK.table.constraints if c.name == "curtailment_records_identity_key"]
    assert identity.dialect_options["postgresql"]["nulls_not_distinct"] is True
