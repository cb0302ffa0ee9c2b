"""`minerecon dashboard`: it says what it shows, shows it, is found by the next one, and ends when it is told."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from minerecon_dagster import asset_keys
from minerecon_dagster.cli.dashboard import served_at
from minerecon_dagster.cli.report_server import serve_reports
from minerecon_dagster.defs import events, links

MINERECON = Path(sys.executable).with_name("minerecon")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def below(pid: int) -> list[int]:
    """The processes that one has started, and theirs."""
    own = [int(c) for t in Path(f"/proc/{pid}/task").iterdir() for c in (t / "children").read_text().split()]
    return own + [further for child in own for further in below(child)]


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


@pytest.mark.slow
def test_without_a_stored_day_it_shows_the_sample_says_so_first_and_the_next_one_prints_its_link(
    tmp_path: Path,
) -> None:
    ours = ("MINERECON", "DATABASE_URL", "DAGSTER", "DYNAMODB", "ELEXON", "AWS")
    home = tmp_path / "home"
    environ = {k: v for k, v in os.environ.items() if not k.startswith(ours)} | {
        "MINERECON_HOME": str(home),
        "ELEXON_BASE_URL": "http://127.0.0.1:1/of/real/days",
    }
    command = [str(MINERECON), "dashboard", "--port", str(free_port())]
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            assert first.startswith("The bundled sample, made up by a generator"), first
            assert str(home) in first
            line = next(line for line in process.stdout if line.startswith("Dashboard: "))
            url = line.split()[1]
            # Before anybody has asked for a page: the first one does not wait for what draws to start.
            assert json.loads(read(f"{url}/readyz"))["status"] == "ok"
            assert any(b"charts.worker" in command_of(pid) for pid in below(process.pid))
            assert served_at(home / "sample") == url
            page = read(url)
            assert "Made-up data." in page
            assert "was turned down for system reasons" in re.sub("<[^>]*>", "", page)
            again = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
            assert again.stdout.strip().endswith(url)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    assert served_at(home / "sample") is None
    assert [folder.name for folder in tmp_path.iterdir()] == ["home"], "nothing is written elsewhere"


def test_a_note_that_a_dead_dashboard_left_leads_nowhere(tmp_path: Path) -> None:
    note = tmp_path / "run" / "dashboard.url"
    note.parent.mkdir()
    note.write_text(f"http://127.0.0.1:{free_port()}\n")
    assert served_at(tmp_path) is None
    note.write_text("http://example.com/\n")
    assert served_at(tmp_path) is None
    assert served_at(tmp_path / "none") is None


def test_where_the_dashboard_cannot_serve_the_reports_they_are_at_the_same_address(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "latest.html").write_text("the latest state")
    (tmp_path / "secret.html").write_text("not for you")
    with serve_reports(str(tmp_path), 0) as base:
        assert base is not None
        assert base.endswith("/reports")
        assert read(f"{base}/latest.html") == "the latest state"
        for path in ("/latest.html", "/secret.html", "/reports/../secret.html", "/reports/"):
            with pytest.raises(urllib.error.HTTPError):
                read(base.removesuffix("/reports") + path)


@pytest.mark.parametrize("base", [None, "https://wind.example.com"])
def test_a_day_in_dagster_leads_to_its_page_where_the_dashboard_s_address_is_known(
    base: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MINERECON_DASHBOARD_URL", raising=False)
    if base:
        monkeypatch.setenv("MINERECON_DASHBOARD_URL", base)
    logged: list[Any] = []
    context: Any = SimpleNamespace(log_event=logged.append)
    report: Any = SimpleNamespace(day=date(2025, 3, 28), figures=SimpleNamespace(is_synthetic=True, as_dict=dict))
    events._materialize(context, asset_keys.DAILY, report, state="final")
    found = logged[0].metadata.get("Dashboard")
    assert (found.value if found else None) == (f"{base}/days/2025-03-28" if base else None)
    made: Callable[[str], dict[str, Any]] = links.to_span
    shown = [made(key)["Dashboard"].value.removeprefix(base) for key in ("2025-03", "2025")] if base else []
    assert shown == (["/explore?from=2025-03&to=2025-03", "/explore?from=2025&to=2025&grain=months"] if base else [])
    assert bool(links.to_farms()) == bool(base)
