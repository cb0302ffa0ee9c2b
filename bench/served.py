"""The read API as `minerecon serve` runs it: what it costs over the bare statement, whether its figures are right."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
import psycopg2

from bench.replay import TOLERANCE, Figures
from minerecon_dagster.web import question
from minerecon_dagster.web.database import Database
from minerecon_dagster.web.resources import RESOURCES

RUNS = 21
_SECONDS = 3
_CONNECTIONS = 16
_NAMES = ("record_count", "all_bids_mwh", "all_bids_payment_gbp", "so_record_count", "curtailed_mwh", "payment_gbp")
"""The columns of `bench.replay.FIGURES`, in its order."""
KNOWN_WRONG = {"2025-03-06": "34.58136172", "2025-03": "260.28916727", "2025": "903.24720919"}
"""BTC of an S19J_PRO as the earlier system published them, made of parts of their rows."""


@dataclass(frozen=True)
class Server:
    """A served API: where it is, its process, and how long it took until it answered."""

    host: str
    port: int
    pid: int
    ready_s: float

    def get(self, path: str, **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers (by their small letters) and body."""
        with contextlib.closing(http.client.HTTPConnection(self.host, self.port, timeout=60)) as connection:
            connection.request("GET", quote(path, safe="/?&=%,.:+~"), headers=headers)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()

    def rows(self, path: str) -> list[dict[str, Any]]:
        """All rows of a resource, page by page."""
        found: list[dict[str, Any]] = []
        following: str | None = f"/api/v1/{path}"
        while following:
            status, _, body = self.get(following)
            assert status == 200, (following, body)
            answer = json.loads(body)
            found += answer["data"]
            following = answer["meta"]["next"]
        return found

    @property
    def peak_mb(self) -> float:
        """Resident memory at its most."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text("utf-8"))
        assert found is not None
        return int(found[1]) / 1024


@contextlib.contextmanager
def serve(database_url: str) -> Iterator[Server]:
    """`minerecon serve` over a warehouse, inside the ``with`` block."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("MINERECON_")}
    environ["MINERECON_API_DATABASE_URL"] = database_url.replace("+psycopg2", "")
    started = time.perf_counter()
    command = [str(Path(sys.executable).with_name("minerecon")), "serve", "--port", "0"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        address = urlsplit(process.stdout.readline().rpartition(" ")[2].strip())
        assert address.hostname is not None
        assert address.port is not None
        while True:
            with contextlib.suppress(OSError):
                server = Server(address.hostname, address.port, process.pid, 0)
                if server.get("/healthz")[0] == 200:
                    break
            time.sleep(0.005)
        yield Server(address.hostname, address.port, process.pid, time.perf_counter() - started)
    finally:
        process.kill()
        process.wait()


def cold(server: Server, database_url: str, runs: int = RUNS) -> Iterator[tuple[str, list[float], list[float]]]:
    """Of a day, a month of days, and a farm over five years: seconds of answers that were not kept, and of the bare
    statement through psycopg2 and msgspec, by turns; both over a connection that is open."""
    database = Database(database_url.replace("+psycopg2", ""))
    columns = database.columns()
    (farm,) = (row["farm_name"] for row in server.rows("units?limit=1")[:1])
    questions = {
        "day": "days?from=2024-05-07&to=2024-05-07",
        "month_of_days": "days?from=2024-05-01&to=2024-05-31",
        "farm_five_years": f"farms/{quote(farm)}/days?from=2021-01-01&to=2025-12-31",
    }
    fresh = count(1_000)
    with contextlib.closing(http.client.HTTPConnection(server.host, server.port, timeout=60)) as connection:
        for name, path in questions.items():
            bare = _bare(database, columns, path, farm)
            served, alone = [], []
            for _ in range(runs + 1):
                started = time.perf_counter()
                connection.request("GET", f"/api/v1/{path}&limit={5_000 - next(fresh) % 1_000}")
                answer = connection.getresponse()
                body = answer.read()
                served.append(time.perf_counter() - started)
                assert answer.status == 200, body
                assert 'desc="miss"' in answer.headers["server-timing"]
                started = time.perf_counter()
                bare()
                alone.append(time.perf_counter() - started)
            yield name, served[1:], alone[1:]
    database.close()


def pages(server: Server) -> Iterator[tuple[str, list[float], list[float], int]]:
    """Of the page of a year and of five years of days: seconds to the first byte of pages that were not kept, each of
    another range, and of the same ones again; and the bytes of the largest, as they are sent to a browser."""
    asked = {
        "year_of_days": [f"/explore?from={year}-01-01&to={year}-12-31" for year in range(2021, 2026)],
        "five_years": [f"/explore?from=2021-01-0{day}&to=2025-12-31" for day in range(1, 6)],
    }
    _first_byte(server, "/explore?from=2024-05-01&to=2024-05-02")  # what draws is there
    for name, paths in asked.items():
        first = [_first_byte(server, path) for path in paths]
        again = [_first_byte(server, path) for path in paths]
        yield name, [s for s, _ in first], [s for s, _ in again], max(size for _, size in first)


def _first_byte(server: Server, path: str) -> tuple[float, int]:
    with contextlib.closing(http.client.HTTPConnection(server.host, server.port, timeout=60)) as connection:
        started = time.perf_counter()
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        seconds = time.perf_counter() - started
        assert answer.status == 200, path
        return seconds, len(answer.read())


def _bare(database: Database, columns: Mapping[str, Any], path: str, farm: str) -> Callable[[], bytes]:
    resource = next(r for r in RESOURCES if r.path == ("days" if path.startswith("days") else "farms/{farm}/days"))
    in_path = {} if resource.path == "days" else {"farm": farm}
    today = dt.date(2026, 1, 1)
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    asked = question.read(resource, in_path, path.partition("?")[2], today, now)
    of_view = columns[resource.relation]
    chosen = question.chosen(asked, of_view)
    sql, values = question.statement(asked, chosen, of_view, today, 5_000)

    def bare() -> bytes:
        with database.asking() as asking:
            rows = asking.rows(sql, values)
        return msgspec.json.encode([dict(zip((c.name for c in chosen), row, strict=False)) for row in rows])

    return bare


def per_second(server: Server, path: str, *headers: str) -> float | None:
    """Answers a second to 16 connections; None where wrk is not installed."""
    if shutil.which("wrk") is None:
        return None
    given = [word for header in headers for word in ("-H", header)]
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{_SECONDS}s", *given, f"http://{server.host}:{server.port}{path}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found is not None, said
    assert "Socket errors" not in said and "Non-2xx" not in said, said
    return float(found[1])


def seen_after(server: Server, database_url: str) -> float:
    """Seconds from a commit until what was kept is not given any more."""
    path = "/api/v1/days?from=2024-05-01&to=2024-05-31&numbers=json"
    for _ in range(2):
        headers = server.get(path)[1]
    assert 'desc="hit"' in headers["server-timing"], headers
    with contextlib.closing(psycopg2.connect(database_url.replace("+psycopg2", ""))) as connection:
        _move_newest(connection, "1 microsecond")
        started = time.perf_counter()
        while 'desc="hit"' in server.get(path)[1]["server-timing"]:
            assert time.perf_counter() - started < 30
        seconds = time.perf_counter() - started
        _move_newest(connection, "-1 microsecond")  # sums know when their days were built
    return seconds


def _move_newest(connection: Any, by: str) -> None:
    """Let the newest day be built so much later."""
    connection.cursor().execute(
        "UPDATE minerecon.daily_summaries SET built_at = built_at + CAST(%s AS interval)"
        " WHERE summary_date = (SELECT max(summary_date) FROM minerecon.daily_summaries)",
        (by,),
    )
    connection.commit()


def crowd(server: Server, clients: int = 100) -> tuple[int, int, float]:
    """Of so many at once, each with a question of its own: how many were answered, how many were told to come back, and
    within how many milliseconds, by the server's own clock, the slowest of those was."""
    begin = threading.Barrier(clients)

    def ask(n: int) -> tuple[int, float]:
        begin.wait(60)
        status, headers, _ = server.get(f"/api/v1/half-hours?from=2024-05-01&to=2024-05-31&limit={2_000 + n}")
        found = re.search(r"total;dur=([\d.]+)", headers["server-timing"])
        assert found is not None
        assert status == 200 or (status == 503 and "retry-after" in headers)
        return status, float(found[1])

    with ThreadPoolExecutor(clients) as threads:
        said = list(threads.map(ask, range(clients)))
    refused = [ms for status, ms in said if status == 503]
    return len(said) - len(refused), len(refused), max(refused, default=0.0)


@contextlib.contextmanager
def asked_steadily(server: Server, paths: Sequence[str], a_second: int) -> Iterator[list[int]]:
    """A fixed mix of questions, so many a second, inside the ``with`` block; the status of each is in the list."""
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        began = time.perf_counter()
        # One connection: what asks costs as little as may be.
        with contextlib.closing(http.client.HTTPConnection(server.host, server.port, timeout=60)) as connection:
            for n in count():
                if over.wait(max(0.0, began + n / a_second - time.perf_counter())):
                    return
                connection.request("GET", paths[n % len(paths)])
                answer = connection.getresponse()
                answer.read()
                statuses.append(answer.status)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    yield statuses
    over.set()
    thread.join(60)


def wrong_figures(server: Server, expected: Mapping[str, Figures]) -> Iterator[tuple[str, list[str]]]:
    """Days, months and farms of the API that are not what the source has: of each kind, which.

    Args:
        server: over the days.
        expected: of each day by unit, as `bench.replay.expected_figures`.
    """
    fields = ",".join(_NAMES)
    span = f"from={min(expected)}&to={max(expected)}"
    nothing = (Decimal(0),) * len(_NAMES)
    of_day = {day: _sum(units.values()) or nothing for day, units in expected.items()}
    yield "days", _differing(of_day, server.rows(f"days?{span}&fields=settlement_date,{fields}"), "settlement_date")
    months: dict[str, list[Sequence[Decimal | None]]] = {}
    for day, figures in of_day.items():
        months.setdefault(day[:7], []).append(figures)
    wanted = {month: _sum(days) for month, days in months.items()}
    yield "months", _differing(wanted, server.rows(f"months?{span}&fields=year_month,{fields}"), "year_month")
    farm_of = {row["bmu_id"]: row["farm_name"] for row in server.rows("units")}
    farms: dict[str, list[Sequence[Decimal | None]]] = {}
    for day, units in expected.items():
        for unit, figures in units.items():
            farms.setdefault(f"{day} {farm_of[unit]}", []).append(figures)
    found = server.rows(f"farms?{span}&fields=settlement_date,farm_name,{fields}")
    for row in found:
        row["of"] = f"{row['settlement_date']} {row['farm_name']}"
    yield "farms", _differing({of: _sum(days) for of, days in farms.items()}, found, "of")


def published_wrongly(server: Server) -> list[str]:
    """Which of the totals that are known to be wrong come out of the earlier paths all the same."""
    found = []
    for of, btc in KNOWN_WRONG.items():
        if len(of) == len("2025"):
            rows = server.rows(f"mining/years?from={of}&to={of}&model=S19J_PRO")
            ours = Decimal(rows[0]["mined_btc"] or 0) if rows else Decimal(0)
        else:
            kind = "monthly-mining-potential" if len(of) == len("2025-03") else "mining-potential"
            status, _, body = server.get(f"/api/curtailment/{kind}/{of}?minerModel=S19J_PRO")
            if status != 200:
                continue
            ours = json.loads(body, parse_float=Decimal)["bitcoinMined"]
        if abs(ours - Decimal(btc)) < Decimal("0.00001"):
            found.append(f"{of}: {ours}")
    return found


def _sum(figures: Any) -> Sequence[Decimal]:
    return [sum((v or Decimal(0) for v in values), Decimal(0)) for values in zip(*figures, strict=True)]


def _differing(wanted: Mapping[str, Sequence[Decimal]], rows: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    found = {row[key]: [Decimal(row[name] or 0) for name in _NAMES] for row in rows}
    wrong = []
    for of in sorted(wanted.keys() | found.keys()):
        ours, theirs = found.get(of), wanted.get(of)
        if ours is None or theirs is None or any(abs(a - b) > TOLERANCE for a, b in zip(ours, theirs, strict=True)):
            wrong.append(of)
    return wrong
