"""`make mutants` and `make mutants-of-change`: docs/build/measuring.md."""

from __future__ import annotations

import argparse
import ast
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.mutants import listed, trial
from bench.mutants.generate import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "minerecon_dagster"
MUTATED = (f"{PACKAGE}/core/*.py", f"{PACKAGE}/elexon/reading.py", f"{PACKAGE}/elexon/datasets/*.py")
SQL = f"{PACKAGE}/warehouse/sql"
"""In the list of what is not measured: all of the mutants of SQL, which are tried together."""
OF_CORE = ("minerecon_dagster_tests/core",)
OF_READINGS = tuple(
    f"minerecon_dagster_tests/{path}"
    for path in (
        "checks/test_control_totals.py",
        "checks/test_uncounted.py",
        "day/test_silent_answers.py",
        "elexon/datasets",
        "elexon/test_client.py",
        "elexon/test_reading.py",
        "elexon/test_values.py",
    )
)
"""Of these, the tests that need no database and no embedded service."""
LONGEST_TEST_S = 30.0
"""Far above what any takes, so that a busy machine does not decide which are tried."""
DRAWN = 40
MOST_OF_A_CHANGE = 300
"""How many mutants of what a change touches are tried, so that it takes 5 minutes at most; more are drawn."""


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.mutants", description=__doc__)
    parser.add_argument("what", choices=("all", "python", "sql", "change"))
    parser.add_argument("--base", help="the commit that a change is compared with")
    parser.add_argument("--file", action="append", help="only files whose path has this in it")
    parser.add_argument("--write", action="store_true", help="write survivors.toml with what survived")
    parser.add_argument("--tests", action="append", help="only these tests, instead of all that are theirs")
    given = parser.parse_args()
    began = time.monotonic()
    if given.what == "sql":
        return of_properties(write=given.write)
    there = sorted({str(p.relative_to(ROOT)) for pattern in MUTATED for p in ROOT.glob(pattern)})
    asked_for = [f for f in there if any(part in f for part in given.file or ())]
    open_files = listed.not_measured()
    files = [f for f in there if f not in open_files or f in asked_for]
    everything = [m for f in files for m in mutants(f, (ROOT / f).read_text("utf-8"))]
    chosen = [m for m in everything if not given.file or m.file in asked_for]
    if given.what == "change":
        chosen = of_change(chosen, known(given.base) if given.base else base(), commit())
    sys.stdout.write(f"{len(everything)} mutants in {len(files)} files, {len(chosen)} to be tried\n")
    if left_out := len(there) - len(files):
        sys.stdout.write(f"{left_out} files are not measured yet (survivors.toml), and left out\n")
    sys.stdout.flush()
    tests = given.tests or (*OF_CORE, *(OF_READINGS if any("/core/" not in m.file for m in chosen) else ()))
    survived = trial.survivors(ROOT, files, chosen, tests, LONGEST_TEST_S)
    for m in survived:
        sys.stdout.write(f"survived: {m}\n")
    sys.stdout.write(
        f"{len(chosen) - len(survived)} of {len(chosen)} mutants noticed"
        f" ({1 - len(survived) / max(len(chosen), 1):.1%}) in {(time.monotonic() - began) / 60:.1f} minutes\n"
    )
    if given.write:
        names = {m.name for m in chosen}
        not_tried = [called(m) for m in everything if m.name not in names]
        new = listed.write([called(m) for m in survived], not_tried, of_sql=False)
        sys.stdout.write(f"{new} of them are listed without a reason\n")
    wrong = judged([called(m) for m in survived], [called(m) for m in chosen], [called(m) for m in everything])
    if given.what != "all":
        return wrong
    if SQL in open_files:
        sys.stdout.write("the mutants of SQL are not measured yet (survivors.toml)\n")
        return wrong
    return max(wrong, of_properties(write=given.write))


def of_properties(*, write: bool) -> int:
    """Try the mutants of the SQL of the properties; 1 if one survives that is not listed, or a property is not held."""
    # Not before: what mutants are imported by must not have imported the package.
    from bench.mutants import faults

    began = time.monotonic()
    score = faults.main()
    for prop, count in score.noticed.items():
        sys.stdout.write(f"{prop}: {count} mutants noticed{', a fault red' if prop in score.held else ''}\n")
    for name in score.survived:
        sys.stdout.write(f"survived: {name}\n")
    sys.stdout.write(
        f"{len(score.everything) - len(score.survived)} of {len(score.everything)} mutants of SQL noticed"
        f" ({1 - len(score.survived) / len(score.everything):.1%}), {len(score.refused)} more no statements,"
        f" in {(time.monotonic() - began) / 60:.1f} minutes\n"
    )
    for name in score.not_held:
        sys.stdout.write(f"no mutant of its SQL turned a fault's test red: {name}\n")
    if write:
        sys.stdout.write(f"{listed.write(score.survived, [], of_sql=True)} of them are listed without a reason\n")
    return max(judged(score.survived, score.everything, score.everything, of_sql=True), 1 if score.not_held else 0)


def judged(survived: Sequence[str], tried: Sequence[str], all_there_are: Sequence[str], *, of_sql: bool = False) -> int:
    """Print what is wrong between the list and what was found; 1 if anything is."""
    try:
        reasons = {n: why for n, why in listed.read().items() if listed.is_of_sql(n) == of_sql}
        wrong = listed.wrong(reasons, survived, tried, all_there_are)
    except ValueError as error:
        wrong = [str(error)]
    for line in wrong:
        sys.stdout.write(line + "\n")
    return 1 if wrong else 0


def called(mutant: Mutant) -> str:
    """Its name in the list."""
    return listed.name(*mutant.name)


def of_change(everything: Sequence[Mutant], since: str | None, drawn_by: str) -> list[Mutant]:
    """The mutants of what differs from a commit, and `DRAWN` of all others, drawn by a commit's hash.

    Args:
        everything: to choose from.
        since: the commit; None where nobody knows it, as in a shallow clone: then those that are drawn alone.
        drawn_by: the hash.
    """
    draw = random.Random(drawn_by)
    touched: list[Mutant] = []
    if since is None:
        sys.stdout.write("what the change is compared with is not here: mutants are drawn alone\n")
    for file in dict.fromkeys(m.file for m in everything) if since else ():
        old = subprocess.run(
            ["git", "show", f"{since}:{file}"], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout
        now = (ROOT / file).read_text("utf-8")
        if old != now:
            touched += differing([m for m in everything if m.file == file], file, old, now)
    if len(touched) > MOST_OF_A_CHANGE:
        sys.stdout.write(f"{MOST_OF_A_CHANGE} drawn of {len(touched)} mutants that the change touches\n")
        touched = draw.sample(touched, MOST_OF_A_CHANGE)
    names = {m.name for m in touched}
    others = [m for m in everything if m.name not in names]
    return [*touched, *draw.sample(others, min(DRAWN, len(others)))]


def differing(made: Sequence[Mutant], file: str, old: str, now: str) -> list[Mutant]:
    """The mutants of functions that are not as they were, and of lines outside of functions that were not there."""
    before, after = functions(old), functions(now)
    lines = {m.name for m in mutants(file, old)}
    return [m for m in made if (before.get(m.function) != after.get(m.function) if m.in_body else m.name not in lines)]


def functions(source: str) -> dict[str, str]:
    """The text of each outermost function, by its qualified name, without comments."""
    found = {}

    def walk(body: Sequence[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef):
                found[prefix + node.name] = ast.unparse(node)
            elif isinstance(node, ast.ClassDef):
                walk(node.body, f"{prefix}{node.name}.")

    walk(ast.parse(source).body, "")
    return found


def commit() -> str:
    """The commit that is checked out; nothing where the files are no clone."""
    return _git("rev-parse", "--verify", "HEAD") or ""


def base() -> str | None:
    """Where this line of work left the main one, or the commit before; None where a clone has neither."""
    for main in ("origin/main", "origin/master", "main", "master"):
        found = _git("merge-base", "HEAD", main)
        if found and found != commit():
            return found
    return known("HEAD~1")


def known(name: str) -> str | None:
    """A commit by its name, if the clone has it."""
    return _git("rev-parse", "--verify", f"{name}^{{commit}}")


def _git(*arguments: str) -> str | None:
    """What git says in one line; None where it says that there is no such thing."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
