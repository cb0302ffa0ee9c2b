"""What an answer of the register says, unit by unit, and the row of ``bm_units`` that a version of one is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from minerecon_dagster.core.answers import Answer
from minerecon_dagster.core.register import BmUnit, UnitVersion, one_of_each
from minerecon_dagster.core.schema import parse_register
from minerecon_dagster.core.zones import Place, zones


def units_of(answer: Answer) -> dict[str, BmUnit]:
    """The units of an answer of the register, by unit id.

    Raises:
        SchemaDriftError: it is not what Elexon's description says.
    """
    return one_of_each(rows_of(answer))


def rows_of(answer: Answer) -> list[BmUnit]:
    """The units of an answer as they stand there, one that is repeated too; without those that have no id of Elexon's.

    Raises:
        SchemaDriftError: it is not what Elexon's description says.
    """
    units = parse_register(answer.body)
    places = zones([Place(unit.gsp_group_id, unit.transmission_loss_factor) for unit in units])
    return [
        BmUnit(
            bmu_id=unit.elexon_bm_unit,
            national_grid_bmu_id=unit.national_grid_bm_unit,
            name=unit.bm_unit_name,
            lead_party_name=unit.lead_party_name,
            fuel_type=unit.fuel_type,
            bmu_type=unit.bm_unit_type,
            generation_capacity_mw=unit.generation_capacity_mw,
            gsp_group_id=zone.gsp_group_id,
            zone_basis=zone.basis,
        )
        for unit, zone in zip(units, places, strict=True)
        if unit.elexon_bm_unit is not None
    ]


def row_of(version: UnitVersion, *, synthetic: bool) -> dict[str, Any]:
    """The row of ``bm_units`` of a version."""
    return {
        **asdict(version.unit),
        "valid_from": version.valid_from,
        "valid_to": version.valid_to,
        "looks_like_wind": version.unit.looks_like_wind,
        "is_synthetic": synthetic,
    }
