"""`/`: what was wasted on the newest day, this month and this year, what it cost, and how sure that is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from minerecon_dagster.web.pages import figures, sums, tables, words
from minerecon_dagster.web.pages.asked import Asked, address
from minerecon_dagster.web.pages.figures import DEFAULT_MODEL, field_of, total
from minerecon_dagster.web.pages.reader import Reader, Row
from minerecon_dagster.web.pages.state import BASIS_MEANINGS, NO_ROW, NOBODY, NOT_STORED, State
from minerecon_dagster.web.pages.sums import SUMMED, Sum
from minerecon_dagster.web.pages.views.common import (
    FEW,
    basis_links,
    change,
    fig,
    published,
    restatements,
)

_TOLD = (
    "farm_name", "lead_party_names", "curtailed_mwh", "share_of_curtailed", "payment_gbp",
    "all_bids_mwh", "share_of_all_bids", "all_bids_payment_gbp",
)  # fmt: skip
"""Of the table of farms what fits beside the words: how much, and for how much."""


@dataclass(frozen=True)
class Card:
    """One big figure and its company."""

    heading: str
    address: str
    mwh: Markup
    money: Markup
    again: Markup | None
    again_of: str
    price: Markup
    share: Markup
    btc: Markup
    state: State
    before: Markup
    empty: str


def overview(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """What was wasted on the newest day, this month and this year, what it cost, and how sure that is."""
    basis = asked.basis
    newest = reader.newest
    if newest is None:
        return {"title": "Nothing is stored yet", "figure": None, "today": words.day_text(reader.today)}
    year = newest.replace(month=1, day=1)
    start = year.replace(year=year.year - 1)
    month_end, year_end = (figures.whole(newest, newest, grain)[1] for grain in ("months", "years"))
    in_month, in_year = reader.today <= month_end, reader.today <= year_end
    month_last, year_last = newest if in_month else month_end, newest if in_year else year_end
    days = reader.ask("days", from_=start, to=year_last, fields=SUMMED)
    mining = reader.ask(
        "mining/days",
        from_=year,
        to=year_last,
        model=DEFAULT_MODEL,
        fields=["settlement_date", field_of("bitcoin", basis)],
    )
    spans = {
        words.day_text(newest): (newest, newest, f"/days/{newest}"),
        f"{words.month_text(f'{newest:%Y-%m}')}{' so far' if in_month else ''}": (
            newest.replace(day=1),
            month_last,
            f"/explore?from={newest:%Y-%m}&to={month_last}",
        ),
        f"{newest.year}{' so far' if in_year else ''}": (
            year,
            year_last,
            f"/explore?from={year}&to={year_last}&grain=months",
        ),
    }
    cards = [_card(asked, heading, days, mining.rows, *span) for heading, span in spans.items()]
    day, of_year = (sums.of_days(days.rows, *span, basis, days.meta) for span in ((newest, newest), (year, year_last)))
    day_asked = Asked("/", {}, {"basis": basis}, asked.prefix)
    recent = figures.series(reader, day_asked, figures.recent(reader))
    ranked = figures.farms(reader, Asked("/farms", {}, {"basis": basis, "period": str(newest)}, asked.prefix))
    top = sorted(
        (r for r in ranked.rows if r[field_of("energy", basis)] is not None),
        key=lambda r: Decimal(r[field_of("energy", basis)]),
        reverse=True,
    )[:FEW]
    late = (reader.today - newest).days - 1
    return {
        "title": "Great Britain's wasted wind",
        "sentence": _overview_sentence(day, of_year, basis, newest, "So far in" if in_year else "In"),
        # The sign stands below both sentences: whose it is, is said.
        "state": replace(day.state, line=f"{words.day_text(newest)}: {day.state.line}"),
        "late": late if late > 0 else 0,
        "yesterday": words.day_text(reader.today - dt.timedelta(days=1)),
        "cards": cards,
        "figure": recent,
        "table": tables.make(
            asked, "The days of the chart", recent.columns, recent.rows[::-1], recent.key, recent.csv, most=31
        ),
        "farms": tables.make(
            asked,
            f"Wind farms turned down most on {words.day_text(newest)}",
            [c for c in ranked.columns if c.name in _TOLD],
            top,
            "farm_name",
            ranked.csv,
            empty=f"{ranked.empty or NO_ROW}.",
        ),
        "farms_more": asked.prefix + address("/farms", period=str(newest), basis=None if basis == "so" else basis),
        "published": published(reader, asked, year, year_last),
        "restatements": restatements(reader, asked, start, newest),
        "basis_links": basis_links(asked),
        "is_live": True,
    }


def _overview_sentence(day: Sum, year: Sum, basis: str, newest: dt.date, begins: str) -> Markup:
    when = words.day_text(newest)
    if day.mwh is None:
        return Markup("{} on {}.").format(NOT_STORED, when)
    unsure = Markup(" ({})").format(day.state.short) if day.state.short else Markup("")
    first = (
        Markup("{} on {}{}.").format(_nothing(day), when, unsure)
        if not day.mwh
        else Markup("On {}, {}{} of wind was {}, and farms were paid {} for it{}.").format(
            when, day.state.at_least, fig(day.mwh, "mwh"), BASIS_MEANINGS[basis], fig(day.gbp, "gbp"), unsure
        )
        if day.gbp is None or day.gbp >= 0
        else Markup("On {}, {}{} of wind was {}, and farms paid {} for it{}.").format(
            when, day.state.at_least, fig(day.mwh, "mwh"), BASIS_MEANINGS[basis], fig(-day.gbp, "gbp"), unsure
        )
    )
    of = "" if year.days == year.asked else f", over {year.days:,} of {year.asked:,} days"
    doubt = f" ({year.state.short})" if year.state.short else ""
    return first + Markup(" {} {}: {}{} and {}{}{}.").format(
        begins, newest.year, year.state.at_least, fig(year.mwh, "mwh"), fig(year.gbp, "gbp"), of, doubt
    )


def _nothing(day: Sum) -> str:
    """What is said of a stored day without energy on the basis."""
    if day.all_bids_mwh:
        return day.state.not_flagged
    return "No bid is stored" if day.state.is_least else NOBODY


def _share(found: Sum) -> Markup:
    """What of the wind's offer was turned down; where the wind output of some stored days is not known, of how many."""
    of = f" of {words.counted(found.share_days, 'day')}" if 0 < found.share_days < found.days else ""
    return Markup("{}{}").format(fig(found.share, "share"), of)


def _again(found: Sum) -> Markup:
    """What the replacement would have cost; where some of the days lack it, at least."""
    if found.turn_up is None:
        return fig(None, "gbp")
    at_least = "at least " if found.turn_up.days < found.asked else ""
    return Markup("{}{}").format(at_least, fig(found.turn_up.gbp, "gbp"))


def _again_of(found: Sum) -> str:
    """How much of the energy that covers, and of how many days it is."""
    turn_up = found.turn_up
    if turn_up is None:
        return "not known: the offers of these days were not fetched, or not walked yet"
    of = "" if turn_up.days == found.asked else f", of {turn_up.days:,} of {found.asked:,} days"
    if turn_up.coverage is None:
        return f"nothing to cover{of}"
    covered = f"offers cover {turn_up.coverage * 100:.1f} % of the energy{of}"
    return f"{covered}: what the cheapest of them cost, by the method of the website wastedwind.energy"


def _least(value: Decimal | None, what: str, *, is_least: bool) -> Markup:
    """A figure of a card, with what it is where it may be more."""
    shown = fig(value, what)
    return Markup("<small>at least </small>{}").format(shown) if is_least and value is not None else shown


def _card(
    asked: Asked, heading: str, days: Any, mining: Sequence[Row], first: dt.date, last: dt.date, link: str
) -> Card:
    basis = asked.basis
    found = sums.of_days(days.rows, first, last, basis, days.meta)
    mined = [r for r in mining if str(first) <= r["settlement_date"] <= str(last)]
    btc = total(mined, field_of("bitcoin", basis))
    # A day may be stored without its difficulty.
    is_least_btc = found.state.is_least or any(r[field_of("bitcoin", basis)] is None for r in mined)
    both = sums.same_days(days.rows, first, last, basis, days.meta)
    before = Markup("The same days a year before are not stored.")
    if both is not None and both[0].mwh is not None and both[1].mwh is not None:
        now, then = both
        differs = ""
        if now.mwh is not None and then.mwh:
            is_least = {"now_is_least": now.state.is_least, "then_is_least": then.state.is_least}
            differs = f", now {said}" if (said := change(now.mwh, then.mwh, **is_least)) else ""
        of = "" if now.days == found.asked else f", over {words.counted(now.days, 'day')} stored in both years"
        before = Markup("A year before: {}{}{}{}").format(then.state.at_least, fig(then.mwh, "mwh"), differs, of)
    empty = NOT_STORED if found.mwh is None else ""
    return Card(
        heading,
        asked.prefix + link + (f"{'&' if '?' in link else '?'}basis=all" if basis == "all" else ""),
        _least(found.mwh, "mwh", is_least=found.state.is_least),
        fig(found.gbp, "gbp"),
        _again(found) if basis == "so" else None,
        _again_of(found),
        fig(found.gbp_per_mwh, "price"),
        _share(found),
        _least(btc, "btc", is_least=is_least_btc),
        found.state,
        before,
        empty,
    )
