"""`minerecon archive`: whether what Elexon answered is still all there, and as it was."""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING, Any

import click

from minerecon_dagster.cli.environment import SAMPLE_HOME, runs_are_launched_elsewhere
from minerecon_dagster.cli.lines import naming_commands, print_json
from minerecon_dagster.cli.options import DAY, DAYS_ARE, Commands, json_option, sample_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from minerecon_dagster.elexon.archive import Damaged, Sound


@click.group(cls=Commands)
def archive() -> None:
    """The raw archive: what Elexon answered, byte for byte."""


@archive.command(epilog=DAYS_ARE)
@click.argument("first", metavar="[FROM]", type=DAY, required=False)
@click.argument("last", metavar="[TO]", type=DAY, required=False)
@sample_option
@json_option
def verify(first: dt.datetime | None, last: dt.datetime | None, sample: bool, as_json: bool) -> None:
    """Read every object of the archive and compare each answer in it with its SHA-256; changes nothing.

    Of the days FROM to TO, of FROM alone, or of all and the register too. What is damaged is named with what mends it,
    and then the command exits with 1; so it does where there is nothing to look at. It asks no service but the
    archive's own.
    """
    from minerecon_dagster.core.errors import ArchiveError
    from minerecon_dagster.core.repairs import REINGEST
    from minerecon_dagster.core.spans import span_text
    from minerecon_dagster.elexon.archive import Archive

    begin = first.date() if first else None
    end = last.date() if last else begin
    if begin and end and end < begin:
        raise click.UsageError(f"FROM {begin} is after TO {end}")
    url = _archive_url(sample=sample)
    held = Archive.from_url(url)
    names = held.files(begin, end)
    if not names:
        of = f" of {span_text(begin, end)}" if begin else ""
        raise ArchiveError(
            f"{url} holds nothing{of}: check MINERECON_ARCHIVE_URL, restore it from a backup, or fetch: "
            f"{REINGEST.over(begin, end) if begin else REINGEST.from_to}"
        )
    with click.progressbar(
        held.verify(names), len(names), file=sys.stderr, hidden=as_json or not sys.stderr.isatty()
    ) as looks:
        found = _summed(looks)
    if as_json:
        print_json({"ok": not found["damaged"], "archive": url} | found)
    else:
        _print(url, found)
    sys.exit(int(bool(found["damaged"])))


def _archive_url(*, sample: bool) -> str:
    from minerecon_dagster.settings import Settings, require_shared_archive
    from minerecon_dagster.storage import is_folder

    settings = Settings.from_environ(only=["archive_url", "home", "elexon_base_url", "aws_region"])
    if sample and "elexon_base_url" not in settings.model_fields_set:
        return Settings.from_environ({"MINERECON_HOME": str(settings.home / SAMPLE_HOME)}).archive_url
    if is_folder(settings.archive_url):  # else where runs are launched need not be looked for
        require_shared_archive(runs_are_launched_elsewhere(), settings.archive_url)
    return settings.archive_url


def _summed(looks: Iterable[Sound | Damaged | None]) -> dict[str, Any]:
    """What was looked at, in numbers, and what of it is damaged."""
    from minerecon_dagster.elexon.archive import Sound

    days: set[dt.date] = set()
    numbers = {"objects": 0, "answers": 0, "bytes": 0}
    damaged = []
    for look in looks:
        if look is None:
            continue
        days |= {look.day} if look.day else set()
        if isinstance(look, Sound):
            numbers["objects"] += int(look.answers > 0)
            numbers["answers"] += look.answers
            numbers["bytes"] += look.bytes
        else:
            damaged.append(
                {
                    "object": look.uri,
                    "settlement_date": str(look.day) if look.day else None,
                    "is_current": look.is_current,
                    "problem": look.problem,
                    "remedy": look.remedy,
                }
            )
    ends = (str(min(days)), str(max(days))) if days else (None, None)
    span = {"days": len(days), "first_day": ends[0], "last_day": ends[1]}
    return span | numbers | {"damaged": damaged}


def _print(url: str, found: dict[str, Any]) -> None:
    from minerecon_dagster.core.printable import printable

    named = naming_commands()
    for entry in found["damaged"]:
        click.echo(named(printable(f"{entry['object']}: {entry['problem']}; {entry['remedy']}")))
    bad = len(found["damaged"])
    click.echo(
        f"{url}: {found['objects']:,} sound objects of {found['days']:,} days with {found['answers']:,} answers, "
        f"{found['bytes'] / 1e6:,.1f} MB; {f'{bad:,} damaged' if bad else 'none damaged'}"
    )
