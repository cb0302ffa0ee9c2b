"""The windless days of the published year: a day without wind bids has rows of other fuels, and is final."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from pathlib import Path

import pytest

from minerecon_dagster.checks.control_totals import controls_not_silent
from minerecon_dagster.checks.evaluators import completeness
from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES, period_count, rerun_done_at
from minerecon_dagster.elexon.client import ElexonClient
from minerecon_dagster.elexon.datasets import of_the_day
from minerecon_dagster.elexon.datasets.agws import AGWS
from minerecon_dagster.elexon.reading import DayReading, read_day
from minerecon_dagster.http.rate_limit import RateLimiter
from minerecon_dagster_tests.analytics.test_replay import REPLAY, needs_replay, replay

__all__ = ["replay"]

WINDY = dt.date(2025, 3, 28)


def windless_days() -> list[dt.date]:
    """The days of 2025 on which no wind unit had an accepted bid."""
    with gzip.open(REPLAY.with_name("wind_bids_daily_by_bmu.csv.gz"), "rt") as file:
        windy = {row["date"] for row in csv.DictReader(file) if row["bmu"]}
    days = [dt.date(2025, 1, 1) + dt.timedelta(days=n) for n in range(365)]
    return [day for day in days if day.isoformat() not in windy]


def read(client: ElexonClient, day: dt.date, *, silent: bool = False) -> DayReading:
    periods = range(1, period_count(day) + 1)
    keys = [key for dataset in of_the_day() for key in dataset.keys(STACK_SIDES, periods)]
    at = rerun_done_at(day) + dt.timedelta(days=1)
    answers: dict[AnswerKey, Answer] = {}
    for key, answer in client.fetch(keys, day).items():
        assert isinstance(answer, Answer), answer
        answers[key] = answer.at(at)
    if silent:
        answers |= {key: Answer("http://x", 200, at, b'{"data": []}') for key in answers if key != AGWS.key}
    return read_day(day, answers, {}, sides=STACK_SIDES, now=at)


@needs_replay
@pytest.mark.slow
def test_every_windless_day_of_the_year_is_final_and_warns_of_nothing(replay: str, tmp_path: Path) -> None:
    days = windless_days()
    assert len(days) == 40
    with ElexonClient(replay, RateLimiter(0)) as client:
        for day in [*days, WINDY]:
            reading = read(client, day)
            assert reading.judgement.state == "final", (day, reading.problem())
            assert [str(r) for r in [*completeness(reading), controls_not_silent(reading)] if not r.passed] == [], day
        # That they are final is of the other fuels' rows: without these the day is not known, wind or none.
        assert read(client, days[0], silent=True).judgement.state == "incomplete"
