"""Credentials in the address of a source are sent, and nowhere else: not stored, not shown, in no file's name."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster_tests.cli.conftest import Ran, connect
from minerecon_dagster_tests.fake_elexon import FakeElexon, Fault, stack_path
from minerecon_dagster_tests.project import DAY

Run = Callable[..., Ran]
NAME, WORD = "proxyuser", "sekretpw"
HIDDEN = (NAME, WORD)


def texts_of(url: str) -> str:
    """All rows of all tables of a database, as text."""
    with connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        found = []
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT string_agg(CAST(t AS text), E'\\n') FROM {table} AS t")
            found.append(cursor.fetchone()[0] or "")
    return "\n".join(found)


def files_of(home: Path) -> str:
    """The names of all files below a folder and what is in them, unpacked."""
    found = []
    for path in home.rglob("*"):
        found.append(str(path))
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as pack:
                found += [pack.read(name).decode("latin-1") for name in pack.namelist()]
        elif path.is_file():
            found.append(path.read_bytes().decode("latin-1"))
    return "\n".join(found)


@pytest.mark.slow
def test_credentials_in_the_address_of_elexon_reach_elexon_and_nothing_that_anybody_reads(
    minerecon: Run, environ: dict[str, str], warehouse: Engine, elexon: FakeElexon, dagster_database: str
) -> None:
    seen: set[str | None] = set()
    elexon.saw = lambda headers: seen.add(headers.get("Authorization"))
    url = elexon.base_url.replace("://", f"://{NAME}:{WORD}%40@")
    changed = {"ELEXON_BASE_URL": url, "ELEXON_MAX_REQUESTS_PER_MINUTE": "1000000"}
    elexon.faults = lambda path: Fault(400) if path == stack_path("bid", DAY, 7) else None
    failed = minerecon("reingest", str(DAY), **changed)
    assert failed.code == 1
    elexon.faults = lambda path: None
    done = minerecon("reingest", str(DAY), "--force", **changed)
    assert done.code == 0, done.out + done.err
    examined = minerecon("doctor", "--live", "--json", **changed)
    assert examined.json["live"]

    assert seen == {"Basic cHJveHl1c2VyOnNla3JldHB3QA=="}, "the name and the password, unquoted"
    with warehouse.connect() as connection:
        errors = connection.execute(text("SELECT count(*) FROM minerecon.ingestion_progress")).scalar_one()
    assert errors
    read = {
        "terminal": "".join(ran.out + ran.err for ran in (failed, done, examined)),
        "warehouse": texts_of(environ["DATABASE_URL"]),
        "Dagster": texts_of(dagster_database),
        "files": files_of(Path(environ["MINERECON_HOME"])),
        "names": "\n".join(str(path) for path in Path(tempfile.gettempdir()).glob("minerecon-*")),
    }
    place = elexon.base_url.split("/")[2]
    assert place in read["terminal"]
    assert place in read["files"]
    assert place in read["Dagster"]
    for where, what in read.items():
        for word in HIDDEN:
            assert word not in what, where
