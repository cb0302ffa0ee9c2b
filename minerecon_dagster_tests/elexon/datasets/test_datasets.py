"""The list of datasets: which are of the day, which control it, and whose an answer is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES
from minerecon_dagster.elexon import datasets
from minerecon_dagster.elexon.datasets import (
    control_totals,
    dataset_of,
    later,
    of_the_day,
    parse_key,
    required_control_totals,
)
from minerecon_dagster.elexon.datasets.agws import AGWS
from minerecon_dagster.elexon.datasets.boav import BOAV
from minerecon_dagster.elexon.datasets.cashflows import CASHFLOWS
from minerecon_dagster.elexon.datasets.later import LaterDataset, Look, Run
from minerecon_dagster.elexon.datasets.stack import STACK
from minerecon_dagster_tests.elexon.small import AT, DAY


class MadeUp(LaterDataset):
    """One that comes later, in two runs."""

    name = "made_up"
    runs = (Run("", 1, 3), Run("r2", 2, 14))

    def path(self, day: dt.date, run: Run, units: Sequence[str]) -> str:
        return f"/{day}/{run.name}"

    def parse(self, key: AnswerKey, day: dt.date, answer: Answer) -> Sequence[Any]:
        return []

    def rows(self, look: Look) -> Iterable[tuple[object, ...]]:
        return []

    def sample(self, world: Any, asked: Any) -> None:
        return None


@pytest.fixture
def with_made_up(monkeypatch: pytest.MonkeyPatch) -> MadeUp:
    made = MadeUp()
    monkeypatch.setattr(datasets, "DATASETS", [made, *datasets.DATASETS])
    return made


def test_what_comes_with_the_day_and_what_comes_later_are_told_apart(with_made_up: MadeUp) -> None:
    assert of_the_day()[:4] == [STACK, BOAV, CASHFLOWS, AGWS]
    assert with_made_up in later()
    assert with_made_up not in of_the_day()
    assert not {id(d) for d in later()} & {id(d) for d in of_the_day()}


def test_the_control_total_that_the_day_fails_without_is_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "DATASETS", [CASHFLOWS, AGWS, BOAV, STACK])
    assert control_totals() == [BOAV, CASHFLOWS]
    assert required_control_totals() == [BOAV]


@pytest.mark.parametrize("dataset", [STACK, BOAV, CASHFLOWS, AGWS], ids=lambda d: d.name)
def test_every_answer_is_of_its_dataset_and_is_named_so_that_it_is_found_again(dataset: Any) -> None:
    keys = dataset.keys(STACK_SIDES, [1, 2, 48])
    assert len(set(keys)) == len(keys) > 0
    assert [dataset_of(key) for key in keys] == [dataset] * len(keys)
    assert [parse_key(str(key)) for key in keys] == keys


@pytest.mark.parametrize(
    "text",
    ["", "nothing", "nothing/bid", "stack", "stack/bid", "stack/up/07", "stack/bid/x", "stack/bid/-7", "stack/07/bid",
     "stack/bid/07/1", "boav", "boav/up", "boav/bid/07", "agws/bid", "agws/", "made_up/r3", "made_up/r2/0",
     "made_up/r2/x", "made_up/r2/1/1"],
)  # fmt: skip
@pytest.mark.usefixtures("with_made_up")
def test_what_is_no_name_of_an_answer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^not the name of an answer: '{text}'$"):
        parse_key(text)


def test_an_answer_that_comes_later_is_named_with_its_run(with_made_up: MadeUp) -> None:
    for run, text in zip(with_made_up.runs, ("made_up", "made_up/r2"), strict=True):
        key = with_made_up.key(run)
        assert (str(key), key) == (text, AnswerKey("made_up", run=run.name))
        assert parse_key(text) == key


def test_what_comes_later_is_asked_for_the_wind_farms_in_order_and_counted() -> None:
    made = MadeUp()
    assert made.run_column is None, "a newer answer replaces that of any run before"
    units: dict[str, Any] = {"T_B-1": None, "T_A-1": None}
    assert made.units(units) == ["T_A-1", "T_B-1"]
    look = Look(DAY, made.runs[0], made.units(units), units, Answer("u", 200, AT, b""), [1, 2, 3])
    assert made.check(look) == []
    assert made.metadata(look) == {"rows": 3, "units_asked": 2}
