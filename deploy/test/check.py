"""`make deploy-check`: the parts, one after the other; says of each what it saw, or why it was skipped.

ONLY= takes names, with commas. A part that is skipped passes, unless DEPLOY_CHECK_NO_SKIPS=1: where all tools are meant
to be there. Quick parts are tests of minerecon_dagster_tests/deploy, which `make test` runs too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import image
from parts import DEPLOY, ROOT, WORK, Skipped, as_root, run, tool

from bench.replay import REPLAY


def tests(name: str) -> Callable[[], str]:
    """A part that is a file of tests."""

    def part() -> str:
        file = ROOT / "minerecon_dagster_tests" / "deploy" / f"test_{name}.py"
        command = [sys.executable, "-m", "pytest", "-q", "-rs", str(file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-4000:]
        *lines, summary = done.stdout.strip().splitlines()
        reasons = sorted({line.partition(": ")[2] for line in lines if line.startswith("SKIPPED")})
        return "; ".join([summary.strip("= "), *(f"skipped: {reason}" for reason in reasons)])

    return part


def built() -> str:
    """Build the image without a network; what it is built from is there before."""
    image.prepare()
    begun = time.monotonic()
    image.build()
    return f"built offline in {time.monotonic() - begun:.0f} s"


def hosts() -> str:
    """Three hosts, of which one dies in the middle of a backfill, in namespaces of their own; its line of JSON."""
    as_root()
    tool("ip", "apt-get install iproute2")
    if not REPLAY.exists():
        raise Skipped(f"the replay of published days is not beside the project: {REPLAY}")
    days = os.environ.get("DEPLOY_CHECK_DAYS", "31")
    command = [*image.namespaces(), sys.executable, str(Path(__file__).with_name("hosts.py")), days]
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, "see above"
    return done.stdout.strip().splitlines()[-1]


def drill() -> str:
    """The disaster drill; its line of JSON."""
    days = os.environ.get("DEPLOY_CHECK_DAYS", "31")
    line = run([DEPLOY / "backup" / "drill.sh", days], environ={"PYTHON": sys.executable}).strip().splitlines()[-1]
    (WORK / "drill.json").parent.mkdir(parents=True, exist_ok=True)
    (WORK / "drill.json").write_text(f"{line}\n", "utf-8")
    return line


PARTS: dict[str, Callable[[], str]] = {
    "lock": tests("lock"),
    "scripts": tests("scripts"),
    "compose": tests("compose"),
    "kubernetes": tests("kubernetes"),
    "ecs": tests("ecs"),
    "image": built,
    "contract": image.contract,
    "sbom": image.sbom,
    "stack": image.stack,
    "reproducible": image.again,
    "hosts": hosts,
    "drill": drill,
}
"""Each part, in the order in which they are looked at: those after `image` look at what it has built."""


def main() -> int:
    """Look at the parts of ONLY, or all; gives the exit code."""
    only = [name for name in os.environ.get("ONLY", "").replace(",", " ").split() if name]
    if unknown := sorted(set(only) - PARTS.keys()):
        print(f"deploy-check: no part {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    results: dict[str, str] = {}
    for name, part in PARTS.items():
        if only and name not in only:
            continue
        begun = time.monotonic()
        try:
            result, said = "ok", part()
        except Skipped as why:
            result, said = "skipped", str(why)
        # Whatever a part raises is its failure, and the other parts are looked at all the same.
        except Exception as error:  # noqa: BLE001
            result, said = "FAILED", f"{type(error).__name__}: {error}"
        results[name] = result
        print(f"{name:<13}{result:<8}{time.monotonic() - begun:6.1f} s  {said}", flush=True)
    left_out = [name for name, result in results.items() if result == "skipped"]
    if left_out:
        print(f"Not looked at here: {', '.join(left_out)}.")
    strict = os.environ.get("DEPLOY_CHECK_NO_SKIPS") == "1"
    return int("FAILED" in results.values() or (strict and bool(left_out)))


if __name__ == "__main__":
    sys.exit(main())
