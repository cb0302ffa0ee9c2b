"""Bring a warehouse to the present schema: migrations, functions, views, roles, reference data.

Tables change by Alembic migrations only. Functions and views are what ``sql/objects`` says (`warehouse.objects`). All
of it is one transaction: a failure changes nothing. It waits for a lock for seconds, so that nobody queues behind it
for long, and begins again; a reader's session that holds what it wants is ended, and named.
Roles and rights follow after it, statement by statement: what the migrating role may not do is no failure.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg2.errorcodes import LOCK_NOT_AVAILABLE
from psycopg2.extensions import connection as PostgresConnection  # noqa: N812 - a class of that name
from sqlalchemy import Connection, Engine, Table, delete, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from minerecon_dagster.core.emissions import EMISSION_FACTORS
from minerecon_dagster.core.errors import ConfigurationError, one_line
from minerecon_dagster.core.mining import MINER_MODELS, SUBSIDY_ERAS
from minerecon_dagster.decisions import published_figures as published
from minerecon_dagster.decisions import wind_sites as sites_of
from minerecon_dagster.decisions.wind_farms import farm_exceptions
from minerecon_dagster.warehouse import objects, roles, version
from minerecon_dagster.warehouse.store import (
    WarehouseError,
    act_as_owner,
    begin_session,
    each_alone,
    goes_through_a_pool,
    login_of,
    open_warehouse,
    wait_for_locks,
)
from minerecon_dagster.warehouse.tables import (
    SCHEMA,
    block_subsidies,
    emission_factors,
    miner_models,
    published_figures,
    schema_compatibility,
    wind_farm_exceptions,
    wind_sites,
)
from minerecon_dagster.warehouse.way import Way, way_cleared

LEAST_SERVER_VERSION = 150000
"""PostgreSQL 15: the first with UNIQUE NULLS NOT DISTINCT, which the identity of a record needs."""

LOCK_TIMEOUT_S = 3
TRIES = 10
"""Everybody who comes while a lock is waited for waits behind it: so it is given up soon, and all begun again."""

_HERE = Path(__file__).parent
_log = logging.getLogger(__name__)
_WORKS_AS = f"""
SELECT current_user, pg_has_role(session_user, n.nspowner, 'MEMBER') FROM pg_namespace AS n WHERE n.nspname = '{SCHEMA}'
"""  # noqa: S608 - a constant
_ADVISORY_LOCK = 0x6D696E65
"""Any number that only this program takes: two upgrades wait for each other."""


def _config() -> Config:
    config = Config()
    # The option is interpolated, so a path with a per cent sign needs two.
    config.set_main_option("script_location", str(_HERE / "migrations").replace("%", "%%"))
    return config


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade did.

    Args:
        before, after: the revisions; None: an empty database.
        not_enforced: what the role may not enforce.
        ended: the readers' sessions that were ended since they held what it wanted, each in a few words.
    """

    before: str | None
    after: str | None
    not_enforced: list[roles.NotEnforced]
    ended: list[str] = field(default_factory=list)


def upgrade(
    engine: Engine,
    *,
    analyst_password: str | None = None,
    api_password: str | None = None,
    worker: str | None = None,
    lock_timeout_s: int = LOCK_TIMEOUT_S,
    statement_timeout_s: int = 600,
) -> Upgrade:
    """Migrate the warehouse to the newest revision, then its roles and rights.

    Connections of ``engine`` that are opened afterwards work as the pipeline.

    Args:
        engine: connects as the owner of the database, as a login that may become it, or as a superuser.
        analyst_password: the one that analysts log in with from now on; None leaves it as it is.
        api_password: the same of the read API.
        worker: a login that is to be the pipeline, and nothing else; None where the owner's connections become it.
        lock_timeout_s: how long to wait for a lock that somebody else holds, each time: there are `TRIES`.
        statement_timeout_s: how long one statement may take.

    Raises:
        ConfigurationError: the server or the code is too old, or the role may not do it; nothing was changed.
    """
    with way_cleared(engine) as way:
        before, after = _migrate(engine, way, lock_timeout_s, statement_timeout_s)
    left_over = _secure(engine, {roles.ANALYST: analyst_password, roles.API: api_password}, worker)
    # The connections of before the first upgrade are the owner's, who may do more than the work needs.
    engine.dispose()
    return Upgrade(before, after, left_over, way.ended)


def what_is_wrong_with_worker(url: str) -> str | None:
    """Why the login of ``url`` is not the pipeline and nothing else, in one line; None: it is.

    Args:
        url: what daemons and commands have as DATABASE_URL, of the warehouse that was upgraded.
    """
    name = login_of(url)
    engine = open_warehouse(url)
    try:
        with engine.connect() as connection:
            if _current(connection) != ScriptDirectory.from_config(_config()).get_current_head():
                return "DATABASE_URL leads to another warehouse than MINERECON_OWNER_DATABASE_URL"
            role, may_be_owner = connection.execute(text(_WORKS_AS)).one()
    except (DBAPIError, WarehouseError) as error:
        return f"the login {name} of DATABASE_URL cannot work yet: {one_line(error)}"
    finally:
        engine.dispose()
    if role != roles.PIPELINE:
        return f"the login {name} of DATABASE_URL works as {role}, and not as {roles.PIPELINE}"
    if may_be_owner:
        return f"the login {name} of DATABASE_URL may become the owner: take one that can only be {roles.PIPELINE}"
    return None


def change_analyst_password(engine: Engine, password: str) -> list[roles.NotEnforced]:
    """Let analysts log in with ``password``; what it returns is `minerecon_dagster.warehouse.roles`'s."""
    with _autocommitting_owner(engine) as connection:
        return roles.set_password(connection, roles.ANALYST, password)


def add_reader(engine: Engine, name: str, password: str) -> tuple[bool, list[roles.NotEnforced]]:
    """As `minerecon_dagster.warehouse.roles.add_reader`, by an engine that connects as the owner."""
    with _autocommitting_owner(engine) as connection:
        return roles.add_reader(connection, name, password)


def remove_reader(engine: Engine, name: str) -> None:
    """As `minerecon_dagster.warehouse.roles.remove_reader`, by an engine that connects as the owner."""
    with _autocommitting_owner(engine) as connection:
        roles.remove_reader(connection, name)


def _secure(engine: Engine, passwords: dict[str, str | None], worker: str | None) -> list[roles.NotEnforced]:
    with _autocommitting_owner(engine) as connection:
        left_over = roles.enforce(connection, worker)
        for role, password in passwords.items():
            if password is not None:
                left_over += roles.set_password(connection, role, password)
    return left_over


@contextmanager
def _autocommitting_owner(engine: Engine) -> Iterator[PostgresConnection]:
    """A connection as the owner of the tables; a superuser stays one, since some of it takes one."""
    raw = engine.raw_connection()
    raw.detach()  # what is set for this session is for nobody else
    with closing(raw):
        connection = cast("PostgresConnection", raw.dbapi_connection)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper, session_user FROM pg_catalog.pg_roles WHERE rolname = session_user")
            is_superuser, login = cast("tuple[bool, str]", cursor.fetchone())
        if not goes_through_a_pool(connection):
            with connection.cursor() as cursor:
                cursor.execute("SET ROLE NONE")
            if not is_superuser:
                begin_session(connection, login, as_owner=True)
        else:
            begins_with = None if is_superuser else begin_session(connection, login, as_owner=True)
            connection.cursor_factory = each_alone(begins_with or "SET LOCAL search_path = public")
        yield connection


def _migrate(engine: Engine, way: Way, lock_timeout_s: int, statement_timeout_s: int) -> tuple[str | None, str | None]:
    for tries_left in reversed(range(TRIES)):
        try:
            return _try_to_migrate(engine, way, lock_timeout_s, statement_timeout_s)
        except (OperationalError, ProgrammingError, WarehouseError) as error:
            if tries_left and getattr(error.__cause__, "pgcode", None) == LOCK_NOT_AVAILABLE:
                continue
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise ConfigurationError(
                f"the warehouse could not be migrated, nothing was changed: {reason}; check that the login of "
                "MINERECON_OWNER_DATABASE_URL (or, without that, DATABASE_URL) owns the database and the tables in it, "
                "or may become who does, and that nothing holds them, and try again"
            ) from error
    raise AssertionError  # pragma: no cover - the last try returns or raises


def _try_to_migrate(
    engine: Engine, way: Way, lock_timeout_s: int, statement_timeout_s: int
) -> tuple[str | None, str | None]:
    with engine.begin() as connection:
        act_as_owner(connection)
        number = connection.execute(text("SELECT current_setting('server_version_num')::int")).scalar_one()
        if number < LEAST_SERVER_VERSION:
            raise ConfigurationError(f"DATABASE_URL: PostgreSQL {number // 10000} is too old; 15 or later is needed")
        encoding = connection.execute(text("SELECT current_setting('server_encoding')")).scalar_one()
        if encoding != "UTF8":
            raise ConfigurationError(
                f"DATABASE_URL: the database has the encoding {encoding}, which lacks signs that names and comments "
                "have; make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
            )
        # The role's own limits are for its ordinary work.
        wait_for_locks(connection, lock_timeout_s)
        connection.execute(text("SELECT set_config('statement_timeout', :s, true)"), {"s": f"{statement_timeout_s}s"})
        with way.of(connection):
            connection.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": _ADVISORY_LOCK})
            for schema in (SCHEMA, objects.VIEWS):
                connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
            before = _current(connection)
            if version.is_newer(before):
                raise ConfigurationError(
                    f"the warehouse is at revision {before}, which is newer than the code's, "
                    f"{version.newest_revision()}; nothing was changed: update this program (a newer has migrated it)"
                )
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            objects.bring_up_to_date(connection)
            sync_reference_data(connection)
            connection.execute(delete(schema_compatibility))
            state = {"min_code_revision": min_code_revision(), "reference_sha256": reference_sha256()}
            connection.execute(schema_compatibility.insert().values(state))
            return before, _current(connection)


def _lists() -> list[tuple[Table, list[dict[str, Any]]]]:
    """The lists of which the code is the master: miner models, subsidy eras, emission factors, farms' names and sites,
    published figures.
    """
    models: list[dict[str, Any]] = [
        {"miner_model": m.name, "hashrate_ths": m.hashrate_ths, "power_w": m.power_w} for m in MINER_MODELS
    ]
    eras: list[dict[str, Any]] = [
        {"first_height": e.first_height, "starts_at": e.starts_at, "block_subsidy_btc": e.block_subsidy_btc}
        for e in SUBSIDY_ERAS
    ]
    factors: list[dict[str, Any]] = [
        {"fuel": f.fuel, "valid_from": f.valid_from, "g_per_kwh": f.g_per_kwh, "source": f.source}
        for f in EMISSION_FACTORS
    ]
    farms: list[dict[str, Any]] = [
        {"matches": e.matches, "key": e.key, "farm_name": e.farm_name, "reason": e.reason} for e in farm_exceptions()
    ]
    figures: list[dict[str, Any]] = [
        {
            "figure_id": f.figure_id,
            "period_label": f.period,
            "first_day": f.days[0],
            "last_day": f.days[1],
            "basis": f.basis,
            "figure": f.figure,
            "miner_model": f.miner_model,
            "unit": f.unit,
            "value": f.value,
            "difficulty": f.difficulty,
            "source": f.source,
            "is_known_wrong": f.is_known_wrong,
            "note": f.note,
        }
        for f in published.published_figures()
    ]
    sites: list[dict[str, Any]] = [
        {column.name: getattr(site, column.name) for column in wind_sites.columns} for site in sites_of.wind_sites()
    ]
    return [
        (miner_models, models),
        (block_subsidies, eras),
        (emission_factors, factors),
        (wind_farm_exceptions, farms),
        (wind_sites, sites),
        (published_figures, figures),
    ]


_NOTHING_DEPENDS_ON = (wind_farm_exceptions, wind_sites, published_figures)
"""Of these, what the list no longer has goes."""


def sync_reference_data(connection: Connection) -> None:
    """Copy the lists of the code into the warehouse: for `db upgrade` alone, or code of two versions would contend.

    Raises:
        ConfigurationError: the file of the farms' names is not what it should be.
    """
    for table, listed in _lists():
        _copy(connection, table, listed)
        if table in _NOTHING_DEPENDS_ON:
            keys = list(table.primary_key)
            kept = [tuple(row[c.name] for c in keys) for row in listed]
            connection.execute(delete(table).where(tuple_(*keys).not_in(kept)))


def reference_sha256() -> str:
    """SHA-256 of the lists of the code."""
    written = [(table.name, [sorted(map(str, row.items())) for row in listed]) for table, listed in _lists()]
    return hashlib.sha256(repr(written).encode()).hexdigest()


def require_reference_data(connection: Connection) -> None:
    """See that the warehouse holds what the code computes by: its miner models and subsidy eras, as they are.

    What another version of the code has brought beside them does no harm: while versions change, both work.

    Raises:
        ConfigurationError: it lacks some, or has another value; says how to bring it up to date.
    """
    held = connection.execute(select(schema_compatibility.c.reference_sha256)).scalar_one_or_none()
    if held == reference_sha256():
        return
    for table, listed in _lists():
        if table in _NOTHING_DEPENDS_ON:
            continue
        names = list(listed[0])
        stored = {tuple(row) for row in connection.execute(select(*(table.c[name] for name in names)))}
        if missing := [row for row in listed if tuple(row[name] for name in names) not in stored]:
            raise ConfigurationError(
                f"{table.name} of the warehouse is not the code's list (first: {next(iter(missing[0].values()))}): "
                "run `minerecon db upgrade`"
            )
    _log.info("the warehouse holds the lists of another version of the code, and all that this one computes by")


def _copy(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    statement = insert(table).values(rows)
    keys = [c.name for c in table.primary_key]
    changed = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


def require_current(connection: Connection) -> None:
    """Refuse to work on a warehouse of another revision than the code's, unless that says that this code may.

    Raises:
        ConfigurationError: says how to migrate it, or that this code is too old.
    """
    current, scripts = _current(connection), ScriptDirectory.from_config(_config())
    head = scripts.get_current_head()
    if current == head:
        return
    known = {script.revision for script in scripts.walk_revisions()}
    if current is None or current in known:
        raise ConfigurationError(
            f"the warehouse is at revision {current or 'none'} and the code needs {head}: run `minerecon db upgrade`"
        )
    least = least_code_revision(connection)
    if not version.may_work_on(current, least):
        raise ConfigurationError(
            f"the warehouse is at revision {current}, which is newer than the code's, {head}, and takes code of "
            f"{least} or later only: update this program (`minerecon db upgrade` of the newer one has migrated it)"
        )


def least_code_revision(connection: Connection) -> str | None:
    """The revision of the oldest code that a warehouse takes; None where it does not say so."""
    found: str | None = connection.execute(select(schema_compatibility.c.min_code_revision)).scalar_one_or_none()
    return found


def min_code_revision() -> str:
    """The oldest revision whose code may work on the code's own schema: steps marked ``expands_only`` are left out."""
    scripts = ScriptDirectory.from_config(_config())
    for script in scripts.walk_revisions():
        if not getattr(script.module, "expands_only", False):
            return str(script.revision)
    raise AssertionError("the first migration expands nothing")


def revisions(connection: Connection) -> tuple[str | None, str | None]:
    """The revision of the warehouse (None: it is empty), and the code's."""
    return _current(connection), ScriptDirectory.from_config(_config()).get_current_head()


def is_current(engine: Engine) -> bool:
    """Whether the warehouse is at the code's revision, with its views, and holds its lists."""
    with engine.connect() as connection:
        current, head = revisions(connection)
        if current != head or not objects.are_current(connection):
            return False
        held = connection.execute(select(schema_compatibility.c.reference_sha256)).scalar_one_or_none()
        return held == reference_sha256()


def not_enforced(engine: Engine) -> list[roles.NotEnforced]:
    """What is not as docs/operate/access.md promises it, by the catalogs alone: nothing is changed."""
    with _autocommitting_owner(engine) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
        return roles.not_enforced(connection)


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA}).get_current_revision()
