"""`minerecon export`: months as files, by running the Dagster job."""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import Any

import click

from minerecon_dagster.cli.environment import services
from minerecon_dagster.cli.outcome import outcome_of

MONTH = click.DateTime(["%Y-%m"])


@click.command()
@click.argument("first", metavar="FROM", type=MONTH)
@click.argument("last", metavar="[TO]", type=MONTH, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def export(first: dt.datetime, last: dt.datetime | None, as_json: bool) -> None:
    """Write the months FROM to TO (as in 2025-03) as Parquet and CSV files, and a manifest each, to the archive.

    They are under exports/ in MINERECON_ARCHIVE_URL. Files that are there as they should be are left alone.
    """
    from minerecon_dagster.core.calendar import settlement_date
    from minerecon_dagster.settings import start_date

    begin, end = first.date(), (last or first).date()
    floor, today = start_date().replace(day=1), settlement_date(dt.datetime.now(dt.UTC))
    if end < begin:
        raise click.UsageError(f"FROM {begin:%Y-%m} is after TO {end:%Y-%m}")
    if end > today:
        raise click.UsageError(f"{end:%Y-%m} has not begun; today is {today} in London")
    if begin < floor:
        raise click.UsageError(f"{begin:%Y-%m} is before the first month, {floor:%Y-%m}; set MINERECON_START_DATE")
    with services():
        sys.exit(_export(f"{begin:%Y-%m}", f"{end:%Y-%m}", as_json=as_json))


def _export(first: str, last: str, *, as_json: bool) -> int:
    from minerecon_dagster.cli.dagster_run import execute
    from minerecon_dagster.jobs import EXPORT_MONTHS

    result = execute(EXPORT_MONTHS, first, last, {})
    outcome = outcome_of(result)
    months: dict[str, dict[str, Any]] = {}
    for event in result.get_asset_materialization_events():
        if event.partition is not None:
            metadata = event.materialization.metadata
            months[event.partition] = {name: value.value for name, value in metadata.items()}
    ok = bool(months) and outcome.problem is None
    if as_json:
        click.echo(json.dumps({"ok": ok, "run_ids": outcome.run_ids, "months": months, "error": outcome.problem}))
        return int(not ok)
    for month in months.values():
        click.echo(month["manifest"])
    if outcome.problem:
        click.echo(f"not done: {outcome.problem}", err=True)
    elif not months:
        click.echo("nothing to export: no day of these months is stored; fetch one: minerecon reingest DATE", err=True)
    return int(not ok)
