"""How much a later answer may take from a final day, and what it is measured by."""

from __future__ import annotations

import datetime as dt
from dataclasses import astuple, dataclass, replace
from decimal import Decimal

import pytest

from minerecon_dagster.core.checks import RESTATEMENT_BELIEVABLE
from minerecon_dagster.core.restatement import (
    ITS_CHECKS,
    MOST_DAYS,
    MOST_LOST_OF_MANY,
    WITHIN,
    Extent,
    extent_of,
    losses_text,
    unbelievable_losses,
)

D = Decimal


@dataclass(frozen=True)
class Row:
    id: str | None
    volume: Decimal
    original_price: Decimal | None
    so_flag: bool | None


def test_energy_is_positive_money_is_gross_and_units_are_counted_once_on_both_bases() -> None:
    rows = [
        Row("T_A-1", D("-2.5"), D("-40"), True),
        Row("T_A-1", D("-1.5"), D("10"), True),
        Row("T_B-1", D("-4"), D("-5"), False),
        Row("T_C-1", D("-8"), None, True),
        Row("T_D-1", D("-16"), D("3"), None),
    ]
    found = extent_of(rows)
    assert astuple(found) == (D("32"), D("12"), D(100 + 15 + 20 + 48), D(100 + 15), D(4), D(2))
    assert astuple(extent_of([])) == (0, 0, 0, 0, 0, 0)


def test_sums_are_exact_whatever_the_context_is() -> None:
    rows = [Row("T_A-1", D("-1234567890123456789012345678.9"), D("1.0000000000000000001"), True)] * 3
    assert extent_of(rows).all_bids_mwh == D("3703703670370370367037037036.7")


BEFORE = Extent(D(100), D(50), D(2000), D(1000), D(10), D(0))


def test_a_tenth_may_go_at_once_and_not_the_least_more() -> None:
    assert unbelievable_losses(BEFORE, replace(BEFORE, all_bids_mwh=D(90))) == []
    assert unbelievable_losses(BEFORE, replace(BEFORE, all_bids_mwh=D("89.999"))) == [
        {"figure": "all_bids_mwh", "before": "100", "after": "89.999", "lost": "10.0 %"}
    ]


def test_what_was_nothing_cannot_lose_and_more_is_no_loss() -> None:
    assert unbelievable_losses(BEFORE, Extent(*(2 * f for f in astuple(BEFORE)))) == []
    assert unbelievable_losses(Extent(*[D(0)] * 6), Extent(*[D(0)] * 6)) == []
    of_one = replace(BEFORE, so_bmu_count=D(1))
    assert [loss["figure"] for loss in unbelievable_losses(of_one, BEFORE)] == ["so_bmu_count"]


@pytest.mark.parametrize("figure", [f for f in Extent.__slots__ if f != "so_bmu_count"])
def test_each_figure_is_looked_at(figure: str) -> None:
    ((loss),) = unbelievable_losses(BEFORE, replace(BEFORE, **{figure: getattr(BEFORE, figure) / 4}))
    assert (loss["figure"], loss["lost"]) == (figure, "75.0 %")


def test_losses_as_a_reader_writes_them() -> None:
    losses = unbelievable_losses(BEFORE, replace(BEFORE, gross_gbp=D(100), bmu_count=D(1)))
    assert losses_text(losses) == "90.0 % of gross_gbp, 90.0 % of bmu_count"


def test_what_may_be_lost_beside_others_is_what_the_property_says() -> None:
    was = Extent(*[D(100)] * 6)
    assert unbelievable_losses(was, Extent(*[D("98.9")] * 6)) == []
    assert len(unbelievable_losses(was, Extent(*[D("98.9")] * 6), MOST_LOST_OF_MANY)) == 6
    assert unbelievable_losses(was, Extent(*[D(99)] * 6), MOST_LOST_OF_MANY) == []
    said = f"where {MOST_DAYS} other final days have lost as much within {WITHIN // dt.timedelta(hours=1)} hours"
    assert said in RESTATEMENT_BELIEVABLE.meaning


def test_who_takes_what_no_person_has_to_is_called_as_the_archives_of_all_versions_have_it() -> None:
    assert ITS_CHECKS == "its checks, which it passes now"
