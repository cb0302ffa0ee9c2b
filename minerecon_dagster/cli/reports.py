"""`minerecon report`: pages of pictures, by running the Dagster jobs."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Mapping
from typing import Any

import click

from minerecon_dagster.cli.environment import require_months_of_the_sample, services
from minerecon_dagster.cli.lines import print_json, say
from minerecon_dagster.cli.options import MONTH, MONTHS_ARE, json_option, sample_option
from minerecon_dagster.cli.outcome import months_between, outcome_of


@click.command(epilog=MONTHS_ARE)
@click.argument("month", metavar="[MONTH]", type=MONTH, required=False)
@sample_option
@json_option
def report(month: dt.datetime | None, sample: bool, as_json: bool) -> None:
    """Draw the report of MONTH (as in 2025-03), or of the latest state, and print where it is.

    It is one HTML file under reports/ in MINERECON_ARCHIVE_URL: open it in a browser, print it, send it.
    """
    from minerecon_dagster.cli.dagster_run import execute
    from minerecon_dagster.jobs import REPORT_LATEST, REPORT_MONTHS

    if month is not None:
        months_between(month.date(), month.date())
        require_months_of_the_sample(f"{month:%Y-%m}", f"{month:%Y-%m}", sample=sample)
    with services(sample=sample):
        if month is None:
            result = execute(REPORT_LATEST, None, None, {})
        else:
            result = execute(REPORT_MONTHS, f"{month:%Y-%m}", f"{month:%Y-%m}", {})
    outcome = outcome_of(result)
    made = [_plain(event.materialization.metadata) for event in result.get_asset_materialization_events()]
    ok = bool(made) and outcome.problem is None
    if as_json:
        print_json({"ok": ok, "run_ids": outcome.run_ids, "reports": made, "error": outcome.problem})
        sys.exit(not ok)
    for page in made:
        click.echo(page["file"])
    if outcome.problem:
        say(f"not done: {outcome.problem}", err=True)
    elif not made:
        say(f"no day of {month:%Y-%m} is stored; fetch some: minerecon reingest {month:%Y-%m}-01", err=True)
    sys.exit(not ok)


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What a run says of a report, its figures exact: Dagster draws floating-point numbers, and keeps texts beside."""
    values: dict[str, Any] = {name: value.value for name, value in metadata.items()}
    counts: dict[str, Any] = values.pop("counts", {})
    exact = {name: values.pop(f"{name}_exact") for name in list(values) if f"{name}_exact" in values}
    return values | exact | counts
