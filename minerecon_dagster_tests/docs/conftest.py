"""What takes a warehouse to be made: the dictionary, of made-up days, and the answers to questions, of the sample."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from minerecon_dagster.exports.dictionary import ColumnEntry, Entry, as_markdown, read_dictionary
from minerecon_dagster.sample import SAMPLE_DAYS
from minerecon_dagster.sample.prices import synthetic_price_gbp
from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.docs import of_api
from minerecon_dagster_tests.forty_days import stored as stored
from minerecon_dagster_tests.project import days_kept
from minerecon_dagster_tests.web.conftest import served

OURS = {"built_from", "run_id", "archive_uri", "old_archive_uri", "new_archive_uri", "payload_sha256", "result_id"}
OUR_OWN = {"archive_uri", "fetched_at", "answer_sha256", "detected_at", "old_archive_uri", "new_archive_uri"}
"""Columns with names, numbers and, in answers, times of our own: another run has others."""
MOST_ROWS = 12
_GRAIN_AND_FIRST_WORDS = r"(?:Grain: (?P<grain>[^.]+)\. )?(?P<said>(?:[^(]|\([^)]*\))+?)(?:[.:] .*|\.)?"


@pytest.fixture
def made_dictionary(stored: Engine) -> str:
    with stored.connect() as connection:
        return as_markdown(_with_examples(connection, read_dictionary(connection)))


@pytest.fixture
def made_views(stored: Engine) -> str:
    """Every view and function for analysts, by the first words of what the dictionary says of it."""
    lines = ["| view or function in `analytics` | a row for each | is |", "|---|---|---|"]
    with stored.connect() as connection:
        for entry in read_dictionary(connection):
            schema, _, name = entry.name.partition(".")
            if schema == "analytics":
                words = re.fullmatch(_GRAIN_AND_FIRST_WORDS, entry.meaning or "", re.DOTALL)
                assert words, entry
                name = re.sub(r" → .*| DEFAULT [^,)]+", "", name)
                lines.append(f"| `{name}` | {words['grain'] or ''} | {words['said']} |".replace("\n", " "))
    return "\n".join(lines)


def _is_made_at(column: ColumnEntry) -> bool:
    """Whether a column is a time of ours, which is another each time."""
    return column.type == "timestamp with time zone" and column.name != "start_time"


def _with_examples(connection: Connection, entries: list[Entry]) -> list[Entry]:
    """The entries, each column with a value of the made-up warehouse."""
    found = []
    for entry in entries:
        shown = [c.name for c in entry.columns if c.name not in OURS and not _is_made_at(c) and c.type != "jsonb"]
        # All of a view's columns at once: some take a second to be read.
        highest = ", ".join(f'max(CAST("{name}" AS text))' for name in shown)
        found_values = connection.execute(text(f"SELECT {highest} FROM {entry.name}")).one() if shown else ()
        values = dict(zip(shown, found_values, strict=True))
        columns = []
        for column in entry.columns:
            example = "2025-03-29 06:03:11+00" if _is_made_at(column) else values.get(column.name)
            columns.append(dataclasses.replace(column, example=None if example is None else str(example)[:40]))
        found.append(dataclasses.replace(entry, columns=columns))
    return found


@pytest.fixture(scope="session")
def sample_days(
    migrated: str, embedded_environ: dict[str, str], difficulty_table: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The template of `sample`, without prices."""
    home = tmp_path_factory.mktemp("sample days")
    with days_kept(embedded_environ, migrated, home, days=SAMPLE_DAYS) as (template, _):
        yield template


@pytest.fixture
def sample(sample_days: str, embedded_environ: dict[str, str]) -> Iterator[Engine]:
    """A warehouse of the sample's days, with prices."""
    with databases.database(embedded_environ["DATABASE_URL"], sample_days) as url:
        engine = open_warehouse(url)
        with engine.begin() as connection:
            for day in SAMPLE_DAYS:
                connection.execute(
                    text("INSERT INTO minerecon.bitcoin_price_gbp VALUES (:d, :p, 'synthetic', now(), true)"),
                    {"d": day, "p": synthetic_price_gbp(day)},
                )
        yield engine
        engine.dispose()


@pytest.fixture
def made_api_examples(sample: Engine) -> str:
    """Answers of the read API over the sample, on the day after it."""
    now = dt.datetime(2025, 10, 27, 12, tzinfo=dt.UTC)
    with served(sample.url.render_as_string(hide_password=False), now=lambda: now) as api:

        def get(path: str) -> tuple[str, bytes]:
            got = api.get(path)
            return got.headers["content-type"], got.body.replace(f"127.0.0.1:{api.port}".encode(), b"127.0.0.1:3001")

        return of_api.examples(get)


@pytest.fixture
def made_queries(sample: Engine) -> str:
    """Each question with its answer on the sample."""
    with sample.begin() as connection:
        files = sorted((PROJECT_ROOT / "queries").glob("*.sql"))
        assert len(files) == 20
        return "".join(_answered(file.name, file.read_text("utf-8"), connection) for file in files)


def _answered(name: str, query: str, connection: Connection) -> str:
    answer: Any = connection.execute(text(query))
    comments = [line[3:] for line in query.splitlines() if line.startswith("-- ")]
    question = " ".join(comments).removeprefix("Question: ")
    asked, _, about = question.partition("? ")
    rows = answer.all()
    names = list(answer.keys())
    title = f"{int(name[:2])}. {asked[0].upper()}{asked[1:]}?"
    head = f"\n## {title}\n\n[{name}](../../queries/{name}). {about}\n"
    if not rows:
        return f"{head}\nOn the sample: no rows.\n"
    lines = [[_shown(of, value) for of, value in zip(names, row, strict=True)] for row in rows[:MOST_ROWS]]
    table = [names, ["---"] * len(names), *lines]
    more = f"\n… and {len(rows) - MOST_ROWS} more rows.\n" if len(rows) > MOST_ROWS else ""
    return head + "\n" + "".join("| " + " | ".join(line) + " |\n" for line in table) + more


def _shown(name: str, value: object) -> str:
    if value is None:
        return ""
    if name in OUR_OWN:
        return "…"
    if isinstance(value, Decimal):
        return f"{value:,f}" if abs(value) < 10**12 else f"{value:f}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return str(value).replace("|", "\\|")
