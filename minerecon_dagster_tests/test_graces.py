"""docs/build/graces.md: every number that may excuse a wrong figure is on it, with a test that has one wrong in it."""

from __future__ import annotations

import ast
import datetime as dt
import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import minerecon_dagster
from minerecon_dagster.settings import Settings, variables

PACKAGE = Path(minerecon_dagster.__file__).parent
TESTS = Path(__file__).parent
PAGE = (PACKAGE.parent / "docs" / "build" / "graces.md").read_text("utf-8")
PREFIX = f"{minerecon_dagster.__name__}."
_NUMBER = (int, float, Decimal, dt.timedelta, dt.time)


def numbers_of(module: str) -> Iterator[str]:
    """The constants that a module defines itself: numbers, durations, times of day, or several of them."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    for node in ast.parse(Path(spec.origin).read_text("utf-8")).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            if isinstance(target, ast.Name) and target.id.isupper():
                value = getattr(importlib.import_module(module), target.id)
                values = list(value) if type(value) in (tuple, list, set, frozenset) else [value]
                if values and all(isinstance(v, _NUMBER) and not isinstance(v, bool) for v in values):
                    yield f"{module.removeprefix(PREFIX)}.{target.id}"


def all_numbers() -> set[str]:
    modules = [
        module.name
        for module in pkgutil.walk_packages(minerecon_dagster.__path__, PREFIX)
        if ".migrations." not in module.name
    ]
    return {name for module in modules for name in numbers_of(module)} | numbers_of_settings()


def numbers_of_settings() -> set[str]:
    """The settings whose default is a number, each by its variable."""
    fields = Settings.model_fields
    return {f"settings.{v.name}" for field, v in variables().items() if isinstance(fields[field].default, _NUMBER)}


def named() -> set[str]:
    """The constants that the page names, as in `core.calendar.PERIOD`."""
    return set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)*\.[A-Z_]+)`", PAGE))


def test_every_number_of_the_code_is_on_the_page_with_what_it_excuses_or_among_those_that_excuse_nothing() -> None:
    """A new one without a line fails here: say what it excuses, for how long and why, and have it wrong within that."""
    assert all_numbers() - named() == set(), "write these into docs/build/graces.md"


def test_the_page_names_no_number_that_is_gone() -> None:
    assert named() - all_numbers() == set()


def test_the_scan_finds_a_new_number_wherever_it_is_put() -> None:
    found = all_numbers()
    assert {"sums.rollups.TIME_TO_FOLLOW", "core.sampling.FIXED_PERIODS", "standing.inventory.THERE_BY"} <= found
    assert {"elexon.datasets.boav.TOLERANCE_SHARE", "elexon.archive._ATTEMPTS"} <= found
    assert {"settings.MINERECON_RECONCILE_DAYS", "settings.PORT"} <= found
    assert "settings.MINERECON_START_DATE" not in found
    assert "core.exact.EXACT" not in found
    assert "standing.due.TIME_TO_FOLLOW" not in found, "where it is defined, and not where it is used"


def test_every_test_that_the_page_names_is_there() -> None:
    tests = {
        node.name
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    cited = set(re.findall(r"`(test_\w+)`", PAGE))
    assert cited
    assert cited - tests == set()


def test_every_grace_has_a_test_or_says_why_it_needs_none() -> None:
    rows = [line for line in PAGE.partition("## What excuses nothing")[0].splitlines() if line.startswith("| ")]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]
    graces = [cells for cells in lines if cells[0] not in ("where", "---") and not cells[0].startswith("--")]
    assert len(graces) > 20
    for cells in graces:
        assert len(cells) == 4, cells
        assert all(cells), cells
