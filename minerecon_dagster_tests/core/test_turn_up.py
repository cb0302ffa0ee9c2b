"""The turn-up estimate: the cheapest accepted offers that make up for a period's SO-flagged wind bids."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerecon_dagster.core.emissions import EMISSION_FACTORS, EmissionFactor, factor_on
from minerecon_dagster.core.turn_up import PeriodTurnUp, by_fuel, candidates, simple_walk, tonnes, walk
from minerecon_dagster_tests.project import DAY

WIND = {"T_WINDW-1"}


@dataclass(frozen=True)
class Row:
    """A row of the offer stack."""

    volume: Decimal
    original_price: Decimal | None
    sequence_number: int
    id: str | None = "T_GAS-1"
    so_flag: bool | None = False
    cadl_flag: bool | None = False


def offer(mwh: str, price: str | None, rank: int, **more: object) -> Row:
    return Row(Decimal(mwh), None if price is None else Decimal(price), rank, **more)  # type: ignore[arg-type]


def taken(target: str, *offers: Row) -> PeriodTurnUp:
    return walk(Decimal(target), offers, WIND)


def figures(target: str, *offers: Row) -> tuple[Decimal, Decimal]:
    found = taken(target, *offers)
    return found.turn_up_mwh, found.turn_up_estimate_gbp


def test_of_the_last_offer_only_what_is_still_wanting_is_taken() -> None:
    assert figures("15", offer("10", "50", 1), offer("10", "80", 2)) == (15, 10 * 50 + 5 * 80)


def test_offers_are_taken_by_their_rank_whatever_order_they_come_in() -> None:
    assert figures("5", offer("10", "80", 7), offer("10", "50", 2)) == (5, 250)


def test_so_flagged_offers_come_after_all_others_however_cheap_they_are() -> None:
    cheap = offer("10", "1", 1, so_flag=True)
    found = taken("12", cheap, offer("10", "50", 2), offer("10", "60", 3, so_flag=None))
    assert (found.turn_up_mwh, found.turn_up_estimate_gbp) == (12, 10 * 50 + 2 * 60), "a null flag is none"
    assert found.unflagged_mwh == 12
    found = taken("12", cheap, offer("10", "50", 2))
    assert (found.turn_up_estimate_gbp, found.unflagged_mwh) == (10 * 50 + 2 * 1, 10)


def test_rows_with_the_cadl_flag_are_never_taken_and_a_null_one_is() -> None:
    short, unknown = offer("10", "1", 1, cadl_flag=True), offer("10", "9", 2, cadl_flag=None)
    assert figures("5", short, unknown) == (5, 45)
    assert candidates([short, unknown]) == [unknown]


def test_a_row_without_a_price_is_passed_over_and_counted() -> None:
    found = taken("5", offer("10", None, 1), offer("3", "9", 2), offer("4", None, 3), offer("1", None, 4, so_flag=True))
    assert (found.turn_up_mwh, found.turn_up_estimate_gbp, found.uncovered_mwh) == (3, 27, 2)
    assert found.unpriced_offer_rows == 3
    covered = taken("5", offer("10", "9", 1), offer("4", None, 2), offer("1", None, 3, so_flag=True))
    assert covered.unpriced_offer_rows == 2, "those after the last that is taken, too"


def test_only_rows_that_could_have_been_taken_are_counted_as_without_a_price() -> None:
    none = [offer("0", None, 1), offer("-2", None, 2)]
    assert taken("5", *none, offer("1", "9", 3)).unpriced_offer_rows == 0
    later = [offer("0", None, 4), offer("-2", None, 5), offer("3", "9", 6), offer("0.5", None, 7), offer("2", None, 8)]
    assert taken("5", offer("5", "9", 3), *later).unpriced_offer_rows == 2


def test_what_is_said_of_a_period_begins_with_nothing_taken() -> None:
    nothing = PeriodTurnUp(*[Decimal()] * 5, 0, Decimal(), Decimal())
    assert (nothing.taken_mwh, nothing.taken_gbp) == ({}, {})
    assert nothing.taken_mwh is not PeriodTurnUp(*[Decimal()] * 5, 0, Decimal(), Decimal()).taken_mwh


def test_where_offers_do_not_suffice_only_what_there_is_is_priced() -> None:
    found = taken("100", offer("10", "50", 1), offer("20", "60", 2, so_flag=True))
    assert (found.turn_up_mwh, found.uncovered_mwh, found.turn_up_estimate_gbp) == (30, 70, 500 + 1200)
    assert figures("100") == (0, 0)


def test_a_row_that_asks_for_less_is_no_offer() -> None:
    assert figures("5", offer("-10", "1", 1), offer("0", "2", 2), offer("10", "3", 3)) == (5, 15)


def test_an_offer_below_0_lowers_the_estimate() -> None:
    assert figures("5", offer("10", "-20", 1)) == (5, -100)


def test_what_farms_take_back_is_taken_and_told_apart() -> None:
    farm = "T_WINDW-1"
    found = taken("5", offer("2", "-60", 1, id=farm), offer("1", "-50", 2, id=farm), offer("10", "70", 3))
    assert (found.turn_up_mwh, found.wind_offers_mwh) == (5, 3)


def test_the_wider_figure_is_of_all_so_flagged_offers_of_others_whether_taken_or_not() -> None:
    found = taken(
        "5",
        offer("10", "50", 1),
        offer("7", "90", 2, so_flag=True),
        offer("2", "10", 3, so_flag=True, id="T_WINDW-1"),
        offer("1", None, 4, so_flag=True),
        offer("4", "99", 5, so_flag=True, cadl_flag=True),
        offer("3", "80", 6, so_flag=True),
    )
    assert (found.flagged_offers_mwh, found.flagged_offers_gbp) == (10, 870)
    assert (found.turn_up_mwh, found.turn_up_estimate_gbp) == (5, 250)


def test_the_payment_for_the_bids_is_no_part_of_it() -> None:
    # Only the offers' own prices: a bid's would make another figure of the same energy.
    found = taken("2", offer("10", "50", 1))
    assert found.turn_up_estimate_gbp == 100


decimals = st.decimals(Decimal("-5"), Decimal("400"), allow_nan=False, places=9)
rows = st.builds(
    Row,
    volume=decimals,
    original_price=st.none() | st.decimals(-99999, 99999, allow_nan=False, places=6),
    sequence_number=st.integers(1, 6),
    so_flag=st.sampled_from([True, False, None]),
    cadl_flag=st.sampled_from([True, False, False, None]),
    id=st.sampled_from(["T_GAS-1", "T_WINDW-1", "12", None]),
)


@given(target=st.decimals(Decimal("0.000001"), 900, allow_nan=False, places=9), offers=st.lists(rows, max_size=12))
def test_two_ways_to_reckon_it_agree_to_the_digit_and_it_adds_up(target: Decimal, offers: list[Row]) -> None:
    found = walk(target, offers, WIND)
    assert (found.turn_up_mwh, found.turn_up_estimate_gbp) == simple_walk(target, offers)
    assert found.turn_up_mwh + found.uncovered_mwh == target
    assert 0 <= found.turn_up_mwh <= target
    assert sum(found.taken_mwh.values()) == found.turn_up_mwh
    assert sum(found.taken_gbp.values()) == found.turn_up_estimate_gbp
    fuels = by_fuel([found, found], lambda unit: None, lambda fuel: None)
    assert sum(f.turn_up_mwh for f in fuels.values()) == 2 * found.turn_up_mwh
    assert sum(f.turn_up_estimate_gbp for f in fuels.values()) == 2 * found.turn_up_estimate_gbp


def test_fuels_are_those_of_the_register_with_trades_and_what_is_unknown_apart() -> None:
    period = taken(
        "60",
        offer("10", "50", 1),
        offer("20", "60", 2, id="731"),
        offer("5", "61", 3, id=None),
        offer("6", "62", 4, id="V__BATT001"),
        offer("7", "63", 5, id="T_STOR-1"),
    )
    fuel_of = {"T_GAS-1": "CCGT", "T_STOR-1": "PS"}.get
    fuels = by_fuel([period], fuel_of, lambda fuel: factor_on(DAY, fuel))
    assert {fuel: (f.turn_up_mwh, f.co2_t) for fuel, f in fuels.items()} == {
        "CCGT": (10, Decimal("3.94")),
        "PS": (7, 0),
        "trade": (20, None),
        "unknown": (11, None),
    }


def test_a_megawatt_hour_of_gas_is_394_kilograms() -> None:
    assert tonnes(Decimal(1000), Decimal(394)) == 394
    assert tonnes(Decimal("0.000001"), Decimal(394)) == Decimal("0.000000394")
    assert factor_on(DAY, "CCGT") == 394


@pytest.mark.parametrize("fuel", ["trade", "unknown", "INTNSL", ""])
def test_what_has_no_factor_has_none_and_is_not_0(fuel: str) -> None:
    assert factor_on(DAY, fuel) is None


def test_a_factor_holds_from_its_day_on() -> None:
    factors = [*EMISSION_FACTORS, EmissionFactor("CCGT", Decimal(380), DAY)]
    assert factor_on(DAY, "CCGT", factors) == 380
    assert factor_on(DAY.replace(day=1), "CCGT", factors) == 394
