"""What is made from code in pages and files: `make docs` writes it, and tests compare it.

In a page it stands between ``<!-- made: NAME -->`` and ``<!-- end -->``; what stands around is written by hand. A new
one is a line of `OF_CODE`, or a fixture ``made_NAME`` beside this module where it takes a warehouse.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import click

from minerecon_dagster import settings
from minerecon_dagster.alerts import clearing
from minerecon_dagster.checks import properties
from minerecon_dagster.cli.main import cli
from minerecon_dagster.core import statuses
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.defs import tables
from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster_tests.charts import described
from minerecon_dagster_tests.defs.snapshot import SNAPSHOT, snapshot

PAGES = {
    str(path.relative_to(PROJECT_ROOT)): path
    for path in [
        PROJECT_ROOT / "README.md",
        *sorted(PROJECT_ROOT.glob("docs/**/*.md")),
        PROJECT_ROOT / "minerecon_dagster" / "sample" / "README.md",
    ]
}
"""Every page of the project, by its path."""


def commands(group: click.Group = cli, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command of ``minerecon``, with the words that it is typed by."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _commands() -> str:
    lines = ["| command | does |", "|---|---|"]
    for name, command in commands():
        arguments = (p.make_metavar(click.Context(command)) for p in command.params if isinstance(p, click.Argument))
        typed = " ".join((f"minerecon {name}", *arguments))
        lines.append(f"| `{typed}` | {command.get_short_help_str(1000)} |")
    return "\n".join(lines)


OF_CODE: Mapping[str, Callable[[str], str]] = {
    "schedules": tables.schedules,
    "sensors": tables.sensors,
    "jobs": tables.jobs,
    "checks": lambda _: properties.table(),
    "clearing": lambda _: clearing.table(),
    "commands": lambda _: _commands(),
    "statuses": lambda _: statuses.table(),
    "settings": lambda _: settings.table(),
}
"""What makes a block, given the folder of its page, which links go out from."""
OF_WAREHOUSE = ("dictionary", "queries")
OF_SUITE = ("faults",)
"""Written by the suite that sees it happen: ``make docs FAULTS=1``."""
FILES: Mapping[str, Callable[[], str]] = {
    ".env.example": settings.env_example,
    str(SNAPSHOT.relative_to(PROJECT_ROOT)): lambda: snapshot(build_defs()),
    **{
        f"minerecon_dagster/charts/specifications/{name}.json": partial(described.specification, name)
        for name in described.LAYERS
    },
}
"""What is made as a whole."""

_BLOCK = re.compile(r"(?<=<!-- made: )(\w+)( -->\n)(.*?)(?=<!-- end -->\n)", re.DOTALL)


def names_in(page: Path) -> list[str]:
    """The names of the blocks of a page, in their order."""
    return [block[1] for block in _BLOCK.finditer(page.read_text("utf-8"))]


def filled(page: Path, make: Callable[[str], str | None]) -> str:
    """A page with its blocks made anew; one of which ``make`` gives None stays as it is."""

    def made(block: re.Match[str]) -> str:
        text = make(block[1])
        return block[0] if text is None else f"{block[1]}{block[2]}{text.strip()}\n"

    return _BLOCK.sub(made, page.read_text("utf-8"))


def compare(path: Path, made: str) -> None:
    """Fail where a file is not what is made; where UPDATE_DOCS is set, write it first."""
    if os.environ.get("UPDATE_DOCS"):
        path.write_text(made, "utf-8")
    assert path.read_text("utf-8") == made, f"{path.relative_to(PROJECT_ROOT)} is old: write it anew by `make docs`"
