"""The register of BM units: which units are wind farms on which day.

Source: Elexon's ``/reference/bmunits/all``, which serves the present state only, so dated versions
are kept. One register serves ingestion and every check.
"""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from functools import cached_property
from typing import Literal, NamedTuple

WIND = "WIND"
MOST_UNITS_LOST = Decimal("0.05")
MOST_CAPACITY_LOST = Decimal("0.02")
"""An answer that loses a larger share of the wind units, or of their MW, is a broken answer, not a new register."""
REMEMBERED_DAYS = 365
"""So far back the losses of believable answers are added up: many small ones are a large one."""
LEAST_MAPPED = Decimal("0.75")
"""A first register has no past to be compared with but the ids themselves: of the units with a wind farm's form of id,
Elexon's of November 2025 maps 184 of 190. What a short one lacks, the rows of the days say."""

_WIND_ID = re.compile(r"^[A-Z]_[A-Z0-9]{4}[WO]-\d+$")
"""Elexon's habit for wind farms: four letters of the site, W (onshore) or O (offshore), a number."""
_COULD_BE_WIND_ID = re.compile(r"^[A-HJ-Z]_[A-Z0-9]{2,}[WO](-\d+)?$")
"""The same, with what single farms have otherwise: of ids of which nothing else is known. ``I_``: interconnectors."""
_WIND_NAME = re.compile(r"\bwind\s*farm|\bwind\b|\bW/?F\b|\boffshore\b|\bwindfarm", re.IGNORECASE)
_NOT_GENERATION = re.compile(r"\bdem(and)?\b|\bbattery\b|\bBESS\b|\bflow\b|\bstorage\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BmUnit:
    """One BM unit as the register describes it; capacity in MW.

    ``gsp_group_id`` is its zone, and ``zone_basis`` how that is known (`core.zones`), which alone makes no other unit.
    """

    bmu_id: str
    national_grid_bmu_id: str | None
    name: str | None
    lead_party_name: str | None
    fuel_type: str | None
    bmu_type: str | None
    generation_capacity_mw: Decimal | None
    gsp_group_id: str | None = None
    zone_basis: str | None = field(default=None, compare=False)

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


How = Literal["vanished", "no longer WIND", "without lead party", "of another fuel until now"]


class Loss(NamedTuple):
    """A wind unit that an answer takes away, or one that it makes of another fuel's; capacity in MW."""

    unit: BmUnit
    how: How
    capacity_mw: Decimal


@dataclass(frozen=True, slots=True)
class Disbelief:
    """Why an answer of the register is not believed.

    Args:
        reason: in words.
        losses: the units that it is about; none where it is about the answer as a whole.
    """

    reason: str
    losses: tuple[Loss, ...] = ()


def contradictory(units: Iterable[BmUnit]) -> list[str]:
    """Ids of units that stand in an answer both as wind and with another fuel type."""
    fuels: defaultdict[str, set[str]] = defaultdict(set)
    for unit in units:
        if unit.fuel_type is not None:
            fuels[unit.bmu_id].add(unit.fuel_type)
    return sorted(bmu_id for bmu_id, found in fuels.items() if WIND in found and len(found) > 1)


def spelling(bmu_id: str) -> str:
    """A unit's id without what people and programs get wrong: blanks and case."""
    return "".join(bmu_id.split()).upper()


def disbelief(
    in_force: Mapping[str, BmUnit],
    answer: Mapping[str, BmUnit],
    *,
    past: Mapping[str, BmUnit],
    since: dt.date,
    contradictory: Iterable[str] = (),
    is_synthetic: bool = False,
) -> Disbelief | None:
    """Why an answer of the register is to be refused as a whole; None where it is believable.

    Args:
        in_force: the versions in force, by unit id; empty before the first answer.
        answer: the units of the answer, by unit id.
        past: the units that were wind at any time since ``since``, each as it was last while it was wind, with
            the capacity and the lead party that were last known. Those in force are among them.
        since: the day from which losses are added up.
        contradictory: ids that the answer has both as wind and with another fuel type.
        is_synthetic: whether it is the bundled sample's, which has a dozen wind farms.

    Returns:
        None, or the first of these that holds. It has no wind farm. It contradicts itself. It spells a wind unit in
        force otherwise. With nothing in force, it has fewer wind farms than Britain, or leaves too many ids of a wind
        farm's form without a fuel. More than `MOST_UNITS_LOST` of the wind units in force, or `MOST_CAPACITY_LOST` of
        their MW, vanish, lose WIND or lose their lead party; or of those since ``since``. As much turns from another
        fuel into wind. A capacity that was never known counts as the mean of the others'.
    """
    wind = {bmu_id for bmu_id, unit in answer.items() if unit.is_wind}
    held = {bmu_id: past.get(bmu_id, unit) for bmu_id, unit in in_force.items() if unit.is_wind}
    if not wind:
        return Disbelief(f"it has {len(answer):,} units, and no wind farm among them")
    if twice := sorted(contradictory):
        return Disbelief(f"it has as wind and with another fuel type: {_some(twice)}")
    spelt = {spelling(bmu_id): bmu_id for bmu_id in answer if bmu_id != spelling(bmu_id)}
    if otherwise := sorted(b for b in held if b not in answer and spelling(b) in spelt):
        written = ", ".join(f"{spelt[spelling(b)]!r} for {b}" for b in otherwise[:_MOST_NAMED])
        return Disbelief(f"it spells {len(otherwise)} wind units in force otherwise: {written}")
    if not held:
        return None if is_synthetic else _unbelievable_first(answer)
    for of, units in (("in force", held), (f"since {since}", dict(past))):
        if (found := _lost(units, answer)) is not None:
            counts = ((sum(loss.how == how for loss in found), says) for how, says in _HOW.items())
            how = ", ".join(f"{count} {says}" for count, says in counts if count)
            reason = (
                f"of {len(units)} wind units {of} ({_capacity_mw(units):,.0f} MW) {how} ({_lost_mw(found):,.0f} MW)"
            )
            return Disbelief(f"{reason}: {_named(found)}", tuple(found))
    turned = [
        Loss(unit, "of another fuel until now", unit.generation_capacity_mw or Decimal())
        for bmu_id, unit in sorted(answer.items())
        if unit.is_wind
        and bmu_id not in past
        and (known := in_force.get(bmu_id)) is not None
        and known.fuel_type not in (None, WIND)
    ]
    if _is_too_much(turned, held):
        return Disbelief(f"it makes wind farms of {len(turned)} units of other fuels: {_named(turned)}", tuple(turned))
    return None


_MOST_NAMED = 3
_HOW: Mapping[How, str] = {
    "vanished": "vanish",
    "no longer WIND": "lose WIND",
    "without lead party": "lose their lead party",
}


def _unbelievable_first(answer: Mapping[str, BmUnit]) -> Disbelief | None:
    formed = [unit for bmu_id, unit in answer.items() if _WIND_ID.match(bmu_id)]
    mapped = sum(unit.is_wind for unit in formed)
    if mapped < LEAST_MAPPED * len(formed):
        return Disbelief(f"of {len(formed)} units with a wind farm's form of id only {mapped} have the fuel type WIND")
    return None


def _lost(units: Mapping[str, BmUnit], answer: Mapping[str, BmUnit]) -> list[Loss] | None:
    """What of ``units``, all wind, the answer has lost; None where it is little enough."""
    assumed = _mean_capacity_mw(units)
    found = [
        Loss(unit, how, assumed if unit.generation_capacity_mw is None else unit.generation_capacity_mw)
        for bmu_id, unit in sorted(units.items())
        if (how := _how_lost(unit, answer.get(bmu_id))) is not None
    ]
    return found if _is_too_much(found, units) else None


def _how_lost(unit: BmUnit, now: BmUnit | None) -> How | None:
    if now is None:
        return "vanished"
    if not now.is_wind:
        return "no longer WIND"
    return (
        "without lead party"
        if (unit.lead_party_name or "").strip() and not (now.lead_party_name or "").strip()
        else None
    )


def _is_too_much(found: Collection[Loss], units: Mapping[str, BmUnit]) -> bool:
    return len(found) > MOST_UNITS_LOST * len(units) or _lost_mw(found) > MOST_CAPACITY_LOST * _capacity_mw(units)


def _mean_capacity_mw(units: Mapping[str, BmUnit]) -> Decimal:
    known = [u.generation_capacity_mw for u in units.values() if u.generation_capacity_mw is not None]
    return sum(known, Decimal()) / len(known) if known else Decimal()


def _capacity_mw(units: Mapping[str, BmUnit]) -> Decimal:
    assumed = _mean_capacity_mw(units)
    known = (u.generation_capacity_mw for u in units.values())
    return sum((assumed if mw is None else mw for mw in known), Decimal())


def _lost_mw(found: Collection[Loss]) -> Decimal:
    return sum((loss.capacity_mw for loss in found), Decimal())


def _named(found: Iterable[Loss]) -> str:
    return _some([loss.unit.bmu_id for loss in sorted(found, key=lambda loss: -loss.capacity_mw)])


def _some(ids: Sequence[str]) -> str:
    more = len(ids) - _MOST_NAMED
    return ", ".join(ids[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


Reason = Literal["unknown", "unmapped", "renamed", "spelt otherwise"]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A unit that is not counted on a day, and may be a wind farm.

    Args:
        bmu_id: as the rows have it.
        reason: ``unknown``: the register has no such unit on the day. ``unmapped``: it has it without the fuel type
            WIND, and by id, name or its other versions it is a wind farm. ``renamed``: it has the number or the name
            that the system operator knows a wind farm by, under another id. ``spelt otherwise``: it differs from a
            unit of the register in blanks or case only.
        is_wind_like: whether it is likely to be one: its energy counts as missing. Of an unknown id without the form
            of a wind farm's nobody knows.
        unit: what the register knows of it.
        likely_bmu_id: the unit that it probably is.
    """

    bmu_id: str
    reason: Reason
    is_wind_like: bool
    unit: BmUnit | None = None
    likely_bmu_id: str | None = None


class Register:
    """All versions of all units, asked by day."""

    def __init__(self, versions: Iterable[UnitVersion]) -> None:
        self._versions: dict[str, list[UnitVersion]] = defaultdict(list)
        for version in sorted(versions, key=lambda v: (v.unit.bmu_id, v.valid_from)):
            self._versions[version.unit.bmu_id].append(version)
        self._from = {bmu_id: [v.valid_from for v in vs] for bmu_id, vs in self._versions.items()}
        self._never_suspect: set[str | None] = set()
        self._ever_wind = [bmu_id for bmu_id, vs in self._versions.items() if any(v.unit.is_wind for v in vs)]

    def __len__(self) -> int:
        """How many units it has ever known."""
        return len(self._versions)

    @property
    def ever_wind(self) -> set[str]:
        """The units that it has known as wind at any time."""
        return set(self._ever_wind)

    def in_force(self, bmu_id: str, day: dt.date) -> BmUnit | None:
        """The unit as it was on ``day``; its first version covers all days before. None if it had gone."""
        versions = self._versions.get(bmu_id)
        if not versions:
            return None
        version = versions[max(bisect_right(self._from[bmu_id], day) - 1, 0)]
        return version.unit if version.valid_to is None or day < version.valid_to else None

    def wind_units(self, day: dt.date) -> dict[str, BmUnit]:
        """The wind farms in force on ``day``, by unit id."""
        found = ((bmu_id, self.in_force(bmu_id, day)) for bmu_id in self._ever_wind)
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

    def suspects(
        self, ids: Iterable[str | None], day: dt.date, grid_id_of: Callable[[str], str | None] = lambda _: None
    ) -> dict[str, Suspect]:
        """Of the ids in a day's rows those that are not counted as wind on ``day``, and may be wind farms.

        Args:
            ids: BM units; null and numeric ids are actions outside the balancing mechanism, and left out.
            day: settlement date.
            grid_id_of: the system operator's id of a unit, as the day's rows have it; for ids that are not known.
        """
        asked = set(ids) - self._never_suspect
        units = (bmu_id for bmu_id in asked if bmu_id is not None and not self._is_never_suspect(bmu_id))
        found = ((bmu_id, self._suspect(bmu_id, day, grid_id_of)) for bmu_id in units)
        return {bmu_id: suspect for bmu_id, suspect in found if suspect is not None}

    def not_wind(self, ids: Iterable[str | None], day: dt.date) -> set[str]:
        """Of the ids in a day's rows those that it has known at any time, and not as wind on ``day``."""
        return (self._versions.keys() & set(ids)) - self.wind_units(day).keys()

    def _is_never_suspect(self, bmu_id: str) -> bool:
        """Whether the unit is known, and by all of its versions on no day a suspect.

        Most of a day's units are, and the same ones on each day: it is kept.
        """
        units = [version.unit for version in self._versions.get(bmu_id, ())]
        is_never = bool(units) and not any(
            u.is_wind
            or u.looks_like_wind
            or (u.fuel_type is None and self._likely(bmu_id, u.national_grid_bmu_id, u.name) is not None)
            for u in units
        )
        if is_never:
            self._never_suspect.add(bmu_id)
        return is_never

    def _suspect(self, bmu_id: str, day: dt.date, grid_id_of: Callable[[str], str | None]) -> Suspect | None:
        unit, versions = self.in_force(bmu_id, day), self._versions.get(bmu_id)
        if (unit is not None and unit.is_wind) or bmu_id.strip().isdecimal():
            return None
        if versions is None:
            return self._unknown(bmu_id, grid_id_of(bmu_id))
        latest = unit or versions[-1].unit
        if latest.looks_like_wind or any(v.unit.is_wind for v in versions):
            return Suspect(bmu_id, "unmapped", True, latest, self._likely(bmu_id, latest.national_grid_bmu_id))
        if latest.fuel_type is not None:
            return None
        likely = self._likely(bmu_id, latest.national_grid_bmu_id, latest.name)
        if likely is None or ((other := self.in_force(likely, day)) is not None and other.is_wind):
            return None  # two units of one site, as its demand beside its turbines
        return Suspect(bmu_id, "renamed", True, latest, likely)

    def _unknown(self, bmu_id: str, grid_id: str | None) -> Suspect:
        if (known := self._spellings.get(spelling(bmu_id))) is not None:
            return Suspect(bmu_id, "spelt otherwise", any(v.unit.is_wind for v in self._versions[known]), None, known)
        if (likely := self._likely(bmu_id, grid_id)) is not None:
            return Suspect(bmu_id, "renamed", True, None, likely)
        return Suspect(bmu_id, "unknown", _COULD_BE_WIND_ID.match(spelling(bmu_id)) is not None)

    def _likely(self, bmu_id: str, *known_as: str | None) -> str | None:
        """The wind farm of another id that goes by one of these, or by the same id under another prefix."""
        for name in (*known_as, bmu_id.partition("_")[2].lstrip("_")):
            if name and (likely := self._wind_by_other_names.get(spelling(name))) not in (None, bmu_id):
                return likely
        return None

    @cached_property
    def _spellings(self) -> dict[str, str]:
        return {spelling(bmu_id): bmu_id for bmu_id in self._versions}

    @cached_property
    def _wind_by_other_names(self) -> dict[str, str]:
        """What wind farms, of today and of once, are called besides their id: the system operator's id, the name."""
        wind = [v.unit for versions in self._versions.values() for v in versions if v.unit.is_wind]
        return {spelling(name): u.bmu_id for u in wind for name in (u.name, u.national_grid_bmu_id) if name}
