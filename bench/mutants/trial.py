"""Mutants tried on tests: each in a forked process that has imported everything, and gets the one function anew.

The tests run once as they are, with coverage: a mutant is tried by the tests that reach its lines, the quickest first,
until one of them fails. What only an import would see is tried in a process that imports the mutated file from the
start.
"""

from __future__ import annotations

import functools
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import json
import math
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import coverage
import pytest
from hypothesis import HealthCheck, settings

from bench.mutants.generate import Mutant

PACKAGE = "minerecon_dagster"
WORKERS = 2
LEAST_CPU_S, TIMES_CPU = 3, 5
"""CPU time that a test may take with a mutant: what it took as it is, so many times, and so many seconds."""
IMPORTS_CPU_S = 30
"""CPU time that may go into what is no test: an import with a mutant."""
WALL_TIMES, LEAST_WALL_S = 10, 600
"""Wall time, as so many times the CPU time: a machine may be busy, a test may wait for nothing for ever."""
UNUSED = (
    "cacheprovider",
    "doctest",
    "junitxml",
    "randomly",
    "threadexception",
    "unraisableexception",
    "warnings",
    "xdist",
)
ARGUMENTS = (
    *("-q", "-x", "--capture=no", "-m", "not slow"),
    # Nobody reads why a test failed; without these a session begins in a third of the time, and there are thousands.
    "--assert=plain",
    *(argument for plugin in UNUSED for argument in ("-p", f"no:{plugin}")),
)
NOTICED, SURVIVED, BROKEN, NOT_REPLACED = 1, 0, 99, 98
_CACHED = type(functools.lru_cache(compile))
MANY = "is_hypothesis_test"
NEEDS_SERVICES = frozenset({"embedded_environ"})


def deterministic() -> None:
    """The same examples for every mutant; no time limit that a busy machine would exceed."""
    settings.register_profile(
        "mutants", derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    settings.load_profile("mutants")
    sys.dont_write_bytecode = True
    # A shell that runs this in the background has it ignored, and a test is about it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Tests:
    """What the tests did as they are.

    Args:
        seconds: of CPU, of each.
        reach: of each line of a file, which tests reach it.
        many: the tests of many drawn examples.
        plain: the tests that need nothing of a ``conftest.py``.
    """

    seconds: dict[str, float]
    reach: dict[str, dict[int, list[str]]]
    many: set[str] = field(default_factory=set)
    plain: set[str] = field(default_factory=set)

    def of(self, mutant: Mutant) -> list[str]:
        """The tests to try a mutant in a function with: those of its file first, and then what else is quick."""
        # A mutant may span lines of which coverage knows the first only: the function's other lines come after.
        last = mutant.line + mutant.lines - 1
        reaching = self.of_lines(mutant.file, mutant.line, last) or self.of_lines(mutant.file, *mutant.span)
        own = [t for t in reaching if is_own(t, mutant.file)]
        return [*own, *(t for t in reaching if t not in own and t not in self.many)]

    def of_import(self, mutant: Mutant) -> list[str]:
        """The tests to try a mutant with that only an import sees."""
        if mutant.in_body:
            return self.of(mutant)
        every = self._quickest(self.seconds)
        own = [t for t in every if is_own(t, mutant.file)] or [
            t for t in self.of_file(mutant.file) if t not in self.many
        ]
        found = list(dict.fromkeys([*(t for t in every if is_of_values(t, mutant.file)), *own]))
        # Where some need no fixtures of the project's, these do: importing those for each mutant is slow.
        return [t for t in found if t in self.plain] if self.plain.intersection(own) else found

    def of_lines(self, file: str, first: int, last: int) -> list[str]:
        lines = self.reach.get(file, {})
        return self._quickest({t for line in range(first, last + 1) for t in lines.get(line, ())})

    def of_file(self, file: str) -> list[str]:
        return self._quickest({t for tests in self.reach.get(file, {}).values() for t in tests})

    def _quickest(self, tests: Iterable[str]) -> list[str]:
        return sorted(tests, key=lambda t: (self.seconds.get(t, 0), t))


def is_own(test: str, file: str) -> bool:
    """Whether a test is one of a file's own: ``core/test_spans.py`` is of ``core/spans.py``."""
    own = Path(file).with_name(f"test_{Path(file).stem}").relative_to(PACKAGE)
    return test.startswith(f"{PACKAGE}_tests/{own}")


def is_of_values(test: str, file: str) -> bool:
    """Whether a test is of all values of a room: ``core/test_values.py`` of those in ``core/``."""
    return test.startswith(f"{PACKAGE}_tests/{Path(file).relative_to(PACKAGE).parts[0]}/test_values.py")


class _Chosen:
    """Leaves out the tests that need a database or one of the embedded services: they are too slow, and not these."""

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        kept = [i for i in items if not NEEDS_SERVICES & set(getattr(i, "fixturenames", ()))]
        config.hook.pytest_deselected(items=[i for i in items if i not in kept])
        items[:] = kept


class Warm(_Chosen):
    """Runs the tests once, and then the mutants instead."""

    def __init__(self, root: Path, files: Sequence[str], mutants: Sequence[Mutant], longest_test_s: float) -> None:
        self.root, self.files, self.mutants, self.longest = root, files, mutants, longest_test_s
        self.tests = Tests({}, {})
        self.outcome: dict[tuple[str, str, str, str, int], int] = {}
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(f"{report.nodeid} ({report.when})")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Failed("the tests cannot be collected")
        self._as_they_are(session)
        if self.failed:
            raise session.Failed(f"tests fail without any mutant: {', '.join(self.failed)}")
        items = {i.nodeid: i for i in session.items}
        todo = [(m, self.tests.of(m)) for m in self.mutants if m.in_body]
        gc.freeze()  # or each child would copy all memory by looking through it
        sys.stdout.write(f"{len(items)} tests, {len(todo)} mutants in functions\n")
        sys.stdout.flush()
        shown = time.monotonic()
        for done, (mutant, code) in enumerate(
            forked(todo, lambda m, tests: self._try(m, [items[t] for t in tests]), self.tests.seconds), 1
        ):
            self.outcome[mutant.name] = code
            if time.monotonic() - shown > 60:
                shown = time.monotonic()
                survived = sum(c == SURVIVED for c in self.outcome.values())
                sys.stdout.write(f"{done} of {len(todo)}, {survived} survived\n")
                sys.stdout.flush()
        return True

    def _as_they_are(self, session: pytest.Session) -> None:
        measured = coverage.Coverage(data_file=None, include=[str(self.root / f) for f in self.files])
        measured.start()
        for i, item in enumerate(session.items):
            measured.switch_context(item.nodeid)
            began = time.process_time()
            following = session.items[i + 1] if i + 1 < len(session.items) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            self.tests.seconds[item.nodeid] = time.process_time() - began
        measured.stop()
        self.tests.many = {i.nodeid for i in session.items if getattr(getattr(i, "obj", None), MANY, False)}
        self.tests.plain = {i.nodeid for i in session.items if _is_plain(i)}
        quick = {t for t, s in self.tests.seconds.items() if s <= self.longest}
        data = measured.get_data()
        for file in self.files:
            found = data.contexts_by_lineno(str(self.root / file))
            self.tests.reach[file] = {line: [t for t in tests if t in quick] for line, tests in found.items()}

    def _try(self, mutant: Mutant, items: Sequence[pytest.Item]) -> int:
        if not replaced(mutant):
            return NOT_REPLACED
        forget()
        self.failed.clear()
        for i, item in enumerate(items):
            _may_take(LEAST_CPU_S + TIMES_CPU * self.tests.seconds[item.nodeid])
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=items[i + 1] if i + 1 < len(items) else None)
            if self.failed:
                return NOTICED
        return SURVIVED


def _is_plain(item: pytest.Item) -> bool:
    fixtures = getattr(item, "_fixtureinfo").name2fixturedefs.values()  # noqa: B009 - pytest has no public name for it
    return not any("conftest" in d.baseid or not d.func.__module__.startswith("_pytest") for f in fixtures for d in f)


def _may_take(seconds: float) -> None:
    """End this process if it takes more CPU time than that from now on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = math.ceil(used.ru_utime + used.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def replaced(mutant: Mutant) -> bool:
    """Give the function of an imported module the code of the mutant; whether that could be done."""
    module_name = module_of(mutant.file)
    module = importlib.import_module(module_name)
    function = _function(module, mutant.function)
    code = _code(compile(mutant.source, str(module.__file__), "exec"), mutant.function)
    if function is None or code is None or code.co_freevars != function.__code__.co_freevars:
        return False
    function.__code__ = code
    return True


def forget() -> None:
    """Empty the caches of functions: what they hold was worked out without the mutant."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in (PACKAGE, f"{PACKAGE}_tests"):
            for value in list(vars(module).values()):
                if isinstance(value, _CACHED):
                    value.cache_clear()


def module_of(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _function(module: ModuleType, name: str) -> FunctionType | None:
    found: Any = module
    for part in name.split("."):
        found = inspect.getattr_static(found, part, None)
    for _ in range(5):
        if isinstance(found, FunctionType) and not hasattr(found, "__wrapped__"):
            return found if found.__qualname__ == name else None
        for inner in ("fget", "func", "__func__", "__wrapped__"):
            if inspect.getattr_static(found, inner, None) is not None:
                found = getattr(found, inner)
                break
    return None


def _code(code: CodeType, name: str) -> CodeType | None:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_qualname == name:
                return constant
            if name.startswith(constant.co_qualname + ".") and (found := _code(constant, name)):
                return found
    return None


def forked(
    todo: Sequence[tuple[Mutant, list[str]]],
    attempt: Callable[[Mutant, list[str]], int],
    seconds: Mapping[str, float],
) -> Iterator[tuple[Mutant, int]]:
    """Each mutant in a process of its own, `WORKERS` at a time; what came of it, in the order in which they end.

    A mutant that no test reaches has survived; one that is killed at its time limit, or otherwise ends, is noticed.
    """
    running: dict[int, tuple[Mutant, float]] = {}
    waiting = list(reversed(todo))
    while waiting or running:
        while waiting and len(running) < WORKERS:
            mutant, tests = waiting.pop()
            if not tests:
                yield mutant, SURVIVED
                continue
            cpu = IMPORTS_CPU_S + TIMES_CPU * sum(seconds.get(t, 0) for t in tests)
            sys.stdout.flush()
            pid = os.fork()
            if pid == 0:
                _child(attempt, mutant, tests, cpu)
            running[pid] = mutant, time.monotonic() + LEAST_WALL_S + cpu * WALL_TIMES
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid in running:
            mutant, _ = running.pop(pid)
            if os.WIFEXITED(status) and os.WEXITSTATUS(status) == BROKEN:
                raise RuntimeError(f"could not be tried: {mutant}")
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else NOTICED
            yield mutant, code if code in (SURVIVED, NOT_REPLACED) else NOTICED
            continue
        for late in [p for p, (_, until) in running.items() if time.monotonic() > until]:
            os.killpg(late, signal.SIGKILL)
        time.sleep(0.01)


def _child(attempt: Callable[[Mutant, list[str]], int], mutant: Mutant, tests: list[str], cpu: float) -> None:
    code = BROKEN
    try:
        os.setpgid(0, 0)
        _may_take(cpu)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        code = attempt(mutant, tests)
    finally:
        os._exit(code)


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a text that is in no file."""

    def __init__(self, mutant: Mutant, root: Path) -> None:
        self.name, self.text, self.path = module_of(mutant.file), mutant.source, str(root / mutant.file)

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        package = [str(Path(self.path).parent)] if self.path.endswith("__init__.py") else None
        return importlib.util.spec_from_file_location(name, self.path, loader=self, submodule_search_locations=package)

    def create_module(self, _: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.text, self.path, "exec"), module.__dict__)


class _InOrder(_Chosen):
    def __init__(self, order: Sequence[str]) -> None:
        self.order = {t: i for i, t in enumerate(order)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self.order), key=lambda i: self.order[i.nodeid])


def imported_anew(mutant: Mutant, tests: list[str], root: Path, *, are_plain: bool) -> int:
    """Run tests in this process with the mutated file, and everything of ours imported from the start."""
    for ours in [m for m in sys.modules if m.partition(".")[0] in (PACKAGE, f"{PACKAGE}_tests")]:
        del sys.modules[ours]
    sys.meta_path.insert(0, _Mutated(mutant, root))
    files = list(dict.fromkeys(t.partition("::")[0] for t in tests))
    os.chdir(root)
    without = ["--noconftest"] if are_plain else []
    if are_plain:
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    code = pytest.main([*ARGUMENTS, *without, f"--rootdir={root}", *files], plugins=[_InOrder(tests)])
    # A mutant that cannot be imported interrupts the collection, or already the reading of a conftest.py.
    return SURVIVED if code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) else NOTICED


def in_a_process(what: Callable[[], Any]) -> Any:
    """What a function returns in a forked process, as JSON keeps it: its imports do not stay."""
    with tempfile.TemporaryFile("w+") as answer:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                json.dump(what(), answer)
                answer.flush()
                code = 0
            except BaseException as error:  # noqa: BLE001 - whatever it is, the parent must hear of it, and only the parent goes on
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
            finally:
                sys.stdout.flush()
                os._exit(code)
        if os.waitpid(pid, 0)[1] != 0:
            sys.exit("the tests could not be run: see above")
        answer.seek(0)
        return json.load(answer)


def survivors(
    root: Path, files: Sequence[str], mutants: Sequence[Mutant], paths: Sequence[str], longest_test_s: float
) -> list[Mutant]:
    """The mutants that no test notices.

    Args:
        root: of the repository.
        files: that the mutants are of.
        mutants: to be tried.
        paths: of the tests.
        longest_test_s: leave out the tests that take longer, in seconds of CPU.
    """
    deterministic()

    def warm() -> dict[str, Any]:
        plugin = Warm(root, files, mutants, longest_test_s)
        os.chdir(root)
        code = pytest.main([*ARGUMENTS, f"--rootdir={root}", *paths], plugins=[plugin])
        if code != pytest.ExitCode.OK:
            raise RuntimeError(f"pytest ended with {code}; {plugin.failed}")
        libraries = [
            name for name, module in sys.modules.items() if "site-packages" in str(getattr(module, "__file__", ""))
        ]
        return {
            "survived": [i for i, m in enumerate(mutants) if plugin.outcome.get(m.name) == SURVIVED],
            "to_import": [i for i, m in enumerate(mutants) if plugin.outcome.get(m.name, NOT_REPLACED) == NOT_REPLACED],
            "seconds": plugin.tests.seconds,
            "reach": plugin.tests.reach,
            "many": sorted(plugin.tests.many),
            "plain": sorted(plugin.tests.plain),
            "libraries": libraries,
        }

    found = in_a_process(warm)
    tests = Tests(
        found["seconds"],
        {f: {int(k): v for k, v in lines.items()} for f, lines in found["reach"].items()},
        set(found["many"]),
        set(found["plain"]),
    )
    for library in found["libraries"]:
        try:
            importlib.import_module(library)
        except Exception:  # noqa: BLE001 - it is for speed alone; the tests import what they need
            continue
    todo = [(mutants[i], tests.of_import(mutants[i])) for i in found["to_import"]]
    sys.stdout.write(f"{len(todo)} mutants tried by importing them anew\n")
    left = [mutants[i] for i in found["survived"]]

    def anew(mutant: Mutant, chosen: list[str]) -> int:
        return imported_anew(mutant, chosen, root, are_plain=tests.plain.issuperset(chosen))

    for mutant, code in forked(todo, anew, tests.seconds):
        if code == SURVIVED:
            left.append(mutant)
    order = {m.name: i for i, m in enumerate(mutants)}
    return sorted(left, key=lambda m: order[m.name])
