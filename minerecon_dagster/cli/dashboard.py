"""`minerecon dashboard`, and the dashboard beside a local UI: the pages and the read API over the embedded services."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from minerecon_dagster.cli.environment import require_free_port, run_command, services
from minerecon_dagster.core.errors import ConfigurationError

if TYPE_CHECKING:
    from minerecon_dagster.settings import Settings

_START_SECONDS = 30.0
_END_SECONDS = 10.0
_POLL_SECONDS = 0.1
_ANSWER_SECONDS = 2.0
_ADDRESS_FILE = "dashboard.url"
"""In ``run/`` of a home: where its dashboard is served, as long as it is."""


@click.command()
@click.option("--port", default=3001, show_default=True, type=click.IntRange(1, 65_535), help="Port on 127.0.0.1.")
def dashboard(port: int) -> None:
    """Show the dashboard and the read API on 127.0.0.1, until Ctrl-C.

    It shows the warehouse of MINERECON_HOME (or of DATABASE_URL) if a day is stored there, and the bundled synthetic
    sample otherwise; its first line says which. Where `minerecon ui` serves it already, it prints that link.
    """
    from minerecon_dagster.settings import Settings, file_variable

    settings = Settings.from_environ()
    for home in (settings.home, settings.home / "sample"):
        if (address := served_at(home)) is not None:
            click.echo(f"The dashboard of {home} is served already: {address}")
            return
    require_free_port(port, "--port")
    with ExitStack() as stack:
        ready = _real(stack, settings)
        if ready is None:
            click.echo(
                "The bundled sample, made up by a generator and not Elexon's: "
                f"no day is stored in {_named(settings)} yet (minerecon reingest FROM TO stores real ones)"
            )
            # What is named is of real days: with it, services would not be the sample's, nor in its folder.
            for name in _OF_REAL_DAYS:
                os.environ.pop(name, None)
                os.environ.pop(file_variable(name), None)
            ready = stack.enter_context(services(sample=True))
            _make_the_sample(ready)
        url = f"http://127.0.0.1:{port}"

        def tell(is_running: Callable[[], bool]) -> None:
            if _answers(is_running, url):
                click.echo(f"Dashboard: {url} (Ctrl-C ends it); read API: {url}/api/v1/days")

        with _noted(ready.home, url):
            code = run_command([*_command(ready, port), "--quiet"], first=tell)
    sys.exit(code)


def _named(settings: Settings) -> str:
    return "the warehouse of DATABASE_URL" if settings.database_url else str(settings.home)


def _real(stack: ExitStack, settings: Settings) -> Settings | None:
    """The services over the real warehouse, started for as long as the stack is open; None where no day is stored."""
    if settings.database_url is None and not (settings.home / "postgres" / "data").is_dir():
        return None  # nothing was ever stored: it need not be made to find that out
    with ExitStack() as tried:
        ready = tried.enter_context(services())
        newest = _newest_day(ready)
        if newest is None:
            return None
        click.echo(f"The warehouse of {_named(settings)}: the newest stored day is {newest}")
        stack.push(tried.pop_all())
    return ready


def _newest_day(settings: Settings) -> dt.date | None:
    from sqlalchemy import text
    from sqlalchemy.exc import ProgrammingError

    from minerecon_dagster.warehouse.warehouse import Warehouse

    assert settings.database_url is not None
    try:
        with Warehouse.open(settings.database_url) as warehouse, warehouse.connection() as connection:
            found: dt.date | None = connection.execute(
                text("SELECT max(summary_date) FROM minerecon.daily_summaries")
            ).scalar_one()
            return found
    except ProgrammingError:  # a warehouse of DATABASE_URL without our tables
        return None


def _make_the_sample(settings: Settings) -> None:
    """Run the chain for the bundled days, unless they are stored."""
    if _newest_day(settings) is not None:
        return
    click.echo("Making its days: about half a minute …")
    program = Path(sys.executable).with_name("minerecon")
    environ = {k: v for k, v in os.environ.items() if k not in _OF_REAL_DAYS} | {
        "MINERECON_HOME": str(settings.home.parent)
    }
    made = subprocess.run([str(program), "run"], env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if made.returncode:
        click.echo(made.stdout, err=True)
        click.echo(made.stderr[-2000:], err=True)
        raise ConfigurationError("the sample's days could not all be made: see above")


_OF_REAL_DAYS = (
    "ELEXON_BASE_URL", "BITCOIN_PRICE_BASE_URL", "DATABASE_URL", "DAGSTER_POSTGRES_URL", "DYNAMODB_DIFFICULTY_TABLE",
    "MINERECON_API_DATABASE_URL", "MINERECON_ARCHIVE_URL", "MINERECON_OWNER_DATABASE_URL", "MINERECON_PLACES",
)  # fmt: skip
"""What a user or `services` puts into the environment, and a command of the sample would take for given."""


def _command(settings: Settings, port: int) -> list[str]:
    command = [str(Path(sys.executable).with_name("minerecon")), "serve", "--port", str(port)]
    if not settings.archive_url.startswith("s3://"):
        command += ["--reports", str(Path(settings.archive_url) / "reports")]
    return command


@contextmanager
def serving(settings: Settings, port: int) -> Iterator[str | None]:
    """Serve the dashboard beside something else inside the ``with`` block, in a process of its own.

    Args:
        settings: of the started services.
        port: on 127.0.0.1.

    Yields:
        Its address; None where it cannot be served, which was said then.
    """
    if not os.environ.get("MINERECON_API_DATABASE_URL", "").strip():
        click.echo("The dashboard is not served: MINERECON_API_DATABASE_URL is not set", err=True)
        yield None
        return
    url = f"http://127.0.0.1:{port}"
    log = settings.home / "run" / "dashboard.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            _command(settings, port), stdout=output, stderr=output, process_group=0
        )
    try:
        if not _answers(lambda: process.poll() is None, url):
            click.echo(f"The dashboard is not served on port {port}: {log} says why", err=True)
            yield None
            return
        with _noted(settings.home, url):
            yield url
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(is_running: Callable[[], bool], url: str) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while is_running() and time.monotonic() < deadline:
        if _is_ours(url):
            return True
        time.sleep(_POLL_SECONDS)  # nothing else says when a server of another process listens
    return False


def _is_ours(url: str) -> bool:
    # What is on this machine is never asked through a proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(OSError), opener.open(f"{url}/healthz", timeout=_ANSWER_SECONDS) as answer:
        return bool(answer.read().startswith(b'{"status":"ok"'))
    return False


@contextmanager
def _noted(home: Path, url: str) -> Iterator[None]:
    """Let others find the dashboard of a home for as long as it is served."""
    note = home / "run" / _ADDRESS_FILE
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(url + "\n")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def served_at(home: Path) -> str | None:
    """Where the dashboard of a home is served now; None: it is not."""
    try:
        address = (home / "run" / _ADDRESS_FILE).read_text().strip()
    except OSError:
        return None
    return address if address.startswith("http://127.0.0.1:") and _is_ours(address) else None
