"""The wind farm of a unit: from the register's name, or a reviewed exception."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.decisions.wind_farms import FarmException, farm_exceptions
from minerecon_dagster.warehouse import migrate

FARMS = {
    "Beatrice": {"T_BEATO-1": "Beatrice Offshore WF 1", "T_BEATO-4": "Beatrice Offshore WF 4"},
    "Black Law": {"T_BLLA-1": "T_BLLA-1"},
    "Black Law Extension": {"T_BLLA-2": "Black Law Windfarm Extension"},
    "Clyde": {"T_CLDCW-1": "Clyde Central", "T_CLDNW-1": "Clyde North", "T_CLDSW-1": "Clyde South"},
    "Craig 2": {"E_CRGTW-1": "Craig 2 Wind Farm"},
    "Crossdykes": {"T_CRDEW-1": "Crossdykes WF-1", "T_CRDEW-2": "Crossdykes WF-2"},
    "Crystal Rig II": {"T_CRYRW-2": "Crystal Rig II Windfarm"},
    "Crystal Rig III": {"T_CRYRW-3": "Crystal Rig III"},
    "Dalquhandy": {"T_DALQW-1": "Dalquhandy  Wind Farm"},
    "Dogger Bank A": {"T_DBAWO-1": "Dogger Bank A Offshore WF 1", "T_DBAWO-5": "Dogger Bank A Offshore WF 5"},
    "Dorenell": {"T_DOREW-1": "Dorenell Wind Farm One", "T_DOREW-2": "Dorenell Wind Farm Two"},
    "Dudgeon": {"T_DDGNO-1": "Dudgeon Generator BMU 1", "T_DDGNO-2": "Dudgeon Generator BMU 2"},
    "East Anglia One": {"T_EAAO-1": "East Anglia One Offshore 1", "T_EAAO-2": "East Anglia One Offshore 2"},
    "Farr": {"T_FARR-1": "Farr Unit 1", "T_FARR-2": "Farr Unit 2"},
    "Galloper": {"T_GANW-11": "Galloper OSP 11", "T_GANW-24": "Galloper OSP 24"},
    "Greater Gabbard": {"T_GRGBW-1": "Greater Gabbard Module 1", "T_GRGBW-3": "Greater Gabbard Module 3"},
    "Gwynt y Mor": {"T_GYMR-15": "GyM OSPE 15", "T_GYMR-28": "GyM OSPW 28", "T_GYMR-99": "GyM OSPW 99"},
    "Hornsea 1": {"T_HOWAO-1": "HORNSEA_1A", "T_HOWAO-2": "HORNSEA_1B"},
    "Hornsea 2": {"T_HOWBO-1": "HORNSEA_WF_2A", "T_HOWBO-3": "HORNSEA_WF_2C"},
    "Kype Muir": {"T_KPMRW-1": "KYPE MUIR WIND FARM"},
    "Kype Muir Extension": {"T_KYPEW-1": "KYPE MUIR EXT WIND FARM"},
    "London Array": {"T_LARYW-1": "London Array BMU1", "T_LARYW-4": "London Array BMU4"},
    "Moray East": {"T_MOWEO-1": "Moray East OWF1", "T_MOWEO-2": "Moray East OWF2"},
    "North Kyle": {"T_NOKYW-1": "North Kyle Wind Farm-1", "T_NOKYW-2": "North Kyle Wind Farm-2"},
    "Ormonde": {"T_OMNDW-1": "Ormonde Energy Limited 1"},
    "Race Bank": {"T_RCBKO-1": "RACE_BANK_Z01", "T_RCBKO-2": "RACE_BANK_Z02"},
    "Robin Rigg": {"T_RREW-1": "T_RREW-1", "T_RRWW-1": "T_RRWW-1"},
    "Seagreen": {"T_SGRWO-1": "Seagreen1 Offshore WF 1", "T_SGRWO-6": "Seagreen1 Offshore WF 6"},
    "Triton Knoll": {"T_TKNEW-1": "Triton Knoll OSP East 1", "T_TKNWW-1": "Triton Knoll OSP west 1"},
    "Viking": {"T_VKNGW-1": "Viking Energy Windfarm BMU-1", "T_VKNGW-2": "Viking Energy Windfarm BMU-2"},
    "Walney": {"T_WLNYW-1": "WALNEY_1", "T_WLNYO-2": "WALNEY_2"},
    "Walney Extension": {"T_WLNYO-3": "WALNEY_3", "T_WLNYO-4": "WALNEY_4"},
    "West of Duddon Sands": {
        "T_WDNSO-1": "West of Duddon Sands Offshore1",
        "T_WDNSO-2": "West of Duddon Sands Offshore2",
    },
    "Westermost Rough": {"T_WTMSO-1": "WESTERMOST_ROUGH"},
    "Windy Rig": {"T_WDRGW-1": "Windy Rig Wind Farm"},
    # Units that nobody has looked at yet: an id gives the farm too, and a name that is nothing else stays.
    "NEWFW": {"T_NEWFW-1": None, "T_NEWFW-2": "T_NEWFW-2", "T_NEWFW-3": "NEWFW-3"},
    "2__PNEWF001": {"2__PNEWF001": "2__PNEWF001"},
    "Wind Farm 1": {"T_NAMEW-1": "Wind Farm 1"},
    "SYNTHETIC Firth": {"T_SYNTO-1": "SYNTHETIC Firth Offshore Wind Farm 1"},
}
"""Names as registers write them, each kind of them, by the farm that they are of."""


def store_units(engine: Engine, units: dict[str, str | None], **changed: object) -> None:
    with engine.begin() as connection:
        for bmu_id, name in units.items():
            row = {"id": bmu_id, "name": name, "day": dt.date(2025, 1, 1), "fuel": "WIND", "to": None} | changed
            connection.execute(
                text(
                    "INSERT INTO minerecon.bm_units (bmu_id, valid_from, valid_to, name, fuel_type, looks_like_wind,"
                    " is_synthetic) VALUES (:id, :day, :to, :name, :fuel, true, false)"
                ),
                row,
            )


def farms(engine: Engine) -> dict[str, set[str]]:
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT farm_name, array_agg(bmu_id) FROM analytics.wind_farms GROUP BY farm_name")
        )
        return {farm: set(units) for farm, units in found}


def test_units_of_one_farm_are_together_and_those_of_two_are_not(warehouse: Engine) -> None:
    for units in FARMS.values():
        store_units(warehouse, units)
    assert farms(warehouse) == {farm: set(units) for farm, units in FARMS.items()}


def test_a_unit_keeps_its_farm_when_its_name_changes_or_it_is_wind_no_more(warehouse: Engine) -> None:
    later = dt.date(2025, 6, 1)
    store_units(warehouse, {"T_AAAAW-1": "T_AAAAW-1", "T_BBBBW-1": "Loch Wind Farm 1"}, to=later)
    store_units(warehouse, {"T_AAAAW-1": "Glen Wind Farm 1"}, day=later)
    store_units(warehouse, {"T_BBBBW-1": "Loch Wind Farm 1"}, day=later, fuel=None)
    store_units(warehouse, {"T_CCCCW-1": "Never Wind Farm"}, fuel="CCGT")
    assert farms(warehouse) == {"Glen": {"T_AAAAW-1"}, "Loch": {"T_BBBBW-1"}}


def test_every_exception_has_an_effect_and_says_why(warehouse: Engine) -> None:
    with warehouse.connect() as connection:
        for e in farm_exceptions():
            if e.matches == "bmu_id":
                made = connection.execute(text("SELECT minerecon.wind_farm_stem(:k, NULL)"), {"k": e.key}).scalar_one()
            else:
                made = e.key
            assert made != e.farm_name, e
        stored = connection.execute(text("SELECT matches, key, farm_name, reason FROM minerecon.wind_farm_exceptions"))
        assert {FarmException(*row) for row in stored} == set(farm_exceptions())


def test_an_exception_that_is_no_longer_listed_goes_with_the_next_upgrade(warehouse: Engine) -> None:
    with warehouse.begin() as connection:
        connection.execute(text("SET LOCAL ROLE NONE"))
        connection.execute(
            text("INSERT INTO minerecon.wind_farm_exceptions VALUES ('stem', 'Old', 'Older', 'by hand')"),
        )
        connection.execute(text("UPDATE minerecon.wind_farm_exceptions SET farm_name = 'x' WHERE key = 'GyM'"))
    migrate.upgrade(warehouse)
    with warehouse.connect() as connection:
        found = connection.execute(
            text("SELECT key, farm_name FROM minerecon.wind_farm_exceptions WHERE key IN ('Old', 'GyM')")
        )
        assert [tuple(row) for row in found] == [("GyM", "Gwynt y Mor")]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[[unit]", "cannot be read: "),
        ('[[farm]]\nx = "y"', r"farm is not known here: every entry is a table \[\[unit\]\] or \[\[stem\]\]"),
        ('[[unit]]\nbmu_id = "T_A-1"\nfarm_name = "A"', "unit 1: Object missing required field `reason`"),
        ('[[stem]]\nstem = "A"\nfarm_name = " "\nreason = "r"', r"stem 1 \(A\): farm_name must be a text of one line"),
        ('[[stem]]\nstem = "A"\nfarm_name = "B"\nreason = "r"\n' * 2, r"stem \(A\) has two entries"),
    ],
)
def test_a_faulty_file_is_one_clear_line(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "wind_farms.toml"
    file.write_text(content, "utf-8")
    with pytest.raises(ConfigurationError, match=problem) as caught:
        farm_exceptions(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)
