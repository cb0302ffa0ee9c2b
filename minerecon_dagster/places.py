"""Nothing meant for one place reaches another: the addresses that a process really uses are those that were set.

Dagster's programs read a file ``.env`` in the folder that they are started in, each of them by itself, and its
values win over the environment's. So the embedded stack starts them in a folder without one, and every process
that opens Dagster's instance or loads the definitions compares what it is about to use with what was set:

- `seal` puts a fingerprint of each address into the environment that `minerecon` hands on, and `check` refuses
  where one differs;
- where nothing was sealed (services of one's own), `check` refuses a value that only a ``.env`` has brought in.

Fingerprints are keyed by a random number of each start, so that they say nothing about an address, and may be shown.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import click

from minerecon_dagster.core.errors import ConfigurationError

SEAL = "MINERECON_PLACES"
"""Set by `minerecon` for the processes that it starts, and by nobody else: process, key, and the fingerprints."""
FILE = ".env"
_OURS = ("MINERECON_", "ELEXON_", "DAGSTER_", "BITCOIN_", "DYNAMODB_", "AWS_")
"""Beginnings of what is ours, Dagster's or boto3's, declared by the project or not."""
_LENGTH = 16


class MisplacedError(ConfigurationError, click.ClickException):
    """A process is about to use another place than was set. Dagster's programs, too, end with its line, and with 2."""

    exit_code = 2


def addresses() -> tuple[str, ...]:
    """The variables that say where a process reads and writes; and the first day, which says what it asks for."""
    from minerecon_dagster.settings import declared

    return tuple(variable.name for variable in declared() if variable.is_address)


def seal(environ: Mapping[str, str]) -> str:
    """The value of `SEAL` for the processes that are started with ``environ``."""
    key = secrets.token_hex(16)
    return " ".join((str(os.getpid()), key, *(f"{n}={p}" for n, p in _fingerprints(key, environ).items())))


def fingerprints(environ: Mapping[str, str]) -> dict[str, str]:
    """Of each address that ``environ`` holds, by the key of its own seal; none without a seal."""
    _, key, _ = _read(environ.get(SEAL, ""))
    return _fingerprints(key, environ) if key else {}


def difference(sealed: str, found: Mapping[str, str]) -> str | None:
    """The first address whose fingerprint in ``found`` is not the one of the seal ``sealed``; None: all agree."""
    _, _, wanted = _read(sealed)
    return next((name for name in addresses() if found.get(name) != wanted.get(name)), None)


def check(environ: Mapping[str, str], folder: Path) -> None:
    """See that a process uses the addresses that were set.

    Args:
        environ: the process's environment, with whatever Dagster has put into it.
        folder: in which the process was started.

    Raises:
        MisplacedError: one line that names the variable, and no value.
    """
    sealed = environ.get(SEAL, "")
    pid, key, _ = _read(sealed)
    if pid == str(os.getpid()):
        return  # the process that set the addresses, which reads no file
    if key and (name := difference(sealed, fingerprints(environ))):
        raise MisplacedError(
            f"{name} is not what minerecon has set for this process{_because(folder)}: nothing was started"
        )
    if brought := brought_by_file(environ, folder):
        raise MisplacedError(
            f"{folder / FILE} sets {', '.join(brought)} otherwise than the environment does: Dagster reads a {FILE} by "
            "itself, and minerecon does not. Name it minerecon.env, and load it into the environment of every process: "
            "set -a; . ./minerecon.env; set +a"
        )


def dagster_home(environ: Mapping[str, str]) -> Path:
    """The folder of ``DAGSTER_HOME``, whose ``dagster.yaml`` keeps Dagster's storage where this project says.

    Dagster takes any folder, and where it finds no ``dagster.yaml`` keeps everything in SQLite there, unseen.

    Raises:
        MisplacedError: it is not so, in one line that says what to set.
    """
    home = Path(environ["DAGSTER_HOME"].strip()).expanduser()
    file = home / "dagster.yaml"
    problem = None
    if not home.is_absolute():
        problem = "is no absolute path"
    elif not file.is_file():
        problem = "has no dagster.yaml"
    elif not _keeps_storage_in_postgres(file):
        problem = "has a dagster.yaml whose storage is not the PostgreSQL of DAGSTER_POSTGRES_URL"
    if problem is None:
        return home
    raise MisplacedError(
        f"DAGSTER_HOME: {home} {problem}: unset it, or set it to the folder that holds the project's dagster.yaml"
    )


def require_dagster_yaml(environ: Mapping[str, str]) -> None:
    """Refuse a ``DAGSTER_HOME`` without a ``dagster.yaml``; one that somebody has written may keep what it says.

    Raises:
        MisplacedError: it has none.
    """
    home = environ.get("DAGSTER_HOME", "").strip()
    if home and not (Path(home).expanduser() / "dagster.yaml").is_file():
        dagster_home(environ)


def _keeps_storage_in_postgres(file: Path) -> bool:
    """By the project's own storage, or Dagster's own, with the address from the environment."""
    import yaml  # type: ignore[import-untyped]  # Dagster brings it, without its types

    try:
        storage = (yaml.safe_load(file.read_text("utf-8")) or {}).get("storage") or {}
        ours = storage.get("custom") or {}
        dagsters = (storage.get("postgres") or {}).get("postgres_url")
    except (yaml.YAMLError, AttributeError, ValueError):
        return False
    return (ours.get("module"), ours.get("class")) == ("minerecon_dagster.instance", "Storage") or dagsters == {
        "env": "DAGSTER_POSTGRES_URL"
    }


def brought_by_file(environ: Mapping[str, str], folder: Path, begun_with: Mapping[str, str] | None = None) -> list[str]:
    """Our variables in ``environ`` that hold what the file ``.env`` of ``folder`` says, and did not at first.

    Args:
        environ: the process's environment.
        folder: in which Dagster looks for the file.
        begun_with: the environment that the process was started with; by default, what the system says of it.
            Where the system does not say, each variable counts that holds what the file says.
    """
    first = _begun_with() if begun_with is None else begun_with
    return [
        name
        for name, value in read_file(folder).items()
        if environ.get(name) == value and value != (first or {}).get(name)
    ]


def read_file(folder: Path) -> dict[str, str]:
    """Our variables in the file ``.env`` of ``folder``, as Dagster reads it; none where there is none."""
    if not (folder / FILE).is_file():
        return {}
    from dagster._core.secrets.env_file import get_env_var_dict

    return {name: value for name, value in get_env_var_dict(str(folder)).items() if _is_ours(name)}


def _is_ours(name: str) -> bool:
    from minerecon_dagster.settings import declared

    return name.startswith(_OURS) or any(name == variable.name for variable in declared())


def _because(folder: Path) -> str:
    return f" ({folder / FILE} sets it)" if (folder / FILE).is_file() else ""


def _begun_with() -> dict[str, str] | None:
    try:
        block = Path("/proc/self/environ").read_bytes()
    except OSError:
        return None
    pairs = (os.fsdecode(entry).partition("=") for entry in block.split(b"\0") if entry)
    return {name: value for name, _, value in pairs}


def _read(sealed: str) -> tuple[str, str, dict[str, str]]:
    pid, key, *pairs = sealed.split() if len(sealed.split()) >= 2 else ("", "")
    return pid, key, dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def _fingerprints(key: str, environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: hmac.new(key.encode(), f"{name}={value}".encode(), hashlib.sha256).hexdigest()[:_LENGTH]
        for name in addresses()
        if (value := environ.get(name, "").strip())
    }
