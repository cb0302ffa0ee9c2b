"""A day of published figures per unit: 17 January 2025, from the replay beside the project."""

from __future__ import annotations

import csv
import datetime as dt
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from bench.replay import expected_figures
from bench.served import KNOWN_WRONG, Server, published_wrongly, wrong_figures
from minerecon_dagster.difficulty.source import DifficultyTable
from minerecon_dagster_tests.project import Project
from minerecon_dagster_tests.web.conftest import served

DAY = dt.date(2025, 1, 17)
KNOWN_WRONG_DAY = dt.date.fromisoformat(next(of for of in KNOWN_WRONG if len(of) == len("2025-03-06")))
DIFFICULTY = Decimal("110451907374649.52")
REPLAY = Path(__file__).resolve().parents[3] / "shared" / "replay" / "elexon_replay.py"
needs_replay = pytest.mark.skipif(not REPLAY.exists(), reason="needs the replay of published days, ../shared/replay")
MINED = "SELECT minerecon.mined_btc(:mwh, hashrate_ths, power_w, :difficulty, 3.125) FROM minerecon.miner_models"


@pytest.fixture
def replay() -> Iterator[str]:
    """The base URL of the replay, once it listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, str(REPLAY), "--port", str(port)], stdout=subprocess.PIPE)
    assert server.stdout is not None
    server.stdout.readline()
    yield f"http://127.0.0.1:{port}/bmrs/api/v1"
    server.kill()  # a child of a process that ignores SIGTERM ignores it too
    server.wait()
    server.stdout.close()


@pytest.mark.parametrize(
    ("mwh", "digits", "btc"), [("3200.20", 5, "2.48827"), ("46344.51", 3, "36.034")], ids=["T_SGRWO-1", "the day"]
)
def test_the_formula_gives_the_bitcoin_of_the_days_energy(warehouse: Engine, mwh: str, digits: int, btc: str) -> None:
    with warehouse.connect() as connection:
        made = connection.execute(
            text(f"{MINED} WHERE miner_model = 'S19J_PRO'"), {"mwh": Decimal(mwh), "difficulty": DIFFICULTY}
        ).scalar_one()
    assert round(made, digits) == Decimal(btc)


@pytest.mark.slow
@needs_replay
def test_energy_and_money_per_unit_are_the_published_ones(
    project: Project, replay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELEXON_BASE_URL", replay)
    table = DifficultyTable(os.environ["DYNAMODB_DIFFICULTY_TABLE"], region=os.environ["AWS_REGION"])
    table.load({DAY - dt.timedelta(days=n): DIFFICULTY for n in (0, 1)})
    project.ingest(DAY)
    asked = subprocess.run(
        [sys.executable, str(REPLAY), "--expect", str(DAY)], capture_output=True, text=True, check=True
    )
    expected = {row["bmu"]: row for row in csv.DictReader(asked.stdout.splitlines())}
    found = {
        row[0]: row[1:]
        for row in project.sql(
            "SELECT bmu_id, all_bids_mwh, all_bids_payment_gbp, record_count, curtailed_mwh, payment_gbp,"
            " so_record_count FROM analytics.curtailment_by_unit_day WHERE settlement_date = :d",
            d=DAY,
        )
    }
    assert found.keys() == expected.keys()
    for bmu_id, row in expected.items():
        mwh, gbp, bids, so_mwh, so_gbp, so_bids = found[bmu_id]
        assert (bids, so_bids) == (int(row["bids"]), int(row["so_bids"])), bmu_id
        # The replay adds up in floating point.
        for here, there in (
            (mwh, -Decimal(row["volume_mwh"])),
            (gbp, Decimal(row["cost_gbp"])),
            (so_mwh, -Decimal(row["so_volume_mwh"])),
            (so_gbp, Decimal(row["so_cost_gbp"])),
        ):
            assert abs(here - there) < Decimal("1e-6"), bmu_id
    assert round(found["T_SGRWO-1"][0], 2) == Decimal("3200.20")
    ((mwh, btc, farm_mwh),) = project.sql(
        "SELECT all_bids_mwh, all_bids_mined_btc,"
        " (SELECT all_bids_mwh FROM analytics.curtailment_by_farm_day"
        " WHERE farm_name = 'Seagreen' AND settlement_date = :d)"
        " FROM analytics.mining_potential_by_day WHERE settlement_date = :d AND miner_model = 'S19J_PRO'",
        d=DAY,
    )
    assert (round(mwh, 2), round(btc, 3)) == (Decimal("46344.51"), Decimal("36.034"))
    assert farm_mwh == sum(f[0] for unit, f in found.items() if unit.startswith("T_SGRWO-"))


@pytest.mark.slow
@needs_replay
def test_the_read_api_answers_with_the_published_days_months_and_farms(
    project: Project, replay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two days, and the earlier paths do not give the totals that are known to be wrong; `make year-2025` has all."""
    monkeypatch.setenv("ELEXON_BASE_URL", replay)
    days = [KNOWN_WRONG_DAY, DAY]
    table = DifficultyTable(os.environ["DYNAMODB_DIFFICULTY_TABLE"], region=os.environ["AWS_REGION"])
    table.load({day - dt.timedelta(days=n): DIFFICULTY for day in days for n in (0, 1)})
    for day in days:
        project.ingest(day)
    with served(project.engine.url.render_as_string(hide_password=False)) as api:
        server = Server("127.0.0.1", api.port, 0, 0.0)
        for day in map(str, days):
            expected = expected_figures(day)
            assert len(expected) > 1
            assert dict(wrong_figures(server, {day: expected})) == {"days": [], "months": [], "farms": []}
        assert server.rows(f"days?from={DAY}&to={DAY}")[0]["curtailed_mwh"] is not None
        assert published_wrongly(server) == []
