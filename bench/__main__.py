"""Measure the project over real services: `make bench` runs all of it, `make bench ONLY=one_day` a part.

With ``--write``, as `make bench` has it, docs/build/measurements.md gets what was measured.

The source is the replay of published days beside the project (``../shared/replay``), or the bundled
synthetic sample where there is none: each line says which. Values are medians of ``runs``. A floor is a
bare script that parses the same answers and copies the same rows into the same PostgreSQL.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import importlib.util
import inspect
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import psycopg2
import requests

from bench import end_in_order, page, served
from bench.five_years import FIRST_DAY, make_five_years
from bench.queries import RUNS as QUERY_RUNS
from bench.queries import p95, time_pages, time_queries
from bench.replay import REPLAY, RETARGETS, serve_replay
from minerecon_dagster.core.answers import AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES
from minerecon_dagster.core.checks import Result
from minerecon_dagster.day import worker as of_days
from minerecon_dagster.day.worker import Worker
from minerecon_dagster.difficulty.source import DifficultyTable
from minerecon_dagster.elexon.archive import Archive
from minerecon_dagster.elexon.client import ElexonClient
from minerecon_dagster.elexon.fetch import from_archive
from minerecon_dagster.exports.month import export_month, months_with_days
from minerecon_dagster.http.rate_limit import RateLimiter
from minerecon_dagster.local.services import local_services
from minerecon_dagster.sample import SAMPLE_DIFFICULTY_CSV
from minerecon_dagster.sample.server import serve_sample
from minerecon_dagster.settings import Settings
from minerecon_dagster.standing.inventory import take_inventory
from minerecon_dagster.storage import Store, open_store
from minerecon_dagster.sums.rollups import look_at_sums, overall
from minerecon_dagster.warehouse.store import open_warehouse

DAY = "2025-03-28"
RUNS = int(os.environ.get("RUNS") or 3)
"""How often each thing is measured; `bench.pairs` asks for fewer, and more often."""
WITH_THE_ONE_BEFORE_MS = 0.1
EARLIER = 3.0
"""Seconds a day of the earlier system's own code on such a machine, at its best (3.0 to 3.9), without any check."""
MINERECON = Path(sys.executable).with_name("minerecon")


@dataclass
class Measured:
    """One command: wall-clock seconds, peak resident megabytes, and its JSON output."""

    seconds: float
    peak_mb: float
    output: dict


LINES: list[dict[str, object]] = []
"""What was measured so far."""


def emit(name: str, value: float, unit: str, **more: object) -> None:
    LINES.append({"name": name, "value": round(value, 4), "unit": unit, **more})
    print(json.dumps(LINES[-1]), flush=True)


def median(values: Iterator[float] | list[float]) -> float:
    return statistics.median(values)


@contextlib.contextmanager
def source(latency_ms: int = 0) -> Iterator[tuple[str, str]]:
    """The base URL of the replay or the sample, and its name."""
    if not REPLAY.exists():
        with serve_sample() as url:
            yield url, "synthetic sample"
        return
    with serve_replay("--latency-ms", str(latency_ms)) as url:
        # The first answer of a day makes the server build it, which is no work of ours.
        urllib.request.urlopen(f"{url}/balancing/settlement/acceptance/volumes/all/bid/{DAY}").read()
        yield url, "replay"


class Bench:
    """The services and the scratch folder that all measurements share."""

    def __init__(self, scratch: Path, services: dict[str, str]) -> None:
        self.scratch = scratch
        self.environ = dict(os.environ) | services
        self.environ |= {"MINERECON_HOME": str(scratch / "home"), "ELEXON_MAX_REQUESTS_PER_MINUTE": "0"}

    def command(self, *arguments: str, **changed: str) -> Measured:
        """Run `minerecon` and measure it whole, process start included."""
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(MINERECON), *arguments],
            env=self.environ | changed,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        if process.returncode:
            sys.exit(f"bench: minerecon {' '.join(arguments)} exited with {process.returncode}: {output.decode()}")
        return Measured(seconds, usage.ru_maxrss / 1024, json.loads(output) if output.startswith(b"{") else {})

    def fresh_database(self, name: str) -> str:
        """The URL of a new warehouse, migrated, which may hold the sample."""
        url = self.environ["DATABASE_URL"]
        with contextlib.closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            connection.cursor().execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.cursor().execute(f"CREATE DATABASE {name}")
        url = url.rpartition("/")[0] + f"/{name}"
        # A version that marks no warehouse as the sample's takes synthetic days into any.
        mark = ["--sample"] if importlib.util.find_spec("minerecon_dagster.warehouse.sample") else []
        self.command("db", "upgrade", *mark, DATABASE_URL=url)
        return url


@functools.cache
def five_years(bench: Bench) -> str:
    """The URL of a warehouse with five generated years, made once for all that measure on it."""
    url = bench.fresh_database("bench_five_years")
    make_five_years(url)
    return url


def one_day(bench: Bench) -> None:
    """A windy day: cold archive and warm, whole command and work inside the run."""
    for latency_ms in (0, 100) if REPLAY.exists() else (0,):
        label = f"_{latency_ms}ms" if latency_ms else ""
        with source(latency_ms) as (url, name):
            about = {"day": DAY, "source": name, "latency_ms": latency_ms, "runs": RUNS}
            database = bench.fresh_database("bench_day")
            given = {"ELEXON_BASE_URL": url, "DATABASE_URL": database}
            archives = [str(bench.scratch / f"day{label}-{n}") for n in range(RUNS)]
            cold = [bench.command("reingest", DAY, "--json", MINERECON_ARCHIVE_URL=a, **given) for a in archives]
            warm = [
                bench.command("reingest", DAY, "--from-archive", "--json", MINERECON_ARCHIVE_URL=archives[0], **given)
                for _ in range(RUNS)
            ]
        for kind, runs in (("cold", cold), ("warm", warm)):
            work = [run.output["work"][DAY] for run in runs]
            emit(f"day_{kind}{label}_whole_command", median([r.seconds for r in runs]), "s", **about)
            emit(f"day_{kind}{label}_work_inside_the_run", median([w["seconds"] for w in work]), "s", **about)
            but_fetch = median([w["seconds"] - w["fetch_seconds"] for w in work])
            emit(f"day_{kind}{label}_work_but_fetch", but_fetch, "s", **about, target="< 1")
            emit(f"day_{kind}{label}_peak_memory", median([r.peak_mb for r in runs]), "MB", **about)
        work = [run.output["work"][DAY] for run in cold]
        rate = median([w["requests"] / w["fetch_seconds"] for w in work])
        emit(f"day_requests_per_second{label}", rate, "1/s", **about)
        if not latency_ms:
            properties_one_by_one(bench, database, archives[0], about)


def properties_one_by_one(bench: Bench, database: str, folder: str, about: Mapping[str, object]) -> None:
    """The milliseconds of each property of a windy day, checks in their order.

    A property's time is that from the result before it, or from the reading of the archive, to its own. What takes
    next to none ``came_with`` the last one that took some, as several of one statement do.
    """
    runs = 2 * RUNS + 1
    worker = own_worker(bench, database, folder)
    seen: dict[str, list[float]] = {}
    try:
        for _ in range(runs + 1):
            for name, ms in timed_properties(worker):
                seen.setdefault(name, []).append(ms)
    finally:
        worker.close()
    own = {**about, "runs": runs}
    before, total = "", 0.0
    for name, values in seen.items():
        ms = median(values[1:])  # the first look opens the connections
        total += ms
        if ms >= WITH_THE_ONE_BEFORE_MS:
            before = name
        emit(f"property_{name}", ms, "ms", **own, **({"came_with": before} if before not in ("", name) else {}))
    emit("properties_of_a_day", total, "ms", **own, properties=len(seen))


def timed_properties(worker: Worker) -> list[tuple[str, float]]:
    """Each property that a look at the day evaluates, in that order, and the milliseconds until it had its result."""
    marks: list[tuple[str, float]] = []
    made, read = Result.__init__, of_days.from_archive

    def timed(self: Result, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        marks.append((self.checked.full_name, time.perf_counter()))

    def read_and_mark(*args: Any, **kwargs: Any) -> Any:
        found = read(*args, **kwargs)
        marks.append(("", time.perf_counter()))
        return found

    with patch.object(Result, "__init__", timed), patch.object(of_days, "from_archive", read_and_mark):
        worker.check(dt.date.fromisoformat(DAY))
    first: dict[str, float] = {}
    for (_, before), (name, at) in pairwise(marks):
        first.setdefault(name, 1000 * (at - before))  # one that is accepted by a waiver is made twice
    return list(first.items())


def floor(bench: Bench) -> None:
    """The least that a day's rebuild can cost: parse the same answers, copy the same rows, three models, commit."""
    with source() as (url, name):
        given = {"ELEXON_BASE_URL": url, "DATABASE_URL": bench.fresh_database("bench_floor")}
        folder = str(bench.scratch / "floor")
        bench.command("reingest", DAY, MINERECON_ARCHIVE_URL=folder, **given)
    least = bare_seconds(given["DATABASE_URL"], folder, [DAY] * (2 * RUNS + 1))
    ours = own_seconds(bench, given["DATABASE_URL"], folder, len(least))
    about = {"day": DAY, "source": name, "runs": len(least)}
    emit("floor_of_a_day", median(least), "s", **about)
    emit("work_of_a_day_without_dagsters_events", median(ours), "s", **about)
    emit("day_over_its_floor", median(ours) / median(least), "times", **about, target="<= 3")


def checks(bench: Bench) -> None:
    """What a windy day's checks cost beside its ingestion from the archive, by the project's own code."""
    with source() as (url, name):
        given = {"ELEXON_BASE_URL": url, "DATABASE_URL": bench.fresh_database("bench_checks")}
        folder = str(bench.scratch / "checks")
        bench.command("reingest", DAY, MINERECON_ARCHIVE_URL=folder, **given)
    day, runs = dt.date.fromisoformat(DAY), 2 * RUNS + 1
    ingested = own_seconds(bench, given["DATABASE_URL"], folder, runs)
    worker = own_worker(bench, given["DATABASE_URL"], folder)
    looked, evaluated = [], []
    for _ in range(runs + 1):
        started = time.perf_counter()
        results = worker.check(day)
        looked.append(time.perf_counter() - started)
        started = time.perf_counter()
        from_archive(day, Archive.from_url(folder), STACK_SIDES)
        evaluated.append(looked[-1] - (time.perf_counter() - started))
        assert all(r.passed for r in results), [str(r) for r in results if not r.passed]
    worker.close()
    about = {"day": DAY, "source": name, "runs": runs, "properties": len(results)}
    alone, whole = median(evaluated[1:]), median(ingested)
    emit("ingest_from_archive", whole, "s", **about)
    emit("look_at_a_stored_day", median(looked[1:]), "s", **about)
    emit("checks_of_a_day", alone, "s", **about)
    emit("checks_over_ingest_without_them", alone / (whole - alone), "times", **about, target="<= 1")


def own_seconds(bench: Bench, database: str, folder: str, runs: int) -> list[float]:
    """The rebuild of the day by the project's own code, lock, checks and commit included, without Dagster around it."""
    worker = own_worker(bench, database, folder)
    days = [dt.date.fromisoformat(DAY)]
    seconds = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        ((_, report),) = worker.ingest(days, fetch=False)
        seconds.append(time.perf_counter() - started)
        if isinstance(report, Exception):
            sys.exit(f"bench: {report}")
    worker.close()
    return seconds[1:]  # the first one opens the connections


def own_worker(bench: Bench, database: str, folder: str) -> Worker:
    """The project's own code for the day, ready, and without Dagster around it."""
    os.environ.update({name: bench.environ[name] for name in bench.environ if name.startswith("AWS_")})
    # Older versions read the setting themselves.
    is_given = "waivers_file" in inspect.signature(Worker).parameters
    own = {"waivers_file": Settings.from_environ().waivers_file} if is_given else {}
    worker = Worker(
        engine=open_warehouse(database),
        archive=Archive.from_url(folder),
        difficulty=DifficultyTable(bench.environ["DYNAMODB_DIFFICULTY_TABLE"], region=bench.environ["AWS_REGION"]),
        open_client=lambda: sys.exit("bench: a rebuild asks Elexon for nothing"),
        source_url="",
        sides=STACK_SIDES,
        now=lambda: dt.datetime.now(dt.UTC),
        run_id=None,
        **own,
    )
    worker.prepare([dt.date.fromisoformat(DAY)], from_archive=True)
    return worker


def bare_seconds(database: str, folder: str, days: list[str]) -> list[float]:
    """For each day: parse its archived answers, copy its rows, three models, commit; into tables of the same kind."""
    archive = Archive.from_url(folder)
    with contextlib.closing(psycopg2.connect(database)) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT bmu_id FROM minerecon.bm_units WHERE fuel_type = 'WIND'")
        wind = {row[0] for row in cursor.fetchall()}
        for table in ("curtailment_records", "historical_bitcoin_calculations"):
            cursor.execute(f"CREATE TABLE IF NOT EXISTS public.bare_{table} (LIKE minerecon.{table} INCLUDING ALL)")
        connection.commit()
        seconds = []
        for day in days:
            archived = archive.newest(dt.date.fromisoformat(day))
            assert archived is not None
            bodies = {str(key): answer.body for key, answer in archived.answers.items()}
            seconds.append(_bare(cursor, connection, day, bodies, wind))
    return seconds


def _bare(cursor, connection, day: str, bodies: dict[str, bytes], wind: set[str]) -> float:  # type: ignore[no-untyped-def]
    from io import StringIO

    for table in ("curtailment_records", "historical_bitcoin_calculations"):
        cursor.execute(f"TRUNCATE public.bare_{table}")
    connection.commit()
    started = time.perf_counter()
    lines = []
    for name, body in bodies.items():
        rows = msgspec.json.decode(body)["data"]
        if not name.startswith("stack"):
            continue
        for row in rows:
            if row["id"] in wind and row["volume"] < 0:
                side = name.split("/")[1]
                values = (day, row["settlementPeriod"], row["startTime"], side, row["id"], row["acceptanceId"])
                values += (row["bidOfferPairId"], row["sequenceNumber"], row["volume"], row["originalPrice"])
                values += (row["finalPrice"], row["soFlag"], row["cadlFlag"], row["createdDateTime"])
                lines.append("\t".join(r"\N" if v is None else str(v) for v in values))
    cursor.copy_expert(
        "COPY public.bare_curtailment_records (settlement_date, settlement_period, start_time, stack_side, bmu_id,"
        " acceptance_id, bid_offer_pair_id, sequence_number, volume_mwh, original_price_gbp_per_mwh,"
        " final_price_gbp_per_mwh, so_flag, cadl_flag, elexon_created_at) FROM STDIN",
        StringIO("\n".join(dict.fromkeys(lines))),  # a row may stand twice, as one of the sample does
    )
    cursor.execute(
        "INSERT INTO public.bare_historical_bitcoin_calculations SELECT e.*, 113757508810854, 3.125,"
        " e.mwh * 3600000000 * m.hashrate_ths * 1000000000000 * 3.125 / (m.power_w * 113757508810854 * 4294967296), 1"
        " FROM minerecon.miner_models AS m CROSS JOIN LATERAL (SELECT settlement_date, settlement_period, bmu_id,"
        " m.miner_model, sum(curtailed_mwh) AS mwh FROM public.bare_curtailment_records"
        " WHERE so_flag GROUP BY 1, 2, 3) AS e"
    )
    connection.commit()
    return time.perf_counter() - started


def month(bench: Bench) -> None:
    """31 days, from fetch to checked month, whole command."""
    if not REPLAY.exists():
        return
    runs = []
    with source() as (url, name):
        for n in range(RUNS):
            given = {"ELEXON_BASE_URL": url, "DATABASE_URL": bench.fresh_database("bench_month")}
            folder = str(bench.scratch / f"month-{n}")
            runs.append(
                bench.command("reingest", "2025-03-01", "2025-03-31", "--json", MINERECON_ARCHIVE_URL=folder, **given)
            )
    assert all(run.output["ok"] for run in runs)
    floor_s = sum(bare_seconds(given["DATABASE_URL"], folder, [f"2025-03-{n:02d}" for n in range(1, 32)]))
    about = {"source": name, "runs": RUNS, "floor_without_fetch_s": round(floor_s, 3), "earlier_system_s": EARLIER * 31}
    emit("reingest_31_days_whole_command", median([r.seconds for r in runs]), "s", **about, target="<= 60")


def year(bench: Bench) -> None:
    """A year from the archive: rebuild, recalculation, memory, month and year sums."""
    if not REPLAY.exists():
        return
    database = bench.fresh_database("bench_year")
    given = {"DATABASE_URL": database, "MINERECON_ARCHIVE_URL": str(bench.scratch / "year")}
    with source() as (url, name):
        first = bench.command("reingest", "2025-01-01", "2025-12-31", "--json", ELEXON_BASE_URL=url, **given)
    about = {"source": name, "runs": RUNS}
    emit("reingest_365_days_whole_command", first.seconds, "s", source=name, runs=1)
    rebuild = ("--from-archive", "--json")
    days31 = [bench.command("reingest", "2025-03-01", "2025-03-31", *rebuild, **given) for _ in range(RUNS)]
    days365 = [bench.command("reingest", "2025-01-01", "2025-12-31", *rebuild, **given) for _ in range(RUNS)]
    whole = median([r.seconds for r in days365])
    first_day = dt.date(2025, 1, 1)
    all_days = [str(first_day + dt.timedelta(days=n)) for n in range(365)]
    floor_s = sum(bare_seconds(database, given["MINERECON_ARCHIVE_URL"], all_days))
    beside = {"floor_s": round(floor_s, 3), "earlier_system_s": EARLIER * 365}
    emit("rebuild_365_days_whole_command", whole, "s", **about, **beside, target="<= 180")
    emit("rebuild_a_days_share", whole / 365, "s", **about, target="<= 0.4")
    per_day = whole / 365 / (median([r.seconds for r in days31]) / 31)
    emit("rebuild_per_day_365_over_31", per_day, "times", **about, target="<= 1.15")
    emit("rebuild_365_days_peak_memory", median([r.peak_mb for r in days365]), "MB", **about, target="<= 700")
    again = [
        bench.command("recalculate", "2025-01-01", "2025-12-31", "--model", "S9", "--json", **given)
        for _ in range(RUNS)
    ]
    emit("recalculate_one_model_365_days", median([r.seconds for r in again]), "s", **about, target="<= 30")
    emit("sums_of_a_year", median([_sums(database) for _ in range(RUNS)]), "s", **about, target="<= 2")


def _sums(database: str) -> float:
    from minerecon_dagster.sums.rollups import roll_up_months, roll_up_years
    from minerecon_dagster.warehouse.store import open_warehouse

    engine = open_warehouse(database)
    now = dt.datetime.now(dt.UTC)
    with engine.connect():
        started = time.perf_counter()
        roll_up_months(engine, [f"2025-{m:02d}" for m in range(1, 13)], now)
        roll_up_years(engine, [2025], now)
        seconds = time.perf_counter() - started
    engine.dispose()
    return seconds


def throughput(bench: Bench) -> None:
    """Requests a second at 100 ms latency, beside a bare `requests` loop with as many threads."""
    if not REPLAY.exists():
        return
    threads, day = 8, dt.date.fromisoformat(DAY)
    keys = [AnswerKey("stack", side, period) for side in STACK_SIDES for period in range(1, 49)]
    with source(100) as (url, name), ElexonClient(url, RateLimiter(0, bench.scratch / "no-limit")) as client:
        sessions = threading.local()

        def bare(key: AnswerKey) -> int:
            if not hasattr(sessions, "session"):
                sessions.session = requests.Session()
            path = f"/balancing/settlement/stack/all/{key.side}/{DAY}/{key.period}"
            return len(sessions.session.get(url + path, timeout=30).content)

        def rate(work: Callable[[], object]) -> float:
            started = time.perf_counter()
            work()
            return len(keys) / (time.perf_counter() - started)

        with ThreadPoolExecutor(threads) as pool:
            ours, floors = [], []
            for _ in range(RUNS):
                floors.append(rate(lambda: list(pool.map(bare, keys))))
                ours.append(rate(lambda: client.fetch(keys, day)))
    about = {"source": name, "threads": threads, "latency_ms": 100, "runs": RUNS}
    emit("client_requests_per_second", median(ours), "1/s", floor=round(median(floors), 2), **about)
    emit("client_over_bare_loop", median(ours) / median(floors), "share", **about, target=">= 0.9")


_ASK = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from minerecon_dagster.http.rate_limit import RateLimiter
from minerecon_dagster.warehouse.turns import TurnsInWarehouse
turns, end = TurnsInWarehouse(sys.argv[1], "http://bench.example"), time.monotonic() + float(sys.argv[2])
taken = []
take = turns.take
turns.take = lambda count, *pace: taken.append(count) or take(count, *pace)
limiter = RateLimiter(1200, turns)
def work(_):
    starts = []
    while time.monotonic() < end:
        limiter.acquire(wanted=1000)
        starts.append(time.monotonic())
    return starts
with ThreadPoolExecutor(8) as pool:
    for starts in pool.map(work, range(8)):
        print("\\n".join(map(str, starts)))
print(-len(taken))
"""


def limit(bench: Bench) -> None:
    """At 1,200 a minute: how much of the limit is used, the fullest 60 s, and how often the warehouse is asked."""
    for count, seconds, alone in ((3, 180, ""), (1, 90, "_alone")):
        url = bench.fresh_database("bench_limit").replace("postgresql:", "postgresql+psycopg2:")
        arguments = [sys.executable, "-c", _ASK, url, str(seconds)]
        processes = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(count)]
        said = [float(line) for p in processes for line in p.communicate()[0].split()]
        starts, questions = sorted(n for n in said if n > 0), -sum(n for n in said if n < 0)
        fullest, begin = 0, 0
        for end, at in enumerate(starts):
            while at - starts[begin] >= 60:
                begin += 1
            fullest = max(fullest, end - begin + 1)
        used = len(starts) / (starts[-1] - starts[0]) * 60 / 1200
        about = {"processes": count, "seconds": seconds}
        emit(f"limit_used{alone}", used, "share", **about, target=">= 0.975")
        emit(f"limit_fullest_60_s{alone}", fullest, "requests", **about, target="<= 1200")
        emit(f"limit_round_trips{alone}", questions / len(starts), "per request", **about, target="<= 0.5")


def queries(bench: Bench) -> None:
    """The analysts' fifteen questions on five generated years, each as the analyst."""
    database = five_years(bench)
    for name, rows, seconds in time_queries(database.replace("+psycopg2", "")):
        about = {"years": 5, "runs": QUERY_RUNS, "rows": rows, "median_s": round(median(seconds), 4)}
        emit(f"query_{name}_p95", p95(seconds), "s", **about, target="< 1")


def pages(bench: Bench) -> None:
    """What a page of the dashboard or an answer of the API reads, over a day, a month and five years."""
    database = five_years(bench)
    for name, rows, seconds, target in time_pages(database.replace("+psycopg2", "")):
        about = {"years": 5, "runs": QUERY_RUNS, "rows": rows, "median_ms": round(median(seconds) * 1000, 1)}
        emit(f"view_{name}_p95", p95(seconds) * 1000, "ms", **about, target=f"<= {target}")


def read_api(bench: Bench) -> None:
    """The read API over five generated years: cold answers beside the bare statement, warm ones, memory, news."""
    database = five_years(bench)
    ready = []
    for _ in range(RUNS):
        with served.serve(database) as server:
            ready.append(server.ready_s)
    emit("read_api_ready", median(ready), "s", runs=RUNS, target="<= 1.5")
    with served.serve(database) as server:
        for name, seconds, bare in served.cold(server, database):
            about = {"years": 5, "runs": served.RUNS, "bare_ms": round(median(bare) * 1000, 2)}
            about["times_bare"] = round(median(seconds) / median(bare), 2)
            target = f"<= {median(bare) * 1500 + 5:.1f}: 1.5 times the bare statement and 5 ms"
            emit(f"read_api_{name}_cold", median(seconds) * 1000, "ms", **about, target=target)
        month = "/api/v1/days?from=2024-04-08&to=2024-05-31"  # of 30 kB
        _, headers, body = server.get(month)
        asked = {
            "read_api_unchanged": ("304", [f"If-None-Match: {headers['etag']}"], 1_500),
            "read_api_warm": (f"{len(body)} B", [], 800),
        }
        for name, (what, given, target) in asked.items():
            rate = served.per_second(server, month, *given)
            if rate is None:
                print("bench: wrk is not installed: answers a second are not measured", file=sys.stderr)
            else:
                emit(name, rate, "answers/s", answer=what, connections=16, target=f">= {target}")
        for name, first, again, size in served.pages(server):
            load = round(os.getloadavg()[0], 1)
            about = {"years": 5, "runs": len(first), "load": load, "gzip_kb": round(size / 1000)}
            target = {"year_of_days": "<= 300", "five_years": "<= 600"}[name]
            emit(f"page_{name}_cold", median(first) * 1000, "ms", **about, target=target)
            emit(f"page_{name}_warm", median(again) * 1000, "ms", years=5, runs=len(again), load=load, target="<= 50")
        answered, refused, slowest = served.crowd(server)
        about = {"clients": 100, "answered": answered, "refused": refused}
        emit("read_api_slowest_refusal_in_a_crowd", slowest, "ms", **about, target="<= 50")
        emit("read_api_seen_after_commit", served.seen_after(server, database), "s", target="<= 3")
        emit("read_api_peak", server.peak_mb, "MB", target="<= 120")


def read_api_beside(bench: Bench) -> None:
    """How much longer `reingest` of a day takes while 50 questions a second are answered."""
    database = bench.fresh_database("bench_read_api_beside")
    paths = [f"/api/v1/{path}" for path in ("days", "half-hours", "farms", "mining/days", "checks", "status", "months")]
    alone, beside = [], []
    with source() as (url, name), served.serve(database) as server:
        changed = {"DATABASE_URL": database, "ELEXON_BASE_URL": url}
        given = ("reingest", DAY, "--force", "--json")
        bench.command(*given, **changed)
        for _ in range(RUNS):
            alone.append(bench.command(*given, **changed).seconds)
            with served.asked_steadily(server, paths, 50) as statuses:
                beside.append(bench.command(*given, **changed).seconds)
            assert set(statuses) == {200}, statuses
    about = {"source": name, "runs": RUNS, "alone_s": round(median(alone), 2), "beside_s": round(median(beside), 2)}
    slower = (median(beside) / median(alone) - 1) * 100
    emit("reingest_beside_50_questions_a_second", slower, "% slower", **about, target="<= 15")


def inventory(bench: Bench) -> None:
    """Freshness, the standing inventory and the sums of all months and years over five generated years; the status."""
    database = five_years(bench)
    engine = open_warehouse(database)
    now = dt.datetime(FIRST_DAY.year + 5, 1, 1, 9, 5, tzinfo=dt.UTC)
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        with engine.connect() as connection:
            findings = take_inventory(connection, FIRST_DAY, now)
            sums = [r for grain in ("month", "year") for r in overall(grain, look_at_sums(connection, grain, now))]
        seconds.append(time.perf_counter() - started)
    looked_at = {r.checked.name: r.looked_at for r in (*(f.result for f in findings), *sums)}
    assert all(r.passed for r in (*(f.result for f in findings), *sums))
    about = {"years": 5, "runs": RUNS, "days": looked_at["every_day_matches_its_rows"]}
    emit("inventory_five_years", median(seconds), "s", **about, target="< 10")
    last = str(now.date() - dt.timedelta(days=1))
    given = ("status", "--from", str(FIRST_DAY), "--to", last)
    runs = [bench.command(*given, DATABASE_URL=database) for _ in range(RUNS)]
    emit("status_five_years_whole_command", median([r.seconds for r in runs]), "s", **about)
    engine.dispose()


def month_export(bench: Bench) -> None:
    """Every view of a month as Parquet and CSV out of five generated years; again; and the nightly sweep."""
    engine, now = open_warehouse(five_years(bench)), dt.datetime.now(dt.UTC)
    with engine.connect() as connection:
        months = months_with_days(connection)

    def seconds(store: Store, asked: list[str]) -> float:
        started = time.perf_counter()
        for month in asked:
            assert export_month(engine, store, month, now) is not None
        return time.perf_counter() - started

    stores = [open_store(str(bench.scratch / f"exports-{n}")) for n in range(RUNS)]
    seconds(stores[0], months[:1])  # opens the connections
    chosen = months[len(months) // 2]
    export = export_month(engine, open_store(str(bench.scratch / "exports")), chosen, now)
    assert export is not None
    about = {"years": 5, "runs": RUNS, "month": chosen, "views": len(export.row_counts)}
    about |= {"rows": sum(export.row_counts.values()), "bytes": export.byte_count}
    emit("month_export", median([seconds(store, [chosen]) for store in stores]), "s", **about)
    emit("month_export_unchanged", median([seconds(store, [chosen]) for store in stores]), "s", **about)
    emit("export_sweep", seconds(stores[0], months), "s", years=5, runs=1, months=len(months))
    engine.dispose()


def month_report(bench: Bench) -> None:
    """The page of a month, and the one of the latest state, on five years."""
    from minerecon_dagster.reports.publish import publish_latest, publish_month

    engine = open_warehouse(five_years(bench))
    store = open_store(str(bench.scratch / "reports"))
    now = dt.datetime.combine(FIRST_DAY + dt.timedelta(days=1_800), dt.time(12), dt.UTC)
    month = f"{now - dt.timedelta(days=60):%Y-%m}"
    publish_month(engine, store, month, now)  # opens the connections
    for name, publish in (
        ("month_report_five_years", lambda: publish_month(engine, store, month, now)),
        ("latest_report_five_years", lambda: publish_latest(engine, store, now)),
    ):
        made = [publish() for _ in range(RUNS)]
        emit(name, median([report.seconds for report in made]), "s", bytes=len(made[0].body), runs=RUNS)
    engine.dispose()


def drawing(bench: Bench) -> None:
    """Charts: how long, how large, and the memory of the process that asks and of the one that draws."""
    del bench
    # Here, since an older tree that is measured beside this one may have no charts.
    from bench.drawing import measure_drawing

    for name, value, unit, about in measure_drawing(RUNS):
        emit(name, round(value, 4), unit, **about)


MEASUREMENTS = (
    one_day,
    floor,
    checks,
    throughput,
    month,
    year,
    limit,
    queries,
    pages,
    read_api,
    read_api_beside,
    inventory,
    month_export,
    month_report,
    drawing,
)


def main() -> None:
    only = os.environ.get("ONLY", "").replace(",", " ").split()
    if unknown := set(only) - {m.__name__ for m in MEASUREMENTS}:
        sys.exit(f"bench: ONLY knows {', '.join(m.__name__ for m in MEASUREMENTS)}, not {', '.join(unknown)}")
    end_in_order()
    with tempfile.TemporaryDirectory(prefix="minerecon-bench-") as folder:
        scratch = Path(folder)
        with local_services(scratch / "home", {}) as services:
            bench = Bench(scratch, services)
            bench.command("difficulty", "load", str(RETARGETS if RETARGETS.exists() else SAMPLE_DIFFICULTY_CSV))
            for measure in MEASUREMENTS:
                if not only or measure.__name__ in only:
                    measure(bench)
    if "--write" in sys.argv[1:]:
        page.write(LINES, page.here_and_now())


if __name__ == "__main__":
    main()
