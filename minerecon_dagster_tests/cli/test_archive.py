"""`minerecon archive verify`: every object is read, and what is damaged is named with what mends it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from minerecon_dagster_tests.cli.conftest import Ran
from minerecon_dagster_tests.launchers.test_shared_archive import SAYS, home_of_a_cluster

Run = Callable[..., Ran]


@pytest.mark.slow
def test_a_sound_archive_is_said_to_be_so_and_a_damaged_one_by_object_and_command(
    minerecon: Run, day_stored: Engine, environ: dict[str, str]
) -> None:
    sound = minerecon("archive", "verify")
    assert (sound.code, "none damaged" in sound.out) == (0, True), sound.out + sound.err
    whole = minerecon("archive", "verify", "2025-03-28", "--json").json
    assert (whole["ok"], whole["days"], whole["damaged"]) == (True, 1, [])
    assert whole["answers"] >= 96

    [file] = Path(environ["MINERECON_HOME"], "archive", "days").rglob("*.zip")
    body = file.read_bytes()
    file.write_bytes(body[: len(body) // 2] + b"?" + body[len(body) // 2 + 1 :])
    ran = minerecon("archive", "verify")
    assert ran.code == 1
    assert f"{file}: " in ran.out
    assert "minerecon reingest 2025-03-28 --force" in ran.out
    assert "1 damaged" in ran.out
    [entry] = minerecon("archive", "verify", "2025-03-28", "2025-03-28", "--json").json["damaged"]
    assert (entry["object"], entry["settlement_date"], entry["is_current"]) == (str(file), "2025-03-28", True)


def test_nothing_to_look_at_is_no_pass(minerecon: Run, tmp_path: Path) -> None:
    ran = minerecon("archive", "verify", MINERECON_ARCHIVE_URL=str(tmp_path / "empty"))
    assert (ran.code, ran.out) == (1, "")
    assert "holds nothing" in ran.err
    days = minerecon("archive", "verify", "2025-03-28", MINERECON_ARCHIVE_URL=str(tmp_path / "empty"))
    assert "holds nothing of 2025-03-28: check" in days.err
    assert days.err.endswith("fetch: minerecon reingest 2025-03-28\n")


def test_a_range_that_ends_before_it_begins_is_a_mistake(minerecon: Run) -> None:
    assert minerecon("archive", "verify", "2025-03-28", "2025-03-27").code == 2


@pytest.mark.slow
def test_the_installed_command_needs_no_service_but_the_archives(installed: Run, tmp_path: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nowhere"
    ran = installed(
        "archive", "verify", MINERECON_HOME=str(tmp_path), DATABASE_URL=nowhere, DAGSTER_POSTGRES_URL=nowhere
    )
    assert "holds nothing" in ran.err
    assert "Traceback" not in ran.err


def test_a_folder_that_runs_on_other_hosts_never_see_is_no_archive_to_look_at(minerecon: Run, tmp_path: Path) -> None:
    home = str(home_of_a_cluster(tmp_path / "home"))
    ran = minerecon("archive", "verify", DAGSTER_HOME=home, MINERECON_ARCHIVE_URL=str(tmp_path / "archive"))
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1), ran.err
    assert SAYS in ran.err
