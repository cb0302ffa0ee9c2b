"""`minerecon ui`: Dagster's UI and daemon over the same services, with the dashboard and the reports beside it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from minerecon_dagster import places
from minerecon_dagster.cli.dashboard import serving
from minerecon_dagster.cli.environment import require_free_port, run_command, say_how_analysts_connect, services

if TYPE_CHECKING:
    from minerecon_dagster.settings import Settings


@click.command()
def ui() -> None:
    """The Dagster UI and daemon on 127.0.0.1, over the same services, until Ctrl-C; the dashboard one port above.

    On the bundled synthetic sample, as `minerecon run`, unless ELEXON_BASE_URL is set.
    """
    from minerecon_dagster.settings import Settings, dagster_folder

    given = Settings.from_environ()
    require_free_port(given.port)
    with services(sample=True) as settings:
        say_how_analysts_connect(settings, embedded=given.database_url is None)
        os.environ.pop("MINERECON_OWNER_DATABASE_URL", None)  # for `db upgrade` alone, which runs in none of these
        workspace = dagster_folder() / "workspace.yaml"
        # It recommends `dg dev`, of a package that this project does without.
        ignored = [os.environ.get("PYTHONWARNINGS", ""), "ignore:Function `dev_command` is superseded"]
        os.environ["PYTHONWARNINGS"] = ",".join(filter(None, ignored))
        # At its own level the daemon tells of every look at every sensor; the lines of runs are shown all the same.
        options = ["-h", "127.0.0.1", "-p", str(settings.port), "--log-level", "warning"]
        command = [sys.executable, "-m", "minerecon_dagster.launchers.dev", "dev", "-w", str(workspace), *options]

        def compare(is_running: Callable[[], bool]) -> None:
            from minerecon_dagster.cli.served import compare_places, require_door

            url = f"http://127.0.0.1:{settings.port}"
            if compare_places(f"{url}/graphql", os.environ[places.SEAL], is_running):
                require_door(url)
                click.echo(f"Dagster UI: {url} (Ctrl-C ends it); source: {settings.elexon_base_url}")

        # In a folder of its own, where Dagster's processes find no `.env`: they would take its values for ours.
        with _beside(settings), tempfile.TemporaryDirectory(prefix="minerecon-ui-") as folder:
            code = run_command(command, apart=True, folder=folder, first=compare)
    sys.exit(code)


@contextmanager
def _beside(settings: Settings) -> Iterator[None]:
    """Serve the dashboard and the reports, and let the links in the UI and back lead there."""
    from minerecon_dagster.cli.report_server import serve_reports

    port = settings.port + 1
    os.environ.setdefault("MINERECON_UI_URL", f"http://127.0.0.1:{settings.port}")
    with serving(settings, port) as url:
        if url is not None:
            os.environ.setdefault("MINERECON_DASHBOARD_URL", url)
            click.echo(f"Dashboard: {url}; reports, once drawn: {url}/reports/latest.html")
            yield
            return
        if "reports_url" in settings.model_fields_set:
            yield
            return
        with serve_reports(settings.archive_url, port) as base:  # they need no login of the warehouse
            if base is not None:
                click.echo(f"Reports: {base}/latest.html, once drawn")
            elif not settings.archive_url.startswith("s3://"):
                click.echo(f"Reports are not served: port {port} is taken", err=True)
            yield
