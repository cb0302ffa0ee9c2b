"""Seven tasks of the field as patches: how many files of the package each touches, and that it is green.

`bench/tasks` has them, each with what it adds at its top. They are kept true by being done: on a copy of the tree, with
what is made from the code made anew.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATCHES = ROOT / "bench" / "tasks"
TESTS = "minerecon_dagster_tests"
RENEW = (
    "renew it: `git apply --reject` it to a clean tree, do by hand what is left in *.rej, `git add -fN` what is new,"
    " and put `git diff -U1` below its first lines, without the pages and snapshots that are made from the code"
)


@dataclass(frozen=True)
class Task:
    """A task.

    Args:
        patch: its file, without the ending.
        most_files: so many files of the package it touches at most; docs and tests do not count.
        tests: those that must be green, as pytest takes them.
        spares: files of the package that it must leave alone.
    """

    patch: str
    most_files: int
    tests: Sequence[str]
    spares: Sequence[str] = ()

    @property
    def path(self) -> Path:
        return PATCHES / f"{self.patch}.patch"


TASKS = (
    Task(
        "01_miner_model", 1,
        ("core/test_mining.py", "sums/test_rollups.py", "day/test_one_day.py", "-k", "not test_one_day or wind"),
    ),
    Task(
        "02_check", 3,
        ("core/test_checks.py", "test_graces.py", "faults/test_page.py",
         "faults/test_faults.py::test_a_fault_in_the_tables", "-k", "not test_a_fault_in_the_tables or instructed"),
    ),
    Task(
        "03_summed_column", 5,
        ("warehouse/test_sums.py", "warehouse/test_migrations.py", "warehouse/test_refunding_made_up.py",
         "warehouse/test_finality_migration.py", "analytics/test_migration.py", "web/test_refunding_made_up_web.py"),
        spares=("web/resources.py", "web/question.py", "web/service.py", "web/answers.py", "web/openapi.py"),
    ),
    Task(
        "04_dataset", 5,
        ("day/test_metered_made_up.py", "faults/test_source_metered_made_up.py", "faults/test_page.py",
         "core/test_checks.py", "warehouse/test_migrations.py"),
        spares=("elexon/fetch.py", "elexon/reading.py", "day/build.py", "verify/compare.py", "defs/catalog.py"),
    ),
    Task("05_schedule", 1, ("defs/test_schedules.py", "-k", "london or tick or half_past")),
    Task("06_setting", 1, ("test_settings.py", "test_graces.py")),
    Task(
        "07_export_view", 1,
        ("analytics/test_views.py", "exports/test_exports.py", "-k", "described or grain or every_view"),
    ),
)  # fmt: skip


def run(copy: Path, *command: str, **variables: str) -> str:
    """Run one of the environment's own tools in a copy; what it said. It imports the copy's package, and no other."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "MINERECON_", "DAGSTER_", "GIT_"))}
    # Without the ceiling, git would apply nothing in a folder of somebody's repository.
    environ = kept | {"PYTHONPATH": str(copy), "GIT_CEILING_DIRECTORIES": str(copy.parent)} | variables
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, env=environ, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"{' '.join(command)}:\n{said[-6000:]}"
    return said


def python(copy: Path, module: str, *arguments: str, **variables: str) -> str:
    return run(copy, sys.executable, "-m", module, *arguments, **variables)


def make_pages(copy: Path) -> None:
    """Write anew what is made from the code: pages, tables in them, snapshots."""
    description = f"{TESTS}/web/test_front.py::test_the_description_is_the_one_that_is_committed"
    python(copy, "pytest", "-q", description, f"{TESTS}/docs/test_made.py", UPDATE_DOCS="1")


def differing(copy: Path, tracked: Sequence[str]) -> set[str]:
    """The files of the package that a copy has otherwise, more or less than the tree."""
    package = copy / "minerecon_dagster"
    there = {str(p.relative_to(copy)) for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    before = {name for name in tracked if name.startswith("minerecon_dagster/")}
    changed = {name for name in there & before if (copy / name).read_bytes() != (ROOT / name).read_bytes()}
    return changed | (there ^ before)


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="session")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What mypy and import-linter learn of one copy holds for the next; mypy knows the tree from `make types`."""
    folder = tmp_path_factory.mktemp("caches")
    if (ROOT / ".mypy_cache").is_dir():
        shutil.copytree(ROOT / ".mypy_cache", folder / "mypy")
    return folder


def test_every_patch_is_a_task_and_says_what_it_adds() -> None:
    assert {path.stem for path in PATCHES.iterdir()} == {task.patch for task in TASKS}
    assert [task.patch for task in TASKS if task.path.read_text("utf-8").startswith("diff")] == []


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.patch)
def test_a_patch_applies_to_the_tree_as_it_is(task: Task) -> None:
    done = subprocess.run(["git", "apply", "--check", task.path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{task.path.name} is stale; {RENEW}\n{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.patch)
def test_a_task_touches_few_files_and_is_green(task: Task, tracked: list[str], tmp_path: Path, caches: Path) -> None:
    copy = tmp_path / "copy"
    for name in tracked:
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    for folder in {Path(name).parent for name in tracked if name.endswith(".py")}:
        # With the times of the sources what is compiled of them holds, and what the patch changes is compiled anew.
        if (ROOT / folder / "__pycache__").is_dir():
            shutil.copytree(ROOT / folder / "__pycache__", copy / folder / "__pycache__")
    run(copy, "git", "apply", str(task.path))
    assert str(copy) in run(copy, sys.executable, "-c", "import minerecon_dagster as m; print(m.__file__)")
    make_pages(copy)

    files = differing(copy, tracked)
    assert 0 < len(files) <= task.most_files, sorted(files)
    assert files & {f"minerecon_dagster/{name}" for name in task.spares} == set()

    python(copy, "ruff", "check", ".")
    python(copy, "ruff", "format", "--check", ".")
    linter = "from importlinter.cli import lint_imports_command as run; run()"
    run(copy, sys.executable, "-c", linter, "--cache-dir", str(caches / "imports"))
    python(copy, "mypy", "--cache-dir", str(caches / "mypy"))
    where = [f"{TESTS}/{test}" if ".py" in test else test for test in task.tests]
    said = python(copy, "pytest", "-q", *where)
    assert re.search(r"\d+ passed", said), said
