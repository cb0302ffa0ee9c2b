"""The accepted volumes against the stack: per unit, to the tolerance, on both sides."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from minerecon_dagster.core.answers import AnswerKey
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.errors import MinereconError
from minerecon_dagster.elexon.datasets.boav import BOAV, BOAV_WIND_VOLUME, NO_REDUCTION_ON_OFFER_SIDE, BoavRow
from minerecon_dagster.elexon.datasets.control_total import TurnedDown
from minerecon_dagster.elexon.datasets.stack import wind_bids
from minerecon_dagster.elexon.reading import DayReading
from minerecon_dagster_tests.elexon.small import DAY, UNIT, answer, in_boav, in_stack, of_itself, read, whole_day

BID, OFFER = AnswerKey("boav", "bid"), AnswerKey("boav", "offer")
OTHER = "T_OTHER-1"
UNITS: Any = {UNIT: None, OTHER: None}


def row(**changes: Any) -> BoavRow:
    (found,) = BOAV.parse(BID, DAY, answer([in_boav(1, **changes)]))
    return found


def day(
    stack: list[dict[str, Any]],
    bid: list[dict[str, Any]],
    offer: list[dict[str, Any]] | None = None,
    offered: list[dict[str, Any]] | None = None,
    **more: Any,
) -> DayReading:
    """A day whose period 1 alone is of wind."""
    rows = {key: [r | {"id": "T_GAS-1"} for r in each] if key.kind == "stack" else each for key, each in
            whole_day().items()}  # fmt: skip
    rows |= {AnswerKey("stack", "bid", 1): stack, BID: [in_boav(p, bmUnit="T_GAS-1") for p in (1, 2, 3)] + bid}
    rows |= {AnswerKey("stack", "offer", 1): offered if offered is not None else [in_stack(1, id="T_GAS-1", volume=9)]}
    return read(rows | {OFFER: [in_boav(p, bmUnit="T_GAS-1") for p in (1, 2, 3)] + (offer or [])}, **more)


def checked(*of: Any, **more: Any) -> tuple[Result, Result]:
    reading = day(*of, **more)
    volume, reduction = BOAV.check(reading, list(wind_bids(reading, UNITS)), UNITS)
    return volume, reduction


@pytest.mark.parametrize(
    ("mwh", "has_volume"), [(-1, True), (2.5, True), (-0.001, True), (0, False), (-0.0, False), (None, False)]
)
def test_a_row_has_a_volume_if_it_is_known_and_not_zero(mwh: float | None, has_volume: bool) -> None:
    assert row(totalVolumeAccepted=mwh).has_volume is BOAV.has_amount(row(totalVolumeAccepted=mwh)) is has_volume


def test_a_unit_is_reduced_by_its_negative_volumes_in_the_periods_that_are_there() -> None:
    of = [
        in_boav(1, totalVolumeAccepted=-1), in_boav(2, totalVolumeAccepted=-2), in_boav(1, totalVolumeAccepted=0.5),
        in_boav(1, bmUnit=OTHER, totalVolumeAccepted=0), in_boav(2, bmUnit=OTHER, totalVolumeAccepted=-0.0),
        in_boav(1, totalVolumeAccepted=None), in_boav(3, totalVolumeAccepted=-4), in_boav(1, bmUnit=None),
        in_boav(1, bmUnit="T_GAS-1", totalVolumeAccepted=-8),
    ]  # fmt: skip
    reading = read(whole_day() | {BID: of}, failures={AnswerKey("stack", "bid", 3): MinereconError("x")})
    assert BOAV.reductions_mwh(reading, "bid", UNITS) == {UNIT: Decimal(-3)}
    assert BOAV.by_unit(reading, "bid", {UNIT}) == {UNIT: (Decimal(-3),)}
    gone = read({key: each for key, each in whole_day().items() if key != BID})
    assert BOAV.reductions_mwh(gone, "bid", {UNIT}) == {}


@pytest.mark.parametrize(
    ("mwh", "side", "text"),
    [(-1.5, "bid", "-1.5 MWh"), (2, "bid", "2 MWh"), (0, "bid", None), (None, "bid", None), (-1.5, "offer", "-1.5 MWh"),
     (2, "offer", None), (0.5, "offer", None), (0, "offer", None), (None, "offer", None)],
)  # fmt: skip
def test_a_day_without_bids_should_have_no_volume_of_a_farm_but_that_of_an_offer(
    mwh: float | None, side: Any, text: str | None
) -> None:
    assert BOAV.unexpected(row(totalVolumeAccepted=mwh), side) == text


def test_a_unit_is_turned_down_by_both_sides_together_and_what_that_cost_is_not_known() -> None:
    reading = read(whole_day() | {BID: [in_boav(1, totalVolumeAccepted=-1), in_boav(1, bmUnit=OTHER)],
                                  OFFER: [in_boav(1, totalVolumeAccepted=-2)]})  # fmt: skip
    assert BOAV.turned_down(reading, {UNIT}) == {UNIT: TurnedDown(Decimal(3), None)}


def test_what_it_tells_of_a_unit_is_that_of_its_first_row() -> None:
    names = {"nationalGridBmUnit": "UNIT-1", "leadPartyName": "A Party"}
    rows = whole_day() | {BID: [in_boav(1, bmUnit=OTHER)], OFFER: [in_boav(1, **names), in_boav(2)]}
    assert BOAV.told_of(read(rows), UNIT) == ("UNIT-1", "A Party")
    assert BOAV.told_of(read(rows), "T_NOBODY-1") == (None, None)
    assert BOAV.told_of(read({k: each for k, each in rows.items() if k.kind != "boav"}), UNIT) == (None, None)


@pytest.mark.parametrize(
    ("stack_mwh", "boav_mwh", "passes"),
    [(-100, -101, True), (-100, -101.001, False), (-100, -99, True), (-100, -98.999, False), (-1005, -1000, True),
     (-1005.001, -1000, False), (-995, -1000, True), (-994.999, -1000, False)],
)  # fmt: skip
def test_a_units_volumes_are_equal_to_half_a_per_cent_or_one_megawatt_hour(
    stack_mwh: float, boav_mwh: float, passes: bool
) -> None:
    volume, _ = checked([in_stack(1, volume=stack_mwh)], [in_boav(1, totalVolumeAccepted=boav_mwh)])
    assert volume.passed is passes
    assert list(volume.violations) == ([] if passes else [
        {"bmu_id": UNIT, "stack_side": "bid", "boav_mwh": str(boav_mwh), "records_mwh": str(stack_mwh)}
    ])  # fmt: skip


def test_what_only_one_of_them_has_is_found_on_its_side() -> None:
    volume, _ = checked(
        [
            in_stack(1, volume=-5), in_stack(1, volume=-6, sequenceNumber=2),
            in_stack(1, id=OTHER, volume=-7, acceptanceId=None),
        ],
        [in_boav(1, bmUnit=OTHER, totalVolumeAccepted=-3)],
        [in_boav(1, totalVolumeAccepted=-2)],
    )  # fmt: skip
    assert list(volume.violations) == [
        {"bmu_id": OTHER, "stack_side": "bid", "boav_mwh": "-3", "records_mwh": "0"},
        {"bmu_id": UNIT, "stack_side": "bid", "boav_mwh": "0", "records_mwh": "-11"},
        {"bmu_id": UNIT, "stack_side": "offer", "boav_mwh": "-2", "records_mwh": "0"},
    ]
    assert volume.checked is BOAV_WIND_VOLUME
    assert (volume.looked_at, volume.expected, volume.actual) == (
        10, "-5.000 MWh of 2 units in BOAV", "-11.000 MWh of 1 units in the stack",
    )  # fmt: skip
    assert str(volume.repair) == "minerecon reingest 2025-03-28 --force"


def test_a_side_of_the_volumes_that_is_not_known_is_told_and_its_rows_are_held_against_nothing() -> None:
    volume, reduction = checked([in_stack(1, volume=-5)], [], [], None, failures={BID: MinereconError("timed out")})
    assert list(volume.violations) == [{"control_total": "BOAV bid", "error": "timed out"}]
    assert volume.actual == "0.000 MWh of 0 units in the stack; BOAV bid not known"
    assert reduction.passed, "it is of the offers"
    both = {key: MinereconError("timed out") for key in (BID, OFFER)}
    volume, reduction = checked([in_stack(1, volume=-5)], [], [], None, failures=both)
    assert volume.actual == reduction.actual == "could not look: the accepted volumes (BOAV) did not come"
    assert list(reduction.violations) == [{"control_total": "BOAV offer", "error": "timed out"}]


def test_a_reduction_among_the_offers_is_found_in_the_stack_and_in_the_volumes() -> None:
    offered = [
        in_stack(1, volume=-5),
        in_stack(1, volume=-6, sequenceNumber=2),
        in_stack(1, volume=7, sequenceNumber=3),
    ]
    of_offer = [
        in_boav(1, totalVolumeAccepted=-2), in_boav(2, totalVolumeAccepted=-3), in_boav(2, totalVolumeAccepted=0.5),
        in_boav(2, totalVolumeAccepted=None), in_boav(1, bmUnit=OTHER, totalVolumeAccepted=-1),
        in_boav(1, bmUnit="T_GAS-1", totalVolumeAccepted=-9),
    ]  # fmt: skip
    _, reduction = checked([in_stack(1)], [], of_offer, offered)
    assert list(reduction.violations) == [
        {"report": "stack", "bmu_id": UNIT, "volume_mwh": "-11"},
        {"report": "BOAV", "bmu_id": UNIT, "volume_mwh": "-5"},
        {"report": "BOAV", "bmu_id": OTHER, "volume_mwh": "-1"},
    ]
    assert reduction.checked is NO_REDUCTION_ON_OFFER_SIDE
    assert (reduction.looked_at, reduction.actual) == (1 + 9 + 50, "2 units"), "one of them in both"
    assert reduction.expected == "no wind unit with a negative volume on the offer side"
    assert str(reduction.repair) == "minerecon reingest 2025-03-28 --force"


def test_without_a_reduction_among_the_offers_nothing_is_found() -> None:
    of_offer = [in_boav(1, totalVolumeAccepted=2), in_boav(1, bmUnit=OTHER, totalVolumeAccepted=0)]
    _, reduction = checked([in_stack(1)], [in_boav(1, totalVolumeAccepted=-2)], of_offer)
    assert (reduction.passed, reduction.actual) == (True, "0 units")


def test_a_reduction_in_the_stack_is_told_though_the_volumes_did_not_come() -> None:
    both = {key: MinereconError("timed out") for key in (BID, OFFER)}
    _, reduction = checked([in_stack(1)], [], [], [in_stack(1, volume=-5)], failures=both)
    assert reduction.actual == "1 units"
    assert [v.get("report") or v["control_total"] for v in reduction.violations] == ["BOAV offer", "stack"]


def test_it_declares_of_itself_what_the_others_go_by() -> None:
    assert of_itself(BOAV) == {
        "name": "boav",
        "report": "BOAV",
        "source": "Elexon's accepted volumes (BOAV)",
        "is_bare": False,
        "columns": ("settlement_date", "stack_side", "bmu_id", "volume_mwh"),
        "group": "elexon",
        "reads_register": True,
        "is_required": True,
        "has_side": True,
        "has_period": False,
        "held_stands_in": True,
        "what": "accepted volumes",
        "amount": "accepted volume (BOAV)",
        "wind_amount": "volume",
        "where": "acceptance/volumes",
        "compared_as": "BOAV (MWh)",
        "unit": "mwh",
        "digits": 3,
        "table": "boav_control_totals",
        "may_be_null": [],
        "properties": ["boav_wind_volume", "no_reduction_on_offer_side"],
        "unseen_as": None,
    }
