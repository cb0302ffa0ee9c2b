"""The BM units of the sample: made up, and named so that nobody takes them for real ones.

The oddities of Elexon's register are all here: units without an Elexon id, a unit that stands
twice, capacities as strings, and units that look like wind farms and have no fuel type.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

WindTechnology = Literal["onshore", "offshore"]

GSP_GROUPS = {"_A": "Eastern", "_N": "South Scotland", "_P": "North Scotland"}
LOSS_FACTORS = {"_A": "0.0056789", "_N": "-0.0123456", "_P": "-0.0345678"}
"""A unit that is not embedded is where the embedded units with its loss factor are."""


@dataclass(frozen=True, slots=True)
class SampleUnit:
    """A made-up BM unit; capacity in MW.

    ``wind`` is what the unit is, ``fuel_type`` what the register says that it is.
    """

    bmu_id: str
    name: str
    lead_party_name: str
    fuel_type: str | None
    capacity_mw: float
    wind: WindTechnology | None = None
    eic: str | None = None
    interconnector_id: str | None = None
    gsp_group_id: str = "_P"

    @property
    def bmu_type(self) -> str:
        """``T`` transmission, ``E`` embedded, ``S`` supplier (the ids beginning with ``2``), ``I`` interconnector."""
        return "S" if self.bmu_id.startswith("2") else self.bmu_id[0]

    @property
    def national_grid_bmu_id(self) -> str:
        """The id by which the system operator knows the unit: without the prefix."""
        return self.bmu_id.split("_", 1)[1].lstrip("_")

    def register_row(self) -> dict[str, Any]:
        """The unit as a row of ``/reference/bmunits/all``."""
        export_mw = f"{self.capacity_mw * 0.4:.3f}"
        embedded = self.bmu_type in ("E", "S")
        return {
            "nationalGridBmUnit": self.national_grid_bmu_id,
            "elexonBmUnit": self.bmu_id,
            "eic": self.eic,
            "fuelType": self.fuel_type,
            "leadPartyName": self.lead_party_name,
            "bmUnitType": self.bmu_type,
            "fpnFlag": True,
            "bmUnitName": self.name,
            "leadPartyId": "SYNTHETI",
            "demandCapacity": "-2.000",
            "generationCapacity": f"{self.capacity_mw:.3f}",
            "productionOrConsumptionFlag": "C" if self.bmu_type == "S" else "P",
            "transmissionLossFactor": LOSS_FACTORS[self.gsp_group_id],
            "workingDayCreditAssessmentImportCapability": "-0.800",
            "nonWorkingDayCreditAssessmentImportCapability": "-0.800",
            "workingDayCreditAssessmentExportCapability": export_mw,
            "nonWorkingDayCreditAssessmentExportCapability": export_mw,
            "creditQualifyingStatus": self.fuel_type is not None,
            "demandInProductionFlag": False,
            "gspGroupId": self.gsp_group_id if embedded else None,
            "gspGroupName": GSP_GROUPS[self.gsp_group_id] if embedded else None,
            "interconnectorId": self.interconnector_id,
        }


def _farm(
    bmu_id: str, name: str, owner: str, capacity_mw: float, wind: WindTechnology, gsp_group_id: str = "_P"
) -> SampleUnit:
    return SampleUnit(
        bmu_id, f"SYNTHETIC {name}", f"Synthetic Wind {owner} Ltd (sample)", "WIND", capacity_mw, wind, f"SYN-{bmu_id}",
        gsp_group_id=gsp_group_id,
    )  # fmt: skip


def _plant(bmu_id: str, name: str, fuel_type: str | None, capacity_mw: float, gsp_group_id: str = "_A") -> SampleUnit:
    return SampleUnit(
        bmu_id, f"SYNTHETIC {name}", "Synthetic Power Ltd (sample)", fuel_type, capacity_mw, gsp_group_id=gsp_group_id
    )


_TWICE = _farm("T_SYNTW-4", "Loch Wind Farm 4", "Two", 155.5, "onshore")

MAPPED_WIND = (
    _farm("T_SYNTW-1", "Moor Wind Farm 1", "One", 322, "onshore"),
    _farm("T_SYNTW-2", "Moor Wind Farm 2", "One", 217.8, "onshore"),
    _farm("T_SYNTW-3", "Glen Wind Farm", "Two", 96.6, "onshore"),
    _TWICE,
    _farm("T_SYNTW-5", "Ridge Wind Farm", "Three", 69, "onshore", "_N"),
    _farm("T_SYNTW-6", "Forest Wind Farm", "Three", 539, "onshore", "_N"),
    _farm("E_SYNTW-7", "Hill Wind Farm", "Four", 43.2, "onshore", "_N"),
    _farm("2__SYNTH008", "Aggregated Wind", "Four", 25.3, "onshore"),
    _farm("T_SYNTO-1", "Firth Offshore Wind Farm 1", "Five", 588, "offshore"),
    _farm("T_SYNTO-2", "Firth Offshore Wind Farm 2", "Five", 487.2, "offshore"),
    _farm("T_SYNTO-3", "Sands Offshore Wind Farm", "Six", 330, "offshore", "_N"),
    _farm("T_SYNTO-4", "Banks Offshore Wind Farm", "Six", 1075, "offshore", "_A"),
)
"""The wind farms that the register maps as ``WIND``: the ones whose bids are curtailment."""

UNMAPPED_WIND = (
    replace(_farm("T_SYNUW-1", "Unmapped Wind Farm 1", "Seven", 50, "onshore"), fuel_type=None),
    replace(_farm("E_SYNUW-2", "Unmapped Wind Farm 2", "Seven", 12, "onshore"), fuel_type=None),
)
"""Wind farms to which the register gives no fuel type. The first has accepted bids, the second has none."""

OTHER_FUELS = (
    _plant("T_SYNGT-1", "Gas Station 1", "CCGT", 840),
    _plant("T_SYNGT-2", "Gas Station 2", "CCGT", 905),
    _plant("T_SYNGT-3", "Gas Station 3", "CCGT", 420),
    _plant("T_SYNPS-1", "Pumped Storage 1", "PS", 300),
    _plant("T_SYNPS-2", "Pumped Storage 2", "PS", 300),
    _plant("T_SYNBM-1", "Biomass Unit", "BIOMASS", 645),
    _plant("E_SYNBA-1", "Battery 1", None, 49.9),
    _plant("V__SYNBA002", "Battery 2", None, 34),
    _plant("2__SYNSU001", "Supplier", None, 0),
    replace(_plant("I_SYN-LAND1", "Interconnector", None, 1000), interconnector_id="SYNLAND"),
)
"""Units whose bids and offers are no curtailment of wind."""


def _row_without_elexon_id(national_grid_bmu_id: str) -> dict[str, Any]:
    """A unit that the system operator knows and Elexon does not: nearly all of its fields are null."""
    known = {"nationalGridBmUnit": national_grid_bmu_id, "fuelType": "WIND"}
    flags = {"creditQualifyingStatus": False, "demandInProductionFlag": False}
    return {**dict.fromkeys(_TWICE.register_row()), **known, **flags}


UNITS = {unit.bmu_id: unit for unit in (*MAPPED_WIND, *UNMAPPED_WIND, *OTHER_FUELS)}


def register_rows() -> list[dict[str, Any]]:
    """The answer of ``/reference/bmunits/all``: one unit stands twice, and two have no Elexon id."""
    rows = [unit.register_row() for unit in UNITS.values()]
    without_elexon_id = [_row_without_elexon_id(each) for each in ("SYNXW-1", "SYNXW-2")]
    return [*rows, replace(_TWICE, eic="SYN-T_SYNTW-4-AGAIN").register_row(), *without_elexon_id]
