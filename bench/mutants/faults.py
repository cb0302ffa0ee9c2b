"""The mutants of the SQL of the properties, and whether the faults notice them.

First all faults and the evaluators' own tests run once, as they are: whenever one has a property evaluated, so is every
mutant of its SQL on the same data, and it has been noticed when a property passes there that should fail, or fails that
should pass, or when there is no answer, for an error or at a limit. Then, for each property, mutants that were noticed
are put in and the faults that noticed them run again, until one is red.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.errorcodes import QUERY_CANCELED
from sqlalchemy import Connection

from bench.mutants import listed, sql
from bench.mutants.generate import Mutant
from minerecon_dagster.checks.evaluators import MatchRate
from minerecon_dagster.checks.properties import PROPERTIES
from minerecon_dagster.core.checks import Result
from minerecon_dagster.warehouse import store

FAULTS = "minerecon_dagster_tests/faults"
BOUNDS = "minerecon_dagster_tests/checks/test_bounds.py"
"""What each property says of the smallest data that decides it."""
OWN = (
    BOUNDS,
    "minerecon_dagster_tests/checks/test_evaluators.py",
    "minerecon_dagster_tests/checks/test_uncounted.py",
    "minerecon_dagster_tests/day/test_potential.py",
    "minerecon_dagster_tests/standing/test_inventory.py",
    "minerecon_dagster_tests/sums/test_rollups.py",
)
"""The evaluators' own tests: they have bounds, and days, that no fault brings. What holds a property is a fault."""


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
"""In how many tests of a module of faults, or of all `OWN`, a mutant is noticed before it is put into no more of them.
Of each module anew: other faults notice it, and none of them may look at the property that it breaks."""
MOST_TRIES = 12
"""In how many tests a mutant of a property is put in, until one is red."""
MOST_LOOKS = 4
"""On how much data of which the original says the same a mutant is evaluated: most faults end on the same good day. In
each test of `BOUNDS` it is looked at anew: the verdict may be the same there, and the data never is."""
LIMIT_S = 5.0
"""A hundred times what any original takes on the days of the faults: what takes longer has multiplied its rows."""
TIMES = 50
"""How often as long as its original a mutant may take in any case, as on a machine that is busy with other things."""
NO_ANSWER = "no answer"
"""What stands for the properties where a mutant has none: it ends in an error, or at the limit."""
_NO_STATEMENT = "42"
"""How the codes begin of what a server cannot make sense of."""


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
    _pytest("replay", folder, (FAULTS, *OWN))
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
    test that is red is so of this property; of different tests, and of different modules, before the same one again.

    Args:
        seen: by mutant and test, the properties whose verdicts differ.
        missed: those of them that pass, and ought not to.
    """
    pairs: dict[str, list[tuple[bool, int, str, str]]] = {}
    for mutant, by_test in seen.items():
        for test, props in by_test.items():
            if not _is_fault(test):
                continue
            for p in props if NO_ANSWER not in props else ():
                is_alarm = p not in missed.get(mutant, {}).get(test, ())
                pairs.setdefault(p, []).append((is_alarm, len(props), mutant, test))
    chosen = {(mutant, test) for of in pairs.values() for _, _, mutant, test in _in_turns(of)[:MOST_TRIES]}
    assigned: dict[str, list[tuple[str, list[str]]]] = {}
    for mutant, test in sorted(chosen):
        assigned.setdefault(test, []).append((mutant, seen[mutant][test]))
    return assigned


def _in_turns(pairs: Sequence[tuple[bool, int, str, str]]) -> list[tuple[bool, int, str, str]]:
    """The misses first; each test with one mutant before any has a second, and of each module one test at a time."""
    of_test: Counter[tuple[bool, str]] = Counter()
    of_module: Counter[tuple[bool, int, str]] = Counter()
    turns = {}
    for pair in sorted(pairs):
        is_alarm, _, _, test = pair
        turn = is_alarm, of_test[is_alarm, test], _kind(test)
        turns[pair] = (is_alarm, of_test[is_alarm, test], of_module[turn], pair)
        of_test[is_alarm, test] += 1
        of_module[turn] += 1
    return sorted(pairs, key=turns.__getitem__)


def _pytest(mode: str, folder: Path, tests: Sequence[str]) -> None:
    """Run tests, in two processes or, where a machine that is too busy must be no reason, in one.

    Raises:
        SystemExit: they fail without any mutant, or cannot be run.
    """
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "bench.mutants.faults", "-p", "no:cacheprovider",
            # A module's days are stored once, by the process that has all of its faults.
            *(("-n", "2", "--dist", "loadscope") if mode != "alone" else ()),
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
_body = [False]
_looks: Counter[str] = Counter()
_asked_for = [False]
_sql = store.sql


def _with_mutant(name: str, grain: Any = None) -> str:
    if name not in _put_in or grain != sql.grain_of(name):
        return _sql(name, grain)
    _asked_for[0] = True
    return _put_in[name]


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
    """Run a test with its mutant; the days that its fixtures store are stored, and judged, without any."""
    _body[0] = True
    try:
        with put_in(*_to_put_in[0]) if _to_put_in else nullcontext():
            return (yield)
    finally:
        _body[0] = False


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
    todo: dict[str, dict[str, tuple[str, Mutant]]] = {}
    too_late: set[str] = set()

    @functools.wraps(original)
    def evaluated(connection: Connection, *args: Any, **kwargs: Any) -> Any:
        if _put_in or not _body[0]:  # within another evaluator's mutant, or what the fixtures store
            return original(connection, *args, **kwargs)
        asked = _Asked(connection)
        began = time.monotonic()
        found = original(asked, *args, **kwargs)
        limit_s = max(LIMIT_S, TIMES * (time.monotonic() - began))
        looked = f"{evaluator.function} {_data_of_its_own(_current[0])} {found}"
        _looks[looked] += 1
        if _looks[looked] > MOST_LOOKS:
            return found
        verdicts = _verdicts(found)
        of_kind = todo.setdefault(_kind(_current[0]), {called(m): (name, m) for name, m in made})
        for mutant, (name, m) in [(mutant, m) for mutant, m in of_kind.items() if mutant not in too_late]:
            with put_in(name, m.source):
                other = _of_mutant(mutant, lambda: original(asked, *args, **kwargs), connection, limit_s)
            if other is not None and other != verdicts:
                has_no_answer = any(p == NO_ANSWER for p, _ in other)
                differing = {NO_ANSWER} if has_no_answer else {p for p, _ in other ^ verdicts}
                by_test = _seen.setdefault(mutant, {})
                by_test[_current[0]] = sorted({*by_test.get(_current[0], ()), *differing})
                if missed := {p for p, verdict in verdicts - other if verdict.startswith(str(False))} & differing:
                    of_mutant = _missed.setdefault(mutant, {})
                    of_mutant[_current[0]] = sorted({*of_mutant.get(_current[0], ()), *missed})
                if _is_noticed_enough(by_test, _missed.get(mutant, ()), _current[0]):
                    del of_kind[mutant]
                if (NO_ANSWER, "too late") in other:
                    too_late.add(mutant)
        return found

    for other in list(sys.modules.values()):
        if (getattr(other, "__name__", "") or "").startswith("minerecon_dagster"):
            for attribute, value in list(vars(other).items()):
                if value is original:
                    setattr(other, attribute, evaluated)


def _is_fault(test: str) -> bool:
    return test.startswith(FAULTS)


def _kind(test: str) -> str:
    """The module of a fault; all others are of one kind."""
    return test.partition("::")[0] if _is_fault(test) else ""


def _is_noticed_enough(by_test: Collection[str], missed: Collection[str], test: str) -> bool:
    """Whether a mutant need not be looked at in more tests of the kind of ``test``.

    Those of other kinds do not count: what holds a property is a fault, however many of the evaluators' own tests have
    noticed the mutant before one runs. And of the faults those count that are missed with it, if any is: they are the
    ones whose tests are red with it (`_to_try`).

    Args:
        by_test: the tests that have noticed it.
        missed: those of them in which a property passes with it that ought not to.
        test: one of them.
    """
    noticed, without = (sum(_kind(other) == _kind(test) for other in of) for of in (by_test, missed))
    return without >= MOST_SIGHTINGS or noticed >= MOST_SIGHTINGS * (MOST_SIGHTINGS if _is_fault(test) else 1)


def _data_of_its_own(test: str) -> str:
    return test if test.startswith(BOUNDS) else ""


class _Asked:
    """A connection that asks each statement once: of all that a function evaluates a mutant is but one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._answers: dict[tuple[str, str], Callable[[], Any]] = {}

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        key = statement.text, repr(parameters)
        if key not in self._answers:
            self._answers[key] = self._connection.execute(statement, parameters).freeze()
        return self._answers[key]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def _of_mutant(
    mutant: str, evaluate: Callable[[], Any], connection: Connection, limit_s: float
) -> frozenset[tuple[str, str]] | None:
    """The verdicts with a mutant; None where it is no statement."""
    savepoint = connection.begin_nested()
    _asked_for[0] = False
    try:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(limit_s * 1000)}")
        verdicts = _verdicts(evaluate())
        if _asked_for[0]:  # of some data an evaluator has no question
            _taken.add(mutant)
        return verdicts
    except Exception as error:  # noqa: BLE001 - a mutant may break anything, and its original has not
        code = _code(error)
        if code.startswith(_NO_STATEMENT):
            _refused[mutant] = str(error)
            return None
        _taken.add(mutant)
        return frozenset({(NO_ANSWER, "too late" if code == QUERY_CANCELED else "an error")})
    finally:
        savepoint.rollback()


def _code(error: BaseException | None) -> str:
    """What the server calls it (SQLSTATE), whatever it was raised as; nothing where it is no error of the server."""
    while error is not None:
        if isinstance(error, psycopg2.Error):
            return error.pgcode or ""
        error = error.__cause__
    return ""


def _verdicts(found: Any) -> frozenset[tuple[str, str]]:
    """Which property passes, of each result in what an evaluator returns; how each day stands; each model's rate."""
    if isinstance(found, MatchRate):
        return frozenset({("how many calculations are right", str(found))})
    if isinstance(found, Result):
        return frozenset({(found.checked.full_name, f"{found.passed} {_scope(found)}")})
    if isinstance(found, dict):
        return frozenset((p, f"{v} {key}") for key, value in found.items() for p, v in _verdicts(value))
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
