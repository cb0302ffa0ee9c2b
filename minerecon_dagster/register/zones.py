"""The zones of units: of the versions that were stored before zones were kept, and what moves that cannot."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import fields
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, delete, select, text

from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.core.checks import Property, Result, result
from minerecon_dagster.core.register import REMEMBERED_DAYS, BmUnit, UnitVersion
from minerecon_dagster.core.repairs import words
from minerecon_dagster.core.zones import Since, Zone, with_zones
from minerecon_dagster.register.answers import row_of, units_of
from minerecon_dagster.warehouse.store import statement, waiting_for_locks
from minerecon_dagster.warehouse.tables import bm_units

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.elexon.archive import Archive

ZONES_STAY = Property(
    "register",
    "zones_stay_on_their_side",
    "WARN",
    "No wind unit has moved between Scotland and England within a year, or lost its zone, by what the register says of "
    "zones.",
    words("ask Elexon where the unit is: its GSP group, or its loss factor beside its neighbours', has changed"),
    "refresh of the register",
    "all",
)

REGISTER_LOCK = 0x7265676973746572
"""Any number that only the register takes: two that change its versions wait for each other."""


def locate_versions(engine: Engine, archive: Archive) -> int:
    """Give the versions that are stored without zones theirs, from the archived answers; asks nothing of Elexon.

    That is so once, after the upgrade that brought zones: as soon as any version has one, nothing is done.

    Returns:
        How many units were located.
    """
    with engine.connect() as connection:
        if not connection.execute(statement("register/lacks_zones")).scalar_one():
            return 0
    known = _zones_by_unit(archive)
    with engine.begin() as connection:
        with waiting_for_locks(connection):
            connection.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": REGISTER_LOCK})
        if not connection.execute(statement("register/lacks_zones")).scalar_one():
            return 0  # another run was quicker
        stored: defaultdict[str, list[UnitVersion]] = defaultdict(list)
        synthetic: dict[str, bool] = {}
        for row in connection.execute(select(bm_units).order_by(bm_units.c.bmu_id, bm_units.c.valid_from)):
            unit = BmUnit(**{field.name: row._mapping[field.name] for field in fields(BmUnit)})
            stored[unit.bmu_id].append(UnitVersion(unit, row.valid_from, row.valid_to))
            synthetic[unit.bmu_id] = row.is_synthetic
        located = {bmu_id: with_zones(stored[bmu_id], known[bmu_id]) for bmu_id in stored.keys() & known.keys()}
        if not located:
            return 0
        connection.execute(delete(bm_units).where(bm_units.c.bmu_id.in_(list(located))))
        rows = [row_of(v, synthetic=synthetic[b]) for b, versions in sorted(located.items()) for v in versions]
        connection.execute(bm_units.insert(), rows)
    return len(located)


def zones_stay(connection: Connection, today: dt.date) -> Result:
    """Which wind units have moved between Scotland and England, or lost their zone, in the last `REMEMBERED_DAYS` days.

    Where one row of the register has another GSP group, all units that have their zone by its loss factor lose theirs.
    """
    since = today - dt.timedelta(days=REMEMBERED_DAYS)
    (of_units,) = connection.execute(statement("register/moved"), {"since": since})
    return result(
        ZONES_STAY,
        looked_at=of_units.unit_count,
        expected="every wind unit on one side of the border, and none without a zone that it had",
        actual=f"{len(of_units.moved)} that moved or lost theirs",
        repair=ZONES_STAY.repair,
        violations=of_units.moved,
    )


def _zones_by_unit(archive: Archive) -> dict[str, list[Since]]:
    found: defaultdict[str, list[Since]] = defaultdict(list)
    for _, answer in archive.registers():
        day = settlement_date(answer.fetched_at)
        for bmu_id, unit in units_of(answer).items():
            known = found[bmu_id]
            if known and known[-1][0] == day:
                known.pop()  # days are the grain: the last answer of one counts
            if not known or known[-1][1].gsp_group_id != unit.gsp_group_id:
                known.append((day, Zone(unit.gsp_group_id, unit.zone_basis)))  # type: ignore[arg-type]
    return found
