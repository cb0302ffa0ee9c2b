"""The register of BM units: which units are wind farms on which day.

Source: Elexon's ``/reference/bmunits/all``, which serves the present state only, so dated versions
are kept. One register serves ingestion and every check.
"""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal

WIND = "WIND"
_WIND_ID = re.compile(r"^[A-Z]_[A-Z0-9]{4}[WO]-\d+$")
"""Elexon's habit for wind farms: four letters of the site, W (onshore) or O (offshore), a number."""
_WIND_NAME = re.compile(r"\bwind\s*farm|\bwind\b|\bW/?F\b|\boffshore\b|\bwindfarm", re.IGNORECASE)
_NOT_GENERATION = re.compile(r"\bdem(and)?\b|\bbattery\b|\bBESS\b|\bflow\b|\bstorage\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BmUnit:
    """One BM unit as the register describes it; capacity in MW."""

    bmu_id: str
    national_grid_bmu_id: str | None
    name: str | None
    lead_party_name: str | None
    fuel_type: str | None
    bmu_type: str | None
    generation_capacity_mw: Decimal | None

    @property
    def is_wind(self) -> bool:
        """Whether the register maps the unit as a wind farm."""
        return self.fuel_type == WIND

    @property
    def looks_like_wind(self) -> bool:
        """Whether its id or name looks like a wind farm's, whatever its fuel type says.

        A generating unit whose name says wind, or without a fuel type and with an id of the form of
        a wind farm's (so has Glendoe, a hydro station). Demand units and interconnector users are
        left out. A guess for a person to look at: it never decides what is counted.
        """
        name = self.name or ""
        if self.bmu_id.startswith("I_") or _NOT_GENERATION.search(name):
            return False
        if _WIND_NAME.search(name):
            return True
        return self.fuel_type in (None, WIND) and _WIND_ID.match(self.bmu_id) is not None


@dataclass(frozen=True, slots=True)
class UnitVersion:
    """A unit as it was from ``valid_from`` on, until before ``valid_to`` (None: still)."""

    unit: BmUnit
    valid_from: dt.date
    valid_to: dt.date | None = None


def one_of_each(units: Iterable[BmUnit]) -> dict[str, BmUnit]:
    """Each unit once, whatever the answer repeats: of repeated rows, each field's first known value.

    A repeated unit is wind if any of its rows says so.
    """
    found: dict[str, BmUnit] = {}
    for unit in units:
        known = found.get(unit.bmu_id)
        if known is not None:
            first, second = (unit, known) if unit.is_wind and not known.is_wind else (known, unit)
            unit = BmUnit(
                *(
                    getattr(first, f.name) if getattr(first, f.name) is not None else getattr(second, f.name)
                    for f in fields(BmUnit)
                )
            )
        found[unit.bmu_id] = unit
    return found


@dataclass(frozen=True, slots=True)
class RegisterChanges:
    """What a newer answer changes: units whose version ends, and versions that begin."""

    ended: tuple[str, ...]
    begun: tuple[BmUnit, ...]


def changes(current: Mapping[str, BmUnit], answer: Mapping[str, BmUnit]) -> RegisterChanges:
    """Compare the versions in force with a newer answer, both by unit id."""
    begun = tuple(unit for bmu_id, unit in sorted(answer.items()) if current.get(bmu_id) != unit)
    ended = tuple(sorted(bmu_id for bmu_id in current if current[bmu_id] != answer.get(bmu_id)))
    return RegisterChanges(ended, begun)


class Register:
    """All versions of all units, asked by day."""

    def __init__(self, versions: Iterable[UnitVersion]) -> None:
        self._versions: dict[str, list[UnitVersion]] = defaultdict(list)
        for version in sorted(versions, key=lambda v: (v.unit.bmu_id, v.valid_from)):
            self._versions[version.unit.bmu_id].append(version)
        self._from = {bmu_id: [v.valid_from for v in vs] for bmu_id, vs in self._versions.items()}

    def __len__(self) -> int:
        """How many units it has ever known."""
        return len(self._versions)

    def in_force(self, bmu_id: str, day: dt.date) -> BmUnit | None:
        """The unit as it was on ``day``; its first version covers all days before. None if it had gone."""
        versions = self._versions.get(bmu_id)
        if not versions:
            return None
        version = versions[max(bisect_right(self._from[bmu_id], day) - 1, 0)]
        return version.unit if version.valid_to is None or day < version.valid_to else None

    def wind_units(self, day: dt.date) -> dict[str, BmUnit]:
        """The wind farms in force on ``day``, by unit id."""
        found = ((bmu_id, self.in_force(bmu_id, day)) for bmu_id in self._versions)
        return {bmu_id: unit for bmu_id, unit in found if unit is not None and unit.is_wind}

    def unmapped_wind_like(self, day: dt.date) -> dict[str, BmUnit]:
        """Units that look like wind farms, or once were, and are not mapped as wind on ``day``."""
        found = {}
        for bmu_id, versions in self._versions.items():
            unit = self.in_force(bmu_id, day)
            if unit is not None and unit.is_wind:
                continue
            latest = unit or versions[-1].unit
            if latest.looks_like_wind or any(v.unit.is_wind for v in versions):
                found[bmu_id] = latest
        return found
