"""`minerecon prices`: the price of Bitcoin, by running the Dagster job."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence

import click

from minerecon_dagster.cli.environment import require_a_day_of_the_sample, services
from minerecon_dagster.cli.lines import print_json, say
from minerecon_dagster.cli.options import DAY, DAYS_ARE, json_option, sample_option
from minerecon_dagster.cli.outcome import MOST_DAYS_SHOWN, Outcome, days_between, outcome_of


@click.command(epilog=DAYS_ARE)
@click.argument("first", metavar="FROM", type=DAY)
@click.argument("last", metavar="[TO]", type=DAY, required=False)
@sample_option
@json_option
def prices(first: dt.datetime, last: dt.datetime | None, sample: bool, as_json: bool) -> None:
    """Fetch the price of Bitcoin (GBP, end of the UTC day) of the days FROM to TO, and store what is new or changed.

    A day that is not over has none yet. A day that the source has no price of stays without one: its
    values in GBP are NULL.
    """
    days = days_between(first.date(), (last or first).date())
    require_a_day_of_the_sample(days[0], days[-1], sample=sample)
    with services(sample=sample) as settings:
        outcome = fetch_prices(days)
        assert settings.database_url is not None
        sys.exit(_report(settings.database_url, days, outcome, as_json=as_json))


def fetch_prices(days: Sequence[dt.date]) -> Outcome:
    """Run the job `refresh_prices` over ``days``, in this process: a run for each range without a gap.

    Raises:
        ConfigurationError: nothing could be done, by a setting that is wrong.
    """
    from minerecon_dagster.cli.dagster_run import execute
    from minerecon_dagster.core.spans import spans
    from minerecon_dagster.jobs import REFRESH_PRICES

    outcome = Outcome()
    for first, last in spans(days):
        outcome = outcome.joined(outcome_of(execute(REFRESH_PRICES, str(first), str(last), {})))
    return outcome


def _report(database_url: str, days: Sequence[dt.date], outcome: Outcome, *, as_json: bool) -> int:
    """Print what is stored of the days now, and what is wrong; return the exit code."""
    from sqlalchemy import select

    from minerecon_dagster.core.spans import days_text
    from minerecon_dagster.prices.store import is_over
    from minerecon_dagster.warehouse.tables import bitcoin_price_gbp as table
    from minerecon_dagster.warehouse.warehouse import Warehouse

    with Warehouse.open(database_url) as warehouse, warehouse.connection() as connection:
        stored = connection.execute(
            select(table).where(table.c.price_date.between(days[0], days[-1])).order_by(table.c.price_date)
        ).all()
    now, known = dt.datetime.now(dt.UTC), {row.price_date for row in stored}
    over = [day for day in days if is_over(day, now)]
    without = [day for day in over if day not in known]
    ok = bool(over) and not without and outcome.problem is None
    if as_json:
        rows = [
            {name: value if isinstance(value, bool) else str(value) for name, value in row._mapping.items()}
            for row in stored
        ]
        found = {"ok": ok, "run_ids": outcome.run_ids, "prices": rows, "without": [str(day) for day in without]}
        print_json(found | {"error": outcome.problem})
        return int(not ok)
    if len(stored) <= MOST_DAYS_SHOWN:
        for row in stored:
            click.echo(f"{row.price_date}  £{row.price_gbp:,.2f}{'  SYNTHETIC' if row.is_synthetic else ''}")
    click.echo(f"{len(stored)} of {len(over)} days that are over have a price.")
    if without:
        say(f"without a price: {days_text(without)}", err=True)
    if outcome.problem:
        say(f"not done: {outcome.problem}", err=True)
    return int(not ok)
