"""`minerecon db`: the warehouse's schema."""

from __future__ import annotations

import click

from minerecon_dagster.cli.environment import services


@click.group()
def db() -> None:
    """The warehouse."""


@db.command()
def upgrade() -> None:
    """Migrate the warehouse of DATABASE_URL to the newest schema, and create its roles."""
    from minerecon_dagster.warehouse import migrate
    from minerecon_dagster.warehouse.store import open_warehouse

    with services() as settings:
        assert settings.database_url is not None
        engine = open_warehouse(settings.database_url)
        before, after = migrate.upgrade(engine)
        engine.dispose()
    click.echo(
        f"warehouse: {before or 'empty'} -> {after}" if before != after else f"warehouse: at {after}, up to date"
    )
