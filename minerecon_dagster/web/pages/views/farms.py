"""`/farms` and `/lead-parties`: which farms, and what of one of them, or of one lead party."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from minerecon_dagster.web.pages import figures, tables, words
from minerecon_dagster.web.pages.asked import Asked
from minerecon_dagster.web.pages.figures import DEFAULT_MODEL, field_of, total
from minerecon_dagster.web.pages.names import farm_names
from minerecon_dagster.web.pages.reader import Reader
from minerecon_dagster.web.pages.state import NO_ROW, WITHOUT_A_FIGURE
from minerecon_dagster.web.pages.tables import Column
from minerecon_dagster.web.pages.views.common import (
    PAGE_OF_FARMS,
    Span,
    basis_links,
    fig,
    periods,
    series_sentence,
    table_of,
)
from minerecon_dagster.web.question import FIRST_YEAR, days_of


def farm_list(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """Which farms were turned down, in a year, in a month or on a day."""
    figure = figures.farms(reader, asked)
    basis = asked.basis
    period = figure.parameters["period"]
    first, last = days_of(period) or (reader.today, reader.today)
    name = field_of("energy", basis)
    mwh = total(figure.rows, name)
    ranked = sorted((r for r in figure.rows if r[name] is not None), key=lambda r: Decimal(r[name]), reverse=True)
    span = words.span_text(first, last)
    doubt = Markup(" ({})").format(figure.state.short) if figure.state.short else Markup("")
    share = "share_of_curtailed" if basis == "so" else "share_of_all_bids"
    if figure.empty:
        sentence = Markup("{} {}.").format(figure.empty, words.during_text(first, last))
        if figure.empty.startswith(WITHOUT_A_FIGURE):
            sentence = Markup("{}. No figure stands in for {}.").format(figure.empty, span)
    else:
        top = ranked[0]
        sentence = Markup("{}, {}{} was turned down most: {}{}, {} of {}{} from {}{}.").format(
            words.within_text(first, last),
            figure.state.of_stored,
            top["farm_name"],
            figure.state.at_least,
            fig(top[name], "mwh"),
            fig(top[share], "share"),
            figure.state.at_least or "all ",
            fig(mwh, "mwh"),
            words.counted(len(ranked), "farm"),
            doubt,
        )
    to = tables.ways(asked, figure.parameters)
    earlier, later = first - dt.timedelta(days=1), last + dt.timedelta(days=1)
    form = {10: "%Y-%m-%d", 7: "%Y-%m", 4: "%Y"}[len(period)]
    parties = None
    if len(period) == 7:
        party_columns = [
            Column("lead_party_name", "Lead party", "party"),
            Column(name, "Energy", "mwh", "MWh"),
            Column(share, "Of all", "share", "%"),
            Column(field_of("payment", basis), "Net payment", "gbp", "£"),
            *figures.STORED_DAYS,
            Column("status", "State", "status"),
        ]
        found = reader.ask(
            "lead-parties/months", from_=first, to=last, basis=basis, fields=[c.name for c in party_columns]
        )
        by_energy = sorted(found.rows, key=lambda r: Decimal(r[name] or 0), reverse=True)
        parties = tables.make(
            asked,
            f"Lead parties in {span}",
            party_columns,
            by_energy,
            "lead_party_name",
            found.address(),
            empty=f"{figure.empty or NO_ROW}.",
            most=PAGE_OF_FARMS,
            shown_of=figure.parameters,
        )
    return {
        "title": f"Wind farms, {span}",
        "sentence": sentence,
        "lost": _lost_most(figure.rows, basis) if not figure.empty else None,
        "about_potential": figures.potential_note(figure, basis, {10: "days", 7: "months", 4: "years"}[len(period)]),
        "state": figure.state,
        "figure": figure,
        "table": table_of(asked, figure, f"Wind farms {'on' if first == last else 'in'} {span}"),
        "by": [
            ("A day", asked.address(period=str(_inside(reader, first, last)), after=None, sort=None), first == last),
            (
                "a month",
                asked.address(period=f"{_inside(reader, first, last):%Y-%m}", after=None, sort=None),
                len(period) == 7,
            ),
            ("a year", asked.address(period=f"{first:%Y}", after=None, sort=None), len(period) == 4),
        ],
        "parties": parties,
        "map": figures.places(reader, asked, figure) if not figure.empty else None,
        "period_text": span,
        "basis": basis,
        "basis_links": basis_links(asked),
        "earlier": asked.address(period=earlier.strftime(form), after=None, sort=None)
        if earlier.year >= FIRST_YEAR
        else None,
        "later": asked.address(period=later.strftime(form), after=None, sort=None) if later <= reader.today else None,
        "names": [to.farm(name) for name in farm_names(reader)],
    }


def _inside(reader: Reader, first: dt.date, last: dt.date) -> dt.date:
    """The newest stored day of a range, or its last day."""
    return min(last, max(first, reader.newest)) if reader.newest else last


LEAST_NOTIFIED_MWH = 100
"""Of a farm that notified less a share says little, and is not named first."""


def _lost_most(rows: Sequence[Mapping[str, Any]], basis: str) -> Markup | None:
    """Which farm lost the largest share of what it notified; None where that is not known of any."""
    share = figures.lost_columns(basis, "days")[1].name
    known = [r for r in rows if r[share] is not None and Decimal(r["potential_mwh"]) >= LEAST_NOTIFIED_MWH]
    if not known:
        return None
    most = max(known, key=lambda r: (Decimal(r[share]), r["farm_name"]))
    return Markup("{} lost the largest share of what it notified that it would give: {}{} of {} ({}{}).").format(
        most["farm_name"],
        "at least " if figures.is_least([most]) else "",
        fig(most[share], "share"),
        fig(most["potential_mwh"], "mwh"),
        "gross" if basis == "so" else "net of what was taken back",
        _of_days(most.get("potential_days"), most.get("days_expected")),
    )


def _of_days(days: int | None, of: int | None) -> str:
    return f"; {days:,} of {words.counted(of, 'day')}" if days is not None and of is not None and days < of else ""


def _share_lost(reader: Reader, name: str, first: dt.date, last: dt.date, basis: str, grain: str) -> Markup | None:
    """What share of what a farm notified was lost over a range; None where it is not known of all that was notified."""
    share = figures.lost_columns(basis, grain)[1].name
    of = "curtailed_of_potential_mwh" if basis == "so" else "all_bids_net_of_potential_mwh"
    counts = [] if grain == "days" else ["potential_days", "days_expected", "days_incomplete"]
    rows = reader.ask(
        f"farms/{{farm}}/{grain}",
        farm=name,
        from_=first,
        to=last,
        fields=["potential_mwh", share, of, "status", *counts],
    ).rows
    known = [r for r in rows if r["potential_mwh"] is not None]
    notified, lost = total(known, "potential_mwh"), total(known, of)
    if not notified or lost is None or any(r[share] is None for r in known if Decimal(r["potential_mwh"])):
        return None
    # A day, month or year without a bid has no row, and what was notified of it is not in this.
    part = {"days": " on its days", "months": " in its months", "years": " in its years"}[grain] + " with a bid"
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    if len(rows) == {"days": (last - first).days + 1, "months": months, "years": last.year - first.year + 1}[grain]:
        part = ""
    days, expected = (sum(int(r[n] or 0) for r in rows) if counts else 0 for n in ("potential_days", "days_expected"))
    return Markup("Of the {}{} that it notified that it would give{} it lost {}{} ({}{}).").format(
        "at least " if days < expected else "",
        fig(notified, "mwh"),
        part,
        "at least " if figures.is_least(rows) else "",
        fig(lost / notified, "share"),
        "gross" if basis == "so" else "net of what was taken back",
        _of_days(days, expected),
    )


def farm(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """What of one farm."""
    name = asked.in_path["name"]
    return _part(reader, asked, "farm", name)


def party(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """What of one lead party."""
    name = asked.in_path["name"]
    return _part(reader, asked, "lead_party", name)


def _grain(reader: Reader, asked: Asked, kind: str) -> str:
    """Months; of a farm, days where the range is not one of whole months, so that no other day is in its figures."""
    span = asked.span(figures.recent_year(reader, "days"), figures.MOST_DAYS)
    is_given = "from" in asked.given or "to" in asked.given
    return _grain_of(span, kind) if is_given else "months"


def _grain_of(span: Span, kind: str) -> str:
    return "days" if kind == "farm" and span != figures.whole(*span, "months") else "months"


def _declared(units: int, capacity_mw: Decimal | None) -> str:
    """How many units there are, and what was declared of those that are in force: which is no size of a farm."""
    count = words.counted(units, "BM unit")
    if not capacity_mw:
        return f"{count}, none of which is in force now"
    mw, whose = words.rounded(capacity_mw, 0), "it" if units == 1 else "them together"
    return f"{count}; Elexon's register has {mw} MW declared for {whose}, which may be more than is built"


def _part(reader: Reader, asked: Asked, kind: str, name: str) -> Mapping[str, Any]:
    given = {n: asked.given[n] for n in ("from", "to", "basis", "grain", "show") if n in asked.given}
    own = {kind: name} if "grain" in given else {kind: name, "grain": _grain(reader, asked, kind)}
    inner = Asked(asked.path, {}, {**given, **own}, asked.prefix, frozenset(own))
    figure = figures.series(reader, inner)
    first, last = (dt.date.fromisoformat(figure.parameters[n]) for n in ("from", "to"))
    basis = asked.basis
    unit_columns = [
        Column("bmu_id", "BM unit", "text"),
        Column("unit_name", "Name in the register", "text"),
        *(
            [Column("farm_name", "Wind farm", "farm")]
            if kind == "lead_party"
            else [Column("lead_party_name", "Lead party", "party")]
        ),
        Column("generation_capacity_mw", "Declared capacity", "mwh", "MW"),
        Column("is_in_force", "In force", "yes"),
    ]
    units = reader.ask("units", fields=[c.name for c in unit_columns], **{kind: name})
    capacity = total([r for r in units.rows if r["is_in_force"] in (True, "true")], "generation_capacity_mw")
    sentence = series_sentence(figure, first, last, basis, "energy", name, DEFAULT_MODEL)
    share, lost = None, None
    if kind == "farm" and not figure.empty:
        lost = _share_lost(reader, name, first, last, basis, inner.given["grain"])
        mwh = total(figure.rows, field_of("energy", basis))
        grain = inner.given["grain"]
        whole = reader.ask(grain, from_=first, to=last, fields=[field_of("energy", basis)])
        everybody = total(whole.rows, field_of("energy", basis))
        if mwh is not None and everybody:
            share = mwh / everybody
    versions = (
        reader.rows(
            "SELECT b.bmu_id, b.valid_from, b.valid_to, b.name, b.lead_party_name, b.fuel_type,"
            " b.generation_capacity_mw"
            " FROM minerecon.bm_units AS b JOIN analytics.wind_farms AS f ON f.bmu_id = b.bmu_id"
            " WHERE f.farm_name = %(name)s ORDER BY b.bmu_id, b.valid_from LIMIT 200",
            name=name,
        )
        if kind == "farm"
        else []
    )
    grains = figures.FARM_GRAINS[::-1] if kind == "farm" else ()
    now = inner.given["grain"]

    def widened(span: Span) -> Span:
        grain = given.get("grain") or _grain_of(span, kind)
        return span if grain == "days" else figures.whole(*span, grain)

    choices = [("Bids", basis_links(asked)), ("Period", periods(asked, reader, (first, last), widened, now))]
    if grains:
        choices.insert(
            0,
            (
                "By",
                [(g, asked.address(grain=g, after=None, sort=None), g == now) for g in grains],
            ),
        )
    return {
        "title": name,
        "kind": kind,
        "name": name,
        "about": _declared(len(units.rows), capacity),
        "sentence": sentence,
        "share": fig(share, "share") if share is not None else None,
        "lost": lost,
        "about_potential": figures.potential_note(figure, basis, inner.given["grain"]),
        "state": figure.state,
        "figure": figure,
        "choices": choices,
        "table": table_of(asked, figure, "The figures of the chart"),
        "units": tables.make(asked, "Its BM units", unit_columns, units.rows, "bmu_id", units.address()),
        "versions": versions,
        "shown_of": {"from": str(first), "to": str(last)},
    }
