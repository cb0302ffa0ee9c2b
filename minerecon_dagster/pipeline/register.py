"""Keep the register of BM units: fetch it, archive it, and store what changed as dated versions."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, Exists, delete, exists, select, text, update

from minerecon_dagster.core.answers import Answer, is_synthetic
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.core.errors import RegisterError
from minerecon_dagster.core.register import BmUnit, Register, UnitVersion, changes, one_of_each
from minerecon_dagster.core.schema import parse_register
from minerecon_dagster.warehouse.sample import refuse_to_mix
from minerecon_dagster.warehouse.tables import bm_units

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.resources.archive import Archive

MOST_WIND_UNITS_LOST = 0.1
"""An answer without more than a tenth of the wind farms in force is a broken answer, not a new register."""

_REGISTER_LOCK = 0x7265676973746572
_NOBODY = BmUnit("", None, None, None, None, None, None)


@dataclass(frozen=True)
class RegisterReport:
    """What a look at the register brought."""

    unit_count: int
    wind_unit_count: int
    begun_count: int
    ended_count: int
    archive_uri: str


def load_register(connection: Connection) -> Register:
    """All versions of all units in the warehouse; empty where it was never fetched."""
    return Register(
        UnitVersion(
            BmUnit(
                bmu_id=row.bmu_id,
                national_grid_bmu_id=row.national_grid_bmu_id,
                name=row.name,
                lead_party_name=row.lead_party_name,
                fuel_type=row.fuel_type,
                bmu_type=row.bmu_type,
                generation_capacity_mw=row.generation_capacity_mw,
            ),
            row.valid_from,
            row.valid_to,
        )
        for row in connection.execute(select(bm_units))
    )


def record_register(engine: Engine, archive: Archive, answer: Answer, *, now: dt.datetime) -> RegisterReport:
    """Archive an answer of the register and store what it changes.

    Raises:
        SchemaDriftError: it is not what Elexon's description says.
        RegisterError: it is not believable; nothing was changed.
    """
    units = units_of(answer)
    with engine.begin() as connection:
        refuse_to_mix(connection, synthetic=is_synthetic(answer.url))
        _refuse_unbelievable(connection, units, answer)
    uri, _ = archive.record_register(answer, now=now)
    return _store(engine, answer, uri)


def rebuild_register(engine: Engine, archive: Archive) -> RegisterReport:
    """Rebuild all versions from the archived answers, oldest first; asks nothing of Elexon.

    Raises:
        RegisterError: the archive holds no register.
    """
    report = None
    for uri, answer in archive.registers():
        report = _store(engine, answer, uri)
    if report is None:
        raise RegisterError("the archive holds no register of BM units; fetch it: materialise the asset bm_units")
    return report


def units_of(answer: Answer) -> dict[str, BmUnit]:
    """The units of an answer of the register, by unit id.

    Raises:
        SchemaDriftError: it is not what Elexon's description says.
    """
    return one_of_each(
        BmUnit(
            bmu_id=unit.elexon_bm_unit,
            national_grid_bmu_id=unit.national_grid_bm_unit,
            name=unit.bm_unit_name,
            lead_party_name=unit.lead_party_name,
            fuel_type=unit.fuel_type,
            bmu_type=unit.bm_unit_type,
            generation_capacity_mw=unit.generation_capacity_mw,
        )
        for unit in parse_register(answer.body)
        if unit.elexon_bm_unit is not None
    )


def _refuse_unbelievable(connection: Connection, units: dict[str, BmUnit], answer: Answer) -> None:
    wind = {bmu_id for bmu_id, unit in units.items() if unit.is_wind}
    known = {bmu_id for bmu_id, unit in _in_force(connection).items() if unit.is_wind}
    lost = len(known - units.keys())
    if not wind or lost > MOST_WIND_UNITS_LOST * len(known):
        problem = f"lacks {lost} of {len(known)} known wind farms" if wind else "has no wind farm at all"
        raise RegisterError(f"{answer.url}: the register {problem}; nothing was changed, try again later")


def _in_force(connection: Connection) -> dict[str, BmUnit]:
    columns = [c for c in bm_units.c if c.name not in ("valid_from", "valid_to", "looks_like_wind", "is_synthetic")]
    rows = connection.execute(select(*columns).where(bm_units.c.valid_to.is_(None)))
    return {row.bmu_id: BmUnit(**row._mapping) for row in rows}


def _store(engine: Engine, answer: Answer, uri: str) -> RegisterReport:
    units = units_of(answer)
    today = settlement_date(answer.fetched_at)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": _REGISTER_LOCK})
        refuse_to_mix(connection, synthetic=is_synthetic(answer.url))
        current = _in_force(connection)
        found = changes(current, units)
        in_force = bm_units.c.valid_to.is_(None)
        changed = sorted({*found.ended, *(unit.bmu_id for unit in found.begun)})
        if changed:
            # The only version of a unit covers all days before it. Where it was seen first today, and has lost its fuel
            # type since, those days keep their wind farm: it begins a day earlier, and ends today.
            lost = [b for b in changed if current.get(b, _NOBODY).is_wind and not units.get(b, _NOBODY).is_wind]
            connection.execute(
                update(bm_units)
                .where(in_force, bm_units.c.bmu_id.in_(lost), bm_units.c.valid_from >= today, ~_has_earlier_version())
                .values(valid_from=today - dt.timedelta(days=1))
            )
            # A version that began today and changes again today is replaced: days are the grain.
            connection.execute(
                delete(bm_units).where(in_force, bm_units.c.bmu_id.in_(changed), bm_units.c.valid_from >= today)
            )
            connection.execute(update(bm_units).where(in_force, bm_units.c.bmu_id.in_(changed)).values(valid_to=today))
        if found.begun:
            connection.execute(bm_units.insert(), [_row(unit, today, is_synthetic(answer.url)) for unit in found.begun])
    return RegisterReport(
        len(units), sum(unit.is_wind for unit in units.values()), len(found.begun), len(found.ended), uri
    )


def _has_earlier_version() -> Exists:
    earlier = bm_units.alias()
    return exists().where(earlier.c.bmu_id == bm_units.c.bmu_id, earlier.c.valid_from < bm_units.c.valid_from)


def _row(unit: BmUnit, valid_from: dt.date, synthetic: bool) -> dict[str, object]:
    return {
        "bmu_id": unit.bmu_id,
        "valid_from": valid_from,
        "valid_to": None,
        "national_grid_bmu_id": unit.national_grid_bmu_id,
        "name": unit.name,
        "lead_party_name": unit.lead_party_name,
        "fuel_type": unit.fuel_type,
        "bmu_type": unit.bmu_type,
        "generation_capacity_mw": unit.generation_capacity_mw,
        "looks_like_wind": unit.looks_like_wind,
        "is_synthetic": synthetic,
    }
