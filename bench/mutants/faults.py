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
from sqlalchemy.exc import ProgrammingError

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
    Evaluator("checks.evaluators.in_sql", ("checks/physics", "checks/money", "checks/register", "checks/turn_up")),
    Evaluator("checks.turn_up.turn_up", ("checks/turn_up_periods", "checks/turn_up_fuels", "checks/turn_up_known")),
    Evaluator("elexon.datasets.pn.of_tables", ("checks/potential",)),
    Evaluator("elexon.datasets.meters.of_tables", ("checks/metered",)),
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


@dataclass(frozen=True)
class Score:
    """What came of the mutants of SQL.

    Args:
        everything: all that the database can evaluate, by name.
        survived: those with which no verdict was another one.
        refused: those that the database does not take: no statements, so neither noticed nor survived.
        noticed: by property, how many mutants changed a verdict on it.
        held: the properties of which a mutant turned a fault's test red.
    """

    everything: list[str]
    survived: list[str]
    refused: list[str]
    noticed: dict[str, int]
    held: set[str]

    @property
    def not_held(self) -> list[str]:
        """Properties that mutants of SQL change verdicts on, and no fault's test was red."""
        names = {p.full_name for p in PROPERTIES}
        return sorted(p for p in self.noticed if p in names and p not in self.held)


def main() -> Score:
    """Evaluate all mutants beside their originals while the faults run, and then run faults with some of them."""
    with tempfile.TemporaryDirectory() as folder:
        return scored(Path(folder))


def scored(folder: Path) -> Score:
    """The same, with the notes of the processes in a folder."""
    _pytest("replay", folder, (FAULTS,))
    failed = sorted({t for found in _notes(folder, "failed") for t in found})
    if failed:
        # Mutants take time, and a fault may wait for something only so long.
        sys.stdout.write(f"with mutants beside it something failed, and runs again without: {'; '.join(failed)}\n")
        sys.stdout.flush()
        _pytest("alone", folder, failed)
    seen: dict[str, dict[str, list[str]]] = {}
    for found in _notes(folder, "seen"):
        for mutant, by_test in found.items():
            seen.setdefault(mutant, {}).update(by_test)
    missed: dict[str, dict[str, list[str]]] = {}
    for found in _notes(folder, "missed"):
        for mutant, by_test in found.items():
            missed.setdefault(mutant, {}).update(by_test)
    assigned = _to_try(seen, missed)
    (folder / "assigned.json").write_text(json.dumps(assigned))
    _pytest("try", folder, sorted(assigned))
    props = sorted({p for by_test in seen.values() for props in by_test.values() for p in props})
    taken = {m for found in _notes(folder, "taken") for m in found}
    everything = [called(m) for made in all_mutants().values() for m in made]
    refused = [m for m in everything if m not in taken and any(m in r for r in _notes(folder, "refused"))]
    return Score(
        [m for m in everything if m not in refused],
        [m for m in everything if m not in refused and m not in seen],
        refused,
        {p: sum(any(p in found for found in by_test.values()) for by_test in seen.values()) for p in props},
        {p for p in props if _held(folder, p).exists()},
    )


def _notes(folder: Path, of: str) -> list[Any]:
    return [json.loads(file.read_text()) for file in folder.glob(f"{of}-*.json")]


def called(mutant: Mutant) -> str:
    """Its name in the list."""
    return listed.name(*mutant.name)


def _to_try(
    seen: dict[str, dict[str, list[str]]], missed: dict[str, dict[str, list[str]]]
) -> dict[str, list[tuple[str, list[str]]]]:
    """By the test to try them with, mutants and what they change verdicts on: a few of each property.

    First those with which the property passes where the fault had failed it, as the test is there to see: what fails a
    property that is all right may be nothing that a test looks at. Then those with which least else changes, so that a
    test that is red is so of this property.

    Args:
        seen: by mutant and test, the properties whose verdicts differ.
        missed: those of them that pass, and ought not to.
    """
    pairs: dict[str, list[tuple[bool, int, str, str]]] = {}
    for mutant, by_test in seen.items():
        for test, props in by_test.items():
            for p in props:
                is_alarm = p not in missed.get(mutant, {}).get(test, ())
                pairs.setdefault(p, []).append((is_alarm, len(props), mutant, test))
    chosen = {(mutant, test) for of in pairs.values() for _, _, mutant, test in sorted(of)[:MOST_TRIES]}
    assigned: dict[str, list[tuple[str, list[str]]]] = {}
    for mutant, test in sorted(chosen):
        assigned.setdefault(test, []).append((mutant, seen[mutant][test]))
    return assigned


def _pytest(mode: str, folder: Path, tests: Sequence[str]) -> None:
    """Run tests, in two processes or, where a machine that is too busy must be no reason, in one.

    Raises:
        SystemExit: they fail without any mutant, or cannot be run.
    """
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "bench.mutants.faults", "-p", "no:cacheprovider",
            *(("-n", "2") if mode != "alone" else ()),
            # It asks for a ledger of all faults, and two processes share them here.
            "-k", "not test_every_mode_has_a_fault", *tests,
        ],
        env={**os.environ, "MUTANTS_MODE": mode, "MUTANTS_FOLDER": str(folder)},
        check=False, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    usual = {"replay": (0, 1), "alone": (0,), "try": (0, 5)}  # a test that is tried reports nothing
    if done.returncode not in usual[mode]:
        sys.exit(f"{done.stdout[-3000:]}\nthe faults fail without any mutant")


# What follows runs within pytest.

MODE, FOLDER = os.environ.get("MUTANTS_MODE"), Path(os.environ.get("MUTANTS_FOLDER", "."))
_put_in: dict[str, str] = {}
_to_put_in: list[tuple[str, str]] = []
_seen: dict[str, dict[str, list[str]]] = {}
_missed: dict[str, dict[str, list[str]]] = {}
_taken: set[str] = set()
_refused: dict[str, str] = {}
_failed: set[str] = set()
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

    # A test of the module that never runs: the module's fixtures stay for it, and the test's own do not.
    beside = pytest.Function.from_parent(item.parent, name="beside", callobj=lambda: None)
    for mutant, props in json.loads((FOLDER / "assigned.json").read_text()).get(item.nodeid, ()):
        if all(_held(FOLDER, p).exists() for p in props):
            continue
        _to_put_in[:] = [_by_name()[mutant]]
        reports = runtestprotocol(item, log=False, nextitem=beside)
        _to_put_in.clear()
        if any(r.failed and r.when == "call" for r in reports):
            for p in props:
                _held(FOLDER, p).touch()
    item.session._setupstate.teardown_exact(nextitem)
    return True


@functools.cache
def _by_name() -> dict[str, tuple[str, str]]:
    return {called(m): (name, m.source) for name, made in all_mutants().items() for m in made}


def _held(folder: Path, prop: str) -> Path:
    """The file that is there once a fault's test was red with a mutant that changes a verdict on a property."""
    return folder / f"held-{prop}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Run a test with its mutant; the days that its fixtures store are stored, and judged, without it."""
    if not _to_put_in:
        return (yield)
    with put_in(*_to_put_in[0]):
        return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what failed."""
    if report.failed:
        _failed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    """Write what this process saw."""
    if MODE == "replay":
        notes = {"seen": _seen, "missed": _missed, "refused": _refused}
        notes |= {"failed": sorted(_failed), "taken": sorted(_taken)}
        for of, note in notes.items():
            (FOLDER / f"{of}-{os.getpid()}.json").write_text(json.dumps(note))


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
                other = _of_mutant(mutant, lambda: original(connection, *args, **kwargs), connection)
            if other is not None and other != verdicts:
                differing = {p for p, _ in other ^ verdicts}
                by_test = _seen.setdefault(mutant, {})
                by_test[_current[0]] = sorted({*by_test.get(_current[0], ()), *differing})
                if missed := {p for p, verdict in verdicts - other if verdict.startswith(str(False))}:
                    of_mutant = _missed.setdefault(mutant, {})
                    of_mutant[_current[0]] = sorted({*of_mutant.get(_current[0], ()), *missed})
                if len(by_test) >= MOST_SIGHTINGS:
                    del todo[mutant]
        return found

    for other in list(sys.modules.values()):
        if (getattr(other, "__name__", "") or "").startswith("minerecon_dagster"):
            for attribute, value in list(vars(other).items()):
                if value is original:
                    setattr(other, attribute, evaluated)


def _of_mutant(mutant: str, evaluate: Callable[[], Any], connection: Connection) -> frozenset[tuple[str, str]] | None:
    """The verdicts with a mutant; None where it cannot be evaluated."""
    savepoint = connection.begin_nested()
    try:
        connection.execute(text(LIMIT))
        verdicts = _verdicts(evaluate())
        _taken.add(mutant)
        return verdicts
    except ProgrammingError as error:
        _refused[mutant] = str(error.orig)
        return None
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
