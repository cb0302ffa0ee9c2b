"""The totals of a zone are those of its units, each once and on the days of the range alone."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest

from bench import published_shares


def write(folder: Path, bids: list[str]) -> Path:
    def unit(name: str, group: str | None, factor: str) -> dict[str, str | None]:
        return {"elexonBmUnit": name, "gspGroupId": group, "transmissionLossFactor": factor}

    units = [unit("E_NORTH-1", "_P", "0.01"), unit("T_NORTH-2", None, "0.0100"), unit("E_SOUTH-1", "_A", "0.02")]
    units.append({"elexonBmUnit": "", "gspGroupId": "_P", "transmissionLossFactor": "0.02"})
    with gzip.open(folder / "bm_units.json.gz", "wt", encoding="utf-8") as file:
        json.dump(units, file)
    with gzip.open(folder / "wind_bids_daily_by_bmu.csv.gz", "wt", encoding="utf-8") as file:
        file.write("date,bmu,lead_party,volume_mwh,cost_gbp\n" + "\n".join(bids) + "\n")
    return folder


def test_a_unit_without_a_group_counts_where_its_loss_factor_is_and_an_unknown_one_nowhere(tmp_path: Path) -> None:
    bids = [
        "2024-12-31,E_NORTH-1,A,-1000,1000",
        "2025-01-01,E_NORTH-1,A,-10.5,100",
        "2025-06-30,T_NORTH-2,A,-4.25,-30",
        "2025-03-01,E_SOUTH-1,B,-3,20",
        "2025-03-01,T_GONE-1,C,-2,10",
        "2025-07-01,T_NORTH-2,A,-1000,1000",
    ]
    of_zone = published_shares.totals_by_zone(write(tmp_path, bids), *published_shares.HALF_YEAR)
    assert of_zone == {
        "_P": (Decimal("14.75"), Decimal("70")),
        "_A": (Decimal("3"), Decimal("20")),
        None: (Decimal("2"), Decimal("10")),
    }
    assert not published_shares.north_scotland(tmp_path), "these are not the real totals"


def test_north_scotlands_half_year_is_what_was_published(capsys: pytest.CaptureFixture[str]) -> None:
    if not (published_shares.DATA / "wind_bids_daily_by_bmu.csv.gz").exists():
        pytest.skip("needs the real daily totals beside the project")
    assert published_shares.north_scotland(published_shares.DATA)
    said = json.loads(capsys.readouterr().out)
    assert (said["value"], said["gbp_million"], said["without_a_zone_mwh"]) == ("4.0241", "116.853", "0.000")
