"""Where wind farms are: one entry for each unit, with its source, and none that contradicts itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.decisions.wind_sites import wind_sites

ENTRY = '[[site]]\nbmu_id = "T_TESTW-1"\ntechnology = "onshore"\nsource = "a test"\nlicence = "MIT"\n'


def test_each_unit_stands_once_with_its_source_and_its_licence() -> None:
    sites = wind_sites()
    assert len({site.bmu_id for site in sites}) == len(sites) > 200
    assert all(site.source and "MIT" in site.licence for site in sites)
    wrong_in_the_source = {"T_KEAD-1", "T_KEAD-2", "T_CDCL-1", "E_CLAC-1"}
    assert not wrong_in_the_source & {site.bmu_id for site in sites}, "gas and hydro"


def test_only_offshore_farms_have_a_place_where_they_come_to_land() -> None:
    assert {s.technology for s in wind_sites() if s.connection_latitude is not None} == {"offshore"}


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('latitude = "57"', "latitude and longitude go together"),
        ('latitude = "-3"\nlongitude = "57"', "is not in Great Britain"),
        (ENTRY, "has two entries"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, more: str, problem: str) -> None:
    file = tmp_path / "wind_sites.toml"
    file.write_text(f"{ENTRY}{more}\n", "utf-8")
    with pytest.raises(ConfigurationError, match=problem):
        wind_sites(file)
