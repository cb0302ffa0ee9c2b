"""Debian's pgbouncer before a PostgreSQL of a test, in transaction mode."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

_START_SECONDS = 30.0


@contextlib.contextmanager
def pgbouncer(folder: Path, port: int, logins: Mapping[str, str], *, sessions: int = 3) -> Iterator[int]:
    """Run one, and yield its port of 127.0.0.1; skips where it is not installed.

    Args:
        folder: for its configuration.
        port: of the PostgreSQL.
        logins: the passwords, by login.
        sessions: how many it opens for all clients of a login together.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("Debian's pgbouncer is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = free.getsockname()[1]
    (folder / "users.txt").write_text("".join(f'"{name}" "{password}"\n' for name, password in logins.items()))
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {own}\n"
        f"auth_type = plain\nauth_file = {folder / 'users.txt'}\npool_mode = transaction\n"
        f"default_pool_size = {sessions}\nmax_client_conn = 100\nunix_socket_dir =\n"
    )
    as_user = []
    if os.geteuid() == 0:  # it refuses to run as root
        nobody = pwd.getpwnam("nobody")
        for path in (folder, *folder.iterdir()):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        for above in folder.parents:
            if above.stat().st_uid == 0 and not above.stat().st_mode & 0o001:
                above.chmod(above.stat().st_mode | 0o001)
        as_user = ["-u", "nobody"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, *as_user, str(folder / "pgbouncer.ini")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", own), 1):
                break
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
        yield own
    finally:
        process.terminate()
        process.wait(10)
