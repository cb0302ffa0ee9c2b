"""`minerecon ARGUMENTS` in a process of its own that was forked from one in which everything is imported already.

It has its own environment, folder, output and exit code, and can be killed, as the console script; what it spares
are the two seconds and more of imports, and so it cannot show that a command imports what it needs.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver, get_context
from pathlib import Path

MINERECON = Path(sys.executable).with_name("minerecon")
_CONTEXT = get_context("forkserver")


def import_everything() -> None:
    """Start the process that commands are forked from; it ends with this one."""
    _CONTEXT.set_forkserver_preload(["minerecon_dagster_tests.cli.imported"])
    forkserver.ensure_running()


class Forked:
    """A started command; what it prints goes to files in ``folder``, which it has for itself."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], folder: Path) -> None:
        self._out, self._err = folder / "out", folder / "err"
        self._arguments = list(arguments)
        self._process = _CONTEXT.Process(
            target=_main, args=(self._arguments, dict(environ), Path.cwd(), self._out, self._err)
        )
        self._process.start()

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it printed on standard output and error, once it has ended."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._arguments, timeout or 0)
        return self._out.read_text("utf-8"), self._err.read_text("utf-8")

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()


def _main(arguments: list[str], environ: dict[str, str], folder: Path, out: Path, err: Path) -> None:
    """In the new process: be the console script."""
    from minerecon_dagster.cli.main import main

    for path, descriptor in ((os.devnull, 0), (out, 1), (err, 2)):
        file = os.open(path, os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, descriptor)
        os.close(file)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.argv = [str(MINERECON), *arguments]
    try:
        main()
    finally:
        atexit._run_exitfuncs()
