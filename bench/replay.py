"""The replay of published days beside the project (``../shared/replay``): its server, and what must come out of it."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import psycopg2.extensions

REPLAY = Path(__file__).resolve().parents[2] / "shared" / "replay" / "elexon_replay.py"
RETARGETS = REPLAY.parents[1] / "data" / "difficulty_retargets.csv"
TOLERANCE = Decimal("1e-6")
"""In MWh and GBP: the replay adds up in floating point, the warehouse exactly."""

_STORED = """
    SELECT bmu_id, record_count, all_bids_mwh, all_bids_payment_gbp, so_record_count, curtailed_mwh, payment_gbp
    FROM analytics.curtailment_by_unit_day WHERE settlement_date = %s AND record_count IS NOT NULL
"""
_STORED_DAY = """
    SELECT record_count, all_bids_mwh, all_bids_payment_gbp, so_record_count, curtailed_mwh, payment_gbp
    FROM minerecon.daily_summaries WHERE summary_date = %s
"""
Figures = Mapping[str, Sequence[Decimal | None]]
"""By wind unit, in the order of `FIGURES`."""
FIGURES = ("rows", "mwh", "gbp", "so_rows", "so_mwh", "so_gbp")
"""Of a unit or a day: all accepted wind bids, and the SO-flagged ones. Energy is positive."""


@contextlib.contextmanager
def serve_replay(*options: str) -> Iterator[str]:
    """Run the replay inside the ``with`` block; yields its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, str(REPLAY), "--port", str(port), *options], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        if not server.stdout.readline():
            sys.exit(f"the replay did not start: {REPLAY} exited with {server.wait()}")
        yield f"http://127.0.0.1:{port}/bmrs/api/v1"
    finally:
        server.kill()  # a child of a process that ignores SIGTERM ignores it too
        server.wait()


def requests_served(base_url: str) -> dict[str, int]:
    """How many requests the replay has answered, by status."""
    import json

    with urllib.request.urlopen(base_url.removesuffix("/bmrs/api/v1") + "/stats") as answer:
        found: dict[str, int] = json.load(answer)
        return found


@cache
def _world() -> Any:
    spec = importlib.util.spec_from_file_location("elexon_replay", REPLAY)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.World(str(REPLAY.parent))


def expected_figures(day: str) -> Figures:
    """What ``elexon_replay.py --expect DAY`` prints, by unit, in the order and with the signs of `FIGURES`."""
    return {
        row["bmu"]: tuple(
            Decimal(str(value))
            for value in (
                *(row["bids"], -row["volume_mwh"], row["cost_gbp"]),
                *(row["so_bids"], -row["so_volume_mwh"], row["so_cost_gbp"]),
            )
        )
        for row in _world().expect(day)
    }


def stored_figures(cursor: psycopg2.extensions.cursor, day: str) -> Figures:
    """The same of what the warehouse holds; with the whole day under ``""``, if it is stored."""
    cursor.execute(_STORED, (day,))
    found: dict[str, Sequence[Decimal | None]] = {unit: _decimals(values) for unit, *values in cursor.fetchall()}
    cursor.execute(_STORED_DAY, (day,))
    if whole := cursor.fetchone():
        found[""] = _decimals(whole)
    return found


def _decimals(values: Sequence[Any]) -> list[Decimal | None]:
    return [None if value is None else Decimal(value) for value in values]


def differences(expected: Figures, stored: Figures) -> list[dict[str, str]]:
    """Each figure that is not what it should be: of which unit (or ``day``), its name, what was expected and found."""
    whole = [sum((v or Decimal(0) for v in values), Decimal(0)) for values in zip(*expected.values(), strict=True)]
    wanted: dict[str, Sequence[Decimal | None]] = {**expected, "": whole or [Decimal(0)] * len(FIGURES)}
    wrong = []
    for unit in sorted(wanted.keys() | stored.keys()):
        for name, want, found in zip(
            FIGURES, wanted.get(unit, (None,) * 6), stored.get(unit, (None,) * 6), strict=True
        ):
            tolerance = Decimal(0) if name.endswith("rows") else TOLERANCE
            if want is None or found is None or abs(want - found) > tolerance:
                wrong.append({"of": unit or "day", "figure": name, "expected": str(want), "found": str(found)})
    return wrong
