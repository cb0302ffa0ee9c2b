"""Old and new code measured in turns, in one sitting: `python -m bench.pairs --only one_day --pairs 7`.

Each pair runs a part of `make bench` once with the package of a base commit and once with this one, in changing order,
so that whatever else the machine does meets both. Prints one JSON object a line: the median of each and their ratio,
where under 10 % is called noise, and what only one of the two measures, as a property that is new.

Both are measured by this version's benchmarks, unless the old package cannot be: then `--own-bench` takes the old ones.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench import end_in_order
from bench.versions import BASE, ROOT, check_out, commit, environ

NOISE = 0.10
"""A ratio nearer to 1 than this says nothing."""

TINY_MS = 1.0
"""What takes less in both says nothing either."""

Measured = dict[str, dict[str, Any]]
"""By the name of the measurement, the line that was printed."""


def compared(old: Iterable[Measured], new: Iterable[Measured]) -> list[dict[str, Any]]:
    """A line for each measurement: medians, ratio and what that says; those of one side only come last."""
    before, after = _by_name(old), _by_name(new)
    lines = []
    for name in [n for n in after if n in before]:
        a, b = statistics.median(before[name][1]), statistics.median(after[name][1])
        ratio = b / a if a else None
        tiny = after[name][0] == "ms" and max(a, b) < TINY_MS
        said = "noise" if ratio is None or tiny or abs(ratio - 1) < NOISE else "more" if ratio > 1 else "less"
        line = {"name": name, "unit": after[name][0], "old": round(a, 4), "new": round(b, 4)}
        lines.append(line | {"ratio": round(ratio, 3) if ratio else None, "says": said, "pairs": len(after[name][1])})
    for which, side, other in (("new", after, before), ("old", before, after)):
        for name in [n for n in side if n not in other]:
            lines.append({"name": name, "unit": side[name][0], which: round(statistics.median(side[name][1]), 4),
                          "says": f"only the {which} code has it"})  # fmt: skip
    return lines


def _by_name(runs: Iterable[Measured]) -> Mapping[str, tuple[str, list[float]]]:
    found: dict[str, tuple[str, list[float]]] = {}
    for run in runs:
        for name, line in run.items():
            found.setdefault(name, (line["unit"], []))[1].append(line["value"])
    return found


def measure(tree: Path, only: str, runs: int, log: Path) -> Measured:
    """Run a part of the benchmarks with the project in ``tree``.

    Raises:
        SystemExit: they failed.
    """
    given = environ(tree) | {"ONLY": only, "RUNS": str(runs)}
    with log.open("ab") as errors:
        done = subprocess.run(
            [sys.executable, "-m", "bench"], cwd=tree, env=given, stdout=subprocess.PIPE, stderr=errors, check=False
        )
    if done.returncode:
        sys.exit(f"the benchmarks failed in {tree}: {log.read_text('utf-8')[-2000:]}")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
    return {line["name"]: line for line in lines}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--base", default=os.environ.get("BASE") or BASE, help=f"the old code (default {BASE}, or BASE)"
    )
    parser.add_argument("--only", default=os.environ.get("ONLY") or "one_day", help="parts of `make bench`, or ONLY")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--runs", type=int, default=1, help="runs of each thing in one turn (default 1)")
    parser.add_argument("--own-bench", action="store_true", help="measure the old code by its own benchmarks")
    given = parser.parse_args()
    end_in_order()
    with tempfile.TemporaryDirectory(prefix="minerecon-pairs-") as name:
        folder = Path(name)
        old, new = check_out(given.base, folder / "old"), check_out("HEAD", folder / "new")
        if not given.own_bench:
            shutil.rmtree(old / "bench")
            shutil.copytree(new / "bench", old / "bench")
        runs: dict[Path, list[Measured]] = {old: [], new: []}
        for pair in range(given.pairs):
            for tree in (old, new) if pair % 2 == 0 else (new, old):
                runs[tree].append(measure(tree, given.only, given.runs, folder / "errors.log"))
            print(f"pair {pair + 1} of {given.pairs} is done", file=sys.stderr, flush=True)
    for line in compared(runs[old], runs[new]):
        print(json.dumps(line))
    print(json.dumps({"base": commit(given.base)[:7], "head": commit("HEAD")[:7], "only": given.only}))
    if subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "minerecon_dagster", "bench"], cwd=ROOT).returncode:
        print("note: changes that are not committed were not measured", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
