"""`minerecon difficulty`: the network difficulty in DynamoDB."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from minerecon_dagster.cli.environment import services
from minerecon_dagster.cli.lines import say
from minerecon_dagster.cli.options import Commands


@click.group(cls=Commands)
def difficulty() -> None:
    """The network difficulty, a value a day, in DynamoDB."""


@difficulty.command("create-table")
def create_table() -> None:
    """Make the table that DYNAMODB_DIFFICULTY_TABLE names, unless it is there.

    Its key is Date, a string, and it is paid by the request. It takes the right dynamodb:CreateTable, once.
    """
    from minerecon_dagster.core.errors import ConfigurationError
    from minerecon_dagster.defs.resources import DifficultyResource
    from minerecon_dagster.settings import Settings

    if Settings.from_environ().difficulty_table is None:
        raise ConfigurationError(
            "set DYNAMODB_DIFFICULTY_TABLE to the name of the table to make; the embedded one is there already"
        )
    table = DifficultyResource().table()
    made = table.create()
    click.echo(f"{table.name}: made" if made else f"{table.name}: is there already")


@difficulty.command()
@click.argument("file", type=click.Path(path_type=Path))
def load(file: Path) -> None:
    """Load retargets from FILE (height,time_utc,difficulty) into the table, a value a day.

    Each day gets the difficulty in force at 00:00 UTC. The last retarget is carried 14 days, no
    further: after that there is another one. A row that Bitcoin cannot have made is refused, and
    its days get no value; the others are loaded, and the exit code is 1.
    """
    from minerecon_dagster.core.difficulty import days_between, read_retargets, values_by_day
    from minerecon_dagster.core.spans import span_text
    from minerecon_dagster.defs.resources import DifficultyResource

    retargets = read_retargets(file)
    values = values_by_day(retargets)
    without = days_between(values)
    with services():
        table = DifficultyResource().table()
        report = table.load(values)
    for refused in retargets.refused:
        say(f"refused: {refused}", err=True)
    if without:
        days = ", ".join(span_text(first, last) for first, last in without)
        say(f"no value, as their retarget is missing or refused: {days}", err=True)
    reach = f", {min(values)} to {max(values)}" if values else ""
    click.echo(
        f"{table.name}: {len(values)} days{reach}: {report.written} written, "
        f"{report.unchanged} unchanged, {len(report.changed)} changed"
        + (f"; {len(retargets.refused)} rows refused" if retargets.refused else "")
    )
    for day, (old, new) in sorted(report.changed.items()):
        click.echo(f"  {day}: {old} -> {new}; then: minerecon recalculate {day}")
    if retargets.refused or without:
        say(f"not all is loaded: correct {file}, and load it again", err=True)
        sys.exit(1)
