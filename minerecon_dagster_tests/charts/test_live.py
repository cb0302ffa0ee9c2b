"""The script that makes charts alive: how it is named and found, and that a browser runs it under a strict policy."""

from __future__ import annotations

import http.server
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from minerecon_dagster import charts
from minerecon_dagster.charts import Drawer
from minerecon_dagster.charts import bundle as of_bundle
from minerecon_dagster_tests.charts.examples import examples

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'"
SHOWN = ("energy-days", "bitcoin-days", "heat-map", "states", "farms", "sizing")


@contextmanager
def served(pages: dict[str, tuple[str, bytes]]) -> Iterator[str]:
    """The pages on a free port, each with the policy, inside the ``with`` block."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = pages.get(self.path, ("text/plain", b""))
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Security-Policy", POLICY)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_server_reads_the_script_and_never_makes_it(tmp_path: Path) -> None:
    assert of_bundle.bundle(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_charts_come_alive_under_a_strict_policy_and_say_nothing_on_the_console(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium on this machine")
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "charts-of-an-older-version.js").write_text("")
    made = of_bundle.make(folder)
    assert [path.name for path in folder.iterdir()] == [made.name]
    script = of_bundle.bundle(folder)
    assert script is not None
    assert script.name == made.name
    shown = [c for c in examples() if c.name in SHOWN]
    with Drawer() as drawer:
        body = "".join(
            f'<figure id="{c.name}">{drawer.svg(c, 900)}</figure>'
            f'<script type="application/json" data-chart="{c.name}">{c.live(900, titled=True)}</script>'
            for c in shown
        )
    page = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>charts</title>'
        '<link rel="stylesheet" href="/s.css"></head>'
        f'<body>{body}<script src="/{script.name}" defer></script></body></html>'
    )
    pages = {
        "/": ("text/html", page.encode()),
        "/s.css": ("text/css", charts.css().encode()),
        f"/{script.name}": ("text/javascript", script.body),
    }
    with served(pages) as base:
        done = subprocess.run(
            [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
             "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", f"--user-data-dir={tmp_path / 'profile'}",
             "--virtual-time-budget=20000", "--dump-dom", base],
            capture_output=True, text=True, timeout=180, check=True,
        )  # fmt: skip
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "favicon" not in line]
    assert console == []
    assert done.stdout.count('data-live="yes"') == done.stdout.count('class="chart live"') == len(shown)
    for chart in shown:
        assert f'aria-labelledby="{chart.name}-900-title {chart.name}-900-desc"' in done.stdout
        assert f'<title id="{chart.name}-900-title">' in done.stdout
    assert not re.search(r'style="[^"]', done.stdout)
    assert not re.search(r'(?:fill|stroke)="[@%]', done.stdout)
