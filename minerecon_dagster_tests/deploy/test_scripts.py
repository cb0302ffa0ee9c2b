"""The scripts of deploy/: the shell can read each, and the Dockerfile has nothing that its linter warns of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from minerecon_dagster_tests.deploy.files import DEPLOY

SCRIPTS = sorted([*DEPLOY.glob("*.sh"), *DEPLOY.glob("*/*.sh")])
HADOLINT = Path(sys.executable).with_name("hadolint")


def test_there_are_scripts():
    assert {"secrets.sh", "backup.sh", "restore.sh", "drill.sh"} <= {script.name for script in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_shell_can_read_a_script(script: Path):
    done = subprocess.run(["sh", "-n", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_linter_of_dockerfiles_has_no_warning():
    if not HADOLINT.is_file():
        pytest.skip("hadolint is not installed: pip install -e '.[deploy-check]'")
    command = [HADOLINT, "--failure-threshold", "warning", DEPLOY / "Dockerfile"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
