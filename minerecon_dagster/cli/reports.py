"""`minerecon report`: pages of pictures, by running the Dagster jobs; and their server beside a local UI."""

from __future__ import annotations

import datetime as dt
import functools
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click

from minerecon_dagster.cli.days import _outcome
from minerecon_dagster.cli.environment import services

MONTH = click.DateTime(["%Y-%m"])


@click.command()
@click.argument("month", metavar="[MONTH]", type=MONTH, required=False)
@click.option("--sample", is_flag=True, help="Of the bundled sample, unless ELEXON_BASE_URL is set.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def report(month: dt.datetime | None, sample: bool, as_json: bool) -> None:
    """Draw the report of MONTH (as in 2025-03), or of the latest state, and print where it is.

    It is one HTML file under reports/ in MINERECON_ARCHIVE_URL: open it in a browser, print it, send it.
    """
    from minerecon_dagster.cli.dagster_run import execute
    from minerecon_dagster.jobs import REPORT_LATEST, REPORT_MONTHS

    with services(sample=sample):
        if month is None:
            result = execute(REPORT_LATEST, None, None, {})
        else:
            result = execute(REPORT_MONTHS, f"{month:%Y-%m}", f"{month:%Y-%m}", {})
    outcome = _outcome(result)
    made: list[dict[str, Any]] = [
        {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
    ]
    ok = bool(made) and outcome.problem is None
    if as_json:
        click.echo(json.dumps({"ok": ok, "run_ids": outcome.run_ids, "reports": made, "error": outcome.problem}))
        sys.exit(not ok)
    for page in made:
        click.echo(page["file"])
    if outcome.problem:
        click.echo(f"not done: {outcome.problem}", err=True)
    elif not made:
        click.echo(f"no day of {month:%Y-%m} is stored; fetch some: minerecon reingest {month:%Y-%m}-01", err=True)
    sys.exit(not ok)


class _Pages(SimpleHTTPRequestHandler):
    """Serves the pages, and logs nothing."""

    def list_directory(self, path: Any) -> None:  # noqa: ARG002 - as the base class has it
        """Refuse: a folder is not a page."""
        self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server calls
        """Say nothing: the terminal is Dagster's."""


@contextmanager
def serve_reports(archive_url: str, port: int) -> Iterator[str | None]:
    """Serve the reports of a folder archive on 127.0.0.1 inside the ``with`` block.

    Args:
        archive_url: the archive's place; of S3 nothing is served.
        port: where; another free one is not looked for, since links to the pages are kept.

    Yields:
        The base URL; None where nothing is served, because the port is taken or the archive is not a folder.
    """
    if archive_url.startswith("s3://"):
        yield None
        return
    handler = functools.partial(_Pages, directory=str(Path(archive_url) / "reports"))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        yield None
        return
    with server:
        threading.Thread(target=server.serve_forever, name="reports", daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
