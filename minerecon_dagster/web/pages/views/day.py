"""`/days/{date}`: what happened on a day, and where each figure comes from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from minerecon_dagster.core.calendar import period_count
from minerecon_dagster.web.pages import figures, sums, tables, words
from minerecon_dagster.web.pages.asked import Asked, address, place
from minerecon_dagster.web.pages.figures import Figure, field_of, total
from minerecon_dagster.web.pages.reader import Reader, Row
from minerecon_dagster.web.pages.state import BASIS_MEANINGS, FAILED, NO_ROW, NOBODY, NOT_STORED
from minerecon_dagster.web.pages.sums import SUMMED, Sum
from minerecon_dagster.web.pages.tables import Column
from minerecon_dagster.web.pages.views.common import (
    PAGE_OF_FARMS,
    REMARKS,
    basis_links,
    fig,
    listed,
    restatements,
)
from minerecon_dagster.web.question import FIRST_YEAR, LAST_YEAR, NotAnsweredError, is_in_no_calendar

_CHECKS = (
    Column("check_name", "Property", "text"),
    Column("passed", "Holds", "yes"),
    Column("severity", "If not", "text"),
    Column("expected", "Expected", "text"),
    Column("actual", "Found", "text"),
    Column("evaluated_at", "When", "instant"),
)


def day(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """What happened on a day, and where each figure comes from."""
    date = _date(asked, reader)
    basis = asked.basis
    mwh, gbp = field_of("energy", basis), field_of("payment", basis)
    of_day = reader.ask(
        "days",
        from_=date,
        to=date,
        fields=[*SUMMED, "record_count", "so_record_count"],
    )
    row = of_day.rows[0]
    found = sums.of_days(of_day.rows, date, date, basis, of_day.meta)
    halves = figures.series(
        reader, Asked(asked.path, {}, {"basis": basis, "grain": "half-hours"}, asked.prefix), (date, date)
    )
    checks = reader.ask("checks", from_=date, to=date, fields=[column.name for column in _CHECKS])
    remarks = {r["check_name"] for r in reader.rows(REMARKS, first=date, last=date)}
    is_stored = found.mwh is not None
    top = max((r for r in halves.rows if r[mwh] is not None), key=lambda r: Decimal(r[mwh]), default=None)
    ranked = figures.farms(reader, Asked("/farms", {}, {"basis": basis, "period": str(date)}, asked.prefix))
    columns = halves.columns[1:]
    at = place(asked, [c.name for c in columns], "settlement_period")
    name = field_of("energy", basis)
    by_energy = sorted((r for r in ranked.rows if r[name] is not None), key=lambda r: Decimal(r[name]), reverse=True)
    earliest = dt.date(FIRST_YEAR, 1, 1)
    return {
        "title": words.day_text(date),
        "sentence": _day_sentence(date, row, found, top, basis, mwh),
        "state": found.state,
        "figure": halves,
        "table": tables.make(
            asked,
            f"The {len(halves.rows)} half hours of {words.day_text(date)}",
            columns,
            halves.rows,
            "at",
            halves.csv,
            at=at,
            empty=f"{halves.empty or NO_ROW}.",
        ),
        "ranked": ranked if is_stored and found.mwh else None,
        "farms": tables.make(
            asked,
            f"Wind farms on {words.day_text(date)}",
            ranked.columns,
            by_energy,
            "farm_name",
            ranked.csv,
            empty=f"{ranked.empty or NO_ROW}.",
            most=PAGE_OF_FARMS,
            shown_of={"from": str(date), "to": str(date)},
        ),
        "mining": listed(
            asked,
            reader,
            "mining/days",
            "What it could have mined: block subsidy only, no fees",
            [
                Column("miner_model", "Miner model", "text"),
                Column(field_of("bitcoin", basis), "Bitcoin", "btc", "BTC"),
                Column("value_gbp" if basis == "so" else "all_bids_value_gbp", "Its value then", "gbp", "£"),
                Column(gbp, "Paid to stop", "gbp", "£"),
                Column("difficulty", "Difficulty", "count"),
                Column("price_gbp", "Price of a Bitcoin", "price", "£"),
            ],
            "miner_model",
            f"{NOT_STORED}.",
            from_=date,
            to=date,
        ),
        "proofs": _proofs(row, halves, found, mwh) if is_stored else [],
        "checks": tables.make(asked, "All checks of the day", _CHECKS, checks.rows, "check_name", checks.address()),
        "failing": tables.make(
            asked,
            "Checks that do not hold",
            _CHECKS,
            [row for row in checks.rows if not row["passed"] and row["check_name"] not in remarks],
            "check_name",
            checks.address(),
            empty=f"{'All' if not remarks else 'All but remarks of'} {len(checks.rows)} checks hold."
            if checks.rows
            else "No check has looked at this day.",
        ),
        "remarks": tables.make(
            asked,
            "Remarks on notified potential and metered output, which no figure of the day depends on",
            _CHECKS,
            [row for row in checks.rows if row["check_name"] in remarks],
            "check_name",
            checks.address(),
        )
        if remarks
        else None,
        "verifications": listed(
            asked,
            reader,
            "verifications",
            "Comparisons with Elexon",
            [
                Column("started_at", "When", "instant"),
                Column("requested_by", "Who asked", "text"),
                Column("action", "What", "text"),
                Column("sampling", "How much", "text"),
                Column("outcome", "Outcome", "text"),
            ],
            "started_at",
            "This day has not been compared with Elexon since it was stored." if is_stored else "It is not stored.",
            from_=date,
            to=date,
        ),
        "restatements": restatements(reader, asked, date, date),
        "of_period": _of_period(reader, asked, date, halves.rows),
        "answers": _answers(reader, date),
        "before": _beside(asked, date - dt.timedelta(days=1)) if date > earliest else None,
        "next": _beside(asked, date + dt.timedelta(days=1)) if date < reader.today else None,
        "basis": basis,
        "date": str(date),
        "today": str(reader.today),
        "basis_links": basis_links(asked),
        "acceptances": address("/api/v1/acceptances.csv", **{"from": str(date), "to": str(date)}),
        "is_live": date == reader.today,
        "is_stored": is_stored,
    }


def _beside(asked: Asked, date: dt.date) -> str:
    """The page of another day, on the same basis."""
    return asked.prefix + address(f"/days/{date}", basis=None if asked.basis == "so" else asked.basis)


def _date(asked: Asked, reader: Reader) -> dt.date:
    text = asked.in_path["date"]
    try:
        date = dt.date.fromisoformat(text) if len(text) == len("YYYY-MM-DD") else None
    except ValueError:
        date = None
    newest = f"/days/{reader.newest or reader.today}"
    if date is None or not FIRST_YEAR <= date.year <= LAST_YEAR:
        why = "there is no such day" if is_in_no_calendar(text) else "a day is written as in 2025-03-28"
        raise NotAnsweredError(404, f"{why}: {text[:40]!r}", **{"try": asked.prefix + newest})
    if date > reader.today:
        raise NotAnsweredError(404, f"{words.day_text(date)} has not begun", **{"try": asked.prefix + newest})
    return date


def _day_sentence(date: dt.date, row: Row, found: Sum, top: Row | None, basis: str, mwh: str) -> Markup:
    if found.mwh is None:
        if row["status"] == "unavailable":
            return Markup(
                "The source has nothing for {}, and a person has closed the day: no figure stands in for it."
            ).format(words.day_text(date))
        nothing = FAILED if row["status"] == "failing" else NOT_STORED
        return Markup("{}. No figure stands in for {}.").format(nothing, words.day_text(date))
    status = row["status"]
    in_progress = status == "provisional" and sums.lacks_half_hours(row)
    there = f" Only {row['periods_present']} of {row['periods_expected']} half hours are there."
    every = Decimal(row["all_bids_mwh"] or 0)
    if not found.mwh and every:
        text = Markup("{} was turned down for system reasons; all accepted bids come to {}{}.").format(
            "Of what is stored nothing" if found.state.is_least else "No wind", found.state.at_least, fig(every, "mwh")
        )
    elif not found.mwh and found.state.is_least:
        text = Markup("No bid of {} is stored.").format(words.day_text(date))
    elif not found.mwh:
        text = Markup("{} on {}.").format(NOBODY, words.day_text(date))
    else:
        paid = found.gbp or Decimal()
        least = "At least " if status == "incomplete" or in_progress else ""
        each = found.gbp_per_mwh
        text = Markup("{}{} of wind was {}, and farms {} {} for it{}.").format(
            least,
            fig(found.mwh, "mwh"),
            BASIS_MEANINGS[basis],
            "were paid" if paid >= 0 else "paid",
            fig(abs(paid), "gbp"),
            Markup(", {} for each MWh").format(fig(abs(each), "price")) if each is not None else "",
        )
        if found.share is not None:
            # What is missing of a day can only add to what was turned down: its output is known of the whole day.
            text += Markup(" That is {}{} of what the wind offered.").format(least.lower(), fig(found.share, "share"))
        if top is not None and Decimal(top[mwh]):
            text += Markup(" The most was at {}.").format(words.period_text(date, int(top["settlement_period"])))
    more = {
        "provisional": f"{there if in_progress else ''} It is provisional: the figures may still change.",
        "incomplete": there,
        "failing": " Do not rely on it yet: a check is red or the newest look at the source failed. The half hours"
        " below are what was stored before.",
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
            f"The {words.counted(there, 'half hour')} above, summed: {words.exact(parts or 0)} MWh; the day's own "
            f"figure is {words.exact(found.mwh or 0)} MWh.",
        ),
        (
            periods == period_count(date) == row["periods_expected"],
            f"{words.day_text(date)} has {period_count(date)} half hours by the clock in London; {periods} are shown, "
            f"{there} have a figure.",
        ),
    ]


def _of_period(reader: Reader, asked: Asked, date: dt.date, halves: Sequence[Row]) -> Mapping[str, Any] | None:
    """The acceptances of a half hour, and whether they add up to its figure; None where none is asked for."""
    given = asked.get("period")
    if given is None:
        return None
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= period_count(date):
        raise asked.refused(
            f"period must be a whole number from 1 to {period_count(date)}, not {given[:40]!r}", "period"
        )
    period = str(int(given))
    columns = (
        Column("bmu_id", "BM unit", "text"),
        Column("lead_party_name", "Lead party", "party"),
        Column("acceptance_id", "Acceptance", "text"),
        Column("curtailed_mwh", "Energy", "mwh", "MWh"),
        Column("original_price_gbp_per_mwh", "Price of the bid", "price", "£/MWh"),
        Column("payment_gbp", "Payment", "gbp", "£"),
        Column("so_flag", "SO-flagged", "yes"),
    )
    rows = reader.ask("acceptances", from_=date, to=date, period=period, fields=[c.name for c in columns])
    flagged = total([row for row in rows.rows if row["so_flag"]], "curtailed_mwh") or Decimal()
    half = next(row for row in halves if int(row["settlement_period"]) == int(period))
    text = words.period_text(date, int(period))
    figure = half["curtailed_mwh"]
    says = "This half hour is not stored: nothing stands in for it."
    if figure is not None:
        says = f"The SO-flagged rows add up to {words.exact(flagged)} MWh; the half hour has {words.exact(figure)} MWh."
    return {
        "holds": figure is not None and Decimal(figure) == flagged,
        "says": says,
        "table": tables.make(
            asked,
            f"Accepted bids of {text}, period {period}",
            columns,
            rows.rows,
            "bmu_id",
            rows.address(),
            empty="Nothing of it is stored." if figure is None else f"{NOBODY} in this half hour.",
            most=len(rows.rows) or 1,
        ),
    }


def _answers(reader: Reader, date: dt.date) -> list[Row]:
    """What was fetched of each half hour: the newest look, and the SHA-256 of the answer."""
    return reader.rows(
        "SELECT settlement_period, stack_side, status, row_count, payload_sha256, fetched_at"
        " FROM minerecon.ingestion_progress WHERE settlement_date = %(day)s"
        " ORDER BY settlement_period, stack_side",
        day=date,
    )
