"""What the checks of `deploy/` share: folders, tools, and how a part says that it was skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
WORK = Path(os.environ.get("DEPLOY_CHECK_WORK") or ROOT / "build" / "deploy").absolute()
"""What is kept from check to check: the base, the wheels, the image. `rm -r` it for its space."""
ROLES = ("code", "daemon", "webserver", "web")


class Skipped(Exception):  # noqa: N818 - no error
    """A part cannot be looked at here; ``str()`` says why, and what to install."""


def tool(name: str, package: str) -> str:
    """The path of a program.

    Raises:
        Skipped: it is not installed.
    """
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise Skipped(f"{name} is not installed: {package}")
    return found


def run(command: Sequence[str | Path], *, environ: Mapping[str, str] | None = None, seconds: float = 900) -> str:
    """What a command prints on standard output.

    Raises:
        AssertionError: it failed; with the end of what it said.
    """
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))[:300]}: {(done.stdout + done.stderr)[-3000:]}"
    return done.stdout


def as_root() -> None:
    """See that containers can be built and run here.

    Raises:
        Skipped: the user may not.
    """
    if os.geteuid() != 0:
        raise Skipped("it takes root, to build and to run containers without a daemon")
