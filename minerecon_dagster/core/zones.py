"""Where in Great Britain a BM unit is: the GSP group of its grid supply point, from one answer of the register.

Embedded units have the group in the register. Others have a transmission loss factor, which is that of a zone, and the
zones of the factors are the GSP groups (Elexon's P350): a unit is in the group of the embedded units with the same
factor. Factors change with the season, so that only those of one answer are compared, and the zone is what is kept.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Literal, NamedTuple

from minerecon_dagster.core.register import UnitVersion

ZoneBasis = Literal["gsp_group", "loss_factor"]

_GSP_GROUP = re.compile(r"_[A-P]")


class Place(NamedTuple):
    """What a row of the register says of a unit's place: its GSP group, and its transmission loss factor."""

    gsp_group_id: str | None
    loss_factor: object


class Zone(NamedTuple):
    """A GSP group, as in ``_P``, and how it is known; None twice where it is not."""

    gsp_group_id: str | None
    basis: ZoneBasis | None


NOWHERE = Zone(None, None)


def zones(places: Sequence[Place]) -> list[Zone]:
    """The zone of each row of one answer, in its order.

    A row with a GSP group has that. One without has the group that all rows with its loss factor and a group have;
    where they differ, or there are none, it has none.
    """
    groups: defaultdict[Decimal | None, set[str]] = defaultdict(set)
    for place in places:
        group, factor = _group(place), _factor(place)
        if group is not None and factor is not None:
            groups[factor].add(group)

    def zone(place: Place) -> Zone:
        if (group := _group(place)) is not None:
            return Zone(group, "gsp_group")
        peers = groups.get(_factor(place), set())
        return Zone(min(peers), "loss_factor") if len(peers) == 1 else NOWHERE

    return [zone(place) for place in places]


def _group(place: Place) -> str | None:
    group = place.gsp_group_id
    return group if group is not None and _GSP_GROUP.fullmatch(group) else None


def _factor(place: Place) -> Decimal | None:
    if not isinstance(place.loss_factor, str | int | float):
        return None  # lists within lists are a text of any depth
    try:
        factor = Decimal(str(place.loss_factor))
    except InvalidOperation:
        return None
    return factor if factor.is_finite() else None


Since = tuple[dt.date, Zone]
"""The day from which a unit is in a zone."""


def with_zones(versions: Iterable[UnitVersion], known: Sequence[Since]) -> list[UnitVersion]:
    """The versions of one unit with its zones; one within which the zone changes becomes several.

    Args:
        versions: of the unit, oldest first.
        known: its zones by the day from which each holds, oldest first; the first holds for all days before, as the
            first version does. Empty: nothing is known, and all versions stay as they are.
    """
    if not known:
        return list(versions)
    found = []
    for version in versions:
        starts = [day for day, _ in known[1:] if version.valid_from < day and (version.valid_to or dt.date.max) > day]
        days = [version.valid_from, *starts, version.valid_to]
        for first, end in pairwise(days):
            assert first is not None
            zone = max((since for since in known if since[0] <= first), default=known[0], key=lambda s: s[0])[1]
            unit = replace(version.unit, gsp_group_id=zone.gsp_group_id, zone_basis=zone.basis)
            found.append(UnitVersion(unit, first, end))
    return found
