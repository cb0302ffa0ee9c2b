"""What may import what stands in pyproject.toml, and `make lint` holds it; here, that it would notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from minerecon_dagster.settings import PROJECT_ROOT

PACKAGE = "minerecon_dagster"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("core/mining.py", "import minerecon_dagster.settings", "rooms stand on each other"),
        ("core/mining.py", "import requests", "core is pure"),
        ("standing/due.py", "import dagster", "without Dagster"),
        ("alerts/text.py", "import dagster", "only the readers of runs"),
        ("elexon/datasets/stack.py", "from minerecon_dagster.cli import main", "rooms stand on each other"),
        ("day/stored.py", "import minerecon_dagster.day.worker", "no circles"),
    ],
)
def test_a_contract_that_is_broken_is_told(module: str, line: str, contract: str, tmp_path: Path) -> None:
    shutil.copy(PROJECT_ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(PROJECT_ROOT / PACKAGE, tmp_path / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    assert lint(tmp_path).returncode == 0
    with (tmp_path / PACKAGE / module).open("a") as file:
        file.write(f"\n{line}\n")
    found = lint(tmp_path)
    assert found.returncode == 1
    assert any(contract in text and "BROKEN" in text for text in found.stdout.splitlines())
