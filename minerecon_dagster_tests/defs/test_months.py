"""Of the months that a run works on one stops no other, whatever becomes of it."""

from __future__ import annotations

import dagster as dg
import pytest

from minerecon_dagster.core.errors import ArchiveError, ConfigurationError
from minerecon_dagster.core.unfinished import Unfinished
from minerecon_dagster.defs.months import month_by_month

MONTHS = ["2025-01", "2025-02", "2025-03"]


@pytest.mark.parametrize(
    ("error", "says"),
    [(ZeroDivisionError("no scale"), "ZeroDivisionError: no scale"), (ArchiveError("it is full"), "it is full")],
    ids=["one that nobody foresaw", "one of ours"],
)
def test_an_error_is_told_by_its_month_and_the_others_are_made(error: Exception, says: str) -> None:
    made = []

    def make(month: str) -> None:
        if month == "2025-02":
            raise error
        made.append(month)

    with pytest.raises(dg.Failure) as failed:
        month_by_month(MONTHS, make)
    assert made == ["2025-01", "2025-03"]
    assert failed.value.description == f"1 of 3 months not done: 2025-02: {says}"
    assert Unfinished.from_metadata(failed.value.metadata) == Unfinished(months={"2025-02": f"2025-02: {says}"})


def test_what_no_month_can_be_made_with_ends_it_at_once() -> None:
    tried = []

    def make(month: str) -> None:
        tried.append(month)
        raise ConfigurationError("the warehouse is not migrated")

    with pytest.raises(ConfigurationError):
        month_by_month(MONTHS, make)
    assert tried == ["2025-01"]
