"""Secrets in files: a command works by them, and one that cannot be read is one line and exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from minerecon_dagster_tests.cli.conftest import Ran


def test_a_command_works_by_addresses_that_are_in_files(
    minerecon: Callable[..., Ran], environ: dict[str, str], tmp_path: Path
) -> None:
    files = {}
    for name in ("DATABASE_URL", "DAGSTER_POSTGRES_URL"):
        files[f"{name}_FILE"] = str(tmp_path / name)
        (tmp_path / name).write_text(environ[name] + "\n")
    nothing = {name.removesuffix("_FILE"): "" for name in files}
    ran = minerecon("db", "upgrade", **files, **nothing, MINERECON_EMBEDDED="never")
    assert ran.code == 0, ran.err
    assert ran.out.endswith(", up to date\n")


def test_a_secret_that_cannot_be_had_is_one_line(minerecon: Callable[..., Ran], tmp_path: Path) -> None:
    ran = minerecon("status", DATABASE_URL="", DATABASE_URL_FILE=str(tmp_path / "none"))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"minerecon: DATABASE_URL_FILE: {tmp_path}/none cannot be read: No such file or directory\n"
