"""Bring a warehouse to the present schema: migrations, functions, views, roles, reference data.

Tables change by Alembic migrations only. Functions and views are replaced from ``sql/objects`` each
time, so that the files say what is in force. All of it is one transaction: a failure changes nothing.
Roles and rights follow after it, statement by statement: what the migrating role may not do is no failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg2.extensions import connection as PostgresConnection  # noqa: N812 - a class of that name
from sqlalchemy import Connection, Engine, Table, delete, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError, ProgrammingError

from minerecon_dagster.core.emissions import EMISSION_FACTORS
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.core.mining import MINER_MODELS, SUBSIDY_ERAS
from minerecon_dagster.decisions import published_figures as published
from minerecon_dagster.decisions import wind_sites as sites_of
from minerecon_dagster.decisions.wind_farms import farm_exceptions
from minerecon_dagster.warehouse import roles
from minerecon_dagster.warehouse.store import WarehouseError, act_as_owner, wait_for_locks
from minerecon_dagster.warehouse.tables import (
    SCHEMA,
    block_subsidies,
    emission_factors,
    miner_models,
    published_figures,
    wind_farm_exceptions,
    wind_sites,
)

LEAST_SERVER_VERSION = 150000
"""PostgreSQL 15: the first with UNIQUE NULLS NOT DISTINCT, which the identity of a record needs."""

_HERE = Path(__file__).parent
_ADVISORY_LOCK = 0x6D696E65
"""Any number that only this program takes: two upgrades wait for each other."""


def _config() -> Config:
    config = Config()
    # The option is interpolated, so a path with a per cent sign needs two.
    config.set_main_option("script_location", str(_HERE / "migrations").replace("%", "%%"))
    return config


@dataclass(frozen=True)
class Upgrade:
    """The revision before (None: an empty database) and after, and what the role may not enforce."""

    before: str | None
    after: str | None
    not_enforced: list[roles.NotEnforced]


def upgrade(
    engine: Engine,
    *,
    analyst_password: str | None = None,
    api_password: str | None = None,
    lock_timeout_s: int = 30,
    statement_timeout_s: int = 600,
) -> Upgrade:
    """Migrate the warehouse to the newest revision, then its roles and rights.

    Connections of ``engine`` that are opened afterwards work as the pipeline.

    Args:
        engine: connects as the owner of the database.
        analyst_password: the one that analysts log in with from now on; None leaves it as it is.
        api_password: the same of the read API.
        lock_timeout_s: how long to wait for a lock that somebody else holds.
        statement_timeout_s: how long one statement may take.

    Raises:
        ConfigurationError: the server is too old, or the role may not do it; nothing was changed.
    """
    before, after = _migrate(engine, lock_timeout_s, statement_timeout_s)
    left_over = _secure(engine, {roles.ANALYST: analyst_password, roles.API: api_password})
    # The connections of before the first upgrade are the owner's, who may do more than the work needs.
    engine.dispose()
    return Upgrade(before, after, left_over)


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


def _secure(engine: Engine, passwords: dict[str, str | None]) -> list[roles.NotEnforced]:
    with _autocommitting_owner(engine) as connection:
        left_over = roles.enforce(connection)
        for role, password in passwords.items():
            if password is not None:
                left_over += roles.set_password(connection, role, password)
    return left_over


@contextmanager
def _autocommitting_owner(engine: Engine) -> Iterator[PostgresConnection]:
    raw = engine.raw_connection()
    raw.detach()  # what is set for this session is for nobody else
    with closing(raw):
        connection = cast("PostgresConnection", raw.dbapi_connection)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE NONE")
        yield connection


def _migrate(engine: Engine, lock_timeout_s: int, statement_timeout_s: int) -> tuple[str | None, str | None]:
    with engine.begin() as connection:
        act_as_owner(connection)
        version = connection.execute(text("SELECT current_setting('server_version_num')::int")).scalar_one()
        if version < LEAST_SERVER_VERSION:
            raise ConfigurationError(f"DATABASE_URL: PostgreSQL {version // 10000} is too old; 15 or later is needed")
        # The role's own limits are for its ordinary work.
        wait_for_locks(connection, lock_timeout_s)
        connection.execute(text("SELECT set_config('statement_timeout', :s, true)"), {"s": f"{statement_timeout_s}s"})
        try:
            connection.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": _ADVISORY_LOCK})
            for schema in (SCHEMA, "analytics"):
                connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
            before = _current(connection)
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            for file in sorted((_HERE / "sql" / "objects").glob("*.sql")):
                connection.exec_driver_sql(file.read_text("utf-8").replace("%", "%%"))
            sync_reference_data(connection)
            return before, _current(connection)
        except (OperationalError, ProgrammingError, WarehouseError) as error:
            reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
            raise ConfigurationError(
                f"the warehouse could not be migrated, nothing was changed: {reason}; "
                "check that the role of DATABASE_URL owns the database and that nothing holds its tables, and try again"
            ) from error


def sync_reference_data(connection: Connection) -> None:
    """Copy the lists of which the code is the master: miner models, subsidy eras, emission factors, farms' names and
    sites, published figures.

    Raises:
        ConfigurationError: the file of the farms' names is not what it should be.
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
    for table, rows in ((miner_models, models), (block_subsidies, eras), (emission_factors, factors)):
        _copy(connection, table, rows)
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
    for table, listed in ((wind_farm_exceptions, farms), (wind_sites, sites), (published_figures, figures)):
        _copy(connection, table, listed)
        keys = list(table.primary_key)
        # Nothing depends on these: what the list no longer has goes.
        kept = [tuple(row[c.name] for c in keys) for row in listed]
        connection.execute(delete(table).where(tuple_(*keys).not_in(kept)))


def _copy(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    statement = insert(table).values(rows)
    keys = [c.name for c in table.primary_key]
    changed = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


def require_current(connection: Connection) -> None:
    """Refuse to work on a warehouse of another revision than the code's.

    Raises:
        ConfigurationError: says how to migrate it.
    """
    current, head = _current(connection), ScriptDirectory.from_config(_config()).get_current_head()
    if current != head:
        raise ConfigurationError(
            f"the warehouse is at revision {current or 'none'} and the code needs {head}: run `minerecon db upgrade`"
        )


def is_current(engine: Engine) -> bool:
    """Whether the warehouse is at the code's revision."""
    with engine.connect() as connection:
        return _current(connection) == ScriptDirectory.from_config(_config()).get_current_head()


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA}).get_current_revision()
