"""Lines of the services: the warehouse and Dagster's database, the table of difficulties, the archive, the register."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine

from minerecon_dagster.core.answers import is_synthetic
from minerecon_dagster.core.difficulty import LOAD_REMEDY, WARN_AHEAD_DAYS
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.core.repairs import REFRESH_REGISTER
from minerecon_dagster.difficulty.source import DifficultyTable
from minerecon_dagster.doctor.line import Line, State, looked_at, ok, unseen, wrong
from minerecon_dagster.elexon.archive import Archive
from minerecon_dagster.register.store import waiting_refusals
from minerecon_dagster.sample import SAMPLE_DAYS
from minerecon_dagster.settings import Settings, require_shared_archive
from minerecon_dagster.storage import is_folder
from minerecon_dagster.warehouse import migrate, objects
from minerecon_dagster.warehouse.roles import PIPELINE
from minerecon_dagster.warehouse.store import act_as_owner, check_reachable, statement
from minerecon_dagster.warehouse.version import is_newer, may_work_on
from minerecon_dagster.warehouse.warehouse import Warehouse

FURTHEST_CLOCK_S = 5.0
"""Between this machine's clock and the database's, beyond what the question itself took."""
OLDEST_REGISTER_DAYS = 15
"""Two weekly refreshes, and a day: one that failed was tried again."""
_GO_LIVE = "docs/operate/go-live.md"
_UPGRADE = "minerecon db upgrade"
_SUPERUSER = "minerecon db upgrade --print-superuser-sql | psql -U postgres -d"
_WAREHOUSE = ("schema", "role", "right", "clock", "register")

Now = Callable[[], dt.datetime]


def warehouse_lines(url: str | None, archive_url: str, now: Now) -> list[Line]:
    """The warehouse, its schema, whom a run works as, what that may do, its clock, and the register in it.

    Args:
        url: its address; None where none is set, and no embedded one is there.
        archive_url: where the register's answers are.
        now: this machine's clock.
    """
    if url is None:
        unset = Line("warehouse", State.UNSET, "DATABASE_URL is not set, and nothing was run here yet", _GO_LIVE)
        return [unset, *unseen(_WAREHOUSE, "there is no warehouse")]
    with Warehouse.open(url) as warehouse:
        first = looked_at("warehouse", lambda: _server(warehouse))
        if first.state is not State.OK:
            return [first, *unseen(_WAREHOUSE, "the warehouse cannot be used")]
        schema = looked_at("schema", lambda: _schema(warehouse))
        rights = (looked_at("role", lambda: _role(warehouse)), looked_at("right", lambda: _right(warehouse)))
        clock = looked_at("clock", lambda: _clock(warehouse, now))
        if schema.state is not State.OK:
            return [first, schema, *rights, clock, *unseen(["register"], "the schema is another one")]
        register = looked_at("register", lambda: _register(warehouse, archive_url, now()))
        return [first, schema, *rights, clock, register]


def _server(warehouse: Warehouse) -> Line:
    if (why := _why_not(warehouse.engine, "DATABASE_URL")) is not None:
        return wrong("warehouse", why, "start the server, or correct DATABASE_URL")
    with _looking(warehouse) as connection:
        found = connection.execute(statement("doctor/server")).one()
    if found.number < migrate.LEAST_SERVER_VERSION:
        return wrong("warehouse", f"PostgreSQL {found.version} is too old", "15 or later is needed: set DATABASE_URL")
    return ok("warehouse", f"PostgreSQL {found.version} at {_place(warehouse.engine)}")


def _why_not(engine: Engine, variable: str) -> str | None:
    """Why the server cannot be used; None: it can."""
    try:
        check_reachable(engine, variable)
    except ConfigurationError as error:
        return str(error).removesuffix(f"; start the server, or correct {variable}")  # the line has its own remedy
    return None


def _place(engine: Engine) -> str:
    return f"{engine.url.host or 'a socket'}:{engine.url.port or ''}/{engine.url.database}".replace(":/", "/")


def _schema(warehouse: Warehouse) -> Line:
    with _looking(warehouse) as connection:
        current, head = migrate.revisions(connection)
        has_our_views = objects.are_current(connection)
        takes_us = is_newer(current) and may_work_on(current, migrate.least_code_revision(connection))
        if takes_us and objects.are_there(connection):
            return ok("schema", f"at revision {current}, newer than the code's, {head}, which may work on it")
    if current != head:
        says = f"at revision {current}" if current else "empty"
        remedy = "update this program: a newer one has migrated the warehouse" if is_newer(current) else _UPGRADE
        return wrong("schema", f"{says}, and the code needs {head}", remedy)
    if not has_our_views:
        return wrong("schema", f"at revision {current}, the code's, but its views are of another version", _UPGRADE)
    return ok("schema", f"at revision {current}, the code's, as its views are")


def _role(warehouse: Warehouse) -> Line:
    """What docs/operate/access.md promises, by the catalogs."""
    with _looking(warehouse) as connection:
        found = connection.execute(statement("doctor/server")).one()
    left_over = migrate.not_enforced(warehouse.engine)
    if left_over:
        more = f", and {len(left_over) - 1} more promises" if len(left_over) > 1 else ""
        return wrong(
            "role",
            f"not in force: {left_over[0].promise}{more}",
            f"{_UPGRADE}; what it may not do: {_SUPERUSER} {found.name}",
        )
    if found.works_as != PIPELINE:
        return wrong("role", f"{found.logged_in_as} works as {found.works_as}, not as {PIPELINE}", _UPGRADE)
    return ok("role", f"{found.logged_in_as} works as {PIPELINE}; docs/operate/access.md is in force")


def _right(warehouse: Warehouse) -> Line:
    with _looking(warehouse) as connection:
        lacking = list(connection.execute(statement("doctor/rights")).scalars())
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        return wrong("right", f"a run has no {lacking[0]}{more}", _UPGRADE)
    return ok("right", "a run may read and change its tables, and read the views")


def _clock(warehouse: Warehouse, now: Now) -> Line:
    with _looking(warehouse) as connection:
        before = now()
        at: dt.datetime = connection.execute(statement("doctor/clock")).scalar_one()
        after = now()
    off_s = (before + (after - before) / 2 - at).total_seconds()
    if abs(off_s) > FURTHEST_CLOCK_S + (after - before).total_seconds() / 2:
        way = "ahead of" if off_s > 0 else "behind"
        return wrong(
            "clock",
            f"this machine is {abs(off_s):,.0f} s {way} the database: days would be judged by the wrong time",
            "set the clock of the one that is wrong: timedatectl set-ntp true",
        )
    return ok("clock", f"{abs(off_s):.1f} s from the database's, {at:%Y-%m-%d %H:%M:%S} UTC")


def _register(warehouse: Warehouse, archive_url: str, now: dt.datetime) -> Line:
    with _looking(warehouse) as connection:
        found = connection.execute(statement("doctor/register"), {"day": now.date()}).one()
        waiting = waiting_refusals(connection)
    if not found.version_count:
        return Line("register", State.NOT_YET, "no BM unit is stored: the first day that is fetched brings them")
    says = f"{found.unit_count} wind units, {found.capacity_mw:,.0f} MW"
    if waiting:
        return wrong("register", f"{says}; {waiting[0]}", str(waiting[0].remedy))
    if not found.unit_count:
        return wrong("register", "no wind unit is in force", str(REFRESH_REGISTER))
    newest = Archive.from_url(archive_url).newest_register()
    if newest is None:
        return wrong("register", f"{says}, and the archive has no answer", str(REFRESH_REGISTER))
    age = now - newest[1].fetched_at
    seen = f"{says}, last seen {newest[1].fetched_at:%Y-%m-%d}, {age.days} days ago"
    if age > dt.timedelta(days=OLDEST_REGISTER_DAYS):
        remedy = f"start the daemon (bm_units_refresh is weekly), or {REFRESH_REGISTER}"
        return wrong("register", seen, remedy)
    return ok("register", seen)


@contextmanager
def _looking(warehouse: Warehouse) -> Iterator[Connection]:
    """It looks only: what would write is refused by the server."""
    with warehouse.snapshot() as connection:
        yield connection


def dagster_line(url: str | None) -> Line:
    """Dagster's own database."""
    if url is None:
        return Line("dagster", State.UNSET, "DAGSTER_POSTGRES_URL is not set, and nothing was run here yet", _GO_LIVE)
    return looked_at("dagster", lambda: _dagster(url))


def _dagster(url: str) -> Line:
    with Warehouse.open(url) as opened:
        if (why := _why_not(opened.engine, "DAGSTER_POSTGRES_URL")) is not None:
            return wrong("dagster", why, "start the server, or correct DAGSTER_POSTGRES_URL")
        with _looking(opened) as connection:
            act_as_owner(connection)  # Dagster works as whoever logs in, in the warehouse's own database too
            found = connection.execute(statement("doctor/dagster")).one()
        place = f"PostgreSQL {found.version} at {_place(opened.engine)}"
    if found.is_there and found.may_write:
        return ok("dagster", f"{place}, with Dagster's tables")
    if not found.is_there and found.may_make:
        return ok("dagster", f"{place}, empty: Dagster makes its tables when it starts")
    lacks = "may not write Dagster's tables" if found.is_there else "may make no tables"
    owner = f"make {found.works_as} the owner: ALTER DATABASE {found.name} OWNER TO {found.works_as}"
    return wrong("dagster", f"{place}: {found.works_as} {lacks}", owner)


def difficulty_lines(name: str | None, region: str | None, today: dt.date, *, is_sample: bool = False) -> list[Line]:
    """The table of difficulties, and how far it reaches.

    Args:
        name: of the table; None where none is set, and no embedded one is there.
        region: its AWS region; None for what boto3 finds.
        today: the settlement day in progress.
        is_sample: whether the days are the bundled sample's, which end.
    """
    if name is None:
        says = "DYNAMODB_DIFFICULTY_TABLE is not set, and nothing was run here yet"
        return [Line("difficulty", State.UNSET, says, _GO_LIVE), *unseen(["horizon"], "there is no table")]
    table = DifficultyTable(name, region=region)
    first = looked_at("difficulty", lambda: _difficulty(table, today))
    if first.state is not State.OK:
        return [first, *unseen(["horizon"], "the table cannot be used")]
    return [first, looked_at("horizon", lambda: _horizon(table, today, is_sample))]


def _difficulty(table: DifficultyTable, today: dt.date) -> Line:
    table.read([today])
    return ok("difficulty", f"DynamoDB table {table.name} is there, and may be read")


def _horizon(table: DifficultyTable, today: dt.date, is_sample: bool) -> Line:
    last = table.last_day()
    if is_sample and last is not None and last >= max(SAMPLE_DAYS):
        return ok("horizon", f"the last day with a difficulty is {last}, after the sample's last")
    if last is None:
        return wrong("horizon", "the table has no difficulty at all: no day can be computed", LOAD_REMEDY)
    days = (last - today).days
    if days < 0:
        return wrong("horizon", f"the last day with a difficulty was {last}, {-days} days ago", LOAD_REMEDY)
    says = f"the last day with a difficulty is {last}, in {days} days"
    return wrong("horizon", says, LOAD_REMEDY) if days < WARN_AHEAD_DAYS else ok("horizon", says)


def archive_line(url: str, runs_elsewhere: Callable[[], bool] = lambda: False) -> Line:
    """The archive: whether all runs share it, and it can be listed and read, a folder written."""
    return looked_at("archive", lambda: _archive(url, runs_elsewhere()))


def _archive(url: str, runs_elsewhere: bool) -> Line:
    require_shared_archive(runs_elsewhere, url)
    newest = Archive.from_url(url).newest_register()
    held = "an object of it was read" if newest else "nothing is in it yet"
    if not is_folder(url):
        # To write an object would be no look.
        return ok("archive", f"{url} can be listed, {held}; that it may be written, the first fetch tells")
    there = nearest(Path(url))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{there} may not be written; make it yours, or set MINERECON_ARCHIVE_URL")
    return ok("archive", f"{url} may be written, {held}")


def nearest(path: Path) -> Path:
    """The path itself, or where it is not there the nearest folder above it that is."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def service_lines(settings: Settings, today: dt.date, now: Now, runs_elsewhere: Callable[[], bool]) -> list[Line]:
    """All services; nothing is asked of a source.

    Args:
        settings: where they are.
        today: the settlement day in hand.
        now: this machine's clock.
        runs_elsewhere: whether Dagster launches runs on other hosts.
    """
    return [
        *warehouse_lines(settings.database_url, settings.archive_url, now),
        dagster_line(settings.dagster_postgres_url),
        *difficulty_lines(
            settings.difficulty_table,
            settings.aws_region,
            today,
            is_sample=is_synthetic(settings.elexon_base_url),
        ),
        archive_line(settings.archive_url, runs_elsewhere),
    ]
