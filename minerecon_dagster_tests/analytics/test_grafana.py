"""The queries for Grafana of docs/analyse/analysts.md, with its macros as it expands them: FR-41."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.settings import PROJECT_ROOT

LONDON = ZoneInfo("Europe/London")
PAGE = (PROJECT_ROOT / "docs" / "analyse" / "analysts.md").read_text("utf-8")
PERIODS, DAYS = (block for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) if "$__time" in block)
RANGES = {
    "winter": (dt.date(2025, 3, 3), dt.date(2025, 3, 5)),
    "summer": (dt.date(2025, 4, 2), dt.date(2025, 4, 4)),
    "over the change of the clocks": (dt.date(2025, 3, 28), dt.date(2025, 4, 1)),
}


def shown(stored: Engine, query: str, begin: dt.datetime, end: dt.datetime, zone: str) -> list[dt.datetime]:
    """The times that a panel shows of a range, in a session of a time zone."""
    first, last = (f"'{at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}'" for at in (begin, end))
    query = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN {first} AND {last}", query)
    query = query.replace("$__timeFrom()", first).replace("$__timeTo()", last)
    with stored.connect() as connection:
        connection.execute(text(f"SET LOCAL TimeZone = '{zone}'"))
        return [row.time for row in connection.execute(text(query))]


@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize(("first", "last"), RANGES.values(), ids=RANGES)
def test_a_range_of_days_in_london_shows_those_days_and_no_other(
    stored: Engine, first: dt.date, last: dt.date, zone: str
) -> None:
    begin = dt.datetime.combine(first, dt.time(), LONDON)
    end = dt.datetime.combine(last, dt.time(23, 59, 59), LONDON)
    days = [first + dt.timedelta(n) for n in range((last - first).days + 1)]
    assert shown(stored, DAYS, begin, end, zone) == [dt.datetime.combine(day, dt.time(), LONDON) for day in days]
    periods = shown(stored, PERIODS, begin, end, zone)
    assert {at.astimezone(LONDON).date() for at in periods} <= set(days)
    assert periods[0] == begin
    spent = end.astimezone(dt.UTC) - begin.astimezone(dt.UTC)
    assert len(periods) == spent // dt.timedelta(minutes=30) + 1
