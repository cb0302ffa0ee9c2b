"""Metered output of a day (B1610): what is asked, what it comes to by unit and run, and what must hold of it."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from sqlalchemy.dialects import postgresql

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.checks import Result
from minerecon_dagster.core.errors import SchemaDriftError
from minerecon_dagster.elexon.datasets import meters
from minerecon_dagster.elexon.datasets.later import Look, Run
from minerecon_dagster.elexon.datasets.meters import B1610, MeteredRow, rank_of
from minerecon_dagster.sample.ask import Asked
from minerecon_dagster_tests.elexon.small import AT, DAY, PERIODS, of_itself

A, B = "T_A-1", "T_B-1"
REPAIR = "minerecon reingest 2025-03-28 --force"


def row(unit: str | None, period: int, mwh: str = "2.5", run: str | None = "II") -> MeteredRow:
    return MeteredRow(str(DAY), period, msgspec.Raw(mwh.encode()), unit, run)


def whole(*units: str, mwh: str = "2.5", run: str | None = "II", but: Iterable[int] = ()) -> list[MeteredRow]:
    """A day of each unit, without some periods."""
    left_out = set(but)
    return [row(unit, period, mwh, run) for unit in units for period in PERIODS if period not in left_out]


def look(rows: list[MeteredRow], units: Iterable[str] = (A, B)) -> Look:
    return Look(DAY, B1610.runs[0], list(units), {}, Answer("http://x", 200, AT, b"[]"), rows)


def checked(of: Look) -> dict[str, Result]:
    results = B1610.check(of)
    assert {str(r.repair) for r in results} == {REPAIR}
    return {r.checked.name: r for r in results}


def test_what_it_is() -> None:
    assert of_itself(B1610) == {
        "name": "b1610",
        "report": "B1610",
        "source": "Elexon's metered output (B1610)",
        "is_bare": True,
        "columns": (
            "settlement_date", "bmu_id", "run_type", "run_rank", "metered_mwh", "periods", "negative_periods",
        ),
        "group": "curtailment",
        "reads_register": True,
        "table": "unit_daily_metered",
        "may_be_null": ["metered_mwh"],
        "properties": [
            "units_metered", "periods_metered", "runs_known", "metered_within_output", "delivered_as_instructed",
        ],
        "unseen_as": None,
    }  # fmt: skip
    assert [c.name for c in B1610.table.columns] == list(B1610.columns)
    assert B1610.runs == (
        Run("d8", 1, after_days=8),
        Run("d30", 2, after_days=30),
        Run("scan1", 3, after_days=120, with_scan=True),
        Run("scan2", 4, after_days=430, with_scan=True),
    )
    assert (B1610.reaches_back_days, B1610.days_a_run, B1610.most_attempts) == (36_525, 10_000, 1)
    assert (B1610.most_units, B1610.runs_are_looks, B1610.follows_day) == (240, True, True)
    assert (B1610.reads_volumes, B1610.run_column) == (False, None)


def test_what_must_hold_is_of_figures_beside_the_day_and_mended_by_a_person() -> None:
    assert [p.name for p in B1610.properties if p.severity == "ERROR"] == ["units_metered"]
    for p in B1610.properties:
        assert (p.family, p.evaluated, p.is_beside, p.scope) == ("metered", "fetch, days later", True, "day")
        assert str(p.repair_of(DAY)) == REPAIR


def test_what_is_taken_for_a_fault() -> None:
    found = (meters.LEAST_METERED, meters.MOST_UNDELIVERED, meters.MOST_MWH)
    assert found == (Decimal("0.9"), Decimal("0.1"), 10_000)


def test_the_later_a_settlement_run_the_higher_it_ranks_and_one_that_is_not_known_lowest() -> None:
    runs = ("unknown", "II", "SF", "R1", "R2", "R3", "RF", "DF")
    assert runs == meters.RUN_TYPES
    assert [rank_of(run) for run in runs] == list(range(8))
    assert (rank_of("X9"), meters.UNKNOWN_RUN) == (0, "unknown")


@pytest.mark.parametrize("wanted", [True, False])
def test_a_person_decides_whether_it_is_asked_for_and_how_often_in_a_run(
    wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELEXON_POTENTIAL", "1" if wanted else "0")
    monkeypatch.setenv("ELEXON_METERED_CALLS_PER_RUN", "123")
    assert B1610.is_asked_for() is wanted
    assert B1610.most_requests_a_run() == 123


def test_all_units_are_asked_for_at_once_by_the_periods_of_the_day() -> None:
    asked = "/datasets/B1610/stream?from={day}&to={day}&settlementPeriodFrom=1&settlementPeriodTo={last}"
    for day, last in ((DAY, 48), (dt.date(2025, 3, 30), 46), (dt.date(2025, 10, 26), 50)):
        assert B1610.path(day, B1610.runs[0], ["A&B", "C"]) == asked.format(day=day, last=last) + (
            "&bmUnit=A%26B&bmUnit=C"
        )


def parsed(quantity: str) -> list[Any]:
    body = f'[{{"settlementDate":"2025-03-28","settlementPeriod":1,"quantity":{quantity}}}]'
    return list(B1610.parse(AnswerKey("b1610"), DAY, Answer("http://x", 200, AT, body.encode())))


def test_an_answer_is_rows_of_names_that_may_be_absent_and_of_digits() -> None:
    (found,) = parsed("-10000")
    assert (found.settlement_date, found.settlement_period, bytes(found.quantity_digits)) == (str(DAY), 1, b"-10000")
    names = ("bm_unit", "settlement_run_type", "national_grid_bm_unit_id", "psr_type", "half_hour_end_time", "dataset")
    assert {getattr(found, name) for name in names} == {None}
    assert len(parsed("10000")) == 1
    assert B1610.parse(AnswerKey("b1610"), DAY, Answer("http://x", 404, AT, b"")) == []


@pytest.mark.parametrize("quantity", ["10000.1", "-10000.1", "null"])
def test_a_quantity_that_no_unit_gives_is_drift(quantity: str) -> None:
    with pytest.raises(SchemaDriftError, match="quantity"):
        parsed(quantity)


def test_the_sample_answers_with_what_the_units_that_are_named_gave() -> None:
    world: Any = SimpleNamespace(metered=lambda day, units: [{"of": (day, *units)}])
    query = {"from": [str(DAY)], "bmUnit": [A, B]}
    assert B1610.sample(world, Asked([DAY], "datasets/B1610/stream", query)) == [{"of": (DAY, A, B)}]
    assert B1610.sample(world, Asked([DAY], "datasets/B1610/stream", {"from": [str(DAY)]})) == [{"of": (DAY,)}]
    assert B1610.sample(world, Asked([DAY], "datasets/PN/stream", query)) is None


def test_of_each_unit_and_run_there_is_a_row_whose_output_is_known_if_every_period_has_one_quantity() -> None:
    rows = [
        *whole(B),
        *whole(A, but=[1, 2, 3, 4]), row(A, 1, "0"), row(A, 2, "-1.25"), row(A, 3, "-0.5"), row(A, 4, "7.125"),
        *whole(A, run="SF", but=[9]),
        *whole(A, run=None), row(A, 5, "2.6", None), row(A, 6, "2.50", None),
        row(B, 3, "-4", "X9"),
        *whole("Z"), row(None, 1),
    ]  # fmt: skip
    assert [tuple(each) for each in B1610.rows(look(rows))] == [
        (DAY, A, "II", 1, Decimal("115.375"), 48, 2),
        (DAY, A, "SF", 2, None, 47, 0),
        (DAY, A, "unknown", 0, None, 47, 0),
        (DAY, B, "II", 1, 120, 48, 0),
        (DAY, B, "X9", 0, None, 1, 1),
    ]


def test_what_it_says_of_a_materialization() -> None:
    rows = [
        row(A, 1, "0.1234"),
        row(A, 2, "1", "DF"),
        row(B, 1, "1", None),
        row(B, 3, "0", "X2"),
        row(B, 4, "0", "X1"),
    ]
    assert B1610.metadata(look(rows, [A, B, "C"])) == {
        "rows": 5,
        "units_asked": 3,
        "settlement_runs": "X1, X2, unknown, II, DF",
        "metered_mwh": 0.0,
    }, "of no run a whole day is known"


def test_what_was_metered_is_of_each_unit_once_by_the_highest_run_that_has_the_whole_day() -> None:
    lower = whole(A, mwh="2.0001234")
    rows = [*whole(A, mwh="3", run="SF"), *lower, *whole(A, mwh="9", run="R1", but=[1]), *whole(B, mwh="1")]
    for answer in (rows, rows * 2, [*rows[48:], *rows[:48]], [*rows, *whole("Z")]):
        assert B1610.metadata(look(answer))["metered_mwh"] == 192.0
    assert B1610.metadata(look(lower))["metered_mwh"] == 96.006
    doubled = [*rows, row(A, 5, "4", "SF")]
    assert B1610.metadata(look(doubled))["metered_mwh"] == 144.006, "of SF two quantities of a period are there"
    unknown = [*whole(A, mwh="1", run="XB"), *whole(A, mwh="2", run="XA")]
    assert B1610.metadata(look(unknown))["metered_mwh"] == 96.0, "of two that nobody knows the first by name, as in SQL"


def test_a_day_that_is_as_it_should_be() -> None:
    found = checked(look([*whole(A, B, but=[7]), row(A, 7), row(B, 7, "-2")]))
    assert {name: (r.passed, r.looked_at, r.expected, r.actual) for name, r in found.items()} == {
        "units_metered": (
            True, 2, "metered output of at least 90% of 2 units, and of no other", "2 units answered"
        ),
        "periods_metered": (True, 2, "one quantity in each of 48 periods, of 2 units and runs", "2 of them"),
        "runs_known": (True, 96, "each of II, SF, R1, R2, R3, RF, DF", "II"),
    }  # fmt: skip


@pytest.mark.parametrize(("answered", "used"), [(10, True), (9, True), (8, False), (0, False)])
def test_an_answer_of_less_than_nine_tenths_of_the_units_is_not_used(answered: int, used: bool) -> None:
    units = [f"T_{n:02}" for n in range(10)]
    results = B1610.check(look(whole(*units[:answered]), units))
    first = results[0]
    assert (first.checked, first.looked_at, first.passed) == (meters.UNITS_METERED, 10, used)
    assert len(results) == (3 if used else 1), "what is not used has nothing else to be looked at"
    assert first.actual == f"{answered} units answered"
    assert list(first.violations) == [{"bmu_id": u, "problem": "not answered"} for u in units[answered:] if not used]


def test_a_unit_that_was_not_asked_for_makes_an_answer_useless_whatever_else_came() -> None:
    (only,) = B1610.check(look([*whole(A), row("Z", 1), row(None, 1)], [A]))
    assert only.actual == "1 units answered, and 2 others"
    assert list(only.violations) == [{"bmu_id": u, "problem": "not asked for"} for u in ("", "Z")]
    assert str(only.repair) == REPAIR


def test_what_cannot_be_read_is_not_used_and_says_why() -> None:
    (only,) = B1610.unreadable(DAY, [A, B], "no list of rows")
    assert (only.checked, only.looked_at, only.passed, only.blocks) == (meters.UNITS_METERED, 0, False, True)
    assert only.expected == "metered output of 2 units, as Elexon describes them"
    assert (only.actual, str(only.repair)) == ("no list of rows", REPAIR)


def test_a_unit_and_run_that_lacks_a_period_or_has_two_quantities_of_one_is_named() -> None:
    rows = [
        *whole(B, but=[1, 2]),
        *whole(A),
        row(A, 5, "9"),
        row(A, 6, "9"),
        *whole(A, run="SF"),
        row(A, 5, "2.50", "SF"),
    ]
    found = checked(look(rows))["periods_metered"]
    assert list(found.violations) == [
        {"bmu_id": A, "run_type": "II", "periods_missing": 0, "periods_with_two_quantities": 2},
        {"bmu_id": B, "run_type": "II", "periods_missing": 2, "periods_with_two_quantities": 0},
    ]
    assert (found.looked_at, found.actual) == (3, "1 of them")


def test_a_run_that_is_not_known_is_named() -> None:
    rows = [*whole(A, B), row(A, 1, run="X9"), row(B, 1, run=None), row(B, 1, run="DF")]
    found = checked(look(rows))["runs_known"]
    assert list(found.violations) == [{"run_type": "X9"}, {"run_type": "unknown"}]
    assert (found.looked_at, found.actual) == (99, "X9, unknown, II, DF")


# What it says to PostgreSQL; what that does with it is seen in day/test_potential.py.


def test_of_a_unit_and_run_an_answer_takes_the_place_of_one_that_has_no_more_periods(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[Any] = []
    stored = [(A, "II", 48), (B, "II", 47), (B, "SF", 1)]

    def executed(statement: Any) -> list[tuple[str, str, int]]:
        text = statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
        done.append(" ".join(str(text).split()))
        return stored

    monkeypatch.setattr(meters, "cursor", contextlib.nullcontext)
    monkeypatch.setattr(B1610, "insert", lambda many, rows: done.append(list(rows)), raising=False)
    connection: Any = SimpleNamespace(execute=executed)
    in_doubt = [row(A, 1, "1", "R1"), row(A, 1, "2", "R1")]  # of no period is the quantity known, and none is stored
    of = look([*whole(A), *whole(A, run="SF", but=[3]), *whole(B, but=[1, 2]), *in_doubt])
    B1610.write(connection, of)
    table = "minerecon.unit_daily_metered"
    where = f"WHERE {table}.settlement_date = '{DAY}'"
    assert done[:2] == [
        f"SELECT {table}.bmu_id, {table}.run_type, {table}.periods FROM {table} {where}",
        f"DELETE FROM {table} {where} AND ({table}.bmu_id, {table}.run_type) IN"
        f" (('{A}', 'II'), ('{A}', 'R1'), ('{A}', 'SF'))",
    ]
    assert done[2] == [row for row in B1610.rows(of) if row.bmu_id == A]


def test_what_the_tables_say_is_of_the_properties_that_had_something_to_look_at() -> None:
    asked: list[Any] = []

    def evaluated(statement: Any, parameters: Any) -> list[Any]:
        asked.append((statement, parameters))
        names = ("check_name", "looked_at", "expected", "note", "violations")
        return [
            SimpleNamespace(**dict(zip(names, values, strict=True)))
            for values in (
                ("metered_within_output", 0, "", "", []),
                ("delivered_as_instructed", 2, "e", "n", [{"farm_name": "F"}]),
            )
        ]

    connection: Any = SimpleNamespace(execute=evaluated)
    (found,) = B1610.check_stored(connection, look(whole(A)))
    assert asked == [(meters.statement("checks/metered"), {"day": DAY, "most_undelivered": Decimal("0.1")})]
    assert (found.checked, found.looked_at, found.expected, found.actual) == (
        meters.DELIVERED_AS_INSTRUCTED, 2, "e", "n",
    )  # fmt: skip
    assert (list(found.violations), str(found.repair)) == ([{"farm_name": "F"}], REPAIR)


def test_what_its_properties_are_made_by() -> None:
    made = meters._property("name", "WARN", "Meaning.")
    assert (made.family, made.name, made.severity, made.meaning) == ("metered", "name", "WARN", "Meaning.")
    assert (made.evaluated, made.is_beside, str(made.repair_of(DAY))) == ("fetch, days later", True, REPAIR)


def test_metered_output_has_a_name_for_every_reader() -> None:
    assert B1610.plain == "metered output"
