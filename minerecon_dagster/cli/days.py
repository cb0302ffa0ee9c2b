"""`minerecon reingest` and `minerecon run`: settlement days, by running the Dagster job."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from minerecon_dagster.cli.environment import require_days_of_the_sample, services
from minerecon_dagster.cli.lines import how_commands_are_called, print_json, remember_the_sample, say
from minerecon_dagster.cli.options import DAY, DAYS_ARE, json_option, sample_option
from minerecon_dagster.cli.outcome import (
    MOST_DAYS_SHOWN,
    Interrupted,
    Outcome,
    RestInterrupted,
    asker,
    days_between,
    interruptible,
    outcome_of,
)
from minerecon_dagster.core.calendar import period_count
from minerecon_dagster.core.mining import MINER_MODELS
from minerecon_dagster.core.periods import parse_periods

if TYPE_CHECKING:
    from minerecon_dagster.settings import Settings


@click.command(epilog=DAYS_ARE)
@click.argument("first", metavar="FROM", type=DAY)
@click.argument("last", metavar="[TO]", type=DAY, required=False)
@click.option("--periods", default="", help="Fetch these settlement periods only, as in 44-48 or 1,12,24.")
@click.option("--from-archive", is_flag=True, help="Ask Elexon for nothing; rebuild from the archived answers.")
@click.option("--force", is_flag=True, help="Ask Elexon again, even for days that are final.")
@click.option(
    "--accept-restatement",
    is_flag=True,
    help="Take what Elexon says of a final day though it loses too much of its energy, units or money to be believed; "
    "with --from-archive, what was refused before. It is on record that you did.",
)
@click.option(
    "--submit/--no-submit",
    default=None,
    help="Hand the run to Dagster's queue and follow it, or work here. By default here, unless runs are launched on "
    "other hosts.",
)
@sample_option
@json_option
def reingest(
    first: dt.datetime,
    last: dt.datetime | None,
    periods: str,
    from_archive: bool,
    force: bool,
    accept_restatement: bool,
    submit: bool | None,
    sample: bool,
    as_json: bool,
) -> None:
    """Fetch the days FROM to TO that the archive does not hold final, rebuild and check them.

    The command for a first fetch and for any later one. Interrupted and started again it goes on where it was.
    """
    days = days_between(first.date(), (last or first).date())
    if chosen := parse_periods(periods):
        short = min(days, key=period_count)
        if max(chosen) > period_count(short):
            raise click.UsageError(f"{short} has settlement periods 1 to {period_count(short)}, not {max(chosen)}")
    if from_archive and (force or periods):
        raise click.UsageError("--from-archive asks Elexon for nothing: it goes with neither --force nor --periods")
    options = [
        *(["--periods", periods] if periods else []),
        *(["--from-archive"] if from_archive else []),
        *(["--force"] if force else []),
        *(["--accept-restatement"] if accept_restatement else []),
    ]
    require_days_of_the_sample(days, sample=sample)
    with services(sample=sample) as settings:
        config = {"force": force, "from_archive": from_archive, "periods": periods}
        if accept_restatement:
            config |= {"accept_restatement": True, "requested_by": asker("minerecon reingest")}
        # Whatever asks for days again in any case asks for those that are done, too.
        goes_on = not (force or periods or from_archive or accept_restatement)
        if submit is None and not sample:
            from minerecon_dagster.cli.submitted import submits_by_default

            submit = submits_by_default()
        if submit:
            outcome = _submit_days(days, config)
        else:
            with interruptible(days, "reingest", options, goes_on_by_itself=goes_on):
                outcome = run_days(days[0], days[-1], config)
        outcome = outcome.joined(update_sums(settings, days))
        sys.exit(report(settings, days, outcome, as_json=as_json))


@click.command(epilog=DAYS_ARE)
@click.argument("first", metavar="FROM", type=DAY)
@click.argument("last", metavar="[TO]", type=DAY, required=False)
@click.option("--model", type=click.Choice([model.name for model in MINER_MODELS]), help="Only this miner model.")
@sample_option
@json_option
def recalculate(first: dt.datetime, last: dt.datetime | None, model: str | None, sample: bool, as_json: bool) -> None:
    """Rebuild calculations and sums of the days FROM to TO from stored records; asks Elexon for nothing.

    After a new model, a corrected difficulty or a new formula. Of a day whose difficulty changed, all
    models are rebuilt, whichever was asked for.
    """
    from minerecon_dagster.asset_keys import calculations
    from minerecon_dagster.cli.dagster_run import execute
    from minerecon_dagster.jobs import RECALCULATE

    days = days_between(first.date(), (last or first).date())
    selection = [calculations(model)] if model else None
    options = ["--model", model] if model else []
    require_days_of_the_sample(days, sample=sample)
    with services(sample=sample) as settings:
        with interruptible(days, "recalculate", options):
            result = execute(RECALCULATE, str(days[0]), str(days[-1]), {}, asset_selection=selection)
        outcome = outcome_of(result).joined(update_sums(settings, days))
        sys.exit(report(settings, days, outcome, as_json=as_json))


@click.command(epilog=DAYS_ARE)
@click.argument("first", metavar="[FROM]", type=DAY, required=False)
@click.argument("last", metavar="[TO]", type=DAY, required=False)
@json_option
def run(first: dt.datetime | None, last: dt.datetime | None, as_json: bool) -> None:
    """Run the whole chain once, to see it: the bundled synthetic days, or real ones if ELEXON_BASE_URL is set.

    What `make run` does. With ELEXON_BASE_URL: yesterday, or the days FROM to TO, which is then the same as
    `minerecon reingest`, the command for daily work. Without it: the bundled sample, offline.
    """
    from minerecon_dagster.core.calendar import settlement_date
    from minerecon_dagster.settings import Settings

    real = "elexon_base_url" in Settings.from_environ(only=["elexon_base_url"]).model_fields_set
    if not real and first is not None:
        raise click.UsageError("FROM and TO go with ELEXON_BASE_URL; without it the bundled synthetic days are run")
    remember_the_sample(click.get_current_context(), None, not real)
    with services(sample=True) as settings:
        if real:
            yesterday = settlement_date(dt.datetime.now(dt.UTC)) - dt.timedelta(days=1)
            from_day = first.date() if first else yesterday
            days = days_between(from_day, last.date() if last else from_day)
            with interruptible(days, "run", goes_on_by_itself=True):
                outcome = run_days(days[0], days[-1], {})
        else:
            days, outcome = _run_sample()
        outcome = outcome.joined(update_sums(settings, days))
        code = report(settings, days, outcome, as_json=as_json)
        if not as_json:
            click.echo(f"The pages: make dashboard. The Dagster UI: make ui, then http://127.0.0.1:{settings.port}")
            if (how := how_commands_are_called()) is not None:
                click.echo(how)
    sys.exit(code)


def _run_sample() -> tuple[list[dt.date], Outcome]:
    from minerecon_dagster.cli.prices import fetch_prices
    from minerecon_dagster.sample import SAMPLE_DAYS

    say("SYNTHETIC DATA: the bundled sample days are made up by a generator; they are not Elexon's.", err=True)
    done = 0
    try:
        # Prices first, since whoever looks at prices looks at those of all stored days.
        outcome = fetch_prices(SAMPLE_DAYS)
        for done, day in enumerate(SAMPLE_DAYS):  # noqa: B007 - told where it ends early
            outcome = outcome.joined(run_days(day, day, {}))
    except Interrupted:
        raise Interrupted(done, f"interrupted after {done} of {len(SAMPLE_DAYS)} days") from None
    return list(SAMPLE_DAYS), outcome


def _submit_days(days: Sequence[dt.date], config: dict[str, Any]) -> Outcome:
    """Let the job `ingest` be run over a range of days wherever Dagster launches runs.

    Raises:
        ConfigurationError: nothing could be done, by a setting that is wrong.
        Interrupted: by Ctrl-C; the run goes on.
    """
    from minerecon_dagster.cli.submitted import Left, submit
    from minerecon_dagster.jobs import INGEST

    try:
        followed = submit(INGEST, str(days[0]), str(days[-1]), _run_config(config))
    except Left as left:
        raise Interrupted(0, f"not followed any more: {left}") from None
    outcome = outcome_of(followed)
    outcome.stopped_by = followed.problem or outcome.stopped_by
    return outcome


def _run_config(config: dict[str, Any]) -> dict[str, Any]:
    return {"ops": {"settlement_day": {"config": config}}} if config else {}


def run_days(first: dt.date, last: dt.date, config: dict[str, Any]) -> Outcome:
    """Run the job `ingest` over a range of days, in this process, on the Dagster instance.

    Raises:
        ConfigurationError: nothing could be done, by a setting that is wrong.
    """
    from minerecon_dagster.cli.dagster_run import execute
    from minerecon_dagster.jobs import INGEST

    result = execute(INGEST, str(first), str(last), _run_config(config))
    return outcome_of(result)


def update_sums(settings: Settings, days: Sequence[dt.date]) -> Outcome:
    """Run the jobs that sum the months and years of ``days`` again, where they are not what their days say.

    A month with a failing day waits, and its year with it: they are among what is not done, with what mends the day.
    So are sums that are wrong all the same.

    Raises:
        Interrupted: after the days, which are done.
    """
    from minerecon_dagster.cli.dagster_run import execute
    from minerecon_dagster.jobs import ROLL_UP_MONTHS, ROLL_UP_YEARS
    from minerecon_dagster.sums.rollups import look_at_sums, months_to_update, years_to_update
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
                    try:
                        total = total.joined(outcome_of(execute(job, span[0], span[-1], {})))
                    except Interrupted:
                        raise RestInterrupted(len(days)) from None
        now = dt.datetime.now(dt.UTC)
        with warehouse.connection() as connection:
            found = look_at_sums(connection, "month", now) | look_at_sums(connection, "year", now)
    for key in _months_and_years(days):
        if wrong := [str(result) for result in found.get(key, ()) if not result.passed]:
            total.not_done.setdefault(key, f"{key}: {'; '.join(wrong)}")
    # Of what waits the reason is the day.
    total.not_done |= sums_that_wait(settings, days)
    return total


def sums_that_wait(settings: Settings, days: Sequence[dt.date]) -> dict[str, str]:
    """The months and years of ``days`` that are not what their days say, and wait for a failing one: why, for each."""
    from minerecon_dagster.core.spans import days_text
    from minerecon_dagster.sums.rollups import compare
    from minerecon_dagster.warehouse.warehouse import Warehouse

    assert settings.database_url is not None
    with Warehouse.open(settings.database_url) as warehouse, warehouse.connection() as connection:
        compared = [*compare(connection, "month"), *compare(connection, "year")]
    waits = {sums.key: sums.waits_for for sums in compared if sums.problem and sums.waits_for}
    told: dict[str, str] = {}
    for key in filter(waits.__contains__, _months_and_years(days)):
        first, *others = waits[key]
        repair = _repairs(settings.database_url, [first])[first]
        told[key] = (
            f"{key} waits for {first}, which fails: {repair}"
            if not others
            else f"{key} waits for {len(waits[key]):,} days, which fail ({days_text(waits[key])}); the first: {repair}"
        )
    return told


def _months_and_years(days: Sequence[dt.date]) -> list[str]:
    """As in ``2025-03`` and ``2025``, each once."""
    return list(dict.fromkeys(f"{day:{form}}" for form in ("%Y-%m", "%Y") for day in days))


def report(settings: Settings, days: Sequence[dt.date], outcome: Outcome, *, as_json: bool) -> int:
    """Print what the days hold now, and what is wrong; return the exit code."""
    from minerecon_dagster.cli.render import print_days, read_days, status_table, wrong_days
    from minerecon_dagster.cli.tables import console, print_table

    assert settings.database_url is not None
    rows = read_days(settings.database_url, days)
    wrong = bool(outcome.not_done or outcome.stopped_by) or any(row.is_wrong or row.not_passed for row in rows)
    if as_json:
        print_json(
            {
                "ok": not wrong,
                "run_ids": outcome.run_ids,
                "days": [row.as_dict() for row in rows],
                "work": outcome.done,
                "not_done": outcome.not_done,
                "error": outcome.stopped_by,
            }
        )
        return int(wrong)
    repairs = _repairs(settings.database_url, days)
    if len(rows) <= MOST_DAYS_SHOWN:
        print_days(rows)
    else:
        print_table(status_table(rows), console())
    for group in wrong_days(rows):
        say(str(group))
    for row in rows:
        if row.not_passed and not row.is_wrong:
            checks = ", ".join(row.not_passed)
            say(f"{row.day}: a person should look at {checks}: {repairs[row.day]}", err=True)
    of_days = set(map(str, days))
    for key, why in outcome.not_done.items():
        if len(days) > 1 or key not in of_days:  # of a single day the run's own line has just said it
            say(f"not done: {why}", err=True)
    if outcome.stopped_by:
        say(f"not done: {outcome.stopped_by}", err=True)
    return int(wrong)


def _repairs(database_url: str, days: Sequence[dt.date]) -> dict[dt.date, str]:
    """The command that mends each day, as the results of its checks name it."""
    from minerecon_dagster.standing.inventory import mend, read_standings
    from minerecon_dagster.warehouse.warehouse import Warehouse

    with Warehouse.open(database_url) as warehouse, warehouse.connection() as connection:
        return {s.day: str(mend(s).over(s.day)) for s in read_standings(connection, days[0], days[-1])}
