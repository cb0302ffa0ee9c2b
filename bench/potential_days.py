"""Notified potential (PN) and metered output (B1610) of ten days against the replay, and each of its faults.

    python -m bench.potential_days                 # ten days: of 46, 48 and 50 periods, windless, negative, the record
    python -m bench.potential_days --faults        # one day with each fault of the replay's options

Ingests with `minerecon reingest` into embedded services of its own, and compares each unit's period and day with what
the replay says must come out, to 1e-6 MWh. Prints one JSON object a line; exits with 1 on any difference, 2 where there
is no replay. The replay's sums are made from its own rows by another program: what agrees is the arithmetic, and not
the method.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2

from bench import bare_environ, end_in_order
from bench.replay import REPLAY, RETARGETS, TOLERANCE, requests_served, serve_replay
from minerecon_dagster.local.services import local_services

DAYS = (
    *("2024-11-04", "2025-01-17", "2025-02-11", "2025-02-23", "2025-03-28", "2025-03-29", "2025-03-30"),
    *("2025-07-10", "2025-10-26", "2025-12-19"),
)
FAULTY_DAY = "2025-03-28"
UNIT = "T_SGRWO-1"
FAULTS: tuple[tuple[str, ...], ...] = (
    ("--pn-missing", UNIT),
    ("--pn-gap", UNIT),
    ("--pn-negative", UNIT),
    ("--pn-duplicate", UNIT),
    ("--pn-collapse",),
    ("--metered-run", "R1"),
)
_RED = """
    SELECT check_family || '.' || check_name, severity, violation_count, actual FROM analytics.checks_now
    WHERE scope = 'day' AND settlement_date = %s AND NOT passed ORDER BY 1
"""


def emit(name: str, value: object, **more: object) -> None:
    print(json.dumps({"name": name, "value": value, **more}, default=str), flush=True)


def expected(kind: str, day: str, options: Sequence[str]) -> list[dict[str, str]]:
    """What ``elexon_replay.py --expect-KIND DAY`` prints."""
    command = [sys.executable, str(REPLAY), "--wind-output", "instructed", *options, f"--expect-{kind}", day]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return list(csv.DictReader(printed.splitlines()))


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def _differ(here: Any, there: Decimal | None) -> bool:
    return (here is None) != (there is None) or (here is not None and abs(here - there) > TOLERANCE)


def compare(cursor: Any, day: str, options: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """What was compared of a day, and the differences."""
    wrong: list[str] = []
    notified = expected("potential", day, options)
    said = {(int(r["settlement_period"]), r["bmu"]): r for r in notified}
    cursor.execute("SELECT settlement_period, bmu_id, potential_mwh, bids_mwh, so_bids_mwh, offers_mwh, instructed_mwh"
                   " FROM minerecon.unit_period_potential WHERE settlement_date = %s", (day,))  # fmt: skip
    pairs = {(row[0], row[1]): row[2:] for row in cursor.fetchall()}
    for pair, figures in pairs.items():
        there = said.get(pair)
        if there is None:
            if figures[0] is not None:
                wrong.append(f"{pair}: {figures[0]}, and the replay has no notification")
            continue
        names = ("potential_mwh", "bids_mwh", "so_bids_mwh", "offers_mwh")
        for name, here in zip(names, figures, strict=False):
            if _differ(here, _decimal(there[name])):
                wrong.append(f"{pair} {name}: {here}, and {there[name]}")
        if figures[0] is not None and figures[4] != figures[0] + figures[1] + figures[3]:
            wrong.append(f"{pair}: {figures[4]} is not the sum")
    cursor.execute("SELECT count(*) FROM minerecon.unit_daily_potential WHERE settlement_date = %s", (day,))
    is_used = cursor.fetchone()[0] > 0  # else none of it is, and nothing is known
    lacking = [pair for pair, r in said.items() if is_used and Decimal(r["bids_mwh"]) and pair not in pairs]
    wrong += [f"{pair}: has bids, and no row" for pair in lacking]
    cursor.execute("SELECT bmu_id, potential_mwh, known_mwh, periods_with_pn, periods"
                   " FROM minerecon.unit_daily_potential WHERE settlement_date = %s", (day,))  # fmt: skip
    units = {row[0]: row[1:] for row in cursor.fetchall()}
    by_unit: dict[str, list[Decimal | None]] = {}
    for (_, unit), r in said.items():
        by_unit.setdefault(unit, []).append(_decimal(r["potential_mwh"]))
    for unit, (potential, known, count, periods) in units.items():
        there_all = by_unit.get(unit, [])
        there_known = [mwh for mwh in there_all if mwh is not None]
        whole = sum(there_known, Decimal()) if len(there_known) == periods else None
        if _differ(known, sum(there_known, Decimal())) or count != len(there_known) or _differ(potential, whole):
            wrong.append(f"{unit}: {potential} of {known} in {count}, and {whole} in {len(there_known)}")
    cursor.execute("SELECT bmu_id, run_type, metered_mwh, periods, negative_periods FROM minerecon.unit_daily_metered"
                   " WHERE settlement_date = %s", (day,))  # fmt: skip
    metered = {(row[0], row[1]): row[2:] for row in cursor.fetchall()}
    of_meters = {(r["bmu"], r["settlement_run"]): r for r in expected("metered", day, options)}
    for key in metered.keys() ^ (of_meters.keys() & {(u, r) for u in units for _, r in of_meters} or metered.keys()):
        wrong.append(f"{key}: metered on one side only")
    for key, (mwh, periods, negative) in metered.items():
        r = of_meters[key]
        if _differ(mwh, Decimal(r["metered_mwh"])) or (periods, negative) != (
            int(r["periods"]),
            int(r["negative_periods"]),
        ):
            wrong.append(f"{key}: {mwh} in {periods}, {negative} below 0, and {r}")
    cursor.execute("SELECT sum(potential_mwh), max(units_asked), sum(units_present) FROM minerecon.period_potential"
                   " WHERE settlement_date = %s", (day,))  # fmt: skip
    over_zones = cursor.fetchone()
    over_units = sum((row[1] for row in units.values()), Decimal())
    if units and over_zones[0] != over_units:
        wrong.append(f"zones have {over_zones[0]} MWh, units {over_units}")
    return {
        "pairs_with_bids": len(pairs),
        "pairs_unknown": sum(row[0] is None for row in pairs.values()),
        "units": len(units),
        "units_without_pn": sum(row[2] == 0 for row in units.values()),
        "potential_mwh": over_units,
        "metered": len(metered),
        "runs": sorted({run for _, run in metered}),
        "negative_periods": sum(row[2] for row in metered.values()),
    }, wrong


def minerecon(*words: str) -> int:
    """The exit code of a command of the project."""
    command = [str(Path(sys.executable).with_name("minerecon")), *words]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode


@contextmanager
def stack(options: Sequence[str], first_day: dt.date | str = DAYS[0]) -> Iterator[tuple[str, Any]]:
    """A stack of its own over the replay, whose warehouse begins on ``first_day``: the replay's URL and a cursor."""
    around = bare_environ()
    with tempfile.TemporaryDirectory(prefix="minerecon-potential-") as name:
        home = Path(name) / "home"
        os.environ.clear()
        os.environ.update(around)
        os.environ |= {"MINERECON_HOME": str(home), "MINERECON_START_DATE": str(first_day)}
        os.environ |= {"ELEXON_MAX_REQUESTS_PER_MINUTE": "0"}
        with serve_replay("--wind-output", "instructed", *options) as url, local_services(home, {}) as services:
            os.environ |= services | {"ELEXON_BASE_URL": url}
            minerecon("db", "upgrade")
            minerecon("difficulty", "load", str(RETARGETS))
            database = services["DATABASE_URL"].replace("postgresql+psycopg2", "postgresql")
            connection = psycopg2.connect(database)
            connection.autocommit = True
            try:
                yield url, connection.cursor()
            finally:
                connection.close()


def _ingested(days: Sequence[str], options: Sequence[str], name: str) -> bool:
    good = True
    with stack(options) as (url, cursor):
        for day in days:
            before = sum(requests_served(url).values())
            code = minerecon("reingest", day)
            made = sum(requests_served(url).values()) - before
            figures, wrong = compare(cursor, day, options)
            cursor.execute("SELECT status FROM analytics.reconciliation_status WHERE settlement_date = %s", (day,))
            status = cursor.fetchone()
            cursor.execute(_RED, (day,))
            red = [f"{row[0]} {row[1]} {row[2]}: {row[3]}" for row in cursor.fetchall()]
            cursor.execute("SELECT curtailed_mwh FROM minerecon.daily_summaries WHERE summary_date = %s", (day,))
            stored = cursor.fetchone()
            good &= not wrong
            emit(name, "equal" if not wrong else "different", day=day, code=code, requests=made, status=status,
                 curtailed_mwh=stored and stored[0], red=red, differences=wrong[:10], **figures)  # fmt: skip
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", action="store_true", help="each fault of the replay, on one day")
    parser.add_argument("--days", nargs="*", default=list(DAYS), help="other days")
    given = parser.parse_args()
    if not REPLAY.exists():
        print("potential_days: skipped: needs the replay of published days, ../shared/replay", file=sys.stderr)
        return 2
    end_in_order()
    if not given.faults:
        return 0 if _ingested(given.days, (), "potential_day") else 1
    good = [_ingested([FAULTY_DAY], options, f"potential_fault {' '.join(options)}") for options in FAULTS]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
