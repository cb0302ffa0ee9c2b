"""`minerecon doctor`: whether everything that a run needs is there, a line each."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from minerecon_dagster.cli.environment import SAMPLE_HOME, runs_are_launched_elsewhere, services
from minerecon_dagster.cli.lines import naming_commands, print_json
from minerecon_dagster.cli.options import sample_option
from minerecon_dagster.core.errors import MinereconError

if TYPE_CHECKING:
    from minerecon_dagster.doctor.line import Line
    from minerecon_dagster.settings import Settings

_WIDTH = 80
"""Of a terminal that is narrower the width; of a wider one no more, and so in a pipe."""
_INDENT = 22
"""Where what a line says begins: behind its state and its name."""


@click.command()
@click.option("--live", is_flag=True, help="Ask Elexon about ten questions too, within the rate limit.")
@sample_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(live: bool, sample: bool, as_json: bool) -> None:
    """Look at each service, role, right, clock, disk, proxy, difficulty and register, a line each with its remedy.

    It changes nothing, and one thing that is wrong hides no other. With --live the source is asked too: the shapes of
    its answers, the units in them, a known day beside its published total. Exits with 0 if all is well, 1 if something
    is wrong, 2 if something is not configured.
    """
    from minerecon_dagster.doctor.line import exit_code
    from minerecon_dagster.settings import Settings

    settings = Settings.from_environ()
    home = (
        settings.home / SAMPLE_HOME if sample and "elexon_base_url" not in settings.model_fields_set else settings.home
    )
    if _is_embedded_where_nothing_ran(settings, home):
        # Nothing is started to be looked at: that would make it. The sample's source comes with its services.
        lines = _lines(settings, live=live and not sample)
    else:
        lines = _lines_of_services(settings, sample=sample, live=live)
    code = exit_code(lines)
    if as_json:
        print_json({"ok": code == 0, "live": live, "lines": [line.as_dict() for line in lines]})
    else:
        _print(lines)
    sys.exit(code)


def _is_embedded_where_nothing_ran(settings: Settings, home: Path) -> bool:
    """Whether a service that the environment does not name would have to be made to be looked at."""
    of_postgres = settings.database_url is None or settings.dagster_postgres_url is None
    kept_in = [*(["postgres"] if of_postgres else []), *(["dynamodb"] if settings.difficulty_table is None else [])]
    return any(not (home / folder).exists() for folder in kept_in)


def _lines_of_services(settings: Settings, *, sample: bool, live: bool) -> list[Line]:
    from minerecon_dagster.doctor.line import looked_at

    begun = False
    try:
        with services(sample=sample, looks_only=True) as started:
            begun = True
            return _lines(started, live=live)
    except MinereconError as error:
        if begun:  # while the services were stopped
            raise
        why = error

    def fail() -> Line:
        raise why

    # What is named can be looked at all the same.
    return [looked_at("embedded", fail), *_lines(settings, live=live and not sample)]


def _lines(settings: Settings, *, live: bool) -> list[Line]:
    from minerecon_dagster.defs.resources import ClockResource, ElexonResource
    from minerecon_dagster.doctor.examine import examine, examine_source

    now = ClockResource().now
    lines = examine(settings, now, runs_are_launched_elsewhere)
    if live:
        lines += examine_source(ElexonResource().client, settings.elexon_base_url)
    return lines


def _print(lines: Sequence[Line]) -> None:
    """A line each, folded at 80 columns; of a remedy no word is broken, so that it can be copied."""
    width = min(_WIDTH, shutil.get_terminal_size((_WIDTH, 0)).columns) if sys.stdout.isatty() else _WIDTH
    named = naming_commands()
    for line in lines:
        head = f"{line.state.value:<8} {line.name:<12} "
        for text, first, breaks in (
            (line.says, head, True),
            (f"-> {named(line.remedy)}" if line.remedy else "", "", False),
        ):
            wrapped = textwrap.wrap(text, width - _INDENT, break_long_words=breaks, break_on_hyphens=False)
            for number, part in enumerate(wrapped):
                click.echo(f"{first if number == 0 else '':<{_INDENT}}{part}")
