"""`/border`: where wind is turned down, north or south of the Scottish border, and what it costs twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from minerecon_dagster.web.pages import figures, tables, words
from minerecon_dagster.web.pages.asked import Asked
from minerecon_dagster.web.pages.figures import STORED_DAYS, field_of, total, whole
from minerecon_dagster.web.pages.reader import Reader
from minerecon_dagster.web.pages.state import BASIS_MEANINGS, NOT_STORED, WITHOUT_A_FIGURE
from minerecon_dagster.web.pages.tables import Column
from minerecon_dagster.web.pages.views.common import basis_links, fig, periods, table_of


def border(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """Where wind is turned down, and what it costs twice."""
    figure = figures.border(reader, _part(asked, figures.BORDER))
    first, last = (dt.date.fromisoformat(figure.parameters[n]) for n in ("from", "to"))
    of_zones = _part(asked, figures.ZONES)
    is_chosen = "period" in of_zones.given
    if "period" not in of_zones.given:  # the newest month of the range
        newest = reader.newest
        inside = newest if newest is not None and first <= newest <= last else last
        given = {**of_zones.given, "period": f"{inside:%Y-%m}"}
        of_zones = Asked(asked.path, {}, given, asked.prefix, frozenset(given))
    ranked = figures.zones(reader, of_zones)
    period = ranked.parameters["period"]
    return {
        "title": "The Scottish border",
        "sentence": _sentence(figure, first, last, asked.basis),
        "widened": figure.widened,
        "state": figure.state,
        "figure": figure,
        "table": table_of(asked, figure, "North and south of the border, by month"),
        "zones": ranked,
        "zones_table": tables.make(
            asked,
            f"Zones in {words.month_text(period)}" if len(period) == 7 else f"Zones on {words.day_text(period)}",
            ranked.columns,
            sorted(ranked.rows, key=lambda r: Decimal(r[field_of("energy", asked.basis)] or 0), reverse=True),
            "zone",
            ranked.csv,
            empty=f"{ranked.empty}.",
            anchor="zones-table",
        ),
        "about_zones": "Zones are of one month or one day"
        + (": the one that you chose." if is_chosen else f": here the newest month of {words.span_text(first, last)}."),
        "twice": _twice(reader, asked, first, last),
        "first": str(first),
        "last": str(last),
        "period_text": words.month_text(period) if len(period) == 7 else words.day_text(period),
        "basis": asked.basis,
        "choices": [
            ("Bids", basis_links(asked)),
            ("Period", periods(asked, reader, (first, last), lambda s: whole(*s, "months"), "months")),
        ],
    }


def _part(asked: Asked, names: tuple[str, ...]) -> Asked:
    given = {n: asked.given[n] for n in names if n in asked.given}
    return Asked(asked.path, {}, given, asked.prefix, frozenset(given))


def _sentence(figure: figures.Figure, first: dt.date, last: dt.date, basis: str) -> Markup:
    span = words.span_text(first, last)
    if figure.empty.startswith(WITHOUT_A_FIGURE):
        return Markup("{}. No figure stands in for {}.").format(figure.empty, span)
    share, every = figures.share_of_north(figure.rows), total(figure.rows, field_of("energy", basis))
    doubt = Markup(" ({})").format(figure.state.short) if figure.state.short else Markup("")
    if every and share is None and not figure.empty and figure.title == figures.PLACE_NOT_KNOWN:
        return Markup("{}, {}{} of wind was {}; where, is not known of any unit{}.").format(
            words.within_text(first, last), figure.state.at_least, fig(every, "mwh"), BASIS_MEANINGS[basis], doubt
        )
    if figure.empty or not every or share is None:
        return Markup("{} {}.").format(figure.empty or figure.title, words.during_text(first, last))
    unknown = total(figure.rows, "nowhere_mwh")
    left = Markup("; of {} more the place is not known").format(fig(unknown, "mwh")) if unknown else Markup("")
    return Markup("{}, {}{} of the {} of wind that was {} was north of the Scottish border (boundary B6){}{}.").format(
        words.within_text(first, last),
        figure.state.of_stored,
        fig(share, "share"),
        fig(every - (unknown or 0), "mwh"),
        BASIS_MEANINGS[basis],
        left,
        doubt,
    )


def _twice(reader: Reader, asked: Asked, first: dt.date, last: dt.date) -> tables.Table:
    """What was paid to stop, and what it would have cost to make as much elsewhere, by month."""
    columns = [
        Column("year_month", "Month", "month"),
        Column("payment_gbp", "Paid to stop, net", "gbp", "£"),
        Column("turn_up_estimate_gbp", "Paid again to replace, estimate", "gbp", "£"),
        Column("cost_with_turn_up_estimate_gbp", "Both, of the same days", "gbp", "£"),
        Column("turn_up_mwh", "Replaced, estimate", "mwh", "MWh"),
        Column("turn_up_coverage", "Covered by offers", "share", "%"),
        Column("turn_up_days", "Days with an estimate", "count"),
        *STORED_DAYS,
        Column("status", "State", "status"),
    ]
    rows = reader.ask("months", from_=first, to=last, fields=[c.name for c in columns])
    return tables.make(
        asked,
        "Paid to stop, and paid again to replace (estimate), SO-flagged bids",
        columns,
        rows.rows[::-1],
        "year_month",
        rows.address(),
        empty=f"{NOT_STORED}.",
        anchor="twice",
    )
