"""Which answers of the register are refused as a whole, and which units of a day's rows are suspected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from minerecon_dagster.core.register import (
    REMEMBERED_DAYS,
    BmUnit,
    Disbelief,
    Register,
    Suspect,
    UnitVersion,
    contradictory,
    disbelief,
)
from minerecon_dagster_tests.core.test_register import unit

D = dt.date.fromisoformat
SINCE = D("2025-01-01")
Units = dict[str, BmUnit]


def farms(count: int, capacity_mw: Decimal | None = Decimal(100)) -> Units:
    ids = [f"T_{chr(65 + n // 26 // 26)}{chr(65 + n // 26 % 26)}{chr(65 + n % 26)}XW-1" for n in range(count)]
    return {i: unit(i, i, national_grid_bmu_id=i[2:], generation_capacity_mw=capacity_mw) for i in ids}


GAS = unit("T_GAS-1", "Gas", "CCGT")
BRITAIN = farms(200) | {"T_GAS-1": GAS}


def judged(
    answer: Units, in_force: Units = BRITAIN, past: Units | None = None, synthetic: bool = False
) -> Disbelief | None:
    wind = {bmu_id: u for bmu_id, u in in_force.items() if u.is_wind}
    return disbelief(in_force, answer, past=wind | (past or {}), since=SINCE, is_synthetic=synthetic)


def without(count: int, units: Units = BRITAIN) -> Units:
    return dict(list(units.items())[count:])


def blanked(count: int, units: Units = BRITAIN, **fields: object) -> Units:
    first = list(units)[:count]
    return units | {bmu_id: replace(units[bmu_id], **fields) for bmu_id in first}  # type: ignore[arg-type]


LOSSES: list[Callable[[int], Units]] = [
    without,
    lambda n: blanked(n, fuel_type=None),
    lambda n: blanked(n, fuel_type="OTHER"),
    lambda n: blanked(n, fuel_type="wind"),
    lambda n: blanked(n, lead_party_name=None),
    lambda n: blanked(n, lead_party_name="  "),
]


@pytest.mark.parametrize(
    "lose", LOSSES, ids=["vanish", "no fuel", "another fuel", "spelt fuel", "no party", "blank party"]
)
def test_what_loses_more_than_two_per_cent_of_the_capacity_is_refused_and_less_is_not(
    lose: Callable[[int], Units],
) -> None:
    assert judged(lose(4)) is None, "4 of 200 units of 100 MW are 2 %"
    why = judged(lose(5))
    assert why is not None
    assert len(why.losses) == 5
    assert "of 200 wind units in force (20,000 MW) 5 " in why.reason
    assert "(500 MW)" in why.reason


@pytest.mark.parametrize("lose", LOSSES)
def test_what_loses_more_than_five_per_cent_of_the_units_is_refused_however_small_they_are(
    lose: Callable[[int], Units],
) -> None:
    small = dict(list(BRITAIN.items())[:20])
    in_force = BRITAIN | {bmu_id: replace(u, generation_capacity_mw=Decimal(1)) for bmu_id, u in small.items()}
    answer = {bmu_id: replace(u, generation_capacity_mw=Decimal(1)) for bmu_id, u in lose(10).items()}
    assert judged(answer, in_force) is None, "10 of 200"
    assert judged(lose(11), in_force) is not None


@pytest.mark.parametrize(("lost", "refused"), [(1, False), (6, True), (100, True), (200, True)])
def test_one_unit_is_let_go_and_six_of_300_megawatts_or_a_hundred_are_not(lost: int, refused: bool) -> None:
    large = {bmu_id: replace(u, generation_capacity_mw=Decimal(300)) for bmu_id, u in list(BRITAIN.items())[:6]}
    assert (judged(without(lost), BRITAIN | large) is not None) is refused


def test_a_loss_of_two_per_cent_of_the_capacity_to_the_digit_is_let_go() -> None:
    in_force = farms(21, Decimal(1))
    first, *_, last = in_force
    capacities = {first: Decimal(2), last: Decimal(100 - 2 - 19)}  # 100 MW together
    in_force |= {b: replace(in_force[b], generation_capacity_mw=mw) for b, mw in capacities.items()}
    assert judged(without(1, in_force), in_force) is None


def test_the_largest_losses_are_named_and_the_others_counted() -> None:
    in_force = BRITAIN | {
        bmu_id: replace(BRITAIN[bmu_id], generation_capacity_mw=Decimal(capacity))
        for bmu_id, capacity in zip(BRITAIN, (100, 400, 100, 300, 200), strict=False)
    }
    why = judged(without(5, in_force), in_force)
    assert why is not None
    assert why.reason.endswith(": T_AABXW-1, T_AADXW-1, T_AAEXW-1 and 2 more")


def test_a_unit_that_never_had_a_lead_party_has_not_lost_it() -> None:
    without_party = blanked(20, lead_party_name=None)
    assert judged(without_party, without_party) is None


def test_losses_are_remembered_for_a_year() -> None:
    assert dt.timedelta(days=REMEMBERED_DAYS) == D("2026-01-01") - D("2025-01-01")


def test_losses_of_different_kinds_are_added_up_and_a_unit_counts_once() -> None:
    answer = blanked(5, without(2), fuel_type=None, lead_party_name=None)
    why = judged(answer)
    assert why is not None
    assert [loss.how for loss in why.losses] == ["vanished"] * 2 + ["no longer WIND"] * 5


def test_a_capacity_that_is_not_known_counts_as_the_mean_of_the_others() -> None:
    unknown = blanked(5, generation_capacity_mw=None)
    why = judged(without(5, unknown), unknown)
    assert why is not None
    assert {loss.capacity_mw for loss in why.losses} == {Decimal(100)}


def test_where_no_capacity_is_known_the_number_alone_decides() -> None:
    bare = farms(200, None)
    assert judged(without(10, bare), bare) is None
    assert judged(without(11, bare), bare) is not None


@pytest.mark.parametrize("count", [1, 12, 19])
def test_of_a_tiny_register_one_unit_is_too_many(count: int) -> None:
    assert judged(without(1, farms(count)) | {"T_NEWXW-1": unit("T_NEWXW-1")}, farms(count), synthetic=True) is not None
    assert judged(farms(count), farms(count), synthetic=True) is None


@pytest.mark.parametrize("in_force", [BRITAIN, {}], ids=["later", "first"])
@pytest.mark.parametrize("answer", [{}, {"T_GAS-1": GAS}], ids=["empty", "no wind"])
def test_an_answer_without_any_wind_farm_is_never_believed(answer: Units, in_force: Units) -> None:
    for synthetic in (True, False):
        why = judged(answer, in_force, synthetic=synthetic)
        assert why is not None
        assert why.losses == (), "it is about the answer as a whole"


def test_a_first_register_that_leaves_the_farms_without_their_fuel_type_is_refused() -> None:
    whole = farms(400)
    assert judged(blanked(100, whole, fuel_type=None), {}) is None
    too_few = blanked(101, whole, fuel_type=None)
    assert "only 299 have the fuel type WIND" in str(judged(too_few, {}))
    assert disbelief({}, too_few, past={}, since=SINCE) is not None, "whoever does not say so has no sample"
    assert judged(too_few, {}, synthetic=True) is None


def test_an_answer_that_is_wrong_in_the_same_way_twice_is_refused_twice_and_the_right_one_believed() -> None:
    wrong = blanked(100, fuel_type=None)
    assert judged(wrong) == judged(wrong)
    assert judged(wrong) is not None
    assert judged(BRITAIN, wrong, past=BRITAIN) is None, "what comes back is no loss, however much it is"
    of_another_fuel = blanked(100, fuel_type="OTHER")
    assert judged(BRITAIN, of_another_fuel, past=BRITAIN) is None, "nor is it another station"


def test_many_small_losses_are_added_up_since_the_last_acceptance() -> None:
    past = {bmu_id: u for bmu_id, u in BRITAIN.items() if u.is_wind}
    first, second = without(3), without(5)
    assert judged(first, BRITAIN, past) is None
    assert judged(second, first) is None, "against what is in force alone it is believable"
    why = judged(second, first, past)
    assert why is not None
    assert f"of 200 wind units since {SINCE} (20,000 MW) 5 vanish (500 MW)" in why.reason


def test_a_unit_that_lost_its_party_or_capacity_unnoticed_is_judged_by_what_was_known_of_it() -> None:
    in_force = blanked(4, lead_party_name=None)
    why = judged(
        blanked(5, in_force, lead_party_name=None), in_force, past={b: u for b, u in BRITAIN.items() if u.is_wind}
    )
    assert why is not None
    assert len(why.losses) == 5


def test_an_answer_that_makes_wind_farms_of_other_stations_is_refused() -> None:
    gas = {f"T_GAS-{n}": unit(f"T_GAS-{n}", "Gas", "CCGT") for n in range(2, 20)}
    in_force = BRITAIN | gas
    assert judged(in_force | {b: replace(u, fuel_type="WIND") for b, u in list(gas.items())[:4]}, in_force) is None
    why = judged(in_force | {b: replace(u, fuel_type="WIND") for b, u in gas.items()}, in_force)
    assert "it makes wind farms of 18 units of other fuels" in str(why)
    bare = {b: replace(u, fuel_type="WIND", generation_capacity_mw=None) for b, u in gas.items()}
    for answer, capacity_mw in ((gas, 100), (bare, 0)):
        why = judged(in_force | {b: replace(answer[b], fuel_type="WIND") for b in gas}, in_force)
        assert why is not None
        assert {loss.capacity_mw for loss in why.losses} == {Decimal(capacity_mw)}
    unmapped = {f"E_NEW{n}W-1": unit(f"E_NEW{n}W-1", "New", None) for n in range(9)}
    assert judged(BRITAIN | {b: replace(u, fuel_type="WIND") for b, u in unmapped.items()}, BRITAIN | unmapped) is None


@pytest.mark.parametrize("written", [" {}", "{} ", "\t{}", "{}\u00a0"])
def test_an_answer_that_puts_blanks_into_an_id_is_refused_and_names_both(written: str) -> None:
    first = next(iter(BRITAIN))
    other = written.format(first)
    answer = without(1) | {other: replace(BRITAIN[first], bmu_id=other)}
    why = judged(answer)
    assert why is not None
    assert f"{other!r} for {first}" in why.reason
    assert judged(BRITAIN | {other: replace(BRITAIN[first], bmu_id=other)}) is None, (
        "beside the right one it is no loss"
    )


def test_a_unit_that_stands_twice_with_wind_and_with_gas_is_a_contradiction_and_one_without_fuel_is_none() -> None:
    assert contradictory([unit(), unit(fuel="CCGT"), unit("T_X-1", fuel=None), unit("T_X-1")]) == ["T_SGRWO-1"]
    assert contradictory([unit(fuel="CCGT"), unit(fuel="OCGT")]) == [], "of two fuels, neither of them wind"
    why = disbelief(BRITAIN, BRITAIN, past={}, since=SINCE, contradictory=["T_SGRWO-1"])
    assert "with another fuel type: T_SGRWO-1" in str(why)


@pytest.mark.parametrize(
    ("count", "named"),
    [(3, "T_1, T_2, T_3"), (4, "T_1, T_2, T_3 and 1 more"), (9, "T_1, T_2, T_3 and 6 more")],
)
def test_of_many_units_three_are_named_and_the_others_counted(count: int, named: str) -> None:
    ids = [f"T_{n + 1}" for n in range(count)]
    why = disbelief(BRITAIN, BRITAIN, past={}, since=SINCE, contradictory=ids)
    assert why == Disbelief(f"it has as wind and with another fuel type: {named}")


# The rows.

DAY = D("2025-06-01")
OLD, NEW = D("2025-01-01"), D("2025-07-01")
VERSIONS = [
    UnitVersion(unit(), OLD),
    UnitVersion(unit("T_ONCEW-1", "Once"), OLD, D("2025-05-01")),
    UnitVersion(unit("T_LATER-1", "Plain", None, national_grid_bmu_id="LATER-1"), OLD, NEW),
    UnitVersion(unit("T_LATER-1", "Plain", "WIND", national_grid_bmu_id="LATER-1"), NEW),
    UnitVersion(unit("E_GFLDW-1", "Goole Fields Wind Farm", None), OLD),
    UnitVersion(unit("T_DRAXX-1", "Drax", "BIOMASS"), OLD),
    UnitVersion(unit("2__ASUPP01", "Supplier", None), OLD),
    UnitVersion(unit("T_ONCENEW-1", "once", None, national_grid_bmu_id="ONCEN-1"), OLD),
    UnitVersion(unit("T_SGRDEM-1", "Seagreen", None, national_grid_bmu_id="SGRDEM-1"), OLD),
    UnitVersion(unit("T_AGAIN-1", "plain", None, national_grid_bmu_id="AGAIN-1"), OLD),
    UnitVersion(unit("T_OTHER-1", "Other Wind Farm", "OTHER"), OLD),
    UnitVersion(unit("T_PLAIN-1", "Of once", "WIND"), OLD, D("2025-03-01")),
    UnitVersion(unit("T_PLAIN-1", "Of once", "OTHER"), D("2025-03-01")),
    UnitVersion(unit("A_UND_W-1", "Under", "WIND"), OLD),
]


@pytest.mark.parametrize(
    ("bmu_id", "reason", "wind_like", "likely"),
    [
        ("T_NEWFW-1", "unknown", True, None),
        ("T_NEWFO-12", "unknown", True, None),
        ("E_BURBO", "unknown", True, None),
        ("T_NEWGAS-1", "unknown", False, None),
        ("2__ANEWS01", "unknown", False, None),
        ("I_IFD-NEWSW", "unknown", False, None),
        ("t_sgrwo-1", "spelt otherwise", True, "T_SGRWO-1"),
        (" T_SGRWO-1", "spelt otherwise", True, "T_SGRWO-1"),
        ("t_draxx-1", "spelt otherwise", False, "T_DRAXX-1"),
        ("E_SGRWO-1", "renamed", True, "T_SGRWO-1"),
        ("T_ONCEW-1", "unmapped", True, None),
        ("T_LATER-1", "unmapped", True, None),
        ("E_GFLDW-1", "unmapped", True, None),
        ("T_ONCENEW-1", "renamed", True, "T_ONCEW-1"),
        ("T_AGAIN-1", "renamed", True, "T_LATER-1"),
        ("T_OTHER-1", "unmapped", True, None),
        ("T_PLAIN-1", "unmapped", True, None),
        ("2__SGRWO-1", "renamed", True, "T_SGRWO-1"),
        ("E_UND_W-1", "renamed", True, "A_UND_W-1"),
    ],
)
def test_what_is_suspected_of_a_days_rows(bmu_id: str, reason: str, wind_like: bool, likely: str | None) -> None:
    register = Register(VERSIONS)
    register.suspects([bmu_id], NEW)  # what is kept of an id has to hold on every day
    found = register.suspects([bmu_id], DAY)[bmu_id]
    assert (found.reason, found.is_wind_like, found.likely_bmu_id) == (reason, wind_like, likely)


@pytest.mark.parametrize("bmu_id", [None, "1", "20", " 7 ", "T_SGRWO-1", "T_DRAXX-1", "2__ASUPP01", "T_SGRDEM-1"])
def test_what_is_counted_or_known_to_be_something_else_or_no_unit_is_not_suspected(bmu_id: str | None) -> None:
    assert Register(VERSIONS).suspects([bmu_id], DAY) == {}


def test_an_unknown_id_with_the_operators_number_of_a_farm_is_that_farm_renamed() -> None:
    found = Register(VERSIONS).suspects(["T_XYZ-9"], DAY, {"T_XYZ-9": "SGRWO-1"}.get)
    assert found == {"T_XYZ-9": Suspect("T_XYZ-9", "renamed", True, None, "T_SGRWO-1")}


def test_a_suspect_is_shown_as_the_register_has_it_on_the_day_and_what_is_unknown_as_nothing() -> None:
    found = Register(VERSIONS).suspects(["T_LATER-1", "T_ONCEW-1", "T_NEWFW-1"], DAY)
    assert {bmu_id: suspect.unit for bmu_id, suspect in found.items()} == {
        "T_LATER-1": unit("T_LATER-1", "Plain", None, national_grid_bmu_id="LATER-1"),
        "T_ONCEW-1": unit("T_ONCEW-1", "Once"),
        "T_NEWFW-1": None,
    }


def test_unmapped_is_what_looks_like_a_wind_farm_or_was_one_or_will_be_one_as_it_is_on_the_day() -> None:
    assert Register(VERSIONS).unmapped_wind_like(DAY) == {
        "E_GFLDW-1": unit("E_GFLDW-1", "Goole Fields Wind Farm", None),
        "T_LATER-1": unit("T_LATER-1", "Plain", None, national_grid_bmu_id="LATER-1"),
        "T_ONCEW-1": unit("T_ONCEW-1", "Once"),
        "T_OTHER-1": unit("T_OTHER-1", "Other Wind Farm", "OTHER"),
        "T_PLAIN-1": unit("T_PLAIN-1", "Of once", "OTHER"),
    }


def test_of_a_days_ids_those_are_not_wind_that_are_known_and_not_mapped_on_the_day_or_gone() -> None:
    ids = [None, "1", "T_SGRWO-1", "T_ONCEW-1", "T_DRAXX-1", "T_LATER-1", "T_NEWFW-1"]
    assert Register(VERSIONS).not_wind(ids, DAY) == {"T_ONCEW-1", "T_DRAXX-1", "T_LATER-1"}
