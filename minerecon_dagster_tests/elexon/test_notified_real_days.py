"""Two real days of notifications and acceptances: what is made of them, beside what they are known to come to.

Data: Hack Collective, wind-curtailment (CC BY 4.0), 1 and 2 January 2022; it stands beside the project, and a clone
without it skips.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from minerecon_dagster.core.calendar import period_starts
from minerecon_dagster.elexon.datasets.pn import PnRow, potential_of

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "potential"
SPAN = "2022-01-01_2022-01-02"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="needs the real notifications, ../shared/data/potential")


def lines(name: str) -> Iterator[dict[str, str]]:
    with gzip.open(DATA / f"hackcollective_{name}_{SPAN}.csv.gz", "rt", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def minute_of(instant: str) -> int:
    return int(dt.datetime.fromisoformat(instant).timestamp()) // 60


def levels(row: dict[str, str]) -> Iterator[tuple[int, Fraction]]:
    """Each minute of a straight line with its mean level in MW."""
    first, last = minute_of(row["time_from_utc"]), minute_of(row["time_to_utc"])
    begin, end = int(row["level_from_mw"]), int(row["level_to_mw"])
    for n in range(last - first):
        yield first + n, begin + Fraction((end - begin) * (2 * n + 1), 2 * (last - first))


@pytest.mark.slow
def test_two_real_days_come_to_the_notified_gross_and_net_energy_that_they_are_known_to_have() -> None:
    notified = list(lines("fpn"))
    units = sorted({row["bm_unit"] for row in notified})
    assert len(units) == 156
    total, pieces = Decimal(), Counter[int]()
    for day in (dt.date(2022, 1, 1), dt.date(2022, 1, 2)):
        rows = [
            PnRow(
                row["settlement_date"],
                int(row["settlement_period"]),
                dt.datetime.fromisoformat(row["time_from_utc"]),
                dt.datetime.fromisoformat(row["time_to_utc"]),
                int(row["level_from_mw"]),
                int(row["level_to_mw"]),
                row["bm_unit"],
            )
            for row in notified
            if row["settlement_date"] == str(day)
        ]
        says = potential_of(day, units, reversed(rows))
        assert says.strangers == []
        found = [of_period for of_unit in says.notified.values() for of_period in of_unit.values()]
        assert [of_period for of_period in found if of_period.fault] == []
        assert len(found) == 156 * len(period_starts(day))
        total += sum((mwh for of_unit in says.of_unit.values() for mwh in of_unit.values()), Decimal())
        pieces.update(Counter((row.bm_unit, row.settlement_period) for row in rows).values())
    assert pieces == {1: 11_734, 2: 3_240, 3: 2}
    assert abs(total - Decimal("670204.350")) < Decimal("0.005"), "each of 14,976 is rounded once"

    # What was accepted, by the minute: the latest acceptance says the level, each changes what was said before.
    level: dict[str, dict[int, Fraction]] = defaultdict(dict)
    for row in notified:
        level[row["bm_unit"]].update(levels(row))
    accepted: dict[tuple[str, str, int], dict[int, Fraction]] = defaultdict(dict)
    for row in lines("boalf"):
        accepted[row["acceptance_time"], row["bm_unit"], int(row["acceptance_number"])].update(levels(row))
    bids: dict[tuple[str, int], Fraction] = defaultdict(Fraction)
    offers: dict[tuple[str, int], Fraction] = defaultdict(Fraction)
    for (_, unit, _), wanted in sorted(accepted.items()):
        for minute, mw in wanted.items():
            if minute in level[unit]:
                change = (mw - level[unit][minute]) / 60
                (bids if change < 0 else offers)[unit, minute // 30] += change
                level[unit][minute] = mw
    gross, taken_back = -sum(bids.values()), sum(offers[pair] for pair in bids)
    assert round(float(gross), 3) == 108_275.113
    assert round(float(gross - taken_back), 3) == 106_775.573
    assert (len(bids), sum(offers[pair] > 0 for pair in bids)) == (3_326, 64)
