"""The pages: a month's report, and the latest state."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import unescape
from typing import TYPE_CHECKING

from minerecon_dagster.charts import COLOURS, STATES, Drawer
from minerecon_dagster.core.answers import SYNTHETIC_SOURCE, source_of
from minerecon_dagster.core.exact import pounds
from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.core.repairs import REINGEST, parse
from minerecon_dagster.core.spans import days_text, spans
from minerecon_dagster.core.statuses import UNAVAILABLE
from minerecon_dagster.reports import charts
from minerecon_dagster.reports.data import Facts, FailingCheck

if TYPE_CHECKING:  # loaded when a page is made
    from jinja2 import Template

MOST_PROBLEMS = 30
"""How many rows the list of what is wrong shows, the newest; below it is how many more there are."""

_BUILT = "The newest of these days was built on"


@dataclass(frozen=True)
class Figure:
    """One number in the head of a page."""

    name: str
    value: str
    more: str


@dataclass(frozen=True)
class Block:
    """A part of the head: a sentence, and its numbers."""

    title: str
    sentence: str
    figures: Sequence[Figure]


def month_page(facts: Facts, *, version: str) -> str:
    """The report of a calendar month, as one HTML file.

    Args:
        facts: of the month's days up to yesterday; every one, stored or not.
        version: of the code, for the small print.
    """
    block = _block("In figures", facts)
    return _render(facts, f"Wind curtailment in Great Britain, {facts.first:%B %Y}", [block], None, version)


def latest_page(recent: Facts, year: Facts, *, version: str) -> str:
    """The latest state: yesterday, this month and this year so far, what is wrong, and the recent days.

    Args:
        recent: the days that the charts show; the last one is yesterday.
        year: the days of this year up to yesterday.
        version: of the code, for the small print.
    """
    yesterday = recent.last
    blocks = [
        _block(f"Yesterday, {yesterday.day} {yesterday:%B %Y}", recent.part(yesterday, yesterday)),
        _block(f"{yesterday:%B %Y} so far", year.part(yesterday.replace(day=1), yesterday)),
        _block(f"{yesterday.year} so far", year),
    ]
    title = f"Wind curtailment in Great Britain: the state on {yesterday.day} {yesterday:%B %Y}"
    return _render(recent, title, blocks, year, version)


def _render(facts: Facts, title: str, blocks: Sequence[Block], wrong_of: Facts | None, version: str) -> str:
    as_of = facts.as_of
    made = f"minerecon_dagster {version}. " + (
        f"{_BUILT} {as_of:%Y-%m-%d at %H:%M UTC}." if as_of else "Nothing is stored of these days."
    )
    with Drawer() as drawer:
        drawn = charts.of_report(facts, drawer)
    problems = None if wrong_of is None else recent_first(facts, wrong_of)
    return _template().render(
        title=title,
        synthetic=facts.is_synthetic,
        state=_state_word(facts),
        state_more=states(facts),
        states=f"State: {states(facts)}",
        blocks=blocks,
        problems=problems and problems[:MOST_PROBLEMS],
        problem_count=len(problems or ()),
        key=[
            {
                "background": COLOURS[f"state-{word}"][0],
                "ink": COLOURS[f"on-{word}"][0],
                "sign": state.sign,
                "meaning": state.meaning,
            }
            for word, state in STATES.items()
        ],
        charts=drawn,
        restatements=facts.restatements,
        nothing_stored=None if facts.stored else charts.nothing_stored(facts),
        source=source_of(synthetic=facts.is_synthetic),
        price_source="made up, as everything here is" if facts.is_synthetic else "Coinbase Exchange, daily close",
        made=made,
    )


def is_synthetic(page: str) -> bool:
    """Whether a page that was drawn says that it is of synthetic data."""
    return SYNTHETIC_SOURCE in unescape(page)


def has_real_figures(page: str) -> bool:
    """Whether a page that was drawn shows stored days, and does not say that they are synthetic."""
    return _BUILT in page and not is_synthetic(page)


def recent_first(*parts: Facts) -> list[FailingCheck]:
    """What is wrong with the days of all parts: days without figures, then red checks, the newest first."""
    without = ("failing", UNAVAILABLE)
    missing = {d.day for part in parts for d in part.days if d.stored is None and d.status not in without}
    found = [
        FailingCheck(first, last, "day", "ERROR", "figures", "nothing stored", str(REINGEST.from_to.over(first, last)))
        for first, last in spans(missing)
    ]
    red = dict.fromkeys(problem for part in parts for problem in part.problems)
    wrong = found[::-1] + sorted(red, key=lambda p: (p.severity, -p.last.toordinal(), p.check))
    return list(map(_of_the_sample, wrong)) if any(part.is_synthetic for part in parts) else wrong


def _of_the_sample(problem: FailingCheck) -> FailingCheck:
    """With the command that is of the sample: without the option it would be of real days, and of another warehouse."""
    return replace(problem, repair=str(parse(problem.repair).of_the_sample()))


def states(facts: Facts) -> str:
    """How many days are in which state, in words."""
    counts = Counter(day.status for day in facts.days)
    parts = [f"{counts[word]} {word}" for word in STATES if counts[word]]
    return f"{', '.join(parts)}, of {_days(len(facts.days))}."


def closed_days(facts: Facts) -> str:
    """Which days a person has closed, and why; empty where there are none."""
    parts = []
    for reason in dict.fromkeys(d.closed for d in facts.days if d.closed is not None):
        days = [d.day for d in facts.days if d.closed == reason]
        parts.append(f"{days_text(days)}: {reason}")
    return f"Unavailable, closed by a person: {'; '.join(parts)}." if parts else ""


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"


def _state_word(facts: Facts) -> str:
    words = {day.status for day in facts.days}
    if words <= {"complete", "waived"}:
        return "Final."
    if words == {UNAVAILABLE}:
        return "Unavailable: a person has closed it."
    if words <= {"complete", "waived", UNAVAILABLE}:
        return "Final, and without days that a person has closed."
    if "failing" in words:
        return "Not to be relied on yet: a check is red."
    if words & {"missing", "incomplete"}:
        return "Not complete: something is missing."
    return "Provisional: it may still change." if "provisional" in words else "Final, and a person should look."


def _block(title: str, facts: Facts) -> Block:
    if not facts.stored:
        closed = f" {closed_days(facts)}" if closed_days(facts) else ""
        return Block(title, f"Nothing is stored: no figure stands in for it.{closed}", [])
    energy, all_bids = facts.total(lambda d: d.curtailed_mwh), facts.total(lambda d: d.all_bids_mwh)
    paid, refunded = facts.total(lambda d: d.paid_gbp), facts.total(lambda d: d.refunded_gbp)
    net, priced = paid - refunded, energy - facts.total(lambda d: d.unpriced_mwh)
    of_days = charts.of_days(facts)
    wind_known = [d for d in facts.stored if d.wind_generation_mwh is not None]
    figures = [
        Figure(
            "Curtailed energy, SO-flagged",
            f"{facts.at_least}{energy:,.0f} MWh",
            f"all bids: {facts.at_least}{all_bids:,.0f} MWh",
        ),
        Figure("Paid to stop", pounds(net, 0), f"net: paid £{paid:,.0f}, paid back £{refunded:,.0f}"),
        _paid_again(facts),
        Figure(
            "Price of a MWh",
            pounds(net / priced) if priced else "-",
            "net payment over energy with a price, SO-flagged",
        ),
    ]
    if wind_known:
        known_mwh = facts.total(lambda d: d.curtailed_mwh, wind_known)
        output = facts.total(lambda d: d.wind_generation_mwh, wind_known)
        offered = output + known_mwh
        shown = f"{known_mwh / offered:.1%}" if offered else "-"
        figures.append(Figure("Share of what the wind offered", shown, f"of {_days(len(wind_known))}"))
    else:
        figures.append(Figure("Share of what the wind offered", "-", "wind output is not known"))
    if co2_days := [d for d in facts.stored if d.co2_ccgt_t is not None]:
        tonnes = facts.total(lambda d: d.co2_ccgt_t)
        at_least = facts.at_least or ("at least " if len(co2_days) < len(facts.stored) else "")
        figures.append(
            Figure(
                "CO2, if gas replaced it",
                f"{at_least}{tonnes:,.0f} t",
                f"by the factor of CCGT, of {_days(len(co2_days))}",
            )
        )
    figures += [Figure(f"Bitcoin on {m.name}", _btc(facts, m.name), of_days) for m in MINER_MODELS]
    sentence = (
        f"{facts.at_least.capitalize()}{energy:,.0f} MWh were curtailed for system reasons, for {pounds(net, 0)} net, "
        f"in {of_days}. State: {states(facts)}"
    )
    if closed := closed_days(facts):
        sentence += f" {closed}"
    return Block(title, sentence, figures)


def _paid_again(facts: Facts) -> Figure:
    """What the replacement of the energy would have cost: an estimate, of the days that have it."""
    name = "Paid again to replace (estimate)"
    known = [d for d in facts.stored if d.turn_up_estimate_gbp is not None]
    if not known:
        return Figure(name, "-", "the offers of these days were not fetched, or not walked yet")
    gbp, mwh = facts.total(lambda d: d.turn_up_estimate_gbp), facts.total(lambda d: d.turn_up_mwh)
    target = facts.total(lambda d: d.turn_up_target_mwh)
    covered = f"offers cover {mwh / target * 100:.1f} % of the energy" if target else "nothing to cover"
    at_least = "at least " if len(known) < len(facts.days) else ""
    of = f", of {len(known)} of {_days(len(facts.days))}" if at_least else f", of {_days(len(known))}"
    how = "what the cheapest of them cost, by the method of the website wastedwind.energy"
    return Figure(name, f"{at_least}{pounds(gbp, 0)}", f"{covered}{of}: {how}")


def _btc(facts: Facts, model: str) -> str:
    amount = facts.btc(model)
    return "-" if amount is None else f"{charts.at_least_btc(facts, model)}{amount:,.4f} BTC"


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("minerecon_dagster.reports", "templates"), autoescape=True, undefined=StrictUndefined
    ).get_template("report.html.j2")


def month_span(month: str, yesterday: dt.date) -> tuple[dt.date, dt.date]:
    """The first and the last day of a month (``2025-03``) that a report shows: none after ``yesterday``.

    Raises:
        ValueError: the month has not begun by then.
    """
    first = dt.date.fromisoformat(f"{month}-01")
    last = (first + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)
    if first > yesterday:
        raise ValueError(f"{month} has no day before {yesterday + dt.timedelta(days=1)}")
    return first, min(last, yesterday)
