"""What mends something, as whoever sits before the UI does it: the job, and what its launchpad is given."""

from __future__ import annotations

from collections.abc import Mapping

from minerecon_dagster import jobs
from minerecon_dagster.core.repairs import Command, Repair, Step

PROBLEM, REPAIR, BY_A_JOB = "Problem", "Repair", "Repair by a job"
"""What comes first on a page, in this order: Dagster shows a check's metadata by the alphabet, capitals first."""

_JOBS: Mapping[str, str] = {
    "reingest": jobs.INGEST,
    "recalculate": jobs.RECALCULATE,
    "verify": jobs.VERIFY,
    "spot-fix": jobs.SPOT_FIX,
    "prices": jobs.REFRESH_PRICES,
    "export": jobs.EXPORT_MONTHS,
    "report": jobs.REPORT_MONTHS,
    "register accept": jobs.ACCEPT_REGISTER,
    "register refresh": jobs.BM_UNITS_REFRESH,
}
"""The job that a command runs."""
_POSITIONAL: Mapping[str, tuple[str, ...]] = {"spot-fix": ("period", "bmu"), "register accept": ("sha256",)}
"""What a command is given without a name, by the names that its job has for it."""


def by_a_job(repair: Repair) -> str:
    """The same repair in the UI, step by step; what no job does is named as it is."""
    return "; ".join(map(_step, repair.steps))


def metadata(repair: Repair) -> dict[str, str]:
    """The entries that say what is to be done; of nothing that it is nothing."""
    if not repair:
        return {REPAIR: "nothing to repair"}
    by_job = by_a_job(repair)
    return {REPAIR: str(repair)} | ({BY_A_JOB: by_job} if by_job != str(repair) else {})


def _step(step: Step) -> str:
    if not isinstance(step, Command):
        return str(step)
    if step.verb.startswith("local "):  # the run of a job that is of no days
        return f"job {step.options[0]}"
    job = _JOBS.get(step.verb)
    if job is None:
        return str(step)
    where = f" for {' to '.join(step.keys)}" if step.keys else ""
    given = _config(step)
    return f"job {job}{where}" + (f", with {given} in its launchpad" if given else "")


def _config(step: Command) -> str:
    """Options of a command as the configuration of its job: ``--action fix`` is ``action: fix``."""
    names = _POSITIONAL.get(step.verb, ())
    found = dict(zip(names, step.options, strict=False))
    name = ""
    for option in step.options[len(found) :]:
        if option.startswith("--"):
            name = option.removeprefix("--").replace("-", "_")
            found[name] = "true"
        else:
            found[name] = option
    return ", ".join(f"{name}: {value}" for name, value in found.items())
