"""Measure the main job: one windy settlement day, from the command line, over real services.

The source is the replay of published days beside the project (``../shared/replay``), or the bundled
synthetic sample where there is none: each line says which. Values are medians of ``RUNS``.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from minerecon_dagster.local.services import local_services
from minerecon_dagster.sample import SAMPLE_DIFFICULTY_CSV
from minerecon_dagster.sample.server import serve_sample

DAY = "2025-03-28"
RUNS = 3
REPLAY = Path(__file__).resolve().parents[2] / "shared" / "replay" / "elexon_replay.py"
MINERECON = Path(sys.executable).with_name("minerecon")


@dataclass
class Measured:
    """One command: wall-clock seconds, peak resident megabytes, and its JSON output."""

    seconds: float
    peak_mb: float
    output: dict


def emit(name: str, value: float, unit: str, **more: object) -> None:
    print(json.dumps({"name": name, "value": round(value, 4), "unit": unit, **more}), flush=True)


@contextlib.contextmanager
def source(latency_ms: int = 0) -> Iterator[tuple[str, str]]:
    """The base URL of the replay or the sample, and its name."""
    if not REPLAY.exists():
        with serve_sample() as url:
            yield url, "synthetic sample"
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, str(REPLAY), "--port", str(port), "--latency-ms", str(latency_ms)], stdout=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        server.stdout.readline()
        url = f"http://127.0.0.1:{port}/bmrs/api/v1"
        # The first answer of a day makes the server build it, which is no work of ours.
        urllib.request.urlopen(f"{url}/balancing/settlement/acceptance/volumes/all/bid/{DAY}").read()
        yield url, "replay"
    finally:
        server.terminate()
        server.wait()


def command(environ: dict[str, str], *arguments: str) -> Measured:
    """Run `minerecon` and measure it whole, process start included."""
    started = time.perf_counter()
    process = subprocess.Popen([str(MINERECON), *arguments], env=environ, stdout=subprocess.PIPE)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode:
        sys.exit(f"bench: minerecon {' '.join(arguments)} exited with {process.returncode}: {output.decode()}")
    return Measured(seconds, usage.ru_maxrss / 1024, json.loads(output) if output.startswith(b"{") else {})


def one_day(environ: dict[str, str], scratch: Path, latency_ms: int) -> None:
    label = f"_{latency_ms}ms" if latency_ms else ""
    with source(latency_ms) as (url, name):
        about = {"day": DAY, "source": name, "latency_ms": latency_ms, "runs": RUNS}
        environ = environ | {"ELEXON_BASE_URL": url}
        cold = []
        for n in range(RUNS):
            archive = str(scratch / f"archive{label}-{n}")
            cold.append(command(environ | {"MINERECON_ARCHIVE_URL": archive}, "reingest", DAY, "--json"))
        warm = [command(environ | {"MINERECON_ARCHIVE_URL": archive}, "reingest", DAY, "--json") for _ in range(RUNS)]

    def median(runs: list[Measured], value: str) -> float:
        return statistics.median(run.output["work"][DAY][value] for run in runs)

    for kind, runs in (("cold", cold), ("warm", warm)):
        whole, fetch = statistics.median(r.seconds for r in runs), median(runs, "fetch_seconds")
        inside = median(runs, "seconds")
        emit(f"day_{kind}{label}_whole_command", whole, "s", **about)
        emit(f"day_{kind}{label}_work_inside_the_run", inside, "s", **about)
        emit(f"day_{kind}{label}_work_but_fetch", inside - fetch, "s", **about, target="< 1")
        emit(f"day_{kind}{label}_peak_memory", statistics.median(r.peak_mb for r in runs), "MB", **about)
    requests = cold[0].output["work"][DAY]["requests"]
    emit(f"requests_per_second{label}", requests / median(cold, "fetch_seconds"), "1/s", requests=requests, **about)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="minerecon-bench-") as folder:
        scratch = Path(folder)
        with local_services(scratch / "home", {}) as services:
            environ = dict(os.environ) | services
            environ |= {"MINERECON_HOME": str(scratch / "home"), "ELEXON_MAX_REQUESTS_PER_MINUTE": "0"}
            command(environ, "db", "upgrade")
            command(environ, "difficulty", "load", str(SAMPLE_DIFFICULTY_CSV))
            for latency_ms in (0, 100) if REPLAY.exists() else (0,):
                one_day(environ, scratch, latency_ms)


main()
