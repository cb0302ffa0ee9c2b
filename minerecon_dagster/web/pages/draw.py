"""The pages' charts: rows of the API turned into points, with the words that a tooltip says. Drawn by `charts`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from minerecon_dagster import charts
from minerecon_dagster.charts import Bar, Chart, Note, Point, Slot, Spot, Words
from minerecon_dagster.web.pages import words
from minerecon_dagster.web.pages.reader import Row

_FIGURES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "energy": {basis: {"so": "curtailed_mwh", "all": "all_bids_mwh"} for basis in ("so", "all")},
    "payment": {
        "so": {"paid": "paid_gbp", "refunded": "refunded_gbp", "net": "payment_gbp"},
        "all": {"paid": "all_bids_paid_gbp", "refunded": "all_bids_refunded_gbp", "net": "all_bids_payment_gbp"},
    },
}
"""The field of each figure of a chart, by measure and basis."""
_CALLED = {
    "curtailed_mwh": ("SO-flagged", "mwh"),
    "all_bids_mwh": ("all bids", "mwh"),
    "payment_gbp": ("net", "gbp"),
    "all_bids_payment_gbp": ("net", "gbp"),
    "paid_gbp": ("paid", "gbp"),
    "all_bids_paid_gbp": ("paid", "gbp"),
    "refunded_gbp": ("paid back", "gbp"),
    "all_bids_refunded_gbp": ("paid back", "gbp"),
    "mined_btc": ("subsidy only, no fees", "btc"),
    "all_bids_mined_btc": ("subsidy only, no fees", "btc"),
}
DRAWN = frozenset(_CALLED)
"""The fields that a chart over time draws."""
_SIGNS = {"mwh": ("", " MWh"), "gbp": ("£", ""), "btc": ("", " BTC")}


def said(value: str | Decimal | None, what: str) -> str:
    """A figure as a tooltip says it: as exactly as the table has it."""
    before, after = _SIGNS[what]
    return "not known" if value is None else f"{before}{words.plain(value, what)}{after}"


def series(
    rows: Sequence[Row], *, grain: str, show: str, basis: str, model: str, restated: Collection[str], says: Words
) -> list[Chart]:
    """Energy, money or Bitcoin over time; half hours of several days as a heat map.

    Args:
        rows: in order of time.
        grain: of them.
        show: energy, payment or bitcoin.
        basis: so or all.
        model: of the Bitcoin.
        restated: the days that the source changed.
        says: title, subtitle, description and source.
    """
    if show == "bitcoin":
        named = {words.model_text(model): "mined_btc" if basis == "so" else "all_bids_mined_btc"}
    else:
        named = dict(_FIGURES[show][basis])
    days = {row["settlement_date"] for row in rows} if grain == "half-hours" else set()
    if len(days) > 1 and show == "energy":
        return [_heat_map(rows, "curtailed_mwh" if basis == "so" else "all_bids_mwh", restated, says)]
    points = [_point(row, grain, named, restated) for row in rows]
    if grain == "days" and points:
        points = charts.regrouped(points, charts.grain_of(points[0].at.start, points[-1].at.start))
    notes = _notes(points, show)
    if show == "bitcoin":
        return [charts.bitcoin("series", points, says, notes)]
    return [(charts.energy if show == "energy" else charts.money)("series", points, says, notes)]


def _notes(points: Sequence[Point], show: str) -> list[Note]:
    """The record of the range, where a label has room."""
    name = {"energy": "so", "payment": "paid"}.get(show)
    known = [(v, n) for n, p in enumerate(points) if name and (v := p.values.get(name))]
    return [Note(max(known)[1], "the most")] if len(known) > _FEW else []


_FEW = 7
"""From so many bars on the largest is marked."""


def _slot(row: Row, grain: str) -> Slot:
    if grain == "months":
        return charts.month(dt.date.fromisoformat(f"{row['year_month']}-01"))
    if grain == "years":
        return charts.year(dt.date(int(row["year"]), 1, 1))
    day = dt.date.fromisoformat(row["settlement_date"])
    return charts.half_hour(day, int(row["settlement_period"])) if grain == "half-hours" else charts.day(day)


def _point(row: Row, grain: str, named: Mapping[str, str], restated: Collection[str]) -> Point:
    values = {name: Decimal(v) if (v := row[field]) is not None else None for name, field in named.items()}
    text = [f"{_CALLED[field][0]}: {said(row[field], _CALLED[field][1])}" for field in named.values()]
    status, stored = _of_part(row)
    return Point(_slot(row, grain), values, status, [*text, *stored], row.get("settlement_date") in restated)


def _of_part(row: Row) -> tuple[str, list[str]]:
    """The state of a row, and of a month or year that is stored in part how much of it is: a part is not missing."""
    status, present = row["status"] or "missing", int(row.get("days_present") or 0)
    if not present or present >= int(row["days_expected"]):
        return status, []
    of = f"{present:,} of {words.counted(int(row['days_expected']), 'day')} stored"
    return {"missing": "incomplete", "unavailable": "waived"}.get(status, status), [of]


def _heat_map(rows: Sequence[Row], name: str, restated: Collection[str], says: Words) -> Chart:
    days: dict[str, Point] = {}
    for row in rows:
        date = row["settlement_date"]
        days.setdefault(date, Point(charts.day(dt.date.fromisoformat(date)), {}, row["status"], (), date in restated))
    periods = {
        (dt.date.fromisoformat(row["settlement_date"]), int(row["settlement_period"])): Decimal(row[name])
        for row in rows
        if row[name] is not None
    }
    return charts.heat_map("series", list(days.values()), periods, says)


def ranking(rows: Sequence[Row], *, name: str, share: str, says: Words) -> list[Chart]:
    """Farms or lead parties, the largest first."""
    bars = [
        Bar(
            row["farm_name"],
            Decimal(row[name]),
            words.spoken(row[name], "mwh"),
            _of_part(row)[0],
            (said(row[name], "mwh"), f"{words.plain(row[share], 'share')} % of all", *_of_part(row)[1]),
        )
        for row in rows
    ]
    return [charts.ranked("farms", bars, says)]


def places(rows: Sequence[Row], where: Mapping[str, Row], *, name: str, share: str, says: Words) -> list[Chart]:
    """Farms on a map."""
    spots = []
    for row in rows:
        unit = where[row["farm_name"]]
        lost = "not known" if row[share] is None else f"{words.plain(row[share], 'share')} %"
        notified = (
            "what it notified" if row["potential_mwh"] is None else f"{said(row['potential_mwh'], 'mwh')} notified"
        )
        text = (said(row[name], "mwh"), f"{lost} of {notified}", *_of_part(row)[1])
        spots.append(
            Spot(
                row["farm_name"], Decimal(unit["longitude"]), Decimal(unit["latitude"]),
                max(Decimal(row[name]), Decimal()), None if row[share] is None else Decimal(row[share]), text,
                _of_part(row)[0],
            )
        )  # fmt: skip
    return [charts.places("places", spots, says)]


def zones(rows: Sequence[Row], *, name: str, share: str, says: Words) -> list[Chart]:
    """Zones, the largest first."""
    bars = [
        Bar(
            words.zone_text(row["zone"]),
            Decimal(row[name]),
            words.spoken(row[name], "mwh"),
            _of_part(row)[0],
            (
                said(row[name], "mwh"),
                *([f"{words.plain(row[share], 'share')} % of all"] if row[share] is not None else []),
                *_of_part(row)[1],
            ),
        )
        for row in rows
    ]
    return [charts.ranked("zones", bars, says)]


NORTH, SOUTH = "north of B6", "south of B6"
_SIDES = ((NORTH, "north_mwh"), (SOUTH, "south_mwh"))


def border(rows: Sequence[Row], *, says: Words) -> list[Chart]:
    """North and south of boundary B6 beside each other, a month a pair."""
    points = []
    for row in rows:
        status, stored = _of_part(row)
        values = {"this": row["north_mwh"], "other": row["south_mwh"]}
        text = [
            f"{called}: {said(row[field], 'mwh')}" for called, field in ((NORTH, "north_mwh"), (SOUTH, "south_mwh"))
        ]
        points.append(Point(_slot(row, "months"), values, status, [*text, *stored]))
    return [charts.compare("border", points, says, NORTH, SOUTH, same_days=True)]


def calendar(rows: Sequence[Row], *, says: Words) -> list[Chart]:
    """A field for each day, a picture for each year."""
    years: dict[int, dict[dt.date, Point]] = {}
    for row in rows:
        date = dt.date.fromisoformat(row["settlement_date"])
        years.setdefault(date.year, {})[date] = Point(charts.day(date), {}, row["status"])
    return [
        charts.state_calendar(
            f"calendar-{year}", year, days, Words(f"{says.title}, {year}", says.subtitle, says.description, says.source)
        )
        for year, days in sorted(years.items())
    ]


def compare(rows: Sequence[Row], name: str, this: str, other: str, *, says: Words) -> list[Chart]:
    """Two periods side by side."""
    points = []
    for row in rows:
        beside = row["other_settlement_date"]
        values = {
            n: Decimal(v) if (v := row[f]) is not None else None
            for n, f in (("this", name), ("other", f"other_{name}"))
        }
        text = [said(row[name], "mwh")]
        if beside:
            text.append(f"{words.day_text(beside)}: {said(row[f'other_{name}'], 'mwh')} ({row['other_status']})")
        day = charts.day(dt.date.fromisoformat(row["settlement_date"]))
        points.append(Point(day, values, row["status"], text))
    if points:
        points = charts.regrouped(points, charts.grain_of(points[0].at.start, points[-1].at.start))
    return [charts.compare("compare", points, says, this, other)]


def curve(rows: Sequence[Row], *, marked: Decimal | None, says: Words) -> list[Chart]:
    """What fleets make by their size."""
    known = [row for row in rows if row["mined_btc"] is not None]
    pairs = [(Decimal(row["fleet_mw"]), Decimal(row["mined_btc"])) for row in known]
    tips = [
        f"{words.counted(int(row['machine_count']), 'machine')}, {words.plain(row['fleet_mw'], 'mwh')} MW: "
        f"{said(row['mined_btc'], 'btc')}, subsidy only, no fees"
        for row in known
    ]
    return [charts.sizing("sizing", pairs, says, x_unit="MW", marked=marked, tips=tips)]
