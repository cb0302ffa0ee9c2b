"""The scripts of deploy/: the shell can read each, and the Dockerfile has nothing that its linter warns of."""

from __future__ import annotations

import os
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


@pytest.mark.parametrize("kept", ["0", "-1", "abc", "1.5", "00"])
def test_a_backup_that_would_keep_nothing_does_nothing(kept: str, tmp_path: Path):
    dump = tmp_path / "20250101T000000Z"
    dump.mkdir()
    command = ["sh", DEPLOY / "backup" / "backup.sh", tmp_path]
    environ = {"PATH": os.environ["PATH"], "DEPLOY_BACKUPS_KEPT": kept}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert f'DEPLOY_BACKUPS_KEPT is "{kept}"' in done.stderr
    assert list(tmp_path.iterdir()) == [dump]
