"""The charts of the pages, each with its question, rows, words, table and addresses; alone, embedded or in a page.

A chart and its table are made of the same rows, and the CSV's address is that of the question that brought them. Of a
farm or a lead party the chart has what lies between them, too, and says so.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from minerecon_dagster.charts import Chart, Words
from minerecon_dagster.charts.places import SHARES
from minerecon_dagster.core.answers import source_of
from minerecon_dagster.core.statuses import UNAVAILABLE
from minerecon_dagster.web.pages import draw, words
from minerecon_dagster.web.pages.asked import Asked
from minerecon_dagster.web.pages.names import farm_names, require
from minerecon_dagster.web.pages.reader import Reader, Row, Rows
from minerecon_dagster.web.pages.state import (
    BASES,
    CLOSED,
    NOT_STORED,
    WHOLE,
    State,
    nothing_there,
    state_of,
)
from minerecon_dagster.web.pages.tables import Column
from minerecon_dagster.web.question import NotAnsweredError, days_of

MOST_DAYS = 2_922
"""Days of a page's range: eight years."""
MOST_HALF_HOUR_DAYS = 93
"""Days of half hours in one chart and table."""
DEFAULT_DAYS = 31
YEAR_DAYS = 365
"""As many as "Last 12 months" has by days: a day more would be of a year of its own in a calendar."""
DEFAULT_MODEL = "S19J_PRO"
RANKED = 15
"""Farms in a chart of farms; the table has all."""
GRAINS = ("days", "half-hours", "months", "years")
NO_PLACE = "No place of these farms is known"
STORED_DAYS = (
    Column("days_present", "Days stored", "count"),
    Column("days_expected", "of days", "count"),
)
"""Of a row of a month or a year: how much of it its figures are of."""
FARM_GRAINS = ("days", "months", "years")
POTENTIAL_NOTE = (
    "Lost of it: {of}. Notified potential is what the farm said that it would give, and not what the wind would have"
    " given."
)
_LOST = {"so": "SO-flagged bids over notified potential, gross", "all": "all bids, net of what was taken back, over it"}


@dataclass(frozen=True)
class Measure:
    """What a chart shows: its field and unit on each basis, and its words."""

    name: str
    what: str
    unit: str
    of: str


MEASURES: Mapping[str, Measure] = {
    "energy": Measure("Curtailed energy", "mwh", "MWh", "was turned down"),
    "payment": Measure("Net payment to farms", "gbp", "£", "was paid"),
    "bitcoin": Measure("Bitcoin that could have been mined", "btc", "BTC", "could have been mined"),
}


@dataclass(frozen=True)
class Figure:
    """A chart with all that belongs to it.

    Args:
        name: of its kind, in addresses.
        title: a statement; subtitle: what is shown, its unit, basis and period.
        charts: the drawings; none where there is nothing to draw.
        empty: one of the three texts, where there is nothing to draw.
        columns, rows, key: of its table.
        csv: the address of the rows; csv_has: what is there, where it is not these rows.
        parameters: with which the same chart is had alone and embedded.
        state: of its days.
        note: a line below the chart; empty: none.
        widened: what is said where more is shown than was asked for; it is in the note.
        sort: how its table is sorted at first.
    """

    name: str
    title: str
    subtitle: str
    charts: Sequence[Chart]
    empty: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    key: str
    csv: str
    parameters: Mapping[str, str]
    state: State
    note: str = ""
    widened: str = ""
    sort: str = ""
    csv_has: str = ""


def field_of(measure: str, basis: str) -> str:
    """The column of a measure on a basis."""
    names = {"energy": "curtailed_mwh", "payment": "payment_gbp", "bitcoin": "mined_btc"}
    if basis == "so":
        return names[measure]
    return {"energy": "all_bids_mwh", "payment": "all_bids_payment_gbp", "bitcoin": "all_bids_mined_btc"}[measure]


def unpriced_of(basis: str) -> str:
    """The column of a basis with the energy of bids that have no price, and are in no payment."""
    return "unpriced_mwh" if basis == "so" else "all_bids_unpriced_mwh"


def price_of(rows: Sequence[Row], basis: str) -> Decimal | None:
    """Net payment for each MWh that has a price, over rows with energy, payment and `unpriced_of`; None: none has."""
    mwh, gbp, unpriced = (
        total(rows, name) for name in (field_of("energy", basis), field_of("payment", basis), unpriced_of(basis))
    )
    priced = (mwh or Decimal()) - (unpriced or Decimal())
    return gbp / priced if gbp is not None and priced else None


def lost_columns(basis: str, grain: str) -> list[Column]:
    """Of a farm's row: what it notified, what share of that was lost, of how many days that is known, and how many of
    its days lack half hours.
    """
    so = basis == "so"
    return [
        Column("potential_mwh", "Notified potential", "mwh", "MWh"),
        Column(
            "curtailed_share_of_potential" if so else "all_bids_net_share_of_potential",
            "Lost of it, gross" if so else "Lost of it, net",
            "share",
            "%",
        ),
        *(
            [Column("potential_days", "Days notified", "count"), Column("days_incomplete", "Days in part", "count")]
            if grain in ("months", "years")
            else []
        ),
    ]


def is_least(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether half hours of a day of these rows are missing: what was lost of notified potential is known in part."""
    return any(row["days_incomplete"] if "days_incomplete" in row else row["status"] == "incomplete" for row in rows)


def potential_note(figure: Figure, basis: str, grain: str) -> str:
    """What a share of notified potential in a chart's table is of, and what is not known of it; empty: it has none."""
    rows = figure.rows
    if figure.empty or not rows or "potential_mwh" not in rows[0]:
        return ""
    share = lost_columns(basis, grain)[1].name
    if not any(row["potential_mwh"] is not None for row in rows):
        return "Notified potential is not known of this."
    said = POTENTIAL_NOTE.format(of=_LOST[basis])
    if grain in ("months", "years") and any(
        row["potential_days"] is not None and row["potential_days"] < row["days_expected"] for row in rows
    ):
        said += f" Of fewer days than the {grain[:-1]} has, it is at least so much."
    if is_least(row for row in rows if row[share] is not None):
        said += " Of a day that is incomplete, and of what has one in it, the share is at least so much."
    if any(row["potential_mwh"] is not None and row[share] is None for row in rows):
        said += " A share is not shown where over 1 % of the half hours lack a notification."
    return said


def total(rows: Sequence[Row], name: str) -> Decimal | None:
    """The exact sum of a column over the rows that have it; None where none has."""
    known = [Decimal(row[name]) for row in rows if row[name] is not None]
    return sum(known, Decimal()) if known else None


def recent(reader: Reader, days: int = DEFAULT_DAYS) -> tuple[dt.date, dt.date]:
    """The newest days that there are."""
    last = reader.newest or reader.today
    return last - dt.timedelta(days=days - 1), last


def recent_year(reader: Reader, grain: str) -> tuple[dt.date, dt.date]:
    """The newest days of a year; by months twelve whole ones, since those of a year of days are of thirteen."""
    if grain != "months":
        return recent(reader, YEAR_DAYS)
    begins, ends = whole(*recent(reader, 1), "months")
    return (begins.replace(month=1) if begins.month == 12 else begins.replace(begins.year - 1, begins.month + 1)), ends


def emptiness(meta: Mapping[str, Any], rows: Sequence[Row], name: str, *, of: str | None = None) -> str:
    """Which of the three texts a chart has instead of a drawing; empty where there is something to draw.

    Args:
        meta: of the answer.
        rows: its rows.
        name: the field that is drawn.
        of: the farm or lead party that the rows are of; None: all.
    """
    if of is None and name.endswith("_btc") and total(rows, name) is None and meta["days_present"]:
        return NOT_STORED  # the difficulty is not known
    if not meta["days_present"] or total(rows, name) is None:
        return nothing_there(meta, of)
    shown = [n for n in (name, "curtailed_mwh", "all_bids_mwh") if n in rows[0]]
    if of is None and not any(Decimal(r[n]) for r in rows for n in shown if r[n] is not None):
        return nothing_there(meta)
    return ""


def _of_parts(rows: Rows, name: str, state: State) -> str:
    """`emptiness` of farms or zones: one that has a row of a stored day has a bid, if none that is flagged."""
    empty = emptiness(rows.meta, rows.rows, name)
    return state.not_flagged if empty and any(r[name] is not None for r in rows.rows) else empty


def _is_closed(meta: Mapping[str, Any]) -> bool:
    return set(meta["statuses"]) == {UNAVAILABLE}


SERIES = ("from", "to", "grain", "show", "basis", "farm", "lead_party", "model")


def series(reader: Reader, asked: Asked, default: tuple[dt.date, dt.date] | None = None) -> Figure:
    """Energy, money or Bitcoin over time: of all farms, of one, or of a lead party."""
    rows, key = series_rows(reader, asked, default)
    first, last = rows.question.first, rows.question.last
    assert first is not None and last is not None
    changed = (
        reader.ask("restatements", from_=first, to=last, fields=["settlement_date"])
        if key == "settlement_date"
        else None
    )
    of = asked.get("farm") or asked.get("lead_party")
    drawn, note = _with_quiet(reader, rows, key, of) if of else (rows.rows, "")
    changed_days = {row["settlement_date"] for row in changed.rows} if changed else ()
    figure = _series_figure(asked, rows, key, changed_days, drawn, note)
    if default is None and key in ("year_month", "year") and ("from" in asked.given or "to" in asked.given):
        wanted = asked.span(recent_year(reader, asked.get("grain") or "months"), MOST_DAYS)
        if wanted != (first, last):
            more = widened("months" if key == "year_month" else "years", wanted, (first, last))
            return replace(figure, note=f"{more} {figure.note}".rstrip())
    return figure


def _with_quiet(reader: Reader, rows: Rows, key: str, of: str) -> tuple[list[Row], str]:
    """The rows of a farm or a lead party with those of the days, months or years that have no bid of it between them.

    What is stored whole and has no bid was 0; of any other nothing stands for it. Beside them what is said of those
    without a row, and of those of which not all is known, with a row or without.
    """
    grain = {"settlement_date": "days", "year_month": "months", "year": "years"}[key]
    counts = ["periods_present", "periods_expected"] if grain == "days" else [c.name for c in STORED_DAYS]
    first, last = rows.question.first, rows.question.last
    own = {row[key]: row for row in rows.rows}
    every = reader.ask(grain, from_=first, to=last, fields=[key, "status", *counts])
    blank = dict.fromkeys(rows.columns)
    drawn = []
    found: Counter[str] = Counter()
    for row in every.rows:
        present, expected = (int(row[count] or 0) for count in counts)
        is_whole = row["status"] in WHOLE and present >= expected
        if grain != "days" and row["status"] == "provisional" and every.meta["days_in_part"]:
            is_whole = False  # it may be the one that the day in progress is of
        has_bids = row[key] in own and any(own[row[key]][n] is not None for n in rows.columns if n in draw.DRAWN)
        if has_bids:
            found["in part"] += not is_whole
        else:  # what is missing has a row, if it had a bid once
            found["zero" if is_whole else "quiet in part" if present else "unknown"] += 1
        zero = {name: "0" for name in rows.columns if name in draw.DRAWN} if is_whole else {}
        drawn.append(own.get(row[key]) or {**blank, **zero, **row})
    return drawn, _quiet(found, grain, of)


def _quiet(found: Mapping[str, int], grain: str, of: str) -> str:
    """What is said of the days, months or years that are drawn and have no row, or are known in part; empty: none."""
    counts = {kind: words.counted(number, grain[:-1]) for kind, number in found.items() if number}
    said = []
    if zeros := counts.get("zero"):
        has = "has" if found["zero"] == 1 else "have"
        said.append(f"{zeros} without a bid of {of} {has} 0 in the chart, and no row.")
    if quiet := counts.get("quiet in part"):
        said.append(f"Of {quiet} not all is stored, and what is has no bid of {of}: a gap, and no 0.")
    if in_part := counts.get("in part"):
        said.append(f"Of {in_part} with bids not all is stored, or it may still change: at least so much energy.")
    if unknown := counts.get("unknown"):
        said.append(f"Of {unknown} nothing is known: a gap, and no 0.")
    return " ".join(said)


def widened(kind: str, wanted: tuple[dt.date, dt.date], shown: tuple[dt.date, dt.date]) -> str:
    """What is said where bars of whole months or years show more than was asked for."""
    return f"A bar is of whole {kind}: {words.span_text(*wanted)} was asked for, {words.span_text(*shown)} is shown."


def series_rows(reader: Reader, asked: Asked, default: tuple[dt.date, dt.date] | None = None) -> tuple[Rows, str]:
    """The rows of `series`, and the field that tells them apart."""
    basis, show = asked.basis, asked.one_of("show", tuple(MEASURES))
    farm, party = asked.get("farm"), asked.get("lead_party")
    if farm and party:
        raise asked.refused("choose a farm or a lead party, not both", "lead_party")
    require(reader, asked, farm=farm, party=party, model=asked.get("model"))
    grain = asked.one_of("grain", ("months",) if party else FARM_GRAINS if farm else GRAINS)
    if show == "bitcoin" and (farm or party or grain == "half-hours"):
        raise asked.refused(
            "Bitcoin is shown of all farms by day, month or year; of one farm, /miners has it", "show", "model"
        )
    most = MOST_HALF_HOUR_DAYS if grain == "half-hours" else MOST_DAYS
    span = default or (
        recent_year(reader, grain)
        if grain in ("months", "years")
        else recent(reader, 1 if grain == "half-hours" else DEFAULT_DAYS)
    )
    first, last = asked.span(span, most)
    if default is None and grain in ("months", "years"):  # a bar is of a whole one, and so is the state
        first, last = whole(first, last, grain)
    ranged: dict[str, Any] = {"from_": first, "to": last, "basis": basis}
    key = {"days": "settlement_date", "half-hours": "settlement_date", "months": "year_month", "years": "year"}[grain]
    fields = [c.name for c in series_columns(grain, show, basis, is_part=bool(farm or party), of_farm=bool(farm))]
    if show == "bitcoin":
        model = asked.get("model") or DEFAULT_MODEL
        return reader.ask(f"mining/{grain}", model=model, fields=fields, **ranged), key
    ranged["also"] = [unpriced_of(basis)]
    if farm:
        return reader.ask(f"farms/{{farm}}/{grain}", farm=farm, fields=fields, **ranged), key
    if party:
        return reader.ask("lead-parties/months", lead_party=party, fields=fields, **ranged), key
    rows = reader.ask(grain, fields=fields, **ranged)
    if grain == "half-hours":
        for row in rows.rows:
            row["at"] = f"{row['settlement_date']}/{int(row['settlement_period']):02}"
        return rows, "at"
    return rows, key


def whole(first: dt.date, last: dt.date, grain: str) -> tuple[dt.date, dt.date]:
    """The whole months or years of a range."""
    if grain == "years":
        return first.replace(month=1, day=1), last.replace(month=12, day=31)
    return first.replace(day=1), (last.replace(day=1) + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)


def series_columns(grain: str, show: str, basis: str, *, is_part: bool, of_farm: bool = False) -> list[Column]:
    """The columns of the table of `series`."""
    so = basis == "so"
    spans = {
        "days": [Column("settlement_date", "Day", "day")],
        "half-hours": [Column("settlement_date", "Day", "day"), Column("settlement_period", "Half hour", "period")],
        "months": [Column("year_month", "Month", "month")],
        "years": [Column("year", "Year", "year")],
    }[grain]
    status = Column("status", "State", "status")
    stored = [*STORED_DAYS, status] if grain in ("months", "years") else [status]
    if show == "bitcoin":
        return [
            *spans,
            Column(field_of("energy", basis), "Energy", "mwh", "MWh"),
            Column(field_of("bitcoin", basis), "Bitcoin, subsidy only, no fees", "btc", "BTC"),
            Column("value_gbp" if so else "all_bids_value_gbp", "Its value then", "gbp", "£"),
            *([Column("days_priced", "Days with a price", "count")] if len(stored) > 1 else []),
            Column(field_of("payment", basis), "Paid to stop", "gbp", "£"),
            *stored,
        ]
    part = ("share_of_curtailed" if so else "share_of_all_bids", "Of all farms")
    whole = ("curtailed_share" if so else "all_bids_share", "Of what the wind offered")
    name, heading = part if is_part else whole
    other = "all" if so else "so"
    money = [Column(field_of("payment", basis), "Net payment", "gbp", "£")]
    if show == "payment":
        prefix = "" if so else "all_bids_"
        money = [
            Column(f"{prefix}paid_gbp", "Paid to farms", "gbp", "£"),
            Column(f"{prefix}refunded_gbp", "Paid back", "gbp", "£"),
            *money,
        ]
    return [
        *spans,
        Column(field_of("energy", basis), "Energy" if so else "Energy, all bids", "mwh", "MWh"),
        *(
            [Column(field_of("energy", other), "All bids" if so else "SO-flagged", "mwh", "MWh")]
            if show == "energy"
            else []
        ),
        *money,
        Column("payment_gbp_per_mwh" if so else "all_bids_payment_gbp_per_mwh", "Price", "price", "£/MWh"),
        Column(name, heading, "share", "%"),
        *(lost_columns(basis, grain) if of_farm or grain == "half-hours" else ()),
        *stored,
    ]


def says(title: str, subtitle: str, state: State) -> Words:
    """What a chart says beside its marks; its source is on the page, and on the picture that stands alone."""
    source = source_of(synthetic=state.is_synthetic)
    return Words(
        title,
        f"{subtitle}{f' ({state.short})' if state.short else ''}",
        f"{title}. {subtitle}. {state.line}",
        f"{source} {state.as_of}",
    )


def _series_figure(
    asked: Asked, rows: Rows, key: str, restated: Collection[str], drawn: Sequence[Row], note: str
) -> Figure:
    basis, show = asked.basis, asked.one_of("show", tuple(MEASURES))
    measure, name = MEASURES[show], field_of(show, asked.basis)
    grain = asked.get("grain") or ("months" if asked.get("lead_party") else "days")
    of = asked.get("farm") or asked.get("lead_party")
    first, last = rows.question.first, rows.question.last
    assert first is not None and last is not None
    known = [row for row in rows.rows if row[name] is not None]
    top = max(known, key=lambda row: Decimal(row[name]), default=None)
    empty = emptiness(rows.meta, rows.rows, name, of=of)
    state = state_of(rows.meta)
    title = empty
    if top is not None and not empty and not Decimal(top[name]):
        title = state.not_flagged
    elif top is not None and not empty:
        title = state.titled(f"{_at(top, grain)} had the most: {words.spoken(top[name], measure.what)}")
        title += " (subsidy only, no fees)" if show == "bitcoin" else ""
    by = {"days": "a day", "half-hours": "a half hour", "months": "a month", "years": "a year"}[grain]
    fees = ", block subsidy only, no fees" if show == "bitcoin" else ""
    model = f" on {words.model_text(asked.get('model') or DEFAULT_MODEL)}" if show == "bitcoin" else ""
    subtitle = (
        f"{measure.name}{model}{f', {of}' if of else ''}: {measure.unit} {by}{fees}; {BASES[basis]}; "
        f"{words.span_text(first, last)}"
    )
    given = {n: asked.given[n] for n in SERIES if n in asked.given}
    return Figure(
        "series",
        title,
        subtitle,
        []
        if empty
        else draw.series(
            drawn,
            grain=grain,
            show=show,
            basis=basis,
            model=asked.get("model") or DEFAULT_MODEL,
            restated=restated,
            says=says(title, subtitle, state),
        ),
        empty,
        series_columns(grain, show, basis, is_part=of is not None, of_farm="farm" in asked.given),
        rows.rows,
        key,
        rows.address(),
        {**given, "from": str(first), "to": str(last)},
        state,
        note=note if not empty else "",
        sort="settlement_date" if key == "at" else key,
    )


def _at(row: Row, grain: str) -> str:
    if grain == "months":
        return words.month_text(row["year_month"])
    if grain == "years":
        return str(row["year"])
    day = dt.date.fromisoformat(row["settlement_date"])
    if grain == "half-hours":
        return f"{words.period_text(day, int(row['settlement_period']))} on {words.day_text(day)}"
    return words.day_text(day)


FARMS = ("period", "basis")


def farms(reader: Reader, asked: Asked) -> Figure:
    """The farms of a day, a month or a year, by what was turned down."""
    basis, so = asked.basis, asked.basis == "so"
    newest = reader.newest or reader.today
    month = (
        newest.replace(day=1),
        (newest.replace(day=1) + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1),
    )
    first, last = asked.days("period", month)
    grain = "days" if first == last else "months" if (last - first).days < DEFAULT_DAYS else "years"
    name = field_of("energy", basis)
    columns = [
        Column("farm_name", "Wind farm", "farm"),
        Column("lead_party_names", "Lead party", "parties"),
        Column(name, "Energy", "mwh", "MWh"),
        Column("share_of_curtailed" if so else "share_of_all_bids", "Of all farms", "share", "%"),
        *lost_columns(basis, grain),
        Column(field_of("payment", basis), "Net payment", "gbp", "£"),
        Column("payment_gbp_per_mwh" if so else "all_bids_payment_gbp_per_mwh", "Price", "price", "£/MWh"),
        *(STORED_DAYS if grain != "days" else ()),
        Column("status", "State", "status"),
    ]
    path = {"days": "farms", "months": "farms/months", "years": "farms/years"}[grain]
    rows = reader.ask(path, from_=first, to=last, basis=basis, fields=[c.name for c in columns])
    state = state_of(rows.meta)
    empty = _of_parts(rows, name, state)
    ranked = sorted((r for r in rows.rows if r[name] is not None), key=lambda r: Decimal(r[name]), reverse=True)
    title = empty
    if ranked and not empty:
        share = ranked[0]["share_of_curtailed" if so else "share_of_all_bids"]
        title = state.titled(f"{ranked[0]['farm_name']} was turned down most: {words.spoken(ranked[0][name], 'mwh')}")
        title += f", {words.spoken(share, 'share')} of all" if share is not None else ""
    subtitle = f"Curtailed energy by wind farm: MWh; {BASES[basis]}; {words.span_text(first, last)}"
    if len(ranked) > RANKED and not empty:
        subtitle += f"; the first {RANKED} of {len(ranked)} farms, the table has all"
    given = {n: asked.given[n] for n in FARMS if n in asked.given}
    period = {"days": str(first), "months": f"{first:%Y-%m}", "years": f"{first:%Y}"}[grain]
    return Figure(
        "farms",
        title,
        subtitle,
        []
        if empty
        else draw.ranking(
            ranked[:RANKED],
            name=name,
            share="share_of_curtailed" if so else "share_of_all_bids",
            says=says(title, subtitle, state),
        ),
        empty,
        columns,
        rows.rows,
        "farm_name",
        rows.address(),
        {**given, "period": period},
        state,
        sort=f"-{name}",
    )


NATURAL_EARTH = "Outline: Natural Earth, public domain."


def places(reader: Reader, asked: Asked, of: Figure | None = None) -> Figure:
    """The farms of a day, a month or a year on a map, by what share of what they notified was lost.

    Args:
        reader: asks.
        asked: of the page.
        of: the chart of the same farms, where it is made already.
    """
    figure = of or farms(reader, asked)
    basis = asked.basis
    name, share = field_of("energy", basis), lost_columns(basis, "days")[1].name
    where: dict[str, Row] = {}
    fields = ["bmu_id", "farm_name", "latitude", "longitude", "generation_capacity_mw"]
    for unit in reader.ask("units", fields=fields).rows:  # of several units the largest says where the farm is
        known = where.get(unit["farm_name"])
        size = Decimal(unit["generation_capacity_mw"] or 0)
        if unit["latitude"] is not None and (known is None or size > Decimal(known["generation_capacity_mw"] or 0)):
            where[unit["farm_name"]] = unit
    ranked = sorted((r for r in figure.rows if r[name] is not None), key=lambda r: Decimal(r[name]), reverse=True)
    placed = [row for row in ranked if row["farm_name"] in where]
    shares = [r for r in placed if r[share] is not None]
    empty = figure.empty or ("" if placed else NO_PLACE)
    title = empty or ("" if shares else "It is not known what share of what they notified these farms lost")
    if not title:
        half = sum(Decimal(r[share]) >= SHARES[-1] for r in shares)
        title = f"{half} of {words.counted(len(shares), 'farm')} lost half of what was notified, or more"
        if unknown := len(placed) - len(shares):
            title += f"; of {words.counted(unknown, 'farm')} it is not known"
    first, last = asked.days("period", days_of(figure.parameters["period"]) or whole(*recent(reader, 1), "months"))
    grain = "days" if first == last else "months" if (last - first).days < DEFAULT_DAYS else "years"
    subtitle = (
        f"Share of notified potential that was lost, {'gross' if basis == 'so' else 'net'}; a dot is as large as the"
        f" energy; {BASES[basis]}; {words.span_text(first, last)}"
    )
    left = len(ranked) - len(placed)
    lacking = (
        f"{words.counted(left, 'farm')} with a bid {'has' if left == 1 else 'have'} no reviewed place. " if left else ""
    )
    return replace(
        figure,
        name="places",
        title=title,
        subtitle=subtitle,
        charts=[]
        if empty
        else draw.places(placed, where, name=name, share=share, says=says(title, subtitle, figure.state)),
        empty=empty,
        # Of a chart that is there already the page says so below its table.
        note=f"{'' if of else potential_note(figure, basis, grain)} {lacking}{NATURAL_EARTH}".strip(),
    )


COMPARE = ("from", "to", "with", "basis")
MOST_COMPARED_DAYS = 1_100


def compare(reader: Reader, asked: Asked) -> Figure:
    """The days of a period beside those of another; of the year before, if none is named.

    Where nothing at all is asked for, and nothing of the year before is stored, as many days just before: a page opens
    on something that can be compared.
    """
    basis, newest = asked.basis, reader.newest or reader.today
    first, last = asked.span((newest.replace(day=1), newest), MOST_COMPARED_DAYS)
    other = asked.days("with", (first, first))[0] if "with" in asked.given else None
    mwh, gbp = field_of("energy", basis), field_of("payment", basis)
    columns = [
        Column("settlement_date", "Day", "day"),
        Column(mwh, "Energy", "mwh", "MWh"),
        Column(gbp, "Net payment", "gbp", "£"),
        Column("status", "State", "status"),
        Column("other_settlement_date", "Beside", "day"),
        Column(f"other_{mwh}", "Energy then", "mwh", "MWh"),
        Column(f"other_{gbp}", "Net payment then", "gbp", "£"),
        Column("other_status", "State then", "status"),
        Column(f"difference_{mwh}", "Difference", "mwh", "MWh"),
    ]
    fields = [column.name for column in columns]
    rows = reader.ask("compare", from_=first, to=last, with_=other, basis=basis, fields=fields)
    both = [r for r in rows.rows if r[f"difference_{mwh}"] is not None]
    if not both and not any(name in asked.given for name in ("from", "to", "with")):
        before = first - dt.timedelta(days=(last - first).days + 1)
        nearer = reader.ask("compare", from_=first, to=last, with_=before, basis=basis, fields=fields)
        if known := [r for r in nearer.rows if r[f"difference_{mwh}"] is not None]:
            other, rows, both = before, nearer, known
    state = state_of(rows.meta)
    empty = "" if both else CLOSED if _is_closed(rows.meta) else NOT_STORED
    spans = compared_spans(rows.rows, first, last)
    title = f"{words.span_text(*spans[0])} beside {words.span_text(*spans[1])}"
    subtitle = f"Curtailed energy: MWh a day; {BASES[basis]}"
    given = {n: asked.given[n] for n in COMPARE if n in asked.given}
    if other is not None:
        given["with"] = str(other)
    return Figure(
        "compare",
        title,
        subtitle,
        []
        if empty
        else draw.compare(rows.rows, mwh, *(words.span_text(*s) for s in spans), says=says(title, subtitle, state)),
        empty,
        columns,
        rows.rows,
        "settlement_date",
        rows.address(),
        {**given, "from": str(first), "to": str(last)},
        state,
        sort="settlement_date",
    )


def compared_spans(rows: Sequence[Row], first: dt.date, last: dt.date) -> list[tuple[dt.date, dt.date]]:
    """The period that is asked for, and the one that it is compared with."""
    others = [dt.date.fromisoformat(r["other_settlement_date"]) for r in rows if r["other_settlement_date"]]
    return [(first, last), (others[0], others[-1])] if others else [(first, last), (first, last)]


CALENDAR = ("from", "to")


def calendar(reader: Reader, asked: Asked) -> Figure:
    """How every day stands."""
    first, last = asked.span(recent(reader, YEAR_DAYS), MOST_DAYS)
    columns = [
        Column("settlement_date", "Day", "day"),
        Column("status", "State", "status"),
        Column("periods_present", "Half hours there", "count"),
        Column("periods_expected", "Half hours of the day", "count"),
        Column("is_final", "Final", "yes"),
    ]
    rows = reader.ask("calendar", from_=first, to=last, fields=[c.name for c in columns])
    by = rows.meta["statuses"]
    good = sum(by.get(word, 0) for word in ("complete", "warned", "waived"))
    days = rows.meta["days_expected"]
    empty = "" if rows.meta["days_present"] else CLOSED if _is_closed(rows.meta) else NOT_STORED
    state = state_of(rows.meta)
    title = empty or f"{good:,} of {words.counted(days, 'day')} {words.is_or_are(good, days)} final and checked"
    subtitle = f"The state of every settlement day; {words.span_text(first, last)}"
    return Figure(
        "calendar",
        title,
        subtitle,
        [] if empty else draw.calendar(rows.rows, says=says(title, subtitle, state)),
        empty,
        columns,
        rows.rows,
        "settlement_date",
        rows.address(),
        {"from": str(first), "to": str(last)},
        state,
        sort="-settlement_date",
    )


SIZING = ("farm", "model", "from", "to", "power_mw", "machines")
SIZES_MW = ("1", "2", "5", "10", "20", "50", "100")
"""Sizes of fleets of the curve."""


PRICED = "priced_btc_share"


def lacks_prices(row: Row) -> bool:
    """Whether of a part of a fleet's Bitcoin the price is not known, and the value is that of the rest."""
    return row[PRICED] is not None and Decimal(row[PRICED]) < 1


def sizing(reader: Reader, asked: Asked) -> Figure:
    """What fleets of several sizes at a farm would have made."""
    first, last = asked.span(recent(reader, YEAR_DAYS), MOST_DAYS)
    farm, model = asked.get("farm"), asked.get("model") or DEFAULT_MODEL
    if farm is None:
        names = farm_names(reader)
        way_on = asked.address(farm=names[0]) if names else f"{asked.prefix}/miners"
        raise NotAnsweredError(422, "choose a farm", **{"try": way_on})
    require(reader, asked, farm=farm, model=asked.get("model"))
    machines, power = asked.number("machines", "1", "1000000"), asked.number("power_mw", "0.01", "5000")
    if machines is not None and power is not None:
        raise asked.refused("give the size as machines or in MW, not both", "machines")
    if machines is not None:
        if machines != machines.to_integral_value():
            raise asked.refused(f"machines must be a whole number, not {asked.get('machines')!r}", "machines")
        base = int(machines)
        sizes = ",".join(str(n) for n in sorted({base, *(max(1, base * f // 4) for f in (1, 2, 3, 6, 8, 16))}))
        given = {"machines": sizes}
    else:
        own = [words.exact(power)] if power is not None else []
        given = {"power_mw": ",".join(sorted({*SIZES_MW, *own}, key=Decimal))}
    columns = [
        Column("machine_count", "Machines", "count"),
        Column("fleet_mw", "Power", "mwh", "MW"),
        Column("energy_used_mwh", "Energy used", "mwh", "MWh"),
        Column("energy_left_mwh", "Energy left", "mwh", "MWh"),
        Column("utilisation", "Utilisation", "share", "%"),
        Column("mined_btc", "Bitcoin, subsidy only, no fees", "btc", "BTC"),
        Column("mined_btc_per_machine", "Per machine", "btc", "BTC"),
        Column("share_of_ceiling", "Of what the energy could make", "share", "%"),
        Column("value_gbp", "Its value then", "gbp", "£"),
    ]
    fields = [c.name for c in columns]
    rows = reader.ask("sizing", farm=farm, model=model, from_=first, to=last, fields=fields, also=[PRICED], **given)
    empty = emptiness(rows.meta, rows.rows, "mined_btc", of=farm)
    span = words.span_text(first, last)
    subtitle = (
        f"Bitcoin by the size of the fleet: BTC, block subsidy only, no fees; {words.model_text(model)} at {farm}"
    )
    subtitle += f"; SO-flagged bids; {span}"
    state = state_of(rows.meta)
    ends = [r for r in rows.rows if r["mined_btc"] is not None]
    title = empty or (
        f"{words.rounded(ends[0]['fleet_mw'], 0)} MW would have made {state.at_least}"
        f"{words.spoken(ends[0]['mined_btc'], 'btc')}, {words.rounded(ends[-1]['fleet_mw'], 0)} MW "
        f"{state.at_least}{words.spoken(ends[-1]['mined_btc'], 'btc')}"
        " (subsidy only, no fees)"
    )
    kept = {n: asked.given[n] for n in SIZING if n in asked.given}
    return Figure(
        "sizing",
        title,
        subtitle,
        []
        if empty
        else draw.curve(rows.rows, marked=own_size(rows.rows, machines, power), says=says(title, subtitle, state)),
        empty,
        columns,
        rows.rows,
        "machine_count",
        rows.address(),
        {**kept, "from": str(first), "to": str(last)},
        state,
        note="The size of the fleet is yours: an assumption, and no figure of the source."
        + (" Its value is of the days that have a price: at least so much." if any(map(lacks_prices, ends)) else ""),
        sort="machine_count",
    )


def own_size(rows: Sequence[Row], machines: Decimal | None, power_mw: Decimal | None) -> Decimal | None:
    """The power of the fleet that was asked for: as many whole machines as it feeds."""
    fitting = [
        row
        for row in rows
        if (machines is not None and Decimal(row["machine_count"]) == machines)
        or (power_mw is not None and Decimal(row["fleet_mw"]) <= power_mw)
    ]
    return max((Decimal(row["fleet_mw"]) for row in fitting), default=None)


ZONES = ("period", "basis")


def zones(reader: Reader, asked: Asked) -> Figure:
    """The zones (GSP groups) of a day or a month, by what was turned down."""
    basis, so = asked.basis, asked.basis == "so"
    first, last = asked.days("period", whole(*recent(reader, 1), "months"))
    if (last - first).days > DEFAULT_DAYS:
        raise asked.refused("zones are ranked of a month or a day, as in March 2025 or 28 March 2025", "period")
    name, share = field_of("energy", basis), "share_of_curtailed" if so else "share_of_all_bids"
    columns = [
        Column("zone", "Zone", "zone"),
        Column("above_b6", "Above B6", "yes"),
        Column(name, "Energy", "mwh", "MWh"),
        Column(share, "Of all", "share", "%"),
        Column(field_of("payment", basis), "Net payment", "gbp", "£"),
        Column("payment_gbp_per_mwh" if so else "all_bids_payment_gbp_per_mwh", "Price", "price", "£/MWh"),
        *(STORED_DAYS if first != last else ()),
        Column("status", "State", "status"),
    ]
    path = "zones/days" if first == last else "zones/months"
    rows = reader.ask(path, from_=first, to=last, basis=basis, fields=[c.name for c in columns])
    state = state_of(rows.meta)
    empty = _of_parts(rows, name, state)
    ranked = sorted((r for r in rows.rows if r[name] is not None), key=lambda r: Decimal(r[name]), reverse=True)
    title = empty
    if ranked and not empty:
        of_all = f", {words.spoken(ranked[0][share], 'share')} of all" if ranked[0][share] is not None else ""
        most = words.spoken(ranked[0][name], "mwh")
        is_known = ranked[0]["zone"] in words.ZONE_NAMES
        title = (
            f"{words.zone_text(ranked[0]['zone'])} was turned down most: {most}" if is_known else f"The place of {most}"
        )
        title = state.titled(title + (of_all if is_known else f"{of_all}, is not known"))
    subtitle = f"Curtailed energy by zone (GSP group): MWh; {BASES[basis]}; {words.span_text(first, last)}"
    given = {n: asked.given[n] for n in ZONES if n in asked.given}
    return Figure(
        "zones",
        title,
        subtitle,
        [] if empty else draw.zones(ranked, name=name, share=share, says=says(title, subtitle, state)),
        empty,
        columns,
        rows.rows,
        "zone",
        rows.address(),
        {**given, "period": str(first) if first == last else f"{first:%Y-%m}"},
        state,
        sort=f"-{name}",
    )


BORDER = ("from", "to", "basis")
PLACE_NOT_KNOWN = "Of no unit that was turned down the place is known"


def share_of_north(rows: Sequence[Row]) -> Decimal | None:
    """What part of the energy whose place is known was north of boundary B6; None: of none it is known."""
    north, south = total(rows, "north_mwh"), total(rows, "south_mwh")
    return north / (north + south) if north is not None and south is not None and north + south else None


def border(reader: Reader, asked: Asked) -> Figure:
    """What was turned down north and south of boundary B6, month by month."""
    basis = asked.basis
    wanted = asked.span(recent_year(reader, "months"), MOST_DAYS)
    first, last = whole(*wanted, "months")
    is_asked = "from" in asked.given or "to" in asked.given
    more = widened("months", wanted, (first, last)) if is_asked and wanted != (first, last) else ""
    name = field_of("energy", basis)
    fields = ["year_month", "zone", "above_b6", name, "status", *(c.name for c in STORED_DAYS)]
    rows = reader.ask("zones/months", from_=first, to=last, basis=basis, fields=fields)
    months = reader.ask("months", from_=first, to=last, basis=basis, fields=["year_month", name, *fields[4:]])
    sides: dict[str, dict[bool | None, Decimal]] = {}
    for row in rows.rows:
        if row[name] is not None:
            is_north = {True: True, "true": True, False: False, "false": False}.get(row["above_b6"])
            of_month = sides.setdefault(row["year_month"], {})
            of_month[is_north] = of_month.get(is_north, Decimal()) + Decimal(row[name])
    for row in months.rows:
        here = sides.get(row["year_month"], {})
        nothing = Decimal() if row[name] is not None else None  # a month that is stored, without a bid there
        row["north_mwh"], row["south_mwh"] = (here.get(side, nothing) for side in (True, False))
        row["nowhere_mwh"] = here.get(None, nothing)
        placed = Decimal(row[name]) - row["nowhere_mwh"] if row[name] is not None else None
        if placed == 0 and row["nowhere_mwh"]:  # where all of it was is not known: that none was north is no figure
            row["north_mwh"] = row["south_mwh"] = None
        row["north_share"] = row["north_mwh"] / placed if placed and row["north_mwh"] is not None else None
    columns = [
        Column("year_month", "Month", "month"),
        Column("north_mwh", "North of it", "mwh", "MWh"),
        Column("south_mwh", "South of it", "mwh", "MWh"),
        Column("nowhere_mwh", "Place not known", "mwh", "MWh"),
        Column("north_share", "North, where known", "share", "%"),
        *STORED_DAYS,
        Column("status", "State", "status"),
    ]
    empty = emptiness(months.meta, months.rows, name)
    state = state_of(months.meta)
    share = share_of_north(months.rows)
    title = empty
    if share is not None:
        title = state.titled(f"{words.spoken(share, 'share')} was turned down north of the Scottish border")
    elif not empty:
        title = PLACE_NOT_KNOWN if total(months.rows, "nowhere_mwh") else state.not_flagged
    subtitle = (
        f"Curtailed energy north and south of boundary B6: MWh a month; {BASES[basis]}; {words.span_text(first, last)}"
    )
    given = {n: asked.given[n] for n in BORDER if n in asked.given}
    return Figure(
        "border",
        title,
        subtitle,
        [] if empty else draw.border(months.rows, says=says(title, subtitle, state)),
        empty,
        columns,
        months.rows,
        "year_month",
        rows.address(),
        {**given, "from": str(first), "to": str(last)},
        state,
        note=f"North of boundary B6: the GSP groups South Scotland (_N) and North Scotland (_P). {more}".rstrip(),
        widened=more,
        sort="-year_month",
        csv_has="every zone and month",
    )


FIGURES: Mapping[str, tuple[Sequence[str], Callable[[Reader, Asked], Figure]]] = {
    "series": (SERIES, series),
    "farms": (FARMS, farms),
    "places": (FARMS, places),
    "compare": (COMPARE, compare),
    "calendar": (CALENDAR, calendar),
    "sizing": (SIZING, sizing),
    "zones": (ZONES, zones),
    "border": (BORDER, border),
}
"""Every chart that can be had alone: its parameters, and what makes it."""
