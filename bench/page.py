"""The page docs/build/measurements.md: what `make bench` measured, a row each, with date, machine and commit.

A part of the benchmarks replaces the rows that it measured; all others stay, each with what it says of itself.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.versions import ROOT

PAGE = ROOT / "docs" / "build" / "measurements.md"
_BLOCK = re.compile(r"(?<=<!-- measured: bench -->\n)(.*?)(?=<!-- end -->\n)", re.DOTALL)
_HEAD = "| measured | value | within | with | when, at which commit, where |\n|---|---|---|---|---|\n"
_ONLY_PRINTED = "property_"
"""One line for each property of a day is too many for a page; their sum is on it."""


def write(lines: Iterable[Mapping[str, Any]], measured: str, page: Path = PAGE) -> None:
    """Put measurements into the page.

    Args:
        lines: as `make bench` prints them.
        measured: when, at which commit and where, for all of them.
        page: the file.
    """
    text = page.read_text("utf-8")
    block = _BLOCK.search(text)
    assert block is not None, f"{page} has no place for measurements"
    rows = {row.split("`")[1]: row for row in block[0].splitlines() if row.startswith("| `")}
    rows |= {line["name"]: _row(line, measured) for line in lines if not line["name"].startswith(_ONLY_PRINTED)}
    table = _HEAD + "".join(f"{row}\n" for row in rows.values())
    page.write_text(text[: block.start()] + table + text[block.end() :], "utf-8")


def here_and_now() -> str:
    """The date, the commit (marked where files differ from it), and the machine."""
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "minerecon_dagster", "bench"], check=False)
    at = f"{commit.strip() or 'no commit'}{' and changes' if changed.returncode else ''}"
    today = dt.datetime.now(dt.UTC).date()
    return f"{today}, {at}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def _row(line: Mapping[str, Any], measured: str) -> str:
    more = ", ".join(f"{k} {v}" for k, v in line.items() if k not in ("name", "value", "unit", "target"))
    return f"| `{line['name']}` | {line['value']:g} {line['unit']} | {line.get('target', '')} | {more} | {measured} |"
