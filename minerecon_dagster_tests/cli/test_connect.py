"""How `minerecon local`, `minerecon ui` and `minerecon db upgrade` tell analysts and operators about the roles."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from minerecon_dagster.cli import connect
from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster_tests.cli.conftest import MINERECON, Ran

Run = Callable[..., Ran]
VERSIONS = Path(migrate.__file__).parent / "migrations" / "versions"
URL = "postgresql+psycopg2://owner:hush@db.example.com:6432/wind?sslmode=require&sslkey=/secret/key&options=-c"


@pytest.fixture
def a_psql(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "psql").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("a_psql")
def test_a_chosen_password_is_spoken_of_and_never_shown() -> None:
    psql, other = connect.lines(URL, None, is_set=True)
    url = "postgresql://minerecon_analyst@db.example.com:6432/wind?sslmode=require"
    assert psql == f"""Analysts, read-only, psql: PGPASSWORD="$MINERECON_ANALYST_PASSWORD" psql '{url}'"""
    assert other == f"Analysts, other tools: {url} (the password is in MINERECON_ANALYST_PASSWORD)"


@pytest.mark.usefixtures("a_psql")
def test_without_a_password_psql_asks_for_it() -> None:
    psql, other = connect.lines(URL, None, is_set=False)
    assert psql.endswith("psql: psql 'postgresql://minerecon_analyst@db.example.com:6432/wind?sslmode=require'")
    assert other.endswith(" (the password was set by `minerecon db upgrade`, if it was)")


def test_where_psql_is_nowhere_else_it_is_the_embedded_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    psql, _ = connect.lines(URL, "generated", is_set=False)
    command = re.search(r"PGPASSWORD=generated (\S+/psql) ", psql)
    assert command is not None
    assert Path(command[1]).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("chosen", [None, "hush-hush 'chosen'"])
def test_the_lines_of_the_embedded_warehouse_work_as_they_are(tmp_path: Path, chosen: str | None) -> None:
    """COMMAND gets them on its standard error, and runs them in a shell."""
    environ = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")}
    environ |= {"MINERECON_HOME": str(tmp_path / "a home")} | ({"MINERECON_ANALYST_PASSWORD": chosen} if chosen else {})
    with subprocess.Popen(
        [str(MINERECON), "local", "--", "cat"],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as local:
        assert local.stdin is not None
        assert local.stdout is not None
        assert local.stderr is not None
        psql, other = local.stderr.readline(), local.stderr.readline()
        command = psql.partition("psql: ")[2].strip()
        query = "SELECT current_user, count(*) FROM minerecon.miner_models"
        done = subprocess.run(
            ["sh", "-c", f"{command} -At -c '{query}'"], env=environ, capture_output=True, text=True, check=False
        )
        url = other.partition("tools: ")[2].strip()
        if chosen is None:
            read = [sys.executable, "-c", f"import psycopg2; psycopg2.connect({url!r})"]
            subprocess.run(read, env=environ, check=True)
        local.stdin.write("what the command prints\n")
        local.stdin.close()
        out, rest = local.stdout.read(), local.stderr.read()
    assert done.stdout == "minerecon_analyst|3\n", done.stderr
    assert out == "what the command prints\n"
    assert "hush" not in psql + other + rest


@pytest.mark.slow
def test_local_says_it_for_a_given_warehouse_on_standard_error_too(minerecon: Run) -> None:
    ran = minerecon("local", "--", "true", MINERECON_ANALYST_PASSWORD="hush")
    assert ran.code == 0, ran.err
    assert ran.out == ""
    assert re.search(r"^Analysts, read-only, psql: .*postgresql://minerecon_analyst@127.0.0.1:\d+/test_", ran.err, re.M)
    assert "hush" not in ran.err


def test_db_upgrade_lets_analysts_in_with_the_given_password(minerecon: Run, warehouse: Engine) -> None:
    ran = minerecon("db", "upgrade", MINERECON_ANALYST_PASSWORD="hush-hush")
    assert (ran.code, ran.err) == (0, "")
    assert "hush" not in ran.out
    analyst = open_warehouse(
        warehouse.url.set(username="minerecon_analyst", password="hush-hush").render_as_string(hide_password=False)
    )
    with analyst.connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == "minerecon_analyst"
    analyst.dispose()


@pytest.mark.slow
def test_what_an_owner_may_not_enforce_is_a_warning_with_the_statements_for_a_superuser(
    minerecon: Run, embedded_environ: dict[str, str]
) -> None:
    """An owner who may neither make roles nor give away the ones that are there."""
    url = make_url(embedded_environ["DATABASE_URL"])
    tenant = f"tenant_{secrets.token_hex(6)}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection, contextlib.ExitStack() as stack:
        connection.execute(text(f"CREATE ROLE {tenant} LOGIN PASSWORD 'x'"))
        stack.callback(lambda: connection.execute(text(f"DROP ROLE {tenant}")))
        connection.execute(text(f"GRANT {tenant} TO CURRENT_USER"))
        connection.execute(text(f"CREATE DATABASE {tenant} OWNER {tenant}"))
        stack.callback(lambda: connection.execute(text(f"DROP DATABASE {tenant} WITH (FORCE)")))
        theirs = url.set(username=tenant, password="x", database=tenant).render_as_string(hide_password=False)
        given = {"DATABASE_URL": theirs, "MINERECON_ANALYST_PASSWORD": "hush"}

        warned = minerecon("db", "upgrade", **given)
        assert warned.code == 0, warned.err
        assert warned.err.startswith("WARNING: this login may not enforce all of docs/operate/access.md.")
        assert f"\n  minerecon db upgrade --print-superuser-sql | psql -U postgres -d {tenant}\n" in warned.err
        assert f"\n  {tenant} works as the pipeline\n" in warned.err
        assert "\n  analysts log in with MINERECON_ANALYST_PASSWORD\n" in warned.err

        printed = minerecon("db", "upgrade", "--print-superuser-sql", **given)
        assert (printed.code, printed.err) == (0, f"warehouse: at {head()}, up to date\n")
        assert f"-- {tenant} works as the pipeline\nGRANT minerecon_pipeline TO {tenant};\n" in printed.out
        assert "-- analysts log in with MINERECON_ANALYST_PASSWORD\nALTER ROLE" in printed.out
        assert "hush" not in warned.out + warned.err + printed.out

        connection.execute(text(f"GRANT minerecon_pipeline TO {tenant}"))
        complete = minerecon("db", "upgrade", "--print-superuser-sql", DATABASE_URL=theirs)
        assert complete.out == "-- everything is enforced\n"
    engine.dispose()


def head() -> str:
    return max(path.name[:4] for path in VERSIONS.glob("[0-9]*.py"))
