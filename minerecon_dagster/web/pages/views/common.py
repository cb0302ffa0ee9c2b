"""What several pages share: what a page is, its links, its tables, its sentences."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from minerecon_dagster.web.pages import tables, words
from minerecon_dagster.web.pages.asked import Asked, place
from minerecon_dagster.web.pages.figures import (
    MOST_HALF_HOUR_DAYS,
    Figure,
    field_of,
    price_of,
    recent_year,
    total,
    whole,
)
from minerecon_dagster.web.pages.reader import Reader
from minerecon_dagster.web.pages.state import BASIS_MEANINGS, NO_ROW, WITHOUT_A_FIGURE
from minerecon_dagster.web.pages.tables import Column, Table
from minerecon_dagster.web.question import days_of

FEW = 8
"""Rows of a short table."""
TABLE = ("sort", "after")
"""The parameters of a page's table."""
PAGE_OF_FARMS = 100


@dataclass(frozen=True)
class Page:
    """A page of the site.

    Args:
        path: with what it takes in braces.
        template: in ``templates/``, without its ending.
        parameters: of its query.
        make: what the template shows.
        nav: the entry of the head that it belongs to.
    """

    path: str
    template: str
    parameters: Sequence[str]
    make: Callable[[Reader, Asked], Mapping[str, Any]]
    nav: str = ""


REMARKS = (
    "SELECT l.settlement_date, l.check_name FROM minerecon.reconciliation_latest AS l"
    " WHERE l.scope = 'day' AND l.is_beside AND l.severity = 'WARN' AND NOT l.passed"
    " AND l.settlement_date BETWEEN %(first)s AND %(last)s"
)
"""WARNs about what stands beside a day: they are no part of its state."""


def fig(value: Any, what: str) -> Markup:
    """A figure of a sentence, with its exact digits behind it."""
    return words.figure(value, what)


def basis_links(asked: Asked) -> list[tuple[str, str, bool]]:
    """The two bases: word, address, and whether it is the present one."""
    return [
        ("SO-flagged", asked.address(basis=None, after=None, sort=None), asked.basis == "so"),
        ("All bids", asked.address(basis="all", after=None, sort=None), asked.basis == "all"),
    ]


def table_of(asked: Asked, figure: Figure, caption: str) -> Table:
    """The table of a chart, sorted and paged as the address says."""
    at = place(asked, [c.name for c in figure.columns], figure.sort)
    empty = f"{figure.empty or NO_ROW}."
    return tables.make(
        asked,
        caption,
        figure.columns,
        figure.rows,
        figure.key,
        figure.csv,
        csv_has=figure.csv_has,
        at=at,
        empty=empty,
        shown_of=figure.parameters,
    )


def listed(
    asked: Asked, reader: Reader, path: str, caption: str, columns: Sequence[Column], key: str, empty: str, **given: Any
) -> Table:
    """A table of a resource, as its rows come."""
    rows = reader.ask(path, fields=[c.name for c in columns], **given)
    return tables.make(asked, caption, columns, rows.rows, key, rows.address(), empty=empty)


def change(now: Decimal, then: Decimal, *, now_is_least: bool = False, then_is_least: bool = False) -> str:
    """How much more or less it is now, in per cent; ``then`` is not 0.

    Where one of the two is at least so much, only what cannot turn round is said: empty where that is nothing.
    """
    share = (now - then) / then
    if (now_is_least and share <= 0) or (then_is_least and share >= 0):
        return ""
    if not share:
        return "the same"
    at_least = "at least " if now_is_least or then_is_least else ""
    percent = words.rounded(abs(share) * 100, 0)
    return f"{at_least}{percent if percent != '0' else 'under 1'} % {'more' if share > 0 else 'less'}"


def published(reader: Reader, asked: Asked, first: dt.date | None, last: dt.date | None) -> Table | None:
    """Figures that others published, beside ours: all of them, or the newest of periods within a range."""
    columns = [
        Column("period_label", "Period", "text"),
        Column("figure", "Figure", "text"),
        Column("value", "Published", "own"),
        Column("ours_value", "Ours", "own"),
        Column("difference_value", "Ours less theirs", "own"),
        Column("difference_share", "Difference", "share", "%"),
        Column("source", "Who, and what to know", "text"),
    ]
    rows = reader.ask("published")
    wanted = [r for r in rows.rows if first is None or (str(first) <= r["first_day"] and r["last_day"] <= str(last))]
    for row in wanted:
        basis = "SO-flagged" if row["basis"] == "so_flagged" else "all bids"
        what = {
            "curtailed_mwh": "energy, MWh",
            "payment_gbp": "net payment, £",
            "turn_up_estimate_gbp": "cost to replace it, estimate, £",
            "mined_btc": f"Bitcoin on {words.model_text(row['miner_model'] or '')}, BTC, subsidy only, no fees",
        }[row["figure"]]
        row["figure"] = f"{what} ({basis})"
        notes = [
            row["source"].rstrip("."),
            row["note"] or ("Known to be wrong" if row["is_known_wrong"] else ""),
        ]
        notes += ["Ours is made up: nothing to compare with"] if row["ours_is_synthetic"] else []
        if row["ours_days_present"] < row["ours_days_expected"]:
            notes.append(f"{row['ours_days_present']:,} of {row['ours_days_expected']:,} days are stored here")
            row["ours_value"] = None
        row["source"] = ". ".join(n.rstrip(".") for n in notes if n) + "."
    if first is None:
        return tables.make(asked, "Published figures beside ours", columns, wanted, "figure_id", rows.address())
    newest = sorted((r for r in wanted if r["difference_value"]), key=lambda r: r["last_day"], reverse=True)
    if not newest:
        return None  # the page of the quality has all of them
    caption = "The newest published figures beside ours"
    return tables.make(
        asked, caption, columns, newest, "figure_id", rows.address(), csv_has="every published figure", most=FEW
    )


def restatements(reader: Reader, asked: Asked, first: dt.date, last: dt.date) -> Table:
    """What the source changed of days of the range, the newest first."""
    columns = [
        Column("settlement_date", "Day", "day"),
        Column("detected_at", "Seen", "instant"),
        Column("old_curtailed_mwh", "Energy before", "mwh", "MWh"),
        Column("new_curtailed_mwh", "after", "mwh", "MWh"),
        Column("old_payment_gbp", "Payment before", "gbp", "£"),
        Column("new_payment_gbp", "after", "gbp", "£"),
    ]
    rows = reader.ask("restatements", from_=first, to=last, fields=["restatement_id", *(c.name for c in columns)])
    newest = sorted(rows.rows, key=lambda r: int(r["restatement_id"]), reverse=True)
    return tables.make(
        asked,
        "Changes of final figures at the source, SO-flagged bids",
        columns,
        newest,
        "restatement_id",
        rows.address(),
        empty="No change at the source is on record for these days.",
        most=FEW,
    )


Span = tuple[dt.date, dt.date]


def periods(
    asked: Asked, reader: Reader, shown: Span, widened: Callable[[Span], Span] | None = None, now: str | None = None
) -> list[tuple[str, str, bool]]:
    """Periods that are often wanted: word, address, and whether it is what is shown; one of them at most is.

    Args:
        asked: of the page, for the addresses and its grain.
        reader: knows the newest stored day, and whether a year has any.
        shown: the first and last day that the page shows.
        widened: what the page shows where a range is asked for; None: whole months or years, if its grain is of them.
        now: the grain of what it shows; None: as its address says.
    """
    newest = reader.newest or reader.today
    grain = asked.get("grain")
    by = now or grain or "days"
    year, form = recent_year(reader, by), "%Y-%m" if by == "months" else "%Y-%m-%d"
    begins = newest.replace(month=1, day=1)
    given = {
        f"{newest:%B %Y}": (f"{newest:%Y-%m}", f"{newest:%Y-%m}"),
        "Last 12 months": (f"{year[0]:{form}}", f"{year[1]:{form}}"),
        str(newest.year): (str(newest.year), str(newest.year)),
        str(newest.year - 1): (str(newest.year - 1), str(newest.year - 1)),
    }
    if year == whole(newest, newest, "years"):
        del given["Last 12 months"]  # it is the year, which has a plainer name
    if not _has_a_day(reader, begins.replace(year=newest.year - 1), begins - dt.timedelta(days=1)):
        del given[str(newest.year - 1)]
    made, alike = [], []
    for text, (first, last) in given.items():
        span = days_of(first), days_of(last)
        assert span[0] is not None and span[1] is not None
        days = (span[0][0], span[1][1])
        is_too_long = grain == "half-hours" and (days[1] - days[0]).days >= MOST_HALF_HOUR_DAYS
        ways = {"from": first, "to": last, "after": None, "sort": None, "grain": None if is_too_long else grain}
        made.append((text, asked.address(**ways)))
        would_be = widened(days) if widened else whole(*days, grain) if grain in ("months", "years") else days
        if would_be == shown and not is_too_long:  # of those that lead here the one that was taken, or says just this
            alike.append(((asked.get("from"), asked.get("to")) != (first, last), days != shown, text))
    lit = min(alike)[2] if alike else None
    return [(text, target, text == lit) for text, target in made]


def _has_a_day(reader: Reader, first: dt.date, last: dt.date) -> bool:
    """Whether any day of a range is stored: a link to none leads nowhere."""
    return bool(
        reader.rows(
            "SELECT FROM minerecon.daily_summaries WHERE summary_date BETWEEN %(first)s AND %(last)s LIMIT 1",
            first=first,
            last=last,
        )
    )


def series_sentence(
    figure: Figure, first: dt.date, last: dt.date, basis: str, show: str, of: str | None, model: str
) -> Markup:
    """What a chart over time says, in one sentence that is not misleading alone."""
    span, within = words.span_text(first, last), words.within_text(first, last)
    mwh, gbp = (total(figure.rows, field_of(name, basis)) for name in ("energy", "payment"))
    where = Markup(" of {}").format(of) if of else Markup("")
    if figure.empty.startswith(WITHOUT_A_FIGURE):
        return Markup("{}. No figure stands in for {}.").format(figure.empty, span)
    during = words.during_text(first, last)
    if figure.empty == NO_ROW and of:
        return Markup("{}: {} has no bid {}.").format(NO_ROW, of, during)
    if figure.empty or mwh is None:
        return Markup("{} {}.").format(figure.empty or NO_ROW, during)
    doubt = Markup(" ({})").format(figure.state.short) if figure.state.short else Markup("")
    if show == "bitcoin":
        btc = total(figure.rows, field_of("bitcoin", basis))
        # A day may be stored without its difficulty.
        lacks_some = any(r[field_of("bitcoin", basis)] is None for r in figure.rows)
        return Markup("{}, {}{} that was {} could have mined {}{} on {} (block subsidy only, no fees){}.").format(
            within,
            figure.state.at_least,
            fig(mwh, "mwh"),
            BASIS_MEANINGS[basis],
            "at least " if btc is not None and (figure.state.is_least or lacks_some) else "",
            fig(btc, "btc"),
            words.model_text(model),
            doubt,
        )
    price = price_of(figure.rows, basis)
    paid = "were paid" if gbp is None or gbp >= 0 else "paid"
    each = Markup(", {} for each MWh").format(fig(abs(price), "price")) if price is not None else Markup("")
    every = total(figure.rows, "all_bids_mwh") if figure.rows and "all_bids_mwh" in figure.rows[0] else None
    if not mwh and every:
        return Markup("{}, {}nothing{} was {}; all accepted bids come to {}{}{}.").format(
            within,
            figure.state.of_stored,
            where,
            BASIS_MEANINGS[basis],
            figure.state.at_least,
            fig(every, "mwh"),
            doubt,
        )
    return Markup("{}, {}{}{} was {}, and {} {} {} for it{}{}.").format(
        within,
        figure.state.at_least,
        fig(mwh, "mwh"),
        Markup(" of {}'s wind").format(of) if of else " of wind",
        BASIS_MEANINGS[basis],
        of or "farms",
        paid.replace("were", "was") if of else paid,
        fig(abs(gbp) if gbp is not None else None, "gbp"),
        each,
        doubt,
    )
