"""The command as a user runs it: a process of its own, over shared embedded services.

`minerecon` forks one that has imported everything, and is quick. `installed` and `start` run the console script:
a test at least of each command does so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine

from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.cli import forked
from minerecon_dagster_tests.cli.forked import MINERECON, Forked
from minerecon_dagster_tests.fake_elexon import FakeElexon, fake_elexon
from minerecon_dagster_tests.project import DAY, difficulty_table

__all__ = ["difficulty_table"]

_LONGEST_S = 600
"""No command of a test needs a tenth of it; a machine with ten other things to do may."""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def elexon() -> Iterator[FakeElexon]:
    with fake_elexon(DAY) as server:
        yield server


@pytest.fixture(scope="session")
def dagster_database(embedded_environ: dict[str, str]) -> str:
    """Dagster's own storage, shared by the session's commands."""
    return embedded_environ["DAGSTER_POSTGRES_URL"]


@pytest.fixture
def environ(
    warehouse: Engine,
    elexon: FakeElexon,
    embedded_environ: dict[str, str],
    difficulty_table: str,
    tmp_path: Path,
) -> dict[str, str]:
    """A user's environment: everything is named, so that nothing is started."""
    url = warehouse.url.render_as_string(hide_password=False)
    return _environ(embedded_environ, url, elexon, tmp_path / "a home")


def _environ(embedded: dict[str, str], warehouse: str, elexon: FakeElexon, home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")}
    return kept | embedded | {
        "DATABASE_URL": warehouse,
        "ELEXON_BASE_URL": elexon.base_url,
        "ELEXON_MAX_REQUESTS_PER_MINUTE": "0",
        "MINERECON_HOME": str(home),
    }  # fmt: skip


@pytest.fixture(scope="session")
def one_day(
    everything_imported: None,
    migrated: str,
    embedded_environ: dict[str, str],
    difficulty_table: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Path]]:
    """The template and the archive of `day_stored`, as `minerecon reingest` makes them."""
    home = tmp_path_factory.mktemp("one day")
    with fake_elexon(DAY) as elexon, databases.database(embedded_environ["DATABASE_URL"], migrated) as url:
        made = Ran(Forked(["reingest", str(DAY)], _environ(embedded_environ, url, elexon, home), home))
        assert made.code == 0, made.err
        databases.close(url)
        yield url.rpartition("/")[2], home / "archive"


@pytest.fixture
def day_stored(
    one_day: tuple[str, Path], environ: dict[str, str], embedded_environ: dict[str, str]
) -> Iterator[Engine]:
    """What `minerecon reingest` leaves of `DAY`, in the environment of the test: the warehouse is this copy."""
    template, archive = one_day
    shutil.copytree(archive, Path(environ["MINERECON_HOME"]) / "archive")
    with databases.database(embedded_environ["DATABASE_URL"], template) as url:
        environ["DATABASE_URL"] = url
        engine = open_warehouse(url)
        yield engine
        engine.dispose()


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Start]:
    """Starts `minerecon ARGUMENTS`; whatever still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **changed: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(MINERECON), *arguments],
            env={k: v for k, v in (environ | changed).items() if v},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


class Ran:
    """A finished command."""

    def __init__(self, process: subprocess.Popen[str] | Forked) -> None:
        self.out, self.err = process.communicate(timeout=_LONGEST_S)
        self.code = process.returncode

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def installed(start: Start) -> Callable[..., Ran]:
    """Runs the console script `minerecon ARGUMENTS` to its end."""
    return lambda *arguments, **changed: Ran(start(*arguments, **changed))


@pytest.fixture(scope="session")
def everything_imported() -> None:
    forked.import_everything()


@pytest.fixture
def minerecon(
    everything_imported: None, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Ran]]:
    """Runs `minerecon ARGUMENTS` to its end, forked."""
    started: list[Forked] = []

    def run(*arguments: str, **changed: str) -> Ran:
        wanted = {k: v for k, v in (environ | changed).items() if v}
        started.append(Forked(arguments, wanted, tmp_path_factory.mktemp("printed")))
        return Ran(started[-1])

    yield run
    for process in started:
        process.kill()


def connect(url: str) -> Any:
    return psycopg2.connect(url.replace("+psycopg2", ""))
