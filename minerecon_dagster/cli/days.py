"""`minerecon reingest` and `minerecon run`: settlement days, by running the Dagster job."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from minerecon_dagster.cli.environment import services
from minerecon_dagster.core.errors import ConfigurationError, MinereconError
from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.core.periods import parse_periods
from minerecon_dagster.core.unfinished import Unfinished

if TYPE_CHECKING:
    import dagster as dg

    from minerecon_dagster.settings import Settings

DAY = click.DateTime(["%Y-%m-%d"])
MOST_DAYS_SHOWN = 62
"""Of more days than these a terminal shows a table by month, and what is wrong."""


@dataclass
class Outcome:
    """How a job went: the work on each day done, what is not done (days, months, years), and what stopped it."""

    run_ids: list[str] = field(default_factory=list)
    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    not_done: dict[str, str] = field(default_factory=dict)
    stopped_by: str | None = None

    @property
    def problem(self) -> str | None:
        """Why not all was done, in one line; None where all was."""
        return self.stopped_by or "; ".join(self.not_done.values()) or None

    def joined(self, other: Outcome) -> Outcome:
        """Both, one after the other."""
        return Outcome(
            self.run_ids + other.run_ids,
            self.done | other.done,
            self.not_done | other.not_done,
            self.stopped_by or other.stopped_by,
        )


@click.command()
@click.argument("first", metavar="FROM", type=DAY)
@click.argument("last", metavar="[TO]", type=DAY, required=False)
@click.option("--periods", default="", help="Fetch these settlement periods only, as in 44-48 or 1,12,24.")
@click.option("--from-archive", is_flag=True, help="Ask Elexon for nothing; rebuild from the archived answers.")
@click.option("--force", is_flag=True, help="Ask Elexon again, even for days that are final.")
@click.option(
    "--accept-restatement",
    is_flag=True,
    help="Take what Elexon says of a final day though it loses more than 10 % of its energy, units or money; with "
    "--from-archive, what was refused before. It is on record that you did.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def reingest(
    first: dt.datetime,
    last: dt.datetime | None,
    periods: str,
    from_archive: bool,
    force: bool,
    accept_restatement: bool,
    as_json: bool,
) -> None:
    """Fetch the days FROM to TO that the archive does not hold final, rebuild and check them."""
    days = _days(first.date(), (last or first).date())
    parse_periods(periods)
    if from_archive and (force or periods):
        raise click.UsageError("--from-archive asks Elexon for nothing: it goes with neither --force nor --periods")
    with services() as settings:
        config = {"force": force, "from_archive": from_archive, "periods": periods}
        if accept_restatement:
            config |= {"accept_restatement": True, "requested_by": asker("minerecon reingest")}
        outcome = run_days(days[0], days[-1], config).joined(update_sums(settings, days))
        sys.exit(report(settings, days, outcome, as_json=as_json))


@click.command()
@click.argument("first", metavar="FROM", type=DAY)
@click.argument("last", metavar="[TO]", type=DAY, required=False)
@click.option("--model", type=click.Choice([model.name for model in MINER_MODELS]), help="Only this miner model.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def recalculate(first: dt.datetime, last: dt.datetime | None, model: str | None, as_json: bool) -> None:
    """Rebuild calculations and sums of the days FROM to TO from stored records; asks Elexon for nothing.

    After a new model, a corrected difficulty or a new formula. Of a day whose difficulty changed, all
    models are rebuilt, whichever was asked for.
    """
    from minerecon_dagster.asset_keys import calculations
    from minerecon_dagster.cli.dagster_run import execute
    from minerecon_dagster.jobs import RECALCULATE

    days = _days(first.date(), (last or first).date())
    selection = [calculations(model)] if model else None
    with services() as settings:
        result = execute(RECALCULATE, str(days[0]), str(days[-1]), {}, asset_selection=selection)
        outcome = _outcome(result).joined(update_sums(settings, days))
        sys.exit(report(settings, days, outcome, as_json=as_json))


@click.command()
@click.argument("first", metavar="[FROM]", type=DAY, required=False)
@click.argument("last", metavar="[TO]", type=DAY, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def run(first: dt.datetime | None, last: dt.datetime | None, as_json: bool) -> None:
    """Run the whole chain: the bundled synthetic days, or real ones if ELEXON_BASE_URL is set.

    With ELEXON_BASE_URL: yesterday, or the days FROM to TO. Without it: the bundled sample, offline.
    """
    from minerecon_dagster.core.calendar import settlement_date
    from minerecon_dagster.settings import Settings

    real = "elexon_base_url" in Settings.from_environ(only=["elexon_base_url"]).model_fields_set
    if not real and first is not None:
        raise click.UsageError("FROM and TO go with ELEXON_BASE_URL; without it the bundled synthetic days are run")
    with services(sample=True) as settings:
        if real:
            yesterday = settlement_date(dt.datetime.now(dt.UTC)) - dt.timedelta(days=1)
            from_day = first.date() if first else yesterday
            days = _days(from_day, last.date() if last else from_day)
            outcome = run_days(days[0], days[-1], {})
        else:
            days, outcome = _run_sample()
        outcome = outcome.joined(update_sums(settings, days))
        code = report(settings, days, outcome, as_json=as_json)
        if not as_json:
            click.echo(f"The Dagster UI: make ui, then http://127.0.0.1:{settings.port}")
    sys.exit(code)


def _run_sample() -> tuple[list[dt.date], Outcome]:
    from minerecon_dagster.cli.prices import fetch_prices
    from minerecon_dagster.sample import SAMPLE_DAYS

    click.echo("SYNTHETIC DATA: the bundled sample days are made up by a generator; they are not Elexon's.", err=True)
    outcome = Outcome()
    for day in SAMPLE_DAYS:
        outcome = outcome.joined(run_days(day, day, {}))
    return list(SAMPLE_DAYS), outcome.joined(fetch_prices(SAMPLE_DAYS))


def _days(first: dt.date, last: dt.date) -> list[dt.date]:
    from minerecon_dagster.core.calendar import settlement_date
    from minerecon_dagster.settings import start_date

    today, floor = settlement_date(dt.datetime.now(dt.UTC)), start_date()
    if last < first:
        raise click.UsageError(f"FROM {first} is after TO {last}")
    if last > today:
        raise click.UsageError(f"{last} has not begun; today is {today} in London")
    if first < floor:
        raise click.UsageError(f"{first} is before the first day, {floor}; set MINERECON_START_DATE to an earlier one")
    return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]


def asker(command: str) -> str:
    """Who asks, for the record: the command, and the user of this machine who gave it."""
    import getpass

    try:
        return f"{command} by {getpass.getuser()}"
    except (OSError, KeyError):  # no variable names a user, and the system knows none of this number
        return command


def run_days(first: dt.date, last: dt.date, config: dict[str, Any]) -> Outcome:
    """Run the job `ingest` over a range of days, in this process, on the Dagster instance.

    Raises:
        ConfigurationError: nothing could be done, by a setting that is wrong.
    """
    from minerecon_dagster.cli.dagster_run import execute
    from minerecon_dagster.jobs import INGEST

    result = execute(INGEST, str(first), str(last), {"ops": {"settlement_day": {"config": config}}} if config else {})
    return _outcome(result)


def update_sums(settings: Settings, days: Sequence[dt.date]) -> Outcome:
    """Run the jobs that sum the months and years of ``days`` again, where they are not what their days say.

    A month with a failing day waits, and its year with it.
    """
    from minerecon_dagster.cli.dagster_run import execute
    from minerecon_dagster.jobs import ROLL_UP_MONTHS, ROLL_UP_YEARS
    from minerecon_dagster.pipeline.rollups import months_to_update, years_to_update
    from minerecon_dagster.warehouse.warehouse import Warehouse

    assert settings.database_url is not None
    total = Outcome()
    with Warehouse.open(settings.database_url) as warehouse:
        for job, to_update, touched in (
            (ROLL_UP_MONTHS, months_to_update, [f"{day:%Y-%m}" for day in days]),
            (ROLL_UP_YEARS, years_to_update, [f"{day:%Y}" for day in days]),
        ):
            with warehouse.connection() as connection:
                stale = {str(key) for key in to_update(connection)}
            # In the order of the calendar: neighbours that are both stale are one run.
            for is_stale, keys in groupby(dict.fromkeys(touched), key=stale.__contains__):
                if is_stale:
                    span = list(keys)
                    total = total.joined(_outcome(execute(job, span[0], span[-1], {})))
    return total


def _names(error: type[Exception]) -> set[str]:
    return {error.__name__}.union(*map(_names, error.__subclasses__()))


def _outcome(result: dg.ExecuteInProcessResult) -> Outcome:
    outcome = Outcome([result.run_id], _work_done(result))
    ours = _names(MinereconError)
    for event in result.get_step_failure_events():
        failure = event.step_failure_data
        metadata = failure.user_failure_data.metadata if failure.user_failure_data else {}
        unfinished = Unfinished.from_metadata(metadata)
        outcome.not_done |= unfinished.reasons
        if unfinished:
            outcome.stopped_by = "; ".join(unfinished.unreadable) or outcome.stopped_by
            continue
        cause = failure.error
        # What one of our own errors says has its remedy; what caused it has not.
        while cause is not None and cause.cause is not None and cause.cls_name not in ours:
            cause = cause.cause
        message = " ".join((cause.message if cause else "the run failed").split())
        name = cause.cls_name if cause else None
        if name == ConfigurationError.__name__:
            raise ConfigurationError(message.split(": ", 1)[-1])
        is_ours = name in ours or message.startswith("dagster")
        outcome.stopped_by = message.split(": ", 1)[-1] if name and is_ours else message
    return outcome


def _work_done(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """What the run says of each day that it finished: state, requests, seconds, archive object."""
    from minerecon_dagster.asset_keys import PROGRESS

    done = {}
    for event in result.get_asset_materialization_events():
        if event.asset_key == PROGRESS and event.partition is not None:
            metadata = event.materialization.metadata
            done[event.partition] = {name: value.value for name, value in metadata.items()}
    return done


def report(settings: Settings, days: Sequence[dt.date], outcome: Outcome, *, as_json: bool) -> int:
    """Print what the days hold now, and what is wrong; return the exit code."""
    from minerecon_dagster.cli.render import console, print_days, read_days, status_table, wrong_days

    assert settings.database_url is not None
    rows = read_days(settings.database_url, days)
    wrong = bool(outcome.not_done or outcome.stopped_by) or any(row.is_wrong or row.not_passed for row in rows)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "ok": not wrong,
                    "run_ids": outcome.run_ids,
                    "days": [row.as_dict() for row in rows],
                    "work": outcome.done,
                    "not_done": outcome.not_done,
                    "error": outcome.stopped_by,
                }
            )
        )
        return int(wrong)
    repairs = _repairs(settings.database_url, days)
    if len(rows) <= MOST_DAYS_SHOWN:
        print_days(rows)
    else:
        console().print(status_table(rows))
        for group in wrong_days(rows):
            click.echo(str(group))
    for row in rows:
        if row.not_passed and not row.is_wrong:
            checks = ", ".join(row.not_passed)
            click.echo(f"{row.day}: a person should look at {checks}: {repairs[row.day]}", err=True)
    if len(days) > 1:  # of a single day the run's own line has just said it
        for why in outcome.not_done.values():
            click.echo(f"not done: {why}", err=True)
    if outcome.stopped_by:
        click.echo(f"not done: {outcome.stopped_by}", err=True)
    return int(wrong)


def _repairs(database_url: str, days: Sequence[dt.date]) -> dict[dt.date, str]:
    """The command that mends each day, as the results of its checks name it."""
    from minerecon_dagster.pipeline.inventory import mend, read_standings
    from minerecon_dagster.warehouse.warehouse import Warehouse

    with Warehouse.open(database_url) as warehouse, warehouse.connection() as connection:
        return {s.day: str(mend(s).over(s.day)) for s in read_standings(connection, days[0], days[-1])}
