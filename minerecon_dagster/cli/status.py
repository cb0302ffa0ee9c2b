"""`minerecon status`: what is missing, provisional or failing."""

from __future__ import annotations

import datetime as dt
import sys

import click

from minerecon_dagster.cli.days import DAY
from minerecon_dagster.cli.environment import services

DIFFICULTY_WARNING_DAYS = 3
"""Warn when the difficulty table reaches no further than so many days from today."""

MOST_LINES = 20
"""How many spans of days that are wrong a terminal is shown."""


@click.command()
@click.option("--from", "first", type=DAY, help="First day (default: the first day stored).")
@click.option("--to", "last", type=DAY, help="Last day (default: yesterday).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(first: dt.datetime | None, last: dt.datetime | None, as_json: bool) -> None:
    """Say which days are missing, incomplete, provisional or failing, and what mends them."""
    from minerecon_dagster.cli.render import (
        console,
        first_day,
        print_json,
        read_days,
        status_spans,
        status_table,
        unmapped_units,
    )
    from minerecon_dagster.core.calendar import settlement_date
    from minerecon_dagster.resources.dagster_resources import DifficultyResource

    today = settlement_date(dt.datetime.now(dt.UTC))
    with services() as settings:
        assert settings.database_url is not None
        reach = DifficultyResource().table().last_day()
        begin = first.date() if first else first_day(settings.database_url)
        end = last.date() if last else today - dt.timedelta(days=1)
        if begin is None:
            begin = end + dt.timedelta(days=1)
        days = [begin + dt.timedelta(days=n) for n in range((end - begin).days + 1)]
        rows = read_days(settings.database_url, days)
        unmapped = unmapped_units(settings.database_url)
    wrong = [row for row in rows if row.is_wrong]
    near = reach is None or reach < today + dt.timedelta(days=DIFFICULTY_WARNING_DAYS)
    if as_json:
        print_json(
            {
                "from": begin.isoformat(),
                "to": end.isoformat(),
                "days": [row.as_dict() for row in rows],
                "difficulty_reaches": reach.isoformat() if reach else None,
                "difficulty_warning": near,
                "unmapped_wind_like_units": unmapped,
            }
        )
    else:
        if rows:
            console().print(status_table(rows))
        else:
            click.echo("Nothing is stored yet. Fetch a day: minerecon reingest YYYY-MM-DD")
        spans = [span for span in status_spans(rows) if span.rows[0].is_wrong]
        for span in spans[:MOST_LINES]:
            click.echo(str(span))
        if len(spans) > MOST_LINES:
            click.echo(f"… and {len(spans) - MOST_LINES} more: narrow it down with --from and --to, or use --json")
        click.echo(f"The difficulty table reaches {reach}." if reach else "The difficulty table is empty.")
        if near:
            click.echo("WARNING: load newer retargets: minerecon difficulty load FILE.csv")
        if unmapped:
            click.echo(f"WARNING: {len(unmapped)} units look like wind and are not mapped: {', '.join(unmapped)}")
    sys.exit(1 if wrong else 0)
