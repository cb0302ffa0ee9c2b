"""Alembic's environment: runs the migrations on the connection that `upgrade` hands over."""

from __future__ import annotations

from alembic import context

from minerecon_dagster.elexon import datasets  # noqa: F401 - their tables are in the metadata
from minerecon_dagster.warehouse.tables import SCHEMA, metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
    compare_type=True,
    include_name=lambda name, kind, _parents: not (kind == "table" and name == "alembic_version"),
    transaction_per_migration=False,
)
context.run_migrations()
