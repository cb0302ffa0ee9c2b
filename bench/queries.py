"""Time the analysts' questions: each file of `queries/`, as the analyst, on five years of data."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2

QUERIES = sorted((Path(__file__).resolve().parents[1] / "queries").glob("*.sql"))
RUNS = 21
_RANGES = {
    "day": ("BETWEEN '2024-05-07' AND '2024-05-07'", "2024-05", 25),
    "month": ("BETWEEN '2024-05-01' AND '2024-05-31'", "2024-05", 25),
    "five_years": ("BETWEEN '2021-01-01' AND '2025-12-31'", None, 150),
}
_OF_DAYS = ("settlement_days", "curtailment_by_day", "reconciliation_status")
_OF_MONTHS = ("settlement_months", "curtailment_by_month")


def time_queries(database_url: str, runs: int = RUNS) -> Iterator[tuple[str, int, list[float]]]:
    """For each question its file's name, its rows, and the seconds of each run, fetched rows included.

    The first run of all warms the server's cache and is not counted.
    """
    with contextlib.closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("GRANT minerecon_analyst TO CURRENT_USER")  # never committed
        cursor.execute("SET ROLE minerecon_analyst")
        for file in QUERIES:
            statement = file.read_text("utf-8")
            cursor.execute(statement)
            seconds = []
            for _ in range(runs):
                started = time.perf_counter()
                cursor.execute(statement)
                rows = cursor.fetchall()
                seconds.append(time.perf_counter() - started)
            yield file.stem, len(rows), seconds


def time_pages(database_url: str, runs: int = RUNS) -> Iterator[tuple[str, int, list[float], int]]:
    """For each view that a page is made of and each range of days: its rows, the seconds of each run, the target in ms.

    As the read API asks: one row a day, month or farm and day, without JIT and parallel workers.
    """
    with contextlib.closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SET jit = off; SET max_parallel_workers_per_gather = 0")
        cursor.execute("SELECT farm_name FROM analytics.wind_farms ORDER BY 1 LIMIT 1")
        ((farm,),) = cursor.fetchall()
        for name, (days, month, target) in _RANGES.items():
            months = f"= '{month}'" if month else "<> ''"
            first, _, last = days.removeprefix("BETWEEN ").partition(" AND ")
            asked = {view: f"SELECT * FROM analytics.{view} WHERE settlement_date {days}" for view in _OF_DAYS}
            asked |= {view: f"SELECT * FROM analytics.{view} WHERE year_month {months}" for view in _OF_MONTHS}
            asked["curtailment_of_farm"] = f"SELECT * FROM analytics.curtailment_of_farm(%(farm)s, {first}, {last})"
            for view, statement in asked.items():
                seconds = []
                for _ in range(runs + 1):
                    started = time.perf_counter()
                    cursor.execute(statement, {"farm": farm})
                    rows = cursor.fetchall()
                    seconds.append(time.perf_counter() - started)
                yield f"{view}_{name}", len(rows), seconds[1:], target


def p95(seconds: list[float]) -> float:
    """The run that all but one in twenty are faster than."""
    return sorted(seconds)[-(len(seconds) // 20) - 1]
