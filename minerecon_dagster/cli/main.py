"""The `minerecon` command: groups, exit codes, and how errors reach a person.

Exit codes: 0 done and all checks pass; 1 ran, and something is wrong; 2 usage or configuration.
Heavy modules are imported by the commands that need them, so that `--help` is quick.
"""

from __future__ import annotations

import sys

import click

from minerecon_dagster.cli import (
    dashboard,
    database,
    days,
    difficulty,
    environment,
    exports,
    prices,
    register,
    reports,
    serve,
    status,
    ui,
    verify,
)
from minerecon_dagster.core.errors import ConfigurationError, MinereconError


class OneLineErrors(click.Group):
    """A group whose errors are one line on standard error, with the exit code that they mean."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; turn the project's errors into exit codes."""
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            click.echo(f"minerecon: {error}", err=True)
            raise SystemExit(2) from None
        except MinereconError as error:
            click.echo(f"minerecon: {error}", err=True)
            raise SystemExit(1) from None


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="minerecon-dagster")
def cli() -> None:
    """Great Britain's wind curtailment and the Bitcoin it could have mined, reconciled."""


for command in (
    environment.local,
    ui.ui,
    dashboard.dashboard,
    database.db,
    difficulty.difficulty,
    days.reingest,
    days.recalculate,
    days.run,
    prices.prices,
    exports.export,
    reports.report,
    register.register,
    serve.serve,
    status.status,
    verify.verify,
    verify.spot_fix,
):
    cli.add_command(command)


def main() -> None:
    """The console script."""
    try:
        cli()
    except KeyboardInterrupt:  # pragma: no cover - click turns most of them into Abort
        sys.exit(130)
