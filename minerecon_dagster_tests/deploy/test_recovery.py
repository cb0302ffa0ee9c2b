"""The scripts of backup and restore: how they find their databases, and what they refuse."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import DateTime

from minerecon_dagster.warehouse.tables import metadata
from minerecon_dagster_tests.deploy.files import DEPLOY, module


def login(url: str, name: str = "DATABASE_URL", **more: str) -> subprocess.CompletedProcess[str]:
    """What deploy/backup/address.sh makes of an address, as libpq's variables in lines."""
    shown = 'printf "%s\\n" "$PGUSER" "$PGPASSWORD" "$PGHOST" "$PGPORT" "$PGDATABASE" "${PGSSLMODE:-}"'
    script = f'set -eu; . "{DEPLOY}/backup/address.sh"; login {name}; {shown}'
    environ = {"PATH": "/usr/bin:/bin", name: url, **more}
    return subprocess.run(["sh", "-c", script], env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("postgresql://me:hush@host:6543/minerecon", ["me", "hush", "host", "6543", "minerecon", ""]),
        (
            "postgres://me:a:b@host/minerecon?sslmode=verify-full",
            ["me", "a:b", "host", "5432", "minerecon", "verify-full"],
        ),
        ("postgresql+psycopg2://me:p@ss@10.0.0.1:5432/x", ["me", "p@ss", "10.0.0.1", "5432", "x", ""]),
    ],
)
def test_an_address_becomes_variables_and_stands_in_no_argument(url, parts):
    assert login(url).stdout.splitlines() == parts


def test_an_address_may_be_in_a_file(tmp_path: Path):
    (tmp_path / "url").write_text("postgresql://me:hush@host/db\n")
    assert login("", DATABASE_URL_FILE=str(tmp_path / "url")).stdout.splitlines()[:2] == ["me", "hush"]


@pytest.mark.parametrize(
    "url", ["", "postgresql://me:a%40b@host/db", "postgresql://me:x@host/db?options=-csearch_path"]
)
def test_what_cannot_be_read_is_refused_in_one_line_without_the_password(url):
    done = login(url)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "DATABASE_URL" in done.stderr
    assert "me:" not in done.stderr


def test_a_dump_that_is_not_as_it_was_dumped_is_not_restored(tmp_path: Path):
    (tmp_path / "warehouse.dump").write_text("x")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  ./warehouse.dump\n")
    done = subprocess.run([DEPLOY / "backup" / "restore.sh", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "not as it was dumped" in done.stderr


def test_the_drill_compares_all_tables_but_history_and_all_columns_but_those_that_say_when_and_by_which_run():
    drill = module("test/drill.py")
    tables = {table.name: table for table in metadata.tables.values()}
    assert set(drill.HISTORY) <= tables.keys() | {"alembic_version"}
    assert set(drill.NEEDS_ELEXON) <= tables.keys() - set(drill.HISTORY)
    figures = [column for name in tables.keys() - set(drill.HISTORY) for column in tables[name].columns]
    left_out = {column for column in figures if drill.TIMES.fullmatch(column.name)}
    marks = {"run_id", "result_id", "summed_days"}
    assert {column.name for column in left_out if not isinstance(column.type, DateTime)} == marks & {
        column.name for column in figures
    }
    kept = {column.name for column in figures if isinstance(column.type, DateTime) and column not in left_out}
    assert kept == {"start_time"}
