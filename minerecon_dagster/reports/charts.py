"""The charts of a report: what each shows of the facts, what it says in words, and its numbers as a table.

The pictures are `minerecon_dagster.charts`', drawn twice, for wide and for narrow screens, since a picture that only
shrinks becomes illegible.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from minerecon_dagster import charts
from minerecon_dagster.charts import Bar, Drawer, Point, Words
from minerecon_dagster.core.calendar import period_count
from minerecon_dagster.core.exact import pounds
from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.day.stored import StoredDay
from minerecon_dagster.reports.data import Facts, FarmFacts

WIDE, NARROW = 960, 380
"""Widths of the two pictures, in pixels: of the page's column, and of a telephone."""


@dataclass(frozen=True)
class Chart:
    """A chart for a page: its pictures, and what they say in words and in a table.

    Args:
        name: unique on the page.
        title, summary: plain text.
        wide, narrow: SVG; empty where there is nothing to draw, and the summary says so.
        columns, rows: the numbers that it shows, as text.
        note: what else a reader must know; the basis, the unit.
    """

    name: str
    title: str
    summary: str
    note: str
    wide: str
    narrow: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class _Said:
    name: str
    title: str
    summary: str
    note: str

    @property
    def words(self) -> Words:
        """For the picture; the page says title and source itself."""
        return Words(self.title, self.note, self.summary)


def of_report(facts: Facts, drawer: Drawer) -> list[Chart]:
    """All charts of a report, in their order."""
    return [make(facts, drawer) for make in (energy, payment, heat_map, farms, bitcoin, stop_or_mine)]


def nothing_stored(facts: Facts) -> str:
    """The sentence in place of a figure of which nothing is known."""
    return f"Nothing is stored of {'this day' if len(facts.days) == 1 else f'these {len(facts.days)} days'}."


def of_days(facts: Facts) -> str:
    """How many of the days a figure is of, in words."""
    count = len(facts.days)
    return f"{len(facts.stored)} of {count} day{'' if count == 1 else 's'}"


def at_least_btc(facts: Facts, model: str) -> str:
    """What stands before the Bitcoin of a model: a day may be stored without its difficulty."""
    return facts.at_least or ("at least " if any(model not in day.mined_btc for day in facts.stored) else "")


def energy(facts: Facts, drawer: Drawer) -> Chart:
    """MWh by day, SO-flagged, before all accepted bids, and the strip of states."""
    total, most = (
        facts.total(lambda d: d.curtailed_mwh),
        max(facts.stored, key=lambda d: d.curtailed_mwh, default=None),
    )
    summary = f"{facts.at_least.capitalize()}{total:,.0f} MWh in {of_days(facts)}"
    if most is not None and most.curtailed_mwh:
        summary += f"; most on {_date(most.day)}, {most.curtailed_mwh:,.0f} MWh"
    said = _Said(
        "energy", "Energy curtailed, by day", f"{summary}.",
        "SO-flagged bids in MWh, the headline; grey behind them are all accepted wind bids. Never add the two.",
    )  # fmt: skip
    points = _points(facts, lambda d: {"so": d.curtailed_mwh, "all": d.all_bids_mwh})
    return _by_day(
        facts, drawer, said, charts.energy(said.name, points, said.words),
        ("day", "SO-flagged MWh", "all bids MWh"),
        lambda d: (_text(d.curtailed_mwh, 3), _text(d.all_bids_mwh, 3)),
    )  # fmt: skip


def payment(facts: Facts, drawer: Drawer) -> Chart:
    """GBP by day: paid to farms, paid by farms, net."""
    paid, refunded = facts.total(lambda d: d.paid_gbp), facts.total(lambda d: d.refunded_gbp)
    said = _Said(
        "payment", "Payments for it, by day",
        f"£{paid:,.0f} paid to farms, £{refunded:,.0f} paid by farms, {pounds(paid - refunded, 0)} net, "
        f"in {of_days(facts)}.",
        "SO-flagged, in GBP: accepted volume times the bid's price, with its sign. Energy without a price is left out.",
    )  # fmt: skip
    points = _points(facts, lambda d: {"paid": d.paid_gbp, "refunded": d.refunded_gbp, "net": d.payment_gbp})
    return _by_day(
        facts, drawer, said, charts.money(said.name, points, said.words),
        ("day", "paid £", "paid by farms £", "net £"),
        lambda d: (_text(d.paid_gbp, 2), _text(d.refunded_gbp, 2), _text(d.payment_gbp, 2)),
    )  # fmt: skip


def bitcoin(facts: Facts, drawer: Drawer) -> Chart:
    """BTC by day and miner model."""
    models = [m.name for m in MINER_MODELS]
    known = ((model, facts.btc(model)) for model in models)
    totals = ", ".join(
        f"{model}: not known" if btc is None else f"{at_least_btc(facts, model)}{btc:,.4f} BTC on {model}"
        for model, btc in known
    )
    said = _Said(
        "bitcoin", "Bitcoin that it could have mined, by day", f"{totals}, in {of_days(facts)}.",
        "BTC of the SO-flagged energy, by miner model, at each day's network difficulty and block subsidy; as many "
        "machines as the energy feeds.",
    )  # fmt: skip
    points = _points(facts, lambda d: {model: d.mined_btc.get(model) for model in models}, models)
    return _by_day(
        facts, drawer, said, charts.bitcoin(said.name, points, said.words),
        ("day", *(f"{m} BTC" for m in models)),
        lambda d: tuple(_text(d.mined_btc.get(m), 8) for m in models),
    )  # fmt: skip


def stop_or_mine(facts: Facts, drawer: Drawer) -> Chart:
    """Per day, what was paid to stop against what the Bitcoin was worth on the most efficient machine."""
    best = max(MINER_MODELS, key=lambda m: m.hashrate_ths / m.power_w).name
    prices = {d.day: d.price_gbp for d in facts.days}

    def value(day: StoredDay) -> Decimal | None:
        price = prices[day.day]
        if price is None or best not in day.mined_btc:
            return None
        return price * day.mined_btc[best]

    priced = [d for d in facts.stored if value(d) is not None]
    if priced:
        paid = facts.total(lambda d: d.payment_gbp, priced)
        worth = facts.total(value, priced)
        days = "On the one day" if len(priced) == 1 else f"On the {len(priced)} days"
        stopped = f"{pounds(abs(paid), 0)} was paid {'to stop' if paid >= 0 else 'by farms'}"
        summary = f"{days} with a price, {stopped}, and the Bitcoin would have been worth £{worth:,.0f} on {best}."
    else:
        summary = "The price of Bitcoin is known of none of these days: the value is not shown, and nothing stands in."
    said = _Said(
        "stop-or-mine", "Paid to stop, or mined", summary,
        f"GBP by day, SO-flagged bids. Value: BTC on {best} times the day's closing price, before any cost of mining.",
    )  # fmt: skip
    stop, mined = "net paid to stop", "worth of the Bitcoin"
    points = _points(facts, lambda d: {stop: d.payment_gbp, mined: value(d)}, (stop, mined))
    return _by_day(
        facts, drawer, said, charts.lines(said.name, points, said.words, "£", 2),
        ("day", "net payment £", "value of the Bitcoin £"),
        lambda d: (_text(d.payment_gbp, 2), _text(value(d), 2)),
    )  # fmt: skip


def heat_map(facts: Facts, drawer: Drawer) -> Chart:
    """MWh per settlement period (down) and day (across); a day of which none is there is an outline."""
    most = max(facts.periods.items(), key=lambda item: item[1], default=None)
    if not facts.stored:
        summary = nothing_stored(facts)
    elif most is None:
        summary = "Of no settlement period of these days it is known."
    elif not most[1]:
        summary = "No curtailment in any period that is stored."
    else:
        (day, period), mwh = most
        summary = f"The most in one half hour: {mwh:,.0f} MWh, in period {period} of {_date(day)}, of {of_days(facts)}."
    said = _Said(
        "heat-map", "When it happened: settlement period by day", summary,
        "SO-flagged MWh per half hour; period 1 begins at 00:00 London time, and where clocks change those after 01:00 "
        "are an hour off the axis. An outline is not stored.",
    )  # fmt: skip
    rows = []
    for day_facts in facts.stored:
        mwh_of = [facts.periods.get((day_facts.day, p)) for p in range(1, period_count(day_facts.day) + 1)]
        known = [(mwh, p) for p, mwh in enumerate(mwh_of, 1) if mwh is not None]
        top = max(known, key=lambda item: (item[0], -item[1]), default=None)
        rows.append(
            (day_facts.day.isoformat(), f"{len(known)}/{len(mwh_of)}", f"{sum(m > 0 for m, _ in known)}")
            + ((f"{top[1]}", f"{top[0]:,.3f}") if top and top[0] else ("-", "-"))
        )
    chart = charts.heat_map(said.name, _points(facts, lambda _: {}), facts.periods, said.words)
    return _chart(
        said, chart if most is not None else None, drawer,
        ("day", "periods there", "with curtailment", "fullest period", "MWh in it"), rows,
    )  # fmt: skip


def farms(facts: Facts, drawer: Drawer) -> Chart:
    """The farms that were curtailed most."""
    is_least = any(day.is_in_part for day in facts.days)
    together = sum((f.share for f in facts.farms), Decimal())
    summary = (
        f"{facts.farms[0].farm_name} first, with {facts.farms[0].share:.1%}; the {len(facts.farms)} shown have "
        f"{together:.0%} of all SO-flagged energy in {of_days(facts)}."
        if facts.farms
        else "No wind farm was curtailed in the stored days."
        if facts.stored
        else nothing_stored(facts)
    )
    said = _Said(
        "farms", "Where: the most curtailed wind farms", summary,
        "MWh of SO-flagged bids and share of the total. Units of one farm are together, by the register's names. Lost "
        "of it: SO-flagged bids over notified potential (PN), gross; what a farm said that it would give, and not what "
        "the wind would have given; with fewer days than the report has, it is at least so much"
        f"{', and so it is with an incomplete day' if is_least else ''}.",
    )  # fmt: skip
    bars = [Bar(f.farm_name, f.curtailed_mwh, f"{f.curtailed_mwh:,.0f} MWh, {f.share:.1%}") for f in facts.farms]
    return _chart(
        said, charts.ranked(said.name, bars, said.words) if bars else None, drawer,
        ("wind farm", "MWh", "share", "notified MWh", "lost of it", "days notified", "net payment £"),
        [_farm_row(f, "at least " if is_least else "") for f in facts.farms],
    )  # fmt: skip


def _farm_row(farm: FarmFacts, least: str) -> tuple[str, ...]:
    return (
        farm.farm_name,
        f"{farm.curtailed_mwh:,.3f}",
        f"{farm.share:.2%}",
        _text(farm.potential_mwh, 3),
        "-" if farm.lost_share is None else f"{least}{farm.lost_share:.2%}",
        f"{farm.potential_days}",
        _text(farm.payment_gbp, 2),
    )


def _by_day(
    facts: Facts,
    drawer: Drawer,
    said: _Said,
    chart: charts.Chart,
    columns: Sequence[str],
    row: Callable[[StoredDay], tuple[str, ...]],
) -> Chart:
    if not facts.stored:
        return _chart(
            _Said(said.name, said.title, nothing_stored(facts), said.note), None, drawer, (*columns, "state"), []
        )
    no_figures = ("-",) * (len(columns) - 1)
    rows = [(d.day.isoformat(), *(row(d.stored) if d.stored else no_figures), d.status) for d in facts.days]
    return _chart(said, chart, drawer, (*columns, "state"), rows)


def _chart(
    said: _Said, chart: charts.Chart | None, drawer: Drawer, columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> Chart:
    wide, narrow = (
        "" if chart is None else drawer.svg(chart, width, theme="light", titled=False, prefix=f"{said.name}-{width}")
        for width in (WIDE, NARROW)
    )
    return Chart(said.name, said.title, said.summary, said.note, wide, narrow, columns, rows)


def _points(
    facts: Facts, figures: Callable[[StoredDay], Mapping[str, Decimal | None]], names: Sequence[str] = ()
) -> list[Point]:
    """The calendar days with a day's figures; of one that is not stored, none of the names has any."""
    return [
        Point(
            charts.day(d.day),
            figures(d.stored) if d.stored is not None else dict.fromkeys(names),
            d.status,
            is_restated=d.is_restated,
        )
        for d in facts.days
    ]


def _text(value: Any, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _date(day: dt.date) -> str:
    return f"{day.day} {day:%B %Y}"
