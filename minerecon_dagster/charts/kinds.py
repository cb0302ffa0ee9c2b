"""The charts that there are: each takes figures and words, and gives a `Chart`.

Nothing that is missing is drawn as zero; what may still change is lighter and hatched; the axis of energy and money
begins at zero. Tooltips are the server's words.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from minerecon_dagster.charts.chart import Chart, Words
from minerecon_dagster.charts.colours import STATES, STEPS, UNSURE
from minerecon_dagster.charts.sheet import NARROW_BELOW, Key, Sheet
from minerecon_dagster.charts.slots import Point, half_hour
from minerecon_dagster.charts.words import clean, number, short, steps, width_of
from minerecon_dagster.core.calendar import period_count

_ZERO = Decimal()
_MODELS = ("@model-1", "@model-2", "@model-3", "@model-4", "@model-5")
_DASHES = ([1, 0], [7, 4], [2, 3], [9, 3, 2, 3], [4, 2])
MOST_DIRECT_LABELS = 4
"""Up to so many lines are named at their ends; more have a legend."""
_HIGH, _LOW = 300, 220
LEAST_FIELD_PX = 100
"""Square pixels; a smaller field of a heat map has no tooltip, since no pointer would find it."""


@dataclass(frozen=True)
class Note:
    """Something to know about a slot: a halving, a retarget, a record; ``at`` counts slots from 0."""

    at: int
    label: str


@dataclass(frozen=True)
class Bar:
    """A farm (or whatever is ranked) with its figure, the words at the bar's end, and a tooltip."""

    name: str
    value: Decimal
    label: str
    status: str = "complete"
    text: Sequence[str] = ()


@dataclass(frozen=True)
class _Column:
    """A bar of each slot, from zero to a figure; one that stands beside what the states are of is never hatched."""

    figure: str
    colour: str
    sign: int = 1
    begins: float = 0.0
    ends: float = 1.0
    is_beside: bool = False


def _height(width: int) -> int:
    return _HIGH if width >= 600 else _LOW


def energy(name: str, points: Sequence[Point], words: Words, notes: Sequence[Note] = ()) -> Chart:
    """MWh by half hour, day, week, month or year.

    Args:
        name: of the chart.
        points: with the figures ``so`` (SO-flagged MWh, the headline, in the accent's colour) and ``all`` (all accepted
            wind bids, grey behind it, or alone where no point has ``so``).
        words: what it says.
        notes: halvings, records and the like.
    """
    has_all = any(p.values.get("all") is not None for p in points)
    has_so = any("so" in p.values for p in points) or not has_all
    figure, colour = ("so", "@accent") if has_so else ("all", "@other")
    keys = [Key("SO-flagged bids" if has_so else "all accepted bids", colour)]
    if any(p.status in UNSURE and p.values.get(figure) is not None for p in points):
        keys.append(Key("not final", colour, "hatched"))
    columns = [_Column(figure, colour)]
    if has_all and has_so:
        keys.append(Key("all accepted bids", "@beside"))
        columns.insert(0, _Column("all", "@beside", is_beside=True))
    return _columns(name, points, words, keys, columns, [], notes, "MWh", 0)


def money(name: str, points: Sequence[Point], words: Words, notes: Sequence[Note] = ()) -> Chart:
    """GBP by slot: ``paid`` upwards, ``refunded`` downwards (both are at or above zero), ``net`` a dash."""
    keys = [Key("paid to farms", "@accent")]
    if any(p.values.get("refunded") for p in points):
        keys += [Key("paid back by farms", "@back"), Key("net", "@ink", "dash")]
    if any(p.status in UNSURE and p.values.get("paid") is not None for p in points):
        keys.append(Key("not final", "@accent", "hatched"))
    dashes = [("net", "@ink")] if any(p.values.get("refunded") for p in points) else []
    columns = [_Column("paid", "@accent"), _Column("refunded", "@back", -1)]
    return _columns(name, points, words, keys, columns, dashes, notes, "£", 2)


def share(name: str, points: Sequence[Point], words: Words, notes: Sequence[Note] = ()) -> Chart:
    """Percent of what the wind offered that was turned down.

    Args:
        name: of the chart.
        points: with ``share``, from 0 to 1; or, since shares cannot be summed over days, with ``turned_down`` and
            ``generated`` in MWh of the same days.
        words: what it says.
        notes: records and the like.
    """
    percent = [Point(p.at, {"share": _percent(p.values)}, p.status, p.text, p.is_restated, p.part) for p in points]
    keys: list[Key] = []
    if any(p.status in UNSURE and p.values.get("share") is not None for p in percent):
        keys = [Key("share turned down", "@accent"), Key("not final", "@accent", "hatched")]
    return _columns(name, percent, words, keys, [_Column("share", "@accent")], [], notes, "%", 1)


def _percent(values: Mapping[str, Decimal | None]) -> Decimal | None:
    if (known := values.get("share")) is not None:
        return known * 100
    down, generated = values.get("turned_down"), values.get("generated")
    if down is None or generated is None or not down + generated:
        return None
    return down * 100 / (down + generated)


def compare(
    name: str,
    points: Sequence[Point],
    words: Words,
    this_is: str,
    other_is: str,
    unit: str = "MWh",
    places: int = 0,
    *,
    same_days: bool = False,
) -> Chart:
    """One period, or part, beside another, slot by slot: the figures ``this`` and ``other``.

    Args:
        name: of the chart.
        points: their slots are this period's.
        words: what it says.
        this_is: what this one is called: ``March 2025``.
        other_is: and the other: ``March 2024``.
        unit: ``MWh`` or ``£``.
        places: decimals in a tooltip.
        same_days: whether the other one is of the same days, so that their states are of it too.
    """
    other = _Column("other", "@other", 1, 0.0, 0.5, is_beside=not same_days)
    columns = [other, _Column("this", "@accent", 1, 0.5, 1.0)]
    keys = [Key(clean(other_is), "@other"), Key(clean(this_is), "@accent")]
    if any(p.status in UNSURE and p.values.get("this") is not None for p in points):
        keys.append(Key("not final", "@accent", "hatched"))
    return _columns(
        name, points, words, keys, columns, [], (), unit, places, {"this": clean(this_is), "other": clean(other_is)}
    )


def published(name: str, points: Sequence[Point], words: Words, publisher: str, unit: str = "MWh") -> Chart:
    """Our figures (``ours``) as bars beside those that somebody else publishes (``theirs``)."""
    relabelled = [
        Point(
            p.at,
            {"this": p.values.get("ours"), "other": p.values.get("theirs")},
            p.status,
            p.text,
            p.is_restated,
            p.part,
        )
        for p in points
    ]
    return compare(name, relabelled, words, "ours", publisher, unit)


def restatements(name: str, points: Sequence[Point], words: Words, unit: str = "MWh") -> Chart:
    """What the source changed afterwards: ``before`` beside ``after``, for the slots that were changed."""
    relabelled = [
        Point(
            p.at,
            {"this": p.values.get("after"), "other": p.values.get("before")},
            p.status,
            p.text,
            p.is_restated,
            p.part,
        )
        for p in points
    ]
    return compare(name, relabelled, words, "after", "before", unit)


def bitcoin(name: str, points: Sequence[Point], words: Words, notes: Sequence[Note] = ()) -> Chart:
    """BTC by slot and miner model: a figure for each model, by its name; lines that break where nothing is known."""
    return lines(name, points, words, "", 8, notes, " BTC")


def lines(
    name: str, points: Sequence[Point], words: Words, unit: str, places: int, notes: Sequence[Note] = (),
    suffix: str = "",
) -> Chart:  # fmt: skip
    """A line for each figure, by its name; up to four are named at their ends.

    Args:
        name: of the chart.
        points: with any figures; their order is the first point's.
        words: what it says.
        unit: before a number: ``£``.
        places: decimals in a tooltip.
        notes: halvings, retargets and the like.
        suffix: after a number in a tooltip: `` BTC``.
    """
    series = list(dict.fromkeys(s for p in points for s in p.values))
    paint = {s: (_MODELS[i % len(_MODELS)], _DASHES[i % len(_DASHES)]) for i, s in enumerate(series)}
    is_direct = len(series) <= MOST_DIRECT_LABELS
    keys = [] if is_direct else [Key(clean(s), paint[s][0], "line") for s in series]

    def tips(point: Point) -> list[str]:
        known = [(clean(s), point.values.get(s)) for s in series]
        return [f"{s}: not known" if v is None else f"{s}: {unit}{number(v, places)}{suffix}" for s, v in known]

    def lay(sheet: Sheet) -> None:
        values = [v for p in points for v in p.values.values() if v is not None]
        sheet.x_ends = (0, max(len(points), 1))
        if is_direct:
            sheet.right = round(max((width_of(sheet.name(s, 130), 12, bold=True) for s in series), default=0)) + 8
        sheet.y_axis(min(values, default=_ZERO), max(values, default=_ZERO), unit)
        ends: list[tuple[float, str, str]] = []
        for s in series:
            colour, dash = paint[s]
            run, last = 0, None
            for place, p in enumerate(points):
                value = p.values.get(s)
                if value is None:
                    run += 1
                    continue
                sheet.add(
                    "lines", x=place + 0.5, y=float(value), run=f"{series.index(s)}.{run}", colour=colour, dash=dash
                )
                alone = all(not 0 <= n < len(points) or points[n].values.get(s) is None for n in (place - 1, place + 1))
                if p.status in UNSURE or alone:
                    fill = "@paper" if p.status in UNSURE else colour
                    sheet.add("dots", x=place + 0.5, y=float(value), colour=colour, fill=fill)
                last = float(value)
            if last is not None and is_direct:
                ends.append((sheet.y_of(last), sheet.name(s, 130), colour))
        for y, label, colour in _apart(ends, sheet.plot_height):
            sheet.word(label, sheet.plot_width + 6, y + 4, colour, 12, weight=600)
        _time(sheet, points, notes, tips)

    return Chart(name, words, tuple(keys), lay, "lines", _height)


def _apart(labels: Sequence[tuple[float, str, str]], height: float, least: float = 15) -> list[tuple[float, str, str]]:
    """Labels moved down, then up, until none is on another."""
    placed = sorted(labels)
    at: list[float] = []
    for y, _, _ in placed:
        at.append(max(y, at[-1] + least) if at else y)
    limit = height
    for place in reversed(range(len(at))):
        at[place] = min(at[place], limit)
        limit = at[place] - least
    return [(y, text, colour) for y, (_, text, colour) in zip(at, placed, strict=True)]


def sizing(
    name: str, curve: Sequence[tuple[Decimal, Decimal]], words: Words, *, x_unit: str, marked: Decimal | None = None,
    tips: Sequence[str] = (),
) -> Chart:  # fmt: skip
    """What a fleet would have made by its size: (size, figure) pairs in order of size.

    Args:
        name: of the chart.
        curve: size (MW, machines) and what it makes (BTC, £).
        words: what it says.
        x_unit: what stands at the axis of sizes: ``MW``.
        marked: the size that the reader asked for.
        tips: a tooltip for each pair.
    """

    def lay(sheet: Sheet) -> None:
        most = max((x for x, _ in curve), default=Decimal(1))
        across = steps(_ZERO, most, 4 if sheet.is_narrow else 8)
        sheet.x_ends = (0, float(across[-1]))
        sheet.right = 22
        sheet.y_axis(_ZERO, max((y for _, y in curve), default=_ZERO))
        for x, y in curve:
            sheet.add("lines", x=float(x), y=float(y), run="0", colour="@accent", dash=[1, 0])
        for tick in across:
            sheet.word(
                short(tick, across[1], across[-1]),
                sheet.x_of(float(tick)),
                sheet.plot_height + 18,
                "@soft",
                12,
                "center",
            )
        sheet.word(x_unit, sheet.plot_width, sheet.plot_height + 35, "@ink", 12, "right")
        if marked is not None:
            sheet.add("notes", x=float(marked), colour="@soft")
            for x, y in curve:
                if x == marked:
                    sheet.add("dots", x=float(x), y=float(y), colour="@accent", fill="@accent")
        low, high = sheet.y_ends
        edges = [float(x) for x, _ in curve]
        for i, tip in enumerate(tips):
            x0 = (edges[i - 1] + edges[i]) / 2 if i else 0
            x1 = (edges[i] + edges[i + 1]) / 2 if i + 1 < len(edges) else edges[i]
            sheet.add("hits", x0=x0, x1=x1, y0=low, y1=high, tip=clean(tip))
        sheet.below = 42

    return Chart(name, words, (), lay, "lines", _height)


def _columns(
    name: str, points: Sequence[Point], words: Words, keys: Sequence[Key], columns: Sequence[_Column],
    dashes: Sequence[tuple[str, str]], notes: Sequence[Note], unit: str, places: int,
    called: Mapping[str, str] | None = None,
) -> Chart:  # fmt: skip
    names = dict(_CALLED, **(called or {}))
    before, after = (unit, "") if unit == "£" else ("", f" {unit}")

    drawn = {c.figure for c in columns} | {d for d, _ in dashes}
    shown = {f: w for f, w in names.items() if f in drawn}

    def tips(point: Point) -> list[str]:
        known = [(w, point.values.get(f)) for f, w in shown.items()]
        return [
            f"{w}: not known" if v is None else f"{w}: {'−' if v < 0 else ''}{before}{number(abs(v), places)}{after}"
            for w, v in known
        ]

    def lay(sheet: Sheet) -> None:
        values = [v * c.sign for p in points for c in columns if (v := p.values.get(c.figure)) is not None]
        values += [v for p in points for f, _ in dashes if (v := p.values.get(f)) is not None]
        sheet.x_ends = (0, max(len(points), 1))
        sheet.y_axis(min(values, default=_ZERO), max(values, default=_ZERO), before, "%" if unit == "%" else "")
        wide = sheet.plot_width / max(len(points), 1)
        gap = 0.12 if wide >= 4 else 0.04 if wide >= 2 else 0
        span = 1 - 2 * gap
        for column in columns:  # one after the other: what is drawn alike in a row is one outline
            for place, point in enumerate(points):
                value = point.values.get(column.figure)
                if not value:
                    continue
                unsure = point.status in UNSURE and not column.is_beside
                sheet.add(
                    "marks",
                    x0=round(place + gap + span * column.begins, 4), x1=round(place + gap + span * column.ends, 4),
                    y0=0, y1=float(value) * column.sign,
                    fill=f"%hatch-{column.colour[1:]}" if unsure else column.colour, stroke="none",
                )  # fmt: skip
        for figure, colour in dashes:
            for place, point in enumerate(points):
                if (value := point.values.get(figure)) is not None and (value or wide >= 4):
                    x0, x1 = round(place + gap / 2, 4), round(place + 1 - gap / 2, 4)
                    sheet.add("dashes", x0=x0, x1=x1, y=float(value), colour=colour)
        _time(sheet, points, notes, tips)

    return Chart(name, words, tuple(keys), lay, "columns", _height)


_CALLED = {
    "so": "SO-flagged", "all": "all bids", "paid": "paid to farms", "refunded": "paid back by farms", "net": "net",
    "share": "turned down", "this": "", "other": "",
}  # fmt: skip


def _time(sheet: Sheet, points: Sequence[Point], notes: Sequence[Note], tips: Callable[[Point], Sequence[str]]) -> None:
    """What charts over time share: the strip of states, the labels, notes, and what the pointer meets."""
    sheet.strip(points)
    sheet.x_axis(points)
    low, high = sheet.y_ends
    taken: list[tuple[float, float, float]] = []
    for note in notes:
        x = sheet.x_of(note.at + 0.5)
        sheet.add("notes", x=note.at + 0.5, colour="@soft")
        label = sheet.name(note.label, sheet.plot_width * 0.6, 11)
        if label:
            is_left = x <= sheet.plot_width * 0.7
            begins = x + 4 if is_left else x - 4 - width_of(label, 11)
            ends = begins + width_of(label, 11)
            y = 10.0
            while any(y == row and begins < right and left < ends for left, right, row in taken):
                y += 14
            taken.append((begins, ends, y))
            sheet.word(label, x + (4 if is_left else -4), y, "@soft", 11, "left" if is_left else "right")
    for place, point in enumerate(points):
        text = [*(point.text or tips(point)), *([point.part] if point.part else [])]
        tip = tip_of(point.at.label, text, point.status, point.is_restated)
        sheet.add("hits", x0=place, x1=place + 1, y0=low, y1=high, tip=tip)


def tip_of(label: str, text: Sequence[str], status: str, is_restated: bool = False) -> str:
    """A tooltip: a name, what is said of it, and the state in words."""
    parts = [clean(label), *(clean(line) for line in text), STATES[status].meaning]
    if is_restated:
        parts.append("restated by the source")
    return "\n".join(parts)


def ranked(name: str, bars: Sequence[Bar], words: Words) -> Chart:
    """Bars from the largest down, named at the left and labelled at their ends."""

    def row(width: int) -> int:
        return 40 if width < NARROW_BELOW else 27

    def lay(sheet: Sheet) -> None:
        room = sheet.width - 4 if sheet.is_narrow else sheet.width * 0.28
        names = [sheet.name(b.name, room, 13) or "(no name)" for b in bars]
        sheet.left = 1 if sheet.is_narrow else round(max((width_of(n, 13) for n in names), default=40)) + 10
        labels = [sheet.name(b.label, sheet.width * 0.45) for b in bars]
        sheet.right = round(max((width_of(label, 12) for label in labels), default=40)) + 10
        most, least = (end((b.value for b in bars), default=_ZERO) for end in (max, min))
        low, high = min(least, _ZERO), max(most, _ZERO) or Decimal(1)
        sheet.x_ends, sheet.y_ends = (float(low), float(high)), (max(len(bars), 1), 0)
        if not sheet.is_narrow:
            sheet.add("grid", x=0, colour="@axis")
        high_px = row(sheet.width)
        top, bottom = (0.46, 0.9) if sheet.is_narrow else (0.13, 0.87)
        for place, (bar, shown, label) in enumerate(zip(bars, names, labels, strict=True)):
            middle = high_px * (place + (top + bottom) / 2) + 4
            fill = "%hatch-accent" if bar.status in UNSURE else "@accent"
            sheet.add("marks", x0=0, x1=float(bar.value), y0=place + top, y1=place + bottom, fill=fill, stroke="none")
            if sheet.is_narrow:
                sheet.word(shown, 0, high_px * place + 13, "@ink", 13)
            else:
                sheet.word(shown, -8, middle, "@ink", 13, "right")
            sheet.word(label, sheet.x_of(float(max(bar.value, _ZERO))) + 6, middle, "@soft", 12)
            tip = tip_of(bar.name, bar.text or (bar.label,), bar.status)
            sheet.add("hits", x0=float(low), x1=float(high), y0=place, y1=place + 1, tip=tip)

    keys = (Key("not final", "@accent", "hatched"),) if any(b.status in UNSURE for b in bars) else ()
    return Chart(name, words, keys, lay, "ranked", lambda width: row(width) * max(len(bars), 1))


@dataclass(frozen=True)
class Cell:
    """A field of a heat map: its column and row from 0, its figure (None: nothing is known), and its tooltip."""

    column: int
    row: int
    value: Decimal | None
    status: str = "complete"
    text: Sequence[str] = ()


def heat_map(
    name: str, days: Sequence[Point], periods: Mapping[tuple[dt.date, int], Decimal], words: Words, unit: str = "MWh"
) -> Chart:
    """Half hours (down) of days (across), shaded by MWh; what is not there stays empty, and none has its own shade.

    Rows are settlement periods, and the times beside them those of a day of 48: where clocks change, what is below
    01:00 is an hour off, and the tooltip has the time.

    Args:
        name: of the chart.
        days: the columns, each a day.
        periods: MWh by day and settlement period (from 1); a period that is not there, is not in it.
        words: what it says.
        unit: of the figures.
    """
    bounds = _bounds(max(periods.values(), default=_ZERO))
    keys = _shade_keys(bounds, unit) if periods else (Key("not stored", "@state-missing"),)
    rows = max((period_count(point.at.start) for point in days), default=48)

    def lay(sheet: Sheet) -> None:
        sheet.left, sheet.x_ends, sheet.y_ends = 46, (0, max(len(days), 1)), (rows, 0)
        wide, high = sheet.plot_width / max(len(days), 1), sheet.plot_height / rows
        gap = 0.04 if wide > 8 else 0
        for column, point in enumerate(days):
            day = point.at.start
            there = period_count(day)
            shades = [_shade(periods.get((day, period)), bounds) for period in range(1, there + 1)]
            begin = 0
            for row in range(1, there + 1):
                if row < there and shades[row] == shades[begin]:
                    continue
                known = shades[begin] is not None
                sheet.add(
                    "marks", x0=column + gap, x1=column + 1 - gap, y0=begin, y1=row,
                    fill=f"@step-{shades[begin]}" if known else "none",
                    stroke="none" if known or wide < 5 else "@line",
                )  # fmt: skip
                begin = row
            if wide * high >= LEAST_FIELD_PX:
                for row in range(there):
                    value = periods.get((day, row + 1))
                    text = "not stored" if value is None else f"{number(value, 3)} {unit}"
                    tip = tip_of(f"{point.at.label}, {half_hour(day, row + 1).label}", (text,), point.status, False)
                    sheet.add("hits", x0=column, x1=column + 1, y0=row, y1=row + 1, tip=tip)
        sheet.rows.get("marks", []).sort(key=lambda mark: mark["fill"])  # what is alike in a row is one outline
        for hour in range(0, 24, 3):
            sheet.word(f"{hour:02}:00", -7, sheet.plot_height * hour * 2 / rows + 8, "@soft", 12, "right")
        sheet.strip(days)
        sheet.x_axis(days)

    return Chart(name, words, keys, lay, "cells", lambda width: 340 if width >= 600 else 300)


def _bounds(most: Decimal) -> list[Decimal]:
    """The upper ends of the shades: round values, the last at or above the largest figure."""
    ticks = steps(_ZERO, most or Decimal(1), STEPS, fine=True)
    return list(ticks[1:])


def _shade(value: Decimal | None, bounds: Sequence[Decimal]) -> int | None:
    """The shade of a figure: None for none, 0 for nothing (or less), else from 1 to 6."""
    if value is None:
        return None
    if value <= 0:
        return 0
    place = next((i for i, bound in enumerate(bounds, 1) if value <= bound), len(bounds))
    return STEPS if len(bounds) == 1 else 1 + round((place - 1) * (STEPS - 1) / (len(bounds) - 1))


def _shade_keys(bounds: Sequence[Decimal], unit: str) -> tuple[Key, ...]:
    step = bounds[0]
    keys = [Key("none", "@step-0")]
    keys += [
        Key(
            f"to {short(bound, step, bounds[-1])}{f' {unit}' if bound is bounds[-1] else ''}",
            f"@step-{_shade(bound, bounds)}",
        )
        for bound in bounds
    ]
    return (*keys, Key("not stored", "@state-missing"))


def calendar(name: str, year: int, days: Mapping[dt.date, Point], words: Words, figure: str = "so") -> Chart:
    """A year as a calendar, each day shaded by its MWh; a day of which nothing is known has an outline only.

    Args:
        name: of the chart.
        year: the year.
        days: what is known, by date, with the named figure; a day that is not there has not come yet.
        words: what it says.
        figure: which of the figures.
    """
    bounds = _bounds(max((v for p in days.values() if (v := p.values.get(figure)) is not None), default=_ZERO))

    def paint(point: Point) -> tuple[str, str, str]:
        shade = _shade(point.values.get(figure), bounds)
        if shade is None:
            return "none", "×" if point.status == "missing" else STATES[point.status].sign, "@soft"
        sign = STATES[point.status].sign if point.status in UNSURE else ""
        return f"@step-{shade}", sign, "@paper" if shade > 3 else "@ink"

    def tips(point: Point) -> Sequence[str]:
        value = point.values.get(figure)
        return ("not known" if value is None else f"{number(value, 0)} MWh",)

    return _calendar(name, year, days, words, _shade_keys(bounds, "MWh"), paint, tips)


def state_calendar(name: str, year: int, days: Mapping[dt.date, Point], words: Words) -> Chart:
    """A year as a calendar, each day by its status: a colour and a sign."""
    used = {p.status for p in days.values()}
    keys = tuple(
        Key(f"{state.sign} {word}".strip(), f"@state-{word}", "hatched" if word == "provisional" else "bar")
        for word, state in STATES.items()
        if word in used
    )

    def paint(point: Point) -> tuple[str, str, str]:
        fill = "%hatch-state-provisional" if point.status == "provisional" else f"@state-{point.status}"
        return fill, STATES[point.status].sign, f"@on-{point.status}"

    return _calendar(name, year, days, words, keys, paint, lambda _: ())


def _calendar(
    name: str, year: int, days: Mapping[dt.date, Point], words: Words, keys: tuple[Key, ...],
    paint: Callable[[Point], tuple[str, str, str]], tips: Callable[[Point], Sequence[str]],
) -> Chart:  # fmt: skip
    def blocks(width: int) -> list[tuple[dt.date, dt.date]]:
        if width >= 600:
            return [(dt.date(year, 1, 1), dt.date(year, 12, 31))]
        return [(dt.date(year, 1, 1), dt.date(year, 6, 30)), (dt.date(year, 7, 1), dt.date(year, 12, 31))]

    def cell(width: int) -> float:
        return (width - 34 - 2) / (54 if width >= 600 else 27.4)

    def height(width: int) -> int:
        return round(len(blocks(width)) * (cell(width) * 7 + 26))

    def lay(sheet: Sheet) -> None:
        size = cell(sheet.width)
        sheet.left, sheet.right, sheet.below = 34, 2, 4
        sheet.x_ends = (0, sheet.plot_width / size)
        sheet.y_ends = (sheet.plot_height / size, 0)
        top = 20 / size
        for first, last in blocks(sheet.width):
            monday = first - dt.timedelta(days=first.weekday())
            # A page shows the pictures of several years one after another, and none with its title.
            sheet.word(str(year), -7, top * size - 6, "@soft", 12, "right")
            for row, weekday in ((0, "Mon"), (2, "Wed"), (4, "Fri")):
                sheet.word(weekday, -7, (top + row + 0.5) * size + 4, "@soft", 11, "right")
            date = first
            while date <= last:
                column, row = divmod((date - monday).days, 7)
                if date.day == 1:
                    # The column in which the month's first whole week begins.
                    sheet.word(f"{date:%b}", (column + (1 if row else 0)) * size + 1, top * size - 6, "@soft", 12)
                if (point := days.get(date)) is not None:
                    fill, sign, ink = paint(point)
                    gap = 0.06
                    sheet.add(
                        "marks", x0=column + gap, x1=column + 1 - gap, y0=top + row + gap, y1=top + row + 1 - gap,
                        fill=fill, stroke="@line" if fill in ("none", "@state-missing") else "none",
                    )  # fmt: skip
                    if sign:
                        sheet.word(
                            sign,
                            (column + 0.5) * size,
                            (top + row + 0.5) * size + 4,
                            ink,
                            11 if size > 9 else 9,
                            "center",
                        )
                    tip = tip_of(point.at.label, point.text or tips(point), point.status, point.is_restated)
                    sheet.add("hits", x0=column, x1=column + 1, y0=top + row, y1=top + row + 1, tip=tip)
                date += dt.timedelta(days=1)
            top += (size * 7 + 26) / size

    return Chart(name, words, keys, lay, "cells", height)
