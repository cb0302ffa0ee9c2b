"""Bring a warehouse to the present schema: migrations, functions, views, roles, reference data.

Tables change by Alembic migrations only. Functions and views are replaced from ``sql/objects`` each
time, so that the files say what is in force. All of it is one transaction: a failure changes nothing.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError, ProgrammingError

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.core.mining import MINER_MODELS, SUBSIDY_ERAS
from minerecon_dagster.warehouse.tables import SCHEMA, block_subsidies, miner_models

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


def upgrade(
    engine: Engine, *, lock_timeout_s: int = 30, statement_timeout_s: int = 600
) -> tuple[str | None, str | None]:
    """Migrate the warehouse to the newest revision.

    Args:
        engine: connects as the owner of the database.
        lock_timeout_s: how long to wait for a lock that somebody else holds.
        statement_timeout_s: how long one statement may take.

    Returns:
        The revision before (None: an empty database) and after.

    Raises:
        ConfigurationError: the server is too old, or the role may not do it; nothing was changed.
    """
    with engine.begin() as connection:
        version = connection.execute(text("SELECT current_setting('server_version_num')::int")).scalar_one()
        if version < LEAST_SERVER_VERSION:
            raise ConfigurationError(f"DATABASE_URL: PostgreSQL {version // 10000} is too old; 15 or later is needed")
        connection.execute(
            text("SELECT set_config('lock_timeout', :l, true), set_config('statement_timeout', :s, true)"),
            {"l": f"{lock_timeout_s}s", "s": f"{statement_timeout_s}s"},
        )
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
        except (OperationalError, ProgrammingError) as error:
            reason = str(error.orig).strip().splitlines()[0]
            raise ConfigurationError(
                f"the warehouse could not be migrated, nothing was changed: {reason}; "
                "check that the role of DATABASE_URL owns the database and that nothing holds its tables, and try again"
            ) from error


def sync_reference_data(connection: Connection) -> None:
    """Copy the lists of which the code is the master: miner models and subsidy eras."""
    models = [{"miner_model": m.name, "hashrate_ths": m.hashrate_ths, "power_w": m.power_w} for m in MINER_MODELS]
    eras = [
        {"first_height": e.first_height, "starts_at": e.starts_at, "block_subsidy_btc": e.block_subsidy_btc}
        for e in SUBSIDY_ERAS
    ]
    for table, rows in ((miner_models, models), (block_subsidies, eras)):
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
