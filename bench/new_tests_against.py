"""Run the tests that are new since a commit against the package of that commit: `make regressions BASE=094ddfa`.

A new test that passes there proves nothing of what was changed since. What cannot even be imported or collected there
is counted apart: it says that something is new, and not that something was wrong.

    python -m bench.new_tests_against [--base COMMIT] [--under minerecon_dagster_tests/faults]

Prints one JSON object a line; exits with 1 if a new test passes there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from bench import end_in_order
from bench.versions import BASE, check_out, commit, environ

PACKAGE = "minerecon_dagster"
SET_UP = (f"{PACKAGE}/warehouse/sample.py",)
"""What every test's warehouse is marked by, which no old test needed: it goes with the tests, or none could begin."""
TESTS = "minerecon_dagster_tests"
OF_NO_PACKAGE = f"{TESTS}/bench/"
"""Tests of the measuring tools, which are no part of the package: left out unless they are asked for."""

PLUGIN = '''
"""Keeps the tests that were asked for, and writes what came of each test and each module."""
import json, os
import pytest

ASKED = set(json.load(open(os.environ["ASKED"]))) if os.environ.get("ASKED") else None
OURS = ("minerecon_dagster", "bench")

def pytest_collection_modifyitems(config, items):
    if ASKED is not None:
        config.hook.pytest_deselected(items=[i for i in items if i.nodeid not in ASKED])
        items[:] = [i for i in items if i.nodeid in ASKED]

def pytest_collection_finish(session):
    if not hasattr(session.config, "workerinput"):
        write({"collected": [i.nodeid for i in getattr(session, "items", ())]})

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.excinfo is not None and report.failed:
        error = call.excinfo.value
        new = isinstance(error, ImportError) and str(error.name or error).split(".")[0] in OURS
        report.user_properties.append(("error", [type(error).__name__, bool(new)]))

def pytest_runtest_logreport(report):
    if hasattr(report, "node") or not os.environ.get("PYTEST_XDIST_WORKER"):
        error = next((v for k, v in report.user_properties if k == "error"), None)
        write({"test": report.nodeid, "when": report.when, "outcome": report.outcome, "error": error})

def pytest_collectreport(report):
    if report.failed and not os.environ.get("PYTEST_XDIST_WORKER"):
        write({"module": report.nodeid, "why": str(report.longrepr).strip().splitlines()[-1]})

def write(found):
    with open(os.environ["SEEN"], "a") as file:
        file.write(json.dumps(found) + "\\n")
'''


@dataclass(frozen=True)
class Found:
    """What came of the new tests, by test id; the error's name of those that failed."""

    failed: Mapping[str, str]
    passed: frozenset[str]
    skipped: frozenset[str]
    not_there: Mapping[str, str]

    def joined(self, other: Found) -> Found:
        """Both."""
        return Found(
            {**self.failed, **other.failed},
            self.passed | other.passed,
            self.skipped | other.skipped,
            {**self.not_there, **other.not_there},
        )

    def lines(self, base: str) -> list[dict[str, object]]:
        """What is printed."""
        count = len(self.failed) + len(self.passed) + len(self.skipped) + len(self.not_there)
        head = {
            "base": base,
            "new_tests": count,
            "fail": len(self.failed),
            "pass": len(self.passed),
            "cannot_be_imported_there": len(self.not_there),
            "skipped": len(self.skipped),
        }
        reasons = Counter(self.not_there.values())
        return [{"fails_by": name, "count": n} for name, n in Counter(self.failed.values()).most_common()] + [
            *({"cannot_be_imported_there": why, "count": n} for why, n in reasons.most_common()),
            *({"passes_there": test} for test in sorted(self.passed)),
            *({"skipped": test} for test in sorted(self.skipped)),
            head,
        ]


def judge(asked: Iterable[str], seen: Iterable[Mapping[str, object]]) -> Found:
    """Sort the tests that were asked for by what the plugin wrote.

    Args:
        asked: ids of tests.
        seen: its lines: modules that could not be collected, and reports of set-up, call and tear-down.
    """
    modules: dict[str, str] = {}
    reports: dict[str, list[Mapping[str, object]]] = {}
    for line in seen:
        if "module" in line:
            modules[str(line["module"])] = str(line["why"])
        elif "test" in line:
            reports.setdefault(str(line["test"]), []).append(line)
    failed, passed, skipped, not_there = {}, set(), set(), {}
    for test in asked:
        bad = next((r for r in reports.get(test, ()) if r["outcome"] == "failed"), None)
        if test not in reports:
            module = test.split("::")[0]
            not_there[test] = next(
                (why for name, why in modules.items() if not name or name == module or module.startswith(f"{name}/")),
                "the test is made from what the package has, and is not made there",
            )
        elif bad is not None:
            name, is_new = bad["error"] or ("?", False)  # type: ignore[misc]
            if is_new:
                not_there[test] = f"{name} while it ran: a module or a name of the package that is new"
            else:
                failed[test] = str(name)
        elif any(r["outcome"] == "skipped" for r in reports[test]):
            skipped.add(test)
        else:
            passed.add(test)
    return Found(failed, frozenset(passed), frozenset(skipped), not_there)


def _pytest(tree: Path, scratch: Path, *arguments: str, asked: Iterable[str] | None = None) -> list[dict[str, object]]:
    """Run pytest in a tree by our plugin; the lines that it wrote."""
    (scratch / "plugin").mkdir(exist_ok=True)
    (scratch / "plugin" / "new_tests_plugin.py").write_text(PLUGIN, "utf-8")
    seen, wanted = scratch / "seen.jsonl", scratch / "asked.json"
    seen.unlink(missing_ok=True)
    # A pytest around this one tells its own about itself by these.
    inherited = {name: value for name, value in environ(tree).items() if not name.startswith("PYTEST_")}
    given = inherited | {"SEEN": str(seen)}
    given["PYTHONPATH"] = os.pathsep.join((str(tree), str(scratch / "plugin")))
    if asked is not None:
        wanted.write_text(json.dumps(sorted(asked)), "utf-8")
        given["ASKED"] = str(wanted)
    command = [sys.executable, "-m", "pytest", "-p", "new_tests_plugin", "-p", "no:cacheprovider", "-q", *arguments]
    with (scratch / "pytest.log").open("ab") as log:
        subprocess.run(command, cwd=tree, env=given, stdout=log, stderr=log, check=False)
    if not seen.exists():  # it broke before it collected: a conftest cannot be imported
        said = (scratch / "pytest.log").read_text("utf-8").strip().splitlines() or ["pytest said nothing"]
        return [{"module": "", "why": next((line for line in reversed(said) if "Error" in line), said[-1])}]
    return [json.loads(line) for line in seen.read_text("utf-8").splitlines()]


def _collected(tree: Path, scratch: Path, under: str) -> set[str]:
    lines = _pytest(tree, scratch, "--collect-only", "--continue-on-collection-errors", under)
    if broken := [line for line in lines if "module" in line]:
        sys.exit(f"cannot be collected in {tree}: {broken}")
    return {test for line in lines for test in line.get("collected", ())}  # type: ignore[attr-defined]


def _folder(test: str) -> str:
    return str(Path(test.split("::")[0]).parent)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default=os.environ.get("BASE") or BASE, help=f"default {BASE}, or BASE")
    parser.add_argument("--head", default="HEAD", help="whose tests are run (default HEAD)")
    parser.add_argument("--under", default=TESTS, help="folder or file of tests (default all)")
    parser.add_argument("-n", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--log", type=Path, help="keep pytest's own output here")
    given = parser.parse_args()
    end_in_order()
    with tempfile.TemporaryDirectory(prefix="minerecon-regressions-") as folder:
        scratch = Path(folder)
        base, head = (
            check_out(name, scratch / folder_) for name, folder_ in ((given.base, "base"), (given.head, "head"))
        )
        before = _collected(base, scratch, TESTS) if (base / given.under).exists() or given.under != TESTS else set()
        new = _collected(head, scratch, given.under) - before
        print(f"{len(new)} tests under {given.under} are new since {given.base}", file=sys.stderr)
        # The new tests, and all that they share, around the package as it was.
        shutil.rmtree(head / PACKAGE)
        check_out(given.base, head, PACKAGE)
        check_out(given.head, head, *SET_UP)
        options = ["--continue-on-collection-errors", "-n", str(given.n), "--dist", "loadfile"]
        found = Found({}, frozenset(), frozenset(), {})
        # Folder by folder: a conftest that cannot be imported there stops no other folder's tests.
        for _, tests in groupby(sorted(new, key=_folder), key=_folder):
            asked = sorted(tests)
            files = sorted({test.split("::")[0] for test in asked})
            found = found.joined(judge(asked, _pytest(head, scratch, *options, *files, asked=asked)))
        if given.log:
            shutil.copy(scratch / "pytest.log", given.log)
    for line in found.lines(commit(given.base)[:7]):
        print(json.dumps(line))
    return int(bool(found.passed))


if __name__ == "__main__":
    sys.exit(main())
