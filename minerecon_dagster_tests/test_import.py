"""Loading the project does nothing but load it: no environment is needed, no socket opened, no foreign file read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A socket or a written file is anybody's fault; a process or a file that is only read, ours alone: libraries do such
# things when they are imported (Dagster's croniter runs `file` by way of `platform.architecture()`).
_WATCH = """
import json, os, sys

package = os.path.realpath(sys.argv[1]) + os.sep
events = []


def by_us():
    # Whether the package's own code asked for it, itself or by way of the standard library.
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib") or "site-packages" in name:
            return False
        if name.startswith(package):
            return True
        frame = frame.f_back
    return False


def watch(event, arguments):
    if event.startswith("socket.") or event == "sqlite3.connect":
        events.append([event, repr(arguments)])
    elif event in ("os.mkdir", "os.remove", "os.rename", "tempfile.mkdtemp", "tempfile.mkstemp"):
        events.append([event, repr(arguments)])
    elif event == "open":
        path, _, flags = arguments
        if isinstance(path, int) or path == os.devnull:
            return
        if flags & (os.O_WRONLY | os.O_RDWR):
            events.append(["write", str(path)])
        elif by_us():
            events.append(["read", str(path)])
    elif event.startswith(("subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system")) and by_us():
        events.append([event, repr(arguments)])


sys.addaudithook(watch)
import minerecon_dagster.cli.main
import minerecon_dagster.definitions
exec(compile(sys.argv[2], package + "made_up.py", "exec"))
print(json.dumps(events))
"""


def events_of_an_import(then: str = "") -> list[list[str]]:
    """What the import did, in an empty environment; and what the code ``then`` did as if it were the package's."""
    command = [sys.executable, "-B", "-c", _WATCH, str(ROOT / "minerecon_dagster"), then]
    done = subprocess.run(command, env={}, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    events: list[list[str]] = json.loads(done.stdout)
    return events


def foreign(path: str) -> bool:
    """Neither the package's own file, nor the database of time zones that `zoneinfo` reads."""
    inside = Path(path).resolve().is_relative_to(ROOT / "minerecon_dagster")
    return not inside and "zoneinfo" not in path and "tzdata" not in path


def test_an_import_opens_no_connection_writes_nothing_and_reads_its_own_files_only() -> None:
    assert [event for event in events_of_an_import() if event[0] != "read" or foreign(event[1])] == []


@pytest.mark.slow
def test_the_watch_sees_what_it_is_there_for() -> None:
    code = """
import contextlib, socket, subprocess
for look in (
    lambda: socket.socket().close(),
    lambda: socket.create_connection(("127.0.0.1", 9), 1),
    lambda: open("/etc/passwd").close(),
    lambda: open("/minerecon-is-not-there/x", "w"),
    lambda: subprocess.run(["true"]),
):
    with contextlib.suppress(OSError):
        look()
"""
    found = {name for name, _ in events_of_an_import(code)}
    assert {"socket.__new__", "socket.connect", "read", "write", "subprocess.Popen"} <= found


def test_definitions_are_valid_with_no_service_and_no_environment() -> None:
    dagster = Path(sys.executable).with_name("dagster")
    done = subprocess.run([dagster, "definitions", "validate"], env={}, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All code locations passed validation" in done.stdout + done.stderr
