"""The environment in which commands run: the given services, or embedded ones for what is not given."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import click

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.local.services import local_services
from minerecon_dagster.settings import PROJECT_ROOT, Settings


@contextmanager
def services(*, sample: bool = False) -> Iterator[Settings]:
    """Start what the environment does not name, and put all addresses into it; stop it afterwards.

    Args:
        sample: serve the bundled synthetic sample unless ``ELEXON_BASE_URL`` is set, and keep what is
            made of it apart, in ``MINERECON_HOME/sample``.

    Raises:
        ConfigurationError: a setting is wrong, or a service cannot be had.
    """
    settings = Settings.from_environ()
    before = dict(os.environ)
    with ExitStack() as stack:
        stack.callback(_restore, before)
        home = settings.home
        if sample and not before.get("ELEXON_BASE_URL", "").strip():
            from minerecon_dagster.sample.server import serve_sample

            home = home / "sample"
            os.environ["ELEXON_BASE_URL"] = stack.enter_context(serve_sample())
            os.environ.setdefault("ELEXON_MAX_REQUESTS_PER_MINUTE", "0")
        os.environ["MINERECON_HOME"] = str(home)
        home.mkdir(parents=True, exist_ok=True)
        if settings.dagster_postgres_url is not None:
            os.environ["DAGSTER_POSTGRES_URL"] = settings.dagster_postgres_url
        os.environ.setdefault("DAGSTER_HOME", str(_dagster_home()))
        os.environ.update(stack.enter_context(local_services(home, os.environ)))
        started = Settings.from_environ()
        _prepare_warehouse(started, embedded=settings.database_url is None)
        if home != settings.home:
            load_sample_difficulty()
        yield started


def load_sample_difficulty() -> None:
    """Load the difficulties of the bundled sample's days into the table, unless it holds some."""
    from minerecon_dagster.core.difficulty import read_retargets, values_by_day
    from minerecon_dagster.resources.dagster_resources import DifficultyResource
    from minerecon_dagster.sample import SAMPLE_DIFFICULTY_CSV

    table = DifficultyResource().table()
    if table.last_day() is None:
        table.load(values_by_day(read_retargets(SAMPLE_DIFFICULTY_CSV)))


def _restore(environ: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)


def _dagster_home() -> Path:
    if not (PROJECT_ROOT / "dagster.yaml").is_file():
        raise ConfigurationError("DAGSTER_HOME is not set: set it to the folder that holds the project's dagster.yaml")
    return PROJECT_ROOT


def _prepare_warehouse(settings: Settings, *, embedded: bool) -> None:
    """Migrate the embedded warehouse if it is behind; of a given one, only see that it can be reached."""
    from minerecon_dagster.warehouse.migrate import is_current, upgrade
    from minerecon_dagster.warehouse.store import check_reachable, open_warehouse

    assert settings.database_url is not None
    engine = open_warehouse(settings.database_url)
    try:
        check_reachable(engine)
        if embedded and not is_current(engine):
            upgrade(engine)
    finally:
        engine.dispose()


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--sample", is_flag=True, help="Serve the bundled synthetic days unless ELEXON_BASE_URL is set.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def local(sample: bool, command: tuple[str, ...]) -> None:
    """Run COMMAND with the embedded services' addresses in its environment; stop them afterwards.

    Only what the environment does not name is started: PostgreSQL for DATABASE_URL and
    DAGSTER_POSTGRES_URL, DynamoDB for DYNAMODB_DIFFICULTY_TABLE.
    """
    with services(sample=sample):
        code = _run(command)
    sys.exit(code)


@click.command()
def ui() -> None:
    """The Dagster UI and daemon on 127.0.0.1, over the same services, until Ctrl-C.

    On the bundled synthetic sample, as `minerecon run`, unless ELEXON_BASE_URL is set.
    """
    with services(sample=True) as settings:
        click.echo(f"Dagster UI: http://127.0.0.1:{settings.port} (Ctrl-C ends it); source: {settings.elexon_base_url}")
        dagster = Path(sys.executable).with_name("dagster")
        workspace = PROJECT_ROOT / "workspace.yaml"
        code = _run([str(dagster), "dev", "-w", str(workspace), "-h", "127.0.0.1", "-p", str(settings.port)])
    sys.exit(code)


def _run(command: Sequence[str]) -> int:
    """Run a command to its end, handing SIGTERM and SIGINT on to it; return its exit code as a shell has it."""
    try:
        process = subprocess.Popen(command)  # noqa: S603 - running the user's command is what this is for
    except OSError as error:
        raise ConfigurationError(f"cannot run {command[0]}: {error.strerror}") from None

    def forward(number: int, _frame: FrameType | None) -> None:
        if process.poll() is None:
            process.send_signal(number)

    previous = {s: signal.signal(s, forward) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = process.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code
