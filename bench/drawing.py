"""How long charts take, how large they are, and the memory of the process that asks and of the one that draws."""

from __future__ import annotations

import datetime as dt
import gzip
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil

from minerecon_dagster import charts
from minerecon_dagster.charts import Chart, Drawer, Words
from minerecon_dagster.charts.worker import resident_mb
from minerecon_dagster_tests.charts.examples import examples, made_days

DRAWINGS = 1000
Line = tuple[str, float, str, dict[str, Any]]


def _cpu_seconds(drawer: Drawer) -> float:
    """Of processor, this process and the worker together."""
    worker = psutil.Process(drawer.worker_pid).cpu_times()
    return time.process_time() + worker.user + worker.system


def measure_drawing(runs: int) -> Iterator[Line]:
    """Each measurement as its name, value, unit and what else is to be said."""
    words = Words("A title", "A subtitle", "A description")
    year = made_days(dt.date(2025, 1, 1), 365)
    five_years = made_days(dt.date(2021, 1, 1), 1826)
    cases: dict[str, Callable[[], Chart]] = {
        "chart_of_a_year_of_days": lambda: charts.energy("x", year, words),
        "chart_of_five_years": lambda: charts.energy(
            "x", charts.regrouped(five_years, charts.grain_of(five_years[0].at.start, five_years[-1].at.start)), words
        ),
    }
    with Drawer(kept_mb=0) as drawer:
        started = time.perf_counter()
        drawer.svg(cases["chart_of_a_year_of_days"]())
        yield "chart_first_of_a_worker", time.perf_counter() - started, "s", {"with": "the start of the worker"}
        for name, make in cases.items():
            seconds, cpu = [], []
            for _ in range(runs):
                started, before = time.perf_counter(), _cpu_seconds(drawer)
                picture = drawer.svg(make()).encode()
                seconds.append(time.perf_counter() - started)
                cpu.append(_cpu_seconds(drawer) - before)
            about = {
                "cpu_s": round(statistics.median(cpu), 3),
                "runs": runs,
                "bytes": len(picture),
                "gzip": len(gzip.compress(picture)),
            }
            yield name, statistics.median(seconds), "s", about
    with Drawer() as drawer:
        drawer.svg(cases["chart_of_a_year_of_days"]())
        drawer.svg(cases["chart_of_a_year_of_days"]())
        started = time.perf_counter()
        drawer.svg(cases["chart_of_a_year_of_days"]())
        yield "chart_that_is_kept", time.perf_counter() - started, "s", {"of": "a year of days"}
    all_of_them = examples()
    with Drawer(kept_mb=0) as drawer:
        here, there = [], []
        for number in range(DRAWINGS):
            drawer.svg(all_of_them[number % len(all_of_them)], charts.WIDE + number % 7)
            here.append(resident_mb())
            there.append(drawer.resident_mb)
        about = {"drawings": DRAWINGS, "workers": drawer.workers}
        half = DRAWINGS // 2
        yield "charts_memory_of_the_server", here[-1], "MB", about | {"after_half_of_them": round(here[half], 1)}
        yield (
            "charts_memory_of_the_worker_at_most",
            max(there),
            "MB",
            about | {"after_half_of_them": round(there[half], 1), "at_the_end": round(there[-1], 1)},
        )
