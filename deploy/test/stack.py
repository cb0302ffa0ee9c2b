"""Runs the stack of the image as compose.yaml has it, in containers without a right, and looks at what it does.

Started by image.py in a network and a mount namespace of its own, so that nothing gets out and no port is taken. Each
role is a container by bubblewrap over the image's files: user 10001, no capability, no new privileges, the root
read-only, /tmp in memory. Commands and environments are those of compose.yaml. PostgreSQL is a new server, whose logins
postgres/roles.psql makes; Elexon is the bundled sample, and DynamoDB is moto.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parent))
import image
from parts import DEPLOY, tool

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
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]


class Containers:
    """The image's containers.

    Args:
        files: the image's root.
        folder: of this run: archive and secrets.
        environ: what fills compose.yaml in.
    """

    def __init__(self, files: Path, folder: Path, environ: Mapping[str, str]) -> None:
        self._files = files
        self._archive, self._secrets = folder / "archive", folder / "secrets"
        self._archive.mkdir()
        os.chown(self._archive, 10001, 0)
        self._secrets.mkdir()
        self._environ = environ
        self._of_image = dict(entry.split("=", 1) for entry in image.config()["Env"])  # type: ignore[attr-defined]

    def secret(self, name: str, value: str) -> None:
        """Make a file of a secret."""
        (self._secrets / name).write_text(value)
        (self._secrets / name).chmod(0o444)

    def environment(self, service: str) -> dict[str, str]:
        """Of a service, as compose.yaml has it, filled in."""
        found = dict(self._of_image)
        for name, value in COMPOSE[service]["environment"].items():
            if text := self._environ.get(name, "") if str(value).startswith("${") else str(value):
                found[name] = text
        return found | {k: v for k, v in self._environ.items() if k.startswith("AWS_")}

    def command(self, service: str, command: Sequence[str], **changed: str) -> list[str]:
        """The whole command line of a container."""
        environment = {**self.environment(service), **changed}
        rights = [
            "--reuid=10001",
            "--regid=0",
            "--clear-groups",
            "--no-new-privs",
            "--inh-caps=-all",
            "--bounding-set=-all",
        ]
        inside = [
            *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--as-pid-1", "--die-with-parent"),
            *(
                "--ro-bind",
                str(self._files),
                "/",
                "--tmpfs",
                "/tmp",
                "--tmpfs",
                "/run",
                "--proc",
                "/proc",
                "--dev",
                "/dev",
            ),
            *("--ro-bind", str(self._secrets), "/run/secrets", "--bind", str(self._archive), "/archive"),
            *("--chdir", "/opt/dagster", "--clearenv"),
            *(part for name, value in environment.items() for part in ("--setenv", name, value)),
        ]
        bwrap = tool("bwrap", "apt-get install bubblewrap")
        return ["setpriv", *rights, bwrap, *inside, "/usr/bin/tini", "--", *command]

    def once(self, service: str, command: Sequence[str], **changed: str) -> str:
        """What a command prints in a container of a service's kind."""
        done = subprocess.run(
            self.command(service, command, **changed), capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
        return done.stdout

    @contextmanager
    def running(self, service: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """A container of a service, as long as the ``with`` block."""
        with log.open("wb") as out:
            process = subprocess.Popen(
                self.command(service, COMPOSE[service]["command"]), stdout=out, stderr=subprocess.STDOUT
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


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


def answers(url: str) -> bool:
    """Whether an address answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


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
            "MINERECON_SERVE_HOSTS": "wind.example.com",
            "MINERECON_DASHBOARD_URL": "",
            "DEPLOY_CODE_HOST": "127.0.0.1",
        }
        COMPOSE["code"]["environment"]["DEPLOY_CODE_HOST"] = "127.0.0.1"
        for name in ("webserver", "daemon"):
            COMPOSE[name]["environment"]["DEPLOY_CODE_HOST"] = "127.0.0.1"
        containers = Containers(mounted, folder, environ)
        at = f"127.0.0.1:{server.port}"
        for name, url in {
            "owner_database_url": f"postgresql://minerecon_owner:owner-hush@{at}/minerecon",
            "database_url": f"postgresql://minerecon_worker:worker-hush@{at}/minerecon",
            "dagster_postgres_url": f"postgresql://minerecon_dagster:dagster-hush@{at}/dagster",
            "api_database_url": f"postgresql://minerecon_api:api-hush@{at}/minerecon",
            "api_password": "api-hush",
            "aws_credentials": "",
        }.items():
            containers.secret(name, url)

        status = containers.once("web", ["cat", "/proc/self/status"])
        assert "CapEff:\t0000000000000000" in status, status
        assert "NoNewPrivs:\t1" in status, status
        refused = subprocess.run(
            containers.command("web", ["sh", "-c", "echo x >/opt/dagster/x"]),
            capture_output=True,
            check=False,
            text=True,
        )
        assert "Read-only file system" in refused.stderr, refused.stderr
        before = marks(mounted)

        begun = time.monotonic()
        containers.once("migrate", COMPOSE["migrate"]["command"])
        seen["migrate_s"] = round(time.monotonic() - begun, 1)
        containers.once("migrate", ["minerecon", "db", "upgrade", "--sample"])
        csv = "/opt/venv/lib/python3.13/site-packages/minerecon_dagster/sample/difficulty_retargets.csv"
        containers.once("code", ["minerecon", "difficulty", "load", csv])

        processes = {}
        for name in ("code", "webserver", "daemon", "web"):
            begun = time.monotonic()
            processes[name] = stack.enter_context(containers.running(name, folder / f"{name}.log"))
            test = COMPOSE[name]["healthcheck"]["test"][1:]

            def healthy(name: str = name, test: Sequence[str] = test) -> bool:
                probe = containers.command(name, test, DAGSTER_DAEMON_HEARTBEAT_TOLERANCE="300")
                return subprocess.run(probe, capture_output=True, check=False).returncode == 0

            try:
                until(READY_S, f"{name} answers its probe", healthy)
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
        with urllib.request.urlopen(f"http://127.0.0.1:3001/api/v1/days?from={DAY}&to={DAY}", timeout=30) as answer:
            [row] = json.loads(answer.read())["data"]
        assert float(row["curtailed_mwh"]) > 0, row
        seen["curtailed_mwh"] = row["curtailed_mwh"]
        sound = json.loads(containers.once("code", ["minerecon", "archive", "verify", "--json"]))
        assert sound["ok"], sound

        for name, process in processes.items():
            begun = time.monotonic()
            [child] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(child), signal.SIGTERM)
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
    print(json.dumps({"stack": "uid 10001, read-only, no capability", **seen}))


if __name__ == "__main__":
    main()
