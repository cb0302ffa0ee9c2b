"""A `.env` reaches no process, the sample no warehouse but its own, and no command a stray DAGSTER_HOME."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from minerecon_dagster import places
from minerecon_dagster.cli.served import compare_places
from minerecon_dagster.sample.prices import serve_sample_prices
from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.cli.conftest import MINERECON, Ran
from minerecon_dagster_tests.fake_elexon import FakeElexon
from minerecon_dagster_tests.project import DAY

Run = Callable[..., Ran]
ROOT = Path(__file__).resolve().parents[2]
DAGSTER = Path(sys.executable).with_name("dagster")
NOWHERE = "postgresql://nobody:hush@127.0.0.1:1/nowhere"


@pytest.fixture
def poisoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a `.env` of which no value may arrive anywhere; the commands of the test work in it."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    values = {
        "DATABASE_URL": NOWHERE,
        "DAGSTER_POSTGRES_URL": NOWHERE,
        "DAGSTER_HOME": str(folder),
        "ELEXON_BASE_URL": "http://127.0.0.1:1/elsewhere",
        "BITCOIN_PRICE_BASE_URL": "http://127.0.0.1:1/elsewhere",
        "DYNAMODB_DIFFICULTY_TABLE": "elsewhere",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1",
        "MINERECON_ARCHIVE_URL": str(folder / "poisoned archive"),
        "MINERECON_HOME": str(folder / "poisoned home"),
        "MINERECON_START_DATE": "2019-01-01",
        "MINERECON_ALERT_WEBHOOK_URL": "http://127.0.0.1:1/hush",
    }
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    monkeypatch.chdir(folder)
    return folder


class Ui:
    """`minerecon ui`, once it has said where it is."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}/graphql"
        self.said = ""
        assert process.stdout is not None
        for line in process.stdout:
            self.said += line
            if line.startswith("Dagster UI: "):
                return
        raise AssertionError(self.said)

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found
        return found["data"]


@pytest.fixture
def ui(environ: dict[str, str], poisoned: Path) -> Iterator[Ui]:
    assert (poisoned / ".env").is_file()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [str(MINERECON), "ui"],
        env=environ | {"PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield Ui(process, port)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        finally:
            process.kill()


LAUNCH = """
mutation ($tags: [ExecutionTag!]) { launchRun(executionParams: {
    selector: {repositoryLocationName: "minerecon_dagster", repositoryName: "__repository__", jobName: "ingest"},
    executionMetadata: {tags: $tags}
}) { __typename ... on LaunchRunSuccess { run { runId } } } }
"""
KEYS = """
{ assetNodeOrError(assetKey: {path: ["daily_summaries"]}) { ... on AssetNode {
    partitionKeyConnection(limit: 1, ascending: true) { results } } } }
"""


@pytest.mark.slow
def test_no_value_of_a_file_arrives_in_webserver_daemon_code_server_and_run(
    ui: Ui, poisoned: Path, elexon: FakeElexon, warehouse: Engine
) -> None:
    # The code server: the fingerprints that `minerecon ui` has compared, and the first partition.
    assert ui.ask(KEYS)["assetNodeOrError"]["partitionKeyConnection"]["results"] == ["2022-01-01"]
    assert f"source: {elexon.base_url}" in ui.said
    # Dagster's web server stands behind the door.
    foreign = urllib.request.Request(
        ui.url, b"{}", {"Content-Type": "application/json", "Origin": "http://evil.example"}
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(foreign, timeout=60)
    other = places.seal({"DATABASE_URL": "postgresql://other"})
    with pytest.raises(places.MisplacedError, match=r"^DATABASE_URL is not"):
        compare_places(ui.url, other, lambda: True)
    # The webserver launches into Dagster's storage, the daemon finds it there, the run asks and stores.
    day = DAY.isoformat()
    tags = [{"key": f"dagster/asset_partition_range_{end}", "value": day} for end in ("start", "end")]
    launched = ui.ask(LAUNCH, tags=tags)["launchRun"]
    run_id = launched["run"]["runId"]
    until, status = time.monotonic() + 120, "QUEUED"
    while status not in ("SUCCESS", "FAILURE", "CANCELED") and time.monotonic() < until:
        time.sleep(0.3)  # the UI itself asks like this
        status = ui.ask("query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }", id=run_id)[
            "runOrError"
        ]["status"]
    assert status == "SUCCESS"
    assert elexon.requests[f"/balancing/settlement/stack/all/bid/{DAY}/1"] == 1
    with warehouse.connect() as connection:
        assert connection.execute(text("SELECT summary_date FROM minerecon.daily_summaries")).scalars().all() == [DAY]
    assert [path.name for path in poisoned.iterdir()] == [".env"]


@pytest.mark.slow
def test_a_command_reads_no_file_and_says_so(installed: Run, poisoned: Path, warehouse: Engine) -> None:
    ran = installed("reingest", DAY.isoformat(), "--json")
    assert ran.code == 0, ran.err
    (line,) = [line for line in ran.err.splitlines() if ".env" in line]
    assert "is not read (DATABASE_URL, " in line
    assert "minerecon.env" in line
    assert "hush" not in ran.err
    with warehouse.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM minerecon.daily_summaries")).scalar() == 1
    assert [path.name for path in poisoned.iterdir()] == [".env"]


@pytest.mark.slow
@pytest.mark.parametrize("program", ["dagster dev", "dagster-webserver", "dagster-daemon run"])
def test_dagsters_own_programs_stop_where_a_file_says_something_else(
    program: str, environ: dict[str, str], poisoned: Path
) -> None:
    """Started by `minerecon local`, which cannot choose their folder, and by hand, with services of one's own."""
    # With another DAGSTER_HOME Dagster itself would work there, with no code of ours: then no definitions load.
    file = poisoned / ".env"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if "DAGSTER_HOME" not in line))
    (name, *arguments) = program.split()
    command = [str(DAGSTER.with_name(name)), *arguments, "-w", str(ROOT / "workspace.yaml")]
    local = subprocess.run(
        [str(MINERECON), "local", "--", *command], env=environ, capture_output=True, text=True, timeout=240
    )
    assert local.returncode == 2, local.stderr
    assert "Error: DATABASE_URL is not what minerecon has set" in local.stderr
    assert "Traceback" not in local.stderr
    by_hand = subprocess.run(
        command, env=environ | {"DAGSTER_HOME": str(ROOT)}, capture_output=True, text=True, timeout=240
    )
    assert by_hand.returncode == 2, by_hand.stderr
    assert f"Error: {poisoned / '.env'} sets DATABASE_URL, " in by_hand.stderr
    assert "Traceback" not in by_hand.stderr
    assert "hush" not in local.stderr + by_hand.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", [("reingest", "2025-03-28"), ("status",), ("ui",), ("local", "true")])
def test_a_dagster_home_that_is_not_ours_is_one_line_and_exit_code_2(
    minerecon: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "empty").mkdir()
    ran = minerecon(*command, DAGSTER_HOME=str(tmp_path / "empty"), PORT="39999")
    assert ran.code == 2
    (line,) = ran.err.splitlines()
    assert line.startswith(f"minerecon: DAGSTER_HOME: {tmp_path / 'empty'} has no dagster.yaml: unset it, or set it")
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.slow
def test_the_code_location_of_such_a_dagster_home_does_not_load(environ: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [DAGSTER, "definitions", "validate", "-w", str(ROOT / "workspace.yaml")],
        env=environ | {"DAGSTER_HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "has no dagster.yaml" in done.stdout + done.stderr


@pytest.fixture
def production(embedded_environ: dict[str, str]) -> Iterator[Engine]:
    """A warehouse after `minerecon db upgrade` and before its first day; not that of `environ`."""
    with databases.database(embedded_environ["DATABASE_URL"]) as url:
        engine = open_warehouse(url)
        migrate.upgrade(engine)
        yield engine
        engine.dispose()


@pytest.mark.slow
def test_a_fresh_warehouse_that_is_not_the_samples_takes_no_synthetic_day(
    minerecon: Run, installed: Run, production: Engine, tmp_path: Path
) -> None:
    url = production.url.render_as_string(hide_password=False)
    ran = minerecon("reingest", DAY.isoformat(), DATABASE_URL=url)
    assert ran.code == 2, ran.err
    assert "is not marked as the sample's, and takes no synthetic answers" in ran.err
    assert not (tmp_path / "a home" / "archive").exists()
    with production.connect() as connection:
        for table in ("bm_units", "daily_summaries", "ingestion_progress", "reconciliation_results"):
            assert connection.execute(text(f"SELECT count(*) FROM minerecon.{table}")).scalar() == 0
    # Nor by any other way in: the register and the price alone, and what serves the sample by itself.
    with serve_sample_prices() as prices:
        ran = minerecon("prices", DAY.isoformat(), DATABASE_URL=url, BITCOIN_PRICE_BASE_URL=prices)
    assert ran.code != 0
    assert "is not marked as the sample's" in ran.err
    for command in (("run",), ("ui",), ("report", "--sample")):
        ran = installed(*command, DATABASE_URL=url, ELEXON_BASE_URL="", PORT="39999")
        assert ran.code == 2, ran.err
        assert "is not marked as the sample's" in ran.err
    # By a person's word it may.
    assert minerecon("db", "upgrade", "--sample", DATABASE_URL=url).code == 0
    assert minerecon("reingest", DAY.isoformat(), DATABASE_URL=url).code == 0


@pytest.mark.slow
def test_a_warehouse_of_real_days_is_never_marked(minerecon: Run, production: Engine) -> None:
    with production.begin() as connection:
        connection.execute(
            text("INSERT INTO minerecon.bm_units (bmu_id, valid_from, looks_like_wind, is_synthetic)"
                 " VALUES ('T_X-1', '2025-01-01', false, false)")
        )  # fmt: skip
    ran = minerecon("db", "upgrade", "--sample", DATABASE_URL=production.url.render_as_string(hide_password=False))
    assert (ran.code, "holds real data" in ran.err) == (2, True)


@pytest.mark.first_quick
@pytest.mark.parametrize("variable", ["DAGSTER_POSTGRES_URL", "DYNAMODB_DIFFICULTY_TABLE", "MINERECON_ARCHIVE_URL"])
@pytest.mark.parametrize("command", ["run", "ui"])
def test_the_embedded_sample_reaches_no_service_that_is_named(variable: str, command: str, tmp_path: Path) -> None:
    given = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")}
    value = NOWHERE if variable == "DAGSTER_POSTGRES_URL" else "s3://production/archive"
    ran = subprocess.run(
        [str(MINERECON), command],
        env=given | {variable: value, "MINERECON_HOME": str(tmp_path / "home"), "PORT": "39999"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert line == (
        f"minerecon: the synthetic sample keeps to services of its own: unset {variable}, "
        "or set ELEXON_BASE_URL for real days"
    )
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_the_sample_pings_no_heartbeat(tmp_path: Path) -> None:
    given = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")}
    given |= {"MINERECON_HEARTBEAT_URL": "http://127.0.0.1:1/hush", "MINERECON_HOME": str(tmp_path / "home")}
    ran = subprocess.run(
        [str(MINERECON), "local", "--sample", "--", sys.executable, "-c", "import os; print(*sorted(os.environ))"],
        env=given,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert "DATABASE_URL" in ran.stdout.split()
    assert "MINERECON_HEARTBEAT_URL" not in ran.stdout.split()
    assert "the synthetic sample pings no MINERECON_HEARTBEAT_URL: it is not used" in ran.stderr
