"""Faults of physical notifications and of metered output: each turns its check red, and nothing else of the day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from minerecon_dagster.checks.properties import PROPERTIES
from minerecon_dagster.core.checks import Property
from minerecon_dagster.elexon.datasets import meters, pn
from minerecon_dagster_tests.faults.conftest import DAY, World
from minerecon_dagster_tests.faults.test_faults import REACHED, all_green
from minerecon_dagster_tests.notified import METERED, PN, Rows, spoil

UNIT = "T_SYNTW-1"
ASKED = (
    "DELETE FROM minerecon.later_answers",
    "DELETE FROM minerecon.unit_daily_potential",
    "DELETE FROM minerecon.unit_period_potential",
    "DELETE FROM minerecon.period_potential",
    "DELETE FROM minerecon.unit_daily_metered",
)
"""Of all days: the month is then that of the day alone."""


def levels(change: Callable[[int], int]) -> Callable[[Rows], Rows]:
    return lambda rows: [
        row | {"levelFrom": change(row["levelFrom"]), "levelTo": change(row["levelTo"])} for row in rows
    ]


def without_one(rows: Rows) -> Rows:
    """Without one piece of a period that has two."""
    (first, *_) = [row for row in rows if row["bmUnit"] == UNIT and row["settlementPeriod"] == 5]
    return [row for row in rows if row is not first]


def at_two_levels(rows: Rows) -> Rows:
    (first, *_) = [row for row in rows if row["bmUnit"] == UNIT]
    return [*rows, first | {"levelFrom": first["levelFrom"] + 7}]


def quantities(factor: float) -> Callable[[Rows], Rows]:
    return lambda rows: [row | {"quantity": row["quantity"] * factor} for row in rows]


FAULTS: list[tuple[str, str, Callable[[Rows], Rows], set[Property]]] = [
    ("the first unit alone", PN, lambda rows: [r for r in rows if r["bmUnit"] == UNIT], {pn.UNITS_ANSWERED}),
    ("a piece is missing", PN, without_one, {pn.PERIODS_COVERED_ONCE}),
    ("a piece stands at two levels", PN, at_two_levels, {pn.LEVELS_AGREE}),
    ("a unit with bids is absent", PN, lambda rows: [r for r in rows if r["bmUnit"] != UNIT], {pn.BIDS_ARE_NOTIFIED}),
    (
        "all notify nothing",
        PN,
        levels(lambda _: 0),
        {pn.INSTRUCTED_ABOVE_ZERO, pn.BIDS_WITHIN_NOTIFIED, pn.INSTRUCTED_BESIDE_OUTPUT},
    ),
    (
        "all notify one MW",
        PN,
        levels(lambda _: 1),
        {pn.NET_SHARE_WITHIN_BOUNDS, pn.NET_SHARE_OF_MONTH_WITHIN_BOUNDS},
    ),
    ("MW that are four times what they are", PN, levels(lambda mw: 4 * mw), {pn.NOTIFIED_WITHIN_CAPACITY}),
    (
        "a level below 0",
        PN,
        lambda rows: [
            r | {"levelFrom": -3, "levelTo": -3} if (r["bmUnit"], r["settlementPeriod"]) == (UNIT, 9) else r
            for r in rows
        ],
        {pn.NOTIFIED_ABOVE_ZERO},
    ),
    ("one unit's meters alone", METERED, lambda rows: [r for r in rows if r["bmUnit"] == UNIT], {meters.UNITS_METERED}),
    ("a metered period is missing", METERED, lambda rows: rows[1:], {meters.PERIODS_METERED}),
    (
        "a settlement run that nobody knows",
        METERED,
        lambda rows: [r | {"settlementRunType": "XX"} for r in rows],
        {meters.RUNS_KNOWN},
    ),
    (
        "MWh that are four times what they are",
        METERED,
        quantities(4),
        {meters.METERED_WITHIN_OUTPUT, meters.DELIVERED_AS_INSTRUCTED},
    ),
]
OF_THEM = {p for p in PROPERTIES if p.is_beside}


def ask_again(world: World, days_later: int) -> None:
    """Let the day be asked for what comes later as if it never had been."""
    world.put(*ASKED)
    now = dt.datetime.now(dt.UTC) + dt.timedelta(days=days_later)
    assert world.job("ingest", DAY, now=now), world.said


@pytest.mark.slow
@pytest.mark.parametrize(("of", "change", "guards"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_a_fault_of_what_comes_beside_the_day_turns_its_check_red_and_the_days_figures_stay(
    world: World, of: str, change: Callable[[Rows], Rows], guards: set[Property]
) -> None:
    before = world.content()
    spoil(world.elexon, of, change)
    ask_again(world, 1)
    red = world.red(DAY)
    assert {p.full_name for p in guards} <= red
    assert red <= {p.full_name for p in OF_THEM}
    assert world.content() == before
    REACHED.update(red)
    blocked = {p.full_name for p in OF_THEM if p.severity == "ERROR"} & red
    assert world.status() == ("warned" if blocked else "complete"), "of what is shown a warning is a remark"
    ((stored,),) = world.sql(
        f"SELECT count(*) FROM minerecon.{'period_potential' if of == PN else 'unit_daily_metered'}"
        " WHERE settlement_date = :day",
        day=DAY,
    )
    assert (stored == 0) == bool(blocked), "an answer of which an ERROR is found is not used"
    world.elexon.faults = lambda _: None
    ask_again(world, 2)
    all_green(world)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "guard"), [("known_mwh", pn.SUMS_AGREE), ("so_bids_mwh", pn.BIDS_AGREE)], ids=["sums", "bids"]
)
def test_what_other_hands_did_to_sums_on_their_way_is_not_shown(world: World, column: str, guard: Property) -> None:
    world.put(
        "CREATE FUNCTION minerecon.add_one() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN NEW.{column} := NEW.{column} + 1; RETURN NEW; END $$",
        "CREATE TRIGGER add_one BEFORE INSERT ON minerecon.unit_daily_potential FOR EACH ROW"
        " EXECUTE FUNCTION minerecon.add_one()",
    )
    ask_again(world, 1)
    assert world.red(DAY) == {guard.full_name}
    assert world.sql("SELECT count(*) FROM minerecon.period_potential WHERE settlement_date = :day", day=DAY) == [(0,)]
    REACHED.add(guard.full_name)
    world.put("DROP TRIGGER add_one ON minerecon.unit_daily_potential", "DROP FUNCTION minerecon.add_one()")
    ask_again(world, 2)
    all_green(world)
