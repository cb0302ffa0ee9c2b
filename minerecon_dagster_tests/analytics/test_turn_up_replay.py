"""Turn-up of whole days against what the replay beside the project expects, and the zones of its real register."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal

import pytest

from minerecon_dagster.core.answers import Answer
from minerecon_dagster.decisions.wind_sites import wind_sites
from minerecon_dagster.difficulty.source import DifficultyTable
from minerecon_dagster.register.answers import units_of
from minerecon_dagster_tests.analytics.test_replay import DIFFICULTY, REPLAY, needs_replay, replay
from minerecon_dagster_tests.project import Project

__all__ = ["replay"]

DAYS = tuple(
    dt.date.fromisoformat(day)
    for day in ("2025-03-30", "2025-10-26", "2025-01-17", "2024-11-05", "2025-02-23", "2025-12-19")
)
"""46 and 50 periods, an ordinary day, one without a wind bid, and the two of the most curtailment."""


def expected(day: dt.date) -> dict[int, dict[str, Decimal]]:
    asked = subprocess.run(
        [sys.executable, str(REPLAY), "--expect-turn-up", str(day)], capture_output=True, text=True, check=True
    )
    return {
        int(row["settlement_period"]): {
            name: Decimal(row[name]) for name in ("target_mwh", "turn_up_mwh", "turn_up_gbp", "uncovered_mwh")
        }
        for row in csv.DictReader(asked.stdout.splitlines())
    }


@pytest.mark.slow
@needs_replay
def test_turn_up_per_period_is_what_the_replay_expects_and_all_sums_are_equal_to_the_digit(
    project: Project, replay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELEXON_BASE_URL", replay)
    table = DifficultyTable(os.environ["DYNAMODB_DIFFICULTY_TABLE"], region=os.environ["AWS_REGION"])
    table.load({day - dt.timedelta(days=n): DIFFICULTY for day in DAYS for n in (0, 1)})
    for day in DAYS:
        project.ingest(day)
        wanted = expected(day)
        stored = {
            row[0]: row[1:]
            for row in project.sql(
                "SELECT settlement_period, target_mwh, turn_up_mwh, turn_up_estimate_gbp, uncovered_mwh"
                " FROM minerecon.turn_up_by_period WHERE settlement_date = :d",
                d=day,
            )
        }
        assert stored.keys() == {period for period, row in wanted.items() if row["target_mwh"]}
        for period, figures in stored.items():
            for here, there, most in zip(
                figures, wanted[period].values(), ("1e-6", "1e-6", "0.01", "1e-6"), strict=True
            ):
                assert abs(here - there) <= Decimal(most), (day, period)
        shown = project.sql(
            "SELECT count(*), count(turn_up_mwh), sum(turn_up_mwh), sum(turn_up_estimate_gbp)"
            " FROM analytics.curtailment_by_period WHERE settlement_date = :d",
            d=day,
        )
        of_day = project.sql(
            "SELECT periods_expected, periods_expected, turn_up_mwh, turn_up_estimate_gbp, co2_known_t"
            " FROM minerecon.daily_summaries WHERE summary_date = :d",
            d=day,
        )
        of_fuels = project.sql(
            "SELECT coalesce(sum(turn_up_mwh), 0), coalesce(sum(turn_up_estimate_gbp), 0), coalesce(sum(co2_t), 0)"
            " FROM minerecon.turn_up_by_fuel_day WHERE settlement_date = :d",
            d=day,
        )
        assert shown[0] == of_day[0][:4], "quiet periods are 0"
        assert of_fuels[0] == of_day[0][2:]
    assert project.sql(
        "SELECT turn_up_mwh, turn_up_estimate_gbp FROM minerecon.daily_summaries WHERE summary_date = '2024-11-05'"
    ) == [(0, 0)]
    assert project.sql("SELECT count(*) FROM minerecon.bm_units WHERE fuel_type = 'WIND' AND gsp_group_id IS NULL") == [
        (0,)
    ]


@needs_replay
def test_all_213_wind_units_of_the_real_register_have_a_zone() -> None:
    body = gzip.decompress(REPLAY.with_name("bm_units.json.gz").read_bytes())
    units = units_of(Answer("file", 200, dt.datetime.now(dt.UTC), body))
    wind = [unit for unit in units.values() if unit.is_wind]
    zones = Counter(unit.gsp_group_id for unit in wind)
    assert zones == {"_P": 85, "_N": 66, "_A": 21, "_M": 14, "_G": 10, "_J": 8, "_D": 6, "_B": 2, "_K": 1}
    assert Counter(unit.zone_basis for unit in wind) == {"gsp_group": 47, "loss_factor": 166}
    sides = {site.bmu_id: site.latitude for site in wind_sites() if site.technology == "onshore" and site.latitude}
    border = Decimal("54.6")  # the south of Scotland; the north of England reaches to 55.8
    assert [u.bmu_id for u in wind if u.gsp_group_id in ("_N", "_P") and sides.get(u.bmu_id, border) < border] == []
    assert [u.bmu_id for u in wind if u.gsp_group_id not in ("_N", "_P") and sides.get(u.bmu_id, border) > 56] == []
