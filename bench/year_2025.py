"""All of 2025 against the replay of published days: figures, states and calls of every day, and what the API answers.

    python -m bench.year_2025                                    # the year, about a quarter of an hour
    python -m bench.year_2025 --from 2025-01-01 --to 2025-03-31 --fingerprint q1.json

Ingests the days with `minerecon reingest` into embedded services of its own and compares each with what the replay says
must come out. Prints one JSON object a line; exits with 1 on any difference, 2 where there is no replay.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extensions

from bench import bare_environ, end_in_order, fingerprint, served
from bench.replay import REPLAY, RETARGETS, differences, expected_figures, requests_served, serve_replay, stored_figures
from minerecon_dagster.core.calendar import period_count
from minerecon_dagster.local.services import local_services

BESIDE_THE_STACK = 5
"""Calls of a day that are none for a period: BOAV and EBOCF of two sides, and AGWS."""

_STATES = """
    SELECT status, day_state FROM analytics.reconciliation_status WHERE settlement_date BETWEEN %s AND %s
"""


def emit(name: str, value: object, **more: object) -> None:
    print(json.dumps({"name": name, "value": value, **more}), flush=True)


def calls_that_differ(work: dict[str, dict[str, Any]]) -> dict[str, int]:
    """The days whose number of calls is not two a period and `BESIDE_THE_STACK`, each with its own."""
    wanted = {day: 2 * period_count(dt.date.fromisoformat(day)) + BESIDE_THE_STACK for day in work}
    return {day: int(of_day["requests"]) for day, of_day in work.items() if int(of_day["requests"]) != wanted[day]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="first", type=dt.date.fromisoformat, default=dt.date(2025, 1, 1))
    parser.add_argument("--to", dest="last", type=dt.date.fromisoformat, default=dt.date(2025, 12, 31))
    parser.add_argument("--fingerprint", type=Path, metavar="FILE", help="write the fingerprint of the warehouse there")
    given = parser.parse_args()
    if not REPLAY.exists():
        print("year_2025: skipped: needs the replay of published days, ../shared/replay", file=sys.stderr)
        return 2
    end_in_order()
    around = bare_environ()
    file = given.fingerprint.absolute() if given.fingerprint else None
    with tempfile.TemporaryDirectory(prefix="minerecon-2025-") as name:
        folder = Path(name)
        os.environ.clear()
        os.environ.update(around)
        os.environ |= {"MINERECON_HOME": str(folder / "home"), "MINERECON_START_DATE": str(given.first)}
        os.environ |= {"ELEXON_MAX_REQUESTS_PER_MINUTE": "0"}
        with serve_replay() as url, local_services(folder / "home", {}) as services:
            os.environ |= services | {"ELEXON_BASE_URL": url}
            return _judge(given.first, given.last, url, services["DATABASE_URL"], file)


def _judge(first: dt.date, last: dt.date, url: str, database_url: str, file: Path | None) -> int:
    days = [str(first + dt.timedelta(days=n)) for n in range((last - first).days + 1)]
    _minerecon("db", "upgrade")
    _minerecon("difficulty", "load", str(RETARGETS))
    began = time.monotonic()
    code, said = _minerecon("reingest", str(first), str(last), "--json")
    seconds = time.monotonic() - began
    outcome: dict[str, Any] = json.loads(said) if said.startswith("{") else {"error": said[-500:]}
    work, wrong = outcome.get("work", {}), 0

    def must_be(name: str, found: object, wanted: object, **more: object) -> None:
        nonlocal wrong
        wrong += found != wanted
        emit(name, found, expected=wanted, **({} if found == wanted else more))

    plain_url = database_url.replace("+psycopg2", "")
    with contextlib.closing(psycopg2.connect(plain_url)) as connection, connection.cursor() as cursor:
        differing = _differing(days, cursor)
        cursor.execute(_STATES, (days[0], days[-1]))
        standings = cursor.fetchall()
    must_be("days_whose_figures_differ", len(differing), 0, days=dict(list(differing.items())[:10]))
    must_be("states", dict(Counter(state for _, state in standings)), {"final": len(days)})
    emit("statuses", dict(Counter(status for status, _ in standings)))
    calls = calls_that_differ(work)
    must_be("days_with_work", len(work), len(days))
    must_be("days_whose_calls_differ", len(calls), 0, days=dict(list(calls.items())[:10]))
    # The register is asked once; /stats counts this very question not yet.
    asked = sum(requests_served(url).values())
    must_be("requests_served", asked, sum(int(w["requests"]) for w in work.values()) + 1)
    must_be("requests_repeated", sum(int(w.get("retries", 0)) for w in work.values()), 0)
    must_be("exit_code", code, 0, not_done=outcome.get("not_done"), error=outcome.get("error"))
    # What a reader of the API gets, of days, months and farms.
    with served.serve(database_url) as server:
        for kind, differing_ones in served.wrong_figures(server, {day: expected_figures(day) for day in days}):
            must_be(f"served_{kind}_that_differ", len(differing_ones), 0, of=differing_ones[:10])
        must_be("served_totals_known_to_be_wrong", served.published_wrongly(server), [])
    emit("reingest_seconds", round(seconds, 1), days=len(days))
    if file is not None:
        began = time.monotonic()
        file.write_text(json.dumps(fingerprint.take(database_url), indent=1) + "\n", "utf-8")
        emit("fingerprint_seconds", round(time.monotonic() - began, 1), file=str(file))
    return int(bool(wrong))


def _differing(days: list[str], cursor: psycopg2.extensions.cursor) -> dict[str, list[dict[str, str]]]:
    found = {day: differences(expected_figures(day), stored_figures(cursor, day)) for day in days}
    return {day: wrong for day, wrong in found.items() if wrong}


def _minerecon(*arguments: str) -> tuple[int, str]:
    command = [str(Path(sys.executable).with_name("minerecon")), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 2:
        sys.exit(f"minerecon {' '.join(arguments)}: {done.stderr}")
    return done.returncode, done.stdout or done.stderr


if __name__ == "__main__":
    sys.exit(main())
