"""Links from Dagster's UI to the dashboard, where its address is known, and to files."""

import calendar
from datetime import date
from typing import Any

import dagster as dg

from minerecon_dagster.settings import Settings

OPEN, DASHBOARD = "Open", "Dashboard"
"""Names of links, which stand before the figures."""
_NO_DASHBOARD = "no link: set MINERECON_DASHBOARD_URL to where people reach the dashboard"


def to_day(day: date) -> dict[str, Any]:
    """Metadata with the page of a settlement day; empty where nobody said where the dashboard is."""
    return _to(f"/days/{day}")


def to_span(key: str) -> dict[str, Any]:
    """The same of a month (``2025-03``) or a year (``2025``)."""
    return _to(f"/explore?from={key}&to={key}" + ("&grain=months" if len(key) == len("2025") else ""))


def to_farms() -> dict[str, Any]:
    """The same of the wind farms."""
    return _to("/farms")


def to_csv_of(month: str) -> dict[str, Any]:
    """The days of a month (``2025-03``) as a CSV file of the read API; or which variable makes it a link."""
    year, number = map(int, month.split("-"))
    last = calendar.monthrange(year, number)[1]
    return _to(f"/api/v1/days.csv?from={month}-01&to={month}-{last}", OPEN) or {OPEN: _NO_DASHBOARD}


def to_file(uri: str) -> dg.MetadataValue:
    """Where a file is: shown as a path, and one in a bucket, which no browser opens, as a text."""
    return dg.MetadataValue.text(uri) if uri.startswith("s3://") else dg.MetadataValue.path(uri)


def _to(path: str, name: str = DASHBOARD) -> dict[str, Any]:
    base = Settings.from_environ(only=["dashboard_url"]).dashboard_url
    return {} if base is None else {name: dg.MetadataValue.url(f"{base}{path}")}
