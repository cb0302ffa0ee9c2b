"""What every dataset has: the answer that counts, and what it says where it says nothing of its own."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES
from minerecon_dagster.core.errors import MinereconError, SilentSourceError
from minerecon_dagster.elexon.datasets import base
from minerecon_dagster.elexon.datasets.agws import AGWS, WindSaid
from minerecon_dagster.elexon.datasets.base import Came, Dataset, Said, rounded
from minerecon_dagster.elexon.datasets.boav import BOAV
from minerecon_dagster.elexon.datasets.stack import STACK, StackSaid
from minerecon_dagster_tests.elexon.small import AT, DAY, read, whole_day

KEY = AnswerKey("boav", "bid")
HELD = Answer("http://x", 200, AT, b"[]")
FAILED = MinereconError("timed out")


def came(answer: Answer | None, failure: MinereconError | None) -> Came:
    answers = {} if answer is None else {KEY: answer}
    return Came(DAY, STACK_SIDES, answers, {} if failure is None else {KEY: failure}, {})


@pytest.mark.parametrize(
    ("answer", "failure", "but_failed"), [(HELD, None, True), (HELD, None, False), (HELD, FAILED, False)]
)
def test_an_answer_counts_that_came_and_one_that_is_held_where_that_is_enough(
    answer: Answer, failure: MinereconError | None, but_failed: bool
) -> None:
    assert came(answer, failure).whole_day(KEY, but_failed=but_failed) is answer


@pytest.mark.parametrize(
    ("answer", "failure", "but_failed", "why"),
    [
        (HELD, FAILED, True, "timed out"),
        (None, FAILED, True, "timed out"),
        (None, FAILED, False, "timed out"),
        (None, None, True, "it was not fetched"),
        (Answer("http://x", 404, AT, b""), None, True, "GET http://x: HTTP 404, no control total for the day"),
    ],
)
def test_an_answer_that_did_not_come_or_is_none_does_not_count(
    answer: Answer | None, failure: MinereconError | None, but_failed: bool, why: str
) -> None:
    with pytest.raises(MinereconError) as error:
        came(answer, failure).whole_day(KEY, but_failed=but_failed)
    assert str(error.value) == why
    assert isinstance(error.value, SilentSourceError) == (answer is not None and answer.status == 404)


def test_unless_it_asks_otherwise_an_answer_that_failed_does_not_count_though_it_is_held() -> None:
    with pytest.raises(MinereconError, match="timed out"):
        came(HELD, FAILED).whole_day(KEY)


def test_what_is_said_keeps_nothing_unless_it_says_so() -> None:
    assert Said().kept == WindSaid().kept == StackSaid().kept == {}
    with pytest.raises(NotImplementedError):
        _ = Said().answer_count


def test_a_dataset_that_has_nothing_of_its_own_to_say_says_nothing() -> None:
    reading = read(whole_day())
    nobody: Any = None
    assert STACK.completeness(reading) == []
    assert STACK.stored_otherwise(nobody, reading, []) == []
    assert BOAV.stored_otherwise(nobody, reading, []) == []
    assert STACK.beside(reading.of(STACK), 7) == ""
    assert STACK.asked_again(reading) == BOAV.asked_again(reading) == []
    assert base.DayDataset.check(STACK, reading, [], {}) == []


def test_what_a_dataset_says_is_found_by_its_name() -> None:
    said = {"stack": StackSaid(), "agws": WindSaid()}
    assert AGWS.of(said) is said["agws"]


def test_rows_are_copied_into_the_columns_of_the_table() -> None:
    copied: list[tuple[str, str]] = []
    cursor: Any = SimpleNamespace(copy_expert=lambda statement, file: copied.append((statement, file.read(1))))
    AGWS.write(cursor, read({k: rows[:1] for k, rows in whole_day().items()}), [], {})
    columns = "settlement_date, settlement_period, start_time, wind_onshore_mw, wind_offshore_mw"
    ((statement, lines),) = copied
    assert statement == f"COPY {AGWS.table.fullname} ({columns}) FROM STDIN"
    assert [line.split("\t")[:2] for line in lines.splitlines()] == [[str(DAY), "1"]]


def test_a_figure_is_shown_rounded_energy_to_a_kilowatt_hour_and_money_to_a_penny() -> None:
    shown = [rounded(Decimal("1.23456"), digits) for digits in (base.MWH_DIGITS, base.GBP_DIGITS)]
    assert shown == [1.235, 1.23]
    assert {type(figure) for figure in shown} == {float}


def test_a_dataset_that_declares_nothing_is_built_from_if_it_comes_and_not_missed_if_it_does_not() -> None:
    names = ("is_bare", "group", "reads_register", "properties", "is_required", "has_side", "has_period",
             "held_stands_in", "unseen_as")  # fmt: skip
    assert {name: getattr(base.DayDataset, name) for name in names} == {
        "is_bare": False,
        "group": "elexon",
        "reads_register": True,
        "properties": (),
        "is_required": False,
        "has_side": False,
        "has_period": False,
        "held_stands_in": True,
        "unseen_as": None,
    }


def test_a_dataset_has_one_table_unless_it_names_more() -> None:
    assert Dataset.more_tables == ()


def test_a_dataset_is_called_by_its_name_alone_unless_it_says_so() -> None:
    assert Dataset.plain == ""
