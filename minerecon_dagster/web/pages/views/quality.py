"""`/quality`: how far this can be trusted."""

from __future__ import annotations

import datetime as dt
import itertools
import operator
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from minerecon_dagster.core.statuses import MEANINGS
from minerecon_dagster.web.pages import figures, tables, words
from minerecon_dagster.web.pages.asked import Asked, address
from minerecon_dagster.web.pages.reader import Reader, Row
from minerecon_dagster.web.pages.tables import Column, Table
from minerecon_dagster.web.pages.views.common import (
    REMARKS,
    periods,
    published,
    restatements,
    table_of,
)


def quality(reader: Reader, asked: Asked) -> Mapping[str, Any]:
    """How far this can be trusted."""
    figure = figures.calendar(reader, asked)
    first, last = (dt.date.fromisoformat(figure.parameters[n]) for n in ("from", "to"))
    by_status: dict[str, int] = {}
    for row in figure.rows:
        by_status[row["status"]] = by_status.get(row["status"], 0) + 1
    days = len(figure.rows)
    good = sum(by_status.get(word, 0) for word in ("complete", "warned", "waived"))
    bad = [
        f"{by_status[w]:,} {w}" for w in words.GLYPHS if w not in ("complete", "warned", "waived") and by_status.get(w)
    ]
    span = words.span_text(first, last)
    checked = f", and every check that stops publication holds on {'it' if good == 1 else 'them'}" if good else ""
    sentence = Markup("{}, {} of {} {} final{}{}.").format(
        words.within_text(first, last),
        f"{good:,}",
        words.counted(days, "day"),
        words.is_or_are(good, days),
        checked,
        f"; {', '.join(bad)}" if bad else "",
    )
    if figure.empty:
        sentence = Markup("{}. No figure stands in for {}.").format(figure.empty, span)
    failures = reader.rows(
        "SELECT c.settlement_date, c.check_name, c.severity, c.expected, c.actual, c.repair, count(*) OVER () AS in_all"
        " FROM analytics.checks_now AS c WHERE NOT c.passed AND NOT c.is_waived AND c.scope = 'day'"
        " AND c.settlement_date BETWEEN %(first)s AND %(last)s"
        # A remark on what stands beside a day is no matter of the day's own, and would crowd the others out.
        " AND NOT EXISTS (SELECT FROM minerecon.reconciliation_latest AS l WHERE l.scope = 'day' AND l.is_beside"
        "     AND l.severity = 'WARN' AND (l.settlement_date, l.check_family, l.check_name)"
        "       = (c.settlement_date, c.check_family, c.check_name))"
        " ORDER BY c.severity, c.settlement_date DESC, c.check_name LIMIT 50",
        first=first,
        last=last,
    )
    remarks = reader.rows(REMARKS, first=first, last=last)
    uncounted = reader.rows(
        "SELECT u.bmu_id, u.reason, max(u.name) AS name, max(u.lead_party_name) AS lead_party_name, count(*) AS days,"
        " sum(u.curtailed_mwh) AS curtailed_mwh, sum(u.payment_gbp) AS payment_gbp, count(*) OVER () AS in_all"
        " FROM minerecon.uncounted_units AS u"
        " WHERE u.settlement_date BETWEEN %(first)s AND %(last)s AND u.is_wind_like GROUP BY u.bmu_id, u.reason"
        " ORDER BY sum(u.all_bids_mwh) DESC NULLS LAST LIMIT 50",
        first=first,
        last=last,
    )
    rates = reader.rows(
        "SELECT r.year_month, r.miner_model, r.expected_count, r.matched_count, r.rate_percent"
        " FROM analytics.reconciliation_rate AS r WHERE r.year_month BETWEEN %(first)s AND %(last)s"
        " ORDER BY r.year_month DESC, r.miner_model",
        first=f"{first:%Y-%m}",
        last=f"{last:%Y-%m}",
    )
    right = [r for r in rates if r["matched_count"] == r["expected_count"]]
    looked = reader.rows("SELECT max(evaluated_at) AS at FROM minerecon.reconciliation_latest")
    checks = address("/api/v1/checks.csv", **{"from": str(first), "to": str(last)})
    return {
        "title": "How far this can be trusted",
        "sentence": sentence,
        "state": figure.state,
        "figure": figure,
        "table": table_of(asked, figure, "Every day and its state"),
        "meanings": [
            (word, by_status.get(word, 0), text.replace(" (`waivers.toml`)", "").replace("NULL", "empty"))
            for word, text in MEANINGS.items()
        ],
        "unsure": tables.make(
            asked,
            "Days that are not final and right",
            [
                Column("settlement_date", "Days", "days"),
                Column("status", "State", "status"),
                Column("day_count", "How many", "count"),
                Column("periods_present", "Half hours stored", "count"),
                Column("periods_expected", "Half hours in all", "count"),
            ],
            _runs(figure.rows)[::-1],
            "settlement_date",
            figure.csv,
            csv_has="every day",
            empty="Every day is final and right.",
            most=31,
        ),
        "failures": tables.make(
            asked,
            "Checks that do not hold now",
            [
                Column("settlement_date", "Day", "day"),
                Column("check_name", "Property", "text"),
                Column("severity", "Kind", "text"),
                Column("expected", "Expected", "text"),
                Column("actual", "Found", "text"),
            ],
            failures,
            "check_name",
            checks,
            csv_has="every check",
            count=failures[0]["in_all"] if failures else 0,
            empty=f"Every check that has looked at these days holds{_beside(remarks)}.",
        ),
        "wrong_rates": _rates(
            asked, "Calculations that are missing or wrong", [r for r in rates if r not in right], _all_right(rates)
        ),
        "rates": _rates(asked, "Calculations that are there and right", rates, _all_right(rates)),
        "uncounted": tables.make(
            asked,
            "Units that may be wind and are in no sum, SO-flagged bids",
            [
                Column("bmu_id", "BM unit", "text"),
                Column("reason", "Why", "text"),
                Column("name", "Name", "text"),
                Column("lead_party_name", "Lead party", "text"),
                Column("days", "Days", "count"),
                Column("curtailed_mwh", "Energy", "mwh", "MWh"),
                Column("payment_gbp", "Net payment", "gbp", "£"),
            ],
            uncounted,
            "bmu_id",
            None,
            count=uncounted[0]["in_all"] if uncounted else 0,
            empty="No unit that looks like wind was left out.",
        ),
        "published": published(reader, asked, None, None),
        "restatements": restatements(reader, asked, first, last),
        "looked_at": words.instant_text(looked[0]["at"]) if looked and looked[0]["at"] else None,
        "first": str(first),
        "last": str(last),
        "choices": [("Period", periods(asked, reader, (first, last)))],
    }


def _runs(days: Sequence[Row]) -> list[Row]:
    """Days one after the other that have the same state, as a row; those that are final and right are left out."""
    runs = [list(run) for _, run in itertools.groupby(days, key=operator.itemgetter("status"))]
    return [
        {
            "settlement_date": run[0]["settlement_date"],
            "last_date": run[-1]["settlement_date"],
            "status": run[0]["status"],
            "day_count": len(run),
            **{name: sum(int(r[name]) for r in run) for name in ("periods_present", "periods_expected")},
        }
        for run in runs
        if run[0]["status"] not in ("complete", "waived")
    ]


def _all_right(rates: Sequence[Row]) -> str:
    if not rates:
        return "No calculation of these days has been compared."
    count = sum(int(r["expected_count"]) for r in rates)
    months = words.counted(len({r["year_month"] for r in rates}), "month")
    return f"All {count:,} calculations that there should be of {months} are there and right."


def _beside(remarks: Sequence[Mapping[str, Any]]) -> str:
    """How much was remarked on what stands beside the days; their pages have it."""
    if not remarks:
        return ""
    days = words.counted(len({r["settlement_date"] for r in remarks}), "day")
    said = words.counted(len(remarks), "remark")
    return f"; {said} on notified potential or metered output of {days} can be read on the days' pages"


def _rates(asked: Asked, caption: str, rates: Sequence[Row], empty: str) -> Table:
    columns = [
        Column("year_month", "Month", "month"),
        Column("miner_model", "Miner model", "text"),
        Column("expected_count", "Expected", "count"),
        Column("matched_count", "Right", "count"),
        Column("rate_percent", "Rate", "price", "%"),
    ]
    shown = [{**r, "miner_model": words.model_text(r["miner_model"])} for r in rates]
    return tables.make(asked, caption, columns, shown, "year_month", None, empty=empty, most=len(shown))
