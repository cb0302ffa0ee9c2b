"""Time the analysts' questions: each file of `queries/`, as the analyst, on five years of data."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2

QUERIES = sorted((Path(__file__).resolve().parents[1] / "queries").glob("*.sql"))
RUNS = 21


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


def p95(seconds: list[float]) -> float:
    """The run that all but one in twenty are faster than."""
    return sorted(seconds)[-(len(seconds) // 20) - 1]
