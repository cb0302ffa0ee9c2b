"""Files of ours on a machine with other users, under whatever umask a command begins."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.local.permissions import own_folder

MAKES = """
import socket, sys
from pathlib import Path
from minerecon_dagster.cli import main
main.cli = lambda: None
main.main()
folder = Path(sys.argv[1])
(folder / "file").write_text("")
(folder / "folder").mkdir()
socket.socket(socket.AF_UNIX).bind(str(folder / "socket"))
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("umask", "file", "folder"),
    [(0o000, 0o640, 0o750), (0o002, 0o640, 0o750), (0o022, 0o640, 0o750), (0o077, 0o600, 0o700)],
)
def test_a_command_makes_nothing_that_others_can_write(tmp_path: Path, umask: int, file: int, folder: int) -> None:
    subprocess.run([sys.executable, "-c", MAKES, str(tmp_path)], check=True, umask=umask)
    assert mode(tmp_path / "file") == file
    assert mode(tmp_path / "folder") == folder
    assert mode(tmp_path / "socket") & 0o022 == 0


def test_a_new_home_is_its_owners_and_an_open_one_is_closed(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        own_folder(tmp_path / "new" / "home")
        (tmp_path / "open").mkdir(mode=0o777)
    finally:
        os.umask(before)
    assert mode(tmp_path / "new" / "home") == 0o700
    own_folder(tmp_path / "open")
    assert mode(tmp_path / "open") == 0o755
    own_folder(tmp_path / "open")
    assert mode(tmp_path / "open") == 0o755


def test_a_home_that_is_not_ours_and_open_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs").chmod(0o777)

    def refused(path: Path, mode: int) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "chmod", refused)  # root may change everybody's
    with pytest.raises(ConfigurationError, match=r"theirs can be written by other users .*set MINERECON_HOME"):
        own_folder(tmp_path / "theirs")
