"""`minerecon status`: how all days stand."""

from __future__ import annotations

import datetime as dt
import sys

import click

from minerecon_dagster.cli.environment import require_a_day_of_the_sample, services
from minerecon_dagster.cli.lines import print_json
from minerecon_dagster.cli.options import DAY, DAYS_ARE, sample_option
from minerecon_dagster.cli.outcome import require_days


@click.command(epilog=DAYS_ARE)
@click.option("--from", "first", type=DAY, help="First day (default: MINERECON_START_DATE, the first partition).")
@click.option("--to", "last", type=DAY, help="Last day (default: yesterday).")
@sample_option
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object; docs/operate/status.md describes its keys."
)
def status(first: dt.datetime | None, last: dt.datetime | None, sample: bool, as_json: bool) -> None:
    """Say which days are missing, incomplete, provisional too long, failing or warned, and what mends them.

    A table by month with the share of calculations that are right, then what is wrong, each with the
    command that mends it. Exits with 1 if anything is; what a waiver accepts and the days that a person has
    closed are listed, and are not.
    """
    from minerecon_dagster.cli.standing import Horizon, print_report, read_report
    from minerecon_dagster.cli.tables import console
    from minerecon_dagster.core.answers import is_synthetic
    from minerecon_dagster.core.calendar import settlement_date
    from minerecon_dagster.day.decisions import read_day_decisions
    from minerecon_dagster.defs.resources import DifficultyResource
    from minerecon_dagster.sample import SAMPLE_DAYS
    from minerecon_dagster.settings import start_date

    now = dt.datetime.now(dt.UTC)
    today = settlement_date(now)
    yesterday = today - dt.timedelta(days=1)
    begin = first.date() if first else start_date()
    end = last.date() if last else max(yesterday, begin) if first else yesterday
    if first or last:
        require_days(begin, end, today)
        require_a_day_of_the_sample(begin, end, sample=sample)
    with services(sample=sample) as settings:
        assert settings.database_url is not None
        of_sample = SAMPLE_DAYS if sample and is_synthetic(settings.elexon_base_url) else None
        if of_sample is not None and not (first or last):
            begin, end = of_sample[0], of_sample[-1]
        reach = DifficultyResource().table().last_day()
        closed = read_day_decisions(settings.waivers_file, today=today).closed
        # The sample has neither today nor yesterday, and no difficulty of days to come.
        narrowed = bool(first or last or of_sample)
        report = read_report(
            settings.database_url, begin, end, now, narrowed=narrowed, closed=closed, horizon=Horizon(reach, today),
            of_sample=of_sample,
        )  # fmt: skip
    if as_json:
        print_json(report.as_dict())
    else:
        print_report(report, console())
    sys.exit(1 if report.is_wrong else 0)
