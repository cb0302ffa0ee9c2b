"""Runs the stack of the image as compose.yaml has it, in containers without a right, and looks at what it does.

Started by image.py in namespaces of its own, so that nothing gets out, no port is taken, and nothing stays when it
ends. Each role is a container (containers.py); commands, environments, secrets and probes are those of compose.yaml.
`web` has a network to itself. PostgreSQL is a new server, whose logins postgres/roles.psql makes; Elexon is the bundled
sample, and DynamoDB is moto.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parent))
import image
from containers import SERVICES, Bubblewrap, Containers, Podman
from parts import DEPLOY, Skipped, tool

from minerecon_dagster.local.postgres import programs_folder, serving
from minerecon_dagster.local.services import local_services
from minerecon_dagster.sample.server import serve_sample

DAY = "2025-03-28"
READY_S, STOP_S, RUN_S = 20.0, 10.0, 180.0
"""A role answers its probe within so long, ends within so long of SIGTERM, and a day is made within so long.

They hold on a machine that has nothing else to do; DEPLOY_CHECK_PATIENCE multiplies them.
"""
PATIENCE = float(os.environ.get("DEPLOY_CHECK_PATIENCE", "1"))
SECRETS = {"owner_password": "owner-hush", "worker_password": "worker-hush", "dagster_password": "dagster-hush"}
HOST, WEB = "10.77.0.1", "10.77.0.2"
"""Addresses of the two ends of the network that `web` has to itself."""
WEB_NAME = "wind.example.com"


class Door(socketserver.BaseRequestHandler):
    """Hands a connection on to PostgreSQL, which listens on the loopback address of another network alone."""

    port = 0

    def handle(self) -> None:
        """Copy both ways until both sides have ended."""
        with socket.create_connection(("127.0.0.1", self.port)) as there:
            back = threading.Thread(target=self._copy, args=(there, self.request), daemon=True)
            back.start()
            self._copy(self.request, there)
            back.join()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        try:
            while part := source.recv(65536):
                target.sendall(part)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            # One side is gone, and so is what was to be copied.
            return


@contextmanager
def pages(postgres: int) -> Iterator[int]:
    """The network `pages` and `data` of Compose as `web` has it: no way out, and of all servers the database alone.

    Yields:
        the port at which `web` finds PostgreSQL, at `HOST`.
    """
    at = Path("/run/netns")
    at.mkdir(exist_ok=True)
    # Names of networks are files, which would stay behind.
    subprocess.run(["mount", "-t", "tmpfs", "none", str(at)], check=True)
    ip = tool("ip", "apt-get install iproute2")
    for command in (
        "netns add pages",
        "link add to-pages type veth peer name eth0 netns pages",
        f"address add {HOST}/30 dev to-pages",
        "link set to-pages up",
        f"-n pages address add {WEB}/30 dev eth0",
        "-n pages link set eth0 up",
        "-n pages link set lo up",
    ):
        subprocess.run([ip, *command.split()], check=True)
    Door.port = postgres
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer((HOST, 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def engine(*given: Any, **more: Any) -> Containers:
    """Containers by podman, or by bubblewrap where podman cannot; says which on standard error."""
    podman = Podman(*given, **more)
    try:
        podman.works()
    except Skipped as why:
        print(f"stack: bubblewrap, since {why}", file=sys.stderr, flush=True)
        return Bubblewrap(*given, **more)
    return podman


def until(seconds: float, what: str, looks: Callable[[], bool]) -> float:
    """Wait until something holds, and give after how many seconds it did.

    Raises:
        AssertionError: it did not in time.
    """
    begun = time.monotonic()
    while not looks():
        assert time.monotonic() - begun < seconds * PATIENCE, f"{what}: not within {seconds * PATIENCE:.0f} s"
        time.sleep(0.2)
    return time.monotonic() - begun


def graphql(query: str, **variables: Any) -> Any:
    """What Dagster's UI answers, through the door."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(
        "http://127.0.0.1:3000/graphql", body, {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())["data"]


LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


def launch(day: str) -> str:
    """Have a day made, through the queue; gives the run."""
    tags = {"dagster/asset_partition_range_start": day, "dagster/asset_partition_range_end": day}
    selector = {
        "repositoryLocationName": "minerecon_dagster",
        "repositoryName": "__repository__",
        "pipelineName": "ingest",
    }
    params = {
        "selector": selector,
        "mode": "default",
        "runConfigData": "{}",
        "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in tags.items()]},
    }
    answer = graphql(LAUNCH, params=params)["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def page(path: str) -> str:
    """What `web` answers to the proxy."""
    request = urllib.request.Request(f"http://{WEB}:3001{path}", headers={"Host": WEB_NAME})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(answer.read().decode("utf-8"))


def alone(containers: Containers, elexon: str) -> None:
    """See that `web` is told of its own address of the database and no other, and reaches neither Elexon nor anything.

    Raises:
        AssertionError: it knows or reaches more.
    """
    told = {name for name in containers.environment("web") if name.endswith(("URL", "URL_FILE"))}
    assert told <= {"MINERECON_API_DATABASE_URL_FILE", "MINERECON_DASHBOARD_URL"}, told
    secrets = containers.once("web", ["ls", "/run/secrets"]).split()
    assert secrets == ["api_database_url", "serve_token"], secrets
    routes = containers.once("web", ["cat", "/proc/net/route"]).splitlines()[1:]
    assert [line.split()[0:2] for line in routes] == [["eth0", "00004D0A"]], routes
    for address in (("192.0.2.1", 443), ("127.0.0.1", urlsplit(elexon).port)):
        asked = f"import socket; socket.create_connection({address!r}, timeout=5)"
        answer = containers.once("web", ["python", "-c", asked], codes=(1,))
        assert "unreachable" in answer or "refused" in answer, answer


def marks(files: Path) -> dict[str, tuple[int, int, int]]:
    """Of all files of the image: mode, size, and time of the last change."""
    return {str(path): (s.st_mode, s.st_size, s.st_mtime_ns) for path in files.rglob("*") for s in (path.lstat(),)}


def as_superuser(server: Any, *arguments: str) -> None:
    """Run psql on a new server as its superuser."""
    url = f"postgresql://postgres:{server.superuser_password}@127.0.0.1:{server.port}/postgres"
    subprocess.run(
        [str(programs_folder() / "psql"), "-q", "-v", "ON_ERROR_STOP=1", *arguments, url],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def main() -> None:
    """Run the stack; print what was seen in one line of JSON."""
    os.umask(0o022)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    seen: dict[str, Any] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stack-")))
        folder.chmod(0o755)
        mounted = folder / "root"
        mounted.mkdir()
        original = stack.enter_context(image.root())
        # The store of images is closed to other users, and in this mount namespace only its root is shown.
        subprocess.run(["mount", "--bind", str(original), str(mounted)], check=True)
        stack.callback(subprocess.run, ["umount", str(mounted)], check=False)
        (folder / "home").mkdir()
        server = stack.enter_context(serving(folder / "home"))
        passwords = [part for name, value in SECRETS.items() for part in ("-v", f"{name}={value}")]
        as_superuser(server, *passwords, "-f", str(DEPLOY / "postgres" / "roles.psql"))
        elexon = stack.enter_context(serve_sample())
        given = {"DATABASE_URL": "given", "DAGSTER_POSTGRES_URL": "given"}
        dynamodb = stack.enter_context(local_services(folder / "dynamodb", given))
        environ = {
            **{k: v for k, v in dynamodb.items() if k.startswith(("AWS_", "DYNAMODB_"))},
            "ELEXON_BASE_URL": elexon,
            "ELEXON_MAX_REQUESTS_PER_MINUTE": "0",
            "MINERECON_UI_URL": "http://127.0.0.1:3000",
            "MINERECON_ARCHIVE_URL": "/archive",
            "MINERECON_WEB_NAME": WEB_NAME,
        }
        door = stack.enter_context(pages(server.port))
        containers = engine(
            mounted,
            folder,
            dict(entry.split("=", 1) for entry in image.config()["Env"]),  # type: ignore[attr-defined]
            environ,
            changed={"DEPLOY_CODE_HOST": "127.0.0.1"},
            prefix={"web": ["nsenter", "--net=/run/netns/pages"]},
        )
        at = f"127.0.0.1:{server.port}"
        for name, url in {
            "owner_database_url": f"postgresql://minerecon_owner:owner-hush@{at}/minerecon",
            "database_url": f"postgresql://minerecon_worker:worker-hush@{at}/minerecon",
            "dagster_postgres_url": f"postgresql://minerecon_dagster:dagster-hush@{at}/dagster",
            "api_database_url": f"postgresql://minerecon_api:api-hush@{HOST}:{door}/minerecon",
            "api_password": "api-hush",
        }.items():
            containers.secret(name, url)

        before = marks(mounted)
        status = containers.once("web", ["cat", "/proc/self/status"])
        assert "CapEff:\t0000000000000000" in status, status
        assert "NoNewPrivs:\t1" in status, status
        assert "Uid:\t10001\t10001\t10001\t10001" in status, status
        refused = containers.once("web", ["sh", "-c", "echo x >/opt/dagster/x"], codes=(1, 2))
        assert "Read-only file system" in refused, refused
        alone(containers, elexon)

        begun = time.monotonic()
        containers.once("migrate", SERVICES["migrate"]["command"])
        seen["migrate_s"] = round(time.monotonic() - begun, 1)
        containers.once("migrate", ["minerecon", "db", "upgrade", "--sample"])
        csv = "/opt/venv/lib/python3.13/site-packages/minerecon_dagster/sample/difficulty_retargets.csv"
        containers.once("code", ["minerecon", "difficulty", "load", csv])

        processes = {}
        for name in ("code", "webserver", "daemon", "web"):
            begun = time.monotonic()
            processes[name] = stack.enter_context(containers.running(name, folder / f"{name}.log"))
            try:
                until(READY_S, f"{name} answers its probe", partial(containers.is_healthy, name))
            except AssertionError:
                print((folder / f"{name}.log").read_text("utf-8", "replace")[-4000:], file=sys.stderr)
                raise
            seen[f"{name}_ready_s"] = round(time.monotonic() - begun, 1)

        run_id = launch(DAY)
        ended: list[str] = []

        def over() -> bool:
            state = graphql(STATUS, id=run_id)["runOrError"]["status"]
            if state in ("SUCCESS", "FAILURE", "CANCELED"):
                ended.append(state)
            return bool(ended)

        seen["day_s"] = round(until(RUN_S, "the run ends", over), 1)
        if ended != ["SUCCESS"]:
            print((folder / "code.log").read_text("utf-8", "replace")[-6000:], file=sys.stderr)
        assert ended == ["SUCCESS"], ended
        [row] = json.loads(page(f"/api/v1/days?from={DAY}&to={DAY}"))["data"]
        assert float(row["curtailed_mwh"]) > 0, row
        seen["curtailed_mwh"] = row["curtailed_mwh"]
        assert "<h1" in page(f"/days/{DAY}")
        sound = json.loads(containers.once("code", ["minerecon", "archive", "verify", "--json"]))
        assert sound["ok"], sound

        for name, process in processes.items():
            begun = time.monotonic()
            containers.stop(name, process)
            code = process.wait(timeout=STOP_S * PATIENCE)
            seen[f"{name}_stopped_s"] = round(time.monotonic() - begun, 1)
            assert code in (0, 143), f"{name} ended with {code}"
        changed = [path for path, mark in marks(mounted).items() if before.get(path) != mark]
        assert not changed, changed
        logs = {name: (folder / f"{name}.log").read_text("utf-8", "replace") for name in processes}
        hushed = [name for name, text in logs.items() if "-hush" in text]
        assert not hushed, f"a password is in the log of {hushed}"
        for name, text in logs.items():
            assert "Traceback" not in text, f"{name}: {text[text.index('Traceback') - 300 :][:3000]}"
    print(json.dumps({"stack": f"by {containers.name}: uid 10001, read-only, no capability", **seen}))


if __name__ == "__main__":
    main()
