"""Notifications of a day (PN): what is asked, what it comes to by unit, period and zone, and what must hold of it."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from sqlalchemy.dialects import postgresql

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.potential import DayVolumes, Notified, Volumes
from minerecon_dagster.elexon.datasets import pn
from minerecon_dagster.elexon.datasets.later import Look, Run
from minerecon_dagster.elexon.datasets.pn import PN, PnRow, period_potential, unit_period_potential
from minerecon_dagster.sample.ask import Asked
from minerecon_dagster_tests.elexon.small import AT, DAY, PERIODS, STARTS, of_itself

A, B, C = "T_A-1", "T_B-1", "T_C-1"
HALF_HOUR = dt.timedelta(minutes=30)
REPAIR = "minerecon reingest 2025-03-28 --force"


def row(unit: str | None, period: int, mw: int = 10, **changes: Any) -> PnRow:
    """A notification of a whole period at one level: half as many MWh."""
    start = STARTS[period - 1]
    values: dict[str, Any] = {"time_from": start, "time_to": start + HALF_HOUR, "level_from": mw, "level_to": mw}
    return PnRow(settlement_date=str(DAY), settlement_period=period, bm_unit=unit, **values | changes)


def whole(*units: str, mw: int = 10, but: Iterable[tuple[str, int]] = ()) -> list[PnRow]:
    """A day of each unit, without some periods."""
    left_out = set(but)
    return [row(unit, period, mw) for unit in units for period in PERIODS if (unit, period) not in left_out]


def bid(mwh: str, so: str = "0", offers: str = "0") -> Volumes:
    return Volumes(Decimal(mwh), Decimal(so), Decimal(offers))


def registered(capacity_mw: str | None = None, zone: str | None = None) -> Any:
    capacity = None if capacity_mw is None else Decimal(capacity_mw)
    return SimpleNamespace(generation_capacity_mw=capacity, gsp_group_id=zone)


def look(
    rows: list[PnRow],
    units: Iterable[str] = (A, B),
    accepted: Mapping[tuple[str, int], Volumes] | None = None,
    *,
    has_offers: bool = True,
    register: Mapping[str, Any] | None = None,
) -> Look:
    volumes = DayVolumes(accepted or {}, has_offers)
    answer = Answer("http://x", 200, AT, b"[]")
    return Look(DAY, PN.runs[0], list(units), register or {}, answer, rows, volumes)


def checked(of: Look) -> dict[str, Result]:
    results = PN.check(of)
    assert {str(r.repair) for r in results} == {REPAIR}
    return {r.checked.name: r for r in results}


def test_what_it_is() -> None:
    assert of_itself(PN) == {
        "name": "pn",
        "report": "PN",
        "source": "Elexon's physical notifications (PN), and the settlement stack (ISPSTACK)",
        "is_bare": True,
        "columns": (
            "settlement_date", "bmu_id", "potential_mwh", "known_mwh", "periods_with_pn", "periods", "bids_mwh",
            "so_bids_mwh", "taken_back_mwh", "instructed_mwh",
        ),
        "group": "curtailment",
        "reads_register": True,
        "table": "unit_daily_potential",
        "may_be_null": ["potential_mwh", "taken_back_mwh", "instructed_mwh"],
        "properties": [
            "units_answered", "periods_covered_once", "levels_agree", "bids_are_notified", "instructed_above_zero",
            "bids_within_notified", "net_share_within_bounds", "net_share_of_month_within_bounds", "sums_agree",
            "bids_agree", "notified_within_capacity", "notified_above_zero", "instructed_beside_output",
        ],
        "unseen_as": None,
    }  # fmt: skip
    assert PN.runs == (Run("", 1, after_days=1),)
    assert (PN.reaches_back_days, PN.days_a_run, PN.most_attempts, PN.most_units) == (36_525, 62, 6, 240)
    assert (PN.follows_day, PN.reads_volumes, PN.runs_are_looks, PN.run_column) == (True, True, False, None)
    assert PN.more_tables == (unit_period_potential, period_potential)
    assert PN.against_the_day == (pn.BIDS_AGREE,)


def test_its_other_tables() -> None:
    assert [c.name for c in unit_period_potential.columns if c.nullable] == [
        "potential_mwh", "offers_mwh", "instructed_mwh",
    ]  # fmt: skip
    assert [c.name for c in period_potential.columns if c.nullable] == ["taken_back_mwh"]
    assert [c.name for c in unit_period_potential.columns] == [
        "settlement_date", "settlement_period", "bmu_id", "potential_mwh", "bids_mwh", "so_bids_mwh", "offers_mwh",
        "instructed_mwh",
    ]  # fmt: skip
    assert [c.name for c in period_potential.columns] == [
        "settlement_date", "settlement_period", "zone", "potential_mwh", "units_asked", "units_present",
        "units_with_bid", "units_with_bid_and_pn", "bids_mwh", "so_bids_mwh", "taken_back_mwh",
    ]  # fmt: skip


def test_what_must_hold_is_of_figures_beside_the_day_and_mended_by_a_person() -> None:
    severe = {p.name for p in PN.properties if p.severity == "ERROR"}
    assert severe == {"units_answered", "net_share_of_month_within_bounds", "sums_agree", "bids_agree"}
    for p in PN.properties:
        assert (p.family, p.evaluated, p.is_beside, p.scope) == ("potential", "fetch, rebuild", True, "day")
        assert str(p.repair_of(DAY)) == REPAIR


def test_what_is_taken_for_a_fault() -> None:
    assert (Decimal("0.9"), Decimal("1.05")) == (pn.LEAST_ANSWERED, pn.MOST_OF_CAPACITY)
    assert (Decimal("-0.01"), Decimal("0.0001")) == (pn.LEAST_INSTRUCTED_MWH, pn.SHARE_TOLERANCE)
    assert (Decimal("0.6"), Decimal("0.95")) == (pn.LEAST_OF_OUTPUT, pn.USUALLY_MOST_OF_OUTPUT)
    assert pn.MOST_MW == 20_000


@pytest.mark.parametrize("wanted", [True, False])
def test_a_person_decides_whether_it_is_asked_for(wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELEXON_POTENTIAL", "1" if wanted else "0")
    assert PN.is_asked_for() is wanted


def test_all_units_are_asked_for_at_once_by_the_periods_of_the_day() -> None:
    of = (
        "/datasets/PN/stream?from={day}&to={day}&settlementPeriodFrom=1&settlementPeriodTo={last}&bmUnit=A%26B&bmUnit=C"
    )
    for day, last in ((DAY, 48), (dt.date(2025, 3, 30), 46), (dt.date(2025, 10, 26), 50)):
        assert PN.path(day, PN.runs[0], ["A&B", "C"]) == of.format(day=day, last=last)


def test_an_answer_is_rows_of_names_that_may_be_absent() -> None:
    body = (
        b'[{"settlementDate":"2025-03-28","settlementPeriod":1,"timeFrom":"2025-03-28T00:00:00Z",'
        b'"timeTo":"2025-03-28T00:30:00Z","levelFrom":-20000,"levelTo":20000}]'
    )
    (found,) = PN.parse(AnswerKey("pn"), DAY, Answer("http://x", 200, AT, body))
    assert msgspec.structs.asdict(found) == msgspec.structs.asdict(row(None, 1, level_from=-20_000, level_to=20_000))
    assert (found.bm_unit, found.national_grid_bm_unit, found.dataset) == (None, None, None)
    assert PN.parse(AnswerKey("pn"), DAY, Answer("http://x", 404, AT, b"")) == []


def test_the_sample_answers_with_what_the_units_that_are_named_notified() -> None:
    world: Any = SimpleNamespace(notifications=lambda day, units: [{"of": (day, *units)}])
    query = {"from": [str(DAY)], "bmUnit": [A, B]}
    assert PN.sample(world, Asked([DAY], "datasets/PN/stream", query)) == [{"of": (DAY, A, B)}]
    assert PN.sample(world, Asked([DAY], "datasets/PN/stream", {"from": [str(DAY)]})) == [{"of": (DAY,)}]
    assert PN.sample(world, Asked([DAY], "datasets/B1610/stream", query)) is None


@pytest.mark.parametrize(
    ("unit", "zone"),
    [(None, "unknown"), (registered(zone=None), "unknown"), (registered(zone=""), "unknown"),
     (registered(zone="_P"), "_P"), (SimpleNamespace(), "unknown")],
)  # fmt: skip
def test_the_zone_of_a_unit_is_the_registers(unit: Any, zone: str) -> None:
    assert pn.zone_of(unit) == zone


def test_what_notifications_come_to_is_of_the_units_that_were_asked_for_and_known_where_they_fit() -> None:
    middle = STARTS[1] + HALF_HOUR / 2
    rows = [
        row(A, 1, 10),
        row(A, 2, 4, time_to=middle), row(A, 2, 8, time_from=middle),
        row(A, 3, 10, time_to=STARTS[2] + HALF_HOUR / 2),
        row(B, 1, 6), row(B, 1, 7),
        row("Z", 1), row(None, 1),
    ]  # fmt: skip
    says = pn.potential_of(DAY, [A, B, C], rows)
    assert says.notified == {
        A: {1: Notified(Decimal(5)), 2: Notified(Decimal(3)), 3: Notified(None, "gap")},
        B: {1: Notified(None, "levels")},
    }
    assert says.of_unit == {A: {1: Decimal(5), 2: Decimal(3)}}
    assert (says.strangers, says.answered) == (["", "Z"], [A, B])


def test_what_an_answer_comes_to_is_worked_out_once_for_a_look_and_again_for_another() -> None:
    one, other = look(whole(A)), look(whole(A))
    says = pn._said(one)
    assert pn._said(one) is says
    assert (pn._said(other) is says, pn._said(other)) == (False, says)


def test_whatever_the_order_of_rows_periods_are_known_in_theirs() -> None:
    rows = [*whole(B), *whole(A, but=[(A, 3)])]
    says = pn.potential_of(DAY, [A, B], [*reversed(rows), row(A, 3, time_to=STARTS[2])])
    assert list(says.notified) == [A, B]
    assert [list(of_unit) for of_unit in says.notified.values()] == [list(PERIODS)] * 2
    assert list(says.of_unit[A]) == [period for period in PERIODS if period != 3]


def test_a_unit_has_a_potential_if_every_period_has_a_notification() -> None:
    rows = [*whole(A), *whole(B, but=[(B, 7)])]
    accepted = {
        (A, 3): bid("-2.5", so="-1.5", offers="0.25"), (A, 4): bid("-1", so="-0.5", offers="0.125"),
        (A, 9): bid("0", offers="3"), (B, 3): bid("-2"), (C, 3): bid("-9"),
    }  # fmt: skip
    of = (Decimal(x) for x in ("240", "240", "-3.5", "-2", "0.375", "239.875"))
    potential, known, bids, so_bids, back, instructed = of
    assert list(PN.rows(look(rows, [A, B, C], accepted))) == [
        (DAY, A, potential, known, 48, 48, bids, so_bids, back, instructed),
        (DAY, B, None, Decimal(235), 47, 48, Decimal(-2), 0, 0, None),
        (DAY, C, None, 0, 0, 48, Decimal(-9), 0, 0, None),
    ]


def test_where_offers_are_not_fetched_what_was_taken_back_and_instructed_is_not_known() -> None:
    of = look(whole(A), [A], {(A, 3): bid("-2.5", offers="0.25")}, has_offers=False)
    assert list(PN.rows(of)) == [(DAY, A, 240, 240, 48, 48, Decimal("-2.5"), 0, None, None)]
    assert list(pn._of_pairs(of)) == [(DAY, 3, A, 5, Decimal("-2.5"), 0, None, None)]
    assert list(pn._of_periods(of))[2] == (DAY, 3, "unknown", 5, 1, 1, 1, 1, Decimal("-2.5"), 0, None)


def test_a_unit_and_period_with_a_bid_has_a_row_whether_notified_or_not() -> None:
    accepted = {
        (B, 2): bid("-1"), (A, 3): bid("-2.5", so="-1.5", offers="0.25"), (A, 2): bid("-1", offers="2"),
        (A, 9): bid("0", offers="3"), ("Z", 1): bid("-4"),
    }  # fmt: skip
    assert list(pn._of_pairs(look([*whole(A, but=[(A, 2)]), row(B, 2, time_to=STARTS[1])], (A, B), accepted))) == [
        (DAY, 2, A, None, -1, 0, 2, None),
        (DAY, 3, A, 5, Decimal("-2.5"), Decimal("-1.5"), Decimal("0.25"), Decimal("2.75")),
        (DAY, 2, B, None, -1, 0, 0, None),
    ]


def test_of_each_period_and_zone_bids_count_beside_notifications_of_the_same_units() -> None:
    accepted = {
        (A, 1): bid("-1", so="-0.5", offers="0.25"), (B, 1): bid("-2", so="-2", offers="0.5"), (C, 1): bid("-4"),
        (A, 2): bid("0", offers="9"), ("Z", 1): bid("-7"),
    }  # fmt: skip
    register = {A: registered(zone="_P"), B: registered(zone="_P"), C: registered(zone="_N")}
    rows = [*whole(A), *whole(B, mw=20), *whole(C, but=[(C, 1)])]
    found = list(pn._of_periods(look(rows, [A, B, C, "D"], accepted, register=register)))
    assert len(found) == 48 * 3
    assert [(period, zone) for _, period, zone, *_ in found[:4]] == [(1, "_N"), (1, "_P"), (1, "unknown"), (2, "_N")]
    assert found[:5] == [
        (DAY, 1, "_N", 0, 1, 0, 1, 0, 0, 0, 0),
        (DAY, 1, "_P", 15, 2, 2, 2, 2, -3, Decimal("-2.5"), Decimal("0.75")),
        (DAY, 1, "unknown", 0, 1, 0, 0, 0, 0, 0, 0),
        (DAY, 2, "_N", 5, 1, 1, 0, 0, 0, 0, 0),
        (DAY, 2, "_P", 15, 2, 2, 0, 0, 0, 0, 0),
    ]
    assert found[-1] == (DAY, 48, "unknown", 0, 1, 0, 0, 0, 0, 0, 0)


def test_what_it_says_of_a_materialization() -> None:
    assert PN.metadata(look([*whole(A), row(B, 1, 1), row("Z", 1)], [A, B, C])) == {
        "rows": 50,
        "units_asked": 3,
        "units_answered": 2,
        "notified_potential_mwh": 240.5,
    }
    third = row(A, 1, time_to=STARTS[0] + HALF_HOUR, level_from=0, level_to=1)
    assert PN.metadata(look([third], [A]))["notified_potential_mwh"] == 0.25
    long = row(A, 1, 1, time_to=STARTS[0] + dt.timedelta(seconds=1))
    rest = row(A, 1, 0, time_from=STARTS[0] + dt.timedelta(seconds=1))
    assert PN.metadata(look([long, rest], [A]))["notified_potential_mwh"] == 0.0


def test_a_day_that_is_as_it_should_be() -> None:
    register = {A: registered("20"), B: registered("20")}
    found = checked(look(whole(A, B), accepted={(A, 3): bid("-2.5")}, register=register))
    assert {name: (r.passed, r.looked_at, r.expected, r.actual) for name, r in found.items()} == {
        "units_answered": (
            True, 2, "notifications of at least 90% of 2 units, and of no other", "2 units answered"
        ),
        "periods_covered_once": (True, 96, "96 notifications that cover their half hour exactly once", "96 of them"),
        "levels_agree": (True, 96, "96 notifications without a piece at two levels", "96 of them"),
        "bids_are_notified": (True, 1, "a notification of each of 1 periods of units with a bid", "1 have one"),
        "instructed_above_zero": (
            True, 1, "1 periods of units with a bid instructed to -0.01 MWh or more", "1 of them"
        ),
        "bids_within_notified": (
            True, 1, "1 periods of units with a bid with no more bids than were notified", "1 of them"
        ),
        "notified_within_capacity": (True, 96, "96 periods of units within 1.05 times their capacity", "96 of them"),
        "notified_above_zero": (True, 96, "96 periods of units not below 0", "96 of them"),
    }  # fmt: skip


def test_where_there_is_nothing_to_judge_that_there_is_none_was_looked_at() -> None:
    found = checked(look(whole(A, B)))
    assert {name: r.looked_at for name, r in found.items()} == {
        "units_answered": 2, "periods_covered_once": 96, "levels_agree": 96, "bids_are_notified": 2,
        "instructed_above_zero": 2, "bids_within_notified": 2, "notified_within_capacity": 2,
        "notified_above_zero": 96,
    }  # fmt: skip
    assert found["bids_are_notified"].expected == "a notification of each of 0 periods of units with a bid"
    assert found["notified_within_capacity"].actual == "0 of them"
    assert all(r.passed for r in found.values())


@pytest.mark.parametrize(("answered", "used"), [(10, True), (9, True), (8, False), (0, False)])
def test_an_answer_of_less_than_nine_tenths_of_the_units_is_not_used(answered: int, used: bool) -> None:
    units = [f"T_{n:02}" for n in range(10)]
    results = PN.check(look(whole(*units[:answered]), units))
    first = results[0]
    assert (first.checked, first.looked_at, first.passed) == (pn.UNITS_ANSWERED, 10, used)
    assert len(results) == (8 if used else 1), "what is not used has nothing else to be looked at"
    silent = units[answered:]
    said = f"; without any: {', '.join(silent)}" if silent else ""
    assert first.actual == f"{answered} units answered{said}"
    assert list(first.violations) == [{"bmu_id": u, "problem": "not answered"} for u in silent if not used]


def test_of_many_that_are_silent_ten_are_named() -> None:
    units = [f"T_{n:02}" for n in range(20)]
    first = PN.check(look(whole(*units[:9]), units))[0]
    assert first.actual == f"9 units answered; without any: {', '.join(units[9:19])}"
    assert first.violation_count == 11


def test_a_unit_that_was_not_asked_for_makes_an_answer_useless_whatever_else_came() -> None:
    (only,) = PN.check(look([*whole(A), row("Z", 1), row("Y", 1)], [A]))
    assert only.actual == "1 units answered; and 2 that were not asked for"
    assert list(only.violations) == [{"bmu_id": u, "problem": "not asked for"} for u in ("Y", "Z")]
    assert str(only.repair) == REPAIR


def test_what_cannot_be_read_is_not_used_and_says_why() -> None:
    (only,) = PN.unreadable(DAY, [A, B, C], "no list of rows")
    assert (only.checked, only.looked_at, only.passed, only.blocks) == (pn.UNITS_ANSWERED, 0, False, True)
    assert only.expected == "notifications of 3 units, as Elexon describes them"
    assert (only.actual, str(only.repair)) == ("no list of rows", REPAIR)


def test_a_period_that_is_not_covered_once_or_stands_at_two_levels_is_named() -> None:
    rows = [
        *whole(A, B, but=[(A, 2), (A, 5), (B, 7), (B, 1)]),
        row(A, 2, time_to=STARTS[1] + HALF_HOUR / 2), row(B, 7), row(B, 7, 11),
        row(B, 1, time_to=STARTS[1] + HALF_HOUR),
    ]  # fmt: skip
    found = checked(look(rows, [A, B]))
    once, levels = found["periods_covered_once"], found["levels_agree"]
    assert list(once.violations) == [
        {"bmu_id": A, "settlement_period": 2, "problem": "gap"},
        {"bmu_id": B, "settlement_period": 1, "problem": "overlap"},
        {"bmu_id": A, "settlement_period": 5, "problem": "no notification"},
    ]
    assert list(levels.violations) == [{"bmu_id": B, "settlement_period": 7, "problem": "levels"}]
    assert (once.looked_at, once.actual) == (96, "93 of them")
    assert (levels.looked_at, levels.actual) == (96, "95 of them")


def test_of_units_that_are_not_answered_no_period_is_missed() -> None:
    units = [f"T_{n:02}" for n in range(10)]
    once = checked(look(whole(*units[:9]), units))["periods_covered_once"]
    assert (once.passed, once.looked_at) == (True, 9 * 48)


def test_a_bid_without_a_notification_that_fits_is_named() -> None:
    rows = [*whole(A, B, but=[(A, 2), (B, 7)]), row(B, 7, time_to=STARTS[6])]
    accepted = {
        (B, 7): bid("-1"),
        (A, 2): bid("-1"),
        (A, 3): bid("-1"),
        (A, 5): bid("0", offers="1"),
        ("Z", 1): bid("-1"),
    }
    found = checked(look(rows, accepted=accepted))["bids_are_notified"]
    assert list(found.violations) == [
        {"bmu_id": A, "settlement_period": 2},
        {"bmu_id": B, "settlement_period": 7},
        {"bmu_id": "Z", "settlement_period": 1},
    ]
    assert (found.looked_at, found.actual) == (4, "1 have one")


def test_what_was_instructed_is_not_below_zero_and_bids_are_no_more_than_was_notified() -> None:
    accepted = {
        ("T_0-1", 1): bid("-1"),
        (A, 1): bid("-5"),
        (A, 2): bid("-5.01"),
        (A, 3): bid("-5.011"),
        (A, 4): bid("-6", offers="1"),
        (A, 5): bid("-6", offers="0.9"),
        (A, 6): bid("0", offers="9"),
        (B, 1): bid("-99"),
    }
    found = checked(look([*whole(A), *whole(B, but=[(B, 1)])], accepted=accepted))

    def of(period: int, bids: str, offers: str = "0") -> dict[str, Any]:
        of_pair = {"bmu_id": A, "settlement_period": period, "potential_mwh": "5.000000"}
        return of_pair | {"bids_mwh": bids, "offers_mwh": offers}

    below, beyond = found["instructed_above_zero"], found["bids_within_notified"]
    assert list(below.violations) == [of(3, "-5.011"), of(5, "-6", "0.9")]
    assert list(beyond.violations) == [of(2, "-5.01"), of(3, "-5.011"), of(4, "-6", "1"), of(5, "-6", "0.9")]
    assert (below.looked_at, below.actual, beyond.looked_at, beyond.actual) == (5, "3 of them", 5, "1 of them")


def test_where_offers_are_not_fetched_nothing_is_said_of_what_was_instructed() -> None:
    found = checked(look(whole(A, B), accepted={(A, 3): bid("-9")}, has_offers=False))
    assert found["instructed_above_zero"].passed
    assert not found["bids_within_notified"].passed


def test_no_unit_notifies_more_than_its_capacity_and_five_per_cent_nor_less_than_nothing() -> None:
    rows = [
        *whole(A, mw=21, but=[(A, 9)]),
        row(A, 9, 22),
        *whole(B, mw=99, but=[(B, 4), (B, 2)]),
        row(B, 4, -2),
        row(B, 2, 0),
    ]
    found = checked(look(rows, [A, B], register={A: registered("20"), B: registered(None)}))
    most, least = found["notified_within_capacity"], found["notified_above_zero"]
    assert list(most.violations) == [
        {"bmu_id": A, "settlement_period": 9, "potential_mwh": "11.000000", "capacity_mw": "20"}
    ]
    assert (most.looked_at, most.actual) == (48, "47 of them"), "of a unit without a capacity nothing is judged"
    assert list(least.violations) == [{"bmu_id": B, "settlement_period": 4, "potential_mwh": "-1.000000"}]
    assert (least.looked_at, least.actual) == (96, "95 of them")


def test_a_capacity_of_nothing_is_none() -> None:
    found = checked(look(whole(A), [A], register={A: registered("0")}))["notified_within_capacity"]
    assert (found.passed, found.looked_at) == (True, 1)


# What it says to PostgreSQL; what that does with it is seen in day/test_potential.py.


def said_in_sql(statement: Any) -> str:
    text = statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    return " ".join(str(text).split())


def test_what_is_stored_of_the_day_is_replaced_in_all_three_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    monkeypatch.setattr(pn, "cursor", contextlib.nullcontext)
    monkeypatch.setattr(PN, "insert", lambda many, rows: done.append(("units", list(rows))), raising=False)
    monkeypatch.setattr(
        pn, "copy_rows", lambda many, table, columns, rows: done.append((table, ", ".join(columns), len(list(rows))))
    )
    connection: Any = SimpleNamespace(execute=lambda statement: done.append(said_in_sql(statement)))
    of = look(whole(A), [A], {(A, 3): bid("-2.5")})
    PN.write(connection, of)
    tables = ("unit_daily_potential", "unit_period_potential", "period_potential")
    assert done[:3] == [f"DELETE FROM minerecon.{t} WHERE minerecon.{t}.settlement_date = '{DAY}'" for t in tables]
    assert done[3] == ("units", list(PN.rows(of)))
    pairs, periods = done[4:]
    assert pairs == (
        "minerecon.unit_period_potential",
        "settlement_date, settlement_period, bmu_id, potential_mwh, bids_mwh, so_bids_mwh, offers_mwh, instructed_mwh",
        1,
    )
    assert periods == (
        "minerecon.period_potential",
        "settlement_date, settlement_period, zone, potential_mwh, units_asked, units_present, units_with_bid,"
        " units_with_bid_and_pn, bids_mwh, so_bids_mwh, taken_back_mwh",
        48,
    )


def test_a_unit_of_which_an_answer_has_fewer_periods_than_are_stored_is_lost() -> None:
    asked: list[str] = []

    def stored(statement: Any) -> list[tuple[str, int]]:
        asked.append(said_in_sql(statement))
        return [(A, 48), (B, 48), (C, 1), ("D", 0), ("gone", 48)]

    connection: Any = SimpleNamespace(execute=stored)
    rows = [*whole(A), *whole(B, but=[(B, 2)])]
    assert PN.units_lost(connection, look(rows, [A, B, C, "D"])) == {B, C}, "one that was not asked for is not silent"
    of = "minerecon.unit_daily_potential"
    assert asked == [f"SELECT {of}.bmu_id, {of}.periods_with_pn FROM {of} WHERE {of}.settlement_date = '{DAY}'"]


def test_what_the_tables_say_is_of_the_properties_that_had_something_to_look_at() -> None:
    asked: list[Any] = []

    def evaluated(statement: Any, parameters: Any) -> list[Any]:
        asked.append((statement, parameters))
        wrong = [{"name": A}]
        return [
            SimpleNamespace(check_name="sums_agree", looked_at=3, expected="the same", note="it", violations=[]),
            SimpleNamespace(check_name="net_share_within_bounds", looked_at=0, expected="", note="", violations=[]),
            SimpleNamespace(
                check_name="instructed_beside_output", looked_at=1, expected="e", note="n", violations=wrong
            ),
        ]

    connection: Any = SimpleNamespace(execute=evaluated)
    of = look(whole(A), [A, B], register={A: registered(zone="_P")})
    agree, beside = PN.check_stored(connection, of)
    assert asked == [
        (
            pn.statement("checks/potential"),
            {
                "day": DAY, "tolerance": Decimal("0.0001"), "least_of_output": Decimal("0.6"),
                "most_of_output": Decimal("0.95"), "zones": ["_P", "unknown"], "units": [A, B],
            },
        )
    ]  # fmt: skip
    assert (agree.checked, agree.passed, agree.looked_at, agree.expected, agree.actual) == (
        pn.SUMS_AGREE, True, 3, "the same", "it",
    )  # fmt: skip
    assert (beside.checked, list(beside.violations), str(beside.repair)) == (
        pn.INSTRUCTED_BESIDE_OUTPUT, [{"name": A}], REPAIR,
    )  # fmt: skip


def test_what_its_properties_and_columns_are_made_by() -> None:
    made = pn._property("name", "WARN", "Meaning.")
    assert (made.family, made.name, made.severity, made.meaning) == ("potential", "name", "WARN", "Meaning.")
    assert (made.evaluated, made.is_beside, str(made.repair_of(DAY))) == ("fetch, rebuild", True, REPAIR)
    assert (pn._bmu_id().name, pn._bmu_id().nullable) == ("bmu_id", False)
    assert (pn._period().name, pn._period().nullable) == ("settlement_period", False)
    comment = unit_period_potential.c.bids_mwh.comment
    assert comment == "All accepted bids in MWh: negative, as Elexon has them."


def test_notifications_are_summed_and_have_a_name_for_every_reader() -> None:
    assert (PN.is_summed, PN.plain) == (True, "notifications")
