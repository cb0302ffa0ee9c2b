"""`minerecon export`: months as files, by running the Dagster job."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

import click

from minerecon_dagster.cli.environment import require_months_of_the_sample, services
from minerecon_dagster.cli.lines import print_json, say
from minerecon_dagster.cli.options import MONTH, MONTHS_ARE, json_option, sample_option
from minerecon_dagster.cli.outcome import months_between, outcome_of


@click.command(epilog=MONTHS_ARE)
@click.argument("first", metavar="FROM", type=MONTH)
@click.argument("last", metavar="[TO]", type=MONTH, required=False)
@sample_option
@json_option
def export(first: dt.datetime, last: dt.datetime | None, sample: bool, as_json: bool) -> None:
    """Write the months FROM to TO (as in 2025-03) as Parquet and CSV files, and a manifest each, to the archive.

    They are under exports/ in MINERECON_ARCHIVE_URL. Files that are there as they should be are left alone.
    """
    months = months_between(first.date(), (last or first).date())
    require_months_of_the_sample(months[0], months[-1], sample=sample)
    with services(sample=sample):
        sys.exit(_export(months[0], months[-1], as_json=as_json))


def _export(first: str, last: str, *, as_json: bool) -> int:
    from minerecon_dagster.cli.dagster_run import execute
    from minerecon_dagster.jobs import EXPORT_MONTHS

    result = execute(EXPORT_MONTHS, first, last, {})
    outcome = outcome_of(result)
    months: dict[str, dict[str, Any]] = {}
    for event in result.get_asset_materialization_events():
        if event.partition is not None:
            values: dict[str, Any] = {name: m.value for name, m in event.materialization.metadata.items()}
            counts: dict[str, Any] = values.pop("counts", {})
            months[event.partition] = values | counts
    ok = bool(months) and outcome.problem is None
    if as_json:
        print_json({"ok": ok, "run_ids": outcome.run_ids, "months": months, "error": outcome.problem})
        return int(not ok)
    for month in months.values():
        click.echo(month["manifest"])
    if outcome.problem:
        say(f"not done: {outcome.problem}", err=True)
    elif not months:
        say("nothing to export: no day of these months is stored; fetch one: minerecon reingest DATE", err=True)
    return int(not ok)
