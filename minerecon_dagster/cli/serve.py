"""`minerecon serve`: the dashboard and the read API over the warehouse, by a login that changes nothing."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=3001, show_default=True, type=click.IntRange(0, 65_535), help="0 is any free one.")
@click.option("--root-path", default="", help="Path under which a proxy has it, as in /wind.")
@click.option(
    "--reports",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the reports, which are then served under /reports/.",
)
@click.option("--quiet", is_flag=True, help="Say nothing of requests, but of what went wrong.")
def serve(host: str, port: int, root_path: str, reports: Path | None, quiet: bool) -> None:
    """Serve the dashboard and the read API, until Ctrl-C: the figures of the warehouse with their state.

    It connects to MINERECON_API_DATABASE_URL alone. docs/analyse/dashboard.md says what the pages show, and
    docs/analyse/api.md what the API answers.
    """
    from importlib.util import find_spec

    from minerecon_dagster.core.errors import ConfigurationError
    from minerecon_dagster.settings import Settings

    settings = Settings.from_environ(
        only=["api_database_url", "serve_token", "serve_cors", "serve_hosts", "ui_url", "dashboard_url"]
    )
    if settings.api_database_url is None:
        raise ConfigurationError(
            "MINERECON_API_DATABASE_URL is not set: set it to the warehouse as minerecon_api, which may only read, or "
            "serve the embedded one: minerecon local -- minerecon serve"
        )
    if find_spec("fastapi") is None:
        raise ConfigurationError('the read API is not installed: pip install "minerecon-dagster[web]"')
    if root_path and not root_path.startswith("/"):
        raise ConfigurationError(f"--root-path must begin with /, not {root_path!r}")
    from minerecon_dagster.web.front import Access
    from minerecon_dagster.web.pages.routes import Beside
    from minerecon_dagster.web.server import run

    access = Access(
        hosts=frozenset({*settings.serve_hosts, host.lower()}),
        token=settings.serve_token,
        origins=frozenset(settings.serve_cors),
        prefix=root_path.rstrip("/"),
    )
    ui_url = settings.ui_url if "ui_url" in settings.model_fields_set else None
    run(settings.api_database_url, access, host, port, Beside(reports, ui_url, settings.dashboard_url), quiet=quiet)
