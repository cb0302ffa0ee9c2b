"""A map of wind farms without tiles: the outline of Great Britain, and a dot for each farm, by what share it lost.

The outline is Natural Earth's (public domain), as a package ships it: ``great_britain.json`` says from where.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files

from minerecon_dagster.charts.chart import Chart, Words
from minerecon_dagster.charts.kinds import tip_of
from minerecon_dagster.charts.sheet import Key, Sheet
from minerecon_dagster.charts.words import width_of

_MIDDLE_LATITUDE = 55.4
_SQUEEZE = math.cos(math.radians(_MIDDLE_LATITUDE))
"""A degree of longitude there, in degrees of latitude: what is drawn is true to shape in the middle of the island."""
_SOUTH, _NORTH, _WEST, _EAST = 49.8, 61.0, -8.8, 2.6
SHARES = (Decimal("0.05"), Decimal("0.15"), Decimal("0.3"), Decimal("0.5"))
"""The shares of notified potential at which a dot's shade changes."""
_SHADES = ("@step-2", "@step-3", "@step-4", "@step-5", "@step-6")
_LEAST_PX2, _MOST_PX2 = 26.0, 520.0
_NAMED = 5
_RADIUS = 14
"""Pixels from the middle of a dot to its name."""


@dataclass(frozen=True)
class Spot:
    """A farm on the map.

    Args:
        name: of the farm.
        longitude, latitude: in degrees (WGS 84).
        size: what its dot is as large as, not below 0.
        share: of what it notified, what was lost; None where it is not known: the dot is hollow.
        text: lines of the tooltip below its name.
        status: of the figure.
    """

    name: str
    longitude: Decimal
    latitude: Decimal
    size: Decimal
    share: Decimal | None
    text: Sequence[str] = ()
    status: str = "complete"


def places(name: str, spots: Sequence[Spot], words: Words) -> Chart:
    """Dots on the outline of Great Britain: darker the larger the share, larger the more energy; hollow: not known."""
    most = max((spot.size for spot in spots), default=Decimal()) or Decimal(1)

    def lay(sheet: Sheet) -> None:
        sheet.left = sheet.right = 4
        # One scale for both axes: what is wider than the island is sea.
        wide = (_NORTH - _SOUTH) * sheet.plot_width / sheet.plot_height
        middle = (_WEST + _EAST) / 2 * _SQUEEZE
        sheet.x_ends, sheet.y_ends = (middle - wide / 2, middle + wide / 2), (_SOUTH, _NORTH)
        for ring, corners in enumerate(outline()):
            for place, (longitude, latitude) in enumerate((*corners, corners[0])):
                sheet.add("land", x=longitude * _SQUEEZE, y=latitude, ring=ring, place=place, fill="@line")
        for spot in sorted(spots, key=lambda s: (-s.size, s.name)):  # a small one is not hidden by a large one
            x, y = float(spot.longitude) * _SQUEEZE, float(spot.latitude)
            pixels = _LEAST_PX2 + (_MOST_PX2 - _LEAST_PX2) * float(spot.size / most)
            shade = _shade(spot.share)
            sheet.add(
                "spots", x=x, y=y, size=pixels, fill=shade or "none", stroke="@paper" if shade else "@soft"
            )  # fmt: skip
            across = max(math.sqrt(pixels), 10) / 2 * wide / sheet.plot_width
            tip = tip_of(spot.name, spot.text, spot.status)
            sheet.add("hits", x0=x - across, x1=x + across, y0=y - across, y1=y + across, tip=tip)
        _name(sheet, spots)

    keys = [
        Key(label, shade)
        for label, shade in zip(
            ("under 5 %", "5 to 15 %", "15 to 30 %", "30 to 50 %", "over 50 %"), _SHADES, strict=True
        )
    ]
    if any(spot.share is None for spot in spots):
        keys.append(Key("not known", "@soft", "line"))
    return Chart(name, words, tuple(keys), lay, "places", lambda width: 640 if width >= 600 else 560)


def _name(sheet: Sheet, spots: Sequence[Spot]) -> None:
    """Name those of the most energy, right or left of their dots, where a name has room."""
    named = [
        (spot, sheet.x_of(float(spot.longitude) * _SQUEEZE), sheet.y_of(float(spot.latitude)))
        for spot in sorted(spots, key=lambda s: (-s.size, s.name))[:_NAMED]
    ]
    taken = [(x - _RADIUS, x + _RADIUS, y) for _, x, y in named]
    for spot, x, y in named:
        text = sheet.name(spot.name, sheet.plot_width / 3)
        wide = width_of(text, 12)
        for align, at, start in (("left", x + _RADIUS, x + _RADIUS), ("right", x - _RADIUS, x - _RADIUS - wide)):
            others = [other for other in taken if other != (x - _RADIUS, x + _RADIUS, y)]
            is_free = all(
                abs(y - middle) >= 15 or start >= right or start + wide <= left for left, right, middle in others
            )
            if start >= 0 and start + wide <= sheet.plot_width and is_free:
                taken.append((start, start + wide, y))
                sheet.word(text, at, y + 4, "@ink", 12, align, 600)
                break


def _shade(share: Decimal | None) -> str | None:
    return None if share is None else _SHADES[sum(share >= bound for bound in SHARES)]


@cache
def outline() -> tuple[tuple[tuple[float, float], ...], ...]:
    """The corners (longitude, latitude) of Great Britain and of each island that is drawn."""
    text = (files("minerecon_dagster.charts") / "great_britain.json").read_text("utf-8")
    return tuple(tuple((x, y) for x, y in ring) for ring in json.loads(text)["rings"])
