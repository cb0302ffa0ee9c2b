"""A dataset that comes later: in how many requests it is asked for, which answers count, and what they replace."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields
from itertools import chain
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Column, Date, Integer, MetaData, Table, Text
from sqlalchemy.dialects import postgresql

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.elexon.datasets.later import LaterDataset, Look, Run
from minerecon_dagster_tests.elexon.small import AT, DAY

ONE, TWO = Run("", 1, 3), Run("SF", 2, 20)
SOON = dt.timedelta(minutes=1)


class Late(LaterDataset):
    """Of at most three units in a request."""

    name = "late"
    runs = (ONE, TWO)
    most_units = 3
    table = Table("late", MetaData(), Column("settlement_date", Date), Column("run_type", Text), Column("n", Integer))
    columns = ("settlement_date", "run_type", "n")

    def path(self, day: dt.date, run: Run, units: Sequence[str]) -> str:
        return f"/{day}/{run.name}?{'&'.join(units)}"

    def parse(self, key: AnswerKey, day: dt.date, answer: Answer) -> Sequence[Any]:
        return []

    def rows(self, look: Look) -> Iterable[tuple[object, ...]]:
        return [(look.day, look.run.name, row) for row in look.rows]

    def sample(self, world: Any, asked: Any) -> None:
        return None


class OfItsRun(Late):
    run_column = "run_type"


LATE = Late()


def key(run: str = "", part: int = 0) -> AnswerKey:
    return AnswerKey("late", run=run, part=part)


def came(at: dt.datetime = AT, query: str = "") -> Answer:
    return Answer(f"http://x/late{query}", 200, at, b"[]")


def test_unless_it_says_otherwise_it_is_asked_for_whole_and_stands_for_itself() -> None:
    assert LATE.is_asked_for()
    assert LATE.most_requests_a_run() is None
    assert LaterDataset.most_units is None
    assert (LaterDataset.run_column, LaterDataset.runs_are_looks) == (None, False)
    assert (LaterDataset.follows_day, LaterDataset.reads_volumes) == (False, False)
    assert LaterDataset.against_the_day == ()
    assert Run("", 1, 3).with_scan is False
    assert Look(DAY, ONE, [], {}, came(), []).volumes is None
    assert next(f for f in fields(Look) if f.name == "volumes").default is None


def test_what_is_made_of_an_answer_is_worked_out_once_and_is_no_part_of_it() -> None:
    times: list[Look] = []

    def count(of: Look) -> int:
        times.append(of)
        return len(of.rows)

    look, other = (Look(DAY, ONE, [], {}, came(), ["a row"]) for _ in range(2))
    assert (look.once(count), look.once(count), look.once(type), times) == (1, 1, Look, [look])
    assert (look, repr(look)) == (other, repr(other))
    assert other.once(count) == 1
    assert times == [look, other]


@pytest.mark.parametrize(
    ("count", "pieces"), [(0, [0]), (1, [1]), (3, [3]), (4, [2, 2]), (6, [3, 3]), (7, [3, 3, 1]), (9, [3, 3, 3])]
)
def test_units_are_asked_for_in_as_few_requests_as_may_be_of_nearly_one_size(count: int, pieces: list[int]) -> None:
    units = [f"T_{n}" for n in range(count)]
    asked = LATE.questions(DAY, TWO, units)
    numbers = range(1, len(pieces) + 1) if len(pieces) > 1 else [0]
    assert list(asked) == [key("SF", number) for number in numbers]
    of_each = [path.partition("?")[2].split("&") if path[-1] != "?" else [] for path in asked.values()]
    assert ([len(each) for each in of_each], [*chain(*of_each)]) == (pieces, units)


def test_a_dataset_without_a_limit_is_asked_for_once_however_many_units_there_are() -> None:
    class Whole(Late):
        most_units = None

    units = [f"T_{n}" for n in range(400)]
    assert list(Whole().questions(DAY, ONE, units)) == [key()]


def test_in_how_many_requests_may_be_said() -> None:
    asked = LATE.questions(DAY, ONE, ["A", "B", "C"], 2)
    assert asked == {key(part=1): f"/{DAY}/?A&B", key(part=2): f"/{DAY}/?C"}
    assert LATE.questions(DAY, ONE, ["A", "B", "C", "D"], 1) == {key(): f"/{DAY}/?A&B&C&D"}


@pytest.mark.parametrize(
    ("parts", "named"),
    [([], key()), (["1"], key(part=1)), (["12"], key(part=12)), (["SF"], key("SF")), (["SF", "1"], key("SF", 1)),
     (["0"], None), (["SF", "0"], None), (["-1"], None), (["x"], None), (["٣"], None), (["SF", "1", "2"], None)],
)  # fmt: skip
def test_an_answer_is_named_by_its_run_and_its_part(parts: list[str], named: AnswerKey | None) -> None:
    assert LATE.key_named(parts) == named


def test_of_a_run_that_was_asked_for_in_parts_and_whole_what_was_asked_last_counts() -> None:
    parts = {key("SF", 1): came(AT, "?bmUnit=A"), key("SF", 2): came(AT + SOON, "?bmUnit=B")}
    others = {key(): came(AT + 9 * SOON), key(part=1): came(AT + 9 * SOON)}
    held = LATE.held(TWO, {**parts, **others})
    assert held == parts
    assert LATE.held(TWO, {**parts, key("SF"): came(AT - SOON), **others}) == parts, "they are newer"
    whole = {key("SF"): came(AT + 2 * SOON)}
    assert LATE.held(TWO, {**parts, **whole, **others}) == whole
    assert LATE.held(TWO, {**parts, key("SF"): came(AT + SOON)}) == {key("SF"): came(AT + SOON)}, "at once"
    assert LATE.held(TWO, whole | others) == whole
    assert LATE.held(TWO, others) == {}


def test_of_a_run_whose_parts_became_fewer_those_of_the_newest_request_count() -> None:
    def part(number: int, at: dt.datetime, *units: str) -> dict[AnswerKey, Answer]:
        return {key("SF", number): came(at, f"?{'&'.join(f'bmUnit={unit}' for unit in units)}")}

    four = part(1, AT, "A") | part(2, AT, "B") | part(3, AT, "C") | part(4, AT, "D")
    assert LATE.held(TWO, four) == four
    two = part(1, AT + SOON, "A", "B") | part(2, AT + 2 * SOON, "C", "D")
    assert LATE.held(TWO, four | two) == two, "however far apart its own parts came"
    assert list(LATE.held(TWO, {k: (four | two)[k] for k in sorted(four, reverse=True)})) == list(two), "in order"
    three = part(1, AT + SOON, "A", "B") | part(2, AT + SOON, "C", "E") | part(3, AT + SOON, "F")
    assert LATE.held(TWO, four | three) == four | three, "a unit that was not asked for again keeps what it has"
    whole = {key("SF"): came(AT + 2 * SOON, "?bmUnit=A")}
    assert LATE.held(TWO, four | three | whole) == whole
    newest = part(1, AT + 3 * SOON, "C") | part(2, AT + 3 * SOON, "B")
    assert LATE.held(TWO, four | three | whole | newest) == newest, "parts of before the whole do not come back"


def test_the_units_that_were_asked_for_are_those_of_the_addresses_or_all_where_these_name_none() -> None:
    farms: dict[str, Any] = {"T_B": None, "T_A": None}
    answers = [came(query="?bmUnit=T_Z&bmUnit=T_C"), came(query="?bmUnit=T_C&x=T_D")]
    assert LATE.units_asked(answers, farms) == ["T_C", "T_Z"]
    assert LATE.units_asked([came()], farms) == ["T_A", "T_B"]


@pytest.mark.parametrize(
    ("dataset", "where"),
    [(LATE, "settlement_date = '2025-03-28'"),
     (OfItsRun(), "settlement_date = '2025-03-28' AND late.run_type = 'SF'")],
    ids=["of the day", "of its run"],
)  # fmt: skip
def test_what_is_stored_of_the_day_or_of_its_run_is_replaced_and_nothing_else(
    dataset: Late, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Any] = []

    def deleted(statement: Any) -> None:
        text = statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
        done.append(" ".join(str(text).split()))

    # What PostgreSQL does with it is seen where there is one; here, that nothing else is asked of it.
    monkeypatch.setattr(
        sys.modules[LaterDataset.__module__], "cursor", lambda connection: contextlib.nullcontext(connection)
    )
    monkeypatch.setattr(dataset, "insert", lambda many, rows: done.append(list(rows)), raising=False)
    connection: Any = SimpleNamespace(execute=deleted)
    dataset.write(connection, Look(DAY, TWO, ["T_A"], {}, came(), [1, 2]))
    assert done == [f"DELETE FROM late WHERE late.{where}", [(DAY, "SF", 1), (DAY, "SF", 2)]]


def test_what_comes_later_is_in_no_sum_unless_it_says_so() -> None:
    assert LaterDataset.is_summed is False
