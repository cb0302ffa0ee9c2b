"""What commands share of their arguments and options: days, months, `--json`, `--sample`."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from minerecon_dagster.cli.lines import SAMPLE_OPTION, remember_the_sample


class _Moment(click.DateTime):
    """A day or a month by the calendar, in one form, of which an error says how it is written."""

    def __init__(self, name: str, form: str, written: str, example: str) -> None:
        super().__init__([form])
        self.name = name
        self._written, self._example = written, example

    def get_metavar(self, *_: object, **__: object) -> str:
        """How it is written, in a help; whatever else click's versions give."""
        return self._written

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The first instant of it."""
        if isinstance(value, dt.datetime):
            return value
        try:
            return dt.datetime.strptime(value, self.formats[0])  # noqa: DTZ007 - a day has no zone
        except ValueError:
            self.fail(f"{value!r} is no {self.name}: write {self._written}, as in {self._example}", param, ctx)


DAY = _Moment("day", "%Y-%m-%d", "YYYY-MM-DD", example="2025-03-28")
MONTH = _Moment("month", "%Y-%m", "YYYY-MM", example="2025-03")

DAYS_ARE = "A day is written YYYY-MM-DD, as in 2025-03-28: a settlement day, of London's calendar."
MONTHS_ARE = "A month is written YYYY-MM, as in 2025-03."

_WHOLE = 1_000
"""More characters than a first sentence has."""


class Commands(click.Group):
    """A group that lists its commands with the whole first sentence of each one's help: none is cut."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(n, c.get_short_help_str(_WHOLE)) for n, c in sorted(self.commands.items())])


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with exact numbers as text.")
sample_option = click.option(
    SAMPLE_OPTION,
    is_flag=True,
    callback=remember_the_sample,
    help="Of the bundled synthetic sample, as `minerecon run` makes it; not if ELEXON_BASE_URL is set.",
)
