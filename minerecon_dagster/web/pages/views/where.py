"""`/data`, `/api` and `/glossary`: where to get it, and what the words mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from minerecon_dagster.web.pages import tables, words
from minerecon_dagster.web.pages.asked import Asked, address
from minerecon_dagster.web.pages.figures import DEFAULT_MODEL
from minerecon_dagster.web.pages.glossary import glossary
from minerecon_dagster.web.pages.reader import Reader
from minerecon_dagster.web.pages.state import state_of
from minerecon_dagster.web.pages.tables import Column
from minerecon_dagster.web.question import parameters_of
from minerecon_dagster.web.resources import RESOURCES


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
        (
            name,
            about,
            [(kind, address(f"/api/v1/{path}.{kind}", **given)) for kind in ("csv", "parquet", "zip", "json")],
        )
        for name, path, about, given in sets
    ]
    state = state_of(
        reader.ask("days", from_=newest.replace(month=1, day=1), to=newest, fields=["settlement_date"]).meta
    )
    columns = [
        Column("year_month", "Month", "month"),
        Column("view_name", "View", "text"),
        Column("csv_file", "File", "text"),
        Column("column_count", "Columns", "count"),
        Column("days_present", "Days there", "count"),
        Column("status", "State", "status"),
    ]
    exports = reader.ask("exports", from_=f"{newest:%Y-%m}", to=f"{newest:%Y-%m}", fields=[c.name for c in columns])
    return {
        "title": "Downloads",
        "sets": rows,
        "exports": tables.make(
            asked,
            f"Files that the export of {words.month_text(month)} writes",
            columns,
            exports.rows,
            "view_name",
            exports.address(),
            empty="No month is stored yet.",
        ),
        "state": state,
        "newest_text": words.day_text(newest),
        "sentence": Markup(
            "Every figure of this site is a file: CSV for people, Parquet, JSON and zip with metadata for machines."
        ),
        "retrieved": words.day_text(reader.today, weekday=False),
    }


def meanings(_reader: Reader, _asked: Asked) -> Mapping[str, Any]:
    """What the words of the field mean."""
    return {
        "title": "Glossary",
        "sentence": Markup("The words of the field, a sentence each; every page leads here from the first of them."),
        "entries": glossary(),
        "state": None,
    }


def api(reader: Reader, _asked: Asked) -> Mapping[str, Any]:
    """The API, with examples that work."""
    newest = reader.newest or reader.today
    unit = reader.rows("SELECT bmu_id, farm_name FROM analytics.wind_farms ORDER BY is_in_force DESC, 1 LIMIT 1")
    names = (
        {"farm": unit[0]["farm_name"], "unit": unit[0]["bmu_id"]} if unit else {"farm": "Seagreen", "unit": "T_SGRWO-1"}
    )
    described = []
    for resource in RESOURCES:
        path = f"/api/v1/{resource.path}"
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        given: dict[str, str] = {}
        if resource.span:
            given = (
                {"from": f"{newest:%Y-%m}", "to": f"{newest:%Y-%m}"}
                if resource.default_days != 1
                else {"from": str(newest), "to": str(newest)}
            )
        if resource.path == "sizing":
            given |= {"farm": names["farm"], "model": DEFAULT_MODEL, "power_mw": "1,10"}
        most = f"{resource.most_days:,} days at once" if resource.span else ""
        described.append(
            (
                resource.path,
                resource.about.replace("`", ""),
                ", ".join(parameters_of(resource)),
                most,
                address(path, **given),
            )
        )
    described.append(
        (
            "feed", "News, as Atom and JSON Feed: days that became final, restatements, gaps of the last three months.",
            "kind, limit", "", address("/api/v1/feed.atom"),
        )
    )  # fmt: skip
    return {
        "title": "The API",
        "resources": described,
        "example": address("/api/v1/days", **{"from": f"{newest:%Y-%m}", "to": f"{newest:%Y-%m}"}),
        "sentence": Markup(
            "Each figure of this site has an address that answers JSON, CSV, Parquet or zip, with its state and every"
            " digit."
        ),
        "state": None,
    }
