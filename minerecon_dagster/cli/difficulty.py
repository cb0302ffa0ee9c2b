"""`minerecon difficulty`: the network difficulty in DynamoDB."""

from __future__ import annotations

from pathlib import Path

import click

from minerecon_dagster.cli.environment import services


@click.group()
def difficulty() -> None:
    """The network difficulty, a value a day, in DynamoDB."""


@difficulty.command()
@click.argument("file", type=click.Path(path_type=Path))
def load(file: Path) -> None:
    """Load retargets from FILE (height,time_utc,difficulty) into the table, a value a day.

    Each day gets the difficulty in force at 00:00 UTC. The last retarget is carried 14 days, no
    further: after that there is another one.
    """
    from minerecon_dagster.core.difficulty import read_retargets, values_by_day
    from minerecon_dagster.resources.dagster_resources import DifficultyResource

    values = values_by_day(read_retargets(file))
    with services():
        table = DifficultyResource().table()
        report = table.load(values)
    click.echo(
        f"{table.name}: {len(values)} days, {min(values)} to {max(values)}: {report.written} written, "
        f"{report.unchanged} unchanged, {len(report.changed)} changed"
    )
    for day, (old, new) in sorted(report.changed.items()):
        click.echo(f"  {day}: {old} -> {new}; then: minerecon recalculate {day}")
