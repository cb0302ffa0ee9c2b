"""A chart laid out: what goes where on a picture of a given width, as the data of its specification.

The specification (``specifications/NAME.json``, a constant) says how data become marks; a sheet has the data, the size
and the ends of the axes, and nothing of it is code: a hostile name is a text among others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from minerecon_dagster.charts.colours import STATES
from minerecon_dagster.charts.slots import Point
from minerecon_dagster.charts.words import clean, cut, short, steps, width_of, wrap

NARROW_BELOW = 600
"""Pixels; a picture that is narrower has smaller titles, fewer labels and less height."""
_TITLE, _SUBTITLE, _LABEL, _SMALL = 18, 13, 12, 11
_STRIP = 12
_CONTEXT_ROW = 17


@dataclass(frozen=True)
class Key:
    """An entry of a legend: its words, and the mark that it explains: ``bar``, ``hatched``, ``dash`` or ``line``."""

    label: str
    colour: str
    mark: str = "bar"


@dataclass
class Sheet:
    """A picture in the making; all places are pixels from its top left corner unless they are said to be data.

    Args:
        specification: the name of the file that says how it is drawn.
        width: of the whole picture.
        plot_height: of the part within the axes.
        left, right, below: around the plot; what is above it grows with what is written there.
        x_ends, y_ends: of the axes, as data.
    """

    specification: str
    width: int
    plot_height: int
    left: int = 52
    right: int = 12
    below: int = 8
    above: float = 0
    x_ends: tuple[float, float] = (0, 1)
    y_ends: tuple[float, float] = (0, 1)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def is_narrow(self) -> bool:
        """Whether it is for a narrow screen."""
        return self.width < NARROW_BELOW

    @property
    def plot_width(self) -> int:
        """Pixels between the left and the right end of the x axis."""
        return self.width - self.left - self.right

    def add(self, rows: str, **values: Any) -> None:
        """One more row of data."""
        self.rows.setdefault(rows, []).append(values)

    def word(
        self, text: str, x: float, y: float, colour: str = "@ink", size: int = _LABEL, align: str = "left",
        weight: int = 400,
    ) -> None:  # fmt: skip
        """A text whose baseline begins (or has its middle or end) at ``x``, ``y``, from the plot's top left corner."""
        self.add(
            "words", px=round(x, 1), py=round(y, 1), label=text, colour=colour, size=size, align=align, weight=weight
        )

    def head(self, title: str, subtitle: str, keys: Sequence[Key]) -> None:
        """Title, subtitle and legend above the plot; each may be empty. Called when the plot is laid."""
        size = _TITLE - 2 if self.is_narrow else _TITLE
        lines = [(line, size, 600, "@ink", size + 5) for line in wrap(title, size, self.width - 4)]
        lines += [(line, _SUBTITLE, 400, "@soft", _SUBTITLE + 5) for line in wrap(subtitle, _SUBTITLE, self.width - 4)]
        y = 0.0
        placed: list[tuple[str, float, int, int, str]] = []
        for line, font, weight, colour, height in lines:
            y += height
            placed.append((line, y - 4, font, weight, colour))
        rows = self._key_rows([Key(self.name(k.label, self.width - 24), k.colour, k.mark) for k in keys])
        top_of_keys = y + (10 if lines else 2)
        y = top_of_keys + 20 * len(rows) if rows else y
        self.above = round(y + 16)
        for line, at, font, weight, colour in placed:
            self.word(line, -self.left, at - self.above, colour, font, weight=weight)
        for row, entries in enumerate(rows):
            middle = top_of_keys + 20 * row + 8 - self.above
            for key, x in entries:
                self._swatch(key, x - self.left, middle)
                self.word(key.label, x - self.left + 21, middle + 4, "@soft", _LABEL)

    def _key_rows(self, keys: Sequence[Key]) -> list[list[tuple[Key, float]]]:
        rows: list[list[tuple[Key, float]]] = []
        x = 0.0
        for key in keys:
            wide = 21 + width_of(key.label, _LABEL) + 18
            if not rows or x + wide - 18 > self.width:
                rows.append([])
                x = 0.0
            rows[-1].append((key, x))
            x += wide
        return rows

    def _swatch(self, key: Key, x: float, middle: float) -> None:
        high = {"dash": 1, "line": 1.25}.get(key.mark, 5)
        fill = f"%hatch-{key.colour[1:]}" if key.mark == "hatched" else key.colour
        self.add(
            "swatches", px0=x, px1=x + 14, py0=middle - high, py1=middle + high, fill=fill,
            stroke="@axis" if key.colour in ("@state-missing", "@step-0") else "none",
        )  # fmt: skip

    def y_axis(self, low: Decimal, high: Decimal, unit: str = "", suffix: str = "") -> None:
        """Round values from zero (or below it) to the largest, as lines and labels; the unit stands at the top one.

        Args:
            low: of the data; the axis always has zero in it.
            high: of the data.
            unit: stands before a label: ``£``.
            suffix: stands after it: `` %``.
        """
        ticks = steps(min(low, Decimal(0)), max(high, Decimal(0)), 4 if self.is_narrow else 5)
        step, most = ticks[1] - ticks[0], max(map(abs, ticks))
        labels = [f"{'−' if t < 0 else ''}{unit}{short(abs(t), step, most)}{suffix}" if t else "0" for t in ticks]
        self.left = round(max(width_of(label, _LABEL) for label in labels)) + 10
        self.y_ends = (float(ticks[0]), float(ticks[-1]))
        for tick, label in zip(ticks, labels, strict=True):
            self.add("grid", y=float(tick), colour="@axis" if tick == 0 else "@line")
            self.word(label, -7, self.y_of(float(tick)) + 4, "@soft", _LABEL, "right")

    def y_of(self, value: float) -> float:
        """Pixels below the plot's top of a value on the y axis."""
        low, high = self.y_ends
        return (high - value) / (high - low) * self.plot_height

    def x_of(self, place: float) -> float:
        """Pixels right of the plot's left end of a place on the x axis."""
        low, high = self.x_ends
        return (place - low) / (high - low) * self.plot_width

    def strip(self, points: Sequence[Point]) -> None:
        """How each slot stands, below the x axis: a run of one status is one field, with its sign where it has room."""
        begin = 0
        for place in range(1, len(points) + 1):
            status = points[begin].status
            if place < len(points) and points[place].status == status:
                continue
            left, right = self.x_of(begin), self.x_of(place)
            if status != "complete" and right - left < 2:
                left, right = (left + right) / 2 - 1, (left + right) / 2 + 1
            top = self.plot_height + 6
            inset = 0.5 if right - left > 3 else 0
            self.add(
                "strip", px0=round(left + inset, 2), px1=round(right - inset, 2), py0=top, py1=top + _STRIP,
                fill=f"@state-{status}", stroke="@axis" if status == "missing" else "none",
            )  # fmt: skip
            if (sign := STATES[status].sign) and right - left >= 8:
                self.word(sign, (left + right) / 2, top + _STRIP - 2, f"@on-{status}", _SMALL, "center", 700)
            begin = place
        for place, point in enumerate(points):
            if point.is_restated:
                self.word("▲", self.x_of(place + 0.5), self.plot_height + _STRIP + 15, "@ink", 8, "center")

    def x_axis(self, points: Sequence[Point]) -> None:
        """What stands below the strip: times, days, months or years as there is room, and the larger whole below."""
        if not points:
            return
        first_row = self.plot_height + 6 + _STRIP + (22 if any(p.is_restated for p in points) else 15)
        wide = self.plot_width / len(points)
        grain = points[0].at.grain
        below = {
            "half-hour": self._hours,
            "day": self._days if wide >= 9 or len(points) <= 62 else self._months,
            "week": self._months,
            "month": self._month_bars,
            "year": self._years,
        }[grain]
        self.below = first_row - self.plot_height + 4
        below(points, wide, first_row)

    def _tick(self, text: str, x: float, y: float, align: str = "center") -> None:
        self.word(text, x, y, "@soft", _LABEL, align)

    def _hours(self, points: Sequence[Point], wide: float, y: float) -> None:
        every = next((h for h in (1, 2, 3, 4, 6) if wide * 2 * h >= 44), 12)
        free_from = float("-inf")
        for place, point in enumerate(points):
            hour, minute = point.at.clock.split(":")
            x = self.x_of(place)
            if minute == "00" and int(hour) % every == 0 and x >= free_from:
                self._tick(point.at.clock, x, y)
                free_from = x + 40

    def _days(self, points: Sequence[Point], wide: float, y: float) -> None:
        every = next((k for k in (1, 2, 5, 10) if wide * k >= (21 if k < 5 else 26)), 10)
        months = []
        for place, point in enumerate(points):
            day = point.at.start
            begins = place == 0 or day.day == 1
            if begins:
                months.append((place, f"{day:%B %Y}" if place == 0 or day.month == 1 else f"{day:%B}"))
            regular = day.day % every == (1 if every == 2 else 0) or every == 1 or day.day == 1
            crowded = every >= 5 and day.day >= 29 and place < len(points) - 2
            if regular and not crowded:
                self._tick(str(day.day), self.x_of(place + 0.5), y)
        self._context(months, y + _CONTEXT_ROW)

    def _months(self, points: Sequence[Point], wide: float, y: float) -> None:
        per_month = wide * (30.4 if points[0].at.grain == "day" else 4.35)
        every = next((k for k in (1, 3, 6) if per_month * k >= 34), 12)
        years, seen = [], None
        for place, point in enumerate(points):
            start = point.at.start
            if seen == (start.year, start.month):
                continue
            is_begin = start.day <= 7
            if place == 0 or (seen and seen[0] != start.year):
                years.append((place, str(start.year)))
            seen = (start.year, start.month)
            if not is_begin or (start.month - 1) % every:
                continue
            x = self.x_of(place)
            high = self.plot_height
            self.add("strip", px0=x - 0.5, px1=x + 0.5, py0=high, py1=high + 5, fill="@axis", stroke="none")
            if every < 12 and x + 24 < self.plot_width + self.right:
                self._tick(f"{start:%b}", x, y, "left")
        self._context(years, y + (_CONTEXT_ROW if every < 12 else 0))

    def _month_bars(self, points: Sequence[Point], wide: float, y: float) -> None:
        every = next((k for k in (1, 3, 6) if wide * k >= 30), 12)
        years = []
        for place, point in enumerate(points):
            start = point.at.start
            if place == 0 or start.month == 1:
                years.append((place, str(start.year)))
            if (start.month - 1) % every == 0 and every < 12:
                self._tick(f"{start:%b}", self.x_of(place + 0.5), y)
        self._context(years, y + (_CONTEXT_ROW if every < 12 else 0))

    def _years(self, points: Sequence[Point], wide: float, y: float) -> None:
        del wide
        for place, point in enumerate(points):
            self._tick(str(point.at.start.year), self.x_of(place + 0.5), y)

    def _context(self, wholes: Sequence[tuple[int, str]], y: float) -> None:
        for number, (place, text) in enumerate(wholes):
            end = wholes[number + 1][0] if number + 1 < len(wholes) else self.x_ends[1]
            if width_of(text, _LABEL) <= self.x_of(end) - self.x_of(place) + (
                self.right if end == self.x_ends[1] else -6
            ):
                self.word(text, self.x_of(place), y, "@ink", _LABEL, weight=600)
        self.below = round(y - self.plot_height + 6)

    def foot(self, source: str) -> None:
        """The source below everything, in small letters."""
        y = self.plot_height + self.below + 12
        lines = wrap(source, _SMALL, self.width - 4)
        for line in lines:
            self.word(line, -self.left, y, "@soft", _SMALL)
            y += 15
        if lines:
            self.below = round(y - self.plot_height - 7)

    def name(self, text: str, pixels: float, size: int = _LABEL) -> str:
        """Somebody's name, cleaned and cut to the room that there is."""
        return cut(clean(text), size, pixels)

    def laid(self) -> dict[str, Any]:
        """The specification with these data in it."""
        made = json.loads(_text(self.specification))
        made["width"], made["height"] = self.plot_width, self.plot_height
        made["padding"] = {"left": self.left, "right": self.right, "top": round(self.above), "bottom": self.below}
        ends = dict(zip(("x_low", "x_high", "y_low", "y_high"), (*self.x_ends, *self.y_ends), strict=True))
        for parameter in made["params"]:
            if parameter["name"] in ends:
                parameter["value"] = ends[parameter["name"]]
        made["datasets"] = {name: self.rows.get(name, []) for name in made["datasets"]}
        unknown = set(self.rows) - set(made["datasets"])
        assert not unknown, f"{self.specification} draws no {unknown}"
        return dict(made)


@cache
def _text(name: str) -> str:
    return (files("minerecon_dagster.charts") / "specifications" / f"{name}.json").read_text("utf-8")
