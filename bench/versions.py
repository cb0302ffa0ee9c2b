"""Other versions of the project, beside this one: a commit's files in a folder, run by this environment's Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASE = "094ddfa"


def commit(name: str) -> str:
    """The full id of a commit.

    Raises:
        SystemExit: there is none.
    """
    asked = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        sys.exit(f"{name} is no commit of this repository")
    return asked.stdout.strip()


def check_out(name: str, folder: Path, *paths: str) -> Path:
    """Put the files of a commit, or some of its paths, into ``folder``, over what is there; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = subprocess.Popen(["git", "archive", commit(name), *paths], cwd=ROOT, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", str(folder)], stdin=archive.stdout, check=True)
    if archive.wait():
        sys.exit(f"git archive {name} {' '.join(paths)} exited with {archive.returncode}")
    shared, beside = ROOT.parent / "shared", folder.parent / "shared"
    if shared.exists() and not beside.exists():
        beside.symlink_to(shared.resolve())
    return folder


def environ(folder: Path) -> dict[str, str]:
    """The environment in which this Python, and the commands beside it, use the project in ``folder``.

    Raises:
        SystemExit: they do not.
    """
    given = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    ask = [sys.executable, "-c", "import minerecon_dagster; print(minerecon_dagster.__file__)"]
    used = subprocess.run(ask, cwd=folder, env=given, capture_output=True, text=True, check=True).stdout.strip()
    if Path(used).resolve().parents[1] != folder.resolve():
        sys.exit(f"{sys.executable} uses {used}, and not the project in {folder}")
    return given
