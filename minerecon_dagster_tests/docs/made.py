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
from minerecon_dagster.web.pages import glossary
from minerecon_dagster_tests.charts import described
from minerecon_dagster_tests.defs.snapshot import SNAPSHOT, snapshot
from minerecon_dagster_tests.deploy.files import module
from minerecon_dagster_tests.docs import of_api

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


_GEXEC = r"SELECT query FROM analytics.questions WHERE name LIKE ''02%'' \gexec"


def questions_sql() -> str:
    """The view that holds the questions of ``queries/``, for whoever has the warehouse's address and nothing else."""
    rows = []
    for file in sorted((PROJECT_ROOT / "queries").glob("*.sql")):
        query = file.read_text("utf-8").strip()
        about = " ".join(line[3:] for line in query.splitlines() if line.startswith("-- "))
        asked, _, said = about.removeprefix("Question: ").partition("? ")
        texts = (file.stem, f"{asked[0].upper()}{asked[1:]}?", said, query)
        # By a tag that stands in none of them: as they are, with every quote and line.
        assert not any("$q$" in text for text in texts), file
        rows.append("    (" + ", ".join(f"$q${text}$q$" for text in texts) + ")")
    values = ",\n".join(rows)
    return f"""-- Made by `make docs` from queries/*.sql: change it there.
CREATE VIEW analytics.questions (name, question, about, query) AS
VALUES
{values};

COMMENT ON VIEW analytics.questions IS
'Grain: name. The questions of queries/ with their SQL, for whoever has this address alone. In psql: {_GEXEC}';
COMMENT ON COLUMN analytics.questions.name IS 'Name of the question, as in 02_most_curtailed.';
COMMENT ON COLUMN analytics.questions.question IS 'What is asked.';
COMMENT ON COLUMN analytics.questions.about IS
'Basis, units, state, and what can be changed: by SET minerecon.from_date = ''2025-03-01'', and so on.';
COMMENT ON COLUMN analytics.questions.query IS 'One statement, which any reader may run as it is.';
"""


OF_CODE: Mapping[str, Callable[[str], str]] = {
    "schedules": tables.schedules,
    "sensors": tables.sensors,
    "jobs": tables.jobs,
    "checks": lambda _: properties.table(),
    "clearing": lambda _: clearing.table(),
    "commands": lambda _: _commands(),
    "statuses": lambda _: statuses.table(),
    "settings": lambda _: settings.table(),
    "api_resources": lambda _: of_api.resources(),
    "api_parameters": lambda _: of_api.parameters(),
    "licences": lambda _: str(module("licences.py").page()),
}
"""What makes a block, given the folder of its page, which links go out from."""
OF_WAREHOUSE = ("dictionary", "views", "queries", "api_examples")
OF_SUITE = ("faults",)
"""Written by the suite that sees it happen: ``make docs FAULTS=1``."""
FILES: Mapping[str, Callable[[], str]] = {
    ".env.example": settings.env_example,
    "docs/glossary.md": glossary.markdown,
    str(SNAPSHOT.relative_to(PROJECT_ROOT)): lambda: snapshot(build_defs()),
    "minerecon_dagster/warehouse/sql/objects/26_questions.sql": questions_sql,
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
