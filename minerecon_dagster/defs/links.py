"""Links from Dagster's UI to the dashboard, where its address is known."""

from datetime import date
from typing import Any

import dagster as dg

from minerecon_dagster.settings import Settings


def to_day(day: date) -> dict[str, Any]:
    """Metadata with the page of a settlement day; empty where nobody said where the dashboard is."""
    return _to(f"/days/{day}")


def to_span(key: str) -> dict[str, Any]:
    """The same of a month (``2025-03``) or a year (``2025``)."""
    return _to(f"/explore?from={key}&to={key}" + ("&grain=months" if len(key) == len("2025") else ""))


def to_farms() -> dict[str, Any]:
    """The same of the wind farms."""
    return _to("/farms")


def _to(path: str) -> dict[str, Any]:
    base = Settings.from_environ(only=["dashboard_url"]).dashboard_url
    return {} if base is None else {"dashboard": dg.MetadataValue.url(f"{base}{path}")}
