"""A repair as whoever sits before the UI does it."""

from __future__ import annotations

import pytest

from minerecon_dagster.checks.properties import collected
from minerecon_dagster.core.repairs import FIX, REBUILD, SWEEP, Command, Repair, parse, take_register, words
from minerecon_dagster.defs import remedies
from minerecon_dagster.defs.jobs import JOBS

DAY = "2025-03-28"


@pytest.mark.parametrize(
    ("repair", "job"),
    [
        (parse(f"minerecon reingest {DAY}"), f"job ingest for {DAY}"),
        (FIX.over(DAY, "2025-03-30"), f"job verify for {DAY} to 2025-03-30, with action: fix in its launchpad"),
        (REBUILD.over(DAY), f"job ingest for {DAY}, with from_archive: true in its launchpad"),
        (SWEEP, "job rollup_sweep"),
        (
            parse(f"minerecon spot-fix {DAY} 17 T_SGRWO-1"),
            f"job spot_fix for {DAY}, with period: 17, bmu: T_SGRWO-1 in its launchpad",
        ),
        (take_register("ab12"), "job accept_register, with sha256: ab12 in its launchpad"),
        (
            parse(f"minerecon difficulty load FILE.csv; minerecon reingest {DAY}"),
            f"minerecon difficulty load FILE.csv; job ingest for {DAY}",
        ),
    ],
    ids=str,
)
def test_a_command_is_named_as_the_job_that_it_runs_with_what_its_launchpad_is_given(repair: Repair, job: str) -> None:
    assert remedies.by_a_job(repair) == job
    assert remedies.metadata(repair)["Repair by a job"] == job


def test_what_no_job_does_is_said_once() -> None:
    assert remedies.metadata(words("ask Elexon")) == {"Repair": "ask Elexon"}
    assert remedies.metadata(Repair()) == {"Repair": "nothing to repair"}


def test_every_job_that_a_repair_of_a_check_names_is_there() -> None:
    names = {job.name for job in JOBS}
    commands = [step for p in collected() for step in p.repair.steps if isinstance(step, Command)]
    named = [remedies.by_a_job(Repair((step,))) for step in commands]
    jobs = [text.removeprefix("job ").partition(" ")[0].rstrip(",") for text in named if text.startswith("job ")]
    assert jobs
    assert set(jobs) <= names
