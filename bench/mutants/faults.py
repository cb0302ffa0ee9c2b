"""The mutants of the SQL of the properties, and whether the faults notice them.

First all faults run once, as they are: whenever one has a property evaluated, so is every mutant of its SQL on the same
data, and it has been noticed when a property passes there that should fail, or fails that should pass. Then, for each
property, mutants that were noticed are put in and the faults that noticed them run again, until one is red.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from bench.mutants import listed, sql
from bench.mutants.generate import Mutant
from minerecon_dagster.checks.properties import PROPERTIES
from minerecon_dagster.core.checks import Result
from minerecon_dagster.warehouse import store

FAULTS = "minerecon_dagster_tests/faults"


@dataclass(frozen=True)
class Evaluator:
    """A function that evaluates properties, and the statements that decide them.

    Args:
        function: ``module.function`` in the package; its first argument is a connection.
        statements: their names under ``warehouse/sql``.
    """

    function: str
    statements: tuple[str, ...]


EVALUATORS = (
    Evaluator("checks.evaluators.records_match_archive", ("checks/stored_by_unit", "checks/stored_wind_output")),
    Evaluator("checks.evaluators.calculations", ("checks/calculations",)),
    Evaluator("checks.evaluators.sums", ("checks/sums_match_parts", "checks/stored_coverage")),
    Evaluator("checks.evaluators.in_sql", ("checks/physics", "checks/money", "checks/register")),
    Evaluator("standing.inventory.read_standings", ("inventory/days",)),
    Evaluator("standing.inventory._days_and_their_rows", ("inventory/days_and_rows", "inventory/first_run_periods")),
    Evaluator("standing.inventory._every_model_ratio_holds", ("rollup/day_bitcoin",)),
    Evaluator("standing.inventory._every_input_is_believable", ("inventory/inputs",)),
    Evaluator("standing.inventory._every_day_counts_its_units", ("inventory/days_and_register",)),
    Evaluator("standing.inventory._every_wind_unit_is_counted", ("inventory/uncounted_units",)),
    Evaluator("sums.rollups.look_at_sums", ("rollup/compare", "rollup/bitcoin")),
)
MOST_SIGHTINGS = 3
"""In how many tests a mutant is noticed before it is put into no more of them."""
MOST_TRIES = 4
"""How many mutants of a property are put in, until a test is red."""
LIMIT = "SET LOCAL statement_timeout = '10s'"


def all_mutants() -> dict[str, list[Mutant]]:
    """By statement."""
    return {name: sql.mutants(name) for evaluator in EVALUATORS for name in evaluator.statements}


def main() -> tuple[list[str], list[str], list[str]]:
    """Run both; what survived, what there is, and the properties of which no mutant turned a test red."""
    everything = {called(m): (name, m) for name, made in all_mutants().items() for m in made}
    with tempfile.TemporaryDirectory() as folder:
        _pytest("replay", Path(folder), ())
        seen: dict[str, dict[str, list[str]]] = {}
        for file in Path(folder).glob("seen-*.json"):
            for mutant, by_test in json.loads(file.read_text()).items():
                seen.setdefault(mutant, {}).update(by_test)
        assigned = _to_try(seen)
        (Path(folder) / "assigned.json").write_text(json.dumps(assigned))
        _pytest("try", Path(folder), sorted(assigned))
        turned = {
            (mutant, prop)
            for file in Path(folder).glob("red-*.json")
            for test, mutant in json.loads(file.read_text())
            for prop in seen[mutant][test]
        }
    survived = [name for name in everything if name not in seen]
    in_sql = sorted({prop for by_test in seen.values() for props in by_test.values() for prop in props})
    red = {prop for _, prop in turned}
    names = {p.full_name for p in PROPERTIES}
    for prop in in_sql:
        count = sum(any(prop in props for props in by_test.values()) for by_test in seen.values())
        sys.stdout.write(f"{prop}: {count} mutants noticed{', a fault red' if prop in red else ', NO FAULT RED'}\n")
    return survived, list(everything), [p for p in in_sql if p in names and p not in red]


def called(mutant: Mutant) -> str:
    """Its name in the list."""
    return listed.name(*mutant.name)


def _to_try(seen: dict[str, dict[str, list[str]]]) -> dict[str, list[str]]:
    """Mutants by the test to try them with: a few of each property, each with one test."""
    count: dict[str, int] = {}
    assigned: dict[str, list[str]] = {}
    for mutant, by_test in sorted(seen.items(), key=lambda s: min(len(p) for p in s[1].values())):
        for test, props in by_test.items():
            if any(count.get(p, 0) < MOST_TRIES for p in props):
                assigned.setdefault(test, []).append(mutant)
                for p in props:
                    count[p] = count.get(p, 0) + 1
                break
    return assigned


def _pytest(mode: str, folder: Path, tests: Sequence[str]) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "bench.mutants.faults", "-p", "no:cacheprovider", "-n", "2",
            # It asks for a ledger of all faults, and two processes share them here.
            "-k", "not test_every_mode_has_a_fault", *(tests or (FAULTS,)),
        ],
        env={**os.environ, "MUTANTS_MODE": mode, "MUTANTS_FOLDER": str(folder)},
        check=False, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    if done.returncode and mode == "replay":
        sys.exit(f"{done.stdout[-3000:]}\nthe faults fail without any mutant")


# What follows runs within pytest.

MODE, FOLDER = os.environ.get("MUTANTS_MODE"), Path(os.environ.get("MUTANTS_FOLDER", "."))
_put_in: dict[str, str] = {}
_seen: dict[str, dict[str, list[str]]] = {}
_red: list[tuple[str, str]] = []
_current = [""]
_sql = store.sql


def _with_mutant(name: str, grain: Any = None) -> str:
    return _put_in[name] if name in _put_in and grain == sql.grain_of(name) else _sql(name, grain)


@contextmanager
def put_in(name: str, statement: str) -> Iterator[None]:
    """Give the package another text for a statement."""
    _put_in[name] = statement
    store.statement.cache_clear()
    try:
        yield
    finally:
        _put_in.clear()
        store.statement.cache_clear()


def pytest_configure(config: pytest.Config) -> None:
    """Put the mutants into what evaluates properties."""
    if MODE is None or (config.getoption("numprocesses", None) and not hasattr(config, "workerinput")):
        return
    store.sql = _with_mutant
    if MODE == "replay":
        made = all_mutants()
        for evaluator in EVALUATORS:
            _replace(evaluator, [(name, m) for name in evaluator.statements for m in made[name]])


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Note which test runs; or run it with each of its mutants instead."""
    _current[0] = item.nodeid
    if MODE != "try":
        return None
    from _pytest.runner import runtestprotocol

    # Another test of the module: its fixtures stay, and the test's own do not.
    beside = next((i for i in item.session.items if i.parent is item.parent and i is not item), nextitem)
    by_name = {called(m): (name, m) for name, made in all_mutants().items() for m in made}
    for mutant in json.loads((FOLDER / "assigned.json").read_text()).get(item.nodeid, ()):
        name, m = by_name[mutant]
        with put_in(name, m.source):
            if any(r.failed and r.when == "call" for r in runtestprotocol(item, log=False, nextitem=beside)):
                _red.append((item.nodeid, mutant))
    return True


def pytest_sessionfinish() -> None:
    """Write what this process saw."""
    if MODE is not None:
        (FOLDER / f"seen-{os.getpid()}.json").write_text(json.dumps(_seen))
        (FOLDER / f"red-{os.getpid()}.json").write_text(json.dumps(_red))


def function_of(evaluator: Evaluator) -> Callable[..., Any]:
    """The function that evaluates."""
    module, _, function = f"minerecon_dagster.{evaluator.function}".rpartition(".")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def _replace(evaluator: Evaluator, made: Sequence[tuple[str, Mutant]]) -> None:
    original = function_of(evaluator)
    todo = {called(m): (name, m) for name, m in made}

    @functools.wraps(original)
    def evaluated(connection: Connection, *args: Any, **kwargs: Any) -> Any:
        found = original(connection, *args, **kwargs)
        if _put_in:  # within another evaluator's mutant
            return found
        verdicts = _verdicts(found)
        for mutant, (name, m) in list(todo.items()):
            with put_in(name, m.source):
                other = _of_mutant(lambda: original(connection, *args, **kwargs), connection)
            if other is not None and other != verdicts:
                differing = {p for p, _ in other ^ verdicts}
                by_test = _seen.setdefault(mutant, {})
                by_test[_current[0]] = sorted({*by_test.get(_current[0], ()), *differing})
                if len(by_test) >= MOST_SIGHTINGS:
                    del todo[mutant]
        return found

    for other in list(sys.modules.values()):
        if (getattr(other, "__name__", "") or "").startswith("minerecon_dagster"):
            for attribute, value in list(vars(other).items()):
                if value is original:
                    setattr(other, attribute, evaluated)


def _of_mutant(evaluate: Callable[[], Any], connection: Connection) -> frozenset[tuple[str, str]] | None:
    """The verdicts with a mutant; None where the database refuses it."""
    savepoint = connection.begin_nested()
    try:
        connection.execute(text(LIMIT))
        return _verdicts(evaluate())
    except Exception:  # noqa: BLE001 - a mutant may break anything: what cannot be evaluated is no verdict, and survives
        return None
    finally:
        savepoint.rollback()


def _verdicts(found: Any) -> frozenset[tuple[str, str]]:
    """Which property passes, of each result in what an evaluator returns; how each day stands."""
    if isinstance(found, Result):
        return frozenset({(found.checked.full_name, f"{found.passed} {_scope(found)}")})
    if isinstance(found, dict):
        return frozenset((p, f"{key} {v}") for key, value in found.items() for p, v in _verdicts(value))
    if isinstance(found, list | tuple):
        return frozenset().union(*map(_verdicts, found))
    if hasattr(found, "result"):
        return _verdicts(found.result)
    if hasattr(found, "problems"):
        red = ", ".join(sorted(p.name for p in found.open_problems))
        return frozenset(
            {("how the days stand", f"{found.day} {found.status} {found.is_final} {found.is_stored} {red}")}
        )
    return frozenset()


def _scope(found: Result) -> str:
    return str(getattr(found, "day", ""))
