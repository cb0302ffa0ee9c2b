"""`minerecon report`: pages of pictures, by running the Dagster jobs."""

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
@click.argument("month", metavar="[MONTH]", type=MONTH, required=False)
@click.option("--sample", is_flag=True, help="Of the bundled sample, unless ELEXON_BASE_URL is set.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def report(month: dt.datetime | None, sample: bool, as_json: bool) -> None:
    """Draw the report of MONTH (as in 2025-03), or of the latest state, and print where it is.

    It is one HTML file under reports/ in MINERECON_ARCHIVE_URL: open it in a browser, print it, send it.
    """
    from minerecon_dagster.cli.dagster_run import execute
    from minerecon_dagster.jobs import REPORT_LATEST, REPORT_MONTHS

    with services(sample=sample):
        if month is None:
            result = execute(REPORT_LATEST, None, None, {})
        else:
            result = execute(REPORT_MONTHS, f"{month:%Y-%m}", f"{month:%Y-%m}", {})
    outcome = outcome_of(result)
    made: list[dict[str, Any]] = [
        {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
    ]
    ok = bool(made) and outcome.problem is None
    if as_json:
        click.echo(json.dumps({"ok": ok, "run_ids": outcome.run_ids, "reports": made, "error": outcome.problem}))
        sys.exit(not ok)
    for page in made:
        click.echo(page["file"])
    if outcome.problem:
        click.echo(f"not done: {outcome.problem}", err=True)
    elif not made:
        click.echo(f"no day of {month:%Y-%m} is stored; fetch some: minerecon reingest {month:%Y-%m}-01", err=True)
    sys.exit(not ok)
