"""`minerecon db`: the warehouse's schema."""

from __future__ import annotations

import datetime as dt

import click

from minerecon_dagster.cli.environment import services
from minerecon_dagster.cli.options import Commands


@click.group(cls=Commands)
def db() -> None:
    """The warehouse."""


@db.command()
@click.option(
    "--print-superuser-sql",
    is_flag=True,
    help="Print only the statements, for psql, by which a superuser enforces what this role may not.",
)
@click.option("--sample", is_flag=True, help="Mark the warehouse, which holds no real data, as the synthetic sample's.")
def upgrade(print_superuser_sql: bool, sample: bool) -> None:
    """Migrate the warehouse of DATABASE_URL to the newest schema, and set up its roles; follow the closed days.

    What the role of DATABASE_URL may not enforce is a warning, with the statements that a superuser should
    run in the warehouse's database. Analysts log in with MINERECON_ANALYST_PASSWORD, and the read API as minerecon_api
    with MINERECON_API_PASSWORD, if they are set.
    """
    from minerecon_dagster.core.calendar import settlement_date
    from minerecon_dagster.day.closing import follow
    from minerecon_dagster.day.decisions import read_day_decisions
    from minerecon_dagster.warehouse import migrate
    from minerecon_dagster.warehouse.roles import superuser_script
    from minerecon_dagster.warehouse.sample import mark_as_sample
    from minerecon_dagster.warehouse.warehouse import Warehouse

    with services() as settings:
        assert settings.database_url is not None
        now = dt.datetime.now(dt.UTC)
        decisions = read_day_decisions(settings.waivers_file, today=settlement_date(now))
        with Warehouse.open(settings.database_url) as warehouse:
            done = migrate.upgrade(
                warehouse.engine, analyst_password=settings.analyst_password, api_password=settings.api_password
            )
            followed = follow(warehouse.engine, decisions.closed, now=now)
            if sample:
                mark_as_sample(warehouse.engine)
    said = f"{done.before or 'empty'} -> {done.after}" if done.before != done.after else f"at {done.after}, up to date"
    click.echo(f"warehouse: {said}", err=print_superuser_sql)
    for day, entry in followed.closed:
        click.echo(f"{day}: unavailable, closed by a person: {entry}", err=print_superuser_sql)
    for day in followed.opened:
        click.echo(f"{day}: no longer closed, and missing: minerecon reingest {day}", err=print_superuser_sql)
    script = superuser_script(done.not_enforced)
    if print_superuser_sql:
        click.echo(script or "-- everything is enforced\n", nl=False)
    elif script:
        click.echo(
            "WARNING: the role of DATABASE_URL may not enforce all of docs/operate/access.md. Run as a superuser, in "
            f"the database of the warehouse (`minerecon db upgrade --print-superuser-sql | psql …`):\n{script}",
            err=True,
            nl=False,
        )
