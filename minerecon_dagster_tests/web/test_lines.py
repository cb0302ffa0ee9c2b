"""The lines of docs/analyse/api.md do what they say, with every tool that is on this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster_tests.web.conftest import Api

PAGE = (PROJECT_ROOT / "docs" / "analyse" / "api.md").read_text("utf-8")
LINES = PAGE.partition("## Lines to begin with")[2].partition("\n## ")[0]
ADDRESS = re.compile(r"http://127\.0\.0\.1:3001(/[^'\"\s]*)")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", LINES, re.DOTALL)


def here(text: str, api: Api) -> str:
    return text.replace("127.0.0.1:3001", f"127.0.0.1:{api.port}")


def test_every_address_on_the_page_answers(api: Api) -> None:
    found = [path for kind in ("sh", "python", "sql", "r", "text") for b in blocks(kind) for path in ADDRESS.findall(b)]
    assert len(found) == 8
    for path in found:
        assert api.get(path).status == 200, path


def in_shell(text: str, folder: Path) -> None:
    for line in text.strip().splitlines():
        done = subprocess.run(["sh", "-c", f"{line} --fail"], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stderr)
    (file,) = folder.glob("*.csv")
    assert file.name == "minerecon_half-hours_2025-03-30_2025-03-30_so_final.csv"
    assert len(file.read_text("utf-8-sig").splitlines()) == 47


def in_python(text: str, folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", text], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0


def in_duckdb(text: str, folder: Path) -> None:
    ((address, path),) = re.findall(r"(http://[^/]+)(/[^']*)", text)
    file = folder / "days.csv"
    subprocess.run(["curl", "-sfo", file, address + path], check=True)  # its httpfs has to be fetched first
    rows = duckdb.sql(text.replace(address + path, str(file))).fetchall()
    assert {status: days for status, days, _ in rows} == {
        "complete": 27, "failing": 1, "incomplete": 1, "missing": 1, "provisional": 1,
    }  # fmt: skip


def in_r(text: str, folder: Path) -> None:
    done = subprocess.run(["Rscript", "-e", text], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[1]")


TOOLS: tuple[tuple[str, str, Callable[[str, Path], None]], ...] = (
    ("curl", "sh", in_shell),
    (sys.executable, "python", in_python),
    ("curl", "sql", in_duckdb),
    ("Rscript", "r", in_r),
)


@pytest.mark.parametrize(("tool", "kind", "run"), TOOLS, ids=[kind for _, kind, _ in TOOLS])
def test_the_lines_run_as_they_stand(
    tool: str, kind: str, run: Callable[[str, Path], None], api: Api, tmp_path: Path
) -> None:
    (text,) = blocks(kind)
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not on this machine")
    run(here(text, api), tmp_path)
