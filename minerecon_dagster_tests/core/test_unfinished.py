"""What a run did not finish: written and read again, whatever was written."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerecon_dagster.core.unfinished import KEY, Unfinished

DAY = dt.date(2025, 3, 28)


def test_days_months_and_years_are_told_apart_and_read_as_they_were_written() -> None:
    reasons = {"2025-03-28": "no answer", "2025-03": "a sum is wrong", "2025": "a sum is wrong"}
    found = Unfinished.of(reasons)
    assert found == Unfinished({DAY: "no answer"}, {"2025-03": "a sum is wrong"}, {"2025": "a sum is wrong"})
    assert found.reasons == reasons
    assert Unfinished.from_metadata(found.to_metadata()) == found
    assert found


def test_the_entry_has_the_name_that_older_versions_gave_it() -> None:
    assert Unfinished(years={"2025": "a sum is wrong"}).to_metadata() == {"days_not_done": {"2025": "a sum is wrong"}}


@dataclass
class Wrapped:
    value: object


def test_a_value_may_be_wrapped_as_the_metadata_of_an_event_is() -> None:
    assert Unfinished.from_metadata({KEY: Wrapped({"2025-03": "why"})}) == Unfinished(months={"2025-03": "why"})


def test_a_run_that_says_nothing_has_nothing() -> None:
    assert not Unfinished.from_metadata({})
    assert not Unfinished.from_metadata({KEY: {}})


@pytest.mark.parametrize("key", ["2025-3-1", "2025-02-30", "2025-13", "20250328", "all", "", "2025-W13", "０２２５-03"])
def test_a_key_that_is_neither_day_nor_month_nor_year_is_kept_as_a_text(key: str) -> None:
    found = Unfinished.of({key: "why", "2025-03-28": "no answer"})
    assert found.unreadable == (f"{key}: why",)
    assert found.days == {DAY: "no answer"}, "and the others are read"


@pytest.mark.parametrize("value", [["2025-03-28"], "2025-03-28", 7, True, Wrapped("text"), Wrapped([])])
def test_what_is_no_mapping_is_kept_as_a_text(value: object) -> None:
    found = Unfinished.from_metadata({KEY: value})
    assert len(found.unreadable) == 1
    assert found.unreadable[0].startswith(f"{KEY} is ")


@pytest.mark.parametrize(
    "found",
    [
        Unfinished(days={DAY: ""}), Unfinished(months={"2025-03": ""}), Unfinished(years={"2025": ""}),
        Unfinished(unreadable=("all",)),
    ],
)  # fmt: skip
def test_one_of_any_kind_is_something(found: Unfinished) -> None:
    assert found


def test_a_text_is_kept_whole_up_to_300_characters_and_cut_to_as_many() -> None:
    def kept(length: int) -> str:
        return Unfinished.of({"?": "x" * (length - len("?: "))}).unreadable[0]

    assert kept(300) == f"?: {'x' * 297}"
    assert kept(301) == f"?: {'x' * 296}…"


@given(
    st.dictionaries(
        st.one_of(st.text(alphabet="0123456789-W", max_size=12), st.integers(), st.none(), st.dates()),
        st.one_of(st.text(), st.none()),
    )
)
def test_nothing_that_is_found_raises_and_nothing_is_lost(found: dict[object, object]) -> None:
    read = Unfinished.from_metadata({KEY: found})
    assert {str(key) for key in found} == {*read.reasons, *(text.partition(": ")[0] for text in read.unreadable)}
