"""The pages: each answers one question, first in a sentence, then in a chart, its table and what else is known."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from minerecon_dagster.core.calendar import period_count
from minerecon_dagster.core.mining import HASHES_PER_DIFFICULTY, HASHES_PER_TH
from minerecon_dagster.web.pages import figures, sums, tables, words
from minerecon_dagster.web.pages.asked import Asked, address, place
from minerecon_dagster.web.pages.figures import DEFAULT_MODEL, Figure, field_of, total
from minerecon_dagster.web.pages.reader import Reader, Row
from minerecon_dagster.web.pages.state import BASIS_MEANINGS, NO_ROW, NOBODY, NOT_STORED, State, state_of
from minerecon_dagster.web.pages.sums import SUMMED, Sum
from minerecon_dagster.web.pages.tables import Column, Table
from minerecon_dagster.web.question import NotAnsweredError

_FEW = 8
_TABLE = ("sort", "after")
_LIKELY = 3
SECONDS_PER_DAY = 86_400


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


@dataclass(frozen=True)
class Card:
    """One big figure and its company."""

    heading: str
    address: str
    mwh: Markup
    money: Markup
    price: Markup
    share: Markup
    btc: Markup
    state: State
    before: Markup
    empty: str


def _fig(value: Any, what: str) -> Markup:
    return words.figure(value, what)


def _basis_links(asked: Asked) -> list[tuple[str, str, bool]]:
    return [
        ("SO-flagged", asked.address(basis=None, after=None, sort=None), asked.basis == "so"),
        ("All bids", asked.address(basis="all", after=None, sort=None), asked.basis == "all"),
    ]


def _table_of(asked: Asked, figure: Figure, caption: str) -> Table:
    at = place(asked, [c.name for c in figure.columns], figure.sort)
    empty = f"{figure.empty or NO_ROW}."
    return tables.make(asked, caption, figure.columns, figure.rows, figure.key, figure.csv, at=at, empty=empty)


def _listed(
    asked: Asked, reader: Reader, path: str, caption: str, columns: Sequence[Column], key: str, empty: str, **given: Any
) -> Table:
    rows = reader.ask(path, fields=[c.name for c in columns], **given)
    return tables.make(asked, caption, columns, rows.rows, key, rows.address(), empty=empty)


# The overview.


def overview(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """What was wasted on the newest day, this month and this year, what it cost, and how sure that is."""
    basis = asked.basis
    newest = reader.newest
    if newest is None:
        return {"title": "Nothing is stored yet", "figure": None, "today": words.day_text(reader.today)}
    year = newest.replace(month=1, day=1)
    start = year.replace(year=year.year - 1)
    days = reader.ask("days", from_=start, to=newest, fields=SUMMED)
    mining = reader.ask(
        "mining/days", from_=year, to=newest, model=DEFAULT_MODEL,
        fields=["settlement_date", field_of("bitcoin", basis)],
    )  # fmt: skip
    spans = {
        words.day_text(newest): (newest, newest, f"/days/{newest}"),
        f"{words.month_text(f'{newest:%Y-%m}')} so far": (newest.replace(day=1), newest, f"/explore?from={newest:%Y-%m}&to={newest}"),
        f"{newest.year} so far": (year, newest, f"/explore?from={year}&to={newest}&grain=months"),
    }
    cards = [_card(asked, heading, days, mining.rows, *span) for heading, span in spans.items()]
    day, of_year = (sums.of_days(days.rows, first, newest, basis, days.meta) for first in (newest, year))
    day_asked = Asked("/", {}, {"basis": basis}, asked.prefix)
    recent = figures.series(reader, day_asked, figures.recent(reader))
    ranked = figures.farms(reader, Asked("/farms", {}, {"basis": basis, "period": str(newest)}, asked.prefix))
    top = sorted(
        (r for r in ranked.rows if r[field_of("energy", basis)] is not None),
        key=lambda r: Decimal(r[field_of("energy", basis)]), reverse=True,
    )[:_FEW]  # fmt: skip
    late = (reader.today - newest).days - 1
    return {
        "title": "Great Britain's wasted wind",
        "sentence": _overview_sentence(day, of_year, basis, newest),
        "state": day.state,
        "late": late if late > 0 else 0,
        "yesterday": words.day_text(reader.today - dt.timedelta(days=1)),
        "cards": cards,
        "figure": recent,
        "table": tables.make(
            asked, "The days of the chart", recent.columns, recent.rows[::-1], recent.key, recent.csv, most=31
        ),
        "farms": tables.make(
            asked, f"Wind farms turned down most on {words.day_text(newest)}", ranked.columns[:5], top, "farm_name",
            ranked.csv, empty=f"{ranked.empty or NO_ROW}.",
        ),
        "farms_more": asked.prefix + address("/farms", period=str(newest), basis=None if basis == "so" else basis),
        "published": _published(reader, asked, year, newest),
        "restatements": _restatements(reader, asked, start, newest),
        "basis_links": _basis_links(asked),
        "is_live": True,
    }  # fmt: skip


def _overview_sentence(day: Sum, year: Sum, basis: str, newest: dt.date) -> Markup:
    when = words.day_text(newest)
    if day.mwh is None:
        return Markup("{} on {}.").format(NOT_STORED, when)
    unsure = Markup(" ({})").format(day.state.short) if day.state.short else Markup("")
    first = (
        Markup("{} on {}{}.").format(NOBODY, when, unsure)
        if not day.mwh
        else Markup("On {}, {} of wind was {}, and farms were paid {} for it{}.").format(
            when, _fig(day.mwh, "mwh"), BASIS_MEANINGS[basis], _fig(day.gbp, "gbp"), unsure
        )
        if day.gbp is None or day.gbp >= 0
        else Markup("On {}, {} of wind was {}, and farms paid {} for it{}.").format(
            when, _fig(day.mwh, "mwh"), BASIS_MEANINGS[basis], _fig(-day.gbp, "gbp"), unsure
        )
    )
    of = "" if year.days == year.asked else f", over {year.days:,} of {year.asked:,} days"
    doubt = f" ({year.state.short})" if year.state.short else ""
    return first + Markup(" So far in {}: {} and {}{}{}.").format(
        newest.year, _fig(year.mwh, "mwh"), _fig(year.gbp, "gbp"), of, doubt
    )


def _card(asked: Asked, heading: str, days: Any, mining: Sequence[Row], first: dt.date, last: dt.date, link: str) -> Card:
    basis = asked.basis
    found = sums.of_days(days.rows, first, last, basis, days.meta)
    btc = total([r for r in mining if str(first) <= r["settlement_date"] <= str(last)], field_of("bitcoin", basis))
    both = sums.same_days(days.rows, first, last, basis, days.meta)
    before = Markup("The same days a year before are not stored.")
    if both is not None and both[0].mwh is not None and both[1].mwh is not None:
        now, then = both
        change = f", {_change(now.mwh, then.mwh)}" if then.mwh else ""  # type: ignore[arg-type]
        of = "" if now.days == found.asked else f", over {now.days:,} days that are stored in both years"
        before = Markup("A year before: {}{}{}").format(_fig(then.mwh, "mwh"), change, of)
    empty = NOT_STORED if found.mwh is None else ""
    return Card(
        heading, asked.prefix + link + ("" if basis == "so" or "/days/" in link and False else f"{'&' if '?' in link else '?'}basis=all" if basis == "all" else ""),
        _fig(found.mwh, "mwh"), _fig(found.gbp, "gbp"), _fig(found.gbp_per_mwh, "price"), _fig(found.share, "share"),
        _fig(btc, "btc"), found.state, before, empty,
    )  # fmt: skip


def _change(now: Decimal, then: Decimal) -> str:
    share = (now - then) / then
    word = "more" if share > 0 else "less"
    return f"now {words.rounded(abs(share) * 100, 0)} % {word}" if share else "now the same"


def _published(reader: Reader, asked: Asked, first: dt.date | None, last: dt.date | None) -> Table | None:
    """Figures that others published of periods within the range, beside ours."""
    columns = [
        Column("period_label", "Period", "text"), Column("figure", "Figure", "text"), Column("basis", "Basis", "text"),
        Column("value", "Published", "published"), Column("ours", "Ours", "published"),
        Column("difference", "Ours less theirs", "published"), Column("source", "Who, and what to know", "text"),
    ]  # fmt: skip
    fields = ["period_label", "first_day", "last_day", "figure", "miner_model", "basis", "unit", "value", "source", "note", "is_known_wrong", "figure_id"]
    rows = reader.ask("published", fields=fields)
    wanted = [r for r in rows.rows if first is None or (str(first) <= r["first_day"] and r["last_day"] <= str(last))]
    for row in wanted:
        ours = _ours(reader, row)
        row["ours"] = ours
        row["difference"] = ours - Decimal(row["value"]) if ours is not None else None
        what = {"curtailed_mwh": "curtailed energy, MWh", "payment_gbp": "net payment, £"}
        row["figure"] = what.get(row["figure"], f"Bitcoin on {row['miner_model']}, BTC, subsidy only, no fees")
        row["basis"] = "SO-flagged" if row["basis"] == "so_flagged" else "all bids"
        wrong = " Known to be wrong." if row["is_known_wrong"] else ""
        row["source"] = f"{row['source']}{wrong}{' ' + row['note'] if row['note'] else ''}"
    if not wanted and first is not None:
        return None
    return tables.make(asked, "Published figures beside ours", columns, wanted, "figure_id", rows.address())


def _ours(reader: Reader, row: Row) -> Decimal | None:
    """Our figure of a published one's days; None where a day of them is not stored."""
    first, last = (dt.date.fromisoformat(row[name]) for name in ("first_day", "last_day"))
    basis = "so" if row["basis"] == "so_flagged" else "all"
    if reader.newest is None or first > reader.newest:
        return None
    if row["figure"] == "mined_btc":
        name = field_of("bitcoin", basis)
        rows = reader.ask("mining/days", from_=first, to=last, model=row["miner_model"], fields=[name])
    else:
        name = field_of("energy" if row["figure"] == "curtailed_mwh" else "payment", basis)
        rows = reader.ask("days", from_=first, to=last, fields=[name])
    if len(rows.rows) != (last - first).days + 1 or any(r[name] is None for r in rows.rows):
        return None
    return total(rows.rows, name)


def _restatements(reader: Reader, asked: Asked, first: dt.date, last: dt.date) -> Table:
    columns = [
        Column("settlement_date", "Day", "day"), Column("detected_at", "Seen", "instant"),
        Column("old_curtailed_mwh", "Energy before", "mwh", "MWh"), Column("new_curtailed_mwh", "after", "mwh", "MWh"),
        Column("old_payment_gbp", "Payment before", "gbp", "£"), Column("new_payment_gbp", "after", "gbp", "£"),
    ]  # fmt: skip
    rows = reader.ask(
        "restatements", from_=first, to=last, fields=["restatement_id", *(c.name for c in columns)]
    )  # fmt: skip
    newest = sorted(rows.rows, key=lambda r: int(r["restatement_id"]), reverse=True)
    return tables.make(
        asked, "Changes of final figures at the source", columns, newest, "restatement_id", rows.address(),
        empty="No change at the source is on record for these days.", most=_FEW,
    )  # fmt: skip


# A day.


def day(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """What happened on a day, and where each figure comes from."""
    date = _date(asked, reader)
    basis = asked.basis
    mwh, gbp = field_of("energy", basis), field_of("payment", basis)
    of_day = reader.ask("days", from_=date, to=date, fields=[*SUMMED, "periods_present", "periods_expected", "record_count", "so_record_count"])
    row = of_day.rows[0]
    found = sums.of_days(of_day.rows, date, date, basis, of_day.meta)
    halves = figures.series(
        reader, Asked(asked.path, {}, {"basis": basis, "grain": "half-hours"}, asked.prefix), (date, date)
    )
    is_stored = found.mwh is not None
    top = max((r for r in halves.rows if r[mwh] is not None), key=lambda r: Decimal(r[mwh]), default=None)
    ranked = figures.farms(reader, Asked("/farms", {}, {"basis": basis, "period": str(date)}, asked.prefix))
    columns = halves.columns[1:]
    at = place(asked, [c.name for c in columns], "settlement_period")
    name = field_of("energy", basis)
    by_energy = sorted((r for r in ranked.rows if r[name] is not None), key=lambda r: Decimal(r[name]), reverse=True)
    earliest = dt.date(reader.today.year - 100, 1, 1)
    return {
        "title": words.day_text(date),
        "sentence": _day_sentence(date, row, found, top, basis, mwh),
        "state": found.state,
        "figure": halves,
        "table": tables.make(
            asked, f"The {len(halves.rows)} half hours of {words.day_text(date)}", columns, halves.rows,
            "at", halves.csv, at=at, empty=f"{halves.empty or NO_ROW}.",
        ),
        "ranked": ranked if is_stored and found.mwh else None,
        "farms": tables.make(
            asked, f"Wind farms on {words.day_text(date)}", ranked.columns, by_energy, "farm_name",
            ranked.csv, empty=f"{ranked.empty or NO_ROW}.", most=PAGE_OF_FARMS,
        ),
        "mining": _listed(
            asked, reader, "mining/days", "What it could have mined: block subsidy only, no fees",
            [
                Column("miner_model", "Miner model", "text"),
                Column(field_of("bitcoin", basis), "Bitcoin", "btc", "BTC"),
                Column("value_gbp" if basis == "so" else "all_bids_value_gbp", "Its value then", "gbp", "£"),
                Column(gbp, "Paid to stop", "gbp", "£"),
                Column("difficulty", "Difficulty", "count"),
                Column("price_gbp", "Price of a Bitcoin", "price", "£"),
            ],
            "miner_model", f"{NOT_STORED}.", from_=date, to=date,
        ),
        "proofs": _proofs(row, halves, found, mwh) if is_stored else [],
        "checks": _listed(
            asked, reader, "checks", "Checks of the day",
            [
                Column("check_name", "Property", "text"), Column("passed", "Holds", "yes"),
                Column("severity", "If not", "text"), Column("expected", "Expected", "text"),
                Column("actual", "Found", "text"), Column("evaluated_at", "When", "instant"),
            ],
            "check_name", "No check has looked at this day.", from_=date, to=date,
        ),
        "verifications": _listed(
            asked, reader, "verifications", "Comparisons with Elexon",
            [
                Column("started_at", "When", "instant"), Column("requested_by", "Who asked", "text"),
                Column("action", "What", "text"), Column("sampling", "How much", "text"),
                Column("outcome", "Outcome", "text"),
            ],
            "started_at", "This day has not been compared with Elexon since it was stored.", from_=date, to=date,
        ),
        "restatements": _restatements(reader, asked, date, date),
        "answers": _answers(reader, date),
        "before": f"/days/{date - dt.timedelta(days=1)}" if date > earliest else None,
        "next": f"/days/{date + dt.timedelta(days=1)}" if date < reader.today else None,
        "date": str(date),
        "today": str(reader.today),
        "basis_links": _basis_links(asked),
        "acceptances": address("/api/v1/acceptances.csv", **{"from": str(date), "to": str(date)}),
        "is_live": date == reader.today,
        "is_stored": is_stored,
    }  # fmt: skip


PAGE_OF_FARMS = 100


def _date(asked: Asked, reader: Reader) -> dt.date:
    text = asked.in_path["date"]
    try:
        date = dt.date.fromisoformat(text) if len(text) == len("2025-03-28") else None
    except ValueError:
        date = None
    newest = f"/days/{reader.newest or reader.today}"
    if date is None or not 2000 <= date.year <= 2100:
        raise NotAnsweredError(
            404, f"a day is written as in 2025-03-28, not {text[:40]!r}", **{"try": asked.prefix + newest}
        )
    if date > reader.today:
        raise NotAnsweredError(404, f"{words.day_text(date)} has not begun", **{"try": asked.prefix + newest})
    return date


def _day_sentence(date: dt.date, row: Row, found: Sum, top: Row | None, basis: str, mwh: str) -> Markup:
    if found.mwh is None:
        if row["status"] == "unavailable":
            return Markup("The source has nothing for {}, and a person has closed the day: no figure stands in for it.").format(
                words.day_text(date)
            )
        return Markup("{}. No figure stands in for {}.").format(NOT_STORED, words.day_text(date))
    status = row["status"]
    every = Decimal(row["all_bids_mwh"] or 0)
    if not found.mwh and every:
        text = Markup("No wind was turned down for system reasons; all accepted bids come to {}.").format(_fig(every, "mwh"))
    elif not found.mwh:
        text = Markup("{} on {}.").format(NOBODY, words.day_text(date))
    else:
        paid = found.gbp or Decimal()
        least = "At least " if status == "incomplete" else ""
        text = Markup("{}{} of wind was {}, and farms {} {} for it.").format(
            least, _fig(found.mwh, "mwh"), BASIS_MEANINGS[basis], "were paid" if paid >= 0 else "paid",
            _fig(abs(paid), "gbp"),
        )  # fmt: skip
        if found.share is not None:
            text += Markup(" That is {} of what the wind offered.").format(_fig(found.share, "share"))
        if top is not None and Decimal(top[mwh]):
            text += Markup(" The most was at {}.").format(words.period_text(date, int(top["settlement_period"])))
    more = {
        "provisional": " It is provisional: the figures may still change.",
        "incomplete": f" Only {row['periods_present']} of {row['periods_expected']} half hours are there.",
        "failing": " Do not rely on it yet: a check is red or the newest look at the source failed. The half hours below are what was stored before.",
        "warned": " It is final; a person should look at what a check found.",
    }.get(status, "")
    return text + Markup("{}").format(more)


def _proofs(row: Row, halves: Figure, found: Sum, mwh: str) -> list[tuple[bool, str]]:
    """What the page recomputes of the rows that it shows."""
    parts = total(halves.rows, mwh)
    there = sum(r[mwh] is not None for r in halves.rows)
    periods = len(halves.rows)
    date = found.first
    return [
        (
            parts == found.mwh,
            f"The {there} half hours above add up to {words.exact(parts or 0)} MWh; the day's own figure is "
            f"{words.exact(found.mwh or 0)} MWh.",
        ),
        (
            periods == period_count(date) == row["periods_expected"],
            f"{words.day_text(date)} has {period_count(date)} half hours by the clock in London; {periods} are shown, "
            f"{there} have a figure.",
        ),
    ]


def _answers(reader: Reader, date: dt.date) -> list[Row]:
    """What was fetched of each half hour: the newest look, and the SHA-256 of the answer."""
    return reader.rows(
        "SELECT settlement_period, stack_side, status, row_count, payload_sha256, fetched_at"
        " FROM minerecon.ingestion_progress WHERE settlement_date = %(day)s"
        " ORDER BY settlement_period, stack_side",
        day=date,
    )


# Between two days.


def explore(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """What happened between two days, at any grain, on either basis, for a farm, a lead party or all."""
    figure = figures.series(reader, asked)
    parameters = figure.parameters
    first, last = (dt.date.fromisoformat(parameters[name]) for name in ("from", "to"))
    show, basis = asked.one_of("show", tuple(figures.MEASURES)), asked.basis
    of = asked.get("farm") or asked.get("lead_party")
    grains = ("months",) if asked.get("lead_party") else figures.FARM_GRAINS if asked.get("farm") else figures.GRAINS
    grain = asked.get("grain") or grains[0]

    def to(**changed: str | None) -> str:
        return asked.address(**{"after": None, "sort": None, **changed})

    return {
        "title": f"{figures.MEASURES[show].name}, {words.span_text(first, last)}",
        "sentence": _series_sentence(figure, first, last, basis, show, of, asked.get("model") or DEFAULT_MODEL),
        "state": figure.state,
        "figure": figure,
        "table": _table_of(asked, figure, "The figures of the chart"),
        "choices": [
            ("By", [(g.replace("-", " "), to(grain=None if g == grains[0] else g), g == grain) for g in grains]),
            ("Show", [
                (m.name.partition(" ")[0] if n == "bitcoin" else n, to(show=None if n == "energy" else n), n == show)
                for n, m in figures.MEASURES.items() if n != "bitcoin" or (not of and grain != "half-hours")
            ]),
            ("Bids", _basis_links(asked)),
            ("Period", _periods(asked, reader)),
        ],
        "first": str(first), "last": str(last), "grain": grain, "show": show, "basis": basis,
        "farm": asked.get("farm") or "", "lead_party": asked.get("lead_party") or "",
        "model": asked.get("model") or DEFAULT_MODEL,
        "farms": farm_names(reader), "parties": party_names(reader), "models": model_names(reader),
        "permalink": asked.prefix + address("/explore", **{**parameters, "from": str(first), "to": str(last)}),
    }  # fmt: skip


def _periods(asked: Asked, reader: Reader) -> list[tuple[str, str, bool]]:
    newest = reader.newest or reader.today
    given = {
        f"{newest:%B %Y}": (f"{newest:%Y-%m}", f"{newest:%Y-%m}", None),
        "Last 12 months": (f"{newest - dt.timedelta(days=364)}", str(newest), None),
        str(newest.year): (str(newest.year), str(newest.year), None),
        str(newest.year - 1): (str(newest.year - 1), str(newest.year - 1), None),
    }
    made = []
    for text, (first, last, _) in given.items():
        grain = asked.get("grain")
        target = asked.address(
            **{"from": first, "to": last, "after": None, "sort": None, "grain": None if grain == "half-hours" else grain}
        )
        made.append((text, target, (asked.get("from"), asked.get("to")) == (first, last)))
    return made


def _series_sentence(
    figure: Figure, first: dt.date, last: dt.date, basis: str, show: str, of: str | None, model: str
) -> Markup:
    span = words.span_text(first, last)
    mwh, gbp = (total(figure.rows, field_of(name, basis)) for name in ("energy", "payment"))
    where = Markup(" of {}").format(of) if of else Markup("")
    if figure.empty == NOT_STORED:
        return Markup("{}. No figure stands in for {}.").format(NOT_STORED, span)
    if figure.empty == NO_ROW or mwh is None:
        return Markup("{}: {} has no bid in {}.").format(NO_ROW, of, span) if of else Markup("{} in {}.").format(NO_ROW, span)
    if figure.empty:
        return Markup("{} in {}.").format(figure.empty, span)
    doubt = Markup(" ({})").format(figure.state.short) if figure.state.short else Markup("")
    if show == "bitcoin":
        btc = total(figure.rows, field_of("bitcoin", basis))
        return Markup("In {}, {} that was {} could have mined {} on {} (block subsidy only, no fees){}.").format(
            span, _fig(mwh, "mwh"), BASIS_MEANINGS[basis], _fig(btc, "btc"), _model_text(model), doubt
        )
    price = gbp / mwh if mwh and gbp is not None else None
    paid = "were paid" if gbp is None or gbp >= 0 else "paid"
    each = Markup(", {} for each MWh").format(_fig(abs(price), "price")) if price is not None else Markup("")
    return Markup("In {}, {}{} was {}, and farms {} {} for it{}{}.").format(
        span, _fig(mwh, "mwh"), where or " of wind", BASIS_MEANINGS[basis], paid,
        _fig(abs(gbp) if gbp is not None else None, "gbp"), each, doubt,
    )  # fmt: skip


def _model_text(model: str) -> str:
    return model.replace("_PRO", " Pro").replace("_", " ")


def farm_names(reader: Reader) -> list[str]:
    """Every wind farm that there ever was, by name."""
    return [r["farm_name"] for r in reader.rows("SELECT DISTINCT farm_name FROM analytics.wind_farms ORDER BY 1")]


def party_names(reader: Reader) -> list[str]:
    """Every lead party with a stored bid or a unit of wind."""
    return [
        r["name"]
        for r in reader.rows(
            "SELECT DISTINCT lead_party_name AS name FROM analytics.wind_farms WHERE lead_party_name IS NOT NULL ORDER BY 1"
        )
    ]


def model_names(reader: Reader) -> list[str]:
    """The miner models."""
    return [r["miner_model"] for r in reader.ask("models", fields=["miner_model"]).rows]


# Farms and lead parties.


def farm_list(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """Which farms were turned down, in a month or on a day."""
    figure = figures.farms(reader, asked)
    basis = asked.basis
    period = figure.parameters["period"]
    first, last = asked.days("period", (dt.date.fromisoformat(f"{period}-01") if len(period) == 7 else dt.date.fromisoformat(period),) * 2)
    if len(period) == 7:
        last = figures.whole(first, first, "months")[1]
    name = field_of("energy", basis)
    mwh = total(figure.rows, name)
    ranked = sorted((r for r in figure.rows if r[name] is not None), key=lambda r: Decimal(r[name]), reverse=True)
    span = words.span_text(first, last)
    doubt = Markup(" ({})").format(figure.state.short) if figure.state.short else Markup("")
    share = "share_of_curtailed" if basis == "so" else "share_of_all_bids"
    if figure.empty or not mwh:
        sentence = Markup("{} {} {}.").format(figure.empty or NOBODY, "on" if first == last else "in", span)
        if figure.empty == NOT_STORED:
            sentence = Markup("{}. No figure stands in for {}.").format(NOT_STORED, span)
    else:
        top = ranked[0]
        sentence = Markup("{} {}, {} was turned down most: {}, {} of all {} from {}{}.").format(
            "On" if first == last else "In", span, top["farm_name"], _fig(top[name], "mwh"), _fig(top[share], "share"),
            _fig(mwh, "mwh"), words.counted(len(ranked), "farm"), doubt,
        )  # fmt: skip
    earlier, later = first - dt.timedelta(days=1), last + dt.timedelta(days=1)
    as_period = (lambda d: str(d)) if first == last else (lambda d: f"{d:%Y-%m}")
    parties = None
    if first != last:
        party_columns = [
            Column("lead_party_name", "Lead party", "party"), Column(name, "Energy", "mwh", "MWh"),
            Column(share, "Of all", "share", "%"), Column(field_of("payment", basis), "Net payment", "gbp", "£"),
            Column("status", "State", "status"),
        ]  # fmt: skip
        found = reader.ask("lead-parties/months", from_=first, to=last, basis=basis, fields=[c.name for c in party_columns])
        by_energy = sorted(found.rows, key=lambda r: Decimal(r[name] or 0), reverse=True)
        parties = tables.make(asked, f"Lead parties in {span}", party_columns, by_energy, "lead_party_name", found.address(), most=PAGE_OF_FARMS)
    return {
        "title": f"Wind farms, {span}",
        "sentence": sentence, "state": figure.state, "figure": figure,
        "table": _table_of(asked, figure, f"Wind farms {'on' if first == last else 'in'} {span}"),
        "parties": parties,
        "period": period, "basis": basis, "basis_links": _basis_links(asked),
        "earlier": asked.address(period=as_period(earlier), after=None, sort=None),
        "later": asked.address(period=as_period(later), after=None, sort=None) if later <= reader.today else None,
        "names": farm_names(reader),
    }  # fmt: skip


def farm(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """What of one farm."""
    name = asked.in_path["name"]
    return _part(reader, asked, "farm", name, farm_names)


def party(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """What of one lead party."""
    name = asked.in_path["name"]
    return _part(reader, asked, "lead_party", name, party_names)


def _part(reader: Reader, asked: Asked, kind: str, name: str, names: Callable[[Reader], list[str]]) -> Mapping[str, Any]:
    given = {n: asked.given[n] for n in ("from", "to", "basis", "grain", "show") if n in asked.given}
    inner = Asked(asked.path, {}, {"grain": "months", **given, kind: name}, asked.prefix)
    try:
        figure = figures.series(reader, inner)
    except NotAnsweredError as error:
        if error.status != 404:
            raise
        raise _unknown(asked, name, names(reader), kind) from None
    first, last = (dt.date.fromisoformat(figure.parameters[n]) for n in ("from", "to"))
    basis = asked.basis
    unit_columns = [
        Column("bmu_id", "BM unit", "text"), Column("unit_name", "Name in the register", "text"),
        *([Column("farm_name", "Wind farm", "farm")] if kind == "lead_party" else [Column("lead_party_name", "Lead party", "party")]),
        Column("generation_capacity_mw", "Capacity", "mwh", "MW"), Column("is_in_force", "In force", "yes"),
    ]  # fmt: skip
    units = reader.ask("units", fields=[c.name for c in unit_columns], **{kind: name})
    capacity = total([r for r in units.rows if r["is_in_force"] in (True, "true")], "generation_capacity_mw")
    sentence = _series_sentence(figure, first, last, basis, "energy", name, DEFAULT_MODEL)
    share = None
    if kind == "farm" and not figure.empty:
        mwh = total(figure.rows, field_of("energy", basis))
        grain = inner.given["grain"]
        whole = reader.ask(grain, from_=first, to=last, fields=[field_of("energy", basis)])
        everybody = total(whole.rows, field_of("energy", basis))
        if mwh is not None and everybody:
            share = mwh / everybody
    versions = reader.rows(
        "SELECT b.bmu_id, b.valid_from, b.valid_to, b.name, b.lead_party_name, b.fuel_type, b.generation_capacity_mw"
        " FROM minerecon.bm_units AS b JOIN analytics.wind_farms AS f ON f.bmu_id = b.bmu_id"
        " WHERE f.farm_name = %(name)s ORDER BY b.bmu_id, b.valid_from LIMIT 200",
        name=name,
    ) if kind == "farm" else []  # fmt: skip
    grains = figures.FARM_GRAINS[::-1] if kind == "farm" else ()
    now = inner.given["grain"]
    choices = [("Bids", _basis_links(asked)), ("Period", _periods(asked, reader))]
    if grains:
        choices.insert(0, ("By", [(g, asked.address(grain=None if g == "months" else g, after=None, sort=None), g == now) for g in grains]))
    return {
        "title": name, "kind": kind, "name": name,
        "about": f"{words.counted(len(units.rows), 'BM unit')}"
        + (f", {words.rounded(capacity, 0)} MW in force" if capacity else ", none in force"),
        "sentence": sentence, "share": _fig(share, "share") if share is not None else None, "state": figure.state,
        "figure": figure, "choices": choices,
        "table": _table_of(asked, figure, "The figures of the chart"),
        "units": tables.make(asked, "Its BM units", unit_columns, units.rows, "bmu_id", units.address()),
        "versions": versions,
    }  # fmt: skip


def _unknown(asked: Asked, name: str, names: Sequence[str], kind: str) -> NotAnsweredError:
    import difflib

    folded = {n.casefold(): n for n in names}
    close = [folded[n] for n in difflib.get_close_matches(name.casefold(), list(folded), _LIKELY, 0.4)]
    close += [n for n in names if name.casefold() in n.casefold() and n not in close][:_LIKELY]
    what, folder = ("wind farm", "farms") if kind == "farm" else ("lead party of wind", "lead-parties")
    more = f"; did you mean {' or '.join(close)}?" if close else ""
    target = f"/{folder}/{quote(close[0], safe='')}" if close else "/farms"
    return NotAnsweredError(404, f"there is no {what} {name[:60]!r}{more}", **{"try": asked.prefix + target})


# Comparison.


def compare(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """How two periods differ: by default the newest month and the same days of the year before."""
    newest, basis = reader.newest or reader.today, asked.basis
    first, last = asked.span((newest.replace(day=1), newest), figures.DEFAULT_DAYS * 12)
    width = last - first
    start = sums.year_before(first)
    default = (start, min(sums.year_before(last), start + width))
    other = asked.days("with", default)[0]
    other_last = other + width
    rows = [reader.ask("days", from_=a, to=b, basis=basis, fields=SUMMED) for a, b in ((first, last), (other, other_last))]
    mwh, gbp = field_of("energy", basis), field_of("payment", basis)
    pairs: list[Row] = []
    by_day = {r["settlement_date"]: r for r in rows[1].rows}
    for n, row in enumerate(rows[0].rows):
        then = by_day.get(str(other + dt.timedelta(days=n)))
        both = then is not None and row[mwh] is not None and then[mwh] is not None
        pairs.append({
            "settlement_date": row["settlement_date"], "this": row[mwh], "this_gbp": row[gbp], "status": row["status"],
            "other_date": str(other + dt.timedelta(days=n)), "other": then and then[mwh], "other_gbp": then and then[gbp],
            "difference": Decimal(row[mwh]) - Decimal(then[mwh]) if both and then else None,
        })  # fmt: skip
    alike = [p for p in pairs if p["difference"] is not None]
    this, that = total(alike, "this"), total(alike, "other")
    this_gbp, that_gbp = total(alike, "this_gbp"), total(alike, "other_gbp")
    spans = words.span_text(first, last), words.span_text(other, other_last)
    states = [state_of(r.meta) for r in rows]
    if this is None or that is None:
        sentence = Markup("{}: {} and {} have no day that is stored in both.").format(NOT_STORED, *spans)
    else:
        doubt = " and ".join(s.short for s in states if s.short)
        change = Markup(", ") + _change(this, that).removeprefix("now ") if that else Markup("")
        of = "" if len(alike) == width.days + 1 else f", over the {words.counted(len(alike), 'day')} stored in both"
        sentence = Markup("{}: {} and {}. {}: {} and {}. That is {}{}{}.").format(
            spans[0], _fig(this, "mwh"), _fig(this_gbp, "gbp"), spans[1], _fig(that, "mwh"), _fig(that_gbp, "gbp"),
            _change(this, that).removeprefix("now ") if that else "not comparable", of, f" ({doubt})" if doubt else "",
        )  # fmt: skip
    columns = [
        Column("settlement_date", "Day", "day"), Column("this", "Energy", "mwh", "MWh"),
        Column("this_gbp", "Net payment", "gbp", "£"), Column("other_date", "Beside", "day"),
        Column("other", "Energy then", "mwh", "MWh"), Column("other_gbp", "Net payment then", "gbp", "£"),
        Column("difference", "Difference", "mwh", "MWh"), Column("status", "State", "status"),
    ]  # fmt: skip
    title = f"{spans[0]} beside {spans[1]}"
    subtitle = f"Curtailed energy: MWh a day; {figures.BASES[basis]}"
    empty = NOT_STORED if this is None else ""
    figure = Figure(
        "compare", empty or title, subtitle,
        [] if empty else figures.draw.compare(pairs, *spans, says=figures.says(title, subtitle, states[0])),
        empty, columns, pairs, "settlement_date", rows[0].address(),
        {**({"basis": basis} if basis != "so" else {}), "from": str(first), "to": str(last), "with": str(other)},
        states[0], sort="settlement_date",
    )  # fmt: skip
    return {
        "title": title, "sentence": sentence, "state": states[0], "other_state": states[1], "spans": spans,
        "figure": figure, "table": _table_of(asked, figure, "Day by day"), "other_csv": rows[1].address(),
        "basis_links": _basis_links(asked), "first": str(first), "last": str(last), "beside": str(other), "basis": basis,
    }  # fmt: skip


# Miners.


def miners(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """What machines at a farm would have made."""
    given = dict(asked.given)
    model = given.get("model") or DEFAULT_MODEL
    if "machines" not in given and "power_mw" not in given:
        given["power_mw"] = "10"
    names = farm_names(reader)
    newest = reader.newest or reader.today
    earnings = reader.ask(
        "mining/days", from_=newest - dt.timedelta(days=30), to=newest, fields=[
            "settlement_date", "miner_model", "btc_per_mwh", "value_gbp_per_mwh", "break_even_price_gbp", "difficulty",
            "block_subsidy_btc", "price_gbp", "status",
        ],
    )  # fmt: skip
    machines = {r["miner_model"]: r for r in reader.ask("models").rows}
    for row in earnings.rows:
        row["gbp_per_ths_day"] = _per_ths(row)
        row["key"] = f"{row['settlement_date']}/{row['miner_model']}"
    columns = [
        Column("settlement_date", "Day", "day"), Column("gbp_per_ths_day", "For each TH/s a day, subsidy only", "ratio", "£"),
        Column("value_gbp_per_mwh", "For each MWh, subsidy only", "price", "£"),
        Column("price_gbp", "Price of a Bitcoin", "price", "£"), Column("difficulty", "Difficulty", "count"),
        Column("break_even_price_gbp", "Price at which mining equals what was paid to stop", "price", "£"),
        Column("status", "State", "status"),
    ]  # fmt: skip
    of_model = [r for r in earnings.rows if r["miner_model"] == model][::-1]
    context: dict[str, Any] = {
        "title": "What machines would have made", "farms": names, "models": list(machines), "machines_of": machines,
        "farm": asked.get("farm") or "", "model": model, "power_mw": given.get("power_mw", ""),
        "machines": given.get("machines", ""), "figure": None, "table": None,
        "earnings": tables.make(
            asked, f"What a day earned on {_model_text(model)}: block subsidy only, no fees", columns, of_model, "key",
            earnings.address() + f"&model={quote(model, safe='')}", most=31, anchor="earnings",
        ),
        "choices": [("Period", _periods(asked, reader))],
    }  # fmt: skip
    if not asked.get("farm"):
        known = next((r for r in of_model if r["gbp_per_ths_day"] is not None), None)
        sentence = Markup("{} for prices and difficulty of these days.").format(NOT_STORED)
        if known is not None:
            sentence = Markup(
                "On {}, a TH/s earned {} a day and a MWh on {} {}: block subsidy only, no fees. Choose a farm and a size."
            ).format(
                words.day_text(known["settlement_date"]), _pence(known["gbp_per_ths_day"]), _model_text(model),
                _fig(known["value_gbp_per_mwh"], "price"),
            )  # fmt: skip
        first, last = figures.recent(reader, 31)
        return {**context, "sentence": sentence, "state": state_of(earnings.meta), "first": given.get("from", str(first)), "last": given.get("to", str(last))}
    inner = Asked(asked.path, {}, {n: v for n, v in given.items() if n in figures.SIZING}, asked.prefix)
    try:
        figure = figures.sizing(reader, inner)
    except NotAnsweredError as error:
        if error.status != 404 or "farm" not in str(error):
            raise
        raise _unknown(asked, asked.get("farm") or "", names, "farm") from None
    first, last = (dt.date.fromisoformat(figure.parameters[n]) for n in ("from", "to"))
    own = _own_size(figure.rows, given)
    span = words.span_text(first, last)
    doubt = Markup(" ({})").format(figure.state.short) if figure.state.short else Markup("")
    if figure.empty or own is None or own["mined_btc"] is None:
        sentence = Markup("{}: nothing to mine with at {} in {}.").format(figure.empty or NO_ROW, asked.get("farm"), span)
    else:
        value = Markup(", worth {} on the days").format(_fig(own["value_gbp"], "gbp")) if own["value_gbp"] is not None else Markup("")
        sentence = Markup(
            "In {}, {} of {} at {} would have made {} (block subsidy only, no fees){}: they would have run {} of the time{}."
        ).format(
            span, words.counted(int(own["machine_count"]), "machine"), _model_text(model), asked.get("farm"),
            _fig(own["mined_btc"], "btc"), value, _fig(own["utilisation"], "share"), doubt,
        )  # fmt: skip
    return {
        **context, "sentence": sentence, "state": figure.state, "figure": figure,
        "table": _table_of(asked, figure, "Sizes of the fleet"), "first": str(first), "last": str(last),
    }  # fmt: skip


def _own_size(rows: Sequence[Row], given: Mapping[str, str]) -> Row | None:
    if "machines" in given:
        return next((r for r in rows if Decimal(r["machine_count"]) == Decimal(given["machines"])), None)
    fitting = [r for r in rows if Decimal(r["fleet_mw"]) <= Decimal(given["power_mw"])]
    return max(fitting, key=lambda r: Decimal(r["machine_count"]), default=None)


def _per_ths(row: Row) -> Decimal | None:
    """What a TH/s earns in a day, in GBP: 86,400 s × 10^12 hashes over difficulty × 2^32, of the subsidy at the price."""
    if None in (row["difficulty"], row["block_subsidy_btc"], row["price_gbp"]):
        return None
    blocks = SECONDS_PER_DAY * HASHES_PER_TH / (Decimal(row["difficulty"]) * HASHES_PER_DIFFICULTY)
    return blocks * Decimal(row["block_subsidy_btc"]) * Decimal(row["price_gbp"])


def _pence(value: Decimal) -> Markup:
    return Markup('<data value="{}" title="exactly {} GBP">£{}</data>').format(
        words.exact(value), words.exact(value), words.rounded(value, 4)
    )


# How far it can be trusted.


def quality(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """How far this can be trusted."""
    figure = figures.calendar(reader, asked)
    first, last = (dt.date.fromisoformat(figure.parameters[n]) for n in ("from", "to"))
    by_status: dict[str, int] = {}
    for row in figure.rows:
        by_status[row["status"]] = by_status.get(row["status"], 0) + 1
    days = len(figure.rows)
    good = sum(by_status.get(word, 0) for word in ("complete", "warned", "waived"))
    bad = [f"{by_status[w]:,} {w}" for w in words.GLYPHS if w not in ("complete", "warned", "waived") and by_status.get(w)]
    span = words.span_text(first, last)
    sentence = Markup("{} of the {} of {} are final and every check that stops publication holds{}.").format(
        f"{good:,}", words.counted(days, "day"), span, f"; {', '.join(bad)}" if bad else ""
    )
    if figure.empty:
        sentence = Markup("{}. No figure stands in for {}.").format(NOT_STORED, span)
    failures = reader.rows(
        "SELECT c.settlement_date, c.check_name, c.severity, c.expected, c.actual, c.repair"
        " FROM analytics.checks_now AS c WHERE NOT c.passed AND NOT c.is_waived AND c.scope = 'day'"
        " AND c.settlement_date BETWEEN %(first)s AND %(last)s"
        " ORDER BY c.severity, c.settlement_date DESC, c.check_name LIMIT 50",
        first=first, last=last,
    )  # fmt: skip
    uncounted = reader.rows(
        "SELECT u.bmu_id, u.reason, max(u.name) AS name, max(u.lead_party_name) AS lead_party_name, count(*) AS days,"
        " sum(u.curtailed_mwh) AS curtailed_mwh, sum(u.payment_gbp) AS payment_gbp FROM minerecon.uncounted_units AS u"
        " WHERE u.settlement_date BETWEEN %(first)s AND %(last)s AND u.is_wind_like GROUP BY u.bmu_id, u.reason"
        " ORDER BY sum(u.all_bids_mwh) DESC NULLS LAST LIMIT 50",
        first=first, last=last,
    )  # fmt: skip
    rates = reader.rows(
        "SELECT r.year_month, r.miner_model, r.expected_count, r.matched_count, r.rate_percent"
        " FROM analytics.reconciliation_rate AS r WHERE r.year_month BETWEEN %(first)s AND %(last)s"
        " ORDER BY r.year_month DESC, r.miner_model LIMIT 36",
        first=f"{first:%Y-%m}", last=f"{last:%Y-%m}",
    )  # fmt: skip
    looked = reader.rows("SELECT max(evaluated_at) AS at FROM minerecon.reconciliation_latest")
    api_quality = address("/api/v1/status.csv", **{"from": str(first), "to": str(last)})
    return {
        "title": "How far this can be trusted", "sentence": sentence, "state": figure.state, "figure": figure,
        "table": _table_of(asked, figure, "Every day and its state"),
        "meanings": [(word, by_status.get(word, 0), text) for word, text in words.MEANINGS.items()],
        "failures": tables.make(
            asked, "Checks that do not hold now",
            [Column("settlement_date", "Day", "day"), Column("check_name", "Property", "text"), Column("severity", "Kind", "text"),
             Column("expected", "Expected", "text"), Column("actual", "Found", "text")],
            failures, "check_name", api_quality, empty="Every check that has looked at these days holds.",
        ),
        "rates": tables.make(
            asked, "Calculations that are there and right, of those that there should be",
            [Column("year_month", "Month", "month"), Column("miner_model", "Miner model", "text"),
             Column("expected_count", "Expected", "count"), Column("matched_count", "Right", "count"),
             Column("rate_percent", "Rate", "price", "%")],
            rates, "year_month", api_quality, empty="No calculation of these days has been compared.", most=36,
        ),
        "uncounted": tables.make(
            asked, "Units that may be wind and are in no sum",
            [Column("bmu_id", "BM unit", "text"), Column("reason", "Why", "text"), Column("name", "Name", "text"),
             Column("lead_party_name", "Lead party", "text"), Column("days", "Days", "count"),
             Column("curtailed_mwh", "Energy", "mwh", "MWh"), Column("payment_gbp", "Net payment", "gbp", "£")],
            uncounted, "bmu_id", api_quality, empty="No unit that looks like wind was left out.",
        ),
        "published": _published(reader, asked, None, None),
        "restatements": _restatements(reader, asked, first, last),
        "looked_at": words.instant_text(looked[0]["at"]) if looked and looked[0]["at"] else None,
        "first": str(first), "last": str(last), "choices": [("Period", _periods(asked, reader))],
    }  # fmt: skip


# Where to get it.


def data(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """Where to get the figures, and how to cite them."""
    newest = reader.newest or reader.today
    month = f"{newest:%Y-%m}"
    span = {"from": month, "to": month}
    year = {"from": str(newest.year), "to": str(newest.year)}
    sets = [
        ("Days", "days", "A row a day: energy, money, wind output, state", year),
        ("Half hours", "half-hours", "46, 48 or 50 rows a day", span),
        ("Months", "months", "A row a month", {"from": str(newest.year - 4), "to": str(newest.year)}),
        ("Wind farms by day", "farms", "A row for each farm with a bid", span),
        ("Lead parties by month", "lead-parties/months", "A row for each lead party", year),
        ("Mining by day", "mining/days", "A row for each day and miner model: block subsidy only, no fees", year),
        ("Restatements", "restatements", "What changed at the source, before and after", {}),
        ("States of days", "calendar", "How every day stands", year),
        ("Units and farms", "units", "Which BM unit belongs to which farm", {}),
        ("Published figures", "published", "What others publish", {}),
    ]
    rows = [
        (name, about, [(kind, address(f"/api/v1/{path}.{kind}", **given)) for kind in ("csv", "parquet", "zip", "json")])
        for name, path, about, given in sets
    ]
    state = state_of(reader.ask("days", from_=newest.replace(month=1, day=1), to=newest, fields=["settlement_date"]).meta)
    return {
        "title": "Downloads", "sets": rows, "state": state, "newest_text": words.day_text(newest),
        "sentence": Markup("Every figure of this site is a file: CSV for people, Parquet, JSON and zip with metadata for machines."),
        "retrieved": words.day_text(reader.today, weekday=False),
    }  # fmt: skip


def api(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """The API, with examples that work."""
    from minerecon_dagster.web.question import parameters_of
    from minerecon_dagster.web.resources import RESOURCES

    newest = reader.newest or reader.today
    unit = reader.rows("SELECT bmu_id, farm_name FROM analytics.wind_farms ORDER BY is_in_force DESC, 1 LIMIT 1")
    names = {"farm": unit[0]["farm_name"], "unit": unit[0]["bmu_id"]} if unit else {"farm": "Seagreen", "unit": "T_SGRWO-1"}
    described = []
    for resource in RESOURCES:
        path = f"/api/v1/{resource.path}"
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        given: dict[str, str] = {}
        if resource.span:
            given = {"from": f"{newest:%Y-%m}", "to": f"{newest:%Y-%m}"} if resource.default_days != 1 else {"from": str(newest), "to": str(newest)}
        if resource.path == "sizing":
            given |= {"farm": names["farm"], "model": DEFAULT_MODEL, "power_mw": "1,10"}
        most = f"{resource.most_days:,} days at once" if resource.span else ""
        described.append((resource.path, resource.about, ", ".join(parameters_of(resource)), most, address(path, **given)))
    return {
        "title": "The API", "resources": described, "example": address("/api/v1/days", **{"from": f"{newest:%Y-%m}", "to": f"{newest:%Y-%m}"}),
        "sentence": Markup("Each figure of this site has an address that answers JSON, CSV, Parquet or zip, with its state and every digit."),
        "state": None,
    }  # fmt: skip


_EXPLORE = ("from", "to", "grain", "show", "basis", "farm", "lead_party", "model")
_PART = ("from", "to", "grain", "basis")

PAGES: Sequence[Page] = (
    Page("/", "overview", ("basis",), overview, "/"),
    Page("/explore", "explore", (*_EXPLORE, *_TABLE), explore, "/explore"),
    Page("/farms", "farms", ("period", "basis", *_TABLE), farm_list, "/farms"),
    Page("/farms/{name}", "part", (*_PART, *_TABLE), farm, "/farms"),
    Page("/lead-parties/{name}", "part", ("from", "to", "basis", *_TABLE), party, "/farms"),
    Page("/days/{date}", "day", ("basis", *_TABLE), day, "/days"),
    Page("/compare", "compare", ("from", "to", "with", "basis", *_TABLE), compare, "/compare"),
    Page("/miners", "miners", (*figures.SIZING, *_TABLE), miners, "/miners"),
    Page("/quality", "quality", ("from", "to", *_TABLE), quality, "/quality"),
    Page("/data", "data", (), data, "/data"),
    Page("/api", "api", (), api, "/api"),
)
"""Every page, in the order of the head."""
