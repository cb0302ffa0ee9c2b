"""Containers of the image as compose.yaml has its services, without a daemon: by podman, or else by bubblewrap.

Each has the user 10001, no capability, no new privileges, a read-only root, /tmp in memory, and of the secrets those
that its service is given. The image's files are its root as they lie, so that what a container changed in them is seen.
The networks are not Compose's: `prefix` puts a service into one.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from parts import DEPLOY, Skipped, tool

SERVICES: Mapping[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
_INIT = ("/usr/bin/tini", "--")
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)(?::-(?P<default>[^}]*)|:\?[^}]*)?\}")
"""As Compose has it: with a value that is taken if there is none, or with what to say then."""


class Containers:
    """The image's containers.

    Args:
        files: the image's root.
        folder: of this run: archive, secrets, and what the engine keeps.
        image_environ: the variables of the image itself.
        environ: what fills compose.yaml in.
        changed: of each service, variables that are others here than in Compose: names of machines.
        prefix: of a service, what puts a command into its network.
    """

    def __init__(
        self,
        files: Path,
        folder: Path,
        image_environ: Mapping[str, str],
        environ: Mapping[str, str],
        *,
        changed: Mapping[str, str],
        prefix: Mapping[str, Sequence[str]],
    ) -> None:
        self._files, self._folder = files, folder
        self._archive = folder / "archive"
        self._archive.mkdir(exist_ok=True)  # by podman, if it was tried first
        os.chown(self._archive, 10001, 0)
        self._image_environ, self._environ, self._changed, self._prefix = image_environ, environ, changed, prefix
        self._secrets: dict[str, str] = {}

    def secret(self, name: str, value: str) -> None:
        """Make a secret."""
        self._secrets[name] = value

    def environment(self, service: str) -> dict[str, str]:
        """Of a service, as compose.yaml has it, filled in."""
        found = dict(self._image_environ)
        for name, value in SERVICES[service]["environment"].items():
            found[name] = self._changed.get(name) or _VARIABLE.sub(self._filled, str(value))
        # DynamoDB's stand-in wants a key; Compose's file of credentials is empty here.
        if "AWS_REGION" in SERVICES[service]["environment"]:
            found |= {k: v for k, v in self._environ.items() if k.startswith("AWS_")}
        return found

    def _filled(self, variable: re.Match[str]) -> str:
        return self._environ.get(variable["name"]) or variable["default"] or ""

    def once(self, service: str, command: Sequence[str], *, codes: tuple[int, ...] = (0,)) -> str:
        """What a command prints, on both streams, in a container of a service's kind; it must end with one of codes."""
        done = subprocess.run(
            [*self._prefix.get(service, ()), *self._command(service, f"once-{service}", command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode in codes, f"{command}: {done.returncode}: {done.stdout[-3000:]}"
        return done.stdout

    @contextmanager
    def running(self, service: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """A container of a service, as long as the ``with`` block."""
        command = [*self._prefix.get(service, ()), *self._command(service, service, SERVICES[service]["command"])]
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            if process.poll() is None:
                self._signal("KILL", service, process)
            process.wait()

    def is_healthy(self, service: str) -> bool:
        """Whether a running container answers its probe, as compose.yaml has it."""
        test = SERVICES[service]["healthcheck"]["test"][1:]
        return subprocess.run(self._inside(service, test), capture_output=True, check=False).returncode == 0

    def _given(self, service: str) -> Path:
        """The folder of the secrets that a service is given."""
        folder = self._folder / "secrets" / service
        folder.mkdir(parents=True, exist_ok=True)
        for name in SERVICES[service]["secrets"]:
            (folder / name).write_text(self._secrets.get(name, ""))
            (folder / name).chmod(0o444)
        return folder

    def _mounts(self, service: str) -> list[tuple[Path, str, bool]]:
        """Of a service: what is mounted, where, and whether it may write there."""
        volumes = [v for v in SERVICES[service].get("volumes", ()) if v.startswith("archive:")]
        writes = [(self._archive, "/archive", not volume.endswith(":ro")) for volume in volumes]
        return [(self._given(service), "/run/secrets", False), *writes]

    def _command(self, service: str, name: str, command: Sequence[str]) -> list[str]:
        raise NotImplementedError

    def _inside(self, service: str, command: Sequence[str]) -> list[str]:
        raise NotImplementedError

    def _signal(self, signal: str, service: str, process: subprocess.Popen[bytes]) -> None:
        raise NotImplementedError

    def stop(self, service: str, process: subprocess.Popen[bytes]) -> None:
        """Ask a container to end, by SIGTERM to its first process."""
        self._signal("TERM", service, process)


class Podman(Containers):
    """By podman and crun."""

    name = "podman"

    def _podman(self, *arguments: str) -> list[str]:
        kept = self._folder / "podman"
        options = [f"--root={kept / 'store'}", f"--runroot={kept / 'run'}", f"--tmpdir={kept / 'tmp'}"]
        options += ["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none"]
        return [tool("podman", "apt-get install podman crun"), *options, *arguments]

    def works(self) -> None:
        """See that a container can be run here.

        Raises:
            Skipped: podman is missing, or what it needs of the kernel.
        """
        # Without the right to raise limits, the runtime takes those that are there; crun wants one kind of cgroups.
        subprocess.run(["umount", "/sys/fs/cgroup/unified"], capture_output=True, check=False)
        command = self._command("migrate", "works", ["true"])
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise Skipped(f"podman cannot run a container here: {done.stderr.strip()[-300:]}")

    def _command(self, service: str, name: str, command: Sequence[str]) -> list[str]:
        limits = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
        hard = {limit: resource.getrlimit(number)[1] for limit, number in limits.items()}
        return self._podman(
            *("run", "--rm", f"--name={name}", "--cgroups=disabled", "--no-healthcheck", "--log-driver=none"),
            *("--network=host", "--no-hosts", "--dns=none", "--user=10001:0", "--cap-drop=all", "--read-only"),
            *("--security-opt=no-new-privileges", "--read-only-tmpfs=false", "--tmpfs=/tmp:mode=1777,size=1g"),
            *("--tmpfs=/run:mode=0755", "--workdir=/opt/dagster", "--stop-signal=SIGTERM"),
            *(f"--ulimit={limit}={value}:{value}" for limit, value in hard.items()),
            *(f"--volume={source}:{at}{'' if writes else ':ro'}" for source, at, writes in self._mounts(service)),
            *(f"--env={key}={value}" for key, value in self.environment(service).items()),
            *("--rootfs", str(self._files), *_INIT, *command),
        )

    def _inside(self, service: str, command: Sequence[str]) -> list[str]:
        return self._podman("exec", service, *command)

    def _signal(self, signal: str, service: str, process: subprocess.Popen[bytes]) -> None:  # noqa: ARG002
        subprocess.run(self._podman("kill", f"--signal={signal}", service), capture_output=True, check=False)


class Bubblewrap(Containers):
    """By bubblewrap, as an ordinary user; a probe is a container of its own in the same network."""

    name = "bubblewrap"

    def _command(self, service: str, name: str, command: Sequence[str]) -> list[str]:  # noqa: ARG002
        rights = ["--reuid=10001", "--regid=0", "--clear-groups", "--no-new-privs", "--inh-caps=-all"]
        inside = [
            "--unshare-user",
            "--unshare-pid",
            "--unshare-ipc",
            "--unshare-uts",
            "--as-pid-1",
            "--die-with-parent",
        ]
        inside += ["--ro-bind", str(self._files), "/", "--tmpfs", "/tmp", "--tmpfs", "/run", "--proc", "/proc"]
        inside += ["--dev", "/dev"]
        for source, at, writes in self._mounts(service):
            inside += ["--bind" if writes else "--ro-bind", str(source), at]
        inside += ["--chdir", "/opt/dagster", "--clearenv"]
        inside += [part for key, value in self.environment(service).items() for part in ("--setenv", key, value)]
        bwrap = tool("bwrap", "apt-get install bubblewrap")
        return ["setpriv", *rights, "--bounding-set=-all", bwrap, *inside, *_INIT, *command]

    def _inside(self, service: str, command: Sequence[str]) -> list[str]:
        return [*self._prefix.get(service, ()), *self._command(service, f"probe-{service}", command)]

    def _signal(self, signal: str, service: str, process: subprocess.Popen[bytes]) -> None:  # noqa: ARG002
        [child] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        subprocess.run(["kill", f"-{signal}", child], check=False)
