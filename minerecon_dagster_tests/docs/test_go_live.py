"""docs/operate/go-live.md is followed to the letter, by its own commands, against servers that know nothing of us."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from configparser import RawConfigParser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from moto.server import ThreadedMotoServer

from minerecon_dagster.sample import SAMPLE_DIFFICULTY_CSV
from minerecon_dagster.settings import PROJECT_ROOT, Settings, declared
from minerecon_dagster.storage import _RIGHTS
from minerecon_dagster_tests.fake_elexon import fake_elexon
from minerecon_dagster_tests.project import DAY
from minerecon_dagster_tests.warehouse.servers import VERSIONS, cluster

PAGE = (PROJECT_ROOT / "docs" / "operate" / "go-live.md").read_text("utf-8")
UNITS = PROJECT_ROOT / "deploy" / "systemd"
LAST_STEP_OF_COMMANDS = "## 6. The processes"
_LONGEST_S = 300.0
AWS = """\
#!{python}
# `aws SERVICE OPERATION --name value …`, as far as the page uses it, by boto3.
import os, sys, boto3.session
service, operation, *given = sys.argv[1:]
values = dict(zip((name.lstrip("-") for name in given[::2]), given[1::2]))
client = boto3.session.Session(region_name=values.pop("region")).client({{"s3api": "s3"}}.get(service, service))
camel = lambda name: "".join(part.title() for part in name.split("-"))
shorthand = lambda text: dict([text.split("=", 1)]) if "=" in text else text
getattr(client, operation.replace("-", "_"))(**{{camel(name): shorthand(text) for name, text in values.items()}})
"""


def blocks(language: str, before: str = LAST_STEP_OF_COMMANDS) -> list[str]:
    """The page's own commands in ``language``, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.partition(before)[0], re.M | re.S)


def placeholders() -> set[str]:
    """What the page asks its reader to put his own in place of."""
    table = PAGE.partition("Put your own in place of these")[2].partition("\n\nThe shell")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


@dataclass
class Followed:
    """The page as somebody has followed it: his own values, and what his commands said."""

    own: Mapping[str, str]
    environ: Mapping[str, str]
    said: str = ""
    warned: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def of(self, text: str) -> str:
        """A text of the page, with his own values."""
        for name in sorted(self.own, key=len, reverse=True):
            text = text.replace(name, self.own[name])
        return text

    @contextlib.contextmanager
    def unit(self, name: str, folder: Path, **ports: str) -> Iterator[None]:
        """Runs what a unit of systemd runs, with the environment that it has there."""
        parser = RawConfigParser(strict=False)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(self.of((UNITS / name).read_text("utf-8")))
        service = parser["Service"]
        lines = Path(service["EnvironmentFile"]).read_text("utf-8").splitlines()
        settings = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        command = service["ExecStart"]
        for port, own in ports.items():
            command = command.replace(port.removeprefix("_"), own)
        aws = {k: v for k, v in self.environ.items() if k.startswith(("AWS_", "ELEXON_", "BITCOIN_"))}
        with (folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command.split(),
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"} | settings | aws,
                cwd=service["WorkingDirectory"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        try:
            yield
            assert process.poll() is None, (folder / f"{name}.log").read_text()
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)


@pytest.fixture(scope="module", params=VERSIONS)
def followed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    """Steps 1 to 5, in one shell."""
    folder = tmp_path_factory.mktemp("golive")
    with contextlib.ExitStack() as stack:
        home = folder / "server"
        home.mkdir()
        server = stack.enter_context(cluster(home, request.param, {"unix_socket_directories": "''"}))
        moto = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        moto.start()
        stack.callback(moto.stop)
        endpoint = "http://{}:{}".format(*moto.get_host_and_port())
        requests.post(f"{endpoint}/moto-api/reset", timeout=30).raise_for_status()  # what it holds is the process's
        elexon = stack.enter_context(fake_elexon(DAY))
        tools = folder / "tools"
        tools.mkdir()
        (tools / "aws").write_text(AWS.format(python=sys.executable))
        (tools / "aws").chmod(0o755)
        etc, var = folder / "etc", folder / "var"
        etc.mkdir()
        shutil.copy(SAMPLE_DIFFICULTY_CSV, etc / "retargets.csv")
        own = {name: f"own{number}" for number, name in enumerate(sorted(placeholders())) if name.startswith("change-")}
        own |= {
            "db.example.com:5432": f"127.0.0.1:{server.running.port}",
            "db.example.com -p 5432": f"127.0.0.1 -p {server.running.port}",
            "my-minerecon": "somebodys-bucket",
            "eu-west-2": "eu-west-1",
            "minerecon.example.com": "ui.example.org",
            "wind.example.com": "wind.example.org",
            "reports.example.com": "reports.example.org",
            "/opt/minerecon": str(PROJECT_ROOT),
            "/etc/minerecon": str(etc),
            "/var/lib/minerecon": str(var),
        }
        environ = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PGPASSWORD": server.running.superuser_password,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL_S3": endpoint,
            "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
            "ELEXON_BASE_URL": elexon.real_base_url,
            "ELEXON_MAX_REQUESTS_PER_MINUTE": "0",
            "BITCOIN_PRICE_BASE_URL": "http://127.0.0.1:9",
        }
        made = Followed(own, environ)
        psql = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(server.running.port)]
        subprocess.run(
            [*psql, "-U", "postgres"], input=made.of("".join(blocks("sql"))), text=True, env=environ, check=True
        )
        script = made.of("set -euo pipefail\n" + "".join(blocks("sh")))
        done = subprocess.run(
            ["bash", "-s"], input=script, text=True, env=environ, cwd=folder, capture_output=True, timeout=_LONGEST_S
        )
        assert done.returncode == 0, done.stdout + done.stderr
        made.said, made.warned = done.stdout, done.stderr
        yield made


def test_the_page_asks_for_nothing_that_it_does_not_name() -> None:
    """Each value that the test puts in is one that the reader is told to, and each setting is one of ours."""
    named = placeholders()
    assert {"db.example.com:5432", "change-owner", "my-minerecon", "/etc/minerecon", "eu-west-2"} <= named
    assert all(PAGE.count(name) > 1 for name in named)
    set_there = set(re.findall(r"^#?([A-Z_]+)=", "".join(blocks("sh")), re.M))
    assert set_there <= {variable.name for variable in declared()}
    of_services = {"DATABASE_URL", "DAGSTER_POSTGRES_URL", "DYNAMODB_DIFFICULTY_TABLE", "MINERECON_ARCHIVE_URL"}
    assert {*of_services, "MINERECON_START_DATE", "MINERECON_REPORTS_URL"} <= set_there
    assert Settings.model_fields["start_date"].default.year == 2022
    assert "default of\n2022" in PAGE


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
def test_whoever_follows_the_page_has_a_verified_day_and_no_warning(followed: Followed) -> None:
    assert "WARNING" not in followed.warned
    upgraded, again = re.findall(r"^warehouse: .*$", followed.warned + followed.said, re.M)
    assert upgraded.startswith("warehouse: empty -> ")
    assert again.endswith(", up to date")
    assert "bitcoin-difficulty: made\n" in followed.said
    assert re.search(rf"^{DAY} +complete ", followed.said, re.M), followed.said
    assert "synthetic" not in followed.said


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
def test_the_units_serve_the_verified_day_to_people_and_the_daemon_lives(followed: Followed, tmp_path: Path) -> None:
    with contextlib.ExitStack() as held:
        ui, api = (held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(2))
    with (
        followed.unit("minerecon-webserver.service", tmp_path, _3000=str(ui)),
        followed.unit("minerecon-serve.service", tmp_path, _3001=str(api)),
        followed.unit("minerecon-daemon.service", tmp_path),
    ):
        days = until(lambda: get(f"http://127.0.0.1:{api}/api/v1/days?from={DAY}&to={DAY}"))["data"]
        assert [(day["settlement_date"], day["status"]) for day in days] == [(str(DAY), "complete")]
        told = until(lambda: materialized(f"http://127.0.0.1:{ui}/graphql"))
        assert told == [str(DAY)]
        until(lambda: daemon_is_healthy(f"http://127.0.0.1:{ui}/graphql"))


def until(ask: Any) -> Any:
    """What is answered, once there is an answer."""
    deadline = time.monotonic() + _LONGEST_S
    while True:
        with contextlib.suppress(requests.ConnectionError):
            if answer := ask():
                return answer
        assert time.monotonic() < deadline
        time.sleep(0.2)


def get(url: str) -> Any:
    session = requests.Session()
    session.trust_env = False
    answer = session.get(url, timeout=30)
    return answer.json() if answer.ok else None


def graphql(url: str, query: str) -> Any:
    session = requests.Session()
    session.trust_env = False
    return session.post(url, json={"query": query}, timeout=60).json()["data"]


def materialized(url: str) -> list[str]:
    query = '{assetNodes(assetKeys: [{path: ["daily_summaries"]}]) {assetMaterializations(limit: 5) {partition}}}'
    return [one["partition"] for node in graphql(url, query)["assetNodes"] for one in node["assetMaterializations"]]


def daemon_is_healthy(url: str) -> bool:
    query = "{instance {daemonHealth {allDaemonStatuses {daemonType healthy required}}}}"
    statuses = graphql(url, query)["instance"]["daemonHealth"]["allDaemonStatuses"]
    return all(status["healthy"] for status in statuses if status["required"])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_units_are_sound_to_systemd(tmp_path: Path) -> None:
    for unit in UNITS.glob("*.service"):
        text = unit.read_text("utf-8")
        # What it starts must be there; whom it runs as is made by the page.
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.M)
        (tmp_path / unit.name).write_text(text)
    units = sorted(str(path) for path in tmp_path.glob("*.service"))
    assert len(units) == 3
    done = subprocess.run(["systemd-analyze", "verify", *units], text=True, capture_output=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "minerecon" in line]
    assert (done.returncode, ours) == (0, [])


def test_the_units_start_what_is_there_with_files_that_the_page_makes() -> None:
    for unit in UNITS.glob("*.service"):
        text = unit.read_text("utf-8")
        (program,) = re.findall(r"^ExecStart=/opt/minerecon/(\S+)", text, re.M)
        assert (PROJECT_ROOT / program).is_file(), program
        (settings,) = re.findall(r"^EnvironmentFile=(\S+)", text, re.M)
        assert f"cat > {settings} <<'END'" in PAGE
        assert unit.stem in PAGE.partition("systemctl enable")[2].partition("\n")[0]
        # By a file in /tmp the processes of the machine share the limit of requests.
        assert ("PrivateTmp=yes" in text) == (unit.stem == "minerecon-serve")


def test_the_policy_has_the_rights_that_the_code_needs_and_no_other() -> None:
    (policy,) = blocks("json")
    actions = {action for statement in json.loads(policy)["Statement"] for action in statement["Action"]}
    assert {action for action in actions if action.startswith("s3:")} == set(_RIGHTS.values())
    assert {action for action in actions if not action.startswith("s3:")} == asked_of_dynamodb()


def asked_of_dynamodb() -> set[str]:
    """The rights for what a program of its own asks in a day's work and a load, over the wire."""
    program = textwrap.dedent("""
        import datetime as dt, sys
        from decimal import Decimal
        from moto.server import ThreadedMotoServer
        import os
        server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        server.start()
        os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = "http://{}:{}".format(*server.get_host_and_port())
        from minerecon_dagster.difficulty.source import DifficultyTable
        day = dt.date.fromisoformat(sys.argv[1])
        DifficultyTable("t", region="eu-west-2").create()
        table, asked = DifficultyTable("t", region="eu-west-2"), set()
        table._client.meta.events.register("before-call.dynamodb", lambda model, **_: asked.add(model.name))
        table.load({day: Decimal("113757508810854.0")})
        assert table.require([day])
        assert table.last_day() == day
        print(*asked)
        server.stop()
    """)
    environ = {**os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(DAY)], text=True, capture_output=True, env=environ, check=False
    )
    assert done.returncode == 0, done.stderr
    return {f"dynamodb:{name}" for name in done.stdout.split()}
