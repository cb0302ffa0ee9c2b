"""Installed from a wheel, every command works from any folder, by a user whose own folder cannot be written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from minerecon_dagster.cli.main import cli
from minerecon_dagster.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow
NO_FOLDER = "/dev/null"
EVERY_HELP = """
import click
from minerecon_dagster.cli.main import cli

def commands(group, *above):
    for name, command in group.commands.items():
        yield (*above, name)
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)

for words in commands(cli):
    try:
        cli([*words, "--help"], prog_name="minerecon")
    except SystemExit as ends:
        assert ends.code == 0, words
"""


class Installed:
    """A bare virtual environment with the wheel, which finds what the project stands on in this one."""

    def __init__(self, folder: Path) -> None:
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
        wheels = folder / "wheels"
        built = (*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(_copy(folder)))
        subprocess.run(built, check=True, capture_output=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
        python = folder / "venv" / "bin" / "python"
        query = "import sysconfig; print(sysconfig.get_path('purelib'))"
        packages = Path(subprocess.check_output([python, "-c", query], text=True).strip())
        # Files .pth of a folder that is named so are not read: the project itself is not found by it.
        (packages / "what_the_project_stands_on.pth").write_text(sysconfig.get_path("purelib"))
        (wheel,) = wheels.glob("*.whl")
        subprocess.run([*pip, "--python", str(python), "install", "-q", "--no-deps", str(wheel)], check=True)
        self.package = packages / "minerecon_dagster"
        self.python = python
        self.program = folder / "venv" / "bin" / "minerecon"
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir()

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return self.start(self.program, *arguments, **environ)

    def start(self, program: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments],
            cwd=self.elsewhere,
            env={"PATH": "/usr/bin:/bin", "HOME": NO_FOLDER, "LANG": "C.UTF-8", **environ},
            capture_output=True,
            text=True,
            timeout=300,
        )


def _copy(folder: Path) -> Path:
    """The sources as they are now, built in a folder of their own: a build leaves files beside them."""
    left_out = shutil.ignore_patterns(".*", "__pycache__", "build", "*.egg-info", "minerecon_dagster_tests", "bench")
    return shutil.copytree(PROJECT_ROOT, folder / "sources", ignore=left_out, symlinks=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    yield Installed(tmp_path_factory.mktemp("installed"))


def _files(folder: Path) -> dict[Path, int]:
    return {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"}


def test_every_command_starts(installed: Installed) -> None:
    ran = installed.start(installed.python, "-c", EVERY_HELP)
    assert (ran.returncode, ran.stderr) == (0, "")
    usages = [line.split()[2:-1] for line in ran.stdout.splitlines() if line.startswith("Usage: minerecon ")]
    assert {words[0] for words in usages} == set(cli.commands)
    assert ["db", "upgrade"] in usages
    assert str(PROJECT_ROOT) not in ran.stdout
    alone = installed.run("local", "--help")
    assert (alone.returncode, alone.stderr) == (0, "")
    assert alone.stdout in ran.stdout


def test_the_instance_files_are_the_projects_own(installed: Installed) -> None:
    for name in ("dagster.yaml", "workspace.yaml"):
        shipped = installed.package / "dagster_home" / name
        assert not shipped.is_symlink()
        assert yaml.safe_load(shipped.read_text()) == yaml.safe_load((PROJECT_ROOT / name).read_text())


def test_the_sample_is_run_migrated_and_ingested_and_the_package_stays_as_it_was(
    installed: Installed, tmp_path: Path
) -> None:
    before = _files(installed.package)
    migrated = installed.run("local", "--", "minerecon", "db", "upgrade", MINERECON_HOME=str(tmp_path / "home"))
    assert migrated.returncode == 0, migrated.stderr
    assert migrated.stdout.startswith("warehouse: at ")
    for command in (("run",), ("reingest", "2025-06-15", "--sample")):
        ran = installed.run(*command, "--json", TMPDIR=str(tmp_path))
        assert ran.returncode == 0, ran.stderr
        answer = json.loads(ran.stdout.splitlines()[-1])
        assert answer["ok"]
        assert {day["status"] for day in answer["days"]} == {"complete"}
    assert _files(installed.package) == before
    assert not (installed.package.parent / ".minerecon").exists()


def test_real_days_are_not_kept_where_nobody_would_look_for_them(installed: Installed) -> None:
    ran = installed.run("status", ELEXON_BASE_URL="http://127.0.0.1:9")
    assert ran.returncode == 2
    assert ran.stderr.splitlines() == [
        f"minerecon: {NO_FOLDER}/.local/share/minerecon cannot be made (Not a directory): "
        "set MINERECON_HOME to a folder of yours"
    ]
