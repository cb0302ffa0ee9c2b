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
    """Migrate the warehouse to the newest schema, and set up its roles; follow the closed days.

    As the login of MINERECON_OWNER_DATABASE_URL, if it is set, which then lets the login of DATABASE_URL be the
    pipeline; otherwise as that of DATABASE_URL. What it may not enforce is a warning, with the command by which a
    superuser does. Analysts log in with MINERECON_ANALYST_PASSWORD, and the read API as minerecon_api with
    MINERECON_API_PASSWORD, if they are set.
    """
    from minerecon_dagster.core.calendar import settlement_date
    from minerecon_dagster.core.printable import printable
    from minerecon_dagster.day.closing import follow
    from minerecon_dagster.day.decisions import read_day_decisions
    from minerecon_dagster.warehouse import migrate
    from minerecon_dagster.warehouse.roles import superuser_script
    from minerecon_dagster.warehouse.sample import mark_as_sample
    from minerecon_dagster.warehouse.store import login_of
    from minerecon_dagster.warehouse.warehouse import Warehouse

    with services(as_owner=True) as settings:
        assert settings.database_url is not None
        now = dt.datetime.now(dt.UTC)
        decisions = read_day_decisions(settings.waivers_file, today=settlement_date(now))
        worker = login_of(settings.database_url) if settings.owner_database_url else None
        with Warehouse.open(settings.owner_database_url or settings.database_url) as warehouse:
            done = migrate.upgrade(
                warehouse.engine,
                analyst_password=settings.analyst_password,
                api_password=settings.api_password,
                worker=worker,
            )
            followed = follow(warehouse.engine, decisions.closed, now=now)
            if sample:
                mark_as_sample(warehouse.engine)
            database = warehouse.engine.url.database
        wrong = migrate.what_is_wrong_with_worker(settings.database_url) if worker and not done.not_enforced else None
    said = f"{done.before or 'empty'} -> {done.after}" if done.before != done.after else f"at {done.after}, up to date"
    click.echo(f"warehouse: {said}", err=print_superuser_sql)
    for session in done.ended:
        click.echo(f"ended a reader's session, which held what the migration wanted: {session}", err=True)
    for day, entry in followed.closed:
        click.echo(f"{day}: unavailable, closed by a person: {entry}", err=print_superuser_sql)
    for day in followed.opened:
        click.echo(f"{day}: no longer closed, and missing: minerecon reingest {day}", err=print_superuser_sql)
    if print_superuser_sql:
        click.echo(superuser_script(done.not_enforced) or "-- everything is enforced\n", nl=False)
    elif done.not_enforced:
        promises = dict.fromkeys(printable(one.promise) for one in done.not_enforced)
        click.echo(
            "WARNING: this login may not enforce all of docs/operate/access.md. A superuser does, by:\n"
            f"  minerecon db upgrade --print-superuser-sql | psql -U postgres -d {printable(database or '')}\n"
            "What is left over:\n" + "".join(f"  {promise}\n" for promise in promises),
            err=True,
            nl=False,
        )
    if wrong:
        click.echo(f"WARNING: {printable(wrong)}", err=True)


@db.command()
@click.argument("name")
@click.option("--remove", is_flag=True, help="Take the login away, and end its sessions.")
def analyst(name: str, remove: bool) -> None:
    """Make the personal read-only login NAME of an analyst, with all limits; its password is printed, this once.

    3 sessions at once, and the time-outs, the limit of temporary files and the watchdog of the shared role. Of a login
    that is there, the limits are set again, and the password stays.
    """
    import secrets

    from minerecon_dagster.core.errors import ConfigurationError
    from minerecon_dagster.warehouse import migrate, roles
    from minerecon_dagster.warehouse.warehouse import Warehouse

    if not roles.is_a_readers_name(name):
        raise ConfigurationError(
            "a login's name is of small letters, digits and _, begins with a letter or _, and not with pg_ or minerecon"
        )
    with services() as settings:
        assert settings.database_url is not None
        with Warehouse.open(settings.database_url) as warehouse:
            if remove:
                migrate.remove_reader(warehouse.engine, name)
                click.echo(f"the login {name} is removed")
                return
            password = secrets.token_urlsafe(24)
            is_new, left_over = migrate.add_reader(warehouse.engine, name, password)
            click.echo(f"{name}: {password}" if is_new else f"{name} is there, with its password and all limits")
            if left_over:
                click.echo(f"WARNING: run as a superuser:\n{roles.superuser_script(left_over)}", err=True, nl=False)
