"""The `minerecon` command: groups, exit codes, and how errors reach a person.

Exit codes: 0 done and all checks pass; 1 ran, and something is wrong; 2 usage or configuration; 130 interrupted.
Heavy modules are imported by the commands that need them, so that `--help` is quick.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

import click

from minerecon_dagster.cli import (
    archive,
    dashboard,
    database,
    days,
    difficulty,
    doctor,
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
from minerecon_dagster.cli.lines import say
from minerecon_dagster.cli.options import Commands
from minerecon_dagster.cli.outcome import Interrupted
from minerecon_dagster.core.errors import ConfigurationError, MinereconError, one_line
from minerecon_dagster.local.permissions import keep_others_out

_CANNOT_BE_WRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
INTERRUPTED = 130
"""The exit code of what Ctrl-C ends, as shells have it."""
MADE_BETWEEN_SEARCHES = 10_000
"""So many objects more there are before Python looks for garbage among the young ones. With its own 700, a sixth of the
CPU of a command's start is spent on looking through the libraries that it has just loaded, where there is none."""


@contextmanager
def _one_line() -> Iterator[None]:
    """Say what was given wrongly in one line, and in a second one where help is: click has four for it."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise  # it is the help
    except click.UsageError as error:
        say(f"minerecon: {' '.join(error.format_message().split())}", err=True)
        if error.ctx is not None:
            say(f"help: {error.ctx.command_path} --help", err=True)
        raise SystemExit(error.exit_code) from None


class OneLineErrors(Commands):
    """A group whose errors are one line on standard error, with the exit code that they mean."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the options before the command."""
        with _one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; turn the project's errors into exit codes."""
        try:
            with _one_line():
                return super().invoke(ctx)
        except Interrupted as stop:
            say(f"minerecon: {stop}", err=True)
            raise SystemExit(INTERRUPTED) from None
        except KeyboardInterrupt:
            say("minerecon: interrupted; the same command can be given again", err=True)
            raise SystemExit(INTERRUPTED) from None
        except ConfigurationError as error:
            say(f"minerecon: {error}", err=True)
            raise SystemExit(2) from None
        except MinereconError as error:
            say(f"minerecon: {error}", err=True)
            raise SystemExit(1) from None
        except Exception as error:
            # Whatever a service that went away, or a full disk, is called by the library that met it.
            if (said := _of_the_surroundings(error)) is None:
                raise
            if _is_of_what_is_printed(error):
                # Python would try again at its end, and end in its own words, with its own exit code.
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            say(f"minerecon: {said}", err=True)
            raise SystemExit(1) from None


def _is_of_what_is_printed(error: BaseException) -> bool:
    """Whether the disk behind the output is full or gone: an error of a network has no file's name either."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _CANNOT_BE_WRITTEN


def _of_the_surroundings(error: BaseException) -> str | None:
    """What failed around the project, in one line: a database that is out of reach, a file; None: it is neither."""
    if _is_of_what_is_printed(error):
        return f"what is to be printed cannot be written: {os.strerror(error.errno)}"  # type: ignore[attr-defined]
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    # Only where it is loaded can an error be of it: the command that needs no database does without.
    psycopg2 = sys.modules.get("psycopg2")
    cause: BaseException | None = error
    while cause is not None and psycopg2 is not None:
        if isinstance(cause, psycopg2.OperationalError | psycopg2.InterfaceError):
            return (
                f"a database went away, or cannot be reached: {one_line(cause)}; what was finished is stored: see to "
                "the servers of DATABASE_URL and DAGSTER_POSTGRES_URL, and give the command again"
            )
        cause = cause.__cause__  # and no `__context__`: an error in dealing with another is a fault of ours
    return None


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="minerecon-dagster")
@click.pass_context
def cli(context: click.Context) -> None:
    """Great Britain's wind curtailment and the Bitcoin it could have mined, reconciled."""
    if context.invoked_subcommand != doctor.doctor.name:  # it has a line for each
        _say_what_is_mistyped()


def _say_what_is_mistyped() -> None:
    """Variables that are meant for this project and that nobody reads: what was to be set by them is not."""
    from minerecon_dagster.settings import mistyped, mistyped_text

    for name, nearest in mistyped(os.environ).items():
        say(f"minerecon: {mistyped_text(name, nearest)}", err=True)


for command in (
    archive.archive,
    environment.local,
    ui.ui,
    dashboard.dashboard,
    database.db,
    difficulty.difficulty,
    doctor.doctor,
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
    gc.set_threshold(MADE_BETWEEN_SEARCHES)
    keep_others_out()
    for stream in (sys.stdout, sys.stderr):
        # A character that a terminal or a log has no code for is no reason to end: it is shown as its escape.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        cli()
    except KeyboardInterrupt:  # pragma: no cover - before or after the commands
        sys.exit(INTERRUPTED)
