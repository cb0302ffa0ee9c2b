"""Hosts that are network namespaces, and a cluster of them that runs Kubernetes' jobs as processes.

What K8sRunLauncher asks is answered as Kubernetes does: jobs are made, looked at and deleted, and each is a process on
the host with the fewest. A host can be cut off and killed. Kubernetes then goes on saying for minutes that its jobs are
active; so does this one, for ever. The one simplification: no job is given to a host that is cut off, which Kubernetes
learns after 40 s.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

SERVICES = "10.213.78.1"
"""The address of the host that has the services: the network namespace of this process."""
NAMES = ("b", "c", "d")
_KINDS = {"pods": "PodList", "events": "EventList", "jobs": "JobList"}


class Hosts:
    """Three hosts at one switch, beside the services' own; they are gone with this process' namespaces."""

    def __init__(self) -> None:
        # Their names are known to this process' mount namespace alone, and go with it.
        Path("/run/netns").mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/netns"], check=True)
        _ip("link", "set", "lo", "up")
        _ip("link", "add", "switch", "type", "bridge")
        _ip("address", "add", f"{SERVICES}/24", "dev", "switch")
        _ip("link", "set", "switch", "up")
        self.addresses = {name: f"10.213.78.{number}" for number, name in enumerate(NAMES, 2)}
        for name, address in self.addresses.items():
            _ip("netns", "add", name)
            _ip("link", "add", f"port-{name}", "type", "veth", "peer", "name", "cable", "netns", name)
            _ip("link", "set", f"port-{name}", "master", "switch")
            _ip("link", "set", f"port-{name}", "up")
            _ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            _ip("-n", name, "link", "set", "cable", "up")
            _ip("-n", name, "link", "set", "lo", "up")
        self.dead: set[str] = set()

    def start(
        self, host: str, command: Sequence[str], environ: Mapping[str, str], log: Path
    ) -> subprocess.Popen[bytes]:
        """Start a process on a host, in a group of its own; what it says goes to ``log``."""
        with log.open("ab") as out:
            return subprocess.Popen(
                ["ip", "netns", "exec", host, *command],
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def cut(self, host: str) -> None:
        """Pull a host's cable: nobody hears a word of it any more, not even of its end."""
        self.dead.add(host)
        _ip("link", "set", f"port-{host}", "down")

    def close(self) -> None:
        """Delete the hosts."""
        for name in self.addresses:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


class Job:
    """A job, and the process that it is."""

    def __init__(self, body: dict[str, Any], host: str, process: subprocess.Popen[bytes]) -> None:
        self.body, self.host, self.process = body, host, process

    def status(self, dead: set[str]) -> dict[str, Any]:
        """As Kubernetes has it; of a host that does not answer, the last that it said."""
        if self.host in dead or self.process.poll() is None:
            return {"active": 1}
        return {"failed" if self.process.returncode else "succeeded": 1}


class Kubernetes:
    """An API of Kubernetes for one namespace, on the services' host.

    Args:
        hosts: the nodes.
        folder: for logs and the kubeconfig.
        given: of each config map and secret that a job may name, what it holds.
    """

    def __init__(self, hosts: Hosts, folder: Path, given: Mapping[str, Mapping[str, str]]) -> None:
        self.hosts, self.folder, self.given = hosts, folder, given
        self.jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"kubernetes": self}))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.config = folder / "kubeconfig"
        address = f"http://127.0.0.1:{self.server.server_port}"
        self.config.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "check",
                    "contexts": [{"name": "check", "context": {"cluster": "check", "user": "check"}}],
                    "clusters": [{"name": "check", "cluster": {"server": address}}],
                    "users": [{"name": "check", "user": {}}],
                }
            )
        )

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Start a job on the host that has the fewest."""
        name = body["metadata"]["name"]
        [container] = body["spec"]["template"]["spec"]["containers"]
        environ = {k: v for k, v in os.environ.items() if k in ("HOME", "LANG", "PATH", "TMPDIR")}
        for source in container.get("envFrom") or ():
            environ |= self.given[(source.get("configMapRef") or source["secretRef"])["name"]]
        environ |= {e["name"]: e["value"] for e in container.get("env") or () if "value" in e}
        with self._lock:
            alive = [host for host in self.hosts.addresses if host not in self.hosts.dead]
            host = min(alive, key=lambda host: sum(job.host == host for job in self.active()))
            command = [*(container.get("command") or ()), *container["args"]]
            process = self.hosts.start(host, command, environ, self.folder / f"{name}.log")
            self.jobs[name] = Job(body, host, process)
        return {**body, "status": {}}

    def active(self) -> list[Job]:
        """The jobs whose processes run."""
        return [job for job in self.jobs.values() if job.process.poll() is None]

    def kill(self, host: str) -> None:
        """End all processes of a host at once, as a power cut does."""
        for job in self.active():
            if job.host == host:
                os.killpg(job.process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the jobs that are left, and the API."""
        for job in self.active():
            os.killpg(job.process.pid, signal.SIGKILL)
            job.process.wait()
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    kubernetes: Kubernetes
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """A job's state, or a list that is empty: no pod and no event is kept."""
        *_, kind, name, last = ["", "", *urlsplit(self.path).path.strip("/").split("/")]
        if last in _KINDS:
            self._answer({"kind": _KINDS[last], "apiVersion": "v1", "metadata": {}, "items": []})
        elif kind == "jobs" and name in self.kubernetes.jobs:
            job = self.kubernetes.jobs[name]
            self._answer({**job.body, "status": job.status(self.kubernetes.hosts.dead)})
        else:
            self._answer({"kind": "Status", "status": "Failure", "code": 404}, 404)

    def do_POST(self) -> None:
        """Make a job."""
        self._answer(self.kubernetes.create(json.loads(self.rfile.read(int(self.headers["Content-Length"])))), 201)

    def _answer(self, body: dict[str, Any], status: int = 200) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
