"""The folder ``run/`` of a home: the locks and the file by which clients and the supervisor find each other.

Locks are ``flock(2)``: the kernel gives them up when their holder ends, however it ends, so that nobody
has to guess from a process id whether somebody is alive.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minerecon_dagster.core.errors import ConfigurationError

EXCLUSIVE = fcntl.LOCK_EX
SHARED = fcntl.LOCK_SH


@dataclass(frozen=True)
class RunFolder:
    """The paths below ``home/run``.

    ``users.lock`` is shared by the clients, and exclusive with a supervisor that stops. ``start.lock`` is
    exclusive with a client that looks for the supervisor, starts it or sees it off. ``supervisor.lock`` is
    exclusive with the supervisor for all its life.
    """

    home: Path

    @property
    def path(self) -> Path:
        """The folder itself, mode 0700."""
        return self.home / "run"

    @property
    def users_lock(self) -> Path:
        """See the class."""
        return self.path / "users.lock"

    @property
    def start_lock(self) -> Path:
        """See the class."""
        return self.path / "start.lock"

    @property
    def supervisor_lock(self) -> Path:
        """See the class."""
        return self.path / "supervisor.lock"

    @property
    def state_file(self) -> Path:
        """What the supervisor has to tell its clients."""
        return self.path / "services.json"

    @property
    def log_file(self) -> Path:
        """What the supervisor and PostgreSQL wrote since the last start."""
        return self.path / "supervisor.log"

    def make(self) -> None:
        """Make the folder if it is not there.

        Raises:
            ConfigurationError: it cannot be made.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise unusable(self.path, error) from error

    def read_state(self) -> dict[str, Any] | None:
        """The supervisor's addresses, or its ``failure``; None before it is ready."""
        try:
            state: dict[str, Any] = json.loads(self.state_file.read_bytes())
        except FileNotFoundError:
            return None
        return state

    def write_state(self, state: dict[str, Any]) -> None:
        """Publish ``state``, whole or not at all, readable by the owner only: it holds a password."""
        new = self.state_file.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(state, file)
        new.replace(self.state_file)


def unusable(path: Path, error: OSError) -> ConfigurationError:
    """The error to raise where ``path``, in the home, cannot be used."""
    return ConfigurationError(
        f"{path} cannot be used ({error.strerror}): make it yours, or set MINERECON_HOME to another folder"
    )


@contextlib.contextmanager
def lock_file(path: Path) -> Iterator[int]:
    """A file descriptor of ``path``, not locked yet; its lock ends with it.

    Raises:
        ConfigurationError: the file cannot be opened, as when another user made it.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unusable(path, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, kind: int) -> bool:
    """Lock ``SHARED`` or ``EXCLUSIVE`` if that is possible at once. A lock held before is lost if it is not."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Give the lock up."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
