"""Keep the register of BM units: fetch it, archive it, and store what changed as dated versions."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Exists, delete, exists, func, select, text, update

from minerecon_dagster.core.answers import Answer, is_synthetic
from minerecon_dagster.core.calendar import settlement_date
from minerecon_dagster.core.checks import Property, Result, result
from minerecon_dagster.core.errors import ConfigurationError, RegisterError, RegisterRefusedError
from minerecon_dagster.core.register import (
    REMEMBERED_DAYS,
    BmUnit,
    Disbelief,
    Register,
    UnitVersion,
    changes,
    contradictory,
    disbelief,
    one_of_each,
)
from minerecon_dagster.core.repairs import REFRESH_REGISTER, Repair, take_register, words
from minerecon_dagster.register.answers import row_of, rows_of, units_of
from minerecon_dagster.register.zones import REGISTER_LOCK, locate_versions
from minerecon_dagster.warehouse.sample import refuse_to_mix
from minerecon_dagster.warehouse.store import statement, waiting_for_locks
from minerecon_dagster.warehouse.tables import bm_units, register_refusals

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.elexon.archive import Archive

WIND_UNITS_MAPPED = Property(
    "register",
    "wind_units_mapped",
    "WARN",
    "No unit that looks like a wind farm by its id or name, or once was one, is without wind as its fuel type in the "
    "register of today: its curtailment is not counted. Reviewed units are listed too.",
    words("ask Elexon to give the unit its fuel type").then(REFRESH_REGISTER),
    "refresh of the register",
    "all",
)

_NOBODY = BmUnit("", None, None, None, None, None, None)


@dataclass(frozen=True)
class RegisterReport:
    """What a look at the register brought."""

    unit_count: int
    wind_unit_count: int
    begun_count: int
    ended_count: int
    archive_uri: str


@dataclass(frozen=True)
class Refusal:
    """An answer of the register that was refused, and waits for a person or for a newer answer.

    Args:
        sha256: SHA-256 of the answer.
        reason: why it was not believed.
        lost_unit_count, lost_capacity_mw: the wind units that it would take away, and their MW.
        first_seen_at, last_seen_at: when it was refused first and last.
    """

    sha256: str
    reason: str
    lost_unit_count: int
    lost_capacity_mw: Decimal
    first_seen_at: dt.datetime
    last_seen_at: dt.datetime

    @property
    def remedy(self) -> Repair:
        """What takes it all the same."""
        return take_register(self.sha256)

    def __str__(self) -> str:
        """One line: since when, why, and the command that takes it."""
        return f"an answer of the register, refused since {self.first_seen_at:%Y-%m-%d %H:%M} UTC: {self.reason}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "sha256": self.sha256,
            "reason": self.reason,
            "lost_units": self.lost_unit_count,
            "lost_capacity_mw": str(self.lost_capacity_mw),
            "first_seen_at": self.first_seen_at.isoformat(),
            "last_seen_at": self.last_seen_at.isoformat(),
            "repair": str(self.remedy),
        }


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
                gsp_group_id=row.gsp_group_id,
                zone_basis=row.zone_basis,
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
        RegisterRefusedError: it is not believable; it is archived apart and on record, and nothing else was changed.
    """
    rows = rows_of(answer)
    units = one_of_each(rows)
    locate_versions(engine, archive)
    with engine.begin() as connection:
        refuse_to_mix(connection, synthetic=is_synthetic(answer.url))
        why = _disbelief(connection, rows, units, answer, now)
    if why is not None:
        _refuse(engine, archive, answer, units, why, now)
    uri, _ = archive.record_register(answer, now=now)
    report = _store(engine, answer, uri)
    with engine.begin() as connection:
        # What is in force now is newer than whatever still waits.
        waiting = register_refusals.c.state == "waiting"
        connection.execute(update(register_refusals).where(waiting).values(state="superseded"))
    return report


def accept_register(
    engine: Engine, archive: Archive, sha256: str, *, accepted_by: str, now: dt.datetime
) -> RegisterReport:
    """Take an answer of the register that was refused and still waits; it is in force from today on.

    Args:
        engine: the warehouse.
        archive: the raw archive, which has the answer.
        sha256: SHA-256 of the answer.
        accepted_by: who accepts it, for the record.
        now: the time of accepting, from which the answer counts: days that earlier versions have built stay right.

    Raises:
        ConfigurationError: no such answer waits; the message lists those that do.
        RegisterError: the archive has lost it.
    """
    with engine.connect() as connection:
        waiting = waiting_refusals(connection)
    if sha256 not in {refusal.sha256 for refusal in waiting}:
        listed = ", ".join(f"{r.sha256} (of {r.first_seen_at:%Y-%m-%d %H:%M} UTC)" for r in waiting)
        raise ConfigurationError(
            f"no refused answer of the register with SHA-256 {sha256} waits; "
            + (f"these do: {listed}" if listed else "none does")
        )
    answer = archive.refused_register(sha256)
    if answer is None:
        raise RegisterError(
            f"the archive has lost the refused register {sha256}: restore it, or ask Elexon again: {REFRESH_REGISTER}"
        )
    locate_versions(engine, archive)
    uri, _ = archive.record_register(answer.at(now), now=now)
    with engine.connect() as connection:
        before = _in_force(connection)
    report = _store(engine, answer.at(now), uri)
    changed = json.dumps(wind_changes(before, units_of(answer)))
    with engine.begin() as connection:
        connection.execute(statement("register/accept"), {
            "payload_sha256": sha256, "accepted_by": accepted_by, "now": now, "changes": changed,
        })  # fmt: skip
    return report


def wind_changes(before: Mapping[str, BmUnit], after: Mapping[str, BmUnit]) -> list[dict[str, Any]]:
    """Wind units that are new, gone, without their fuel type, or of another lead party."""
    was = {bmu_id: unit for bmu_id, unit in before.items() if unit.is_wind}
    found: list[dict[str, Any]] = []
    for bmu_id in sorted(was.keys() | {bmu_id for bmu_id, unit in after.items() if unit.is_wind}):
        old, new = was.get(bmu_id), after.get(bmu_id)
        if old is None:
            assert new is not None
            found.append({"bmu_id": bmu_id, "change": "new", "lead_party_name": new.lead_party_name})
        elif new is None:
            found.append({"bmu_id": bmu_id, "change": "gone"})
        elif not new.is_wind:
            found.append({"bmu_id": bmu_id, "change": "no longer wind", "fuel_type": new.fuel_type})
        elif old.lead_party_name != new.lead_party_name:
            change = {"stored": old.lead_party_name, "elexon": new.lead_party_name}
            found.append({"bmu_id": bmu_id, "change": "lead party", **change})
    return found


def wind_units_mapped(connection: Connection, report: RegisterReport, today: dt.date) -> Result:
    """Which units of the stored register look like wind farms and are not mapped as such ``today``."""
    unmapped = load_register(connection).unmapped_wind_like(today)
    return result(
        WIND_UNITS_MAPPED,
        looked_at=report.unit_count,
        expected="wind as the fuel type of every unit that looks like a wind farm",
        actual=f"{len(unmapped)} units of another or none",
        repair=WIND_UNITS_MAPPED.repair,
        violations=[
            {"bmu_id": u.bmu_id, "name": u.name, "lead_party_name": u.lead_party_name, "fuel_type": u.fuel_type}
            for _, u in sorted(unmapped.items())
        ],
    )


def waiting_refusals(connection: Connection) -> Sequence[Refusal]:
    """The answers of the register that were refused and wait, the newest first."""
    table = register_refusals.c
    rows = connection.execute(
        select(register_refusals).where(table.state == "waiting").order_by(table.last_seen_at.desc())
    )
    return [
        Refusal(r.payload_sha256, r.reason, r.lost_unit_count, r.lost_capacity_mw, r.first_seen_at, r.last_seen_at)
        for r in rows
    ]


def rebuild_register(engine: Engine, archive: Archive) -> RegisterReport:
    """Rebuild all versions from the archived answers, oldest first; asks nothing of Elexon.

    Whatever versions there are go, and all of it is one transaction: a rebuild that fails has changed nothing. What was
    refused is no version: the archive keeps it apart, until a person accepts it.

    Raises:
        RegisterError: the archive holds no register.
        ArchiveError, SchemaDriftError: one of its answers cannot be read.
    """
    report = None
    with engine.begin() as connection:
        _lock(connection)
        for uri, answer in archive.registers():
            if report is None:
                refuse_to_mix(connection, synthetic=is_synthetic(answer.url))
                connection.execute(delete(bm_units))
            report = _apply(connection, answer, uri)
    if report is None:
        raise RegisterError(f"the archive holds no register of BM units; fetch it: {REFRESH_REGISTER}")
    return report


def _disbelief(
    connection: Connection, rows: Sequence[BmUnit], units: Mapping[str, BmUnit], answer: Answer, now: dt.datetime
) -> Disbelief | None:
    accepted_at = connection.execute(select(func.max(register_refusals.c.accepted_at))).scalar()
    since = settlement_date(now) - dt.timedelta(days=REMEMBERED_DAYS)
    if accepted_at is not None:
        since = max(since, settlement_date(accepted_at))
    past = connection.execute(statement("register/wind_since"), {"since": since})
    return disbelief(
        _in_force(connection),
        units,
        past={row.bmu_id: BmUnit(**row._mapping) for row in past},
        since=since,
        contradictory=contradictory(rows),
        is_synthetic=is_synthetic(answer.url),
    )


def _refuse(
    engine: Engine, archive: Archive, answer: Answer, units: Mapping[str, BmUnit], why: Disbelief, now: dt.datetime
) -> None:
    """Keep an answer that is not believed, put it on record, and raise."""
    uri = archive.record_refused_register(answer, now=now)
    lost = [
        {"bmu_id": loss.unit.bmu_id, "name": loss.unit.name, "how": loss.how, "capacity_mw": str(loss.capacity_mw)}
        for loss in why.losses
    ]
    with engine.begin() as connection:
        connection.execute(
            statement("register/refuse"),
            {
                "payload_sha256": answer.sha256,
                "reason": why.reason,
                "unit_count": len(units),
                "wind_unit_count": sum(unit.is_wind for unit in units.values()),
                "lost_unit_count": len(lost),
                "lost_capacity_mw": sum((loss.capacity_mw for loss in why.losses), Decimal()),
                "lost_units": json.dumps(lost),
                "archive_uri": uri,
                "seen_at": now,
                "is_synthetic": is_synthetic(answer.url),
            },
        )
    raise RegisterRefusedError(
        f"{answer.url}: the register was refused, and the versions in force stay: {why.reason}; "
        f"if it is right: minerecon register accept {answer.sha256}"
    )


def _in_force(connection: Connection) -> dict[str, BmUnit]:
    columns = [bm_units.c[field.name] for field in fields(BmUnit)]
    rows = connection.execute(select(*columns).where(bm_units.c.valid_to.is_(None)))
    return {row.bmu_id: BmUnit(**row._mapping) for row in rows}


def _store(engine: Engine, answer: Answer, uri: str) -> RegisterReport:
    with engine.begin() as connection:
        _lock(connection)
        refuse_to_mix(connection, synthetic=is_synthetic(answer.url))
        return _apply(connection, answer, uri)


def _lock(connection: Connection) -> None:
    with waiting_for_locks(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": REGISTER_LOCK})


def _apply(connection: Connection, answer: Answer, uri: str) -> RegisterReport:
    """Let what an answer changes of the versions in force begin and end on its day."""
    units = units_of(answer)
    today = settlement_date(answer.fetched_at)
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
        begun = [row_of(UnitVersion(unit, today), synthetic=is_synthetic(answer.url)) for unit in found.begun]
        connection.execute(bm_units.insert(), begun)
    return RegisterReport(
        len(units), sum(unit.is_wind for unit in units.values()), len(found.begun), len(found.ended), uri
    )


def _has_earlier_version() -> Exists:
    earlier = bm_units.alias()
    return exists().where(earlier.c.bmu_id == bm_units.c.bmu_id, earlier.c.valid_from < bm_units.c.valid_from)
